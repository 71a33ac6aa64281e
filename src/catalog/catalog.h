// The catalog: everything durable that is neither an extent nor an exported artifact, in one SQLite database
// (WAL, synchronous=FULL) in the data folder, and every transaction on it.
//
//   Catalog::open(folder) takes the folder's lock: a second process is refused.
//   snapshot() is what readers use: immutable, in memory, replaced at each commit.
//   write(f) runs f inside one transaction; when f fails nothing of it is left, and the snapshot stays.
//
//   SPILLWAY_TRY(catalog.write([&](Writer& w) -> Status {
//     SPILLWAY_ASSIGN(auto cursor, w.add_extents("NetDefaultDB", table_id, {extent}));
//     return Status();
//   }));
//
// Writers run one at a time; write() returns once the commit is durable and visible in snapshot(). A
// transaction must not call write() itself. Where write() fails with the error of a commit (Internal) it is
// not known to be undone before the next successful write: whoever wrote files for it leaves them to the
// janitor.
//
// Files of dropped extents stay until no snapshot that names them is alive: who reads one holds the Snapshot,
// its Table, its ExtentList or the Extent.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "catalog/model.h"

namespace spillway::catalog {

// Retention. The position of an export that exists is kept for ever, and so are its artifacts where it has no
// artifact_retention of its own.
/// Of failed runs, of finished operations, of artifacts of `.export` and of dropped exports.
inline constexpr Ticks kHistory = 14 * kTicksPerDay;
/// Of completed runs, for each export; those within kHistory.
inline constexpr int kCompletedRunsKept = 10'000;
inline constexpr int kIngestionFailuresKept = 10'000;

/// One extent that changes its table.
struct Move {
  int64_t from_table_id = 0;
  Guid id;
  Guid new_id;  // that it has in the destination
};

/// The extent as it stands in another table, by the names of the columns: cursors and times are its own.
/// SchemaMismatch where that table lacks a column of its own, or has it with another type. A pure function.
Result<Extent> extent_in_table(const Extent& extent, const Table& from, const Table& to);
/// What a move changes beside that: the id, the cursor, and with `new_ingestion_time` the times.
void arrive(Extent& extent, const Guid& id, Cursor cursor, bool new_ingestion_time);

/// The mutations, inside one transaction. Errors: EntityNotFound, EntityExists, Conflict, as each says; a
/// failed storage layer is Internal. Names are checked by the commands, not here.
class Writer {
 public:
  virtual ~Writer() = default;

  /// The state as this transaction sees it, its own changes included.
  virtual const Snapshot& current() const = 0;
  virtual Ticks now() const = 0;

  virtual Status create_database(const std::string& name, const std::string& pretty_name) = 0;
  virtual Status drop_database(const std::string& name) = 0;  // and all in it

  /// Policies of a database, or with an empty `database` of the cluster: JSON text, checked by the commands.
  /// Without a text the policy is as if it never had been set.
  virtual Status set_policy(const std::string& database, const std::string& name,
                            const std::optional<std::string>& policy) = 0;

  /// `table.id`, column ids and extents are assigned here: column ids of zero are new ones.
  virtual Status create_table(const std::string& database, Table table) = 0;
  /// Replaces columns, folder, docstring and policies of the table with that id. Ids of kept columns stay.
  virtual Status alter_table(const std::string& database, const Table& table) = 0;
  virtual Status rename_table(const std::string& database, const std::string& from,
                              const std::string& to) = 0;
  virtual Status drop_table(const std::string& database, const std::string& name) = 0;

  virtual Status put_function(const std::string& database,
                              const Function& function) = 0;  // creates or replaces
  virtual Status drop_function(const std::string& database, const std::string& name) = 0;

  /// Creates or replaces (keeps the id).
  virtual Status put_external_table(const std::string& database, ExternalTable table) = 0;
  virtual Status drop_external_table(const std::string& database, const std::string& name) = 0;

  /// Assigns the transaction's cursor, the next of the database, to all of `extents` and makes them visible.
  /// What a transaction adds to several tables has one cursor: no reader sees a part of it. Sets their
  /// cursors and times of creation, which are the cursor as a time. Conflict where the table is gone.
  virtual Result<Cursor> add_extents(const std::string& database, int64_t table_id,
                                     std::vector<Extent> extents) = 0;
  /// The extents leave the snapshot; their files are removed once no snapshot that holds them is left.
  /// Conflict where one of them is gone.
  virtual Status drop_extents(const std::string& database, int64_t table_id,
                              const std::vector<Guid>& ids) = 0;

