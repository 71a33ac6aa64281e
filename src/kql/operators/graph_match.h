// Matches of a pattern in a graph: query/graph-match-operator.md, query/graph-shortest-paths-operator.md.
// Inputs: nodes and edges (GraphData), with a column for each condition over one element and for each value
// that is asked for. Matches are found one after the other, depth first.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kql/native_operator.h"

namespace spillway::kql {

/// A step of the pattern, from a node that has been found to one that may have been.
struct PatternMove {
  enum class Direction { Forward, Backward, Any };
  size_t edge = 0, from = 0, to = 0;  // of the pattern's edges and nodes
  Direction direction = Direction::Forward;
  int64_t least = 1, most = 1;  // edges
  bool reversed = false;        // it goes against the pattern's direction: paths are turned round
};

/// Conditions: columns of bools that must be true.
struct PatternNode {
  std::vector<size_t> conditions;  // of the nodes
};
struct PatternEdge {
  std::vector<size_t> conditions;        // of the edges: of each one, where the length is variable
  std::vector<size_t> inner_conditions;  // of the nodes between them
};

struct PatternOutput {
  enum class Kind { Node, Edge, Edges, AnyEdge, AllEdges, InnerNodes, AnyInnerNode, AllInnerNodes };
  Kind kind = Kind::Node;
  size_t element = 0;  // of the pattern's nodes or edges
  size_t column = 0;  // of the nodes or edges: a value, JSON text for the arrays, a bool for Any… and All…
};

class GraphMatchMaker : public NativeOperatorMaker {
 public:
  enum class Cycles { All, UniqueEdges, None };
  enum class Shortest { No, Any, All };

  std::string describe() const override {
    return shortest == Shortest::No ? "graph match" : "shortest paths";
  }
  Result<std::unique_ptr<NativeOperator>> make(const std::vector<std::unique_ptr<RowInput>>& inputs,
                                               OperatorContext& context) const override;

  std::vector<PatternNode> nodes;
  std::vector<PatternEdge> edges;
  size_t start = 0;  // the node that is looked for first
  std::vector<PatternMove> moves;
  std::vector<PatternOutput> outputs;
  Cycles cycles = Cycles::UniqueEdges;
  Shortest shortest = Shortest::No;
};

}  // namespace spillway::kql
