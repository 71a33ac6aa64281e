#include "catalog/catalog.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "base/fail_point.h"
#include "base/log.h"
#include "catalog/folder_lock.h"
#include "catalog/leaders.h"
#include "catalog/transaction.h"

namespace spillway::catalog {
namespace {

constexpr const char* kDefaultDatabase = "NetDefaultDB";
/// Sessions for queries, so that a long one doesn't hold up the others.
constexpr size_t kReaders = 4;
constexpr Ticks kPruneInterval = kTicksPerHour;

/// A session that is taken from a pool and goes back to it.
class Readers {
 public:
  explicit Readers(std::string file) : file_(std::move(file)) {}

  template <typename F>
  auto with(F&& query) -> Result<decltype(query(std::declval<Store&>()))> {
    try {
      std::unique_ptr<Store> store = take();
      auto result = query(*store);
      give_back(std::move(store));
      return result;
    } catch (const std::exception& exception) {
      return Error(ErrorCode::Internal, "the catalog can't be read: " + message_of(exception));
    }
  }

 private:
  std::unique_ptr<Store> take() {
    {
      const std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        std::unique_ptr<Store> store = std::move(idle_.back());
        idle_.pop_back();
        return store;
      }
    }
    return std::make_unique<Store>(file_);
  }

  void give_back(std::unique_ptr<Store> store) {
    const std::lock_guard lock(mutex_);
    if (idle_.size() < kReaders) idle_.push_back(std::move(store));
  }

  const std::string file_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Store>> idle_;
};

class SqlCatalog : public Catalog {
 public:
  SqlCatalog(FolderLock lock, const std::string& file, const Clock& clock)
      : lock_(std::move(lock)), clock_(clock), store_(file), readers_(file) {}

  Status start(const Following& following);

  std::shared_ptr<const Snapshot> snapshot() const override {
    const std::lock_guard lock(snapshot_mutex_);
    return snapshot_;
  }
  Status write(const std::function<Status(Writer&)>& transaction) override;

  Result<std::vector<ExportRun>> runs(const std::string& database, const std::string& export_name,
                                      int limit) const override;
  Result<std::vector<ExportRun>> failures(const std::string& database,
                                          const std::string& export_name) const override;
  Result<std::vector<Artifact>> exported_artifacts(const std::string& database,
                                                   const std::string& export_name) const override;
  Result<std::vector<Artifact>> abandoned_artifacts() const override;
  Result<std::vector<Manifest>> due_manifests() const override;
  Result<std::vector<IngestionFailure>> ingestion_failures(int limit) const override;
  Result<std::vector<DeltaCommit>> due_delta_commits() const override;
  Result<std::vector<Operation>> operations(int limit) const override;
  Result<std::optional<Operation>> operation(const Guid& id) const override;
  Result<std::optional<std::string>> operation_details(const Guid& id) const override;
  Result<std::set<std::string>> extent_paths() override;
  Result<std::vector<std::string>> removable_extents() override;
  Status forget_extents(const std::vector<std::string>& paths) override;
  std::vector<FollowedLeader> leaders() const override { return leaders_->states(); }

 private:
  Status run(const std::function<Status(Transaction&)>& transaction);
  Status settle();
  Status commit(Transaction& transaction);
  void publish(State state);
  void prune_sometimes();
  Result<int64_t> export_id(const std::string& database, const std::string& name) const;
  void watch(const std::vector<ExtentList::Item>& extents);
  void unwatch(const std::vector<ExtentList::Item>& extents);

  FolderLock lock_;
  const Clock& clock_;

  std::mutex write_mutex_;  // guards what follows
  Store store_;
  State state_;
  Ticks pruned_ = 0;
  /// False after a commit failed: some of its bytes may be in the log, whole, and would come to life at a
  /// restart. The next transaction that commits overwrites them.
  bool settled_ = true;

  mutable std::mutex snapshot_mutex_;
  std::shared_ptr<const Snapshot> snapshot_;

  std::mutex dropped_mutex_;
  /// Extents that left the snapshot while this process runs, by path: several where it was moved.
  std::multimap<std::string, std::weak_ptr<const Extent>> dropped_;

