// Operators that give several results: fork and facet. They end a query, whose results they are.
// Sources: query/fork-operator.md, query/facet-operator.md.
#include "kql/binder_internal.h"

namespace spillway::kql {

using syntax::OperatorKind;

namespace {

constexpr const char* kUnnamedResult = "GenericResult";

}  // namespace

void Binder::add_result(Tabular table, std::string name) {
  if (!table.result_name.empty()) name = table.result_name;
  const std::string visualization = table.visualization;
  RelPtr plan = finish(table);
  result_.results.push_back({std::move(name), std::move(plan), visualization});
  // Those that its last operator gives behind it: of evaluate preview().
  for (BoundResult& further : further_results_) result_.results.push_back(std::move(further));
  further_results_.clear();
  last_operator_ = nullptr;
}

Status Binder::add_primary_result(Tabular table, TextSpan span) {
  if (table.no_result) return Status();
  if (table.graph) {
    return semantic("Expected a table, not a graph: end with graph-match, graph-to-table …", span);
  }
  add_result(std::move(table), "PrimaryResult");
  return Status();
}

/// A pipeline as a query's statement; its last operator may be one that gives several results.
Status Binder::bind_result_pipe(const syntax::PipeExpr& pipe, const EnvironmentPtr& environment) {
  const syntax::Operator& last = *pipe.operators.back();
  const bool several = last.kind == OperatorKind::Fork || last.kind == OperatorKind::Facet;
  auto scope = std::make_shared<Environment>(environment);
  as_scopes_.push_back(scope.get());
  const auto bind = [&]() -> Status {
    const size_t count = pipe.operators.size() - (several ? 1 : 0);
    last_operator_ = several ? nullptr : &last;
    SPILLWAY_ASSIGN(std::optional<Tabular> table, bind_operators(pipe, count, std::nullopt, scope));
    if (!table) {
      return semantic("The operator '" + std::string(spelling(last.kind)) + "' needs an input", last.keyword);
    }
    if (last.kind == OperatorKind::Fork) return bind_fork(last.as<syntax::ForkOp>(), *table, scope);
    if (last.kind == OperatorKind::Facet) return bind_facet(last.as<syntax::FacetOp>(), *table, scope);
    return add_primary_result(*std::move(table), pipe.span);
  };
  Status status = bind();
  as_scopes_.pop_back();
  return status;
}

Status Binder::bind_fork(const syntax::ForkOp& op, const Tabular& input, const EnvironmentPtr& environment) {
  for (const syntax::ForkBranch& branch : op.branches) {
    SPILLWAY_ASSIGN(Tabular table, bind_sub_query(*branch.query, input, environment));
    add_result(std::move(table), branch.name ? branch.name->text : kUnnamedResult);
  }
  return Status();
}

Status Binder::bind_facet(const syntax::FacetOp& op, const Tabular& input,
                          const EnvironmentPtr& environment) {
  if (op.with) {
    SPILLWAY_ASSIGN(Tabular table, bind_sub_query(*op.with, input, environment));
    add_result(std::move(table), kUnnamedResult);
  }
  for (const syntax::ExprPtr& given : op.columns) {
    const auto* name = given->try_as<syntax::NameExpr>();
    if (!name) return semantic("'facet' operator: expected the name of a column", given->span);
    SPILLWAY_ASSIGN(const std::vector<size_t> found, match_columns(name->name, input, "facet", true));
    SPILLWAY_TRY(add_facet(input, input.columns[found.front()], given->span));
  }
  return Status();
}

/// The values of a column, and how often each is there.
Status Binder::add_facet(const Tabular& input, const PlanColumn& column, TextSpan span) {
  auto node = std::make_shared<Aggregate>();
  node->keys.emplace_back(new_column(column.name, column.type), column_reference(column, span));
  AggregateScope aggregates;
  std::vector<NamedOutput> outputs;
  SPILLWAY_ASSIGN(ExprPtr count, add_aggregate(aggregates, "count", {}, nullptr, span));
  outputs.push_back({"count_" + column.name, std::move(count)});
  SPILLWAY_ASSIGN(Tabular table, finish_summarize(input, std::move(node), std::move(aggregates.calls),
                                                  std::move(outputs), span));
  add_result(std::move(table), kUnnamedResult);
  return Status();
}

}  // namespace spillway::kql
