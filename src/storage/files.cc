#include "storage/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <memory>
#include <system_error>
#include <vector>

namespace spillway::storage {
namespace {

constexpr size_t kCopyBytes = 1 << 20;

ErrorCode code_of(int number) {
  switch (number) {
    case ENOENT: return ErrorCode::EntityNotFound;
    case ENOSPC:
    case EDQUOT:
    case EIO:
    case EAGAIN:
    case EBUSY:
    case EINTR:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ESTALE:
    case ETIMEDOUT: return ErrorCode::StorageTransient;
    default: return ErrorCode::StorageAccess;
  }
}

}  // namespace

File& File::operator=(File&& other) noexcept {
  if (this != &other) {
    close();
    descriptor_ = std::exchange(other.descriptor_, -1);
  }
  return *this;
}

void File::close() {
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
}

Error errno_error(int number, const std::string& verb, const std::string& path) {
  return Error(code_of(number),
               "cannot " + verb + " '" + path + "': " + std::generic_category().message(number));
}

Result<File> open_file(const std::string& path, int flags, int mode) {
  int descriptor = -1;
  do {
    descriptor = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  } while (descriptor < 0 && errno == EINTR);
  if (descriptor < 0) return errno_error(errno, "open", path);
  return File(descriptor);
}

Result<int64_t> file_size(const File& file, const std::string& path) {
  struct stat info;
  if (::fstat(file.descriptor(), &info) != 0) return errno_error(errno, "examine", path);
  if (!S_ISREG(info.st_mode)) return Error(ErrorCode::StorageAccess, "'" + path + "' is not a file");
  return static_cast<int64_t>(info.st_size);
}

Status sync_file(const File& file, const std::string& path) {
  if (::fsync(file.descriptor()) != 0) return errno_error(errno, "sync", path);
  return {};
}

Status sync_folder(const std::string& folder) {
  SPILLWAY_ASSIGN(const File opened, open_file(folder, O_RDONLY | O_DIRECTORY));
  return sync_file(opened, folder);
}

Status make_folders(const std::string& folder) {
  namespace fs = std::filesystem;
  std::vector<fs::path> missing;
  for (fs::path at = fs::path(folder); !at.empty(); at = at.parent_path()) {
    struct stat info;
    if (::stat(at.c_str(), &info) == 0) {
      if (!S_ISDIR(info.st_mode)) return errno_error(ENOTDIR, "make folder", folder);
      break;
    }
    if (errno != ENOENT) return errno_error(errno, "make folder", folder);
    missing.push_back(at);
  }
  for (auto at = missing.rbegin(); at != missing.rend(); ++at) {
    // Another thread may have made it since; its name must be durable before ours relies on it.
    if (::mkdir(at->c_str(), 0777) != 0 && errno != EEXIST) return errno_error(errno, "make folder", folder);
    SPILLWAY_TRY(sync_folder(at->parent_path().string()));
  }
  return {};
}

Status write_at(const File& file, const std::string& path, const char* data, size_t size, int64_t offset) {
  while (size > 0) {
    const ssize_t n = ::pwrite(file.descriptor(), data, size, offset);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error(errno, "write", path);
    data += n;
    offset += n;
    size -= static_cast<size_t>(n);
  }
  return {};
}

Status read_at(const File& file, const std::string& path, char* data, size_t size, int64_t offset) {
  while (size > 0) {
    const ssize_t n = ::pread(file.descriptor(), data, size, offset);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error(errno, "read", path);
    if (n == 0) return Error(ErrorCode::StorageTransient, "'" + path + "' became shorter while it was read");
    data += n;
    offset += n;
    size -= static_cast<size_t>(n);
  }
  return {};
}

Result<int64_t> copy_bytes(const File& from, const std::string& from_path, const File& to,
                           const std::string& to_path) {
  const auto buffer = std::make_unique<char[]>(kCopyBytes);
  int64_t offset = 0;
  while (true) {
    const ssize_t n = ::pread(from.descriptor(), buffer.get(), kCopyBytes, offset);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error(errno, "read", from_path);
    if (n == 0) return offset;
    SPILLWAY_TRY(write_at(to, to_path, buffer.get(), static_cast<size_t>(n), offset));
    offset += n;
  }
}

RemoveOnFailure::~RemoveOnFailure() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

}  // namespace spillway::storage
