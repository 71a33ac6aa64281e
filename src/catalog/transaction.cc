#include "catalog/transaction.h"

#include <algorithm>

namespace spillway::catalog {
namespace {

Error database_not_found(const std::string& name) {
  return Error(ErrorCode::EntityNotFound, "database '" + name + "' not found");
}

Error not_found(const char* kind, const std::string& name, const std::string& database) {
  return Error(ErrorCode::EntityNotFound,
               std::string(kind) + " '" + name + "' not found in database '" + database + "'");
}

Error exists(const char* kind, const std::string& name, const std::string& database) {
  return Error(ErrorCode::EntityExists,
               std::string(kind) + " '" + name + "' already exists in database '" + database + "'");
}

std::string described(const ExportRun& run) {
  return "run " + run.id.str() + " of continuous export '" + run.name + "' in database '" + run.database +
         "'";
}

/// Gives ids to new columns. False where two columns have one name or one id, or an id was never given out.
bool number_columns(Table& table) {
  std::set<int> ids;
  std::set<std::string> names;
  for (Column& column : table.columns) {
    if (column.id == 0) column.id = table.next_column_id++;
    if (column.id < 0 || column.id >= table.next_column_id) return false;
    if (!ids.insert(column.id).second || !names.insert(column.name).second) return false;
  }
  return true;
}

bool active(OperationState state) {
  return state == OperationState::InProgress || state == OperationState::Scheduled;
}

}  // namespace

Transaction::Transaction(Store& store, const State& state, Ticks now)
    : store_(store),
      now_(now),
      snapshot_(std::make_shared<Snapshot>(*state.snapshot)),
      next_id_(state.next_id),
      first_id_(state.next_id),
      running_runs_(state.running_runs),
      active_operations_(state.active_operations) {}

template <typename F>
Status Transaction::sql(F&& statements) {
  if (!broken_.ok()) return broken_;
  try {
    statements();
    return Status();
  } catch (const std::exception& exception) {
    return broken(Error(ErrorCode::Internal, "the catalog can't be written: " + message_of(exception)));
  }
}

Status Transaction::broken(Error error) {
  if (broken_.ok()) broken_ = std::move(error);
  return broken_;
}

Status Transaction::finish() {
  if (next_id_ == first_id_) return broken_;
  return sql([&] { store_.put_next_id(next_id_); });
}

State Transaction::take_state() {
  State state;
  state.snapshot = std::move(snapshot_);
  state.next_id = next_id_;
  state.running_runs = std::move(running_runs_);
  state.active_operations = std::move(active_operations_);
  return state;
}

Result<Database*> Transaction::edit(const std::string& name) {
  if (const auto found = edited_.find(name); found != edited_.end()) return found->second.get();
  const auto found = snapshot_->databases.find(name);
  if (found == snapshot_->databases.end()) return database_not_found(name);
  SPILLWAY_TRY(check_writable(*found->second));
  auto copy = std::make_shared<Database>(*found->second);
  found->second = copy;
  return (edited_[name] = std::move(copy)).get();
}

Result<Database*> Transaction::redefine(const std::string& name) {
  SPILLWAY_ASSIGN(Database * database, edit(name));
  ++database->version;
  SPILLWAY_TRY(sql([&] { store_.put_version(*database); }));
  return database;
}

Table& Transaction::edit_table(Database& database, const std::string& name) {
  auto copy = std::make_shared<Table>(*database.tables.at(name));
  Table& table = *copy;
  database.tables[name] = std::move(copy);
  return table;
}

ContinuousExport& Transaction::edit_export(Database& database, const std::string& name) {
  auto copy = std::make_shared<ContinuousExport>(*database.exports.at(name));
  ContinuousExport& definition = *copy;
  database.exports[name] = std::move(copy);
  return definition;
}

ContinuousExport* Transaction::export_of(const ExportRun& run) {
  const Database* database = snapshot_->database(run.database);
  if (!database) return nullptr;
  const auto found = database->exports.find(run.name);
  if (found == database->exports.end() || found->second->id != run.export_id) return nullptr;
  return &edit_export(**edit(run.database), run.name);
}

Result<const std::shared_ptr<const Table>*> Transaction::table_by_id(const Database& database, int64_t id) {
  for (const auto& [name, table] : database.tables) {
    if (table->id == id) return &table;
  }
  return Error(ErrorCode::Conflict,
               "table " + std::to_string(id) + " is no longer in database '" + database.name + "'");
}

Status Transaction::create_database(const std::string& name, const std::string& pretty_name) {
  if (snapshot_->database(name)) {
    return Error(ErrorCode::EntityExists, "database '" + name + "' already exists");
  }
  auto database = std::make_shared<Database>();
  database->id = next_id_++;
  database->name = name;
  database->pretty_name = pretty_name;
  database->cursor = now_;
  SPILLWAY_TRY(sql([&] { store_.insert_database(*database); }));
  snapshot_->databases[name] = database;
  edited_[name] = std::move(database);
  return Status();
}

Status Transaction::drop_database(const std::string& name) {
  const auto found = snapshot_->databases.find(name);
  if (found == snapshot_->databases.end()) return database_not_found(name);
  SPILLWAY_TRY(check_writable(*found->second));
  SPILLWAY_TRY(sql([&] { store_.delete_database(*found->second); }));
  for (const auto& [table_name, table] : found->second->tables) drop_all(*table);
  edited_.erase(name);
  snapshot_->databases.erase(found);
  return Status();
}

Status Transaction::set_policy(const std::string& database_name, const std::string& name,
                               const std::optional<std::string>& policy) {
  std::map<std::string, std::string>* policies = &snapshot_->policies;
  int64_t scope = kClusterScope;
  if (!database_name.empty()) {
    SPILLWAY_ASSIGN(Database * database, redefine(database_name));
    policies = &database->policies;
    scope = database->id;
  }
  SPILLWAY_TRY(sql([&] { store_.put_policy(scope, name, policy); }));
  if (policy) {
    (*policies)[name] = *policy;
  } else {
    policies->erase(name);
  }
  return Status();
}

Status Transaction::create_table(const std::string& database_name, Table table) {
  SPILLWAY_ASSIGN(Database * database, redefine(database_name));
  if (database->tables.contains(table.name)) return exists("table", table.name, database_name);
  table.next_column_id = std::max(table.next_column_id, 1);
  if (!number_columns(table)) {
    return Error(ErrorCode::BadRequest, "table '" + table.name + "' has two columns of one name or id");
  }
  table.id = next_id_++;
  table.extents = std::make_shared<const ExtentList>();
  SPILLWAY_TRY(sql([&] { store_.put_table(database->id, table); }));
  const std::string name = table.name;
  database->tables[name] = std::make_shared<Table>(std::move(table));
  return Status();
}

Status Transaction::alter_table(const std::string& database_name, const Table& table) {
  SPILLWAY_ASSIGN(Database * database, redefine(database_name));
  SPILLWAY_ASSIGN(const std::shared_ptr<const Table>* found, table_by_id(*database, table.id));
  Table next = **found;
  next.columns = table.columns;
  next.folder = table.folder;
  next.docstring = table.docstring;
  next.ingestion_time_policy = table.ingestion_time_policy;
  next.policies = table.policies;
  next.mappings = table.mappings;
  if (!number_columns(next)) {
    return Error(ErrorCode::BadRequest, "table '" + next.name + "' has two columns of one name or id");
  }
  SPILLWAY_TRY(sql([&] { store_.put_table(database->id, next); }));
  const std::string name = next.name;
  database->tables[name] = std::make_shared<Table>(std::move(next));
  return Status();
}

Status Transaction::rename_table(const std::string& database_name, const std::string& from,
                                 const std::string& to) {
  SPILLWAY_ASSIGN(Database * database, redefine(database_name));
  if (!database->tables.contains(from)) return not_found("table", from, database_name);
  if (from == to) return Status();
  if (database->tables.contains(to)) return exists("table", to, database_name);
  Table& table = edit_table(*database, from);
  table.name = to;
  SPILLWAY_TRY(sql([&] { store_.put_table(database->id, table); }));
  auto node = database->tables.extract(from);
  node.key() = to;
  database->tables.insert(std::move(node));
  return Status();
}

Status Transaction::drop_table(const std::string& database_name, const std::string& name) {
  SPILLWAY_ASSIGN(Database * database, redefine(database_name));
  const auto found = database->tables.find(name);
  if (found == database->tables.end()) return not_found("table", name, database_name);
  SPILLWAY_TRY(sql([&] { store_.delete_table(found->second->id); }));
  drop_all(*found->second);
  database->tables.erase(found);
  return Status();
}

void Transaction::drop_all(const Table& table) {
  dropped_.insert(dropped_.end(), table.extents->begin(), table.extents->end());
}

Status Transaction::put_function(const std::string& database_name, const Function& function) {
  SPILLWAY_ASSIGN(Database * database, redefine(database_name));
  SPILLWAY_TRY(sql([&] { store_.put_function(database->id, function); }));
  database->functions[function.name] = std::make_shared<Function>(function);
  return Status();
}

Status Transaction::drop_function(const std::string& database_name, const std::string& name) {
  SPILLWAY_ASSIGN(Database * database, redefine(database_name));
  if (!database->functions.contains(name)) return not_found("function", name, database_name);
  SPILLWAY_TRY(sql([&] { store_.delete_function(database->id, name); }));
  database->functions.erase(name);
  return Status();
}

Status Transaction::put_external_table(const std::string& database_name, ExternalTable table) {
  SPILLWAY_ASSIGN(Database * database, redefine(database_name));
  const auto found = database->external_tables.find(table.name);
  table.id = found != database->external_tables.end() ? found->second->id : next_id_++;
  SPILLWAY_TRY(sql([&] { store_.put_external_table(database->id, table); }));
  const std::string name = table.name;
  database->external_tables[name] = std::make_shared<ExternalTable>(std::move(table));
  return Status();
}

Status Transaction::drop_external_table(const std::string& database_name, const std::string& name) {
  SPILLWAY_ASSIGN(Database * database, redefine(database_name));
  const auto found = database->external_tables.find(name);
  if (found == database->external_tables.end()) return not_found("external table", name, database_name);
  SPILLWAY_TRY(sql([&] { store_.delete_external_table(found->second->id); }));
  database->external_tables.erase(found);
  return Status();
}

Cursor Transaction::cursor_of(Database& database) {
  const auto [found, is_new] = cursors_.try_emplace(database.id, std::max(database.cursor + 1, now_));
  database.cursor = found->second;
  return found->second;
}

Status Transaction::append(Database& database, const Table& table,
                           const std::vector<ExtentList::Item>& items) {
  SPILLWAY_TRY(sql([&] {
    for (const ExtentList::Item& extent : items) store_.insert_extent(table.id, next_id_++, *extent);
    store_.put_cursor(database.id, database.cursor);
  }));
  Table& edited = edit_table(database, table.name);
  auto list = std::make_shared<ExtentList>(*edited.extents);
  list->append(items);
  edited.extents = std::move(list);
  return Status();
}

Result<Cursor> Transaction::add_extents(const std::string& database_name, int64_t table_id,
                                        std::vector<Extent> extents) {
  SPILLWAY_ASSIGN(Database * database, edit(database_name));
  SPILLWAY_ASSIGN(const std::shared_ptr<const Table>* found, table_by_id(*database, table_id));
  const Cursor cursor = cursor_of(*database);
  std::vector<ExtentList::Item> items;
  items.reserve(extents.size());
  for (Extent& extent : extents) {
    // The cursor is the ingestion time too, so that one orders and bounds records as the other does.
    extent.min_cursor = extent.max_cursor = extent.created = extent.first_created = cursor;
    items.push_back(std::make_shared<const Extent>(std::move(extent)));
  }
  SPILLWAY_TRY(append(*database, **found, items));
  return cursor;
}

Result<std::vector<ExtentList::Item>> Transaction::take_extents(Database& database, int64_t table_id,
                                                                const std::vector<Guid>& ids) {
  SPILLWAY_ASSIGN(const std::shared_ptr<const Table>* found, table_by_id(database, table_id));
  const std::set<Guid> wanted(ids.begin(), ids.end());
  auto list = std::make_shared<ExtentList>(*(*found)->extents);
  std::vector<ExtentList::Item> removed = list->remove(wanted);
  if (removed.size() != wanted.size()) {
    return Error(ErrorCode::Conflict, std::to_string(wanted.size() - removed.size()) +
                                          " of the extents are no longer in table '" + (*found)->name +
                                          "' of database '" + database.name + "'");
  }
  edit_table(database, (*found)->name).extents = std::move(list);
  return removed;
}

Status Transaction::drop_extents(const std::string& database_name, int64_t table_id,
                                 const std::vector<Guid>& ids) {
  SPILLWAY_ASSIGN(Database * database, edit(database_name));
  SPILLWAY_ASSIGN(const std::vector<ExtentList::Item> removed, take_extents(*database, table_id, ids));
  dropped_.insert(dropped_.end(), removed.begin(), removed.end());
  return sql([&] {
    for (const ExtentList::Item& extent : removed) store_.drop_extent(*extent);
  });
}

Result<Cursor> Transaction::move_extents(const std::string& database_name, const std::vector<Move>& moves,
                                         int64_t to_table_id, bool new_ingestion_time) {
  SPILLWAY_ASSIGN(Database * database, edit(database_name));
  SPILLWAY_ASSIGN(const std::shared_ptr<const Table>* found, table_by_id(*database, to_table_id));
  const std::shared_ptr<const Table> to = *found;
  const Cursor cursor = cursor_of(*database);
  std::map<int64_t, std::vector<Guid>> by_table;
  for (const Move& move : moves) by_table[move.from_table_id].push_back(move.id);
  std::map<Guid, std::pair<ExtentList::Item, std::shared_ptr<const Table>>> taken;
  for (const auto& [table_id, ids] : by_table) {
    SPILLWAY_ASSIGN(const std::shared_ptr<const Table>* source, table_by_id(*database, table_id));
    const std::shared_ptr<const Table> from = *source;
    SPILLWAY_ASSIGN(const std::vector<ExtentList::Item> removed, take_extents(*database, table_id, ids));
    for (const ExtentList::Item& extent : removed) taken[extent->id] = {extent, from};
  }
  std::vector<ExtentList::Item> items;
  for (const Move& move : moves) {
    const auto& [extent, from] = taken.at(move.id);
    SPILLWAY_ASSIGN(Extent next, extent_in_table(*extent, *from, *to));
    arrive(next, move.new_id, cursor, new_ingestion_time);
    items.push_back(std::make_shared<const Extent>(std::move(next)));
    dropped_.push_back(extent);  // whoever reads it needs the file, which may be dropped with the moved one
  }
  SPILLWAY_TRY(sql([&] {
    for (const auto& [id, source] : taken) store_.delete_extent(*source.first);
  }));
  SPILLWAY_TRY(append(*database, *to, items));
  return cursor;
}

Status Transaction::add_ingestion_failure(const IngestionFailure& failure) {
  return sql([&] { store_.insert_ingestion_failure(next_id_++, failure); });
}

Status Transaction::merge_extents(const std::string& database_name, int64_t table_id,
                                  const std::vector<Guid>& ids, Extent merged) {
  SPILLWAY_ASSIGN(Database * database, edit(database_name));
  SPILLWAY_ASSIGN(const std::shared_ptr<const Table>* found, table_by_id(*database, table_id));
  const std::set<Guid> wanted(ids.begin(), ids.end());
  const ExtentList& before = *(*found)->extents;
  std::vector<ExtentList::Item> after, removed;
  size_t place = 0;
  for (const ExtentList::Item& extent : before) {
    if (!wanted.contains(extent->id)) {
      after.push_back(extent);
      continue;
    }
    if (!removed.empty() && after.size() != place) {
      return Error(ErrorCode::BadRequest, "extents that others lie between can't be merged");
    }
    if (!removed.empty() && removed.front()->tags != extent->tags) {
      return Error(ErrorCode::BadRequest, "extents with different tags can't be merged");
    }
    place = after.size();
    removed.push_back(extent);
  }
  if (removed.size() != wanted.size() || removed.empty()) {
    return Error(ErrorCode::Conflict, std::to_string(wanted.size() - removed.size()) +
                                          " of the extents are no longer in table '" + (*found)->name +
                                          "' of database '" + database_name + "'");
  }
  merged.merged = true;
  merged.moved = false;  // its file has the cursors of moved records as they are in this table
  merged.tags = removed.front()->tags;
  merged.min_cursor = INT64_MAX;
  merged.first_created = INT64_MAX;
  merged.original_bytes = 0;
  for (const ExtentList::Item& extent : removed) {
    merged.min_cursor = std::min(merged.min_cursor, extent->min_cursor);
    merged.max_cursor = std::max(merged.max_cursor, extent->max_cursor);
    merged.created = std::max(merged.created, extent->created);
    merged.first_created = std::min(merged.first_created, extent->first_created);
    merged.original_bytes += extent->original_bytes;
  }
  const auto item = std::make_shared<const Extent>(std::move(merged));
  after.insert(after.begin() + static_cast<std::ptrdiff_t>(place), item);
  SPILLWAY_TRY(sql([&] {
    for (const ExtentList::Item& extent : removed) store_.drop_extent(*extent);
    store_.insert_extent(table_id, next_id_++, *item);
  }));
  edit_table(*database, (*found)->name).extents = std::make_shared<const ExtentList>(after);
  dropped_.insert(dropped_.end(), removed.begin(), removed.end());
  return Status();
}

Status Transaction::put_export(const std::string& database_name, ContinuousExport definition,
                               bool from_the_beginning) {
  SPILLWAY_ASSIGN(Database * database, edit(database_name));
  const auto found = database->exports.find(definition.name);
  definition.failing_since.reset();
  definition.consecutive_failures = 0;
  if (found == database->exports.end()) {
    definition.id = next_id_++;
    definition.generation = 1;
    definition.start_cursor = definition.exported_to = from_the_beginning ? 0 : database->cursor;
    definition.created = now_;
    definition.last_run.reset();
    definition.last_success.reset();
    definition.last_result.clear();
  } else {
    const ContinuousExport& before = *found->second;
    definition.id = before.id;
    definition.generation = before.generation + 1;
    definition.start_cursor = before.start_cursor;
    definition.exported_to = before.exported_to;
    definition.created = before.created;
    definition.last_run = before.last_run;
    definition.last_success = before.last_success;
    definition.last_result = before.last_result;
  }
  SPILLWAY_TRY(sql([&] { store_.put_export(database->id, definition); }));
  const std::string name = definition.name;
  database->exports[name] = std::make_shared<ContinuousExport>(std::move(definition));
  return Status();
}

Status Transaction::drop_export(const std::string& database_name, const std::string& name) {
  SPILLWAY_ASSIGN(Database * database, edit(database_name));
  const auto found = database->exports.find(name);
  if (found == database->exports.end()) return not_found("continuous export", name, database_name);
  SPILLWAY_TRY(sql([&] { store_.delete_export(found->second->id); }));
  database->exports.erase(found);
  return Status();
}

Status Transaction::set_export_disabled(const std::string& database_name, const std::string& name,
                                        bool disabled) {
  SPILLWAY_ASSIGN(Database * database, edit(database_name));
  if (!database->exports.contains(name)) return not_found("continuous export", name, database_name);
  if (database->exports.at(name)->disabled == disabled) return Status();
  ContinuousExport& definition = edit_export(*database, name);
  definition.disabled = disabled;
  ++definition.generation;
  definition.failing_since.reset();
  definition.consecutive_failures = 0;
  return sql([&] { store_.put_export_state(definition); });
}

Result<ExportRun> Transaction::begin_run(const std::string& database_name, const std::string& name, Cursor to,
                                         const std::string& owner, Cursor oldest) {
  SPILLWAY_ASSIGN(Database * database, edit(database_name));
  if (!database->exports.contains(name)) return not_found("continuous export", name, database_name);
  const ContinuousExport& before = *database->exports.at(name);
  const std::string which = "continuous export '" + name + "' in database '" + database_name + "' ";
  if (before.disabled) return Error(ErrorCode::Conflict, which + "is disabled");
  const bool running = std::any_of(running_runs_.begin(), running_runs_.end(),
                                   [&](const auto& run) { return run.second.export_id == before.id; });
  if (running) return Error(ErrorCode::Conflict, which + "has a run already");
  if (to < before.exported_to || to > database->cursor) {
    return Error(ErrorCode::BadRequest, which + "can't run up to cursor " + std::to_string(to) +
                                            ": it stands at " + std::to_string(before.exported_to) +
                                            " and the database at " + std::to_string(database->cursor));
  }
  ContinuousExport& definition = edit_export(*database, name);
  definition.last_run = now_;
  ExportRun run;
  run.id = Guid::random();
  run.database = database_name;
  run.name = name;
  run.export_id = definition.id;
  run.generation = definition.generation;
  run.from = definition.exported_to;
  run.to = to;
  run.oldest = oldest;
  run.owner = owner;
  run.started = now_;
  SPILLWAY_TRY(sql([&] {
    run.attempt = store_.last_attempt(run.export_id, run.from) + 1;
    store_.insert_run(run);
    store_.put_export_state(definition);
  }));
  running_runs_[run.id] = run;
  return run;
}

Status Transaction::add_pending(const std::vector<Artifact>& artifacts) {
  for (const Artifact& artifact : artifacts) {
    const auto run = running_runs_.find(artifact.owner);
    if (run == running_runs_.end() && !active_operations_.contains(artifact.owner)) {
      return broken(Error(ErrorCode::Conflict, "'" + artifact.public_path +
                                                   "' can't be written: its run or operation " +
                                                   artifact.owner.str() + " isn't running any more"));
    }
    bool taken = false;
    SPILLWAY_TRY(sql([&] { taken = store_.artifact_exists(artifact.public_path); }));
    if (taken) {
      return broken(
          Error(ErrorCode::Conflict, "'" + artifact.public_path + "' is an artifact of another run already"));
    }
    const int64_t export_id = run == running_runs_.end() ? 0 : run->second.export_id;
    SPILLWAY_TRY(sql([&] { store_.insert_artifact(next_id_++, export_id, artifact); }));
  }
  return Status();
}

Status Transaction::keep_artifacts(const Guid& owner, const std::vector<Artifact>& artifacts,
                                   ExportRun& totals) {
  for (const Artifact& artifact : artifacts) {
    bool kept = false;
    SPILLWAY_TRY(sql([&] { kept = store_.keep_artifact(owner, artifact, now_); }));
    if (!kept) {
      return broken(Error(ErrorCode::Conflict,
                          "'" + artifact.public_path + "' isn't a pending artifact of " + owner.str()));
    }
    totals.records += artifact.records;
    totals.bytes += artifact.bytes;
    ++totals.files;
  }
  return sql([&] { store_.abandon_artifacts(owner, now_); });
}

Status Transaction::commit_run(const ExportRun& given, const std::vector<Artifact>& artifacts,
                               const std::optional<Manifest>& manifest,
                               const std::optional<DeltaCommit>& delta) {
  const auto found = running_runs_.find(given.id);
  if (found == running_runs_.end())
    return Error(ErrorCode::Conflict, described(given) + " isn't running any more");
  ExportRun run = found->second;
  ContinuousExport* definition = export_of(run);
  if (!definition || definition->generation != run.generation || definition->exported_to != run.from ||
      definition->disabled) {
    return Error(ErrorCode::Conflict,
                 described(run) + " can't commit: the export was changed since it began");
  }
  run.records = run.bytes = run.files = 0;
  SPILLWAY_TRY(keep_artifacts(run.id, artifacts, run));
  if (manifest) SPILLWAY_TRY(sql([&] { store_.insert_manifest(next_id_++, *manifest); }));
  if (delta) SPILLWAY_TRY(sql([&] { store_.insert_delta_commit(next_id_++, *delta); }));
  definition->exported_to = run.to;
  definition->last_success = now_;
  definition->last_result = name_of(RunState::Completed);
  definition->failing_since.reset();
  definition->consecutive_failures = 0;
  SPILLWAY_TRY(sql([&] { store_.put_export_state(*definition); }));
  return end_run(std::move(run), RunState::Completed);
}

Status Transaction::forget_manifest(const Guid& run) {
  return sql([&] { store_.delete_manifest(run); });
}

Status Transaction::forget_delta_commit(const Guid& owner) {
  return sql([&] { store_.delete_delta_commit(owner); });
}

Status Transaction::fail_run(const ExportRun& given, const Error& error, Ticks disable_after) {
  const auto found = running_runs_.find(given.id);
  if (found == running_runs_.end())
    return Error(ErrorCode::Conflict, described(given) + " isn't running any more");
  ExportRun run = found->second;
  run.failure_kind = spillway::name_of(error.code);
  run.details = error.message;
  run.permanent_failure = error.permanent();
  ContinuousExport* definition = export_of(run);
  // The failure of an older definition says nothing about this one.
  if (definition && definition->generation == run.generation) {
    definition->last_result = name_of(RunState::Failed);
    ++definition->consecutive_failures;
    const bool says_nothing = error.code == ErrorCode::Cancelled || error.code == ErrorCode::Conflict;
    if (run.permanent_failure) {
      definition->failing_since = definition->failing_since.value_or(now_);
    } else if (!says_nothing) {
      definition->failing_since.reset();
    }
    if (run.permanent_failure && now_ - *definition->failing_since >= disable_after) {
      definition->disabled = true;
      ++definition->generation;
    }
    SPILLWAY_TRY(sql([&] { store_.put_export_state(*definition); }));
  }
  return end_run(std::move(run), RunState::Failed);
}

Status Transaction::end_run(ExportRun run, RunState state) {
  run.state = state;
  run.ended = now_;
  SPILLWAY_TRY(sql([&] {
    store_.finish_run(run);
    store_.abandon_artifacts(run.id, now_);
  }));
  running_runs_.erase(run.id);
  return Status();
}

Status Transaction::put_operation(const Operation& operation) {
  return put_operation(operation, std::nullopt);
}

Status Transaction::put_operation(const Operation& operation, const std::optional<std::string>& details) {
  SPILLWAY_TRY(sql([&] {
    store_.put_operation(operation, details);
    if (!active(operation.state)) store_.abandon_artifacts(operation.id, now_);
  }));
  if (active(operation.state)) {
    active_operations_.insert(operation.id);
  } else {
    active_operations_.erase(operation.id);
  }
  return Status();
}

Status Transaction::complete_operation(const Operation& operation, const std::string& details,
                                       const std::vector<Artifact>& artifacts,
                                       const std::optional<DeltaCommit>& delta) {
  if (!active_operations_.contains(operation.id)) {
    return Error(ErrorCode::Conflict, "operation " + operation.id.str() + " isn't running any more");
  }
  ExportRun totals;
  SPILLWAY_TRY(keep_artifacts(operation.id, artifacts, totals));
  if (delta) SPILLWAY_TRY(sql([&] { store_.insert_delta_commit(next_id_++, *delta); }));
  return put_operation(operation, details);
}

Status Transaction::withdraw_operation(const Operation& operation) {
  SPILLWAY_TRY(sql([&] {
    store_.delete_delta_commit(operation.id);
    store_.withdraw_artifacts(operation.id, now_);
  }));
  return put_operation(operation, std::nullopt);
}

Status Transaction::abandon_artifacts(const Guid& owner) {
  return sql([&] { store_.abandon_artifacts(owner, now_); });
}

Status Transaction::settle_pending(const std::vector<Artifact>& artifacts) {
  return sql([&] {
    for (const Artifact& artifact : artifacts) store_.settle_artifact(artifact);
  });
}

Status Transaction::forget_pending(const std::vector<Artifact>& artifacts) {
  return sql([&] {
    for (const Artifact& artifact : artifacts) store_.delete_artifact(artifact);
  });
}

Result<std::pair<size_t, size_t>> Transaction::recover() {
  const std::pair<size_t, size_t> ended(running_runs_.size(), active_operations_.size());
  for (auto [id, run] : std::map<Guid, ExportRun>(running_runs_)) {
    run.failure_kind = "Stopped";
    run.details = kStopped;
    if (ContinuousExport* definition = export_of(run)) {
      definition->last_result = name_of(RunState::Failed);
      ++definition->consecutive_failures;
      SPILLWAY_TRY(sql([&] { store_.put_export_state(*definition); }));
    }
    SPILLWAY_TRY(end_run(std::move(run), RunState::Failed));
  }
  std::vector<Operation> operations;
  SPILLWAY_TRY(sql([&] {
    operations = store_.active_operations();
    store_.abandon_all_artifacts(now_);
  }));
  for (Operation& operation : operations) {
    const bool begun = operation.state == OperationState::InProgress;
    operation.state = begun ? OperationState::Failed : OperationState::Abandoned;
    operation.status = kStopped;
    operation.updated = now_;
    operation.should_retry = true;
    SPILLWAY_TRY(put_operation(operation, std::nullopt));
  }
  return ended;
}

Status Transaction::forget_extents(const std::vector<std::string>& paths) {
  return sql([&] {
    for (const std::string& path : paths) store_.forget_extent(path);
  });
}

}  // namespace spillway::catalog
