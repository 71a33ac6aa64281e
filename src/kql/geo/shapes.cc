#include "kql/geo/shapes.h"

#include <s2/s2debug.h>
#include <s2/s2latlng.h>

#include <array>
#include <cmath>

#include "kql/geo/shapes_s2.h"
#include "kql/json.h"

namespace spillway::kql::geo {
namespace {

using Kind = Geometry::Kind;

/// S2 checks shapes where it makes them, and ends the process where it doubts one; here all that comes from
/// outside is checked before.
[[maybe_unused]] const bool kNoChecks = (FLAGS_s2debug = false);

thread_local uint64_t batch = 0;

/// The last few texts that were parsed, and what they are.
template <typename Shape>
class Cache {
 public:
  const Shape* get(std::string_view text) {
    for (Entry& entry : entries_) {
      if (entry.text.size() != text.size()) continue;
      if (entry.batch == batch && entry.address == text.data()) return entry.shape.get();
      if (entry.text != text) continue;
      entry.batch = batch;
      entry.address = text.data();
      return entry.shape.get();
    }
    Entry& entry = entries_[next_++ % entries_.size()];
    std::optional<Geometry> geometry = parse_geojson(text);
    entry.shape = geometry ? Shape::make(std::move(*geometry)) : nullptr;
    entry.text = text;
    entry.batch = batch;
    entry.address = text.data();
    return entry.shape.get();
  }

