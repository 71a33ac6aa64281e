// The schema, version 3. Times and cursors are ticks; ids, but for those of extents, runs and operations,
// come from one counter. `definition` and `details` are JSON (codec.h).
//
//   meta             name → value: schema_version, next_id, touched
//   databases        id, name, pretty_name, cursor_value, version
//   policies         scope (a database's id; 0: the cluster), name, definition
//   tables           id, database_id, name, definition
//   functions        database_id, name, definition
//   external_tables  id, database_id, name, definition
//   extents          sequence (orders those of one commit), id, table_id, path, row_count, bytes,
//                    original_bytes, min_cursor, max_cursor, created, merged, details
//   dropped_extents  path of a file that is to be removed
//   exports          id, database_id, name, definition, disabled, generation, start_cursor, exported_to,
//                    created, last_run, last_success, last_result, failing_since, consecutive_failures
//   runs             id, export_id, database_name, export_name, generation, from_cursor, to_cursor, attempt,
//                    owner, state, started, ended, failure_kind, details, permanent, records, bytes, files,
//                    oldest
//   artifacts        id, owner, export_id (0: `.export`), database_name, export_name, external_table,
//                    connection, object, public_path, state, records, bytes, committed, checksum, abandoned,
//                    settled
//                    state: Pending (its owner runs and may be writing it) → Exported (reported), or
//                    → Abandoned at the time `abandoned` (the janitor deletes the object, then the row);
//                    settled: 1 where no request is on its way any more that could make the object appear
//   manifests        sequence (the order of the commits), run, database_name, export_name, connection,
//                    object, content, export_id: those that are still to be put into their stores
//   ingestion_failures  sequence, failed (the time), database_name, definition
//   delta_commits    sequence (the order of the commits), owner, database_name, export_name, connection,
//                    content: those that are still to be put into the logs of their Delta tables
//   operations       id, kind, node, database_name, principal, root_activity_id, status, state, started,
//                    updated, should_retry, details
//
// A catalog of an older version is brought up to date when it is opened.
//
// The statements keep to what SQLite and PostgreSQL share; the connection's settings are SQLite's.
#include "catalog/store.h"

#include <array>
#include <stdexcept>

#include <soci/sqlite3/soci-sqlite3.h>

#include "catalog/codec.h"
#include "catalog/private_file.h"

namespace spillway::catalog {
namespace {

using soci::into;
using soci::use;
using Integer = long long;  // SOCI's name of int64_t

constexpr Integer kSchemaVersion = 3;

constexpr const char* kManifests =
    "CREATE TABLE manifests (sequence BIGINT PRIMARY KEY, run TEXT NOT NULL UNIQUE, database_name TEXT NOT "
    "NULL, "
    "export_name TEXT NOT NULL, connection TEXT NOT NULL, object TEXT NOT NULL, content TEXT NOT NULL)";
constexpr const char* kManifestsExport =
    "ALTER TABLE manifests ADD COLUMN export_id BIGINT NOT NULL DEFAULT 0";

constexpr const char* kDeltaCommits =
    "CREATE TABLE delta_commits (sequence BIGINT PRIMARY KEY, owner TEXT NOT NULL UNIQUE, database_name TEXT "
    "NOT NULL, export_name TEXT NOT NULL, connection TEXT NOT NULL, content TEXT NOT NULL)";

constexpr const char* kPolicies =
    "CREATE TABLE policies (scope BIGINT NOT NULL, name TEXT NOT NULL, definition TEXT NOT NULL, PRIMARY KEY "
    "(scope, name))";

constexpr const char* kIngestionFailures =
    "CREATE TABLE ingestion_failures (sequence BIGINT PRIMARY KEY, failed BIGINT NOT NULL, database_name "
    "TEXT "
    "NOT NULL, definition TEXT NOT NULL)";

constexpr std::array kSchema = {
    "CREATE TABLE databases (id BIGINT PRIMARY KEY, name TEXT NOT NULL UNIQUE, pretty_name TEXT NOT NULL, "
    "cursor_value BIGINT NOT NULL, version BIGINT NOT NULL)",
    "CREATE TABLE tables (id BIGINT PRIMARY KEY, database_id BIGINT NOT NULL, name TEXT NOT NULL, "
    "definition TEXT NOT NULL, UNIQUE (database_id, name))",
    "CREATE TABLE functions (database_id BIGINT NOT NULL, name TEXT NOT NULL, definition TEXT NOT NULL, "
    "PRIMARY KEY (database_id, name))",
    "CREATE TABLE external_tables (id BIGINT PRIMARY KEY, database_id BIGINT NOT NULL, name TEXT NOT NULL, "
    "definition TEXT NOT NULL, UNIQUE (database_id, name))",
    "CREATE TABLE extents (sequence BIGINT PRIMARY KEY, id TEXT NOT NULL UNIQUE, table_id BIGINT NOT NULL, "
    "path TEXT NOT NULL, row_count BIGINT NOT NULL, bytes BIGINT NOT NULL, original_bytes BIGINT NOT NULL, "
    "min_cursor BIGINT NOT NULL, max_cursor BIGINT NOT NULL, created BIGINT NOT NULL, merged INTEGER NOT "
    "NULL, "
    "details TEXT NOT NULL)",
    "CREATE INDEX extents_by_table ON extents (table_id)",
    "CREATE TABLE dropped_extents (path TEXT PRIMARY KEY)",
    "CREATE TABLE exports (id BIGINT PRIMARY KEY, database_id BIGINT NOT NULL, name TEXT NOT NULL, "
    "definition TEXT NOT NULL, disabled INTEGER NOT NULL, generation BIGINT NOT NULL, start_cursor BIGINT "
    "NOT NULL, "
    "exported_to BIGINT NOT NULL, created BIGINT NOT NULL, last_run BIGINT, last_success BIGINT, "
    "last_result TEXT NOT NULL, failing_since BIGINT, consecutive_failures BIGINT NOT NULL, "
    "UNIQUE (database_id, name))",
    "CREATE TABLE runs (id TEXT PRIMARY KEY, export_id BIGINT NOT NULL, database_name TEXT NOT NULL, "
    "export_name TEXT NOT NULL, generation BIGINT NOT NULL, from_cursor BIGINT NOT NULL, to_cursor BIGINT "
    "NOT NULL, "
    "attempt BIGINT NOT NULL, owner TEXT NOT NULL, state TEXT NOT NULL, started BIGINT NOT NULL, ended "
    "BIGINT, "
    "failure_kind TEXT NOT NULL, details TEXT NOT NULL, permanent INTEGER NOT NULL, records BIGINT NOT NULL, "
    "bytes BIGINT NOT NULL, files BIGINT NOT NULL, oldest BIGINT NOT NULL DEFAULT 0)",
    "CREATE INDEX runs_by_export ON runs (export_id, started)",
    "CREATE INDEX runs_by_from ON runs (export_id, from_cursor)",
    "CREATE INDEX runs_running ON runs (state) WHERE state = 'Running'",
    "CREATE TABLE artifacts (id BIGINT PRIMARY KEY, owner TEXT NOT NULL, export_id BIGINT NOT NULL, "
    "database_name TEXT NOT NULL, export_name TEXT NOT NULL, external_table TEXT NOT NULL, connection TEXT "
    "NOT NULL, "
    "object TEXT NOT NULL, public_path TEXT NOT NULL UNIQUE, state TEXT NOT NULL, records BIGINT NOT NULL, "
    "bytes BIGINT NOT NULL, committed BIGINT NOT NULL, checksum TEXT NOT NULL DEFAULT '', "
    "abandoned BIGINT NOT NULL DEFAULT 0, settled INTEGER NOT NULL DEFAULT 0)",
    "CREATE INDEX artifacts_by_owner ON artifacts (owner)",
    "CREATE INDEX artifacts_by_export ON artifacts (export_id, committed)",
    "CREATE INDEX artifacts_unfinished ON artifacts (state) WHERE state <> 'Exported'",
    "CREATE TABLE operations (id TEXT PRIMARY KEY, kind TEXT NOT NULL, node TEXT NOT NULL, "
    "database_name TEXT NOT NULL, principal TEXT NOT NULL, root_activity_id TEXT NOT NULL, status TEXT NOT "
    "NULL, "
    "state TEXT NOT NULL, started BIGINT NOT NULL, updated BIGINT NOT NULL, should_retry INTEGER NOT NULL, "
    "details TEXT)",
    "CREATE INDEX operations_by_start ON operations (started)",
    kManifests,
    kManifestsExport,
    kPolicies,
    kIngestionFailures,
    kDeltaCommits,
};

/// What makes a catalog of version 1 one of version 2.
constexpr std::array kFromVersion1 = {
    "ALTER TABLE runs ADD COLUMN oldest BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE artifacts ADD COLUMN checksum TEXT NOT NULL DEFAULT ''",
    kManifests,
};

/// What makes a catalog of version 2 one of version 3.
constexpr std::array kFromVersion2 = {
    kManifestsExport,
    "UPDATE manifests SET export_id = COALESCE((SELECT export_id FROM runs WHERE id = manifests.run), 0)",
    kPolicies,
    kIngestionFailures,
    "ALTER TABLE artifacts ADD COLUMN abandoned BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE artifacts ADD COLUMN settled INTEGER NOT NULL DEFAULT 0",
    kDeltaCommits,
};

/// A column that may be null.
struct Optional {
  Integer value = 0;
  soci::indicator indicator = soci::i_null;

