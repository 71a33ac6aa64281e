// What a line or polygon on the sphere is like: length, area, center, and how far a point is from it.
#include "kql/functions/geo_shapes.h"

namespace spillway::kql {
namespace {

using geo::Line;
using geo::LngLat;
using geo::Polygon;
using geo::shape_native;
using Text = std::string_view;

/// The shape of a GeoJSON text, or nullptr.
template <typename Shape>
const Shape* shape_of(Text json) {
  if constexpr (std::is_same_v<Shape, Line>) {
    return geo::line_of(json);
  } else {
    return geo::polygon_of(json);
  }
}

template <typename Shape>
std::optional<double> distance_to(double lng, double lat, Text json) {
  const Shape* shape = is_valid(LngLat{lng, lat}) ? shape_of<Shape>(json) : nullptr;
  if (!shape) return std::nullopt;
  return geo::distance(*shape, {lng, lat});
}

template <typename Shape>
bool closest_point_on(std::string& out, double lng, double lat, Text json) {
  const Shape* shape = is_valid(LngLat{lng, lat}) ? shape_of<Shape>(json) : nullptr;
  if (!shape) return false;
  geo::write(geo::closest_point(*shape, {lng, lat}), out);
  return true;
}

template <typename Shape>
bool centroid_of(std::string& out, Text json) {
  const Shape* shape = shape_of<Shape>(json);
  if (!shape) return false;
  geo::write(geo::centroid(*shape), out);
  return true;
}

template <typename Shape, double (*Measure)(const Shape&)>
std::optional<double> measured(Text json) {
  const Shape* shape = shape_of<Shape>(json);
  if (!shape) return std::nullopt;
  return Measure(*shape);
}

std::optional<bool> in_polygon(double lng, double lat, Text json) {
  const Polygon* polygon = is_valid(LngLat{lng, lat}) ? geo::polygon_of(json) : nullptr;
  if (!polygon) return std::nullopt;
  return geo::contains(*polygon, {lng, lat});
}

bool interpolated(std::string& out, Text json, double fraction) {
  const Line* line = fraction >= 0 && fraction <= 1 ? geo::line_of(json) : nullptr;
  const auto point = line ? geo::interpolate(*line, fraction) : std::nullopt;
  if (!point) return false;
  geo::write(*point, out);
  return true;
}

std::optional<double> located(Text json, double lng, double lat, bool on_spheroid) {
  const Line* line = is_valid(LngLat{lng, lat}) ? geo::line_of(json) : nullptr;
  if (!line) return std::nullopt;
  return geo::locate(*line, {lng, lat}, on_spheroid);
}
std::optional<double> located_on_sphere(Text json, double lng, double lat) {
  return located(json, lng, lat, false);
}

void declare_of_points(FunctionTableBuilder& table) {
  using enum Type;
  table.scalar("geo_point_in_polygon")
      .doc("Whether a point is within a polygon.")
      .takes({Real, Real, Dynamic}, Bool, shape_native<&in_polygon>());
  table.scalar("geo_distance_point_to_line")
      .doc("Meters from a point to the nearest of a line.")
      .takes({Real, Real, Dynamic}, Real, shape_native<&distance_to<Line>>());
  table.scalar("geo_distance_point_to_polygon")
      .doc("Meters from a point to the nearest of a polygon; 0 within it.")
      .takes({Real, Real, Dynamic}, Real, shape_native<&distance_to<Polygon>>());
  table.scalar("geo_closest_point_on_line")
      .doc("The point of a line that is nearest to a point.")
      .takes({Real, Real, Dynamic}, Dynamic, shape_native<&closest_point_on<Line>>());
  table.scalar("geo_closest_point_on_polygon")
      .doc("The point of a polygon that is nearest to a point: itself within it.")
      .takes({Real, Real, Dynamic}, Dynamic, shape_native<&closest_point_on<Polygon>>());
}

}  // namespace

void declare_geo_measures(FunctionTableBuilder& table) {
  using enum Type;
  table.category("geospatial");
  declare_of_points(table);
  table.scalar("geo_line_length")
      .doc("The length of a line, in meters.")
      .takes({Dynamic}, Real, shape_native<&measured<Line, &geo::length>>());
  table.scalar("geo_line_centroid")
      .doc("The center of a line.")
      .takes({Dynamic}, Dynamic, shape_native<&centroid_of<Line>>());
  table.scalar("geo_line_interpolate_point")
      .doc("The point at a fraction of a line's length, from 0 to 1.")
      .takes({Dynamic, Real}, Dynamic, shape_native<&interpolated>());
  table.scalar("geo_line_locate_point")
      .doc("The fraction of a line's length at which it is nearest to a point, on a sphere or the spheroid.")
      .takes({Dynamic, Real, Real}, Real, shape_native<&located_on_sphere>())
      .takes({Dynamic, Real, Real, Bool}, Real, shape_native<&located>());
  table.scalar("geo_polygon_area")
      .doc("The area of a polygon, in square meters.")
      .takes({Dynamic}, Real, shape_native<&measured<Polygon, &geo::area>>());
  table.scalar("geo_polygon_perimeter")
      .doc("The length of a polygon's boundary, in meters.")
      .takes({Dynamic}, Real, shape_native<&measured<Polygon, &geo::perimeter>>());
  table.scalar("geo_polygon_centroid")
      .doc("The center of a polygon.")
      .takes({Dynamic}, Dynamic, shape_native<&centroid_of<Polygon>>());
}

}  // namespace spillway::kql
