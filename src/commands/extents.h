// What several families need of extents.
#pragma once

#include <set>
#include <vector>

#include "commands/call.h"

namespace spillway::commands {

/// Sums over a table's extents.
struct ExtentTotals {
  int64_t extents = 0, rows = 0, bytes = 0, original_bytes = 0;
  Ticks first_created = 0, last_created = 0;  // of the extents, where there are any
};
ExtentTotals totals_of(const catalog::Table& table);

/// `.show tables (A, B) extents …`, after the word `extents`.
Result<Tables> show_extents_of_tables(Call& call, const std::vector<Name>& names);

/// The ids of all extents of a table.
std::vector<Guid> extent_ids(const catalog::Table& table);

/// `(id, …)`.
Result<std::set<Guid>> read_extent_ids(Reader& reader);
/// The values of a column of ids in a query's result. Errors: Semantic.
Result<std::vector<Guid>> extent_ids_of(const Table& rows);

/// `.move extents`, `.replace extents`: a part of the family of extents.
std::vector<Command> move_commands();

}  // namespace spillway::commands