  Optional() = default;
  Optional(const std::optional<Ticks>& from)
      : value(from.value_or(0)), indicator(from ? soci::i_ok : soci::i_null) {}
  std::optional<Ticks> get() const {
    return indicator == soci::i_ok ? std::optional<Ticks>(value) : std::nullopt;
  }
};

Guid guid_of(const std::string& text) {
  const std::optional<Guid> guid = Guid::parse(text);
  if (!guid) throw std::runtime_error("'" + text + "' is not an id");
  return *guid;
}

constexpr std::array kOperationStates = {
    OperationState::InProgress, OperationState::Completed, OperationState::Failed,  OperationState::Throttled,
    OperationState::Scheduled,  OperationState::Abandoned, OperationState::Canceled};

RunState run_state(const std::string& name) {
  for (const RunState state : {RunState::Running, RunState::Completed, RunState::Failed}) {
    if (name == name_of(state)) return state;
  }
  throw std::runtime_error("unknown state of a run '" + name + "'");
}

OperationState operation_state(const std::string& name) {
  for (const OperationState state : kOperationStates) {
    if (name == name_of(state)) return state;
  }
  throw std::runtime_error("unknown state of an operation '" + name + "'");
}

}  // namespace

std::string message_of(const std::exception& exception) {
  const auto* error = dynamic_cast<const soci::soci_error*>(&exception);
  return error ? error->get_error_message() : exception.what();
}

/// The statements of ingestion and of export runs, with the variables that they are bound to.
struct Store::Statements {
  struct CursorRow {
    Integer id = 0, value = 0;
  } cursor;
  struct ExtentRow {
    Integer sequence = 0, table_id = 0, rows = 0, bytes = 0, original_bytes = 0, min_cursor = 0,
            max_cursor = 0, created = 0;
    int merged = 0;
    std::string id, path, details;
  } extent;
  struct ExportRow {
    Integer id = 0, generation = 0, exported_to = 0, failures = 0;
    int disabled = 0;
    Optional last_run, last_success, failing_since;
    std::string last_result;
  } position;
  struct RunRow {
    Integer export_id = 0, generation = 0, from = 0, to = 0, attempt = 0, started = 0, records = 0, bytes = 0,
            files = 0, oldest = 0;
    int permanent = 0;
    Optional ended;
    std::string id, database, name, owner, state, kind, details;
  } run;
  struct ArtifactRow {
    Integer id = 0, export_id = 0, records = 0, bytes = 0, committed = 0;
    std::string owner, database, export_name, external_table, connection, object, public_path, checksum;
  } artifact;

  soci::statement put_cursor, insert_extent, put_export_state, insert_run, finish_run, insert_artifact,
      keep_artifact;

