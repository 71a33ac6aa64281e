// What a continuous export reads: its fact tables, and which of their records a run takes.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "export/exports.h"

namespace spillway::exports {

/// A definition, checked against one snapshot.
struct Prepared {
  kql::BoundQuery query;  // unscoped
  Settings settings;
  std::vector<std::shared_ptr<const catalog::Table>> facts;
};

/// Everything that creation and each run check: the query compiles, has one result and reads at least one
/// fact table, `over` names tables that it reads, fact tables lie in its own database, ingestion time
/// policies, the external table is there and fits, the properties are valid; what its managed identity may
/// do, and what row level security, restricted view access and other databases ask for
/// (`access_control`: ServiceOptions). Errors say which, for a person. A connection that impersonates is in
/// the settings as the managed identity's.
Result<Prepared> prepare(const std::shared_ptr<const catalog::Snapshot>& snapshot,
                         const std::string& database, const catalog::ContinuousExport& definition, Ticks now,
                         bool access_control);

/// Binds the definition's query with its fact tables scoped to `range`.
Result<kql::BoundQuery> bind_scoped(const std::shared_ptr<const catalog::Snapshot>& snapshot,
                                    const std::string& database, const catalog::ContinuousExport& definition,
                                    const std::vector<std::shared_ptr<const catalog::Table>>& facts,
                                    const catalog::CursorRange& range, Ticks now);

/// How far the next run goes.
struct Stretch {
  catalog::Cursor to = 0;
  bool has_records = false;    // may have: some extent holds records of (from, to]
  bool more = false;           // a backlog is left behind `to`
  catalog::Cursor oldest = 0;  // of the first of them, or a little before it; 0: there are none
  int64_t extents = 0, records = 0, bytes = 0;  // of the extents that hold them
};
struct StretchLimits {
  int64_t records = 0, bytes = 0;
};

/// The definition's own, or the server's.
StretchLimits limits_of(const catalog::ContinuousExport& definition, const ServiceOptions& options);

/// The records after `from` and up to `upper`, cut behind a commit's extents where they exceed a limit (those
/// of one commit at least are taken). Costs what the extents after `from` cost, not the table.
Stretch plan_stretch(const std::vector<std::shared_ptr<const catalog::Table>>& facts, catalog::Cursor from,
                     catalog::Cursor upper, const StretchLimits& limits);

/// That of a definition which stands at its `exported_to`: up to the database's cursor, or less by its forced
/// latency. Nothing where that isn't behind `exported_to`.
Stretch next_stretch(const std::vector<std::shared_ptr<const catalog::Table>>& facts,
                     const catalog::ContinuousExport& definition, catalog::Cursor newest,
                     const StretchLimits& limits, Ticks now);

/// A cursor that the first record after `cursor` in a fact table has, or a smaller one: all up to it, itself
/// excluded, has none. Nothing where there is none.
std::optional<catalog::Cursor> first_after(const std::vector<std::shared_ptr<const catalog::Table>>& facts,
                                           catalog::Cursor cursor);

}  // namespace spillway::exports
