#include "catalog/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace spillway::catalog {
namespace {

Error access_error(const std::string& folder, int code) {
  return Error(ErrorCode::StorageAccess, "data folder '" + folder + "' can't be used: " +
                                             std::error_code(code, std::generic_category()).message());
}

std::string owner_of(int file) {
  std::array<char, 32> text{};
  const ssize_t length = pread(file, text.data(), text.size(), 0);
  std::string owner(text.data(), length > 0 ? static_cast<size_t>(length) : 0);
  if (const size_t end = owner.find('\n'); end != std::string::npos) owner.resize(end);
  return owner;
}

}  // namespace

Result<FolderLock> FolderLock::take(const std::string& folder) {
  std::error_code failure;
  std::filesystem::create_directories(folder, failure);
  if (failure) return access_error(folder, failure.value());
  const int file = open((folder + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return access_error(folder, errno);
  FolderLock lock(file);
  if (flock(file, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return access_error(folder, errno);
    return Error(ErrorCode::Conflict, "data folder '" + folder + "' is in use by process " + owner_of(file));
  }
  const std::string owner = std::to_string(getpid()) + "\n";
  if (ftruncate(file, 0) != 0 || pwrite(file, owner.data(), owner.size(), 0) < 0)
    return access_error(folder, errno);
  return lock;
}

FolderLock::~FolderLock() {
  if (file_ >= 0) close(file_);
}

}  // namespace spillway::catalog
