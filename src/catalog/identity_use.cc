#include "catalog/identity_use.h"

#include <algorithm>
#include <iterator>

namespace spillway::catalog {

bool leads_to_azure(const storage::ConnectionString& connection) {
  constexpr std::string_view kClouds[] = {".blob.core.windows.net", ".blob.core.usgovcloudapi.net",
                                          ".blob.core.chinacloudapi.cn", ".blob.storage.azure.net",
                                          ".blob.fabric.microsoft.com"};
  return connection.endpoint.starts_with("https://") &&
         std::any_of(std::begin(kClouds), std::end(kClouds),
                     [&](std::string_view cloud) { return connection.endpoint.ends_with(cloud); });
}

Status check_identity_use(const Caller& caller, const Snapshot& snapshot, const Database& database,
                          std::string_view connection, std::string_view usage) {
  const auto parsed = storage::ConnectionString::parse(connection);
  if (!parsed.ok() || parsed->managed_identity.empty() || is_admin(caller)) return Status();
  const bool allowed = allows_identity(snapshot, database, parsed->managed_identity, usage);
  if (allowed && leads_to_azure(*parsed)) return Status();
  return denied(caller,
                "use managed identity '" + parsed->managed_identity + "' for '" + parsed->address() + "'",
                allowed ? "the role AllDatabasesAdmin, because that isn't in Azure"
                        : "a managed identity policy that allows it " + std::string(usage));
}

}  // namespace spillway::catalog
