#include "engine/external_files.h"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <mutex>
#include <thread>
#include <tuple>

#include "engine/partition_paths.h"
#include "engine/scratch.h"

namespace spillway::engine {
namespace {

namespace fs = std::filesystem;

/// Downloads that run at once.
constexpr size_t kDownloads = 8;

bool has_extension(const std::string& name, const std::string& extension) {
  if (extension.empty() || name.ends_with(extension)) return true;
  // Exports add what their compression is called: "csv" also means "x.csv.gz".
  return name.ends_with(extension + ".gz");
}

/// What continuous exports with manifest=true write beside their artifacts.
constexpr std::string_view kManifests = "_manifests/";

std::optional<ExternalFile> match(const ExternalFilesRequest& request, const storage::ObjectInfo& object,
                                  size_t connection) {
  std::optional<ExternalFile> file = external_file_of(*request.table, object);
  if (!file) return std::nullopt;
  file->connection = connection;
  if (request.wanted && !request.wanted(*file)) return std::nullopt;
  return file;
}

std::string object_path(const ExternalFile& file) {
  return file.folder.empty() ? file.name : file.folder + "/" + file.name;
}

/// Its calls end with the query.
Result<std::unique_ptr<storage::ObjectStore>> open_store(const ExternalFilesRequest& request,
                                                         const storage::ConnectionString& connection) {
  storage::CallLimits limits;
  limits.cancelled = [expired = request.expired] { return expired().has_value(); };
  return request.stores->open(connection, std::move(limits));
}

/// Gets the files that have no path yet, several at once.
class Downloads {
 public:
  Downloads(const ExternalFilesRequest& request, const std::vector<storage::ConnectionString>& connections,
            std::string folder, std::vector<ExternalFile*> files)
      : request_(request), connections_(connections), folder_(std::move(folder)), files_(std::move(files)) {}

  Status run() {
    std::vector<std::thread> threads;
    for (size_t i = 1; i < std::min(kDownloads, files_.size()); ++i) threads.emplace_back([this] { work(); });
    work();
    for (std::thread& thread : threads) thread.join();
    return status_;
  }

 private:
  void work() {
    for (size_t i = next_++; i < files_.size(); i = next_++) {
      const Status status = get(*files_[i], i);
      if (status.ok()) continue;
      const std::lock_guard lock(mutex_);
      if (status_.ok()) status_ = status;
      next_ = files_.size();
    }
  }

  Status get(ExternalFile& file, size_t number) const {
    if (const auto error = request_.expired()) return *error;
    SPILLWAY_ASSIGN(const auto store, open_store(request_, connections_[file.connection]));
    // The name tells DuckDB the compression.
    std::string target = folder_ + "/" + std::to_string(number) + (file.name.ends_with(".gz") ? ".gz" : "");
    const Status got = store->get_file(object_path(file), target);
    if (const auto error = request_.expired()) return *error;
    SPILLWAY_TRY(got);
    file.path = std::move(target);
    return Status();
  }

