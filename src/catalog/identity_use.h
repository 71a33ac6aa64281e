// Whether a caller may have the server use one of its managed identities for a store: a connection string
// with
// `;managed_identity=` asks the server to show its own credentials to whatever answers at that address.
// Source: management/managed-identity-policy.md, "Managed identity usages".
#pragma once

#include <string_view>

#include "base/status.h"
#include "catalog/model.h"
#include "catalog/security.h"
#include "storage/object_store.h"

namespace spillway::catalog {

/// Whether the address lies in one of Azure's own clouds, where no server of just anybody's gets the token.
bool leads_to_azure(const storage::ConnectionString& connection);

/// Forbidden where the connection string names a managed identity and the caller is neither an
/// AllDatabasesAdmin nor allowed `usage` ("NativeIngestion") of it by the policy of the cluster or the
/// database, for an address in Azure. What is no connection string is for others to refuse.
Status check_identity_use(const Caller& caller, const Snapshot& snapshot, const Database& database,
                          std::string_view connection, std::string_view usage);

}  // namespace spillway::catalog
