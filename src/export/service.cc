#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <thread>

#include "base/log.h"
#include "export/artifacts.h"
#include "export/capacity.h"
#include "export/continuous.h"
#include "export/continuous_run.h"
#include "export/definition.h"
#include "export/exports.h"
#include "export/janitor.h"
#include "export/operations.h"
#include "export/scheduler.h"

namespace spillway::exports {
namespace {

int cores() {
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

ServiceOptions with_defaults(ServiceOptions options) {
  if (options.capacity <= 0) options.capacity = std::max(1, cores() * 3 / 4);
  if (options.format_threads <= 0) options.format_threads = cores();
  return options;
}

Status empty_folder(const std::string& folder) {
  std::error_code error;
  std::filesystem::remove_all(folder, error);
  if (!error) std::filesystem::create_directories(folder, error);
  if (!error) return {};
  return Status(ErrorCode::StorageAccess,
                "the staging folder '" + folder + "' can't be used: " + error.message());
}

class ServiceImpl : public Service {
 public:
  ServiceImpl(catalog::Catalog& catalog, engine::Engine& engine, const storage::StoreFactory& stores,
              const Clock& clock, const ServiceOptions& options)
      : options_(with_defaults(options)),
        catalog_(catalog),
        clock_(clock),
        capacity_(options_.capacity),
        writer_(catalog, engine, stores, options_.staging_folder, options_.format_threads),
        janitor_(catalog, stores),
        runner_(catalog, writer_, janitor_, clock, options_),
        operations_(catalog, writer_, janitor_, capacity_, clock),
        scheduler_(catalog, runner_, capacity_, clock) {}
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
  Status cancel_operation(const Guid& id) override { return operations_.cancel(id); }

  Status create_or_alter(const std::string& database, catalog::ContinuousExport definition,
                         const std::map<std::string, std::string>& properties) override {
    SPILLWAY_TRY(apply_properties(properties, definition));
    SPILLWAY_ASSIGN(const Prepared prepared,
                    prepare(catalog_.snapshot(), database, definition, clock_.now()));
    definition.size_limit = prepared.settings.size_limit;
    return catalog_.write([&](catalog::Writer& writer) { return writer.put_export(database, definition); });
  }

  Result<bool> run_once(const std::string& database, const std::string& name) override {
    return scheduler_.run_once(database, name);
  }

  Status sweep() override {
    SPILLWAY_TRY(runner_.settle());
    SPILLWAY_TRY(operations_.settle());
    return janitor_.sweep();
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
  const Clock& clock_;
  Capacity capacity_;
  ArtifactWriter writer_;
  Janitor janitor_;
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
