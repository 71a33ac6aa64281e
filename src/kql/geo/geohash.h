// Geohashes: rectangles of longitudes and latitudes, named by up to 18 characters of 5 bits each, which halve
// the longitudes and the latitudes in turn.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kql/geo/geojson.h"

namespace spillway::kql::geo {

inline constexpr int kMaxGeohashLength = 18;

struct Rectangle {
  LngLat low;
  LngLat high;
  LngLat center() const;
};

std::string geohash_of(const LngLat& point, int length);
/// Nothing for what isn't a geohash.
std::optional<Rectangle> geohash_area(std::string_view geohash);
/// Up to eight: there are none beyond the poles.
std::vector<std::string> geohash_neighbors(std::string_view geohash);

}  // namespace spillway::kql::geo
