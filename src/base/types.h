// KQL's scalar types, the values that constants and in-memory tables hold, and their printed forms.
//
// Physical forms (the same in the engine, in extents and in VectorView):
//   bool BOOLEAN · int int32 · long int64 · real double · string UTF-8, never null (empty instead)
//   datetime int64 ticks of 100 ns since 0001-01-01T00:00:00Z · timespan int64 ticks
//   guid 128 bit · decimal text of up to 34 significant digits · dynamic canonical JSON text, or null
// Source: query/scalar-data-types/*.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/status.h"

namespace spillway {

enum class Type : uint8_t { Bool, Int, Long, Real, Decimal, String, DateTime, TimeSpan, Guid, Dynamic };

/// KQL's name: "bool", "int", "long", "real", "decimal", "string", "datetime", "timespan", "guid", "dynamic".
const char* kql_name(Type type);
/// The .NET name that the REST API calls DataType: "SByte", "Int32", "Int64", "Double", "SqlDecimal",
/// "String", "DateTime", "TimeSpan", "Guid", "Object".
const char* clr_name(Type type);
/// The name that `.show table … cslschema` and v2 answers use; the same as kql_name.
/// From any documented spelling, case-insensitively ("boolean", "date", "double", "System.Int64", "uuid",
/// "time", …); nullopt where there is no such type.
std::optional<Type> parse_type(std::string_view name);

/// Ticks of 100 ns. A datetime counts from 0001-01-01T00:00:00Z, a timespan is a signed duration.
using Ticks = int64_t;
inline constexpr Ticks kTicksPerMicrosecond = 10;
inline constexpr Ticks kTicksPerMillisecond = 10'000;
inline constexpr Ticks kTicksPerSecond = 10'000'000;
inline constexpr Ticks kTicksPerMinute = 60 * kTicksPerSecond;
inline constexpr Ticks kTicksPerHour = 60 * kTicksPerMinute;
inline constexpr Ticks kTicksPerDay = 24 * kTicksPerHour;
/// 1970-01-01T00:00:00Z.
inline constexpr Ticks kUnixEpoch = 621'355'968'000'000'000;
/// 9999-12-31T23:59:59.9999999Z.
inline constexpr Ticks kMaxDateTime = 3'155'378'975'999'999'999;

/// "2021-01-02T03:04:05.0670000Z": always seven digits, as the REST API encodes a datetime.
std::string format_datetime(Ticks ticks);
void append_datetime(std::string& out, Ticks ticks);
/// "1.02:03:04.5678901", "-00:00:01", "00:00:00": days and fraction only where they are not zero.
std::string format_timespan(Ticks ticks);
void append_timespan(std::string& out, Ticks ticks);
/// ISO 8601 (with or without time, fraction, zone or offset), and the forms that `datetime()` documents.
std::optional<Ticks> parse_datetime(std::string_view text);
/// "1.02:03:04.5", "00:00:01", and KQL's literals "2d", "1.5h", "30m", "10s", "100ms", "10microsecond",
/// "1tick".
std::optional<Ticks> parse_timespan(std::string_view text);

/// 16 bytes in the order that the text form prints them.
struct Guid {
  uint64_t high = 0;
  uint64_t low = 0;
  auto operator<=>(const Guid&) const = default;

  static Guid random();
  /// "74be27de-1e4e-49d9-b579-fe0b331d3642", with or without braces and hyphens; nullopt otherwise.
  static std::optional<Guid> parse(std::string_view text);
  std::string str() const;
};

/// A decimal or a dynamic value by its text.
struct Decimal {
  std::string text;
  bool operator==(const Decimal&) const = default;
};
struct Json {
  std::string text;  // canonical JSON
  bool operator==(const Json&) const = default;
};

/// One scalar value, typed; it may be null (unless it is a string).
class Value {
 public:
  Value() = default;             // a null of type dynamic
  static Value null(Type type);  // for String: the empty string
  static Value boolean(bool v) { return Value(Type::Bool, v); }
  static Value int32(int32_t v) { return Value(Type::Int, static_cast<int64_t>(v)); }
  static Value int64(int64_t v) { return Value(Type::Long, v); }
  static Value real(double v) { return Value(Type::Real, v); }
  static Value string(std::string v) { return Value(Type::String, std::move(v)); }
  static Value datetime(Ticks v) { return Value(Type::DateTime, v); }
  static Value timespan(Ticks v) { return Value(Type::TimeSpan, v); }
  static Value guid(Guid v) { return Value(Type::Guid, v); }
  static Value decimal(std::string v) { return Value(Type::Decimal, Decimal{std::move(v)}); }
  static Value dynamic(std::string json) { return Value(Type::Dynamic, Json{std::move(json)}); }

  Type type() const { return type_; }
  bool is_null() const { return std::holds_alternative<std::monostate>(data_); }
  bool as_bool() const { return std::get<bool>(data_); }
  /// int, long, datetime (ticks), timespan (ticks).
  int64_t as_int() const { return std::get<int64_t>(data_); }
  double as_real() const { return std::get<double>(data_); }
  /// The text of a string, decimal or dynamic.
  const std::string& as_text() const;
  const Guid& as_guid() const { return std::get<Guid>(data_); }
  /// As Kusto's tostring() prints it; empty for null.
  std::string str() const;

  bool operator==(const Value&) const = default;

 private:
  using Data = std::variant<std::monostate, bool, int64_t, double, std::string, Guid, Decimal, Json>;
  Value(Type type, Data data) : type_(type), data_(std::move(data)) {}
  Type type_ = Type::Dynamic;
  Data data_;
};

/// The shortest text that reads back as the same double, as Kusto prints reals: "1.5", "1.0" is "1",
/// "NaN", "Infinity", "-Infinity".
std::string format_real(double value);
void append_real(std::string& out, double value);

/// A column of a result: its name and type.
struct Field {
  std::string name;
  Type type = Type::String;
  bool operator==(const Field&) const = default;
};
using Schema = std::vector<Field>;

/// A small result held in memory: what a command returns.
struct Table {
  std::string name = "Table_0";
  Schema schema;
  std::vector<std::vector<Value>> rows;
};

}  // namespace spillway
