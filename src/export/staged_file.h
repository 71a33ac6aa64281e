// An artifact that lies complete in the staging folder, not yet named.
#pragma once

#include <cstdint>
#include <string>

namespace spillway::exports {

struct StagedFile {
  std::string path;    // absolute
  std::string folder;  // of its partition in the target, see partition_path(); empty without partitions
  int64_t rows = 0;
  int64_t bytes = 0;  // of the file
};

}  // namespace spillway::exports
