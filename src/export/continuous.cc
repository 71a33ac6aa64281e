#include "export/continuous.h"

#include <algorithm>

#include "export/target_plan.h"

namespace spillway::exports {
namespace {

using catalog::ContinuousExport;
using catalog::Cursor;
using Facts = std::vector<std::shared_ptr<const catalog::Table>>;

std::string named(const ContinuousExport& definition) {
  return "continuous export '" + definition.name + "': ";
}

bool is_over(const ContinuousExport& definition, const std::string& table) {
  return !definition.over_given || std::find(definition.fact_tables.begin(), definition.fact_tables.end(),
                                             table) != definition.fact_tables.end();
}

/// The tables of `over (…)` must be there and in the query.
Status check_over(const catalog::Database& database, const ContinuousExport& definition,
                  const kql::BoundQuery& query) {
  if (!definition.over_given) return {};
  for (const std::string& name : definition.fact_tables) {
    if (!database.tables.contains(name)) {
      return Status(ErrorCode::EntityNotFound, named(definition) + "fact table '" + name +
                                                   "' not found in database '" + database.name + "'");
    }
    const bool read = std::any_of(query.tables.begin(), query.tables.end(),
                                  [&](const kql::TableReference& table) { return table.table == name; });
    if (!read) {
      return Status(ErrorCode::Semantic, named(definition) + "table '" + name +
                                             "' is declared in over (…), but the query doesn't read it");
    }
  }
  return {};
}

Result<Facts> find_facts(const catalog::Database& database, const ContinuousExport& definition,
                         const kql::BoundQuery& query) {
  Facts facts;
  for (const kql::TableReference& reference : query.tables) {
    if (reference.database != database.name) {
      return Error(ErrorCode::NotSupported, named(definition) + "its query reads table '" + reference.table +
                                                "' of database '" + reference.database +
                                                "'; tables of other databases can't be exported");
    }
    if (!is_over(definition, reference.table)) continue;
    const auto found = database.tables.find(reference.table);
    if (found == database.tables.end()) continue;  // the query was bound to this very snapshot
    if (!found->second->ingestion_time_policy) {
      return Error(
          ErrorCode::BadRequest,
          named(definition) + "the ingestiontime policy of table '" + reference.table +
              "' isn't enabled, which exactly-once export needs: enable it, or declare the table a dimension "
              "table by leaving it out of over (…)");
    }
    facts.push_back(found->second);
  }
  if (!facts.empty()) return facts;
  return Error(
      ErrorCode::Semantic,
      named(definition) + "its query reads no fact table; an export of dimension tables only isn't possible");
}

Result<kql::BoundQuery> bind(const std::shared_ptr<const catalog::Snapshot>& snapshot,
                             const std::string& database, const ContinuousExport& definition,
                             std::map<int64_t, catalog::CursorRange> scopes, Ticks now) {
  kql::BindOptions options;
  options.snapshot = snapshot;
  options.database = database;
  options.now = now;
  options.cursor_scopes = std::move(scopes);
  SPILLWAY_ASSIGN(kql::BoundQuery query, kql::compile(definition.query, options));
  if (query.results.size() == 1) return query;
  return Error(ErrorCode::Semantic, named(definition) + "its query gives " +
                                        std::to_string(query.results.size()) +
                                        " results; exactly one can be exported");
}

/// Extents of one table, up to the first behind those that exceed a limit.
void collect(const catalog::Table& table, Cursor from, Cursor upper, const StretchLimits& limits,
             std::vector<const catalog::Extent*>& extents) {
  int64_t records = 0, bytes = 0;
  Cursor last = 0;
  for (auto it = table.extents->after(from); it != table.extents->end(); ++it) {
    const catalog::Extent& extent = **it;
    if (extent.min_cursor > upper) continue;
    const bool exceeded = records > limits.records || bytes > limits.bytes;
    extents.push_back(&extent);
    if (exceeded && extent.max_cursor > last) return;
    records += extent.rows;
    bytes += extent.bytes;
    last = extent.max_cursor;
  }
}

}  // namespace

Result<Prepared> prepare(const std::shared_ptr<const catalog::Snapshot>& snapshot,
                         const std::string& database_name, const ContinuousExport& definition, Ticks now) {
  const catalog::Database* database = snapshot->database(database_name);
  if (!database) return Error(ErrorCode::EntityNotFound, "database '" + database_name + "' not found");
  const auto table = database->external_tables.find(definition.external_table);
  if (table == database->external_tables.end()) {
    return Error(ErrorCode::EntityNotFound, named(definition) + "external table '" +
                                                definition.external_table + "' not found in database '" +
                                                database_name + "'");
  }
  Prepared prepared;
  SPILLWAY_ASSIGN(prepared.query, bind(snapshot, database_name, definition, {}, now));
  SPILLWAY_TRY(check_over(*database, definition, prepared.query));
  SPILLWAY_ASSIGN(prepared.facts, find_facts(*database, definition, prepared.query));
  SPILLWAY_ASSIGN(prepared.settings, settings_for_table(*table->second, definition.properties));
  SPILLWAY_TRY(apply_query_options(prepared.query.options, prepared.settings));
  SPILLWAY_TRY(plan_for_target(prepared.query.results[0].plan, prepared.settings));
  return prepared;
}

Result<kql::BoundQuery> bind_scoped(const std::shared_ptr<const catalog::Snapshot>& snapshot,
                                    const std::string& database, const ContinuousExport& definition,
                                    const Facts& facts, const catalog::CursorRange& range, Ticks now) {
  std::map<int64_t, catalog::CursorRange> scopes;
  for (const auto& table : facts) scopes[table->id] = range;
  return bind(snapshot, database, definition, std::move(scopes), now);
}

StretchLimits limits_of(const ContinuousExport& definition, const ServiceOptions& options) {
  return {definition.max_records_per_run > 0 ? definition.max_records_per_run : options.records_per_run,
          definition.max_bytes_per_run > 0 ? definition.max_bytes_per_run : options.bytes_per_run};
}

Stretch plan_stretch(const Facts& facts, Cursor from, Cursor upper, const StretchLimits& limits) {
  Stretch stretch;
  stretch.to = upper;
  std::vector<const catalog::Extent*> extents;
  for (const auto& table : facts) collect(*table, from, upper, limits, extents);
  stretch.has_records = !extents.empty();
  std::sort(extents.begin(), extents.end(), [](auto* a, auto* b) { return a->max_cursor < b->max_cursor; });
  Cursor end = 0;  // of the extents that fit
  for (const catalog::Extent* extent : extents) {
    const bool fits =
        stretch.records + extent->rows <= limits.records && stretch.bytes + extent->bytes <= limits.bytes;
    if (!fits && end > 0 && extent->max_cursor > end) {
      stretch.to = std::min(end, upper);
      stretch.more = stretch.to < upper;
      return stretch;
    }
    end = extent->max_cursor;
    const Cursor first = std::max(extent->min_cursor, from + 1);
    stretch.oldest = stretch.extents == 0 ? first : std::min(stretch.oldest, first);
    stretch.extents += 1;
    stretch.records += extent->rows;
    stretch.bytes += extent->bytes;
  }
  return stretch;
}

Stretch next_stretch(const Facts& facts, const ContinuousExport& definition, Cursor newest,
                     const StretchLimits& limits, Ticks now) {
  // Cursors are at least the time of their commit in ticks: what is older than the latency lies below it.
  const Cursor upper =
      definition.forced_latency > 0 ? std::min(newest, now - definition.forced_latency) : newest;
  if (upper <= definition.exported_to) return {.to = definition.exported_to};
  return plan_stretch(facts, definition.exported_to, upper, limits);
}

bool has_records_after(const Facts& facts, Cursor cursor) {
  return std::any_of(facts.begin(), facts.end(), [&](const auto& table) {
    return table->extents->after(cursor) != table->extents->end();
  });
}

}  // namespace spillway::exports
