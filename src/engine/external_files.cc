#include "engine/external_files.h"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>
#include <tuple>

#include "engine/partition_paths.h"
#include "engine/scratch.h"
#include "storage/parallel.h"

namespace spillway::engine {
namespace {

namespace fs = std::filesystem;

/// Downloads that run at once.
constexpr size_t kDownloads = 8;

/// Folders that are listed at once.
constexpr size_t kListings = 8;

bool has_extension(const std::string& name, const std::string& extension) {
  if (extension.empty() || name.ends_with(extension)) return true;
  // Exports add what their compression is called: "csv" also means "x.csv.gz".
  return name.ends_with(extension + ".gz");
}

/// What continuous exports with manifest=true write beside their artifacts.
constexpr std::string_view kManifests = "_manifests/";

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

std::optional<ExternalFile> external_file_of(const catalog::ExternalTable& table, const PathForm& form,
                                             const storage::ObjectInfo& object) {
  if (object.path.starts_with(kManifests)) return std::nullopt;
  std::optional<ExternalFile> named = named_file(table, object.path, object.size);
  if (!named) return std::nullopt;
  ExternalFile& file = *named;
  auto partitions = form.values(file.folder);
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
    if (!file) continue;
    if (request.delta_wanted && !request.delta_wanted(logged)) continue;
    file->path = store.local_path(path).value_or("");
    files.push_back(*std::move(file));
  }
  return files;
}

}  // namespace

namespace {

/// All objects below the folders, several of which are listed at once.
Result<std::vector<storage::ObjectInfo>> list_folders(storage::ObjectStore& store,
                                                      const std::vector<std::string>& folders) {
  std::vector<std::vector<storage::ObjectInfo>> lists(folders.size());
  storage::Parallel listings(static_cast<int>(kListings));
  for (size_t i = 0; i < folders.size(); ++i) {
    SPILLWAY_TRY(listings.run([&store, &folders, &lists, i]() -> Status {
      SPILLWAY_ASSIGN(lists[i], store.list(folders[i]));
      return {};
    }));
  }
  SPILLWAY_TRY(listings.finish());
  std::vector<storage::ObjectInfo> all;
  for (auto& list : lists) std::move(list.begin(), list.end(), std::back_inserter(all));
  return all;
}

/// Adds the table's files that a connection leads to.
Status add_files(const ExternalFilesRequest& request, storage::ConnectionString& connection, size_t number,
                 std::vector<ExternalFile>& files) {
  SPILLWAY_ASSIGN(const std::optional<storage::ObjectInfo> named, named_object(request, connection));
  SPILLWAY_ASSIGN(const auto store, open_store(request, connection));
  std::vector<storage::ObjectInfo> objects;
  if (named) {
    objects.push_back(*named);
  } else {
    SPILLWAY_ASSIGN(objects, list_folders(*store, request.folders));
  }
  if (const auto error = request.expired()) return *error;
  for (const storage::ObjectInfo& object : objects) {
    auto file = external_file_of(*request.table, *request.form, object);
    if (!file || object.size == 0) continue;
    file->connection = number;
    file->path = store->local_path(object.path).value_or("");
    files.push_back(*std::move(file));
  }
  return {};
}

}  // namespace

namespace {

/// True for formats whose files are compressed from outside. The readers go by the name.
bool is_compressed_whole(const std::string& format) {
  return format != "parquet";
}

bool begins_as_gzip(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  char magic[2] = {};
  return file.read(magic, 2) && magic[0] == '\x1f' && magic[1] == '\x8b';
}

/// Gives a file whose name says something else of its compression than its content another name.
Status name_by_content(const ExternalFilesRequest& request, ExternalFiles& files) {
  std::shared_ptr<ScratchFolder> links;
  for (ExternalFile& file : files.files) {
    const bool gzip = begins_as_gzip(file.path);
    if (gzip == file.path.ends_with(".gz")) continue;
    if (!links) {
      SPILLWAY_ASSIGN(links, make_scratch(request.temp_folder, 0, "links to files"));
    }
    const auto number = std::to_string(&file - files.files.data());
    const std::string link = links->path() + "/" + number + (gzip ? ".gz" : "");
    std::error_code error;
    fs::create_symlink(file.path, link, error);
    if (error)
      return Error(ErrorCode::StorageTransient, "can't make the link " + link + ": " + error.message());
    file.path = link;
  }
  if (links) files.resources.push_back(std::move(links));
  return {};
}

}  // namespace

Result<ExternalFiles> open_external_files(const ExternalFilesRequest& request) {
  ExternalFiles result;
  std::vector<storage::ConnectionString> connections;
  for (const std::string& text : request.table->connection_strings) {
    SPILLWAY_ASSIGN(storage::ConnectionString connection, storage::ConnectionString::parse(text));
    if (request.delta) {
      SPILLWAY_ASSIGN(const auto table_store, open_store(request, connection));
      result.files = delta_files(request, *table_store);
    } else {
      SPILLWAY_TRY(add_files(request, connection, connections.size(), result.files));
    }
    connections.push_back(std::move(connection));
  }
  result.found = static_cast<int64_t>(result.files.size());
  if (request.remove_others) SPILLWAY_TRY(request.remove_others(result.files));
  std::sort(result.files.begin(), result.files.end(), [](const ExternalFile& a, const ExternalFile& b) {
    return std::tie(a.connection, a.folder, a.name) < std::tie(b.connection, b.folder, b.name);
  });
  for (ExternalFile& file : result.files)
    file.address = connections[file.connection].address() + "/" + object_path(file);
  std::vector<ExternalFile*> remote;
  int64_t bytes = 0;
  for (ExternalFile& file : result.files) {
    if (!file.path.empty()) continue;
    remote.push_back(&file);
    bytes += file.size;
  }
  if (request.only_list) return result;
  if (!remote.empty()) {
    SPILLWAY_ASSIGN(const auto scratch,
                    make_scratch(request.temp_folder, bytes, "the files of the external table"));
    result.resources.push_back(scratch);
    SPILLWAY_TRY(Downloads(request, connections, scratch->path(), std::move(remote)).run());
  }
  if (is_compressed_whole(request.table->format)) SPILLWAY_TRY(name_by_content(request, result));
  return result;
}

}  // namespace spillway::engine
