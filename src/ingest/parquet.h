// Parquet files as records, read by DuckDB.
// Source: management/parquet-mapping.md (which type becomes which; Spillway also converts texts to every
// type).
#pragma once

#include <string>
#include <vector>

#include "catalog/model.h"
#include "engine/engine.h"
#include "ingest/input.h"
#include "ingest/mapping.h"
#include "ingest/sql_functions.h"

namespace spillway::ingest {

/// A SELECT over all of `inputs` that gives the columns in their order, in the engine's physical types, as
/// c0, c1, ….
Result<std::string> parquet_select(engine::Connection& connection, SqlFunctions& functions,
                                   const std::vector<Input>& inputs,
                                   const std::vector<catalog::Column>& columns,
                                   const std::vector<ColumnSource>& sources,
                                   const engine::RunOptions& options);

}  // namespace spillway::ingest
