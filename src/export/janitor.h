// Removes from storage what failed runs and operations left there. An artifact is deleted first and forgotten
// then, so that a crash in between only means to delete it again.
#pragma once

#include <atomic>
#include <mutex>

#include "export/exports.h"

namespace spillway::exports {

class Janitor {
 public:
  Janitor(catalog::Catalog& catalog, const storage::StoreFactory& stores)
      : catalog_(catalog), stores_(stores) {}

  /// One pass over everything abandoned, or over what one owner left. What can't be deleted now stays for the
  /// next pass; the error is that of the first such artifact. What one owner left is left to the next pass
  /// too where one is going on: it may be waiting for a store that is down, and the caller has better to do.
  Status sweep(const std::optional<Guid>& owner = std::nullopt);
  /// Ends passes that go on, and those to come, before their next artifact.
  void stop() { stopping_ = true; }

 private:
  Status delete_from_store(const std::vector<catalog::Artifact>& artifacts,
                           std::vector<catalog::Artifact>& deleted);

  catalog::Catalog& catalog_;
  const storage::StoreFactory& stores_;
  std::mutex mutex_;  // one pass at a time
  std::atomic<bool> stopping_{false};
};

}  // namespace spillway::exports
