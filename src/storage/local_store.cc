#include "storage/local_store.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <functional>
#include <system_error>

#include "base/fail_point.h"
#include "base/types.h"
#include "storage/files.h"
#include "storage/paths.h"

namespace spillway::storage {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kLeftoverPrefix = ".spillway-";
constexpr std::string_view kLeftoverSuffix = ".tmp";

bool is_leftover_name(std::string_view name) {
  return name.starts_with(kLeftoverPrefix) && name.ends_with(kLeftoverSuffix);
}

/// FNV-1a: the same in every build, since a later process removes what this one left.
uint64_t name_hash(std::string_view name) {
  uint64_t hash = 0xcbf29ce484222325;
  for (char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

std::string hex(uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
  return text;
}

Ticks ticks_of(const struct timespec& time) {
  return kUnixEpoch + time.tv_sec * kTicksPerSecond + time.tv_nsec / 100;
}

/// Where an object's file is.
struct Place {
  std::string folder, name;
  std::string path() const { return folder + "/" + name; }
  std::string leftover(std::string_view suffix = "") const {
    return folder + "/" + std::string(kLeftoverPrefix) + hex(name_hash(name)) + std::string(suffix) +
           std::string(kLeftoverSuffix);
  }
};

class LocalStore : public ObjectStore {
 public:
  LocalStore(std::string folder, std::vector<std::string> roots)
      : folder_(std::move(folder)), roots_(std::move(roots)) {}

  const std::string& public_root() const override { return folder_; }
  std::string public_path(std::string_view path) const override { return join_path(folder_, path); }
  Status put_file(const std::string& source, const std::string& path, bool consume) override;
  Result<bool> put_if_absent(std::string_view bytes, const std::string& path) override;
  Status check_put_if_absent(const std::string&) override { return {}; }
  Status get_file(const std::string& path, const std::string& target) override;
  Status remove(const std::string& path) override;
  Result<std::vector<ObjectInfo>> list(const std::string& prefix) override;
  Result<ObjectInfo> stat(const std::string& path) override;
  Status check() override;
  Result<int64_t> remove_leftovers(const std::string& prefix) override;
  std::optional<std::string> local_path(const std::string& path) const override;

 private:
  using Visit = std::function<Status(const std::string& file, const std::string& path, bool leftover)>;

  Status allow(const std::string& absolute) const;
  /// The object's place, whose folder (which may not exist yet) lies within the roots.
  Result<Place> place(const std::string& path) const;
  /// The same for reading, where the file itself may not be a link to the outside either.
  Result<std::string> readable(const std::string& path) const;
  Status put_into(const Place& to, const std::string& source, bool consume);
  Status put_copy(const File& from, const std::string& source, const Place& to, int64_t size);
  Status walk(const std::string& prefix, const Visit& visit) const;
  Status walk_folder(const std::string& folder, const std::string& prefix, std::vector<std::string>& later,
                     const Visit& visit) const;

  const std::string folder_;
  const std::vector<std::string> roots_;
};

Status LocalStore::allow(const std::string& absolute) const {
  SPILLWAY_ASSIGN(const std::string resolved, resolve_links(absolute));
  if (lies_in(resolved, roots_)) return {};
  return Error(ErrorCode::Forbidden, "'" + absolute + "' leads out of the storage roots");
}

Result<Place> LocalStore::place(const std::string& path) const {
  SPILLWAY_TRY(check_object_path(path));
  const size_t slash = path.rfind('/');
  Place place;
  place.name = slash == std::string::npos ? path : path.substr(slash + 1);
  place.folder = slash == std::string::npos ? folder_ : folder_ + "/" + path.substr(0, slash);
  if (place.name.empty() || path.find("//") != std::string::npos) {
    return Error(ErrorCode::Forbidden, "path '" + path + "' is refused: it has an empty part");
  }
  if (is_leftover_name(place.name)) {
    return Error(ErrorCode::Forbidden, "path '" + path + "' is refused: the name is reserved");
  }
  SPILLWAY_TRY(allow(place.folder));
  return place;
}

Result<std::string> LocalStore::readable(const std::string& path) const {
  SPILLWAY_ASSIGN(const Place found, place(path));
  SPILLWAY_TRY(allow(found.path()));
  return found.path();
}

/// A folder that goes away under a put is made again by the next: that may pass.
Status LocalStore::put_file(const std::string& source, const std::string& path, bool consume) {
  SPILLWAY_ASSIGN(const Place to, place(path));
  Status put = put_into(to, source, consume);
  if (put.ok() || put.error().code != ErrorCode::EntityNotFound) return put;
  struct stat info;
  if (::lstat(source.c_str(), &info) != 0) return put;
  return Status(ErrorCode::StorageTransient, put.error().message);
}

Status LocalStore::put_into(const Place& to, const std::string& source, bool consume) {
  SPILLWAY_FAIL_POINT("store.put.before");
  // A link is never moved: it would become the object, in place of what it names.
  SPILLWAY_ASSIGN(const File from, open_file(source, O_RDONLY | (consume ? O_NOFOLLOW : 0)));
  SPILLWAY_ASSIGN(const int64_t size, file_size(from, source));
  SPILLWAY_TRY(make_folders(to.folder));
  bool moved = false;
  if (consume) {
    SPILLWAY_TRY(sync_file(from, source));
    SPILLWAY_FAIL_POINT("store.put.staged");
    moved = ::rename(source.c_str(), to.path().c_str()) == 0;
    if (!moved && errno != EXDEV) return errno_error(errno, "write", to.path());
  }
  if (!moved) SPILLWAY_TRY(put_copy(from, source, to, size));
  SPILLWAY_TRY(sync_folder(to.folder));
  if (consume && !moved) ::unlink(source.c_str());
  SPILLWAY_FAIL_POINT("store.put.after");
  return {};
}

Status LocalStore::put_copy(const File& from, const std::string& source, const Place& to, int64_t size) {
  // The plain name is what remove() looks for. Where it is taken, by another thread that puts the same object
  // or by a crash, a random one does as well.
  std::string hidden = to.leftover();
  constexpr int kNew = O_WRONLY | O_CREAT | O_EXCL;
  Result<File> file = open_file(hidden, kNew, 0666);
  if (!file.ok()) {
    hidden = to.leftover("-" + hex(Guid::random().high));
    file = open_file(hidden, kNew, 0666);
  }
  if (!file.ok()) return file.error();
  RemoveOnFailure undo(hidden);
  SPILLWAY_ASSIGN(const int64_t copied, copy_bytes(from, source, *file, hidden));
  SPILLWAY_TRY(sync_file(*file, hidden));
  SPILLWAY_ASSIGN(const int64_t written, file_size(*file, hidden));
  if (copied != size || written != size) {
    return Error(ErrorCode::StorageTransient, "'" + source + "' changed while it was stored");
  }
  SPILLWAY_FAIL_POINT("store.put.staged");
  if (::rename(hidden.c_str(), to.path().c_str()) != 0) return errno_error(errno, "write", to.path());
  undo.keep();
  return {};
}

/// Whole in a hidden file first; a second name for it, unlike a rename, replaces nothing.
Result<bool> LocalStore::put_if_absent(std::string_view bytes, const std::string& path) {
  SPILLWAY_ASSIGN(const Place to, place(path));
  SPILLWAY_FAIL_POINT("store.put.before");
  SPILLWAY_TRY(make_folders(to.folder));
  const std::string hidden = to.leftover("-" + hex(Guid::random().high));
  SPILLWAY_ASSIGN(const File file, open_file(hidden, O_WRONLY | O_CREAT | O_EXCL, 0666));
  const RemoveOnFailure also_on_success(hidden);
  SPILLWAY_TRY(write_at(file, hidden, bytes.data(), bytes.size(), 0));
  SPILLWAY_TRY(sync_file(file, hidden));
  SPILLWAY_FAIL_POINT("store.put.staged");
  if (::link(hidden.c_str(), to.path().c_str()) != 0) {
    if (errno == EEXIST) return false;
    if (errno == EPERM || errno == EOPNOTSUPP) {
      return Error(ErrorCode::NotSupported,
                   "the file system of '" + to.folder +
                       "' has no hard links, without which a file can't be made where there is none");
    }
    return errno_error(errno, "write", to.path());
  }
  SPILLWAY_TRY(sync_folder(to.folder));
  SPILLWAY_FAIL_POINT("store.put.after");
  return true;
}

Status LocalStore::get_file(const std::string& path, const std::string& target) {
  SPILLWAY_ASSIGN(const std::string source, readable(path));
  // Without waiting, so that a pipe of that name is refused and not waited for.
  SPILLWAY_ASSIGN(const File from, open_file(source, O_RDONLY | O_NONBLOCK));
  SPILLWAY_ASSIGN(const int64_t size, file_size(from, source));
  SPILLWAY_ASSIGN(const File to, open_file(target, O_WRONLY | O_CREAT | O_TRUNC, 0666));
  RemoveOnFailure undo(target);
  SPILLWAY_ASSIGN(const int64_t copied, copy_bytes(from, source, to, target));
  if (copied != size) return Error(ErrorCode::StorageTransient, "'" + source + "' changed while it was read");
  undo.keep();
  return {};
}

Status LocalStore::remove(const std::string& path) {
  SPILLWAY_ASSIGN(const Place at, place(path));
  bool changed = false, left = false;
  if (::unlink(at.path().c_str()) == 0) {
    changed = true;
  } else if (errno != ENOENT && errno != ENOTDIR) {
    const int reason = errno;
    struct stat info;  // a file system that is read only refuses to remove what isn't there
    if (::lstat(at.path().c_str(), &info) == 0 || errno != ENOENT)
      return errno_error(reason, "remove", at.path());
  }
  if (::unlink(at.leftover().c_str()) == 0) changed = left = true;
  if (left) {
    // Only beside a leftover of the plain name can there be one with a random part.
    const std::string start = std::string(kLeftoverPrefix) + hex(name_hash(at.name)) + "-";
    std::error_code error;
    for (fs::directory_iterator it(at.folder, error), end; !error && it != end; it.increment(error)) {
      const std::string name = it->path().filename().string();
      if (name.starts_with(start) && is_leftover_name(name)) ::unlink(it->path().c_str());
    }
  }
  return changed ? sync_folder(at.folder) : Status();
}

Status LocalStore::walk(const std::string& prefix, const Visit& visit) const {
  std::string start = prefix;
  while (start.ends_with('/')) start.pop_back();
  SPILLWAY_TRY(check_prefix(start));
  SPILLWAY_TRY(allow(join_path(folder_, start)));
  std::vector<std::string> folders = {start};
  while (!folders.empty()) {
    const std::string next = std::move(folders.back());
    folders.pop_back();
    SPILLWAY_TRY(walk_folder(join_path(folder_, next), next, folders, visit));
  }
  return {};
}

Status LocalStore::walk_folder(const std::string& folder, const std::string& prefix,
                               std::vector<std::string>& later, const Visit& visit) const {
  const std::unique_ptr<DIR, int (*)(DIR*)> opened(::opendir(folder.c_str()), &::closedir);
  if (!opened) {
    if (errno == ENOENT || errno == ENOTDIR) return {};  // never there, or removed meanwhile
    return errno_error(errno, "list", folder);
  }
  while (true) {
    errno = 0;
    const struct dirent* entry = ::readdir(opened.get());
    if (!entry) return errno == 0 ? Status() : Status(errno_error(errno, "list", folder));
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    const std::string file = folder + "/" + name, path = join_path(prefix, name);
    struct stat info;
    if (::lstat(file.c_str(), &info) != 0) continue;  // removed meanwhile
    if (S_ISDIR(info.st_mode)) {
      later.push_back(path);
    } else {
      SPILLWAY_TRY(visit(file, path, is_leftover_name(name)));
    }
  }
}

Result<std::vector<ObjectInfo>> LocalStore::list(const std::string& prefix) {
  std::vector<ObjectInfo> objects;
  SPILLWAY_TRY(walk(prefix, [&](const std::string& file, const std::string& path, bool leftover) -> Status {
    struct stat info;
    if (leftover || ::stat(file.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return {};
    if (struct stat link; ::lstat(file.c_str(), &link) == 0 && S_ISLNK(link.st_mode) && !allow(file).ok()) {
      return {};
    }
    objects.push_back({path, static_cast<int64_t>(info.st_size), ticks_of(info.st_mtim)});
    return {};
  }));
  return objects;
}

Result<int64_t> LocalStore::remove_leftovers(const std::string& prefix) {
  int64_t removed = 0;
  SPILLWAY_TRY(walk(prefix, [&](const std::string& file, const std::string&, bool leftover) -> Status {
    if (!leftover) return {};
    if (::unlink(file.c_str()) != 0 && errno != ENOENT) return errno_error(errno, "remove", file);
    ++removed;
    return {};
  }));
  return removed;
}

Result<ObjectInfo> LocalStore::stat(const std::string& path) {
  SPILLWAY_ASSIGN(const std::string file, readable(path));
  struct stat info;
  if (::stat(file.c_str(), &info) != 0) return errno_error(errno, "find", file);
  if (!S_ISREG(info.st_mode)) return Error(ErrorCode::EntityNotFound, "'" + file + "' is not a file");
  return ObjectInfo{path, static_cast<int64_t>(info.st_size), ticks_of(info.st_mtim)};
}

Status LocalStore::check() {
  SPILLWAY_TRY(allow(folder_));
  fs::path at = folder_;
  struct stat info;
  int number = 0;
  while (::stat(at.c_str(), &info) != 0) {
    number = errno;
    if (number != ENOENT || at == at.parent_path()) return errno_error(number, "reach", folder_);
    at = at.parent_path();
  }
  if (!S_ISDIR(info.st_mode)) return Error(ErrorCode::StorageAccess, "'" + at.string() + "' is not a folder");
  const int wanted = number == 0 ? R_OK | X_OK : W_OK | X_OK;
  if (::access(at.c_str(), wanted) != 0) return errno_error(errno, "reach", folder_);
  return {};
}

std::optional<std::string> LocalStore::local_path(const std::string& path) const {
  Result<std::string> file = readable(path);
  if (!file.ok()) return std::nullopt;
  return *std::move(file);
}

}  // namespace

Result<std::string> resolve_links(const std::string& path) {
  std::error_code error;
  const fs::path resolved = fs::weakly_canonical(path, error);
  if (error) return errno_error(error.value(), "reach", path);
  std::string text = resolved.string();
  while (text.size() > 1 && text.ends_with('/')) text.pop_back();
  return text;
}

bool lies_in(const std::string& resolved, const std::vector<std::string>& roots) {
  return std::any_of(roots.begin(), roots.end(), [&](const std::string& root) {
    return root == "/" || resolved == root || resolved.starts_with(root + "/");
  });
}

std::unique_ptr<ObjectStore> local_store(std::string folder, std::vector<std::string> roots) {
  return std::make_unique<LocalStore>(std::move(folder), std::move(roots));
}

std::unique_ptr<ObjectStore> local_store(std::string folder) {
  std::error_code error;
  folder = fs::absolute(folder, error).lexically_normal().string();
  while (folder.size() > 1 && folder.ends_with('/')) folder.pop_back();
  Result<std::string> resolved = resolve_links(folder);
  std::vector<std::string> roots = {resolved.ok() ? *resolved : folder};
  return local_store(std::move(folder), std::move(roots));
}

}  // namespace spillway::storage
