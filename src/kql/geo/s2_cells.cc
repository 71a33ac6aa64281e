#include "kql/geo/s2_cells.h"

#include <s2/s2cell.h>
#include <s2/s2cell_id.h>
#include <s2/s2latlng.h>
#include <s2/s2shape_index_buffered_region.h>
#include <s2/s2shape_index_region.h>

#include <algorithm>

#include "kql/geo/shapes_s2.h"

namespace spillway::kql::geo {
namespace {

std::optional<S2CellId> parse(std::string_view token) {
  constexpr size_t kMaxTokenLength = 16;
  if (token.empty() || token.size() > kMaxTokenLength) return std::nullopt;
  const S2CellId cell = S2CellId::FromToken(std::string(token));
  if (!cell.is_valid()) return std::nullopt;
  return cell;
}

/// Goes down from the six cells of level 0, through what the region touches.
class Covering {
 public:
  Covering(const S2Region& region, int level) : region_(region), level_(level) {}

  std::optional<std::vector<std::string>> cells() {
    for (int face = 0; face < S2CellId::kNumFaces; ++face) {
      if (!add(S2CellId::FromFace(face))) return std::nullopt;
    }
    return std::move(tokens_);
  }

 private:
  bool add(S2CellId id) {
    const S2Cell cell(id);
    if (!region_.MayIntersect(cell)) return true;
    if (id.level() == level_) return add_token(id);
    if (region_.Contains(cell)) {
      const S2CellId end = id.child_end(level_);
      for (S2CellId inner = id.child_begin(level_); inner != end; inner = inner.next()) {
        if (!add_token(inner)) return false;
      }
      return true;
    }
    for (int i = 0; i < 4; ++i) {
      if (!add(id.child(i))) return false;
    }
    return true;
  }
  bool add_token(S2CellId id) {
    if (tokens_.size() == kMaxCoveringCells) return false;
    tokens_.push_back(id.ToToken());
    return true;
  }

  const S2Region& region_;
  int level_;
  std::vector<std::string> tokens_;
};

std::optional<std::vector<std::string>> covering(const MutableS2ShapeIndex& index, int level, double radius) {
  if (radius > 0) {
    const S1ChordAngle angle(angle_of_meters(std::min(radius, kEarthRadiusMeters * M_PI)));
    return Covering(S2ShapeIndexBufferedRegion(&index, angle), level).cells();
  }
  return Covering(MakeS2ShapeIndexRegion(&index), level).cells();
}

}  // namespace

std::string s2_cell_of(const LngLat& point, int level) {
  return S2CellId(point_of(point)).parent(level).ToToken();
}

std::optional<LngLat> s2_center(std::string_view token) {
  const std::optional<S2CellId> cell = parse(token);
  if (!cell) return std::nullopt;
  return lnglat_of(cell->ToPoint());
}

std::optional<Path> s2_boundary(std::string_view token) {
  const std::optional<S2CellId> id = parse(token);
  if (!id) return std::nullopt;
  const S2Cell cell(*id);
  Path path;
  for (int i = 0; i <= 4; ++i) path.push_back(lnglat_of(cell.GetVertex(i % 4)));
  return path;
}

std::optional<std::vector<std::string>> s2_neighbors(std::string_view token) {
  const std::optional<S2CellId> cell = parse(token);
  if (!cell) return std::nullopt;
  std::vector<S2CellId> cells;
  cell->AppendAllNeighbors(cell->level(), &cells);
  constexpr size_t kUsual = 8;
  if (cells.size() == kUsual) {
    // In the order in which query/geo-s2cell-neighbors-function.md shows them.
    static constexpr size_t kOrder[kUsual] = {7, 0, 1, 2, 3, 5, 4, 6};
    std::vector<S2CellId> ordered;
    for (const size_t i : kOrder) ordered.push_back(cells[i]);
    cells = std::move(ordered);
  }
  std::vector<std::string> tokens;
  for (const S2CellId id : cells) {
    std::string name = id.ToToken();
    if (std::find(tokens.begin(), tokens.end(), name) == tokens.end()) tokens.push_back(std::move(name));
  }
  return tokens;
}

std::optional<std::vector<std::string>> s2_covering(const Line& line, int level, double radius) {
  return covering(line.index(), level, radius);
}
std::optional<std::vector<std::string>> s2_covering(const Polygon& polygon, int level, double radius) {
  return covering(polygon.index(), level, radius);
}

}  // namespace spillway::kql::geo
