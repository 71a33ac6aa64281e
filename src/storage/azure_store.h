// The object store over a container of Azure Blob Storage, or a folder in one.
//
// put_file: the file's blocks are staged (Put Block, each with its Content-MD5, several at once); nothing of
// them is visible until the one Put Block List. The whole file's MD5 stays with the blob. Staged blocks of an
// interrupted put_file belong to no blob; Azure drops them after a week.
// get_file: ranges, all of the blob's one version (If-Match), then its MD5 where the blob has one.
#pragma once

#include <memory>

#include "storage/object_store.h"

namespace spillway::storage {

/// StorageAccess where the account key isn't one.
Result<std::unique_ptr<ObjectStore>> azure_store(const ConnectionString& connection,
                                                 const StoreOptions& options);

}  // namespace spillway::storage
