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
    const bool read =
        std::any_of(query.tables.begin(), query.tables.end(), [&](const kql::TableReference& table) {
          return table.database == database.name && table.table == name;
        });
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
      if (definition.over_given) continue;  // a dimension table
      return Error(ErrorCode::NotSupported,
                   named(definition) + "its query reads table '" + reference.table + "' of database '" +
                       reference.database +
                       "', and fact tables must be in the export's own database: name them in over (…), and "
                       "the others are dimension tables");
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

/// As the export's managed identity, where it has one. `caller`: whose roles count; null: nobody's.
Result<kql::BoundQuery> bind(const std::shared_ptr<const catalog::Snapshot>& snapshot,
                             const std::string& database, const ContinuousExport& definition,
                             std::map<int64_t, catalog::CursorRange> scopes, Ticks now,
                             std::shared_ptr<const catalog::Caller> caller = nullptr) {
  kql::BindOptions options;
  options.snapshot = snapshot;
  options.database = database;
  options.now = now;
  options.cursor_scopes = std::move(scopes);
  if (!definition.managed_identity.empty()) {
    options.principal = catalog::principal_of_identity(definition.managed_identity);
  }
  options.caller = std::move(caller);
  SPILLWAY_ASSIGN(kql::BoundQuery query, kql::compile(definition.query, options));
  if (query.results.size() == 1) return query;
  return Error(ErrorCode::Semantic, named(definition) + "its query gives " +
                                        std::to_string(query.results.size()) +
                                        " results; exactly one can be exported");
}

/// The error of a query that can't be bound any more: which table it misses, where that is why.
Error explained(const catalog::Database& database, const ContinuousExport& definition, const Error& error) {
  for (const auto* names : {&definition.fact_tables, &definition.tables}) {
    for (const std::string& name : *names) {
      if (database.tables.contains(name)) continue;
      return Error(ErrorCode::EntityNotFound,
                   named(definition) + "table '" + name + "' not found in database '" + database.name +
                       "': it was renamed or dropped; give a table this name, or alter the export");
    }
  }
  return error;
}

std::shared_ptr<const catalog::Table> table_of(const catalog::Snapshot& snapshot,
                                               const kql::TableReference& reference) {
  const catalog::Database* database = snapshot.database(reference.database);
  const auto found = database ? database->tables.find(reference.table) : decltype(database->tables.end())();
  return database && found != database->tables.end() ? found->second : nullptr;
}

bool impersonates(const std::string& connection) {
  const auto parsed = storage::ConnectionString::parse(connection);
  return parsed.ok() && parsed->impersonate;
}

/// What an export of a table with row level security needs.
Status check_impersonation(const ContinuousExport& definition, const catalog::ExternalTable* external,
                           const std::string& table) {
  const bool all =
      external && !definition.managed_identity.empty() &&
      std::all_of(external->connection_strings.begin(), external->connection_strings.end(), impersonates);
  if (all) return {};
  return Status(
      ErrorCode::BadRequest,
      named(definition) + "table '" + table +
          "' has row level security, and so the export needs a managedIdentity, and external table '" +
          definition.external_table + "' the authentication of impersonation (';impersonate')");
}

Error restricted(const ContinuousExport& definition, const std::string& table) {
  return Error(ErrorCode::BadRequest,
               named(definition) + "table '" + table +
                   "' has restricted view access, and such a table can't be exported continuously");
}

/// The policies of the tables that it reads.
Status check_tables(const catalog::Snapshot& snapshot, const ContinuousExport& definition,
                    const catalog::ExternalTable& external, const kql::BoundQuery& query) {
  for (const kql::TableReference& reference : query.tables) {
    const auto table = table_of(snapshot, reference);
    if (!table) continue;
    if (catalog::has_restricted_view_access(*table)) return restricted(definition, reference.table);
    if (!catalog::has_row_level_security(*table)) continue;
    SPILLWAY_TRY(check_impersonation(definition, &external, reference.table));
  }
  return {};
}

/// Binds the query as whoever the export runs as, and checks what that may see.
Result<kql::BoundQuery> bind_and_check(const std::shared_ptr<const catalog::Snapshot>& snapshot,
                                       const std::string& database, const ContinuousExport& definition,
                                       const catalog::ExternalTable& external, Ticks now,
                                       bool access_control) {
  SPILLWAY_ASSIGN(kql::BoundQuery query, bind(snapshot, database, definition, {}, now));
  SPILLWAY_TRY(check_tables(*snapshot, definition, external, query));
  if (!access_control) return query;
  const bool alone = query.databases.empty() || query.databases == std::set<std::string>{database};
  if (definition.managed_identity.empty()) {
    if (alone) return query;
    return Error(ErrorCode::BadRequest,
                 named(definition) +
                     "its query reads tables of other databases, which needs a managedIdentity "
                     "that may view these");
  }
  auto identity = std::make_shared<catalog::Caller>();
  identity->principal = catalog::principal_of_identity(definition.managed_identity);
  return bind(snapshot, database, definition, {}, now, std::move(identity));
}

