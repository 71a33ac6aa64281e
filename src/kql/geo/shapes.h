// Lines and polygons on the sphere: their edges are parts of great circles. S2 computes with them; its
// headers stay behind this one.
//
// A line is a LineString or a MultiLineString, a polygon a Polygon or a MultiPolygon. A ring of a polygon
// bounds the smaller of the two areas into which it parts the sphere; rings don't cross, nor share edges.
// Tolerances and radii are in meters.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kql/geo/geojson.h"

namespace spillway::kql::geo {

class Line;
class Polygon;

/// A GeoJSON text's line or polygon; nullptr where it is none, or isn't valid. What was parsed last stays at
/// hand: good until four other texts were parsed by the same thread.
const Line* line_of(std::string_view json);
const Polygon* polygon_of(std::string_view json);
/// To be called before texts of another batch: until then a text at the same address is the same text.
void begin_batch();

double distance(const Line& line, const LngLat& point);
double distance(const Polygon& polygon, const LngLat& point);  // 0 within it
LngLat closest_point(const Line& line, const LngLat& point);
LngLat closest_point(const Polygon& polygon, const LngLat& point);
bool contains(const Polygon& polygon, const LngLat& point);

double length(const Line& line);
double perimeter(const Polygon& polygon);
double area(const Polygon& polygon);  // in square meters
LngLat centroid(const Line& line);
LngLat centroid(const Polygon& polygon);

/// Of a single LineString: the point at a fraction of its length, and back. Nothing for any other line.
std::optional<LngLat> interpolate(const Line& line, double fraction);
std::optional<double> locate(const Line& line, const LngLat& point, bool on_spheroid);

/// A collection without members where they have nothing in common.
std::optional<Geometry> intersection(const Line& a, const Line& b);
std::optional<Geometry> intersection(const Line& line, const Polygon& polygon);
std::optional<Geometry> intersection(const Polygon& a, const Polygon& b);
bool intersects(const Line& a, const Line& b);
bool intersects(const Line& line, const Polygon& polygon);
bool intersects(const Polygon& a, const Polygon& b);

/// Of the shapes in a JSON array; nothing where one isn't valid.
std::optional<Geometry> union_of_lines(std::string_view array);
std::optional<Geometry> union_of_polygons(std::string_view array);

/// Without vertices that are nearer to each other than the tolerance; nothing where that leaves nothing.
/// The tolerance must pass is_simplify_tolerance().
bool is_simplify_tolerance(double meters);
std::optional<Geometry> simplified(const Line& line, double tolerance);
std::optional<Geometry> simplified(const Polygon& polygon, double tolerance);
/// Borders that polygons share stay shared.
std::optional<Geometry> simplified_polygons(std::string_view array, double tolerance);

/// All that is within a radius, as a polygon whose edge is off the true one by at most the tolerance. Nothing
/// for a radius or tolerance out of range, or where no polygon can show it.
std::optional<Geometry> buffer(const LngLat& point, double radius, double tolerance);
std::optional<Geometry> buffer(const Line& line, double radius, double tolerance);
std::optional<Geometry> buffer(const Polygon& polygon, double radius, double tolerance);

/// A line or polygon whose edges are straight on the plane of longitudes and latitudes, with points added so
/// that edges on the sphere are nowhere farther from them than the tolerance. `keep_crossing`: an edge
/// between longitudes that are more than 180° apart crosses the antimeridian.
std::optional<Geometry> densified(const Geometry& shape, double tolerance, bool keep_crossing);
bool is_line(const Geometry& shape);     // of valid form
bool is_polygon(const Geometry& shape);  // of valid form: rings are closed and have at least four points

}  // namespace spillway::kql::geo
