// S2 cells (s2geometry.io): a hierarchy of 31 levels of four-sided cells on the sphere, named by tokens of up
// to 16 hexadecimal digits.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kql/geo/shapes.h"

namespace spillway::kql::geo {

inline constexpr int kMaxS2Level = 30;
inline constexpr size_t kMaxCoveringCells = 65536;

std::string s2_cell_of(const LngLat& point, int level);
std::optional<LngLat> s2_center(std::string_view token);
std::optional<Path> s2_boundary(std::string_view token);  // closed
std::optional<std::vector<std::string>> s2_neighbors(std::string_view token);

/// The cells of a level that have points in common with a shape, or with what is within a radius (in meters)
/// around it; nothing where they are too many.
std::optional<std::vector<std::string>> s2_covering(const Line& line, int level, double radius);
std::optional<std::vector<std::string>> s2_covering(const Polygon& polygon, int level, double radius);

}  // namespace spillway::kql::geo