 private:
  struct Entry {
    std::string text;
    const char* address = nullptr;
    uint64_t batch = 0;
    std::unique_ptr<Shape> shape;
  };
  std::array<Entry, 4> entries_;
  size_t next_ = 0;
};

std::vector<S2Point> points_of(const Path& path) {
  std::vector<S2Point> points;
  points.reserve(path.size());
  for (const LngLat& at : path) {
    const S2Point point = point_of(at);
    if (points.empty() || points.back() != point) points.push_back(point);
  }
  return points;
}

/// Between antipodes there is no shortest edge.
bool are_antipodes(const S2Point& a, const S2Point& b) {
  constexpr double kNear = 1e-15;
  return (a + b).Norm() < kNear;
}

std::unique_ptr<S2Polyline> polyline_of(const Path& path) {
  const std::vector<S2Point> points = points_of(path);
  for (size_t i = 1; i < points.size(); ++i) {
    if (are_antipodes(points[i - 1], points[i])) return nullptr;
  }
  auto line = std::make_unique<S2Polyline>(points, S2Debug::DISABLE);
  S2Error error;
  if (line->num_vertices() < 2 || line->FindValidationError(&error)) return nullptr;
  return line;
}

std::unique_ptr<S2Loop> loop_of(const Path& ring) {
  constexpr size_t kMinPoints = 4;
  if (ring.size() < kMinPoints || ring.front() != ring.back()) return nullptr;
  std::vector<S2Point> points;
  points.reserve(ring.size());
  for (size_t i = 0; i + 1 < ring.size(); ++i) {
    points.push_back(point_of(ring[i]));
    if (are_antipodes(points.back(), point_of(ring[i + 1]))) return nullptr;
  }
  auto loop = std::make_unique<S2Loop>(points, S2Debug::DISABLE);
  S2Error error;
  if (loop->FindValidationError(&error)) return nullptr;
  loop->Normalize();
  return loop;
}

std::unique_ptr<S2Polygon> polygon_of_rings(const std::vector<Path>& rings) {
  std::vector<std::unique_ptr<S2Loop>> loops;
  for (const Path& ring : rings) {
    auto loop = loop_of(ring);
    if (!loop) return nullptr;
    loops.push_back(std::move(loop));
  }
  if (loops.empty()) return nullptr;
  auto polygon = std::make_unique<S2Polygon>();
  polygon->set_s2debug_override(S2Debug::DISABLE);
  polygon->InitNested(std::move(loops));
  S2Error error;
  if (polygon->FindValidationError(&error)) return nullptr;
  return polygon;
}

template <typename Shape>
std::optional<std::vector<std::unique_ptr<Shape>>> parse_array(std::string_view array) {
  if (json::kind_of(array) != json::Kind::Array) return std::nullopt;
  std::vector<std::unique_ptr<Shape>> shapes;
  for (json::Cursor cursor(array); cursor.next();) {
    std::optional<Geometry> geometry = parse_geojson(cursor.value());
    auto shape = geometry ? Shape::make(std::move(*geometry)) : nullptr;
    if (!shape) return std::nullopt;
    shapes.push_back(std::move(shape));
  }
  return shapes;
}

Path ring_of(const S2Loop& loop, const Vertices& vertices) {
  Path ring;
  ring.reserve(static_cast<size_t>(loop.num_vertices()) + 1);
  for (int i = 0; i <= loop.num_vertices(); ++i) {
    ring.push_back(vertices.at(loop.oriented_vertex(i % loop.num_vertices())));
  }
  return ring;
}

/// Every ring with its holes is a polygon of its own, those within holes too.
void append_parts(const S2Polygon& polygon, const Vertices& vertices, std::vector<std::vector<Path>>& parts) {
  for (int i = 0; i < polygon.num_loops(); ++i) {
    const int depth = polygon.loop(i)->depth();
    if (depth % 2 != 0) continue;
    std::vector<Path>& rings = parts.emplace_back();
    rings.push_back(ring_of(*polygon.loop(i), vertices));
    for (int j = i + 1; j < polygon.num_loops() && polygon.loop(j)->depth() > depth; ++j) {
      if (polygon.loop(j)->depth() == depth + 1) rings.push_back(ring_of(*polygon.loop(j), vertices));
    }
  }
}

}  // namespace

const Line* line_of(std::string_view json) {
  thread_local Cache<Line> cache;
  return cache.get(json);
}
const Polygon* polygon_of(std::string_view json) {
  thread_local Cache<Polygon> cache;
  return cache.get(json);
}
void begin_batch() {
  ++batch;
}

std::unique_ptr<Line> Line::make(Geometry geometry) {
  if (!is_line(geometry)) return nullptr;
  auto line = std::make_unique<Line>();
  for (const Path& path : geometry.parts.front()) {
    auto part = polyline_of(path);
    if (!part) return nullptr;
    line->index_.Add(std::make_unique<S2Polyline::Shape>(part.get()));
    line->parts_.push_back(std::move(part));
  }
  line->vertices_.add(geometry);
  line->source_ = std::move(geometry);
  return line;
}

std::unique_ptr<Polygon> Polygon::make(Geometry geometry) {
  if (!is_polygon(geometry)) return nullptr;
  auto polygon = std::make_unique<Polygon>();
  for (const auto& rings : geometry.parts) {
    auto part = polygon_of_rings(rings);
    if (!part) return nullptr;
    polygon->index_.Add(std::make_unique<S2Polygon::Shape>(part.get()));
    polygon->bound_ = polygon->bound_.Union(part->GetRectBound());
    polygon->parts_.push_back(std::move(part));
  }
  polygon->query_.Init(&polygon->index_);
  polygon->source_ = std::move(geometry);
  return polygon;
}

bool Polygon::contains(const LngLat& point) const {
  const S2LatLng at = S2LatLng::FromDegrees(point.lat, point.lng);
  return bound_.Contains(at) && query_.Contains(at.ToPoint());
}

const S2Polygon& Polygon::whole() const {
  if (parts_.size() == 1) return *parts_.front();
  if (!union_) {
    std::vector<std::unique_ptr<S2Polygon>> copies;
    for (const auto& part : parts_) copies.emplace_back(part->Clone());
    union_ = S2Polygon::DestructiveUnion(std::move(copies));
  }
  return *union_;
}

std::optional<std::vector<std::unique_ptr<Line>>> parse_lines(std::string_view array) {
  return parse_array<Line>(array);
}
std::optional<std::vector<std::unique_ptr<Polygon>>> parse_polygons(std::string_view array) {
  return parse_array<Polygon>(array);
}

bool is_line(const Geometry& shape) {
  if (shape.kind != Kind::LineString && shape.kind != Kind::MultiLineString) return false;
  if (shape.parts.front().empty()) return false;
  for (const Path& path : shape.parts.front()) {
    if (path.size() < 2) return false;
  }
  return true;
}

bool is_polygon(const Geometry& shape) {
  if (shape.kind != Kind::Polygon && shape.kind != Kind::MultiPolygon) return false;
  if (shape.parts.empty()) return false;
  for (const auto& rings : shape.parts) {
    if (rings.empty()) return false;
    for (const Path& ring : rings) {
      if (ring.size() < 4 || ring.front() != ring.back()) return false;
    }
  }
  return true;
}

S2Point point_of(const LngLat& point) {
  return S2LatLng::FromDegrees(point.lat, point.lng).ToPoint();
}
LngLat lnglat_of(const S2Point& point) {
  const S2LatLng at(point);
  return {at.lng().degrees(), at.lat().degrees()};
}
void Vertices::add(const Geometry& geometry) {
  for (const auto& paths : geometry.parts) {
    for (const Path& path : paths) {
      for (const LngLat& at : path) known_.emplace(point_of(at), at);
    }
  }
}
LngLat Vertices::at(const S2Point& point) const {
  const auto found = known_.find(point);
  return found == known_.end() ? lnglat_of(point) : found->second;
}

S1Angle angle_of_meters(double meters) {
  return S1Angle::Radians(meters / kEarthRadiusMeters);
}
double meters_of(S1Angle angle) {
  return angle.radians() * kEarthRadiusMeters;
}

std::vector<const S2Polyline*> pointers(const Polylines& lines) {
  std::vector<const S2Polyline*> result;
  for (const auto& line : lines) result.push_back(line.get());
  return result;
}

std::optional<Geometry> geometry_of(const Polylines& lines, const Vertices& vertices) {
  if (lines.empty()) return std::nullopt;
  Geometry geometry;
  geometry.kind = lines.size() == 1 ? Kind::LineString : Kind::MultiLineString;
  std::vector<Path>& paths = geometry.parts.emplace_back();
  for (const auto& line : lines) {
    Path& path = paths.emplace_back();
    for (const S2Point& point : line->vertices_span()) path.push_back(vertices.at(point));
  }
  return geometry;
}

std::optional<Geometry> geometry_of(const std::vector<const S2Polygon*>& polygons, const Vertices& vertices) {
  Geometry geometry;
  for (const S2Polygon* polygon : polygons) {
    if (polygon->is_full()) return std::nullopt;
    append_parts(*polygon, vertices, geometry.parts);
  }
  if (geometry.parts.empty()) return std::nullopt;
  geometry.kind = geometry.parts.size() == 1 ? Kind::Polygon : Kind::MultiPolygon;
  return geometry;
}

}  // namespace spillway::kql::geo
