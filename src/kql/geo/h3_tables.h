// H3's fixed tables; private to kql/geo/h3*.cc.
#pragma once

#include <cstdint>

#include "kql/geo/h3_grid.h"

namespace spillway::kql::geo::h3 {

inline constexpr int kFaces = 20;
inline constexpr int kBaseCellCount = 122;
inline constexpr int kNoBaseCell = 127;

/// The centers of the icosahedron's faces; as unit vectors; and from each the azimuth of its i axis.
extern const LatLng kFaceCenters[kFaces];
extern const double kFaceCenterPoints[kFaces][3];
extern const double kFaceAzimuths[kFaces];
/// The face beyond each side, by Side.
extern const uint8_t kFaceNeighbors[kFaces][3];

/// The base cell at coordinates i, j, k of a face, and how often its own axes are turned by 60° against the
/// face's.
struct FaceCell {
  uint8_t base_cell;
  uint8_t rotations;
};
extern const FaceCell kFaceCells[kFaces][3][3][3];

struct BaseCell {
  int8_t face;
  Ijk at;
  bool is_pentagon;
  int8_t clockwise_faces[2];  // of a pentagon: faces from which it is turned clockwise; -1 for none
};
extern const BaseCell kBaseCells[kBaseCellCount];

/// The base cell in each direction, and how often its axes are turned by 60° against the cell's own.
extern const uint8_t kBaseCellNeighbors[kBaseCellCount][7];
extern const int8_t kBaseCellNeighborRotations[kBaseCellCount][7];

}  // namespace spillway::kql::geo::h3
