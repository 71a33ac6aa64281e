// The nearest known name, for "did you mean" in messages.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace spillway::kql {

/// Letters to insert, drop, change or swap with their neighbour until one name is the other, without case.
size_t name_distance(std::string_view a, std::string_view b);
/// The nearest of `names`, or "" where none is near.
std::string nearest_name(std::string_view name, const std::vector<std::string>& names);

}  // namespace spillway::kql
