// The lock of a data folder: an flock() on the file `lock` in it, which holds the id of the process that has
// it. The kernel releases it when that process ends, however it ends.
#pragma once

#include <string>
#include <utility>

#include "base/status.h"

namespace spillway::catalog {

class FolderLock {
 public:
  /// Makes the folder where it is missing. Conflict where another process has it.
  static Result<FolderLock> take(const std::string& folder);

  FolderLock(FolderLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}
  FolderLock& operator=(FolderLock&&) = delete;
  ~FolderLock();

 private:
  explicit FolderLock(int file) : file_(file) {}
  int file_;
};

}  // namespace spillway::catalog
