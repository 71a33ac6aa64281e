#include "ingest/extent_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "storage/files.h"

namespace spillway::ingest {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPart = ".part";
constexpr const char* kIncoming = "incoming";

Status remove_file(const std::string& file) {
  if (unlink(file.c_str()) != 0 && errno != ENOENT) return storage::errno_error(errno, "remove", file);
  return Status();
}

std::string folder_of(const std::string& file) {
  return file.substr(0, file.rfind('/'));
}

}  // namespace

Result<std::unique_ptr<ExtentFiles>> ExtentFiles::open(std::string folder) {
  SPILLWAY_TRY(storage::make_folders(folder));
  std::error_code ignored;  // what stays is an orphan, and goes with the next sweep
  fs::remove_all(folder + "/" + kIncoming, ignored);
  return std::unique_ptr<ExtentFiles>(new ExtentFiles(std::move(folder)));
}

ExtentFiles::Reservation::Reservation(ExtentFiles& files, const Guid& id, std::string path)
    : files_(files), id_(id), path_(std::move(path)) {
  const std::lock_guard lock(files_.mutex_);
  files_.reserved_.insert(path_);
}

ExtentFiles::Reservation::~Reservation() {
  const std::lock_guard lock(files_.mutex_);
  files_.reserved_.erase(path_);
}

std::string ExtentFiles::Reservation::file() const {
  return files_.folder_ + "/" + path_;
}

std::string ExtentFiles::Reservation::part_file() const {
  return file() + std::string(kPart);
}

Status ExtentFiles::Reservation::finish() {
  {
    SPILLWAY_ASSIGN(const storage::File written, storage::open_file(part_file(), O_RDONLY));
    SPILLWAY_TRY(storage::sync_file(written, part_file()));
  }
  if (rename(part_file().c_str(), file().c_str()) != 0)
    return storage::errno_error(errno, "rename", part_file());
  return storage::sync_folder(folder_of(file()));
}

void ExtentFiles::Reservation::remove() {
  // A failure leaves an orphan.
  (void)remove_file(part_file());
  (void)remove_file(file());
}

Result<std::unique_ptr<ExtentFiles::Reservation>> ExtentFiles::reserve(int64_t database_id) {
  const Guid id = Guid::random();
  const std::string name = id.str();
  const std::string folder = std::to_string(database_id) + "/" + name.substr(0, 2);
  SPILLWAY_TRY(storage::make_folders(folder_ + "/" + folder));
  return std::make_unique<Reservation>(*this, id, folder + "/" + name + ".parquet");
}

Result<std::unique_ptr<ExtentFiles::Incoming>> ExtentFiles::make_incoming() {
  auto incoming = std::make_unique<Incoming>(folder_ + "/" + kIncoming + "/" + Guid::random().str());
  SPILLWAY_TRY(storage::make_folders(incoming->folder()));
  return incoming;
}

ExtentFiles::Incoming::~Incoming() {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

Result<int64_t> ExtentFiles::remove_dropped(catalog::Catalog& catalog) {
  SPILLWAY_ASSIGN(const std::vector<std::string> paths, catalog.removable_extents());
  if (paths.empty()) return int64_t{0};
  for (const std::string& path : paths) SPILLWAY_TRY(remove_file(folder_ + "/" + path));
  SPILLWAY_TRY(catalog.forget_extents(paths));
  return static_cast<int64_t>(paths.size());
}

Result<std::vector<std::string>> ExtentFiles::list() const {
  std::vector<std::string> files;
  std::error_code failure;
  fs::recursive_directory_iterator at(folder_, failure), end;
  while (!failure && at != end) {
    std::string path = at->path().lexically_relative(folder_).generic_string();
    if (path == kIncoming) {
      at.disable_recursion_pending();
    } else if (!at->is_directory(failure)) {
      files.push_back(std::move(path));
    }
    if (failure == std::errc::no_such_file_or_directory) failure.clear();  // it went meanwhile
    if (!failure) at.increment(failure);
  }
  if (failure)
    return Error(ErrorCode::StorageTransient, "'" + folder_ + "' can't be listed: " + failure.message());
  return files;
}

bool ExtentFiles::is_reserved(const std::string& path) {
  const std::string extent = path.ends_with(kPart) ? path.substr(0, path.size() - kPart.size()) : path;
  const std::lock_guard lock(mutex_);
  return reserved_.contains(extent);
}

Result<int64_t> ExtentFiles::remove_orphans(catalog::Catalog& catalog) {
  // In this order: a file that was there, and is reserved no more, has its row by now or will never have one.
  SPILLWAY_ASSIGN(std::vector<std::string> files, list());
  std::erase_if(files, [&](const std::string& path) { return is_reserved(path); });
  if (files.empty()) return int64_t{0};
  SPILLWAY_ASSIGN(const std::set<std::string> named, catalog.extent_paths());
  int64_t removed = 0;
  for (const std::string& path : files) {
    if (named.contains(path)) continue;
    SPILLWAY_TRY(remove_file(folder_ + "/" + path));
    ++removed;
  }
  return removed;
}

}  // namespace spillway::ingest