  explicit Statements(soci::session& sql)
      : put_cursor((sql.prepare << "UPDATE databases SET cursor_value = :v WHERE id = :id", use(cursor.value),
                    use(cursor.id))),
        insert_extent(
            (sql.prepare << "INSERT INTO extents (sequence, id, table_id, path, row_count, bytes, "
                            "original_bytes, min_cursor, max_cursor, created, merged, details) VALUES "
                            "(:s, :id, :t, :p, :r, :b, :o, :mi, :ma, :c, :me, :d)",
             use(extent.sequence), use(extent.id), use(extent.table_id), use(extent.path), use(extent.rows),
             use(extent.bytes), use(extent.original_bytes), use(extent.min_cursor), use(extent.max_cursor),
             use(extent.created), use(extent.merged), use(extent.details))),
        put_export_state(
            (sql.prepare << "UPDATE exports SET disabled = :d, generation = :g, exported_to = :e, "
                            "last_run = :lr, last_success = :ls, last_result = :re, "
                            "failing_since = :fs, consecutive_failures = :cf WHERE id = :id",
             use(position.disabled), use(position.generation), use(position.exported_to),
             use(position.last_run.value, position.last_run.indicator),
             use(position.last_success.value, position.last_success.indicator), use(position.last_result),
             use(position.failing_since.value, position.failing_since.indicator), use(position.failures),
             use(position.id))),
        insert_run(
            (sql.prepare
                 << "INSERT INTO runs (id, export_id, database_name, export_name, generation, "
                    "from_cursor, to_cursor, attempt, owner, state, started, ended, failure_kind, "
                    "details, permanent, records, bytes, files, oldest) VALUES (:id, :e, :d, :n, :g, :f, :t, "
                    ":a, :o, :s, :st, :en, :k, :de, :p, :r, :b, :fi, :ol)",
             use(run.id), use(run.export_id), use(run.database), use(run.name), use(run.generation),
             use(run.from), use(run.to), use(run.attempt), use(run.owner), use(run.state), use(run.started),
             use(run.ended.value, run.ended.indicator), use(run.kind), use(run.details), use(run.permanent),
             use(run.records), use(run.bytes), use(run.files), use(run.oldest))),
        finish_run(
            (sql.prepare << "UPDATE runs SET state = :s, ended = :en, failure_kind = :k, details = :d, "
                            "permanent = :p, records = :r, bytes = :b, files = :f WHERE id = :id",
             use(run.state), use(run.ended.value, run.ended.indicator), use(run.kind), use(run.details),
             use(run.permanent), use(run.records), use(run.bytes), use(run.files), use(run.id))),
        insert_artifact(
            (sql.prepare
                 << "INSERT INTO artifacts (id, owner, export_id, database_name, export_name, "
                    "external_table, connection, object, public_path, state, records, bytes, "
                    "committed, checksum) VALUES (:id, :o, :e, :d, :n, :x, :c, :ob, :p, 'Pending', :r, :b, "
                    ":t, :ch)",
             use(artifact.id), use(artifact.owner), use(artifact.export_id), use(artifact.database),
             use(artifact.export_name), use(artifact.external_table), use(artifact.connection),
             use(artifact.object), use(artifact.public_path), use(artifact.records), use(artifact.bytes),
             use(artifact.committed), use(artifact.checksum))),
        keep_artifact(
            (sql.prepare << "UPDATE artifacts SET state = 'Exported', records = :r, bytes = :b, "
                            "committed = :t WHERE owner = :o AND connection = :c AND object = :ob AND "
                            "state = 'Pending'",
             use(artifact.records), use(artifact.bytes), use(artifact.committed), use(artifact.owner),
             use(artifact.connection), use(artifact.object))) {}

  void bind(const ExportRun& from) {
    run.id = from.id.str();
    run.export_id = from.export_id;
    run.database = from.database;
    run.name = from.name;
    run.generation = from.generation;
    run.from = from.from;
    run.to = from.to;
    run.attempt = from.attempt;
    run.owner = from.owner;
    run.state = catalog::name_of(from.state);
    run.started = from.started;
    run.ended = from.ended;
    run.kind = from.failure_kind;
    run.details = from.details;
    run.permanent = from.permanent_failure ? 1 : 0;
    run.records = from.records;
    run.bytes = from.bytes;
    run.files = from.files;
    run.oldest = from.oldest;
  }

