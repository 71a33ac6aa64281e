// Local files, made durable: descriptors, syncing, copying, and errno as errors.
#pragma once

#include <string>
#include <utility>

#include "base/status.h"

namespace spillway::storage {

/// Owns a file descriptor.
class File {
 public:
  File() = default;
  explicit File(int descriptor) : descriptor_(descriptor) {}
  File(File&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  File& operator=(File&& other) noexcept;
  ~File() { close(); }
  int descriptor() const { return descriptor_; }
  void close();

 private:
  int descriptor_ = -1;
};

/// "cannot VERB 'PATH': reason". A full disk or an exhausted kernel is StorageTransient, a missing file
/// EntityNotFound, everything else StorageAccess.
Error errno_error(int number, const std::string& verb, const std::string& path);

/// `flags` as for open(2); O_CLOEXEC is added.
Result<File> open_file(const std::string& path, int flags, int mode = 0);
/// The length of an open regular file, in bytes; StorageAccess where it is no regular file.
Result<int64_t> file_size(const File& file, const std::string& path);
Status sync_file(const File& file, const std::string& path);
/// Makes the names in a folder durable.
Status sync_folder(const std::string& folder);
/// Makes a folder and its missing parents, durably.
Status make_folders(const std::string& folder);
/// Copies everything from the start of `from` to `to`; the number of bytes.
Result<int64_t> copy_bytes(const File& from, const std::string& from_path, const File& to,
                           const std::string& to_path);
/// Writes all bytes at an offset.
Status write_at(const File& file, const std::string& path, const char* data, size_t size, int64_t offset);
/// Reads exactly `size` bytes at an offset; StorageTransient where the file is shorter.
Status read_at(const File& file, const std::string& path, char* data, size_t size, int64_t offset);

/// Removes a file when it goes, unless it was kept.
class RemoveOnFailure {
 public:
  explicit RemoveOnFailure(std::string path) : path_(std::move(path)) {}
  RemoveOnFailure(const RemoveOnFailure&) = delete;
  RemoveOnFailure& operator=(const RemoveOnFailure&) = delete;
  ~RemoveOnFailure();
  void keep() { path_.clear(); }

 private:
  std::string path_;
};

}  // namespace spillway::storage
