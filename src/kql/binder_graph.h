// Graphs, as the binder knows them: binder_graph.cc, binder_graph_match.cc.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "kql/binder_internal.h"
#include "kql/operators/graph_match.h"

namespace spillway::kql {

struct Graph {
  Tabular nodes, edges;
  bool directed = true;
  bool partitioned = false;  // keys hold the partition
  Type id_type = Type::String;
  PlanColumn node_key, degree_in, degree_out;               // of the nodes
  PlanColumn source_key, target_key, source_id, target_id;  // of the edges
  std::vector<PlanColumn> node_properties, edge_properties;
};

/// What a graph-match says, and a graph-shortest-paths.
struct PatternQuery {
  const std::vector<syntax::GraphPattern>& patterns;
  const syntax::Expr* where;  // may be null
  const std::vector<syntax::NamedExpr>& project;
  const syntax::Properties& parameters;
  bool shortest;
};

/// A column that the pattern's expressions name: what of a match it shows.
struct PatternColumn {
  PatternOutput::Kind kind = PatternOutput::Kind::Node;
  size_t element = 0;
  ExprPtr value;  // over the nodes or the edges
};

/// What the names of a pattern's clauses mean.
struct GraphScope {
  struct Element {
    bool edge = false;
    bool variable = false;  // an edge of variable length
    size_t index = 0;       // among the pattern's nodes or edges
  };
  const Graph* graph = nullptr;
  std::map<std::string, Element> elements;
  std::map<std::string, std::vector<PlanColumn>> rows;  // n.x, e.x
  std::map<ColumnId, PatternColumn> columns;
  /// Inside map(), any() and all(): over the nodes between, or the edges.
  bool inside = false, over_nodes = false;
};

}  // namespace spillway::kql
