// Reads artifacts back, independently of what wrote them: CSV, TSV, JSON and gzip by code of the test's own,
// Parquet by DuckDB.
#pragma once

#include <string>
#include <vector>

#include "engine/engine.h"

namespace spillway::model {

using Row = std::vector<std::string>;  // texts of values: empty for null, datetimes as KQL prints them

/// Columns that a file holds, by name; of type datetime where the name is "at".
using Names = std::vector<std::string>;

/// All records of a file, by its extension. Throws Violation where it isn't whole.
std::vector<Row> read_artifact(engine::Engine& engine, const std::string& path, const Names& columns);

}  // namespace spillway::model
