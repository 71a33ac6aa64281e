// The cells whose centers lie in a polygon: from the cells under its rings on inwards.
#include <algorithm>
#include <cmath>
#include <numbers>
#include <unordered_set>

#include "kql/geo/h3_index.h"
#include "kql/geo/h3_tables.h"

namespace spillway::kql::geo::h3 {
namespace {

constexpr double kEarthRadiusKm = 6371.007180918475;
constexpr double kPi = std::numbers::pi;
/// Steps along the rings of one polygon.
constexpr double kMaxTraceSteps = 300'000;

double distance_km(const LatLng& a, const LatLng& b) {
  const double lat = std::sin((b.lat - a.lat) / 2);
  const double lng = std::sin((b.lng - a.lng) / 2);
  const double chord = lat * lat + std::cos(a.lat) * std::cos(b.lat) * lng * lng;
  return 2 * std::atan2(std::sqrt(chord), std::sqrt(1 - chord)) * kEarthRadiusKm;
}

/// Of the smallest cells of a resolution.
double pentagon_radius_km(int resolution) {
  Cell cell = with_base_cell(with_resolution(kEmptyCell, resolution), 4);
  for (int r = 1; r <= resolution; ++r) cell = with_digit(cell, r, kCenter);
  return distance_km(center_of(cell), boundary_of(cell).front());
}

/// A polygon that crosses the antimeridian has its western longitudes counted on beyond 180°.
struct Area {
  Rings rings;
  bool wraps = false;
  LatLng low, high;  // of the outer ring
};

double unwrapped(double lng, bool wraps) {
  return wraps && lng < 0 ? lng + 2 * kPi : lng;
}

Area area_of(const Rings& polygon) {
  Area area{polygon, false, {kPi, 3 * kPi}, {-kPi, -3 * kPi}};
  const auto& outer = polygon.front();
  for (size_t i = 0; i < outer.size(); ++i) {
    if (std::fabs(outer[i].lng - outer[(i + 1) % outer.size()].lng) > kPi) area.wraps = true;
  }
  for (auto& ring : area.rings) {
    for (LatLng& point : ring) point.lng = unwrapped(point.lng, area.wraps);
  }
  for (const LatLng& point : area.rings.front()) {
    area.low = {std::min(area.low.lat, point.lat), std::min(area.low.lng, point.lng)};
    area.high = {std::max(area.high.lat, point.lat), std::max(area.high.lng, point.lng)};
  }
  return area;
}

bool inside_ring(const std::vector<LatLng>& ring, const LatLng& point) {
  bool inside = false;
  for (size_t i = 0, before = ring.size() - 1; i < ring.size(); before = i++) {
    const LatLng& a = ring[i];
    const LatLng& b = ring[before];
    if ((a.lat > point.lat) == (b.lat > point.lat)) continue;
    if (point.lng < a.lng + (point.lat - a.lat) / (b.lat - a.lat) * (b.lng - a.lng)) inside = !inside;
  }
  return inside;
}

bool contains(const Area& area, LatLng point) {
  point.lng = unwrapped(point.lng, area.wraps);
  if (point.lat < area.low.lat || point.lat > area.high.lat) return false;
  if (point.lng < area.low.lng || point.lng > area.high.lng) return false;
  bool inside = false;
  for (const auto& ring : area.rings) inside = inside != inside_ring(ring, point);
  return inside;
}

/// The cells under the rings; false where they are too many to go through.
bool trace(const Rings& polygon, double radius_km, int resolution, std::vector<Cell>& cells) {
  std::unordered_set<Cell> seen;
  double all_steps = 0;
  for (const auto& ring : polygon) {
    for (size_t i = 0; i < ring.size(); ++i) {
      const LatLng& from = ring[i];
      const LatLng& to = ring[(i + 1) % ring.size()];
      const double steps = std::max(1.0, std::ceil(distance_km(from, to) / (2 * radius_km)));
      all_steps += steps;
      if (!(all_steps <= kMaxTraceSteps)) return false;
      for (double step = 0; step < steps; ++step) {
        const LatLng at{from.lat * (steps - step) / steps + to.lat * step / steps,
                        from.lng * (steps - step) / steps + to.lng * step / steps};
        const Cell cell = cell_at(at, resolution);
        if (seen.insert(cell).second) cells.push_back(cell);
      }
    }
  }
  return true;
}

}  // namespace

std::optional<std::vector<Cell>> fill(const Rings& polygon, int resolution) {
  const Area area = area_of(polygon);
  const double radius_km = pentagon_radius_km(resolution);
  std::vector<Cell> search;
  if (!trace(area.rings, radius_km, resolution, search)) return std::nullopt;

  std::vector<Cell> cells;
  std::unordered_set<Cell> tested;
  while (!search.empty()) {
    const size_t known = cells.size();
    for (const Cell from : search) {
      for (const auto& ring : rings_around(from, 1)) {
        for (const Cell cell : ring) {
          if (!tested.insert(cell).second || !contains(area, center_of(cell))) continue;
          if (cells.size() == kMaxFillCells) return std::nullopt;
          cells.push_back(cell);
        }
      }
    }
    search.assign(cells.begin() + static_cast<ptrdiff_t>(known), cells.end());
  }
  return cells;
}

}  // namespace spillway::kql::geo::h3
