#include "export/janitor.h"

#include "base/fail_point.h"
#include "base/log.h"

namespace spillway::exports {

Status Janitor::sweep(const std::optional<Guid>& owner) {
  std::unique_lock lock(mutex_, std::defer_lock);
  if (!owner) {
    lock.lock();
  } else if (!lock.try_lock()) {
    return {};
  }
  SPILLWAY_ASSIGN(const auto abandoned, catalog_.abandoned_artifacts());
  std::map<std::string, std::vector<catalog::Artifact>> by_connection;
  for (const catalog::Artifact& artifact : abandoned) {
    if (!owner || artifact.owner == *owner) by_connection[artifact.connection].push_back(artifact);
  }
  std::optional<Error> failure;
  std::vector<catalog::Artifact> deleted;
  for (const auto& [connection, artifacts] : by_connection) {
    const Status status = delete_from_store(artifacts, deleted);
    if (!status.ok() && !failure) failure = status.error();
  }
  if (!deleted.empty()) {
    SPILLWAY_TRY(catalog_.write([&](catalog::Writer& writer) { return writer.forget_pending(deleted); }));
    log::info("abandoned artifacts deleted", {{"artifacts", deleted.size()}});
  }
  if (!failure) return {};
  log::warning("abandoned artifacts can't be deleted yet", {{"error", failure->message}});
  return *failure;
}

/// Stops at the first failure: a store that is down would make each of many artifacts wait for its time-outs.
Status Janitor::delete_from_store(const std::vector<catalog::Artifact>& artifacts,
                                  std::vector<catalog::Artifact>& deleted) {
  SPILLWAY_ASSIGN(const auto connection, storage::ConnectionString::parse(artifacts.front().connection));
  SPILLWAY_ASSIGN(const auto store, stores_.open(connection));
  for (const catalog::Artifact& artifact : artifacts) {
    if (stopping_) return Status(ErrorCode::Cancelled, "the server is stopping");
    SPILLWAY_FAIL_POINT("export.remove.before");
    SPILLWAY_TRY(store->remove(artifact.object));
    SPILLWAY_FAIL_POINT("export.remove.after");
    deleted.push_back(artifact);
  }
  return {};
}

}  // namespace spillway::exports
