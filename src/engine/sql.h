// The one place that quotes SQL.
#pragma once

#include <string>
#include <string_view>

namespace spillway::engine {

/// 'text' with its quotes doubled.
std::string sql_string(std::string_view text);
/// "name" with its quotes doubled.
std::string sql_name(std::string_view name);

}  // namespace spillway::engine
