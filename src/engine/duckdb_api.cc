#include "engine/duckdb_api.h"

#include <array>

namespace spillway::engine {
namespace {

/// Marks a message that holds an Error of Spillway's: kErrorMark, code, kErrorMark, message, kErrorMark.
constexpr char kErrorMark = '\x01';

struct Kind {
  std::string_view prefix;
  ErrorCode code;
};
/// DuckDB's kinds of errors that can be a user's or the machine's; every other one is Internal.
constexpr std::array<Kind, 14> kKinds{{
    {"Out of Memory Error: ", ErrorCode::LimitExceeded},
    {"INTERRUPT Error: ", ErrorCode::Cancelled},
    {"Conversion Error: ", ErrorCode::BadRequest},
    {"Out of Range Error: ", ErrorCode::BadRequest},
    {"Invalid Input Error: ", ErrorCode::BadRequest},
    {"Invalid Configuration Error: ", ErrorCode::BadRequest},
    {"Mismatch Type Error: ", ErrorCode::BadRequest},
    {"Not implemented Error: ", ErrorCode::NotSupported},
    {"IO Error: ", ErrorCode::StorageTransient},
    {"HTTP Error: ", ErrorCode::StorageTransient},
    {"Permission Error: ", ErrorCode::StorageAccess},
    {"Constraint Error: ", ErrorCode::BadRequest},
    {"Serialization Error: ", ErrorCode::DataFormat},
    {"Sequence Error: ", ErrorCode::BadRequest},
}};

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != text.npos;
}

/// Without the quoted SQL ("\n\nLINE 1: …") and without advice about DuckDB's own settings.
std::string_view without_sql(std::string_view message) {
  for (const std::string_view cut :
       {"\n\nLINE ", "\nLINE ", "\n\nPossible solutions", "\nPossible solutions"}) {
    message = message.substr(0, message.find(cut));
  }
  while (!message.empty() && (message.back() == '\n' || message.back() == ' ')) message.remove_suffix(1);
  return message;
}

std::optional<Error> unwrap_error(std::string_view message) {
  const size_t begin = message.find(kErrorMark);
  if (begin == message.npos) return std::nullopt;
  const size_t middle = message.find(kErrorMark, begin + 1);
  if (middle == message.npos) return std::nullopt;
  const size_t end = message.find(kErrorMark, middle + 1);
  const std::string code(message.substr(begin + 1, middle - begin - 1));
  const std::string_view text =
      message.substr(middle + 1, end == message.npos ? message.npos : end - middle - 1);
  return Error(static_cast<ErrorCode>(std::atoi(code.c_str())), std::string(text));
}

/// What a file-system error is: for good (nothing there, no permission, not a file of that format), or for
/// now.
ErrorCode io_code(std::string_view message) {
  if (contains(message, "No space left")) return ErrorCode::StorageTransient;
  for (const std::string_view lasting : {"No files found", "No such file", "does not exist",
                                         "Permission denied", "Is a directory", "Not a directory"}) {
    if (contains(message, lasting)) return ErrorCode::StorageAccess;
  }
  return ErrorCode::StorageTransient;
}

/// What a message of an invalid input is: a file that can't be read as its format, or a value.
ErrorCode input_code(std::string_view message) {
  for (const std::string_view format : {"CSV Error", "arquet", "Malformed JSON", "JSON transform error",
                                        "gzip", "Invalid unicode", "No magic bytes"}) {
    if (contains(message, format)) return ErrorCode::DataFormat;
  }
  return ErrorCode::BadRequest;
}

}  // namespace

Error error_of(std::string_view message) {
  if (auto wrapped = unwrap_error(message)) return *std::move(wrapped);
  if (contains(message, "Max expression depth limit")) {
    return Error(ErrorCode::LimitExceeded,
                 "the query nests too deep: split it, for example with let statements");
  }
  for (const auto& [prefix, code] : kKinds) {
    if (!message.starts_with(prefix)) continue;
    const std::string text(without_sql(message.substr(prefix.size())));
    switch (code) {
      case ErrorCode::LimitExceeded:
        return Error(code, "the query needs more memory than there is for queries: " + text);
      case ErrorCode::Cancelled: return Error(code, "the query was cancelled");
      case ErrorCode::StorageTransient: return Error(io_code(text), "storage failed: " + text);
      case ErrorCode::BadRequest: return Error(input_code(text), "the query failed while it ran: " + text);
      default: return Error(code, "the query failed while it ran: " + text);
    }
  }
  return Error(ErrorCode::Internal, "the engine refused a statement: " + std::string(message));
}

std::string wrap_error(const Error& error) {
  std::string text;
  text += kErrorMark;
  text += std::to_string(static_cast<int>(error.code));
  text += kErrorMark;
  text += error.message;
  text += kErrorMark;
  return text;
}

Result<ConnectionHandle> connect(const DatabaseHandle& database) {
  ConnectionHandle connection;
  if (duckdb_connect(database.get(), connection.receive()) != DuckDBSuccess) {
    return Error(ErrorCode::Internal, "the engine can't open a connection");
  }
  return connection;
}

Status execute(const ConnectionHandle& connection, const std::string& sql) {
  SPILLWAY_ASSIGN(const PreparedHandle prepared, prepare(connection, sql));
  ResultHandle result;
  return execute(prepared, result);
}

Result<PreparedHandle> prepare(const ConnectionHandle& connection, const std::string& sql) {
  PreparedHandle prepared;
  if (duckdb_prepare(connection.get(), sql.c_str(), prepared.receive()) != DuckDBSuccess) {
    const char* message = duckdb_prepare_error(prepared.get());
    return error_of(message ? message : "a statement can't be prepared");
  }
  return prepared;
}

Status execute(const PreparedHandle& prepared, ResultHandle& result) {
  if (duckdb_execute_prepared(prepared.get(), result.receive()) == DuckDBSuccess) return Status();
  const char* message = duckdb_result_error(result.get());
  return error_of(message ? message : "a statement failed without a message");
}

TypeHandle logical_type(Type type) {
  switch (type) {
    case Type::Bool: return TypeHandle(duckdb_create_logical_type(DUCKDB_TYPE_BOOLEAN));
    case Type::Int: return TypeHandle(duckdb_create_logical_type(DUCKDB_TYPE_INTEGER));
    case Type::Long:
    case Type::DateTime:
    case Type::TimeSpan: return TypeHandle(duckdb_create_logical_type(DUCKDB_TYPE_BIGINT));
    case Type::Real: return TypeHandle(duckdb_create_logical_type(DUCKDB_TYPE_DOUBLE));
    case Type::Decimal: return TypeHandle(duckdb_create_logical_type(DUCKDB_TYPE_BLOB));
    case Type::Guid: return TypeHandle(duckdb_create_logical_type(DUCKDB_TYPE_UUID));
    case Type::String:
    case Type::Dynamic: break;
  }
  return TypeHandle(duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR));
}

}  // namespace spillway::engine
