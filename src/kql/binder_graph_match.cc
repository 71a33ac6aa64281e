// graph-match and graph-shortest-paths: a pattern, conditions on its elements, and what of a match is shown.
//
// A conjunct of `where` that speaks of one element only becomes a column of the nodes or the edges, which the
// operator tests as it goes; the others are tested above it. So is what `project` computes: the operator
// gives the properties that are named, and arrays for map().
#include <algorithm>

#include "kql/binder_graph.h"
#include "kql/operators/graph_data.h"

namespace spillway::kql {
namespace {

/// The most edges that a path may have.
constexpr int64_t kMaxPathLength = 100'000;

void collect_columns(const Expr& expression, std::set<ColumnId>& out) {
  if (expression.kind == Expr::Kind::Column) out.insert(expression.column);
  for (const ExprPtr& argument : expression.args) collect_columns(*argument, out);
}

/// The expression with columns replaced by what they stand for.
ExprPtr substituted(const ExprPtr& expression, const std::map<ColumnId, PatternColumn>& columns) {
  if (expression->kind == Expr::Kind::Column) {
    const auto known = columns.find(expression->column);
    return known == columns.end() ? expression : known->second.value;
  }
  if (expression->args.empty()) return expression;
  auto copy = std::make_shared<Expr>(*expression);
  for (ExprPtr& argument : copy->args) argument = substituted(argument, columns);
  return copy;
}

void split_conjuncts(const ExprPtr& predicate, std::vector<ExprPtr>& out) {
  if (predicate->kind == Expr::Kind::Call && predicate->function->function->name == "and") {
    for (const ExprPtr& argument : predicate->args) split_conjuncts(argument, out);
  } else {
    out.push_back(predicate);
  }
}

/// A sequence of the pattern: its nodes' and its edges' indexes, in turn.
struct Sequence {
  std::vector<size_t> nodes, edges;
  std::vector<PatternMove> moves;  // from each node to the next
};

PatternMove turned(PatternMove move) {
  using Direction = PatternMove::Direction;
  std::swap(move.from, move.to);
  move.reversed = true;
  if (move.direction == Direction::Forward) {
    move.direction = Direction::Backward;
  } else if (move.direction == Direction::Backward) {
    move.direction = Direction::Forward;
  }
  return move;
}

}  // namespace

/// One binding of a pattern, step by step.
class PatternBinder {
 public:
  PatternBinder(Binder& binder, const PatternQuery& query, const syntax::Operator& op, const Graph& graph,
                const EnvironmentPtr& environment)
      : binder_(binder), query_(query), op_(op), graph_(graph), environment_(environment) {
    names_.graph = &graph;
  }

  Result<Tabular> bind() {
    if (query_.project.empty()) {
      return Binder::not_supported("'" + where() + "' operator: without project", op_.keyword);
    }
    SPILLWAY_TRY(bind_options());
    for (const syntax::GraphPattern& pattern : query_.patterns) SPILLWAY_TRY(bind_sequence(pattern));
    SPILLWAY_TRY(bind_where());
    SPILLWAY_TRY(order_moves());
    return finish();
  }

 private:
  std::string where() const { return std::string(spelling(op_.kind)); }
  Error error(const std::string& message, TextSpan span) const {
    return Binder::semantic("'" + where() + "' operator: " + message, span);
  }

  Status bind_options() {
    if (const syntax::Property* cycles = syntax::find_property(query_.parameters, "cycles")) {
      const std::string text = cycles->text();
      if (text != "all" && text != "none" && text != "unique_edges")
        return error("cycles is all, none or unique_edges, not '" + text + "'", cycles->span);
      maker_->cycles = text == "all"    ? GraphMatchMaker::Cycles::All
                       : text == "none" ? GraphMatchMaker::Cycles::None
                                        : GraphMatchMaker::Cycles::UniqueEdges;
    }
    if (!query_.shortest) return Status();
    maker_->shortest = GraphMatchMaker::Shortest::Any;
    if (const syntax::Property* output = syntax::find_property(query_.parameters, "output")) {
      if (output->text() != "any" && output->text() != "all")
        return error("the output is any or all, not '" + output->text() + "'", output->span);
      if (output->text() == "all") maker_->shortest = GraphMatchMaker::Shortest::All;
    }
    if (query_.patterns.size() > 1) return error("takes one sequence", op_.keyword);
    const bool variable = std::any_of(query_.patterns[0].begin(), query_.patterns[0].end(),
                                      [](const auto& element) { return element.min_length != nullptr; });
    if (!variable) return error("takes a pattern with an edge of variable length", op_.keyword);
    return Status();
  }

