// to…() and what implicit conversions use. A value that can't be converted gives null (the empty string).
#include <charconv>
#include <cmath>

#include "kql/functions/arithmetic.h"
#include "kql/functions/builder.h"
#include "kql/functions/decimal.h"
#include "kql/json.h"

namespace spillway::kql {
namespace {

using Text = std::string_view;
using spillway::Guid;

bool equals_folded(Text a, Text b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    const char c = a[i] >= 'A' && a[i] <= 'Z' ? static_cast<char>(a[i] + 32) : a[i];
    if (c != b[i]) return false;
  }
  return true;
}

std::optional<double> parse_real(Text text) {
  text = json::trim(text);
  if (equals_folded(text, "nan")) return std::nan("");
  if (equals_folded(text, "infinity") || equals_folded(text, "+inf") || equals_folded(text, "inf"))
    return HUGE_VAL;
  if (equals_folded(text, "-infinity") || equals_folded(text, "-inf")) return -HUGE_VAL;
  if (text.starts_with('+')) text.remove_prefix(1);
  if (text.empty() || text.find_first_not_of("0123456789.eE+-") != Text::npos) return std::nullopt;
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end != text.data() + text.size()) return std::nullopt;
  if (error == std::errc::result_out_of_range) return json::number(text);
  if (error != std::errc()) return std::nullopt;
  return value;
}

std::optional<int64_t> parse_long(Text text) {
  text = json::trim(text);
  Text digits = text;
  const bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.remove_prefix(1);
  int base = 10;
  if (digits.starts_with("0x") || digits.starts_with("0X")) {
    digits.remove_prefix(2);
    base = 16;
  }
  if (digits.empty() || digits.front() == '-' || digits.front() == '+') return std::nullopt;
  uint64_t magnitude = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), magnitude, base);
  if (error == std::errc() && end == digits.data() + digits.size()) {
    const uint64_t limit = base == 16 ? UINT64_MAX : negative ? uint64_t{1} << 63 : INT64_MAX;
    if (magnitude > limit) return std::nullopt;
    return static_cast<int64_t>(negative ? uint64_t{0} - magnitude : magnitude);
  }
  if (base == 16) return std::nullopt;
  const std::optional<double> real = parse_real(text);
  return real ? to_integer(*real) : std::nullopt;
}

std::optional<int32_t> narrow(std::optional<int64_t> value) {
  if (!value || *value < INT32_MIN || *value > INT32_MAX) return std::nullopt;
  return static_cast<int32_t>(*value);
}

std::optional<bool> parse_bool(Text text) {
  text = json::trim(text);
  if (equals_folded(text, "true")) return true;
  if (equals_folded(text, "false")) return false;
  const std::optional<int64_t> number = parse_long(text);
  if (number) return *number != 0;
  return std::nullopt;
}

std::optional<Ticks> datetime_of_ticks(int64_t ticks) {
  if (ticks < 0 || ticks > kMaxDateTime) return std::nullopt;
  return ticks;
}
std::optional<Ticks> parse_datetime_text(Text text) {
  return parse_datetime(text);
}
std::optional<Ticks> parse_timespan_text(Text text) {
  return parse_timespan(text);
}
std::optional<Guid> parse_guid(Text text) {
  return Guid::parse(text);
}

/// What a dynamic value holds, as text: a string without its quotes.
std::string text_of(Text value) {
  std::string text;
  json::append_text(value, text);
  return text;
}

bool holds_scalar(Text value) {
  const json::Kind kind = json::kind_of(value);
  return kind != json::Kind::Array && kind != json::Kind::Object && kind != json::Kind::Null &&
         kind != json::Kind::Invalid;
}

/// A dynamic value through its text, by the parser of the type's texts.
template <auto Parse>
auto from_dynamic(Text value) -> decltype(Parse(Text())) {
  if (!holds_scalar(value)) return std::nullopt;
  return Parse(text_of(value));
}

template <typename T, auto Parse>
std::optional<T> number_from_dynamic(Text value) {
  const json::Kind kind = json::kind_of(value);
  if (kind == json::Kind::Bool) return T(json::trim(value) == "true");
  return from_dynamic<Parse>(value);
}

std::optional<int32_t> parse_int(Text text) {
  return narrow(parse_long(text));
}

