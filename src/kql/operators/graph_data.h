// A graph in memory: what the graph operators read of their inputs.
//
// The nodes' input begins with the node's key (a string, unique), the edges' input with the keys of its
// source and its target; what else they have is the operator's business. An edge whose source or target is no
// node is left out.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "kql/native_operator.h"

namespace spillway::kql {

/// Columns of the inputs that are keys.
inline constexpr size_t kNodeKey = 0, kEdgeSource = 0, kEdgeTarget = 1;

class GraphData {
 public:
  GraphData(const Schema& nodes, const Schema& edges, OperatorContext& context)
      : nodes_(nodes, context), edges_(edges, context), context_(context), account_(context) {}
  Status read(RowInput& nodes, RowInput& edges);

  const HeldRows& nodes() const { return nodes_; }
  const HeldRows& edges() const { return edges_; }
  uint32_t source(uint32_t edge) const { return ends_[edge].first; }
  uint32_t target(uint32_t edge) const { return ends_[edge].second; }

  /// The edges that leave, or enter, a node.
  struct Range {
    const uint32_t* begin_;
    const uint32_t* end_;
    const uint32_t* begin() const { return begin_; }
    const uint32_t* end() const { return end_; }
    size_t size() const { return static_cast<size_t>(end_ - begin_); }
    uint32_t operator[](size_t i) const { return begin_[i]; }
  };
  Range leaving(uint32_t node) const { return range(out_, out_begin_, node); }
  Range entering(uint32_t node) const { return range(in_, in_begin_, node); }

 private:
  static Range range(const std::vector<uint32_t>& edges, const std::vector<uint32_t>& begin, uint32_t node) {
    return {edges.data() + begin[node], edges.data() + begin[node + 1]};
  }
  Status read_nodes(RowInput& input, std::unordered_map<std::string, uint32_t>& places);
  void link(std::vector<uint32_t>& edges, std::vector<uint32_t>& begin, bool leaving) const;

  HeldRows nodes_, edges_;
  OperatorContext& context_;
  MemoryAccount account_;
  std::vector<std::pair<uint32_t, uint32_t>> ends_;
  std::vector<uint32_t> out_, out_begin_, in_, in_begin_;
};

}  // namespace spillway::kql
