#include <algorithm>
#include <unordered_set>

#include "kql/geo/h3_index.h"
#include "kql/geo/h3_tables.h"

namespace spillway::kql::geo::h3 {
namespace {

/// A step from a child by a direction: the child that it leads to, and the step of the parents.
struct Step {
  Direction digit;
  Direction carry;
};
Step step(Direction digit, Direction direction, int resolution) {
  const Ijk at = unit(digit) + unit(direction);
  const Ijk parent = up(at, resolution);
  return {direction_of(at - down(parent, resolution)), direction_of(parent)};
}

/// Walks from cell to cell. Directions mean what they meant in the first cell: base cells are turned against
/// each other, and `turns_` says by how much the one it is in is turned now.
class Walker {
 public:
  explicit Walker(Cell cell) : cell_(cell) {}
  Cell cell() const { return cell_; }

  /// False where there is no way: a pentagon has no neighbor in direction K.
  bool move(Direction direction) {
    for (int i = 0; i < turns_ % 6; ++i) direction = turned_left(direction);
    const int old_base = base_cell_of(cell_);
    const Direction old_leading = leading_digit(cell_);
    Cell moved = cell_;
    int turns = 0;
    int r = resolution_of(cell_);
    for (; r > 0 && direction != kCenter; --r) {
      const Step next = step(digit_of(moved, r), direction, r);
      moved = with_digit(moved, r, next.digit);
      direction = next.carry;
    }
    if (direction != kCenter) moved = leave_base_cell(moved, direction, turns);
    if (kBaseCells[base_cell_of(moved)].is_pentagon) {
      if (!arrive_in_pentagon(moved, old_base, old_leading, turns)) return false;
    } else {
      for (int i = 0; i < turns; ++i) moved = rotated_left(moved);
    }
    turns_ = (turns_ + turns) % 6;
    cell_ = moved;
    return true;
  }

 private:
  Cell leave_base_cell(Cell moved, Direction direction, int& turns) {
    const int base = base_cell_of(moved);
    if (kBaseCellNeighbors[base][direction] == kNoBaseCell) {
      moved = rotated_left(moved);
      ++turns_;
      direction = kIK;
    }
    turns = kBaseCellNeighborRotations[base][direction];
    return with_base_cell(moved, kBaseCellNeighbors[base][direction]);
  }

  bool arrive_in_pentagon(Cell& moved, int old_base, Direction old_leading, int turns) {
    const int base = base_cell_of(moved);
    bool adjusted = false;
    if (leading_digit(moved) == kK) {  // where the pentagon has no child
      if (base != old_base) {
        const auto& clockwise = kBaseCells[base].clockwise_faces;
        const int face = kBaseCells[old_base].face;
        moved = clockwise[0] == face || clockwise[1] == face ? rotated_right(moved) : rotated_left(moved);
        adjusted = true;
      } else if (old_leading == kJK) {
        moved = rotated_left(moved);
        turns_ += 1;
      } else if (old_leading == kIK) {
        moved = rotated_right(moved);
        turns_ += 5;
      } else {
        return false;
      }
    }
    for (int i = 0; i < turns; ++i) moved = rotated_left_in_pentagon(moved);
    if (base != old_base) {
      const bool polar = base == 4 || base == 117;
      const Direction leading = leading_digit(moved);
      if (polar ? old_base != 118 && old_base != 8 && leading != kJK : leading == kIK && !adjusted) ++turns_;
    }
    return true;
  }

  Cell cell_;
  int turns_ = 0;
};

constexpr Direction kAround[] = {kJ, kJK, kK, kIK, kI, kIJ};

std::vector<Cell> neighbors_of(Cell cell) {
  std::vector<Cell> neighbors;
  for (const Direction direction : kAround) {
    Walker walker(cell);
    if (walker.move(direction)) neighbors.push_back(walker.cell());
  }
  return neighbors;
}

/// One ring after the other in one walk. False where it meets a pentagon, near which a ring has fewer cells.
bool walk_rings(Cell cell, int distance, std::vector<std::vector<Cell>>& rings) {
  if (is_pentagon(cell)) return false;
  Walker walker(cell);
  for (int k = 1; k <= distance; ++k) {
    if (!walker.move(kI) || is_pentagon(walker.cell())) return false;
    std::vector<Cell>& ring = rings.emplace_back();
    for (const Direction direction : kAround) {
      for (int i = 0; i < k; ++i) {
        if (!walker.move(direction) || is_pentagon(walker.cell())) return false;
        ring.push_back(walker.cell());
      }
    }
  }
  return true;
}

}  // namespace

std::vector<std::vector<Cell>> rings_around(Cell cell, int distance) {
  std::vector<std::vector<Cell>> rings{{cell}};
  if (walk_rings(cell, distance, rings)) return rings;
  rings.resize(1);
  std::unordered_set<Cell> seen{cell};
  for (int k = 1; k <= distance; ++k) {
    std::vector<Cell> ring;
    for (const Cell inner : rings.back()) {
      for (const Cell neighbor : neighbors_of(inner)) {
        if (seen.insert(neighbor).second) ring.push_back(neighbor);
      }
    }
    rings.push_back(std::move(ring));
  }
  return rings;
}

}  // namespace spillway::kql::geo::h3