void declare_tostring(FunctionTableBuilder& table) {
  using enum Type;
  table.scalar("tostring")
      .doc("The text of a value; of null, the empty string.")
      .takes({String}, String, sql("{0}"))
      .takes({Bool}, String, sql("CAST({0} AS VARCHAR)"))
      .takes({Int}, String, sql("CAST({0} AS VARCHAR)"))
      .takes({Long}, String, sql("CAST({0} AS VARCHAR)"))
      .takes({Real}, String, native<[](std::string& out, double v) { out += format_real(v); }>())
      .takes({Decimal}, String, native<[](std::string& out, DecimalNumber v) { v.append_to(out); }>())
      .takes({DateTime}, String, native<[](std::string& out, int64_t v) { append_datetime(out, v); }>())
      .takes({TimeSpan}, String, native<[](std::string& out, int64_t v) { append_timespan(out, v); }>())
      .takes({Guid}, String, sql("CAST({0} AS VARCHAR)"))
      .takes({Dynamic}, String, native<[](std::string& out, Text v) { json::append_text(v, out); }>());
}

void declare_integers(FunctionTableBuilder& table) {
  using enum Type;
  table.scalar("tolong")
      .doc("A value as long.")
      .takes({Long}, Long, sql("{0}"))
      .takes({Int}, Long, sql("CAST({0} AS BIGINT)"))
      .takes({Bool}, Long, sql("CAST({0} AS BIGINT)"))
      .takes({Real}, Long, native<&to_integer>())
      .takes({Decimal}, Long, native<[](DecimalNumber v) { return v.to_integer(); }>())
      .takes({String}, Long, native<&parse_long>())
      .takes({DateTime}, Long, sql("{0}"))
      .takes({TimeSpan}, Long, sql("{0}"))
      .takes({Dynamic}, Long, native<&number_from_dynamic<int64_t, &parse_long>>());
  table.scalar("toint")
      .doc("A value as int; null where it doesn't fit.")
      .takes({Int}, Int, sql("{0}"))
      .takes({Bool}, Int, sql("CAST({0} AS INTEGER)"))
      .takes({Long}, Int, sql("TRY_CAST({0} AS INTEGER)"))
      .takes({Real}, Int, native<[](double v) { return narrow(to_integer(v)); }>())
      .takes({Decimal}, Int, native<[](DecimalNumber v) { return narrow(v.to_integer()); }>())
      .takes({String}, Int, native<&parse_int>())
      .takes({Dynamic}, Int, native<&number_from_dynamic<int32_t, &parse_int>>());
  table.scalar("tobool")
      .doc("A value as bool: true, false, or whether a number isn't zero.")
      .takes({Bool}, Bool, sql("{0}"))
      .takes({Int}, Bool, sql("({0} <> 0)"))
      .takes({Long}, Bool, sql("({0} <> 0)"))
      .takes({Real}, Bool, sql("({0} <> 0)"))
      .takes({Decimal}, Bool, native<[](DecimalNumber v) { return !v.is_zero(); }>())
      .takes({String}, Bool, native<&parse_bool>())
      .takes({Dynamic}, Bool, native<&from_dynamic<&parse_bool>>());
  table.alias("toboolean", "tobool");
}

void declare_reals(FunctionTableBuilder& table) {
  using enum Type;
  table.scalar("toreal")
      .doc("A value as real.")
      .takes({Real}, Real, sql("{0}"))
      .takes({Bool}, Real, sql("CAST(CAST({0} AS INTEGER) AS DOUBLE)"))
      .takes({Int}, Real, sql("CAST({0} AS DOUBLE)"))
      .takes({Long}, Real, sql("CAST({0} AS DOUBLE)"))
      .takes({Decimal}, Real, native<[](DecimalNumber v) { return v.to_real(); }>())
      .takes({String}, Real, native<&parse_real>())
      .takes({DateTime}, Real, sql("CAST({0} AS DOUBLE)"))
      .takes({TimeSpan}, Real, sql("CAST({0} AS DOUBLE)"))
      .takes({Dynamic}, Real, native<&number_from_dynamic<double, &parse_real>>());
  table.alias("todouble", "toreal");
  table.scalar("todecimal")
      .doc("A value as decimal; null where it doesn't fit.")
      .takes({Decimal}, Decimal, sql("{0}"))
      .takes({Bool}, Decimal, native<[](bool v) { return DecimalNumber(v ? 1 : 0); }>())
      .takes({Int}, Decimal, native<[](int32_t v) { return DecimalNumber(v); }>())
      .takes({Long}, Decimal, native<[](int64_t v) { return DecimalNumber(v); }>())
      .takes({Real}, Decimal, native<[](double v) { return DecimalNumber::from_real(v); }>())
      .takes({String}, Decimal, native<&parse_decimal>())
      .takes({Dynamic}, Decimal, native<&from_dynamic<&parse_decimal>>());
}

