// The elements of dynamic values as lists, for mv-expand: a function of DuckDB's own kind, since the function
// table knows no lists.
#pragma once

#include <string>

#include "base/status.h"
#include "engine/duckdb_api.h"

namespace spillway::engine {

/// Its name in SQL: kql_elements(dynamic, pairs BOOLEAN, limit BIGINT) gives VARCHAR[] of dynamic values, at
/// most `limit` of them. Of a bag its properties, as bags of one or, with `pairs`, as [key, value]; of a null
/// one null; of any other value that is no array the value itself.
inline constexpr const char* kElementsFunction = "kql_elements";

/// Elements of all records of one piece of work (2,048 records): 16 bytes each, beside their text.
inline constexpr size_t kMaxElements = size_t{1} << 26;

Status register_elements(const ConnectionHandle& connection);

}  // namespace spillway::engine
