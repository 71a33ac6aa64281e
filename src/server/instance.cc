#include "server/instance.h"

#include <unistd.h>

#include <filesystem>

#include "base/log.h"
#include "catalog/request_log.h"
#include "commands/requests.h"
#include "server/test_times.h"

namespace spillway::server {
namespace {

namespace fs = std::filesystem;

struct Folders {
  explicit Folders(const fs::path& data)
      : catalog(data / "catalog"),
        extents(data / "extents"),
        staging(data / "staging"),
        temp(data / "temp"),
        storage(data / "storage"),
        followed(data / "followed") {}
  fs::path catalog, extents, staging, temp, storage, followed;
};

Status make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (!fs::is_directory(folder)) {
    return Error{ErrorCode::BadRequest,
                 "the folder '" + folder.string() + "' can't be made: " + error.message()};
  }
  return {};
}

Status make_folders(const Folders& folders) {
  for (const fs::path& folder : {folders.catalog, folders.extents, folders.staging, folders.temp}) {
    SPILLWAY_TRY(make_folder(folder));
  }
  // Connection strings are in there, with their secrets.
  std::error_code error;
  fs::permissions(folders.catalog, fs::perms::owner_all, error);
  if (error) {
    return Error{ErrorCode::BadRequest,
                 "the folder '" + folders.catalog.string() + "' can't be made private: " + error.message()};
  }
  return {};
}

std::string folder_of(const std::string& path) {
  fs::path folder = fs::absolute(path).lexically_normal();
  if (!folder.has_filename()) folder = folder.parent_path();  // it was given with a '/' at its end
  return folder.string();
}

Result<catalog::Following> following_of(const InstanceOptions& options, const Folders& folders) {
  catalog::Following following;
  following.links_folder = folders.followed.string();
  for (const std::string& leader : options.follow) {
    std::error_code error;
    if (fs::equivalent(leader, options.data_folder, error)) {
      return Error{ErrorCode::BadRequest, "the data folder '" + leader + "' can't follow itself"};
    }
    following.leaders.push_back(folder_of(leader));
  }
  return following;
}

std::vector<std::string> roots_of(const InstanceOptions& options, const Folders& folders) {
  std::vector<std::string> roots;
  if (options.storage_roots.empty()) {
    roots.push_back(folders.storage.string());
    for (const std::string& leader : options.follow) roots.push_back(folder_of(leader) + "/storage");
  }
  for (const std::string& root : options.storage_roots) {
    roots.push_back(fs::absolute(root).lexically_normal().string());
  }
  return roots;
}

class LocalInstance : public Instance {
 public:
  LocalInstance(const Clock& clock, std::vector<std::string> roots, const storage::StoreOptions& stores)
      : clock_(clock), stores_(std::move(roots), stores) {}
  ~LocalInstance() override { stop(); }

  Status start(const InstanceOptions& options, const Folders& folders,
               exports::ServiceOptions export_options);
  commands::Services services() override {
    return {*catalog_, *engine_, stores_, *ingestor_, *exports_, clock_, *requests_};
  }
  void stop() override;

 private:
  // Each uses those before it.
  const Clock& clock_;
  const storage::StoreFactory stores_;
  std::unique_ptr<catalog::Catalog> catalog_;
  std::unique_ptr<catalog::RequestLog> log_;
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<commands::Requests> requests_;
  std::unique_ptr<ingest::Ingestor> ingestor_;
  std::unique_ptr<exports::Service> exports_;
};

Status LocalInstance::start(const InstanceOptions& options, const Folders& folders,
                            exports::ServiceOptions export_options) {
  SPILLWAY_ASSIGN(const catalog::Following following, following_of(options, folders));
  SPILLWAY_ASSIGN(catalog_, catalog::Catalog::open(folders.catalog.string(), clock_, following));
  SPILLWAY_ASSIGN(log_, catalog::RequestLog::open(folders.catalog.string(), clock_));

  engine::EngineOptions engine_options;
  engine_options.memory_limit = options.memory_limit;
  engine_options.threads = options.threads;
  engine_options.temp_folder = folders.temp.string();
  engine_options.extents_folder = folders.extents.string();
  SPILLWAY_ASSIGN(engine_, engine::Engine::open(engine_options, stores_));
  requests_ = std::make_unique<commands::Requests>(*log_, *engine_, clock_);

  SPILLWAY_ASSIGN(ingestor_,
                  ingest::Ingestor::open(*catalog_, *engine_, stores_, clock_, folders.extents.string()));

  export_options.staging_folder = folders.staging.string();
  export_options.requests = log_.get();
  export_options.access_control = options.access_control;
  export_options.owner = std::to_string(getpid()) + '-' + Guid::random().str();
  SPILLWAY_ASSIGN(exports_, exports::Service::open(*catalog_, *engine_, stores_, clock_, export_options));

  exports_->start();
  return {};
}

void LocalInstance::stop() {
  if (exports_) exports_->stop();
  if (ingestor_) ingestor_->stop();
  if (log_) log_->stop();
}

}  // namespace

Result<std::unique_ptr<Instance>> Instance::open(const InstanceOptions& options) {
  static const SystemClock kSystemClock;
  const Clock& clock = options.clock ? *options.clock : kSystemClock;
  try {
    const fs::path data = fs::absolute(options.data_folder).lexically_normal();
    const Folders folders(data);
    SPILLWAY_TRY(make_folders(folders));
    storage::StoreOptions store_options;
    exports::ServiceOptions export_options;
    SPILLWAY_TRY(apply_test_times(store_options, export_options));
    auto instance = std::make_unique<LocalInstance>(clock, roots_of(options, folders), store_options);
    SPILLWAY_TRY(instance->start(options, folders, export_options));
    log::info("instance opened", {{"data", data.string()}});
    return std::unique_ptr<Instance>(std::move(instance));
  } catch (const std::exception& failure) {
    return Error{ErrorCode::Internal,
                 "the data folder '" + options.data_folder + "' can't be opened: " + failure.what()};
  }
}

}  // namespace spillway::server
