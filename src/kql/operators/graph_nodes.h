// Operators that give the nodes of a graph: make-graph's, out of tables of nodes and the ends of the edges
// (query/make-graph-operator.md), and those with the number of their component
// (query/graph-mark-components-operator.md).
#pragma once

#include <vector>

#include "kql/native_operator.h"

namespace spillway::kql {

/// Inputs: tables of nodes, each of (key, properties…), then the edges: (source key, target key, source id,
/// target id). Output: (key, edges that enter, edges that leave, properties…), in the order in which the
/// nodes come. A node that is there several times has, of each property, the first value that isn't null or
/// empty; one that only edges know has its id.
class GraphNodesMaker : public NativeOperatorMaker {
 public:
  std::string describe() const override { return "graph nodes"; }
  Result<std::unique_ptr<NativeOperator>> make(const std::vector<std::unique_ptr<RowInput>>& inputs,
                                               OperatorContext& context) const override;

  std::vector<Type> properties;
  std::vector<size_t> ids;  // the properties that hold the node's id
};

/// Inputs: nodes and edges (GraphData). Output: the nodes, then the number of their component, from 0 on in
/// the order of the components' first nodes.
class GraphComponentsMaker : public NativeOperatorMaker {
 public:
  std::string describe() const override { return strong ? "strong components" : "weak components"; }
  Result<std::unique_ptr<NativeOperator>> make(const std::vector<std::unique_ptr<RowInput>>& inputs,
                                               OperatorContext& context) const override;

  bool strong = false;
};

}  // namespace spillway::kql
