// Commits to Delta tables: what a committed run of a continuous export, or a completed `.export`, adds to the
// log of its table. One commit a run, of all its files:
//
//   {"commitInfo": …}
//   {"protocol": {"minReaderVersion": 1, "minWriterVersion": 1}}       the table's first commit only
//   {"metaData": {"id": …, "schemaString": …, "partitionColumns": []}}    … with it
//   {"txn": {"appId": "spillway/DATABASE/EXPORT/ID-CREATED", "version": the run's last cursor}}
//   {"add": {"path": …, "size": …, "stats": …}}                        each file
//
// Exactly once. The catalog alone says which runs are committed; a run's commit to the log becomes due in the
// same transaction (catalog::DeltaCommit), and is put right after it, under the version that is next in the
// log, by a write that fails where that version is taken. Before every attempt the log is read again: where
// it has the run's `txn`, the commit is there already, by an attempt whose answer was lost or before a crash,
// and is forgotten here. What stays due is put by the janitor's passes and before the export's next run
// begins, so that the commits of an export come in the order of its runs, and no run is ahead of the table by
// more than one. `version` grows from run to run: a log that has a greater one of this export is ahead of the
// catalog, which must be an old copy of itself, and is refused.
//
// Between attempts other writers may have changed the table. Files are added only where its schema still has
// their columns, its protocol is one that is written to, and it isn't partitioned. What a table refuses so
// stays due while its export exists, whose runs fail with the reason; an operation is undone.
//
// Source: the protocol of delta-io/delta, PROTOCOL.md; management/data-export/continuous-data-export.md,
// "Continuous export to delta table".
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "export/artifacts.h"
#include "export/exports.h"

namespace spillway::exports {

/// The highest writer version of tables that are written to, and the one of those that are made.
inline constexpr int kDeltaWriterVersion = 1;

/// How far an application has got with a table: the `txn` of a commit.
struct DeltaProgress {
  std::string application;
  int64_t version = 0;
};
DeltaProgress progress_of(const std::string& database, const catalog::ContinuousExport& definition,
                          catalog::Cursor to);
/// Of an operation, which commits once.
DeltaProgress progress_of(const std::string& database, const Guid& operation);

/// A file's statistics as the log has them: the number of records, and of the first columns how many are null
/// and, where the type has it, the smallest and the largest value.
std::string delta_statistics(const std::vector<catalog::Column>& columns, const engine::WrittenFile& file);

/// What becomes due.
catalog::DeltaCommit delta_commit_of(const ArtifactOrder& order, const DeltaProgress& progress,
                                     const Written& written, Ticks now);

/// Whether files of these columns can be added. `exact`: the table may have no others either. SchemaMismatch,
/// or NotSupported for a table that isn't written to.
Status check_appendable(const engine::DeltaState& state, const std::vector<Field>& columns, bool exact,
                        const std::string& external_table);

class DeltaCommitter {
 public:
  DeltaCommitter(catalog::Catalog& catalog, engine::Engine& engine, const storage::StoreFactory& stores,
                 const Clock& clock, std::string staging_folder)
      : catalog_(catalog),
        engine_(engine),
        stores_(stores),
        clock_(clock),
        staging_folder_(std::move(staging_folder)) {}

  /// That an export with these settings can write to its table as it is now; success where the table isn't
  /// one of Delta.
  Status check(const Settings& settings, const std::shared_ptr<engine::CancelToken>& cancel) const;

  /// Puts those that are due, of one export or of all; the first error, which keeps back the later ones of
  /// the same export.
  Status put_due(const std::optional<std::pair<std::string, std::string>>& of = std::nullopt);
  /// Puts that of an operation.
  Status put_due(const Guid& operation);

 private:
  struct Content;

  /// What is due of one export goes one after the other, whoever asks; others aren't kept waiting.
  std::shared_ptr<std::mutex> lock_of(const catalog::DeltaCommit& commit);
  Status put_in_turn(const catalog::DeltaCommit& commit);
  Status put(const catalog::DeltaCommit& commit, const Content& content);
  Status forget(const catalog::DeltaCommit& commit);
  Status refuse(const catalog::DeltaCommit& commit, const Content& content, const Error& error);
  void write_checkpoint(const catalog::DeltaCommit& commit, storage::ObjectStore& store);
  Status write_checkpoint_of(const engine::DeltaState& state, const Guid& owner, storage::ObjectStore& store);

  catalog::Catalog& catalog_;
  engine::Engine& engine_;
  const storage::StoreFactory& stores_;
  const Clock& clock_;
  const std::string staging_folder_;
  std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, std::shared_ptr<std::mutex>> locks_;
};

}  // namespace spillway::exports
