// The catalog's rows: the SQL schema (store.cc opens with it) and every statement on it, over SOCI.
// Private to this room. Its functions throw std::exception (soci::soci_error); the transaction above turns
// that into an Internal error by message_of(), which holds no bound value and so no secret.
#pragma once

#include <soci/soci.h>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "catalog/model.h"

namespace spillway::catalog {

/// What the catalog keeps in memory; replaced as a whole at each commit.
struct State {
  std::shared_ptr<const Snapshot> snapshot = std::make_shared<const Snapshot>();
  int64_t next_id = 1;  // of databases, tables, exports, extent and artifact rows: never used twice
  std::map<Guid, ExportRun> running_runs;
  std::set<Guid> active_operations;  // InProgress or Scheduled
};

/// The scope of the cluster's policies; those of databases have their ids.
inline constexpr int64_t kClusterScope = 0;

std::string message_of(const std::exception& exception);

/// One session of the database. Used by one thread at a time.
class Store {
 public:
  enum class Access { ReadWrite, ReadOnly };

  /// Opens `file`, creates what it lacks, and refuses a schema newer than this program's. With `ReadOnly` the
  /// file must be there, with this program's schema, and may be another process's: nothing of it is changed.
  explicit Store(const std::string& file, Access access = Access::ReadWrite);
  ~Store();

  void begin();
  void commit();
  void rollback() noexcept;

  /// Everything in memory, as the rows have it.
  State load();
  /// Another one after each commit of other sessions.
  int64_t data_version();

  void put_next_id(int64_t next_id);
  /// Changes a row of no meaning.
  void touch();

  void insert_database(const Database& database);
  void delete_database(const Database& database);
  void put_version(const Database& database);
  void put_cursor(int64_t database_id, Cursor cursor);

  /// Without a text it is deleted.
  void put_policy(int64_t scope, const std::string& name, const std::optional<std::string>& policy);

  void put_table(int64_t database_id, const Table& table);
  void delete_table(int64_t table_id);  // its extents become dropped ones
  void put_function(int64_t database_id, const Function& function);
  void delete_function(int64_t database_id, const std::string& name);
  void put_external_table(int64_t database_id, const ExternalTable& table);
  void delete_external_table(int64_t id);

  void insert_extent(int64_t table_id, int64_t sequence, const Extent& extent);
  void drop_extent(const Extent& extent);
  /// The row alone: another extent has the file.
  void delete_extent(const Extent& extent);
  void forget_extent(const std::string& path);

  void put_export(int64_t database_id, const ContinuousExport& definition);
  void put_export_state(const ContinuousExport& definition);
  void delete_export(int64_t id);

  void insert_run(const ExportRun& run);
  void finish_run(const ExportRun& run);
  /// The highest attempt of the export's runs that began at `from`; 0 without one.
  int last_attempt(int64_t export_id, Cursor from);

  void insert_artifact(int64_t id, int64_t export_id, const Artifact& artifact);
  bool artifact_exists(const std::string& public_path);
  /// False where the owner has no such pending artifact.
  bool keep_artifact(const Guid& owner, const Artifact& artifact, Ticks committed);
  void abandon_artifacts(const Guid& owner, Ticks now);
  /// Every pending artifact of every owner.
  void abandon_all_artifacts(Ticks now);
  /// Exported ones, too.
  void withdraw_artifacts(const Guid& owner, Ticks now);
  void settle_artifact(const Artifact& artifact);
  /// Not an exported one.
  void delete_artifact(const Artifact& artifact);

  void insert_manifest(int64_t sequence, const Manifest& manifest);
  void delete_manifest(const Guid& run);
  void insert_delta_commit(int64_t sequence, const DeltaCommit& commit);
  void delete_delta_commit(const Guid& owner);

  void insert_ingestion_failure(int64_t sequence, const IngestionFailure& failure);

  void put_operation(const Operation& operation, const std::optional<std::string>& details);

  /// Deletes what retention lets go (catalog.h): what ended before `before`, and all but the newest of
  /// the completed runs of each export and of the ingestion failures.
  void prune(Ticks before, int completed_runs_kept, int ingestion_failures_kept);
  /// Deletes the rows of an export's exported artifacts that were committed before `before`.
  void prune_artifacts(int64_t export_id, Ticks before);

  std::vector<ExportRun> runs(int64_t export_id, int limit);
  std::vector<ExportRun> failed_runs(int64_t export_id, Ticks since);
  std::vector<ExportRun> running_runs();
  std::vector<Artifact> exported_artifacts(int64_t export_id);
  std::vector<Artifact> abandoned_artifacts();
  std::vector<Manifest> manifests();
  std::vector<IngestionFailure> ingestion_failures(Ticks since, int limit);
  std::vector<DeltaCommit> delta_commits();
  std::vector<Operation> operations(Ticks since, int limit);
  std::vector<Operation> active_operations();
  std::optional<Operation> operation(const Guid& id);
  std::optional<std::string> operation_details(const Guid& id);
  std::vector<std::string> dropped_extents();
  std::set<std::string> extent_paths();

 private:
  struct Statements;  // the prepared ones

  void create_schema();
  void check_schema();
  void load_policies(const std::map<int64_t, std::shared_ptr<Database>>& databases, Snapshot& snapshot);
  std::map<int64_t, std::shared_ptr<Table>> load_tables(
      const std::map<int64_t, std::shared_ptr<Database>>& databases);
  void load_extents(const std::map<int64_t, std::shared_ptr<Table>>& tables);
  void load_functions(const std::map<int64_t, std::shared_ptr<Database>>& databases);
  void load_external_tables(const std::map<int64_t, std::shared_ptr<Database>>& databases);
  void load_exports(const std::map<int64_t, std::shared_ptr<Database>>& databases);

  soci::session sql_;
  std::unique_ptr<Statements> statements_;
};

}  // namespace spillway::catalog
