// One transaction on the catalog: changes a copy of the state in memory and the rows alike. What it leaves is
// published, or dropped, by Catalog::write() (catalog.cc). Private to this room.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "catalog/catalog.h"
#include "catalog/store.h"

namespace spillway::catalog {

/// The details of a run, or the status of an operation, that a dead process left running.
inline constexpr const char* kStopped = "the server stopped during the run";

class Transaction : public Writer {
 public:
  Transaction(Store& store, const State& state, Ticks now);

  const Snapshot& current() const override { return *snapshot_; }
  Ticks now() const override { return now_; }

  Status create_database(const std::string& name, const std::string& pretty_name) override;
  Status drop_database(const std::string& name) override;
  Status set_policy(const std::string& database, const std::string& name,
                    const std::optional<std::string>& policy) override;
  Status create_table(const std::string& database, Table table) override;
  Status alter_table(const std::string& database, const Table& table) override;
  Status rename_table(const std::string& database, const std::string& from, const std::string& to) override;
  Status drop_table(const std::string& database, const std::string& name) override;
  Status put_function(const std::string& database, const Function& function) override;
  Status drop_function(const std::string& database, const std::string& name) override;
  Status put_external_table(const std::string& database, ExternalTable table) override;
  Status drop_external_table(const std::string& database, const std::string& name) override;
  Result<Cursor> add_extents(const std::string& database, int64_t table_id,
                             std::vector<Extent> extents) override;
  Status drop_extents(const std::string& database, int64_t table_id, const std::vector<Guid>& ids) override;
  Status merge_extents(const std::string& database, int64_t table_id, const std::vector<Guid>& ids,
                       Extent merged) override;
  Result<Cursor> move_extents(const std::string& database, const std::vector<Move>& moves,
                              int64_t to_table_id, bool new_ingestion_time) override;
  Status add_ingestion_failure(const IngestionFailure& failure) override;
  Status put_export(const std::string& database, ContinuousExport definition,
                    bool from_the_beginning) override;
  Status drop_export(const std::string& database, const std::string& name) override;
  Status set_export_disabled(const std::string& database, const std::string& name, bool disabled) override;
  Result<ExportRun> begin_run(const std::string& database, const std::string& name, Cursor to,
                              const std::string& owner, Cursor oldest) override;
  Status add_pending(const std::vector<Artifact>& artifacts) override;
  Status commit_run(const ExportRun& run, const std::vector<Artifact>& artifacts,
                    const std::optional<Manifest>& manifest,
                    const std::optional<DeltaCommit>& delta) override;
  Status forget_manifest(const Guid& run) override;
  Status forget_delta_commit(const Guid& owner) override;
  Status fail_run(const ExportRun& run, const Error& error, Ticks disable_after) override;
  Status put_operation(const Operation& operation) override;
  Status complete_operation(const Operation& operation, const std::string& details,
                            const std::vector<Artifact>& artifacts,
                            const std::optional<DeltaCommit>& delta) override;
  Status withdraw_operation(const Operation& operation) override;
  Status abandon_artifacts(const Guid& owner) override;
  Status settle_pending(const std::vector<Artifact>& artifacts) override;
  Status forget_pending(const std::vector<Artifact>& artifacts) override;

  /// Ends what a dead process left running. Returns how many runs and operations that were.
  Result<std::pair<size_t, size_t>> recover();
  Status forget_extents(const std::vector<std::string>& paths);

  /// The first error that left a change half done: such a transaction can't be committed.
  const Status& broken() const { return broken_; }
  /// Writes what is written once, at the end.
  Status finish();
  State take_state();
  /// The extents that leave the snapshot by this transaction: dropped, merged or moved ones.
  const std::vector<ExtentList::Item>& dropped() const { return dropped_; }

 private:
  /// Runs statements; their exceptions become Internal errors, and the transaction broken.
  template <typename F>
  Status sql(F&& statements);
  Status broken(Error error);

  Result<Database*> edit(const std::string& database);
  /// The same for a change of a definition: raises the database's version.
  Result<Database*> redefine(const std::string& database);
  /// A copy of the table that replaces it in the database.
  static Table& edit_table(Database& database, const std::string& name);
  static ContinuousExport& edit_export(Database& database, const std::string& name);
  /// The current definition of the run's export; nullptr where it is gone.
  ContinuousExport* export_of(const ExportRun& run);
  static Result<const std::shared_ptr<const Table>*> table_by_id(const Database& database, int64_t id);
  void drop_all(const Table& table);
  /// The cursor of what this transaction adds to the database.
  Cursor cursor_of(Database& database);
  /// Makes the extents visible in the table.
  Status append(Database& database, const Table& table, const std::vector<ExtentList::Item>& items);
  /// Takes extents out of the table, in memory only. Conflict where one of them isn't there.
  Result<std::vector<ExtentList::Item>> take_extents(Database& database, int64_t table_id,
                                                     const std::vector<Guid>& ids);

  Status end_run(ExportRun run, RunState state);
  Status put_operation(const Operation& operation, const std::optional<std::string>& details);
  Status keep_artifacts(const Guid& owner, const std::vector<Artifact>& artifacts, ExportRun& totals);

  Store& store_;
  const Ticks now_;
  std::shared_ptr<Snapshot> snapshot_;
  std::map<std::string, std::shared_ptr<Database>> edited_;  // databases that are already copies
  int64_t next_id_;
  const int64_t first_id_;
  std::map<Guid, ExportRun> running_runs_;
  std::set<Guid> active_operations_;
  std::vector<ExtentList::Item> dropped_;
  std::map<int64_t, Cursor> cursors_;  // by the database's id
  Status broken_;
};

}  // namespace spillway::catalog
