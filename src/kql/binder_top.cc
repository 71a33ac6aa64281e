// top-hitters, sample, sample-distinct.
#include "kql/binder_internal.h"

namespace spillway::kql {

Result<ExprPtr> Binder::bind_row_count(const syntax::Expr& count, const EnvironmentPtr& environment,
                                       std::string_view where) {
  const std::string what = "the number of rows of '" + std::string(where) + "'";
  ScalarScope scope(environment);
  scope.where = where;
  SPILLWAY_ASSIGN(ExprPtr rows, bind_scalar(count, scope));
  if (!is_numeric(rows->type)) {
    return semantic(
        "'" + std::string(where) + "' operator: " + what + " must be a number, not " + kql_name(rows->type),
        count.span);
  }
  if (rows->type != Type::Long) {
    SPILLWAY_ASSIGN(rows, call("tolong", {std::move(rows)}, count.span));
  }
  if (rows->kind == Expr::Kind::Literal && (rows->literal.is_null() || rows->literal.as_int() < 0)) {
    return semantic("'" + std::string(where) + "' operator: the number of rows must not be negative",
                    count.span);
  }
  return rows;
}

Result<Tabular> Binder::bind_top_hitters(const syntax::TopHittersOp& op, Tabular input,
                                         const EnvironmentPtr& environment) {
  SPILLWAY_ASSIGN(ExprPtr rows, bind_row_count(*op.count.value, environment, "top-hitters"));
  ScalarScope scope(environment);
  scope.input = &input;
  scope.where = "top-hitters";
  NameAllocator names;
  auto node = std::make_shared<Aggregate>();
  SPILLWAY_ASSIGN(ExprPtr of, bind_output(op.of, scope));
  if (of->type == Type::Dynamic) {
    return semantic("'top-hitters' operator: a dynamic value can't be counted; convert it with tostring() …",
                    op.of.span);
  }
  const PlanColumn key = new_column(name_output(op.of, names), of->type);
  node->keys.emplace_back(key, std::move(of));
  AggregateScope aggregates;
  std::vector<NamedOutput> outputs(1);
  if (op.by) {
    SPILLWAY_ASSIGN(ExprPtr summed, bind_output(op.by->expr, scope));
    if (!is_numeric(summed->type)) {
      return semantic("'top-hitters' operator: only numbers can be summed", op.by->span);
    }
    outputs[0].name = op.by->expr.names.empty() ? "approximate_sum_" + automatic_name(*op.by->expr.value)
                                                : op.by->expr.names[0].text;
    SPILLWAY_ASSIGN(outputs[0].value,
                    add_aggregate(aggregates, "sum", {std::move(summed)}, nullptr, op.by->span));
  } else {
    outputs[0].name = "approximate_count_" + key.name;
    SPILLWAY_ASSIGN(outputs[0].value, add_aggregate(aggregates, "count", {}, nullptr, op.span));
  }
  outputs[0].name = names.unique(outputs[0].name);
  SPILLWAY_ASSIGN(Tabular table, finish_summarize(std::move(input), std::move(node),
                                                  std::move(aggregates.calls), std::move(outputs), op.span));
  std::vector<SortKey> keys;
  keys.push_back({column_reference(table.columns[1], op.span), true, false});
  keys.push_back({column_reference(table.columns[0], op.span), false, true});
  return take_rows(sort_rows(std::move(table), std::move(keys), op.span), std::move(rows), op.span);
}

Result<Tabular> Binder::bind_sample(const syntax::SampleOp& op, Tabular input,
                                    const EnvironmentPtr& environment) {
  SPILLWAY_ASSIGN(ExprPtr rows, bind_row_count(*op.count.value, environment, "sample"));
  SPILLWAY_ASSIGN(ExprPtr chance, call("rand", {}, op.span));
  std::vector<SortKey> keys;
  keys.push_back({std::move(chance), false, true});
  if (!input.group)
    return take_rows(sort_rows(std::move(input), std::move(keys), op.span), std::move(rows), op.span);
  std::vector<ExprPtr> partition = group_keys(input, op.span);
  return take_of_each(std::move(input), std::move(partition), std::move(keys), std::move(rows), op.span);
}

Result<Tabular> Binder::bind_sample_distinct(const syntax::SampleDistinctOp& op, Tabular input,
                                             const EnvironmentPtr& environment) {
  SPILLWAY_ASSIGN(ExprPtr rows, bind_row_count(*op.count.value, environment, "sample-distinct"));
  ScalarScope scope(environment);
  scope.input = &input;
  scope.where = "sample-distinct";
  NameAllocator names;
  auto node = std::make_shared<Aggregate>();
  SPILLWAY_ASSIGN(ExprPtr of, bind_output(op.of, scope));
  if (of->type == Type::Dynamic) {
    return semantic(
        "'sample-distinct' operator: a dynamic value can't be told apart; convert it with tostring() …",
        op.of.span);
  }
  node->keys.emplace_back(new_column(name_output(op.of, names), of->type), std::move(of));
  SPILLWAY_ASSIGN(Tabular table, finish_summarize(std::move(input), std::move(node), {}, {}, op.span));
  return take_rows(std::move(table), std::move(rows), op.span);
}

}  // namespace spillway::kql
