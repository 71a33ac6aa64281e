#include "kql/functions/geo_shapes.h"

#include "kql/json.h"

namespace spillway::kql::geo {

bool write(const std::optional<Geometry>& geometry, std::string& out) {
  if (!geometry) return false;
  append_geojson(*geometry, out);
  return true;
}

bool write(const std::optional<std::vector<std::string>>& texts, std::string& out) {
  if (!texts) return false;
  out += '[';
  for (size_t i = 0; i < texts->size(); ++i) {
    if (i > 0) out += ',';
    json::quote((*texts)[i], out);
  }
  out += ']';
  return true;
}

void write(const LngLat& point, std::string& out) {
  Geometry geometry;
  geometry.kind = Geometry::Kind::Point;
  geometry.parts = {{{point}}};
  append_geojson(geometry, out);
}

}  // namespace spillway::kql::geo
