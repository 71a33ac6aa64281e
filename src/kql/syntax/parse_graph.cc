// The graph operators: make-graph, graph-match and their family.
#include "kql/syntax/parser_internal.h"

namespace spillway::kql::syntax {

OperatorPtr Parser::graph_operator(Keyword keyword) {
  switch (keyword) {
    case Keyword::GraphMarkComponents: return parse_graph_mark_components();
    case Keyword::GraphMatch: return parse_graph_match();
    case Keyword::GraphShortestPaths: return parse_graph_shortest_paths();
    case Keyword::GraphToTable: return parse_graph_to_table();
    case Keyword::GraphWhereEdges: return parse_graph_where_edges();
    case Keyword::GraphWhereNodes: return parse_graph_where_nodes();
    case Keyword::MakeGraph: return parse_make_graph();
    default: return nullptr;
  }
}

/// `Source --> Target with Nodes on Id` and its clauses.
OperatorPtr Parser::parse_make_graph() {
  auto op = begin<MakeGraphOp>();
  op->parameters = parameters();
  op->source = name(NameKind::Reference);
  if (!accept_signs("-->")) {
    op->directed = false;
    if (!accept_signs("--")) fail_expected("'-->' or '--'");
  }
  op->target = name(NameKind::Reference);
  if (accept(Keyword::WithNodeId)) {
    expect(TokenKind::Equal);
    op->node_id = name(NameKind::Declared);
  } else if (accept(Keyword::With)) {
    do {
      GraphNodes nodes;
      nodes.table = path();
      expect(Keyword::On);
      nodes.key = name(NameKind::Reference);
      op->nodes.push_back(std::move(nodes));
    } while (accept(TokenKind::Comma));
  }
  if (accept(Keyword::PartitionedBy)) {
    op->partitioned_by = entity();
    op->partition_query = sub_query();
  }
  return op;
}

OperatorPtr Parser::parse_graph_match() {
  auto op = begin<GraphMatchOp>();
  op->parameters = parameters({"cycles"});
  graph_clauses(*op);
  return op;
}

OperatorPtr Parser::parse_graph_shortest_paths() {
  auto op = begin<GraphShortestPathsOp>();
  op->parameters = parameters({"output"});
  graph_clauses(*op);
  return op;
}

/// Patterns, `where` and `project`.
template <typename Op>
void Parser::graph_clauses(Op& op) {
  do op.patterns.push_back(graph_pattern());
  while (accept(TokenKind::Comma));
  if (accept(Keyword::Where)) op.where = unnamed();
  if (accept(Keyword::Project)) op.project = named_list();
}

/// `(a)-[e]->(b)--(c)`.
GraphPattern Parser::graph_pattern() {
  GraphPattern elements;
  while (!failed()) {
    const size_t first = pos_;
    GraphPatternElement element;
    if (accept(TokenKind::OpenParen)) {
      if (!at(TokenKind::CloseParen)) element.name = name(NameKind::Declared);
      expect(TokenKind::CloseParen);
    } else if (!graph_edge(element)) {
      break;
    }
    element.span = span_from(first);
    const bool repeated = elements.empty() ? element.edge : elements.back().edge == element.edge;
    if (repeated)
      fail(element.span, element.edge ? "expected a node like '(n)'" : "expected an edge like '-[e]->'");
    elements.push_back(std::move(element));
  }
  if (elements.empty() || elements.back().edge) fail_expected("a node like '(n)'");
  return elements;
}

/// `-->`, `<--`, `--`, `-[e]->`, `<-[e]-`, `-[e*1..3]-`; false where none begins.
bool Parser::graph_edge(GraphPatternElement& element) {
  element.edge = true;
  if (accept_signs("-->")) return true;
  if (accept_signs("<--")) {
    element.direction = EdgeDirection::Backward;
    return true;
  }
  if (accept_signs("--")) {
    element.direction = EdgeDirection::Any;
    return true;
  }
  const bool backward = accept_signs("<-[");
  if (!backward && !accept_signs("-[")) return false;
  if (!at(TokenKind::Star) && !at(TokenKind::CloseBracket)) element.name = name(NameKind::Declared);
  if (accept(TokenKind::Star)) {
    element.min_length = signed_operand();
    expect(TokenKind::DotDot);
    element.max_length = signed_operand();
  }
  if (backward) {
    element.direction = EdgeDirection::Backward;
    if (!accept_signs("]-")) fail_expected("']-'");
  } else if (!accept_signs("]->")) {
    element.direction = EdgeDirection::Any;
    if (!accept_signs("]-")) fail_expected("']->' or ']-'");
  }
  return true;
}

OperatorPtr Parser::parse_graph_to_table() {
  auto op = begin<GraphToTableOp>();
  do {
    const size_t first = pos_;
    GraphToTableOutput output;
    output.edges = at(Keyword::Edges);
    if (!accept(Keyword::Edges)) expect(Keyword::Nodes);
    if (accept(Keyword::As)) output.as = name(NameKind::Declared);
    output.parameters =
        output.edges ? parameters({"with_source_id", "with_target_id"}) : parameters({"with_node_id"});
    if (!output.as && accept(Keyword::As)) output.as = name(NameKind::Declared);
    output.span = span_from(first);
    op->outputs.push_back(std::move(output));
  } while (accept(TokenKind::Comma));
  return op;
}

OperatorPtr Parser::parse_graph_mark_components() {
  auto op = begin<GraphMarkComponentsOp>();
  op->parameters = parameters({"kind", "with_component_id"});
  return op;
}

OperatorPtr Parser::parse_graph_where_nodes() {
  auto op = begin<GraphWhereNodesOp>();
  op->predicate = unnamed();
  return op;
}

OperatorPtr Parser::parse_graph_where_edges() {
  auto op = begin<GraphWhereEdgesOp>();
  op->predicate = unnamed();
  return op;
}

}  // namespace spillway::kql::syntax
