#include <filesystem>
#include <system_error>

#include "storage/azure_store.h"
#include "storage/files.h"
#include "storage/local_store.h"
#include "storage/object_store.h"
#include "storage/s3_store.h"

namespace spillway::storage {

StoreFactory::StoreFactory(std::vector<std::string> roots, StoreOptions options)
    : roots_(std::move(roots)), options_(std::move(options)) {
  for (std::string& root : roots_) {
    // One that can't be made is still a root: opening a store in it tells why it fails.
    (void)make_folders(root);
    if (Result<std::string> resolved = resolve_links(root); resolved.ok()) root = *std::move(resolved);
  }
}

Result<std::unique_ptr<ObjectStore>> StoreFactory::open(const ConnectionString& connection,
                                                        CallLimits limits) const {
  if (connection.impersonate) {
    return Error(
        ErrorCode::Forbidden,
        "'" + connection.address() +
            "' is used by impersonation (';impersonate'), and the request carries no Microsoft Entra "
            "identity to pass on: give the continuous export a managedIdentity, or the connection "
            "string an account key, a SAS, a token or a managed_identity");
  }
  StoreOptions options = options_;
  options.limits = std::move(limits);
  if (connection.kind() == ConnectionString::Kind::AzureBlob) return azure_store(connection, options);
  if (connection.kind() == ConnectionString::Kind::S3) return s3_store(connection, options);
  SPILLWAY_ASSIGN(const std::string resolved, resolve_links(connection.local));
  if (!lies_in(resolved, roots_)) {
    return Error(ErrorCode::Forbidden,
                 "'" + connection.local + "' lies outside the storage roots; add a root with --storage-root");
  }
  return local_store(connection.local, roots_);
}

}  // namespace spillway::storage
