#include "kql/geo/h3_index.h"

#include <charconv>

#include "kql/geo/h3_tables.h"

namespace spillway::kql::geo::h3 {
namespace {

bool turned_clockwise(int base_cell, int face) {
  const auto& faces = kBaseCells[base_cell].clockwise_faces;
  return faces[0] == face || faces[1] == face;
}

/// The cell at coordinates of a face; they may lie a little beyond it.
Cell cell_of(const FaceIjk& place, int resolution) {
  Cell cell = with_resolution(kEmptyCell, resolution);
  Ijk at = place.at;
  for (int r = resolution; r > 0; --r) {
    const Ijk parent = up(at, r);
    cell = with_digit(cell, r, direction_of(at - down(parent, r)));
    at = parent;
  }
  const FaceCell base = kFaceCells[place.face][at.i][at.j][at.k];
  cell = with_base_cell(cell, base.base_cell);
  if (!kBaseCells[base.base_cell].is_pentagon) {
    for (int i = 0; i < base.rotations; ++i) cell = rotated_left(cell);
    return cell;
  }
  if (leading_digit(cell) == kK) {
    cell = turned_clockwise(base.base_cell, place.face) ? rotated_right(cell) : rotated_left(cell);
  }
  for (int i = 0; i < base.rotations; ++i) cell = rotated_left_in_pentagon(cell);
  return cell;
}

}  // namespace

bool is_valid(Cell cell) {
  constexpr Cell kHeader = Cell{0xff} << 56;
  if ((cell & kHeader) != Cell{1} << 59) return false;
  if (base_cell_of(cell) >= kBaseCellCount) return false;
  const int resolution = resolution_of(cell);
  for (int r = 1; r <= kMaxResolution; ++r) {
    if ((digit_of(cell, r) == kNone) != (r > resolution)) return false;
  }
  return !kBaseCells[base_cell_of(cell)].is_pentagon || leading_digit(cell) != kK;
}

std::optional<Cell> parse(std::string_view token) {
  Cell cell = 0;
  const char* end = token.data() + token.size();
  const auto [at, error] = std::from_chars(token.data(), end, cell, 16);
  if (error != std::errc() || at != end || !is_valid(cell)) return std::nullopt;
  return cell;
}

std::string token_of(Cell cell) {
  char text[16];
  const auto end = std::to_chars(text, text + sizeof text, cell, 16).ptr;
  return std::string(text, end);
}

int resolution_of(Cell cell) {
  return static_cast<int>(cell >> 52 & 15);
}

bool is_pentagon(Cell cell) {
  return kBaseCells[base_cell_of(cell)].is_pentagon && leading_digit(cell) == kCenter;
}

Direction leading_digit(Cell cell) {
  const int resolution = resolution_of(cell);
  for (int r = 1; r <= resolution; ++r) {
    if (const Direction digit = digit_of(cell, r); digit != kCenter) return digit;
  }
  return kCenter;
}

Cell rotated_left(Cell cell) {
  const int resolution = resolution_of(cell);
  for (int r = 1; r <= resolution; ++r) cell = with_digit(cell, r, turned_left(digit_of(cell, r)));
  return cell;
}
Cell rotated_right(Cell cell) {
  const int resolution = resolution_of(cell);
  for (int r = 1; r <= resolution; ++r) cell = with_digit(cell, r, turned_right(digit_of(cell, r)));
  return cell;
}
Cell rotated_left_in_pentagon(Cell cell) {
  cell = rotated_left(cell);
  return leading_digit(cell) == kK ? rotated_left(cell) : cell;
}

FaceIjk face_cell_of(Cell cell) {
  const BaseCell& base = kBaseCells[base_cell_of(cell)];
  // Child IK of a pentagon lies where child K would, had it one.
  if (base.is_pentagon && leading_digit(cell) == kIK) cell = rotated_right(cell);
  const int resolution = resolution_of(cell);
  FaceIjk place{base.face, base.at};
  const bool within_face = !base.is_pentagon && (resolution == 0 || base.at == Ijk{});
  for (int r = 1; r <= resolution; ++r) place.at = down(place.at, r) + unit(digit_of(cell, r));
  if (within_face) return place;

  FaceIjk settled = place;
  const int even = resolution + resolution % 2;
  if (is_odd(resolution)) settled.at = down(settled.at, even);
  const bool leading_four = base.is_pentagon && leading_digit(cell) == kI;
  if (settle(settled, even, leading_four, false) == Overage::None) return place;
  if (base.is_pentagon) {
    while (settle(settled, even, false, false) != Overage::None) continue;
  }
  if (is_odd(resolution)) settled.at = up(settled.at, even);
  return settled;
}

Cell cell_at(LatLng point, int resolution) {
  return cell_of(face_cell_at(point, resolution), resolution);
}

Cell parent_of(Cell cell, int resolution) {
  for (int r = resolution + 1; r <= resolution_of(cell); ++r) cell = with_digit(cell, r, kNone);
  return with_resolution(cell, resolution);
}

std::vector<Cell> children_of(Cell cell, int resolution) {
  std::vector<Cell> cells{cell};
  for (int r = resolution_of(cell) + 1; r <= resolution; ++r) {
    std::vector<Cell> next;
    next.reserve(cells.size() * 7);
    for (const Cell parent : cells) {
      for (int digit = kCenter; digit < kNone; ++digit) {
        if (digit == kK && is_pentagon(parent)) continue;
        next.push_back(with_digit(with_resolution(parent, r), r, static_cast<Direction>(digit)));
      }
    }
    cells = std::move(next);
  }
  return cells;
}

}  // namespace spillway::kql::geo::h3
