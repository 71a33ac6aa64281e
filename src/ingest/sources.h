// From connection strings to local files that can be read: which files they name, and what format each has.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "ingest/extent_files.h"
#include "ingest/ingest.h"
#include "ingest/input.h"
#include "storage/object_store.h"

namespace spillway::ingest {

/// Files of one format.
struct SourceGroup {
  std::string format;  // in lower case
  std::vector<Input> inputs;
};

struct Sources {
  std::vector<SourceGroup> groups;
  std::unique_ptr<ExtentFiles::Incoming> incoming;  // holds the downloaded ones
};

/// Downloads what isn't local. A connection string names a file, or a folder: then all files below it.
/// Errors: EntityNotFound, BadRequest where a format can't be told, NotSupported, and those of the stores.
Result<Sources> open_sources(const storage::StoreFactory& stores, ExtentFiles& files,
                             const Properties& properties, const std::vector<std::string>& connections,
                             const engine::RunOptions& options);

}  // namespace spillway::ingest
