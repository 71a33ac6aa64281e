// Manifests: what a committed run of a continuous export wrote, as a file beside its artifacts, for readers
// that can't ask the server.
//
//   _manifests/EXPORT/TO-RUN.json      TO: the run's last cursor in 20 digits, so that names sort by run
//
//   {"version": 1, "database": "D", "export": "X", "externalTable": "E", "run": "guid",
//    "from": "cursor", "to": "cursor", "records": 17, "bytes": 4096,
//    "files": [{"path": "https://…/E_1_….parquet", "records": 17, "bytes": 4096, "xxh3": "32 digits"}]}
//
// A manifest becomes due in the very transaction that commits its run, and is put then; what a crash or a
// failing store left due is put before the export's next run into that store, in order. A `from` is not less
// than the `to` of the one before: a run without new records leaves no manifest. A file that no manifest
// names isn't part of the export.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "export/exports.h"

namespace spillway::exports {

/// The folder that manifests lie in, in the store of the external table's first connection string.
inline constexpr const char* kManifestFolder = "_manifests";

catalog::Manifest manifest_of(const catalog::ExportRun& run, const Settings& settings,
                              const std::vector<catalog::Artifact>& artifacts);

class ManifestWriter {
 public:
  ManifestWriter(catalog::Catalog& catalog, const storage::StoreFactory& stores, std::string staging_folder)
      : catalog_(catalog), stores_(stores), staging_folder_(std::move(staging_folder)) {}

  /// An export (by its id) and a store (by its connection string): their manifests keep their order.
  using Line = std::pair<int64_t, std::string>;
  /// Puts those that are due, of one line or of all; the first error, which keeps back the later ones of the
  /// same line. A store that is down keeps nobody waiting but who writes into it. Ends soon once `cancelled`
  /// says so.
  Status put_due(const std::optional<Line>& of = std::nullopt, const std::function<bool()>& cancelled = {});
  /// Ends what goes on, and what is to come, soon.
  void stop() { stopping_ = true; }

 private:
  /// One at a time works on a line, for as long as this is there.
  class Hold {
   public:
    /// With `wait` until it is free; else it may be without it.
    Hold(ManifestWriter& writer, const Line& line, bool wait);
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;
    ~Hold();
    explicit operator bool() const { return held_; }

   private:
    ManifestWriter& writer_;
    const Line line_;
    bool held_ = false;
  };

  Status put_line(const Line& line, const std::function<bool()>& cancelled);
  Status put(const catalog::Manifest& manifest, const std::function<bool()>& cancelled);
  void clean(const catalog::Manifest& manifest, storage::ObjectStore& store);

  catalog::Catalog& catalog_;
  const storage::StoreFactory& stores_;
  const std::string staging_folder_;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<Line> held_;
  std::set<Line> cleaned_;  // of what an earlier process began to put
};

}  // namespace spillway::exports
