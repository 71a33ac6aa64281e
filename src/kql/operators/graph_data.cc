#include "kql/operators/graph_data.h"

namespace spillway::kql {
namespace {

/// Nodes and edges are numbered by 32 bits.
constexpr size_t kMaxElements = UINT32_MAX - 1;

/// What a node's key takes in the map of places, and an edge in the lists of edges, about.
constexpr int64_t kPlaceBytes = 64, kLinkBytes = 16;

}  // namespace

Status GraphData::read_nodes(RowInput& input, std::unordered_map<std::string, uint32_t>& places) {
  SPILLWAY_TRY(nodes_.append_all(input));
  if (nodes_.size() > kMaxElements) return Status(ErrorCode::LimitExceeded, "the graph has too many nodes");
  SPILLWAY_TRY(account_.hold(static_cast<int64_t>(nodes_.size()) * kPlaceBytes));
  for (size_t node = 0; node < nodes_.size(); ++node) {
    places.emplace(nodes_.column(kNodeKey).text(node), static_cast<uint32_t>(node));
  }
  return Status();
}

Status GraphData::read(RowInput& nodes, RowInput& edges) {
  std::unordered_map<std::string, uint32_t> places;
  SPILLWAY_TRY(read_nodes(nodes, places));
  while (true) {
    if (auto error = context_.expired()) return *std::move(error);
    SPILLWAY_ASSIGN(const Batch* batch, edges.next());
    if (!batch) break;
    for (size_t row = 0; row < batch->rows; ++row) {
      const auto source = places.find(std::string(batch->columns[kEdgeSource].text(row)));
      const auto target = places.find(std::string(batch->columns[kEdgeTarget].text(row)));
      if (source == places.end() || target == places.end()) continue;
      SPILLWAY_TRY(edges_.append(*batch, row));
      ends_.emplace_back(source->second, target->second);
    }
    if (ends_.size() > kMaxElements) return Status(ErrorCode::LimitExceeded, "the graph has too many edges");
    SPILLWAY_TRY(account_.hold(static_cast<int64_t>(nodes_.size()) * kPlaceBytes +
                               static_cast<int64_t>(ends_.size()) * kLinkBytes));
  }
  link(out_, out_begin_, true);
  link(in_, in_begin_, false);
  return Status();
}

void GraphData::link(std::vector<uint32_t>& edges, std::vector<uint32_t>& begin, bool leaving) const {
  begin.assign(nodes_.size() + 1, 0);
  const auto node_of = [&](size_t edge) { return leaving ? ends_[edge].first : ends_[edge].second; };
  for (size_t edge = 0; edge < ends_.size(); ++edge) ++begin[node_of(edge) + 1];
  for (size_t node = 0; node < nodes_.size(); ++node) begin[node + 1] += begin[node];
  edges.resize(ends_.size());
  std::vector<uint32_t> next(begin.begin(), begin.end() - 1);
  for (size_t edge = 0; edge < ends_.size(); ++edge)
    edges[next[node_of(edge)]++] = static_cast<uint32_t>(edge);
}

}  // namespace spillway::kql