  /// The extents give way to one that holds their records, each with its own cursor and ingestion time: its
  /// `merged`, cursors, `created`, tags and original bytes are set here. No result changes by it. Conflict
  /// where one of them is gone; BadRequest where others lie between them in the order of cursors, or their
  /// tags differ.
  virtual Status merge_extents(const std::string& database, int64_t table_id, const std::vector<Guid>& ids,
                               Extent merged) = 0;

  /// Extents go from their tables into another one, in the order given, and arrive there under the
  /// transaction's cursor: who follows the destination's cursors sees their records once, after the move.
  /// Ingestion times stay, or with `new_ingestion_time` become the cursor's. The files stay where they are.
  /// Conflict where a table or an extent is gone; SchemaMismatch where the destination lacks a column of a
  /// source table, or has it with another type.
  virtual Result<Cursor> move_extents(const std::string& database, const std::vector<Move>& moves,
                                      int64_t to_table_id, bool new_ingestion_time) = 0;

  /// Kept for kHistory, the newest kIngestionFailuresKept of them.
  virtual Status add_ingestion_failure(const IngestionFailure& failure) = 0;

  /// Creates (start_cursor and exported_to become the database's cursor, or with `from_the_beginning` 0) or
  /// alters (keeps id and position, raises the generation). Takes `disabled` as it is in the definition; an
  /// export starts without failures either way.
  virtual Status put_export(const std::string& database, ContinuousExport definition,
                            bool from_the_beginning = false) = 0;
  virtual Status drop_export(const std::string& database, const std::string& name) = 0;
  /// Nothing where it is so already.
  virtual Status set_export_disabled(const std::string& database, const std::string& name, bool disabled) = 0;

  // An export run, as design: begin → pending artifacts → commit or fail.
  /// Inserts the run over (exported_to, to], whose first record came at `oldest` (0: there is none). Conflict
  /// where a run of this export is leased and running. EntityNotFound where the export is gone; Conflict
  /// where it is disabled; BadRequest where `to` lies before exported_to or after the database's cursor.
  virtual Result<ExportRun> begin_run(const std::string& database, const std::string& name, Cursor to,
                                      const std::string& owner, Cursor oldest = 0) = 0;
  /// Before the object is opened. For runs and for `.export` operations alike. Conflict where the owner is
  /// neither a running run nor an operation in progress, or where a row (of anyone) has the public path
  /// already.
  virtual Status add_pending(const std::vector<Artifact>& artifacts) = 0;
  /// Compare and set: only while the export stands at run.from under run.generation and the run is Running.
  /// The run's pending artifacts named in `artifacts` (by connection and object) become exported, with the
  /// records and bytes given here; others of it go to the janitor. Moves exported_to to run.to, marks the run
  /// Completed and sets its totals. `manifest` and `delta` become due in the same commit. Conflict otherwise.
  virtual Status commit_run(const ExportRun& run, const std::vector<Artifact>& artifacts,
                            const std::optional<Manifest>& manifest = std::nullopt,
                            const std::optional<DeltaCommit>& delta = std::nullopt) = 0;
  /// The manifest is in its store.
  virtual Status forget_manifest(const Guid& run) = 0;
  /// The commit is in the table's log, or can't ever come there.
  virtual Status forget_delta_commit(const Guid& owner) = 0;
  /// Marks the run Failed and releases its pending artifacts to the janitor. Updates the export's failure
  /// state; a permanent failure that has lasted `disable_after` disables the export: one that was not
  /// interrupted by a success or by a failure that may pass. A run that was cancelled or lost its export to a
  /// change says nothing either way. `error` holds no secret.
  /// Conflict where the run isn't running: after a commit whose answer was lost, for one, and then its
  /// artifacts are exported.
  virtual Status fail_run(const ExportRun& run, const Error& error, Ticks disable_after) = 0;