  Status bind_sequence(const syntax::GraphPattern& pattern) {
    Sequence& sequence = sequences_.emplace_back();
    for (const syntax::GraphPatternElement& element : pattern) {
      if (element.edge) {
        SPILLWAY_TRY(bind_edge(element, sequence));
      } else {
        SPILLWAY_TRY(bind_node(element, sequence));
      }
    }
    return Status();
  }

  Status bind_node(const syntax::GraphPatternElement& element, Sequence& sequence) {
    size_t index = maker_->nodes.size();
    if (!element.name.text.empty()) {
      const auto [known, is_new] =
          names_.elements.try_emplace(element.name.text, GraphScope::Element{false, false, index});
      if (known->second.edge) return error("'" + element.name.text + "' is an edge already", element.span);
      index = known->second.index;
      if (!is_new && query_.shortest) return error("a node stands in a path once", element.span);
      if (is_new) {
        std::vector<PlanColumn>& row = names_.rows[element.name.text];
        for (const PlanColumn& property : graph_.node_properties) {
          row.push_back(show({PatternOutput::Kind::Node, index, reference(property)}, property));
        }
      }
    }
    if (index == maker_->nodes.size()) maker_->nodes.emplace_back();
    sequence.nodes.push_back(index);
    if (!sequence.moves.empty()) sequence.moves.back().to = index;
    return Status();
  }

  Status bind_edge(const syntax::GraphPatternElement& element, Sequence& sequence) {
    using Given = syntax::EdgeDirection;
    PatternMove move;
    move.edge = maker_->edges.size();
    move.from = sequence.nodes.back();
    move.direction = !graph_.directed || element.direction == Given::Any ? PatternMove::Direction::Any
                     : element.direction == Given::Forward               ? PatternMove::Direction::Forward
                                                                         : PatternMove::Direction::Backward;
    if (element.min_length) {
      SPILLWAY_ASSIGN(move.least, length(*element.min_length));
      SPILLWAY_ASSIGN(move.most, length(*element.max_length));
      if (move.most < move.least)
        return error("an edge's greatest length is less than its least", element.span);
    }
    if (!element.name.text.empty()) {
      const GraphScope::Element edge{true, element.min_length != nullptr, move.edge};
      if (!names_.elements.try_emplace(element.name.text, edge).second)
        return error("'" + element.name.text + "' is there already", element.span);
      // In `where`, a property of an edge of variable length is that of each of its edges.
      std::vector<PlanColumn>& row = names_.rows[element.name.text];
      for (const PlanColumn& property : graph_.edge_properties)
        row.push_back(show({PatternOutput::Kind::Edge, move.edge, reference(property)}, property));
      if (edge.variable) variable_.insert(move.edge);
    }
    maker_->edges.emplace_back();
    sequence.edges.push_back(move.edge);
    sequence.moves.push_back(move);
    return Status();
  }

  Result<int64_t> length(const syntax::Expr& given) {
    SPILLWAY_ASSIGN(const ExprPtr value,
                    binder_.bind_constant(given, environment_, Type::Long, "the length of a path"));
    const bool known = value->kind == Expr::Kind::Literal && !value->literal.is_null();
    if (!known || value->literal.as_int() < 0 || value->literal.as_int() > kMaxPathLength) {
      return error("the length of a path is a number from 0 to " + std::to_string(kMaxPathLength),
                   given.span);
    }
    return value->literal.as_int();
  }

  ExprPtr reference(const PlanColumn& column) const { return Binder::column_reference(column, op_.span); }
  PlanColumn show(PatternColumn shown, const PlanColumn& like) {
    const PlanColumn column = binder_.new_column(like.name, like.type);
    names_.columns.emplace(column.id, std::move(shown));
    return column;
  }

  ScalarScope scope() {
    ScalarScope scope(environment_);
    scope.where = spelling(op_.kind);
    scope.rows = &names_.rows;
    scope.graph = &names_;
    return scope;
  }

  Status bind_where() {
    if (!query_.where) return Status();
    ScalarScope names = scope();
    SPILLWAY_ASSIGN(const ExprPtr predicate, binder_.bind_predicate(*query_.where, names));
    std::vector<ExprPtr> conjuncts;
    split_conjuncts(relax_predicate(predicate), conjuncts);
    for (const ExprPtr& conjunct : conjuncts) {
      if (push_down(conjunct)) continue;
      std::set<ColumnId> used;
      collect_columns(*conjunct, used);
      for (const ColumnId id : used) {
        const PatternColumn& column = names_.columns.at(id);
        if (column.kind == PatternOutput::Kind::Edge && variable_.contains(column.element)) {
          return Binder::not_supported(
              "'" + where() +
                  "' operator: a condition over an edge of variable length and other elements; "
                  "use all() or any()",
              conjunct->span);
        }
      }
      late_.push_back(conjunct);
    }
    return Status();
  }

