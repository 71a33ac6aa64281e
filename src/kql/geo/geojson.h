// Shapes on the earth as coordinates, and GeoJSON (RFC 7946) and WKT, in which they are written.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace spillway::kql::geo {

/// In degrees.
struct LngLat {
  double lng = 0;
  double lat = 0;
  bool operator==(const LngLat&) const = default;
};

/// A longitude from -180 to 180 and a latitude from -90 to 90.
bool is_valid(const LngLat& point);

/// The points of a line, or of a ring, whose first and last point are the same.
using Path = std::vector<LngLat>;

struct Geometry {
  enum class Kind { Point, MultiPoint, LineString, MultiLineString, Polygon, MultiPolygon, Collection };
  Kind kind = Kind::Collection;
  /// One part, but in a MultiPolygon one for each polygon. A part's paths are a polygon's rings, a
  /// MultiLineString's lines; else there is just one.
  std::vector<std::vector<Path>> parts;
  std::vector<Geometry> members;  // of a collection
};

/// Nothing for anything but a geometry object of numbers within their ranges.
std::optional<Geometry> parse_geojson(std::string_view json);
/// Appends it as canonical JSON.
void append_geojson(const Geometry& geometry, std::string& out);

std::optional<Geometry> parse_wkt(std::string_view text);

}  // namespace spillway::kql::geo