  /// Creates or replaces. A final state releases what artifacts of it are pending to the janitor.
  virtual Status put_operation(const Operation& operation) = 0;
  /// The result of an asynchronous operation: JSON of a Table, for `.show operation … details`; the
  /// operation's pending artifacts named in `artifacts` become kept, and `delta` due. Conflict where it isn't
  /// in progress.
  virtual Status complete_operation(const Operation& operation, const std::string& details,
                                    const std::vector<Artifact>& artifacts,
                                    const std::optional<DeltaCommit>& delta = std::nullopt) = 0;
  /// A completed operation comes to nothing after all, because the Delta table refused its commit: that is
  /// forgotten, the operation is as given (Failed), and its artifacts are the janitor's.
  virtual Status withdraw_operation(const Operation& operation) = 0;
  /// Releases the pending artifacts of a failed operation to the janitor.
  virtual Status abandon_artifacts(const Guid& owner) = 0;
  /// Of pending artifacts: no request is on its way any more that could make their objects appear.
  virtual Status settle_pending(const std::vector<Artifact>& artifacts) = 0;
  /// Forgets pending artifacts whose objects have been deleted.
  virtual Status forget_pending(const std::vector<Artifact>& artifacts) = 0;
};

/// Data folders of other servers whose databases are shown here, read-only.
struct Following {
  std::vector<std::string> leaders;
  /// A folder of this catalog's own, on the same file system as theirs; made where it is missing.
  std::string links_folder;
  /// Between two looks at the leaders; longer where a look takes longer than a tenth of it.
  std::chrono::milliseconds interval{500};
};

/// How it goes with one of them.
struct FollowedLeader {
  std::string folder;
  std::set<std::string> databases;
  Ticks looked = 0;   // the last time that it could be read: the databases are as they were then
  std::string error;  // of the last look; empty where it went well
};

class Catalog {
 public:
  /// Opens or creates the catalog in `folder`, takes its lock, and recovers: runs and operations that a dead
  /// process left running become Failed ("the server stopped during the run"; scheduled ones Abandoned),
  /// their artifacts the janitor's. A new catalog gets the database NetDefaultDB. `clock` must outlive it.
  /// Conflict where another process has the folder.
  ///
  /// Databases of leaders are in the snapshot like others, but no transaction changes them (BadRequest).
  /// Where this catalog has a database of the same name, that one counts, then that of the first leader. A
  /// new catalog gets no database of its own where a leader has NetDefaultDB. BadRequest where a leader can't
  /// be followed.
  static Result<std::unique_ptr<Catalog>> open(const std::string& folder, const Clock& clock,
                                               const Following& following = {});
  virtual ~Catalog() = default;

  virtual std::shared_ptr<const Snapshot> snapshot() const = 0;
  virtual Status write(const std::function<Status(Writer&)>& transaction) = 0;

  /// In the order in which they were given.
  virtual std::vector<FollowedLeader> leaders() const = 0;

  // What isn't in the snapshot. Newest first unless said otherwise.
  virtual Result<std::vector<ExportRun>> runs(const std::string& database, const std::string& export_name,
                                              int limit) const = 0;
  /// Failed runs of the last 14 days.
  virtual Result<std::vector<ExportRun>> failures(const std::string& database,
                                                  const std::string& export_name) const = 0;
  /// Committed artifacts of the export's current definition and earlier ones of the same id, oldest first;
  /// those that its artifact_retention still keeps.
  virtual Result<std::vector<Artifact>> exported_artifacts(const std::string& database,
                                                           const std::string& export_name) const = 0;
  /// Pending artifacts that no running run or operation owns: the janitor's work.
  virtual Result<std::vector<Artifact>> abandoned_artifacts() const = 0;
  /// Manifests of committed runs that aren't in their stores yet, in the order of the commits.
  virtual Result<std::vector<Manifest>> due_manifests() const = 0;
  /// Those of the last 14 days, newest first.
  virtual Result<std::vector<IngestionFailure>> ingestion_failures(int limit) const = 0;
  /// Commits to Delta tables that aren't in their logs yet, in the order of the commits here.
  virtual Result<std::vector<DeltaCommit>> due_delta_commits() const = 0;
  /// Those of the last 14 days.
  virtual Result<std::vector<Operation>> operations(int limit) const = 0;
  virtual Result<std::optional<Operation>> operation(const Guid& id) const = 0;
  virtual Result<std::optional<std::string>> operation_details(const Guid& id) const = 0;
  /// The path of every extent that a row names: visible ones, and dropped ones that aren't forgotten yet.
  virtual Result<std::set<std::string>> extent_paths() = 0;
  /// Paths of dropped extents that no live snapshot holds any more; the caller deletes the files, then
  /// forgets them.
  virtual Result<std::vector<std::string>> removable_extents() = 0;
  virtual Status forget_extents(const std::vector<std::string>& paths) = 0;
};

}  // namespace spillway::catalog
