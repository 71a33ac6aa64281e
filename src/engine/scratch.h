// A folder below the engine's temporary one, for what a query downloads.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/status.h"

namespace spillway::engine {

/// Goes, with all that is in it, when its last holder does.
class ScratchFolder {
 public:
  explicit ScratchFolder(std::string path) : path_(std::move(path)) {}
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ~ScratchFolder();
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// A new one. LimitExceeded where `bytes`, of what is `named` so, wouldn't leave a part of the disk free.
Result<std::shared_ptr<ScratchFolder>> make_scratch(const std::string& temp_folder, int64_t bytes,
                                                    const char* named);

}  // namespace spillway::engine
