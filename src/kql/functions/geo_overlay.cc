// Shapes made from shapes: intersections, unions, buffers, and lines and polygons with fewer or more points.
#include "kql/functions/geo_shapes.h"

namespace spillway::kql {
namespace {

using geo::kDefaultTolerance;
using geo::Line;
using geo::LngLat;
using geo::Polygon;
using geo::shape_native;
using Text = std::string_view;

template <typename Shape>
const Shape* shape_of(Text json) {
  if constexpr (std::is_same_v<Shape, Line>) {
    return geo::line_of(json);
  } else {
    return geo::polygon_of(json);
  }
}

template <typename A, typename B>
std::optional<bool> intersect(Text a_json, Text b_json) {
  const A* a = shape_of<A>(a_json);
  const B* b = a ? shape_of<B>(b_json) : nullptr;
  if (!b) return std::nullopt;
  return geo::intersects(*a, *b);
}

template <typename A, typename B>
bool intersection(std::string& out, Text a_json, Text b_json) {
  const A* a = shape_of<A>(a_json);
  const B* b = a ? shape_of<B>(b_json) : nullptr;
  return b && geo::write(geo::intersection(*a, *b), out);
}

bool union_of_lines(std::string& out, Text array) {
  return geo::write(geo::union_of_lines(array), out);
}
bool union_of_polygons(std::string& out, Text array) {
  return geo::write(geo::union_of_polygons(array), out);
}

template <typename Shape>
bool simplified_to(std::string& out, Text json, double tolerance) {
  const Shape* shape = geo::is_simplify_tolerance(tolerance) ? shape_of<Shape>(json) : nullptr;
  return shape && geo::write(geo::simplified(*shape, tolerance), out);
}
template <typename Shape>
bool simplified(std::string& out, Text json) {
  return simplified_to<Shape>(out, json, kDefaultTolerance);
}
bool polygons_simplified_to(std::string& out, Text array, double tolerance) {
  return geo::is_simplify_tolerance(tolerance) && geo::write(geo::simplified_polygons(array, tolerance), out);
}
bool polygons_simplified(std::string& out, Text array) {
  return polygons_simplified_to(out, array, kDefaultTolerance);
}

template <bool IsForm(const geo::Geometry&)>
bool densified_crossing(std::string& out, Text json, double tolerance, bool keep_crossing) {
  constexpr double kMinTolerance = 0.1;
  constexpr double kMaxTolerance = 10000;
  if (!(tolerance >= kMinTolerance && tolerance <= kMaxTolerance)) return false;
  const std::optional<geo::Geometry> shape = geo::parse_geojson(json);
  return shape && IsForm(*shape) && geo::write(geo::densified(*shape, tolerance, keep_crossing), out);
}
template <bool IsForm(const geo::Geometry&)>
bool densified_to(std::string& out, Text json, double tolerance) {
  return densified_crossing<IsForm>(out, json, tolerance, false);
}
template <bool IsForm(const geo::Geometry&)>
bool densified(std::string& out, Text json) {
  return densified_crossing<IsForm>(out, json, kDefaultTolerance, false);
}

template <typename Shape>
bool buffered_to(std::string& out, Text json, double radius, double tolerance) {
  const Shape* shape = shape_of<Shape>(json);
  return shape && geo::write(geo::buffer(*shape, radius, tolerance), out);
}
template <typename Shape>
bool buffered(std::string& out, Text json, double radius) {
  return buffered_to<Shape>(out, json, radius, kDefaultTolerance);
}
bool point_buffered_to(std::string& out, double lng, double lat, double radius, double tolerance) {
  const LngLat point{lng, lat};
  return is_valid(point) && geo::write(geo::buffer(point, radius, tolerance), out);
}
bool point_buffered(std::string& out, double lng, double lat, double radius) {
  return point_buffered_to(out, lng, lat, radius, kDefaultTolerance);
}

void declare_pairs(FunctionTableBuilder& table) {
  using enum Type;
  table.scalar("geo_intersects_2lines")
      .doc("Whether two lines have a point in common.")
      .takes({Dynamic, Dynamic}, Bool, shape_native<&intersect<Line, Line>>());
  table.scalar("geo_intersects_line_with_polygon")
      .doc("Whether a line and a polygon have a point in common.")
      .takes({Dynamic, Dynamic}, Bool, shape_native<&intersect<Line, Polygon>>());
  table.scalar("geo_intersects_2polygons")
      .doc("Whether two polygons have a point in common.")
      .takes({Dynamic, Dynamic}, Bool, shape_native<&intersect<Polygon, Polygon>>());
  table.scalar("geo_intersection_2lines")
      .doc("What two lines have in common.")
      .takes({Dynamic, Dynamic}, Dynamic, shape_native<&intersection<Line, Line>>());
  table.scalar("geo_intersection_line_with_polygon")
      .doc("The part of a line that lies in a polygon.")
      .takes({Dynamic, Dynamic}, Dynamic, shape_native<&intersection<Line, Polygon>>());
  table.scalar("geo_intersection_2polygons")
      .doc("What two polygons have in common.")
      .takes({Dynamic, Dynamic}, Dynamic, shape_native<&intersection<Polygon, Polygon>>());
  table.scalar("geo_union_lines_array")
      .doc("The lines of an array as one.")
      .takes({Dynamic}, Dynamic, native<&union_of_lines>());
  table.scalar("geo_union_polygons_array")
      .doc("The polygons of an array as one.")
      .takes({Dynamic}, Dynamic, native<&union_of_polygons>());
}

void declare_buffers(FunctionTableBuilder& table) {
  using enum Type;
  table.scalar("geo_point_buffer")
      .doc("A polygon around all that is within a number of meters of a point, and its tolerance.")
      .takes({Real, Real, Real}, Dynamic, native<&point_buffered>())
      .takes({Real, Real, Real, Real}, Dynamic, native<&point_buffered_to>());
  table.scalar("geo_line_buffer")
      .doc("A polygon around all that is within a number of meters of a line, and its tolerance.")
      .takes({Dynamic, Real}, Dynamic, shape_native<&buffered<Line>>())
      .takes({Dynamic, Real, Real}, Dynamic, shape_native<&buffered_to<Line>>());
  table.scalar("geo_polygon_buffer")
      .doc("A polygon around all that is within a number of meters of a polygon, and its tolerance.")
      .takes({Dynamic, Real}, Dynamic, shape_native<&buffered<Polygon>>())
      .takes({Dynamic, Real, Real}, Dynamic, shape_native<&buffered_to<Polygon>>());
}

}  // namespace

void declare_geo_overlay(FunctionTableBuilder& table) {
  using enum Type;
  table.category("geospatial");
  declare_pairs(table);
  declare_buffers(table);
  table.scalar("geo_line_simplify")
      .doc("A line without vertices that are nearer to each other than a tolerance in meters.")
      .takes({Dynamic}, Dynamic, shape_native<&simplified<Line>>())
      .takes({Dynamic, Real}, Dynamic, shape_native<&simplified_to<Line>>());
  table.scalar("geo_polygon_simplify")
      .doc("A polygon without vertices that are nearer to each other than a tolerance in meters.")
      .takes({Dynamic}, Dynamic, shape_native<&simplified<Polygon>>())
      .takes({Dynamic, Real}, Dynamic, shape_native<&simplified_to<Polygon>>());
  table.scalar("geo_simplify_polygons_array")
      .doc("Polygons simplified together, so that borders that they share stay shared.")
      .takes({Dynamic}, Dynamic, native<&polygons_simplified>())
      .takes({Dynamic, Real}, Dynamic, native<&polygons_simplified_to>());
  table.scalar("geo_line_densify")
      .doc(
          "A line of straight edges on the plane, with points added so that edges on the sphere keep to "
          "them.")
      .takes({Dynamic}, Dynamic, native<&densified<&geo::is_line>>())
      .takes({Dynamic, Real}, Dynamic, native<&densified_to<&geo::is_line>>())
      .takes({Dynamic, Real, Bool}, Dynamic, native<&densified_crossing<&geo::is_line>>());
  table.scalar("geo_polygon_densify")
      .doc(
          "A polygon of straight edges on the plane, with points added so that edges on the sphere keep to "
          "them.")
      .takes({Dynamic}, Dynamic, native<&densified<&geo::is_polygon>>())
      .takes({Dynamic, Real}, Dynamic, native<&densified_to<&geo::is_polygon>>())
      .takes({Dynamic, Real, Bool}, Dynamic, native<&densified_crossing<&geo::is_polygon>>());
}

}  // namespace spillway::kql
