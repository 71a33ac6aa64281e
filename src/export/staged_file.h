// An artifact that lies complete in the staging folder, not yet named.
#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"

namespace spillway::exports {

struct StagedFile {
  std::string path;    // absolute
  std::string folder;  // of its partition in the target, see partition_path(); empty without partitions
  int64_t rows = 0;
  int64_t bytes = 0;                       // of the file
  std::string statistics = std::string();  // of a Delta table: see delta_statistics()
};

/// XXH3 of 128 bits over a file, in hexadecimal: what an artifact's checksum is.
Result<std::string> checksum_of(const std::string& path);

}  // namespace spillway::exports
