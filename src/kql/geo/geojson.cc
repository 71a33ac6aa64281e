#include "kql/geo/geojson.h"

#include <cmath>

#include "kql/json.h"

namespace spillway::kql::geo {
namespace {

using Kind = Geometry::Kind;

struct KindName {
  Kind kind;
  std::string_view name;
  int depth;  // arrays around a position
};
constexpr KindName kKinds[] = {
    {Kind::Point, "Point", 0},           {Kind::MultiPoint, "MultiPoint", 1},
    {Kind::LineString, "LineString", 1}, {Kind::MultiLineString, "MultiLineString", 2},
    {Kind::Polygon, "Polygon", 2},       {Kind::MultiPolygon, "MultiPolygon", 3},
};

bool is_array(std::string_view json) {
  return json::kind_of(json) == json::Kind::Array;
}

std::optional<double> number(std::string_view json) {
  const json::Kind kind = json::kind_of(json);
  if (kind != json::Kind::Integer && kind != json::Kind::Real) return std::nullopt;
  return json::number(json);
}

bool parse_position(std::string_view json, LngLat& point) {
  if (!is_array(json)) return false;
  json::Cursor cursor(json);
  double* const values[] = {&point.lng, &point.lat};
  for (double* value : values) {
    if (!cursor.next()) return false;
    const std::optional<double> parsed = number(cursor.value());
    if (!parsed) return false;
    *value = *parsed;
  }
  return is_valid(point);
}

bool parse_path(std::string_view json, Path& path) {
  if (!is_array(json)) return false;
  for (json::Cursor cursor(json); cursor.next();) {
    if (!parse_position(cursor.value(), path.emplace_back())) return false;
  }
  return true;
}

/// How many arrays are open before the first number, string or object.
int depth_of(std::string_view json) {
  std::optional<std::string_view> inner = json;
  int depth = 0;
  for (; inner && is_array(*inner); ++depth) inner = json::element(*inner, 0);
  return depth;
}

bool parse_paths(std::string_view json, std::vector<Path>& paths) {
  if (!is_array(json)) return false;
  for (json::Cursor cursor(json); cursor.next();) {
    if (!parse_path(cursor.value(), paths.emplace_back())) return false;
  }
  return true;
}

/// Lines, or the coordinates of several MultiLineStrings: what make_list() makes of those counts as one too.
bool parse_lines(std::string_view json, std::vector<Path>& lines) {
  constexpr int kLineDepth = 2;
  if (!is_array(json)) return false;
  for (json::Cursor cursor(json); cursor.next();) {
    const bool several = depth_of(cursor.value()) == kLineDepth + 1;
    if (!(several ? parse_paths(cursor.value(), lines) : parse_path(cursor.value(), lines.emplace_back()))) {
      return false;
    }
  }
  return true;
}

bool parse_part(std::string_view json, Geometry& geometry) {
  return parse_paths(json, geometry.parts.emplace_back());
}

/// Polygons, or the coordinates of several MultiPolygons.
bool parse_polygons(std::string_view json, Geometry& geometry) {
  constexpr int kPolygonDepth = 3;
  if (!is_array(json)) return false;
  for (json::Cursor cursor(json); cursor.next();) {
    if (depth_of(cursor.value()) != kPolygonDepth + 1) {
      if (!parse_part(cursor.value(), geometry)) return false;
      continue;
    }
    for (json::Cursor inner(cursor.value()); inner.next();) {
      if (!parse_part(inner.value(), geometry)) return false;
    }
  }
  return true;
}

bool parse_coordinates(std::string_view json, int depth, Geometry& geometry) {
  if (depth == 3) return parse_polygons(json, geometry);
  std::vector<Path>& paths = geometry.parts.emplace_back();
  if (geometry.kind == Kind::MultiLineString) return parse_lines(json, paths);
  if (depth == 2) return parse_paths(json, paths);
  Path& path = paths.emplace_back();
  return depth == 1 ? parse_path(json, path) : parse_position(json, path.emplace_back());
}

void append_number(double value, std::string& out) {
  constexpr double kExact = 1e15;
  if (std::fabs(value) < kExact && value == std::trunc(value)) {
    out += std::to_string(static_cast<int64_t>(value));
  } else {
    json::append_real(value, out);
  }
}

void append_position(const LngLat& point, std::string& out) {
  out += '[';
  append_number(point.lng, out);
  out += ',';
  append_number(point.lat, out);
  out += ']';
}

template <typename T, typename Append>
void append_array(const std::vector<T>& items, Append append, std::string& out) {
  out += '[';
  bool first = true;
  for (const T& item : items) {
    if (!first) out += ',';
    first = false;
    append(item, out);
  }
  out += ']';
}

void append_path(const Path& path, std::string& out) {
  append_array(path, append_position, out);
}
void append_paths(const std::vector<Path>& paths, std::string& out) {
  append_array(paths, append_path, out);
}

void append_coordinates(const Geometry& geometry, int depth, std::string& out) {
  if (depth == 3) return append_array(geometry.parts, append_paths, out);
  const std::vector<Path>& paths = geometry.parts.front();
  if (depth == 2) return append_paths(paths, out);
  if (depth == 1) return append_path(paths.front(), out);
  append_position(paths.front().front(), out);
}

}  // namespace

bool is_valid(const LngLat& point) {
  return std::fabs(point.lng) <= 180 && std::fabs(point.lat) <= 90;
}

std::optional<Geometry> parse_geojson(std::string_view json) {
  if (json::kind_of(json) != json::Kind::Object) return std::nullopt;
  const auto type = json::member(json, "type");
  if (!type || json::kind_of(*type) != json::Kind::String) return std::nullopt;
  std::string name;
  json::unquote(*type, name);
  Geometry geometry;
  if (name == "GeometryCollection") {
    const auto members = json::member(json, "geometries");
    if (!members || !is_array(*members)) return std::nullopt;
    for (json::Cursor cursor(*members); cursor.next();) {
      auto member = parse_geojson(cursor.value());
      if (!member) return std::nullopt;
      geometry.members.push_back(std::move(*member));
    }
    return geometry;
  }
  const auto coordinates = json::member(json, "coordinates");
  if (!coordinates) return std::nullopt;
  for (const KindName& kind : kKinds) {
    if (kind.name != name) continue;
    geometry.kind = kind.kind;
    if (!parse_coordinates(*coordinates, kind.depth, geometry)) return std::nullopt;
    return geometry;
  }
  return std::nullopt;
}

void append_geojson(const Geometry& geometry, std::string& out) {
  if (geometry.kind == Kind::Collection) {
    out += R"({"type":"GeometryCollection","geometries":)";
    append_array(geometry.members, append_geojson, out);
    out += '}';
    return;
  }
  for (const KindName& kind : kKinds) {
    if (kind.kind != geometry.kind) continue;
    out += R"({"type":")";
    out += kind.name;
    out += R"(","coordinates":)";
    append_coordinates(geometry, kind.depth, out);
    out += '}';
  }
}

}  // namespace spillway::kql::geo
