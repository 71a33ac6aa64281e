#include <s2/s2edge_distances.h>
#include <s2/s2latlng.h>

#include <algorithm>
#include <cmath>

#include "kql/geo/shapes_s2.h"

namespace spillway::kql::geo {
namespace {

constexpr size_t kMaxPoints = 10485760;
constexpr int kMaxSplits = 60;

LngLat between(const LngLat& a, const LngLat& b, double fraction) {
  return {a.lng + (b.lng - a.lng) * fraction, a.lat + (b.lat - a.lat) * fraction};
}

double wrapped(double lng) {
  if (lng > 180) return lng - 360;
  return lng < -180 ? lng + 360 : lng;
}

/// How far the straight edge on the plane and the one on the sphere are apart, about: they are compared where
/// the difference is largest if the edge lies as unevenly as it can, as S2's tessellator does.
double deviation(const LngLat& a, const LngLat& b) {
  constexpr double kFraction = 0.31215691082248312;
  const auto on_earth = [](const LngLat& at) { return point_of({wrapped(at.lng), at.lat}); };
  const S2Point from = on_earth(a);
  const S2Point to = on_earth(b);
  if (from.DotProd(to) < -1e-14) return 10 * kEarthRadiusMeters;
  double largest = 0;
  for (const double fraction : {kFraction, 1 - kFraction}) {
    const S2Point on_sphere = S2::Interpolate(from, to, fraction);
    largest = std::max(largest, meters_of(S1Angle(on_sphere, on_earth(between(a, b, fraction)))));
  }
  return largest;
}

class Densifier {
 public:
  Densifier(double tolerance, bool keep_crossing)
      : tolerance_(tolerance * kScale), keep_crossing_(keep_crossing) {}

  bool run(const Path& path, Path& out) {
    out.push_back(path.front());
    for (size_t i = 1; i < path.size(); ++i) {
      LngLat to = path[i];
      if (keep_crossing_ && std::fabs(to.lng - path[i - 1].lng) > 180) to.lng += to.lng < 0 ? 360 : -360;
      if (!split(path[i - 1], to, 0, out)) return false;
      out.back() = path[i];
    }
    return true;
  }

 private:
  static constexpr double kScale =
      0.83829992569888509;  // what is compared may be that much short of the largest

  bool split(const LngLat& a, const LngLat& b, int depth, Path& out) {
    if (depth < kMaxSplits && deviation(a, b) > tolerance_) {
      const LngLat middle = between(a, b, 0.5);
      return split(a, middle, depth + 1, out) && split(middle, b, depth + 1, out);
    }
    if (++points_ > kMaxPoints) return false;
    out.push_back({wrapped(b.lng), b.lat});
    return true;
  }

  double tolerance_;
  bool keep_crossing_;
  size_t points_ = 0;
};

}  // namespace

std::optional<Geometry> densified(const Geometry& shape, double tolerance, bool keep_crossing) {
  Geometry result = shape;
  Densifier densifier(tolerance, keep_crossing);
  for (size_t i = 0; i < shape.parts.size(); ++i) {
    for (size_t j = 0; j < shape.parts[i].size(); ++j) {
      result.parts[i][j].clear();
      if (!densifier.run(shape.parts[i][j], result.parts[i][j])) return std::nullopt;
    }
  }
  return result;
}

}  // namespace spillway::kql::geo
