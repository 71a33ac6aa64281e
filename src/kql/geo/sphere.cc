#include "kql/geo/sphere.h"

#include <GeographicLib/Geodesic.hpp>
#include <algorithm>
#include <cmath>
#include <numbers>

namespace spillway::kql::geo {
namespace {

constexpr double kPi = std::numbers::pi;

double radians(double degrees) {
  return degrees * (kPi / 180);
}

/// In radians.
double angle_between(const LngLat& a, const LngLat& b) {
  const double a_lat = radians(a.lat);
  const double b_lat = radians(b.lat);
  const double half_lat = std::sin(0.5 * (b_lat - a_lat));
  const double half_lng = std::sin(0.5 * (radians(b.lng) - radians(a.lng)));
  const double x = half_lat * half_lat + half_lng * half_lng * std::cos(a_lat) * std::cos(b_lat);
  return 2 * std::asin(std::sqrt(std::min(1.0, x)));
}

}  // namespace

double sphere_distance(const LngLat& a, const LngLat& b) {
  return angle_between(a, b) * kEarthRadiusMeters;
}

double spheroid_distance(const LngLat& a, const LngLat& b) {
  double meters = 0;
  GeographicLib::Geodesic::WGS84().Inverse(a.lat, a.lng, b.lat, b.lng, meters);
  return meters;
}

std::optional<double> azimuth(const LngLat& from, const LngLat& to) {
  constexpr double kSame = 1e-15;
  const double angle = angle_between(from, to);
  if (angle < kSame || kPi - angle < kSame) return std::nullopt;
  const double from_lat = radians(from.lat);
  const double to_lat = radians(to.lat);
  const double lng = radians(to.lng) - radians(from.lng);
  const double azimuth =
      std::atan2(std::sin(lng) * std::cos(to_lat), std::cos(from_lat) * std::sin(to_lat) -
                                                       std::sin(from_lat) * std::cos(to_lat) * std::cos(lng));
  return azimuth < 0 ? azimuth + 2 * kPi : azimuth;
}

}  // namespace spillway::kql::geo
