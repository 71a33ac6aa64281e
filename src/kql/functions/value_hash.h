// A 64-bit hash of a value in a vector, the same for equal values of int and long.
#pragma once

#include <cstdint>

#include "base/vector.h"

namespace spillway::kql {

/// Of a value that isn't null.
uint64_t hash_value(const VectorView& vector, size_t row);

}  // namespace spillway::kql
