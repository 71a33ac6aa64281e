// From what a file holds to a column's value. What is no value of the column's type becomes null, in a string
// column never: ingestion fails for malformed records, not for bad values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/types.h"
#include "base/vector.h"

namespace spillway::ingest {

/// What a mapping's transformation makes of a number: a datetime, by the unit in which it counts from 1970.
enum class UnixTime { None, Seconds, Milliseconds, Microseconds, Nanoseconds };

std::optional<bool> parse_bool(std::string_view text);     // "true", "False", and numbers
std::optional<int64_t> parse_long(std::string_view text);  // "12", "-3", "0x1F", "1e3", and "1.9", cut off
std::optional<double> parse_real(std::string_view text);
std::optional<Ticks> parse_unix_time(std::string_view number, UnixTime unit);
/// As parse_datetime(), faster for the form "2021-01-02T03:04:05.1234567Z" and its parts.
std::optional<Ticks> parse_datetime_fast(std::string_view text);

/// Fills in one column, a value for each position.
class ColumnWriter {
 public:
  ColumnWriter(Type type, VectorSink& sink) : type_(type), sink_(&sink), data_(sink.data()) {}

  Type type() const { return type_; }
  /// A text as delimited formats hold it.
  void text(size_t i, std::string_view text);
  /// A value of a JSON document, which must be valid.
  void json(size_t i, std::string_view value);
  void unix_time(size_t i, std::string_view number, UnixTime unit);
  /// Null, or the empty string.
  void missing(size_t i);

 private:
  template <typename T>
  void put(size_t i, const std::optional<T>& value) {
    if (value) {
      static_cast<T*>(data_)[i] = *value;
    } else {
      sink_->set_null(i);
    }
  }

  Type type_;
  VectorSink* sink_;
  void* data_;
  std::string scratch_;
};

}  // namespace spillway::ingest
