// Errors are values. A function that can fail returns Status (nothing but success or an error) or
// Result<T> (a value or an error); exceptions do not cross rooms.
//
//   Result<Snapshot> snapshot = open(path);
//   if (!snapshot.ok()) return snapshot.error();
//   use(*snapshot);
//
//   SPILLWAY_TRY(write(file));                       // returns the error of a failed Status or Result
//   SPILLWAY_ASSIGN(auto rows, read(file));          // the same, and declares `rows` from the value
#pragma once

#include <cassert>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace spillway {

/// What went wrong, as a client needs to tell it apart. The server maps each to an HTTP status and to the
/// exception name and code of Kusto's OneApi errors (`src/server`), the exporter to a kind of failure.
enum class ErrorCode {
  BadRequest,        // 400: the request itself is malformed: a bad property, an argument out of range
  Syntax,            // 400: the query or command text can't be parsed
  Semantic,          // 400: it parses but means nothing: unknown column, wrong type
  EntityNotFound,    // 400: a named database, table, function … isn't there
  EntityExists,      // 400: a created entity is there already
  NotSupported,      // 400: Kusto has it, Spillway doesn't
  Unauthorized,      // 401
  Forbidden,         // 403: authenticated, but not allowed (for example a path outside the storage roots)
  Conflict,          // 409: the state changed under the operation: a lost lease, a newer generation
  Cancelled,         // 400: cancelled by a user or a client that went away
  Throttled,         // 429: the capacity for this kind of operation is used up
  Timeout,           // 504: the server timeout of the request passed
  LimitExceeded,     // 400: a result, memory or nesting limit
  SchemaMismatch,    // 400: the output of a query isn't the schema that its target has
  StorageAccess,     // 400: storage can't be reached for good: no such container, wrong key, no such folder
  StorageTransient,  // 503: storage failed in a way that may pass: throttling, time-outs, a full disk
  DataFormat,        // 400: ingested data can't be read as its format
  Internal,          // 500: a bug or a broken invariant; the message says where
};

/// Where in a query or command text: 1-based line and column, 0-based offset and length in bytes.
struct TextSpan {
  int line = 0;
  int column = 0;
  int offset = 0;
  int length = 0;
};

struct Error {
  ErrorCode code = ErrorCode::Internal;
  std::string message;           // for a person: names the thing and what to do; never holds a secret
  std::optional<TextSpan> span;  // syntax and semantic errors: the offending text

  Error() = default;
  Error(ErrorCode c, std::string m, std::optional<TextSpan> s = std::nullopt)
      : code(c), message(std::move(m)), span(s) {}

  /// True where trying again, with nothing changed, can't help. Kusto's `@permanent`.
  bool permanent() const {
    return code != ErrorCode::StorageTransient && code != ErrorCode::Throttled &&
           code != ErrorCode::Timeout && code != ErrorCode::Conflict && code != ErrorCode::Internal &&
           code != ErrorCode::Cancelled;
  }
};

/// The stable name of a code ("EntityNotFound"), for logs and for `FailureKind` columns.
const char* name_of(ErrorCode code);

class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Error error) : error_(std::move(error)) {}
  Status(ErrorCode code, std::string message) : error_(Error{code, std::move(message)}) {}

  bool ok() const { return !error_.has_value(); }
  const Error& error() const {
    assert(error_);
    return *error_;
  }

 private:
  std::optional<Error> error_;
};

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}
  Result(ErrorCode code, std::string message)
      : state_(std::in_place_index<1>, Error{code, std::move(message)}) {}
  template <typename U>
  requires(std::is_convertible_v<U&&, T> && !std::is_same_v<std::decay_t<U>, T> &&
           !std::is_same_v<std::decay_t<U>, Error> && !std::is_same_v<std::decay_t<U>, Result>)
      Result(U&& value)
      : state_(std::in_place_index<0>, T(std::forward<U>(value))) {}

  bool ok() const { return state_.index() == 0; }
  const Error& error() const { return std::get<1>(state_); }
  Status status() const { return ok() ? Status() : Status(error()); }

  T& operator*() & { return std::get<0>(state_); }
  const T& operator*() const& { return std::get<0>(state_); }
  /// By value: what `*f()` is bound to, or iterated over, lives as long as its name.
  T operator*() && { return std::get<0>(std::move(state_)); }
  T* operator->() { return &std::get<0>(state_); }
  const T* operator->() const { return &std::get<0>(state_); }

 private:
  std::variant<T, Error> state_;
};

}  // namespace spillway

#define SPILLWAY_CONCAT_(a, b) a##b
#define SPILLWAY_CONCAT(a, b) SPILLWAY_CONCAT_(a, b)

/// Returns the error of a Status or Result that failed.
#define SPILLWAY_TRY(expression)                               \
  do {                                                         \
    auto spillway_status = (expression);                       \
    if (!spillway_status.ok()) return spillway_status.error(); \
  } while (false)

/// SPILLWAY_ASSIGN(auto x, f()): x is the value of the Result, or its error is returned.
#define SPILLWAY_ASSIGN(declaration, expression) \
  SPILLWAY_ASSIGN_(SPILLWAY_CONCAT(spillway_result_, __LINE__), declaration, expression)
#define SPILLWAY_ASSIGN_(result, declaration, expression) \
  auto result = (expression);                             \
  if (!result.ok()) return result.error();                \
  declaration = *std::move(result)
