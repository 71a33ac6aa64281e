// Distances and directions between points: on a sphere of the earth's mean radius, along great circles, as
// all shapes here are measured; where asked for, on the WGS-84 spheroid.
#pragma once

#include <optional>

#include "kql/geo/geojson.h"

namespace spillway::kql::geo {

inline constexpr double kEarthRadiusMeters = 6371010.0;

/// In meters.
double sphere_distance(const LngLat& a, const LngLat& b);
double spheroid_distance(const LngLat& a, const LngLat& b);
/// The direction in which the way from `from` to `to` begins: in radians, clockwise from north, 0 to 2π.
/// Nothing where the points are one, or antipodes.
std::optional<double> azimuth(const LngLat& from, const LngLat& to);

}  // namespace spillway::kql::geo
