// The data of `.ingest inline`, as text for the ingestion.
//
//   <| Shoes,1000⏎Wide Shoes,50        all that follows
//   [2015-01-01,"a"] [2016-01-01,"b"]  one record in each pair of brackets
//
// Source: management/data-ingestion/ingest-inline.md.
#pragma once

#include <string>

#include "base/status.h"
#include "commands/reader.h"

namespace spillway::commands {

/// The reader stands at `<|` or at the first `[`. After `<|` the rest of an empty line is skipped, and so is
/// the indentation that all lines share, so that data may be indented with the command. Errors: Syntax.
Result<std::string> inline_data(const Reader& reader);

}  // namespace spillway::commands
