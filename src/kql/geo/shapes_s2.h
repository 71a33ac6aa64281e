// Lines and polygons as S2 has them; private to the files of kql/geo that use S2.
#pragma once

#include <s2/mutable_s2shape_index.h>
#include <s2/s2contains_point_query.h>
#include <s2/s2latlng_rect.h>
#include <s2/s2polygon.h>
#include <s2/s2polyline.h>

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "kql/geo/shapes.h"
#include "kql/geo/sphere.h"

namespace spillway::kql::geo {

S2Point point_of(const LngLat& point);
LngLat lnglat_of(const S2Point& point);
S1Angle angle_of_meters(double meters);
double meters_of(S1Angle angle);

/// The coordinates of given shapes' vertices as they were written: going to a point of the sphere and back
/// may change their last digit.
class Vertices {
 public:
  void add(const Geometry& geometry);
  LngLat at(const S2Point& point) const;

 private:
  std::map<S2Point, LngLat> known_;
};

class Line {
 public:
  /// nullptr where it isn't a valid line.
  static std::unique_ptr<Line> make(Geometry geometry);

  const std::vector<std::unique_ptr<S2Polyline>>& parts() const { return parts_; }
  /// Of all parts.
  const MutableS2ShapeIndex& index() const { return index_; }
  bool is_single() const { return source_.kind == Geometry::Kind::LineString; }
  const Geometry& source() const { return source_; }
  const Vertices& vertices() const { return vertices_; }

 private:
  std::vector<std::unique_ptr<S2Polyline>> parts_;
  MutableS2ShapeIndex index_;
  Geometry source_;
  Vertices vertices_;
};

class Polygon {
 public:
  /// nullptr where it isn't a valid polygon.
  static std::unique_ptr<Polygon> make(Geometry geometry);

  const std::vector<std::unique_ptr<S2Polygon>>& parts() const { return parts_; }
  /// Of all parts, which may overlap.
  const MutableS2ShapeIndex& index() const { return index_; }
  /// The union of all parts.
  const S2Polygon& whole() const;
  const Geometry& source() const { return source_; }
  bool contains(const LngLat& point) const;

 private:
  std::vector<std::unique_ptr<S2Polygon>> parts_;
  MutableS2ShapeIndex index_;
  mutable std::unique_ptr<S2Polygon> union_;
  /// Kept from point to point; a polygon is used by one thread only.
  mutable S2ContainsPointQuery<MutableS2ShapeIndex> query_;
  S2LatLngRect bound_ = S2LatLngRect::Empty();
  Geometry source_;
};

using Polylines = std::vector<std::unique_ptr<S2Polyline>>;
/// The lines as one, without what they have in common twice, and simplified to a tolerance above zero.
Polylines joined(const std::vector<const S2Polyline*>& lines, S1Angle tolerance);
std::vector<const S2Polyline*> pointers(const Polylines& lines);

/// The shapes of a JSON array; nothing where one isn't valid.
std::optional<std::vector<std::unique_ptr<Line>>> parse_lines(std::string_view array);
std::optional<std::vector<std::unique_ptr<Polygon>>> parse_polygons(std::string_view array);

/// Nothing where there are none, or where they are the whole sphere.
std::optional<Geometry> geometry_of(const Polylines& lines, const Vertices& vertices = {});
std::optional<Geometry> geometry_of(const std::vector<const S2Polygon*>& polygons,
                                    const Vertices& vertices = {});

}  // namespace spillway::kql::geo