  mutable Readers readers_;
  std::unique_ptr<Leaders> leaders_;  // their thread publishes: it ends first
};

Status SqlCatalog::start(const Following& following) {
  SPILLWAY_ASSIGN(leaders_, Leaders::open(following, clock_));
  try {
    state_ = store_.load();
  } catch (const std::exception& exception) {
    return Error(ErrorCode::Internal, "the catalog can't be read: " + message_of(exception));
  }
  state_.snapshot = leaders_->beside(state_.snapshot);
  std::pair<size_t, size_t> ended;
  SPILLWAY_TRY(run([&](Transaction& transaction) -> Status {
    SPILLWAY_ASSIGN(ended, transaction.recover());
    if (state_.next_id > 1 || transaction.current().database(kDefaultDatabase)) return Status();
    return transaction.create_database(kDefaultDatabase, "");
  }));
  if (ended != std::pair<size_t, size_t>()) {
    log::warning("recovered from a stop", {{"runs", ended.first}, {"operations", ended.second}});
  }
  for (const FollowedLeader& leader : leaders_->states()) {
    for (const std::string& name : leader.databases) {
      if (state_.snapshot->database(name)->leader == leader.folder) continue;
      log::warning("a database of a leader is hidden by another of its name",
                   {{"leader", leader.folder}, {"database", name}});
    }
  }
  leaders_->start([this] {
    const std::lock_guard lock(write_mutex_);
    publish(state_);
  });
  return Status();
}

Status SqlCatalog::write(const std::function<Status(Writer&)>& transaction) {
  const std::lock_guard lock(write_mutex_);
  SPILLWAY_TRY(run([&](Transaction& writer) { return transaction(writer); }));
  prune_sometimes();
  return Status();
}

Status SqlCatalog::run(const std::function<Status(Transaction&)>& body) {
  SPILLWAY_TRY(settle());
  Transaction transaction(store_, state_, clock_.now());
  try {
    store_.begin();
  } catch (const std::exception& exception) {
    return Error(ErrorCode::Internal, "the catalog can't be written: " + message_of(exception));
  }
  Status status;
  try {
    status = body(transaction);
  } catch (const std::exception& exception) {
    status = Error(ErrorCode::Internal, "a catalog transaction threw: " + message_of(exception));
  }
  if (status.ok()) status = transaction.finish();
  if (!status.ok()) {
    store_.rollback();
    return status;
  }
  return commit(transaction);
}

Status SqlCatalog::commit(Transaction& transaction) {
  if (const Status failed = []() -> Status {
        SPILLWAY_FAIL_POINT("catalog.commit.before");
        return Status();
      }();
      !failed.ok()) {
    store_.rollback();
    return failed;
  }
  // Watched first: what is a dropped row by then must not look as if nobody read it.
  watch(transaction.dropped());
  try {
    store_.commit();
  } catch (const std::exception& exception) {
    store_.rollback();
    unwatch(transaction.dropped());
    settled_ = false;
    return Error(ErrorCode::Internal, "the catalog can't be written: " + message_of(exception));
  }
  // An error here is a lost answer: the transaction has happened.
  const Status lost = []() -> Status {
    SPILLWAY_FAIL_POINT("catalog.commit.after");
    return Status();
  }();
  publish(transaction.take_state());
  return lost;
}

Status SqlCatalog::settle() {
  if (settled_) return Status();
  try {
    store_.begin();
    store_.touch();
    store_.commit();
  } catch (const std::exception& exception) {
    store_.rollback();
    return Error(ErrorCode::Internal, "the catalog can't be written: " + message_of(exception));
  }
  settled_ = true;
  return Status();
}

void SqlCatalog::publish(State state) {
  state_ = std::move(state);
  state_.snapshot = leaders_->beside(state_.snapshot);
  std::shared_ptr<const Snapshot> next = state_.snapshot;
  const std::lock_guard lock(snapshot_mutex_);
  snapshot_.swap(next);
}

void SqlCatalog::prune_sometimes() {
  const Ticks now = clock_.now();
  // A clock that was set back must not put it off.
  if (now >= pruned_ && now - pruned_ < kPruneInterval) return;
  pruned_ = now;
  try {
    store_.begin();
    store_.prune(now - kHistory, kCompletedRunsKept, kIngestionFailuresKept);
    for (const auto& [database_name, database] : state_.snapshot->databases) {
      if (database->read_only()) continue;
      for (const auto& [name, definition] : database->exports) {
        const Ticks kept = definition->artifact_retention;
        if (kept > 0) store_.prune_artifacts(definition->id, now - std::max(kept, kHistory));
      }
    }
    store_.commit();
  } catch (const std::exception& exception) {
    store_.rollback();
    settled_ = false;
    log::warning("old rows of the catalog can't be removed", {{"error", message_of(exception)}});
  }
}

void SqlCatalog::watch(const std::vector<ExtentList::Item>& extents) {
  const std::lock_guard lock(dropped_mutex_);
  for (const ExtentList::Item& extent : extents) {
    const auto [begin, end] = dropped_.equal_range(extent->path);
    for (auto watched = begin; watched != end;) {
      watched = watched->second.expired() ? dropped_.erase(watched) : std::next(watched);
    }
    dropped_.emplace(extent->path, extent);
  }
}

void SqlCatalog::unwatch(const std::vector<ExtentList::Item>& extents) {
  const std::lock_guard lock(dropped_mutex_);
  for (const ExtentList::Item& extent : extents) {
    const auto [begin, end] = dropped_.equal_range(extent->path);
    const auto found =
        std::find_if(begin, end, [&](const auto& watched) { return watched.second.lock() == extent; });
    if (found != end) dropped_.erase(found);
  }
}

Result<int64_t> SqlCatalog::export_id(const std::string& database_name, const std::string& name) const {
  const std::shared_ptr<const Snapshot> now = snapshot();
  const Database* database = now->database(database_name);
  if (!database) return Error(ErrorCode::EntityNotFound, "database '" + database_name + "' not found");
  const auto found = database->exports.find(name);
  if (found == database->exports.end()) {
    return Error(ErrorCode::EntityNotFound,
                 "continuous export '" + name + "' not found in database '" + database_name + "'");
  }
  return found->second->id;
}

Result<std::vector<ExportRun>> SqlCatalog::runs(const std::string& database, const std::string& export_name,
                                                int limit) const {
  SPILLWAY_ASSIGN(const int64_t id, export_id(database, export_name));
  return readers_.with([&](Store& store) { return store.runs(id, limit); });
}

Result<std::vector<ExportRun>> SqlCatalog::failures(const std::string& database,
                                                    const std::string& export_name) const {
  SPILLWAY_ASSIGN(const int64_t id, export_id(database, export_name));
  return readers_.with([&](Store& store) { return store.failed_runs(id, clock_.now() - kHistory); });
}

Result<std::vector<Artifact>> SqlCatalog::exported_artifacts(const std::string& database,
                                                             const std::string& export_name) const {
  SPILLWAY_ASSIGN(const int64_t id, export_id(database, export_name));
  return readers_.with([&](Store& store) { return store.exported_artifacts(id); });
}

Result<std::vector<Artifact>> SqlCatalog::abandoned_artifacts() const {
  return readers_.with([](Store& store) { return store.abandoned_artifacts(); });
}

Result<std::vector<Manifest>> SqlCatalog::due_manifests() const {
  return readers_.with([](Store& store) { return store.manifests(); });
}

Result<std::vector<IngestionFailure>> SqlCatalog::ingestion_failures(int limit) const {
  return readers_.with(
      [&](Store& store) { return store.ingestion_failures(clock_.now() - kHistory, limit); });
}

Result<std::vector<DeltaCommit>> SqlCatalog::due_delta_commits() const {
  return readers_.with([](Store& store) { return store.delta_commits(); });
}

Result<std::vector<Operation>> SqlCatalog::operations(int limit) const {
  return readers_.with([&](Store& store) { return store.operations(clock_.now() - kHistory, limit); });
}

Result<std::optional<Operation>> SqlCatalog::operation(const Guid& id) const {
  return readers_.with([&](Store& store) { return store.operation(id); });
}

Result<std::optional<std::string>> SqlCatalog::operation_details(const Guid& id) const {
  return readers_.with([&](Store& store) { return store.operation_details(id); });
}

Result<std::set<std::string>> SqlCatalog::extent_paths() {
  const std::lock_guard lock(write_mutex_);
  SPILLWAY_TRY(settle());
  return readers_.with([](Store& store) { return store.extent_paths(); });
}

Result<std::vector<std::string>> SqlCatalog::removable_extents() {
  const std::lock_guard lock(write_mutex_);
  SPILLWAY_TRY(settle());
  SPILLWAY_ASSIGN(std::vector<std::string> paths,
                  readers_.with([](Store& store) { return store.dropped_extents(); }));
  const std::lock_guard dropped_lock(dropped_mutex_);
  std::erase_if(paths, [&](const std::string& path) {
    const auto [begin, end] = dropped_.equal_range(path);
    return std::any_of(begin, end, [](const auto& watched) { return !watched.second.expired(); });
  });
  return paths;
}

Status SqlCatalog::forget_extents(const std::vector<std::string>& paths) {
  const std::lock_guard lock(write_mutex_);
  SPILLWAY_TRY(run([&](Transaction& transaction) { return transaction.forget_extents(paths); }));
  const std::lock_guard dropped_lock(dropped_mutex_);
  for (const std::string& path : paths) dropped_.erase(path);
  return Status();
}

}  // namespace

Result<std::unique_ptr<Catalog>> Catalog::open(const std::string& folder, const Clock& clock,
                                               const Following& following) {
  SPILLWAY_ASSIGN(FolderLock lock, FolderLock::take(folder));
  try {
    auto catalog = std::make_unique<SqlCatalog>(std::move(lock), folder + "/catalog.sqlite", clock);
    SPILLWAY_TRY(catalog->start(following));
    return std::unique_ptr<Catalog>(std::move(catalog));
  } catch (const std::exception& exception) {
    return Error(ErrorCode::Internal,
                 "the catalog in '" + folder + "' can't be opened: " + message_of(exception));
  }
}

}  // namespace spillway::catalog
