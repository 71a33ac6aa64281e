// Turns a plain C++ function over single values into a NativeFunction over vectors.
//
// Its parameters, one for each argument of the call:
//   bool, int32_t (int), int64_t (long, datetime, timespan), double, Guid, DecimalNumber, std::string_view
//   (string, dynamic; the text of a decimal) std::optional<one of these>   the function wants to see nulls;
//   any other null argument gives a null result Rest                          the arguments from here to the
//   last, of a variadic overload
// Its result: one of these types, std::string, or std::optional of them (nullopt: null). Or its first
// parameter is a `std::string& out` (empty), and the result is void, or bool (false: null). Where the
// declared result type is string, a null result is the empty string.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/decimal_number.h"
#include "kql/functions.h"

namespace spillway::kql {

/// The arguments of a variadic call from `first` on, in one row.
class Rest {
 public:
  Rest(const std::vector<VectorView>& arguments, size_t first, size_t row)
      : arguments_(&arguments), first_(first), row_(row) {}
  size_t size() const { return arguments_->size() - first_; }
  bool is_null(size_t i) const { return (*arguments_)[first_ + i].is_null(row_); }
  std::string_view text(size_t i) const { return (*arguments_)[first_ + i].text(row_); }
  template <typename T>
  T get(size_t i) const {
    return (*arguments_)[first_ + i].template get<T>(row_);
  }

 private:
  const std::vector<VectorView>* arguments_;
  size_t first_;
  size_t row_;
};

namespace native_detail {

/// The argument at `index`, row by row, as a T. `kStrict`: a null in it makes the result null without a call.
template <typename T>
class Reader {
 public:
  static constexpr bool kStrict = true;
  Reader(const std::vector<VectorView>& arguments, size_t index) : view_(arguments[index]) {}
  bool may_be_null() const { return view_.validity() != nullptr; }
  bool is_null(size_t row) const { return view_.is_null(row); }
  T read(size_t row) const {
    if constexpr (std::is_same_v<T, bool>) {
      return view_.boolean(row);
    } else if constexpr (std::is_same_v<T, DecimalNumber>) {
      return DecimalNumber::parse(view_.text(row)).value_or(DecimalNumber());
    } else {
      return view_.template get<T>(row);
    }
  }

 private:
  VectorView view_;
};

template <typename T>
class Reader<std::optional<T>> {
 public:
  static constexpr bool kStrict = false;
  Reader(const std::vector<VectorView>& arguments, size_t index) : inner_(arguments, index) {}
  bool may_be_null() const { return false; }
  bool is_null(size_t) const { return false; }
  std::optional<T> read(size_t row) const {
    if (inner_.is_null(row)) return std::nullopt;
    return inner_.read(row);
  }

 private:
  Reader<T> inner_;
};

template <>
class Reader<Rest> {
 public:
  static constexpr bool kStrict = false;
  Reader(const std::vector<VectorView>& arguments, size_t index) : arguments_(arguments), index_(index) {}
  bool may_be_null() const { return false; }
  bool is_null(size_t) const { return false; }
  Rest read(size_t row) const { return Rest(arguments_, index_, row); }

 private:
  const std::vector<VectorView>& arguments_;
  size_t index_;
};

/// What VectorSink::set_text() takes.
template <typename T>
constexpr bool kIsText = std::is_same_v<T, std::string> || std::is_same_v<T, std::string_view>;

/// Writes results, row by row. With `NeverNull` a null is the empty string.
template <typename T, bool NeverNull>
class Writer {
 public:
  explicit Writer(VectorSink& out) : out_(out) {
    if constexpr (!kIsText<T> && !std::is_same_v<T, DecimalNumber>) data_ = out.data();
  }
  void set_null(size_t row) {
    if constexpr (NeverNull) {
      out_.set_text(row, "");
    } else {
      out_.set_null(row);
    }
  }
  void write(size_t row, const T& value) {
    if constexpr (kIsText<T>) {
      out_.set_text(row, value);
    } else if constexpr (std::is_same_v<T, DecimalNumber>) {
      out_.set_text(row, value.str());
    } else if constexpr (std::is_same_v<T, bool>) {
      static_cast<uint8_t*>(data_)[row] = value ? 1 : 0;
    } else {
      static_cast<T*>(data_)[row] = value;
    }
  }
  void write(size_t row, const std::optional<T>& value) {
    if (value) {
      write(row, *value);
    } else {
      set_null(row);
    }
  }

 private:
  VectorSink& out_;
  void* data_ = nullptr;
};

template <typename T>
struct WithoutOptional {
  using type = T;
};
template <typename T>
struct WithoutOptional<std::optional<T>> {
  using type = T;
};

template <auto F, bool NeverNull, typename Signature>
struct Adaptor;

/// A function that returns its result.
template <auto F, bool NeverNull, typename Result, typename... Args>
struct Adaptor<F, NeverNull, Result (*)(Args...)> {
  static constexpr bool kText = kIsText<typename WithoutOptional<Result>::type>;

  template <size_t... I>
  static void run(const NativeCall& call, std::index_sequence<I...>) {
    run_rows(call, Reader<Args>(call.arguments, I)...);
  }
  template <typename... Readers>
  static void run_rows(const NativeCall& call, Readers... readers) {
    Writer<typename WithoutOptional<Result>::type, NeverNull> writer(call.out);
    const size_t rows = call.rows;
    if (!(readers.may_be_null() || ...)) {
      for (size_t row = 0; row < rows; ++row) writer.write(row, F(readers.read(row)...));
      return;
    }
    for (size_t row = 0; row < rows; ++row) {
      if ((readers.is_null(row) || ...)) {
        writer.set_null(row);
      } else {
        writer.write(row, F(readers.read(row)...));
      }
    }
  }
  static void run(const NativeCall& call) { run(call, std::index_sequence_for<Args...>()); }
};

/// A function that appends its result to a text that is used again for the next row.
template <auto F, bool NeverNull, typename Result, typename... Args>
struct Adaptor<F, NeverNull, Result (*)(std::string&, Args...)> {
  static constexpr bool kText = true;

  template <size_t... I>
  static void run(const NativeCall& call, std::index_sequence<I...>) {
    run_rows(call, Reader<Args>(call.arguments, I)...);
  }
  template <typename... Readers>
  static void run_rows(const NativeCall& call, Readers... readers) {
    Writer<std::string_view, NeverNull> writer(call.out);
    std::string text;
    for (size_t row = 0; row < call.rows; ++row) {
      if ((readers.is_null(row) || ...)) {
        writer.set_null(row);
        continue;
      }
      text.clear();
      bool known = true;
      if constexpr (std::is_void_v<Result>) {
        F(text, readers.read(row)...);
      } else {
        known = F(text, readers.read(row)...);
      }
      if (known) {
        writer.write(row, std::string_view(text));
      } else {
        writer.set_null(row);
      }
    }
  }
  static void run(const NativeCall& call) { run(call, std::index_sequence_for<Args...>()); }
};

}  // namespace native_detail

template <auto F, bool NeverNull>
Status native_adaptor(const NativeCall& call) {
  native_detail::Adaptor<F, NeverNull, decltype(+F)>::run(call);
  return Status();
}

}  // namespace spillway::kql
