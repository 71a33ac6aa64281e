// top-nested: the top values of a column, within each of them those of a further one, and so on.
// Source: query/top-nested-operator.md.
//
// Level i, over the records as they come (the base):
//   values    base summarized by the values of the levels 1 … i, beside the kept ones of level i - 1
//   kept      of these the first by the aggregate, within each kept one of level i - 1
//   others    the records of what is kept at level i - 1 but not at level i, summarized by the former
// The result is what is kept at the last level, and the others of each. Values match where both are null.
#include <algorithm>

#include "kql/binder_internal.h"

namespace spillway::kql {

struct NestedLevel {
  const syntax::TopNestedLevel* given = nullptr;
  ExprPtr of, rows, others;  // the latter two may be null
  std::string of_name, by_name;
  Type by_type = Type::Long;
};

namespace {

void collect_columns(const Expr& expression, std::set<ColumnId>& out) {
  if (expression.kind == Expr::Kind::Column) out.insert(expression.column);
  for (const ExprPtr& argument : expression.args) collect_columns(*argument, out);
}

}  // namespace

Result<NestedLevel> Binder::bind_nested_level(const syntax::TopNestedLevel& given, ScalarScope& scope,
                                              NameAllocator& names) {
  NestedLevel level;
  level.given = &given;
  if (given.count) {
    SPILLWAY_ASSIGN(level.rows, bind_row_count(*given.count->value, scope.environment, "top-nested"));
  }
  SPILLWAY_ASSIGN(level.of, bind_output(given.of, scope));
  if (level.of->type == Type::Dynamic) {
    return semantic("'top-nested' operator: a dynamic value has no groups; convert it with tostring() …",
                    given.of.span);
  }
  if (given.with_others) {
    SPILLWAY_ASSIGN(level.others, bind_constant(*given.with_others->value, scope.environment, level.of->type,
                                                "the value of 'with others'"));
  }
  const std::string of = given.of.names.empty() ? automatic_name(*given.of.value) : given.of.names[0].text;
  level.of_name = of.empty() ? names.next_unnamed("Column", 1) : names.unique(of);
  const syntax::NamedExpr& by = given.by.expr;
  level.by_name = names.unique(by.names.empty() ? "aggregated_" + level.of_name : by.names[0].text);
  return level;
}

Result<ExprPtr> Binder::bind_nested_aggregate(const NestedLevel& level, Tabular& input,
                                              AggregateScope& aggregates, const EnvironmentPtr& environment) {
  static const std::vector<PlanColumn> kNoKeys;
  ScalarScope scope(environment);
  scope.input = &input;
  scope.where = "top-nested";
  scope.aggregates = &aggregates;
  aggregates.keys = &kNoKeys;
  SPILLWAY_ASSIGN(ExprPtr value, bind_scalar(*level.given->by.expr.value, scope));
  if (value->type == Type::Dynamic) {
    return semantic("'top-nested' operator: a dynamic value has no order", level.given->by.span);
  }
  return value;
}

/// Joins by the values of the first `levels` levels: `left_at` and `right_at` say which columns those are.
Result<Tabular> Binder::join_nested(JoinKind kind, Tabular left, Tabular right, size_t levels,
                                    const std::function<size_t(size_t)>& left_at,
                                    const std::function<size_t(size_t)>& right_at, TextSpan span) {
  std::vector<std::pair<ExprPtr, ExprPtr>> pairs;
  const std::vector<ExprPtr> left_keys = group_keys(left, span), right_keys = group_keys(right, span);
  for (size_t i = 0; i < std::min(left_keys.size(), right_keys.size()); ++i) {
    pairs.emplace_back(left_keys[i], right_keys[i]);
  }
  for (size_t i = 0; i < levels; ++i) {
    pairs.emplace_back(column_reference(left.columns[left_at(i)], span),
                       column_reference(right.columns[right_at(i)], span));
  }
  const std::optional<Grouping> group = left.group;
  SPILLWAY_ASSIGN(Tabular joined, make_join(kind, std::move(left), std::move(right), {}, false, span));
  std::static_pointer_cast<Join>(joined.rel)->groups = std::move(pairs);
  joined.group = group;
  return joined;
}

/// What is kept at level `at`: the value and the aggregate of each level up to it.
Result<Tabular> Binder::kept_values(const std::vector<NestedLevel>& levels, size_t at, size_t first_value,
                                    const Tabular& base, const std::optional<Tabular>& kept,
                                    const EnvironmentPtr& environment, TextSpan span) {
  const NestedLevel& level = levels[at];
  Tabular input = base;
  auto node = std::make_shared<Aggregate>();
  for (size_t i = 0; i <= at; ++i) {
    const PlanColumn& value = base.columns[first_value + i];
    node->keys.emplace_back(new_column("$value" + std::to_string(i), value.type),
                            column_reference(value, span));
  }
  AggregateScope aggregates;
  SPILLWAY_ASSIGN(ExprPtr by, bind_nested_aggregate(level, input, aggregates, environment));
  std::vector<NamedOutput> outputs;
  outputs.push_back({"$by", std::move(by)});
  SPILLWAY_ASSIGN(Tabular values, finish_summarize(std::move(input), std::move(node),
                                                   std::move(aggregates.calls), std::move(outputs), span));
  if (kept) {
    SPILLWAY_ASSIGN(Tabular joined, join_nested(
                                        JoinKind::Inner, *kept, std::move(values), at,
                                        [](size_t i) { return 2 * i; }, [](size_t i) { return i; }, span));
    const auto begin = joined.columns.begin() + static_cast<std::ptrdiff_t>(2 * at);
    joined.columns.erase(begin, begin + static_cast<std::ptrdiff_t>(at));
    values = std::move(joined);
  }
  if (!level.rows) return values;
  std::vector<ExprPtr> parents = group_keys(values, span);
  for (size_t i = 0; i < at; ++i) parents.push_back(column_reference(values.columns[2 * i], span));
  std::vector<SortKey> order;
  const bool descending = level.given->by.order != syntax::SortOrder::Asc;
  order.push_back({column_reference(values.columns[2 * at + 1], span), descending, !descending});
  order.push_back({column_reference(values.columns[2 * at], span), false, true});
  return take_of_each(std::move(values), std::move(parents), std::move(order), level.rows, span);
}

/// The records that level `at` leaves over, in one record for each of the values kept before it.
Result<Tabular> Binder::other_values(const std::vector<NestedLevel>& levels, size_t at, size_t first_value,
                                     const Tabular& base, const std::optional<Tabular>& before,
                                     const Tabular& kept, const EnvironmentPtr& environment, TextSpan span) {
  const auto in_base = [&](size_t i) { return first_value + i; };
  const auto in_kept = [](size_t i) { return 2 * i; };
  SPILLWAY_ASSIGN(Tabular rest, join_nested(JoinKind::LeftAnti, base, kept, at + 1, in_base, in_kept, span));
  const size_t width = rest.columns.size();
  auto node = std::make_shared<Aggregate>();
  if (before) {
    SPILLWAY_ASSIGN(rest, join_nested(JoinKind::Inner, std::move(rest), *before, at, in_base, in_kept, span));
    for (size_t i = width; i < rest.columns.size(); ++i) {
      const PlanColumn& column = rest.columns[i];
      node->keys.emplace_back(new_column(column.name, column.type), column_reference(column, span));
    }
  } else {  // no record where none is left
    node->keys.emplace_back(new_column("$all", Type::Long), literal(Value::int64(1), span));
  }
  AggregateScope aggregates;
  std::vector<NamedOutput> outputs;
  for (size_t i = at; i < levels.size(); ++i) {
    if (!levels[i].others) continue;
    SPILLWAY_ASSIGN(ExprPtr by, bind_nested_aggregate(levels[i], rest, aggregates, environment));
    outputs.push_back({"$by" + std::to_string(i), std::move(by)});
  }
  SPILLWAY_ASSIGN(Tabular table, finish_summarize(std::move(rest), std::move(node),
                                                  std::move(aggregates.calls), std::move(outputs), span));
  std::vector<std::pair<PlanColumn, ExprPtr>> shown;
  const auto show = [&](Type type, ExprPtr value) {
    shown.emplace_back(new_column("", type), std::move(value));
  };
  size_t next = before ? 2 * at : 1;
  for (size_t i = 0; i < 2 * at; ++i) show(table.columns[i].type, column_reference(table.columns[i], span));
  for (size_t i = at; i < levels.size(); ++i) {
    const Type type = levels[i].of->type;
    show(type, levels[i].others ? levels[i].others : literal(Value::null(type), span));
    show(levels[i].by_type, levels[i].others ? column_reference(table.columns[next++], span)
                                             : literal(Value::null(levels[i].by_type), span));
  }
  return add_project(std::move(table), std::move(shown), span);
}

/// The base: the columns that the aggregates use, and then the values of the levels.
Result<Tabular> Binder::nested_base(std::vector<NestedLevel>& levels, Tabular input,
                                    const EnvironmentPtr& environment, TextSpan span) {
  std::set<ColumnId> used;
  for (NestedLevel& level : levels) {
    AggregateScope aggregates;
    SPILLWAY_ASSIGN(const ExprPtr by, bind_nested_aggregate(level, input, aggregates, environment));
    level.by_type = by->type;
    for (const AggregateCall& aggregate : aggregates.calls) {
      for (const ExprPtr& argument : aggregate.args) collect_columns(*argument, used);
      if (aggregate.filter) collect_columns(*aggregate.filter, used);
    }
  }
  std::vector<std::pair<PlanColumn, ExprPtr>> outputs;
  for (const PlanColumn& column : input.columns) {
    if (used.count(column.id) == 0) continue;
    outputs.emplace_back(new_column(column.name, column.type), column_reference(column, span));
  }
  for (const NestedLevel& level : levels) {
    outputs.emplace_back(new_column("$" + level.of_name, level.of->type), level.of);
  }
  Tabular base = add_project(std::move(input), std::move(outputs), span);
  base.chain.clear();
  return base;
}

/// The records of all parts under their final names; `others[i]`: the level from which part i holds others.
Result<Tabular> Binder::unite_nested(const std::vector<NestedLevel>& levels, std::vector<Tabular> parts,
                                     const std::vector<size_t>& others, TextSpan span) {
  const std::optional<Grouping> group = parts[0].group;
  std::vector<Tabular> legs;
  for (size_t part = 0; part < parts.size(); ++part) {
    std::vector<std::pair<PlanColumn, ExprPtr>> outputs;
    for (size_t i = 0; i < levels.size(); ++i) {
      const PlanColumn& value = parts[part].columns[2 * i];
      const PlanColumn& by = parts[part].columns[2 * i + 1];
      outputs.emplace_back(new_column(levels[i].of_name, value.type), column_reference(value, span));
      outputs.emplace_back(new_column(levels[i].by_name, by.type), column_reference(by, span));
      outputs.emplace_back(new_column("$other" + std::to_string(i), Type::Bool),
                           literal(Value::boolean(i >= others[part]), span));
    }
    legs.push_back(add_project(std::move(parts[part]), std::move(outputs), span));
  }
  if (legs.size() == 1) return std::move(legs[0]);
  SPILLWAY_ASSIGN(Tabular table, make_union(std::move(legs), false, "", span));
  if (!group) return table;
  const auto node = std::static_pointer_cast<Union>(table.rel);
  for (const PlanColumn& column : group->columns()) {
    node->columns.push_back(column);
    for (auto& sources : node->map) sources.push_back(column.id);
  }
  table.group = group;
  return hide(std::move(table), group->columns(), span);
}

Result<Tabular> Binder::bind_top_nested(const syntax::TopNestedOp& op, Tabular input,
                                        const EnvironmentPtr& environment) {
  std::vector<NestedLevel> levels;
  NameAllocator names;
  {
    ScalarScope scope(environment);
    scope.input = &input;
    scope.where = "top-nested";
    for (const syntax::TopNestedLevel& given : op.levels) {
      SPILLWAY_ASSIGN(NestedLevel level, bind_nested_level(given, scope, names));
      levels.push_back(std::move(level));
    }
  }
  SPILLWAY_ASSIGN(Tabular base, nested_base(levels, std::move(input), environment, op.span));
  const size_t first_value = base.columns.size() - levels.size();
  const bool any_others =
      std::any_of(levels.begin(), levels.end(), [](const auto& l) { return l.others != nullptr; });
  base.rel->materialize = levels.size() > 1 || any_others;
  std::vector<Tabular> parts(1);
  std::vector<size_t> others = {levels.size()};
  std::optional<Tabular> before;
  for (size_t at = 0; at < levels.size(); ++at) {
    SPILLWAY_ASSIGN(Tabular kept, kept_values(levels, at, first_value, base, before, environment, op.span));
    if (any_others) kept.rel->materialize = true;
    if (levels[at].others && levels[at].rows) {
      SPILLWAY_ASSIGN(Tabular rest,
                      other_values(levels, at, first_value, base, before, kept, environment, op.span));
      parts.push_back(std::move(rest));
      others.push_back(at);
    }
    before = std::move(kept);
  }
  parts[0] = *std::move(before);
  SPILLWAY_ASSIGN(Tabular table, unite_nested(levels, std::move(parts), others, op.span));
  std::vector<SortKey> keys;
  std::vector<PlanColumn> shown;
  for (size_t i = 0; i < levels.size(); ++i) {
    const bool descending = levels[i].given->by.order != syntax::SortOrder::Asc;
    keys.push_back({column_reference(table.columns[3 * i + 2], op.span), false, true});
    keys.push_back({column_reference(table.columns[3 * i + 1], op.span), descending, !descending});
    keys.push_back({column_reference(table.columns[3 * i], op.span), false, true});
    shown.push_back(table.columns[3 * i]);
    shown.push_back(table.columns[3 * i + 1]);
  }
  table = sort_rows(std::move(table), std::move(keys), op.span);
  table.columns = std::move(shown);
  return table;
}

}  // namespace spillway::kql