  /// A condition over one element becomes a column of its table. False where it isn't one.
  bool push_down(const ExprPtr& conjunct) {
    using Kind = PatternOutput::Kind;
    std::set<ColumnId> used;
    collect_columns(*conjunct, used);
    if (used.empty()) return false;
    const PatternColumn& first = names_.columns.at(*used.begin());
    const bool whole = conjunct->kind == Expr::Kind::Column;
    const bool same = std::all_of(used.begin(), used.end(), [&](ColumnId id) {
      const PatternColumn& column = names_.columns.at(id);
      return column.kind == first.kind && column.element == first.element;
    });
    if (!same) return false;
    if (first.kind == Kind::Node) {
      maker_->nodes[first.element].conditions.push_back(node_value(substituted(conjunct, names_.columns)));
    } else if (first.kind == Kind::Edge || (first.kind == Kind::AllEdges && whole)) {
      maker_->edges[first.element].conditions.push_back(edge_value(substituted(conjunct, names_.columns)));
    } else if (first.kind == Kind::AllInnerNodes && whole) {
      maker_->edges[first.element].inner_conditions.push_back(
          node_value(substituted(conjunct, names_.columns)));
    } else {
      return false;
    }
    return true;
  }

  /// The column of the nodes, or the edges, that holds a value.
  size_t node_value(ExprPtr value) {
    node_values_.push_back(std::move(value));
    return kNodeKey + node_values_.size();
  }
  size_t edge_value(ExprPtr value) {
    edge_values_.push_back(std::move(value));
    return kEdgeTarget + edge_values_.size();
  }

  /// The first sequence is walked from its first node with a condition, the others from a node that is known.
  Status order_moves() {
    std::set<size_t> known;
    std::vector<const Sequence*> left;
    for (const Sequence& sequence : sequences_) left.push_back(&sequence);
    while (!left.empty()) {
      bool found = false;
      for (size_t i = 0; i < left.size() && !found; ++i) {
        const std::vector<size_t>& nodes = left[i]->nodes;
        auto from = nodes.begin();
        if (!known.empty()) {
          from = std::find_if(nodes.begin(), nodes.end(), [&](size_t node) { return known.contains(node); });
          if (from == nodes.end()) continue;
        } else if (!query_.shortest) {
          from = std::find_if(nodes.begin(), nodes.end(),
                              [&](size_t node) { return !maker_->nodes[node].conditions.empty(); });
          if (from == nodes.end()) from = nodes.begin();
        }
        if (known.empty()) maker_->start = *from;
        walk(*left[i], static_cast<size_t>(from - nodes.begin()));
        known.insert(nodes.begin(), nodes.end());
        left.erase(left.begin() + static_cast<std::ptrdiff_t>(i));
        found = true;
      }
      if (!found) return error("the sequences of a pattern must share nodes", op_.keyword);
    }
    return Status();
  }

  void walk(const Sequence& sequence, size_t from) {
    for (size_t i = from; i < sequence.moves.size(); ++i) maker_->moves.push_back(sequence.moves[i]);
    for (size_t i = from; i-- > 0;) maker_->moves.push_back(turned(sequence.moves[i]));
  }

  /// In `project`, a property of an edge of variable length is the array of theirs.
  Status show_arrays() {
    for (const auto& [name, element] : names_.elements) {
      if (!element.variable) continue;
      std::vector<PlanColumn>& row = names_.rows[name];
      row.clear();
      for (const PlanColumn& property : graph_.edge_properties) {
        SPILLWAY_ASSIGN(ExprPtr value, binder_.convert(reference(property), Type::Dynamic));
        row.push_back(show({PatternOutput::Kind::Edges, element.index, std::move(value)},
                           {0, property.name, Type::Dynamic}));
      }
    }
    return Status();
  }

