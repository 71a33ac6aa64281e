#include "engine/sql.h"

#include <array>
#include <cmath>

#include "base/decimal_number.h"

namespace spillway::engine {
namespace {

std::string quoted(std::string_view text, char quote) {
  std::string out;
  out.reserve(text.size() + 2);
  out += quote;
  for (const char c : text) {
    if (c == quote) out += quote;
    out += c;
  }
  out += quote;
  return out;
}

std::string sql_real(double value) {
  if (std::isnan(value)) return "CAST('nan' AS DOUBLE)";
  if (std::isinf(value)) return value > 0 ? "CAST('inf' AS DOUBLE)" : "CAST('-inf' AS DOUBLE)";
  return "CAST('" + format_real(value) + "' AS DOUBLE)";
}

/// The bytes that stand for it: base/decimal_number.h.
std::string sql_decimal(std::string_view text) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::array<char, DecimalNumber::kMaxEncoded> bytes;
  const size_t size = DecimalNumber::parse(text).value_or(DecimalNumber()).encode(bytes.data());
  std::string sql = "CAST('";
  for (size_t i = 0; i < size; ++i) {
    const auto byte = static_cast<unsigned char>(bytes[i]);
    sql.append("\\x").append(1, kDigits[byte >> 4]).append(1, kDigits[byte & 15]);
  }
  return sql + "' AS BLOB)";
}

}  // namespace

std::string sql_string(std::string_view text) {
  size_t zero = text.find('\0');
  if (zero == text.npos) return quoted(text, '\'');
  std::string out = "(";
  while (zero != text.npos) {
    out += quoted(text.substr(0, zero), '\'') + " || chr(0) || ";
    text.remove_prefix(zero + 1);
    zero = text.find('\0');
  }
  return out + quoted(text, '\'') + ")";
}

std::string sql_name(std::string_view name) {
  return quoted(name.substr(0, name.find('\0')), '"');
}

std::string sql_type(Type type) {
  switch (type) {
    case Type::Bool: return "BOOLEAN";
    case Type::Int: return "INTEGER";
    case Type::Long:
    case Type::DateTime:
    case Type::TimeSpan: return "BIGINT";
    case Type::Real: return "DOUBLE";
    case Type::Decimal: return "BLOB";
    case Type::Guid: return "UUID";
    case Type::String:
    case Type::Dynamic: break;
  }
  return "VARCHAR";
}

std::string sql_null(Type type) {
  if (type == Type::String) return "''";
  return "CAST(NULL AS " + sql_type(type) + ")";
}

std::string sql_literal(const Value& value) {
  if (value.is_null()) return sql_null(value.type());
  switch (value.type()) {
    case Type::Bool: return value.as_bool() ? "true" : "false";
    case Type::String:
    case Type::Dynamic: return sql_string(value.as_text());
    case Type::Int:
    case Type::Long:
    case Type::DateTime:
    case Type::TimeSpan:
      return "CAST(" + std::to_string(value.as_int()) + " AS " + sql_type(value.type()) + ")";
    case Type::Real: return sql_real(value.as_real());
    case Type::Decimal: return sql_decimal(value.as_text());
    case Type::Guid: break;
  }
  return "CAST(" + sql_string(value.str()) + " AS " + sql_type(value.type()) + ")";
}

}  // namespace spillway::engine
