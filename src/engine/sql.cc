#include "engine/sql.h"

#include <cmath>

#include "engine/decimals.h"

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

const std::string kDecimalType =
    "DECIMAL(" + std::to_string(kDecimalWidth) + "," + std::to_string(kDecimalScale) + ")";

std::string sql_real(double value) {
  if (std::isnan(value)) return "CAST('nan' AS DOUBLE)";
  if (std::isinf(value)) return value > 0 ? "CAST('inf' AS DOUBLE)" : "CAST('-inf' AS DOUBLE)";
  return "CAST('" + format_real(value) + "' AS DOUBLE)";
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
    case Type::Decimal: return kDecimalType;
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
    case Type::Decimal:
    case Type::Guid: break;
  }
  return "CAST(" + sql_string(value.str()) + " AS " + sql_type(value.type()) + ")";
}

}  // namespace spillway::engine
