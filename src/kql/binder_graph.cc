// Graphs: make-graph, graph-mark-components, graph-to-table; and what the graph operators share. The patterns
// of graph-match and graph-shortest-paths: binder_graph_match.cc.
//
// A graph is two tables: its nodes, with a key and their properties, and its edges, with the keys of their
// ends and theirs. Only graph operators take it.
#include "kql/binder_graph.h"

#include <algorithm>

#include "kql/operators/graph_data.h"
#include "kql/operators/graph_nodes.h"

namespace spillway::kql {

using syntax::OperatorKind;

bool Binder::takes_graph(OperatorKind kind) {
  return kind == OperatorKind::GraphMatch || kind == OperatorKind::GraphShortestPaths ||
         kind == OperatorKind::GraphMarkComponents || kind == OperatorKind::GraphToTable;
}

Result<Tabular> Binder::bind_graph_operator(const syntax::Operator& op, Tabular input,
                                            const EnvironmentPtr& environment) {
  if (!input.graph) {
    return semantic("'" + std::string(spelling(op.kind)) + "' operator: expected a graph, made by make-graph",
                    op.keyword);
  }
  switch (op.kind) {
    case OperatorKind::GraphMatch: {
      const auto& match = op.as<syntax::GraphMatchOp>();
      return bind_pattern({match.patterns, match.where.get(), match.project, match.parameters, false}, op,
                          *input.graph, environment);
    }
    case OperatorKind::GraphShortestPaths: {
      const auto& paths = op.as<syntax::GraphShortestPathsOp>();
      return bind_pattern({paths.patterns, paths.where.get(), paths.project, paths.parameters, true}, op,
                          *input.graph, environment);
    }
    case OperatorKind::GraphMarkComponents:
      return bind_graph_components(op.as<syntax::GraphMarkComponentsOp>(), *input.graph);
    default: return bind_graph_to_table(op.as<syntax::GraphToTableOp>(), *input.graph);
  }
}

Result<ExprPtr> Binder::node_key(const ExprPtr& partition, const ExprPtr& id, TextSpan span) {
  SPILLWAY_ASSIGN(ExprPtr key, convert(id, Type::String));
  if (!partition) return key;
  SPILLWAY_ASSIGN(ExprPtr prefix, convert(partition, Type::String));
  return call("strcat",
              {std::move(prefix), literal(Value::string(std::string(1, '\x1f')), span), std::move(key)},
              span);
}

namespace {

const PlanColumn* find_column(const std::vector<PlanColumn>& columns, const std::string& name) {
  const auto found = std::find_if(columns.begin(), columns.end(),
                                  [&](const PlanColumn& column) { return column.name == name; });
  return found == columns.end() ? nullptr : &*found;
}

Error no_column(const syntax::Name& name) {
  return Error(ErrorCode::Semantic,
               "'make-graph' operator: Failed to resolve column named '" + name.text + "'", name.span);
}

}  // namespace

/// The edges with the keys of their ends before their properties, computed once for all that read them.
Status Binder::make_graph_edges(const syntax::MakeGraphOp& op, Tabular input, const syntax::Name* partition,
                                Graph& graph) {
  const PlanColumn* source = find_column(input.columns, op.source.text);
  const PlanColumn* target = find_column(input.columns, op.target.text);
  if (!source || !target) return no_column(source ? op.target : op.source);
  if (source->type != target->type) {
    return semantic("'make-graph' operator: the source and the target of an edge must be of one type",
                    op.target.span);
  }
  ExprPtr group;
  if (partition) {
    const PlanColumn* column = find_column(input.columns, partition->text);
    if (!column) return no_column(*partition);
    group = column_reference(*column, op.span);
  }
  graph.id_type = source->type;
  graph.partitioned = partition != nullptr;
  std::vector<std::pair<PlanColumn, ExprPtr>> outputs;
  for (const PlanColumn* end : {source, target}) {
    SPILLWAY_ASSIGN(ExprPtr key, node_key(group, column_reference(*end, op.span), op.span));
    outputs.emplace_back(new_column("key", Type::String), std::move(key));
  }
  for (const PlanColumn* end : {source, target})
    outputs.emplace_back(new_column("id", end->type), column_reference(*end, op.span));
  for (const PlanColumn& column : input.columns)
    outputs.emplace_back(new_column(column.name, column.type), column_reference(column, op.span));
  graph.edges = add_project(std::move(input), std::move(outputs), op.span);
  graph.edges.chain.clear();
  graph.edges.rel->materialize = true;
  const std::vector<PlanColumn> columns = graph.edges.columns;
  graph.source_key = columns[0];
  graph.target_key = columns[1];
  graph.source_id = columns[2];
  graph.target_id = columns[3];
  graph.edge_properties.assign(columns.begin() + 4, columns.end());
  return Status();
}

Result<Tabular> Binder::bind_make_graph(const syntax::MakeGraphOp& op, Tabular input,
                                        const EnvironmentPtr& environment) {
  auto graph = std::make_shared<Graph>();
  graph->directed = op.directed;
  const syntax::Name* partition = nullptr;
  if (op.partitioned_by) {
    const auto* name = op.partitioned_by->try_as<syntax::NameExpr>();
    if (!name)
      return semantic("'make-graph' operator: expected a column to partition by", op.partitioned_by->span);
    partition = &name->name;
  }
  SPILLWAY_TRY(make_graph_edges(op, std::move(input), partition, *graph));
  SPILLWAY_TRY(make_graph_nodes(op, partition, environment, *graph));
  Tabular table;
  table.rel = graph->nodes.rel;
  table.graph = std::move(graph);
  if (!op.partition_query) return table;
  for (const syntax::OperatorPtr& inner : op.partition_query->operators) {
    SPILLWAY_ASSIGN(table, bind_operator(*inner, std::move(table), environment));
  }
  if (table.graph) {
    return semantic("'make-graph' operator: a partition must end in a table", op.partitioned_by->span);
  }
  return table;
}

Status Binder::make_graph_nodes(const syntax::MakeGraphOp& op, const syntax::Name* partition,
                                const EnvironmentPtr& environment, Graph& graph) {
  auto maker = std::make_shared<GraphNodesMaker>();
  std::vector<PlanColumn> properties;
  std::vector<Tabular> tables;
  std::vector<std::string> keys;
  for (const syntax::GraphNodes& nodes : op.nodes) {
    SPILLWAY_ASSIGN(Tabular table, bind_tabular(*nodes.table, environment));
    const PlanColumn* key = find_column(table.columns, nodes.key.text);
    if (!key) return no_column(nodes.key);
    if (!converts_implicitly(key->type, graph.id_type) && !converts_implicitly(graph.id_type, key->type)) {
      return semantic("'make-graph' operator: node ids are of type " + std::string(kql_name(key->type)) +
                          ", the ends of the edges of type " + kql_name(graph.id_type),
                      nodes.key.span);
    }
    for (const PlanColumn& column : table.columns) {
      const PlanColumn* known = find_column(properties, column.name);
      if (known && known->type != column.type) {
        return semantic("'make-graph' operator: property '" + column.name + "' has two types",
                        nodes.key.span);
      }
      if (!known) properties.push_back(new_column(column.name, column.type));
    }
    keys.push_back(nodes.key.text);
    tables.push_back(std::move(table));
  }
  if (op.node_id) {
    properties.push_back(new_column(op.node_id->text, graph.id_type));
    keys.push_back(op.node_id->text);
  }
  std::vector<RelPtr> inputs;
  for (size_t i = 0; i < tables.size(); ++i) {
    SPILLWAY_ASSIGN(RelPtr input, node_table(std::move(tables[i]), keys[i], partition, properties, op.span));
    inputs.push_back(std::move(input));
  }
  for (size_t p = 0; p < properties.size(); ++p) {
    maker->properties.push_back(properties[p].type);
    const bool is_id = std::find(keys.begin(), keys.end(), properties[p].name) != keys.end() &&
                       properties[p].type == graph.id_type;
    if (is_id) maker->ids.push_back(p);
  }
  std::vector<std::pair<PlanColumn, ExprPtr>> ends;
  for (const PlanColumn& column : {graph.source_key, graph.target_key, graph.source_id, graph.target_id})
    ends.emplace_back(new_column(column.name, column.type), column_reference(column, op.span));
  inputs.push_back(add_project(graph.edges, std::move(ends), op.span).rel);
  graph.node_key = new_column("key", Type::String);
  graph.degree_in = new_column("degree_in", Type::Long);
  graph.degree_out = new_column("degree_out", Type::Long);
  std::vector<PlanColumn> columns{graph.node_key, graph.degree_in, graph.degree_out};
  columns.insert(columns.end(), properties.begin(), properties.end());
  graph.node_properties = std::move(properties);
  graph.nodes = add_native(inputs, std::move(maker), std::move(columns), true, op.span);
  return Status();
}

/// A table of nodes as (key, properties…), where it has them.
Result<RelPtr> Binder::node_table(Tabular table, const std::string& key, const syntax::Name* partition,
                                  const std::vector<PlanColumn>& properties, TextSpan span) {
  ExprPtr group;
  if (partition) {
    const PlanColumn* column = find_column(table.columns, partition->text);
    if (!column) return no_column(*partition);
    group = column_reference(*column, span);
  }
  SPILLWAY_ASSIGN(ExprPtr text,
                  node_key(group, column_reference(*find_column(table.columns, key), span), span));
  std::vector<std::pair<PlanColumn, ExprPtr>> outputs;
  outputs.emplace_back(new_column("key", Type::String), std::move(text));
  for (const PlanColumn& property : properties) {
    const PlanColumn* column = find_column(table.columns, property.name);
    outputs.emplace_back(
        new_column(property.name, property.type),
        column ? column_reference(*column, span) : literal(Value::null(property.type), span));
  }
  return RelPtr(add_project(std::move(table), std::move(outputs), span).rel);
}

Result<Tabular> Binder::bind_graph_components(const syntax::GraphMarkComponentsOp& op, const Graph& graph) {
  auto maker = std::make_shared<GraphComponentsMaker>();
  if (const syntax::Property* kind = syntax::find_property(op.parameters, "kind")) {
    if (kind->text() != "weak" && kind->text() != "strong") {
      return semantic(
          "'graph-mark-components' operator: the kind is weak or strong, not '" + kind->text() + "'",
          kind->span);
    }
    maker->strong = kind->text() == "strong";
  }
  const syntax::Property* given = syntax::find_property(op.parameters, "with_component_id");
  const std::string name = given ? given->text() : "ComponentId";
  if (find_column(graph.node_properties, name)) {
    return semantic("'graph-mark-components' operator: nodes have a property '" + name + "' already",
                    given ? given->span : op.span);
  }
  auto marked = std::make_shared<Graph>(graph);
  const PlanColumn component = new_column(name, Type::Long);
  std::vector<PlanColumn> columns = graph.nodes.columns;
  columns.push_back(component);
  std::vector<std::pair<PlanColumn, ExprPtr>> ends;
  for (const PlanColumn& column : {graph.source_key, graph.target_key})
    ends.emplace_back(new_column(column.name, column.type), column_reference(column, op.span));
  const RelPtr edges = add_project(graph.edges, std::move(ends), op.span).rel;
  marked->nodes = add_native({graph.nodes.rel, edges}, std::move(maker), std::move(columns), true, op.span);
  marked->node_properties.push_back(component);
  Tabular table;
  table.rel = marked->nodes.rel;
  table.graph = std::move(marked);
  return table;
}

Result<Tabular> Binder::graph_table(const syntax::GraphToTableOutput& output, const Graph& graph) {
  std::vector<std::pair<PlanColumn, ExprPtr>> outputs;
  const auto add_hash = [&](const char* property, ExprPtr id) -> Status {
    const syntax::Property* name = syntax::find_property(output.parameters, property);
    if (!name) return Status();
    SPILLWAY_ASSIGN(ExprPtr hash, call("hash", {std::move(id)}, output.span));
    outputs.emplace_back(new_column(name->text(), Type::Long), std::move(hash));
    return Status();
  };
  if (output.edges) {
    SPILLWAY_TRY(add_hash("with_source_id", column_reference(graph.source_key, output.span)));
    SPILLWAY_TRY(add_hash("with_target_id", column_reference(graph.target_key, output.span)));
  } else {
    SPILLWAY_TRY(add_hash("with_node_id", column_reference(graph.node_key, output.span)));
  }
  NameAllocator names;
  for (const auto& [column, value] : outputs) names.reserve(column.name);
  for (const PlanColumn& column : output.edges ? graph.edge_properties : graph.node_properties) {
    if (!names.claim(column.name)) {
      return semantic("'graph-to-table' operator: a column named '" + column.name + "' is there already",
                      output.span);
    }
    outputs.emplace_back(new_column(column.name, column.type), column_reference(column, output.span));
  }
  return add_project(output.edges ? graph.edges : graph.nodes, std::move(outputs), output.span);
}

Result<Tabular> Binder::bind_graph_to_table(const syntax::GraphToTableOp& op, const Graph& graph) {
  std::optional<Tabular> first;
  bool named = true;
  for (const syntax::GraphToTableOutput& output : op.outputs) {
    SPILLWAY_ASSIGN(Tabular table, graph_table(output, graph));
    if (output.as) {
      table.name = table.result_name = output.as->text;
      Binding binding;
      binding.kind = Binding::Kind::Tabular;
      binding.name = output.as->text;
      binding.materialized = std::make_shared<std::optional<Tabular>>(table);
      as_scopes_.back()->define(output.as->text, binding);
      if (function_depth_ == 0) as_scopes_.front()->define(output.as->text, std::move(binding));
    }
    named = named && output.as.has_value();
    if (!first) first = std::move(table);
  }
  if (op.outputs.size() > 1 && !named) {
    return semantic("'graph-to-table' operator: nodes and edges together need names: nodes as N, edges as E",
                    op.span);
  }
  first->no_result = op.outputs.size() > 1;
  return *std::move(first);
}

}  // namespace spillway::kql
