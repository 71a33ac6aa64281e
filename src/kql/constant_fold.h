// Evaluates functions over constants while a query is bound: all native ones, and comparisons and logic.
#pragma once

#include <optional>
#include <vector>

#include "base/types.h"
#include "kql/functions.h"

namespace spillway::kql {

/// The value of a native overload over `arguments`, which have the types of its parameters; nullopt where it
/// isn't native, is evaluated per row, or fails.
std::optional<Value> evaluate(const ScalarOverload& overload, const std::vector<Value>& arguments,
                              Type result);

}  // namespace spillway::kql
