// Points on the earth: distances, directions and circles; and shapes out of well-known text.
#include <cmath>
#include <numbers>

#include "kql/functions/builder.h"
#include "kql/geo/geojson.h"
#include "kql/geo/ip_location.h"
#include "kql/geo/sphere.h"
#include "kql/json.h"

namespace spillway::kql {
namespace {

using geo::LngLat;
using Text = std::string_view;

bool are_valid(const LngLat& a, const LngLat& b) {
  return is_valid(a) && is_valid(b);
}

std::optional<double> distance_between(double lng1, double lat1, double lng2, double lat2, bool on_spheroid) {
  const LngLat a{lng1, lat1};
  const LngLat b{lng2, lat2};
  if (!are_valid(a, b)) return std::nullopt;
  return on_spheroid ? geo::spheroid_distance(a, b) : geo::sphere_distance(a, b);
}

std::optional<double> distance_on_sphere(double lng1, double lat1, double lng2, double lat2) {
  return distance_between(lng1, lat1, lng2, lat2, false);
}

std::optional<bool> in_circle(double lng, double lat, double center_lng, double center_lat, double radius) {
  const LngLat point{lng, lat};
  const LngLat center{center_lng, center_lat};
  if (!are_valid(point, center) || !(radius > 0)) return std::nullopt;
  return geo::sphere_distance(point, center) <= radius;
}

std::optional<double> azimuth(double lng1, double lat1, double lng2, double lat2) {
  const LngLat from{lng1, lat1};
  const LngLat to{lng2, lat2};
  if (!are_valid(from, to)) return std::nullopt;
  return geo::azimuth(from, to);
}

/// Clockwise from the way back to the first point.
std::optional<double> angle(double lng1, double lat1, double lng2, double lat2, double lng3, double lat3) {
  const std::optional<double> back = azimuth(lng2, lat2, lng1, lat1);
  const std::optional<double> on = azimuth(lng2, lat2, lng3, lat3);
  if (!back || !on) return std::nullopt;
  const double angle = *on - *back;
  return angle < 0 ? angle + 2 * std::numbers::pi : angle;
}

bool from_wkt(std::string& out, Text wkt) {
  const std::optional<geo::Geometry> geometry = geo::parse_wkt(wkt);
  if (!geometry) return false;
  geo::append_geojson(*geometry, out);
  return true;
}

void append_text(std::string_view name, const std::string& text, std::string& out) {
  if (text.empty()) return;
  if (out.size() > 1) out += ',';
  json::quote(name, out);
  out += ':';
  json::quote(text, out);
}
void append_degrees(std::string_view name, std::optional<double> degrees, std::string& out) {
  if (!degrees) return;
  if (out.size() > 1) out += ',';
  json::quote(name, out);
  out += ':';
  json::append_real(*degrees, out);
}

bool info_from_ip(std::string& out, Text address) {
  const std::optional<geo::IpLocation> location = geo::locate_ip(address);
  if (!location) return false;
  out += '{';
  append_text("country", location->country, out);
  append_text("state", location->state, out);
  append_text("city", location->city, out);
  append_degrees("latitude", location->latitude, out);
  append_degrees("longitude", location->longitude, out);
  out += '}';
  return true;
}
Status info_from_ips(const NativeCall& call) {
  SPILLWAY_TRY(geo::ip_locations_available());
  return native_adaptor<&info_from_ip, false>(call);
}
L ip_native() {
  L lowering;
  lowering.native = &info_from_ips;
  return lowering;
}

}  // namespace

void declare_geo_points(FunctionTableBuilder& table) {
  using enum Type;
  table.category("geospatial");
  table.scalar("geo_distance_2points")
      .doc("Meters between two points, on a sphere or, where the last argument is true, on the spheroid.")
      .takes({Real, Real, Real, Real}, Real, native<&distance_on_sphere>())
      .takes({Real, Real, Real, Real, Bool}, Real, native<&distance_between>());
  table.scalar("geo_point_in_circle")
      .doc("Whether a point is within a number of meters of another.")
      .takes({Real, Real, Real, Real, Real}, Bool, native<&in_circle>());
  table.scalar("geo_azimuth")
      .doc("The direction from one point to another, in radians clockwise from north.")
      .takes({Real, Real, Real, Real}, Real, native<&azimuth>());
  table.scalar("geo_angle")
      .doc("The angle at the second of three points, in radians clockwise from the first to the third.")
      .takes({Real, Real, Real, Real, Real, Real}, Real, native<&angle>());
  table.scalar("geo_from_wkt")
      .doc("The GeoJSON shape of a well-known text.")
      .takes({String}, Dynamic, native<&from_wkt>());
  table.scalar("geo_info_from_ip_address")
      .doc(
          "Country, state, city and coordinates of an IP address, where MaxMind's GeoLite2-City.mmdb is at "
          "hand.")
      .takes({String}, Dynamic, ip_native());
}

}  // namespace spillway::kql