  const ExternalFilesRequest& request_;
  const std::vector<storage::ConnectionString>& connections_;
  const std::string folder_;
  const std::vector<ExternalFile*> files_;
  std::atomic<size_t> next_{0};
  std::mutex mutex_;
  Status status_;
};

}  // namespace

namespace {

/// nullopt by namePrefix or fileExtension.
std::optional<ExternalFile> named_file(const catalog::ExternalTable& table, const std::string& path,
                                       int64_t size) {
  ExternalFile file;
  const size_t slash = path.rfind('/');
  if (slash != path.npos) file.folder = path.substr(0, slash);
  file.name = path.substr(slash == path.npos ? 0 : slash + 1);
  file.size = size;
  if (!file.name.starts_with(table.name_prefix) || !has_extension(file.name, table.file_extension)) {
    return std::nullopt;
  }
  return file;
}

}  // namespace

std::optional<ExternalFile> external_file_of(const catalog::ExternalTable& table, const DeltaFile& file) {
  auto found = named_file(table, file.path, file.size);
  if (!found) return std::nullopt;
  for (const catalog::Partition& partition : table.partitions) {
    const auto value = file.partitions.find(partition.name);
    found->partitions.push_back(
        delta_partition_value(value == file.partitions.end() ? std::nullopt : value->second, partition.type));
  }
  return found;
}

std::optional<ExternalFile> external_file_of(const catalog::ExternalTable& table,
                                             const storage::ObjectInfo& object) {
  if (object.path.starts_with(kManifests)) return std::nullopt;
  std::optional<ExternalFile> named = named_file(table, object.path, object.size);
  if (!named) return std::nullopt;
  ExternalFile& file = *named;
  auto partitions = partition_values(table, file.folder);
  if (!partitions) return std::nullopt;
  file.partitions = *std::move(partitions);
  return named;
}

namespace {

/// The one object that a connection string names, with its folder's connection; nullopt where it names a
/// folder. Not even to be asked for outside of the storage roots.
Result<std::optional<storage::ObjectInfo>> named_object(const ExternalFilesRequest& request,
                                                        storage::ConnectionString& connection) {
  using storage::ConnectionString;
  std::error_code ignored;
  const bool local = connection.kind() == ConnectionString::Kind::Local;
  const auto split = connection.split();
  if (!request.names_files || !split.ok()) return std::optional<storage::ObjectInfo>();
  SPILLWAY_ASSIGN(const auto store, open_store(request, split->first));
  if (local && fs::is_directory(connection.local, ignored)) return std::optional<storage::ObjectInfo>();
  const Result<storage::ObjectInfo> object = store->stat(split->second);
  if (object.ok()) {
    connection = split->first;
    return std::optional<storage::ObjectInfo>(*object);
  }
  if (local || object.error().code != ErrorCode::EntityNotFound) return object.error();
  return std::optional<storage::ObjectInfo>();
}

/// The files that the log of a Delta table names.
std::vector<ExternalFile> delta_files(const ExternalFilesRequest& request,
                                      const storage::ObjectStore& store) {
  std::vector<ExternalFile> files;
  for (const auto& [path, logged] : request.delta->files) {
    std::optional<ExternalFile> file = external_file_of(*request.table, logged);
    if (!file || (request.wanted && !request.wanted(*file))) continue;
    if (request.delta_wanted && !request.delta_wanted(logged)) continue;
    file->path = store.local_path(path).value_or("");
    files.push_back(*std::move(file));
  }
  return files;
}

}  // namespace

Result<ExternalFiles> open_external_files(const ExternalFilesRequest& request) {
  ExternalFiles result;
  std::vector<storage::ConnectionString> connections;
  for (const std::string& text : request.table->connection_strings) {
    SPILLWAY_ASSIGN(storage::ConnectionString connection, storage::ConnectionString::parse(text));
    if (request.delta) {
      SPILLWAY_ASSIGN(const auto table_store, request.stores->open(connection));
      result.files = delta_files(request, *table_store);
      connections.push_back(std::move(connection));
      continue;
    }
    SPILLWAY_ASSIGN(const std::optional<storage::ObjectInfo> named, named_object(request, connection));
    SPILLWAY_ASSIGN(const auto store, open_store(request, connection));
    std::vector<storage::ObjectInfo> objects;
    if (named) {
      objects.push_back(*named);
    } else {
      SPILLWAY_ASSIGN(objects, store->list(""));
    }
    if (const auto error = request.expired()) return *error;
    for (const storage::ObjectInfo& object : objects) {
      auto file = match(request, object, connections.size());
      if (!file || object.size == 0) continue;
      file->path = store->local_path(object.path).value_or("");
      result.files.push_back(*std::move(file));
    }
    connections.push_back(std::move(connection));
  }
  std::sort(result.files.begin(), result.files.end(), [](const ExternalFile& a, const ExternalFile& b) {
    return std::tie(a.connection, a.folder, a.name) < std::tie(b.connection, b.folder, b.name);
  });
  std::vector<ExternalFile*> remote;
  int64_t bytes = 0;
  for (ExternalFile& file : result.files) {
    if (!file.path.empty()) continue;
    remote.push_back(&file);
    bytes += file.size;
  }
  if (remote.empty()) return result;
  SPILLWAY_ASSIGN(const auto scratch,
                  make_scratch(request.temp_folder, bytes, "the files of the external table"));
  result.downloads = scratch;
  SPILLWAY_TRY(Downloads(request, connections, scratch->path(), std::move(remote)).run());
  return result;
}

}  // namespace spillway::engine
