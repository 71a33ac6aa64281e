// Connection strings that a query gives itself.
#pragma once

#include <string_view>

#include "kql/binder.h"

namespace spillway::kql {

/// Forbidden where the string names a managed identity that the caller may not use for data of a query
/// (catalog/identity_use.h).
Status check_connection(const BindOptions& options, std::string_view connection);

}  // namespace spillway::kql