  Result<Tabular> finish() {
    SPILLWAY_TRY(show_arrays());
    ScalarScope names = scope();
    NameAllocator allocator;
    SPILLWAY_TRY(Binder::claim_names(query_.project, where(), allocator));
    Tabular none;
    SPILLWAY_ASSIGN(auto outputs, binder_.bind_outputs(query_.project, names, none, allocator,
                                                       Binder::OutputStyle::Project));
    std::set<ColumnId> used;
    for (const ExprPtr& conjunct : late_) collect_columns(*conjunct, used);
    for (const auto& [column, value] : outputs) collect_columns(*value, used);
    std::vector<PlanColumn> columns;
    for (const ColumnId id : used) {
      const PatternColumn& shown = names_.columns.at(id);
      const bool of_nodes =
          shown.kind == PatternOutput::Kind::Node || shown.kind == PatternOutput::Kind::InnerNodes ||
          shown.kind == PatternOutput::Kind::AnyInnerNode || shown.kind == PatternOutput::Kind::AllInnerNodes;
      const bool array =
          shown.kind == PatternOutput::Kind::InnerNodes || shown.kind == PatternOutput::Kind::Edges;
      columns.push_back({id, "value", array ? Type::Dynamic : shown.value->type});
      maker_->outputs.push_back(
          {shown.kind, shown.element, of_nodes ? node_value(shown.value) : edge_value(shown.value)});
    }
    const RelPtr nodes = input(graph_.nodes, {graph_.node_key}, node_values_);
    const RelPtr edges = input(graph_.edges, {graph_.source_key, graph_.target_key}, edge_values_);
    Tabular table = binder_.add_native({nodes, edges}, maker_, std::move(columns), false, op_.span);
    if (!late_.empty()) {
      auto filter = std::make_shared<Filter>();
      filter->predicate = late_[0];
      if (late_.size() > 1) {
        SPILLWAY_ASSIGN(filter->predicate, binder_.call("and", std::move(late_), op_.span));
      }
      table = binder_.add_node(std::move(table), std::move(filter), op_.span);
    }
    return binder_.add_project(std::move(table), std::move(outputs), op_.span);
  }

  RelPtr input(const Tabular& table, const std::vector<PlanColumn>& keys,
               const std::vector<ExprPtr>& values) {
    std::vector<std::pair<PlanColumn, ExprPtr>> outputs;
    for (const PlanColumn& key : keys)
      outputs.emplace_back(binder_.new_column("key", key.type), reference(key));
    for (const ExprPtr& value : values) outputs.emplace_back(binder_.new_column("value", value->type), value);
    return binder_.add_project(table, std::move(outputs), op_.span).rel;
  }

