// The object store over a local folder.
//
// An object is a file below the folder. It is written beside its place under a hidden name,
//   .spillway-HASH[-RANDOM].tmp      HASH: of the object's own name
// synced, and renamed; then the folder is synced. Such hidden files are no objects: no listing shows them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "storage/object_store.h"

namespace spillway::storage {

/// `folder`: absolute. `roots`: resolved absolute folders; a path that resolves, through symbolic links,
/// to outside all of them is refused.
std::unique_ptr<ObjectStore> local_store(std::string folder, std::vector<std::string> roots);

/// A path with its symbolic links resolved as far as it exists.
Result<std::string> resolve_links(const std::string& path);
/// Whether a resolved path is one of the roots or lies below one.
bool lies_in(const std::string& resolved, const std::vector<std::string>& roots);

}  // namespace spillway::storage
