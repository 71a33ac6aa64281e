// The object store over a bucket of Amazon S3, or of a service that speaks its REST API, or a folder in one.
//
// put_file: one Put Object where the file is no longer than a block, else a multipart upload whose parts go
// several at once; nothing of them is visible until the one Complete Multipart Upload. Each body goes with
// its SHA-256, which the service checks. What an interrupted put_file leaves is an open upload that no
// listing shows: remove() and remove_leftovers() abort it. get_file: ranges, all of the object's one version
// (If-Match). A presigned URL reads one object and nothing else.
#pragma once

#include <memory>

#include "storage/object_store.h"

namespace spillway::storage {

std::unique_ptr<ObjectStore> s3_store(const ConnectionString& connection, const StoreOptions& options);

}  // namespace spillway::storage
