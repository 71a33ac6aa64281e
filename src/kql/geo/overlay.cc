// Intersections, unions, simplified shapes and buffers: shapes made from shapes.
#include <s2/s2boolean_operation.h>
#include <s2/s2buffer_operation.h>
#include <s2/s2builder.h>
#include <s2/s2builderutil_closed_set_normalizer.h>
#include <s2/s2builderutil_s2point_vector_layer.h>
#include <s2/s2builderutil_s2polygon_layer.h>
#include <s2/s2builderutil_s2polyline_vector_layer.h>
#include <s2/s2builderutil_snap_functions.h>
#include <s2/s2memory_tracker.h>

#include <cmath>

#include "kql/geo/shapes_s2.h"

namespace spillway::kql::geo {
namespace {

using Kind = Geometry::Kind;
using PolylineLayer = s2builderutil::S2PolylineVectorLayer;
using PolygonLayer = s2builderutil::S2PolygonLayer;
using PointLayer = s2builderutil::S2PointVectorLayer;

PolylineLayer::Options line_options() {
  PolylineLayer::Options options(S2Builder::EdgeType::UNDIRECTED);
  options.set_polyline_type(S2Builder::Graph::PolylineType::WALK);
  options.set_duplicate_edges(S2Builder::GraphOptions::DuplicateEdges::MERGE);
  options.set_s2debug_override(S2Debug::DISABLE);
  return options;
}

S2BooleanOperation::Options closed_options() {
  S2BooleanOperation::Options options;
  options.set_polygon_model(S2BooleanOperation::PolygonModel::CLOSED);
  options.set_polyline_model(S2BooleanOperation::PolylineModel::CLOSED);
  return options;
}

template <typename... Shapes>
Vertices vertices_of(const Shapes&... shapes) {
  Vertices vertices;
  (vertices.add(shapes.source()), ...);
  return vertices;
}

Geometry point_geometry(const LngLat& point) {
  Geometry geometry;
  geometry.kind = Kind::Point;
  geometry.parts = {{{point}}};
  return geometry;
}

/// One shape as it is, several as a collection.
Geometry collected(const std::vector<S2Point>& points, const Polylines& lines, const S2Polygon& polygon,
                   const Vertices& vertices) {
  std::vector<Geometry> members;
  if (points.size() == 1) members.push_back(point_geometry(vertices.at(points.front())));
  if (points.size() > 1) {
    Geometry& many = members.emplace_back();
    many.kind = Kind::MultiPoint;
    Path& path = many.parts.emplace_back().emplace_back();
    for (const S2Point& point : points) path.push_back(vertices.at(point));
  }
  if (auto geometry = geometry_of(lines, vertices)) members.push_back(std::move(*geometry));
  if (auto geometry = geometry_of({&polygon}, vertices)) members.push_back(std::move(*geometry));
  if (members.size() == 1) return std::move(members.front());
  Geometry collection;
  collection.members = std::move(members);
  return collection;
}

std::optional<Geometry> intersection_of(const S2ShapeIndex& a, const S2ShapeIndex& b,
                                        const Vertices& vertices) {
  std::vector<S2Point> points;
  Polylines lines;
  S2Polygon polygon;
  polygon.set_s2debug_override(S2Debug::DISABLE);
  s2builderutil::LayerVector layers(3);
  layers[0] = std::make_unique<PointLayer>(&points);
  layers[1] = std::make_unique<PolylineLayer>(&lines, line_options());
  layers[2] = std::make_unique<PolygonLayer>(&polygon);
  S2BooleanOperation operation(S2BooleanOperation::OpType::INTERSECTION,
                               s2builderutil::NormalizeClosedSet(std::move(layers)), closed_options());
  S2Error error;
  if (!operation.Build(a, b, &error)) return std::nullopt;
  return collected(points, lines, polygon, vertices);
}

S2Builder::Options builder_options(S1Angle tolerance) {
  S2Builder::Options options{s2builderutil::IdentitySnapFunction(tolerance)};
  options.set_simplify_edge_chains(tolerance > S1Angle::Zero());
  return options;
}

/// Each polygon by itself, but all in one go, so that borders that they share stay shared.
std::optional<Geometry> simplified_together(const std::vector<const S2Polygon*>& polygons, double tolerance,
                                            const Vertices& vertices) {
  S2Builder builder(builder_options(angle_of_meters(tolerance)));
  std::vector<std::unique_ptr<S2Polygon>> results;
  for (const S2Polygon* polygon : polygons) {
    auto& result = results.emplace_back(std::make_unique<S2Polygon>());
    result->set_s2debug_override(S2Debug::DISABLE);
    builder.StartLayer(std::make_unique<PolygonLayer>(result.get()));
    builder.AddPolygon(*polygon);
  }
  S2Error error;
  if (!builder.Build(&error)) return std::nullopt;
  std::vector<const S2Polygon*> remaining;
  for (const auto& result : results) remaining.push_back(result.get());
  return geometry_of(remaining, vertices);
}

std::optional<S2BufferOperation::Options> buffer_options(double radius, double tolerance) {
  constexpr double kMaxRadius = kEarthRadiusMeters * M_PI;
  if (!(radius > 0) || radius > kMaxRadius || !(tolerance > 0)) return std::nullopt;
  constexpr double kTriangle = 1.0 / 3;  // a circle's: anything coarser has no area
  const double fraction = std::min(kTriangle, tolerance / radius);
  if (fraction < S2BufferOperation::Options::kMinErrorFraction) return std::nullopt;
  S2BufferOperation::Options options(angle_of_meters(radius));
  options.set_error_fraction(fraction);
  return options;
}

template <typename Add>
std::optional<Geometry> buffered(double radius, double tolerance, Add add) {
  constexpr int64_t kMaxMemory = int64_t{512} << 20;
  auto options = buffer_options(radius, tolerance);
  if (!options) return std::nullopt;
  S2MemoryTracker memory;
  memory.set_limit_bytes(kMaxMemory);
  options->set_memory_tracker(&memory);
  S2Polygon polygon;
  polygon.set_s2debug_override(S2Debug::DISABLE);
  S2BufferOperation operation(std::make_unique<PolygonLayer>(&polygon), *options);
  add(operation);
  S2Error error;
  if (!operation.Build(&error)) return std::nullopt;
  return geometry_of({&polygon});
}

}  // namespace

Polylines joined(const std::vector<const S2Polyline*>& lines, S1Angle tolerance) {
  Polylines result;
  S2Builder builder(builder_options(tolerance));
  builder.StartLayer(std::make_unique<PolylineLayer>(&result, line_options()));
  for (const S2Polyline* line : lines) builder.AddPolyline(*line);
  S2Error error;
  if (!builder.Build(&error)) result.clear();
  return result;
}

std::optional<Geometry> intersection(const Line& a, const Line& b) {
  return intersection_of(a.index(), b.index(), vertices_of(a, b));
}
std::optional<Geometry> intersection(const Line& line, const Polygon& polygon) {
  return intersection_of(line.index(), polygon.whole().index(), vertices_of(line, polygon));
}
std::optional<Geometry> intersection(const Polygon& a, const Polygon& b) {
  return intersection_of(a.whole().index(), b.whole().index(), {});
}

bool intersects(const Line& a, const Line& b) {
  return S2BooleanOperation::Intersects(a.index(), b.index(), closed_options());
}
bool intersects(const Line& line, const Polygon& polygon) {
  return S2BooleanOperation::Intersects(line.index(), polygon.whole().index(), closed_options());
}
bool intersects(const Polygon& a, const Polygon& b) {
  return S2BooleanOperation::Intersects(a.whole().index(), b.whole().index(), closed_options());
}

std::optional<Geometry> union_of_lines(std::string_view array) {
  const auto lines = parse_lines(array);
  if (!lines) return std::nullopt;
  std::vector<const S2Polyline*> parts;
  for (const auto& line : *lines) {
    for (const auto& part : line->parts()) parts.push_back(part.get());
  }
  return geometry_of(joined(parts, S1Angle::Zero()));
}

std::optional<Geometry> union_of_polygons(std::string_view array) {
  const auto polygons = parse_polygons(array);
  if (!polygons) return std::nullopt;
  std::vector<std::unique_ptr<S2Polygon>> copies;
  for (const auto& polygon : *polygons) {
    for (const auto& part : polygon->parts()) copies.emplace_back(part->Clone());
  }
  const auto whole = S2Polygon::DestructiveUnion(std::move(copies));
  return geometry_of({whole.get()});
}

bool is_simplify_tolerance(double meters) {
  return meters >= 0 && angle_of_meters(meters) <= S2Builder::SnapFunction::kMaxSnapRadius();
}

std::optional<Geometry> simplified(const Line& line, double tolerance) {
  return geometry_of(joined(pointers(line.parts()), angle_of_meters(tolerance)), vertices_of(line));
}
std::optional<Geometry> simplified(const Polygon& polygon, double tolerance) {
  return simplified_together({&polygon.whole()}, tolerance, vertices_of(polygon));
}
std::optional<Geometry> simplified_polygons(std::string_view array, double tolerance) {
  const auto polygons = parse_polygons(array);
  if (!polygons) return std::nullopt;
  std::vector<const S2Polygon*> parts;
  Vertices vertices;
  for (const auto& polygon : *polygons) {
    parts.push_back(&polygon->whole());
    vertices.add(polygon->source());
  }
  return simplified_together(parts, tolerance, vertices);
}

std::optional<Geometry> buffer(const LngLat& point, double radius, double tolerance) {
  return buffered(radius, tolerance, [&](S2BufferOperation& op) { op.AddPoint(point_of(point)); });
}
std::optional<Geometry> buffer(const Line& line, double radius, double tolerance) {
  return buffered(radius, tolerance, [&](S2BufferOperation& op) { op.AddShapeIndex(line.index()); });
}
std::optional<Geometry> buffer(const Polygon& polygon, double radius, double tolerance) {
  return buffered(radius, tolerance,
                  [&](S2BufferOperation& op) { op.AddShapeIndex(polygon.whole().index()); });
}

}  // namespace spillway::kql::geo
