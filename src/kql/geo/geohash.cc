#include "kql/geo/geohash.h"

#include <cctype>
#include <cstdint>

namespace spillway::kql::geo {
namespace {

constexpr std::string_view kDigits = "0123456789bcdefghjkmnpqrstuvwxyz";

/// Columns count from the west, rows from the south; up to 45 bits each.
struct Cell {
  uint64_t column = 0;
  uint64_t row = 0;
  int length = 0;

  int column_bits() const { return (5 * length + 1) / 2; }
  int row_bits() const { return 5 * length / 2; }
};

std::optional<Cell> parse(std::string_view geohash) {
  if (geohash.empty() || geohash.size() > kMaxGeohashLength) return std::nullopt;
  Cell cell;
  cell.length = static_cast<int>(geohash.size());
  bool is_column = true;
  for (const char c : geohash) {
    const size_t digit = kDigits.find(static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
    if (digit == std::string_view::npos) return std::nullopt;
    for (int bit = 4; bit >= 0; --bit, is_column = !is_column) {
      uint64_t& number = is_column ? cell.column : cell.row;
      number = number << 1 | (digit >> bit & 1);
    }
  }
  return cell;
}

std::string name_of(const Cell& cell) {
  std::string name;
  int column_bit = cell.column_bits();
  int row_bit = cell.row_bits();
  bool is_column = true;
  for (int i = 0; i < cell.length; ++i) {
    size_t digit = 0;
    for (int bit = 0; bit < 5; ++bit, is_column = !is_column) {
      digit = digit << 1 | (is_column ? cell.column >> --column_bit & 1 : cell.row >> --row_bit & 1);
    }
    name += kDigits[digit];
  }
  return name;
}

/// Which of 2^bits equal parts of `low` … -`low` holds a value.
uint64_t part_of(double value, double low, int bits) {
  double high = -low;
  uint64_t part = 0;
  for (int i = 0; i < bits; ++i) {
    const double middle = (low + high) / 2;
    part = part << 1 | (value >= middle ? 1 : 0);
    (value >= middle ? low : high) = middle;
  }
  return part;
}

double edge(uint64_t part, double low, int bits) {
  return low + static_cast<double>(part) * (-2 * low / static_cast<double>(uint64_t{1} << bits));
}

}  // namespace

LngLat Rectangle::center() const {
  return {(low.lng + high.lng) / 2, (low.lat + high.lat) / 2};
}

std::string geohash_of(const LngLat& point, int length) {
  Cell cell;
  cell.length = length;
  cell.column = part_of(point.lng, -180, cell.column_bits());
  cell.row = part_of(point.lat, -90, cell.row_bits());
  return name_of(cell);
}

std::optional<Rectangle> geohash_area(std::string_view geohash) {
  const std::optional<Cell> cell = parse(geohash);
  if (!cell) return std::nullopt;
  const int columns = cell->column_bits();
  const int rows = cell->row_bits();
  return Rectangle{{edge(cell->column, -180, columns), edge(cell->row, -90, rows)},
                   {edge(cell->column + 1, -180, columns), edge(cell->row + 1, -90, rows)}};
}

std::vector<std::string> geohash_neighbors(std::string_view geohash) {
  const std::optional<Cell> cell = parse(geohash);
  std::vector<std::string> neighbors;
  if (!cell) return neighbors;
  // In the order in which query/geo-geohash-neighbors-function.md shows them.
  static constexpr int kSteps[][2] = {{-1, -1}, {-1, 1}, {1, -1}, {0, 1}, {-1, 0}, {1, 1}, {1, 0}, {0, -1}};
  const uint64_t columns = uint64_t{1} << cell->column_bits();
  const uint64_t rows = uint64_t{1} << cell->row_bits();
  for (const auto& [east, north] : kSteps) {
    Cell neighbor = *cell;
    neighbor.column = (cell->column + columns + static_cast<uint64_t>(east)) % columns;
    neighbor.row = cell->row + static_cast<uint64_t>(north);
    if (neighbor.row < rows) neighbors.push_back(name_of(neighbor));
  }
  return neighbors;
}

}  // namespace spillway::kql::geo
