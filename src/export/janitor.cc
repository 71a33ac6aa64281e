#include "export/janitor.h"

#include "base/fail_point.h"
#include "base/log.h"
#include "export/current_connection.h"
#include "export/for_all.h"

namespace spillway::exports {
namespace {

/// Stores, and artifacts of each, that are worked on at once.
constexpr size_t kPlaces = 4;
constexpr size_t kDeletions = 4;
/// Artifacts of a store that may refuse to go before the others wait for the next pass.
constexpr int kMostRefusals = 3;
constexpr std::chrono::minutes kLongestDeletion{1};
/// How long a pass over what one owner left may take: whoever failed waits for it.
constexpr std::chrono::seconds kLongestSweepOfOwner{5};

Status remove(storage::ObjectStore& store, const std::string& object) {
  SPILLWAY_FAIL_POINT("export.remove.before");
  SPILLWAY_TRY(store.remove(object));
  SPILLWAY_FAIL_POINT("export.remove.after");
  return {};
}

}  // namespace

struct Janitor::Place {
  storage::ConnectionString connection;
  std::vector<catalog::Artifact> artifacts;
  std::mutex mutex = {};
  std::vector<catalog::Artifact> forgotten = {};  // deleted, for good
  int refusals = 0;
};

Status Janitor::sweep(const std::optional<Guid>& owner) {
  const auto end = std::chrono::steady_clock::now() + kLongestSweepOfOwner;
  std::unique_lock lock(mutex_, std::defer_lock);
  if (!owner) {
    lock.lock();
  } else if (!lock.try_lock()) {
    return {};
  }
  SPILLWAY_ASSIGN(std::vector<std::unique_ptr<Place>> found, places(owner));
  const auto cancelled = [&] { return stopping_ || (owner && std::chrono::steady_clock::now() > end); };
  std::mutex mutex;
  Status failure;
  const Status done = for_all(found.size(), kPlaces, [&](size_t i) -> Status {
    const Status status = clean(*found[i], cancelled);
    const std::lock_guard guard(mutex);
    if (!status.ok() && failure.ok()) failure = status;
    return {};
  });
  SPILLWAY_TRY(done);
  std::vector<catalog::Artifact> forgotten;
  for (const auto& place : found) {
    forgotten.insert(forgotten.end(), place->forgotten.begin(), place->forgotten.end());
  }
  if (!forgotten.empty()) {
    SPILLWAY_TRY(catalog_.write([&](catalog::Writer& writer) { return writer.forget_pending(forgotten); }));
    log::info("abandoned artifacts deleted", {{"artifacts", forgotten.size()}});
  }
  if (!failure.ok()) {
    log::warning("abandoned artifacts can't be deleted yet", {{"error", failure.error().message}});
  }
  return failure;
}

Result<std::vector<std::unique_ptr<Janitor::Place>>> Janitor::places(const std::optional<Guid>& owner) const {
  SPILLWAY_ASSIGN(const auto abandoned, catalog_.abandoned_artifacts());
  const auto snapshot = catalog_.snapshot();
  std::map<std::string, std::unique_ptr<Place>> by_connection;
  for (const catalog::Artifact& artifact : abandoned) {
    if (owner && artifact.owner != *owner) continue;
    SPILLWAY_ASSIGN(auto connection, current_connection(*snapshot, artifact.database, artifact.external_table,
                                                        artifact.connection));
    std::unique_ptr<Place>& place = by_connection[connection.text()];
    if (!place) place.reset(new Place{.connection = std::move(connection), .artifacts = {}});
    place->artifacts.push_back(artifact);
  }
  std::vector<std::unique_ptr<Place>> places;
  for (auto& [text, place] : by_connection) places.push_back(std::move(place));
  return places;
}

/// Stops where the store is down: each of many artifacts would wait for its time-outs. One that alone can't
/// be deleted, being under a hold for one, doesn't keep the others.
Status Janitor::clean(Place& place, const std::function<bool()>& cancelled) {
  storage::CallLimits limits;
  limits.cancelled = cancelled;
  limits.longest_call = kLongestDeletion;
  SPILLWAY_ASSIGN(const auto store, stores_.open(place.connection, std::move(limits)));
  Status refusal;
  const Status done = for_all(place.artifacts.size(), kDeletions, [&](size_t i) -> Status {
    const catalog::Artifact& artifact = place.artifacts[i];
    if (cancelled()) return Status(ErrorCode::Cancelled, "the janitor's pass was ended");
    const Status removed = remove(*store, artifact.object);
    const std::lock_guard lock(place.mutex);
    if (removed.ok()) {
      if (may_be_forgotten(place, artifact)) place.forgotten.push_back(artifact);
      return {};
    }
    if (refusal.ok()) refusal = removed;
    return removed.error().permanent() && ++place.refusals < kMostRefusals ? Status() : removed;
  });
  return done.ok() ? refusal : done;
}

/// A folder has no requests on their way: what wrote there has ended, or died.
bool Janitor::may_be_forgotten(const Place& place, const catalog::Artifact& artifact) const {
  return artifact.settled || place.connection.kind() == storage::ConnectionString::Kind::Local ||
         clock_.now() - artifact.abandoned >= late_arrival_;
}

}  // namespace spillway::exports
