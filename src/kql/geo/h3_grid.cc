#include "kql/geo/h3_grid.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "kql/geo/h3_tables.h"

namespace spillway::kql::geo::h3 {
namespace {

constexpr double kPi = std::numbers::pi;
constexpr double kSqrt7 = 2.6457513110645905905;
constexpr double kSin60 = 0.8660254037844386467637;
/// The angle between the grids of even and of odd resolutions.
constexpr double kGridAngle = 0.333473172251832115336;
/// The gnomonic length of the unit of resolution 0.
constexpr double kUnitLength = 0.38196601125010500003;
constexpr double kTiny = 1e-16;

Ijk combined(const Ijk& c, const Ijk& i, const Ijk& j, const Ijk& k) {
  return normalized({i.i * c.i + j.i * c.j + k.i * c.k, i.j * c.i + j.j * c.j + k.j * c.k,
                     i.k * c.i + j.k * c.j + k.k * c.k});
}

/// n / 7, rounded to the nearest.
int seventh(int n) {
  const int shifted = n + 3;
  return shifted >= 0 ? shifted / 7 : -((6 - shifted) / 7);
}

double positive_angle(double angle) {
  if (angle < 0) angle += 2 * kPi;
  return angle >= 2 * kPi ? angle - 2 * kPi : angle;
}

double azimuth(const LatLng& from, const LatLng& to) {
  return std::atan2(std::cos(to.lat) * std::sin(to.lng - from.lng),
                    std::cos(from.lat) * std::sin(to.lat) -
                        std::sin(from.lat) * std::cos(to.lat) * std::cos(to.lng - from.lng));
}

/// The point at an azimuth and a distance.
LatLng destination(const LatLng& from, double angle, double distance) {
  if (distance < kTiny) return from;
  const double sin_lat = std::clamp(
      std::sin(from.lat) * std::cos(distance) + std::cos(from.lat) * std::sin(distance) * std::cos(angle),
      -1.0, 1.0);
  LatLng to{std::asin(sin_lat), 0};
  if (std::fabs(std::fabs(to.lat) - kPi / 2) < kTiny) return to;
  const double sin_lng = std::sin(angle) * std::sin(distance) / std::cos(to.lat);
  const double cos_lng =
      (std::cos(distance) - std::sin(from.lat) * std::sin(to.lat)) / std::cos(from.lat) / std::cos(to.lat);
  to.lng = from.lng + std::atan2(std::clamp(sin_lng, -1.0, 1.0), std::clamp(cos_lng, -1.0, 1.0));
  if (to.lng > kPi) to.lng -= 2 * kPi;
  if (to.lng < -kPi) to.lng += 2 * kPi;
  return to;
}

struct Nearest {
  int face;
  double squared_distance;
};
Nearest nearest_face(const LatLng& point) {
  const double r = std::cos(point.lat);
  const double x = std::cos(point.lng) * r;
  const double y = std::sin(point.lng) * r;
  const double z = std::sin(point.lat);
  Nearest nearest{0, 5};
  for (int face = 0; face < kFaces; ++face) {
    const auto& center = kFaceCenterPoints[face];
    const double dx = center[0] - x, dy = center[1] - y, dz = center[2] - z;
    const double distance = dx * dx + dy * dy + dz * dz;
    if (distance < nearest.squared_distance) nearest = {face, distance};
  }
  return nearest;
}

/// The cell around a position in a grid.
Ijk cell_around(const Point2& p) {
  const double j = p.y / kSin60;
  const double i = p.x + j / 2;
  double a = std::round(i);
  const double b = std::round(j - i);
  double c = std::round(-j);
  const double a_error = std::fabs(a - i);
  const double b_error = std::fabs(b - (j - i));
  const double c_error = std::fabs(c + j);
  if (a_error > b_error && a_error > c_error) {
    a = -b - c;
  } else if (c_error >= b_error) {
    c = -a - b;
  }
  return normalized({static_cast<int>(a), static_cast<int>(-c), 0});
}

/// 7 to the power of half an even resolution.
int even_scale(int resolution) {
  int scale = 1;
  for (int r = 0; r < resolution; r += 2) scale *= 7;
  return scale;
}

}  // namespace

Ijk normalized(Ijk c) {
  const int least = std::min({c.i, c.j, c.k});
  return {c.i - least, c.j - least, c.k - least};
}
Ijk operator+(const Ijk& a, const Ijk& b) {
  return normalized({a.i + b.i, a.j + b.j, a.k + b.k});
}
Ijk operator-(const Ijk& a, const Ijk& b) {
  return normalized({a.i - b.i, a.j - b.j, a.k - b.k});
}
Ijk operator*(const Ijk& a, int factor) {
  return normalized({a.i * factor, a.j * factor, a.k * factor});
}

Ijk unit(Direction direction) {
  return {direction >> 2 & 1, direction >> 1 & 1, direction & 1};
}
Direction direction_of(const Ijk& c) {
  if (std::max({c.i, c.j, c.k}) > 1) return kNone;
  return static_cast<Direction>(c.i << 2 | c.j << 1 | c.k);
}

Ijk rotated_left(const Ijk& c) {
  return combined(c, {1, 1, 0}, {0, 1, 1}, {1, 0, 1});
}
Ijk rotated_right(const Ijk& c) {
  return combined(c, {1, 0, 1}, {1, 1, 0}, {0, 1, 1});
}

Ijk up(const Ijk& c, int resolution) {
  const int i = c.i - c.k;
  const int j = c.j - c.k;
  return is_odd(resolution) ? normalized({seventh(3 * i - j), seventh(i + 2 * j), 0})
                            : normalized({seventh(2 * i + j), seventh(3 * j - i), 0});
}
Ijk down(const Ijk& c, int resolution) {
  return is_odd(resolution) ? combined(c, {3, 0, 1}, {1, 3, 0}, {0, 1, 3})
                            : combined(c, {3, 1, 0}, {0, 3, 1}, {1, 0, 3});
}
Ijk down_to_substrate(const Ijk& c) {
  return combined(combined(c, {2, 0, 1}, {1, 2, 0}, {0, 1, 2}), {2, 1, 0}, {0, 2, 1}, {1, 0, 2});
}
Point2 position(const Ijk& c) {
  const int i = c.i - c.k;
  const int j = c.j - c.k;
  return {i - 0.5 * j, j * kSin60};
}

FaceIjk face_cell_at(LatLng point, int resolution) {
  const Nearest nearest = nearest_face(point);
  const double angle = std::acos(1 - nearest.squared_distance / 2);
  if (angle < kTiny) return {nearest.face, {}};
  double theta = positive_angle(kFaceAzimuths[nearest.face] -
                                positive_angle(azimuth(kFaceCenters[nearest.face], point)));
  if (is_odd(resolution)) theta = positive_angle(theta - kGridAngle);
  double r = std::tan(angle) / kUnitLength;
  for (int i = 0; i < resolution; ++i) r *= kSqrt7;
  return {nearest.face, cell_around({r * std::cos(theta), r * std::sin(theta)})};
}

LatLng point_at(Point2 position, int face, int resolution, bool substrate) {
  double r = std::sqrt(position.x * position.x + position.y * position.y);
  if (r < kTiny) return kFaceCenters[face];
  double theta = std::atan2(position.y, position.x);
  for (int i = 0; i < resolution; ++i) r /= kSqrt7;
  if (substrate) r /= 3;
  r = std::atan(r * kUnitLength);
  if (is_odd(resolution)) theta = positive_angle(theta + kGridAngle);
  theta = positive_angle(kFaceAzimuths[face] - theta);
  return destination(kFaceCenters[face], theta, r);
}

int face_size(int resolution) {
  return 2 * even_scale(resolution);
}

Side side_towards(int face, int other) {
  for (const Side side : {kSideIJ, kSideKI}) {
    if (kFaceNeighbors[face][side] == other) return side;
  }
  return kSideJK;
}

FaceIjk across(const FaceIjk& cell, Side side, int resolution, bool substrate) {
  // The faces around a pole are turned against each other otherwise than those of the belt between.
  const bool polar = cell.face < 5 || cell.face >= 15;
  static constexpr Ijk kBetweenIK{2, 0, 2};
  static constexpr Ijk kBetweenIJ{2, 2, 0};
  Ijk translation{0, 2, 2};
  int rotations = 3;
  if (side != kSideJK) {
    translation = (side == kSideIJ) == polar ? kBetweenIK : kBetweenIJ;
    if (polar) rotations = side == kSideIJ ? 1 : 5;
  }
  FaceIjk result{kFaceNeighbors[cell.face][side], cell.at};
  for (int i = 0; i < rotations; ++i) result.at = rotated_left(result.at);
  result.at = result.at + translation * (even_scale(resolution) * (substrate ? 3 : 1));
  return result;
}

Overage settle(FaceIjk& cell, int resolution, bool leading_four, bool substrate) {
  const int size = face_size(resolution) * (substrate ? 3 : 1);
  const auto sum = [&] { return cell.at.i + cell.at.j + cell.at.k; };
  if (substrate && sum() == size) return Overage::OnEdge;
  if (sum() <= size) return Overage::None;
  Side side = kSideIJ;
  if (cell.at.k > 0) {
    side = cell.at.j > 0 ? kSideJK : kSideKI;
    if (side == kSideKI && leading_four) {
      // A pentagon lacks the sector between its axes i and k: what lies there belongs to the next one.
      const Ijk corner{size, 0, 0};
      cell.at = rotated_right(cell.at - corner) + corner;
    }
  }
  cell = across(cell, side, resolution, substrate);
  return substrate && sum() == size ? Overage::OnEdge : Overage::NewFace;
}

}  // namespace spillway::kql::geo::h3
