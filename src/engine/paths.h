// Paths of local files in SQL.
#pragma once

#include <string>
#include <string_view>

namespace spillway::engine {

/// A path as a SQL string that names exactly one file: DuckDB takes *, ? and [ in paths as patterns.
std::string sql_path(std::string_view path);

}  // namespace spillway::engine
