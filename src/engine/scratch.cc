#include "engine/scratch.h"

#include <filesystem>

#include "base/types.h"

namespace spillway::engine {
namespace {

namespace fs = std::filesystem;

/// The part of the temp folder's disk that downloads leave free.
constexpr double kDiskReserve = 0.1;

}  // namespace

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

Result<std::shared_ptr<ScratchFolder>> make_scratch(const std::string& temp_folder, int64_t bytes,
                                                    const char* named) {
  std::error_code error;
  const fs::space_info space = fs::space(temp_folder, error);
  const double free =
      static_cast<double>(space.available) - kDiskReserve * static_cast<double>(space.capacity);
  if (!error && static_cast<double>(bytes) > free) {
    return Error(ErrorCode::LimitExceeded, std::string(named) + " (" + std::to_string(bytes) +
                                               " bytes) don't fit into the temporary folder: narrow the "
                                               "query");
  }
  auto scratch = std::make_shared<ScratchFolder>(temp_folder + "/downloads/" + Guid::random().str());
  if (!fs::create_directories(scratch->path(), error) || error) {
    return Error(ErrorCode::StorageTransient,
                 "can't make the folder " + scratch->path() + ": " + error.message());
  }
  return scratch;
}

}  // namespace spillway::engine
