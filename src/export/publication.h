// The files of one export on their way from the staging folder into its stores.
//
//   record all paths as pending (catalog) → put each into its store
//   where an account fails: record another path as pending, at another account → put it there
//
// What fails to get to its place, and what was given up for another place, are pending rows that nobody
// commits: they go to the janitor with the end of the run.
#pragma once

#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "export/artifacts.h"
#include "export/spread.h"

namespace spillway::exports {

class Publication {
 public:
  Publication(catalog::Catalog& catalog, const storage::StoreFactory& stores, AccountMemory& memory,
              const ArtifactOrder& order, const std::vector<StagedFile>& files,
              std::shared_ptr<engine::CancelToken> cancel)
      : catalog_(catalog),
        stores_(stores),
        memory_(memory),
        order_(order),
        files_(files),
        cancel_(std::move(cancel)) {}

  /// Where each file is.
  Result<std::vector<catalog::Artifact>> run();

 private:
  Status open_stores();
  storage::CallLimits limits_of(const std::string& account);
  Status record_all();
  catalog::Artifact artifact_of(size_t file, size_t connection) const;
  Status put_all();
  Status put(size_t file);
  Status move(size_t file);
  bool cancelled() const { return cancel_ && cancel_->cancelled(); }
  bool is_settled(const catalog::Artifact& artifact);
  void settle();

  catalog::Catalog& catalog_;
  const storage::StoreFactory& stores_;
  AccountMemory& memory_;
  const ArtifactOrder& order_;
  const std::vector<StagedFile>& files_;
  const std::shared_ptr<engine::CancelToken> cancel_;

  std::unique_ptr<Spread> spread_;
  std::vector<std::unique_ptr<storage::ObjectStore>> opened_;  // one for each connection
  std::vector<catalog::Artifact> artifacts_;                   // one for each file
  std::vector<size_t> targets_;                                // the connection of each

  std::mutex mutex_;
  std::set<std::string> unanswered_;  // objects that may appear later
  Status failure_;                    // the first of an account
};

}  // namespace spillway::exports