  void bind(const Artifact& from) {
    artifact.owner = from.owner.str();
    artifact.database = from.database;
    artifact.export_name = from.export_name;
    artifact.external_table = from.external_table;
    artifact.connection = from.connection;
    artifact.object = from.object;
    artifact.public_path = from.public_path;
    artifact.records = from.records;
    artifact.bytes = from.bytes;
    artifact.committed = from.committed;
    artifact.checksum = from.checksum;
  }
};

Store::Store(const std::string& file, Access access) {
  if (access == Access::ReadOnly) {
    open_read_only(sql_, file);
    check_schema();
    return;
  }
  open_private(sql_, file, "FULL");
  std::string mode;
  sql_ << "PRAGMA journal_mode = WAL", into(mode);
  if (mode != "wal") throw std::runtime_error("the file system can't hold a write-ahead log");
  create_schema();
  statements_ = std::make_unique<Statements>(sql_);
}

Store::~Store() = default;

void Store::create_schema() {
  soci::transaction transaction(sql_);
  sql_ << "CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value BIGINT NOT NULL)";
  Integer version = 0;
  sql_ << "SELECT value FROM meta WHERE name = 'schema_version'", into(version);
  if (!sql_.got_data()) {
    for (const char* statement : kSchema) sql_ << statement;
    sql_ << "INSERT INTO meta (name, value) VALUES ('schema_version', :v), ('next_id', 1), ('touched', 0)",
        use(kSchemaVersion);
  } else if (version < 1 || version > kSchemaVersion) {
    throw std::runtime_error("its schema has version " + std::to_string(version) +
                             ", this program knows version " + std::to_string(kSchemaVersion));
  } else if (version < kSchemaVersion) {
    if (version < 2) {
      for (const char* statement : kFromVersion1) sql_ << statement;
    }
    for (const char* statement : kFromVersion2) sql_ << statement;
    sql_ << "UPDATE meta SET value = :v WHERE name = 'schema_version'", use(kSchemaVersion);
  }
  transaction.commit();
}

void Store::check_schema() {
  Integer version = 0;
  sql_ << "SELECT value FROM meta WHERE name = 'schema_version'", into(version);
  if (version == kSchemaVersion) return;
  throw std::runtime_error("its schema has version " + std::to_string(version) +
                           ", this program reads version " + std::to_string(kSchemaVersion) +
                           " only: both must be of one release");
}

int64_t Store::data_version() {
  Integer version = 0;
  sql_ << "PRAGMA data_version", into(version);
  return version;
}

void Store::begin() {
  sql_.begin();
}

void Store::commit() {
  sql_.commit();
}

void Store::rollback() noexcept {
  try {
    sql_.rollback();
  } catch (const std::exception&) {
    // SQLite has rolled back by itself where the failure was one of its own.
  }
}

void Store::put_next_id(int64_t next_id) {
  const Integer value = next_id;
  sql_ << "UPDATE meta SET value = :v WHERE name = 'next_id'", use(value);
}

void Store::touch() {
  sql_ << "UPDATE meta SET value = value + 1 WHERE name = 'touched'";
}

State Store::load() {
  std::map<int64_t, std::shared_ptr<Database>> databases;
  Integer id = 0, cursor = 0, version = 0;
  std::string name, pretty_name;
  soci::statement select =
      (sql_.prepare << "SELECT id, name, pretty_name, cursor_value, version FROM databases", into(id),
       into(name), into(pretty_name), into(cursor), into(version));
  select.execute();
  while (select.fetch()) {
    auto database = std::make_shared<Database>();
    database->id = id;
    database->name = name;
    database->pretty_name = pretty_name;
    database->cursor = cursor;
    database->version = version;
    databases[id] = std::move(database);
  }
  load_extents(load_tables(databases));
  load_functions(databases);
  load_external_tables(databases);
  load_exports(databases);

  State state;
  auto snapshot = std::make_shared<Snapshot>();
  load_policies(databases, *snapshot);
  for (auto& [database_id, database] : databases) snapshot->databases[database->name] = database;
  state.snapshot = std::move(snapshot);
  Integer next_id = 0;
  sql_ << "SELECT value FROM meta WHERE name = 'next_id'", into(next_id);
  state.next_id = next_id;
  for (ExportRun& run : running_runs()) state.running_runs[run.id] = run;
  for (const Operation& operation : active_operations()) state.active_operations.insert(operation.id);
  return state;
}

void Store::load_policies(const std::map<int64_t, std::shared_ptr<Database>>& databases, Snapshot& snapshot) {
  Integer scope = 0;
  std::string name, definition;
  soci::statement select = (sql_.prepare << "SELECT scope, name, definition FROM policies", into(scope),
                            into(name), into(definition));
  select.execute();
  while (select.fetch()) {
    auto& policies = scope == kClusterScope ? snapshot.policies : databases.at(scope)->policies;
    policies[name] = definition;
  }
}

std::map<int64_t, std::shared_ptr<Table>> Store::load_tables(
    const std::map<int64_t, std::shared_ptr<Database>>& databases) {
  std::map<int64_t, std::shared_ptr<Table>> tables;
  Integer id = 0, database_id = 0;
  std::string name, definition;
  soci::statement select = (sql_.prepare << "SELECT id, database_id, name, definition FROM tables", into(id),
                            into(database_id), into(name), into(definition));
  select.execute();
  while (select.fetch()) {
    auto table = std::make_shared<Table>();
    table->id = id;
    table->name = name;
    decode(definition, *table);
    databases.at(database_id)->tables[name] = table;
    tables[id] = std::move(table);
  }
  return tables;
}

void Store::load_extents(const std::map<int64_t, std::shared_ptr<Table>>& tables) {
  std::map<int64_t, std::vector<ExtentList::Item>> lists;
  Statements::ExtentRow row;
  soci::statement select =
      (sql_.prepare
           << "SELECT id, table_id, path, row_count, bytes, original_bytes, min_cursor, max_cursor, created, "
              "merged, details FROM extents ORDER BY max_cursor, sequence",
       into(row.id), into(row.table_id), into(row.path), into(row.rows), into(row.bytes),
       into(row.original_bytes), into(row.min_cursor), into(row.max_cursor), into(row.created),
       into(row.merged), into(row.details));
  select.execute();
  while (select.fetch()) {
    auto extent = std::make_shared<Extent>();
    extent->id = guid_of(row.id);
    extent->path = row.path;
    extent->rows = row.rows;
    extent->bytes = row.bytes;
    extent->original_bytes = row.original_bytes;
    extent->min_cursor = row.min_cursor;
    extent->max_cursor = row.max_cursor;
    extent->created = row.created;
    extent->merged = row.merged != 0;
    decode(row.details, *extent);
    lists[row.table_id].push_back(std::move(extent));
  }
  for (const auto& [table_id, list] : lists) {
    tables.at(table_id)->extents = std::make_shared<const ExtentList>(list);
  }
}

void Store::load_functions(const std::map<int64_t, std::shared_ptr<Database>>& databases) {
  Integer database_id = 0;
  std::string name, definition;
  soci::statement select = (sql_.prepare << "SELECT database_id, name, definition FROM functions",
                            into(database_id), into(name), into(definition));
  select.execute();
  while (select.fetch()) {
    auto function = std::make_shared<Function>();
    function->name = name;
    decode(definition, *function);
    databases.at(database_id)->functions[name] = std::move(function);
  }
}

void Store::load_external_tables(const std::map<int64_t, std::shared_ptr<Database>>& databases) {
  Integer id = 0, database_id = 0;
  std::string name, definition;
  soci::statement select = (sql_.prepare << "SELECT id, database_id, name, definition FROM external_tables",
                            into(id), into(database_id), into(name), into(definition));
  select.execute();
  while (select.fetch()) {
    auto table = std::make_shared<ExternalTable>();
    table->id = id;
    table->name = name;
    decode(definition, *table);
    databases.at(database_id)->external_tables[name] = std::move(table);
  }
}

void Store::load_exports(const std::map<int64_t, std::shared_ptr<Database>>& databases) {
  Statements::ExportRow row;
  Integer database_id = 0, start_cursor = 0, created = 0;
  std::string name, definition;
  soci::statement select =
      (sql_.prepare
           << "SELECT id, database_id, name, definition, disabled, generation, start_cursor, exported_to, "
              "created, last_run, last_success, last_result, failing_since, consecutive_failures FROM "
              "exports",
       into(row.id), into(database_id), into(name), into(definition), into(row.disabled),
       into(row.generation), into(start_cursor), into(row.exported_to), into(created),
       into(row.last_run.value, row.last_run.indicator),
       into(row.last_success.value, row.last_success.indicator), into(row.last_result),
       into(row.failing_since.value, row.failing_since.indicator), into(row.failures));
  select.execute();
  while (select.fetch()) {
    auto definition_of = std::make_shared<ContinuousExport>();
    definition_of->id = row.id;
    definition_of->name = name;
    decode(definition, *definition_of);
    definition_of->disabled = row.disabled != 0;
    definition_of->generation = row.generation;
    definition_of->start_cursor = start_cursor;
    definition_of->exported_to = row.exported_to;
    definition_of->created = created;
    definition_of->last_run = row.last_run.get();
    definition_of->last_success = row.last_success.get();
    definition_of->last_result = row.last_result;
    definition_of->failing_since = row.failing_since.get();
    definition_of->consecutive_failures = static_cast<int>(row.failures);
    databases.at(database_id)->exports[name] = std::move(definition_of);
  }
}

void Store::insert_database(const Database& database) {
  const Integer id = database.id, cursor = database.cursor, version = database.version;
  sql_ << "INSERT INTO databases (id, name, pretty_name, cursor_value, version) VALUES (:id, :n, :p, :c, :v)",
      use(id), use(database.name), use(database.pretty_name), use(cursor), use(version);
}

void Store::put_version(const Database& database) {
  const Integer id = database.id, version = database.version;
  sql_ << "UPDATE databases SET version = :v WHERE id = :id", use(version), use(id);
}

void Store::delete_database(const Database& database) {
  const Integer id = database.id;
  for (const auto& [name, table] : database.tables) delete_table(table->id);
  sql_ << "DELETE FROM policies WHERE scope = :id", use(id);
  sql_ << "DELETE FROM functions WHERE database_id = :id", use(id);
  sql_ << "DELETE FROM external_tables WHERE database_id = :id", use(id);
  sql_ << "DELETE FROM exports WHERE database_id = :id", use(id);
  sql_ << "DELETE FROM databases WHERE id = :id", use(id);
}

void Store::put_cursor(int64_t database_id, Cursor cursor) {
  statements_->cursor.id = database_id;
  statements_->cursor.value = cursor;
  statements_->put_cursor.execute(true);
}

void Store::put_policy(int64_t scope, const std::string& name, const std::optional<std::string>& policy) {
  const Integer id = scope;
  if (!policy) {
    sql_ << "DELETE FROM policies WHERE scope = :s AND name = :n", use(id), use(name);
    return;
  }
  sql_ << "INSERT INTO policies (scope, name, definition) VALUES (:s, :n, :d) ON CONFLICT (scope, name) DO "
          "UPDATE SET definition = excluded.definition",
      use(id), use(name), use(*policy);
}

void Store::put_table(int64_t database_id, const Table& table) {
  const Integer id = table.id, database = database_id;
  const std::string definition = encode(table);
  sql_ << "INSERT INTO tables (id, database_id, name, definition) VALUES (:id, :db, :n, :d) ON CONFLICT (id) "
          "DO UPDATE "
          "SET name = excluded.name, definition = excluded.definition",
      use(id), use(database), use(table.name), use(definition);
}

void Store::delete_table(int64_t table_id) {
  const Integer id = table_id;
  sql_ << "INSERT INTO dropped_extents (path) SELECT path FROM extents WHERE table_id = :id", use(id);
  sql_ << "DELETE FROM extents WHERE table_id = :id", use(id);
  sql_ << "DELETE FROM tables WHERE id = :id", use(id);
}

void Store::put_function(int64_t database_id, const Function& function) {
  const Integer database = database_id;
  const std::string definition = encode(function);
  sql_ << "INSERT INTO functions (database_id, name, definition) VALUES (:db, :n, :d) ON CONFLICT "
          "(database_id, name) "
          "DO UPDATE SET definition = excluded.definition",
      use(database), use(function.name), use(definition);
}

void Store::delete_function(int64_t database_id, const std::string& name) {
  const Integer database = database_id;
  sql_ << "DELETE FROM functions WHERE database_id = :db AND name = :n", use(database), use(name);
}

void Store::put_external_table(int64_t database_id, const ExternalTable& table) {
  const Integer id = table.id, database = database_id;
  const std::string definition = encode(table);
  sql_ << "INSERT INTO external_tables (id, database_id, name, definition) VALUES (:id, :db, :n, :d) "
          "ON CONFLICT (id) DO UPDATE SET name = excluded.name, definition = excluded.definition",
      use(id), use(database), use(table.name), use(definition);
}

void Store::delete_external_table(int64_t id) {
  const Integer row = id;
  sql_ << "DELETE FROM external_tables WHERE id = :id", use(row);
}

void Store::insert_extent(int64_t table_id, int64_t sequence, const Extent& extent) {
  Statements::ExtentRow& row = statements_->extent;
  row.sequence = sequence;
  row.id = extent.id.str();
  row.table_id = table_id;
  row.path = extent.path;
  row.rows = extent.rows;
  row.bytes = extent.bytes;
  row.original_bytes = extent.original_bytes;
  row.min_cursor = extent.min_cursor;
  row.max_cursor = extent.max_cursor;
  row.created = extent.created;
  row.merged = extent.merged ? 1 : 0;
  row.details = encode(extent);
  statements_->insert_extent.execute(true);
}

void Store::drop_extent(const Extent& extent) {
  const std::string id = extent.id.str();
  sql_ << "INSERT INTO dropped_extents (path) VALUES (:p)", use(extent.path);
  sql_ << "DELETE FROM extents WHERE id = :id", use(id);
}

void Store::delete_extent(const Extent& extent) {
  const std::string id = extent.id.str();
  sql_ << "DELETE FROM extents WHERE id = :id", use(id);
}

void Store::forget_extent(const std::string& path) {
  sql_ << "DELETE FROM dropped_extents WHERE path = :p", use(path);
}

void Store::put_export(int64_t database_id, const ContinuousExport& definition) {
  const Integer id = definition.id, database = database_id, generation = definition.generation,
                start_cursor = definition.start_cursor, exported_to = definition.exported_to,
                created = definition.created;
  const std::string text = encode(definition);
  sql_ << "INSERT INTO exports (id, database_id, name, definition, disabled, generation, start_cursor, "
          "exported_to, "
          "created, last_result, consecutive_failures) VALUES (:id, :db, :n, :d, 0, :g, :s, :e, :c, '', 0) "
          "ON CONFLICT (id) DO UPDATE SET definition = excluded.definition",
      use(id), use(database), use(definition.name), use(text), use(generation), use(start_cursor),
      use(exported_to), use(created);
  put_export_state(definition);
}

void Store::put_export_state(const ContinuousExport& definition) {
  Statements::ExportRow& row = statements_->position;
  row.id = definition.id;
  row.disabled = definition.disabled ? 1 : 0;
  row.generation = definition.generation;
  row.exported_to = definition.exported_to;
  row.last_run = definition.last_run;
  row.last_success = definition.last_success;
  row.last_result = definition.last_result;
  row.failing_since = definition.failing_since;
  row.failures = definition.consecutive_failures;
  statements_->put_export_state.execute(true);
}

void Store::delete_export(int64_t id) {
  const Integer row = id;
  sql_ << "DELETE FROM exports WHERE id = :id", use(row);
}

void Store::insert_run(const ExportRun& run) {
  statements_->bind(run);
  statements_->insert_run.execute(true);
}

void Store::finish_run(const ExportRun& run) {
  statements_->bind(run);
  statements_->finish_run.execute(true);
}

int Store::last_attempt(int64_t export_id, Cursor from) {
  const Integer id = export_id, cursor = from;
  Integer attempt = 0;
  sql_ << "SELECT COALESCE(MAX(attempt), 0) FROM runs WHERE export_id = :id AND from_cursor = :f", use(id),
      use(cursor), into(attempt);
  return static_cast<int>(attempt);
}

void Store::insert_artifact(int64_t id, int64_t export_id, const Artifact& artifact) {
  statements_->bind(artifact);
  statements_->artifact.id = id;
  statements_->artifact.export_id = export_id;
  statements_->insert_artifact.execute(true);
}

bool Store::artifact_exists(const std::string& public_path) {
  Integer count = 0;
  sql_ << "SELECT COUNT(*) FROM artifacts WHERE public_path = :p", use(public_path), into(count);
  return count != 0;
}

bool Store::keep_artifact(const Guid& owner, const Artifact& artifact, Ticks committed) {
  statements_->bind(artifact);
  statements_->artifact.owner = owner.str();
  statements_->artifact.committed = committed;
  statements_->keep_artifact.execute(true);
  return statements_->keep_artifact.get_affected_rows() == 1;
}

void Store::abandon_artifacts(const Guid& owner, Ticks now) {
  const std::string id = owner.str();
  const Integer time = now;
  sql_ << "UPDATE artifacts SET state = 'Abandoned', abandoned = :t WHERE owner = :o AND state = 'Pending'",
      use(time), use(id);
}

void Store::withdraw_artifacts(const Guid& owner, Ticks now) {
  const std::string id = owner.str();
  const Integer time = now;
  sql_ << "UPDATE artifacts SET state = 'Abandoned', abandoned = :t WHERE owner = :o", use(time), use(id);
}

void Store::abandon_all_artifacts(Ticks now) {
  const Integer time = now;
  sql_ << "UPDATE artifacts SET state = 'Abandoned', abandoned = :t WHERE state = 'Pending'", use(time);
}

void Store::settle_artifact(const Artifact& artifact) {
  const std::string owner = artifact.owner.str();
  sql_
      << "UPDATE artifacts SET settled = 1 WHERE owner = :o AND connection = :c AND object = :ob AND state = "
         "'Pending'",
      use(owner), use(artifact.connection), use(artifact.object);
}

void Store::delete_artifact(const Artifact& artifact) {
  const std::string owner = artifact.owner.str();
  sql_ << "DELETE FROM artifacts WHERE owner = :o AND connection = :c AND object = :ob AND state <> "
          "'Exported'",
      use(owner), use(artifact.connection), use(artifact.object);
}

void Store::insert_manifest(int64_t sequence, const Manifest& manifest) {
  const Integer order = sequence, export_id = manifest.export_id;
  const std::string run = manifest.run.str();
  sql_ << "INSERT INTO manifests (sequence, run, export_id, database_name, export_name, connection, object, "
          "content) VALUES (:s, :r, :i, :d, :e, :c, :o, :t)",
      use(order), use(run), use(export_id), use(manifest.database), use(manifest.export_name),
      use(manifest.connection), use(manifest.object), use(manifest.content);
}

void Store::delete_manifest(const Guid& run) {
  const std::string id = run.str();
  sql_ << "DELETE FROM manifests WHERE run = :r", use(id);
}

void Store::insert_delta_commit(int64_t sequence, const DeltaCommit& commit) {
  const Integer order = sequence;
  const std::string owner = commit.owner.str();
  sql_ << "INSERT INTO delta_commits (sequence, owner, database_name, export_name, connection, content) "
          "VALUES (:s, :o, :d, :e, :c, :t)",
      use(order), use(owner), use(commit.database), use(commit.export_name), use(commit.connection),
      use(commit.content);
}

void Store::delete_delta_commit(const Guid& owner) {
  const std::string id = owner.str();
  sql_ << "DELETE FROM delta_commits WHERE owner = :o", use(id);
}

void Store::put_operation(const Operation& operation, const std::optional<std::string>& details) {
  const std::string id = operation.id.str(), state = catalog::name_of(operation.state);
  const Integer started = operation.started, updated = operation.updated;
  const int should_retry = operation.should_retry ? 1 : 0;
  const std::string text = details.value_or("");
  soci::indicator given = details ? soci::i_ok : soci::i_null;
  sql_ << "INSERT INTO operations (id, kind, node, database_name, principal, root_activity_id, status, "
          "state, started, "
          "updated, should_retry, details) VALUES (:id, :k, :n, :db, :p, :r, :s, :st, :b, :u, :re, :d) "
          "ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, node = excluded.node, database_name = "
          "excluded.database_name, principal = excluded.principal, root_activity_id = "
          "excluded.root_activity_id, "
          "status = excluded.status, state = excluded.state, started = excluded.started, updated = "
          "excluded.updated, "
          "should_retry = excluded.should_retry, details = excluded.details",
      use(id), use(operation.kind), use(operation.node), use(operation.database), use(operation.principal),
      use(operation.root_activity_id), use(operation.status), use(state), use(started), use(updated),
      use(should_retry), use(text, given);
}

void Store::insert_ingestion_failure(int64_t sequence, const IngestionFailure& failure) {
  const Integer row = sequence, failed = failure.failed;
  const std::string definition = encode(failure);
  sql_ << "INSERT INTO ingestion_failures (sequence, failed, database_name, definition) VALUES (:s, :f, :d, "
          ":t)",
      use(row), use(failed), use(failure.database), use(definition);
}

std::vector<IngestionFailure> Store::ingestion_failures(Ticks since, int limit) {
  std::vector<IngestionFailure> failures;
  const Integer first = since;
  Integer failed = 0;
  std::string database, definition;
  soci::statement select =
      (sql_.prepare << "SELECT failed, database_name, definition FROM ingestion_failures WHERE failed >= :s "
                       "ORDER BY sequence DESC LIMIT :l",
       use(first), use(limit), into(failed), into(database), into(definition));
  select.execute();
  while (select.fetch()) {
    IngestionFailure& failure = failures.emplace_back();
    failure.failed = failed;
    failure.database = database;
    decode(definition, failure);
  }
  return failures;
}

void Store::prune(Ticks before, int completed_runs_kept, int ingestion_failures_kept) {
  const Integer limit = before;
  sql_ << "DELETE FROM ingestion_failures WHERE failed < :t", use(limit);
  Integer last = 0;
  sql_ << "SELECT sequence FROM ingestion_failures ORDER BY sequence DESC LIMIT 1 OFFSET :n",
      use(ingestion_failures_kept), into(last);
  if (sql_.got_data()) sql_ << "DELETE FROM ingestion_failures WHERE sequence <= :s", use(last);
  sql_ << "DELETE FROM artifacts WHERE committed < :t AND state = 'Exported' AND export_id NOT IN "
          "(SELECT id FROM exports)",
      use(limit);
  sql_ << "DELETE FROM operations WHERE state NOT IN ('InProgress', 'Scheduled') AND updated < :t",
      use(limit);
  sql_ << "DELETE FROM runs WHERE state <> 'Running' AND ended < :t", use(limit);
  std::vector<Integer> exports;
  Integer id = 0;
  soci::statement select = (sql_.prepare << "SELECT id FROM exports", into(id));
  select.execute();
  while (select.fetch()) exports.push_back(id);
  for (const Integer export_id : exports) {
    Integer newest = 0;
    sql_ << "SELECT started FROM runs WHERE export_id = :id AND state = 'Completed' ORDER BY started DESC "
            "LIMIT 1 OFFSET :n",
        use(export_id), use(completed_runs_kept), into(newest);
    if (!sql_.got_data()) continue;
    sql_ << "DELETE FROM runs WHERE export_id = :id AND state = 'Completed' AND started <= :t",
        use(export_id), use(newest);
  }
}

void Store::prune_artifacts(int64_t export_id, Ticks before) {
  const Integer id = export_id, limit = before;
  sql_ << "DELETE FROM artifacts WHERE export_id = :id AND committed < :t AND state = 'Exported'", use(id),
      use(limit);
}

namespace {

const std::string kRunColumns =
    "SELECT id, export_id, database_name, export_name, generation, from_cursor, to_cursor, attempt, owner, "
    "state, "
    "started, ended, failure_kind, details, permanent, records, bytes, files, oldest FROM runs ";

const std::string kArtifactColumns =
    "SELECT owner, database_name, export_name, external_table, connection, object, public_path, records, "
    "bytes, "
    "committed, checksum, abandoned, settled FROM artifacts ";
const std::string kOperationColumns =
    "SELECT id, kind, node, database_name, principal, root_activity_id, status, state, started, updated, "
    "should_retry "
    "FROM operations ";

/// Prepares `select`, whose results have been given, and binds its parameters.
template <typename... Parameters>
void start(soci::statement& select, const std::string& text, const Parameters&... parameters) {
  (select.exchange(use(parameters)), ...);
  select.alloc();
  select.prepare(text);
  select.define_and_bind();
  select.execute();
}

template <typename... Results>
soci::statement selecting(soci::session& sql, Results&&... results) {
  soci::statement select(sql);
  (select.exchange(std::forward<Results>(results)), ...);
  return select;
}

/// The runs that `condition` selects by its parameters, in its order.
template <typename... Parameters>
std::vector<ExportRun> select_runs(soci::session& sql, const std::string& condition,
                                   const Parameters&... parameters) {
  std::vector<ExportRun> runs;
  Integer export_id = 0, generation = 0, from = 0, to = 0, attempt = 0, started = 0, records = 0, bytes = 0,
          files = 0, oldest = 0;
  int permanent = 0;
  Optional ended;
  std::string id, database, name, owner, state, kind, details;
  soci::statement select = selecting(
      sql, into(id), into(export_id), into(database), into(name), into(generation), into(from), into(to),
      into(attempt), into(owner), into(state), into(started), into(ended.value, ended.indicator), into(kind),
      into(details), into(permanent), into(records), into(bytes), into(files), into(oldest));
  start(select, kRunColumns + condition, parameters...);
  while (select.fetch()) {
    ExportRun run;
    run.id = guid_of(id);
    run.database = database;
    run.name = name;
    run.export_id = export_id;
    run.generation = generation;
    run.from = from;
    run.to = to;
    run.attempt = static_cast<int>(attempt);
    run.owner = owner;
    run.state = run_state(state);
    run.started = started;
    run.ended = ended.get();
    run.failure_kind = kind;
    run.details = details;
    run.permanent_failure = permanent != 0;
    run.records = records;
    run.bytes = bytes;
    run.files = files;
    run.oldest = oldest;
    runs.push_back(std::move(run));
  }
  return runs;
}

template <typename... Parameters>
std::vector<Artifact> select_artifacts(soci::session& sql, const std::string& condition,
                                       const Parameters&... parameters) {
  std::vector<Artifact> artifacts;
  Integer records = 0, bytes = 0, committed = 0, abandoned = 0;
  int settled = 0;
  std::string owner, database, export_name, external_table, connection, object, public_path, checksum;
  soci::statement select =
      selecting(sql, into(owner), into(database), into(export_name), into(external_table), into(connection),
                into(object), into(public_path), into(records), into(bytes), into(committed), into(checksum),
                into(abandoned), into(settled));
  start(select, kArtifactColumns + condition, parameters...);
  while (select.fetch()) {
    artifacts.push_back({guid_of(owner), database, export_name, external_table, connection, object,
                         public_path, records, bytes, committed, checksum, abandoned, settled != 0});
  }
  return artifacts;
}

template <typename... Parameters>
std::vector<Operation> select_operations(soci::session& sql, const std::string& condition,
                                         const Parameters&... parameters) {
  std::vector<Operation> operations;
  Operation row;
  Integer started = 0, updated = 0;
  int should_retry = 0;
  std::string row_id, state;
  soci::statement select = selecting(sql, into(row_id), into(row.kind), into(row.node), into(row.database),
                                     into(row.principal), into(row.root_activity_id), into(row.status),
                                     into(state), into(started), into(updated), into(should_retry));
  start(select, kOperationColumns + condition, parameters...);
  while (select.fetch()) {
    row.id = guid_of(row_id);
    row.state = operation_state(state);
    row.started = started;
    row.updated = updated;
    row.should_retry = should_retry != 0;
    operations.push_back(row);
  }
  return operations;
}

}  // namespace

std::vector<ExportRun> Store::runs(int64_t export_id, int limit) {
  return select_runs(sql_,
                     "WHERE export_id = :e ORDER BY started DESC, to_cursor DESC, attempt DESC LIMIT :l",
                     export_id, limit);
}

std::vector<ExportRun> Store::failed_runs(int64_t export_id, Ticks since) {
  return select_runs(sql_,
                     "WHERE export_id = :e AND state = 'Failed' AND ended >= :s ORDER BY started DESC, "
                     "to_cursor DESC, attempt DESC",
                     export_id, since);
}

std::vector<ExportRun> Store::running_runs() {
  return select_runs(sql_, "WHERE state = 'Running'");
}

std::vector<Artifact> Store::exported_artifacts(int64_t export_id) {
  return select_artifacts(sql_, "WHERE export_id = :e AND state = 'Exported' ORDER BY committed, id",
                          export_id);
}

std::vector<Artifact> Store::abandoned_artifacts() {
  // The second condition is what the partial index is for.
  return select_artifacts(sql_, "WHERE state = 'Abandoned' AND state <> 'Exported' ORDER BY id");
}

std::vector<Manifest> Store::manifests() {
  std::vector<Manifest> manifests;
  std::string run;
  Manifest row;
  Integer export_id = 0;
  soci::statement select =
      selecting(sql_, into(run), into(export_id), into(row.database), into(row.export_name),
                into(row.connection), into(row.object), into(row.content));
  start(select,
        "SELECT run, export_id, database_name, export_name, connection, object, content FROM manifests ORDER "
        "BY "
        "sequence");
  while (select.fetch()) {
    row.run = guid_of(run);
    row.export_id = export_id;
    manifests.push_back(row);
  }
  return manifests;
}

std::vector<DeltaCommit> Store::delta_commits() {
  std::vector<DeltaCommit> commits;
  std::string owner;
  DeltaCommit row;
  soci::statement select = selecting(sql_, into(owner), into(row.database), into(row.export_name),
                                     into(row.connection), into(row.content));
  start(select,
        "SELECT owner, database_name, export_name, connection, content FROM delta_commits ORDER BY sequence");
  while (select.fetch()) {
    row.owner = guid_of(owner);
    commits.push_back(row);
  }
  return commits;
}

std::vector<Operation> Store::operations(Ticks since, int limit) {
  return select_operations(sql_, "WHERE started >= :s ORDER BY started DESC, id LIMIT :l", since, limit);
}

std::vector<Operation> Store::active_operations() {
  return select_operations(sql_, "WHERE state IN ('InProgress', 'Scheduled')");
}

std::optional<Operation> Store::operation(const Guid& id) {
  std::vector<Operation> found = select_operations(sql_, "WHERE id = :id", id.str());
  return found.empty() ? std::nullopt : std::optional(std::move(found.front()));
}

std::optional<std::string> Store::operation_details(const Guid& id) {
  const std::string text = id.str();
  std::string details;
  soci::indicator given = soci::i_null;
  sql_ << "SELECT details FROM operations WHERE id = :id", use(text), into(details, given);
  if (!sql_.got_data() || given != soci::i_ok) return std::nullopt;
  return details;
}

std::vector<std::string> Store::dropped_extents() {
  std::vector<std::string> paths;
  std::string path;
  soci::statement select = (sql_.prepare << "SELECT path FROM dropped_extents ORDER BY path", into(path));
  select.execute();
  while (select.fetch()) paths.push_back(path);
  return paths;
}

std::set<std::string> Store::extent_paths() {
  std::set<std::string> paths;
  std::string path;
  soci::statement select =
      (sql_.prepare << "SELECT path FROM extents UNION ALL SELECT path FROM dropped_extents", into(path));
  select.execute();
  while (select.fetch()) paths.insert(path);
  return paths;
}

}  // namespace spillway::catalog
