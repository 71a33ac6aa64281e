// The one place that quotes SQL, and that writes values and types in it.
//
// How KQL's types stand in DuckDB (base/types.h): datetime and timespan BIGINT ticks, decimal BLOB
// (DecimalNumber::encode()), dynamic VARCHAR with JSON text, guid UUID, string VARCHAR that is never NULL.
#pragma once

#include <string>
#include <string_view>

#include "base/types.h"

namespace spillway::engine {

/// 'text' with its quotes doubled. A text with zero bytes becomes an expression: SQL text can't hold them.
std::string sql_string(std::string_view text);
/// "name" with its quotes doubled.
std::string sql_name(std::string_view name);
/// "BIGINT"
std::string sql_type(Type type);
/// A constant, of exactly sql_type(value.type()): "CAST(5 AS INTEGER)".
std::string sql_literal(const Value& value);
/// The null of a type; for a string the empty one.
std::string sql_null(Type type);

}  // namespace spillway::engine