void declare_times(FunctionTableBuilder& table) {
  using enum Type;
  table.scalar("todatetime")
      .doc("A value as datetime; a number counts ticks.")
      .takes({DateTime}, DateTime, sql("{0}"))
      .takes({Long}, DateTime, native<&datetime_of_ticks>())
      .takes({String}, DateTime, native<&parse_datetime_text>())
      .takes({Dynamic}, DateTime, native<&from_dynamic<&parse_datetime_text>>());
  table.scalar("totimespan")
      .doc("A value as timespan; a number counts ticks.")
      .takes({TimeSpan}, TimeSpan, sql("{0}"))
      .takes({Long}, TimeSpan, sql("{0}"))
      .takes({String}, TimeSpan, native<&parse_timespan_text>())
      .takes({Dynamic}, TimeSpan, native<&from_dynamic<&parse_timespan_text>>());
  table.alias("totime", "totimespan");
  table.scalar("toguid")
      .doc("A value as guid.")
      .takes({Guid}, Guid, sql("{0}"))
      .takes({String}, Guid, native<&parse_guid>())
      .takes({Dynamic}, Guid, native<&from_dynamic<&parse_guid>>());
}

bool parse_json_text(std::string& out, Text text) {
  if (json::trim(text).empty()) return false;
  if (!json::canonicalize(text, out)) json::quote(text, out);
  return out != "null";
}

template <typename T>
void append_integer(std::string& out, T value) {
  out += std::to_string(value);
}

void declare_dynamics(FunctionTableBuilder& table) {
  using enum Type;
  table.scalar("parse_json")
      .doc("A text as JSON; a text that isn't JSON, as a string.")
      .takes({Dynamic}, Dynamic, sql("{0}"))
      .takes({String}, Dynamic, native<&parse_json_text>())
      .takes({Bool}, Dynamic, native<[](std::string& out, bool v) { out += v ? "true" : "false"; }>())
      .takes({Int}, Dynamic, native<&append_integer<int32_t>>())
      .takes({Long}, Dynamic, native<&append_integer<int64_t>>())
      .takes({Real}, Dynamic, native<[](std::string& out, double v) { json::append_real(v, out); }>());
  table.alias("parsejson", "parse_json");
  table.alias("todynamic", "parse_json");
  table.alias("toobject", "parse_json");
  table.scalar("as dynamic")
      .doc("A value inside a dynamic one: what implicit conversions use.")
      .takes({Dynamic}, Dynamic, sql("{0}"))
      .takes({String}, Dynamic, native<[](std::string& out, Text v) { json::quote(v, out); }>())
      .takes({Bool}, Dynamic, native<[](std::string& out, bool v) { out += v ? "true" : "false"; }>())
      .takes({Int}, Dynamic, native<&append_integer<int32_t>>())
      .takes({Long}, Dynamic, native<&append_integer<int64_t>>())
      .takes({Real}, Dynamic, native<[](std::string& out, double v) { json::append_real(v, out); }>())
      .takes({Decimal}, Dynamic,
             native<[](std::string& out, DecimalNumber v) { json::quote(v.str(), out); }>())
      .takes({DateTime}, Dynamic, native<[](std::string& out, int64_t v) {
               out += '"';
               append_datetime(out, v);
               out += '"';
             }>())
      .takes({TimeSpan}, Dynamic, native<[](std::string& out, int64_t v) {
               out += '"';
               append_timespan(out, v);
               out += '"';
             }>())
      .takes({Guid}, Dynamic,
             native<[](std::string& out, spillway::Guid v) { json::quote(v.str(), out); }>());
}

std::string type_of_dynamic(std::optional<Text> value) {
  if (!value) return "null";
  switch (json::kind_of(*value)) {
    case json::Kind::Bool: return "bool";
    case json::Kind::Integer: return std::abs(json::number(*value)) < 2'147'483'648.0 ? "int" : "long";
    case json::Kind::Real: return "real";
    case json::Kind::String: return "string";
    case json::Kind::Array: return "array";
    case json::Kind::Object: return "dictionary";
    default: return "null";
  }
}

void declare_gettype(FunctionTableBuilder& table) {
  using enum Type;
  ScalarBuilder function = table.scalar("gettype");
  function.doc("The name of the type that a value has, inside a dynamic one too.")
      .takes({Dynamic}, String, native<&type_of_dynamic>());
  for (const Type type : {Bool, Int, Long, Real, Decimal, String, DateTime, TimeSpan, Guid}) {
    function.takes({type}, String,
                   sql("CASE WHEN {0} IS NULL THEN 'null' ELSE '" + std::string(kql_name(type)) + "' END"));
  }
}

}  // namespace

void declare_conversions(FunctionTableBuilder& table) {
  table.category("conversion");
  declare_tostring(table);
  declare_integers(table);
  declare_reals(table);
  declare_times(table);
  declare_dynamics(table);
  declare_gettype(table);
  table.scalar("new_guid").doc("A random guid.").takes({}, Type::Guid, sql("uuid()")).evaluated_per_row();
}

}  // namespace spillway::kql
