#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <thread>

#include "base/log.h"
#include "engine/capacity.h"
#include "export/artifacts.h"
#include "export/continuous.h"
#include "export/continuous_run.h"
#include "export/definition.h"
#include "export/delta_commit.h"
#include "export/exports.h"
#include "export/janitor.h"
#include "export/operations.h"
#include "export/run_plan.h"
#include "export/scheduler.h"
#include "export/verify.h"

namespace spillway::exports {
namespace {

int cores() {
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

ServiceOptions with_defaults(ServiceOptions options) {
  if (options.format_threads <= 0) options.format_threads = cores();
  return options;
}

/// The options' own capacity, or that of the cluster's policy.
std::function<int()> capacity_of(const catalog::Catalog& catalog, const ServiceOptions& options) {
  if (options.capacity > 0) return [total = options.capacity] { return total; };
  const auto limit = std::make_shared<catalog::CapacityLimit>(catalog, catalog::CapacityResource::DataExport);
  return [limit] { return (*limit)(); };
}

Status empty_folder(const std::string& folder) {
  std::error_code error;
  std::filesystem::remove_all(folder, error);
  if (!error) std::filesystem::create_directories(folder, error);
  if (!error) return {};
  return Status(ErrorCode::StorageAccess,
                "the staging folder '" + folder + "' can't be used: " + error.message());
}

/// Where an export began can't be altered.
Status keep_beginning(const catalog::ContinuousExport& before, catalog::ContinuousExport& definition) {
  if (definition.backfill && !before.backfill) {
    return Status(
        ErrorCode::BadRequest,
        "continuous export '" + definition.name +
            "' is there already, and an alter keeps its position: drop it and create it again to export "
            "with backfill=true what was ingested before");
  }
  definition.backfill = before.backfill;
  return {};
}

class ServiceImpl : public Service {
 public:
  ServiceImpl(catalog::Catalog& catalog, engine::Engine& engine, const storage::StoreFactory& stores,
              const Clock& clock, const ServiceOptions& options)
      : options_(with_defaults(options)),
        catalog_(catalog),
        engine_(engine),
        stores_(stores),
        clock_(clock),
        capacity_(capacity_of(catalog, options_), catalog::origin_of(catalog::CapacityResource::DataExport)),
        writer_(catalog, engine, stores, clock, options_.staging_folder, options_.format_threads),
        janitor_(catalog, stores, clock, options_.late_arrival),
        manifests_(catalog, stores, options_.staging_folder),
        deltas_(catalog, engine, stores, clock, options_.staging_folder),
        runner_(catalog, writer_, manifests_, deltas_, janitor_, clock, options_),
        operations_(catalog, writer_, deltas_, janitor_, capacity_, options_.capacity_wait, clock),
        scheduler_(catalog, runner_, capacity_, clock, options_.access_control) {}
  ~ServiceImpl() override { halt(); }

  void start() override {
    const std::lock_guard lock(mutex_);
    if (stopping_ || janitor_thread_.joinable()) return;
    scheduler_.start();
    janitor_thread_ = std::thread([this] { sweep_now_and_then(); });
  }
  void stop() override { halt(); }

  Result<Table> run(const Request& request, std::shared_ptr<engine::CancelToken> cancel) override {
    return operations_.run(request, std::move(cancel));
  }
  Result<Guid> start_operation(Request request) override { return operations_.start(std::move(request)); }
  Status cancel_operation(const Guid& id, const std::string& reason) override {
    return operations_.cancel(id, reason);
  }

  Status create_or_alter(const std::string& database, catalog::ContinuousExport definition,
                         const std::map<std::string, std::string>& properties) override {
    const auto snapshot = catalog_.snapshot();
    if (const catalog::Database* found = snapshot->database(database)) {
      SPILLWAY_TRY(catalog::check_writable(*found));
    }
    SPILLWAY_TRY(apply_properties(properties, definition));
    SPILLWAY_ASSIGN(const Prepared prepared,
                    prepare(snapshot, database, definition, clock_.now(), options_.access_control));
    SPILLWAY_TRY(deltas_.check(prepared.settings, nullptr));
    definition.size_limit = prepared.settings.size_limit;
    definition.tables.clear();
    for (const kql::TableReference& table : prepared.query.tables) {
      if (table.database == database) definition.tables.push_back(table.table);
    }
    return catalog_.write([&](catalog::Writer& writer) -> Status {
      const auto& exports = writer.current().databases.at(database)->exports;
      const auto before = exports.find(definition.name);
      if (before != exports.end()) SPILLWAY_TRY(keep_beginning(*before->second, definition));
      return writer.put_export(database, definition, definition.backfill);
    });
  }

  Result<RunPlan> plan_run(const std::string& database, const std::string& name) override {
    const auto snapshot = catalog_.snapshot();
    const catalog::Database* found = snapshot->database(database);
    const auto definition = found ? found->exports.find(name) : decltype(found->exports.end())();
    if (!found || definition == found->exports.end()) {
      return Error(ErrorCode::EntityNotFound,
                   "continuous export '" + name + "' not found in database '" + database + "'");
    }
    return exports::plan_run(snapshot, engine_, database, *definition->second, options_, clock_.now());
  }
  Result<RunPlan> plan_run(const std::string& database, catalog::ContinuousExport definition,
                           const std::map<std::string, std::string>& properties) override {
    SPILLWAY_TRY(apply_properties(properties, definition));
    const auto snapshot = catalog_.snapshot();
    const catalog::Database* found = snapshot->database(database);
    if (!found) return Error(ErrorCode::EntityNotFound, "database '" + database + "' not found");
    const auto before = found->exports.find(definition.name);
    if (before != found->exports.end()) {
      SPILLWAY_TRY(keep_beginning(*before->second, definition));
      definition.exported_to = before->second->exported_to;
    } else {
      definition.exported_to = definition.backfill ? 0 : found->cursor;
    }
    SPILLWAY_ASSIGN(const Prepared prepared,
                    prepare(snapshot, database, definition, clock_.now(), options_.access_control));
    SPILLWAY_TRY(deltas_.check(prepared.settings, nullptr));
    return exports::plan_run(snapshot, engine_, database, definition, options_, clock_.now());
  }
  Result<std::vector<Finding>> verify(const std::string& database, const std::string& name,
                                      const std::shared_ptr<engine::CancelToken>& cancel) override {
    return Verifier(catalog_, engine_, stores_, options_.staging_folder).verify(database, name, cancel);
  }

  Result<bool> run_once(const std::string& database, const std::string& name) override {
    return scheduler_.run_once(database, name);
  }

  Status sweep() override {
    SPILLWAY_TRY(runner_.settle());
    SPILLWAY_TRY(operations_.settle());
    const Status put = manifests_.put_due(), committed = deltas_.put_due();
    SPILLWAY_TRY(janitor_.sweep());
    return put.ok() ? committed : put;
  }

  std::vector<ExportHealth> health() const override { return scheduler_.health(nullptr, nullptr); }
  std::optional<ExportHealth> health_of(const std::string& database, const std::string& name) const override {
    const std::vector<ExportHealth> found = scheduler_.health(&database, &name);
    return found.empty() ? std::nullopt : std::optional<ExportHealth>(found.front());
  }
  int capacity() const override { return capacity_.total(); }
  int running() const override { return capacity_.used(); }

 private:
  void halt() {
    std::thread janitor;
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      janitor.swap(janitor_thread_);
    }
    changed_.notify_all();
    janitor_.stop();
    manifests_.stop();
    scheduler_.stop();
    operations_.stop();
    if (janitor.joinable()) janitor.join();
  }

  void sweep_now_and_then() {
    const auto interval = std::chrono::microseconds(options_.janitor_interval / kTicksPerMicrosecond);
    while (true) {
      if (const Status status = sweep(); !status.ok()) {
        log::warning("the janitor couldn't finish its pass", {{"error", status.error().message}});
      }
      std::unique_lock lock(mutex_);
      if (changed_.wait_for(lock, interval, [&] { return stopping_; })) return;
    }
  }

  const ServiceOptions options_;
  catalog::Catalog& catalog_;
  engine::Engine& engine_;
  const storage::StoreFactory& stores_;
  const Clock& clock_;
  engine::Capacity capacity_;
  ArtifactWriter writer_;
  Janitor janitor_;
  ManifestWriter manifests_;
  DeltaCommitter deltas_;
  ContinuousRunner runner_;
  Operations operations_;
  Scheduler scheduler_;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::thread janitor_thread_;
};

}  // namespace

Result<std::unique_ptr<Service>> Service::open(catalog::Catalog& catalog, engine::Engine& engine,
                                               const storage::StoreFactory& stores, const Clock& clock,
                                               const ServiceOptions& options) {
  SPILLWAY_TRY(empty_folder(options.staging_folder));
  return std::unique_ptr<Service>(std::make_unique<ServiceImpl>(catalog, engine, stores, clock, options));
}

}  // namespace spillway::exports
