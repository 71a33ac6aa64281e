// The hexagonal grids on the icosahedron's faces, and the way between them and the sphere; private to
// kql/geo/h3*.cc.
//
// A grid's cells have coordinates i, j, k along three axes 120° apart, none negative and one of them 0. The
// grid of resolution r + 1 has a seventh of the cell area and is turned by about 19.1°: counterclockwise into
// an odd resolution, clockwise back into an even one.
#pragma once

#include "kql/geo/h3.h"

namespace spillway::kql::geo::h3 {

struct Ijk {
  int i = 0;
  int j = 0;
  int k = 0;
  bool operator==(const Ijk&) const = default;
};

struct FaceIjk {
  int face = 0;
  Ijk at;
};

struct Point2 {
  double x = 0;
  double y = 0;
};

/// A direction, and the place of a child in its parent: 0 is the center, else a bit for each of the axes i,
/// j, k.
enum Direction : int { kCenter, kK, kJ, kJK, kI, kIK, kIJ, kNone };

inline Direction turned_left(Direction d) {
  constexpr Direction kTurned[] = {kCenter, kIK, kJK, kK, kIJ, kI, kJ, kNone};
  return kTurned[d];
}
inline Direction turned_right(Direction d) {
  constexpr Direction kTurned[] = {kCenter, kJK, kIJ, kJ, kIK, kK, kI, kNone};
  return kTurned[d];
}

inline bool is_odd(int resolution) {
  return resolution % 2 == 1;
}

Ijk normalized(Ijk c);
Ijk operator+(const Ijk& a, const Ijk& b);  // normalized, as all below
Ijk operator-(const Ijk& a, const Ijk& b);
Ijk operator*(const Ijk& a, int factor);
Ijk unit(Direction direction);
/// Of coordinates next to the origin.
Direction direction_of(const Ijk& c);
Ijk rotated_left(const Ijk& c);
Ijk rotated_right(const Ijk& c);
/// The cell of the next coarser grid that contains `c`, a cell of a grid of `resolution`.
Ijk up(const Ijk& c, int resolution);
/// The center child of `c` in the next finer grid, which is of `resolution`.
Ijk down(const Ijk& c, int resolution);
/// In the grid of a third of the width and its turned twin: together a ninth of the area, not turned.
Ijk down_to_substrate(const Ijk& c);
Point2 position(const Ijk& c);

/// The grid cell of a point on its face.
FaceIjk face_cell_at(LatLng point, int resolution);
/// The point at a position in the grid of a face; `substrate`: in the grid of a ninth of the area.
LatLng point_at(Point2 position, int face, int resolution, bool substrate);

/// The sides of a face, by the pair of axes between which they lie.
enum Side : int { kSideIJ, kSideKI, kSideJK };
/// The axis sum of a face's corners at an even resolution.
int face_size(int resolution);
/// The side of `face` beyond which `other` lies.
Side side_towards(int face, int other);
/// Coordinates on `face`, as seen from its neighbor beyond `side`.
FaceIjk across(const FaceIjk& cell, Side side, int resolution, bool substrate);

enum class Overage { None, OnEdge, NewFace };
/// Moves coordinates that lie beyond their face, in a grid of an even resolution, to the face on which they
/// are. `leading_four`: the cell descends from child I of a pentagon base cell.
Overage settle(FaceIjk& cell, int resolution, bool leading_four, bool substrate);

}  // namespace spillway::kql::geo::h3
