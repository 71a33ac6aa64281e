// One run of a continuous export, as docs/architecture.md tells it: begin → artifacts → commit, or fail.
//
//   begin     catalog: the run over (from, to], Running     fails: there is no run
//   write     artifacts, see artifacts.h                fails: the run is Failed, what lies there abandoned
//   commit    catalog: artifacts exported, position at `to`
//                                                       fails: Conflict where the export changed meanwhile
//   manifest  where the export wants one, see manifest.h    fails: it stays due
//   delta     where the target is a Delta table, see delta_commit.h                 fails: it stays due
//
// The catalog alone says whether a run is committed. A failure that couldn't be recorded (the catalog's disk
// is full) is kept and recorded later, before the next run; after a restart the catalog does it itself.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "export/artifacts.h"
#include "export/continuous.h"
#include "export/delta_commit.h"
#include "export/janitor.h"
#include "export/manifest.h"

namespace spillway::exports {

/// What one run did.
struct RunReport {
  bool moved = false;  // it exported records, or moved the position over none
  bool more = false;   // a backlog is left: the next run is due at once
  int64_t records = 0, bytes = 0;
};

class ContinuousRunner {
 public:
  ContinuousRunner(catalog::Catalog& catalog, ArtifactWriter& writer, ManifestWriter& manifests,
                   DeltaCommitter& deltas, Janitor& janitor, const Clock& clock,
                   const ServiceOptions& options)
      : catalog_(catalog),
        writer_(writer),
        manifests_(manifests),
        deltas_(deltas),
        janitor_(janitor),
        clock_(clock),
        options_(options) {}

  /// Costs nothing but a look at the newest extents where there is nothing new.
  Result<RunReport> run(const std::string& database, const std::string& name,
                        const std::shared_ptr<engine::CancelToken>& cancel);

  /// Records the failures that couldn't be recorded when they happened.
  Status settle();

 private:
  struct Subject;

  Result<RunReport> run_stretch(const Subject& subject, const Stretch& stretch,
                                const std::shared_ptr<engine::CancelToken>& cancel);
  Error fail_before_reading(const Subject& subject, const Error& error,
                            const std::shared_ptr<engine::CancelToken>& cancel);
  /// The run's row in the log of requests, with what it used.
  void tell(const Subject& subject, const catalog::ExportRun& run, const Status& outcome,
            const engine::CancelToken* cancel) const;
  Result<catalog::ExportRun> begin(const Subject& subject, catalog::Cursor to, catalog::Cursor oldest);
  /// What a run wrote, and what becomes due when it is committed.
  struct Product {
    std::vector<catalog::Artifact> artifacts;
    std::optional<catalog::Manifest> manifest;
    std::optional<catalog::DeltaCommit> delta;
  };
  Status put_due(const Subject& subject, const Settings& settings,
                 const std::shared_ptr<engine::CancelToken>& cancel);
  Result<Product> write_artifacts(const catalog::ExportRun& run,
                                  const std::shared_ptr<engine::CancelToken>& cancel);
  void put_what_is_due(const catalog::ExportRun& run, const Product& product,
                       const std::shared_ptr<engine::CancelToken>& cancel);
  Result<std::vector<catalog::Artifact>> write_and_commit(const catalog::ExportRun& run, bool has_records,
                                                          const std::shared_ptr<engine::CancelToken>& cancel);
  Status commit(const catalog::ExportRun& run, const Product& product);
  Status record_failure(const catalog::ExportRun& run, const Error& error);
  void fail(const catalog::ExportRun& run, const Error& error);
  bool is_committed(const catalog::ExportRun& run) const;

  catalog::Catalog& catalog_;
  ArtifactWriter& writer_;
  ManifestWriter& manifests_;
  DeltaCommitter& deltas_;
  Janitor& janitor_;
  const Clock& clock_;
  const ServiceOptions& options_;
  std::mutex mutex_;
  std::vector<std::pair<catalog::ExportRun, Error>> unsettled_;
};

}  // namespace spillway::exports
