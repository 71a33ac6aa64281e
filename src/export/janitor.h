// Removes from storage what failed runs and operations left there. An artifact is deleted first and forgotten
// then, so that a crash in between only means to delete it again.
//
// A put whose answer was lost may still take effect after its object was deleted: the network or the service
// held it back. Such an artifact, and any of a process that died, is deleted again by each pass until
// ServiceOptions::late_arrival after its run ended, and only then forgotten: what arrives late is gone with
// the next pass.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "export/exports.h"

namespace spillway::exports {

class Janitor {
 public:
  Janitor(catalog::Catalog& catalog, const storage::StoreFactory& stores, const Clock& clock,
          Ticks late_arrival)
      : catalog_(catalog), stores_(stores), clock_(clock), late_arrival_(late_arrival) {}

  /// One pass over everything abandoned, or, within a few seconds, over what one owner left. What can't be
  /// deleted now stays for the next pass; the error is that of the first such artifact. What one owner left
  /// is left to the next pass too where one is going on: it may be waiting for a store that is down, and the
  /// caller has better to do.
  Status sweep(const std::optional<Guid>& owner = std::nullopt);
  /// Ends passes that go on, and those to come, soon.
  void stop() { stopping_ = true; }

 private:
  struct Place;  // a store with what is abandoned there
  Result<std::vector<std::unique_ptr<Place>>> places(const std::optional<Guid>& owner) const;
  Status clean(Place& place, const std::function<bool()>& cancelled);
  bool may_be_forgotten(const Place& place, const catalog::Artifact& artifact) const;

  catalog::Catalog& catalog_;
  const storage::StoreFactory& stores_;
  const Clock& clock_;
  const Ticks late_arrival_;
  std::mutex mutex_;  // one pass at a time
  std::atomic<bool> stopping_{false};
};

}  // namespace spillway::exports