  Binder& binder_;
  const PatternQuery& query_;
  const syntax::Operator& op_;
  const Graph& graph_;
  const EnvironmentPtr& environment_;
  std::shared_ptr<GraphMatchMaker> maker_ = std::make_shared<GraphMatchMaker>();
  GraphScope names_;
  std::vector<Sequence> sequences_;
  std::set<size_t> variable_;  // edges
  std::vector<ExprPtr> late_;  // conditions over several elements
  std::vector<ExprPtr> node_values_, edge_values_;
};

Result<Tabular> Binder::bind_pattern(const PatternQuery& query, const syntax::Operator& op,
                                     const Graph& graph, const EnvironmentPtr& environment) {
  return PatternBinder(*this, query, op, graph, environment).bind();
}

ExprPtr Binder::show_of_match(GraphScope& graph, PatternColumn shown, Type type, TextSpan span) {
  const PlanColumn column = new_column("value", type);
  graph.columns.emplace(column.id, std::move(shown));
  return column_reference(column, span);
}

/// The properties of an element as a bag.
Result<ExprPtr> Binder::bag_of(const std::vector<PlanColumn>& properties, TextSpan span) {
  std::vector<ExprPtr> members;
  for (const PlanColumn& property : properties) {
    members.push_back(literal(Value::string(property.name), span));
    members.push_back(column_reference(property, span));
  }
  if (members.empty()) return literal(Value::dynamic("{}"), span);
  return call("bag_pack", std::move(members), span);
}

Result<std::optional<ExprPtr>> Binder::bind_graph_name(const syntax::NameExpr& expression,
                                                       ScalarScope& scope) {
  GraphScope& graph = *scope.graph;
  const auto element = graph.elements.find(expression.name.text);
  if (graph.inside || element == graph.elements.end()) return std::optional<ExprPtr>();
  const bool edge = element->second.edge;
  SPILLWAY_ASSIGN(ExprPtr bag, bag_of(edge ? graph.graph->edge_properties : graph.graph->node_properties,
                                      expression.span));
  const PatternOutput::Kind kind = element->second.variable ? PatternOutput::Kind::Edges
                                   : edge                   ? PatternOutput::Kind::Edge
                                                            : PatternOutput::Kind::Node;
  return std::optional<ExprPtr>(
      show_of_match(graph, {kind, element->second.index, std::move(bag)}, Type::Dynamic, expression.span));
}

Result<std::optional<ExprPtr>> Binder::bind_graph_call(const syntax::CallExpr& expression,
                                                       ScalarScope& scope) {
  const std::string& name = expression.name.text;
  GraphScope& graph = *scope.graph;
  if (name == "map" || name == "any" || name == "all") {
    SPILLWAY_ASSIGN(ExprPtr value, bind_over_path(expression, scope));
    return std::optional<ExprPtr>(std::move(value));
  }
  if (name == "labels") {
    SPILLWAY_TRY(check_arguments(expression, 0, 1));
    return std::optional<ExprPtr>(literal(Value::dynamic("[]"), expression.span));
  }
  if (name != "node_degree_in" && name != "node_degree_out" && name != "node_id")
    return std::optional<ExprPtr>();
  SPILLWAY_ASSIGN(ExprPtr value, node_trait(name, *graph.graph, expression.span));
  if (graph.inside && graph.over_nodes && expression.arguments.empty())
    return std::optional<ExprPtr>(std::move(value));
  SPILLWAY_TRY(check_arguments(expression, 1, 1));
  const auto* node = expression.arguments[0].value->try_as<syntax::NameExpr>();
  const auto element = node ? graph.elements.find(node->name.text) : graph.elements.end();
  if (graph.inside || element == graph.elements.end() || element->second.edge)
    return semantic(name + "(): expected a node of the pattern", expression.span);
  const Type type = value->type;
  return std::optional<ExprPtr>(show_of_match(
      graph, {PatternOutput::Kind::Node, element->second.index, std::move(value)}, type, expression.span));
}

/// What a graph's function says of a node, over the nodes' table.
Result<ExprPtr> Binder::node_trait(std::string_view function, const Graph& graph, TextSpan span) {
  if (function == "node_degree_in") return column_reference(graph.degree_in, span);
  if (function == "node_degree_out") return column_reference(graph.degree_out, span);
  ExprPtr key = column_reference(graph.node_key, span);
  if (!graph.partitioned) return key;
  return call(
      "replace_regex",
      {std::move(key), literal(Value::string("^[^\\x1f]*\\x1f"), span), literal(Value::string(""), span)},
      span);
}

/// map(), any() and all() over the edges of a path, or the nodes between them.
Result<ExprPtr> Binder::bind_over_path(const syntax::CallExpr& expression, ScalarScope& scope) {
  using Kind = PatternOutput::Kind;
  const std::string& name = expression.name.text;
  GraphScope& graph = *scope.graph;
  SPILLWAY_TRY(check_arguments(expression, 2, 2));
  const syntax::Expr* path = expression.arguments[0].value.get();
  const auto* inner_nodes = path->try_as<syntax::CallExpr>();
  const bool over_nodes =
      inner_nodes && inner_nodes->name.text == "inner_nodes" && inner_nodes->arguments.size() == 1;
  if (over_nodes) path = inner_nodes->arguments[0].value.get();
  const auto* edge = path->try_as<syntax::NameExpr>();
  const auto element = edge ? graph.elements.find(edge->name.text) : graph.elements.end();
  if (graph.inside || element == graph.elements.end() || !element->second.edge) {
    return semantic(name + "(): expected an edge of the pattern, or inner_nodes() of one",
                    expression.arguments[0].span);
  }
  Tabular elements = over_nodes ? graph.graph->nodes : graph.graph->edges;
  elements.columns = over_nodes ? graph.graph->node_properties : graph.graph->edge_properties;
  elements.serialized = false;
  ScalarScope inside(scope.environment);
  inside.input = &elements;
  inside.where = scope.where;
  inside.graph = scope.graph;
  graph.inside = true;
  graph.over_nodes = over_nodes;
  Result<ExprPtr> value = bind_scalar(*expression.arguments[1].value, inside);
  graph.inside = false;
  if (!value.ok()) return value;
  if (name == "map") {
    SPILLWAY_ASSIGN(ExprPtr member, convert(*std::move(value), Type::Dynamic));
    return show_of_match(
        graph, {over_nodes ? Kind::InnerNodes : Kind::Edges, element->second.index, std::move(member)},
        Type::Dynamic, expression.span);
  }
  SPILLWAY_ASSIGN(ExprPtr condition, to_predicate(*std::move(value), expression.arguments[1].span, name));
  const Kind kind = name == "any" ? (over_nodes ? Kind::AnyInnerNode : Kind::AnyEdge)
                                  : (over_nodes ? Kind::AllInnerNodes : Kind::AllEdges);
  return show_of_match(graph, {kind, element->second.index, std::move(condition)}, Type::Bool,
                       expression.span);
}

}  // namespace spillway::kql
