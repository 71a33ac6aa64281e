// Distances, lengths, areas and centers of shapes.
#include <s2/s2closest_edge_query.h>

#include "kql/geo/shapes_s2.h"

namespace spillway::kql::geo {
namespace {

S2Point closest_on_edges(const MutableS2ShapeIndex& index, const S2Point& point) {
  S2ClosestEdgeQuery query(&index);
  query.mutable_options()->set_include_interiors(false);
  S2ClosestEdgeQuery::PointTarget target(point);
  return query.Project(point, query.FindClosestEdge(&target));
}

/// The line's parts as one; `storage` keeps them alive.
std::vector<const S2Polyline*> whole(const Line& line, Polylines& storage) {
  if (line.parts().size() > 1) {
    storage = joined(pointers(line.parts()), S1Angle::Zero());
    return pointers(storage);
  }
  return pointers(line.parts());
}

/// The length of a way, by points of the sphere.
double spheroid_length(const S2Point& from, const S2Point& to) {
  return spheroid_distance(lnglat_of(from), lnglat_of(to));
}

}  // namespace

double distance(const Line& line, const LngLat& point) {
  const S2Point at = point_of(point);
  return meters_of(S1Angle(at, closest_on_edges(line.index(), at)));
}
double distance(const Polygon& polygon, const LngLat& point) {
  if (polygon.contains(point)) return 0;
  const S2Point at = point_of(point);
  return meters_of(S1Angle(at, closest_on_edges(polygon.index(), at)));
}

LngLat closest_point(const Line& line, const LngLat& point) {
  return line.vertices().at(closest_on_edges(line.index(), point_of(point)));
}
LngLat closest_point(const Polygon& polygon, const LngLat& point) {
  return polygon.contains(point) ? point : lnglat_of(closest_on_edges(polygon.index(), point_of(point)));
}

bool contains(const Polygon& polygon, const LngLat& point) {
  return polygon.contains(point);
}

double length(const Line& line) {
  Polylines storage;
  S1Angle sum;
  for (const S2Polyline* part : whole(line, storage)) sum += part->GetLength();
  return meters_of(sum);
}

double perimeter(const Polygon& polygon) {
  S1Angle sum;
  const S2Polygon& whole = polygon.whole();
  for (int i = 0; i < whole.num_loops(); ++i) {
    const S2Loop& loop = *whole.loop(i);
    for (int j = 0; j < loop.num_vertices(); ++j) sum += S1Angle(loop.vertex(j), loop.vertex(j + 1));
  }
  return meters_of(sum);
}

double area(const Polygon& polygon) {
  return polygon.whole().GetArea() * kEarthRadiusMeters * kEarthRadiusMeters;
}

LngLat centroid(const Line& line) {
  Polylines storage;
  S2Point sum;
  for (const S2Polyline* part : whole(line, storage)) sum += part->GetCentroid();
  return lnglat_of(sum.Normalize());
}
LngLat centroid(const Polygon& polygon) {
  return lnglat_of(polygon.whole().GetCentroid().Normalize());
}

std::optional<LngLat> interpolate(const Line& line, double fraction) {
  if (!line.is_single()) return std::nullopt;
  return lnglat_of(line.parts().front()->Interpolate(fraction));
}

std::optional<double> locate(const Line& line, const LngLat& point, bool on_spheroid) {
  if (!line.is_single()) return std::nullopt;
  const S2Polyline& only = *line.parts().front();
  int next = 0;
  const S2Point nearest = only.Project(point_of(point), &next);
  if (!on_spheroid) return only.UnInterpolate(nearest, next);
  double before = 0;
  double all = 0;
  for (int i = 1; i < only.num_vertices(); ++i) {
    if (i == next) before = all + spheroid_length(only.vertex(i - 1), nearest);
    all += spheroid_length(only.vertex(i - 1), only.vertex(i));
  }
  if (next >= only.num_vertices()) before = all;
  return all > 0 ? std::min(1.0, before / all) : 0;
}

}  // namespace spillway::kql::geo
