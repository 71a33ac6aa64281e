// Access tokens of the machine's managed identity, for Azure Storage.
//
// Where the environment has them, in this order:
//   AZURE_FEDERATED_TOKEN_FILE, AZURE_TENANT_ID, AZURE_CLIENT_ID [, AZURE_AUTHORITY_HOST]   workload identity
//   (AKS) IDENTITY_ENDPOINT, IDENTITY_HEADER                                                     App Service,
//   Container Apps otherwise the instance metadata service, at AZURE_POD_IDENTITY_AUTHORITY_HOST or
//   http://169.254.169.254
// Source: Microsoft's "How to use managed identities to acquire an access token", "Workload identity
// federation".
#pragma once

#include <string>

#include "base/status.h"
#include "storage/call.h"
#include "storage/object_store.h"

namespace spillway::storage {

/// A token for https://storage.azure.com/ that is good for five minutes at least; asked for once and then
/// kept until it nears its end. `identity`: "system", or a user-assigned identity's object id (of a workload
/// identity: its client id). Errors: StorageAccess where there is no such identity, StorageTransient where
/// the endpoint doesn't answer.
Result<std::string> managed_identity_token(const std::string& identity, const StoreOptions& options,
                                           const Call& call);

/// Forgets a token that the service refused, so that the next call asks anew.
void forget_managed_identity_token(const std::string& identity);

}  // namespace spillway::storage
