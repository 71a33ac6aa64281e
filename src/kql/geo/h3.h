// H3 (h3geo.org): a hierarchy of 16 resolutions of hexagonal cells, and twelve pentagons in each, over an
// icosahedron around the earth. A cell is a 64-bit index, written as hexadecimal digits:
//
//   bit 63      0
//   bits 59-62  1: the index of a cell
//   bits 56-58  0
//   bits 52-55  resolution, 0 to 15
//   bits 45-51  base cell, 0 to 121: the cell of resolution 0
//   then three bits for each resolution from 1 on: which of the seven children; 7 beyond the cell's own
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace spillway::kql::geo::h3 {

using Cell = uint64_t;

inline constexpr int kMaxResolution = 15;
inline constexpr int kMaxRings = 142;
/// Children of one cell go at most that many resolutions down.
inline constexpr int kMaxChildLevels = 5;
/// Cells of one polygon.
inline constexpr size_t kMaxFillCells = 61680;

/// In radians.
struct LatLng {
  double lat = 0;
  double lng = 0;
};

std::optional<Cell> parse(std::string_view token);
std::string token_of(Cell cell);
bool is_valid(Cell cell);
int resolution_of(Cell cell);

/// The cell around a point.
Cell cell_at(LatLng point, int resolution);
LatLng center_of(Cell cell);
/// Counterclockwise, the first point not repeated at the end. Up to ten points: an edge that crosses an edge
/// of the icosahedron is bent there.
std::vector<LatLng> boundary_of(Cell cell);

/// The ancestor at a resolution that is no finer than the cell's.
Cell parent_of(Cell cell, int resolution);
/// The descendants at a resolution that is no coarser than the cell's.
std::vector<Cell> children_of(Cell cell, int resolution);
/// Cells by their distance from `cell`: itself, its neighbors, and so on. Rings go counterclockwise where no
/// pentagon is near.
std::vector<std::vector<Cell>> rings_around(Cell cell, int distance);

/// A polygon on the plane of longitudes and latitudes: an outer ring, then holes. The last point of a ring
/// isn't its first one again.
using Rings = std::vector<std::vector<LatLng>>;
/// The cells whose centers lie in it, from its rings on inwards; nullopt where they are too many.
std::optional<std::vector<Cell>> fill(const Rings& polygon, int resolution);

}  // namespace spillway::kql::geo::h3
