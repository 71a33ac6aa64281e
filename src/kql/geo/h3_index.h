// The bits of a cell's index, and what turning a base cell's axes does to them; private to kql/geo/h3*.cc.
#pragma once

#include "kql/geo/h3_grid.h"

namespace spillway::kql::geo::h3 {

inline int base_cell_of(Cell cell) {
  return static_cast<int>(cell >> 45 & 127);
}
inline int digit_shift(int resolution) {
  return 3 * (kMaxResolution - resolution);
}
inline Direction digit_of(Cell cell, int resolution) {
  return static_cast<Direction>(cell >> digit_shift(resolution) & 7);
}
inline Cell with_digit(Cell cell, int resolution, Direction digit) {
  const int shift = digit_shift(resolution);
  return (cell & ~(Cell{7} << shift)) | static_cast<Cell>(digit) << shift;
}
inline Cell with_base_cell(Cell cell, int base_cell) {
  return (cell & ~(Cell{127} << 45)) | static_cast<Cell>(base_cell) << 45;
}
inline Cell with_resolution(Cell cell, int resolution) {
  return (cell & ~(Cell{15} << 52)) | static_cast<Cell>(resolution) << 52;
}
/// Mode "cell", all digits 7.
inline constexpr Cell kEmptyCell = Cell{1} << 59 | ((Cell{1} << 45) - 1);

bool is_pentagon(Cell cell);
/// The first digit that isn't 0; kCenter where there is none.
Direction leading_digit(Cell cell);
Cell rotated_left(Cell cell);
Cell rotated_right(Cell cell);
/// Of a descendant of a pentagon base cell, which has no child K.
Cell rotated_left_in_pentagon(Cell cell);
FaceIjk face_cell_of(Cell cell);

}  // namespace spillway::kql::geo::h3
