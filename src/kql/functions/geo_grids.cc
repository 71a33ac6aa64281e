// Cells of three grids around the earth: geohash, S2 and H3.
#include <algorithm>
#include <numbers>

#include "kql/functions/geo_shapes.h"
#include "kql/geo/geohash.h"
#include "kql/geo/h3.h"
#include "kql/geo/s2_cells.h"

namespace spillway::kql {
namespace {

using geo::Geometry;
using geo::LngLat;
using geo::Path;
using geo::shape_native;
using Text = std::string_view;
namespace h3 = geo::h3;

bool in_range(int64_t value, int64_t low, int64_t high) {
  return value >= low && value <= high;
}

void write_polygon(Path ring, std::string& out) {
  Geometry polygon;
  polygon.kind = Geometry::Kind::Polygon;
  polygon.parts = {{std::move(ring)}};
  geo::append_geojson(polygon, out);
}

// Geohash

constexpr int64_t kDefaultGeohashLength = 5;

bool point_to_geohash(std::string& out, double lng, double lat, int64_t length) {
  const LngLat point{lng, lat};
  if (!is_valid(point) || !in_range(length, 1, geo::kMaxGeohashLength)) return false;
  out = geo::geohash_of(point, static_cast<int>(length));
  return true;
}
bool point_to_default_geohash(std::string& out, double lng, double lat) {
  return point_to_geohash(out, lng, lat, kDefaultGeohashLength);
}

bool geohash_center(std::string& out, Text geohash) {
  const auto area = geo::geohash_area(geohash);
  if (!area) return false;
  geo::write(area->center(), out);
  return true;
}

bool geohash_polygon(std::string& out, Text geohash) {
  const auto area = geo::geohash_area(geohash);
  if (!area) return false;
  const LngLat& low = area->low;
  const LngLat& high = area->high;
  write_polygon({low, {high.lng, low.lat}, high, {low.lng, high.lat}, low}, out);
  return true;
}

bool geohash_neighbors(std::string& out, Text geohash) {
  auto neighbors = geo::geohash_neighbors(geohash);
  return !neighbors.empty() && geo::write(std::move(neighbors), out);
}

// S2

constexpr int64_t kDefaultS2Level = 11;

bool point_to_s2cell(std::string& out, double lng, double lat, int64_t level) {
  const LngLat point{lng, lat};
  if (!is_valid(point) || !in_range(level, 0, geo::kMaxS2Level)) return false;
  out = geo::s2_cell_of(point, static_cast<int>(level));
  return true;
}
bool point_to_default_s2cell(std::string& out, double lng, double lat) {
  return point_to_s2cell(out, lng, lat, kDefaultS2Level);
}

bool s2cell_center(std::string& out, Text token) {
  const auto center = geo::s2_center(token);
  if (!center) return false;
  geo::write(*center, out);
  return true;
}

bool s2cell_polygon(std::string& out, Text token) {
  auto boundary = geo::s2_boundary(token);
  if (!boundary) return false;
  write_polygon(std::move(*boundary), out);
  return true;
}

bool s2cell_neighbors(std::string& out, Text token) {
  return geo::write(geo::s2_neighbors(token), out);
}

template <typename Shape>
bool to_s2cells_within(std::string& out, Text json, int64_t level, double radius) {
  if (!in_range(level, 0, geo::kMaxS2Level) || !(radius >= 0)) return false;
  const Shape* shape = nullptr;
  if constexpr (std::is_same_v<Shape, geo::Line>) {
    shape = geo::line_of(json);
  } else {
    shape = geo::polygon_of(json);
  }
  return shape && geo::write(geo::s2_covering(*shape, static_cast<int>(level), radius), out);
}
template <typename Shape>
bool to_s2cells_of_level(std::string& out, Text json, int64_t level) {
  return to_s2cells_within<Shape>(out, json, level, 0);
}
template <typename Shape>
bool to_s2cells(std::string& out, Text json) {
  return to_s2cells_within<Shape>(out, json, kDefaultS2Level, 0);
}

// H3

constexpr int64_t kDefaultH3Resolution = 6;

h3::LatLng to_radians(const LngLat& point) {
  constexpr double kRadian = std::numbers::pi / 180;
  return {point.lat * kRadian, point.lng * kRadian};
}
LngLat to_degrees(const h3::LatLng& point) {
  constexpr double kDegree = 180 / std::numbers::pi;
  return {point.lng * kDegree, point.lat * kDegree};
}

std::vector<std::string> tokens_of(const std::vector<h3::Cell>& cells) {
  std::vector<std::string> tokens;
  tokens.reserve(cells.size());
  for (const h3::Cell cell : cells) tokens.push_back(h3::token_of(cell));
  return tokens;
}

bool point_to_h3cell(std::string& out, double lng, double lat, int64_t resolution) {
  const LngLat point{lng, lat};
  if (!is_valid(point) || !in_range(resolution, 0, h3::kMaxResolution)) return false;
  out = h3::token_of(h3::cell_at(to_radians(point), static_cast<int>(resolution)));
  return true;
}
bool point_to_default_h3cell(std::string& out, double lng, double lat) {
  return point_to_h3cell(out, lng, lat, kDefaultH3Resolution);
}

std::optional<int32_t> h3cell_level(Text token) {
  const auto cell = h3::parse(token);
  if (!cell) return std::nullopt;
  return h3::resolution_of(*cell);
}

bool h3cell_center(std::string& out, Text token) {
  const auto cell = h3::parse(token);
  if (!cell) return false;
  geo::write(to_degrees(h3::center_of(*cell)), out);
  return true;
}

bool h3cell_polygon(std::string& out, Text token) {
  const auto cell = h3::parse(token);
  if (!cell) return false;
  Path ring;
  for (const h3::LatLng& point : h3::boundary_of(*cell)) ring.push_back(to_degrees(point));
  ring.push_back(ring.front());
  write_polygon(std::move(ring), out);
  return true;
}

bool h3cell_ancestor(std::string& out, Text token, int64_t resolution) {
  const auto cell = h3::parse(token);
  if (!cell || !in_range(resolution, 0, std::min(h3::resolution_of(*cell), h3::kMaxResolution - 1))) {
    return false;
  }
  out = h3::token_of(h3::parent_of(*cell, static_cast<int>(resolution)));
  return true;
}
bool h3cell_parent(std::string& out, Text token) {
  const auto cell = h3::parse(token);
  return cell && h3cell_ancestor(out, token, h3::resolution_of(*cell) - 1);
}

bool h3cell_descendants(std::string& out, Text token, int64_t resolution) {
  const auto cell = h3::parse(token);
  if (!cell) return false;
  const int own = h3::resolution_of(*cell);
  const int last = std::min(own + h3::kMaxChildLevels, h3::kMaxResolution);
  if (!in_range(resolution, std::max(own, 1), last)) return false;
  return geo::write(tokens_of(h3::children_of(*cell, static_cast<int>(resolution))), out);
}
bool h3cell_children(std::string& out, Text token) {
  const auto cell = h3::parse(token);
  return cell && h3cell_descendants(out, token, h3::resolution_of(*cell) + 1);
}

bool h3cell_rings(std::string& out, Text token, int64_t distance) {
  const auto cell = h3::parse(token);
  if (!cell || !in_range(distance, 0, h3::kMaxRings)) return false;
  out += '[';
  const auto rings = h3::rings_around(*cell, static_cast<int>(distance));
  for (size_t i = 0; i < rings.size(); ++i) {
    if (i > 0) out += ',';
    geo::write(tokens_of(rings[i]), out);
  }
  out += ']';
  return true;
}
bool h3cell_neighbors(std::string& out, Text token) {
  const auto cell = h3::parse(token);
  return cell && geo::write(tokens_of(h3::rings_around(*cell, 1).back()), out);
}

h3::Rings plane_rings(const std::vector<Path>& rings) {
  h3::Rings result;
  for (const Path& ring : rings) {
    auto& points = result.emplace_back();
    for (size_t i = 0; i + 1 < ring.size(); ++i) points.push_back(to_radians(ring[i]));
  }
  return result;
}

bool polygon_to_h3cells_within(std::string& out, Text json, int64_t resolution, double radius) {
  if (!in_range(resolution, 0, h3::kMaxResolution) || !(radius >= 0)) return false;
  const geo::Polygon* valid = geo::polygon_of(json);
  if (!valid) return false;
  const auto polygon =
      radius > 0 ? geo::buffer(*valid, radius, geo::kDefaultTolerance) : geo::parse_geojson(json);
  if (!polygon) return false;
  std::vector<h3::Cell> cells;
  for (const auto& rings : polygon->parts) {
    const auto more = h3::fill(plane_rings(rings), static_cast<int>(resolution));
    if (!more || cells.size() + more->size() > h3::kMaxFillCells) return false;
    cells.insert(cells.end(), more->begin(), more->end());
  }
  std::sort(cells.begin(), cells.end());
  cells.erase(std::unique(cells.begin(), cells.end()), cells.end());
  return geo::write(tokens_of(cells), out);
}
bool polygon_to_h3cells_of(std::string& out, Text json, int64_t resolution) {
  return polygon_to_h3cells_within(out, json, resolution, 0);
}
bool polygon_to_h3cells(std::string& out, Text json) {
  return polygon_to_h3cells_within(out, json, kDefaultH3Resolution, 0);
}

void declare_geohash(FunctionTableBuilder& table) {
  using enum Type;
  table.scalar("geo_point_to_geohash")
      .doc("The geohash around a point, of 1 to 18 characters; 5 where not given.")
      .takes({Real, Real}, String, native<&point_to_default_geohash>())
      .takes({Real, Real, Long}, String, native<&point_to_geohash>());
  table.scalar("geo_geohash_to_central_point")
      .doc("The center of a geohash.")
      .takes({String}, Dynamic, native<&geohash_center>());
  table.scalar("geo_geohash_to_polygon")
      .doc("The rectangle of a geohash.")
      .takes({String}, Dynamic, native<&geohash_polygon>());
  table.scalar("geo_geohash_neighbors")
      .doc("The geohashes around a geohash.")
      .takes({String}, Dynamic, native<&geohash_neighbors>());
}

void declare_s2(FunctionTableBuilder& table) {
  using enum Type;
  table.scalar("geo_point_to_s2cell")
      .doc("The S2 cell around a point, of level 0 to 30; 11 where not given.")
      .takes({Real, Real}, String, native<&point_to_default_s2cell>())
      .takes({Real, Real, Long}, String, native<&point_to_s2cell>());
  table.scalar("geo_s2cell_to_central_point")
      .doc("The center of an S2 cell.")
      .takes({String}, Dynamic, native<&s2cell_center>());
  table.scalar("geo_s2cell_to_polygon")
      .doc("The boundary of an S2 cell.")
      .takes({String}, Dynamic, native<&s2cell_polygon>());
  table.scalar("geo_s2cell_neighbors")
      .doc("The S2 cells around an S2 cell.")
      .takes({String}, Dynamic, native<&s2cell_neighbors>());
  table.scalar("geo_line_to_s2cells")
      .doc("The S2 cells of a level that cover a line, and what is within a number of meters of it.")
      .takes({Dynamic}, Dynamic, shape_native<&to_s2cells<geo::Line>>())
      .takes({Dynamic, Long}, Dynamic, shape_native<&to_s2cells_of_level<geo::Line>>())
      .takes({Dynamic, Long, Real}, Dynamic, shape_native<&to_s2cells_within<geo::Line>>());
  table.scalar("geo_polygon_to_s2cells")
      .doc("The S2 cells of a level that cover a polygon, and what is within a number of meters of it.")
      .takes({Dynamic}, Dynamic, shape_native<&to_s2cells<geo::Polygon>>())
      .takes({Dynamic, Long}, Dynamic, shape_native<&to_s2cells_of_level<geo::Polygon>>())
      .takes({Dynamic, Long, Real}, Dynamic, shape_native<&to_s2cells_within<geo::Polygon>>());
}

void declare_h3(FunctionTableBuilder& table) {
  using enum Type;
  table.scalar("geo_point_to_h3cell")
      .doc("The H3 cell around a point, of resolution 0 to 15; 6 where not given.")
      .takes({Real, Real}, String, native<&point_to_default_h3cell>())
      .takes({Real, Real, Long}, String, native<&point_to_h3cell>());
  table.scalar("geo_h3cell_level")
      .doc("The resolution of an H3 cell.")
      .takes({String}, Int, native<&h3cell_level>());
  table.scalar("geo_h3cell_to_central_point")
      .doc("The center of an H3 cell.")
      .takes({String}, Dynamic, native<&h3cell_center>());
  table.scalar("geo_h3cell_to_polygon")
      .doc("The boundary of an H3 cell.")
      .takes({String}, Dynamic, native<&h3cell_polygon>());
  table.scalar("geo_h3cell_parent")
      .doc("The H3 cell of a coarser resolution, or the next coarser one, around an H3 cell.")
      .takes({String}, String, native<&h3cell_parent>())
      .takes({String, Long}, String, native<&h3cell_ancestor>());
  table.scalar("geo_h3cell_children")
      .doc("The H3 cells of a finer resolution, or the next finer one, in an H3 cell.")
      .takes({String}, Dynamic, native<&h3cell_children>())
      .takes({String, Long}, Dynamic, native<&h3cell_descendants>());
  table.scalar("geo_h3cell_neighbors")
      .doc("The H3 cells around an H3 cell.")
      .takes({String}, Dynamic, native<&h3cell_neighbors>());
  table.scalar("geo_h3cell_rings")
      .doc("The H3 cells up to a distance from an H3 cell: an array for each distance.")
      .takes({String, Long}, Dynamic, native<&h3cell_rings>());
  table.scalar("geo_polygon_to_h3cells")
      .doc("The H3 cells of a resolution whose centers lie in a polygon, or within a number of meters of it.")
      .takes({Dynamic}, Dynamic, shape_native<&polygon_to_h3cells>())
      .takes({Dynamic, Long}, Dynamic, shape_native<&polygon_to_h3cells_of>())
      .takes({Dynamic, Long, Real}, Dynamic, shape_native<&polygon_to_h3cells_within>());
}

}  // namespace

void declare_geo_grids(FunctionTableBuilder& table) {
  table.category("geospatial");
  declare_geohash(table);
  declare_s2(table);
  declare_h3(table);
}

}  // namespace spillway::kql