Status check_identity(const catalog::Snapshot& snapshot, const catalog::Database& database,
                      const ContinuousExport& definition) {
  constexpr const char* kUsage = "AutomatedFlows";
  const std::string& identity = definition.managed_identity;
  if (identity.empty() || catalog::allows_identity(snapshot, database, identity, kUsage)) return {};
  return Status(ErrorCode::Forbidden,
                named(definition) + "managed identity '" + identity +
                    "' may not run it: the managed identity policy of the cluster or of "
                    "database '" +
                    database.name + "' must allow it " + kUsage);
}

/// Connections by impersonation become the managed identity's.
Status resolve_impersonation(const ContinuousExport& definition, Settings& settings) {
  for (std::string& connection : settings.connections) {
    if (!impersonates(connection)) continue;
    if (definition.managed_identity.empty()) {
      return Status(ErrorCode::BadRequest,
                    named(definition) + "external table '" + definition.external_table +
                        "' is used by impersonation (';impersonate'), which needs a managedIdentity");
    }
    SPILLWAY_ASSIGN(const auto parsed, storage::ConnectionString::parse(connection));
    connection = parsed.on_behalf_of(definition.managed_identity).text();
  }
  return {};
}

/// Each continuous export whose query, as it is now, reads the table.
template <typename F>
Status for_each_reader(const std::shared_ptr<const catalog::Snapshot>& snapshot, const catalog::Table& table,
                       const F& check) {
  for (const auto& [name, database] : snapshot->databases) {
    for (const auto& [export_name, definition] : database->exports) {
      const auto query = bind(snapshot, name, *definition, {}, 0);
      if (!query.ok()) continue;  // its next run says why
      const bool reads = std::any_of(query->tables.begin(), query->tables.end(),
                                     [&](const auto& reference) { return reference.id == table.id; });
      if (reads) SPILLWAY_TRY(check(*database, *definition));
    }
  }
  return {};
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
                         const std::string& database_name, const ContinuousExport& definition, Ticks now,
                         bool access_control) {
  const catalog::Database* database = snapshot->database(database_name);
  if (!database) return Error(ErrorCode::EntityNotFound, "database '" + database_name + "' not found");
  const auto table = database->external_tables.find(definition.external_table);
  if (table == database->external_tables.end()) {
    return Error(ErrorCode::EntityNotFound, named(definition) + "external table '" +
                                                definition.external_table + "' not found in database '" +
                                                database_name + "'");
  }
  SPILLWAY_TRY(check_identity(*snapshot, *database, definition));
  Prepared prepared;
  Result<kql::BoundQuery> query =
      bind_and_check(snapshot, database_name, definition, *table->second, now, access_control);
  if (!query.ok()) return explained(*database, definition, query.error());
  prepared.query = *std::move(query);
  SPILLWAY_TRY(check_over(*database, definition, prepared.query));
  SPILLWAY_ASSIGN(prepared.facts, find_facts(*database, definition, prepared.query));
  SPILLWAY_ASSIGN(prepared.settings, settings_for_table(*table->second, definition.properties));
  SPILLWAY_TRY(resolve_impersonation(definition, prepared.settings));
  SPILLWAY_TRY(apply_query_options(prepared.query.options, prepared.settings));
  SPILLWAY_TRY(plan_for_target(prepared.query.results[0].plan, prepared.settings));
  return prepared;
}

Status check_row_level_security(const std::shared_ptr<const catalog::Snapshot>& snapshot,
                                const catalog::Table& table) {
  return for_each_reader(snapshot, table, [&](const catalog::Database& database, const auto& definition) {
    const auto external = database.external_tables.find(definition.external_table);
    return check_impersonation(definition,
                               external == database.external_tables.end() ? nullptr : external->second.get(),
                               table.name);
  });
}

Status check_restricted_view_access(const std::shared_ptr<const catalog::Snapshot>& snapshot,
                                    const catalog::Table& table) {
  return for_each_reader(snapshot, table, [&](const catalog::Database&, const auto& definition) -> Status {
    return restricted(definition, table.name);
  });
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
  for (auto first = extents.begin(); first != extents.end();) {
    // Extents of one commit can't be told apart by cursors: all of them are taken, or none.
    const Cursor cursor = (*first)->max_cursor;
    const auto last = std::find_if(first, extents.end(), [&](auto* e) { return e->max_cursor > cursor; });
    int64_t records = 0, bytes = 0;
    for (auto it = first; it != last; ++it) {
      records += (*it)->rows;
      bytes += (*it)->bytes;
    }
    const bool fits = stretch.records + records <= limits.records && stretch.bytes + bytes <= limits.bytes;
    if (!fits && end > 0) {
      stretch.to = std::min(end, upper);
      stretch.more = stretch.to < upper;
      return stretch;
    }
    end = cursor;
    for (auto it = first; it != last; ++it) {
      const Cursor oldest = std::max((*it)->min_cursor, from + 1);
      stretch.oldest = stretch.extents == 0 ? oldest : std::min(stretch.oldest, oldest);
      stretch.extents += 1;
    }
    stretch.records += records;
    stretch.bytes += bytes;
    first = last;
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

std::optional<Cursor> first_after(const Facts& facts, Cursor cursor) {
  std::optional<Cursor> first;
  for (const auto& table : facts) {
    for (auto it = table->extents->after(cursor); it != table->extents->end(); ++it) {
      const Cursor oldest = std::max((*it)->min_cursor, cursor + 1);
      first = first ? std::min(*first, oldest) : oldest;
    }
  }
  return first;
}

}  // namespace spillway::exports
