#include "base/types.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <utility>

namespace spillway {
namespace {

struct TypeNames {
  const char* kql;
  const char* clr;
};

constexpr std::array<TypeNames, 10> kTypeNames = {{{"bool", "SByte"},
                                                   {"int", "Int32"},
                                                   {"long", "Int64"},
                                                   {"real", "Double"},
                                                   {"decimal", "SqlDecimal"},
                                                   {"string", "String"},
                                                   {"datetime", "DateTime"},
                                                   {"timespan", "TimeSpan"},
                                                   {"guid", "Guid"},
                                                   {"dynamic", "Object"}}};

/// Every spelling in lower case; the .NET names come without their "System." and "Data.SqlTypes.".
constexpr std::pair<std::string_view, Type> kTypeSpellings[] = {
    {"bool", Type::Bool},         {"boolean", Type::Bool},       {"sbyte", Type::Bool},
    {"int", Type::Int},           {"int32", Type::Int},          {"long", Type::Long},
    {"int64", Type::Long},        {"real", Type::Real},          {"double", Type::Real},
    {"decimal", Type::Decimal},   {"sqldecimal", Type::Decimal}, {"string", Type::String},
    {"datetime", Type::DateTime}, {"date", Type::DateTime},      {"timespan", Type::TimeSpan},
    {"time", Type::TimeSpan},     {"guid", Type::Guid},          {"uuid", Type::Guid},
    {"uniqueid", Type::Guid},     {"dynamic", Type::Dynamic},    {"object", Type::Dynamic},
};

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

}  // namespace

const char* kql_name(Type type) {
  return kTypeNames[static_cast<size_t>(type)].kql;
}
const char* clr_name(Type type) {
  return kTypeNames[static_cast<size_t>(type)].clr;
}

std::optional<Type> parse_type(std::string_view name) {
  const std::string folded = lower(name);
  std::string_view rest = folded;
  for (std::string_view prefix : {"system.", "data.sqltypes."}) {
    if (rest.starts_with(prefix)) rest.remove_prefix(prefix.size());
  }
  for (const auto& [spelling, type] : kTypeSpellings) {
    if (rest == spelling) return type;
  }
  return std::nullopt;
}

Value Value::null(Type type) {
  return type == Type::String ? string("") : Value(type, std::monostate{});
}

const std::string& Value::as_text() const {
  if (const auto* decimal = std::get_if<Decimal>(&data_)) return decimal->text;
  if (const auto* json = std::get_if<Json>(&data_)) return json->text;
  return std::get<std::string>(data_);
}

std::string Value::str() const {
  if (is_null()) return "";
  switch (type_) {
    case Type::Bool: return as_bool() ? "true" : "false";
    case Type::Int:
    case Type::Long: return std::to_string(as_int());
    case Type::Real: return format_real(as_real());
    case Type::DateTime: return format_datetime(as_int());
    case Type::TimeSpan: return format_timespan(as_int());
    case Type::Guid: return as_guid().str();
    case Type::Decimal:
    case Type::String:
    case Type::Dynamic: return as_text();
  }
  return "";
}

std::string format_real(double value) {
  std::string text;
  append_real(text, value);
  return text;
}

void append_real(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "NaN";
    return;
  }
  if (std::signbit(value)) out += '-';
  value = std::fabs(value);
  if (std::isinf(value)) {
    out += "Infinity";
    return;
  }
  // Shortest digits first ("1.25e+03"), then .NET's layout of them: plain from 1E-05 (exclusive) up to 1E+15
  // (exclusive).
  std::array<char, 40> buffer;
  char* end =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::scientific).ptr;
  char* e = std::find(buffer.data(), end, 'e');
  int exponent = 0;
  std::from_chars(e + (e[1] == '+' ? 2 : 1), end, exponent);
  constexpr int kFirstScientific = 15, kLastScientific = -5;
  if (exponent >= kFirstScientific || exponent <= kLastScientific) {
    out.append(buffer.data(), e);
    out += exponent < 0 ? "E-" : "E+";
    if (std::abs(exponent) < 10) out += '0';
    out += std::to_string(std::abs(exponent));
    return;
  }
  buffer[1] = buffer[0];  // the digits without their point
  const std::string_view digits(buffer.data() + 1, std::max<ptrdiff_t>(1, e - buffer.data() - 1));
  if (exponent < 0) {
    out.append("0.").append(static_cast<size_t>(-exponent - 1), '0').append(digits);
    return;
  }
  const auto whole = static_cast<size_t>(exponent) + 1;
  out.append(digits.substr(0, whole));
  if (digits.size() <= whole) {
    out.append(whole - digits.size(), '0');
  } else {
    out.append(".").append(digits.substr(whole));
  }
}

}  // namespace spillway
