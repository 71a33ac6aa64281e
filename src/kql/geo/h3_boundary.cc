#include <cmath>

#include "kql/geo/h3_index.h"
#include "kql/geo/h3_tables.h"

namespace spillway::kql::geo::h3 {
namespace {

constexpr double kSin60 = 0.8660254037844386467637;

/// The corners of a cell against its center, in the substrate grid of an even resolution and of an odd one. A
/// pentagon has the first five.
constexpr Ijk kEvenCorners[] = {{2, 1, 0}, {1, 2, 0}, {0, 2, 1}, {0, 1, 2}, {1, 0, 2}, {2, 0, 1}};
constexpr Ijk kOddCorners[] = {{5, 4, 0}, {1, 5, 0}, {0, 5, 4}, {0, 1, 5}, {4, 0, 5}, {5, 0, 1}};

/// Where lines ab and cd meet.
Point2 intersection(Point2 a, Point2 b, Point2 c, Point2 d) {
  const Point2 s1{b.x - a.x, b.y - a.y};
  const Point2 s2{d.x - c.x, d.y - c.y};
  const double t = (s2.x * (a.y - c.y) - s2.y * (a.x - c.x)) / (-s2.x * s1.y + s1.x * s2.y);
  return {a.x + t * s1.x, a.y + t * s1.y};
}

bool near(Point2 a, Point2 b) {
  constexpr double kNear = 1e-7;
  return std::fabs(a.x - b.x) < kNear && std::fabs(a.y - b.y) < kNear;
}

/// Where the line ab leaves a face by a side.
Point2 crossing(Point2 a, Point2 b, Side side, int resolution) {
  const double size = face_size(resolution);
  const Point2 corners[] = {
      {3 * size, 0}, {-1.5 * size, 3 * kSin60 * size}, {-1.5 * size, -3 * kSin60 * size}};
  switch (side) {
    case kSideIJ: return intersection(a, b, corners[0], corners[1]);
    case kSideJK: return intersection(a, b, corners[1], corners[2]);
    case kSideKI: return intersection(a, b, corners[2], corners[0]);
  }
  return a;
}

struct Outline {
  FaceIjk center;  // in the substrate grid
  int resolution;  // an even one
  const Ijk* corners;
  bool bends;  // edges may cross an edge of the icosahedron away from their ends
  std::vector<LatLng> points;

  FaceIjk corner(int i) const { return {center.face, center.at + corners[i]}; }
  void add(Point2 at, int face) { points.push_back(point_at(at, face, resolution, true)); }
};

void trace_hexagon(Outline& outline) {
  int last_face = -1;
  Overage last_overage = Overage::None;
  for (int i = 0; i <= 6; ++i) {
    FaceIjk corner = outline.corner(i % 6);
    const Overage overage = settle(corner, outline.resolution, false, true);
    if (outline.bends && i > 0 && corner.face != last_face && last_overage != Overage::OnEdge) {
      const int home = outline.center.face;
      const Point2 from = position(outline.corner((i + 5) % 6).at);
      const Point2 to = position(outline.corner(i % 6).at);
      const int other = last_face == home ? corner.face : last_face;
      const Point2 bend = crossing(from, to, side_towards(home, other), outline.resolution);
      if (!near(bend, from) && !near(bend, to)) outline.add(bend, home);
    }
    if (i < 6) outline.add(position(corner.at), corner.face);
    last_face = corner.face;
    last_overage = overage;
  }
}

void trace_pentagon(Outline& outline) {
  FaceIjk last;
  for (int i = 0; i <= 5; ++i) {
    FaceIjk corner = outline.corner(i % 5);
    while (settle(corner, outline.resolution, false, true) == Overage::NewFace) continue;
    if (outline.bends && i > 0) {
      // Each edge of a pentagon leads from one face to another: both ends as the last one sees them.
      const FaceIjk seen = across(corner, side_towards(corner.face, last.face), outline.resolution, true);
      const Side side = side_towards(seen.face, corner.face);
      const Point2 bend = crossing(position(last.at), position(seen.at), side, outline.resolution);
      outline.add(bend, seen.face);
    }
    if (i < 5) outline.add(position(corner.at), corner.face);
    last = corner;
  }
}

}  // namespace

LatLng center_of(Cell cell) {
  const FaceIjk place = face_cell_of(cell);
  return point_at(position(place.at), place.face, resolution_of(cell), false);
}

std::vector<LatLng> boundary_of(Cell cell) {
  const int resolution = resolution_of(cell);
  const bool odd = is_odd(resolution);
  Outline outline{face_cell_of(cell), resolution + (odd ? 1 : 0), odd ? kOddCorners : kEvenCorners, odd, {}};
  outline.center.at = down_to_substrate(outline.center.at);
  if (odd) outline.center.at = down(outline.center.at, outline.resolution);
  if (is_pentagon(cell)) {
    trace_pentagon(outline);
  } else {
    trace_hexagon(outline);
  }
  return std::move(outline.points);
}

}  // namespace spillway::kql::geo::h3
