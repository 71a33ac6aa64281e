// What the subqueries of mv-apply and partition are made of: operators that keep the groups of their input's
// records apart, so that one statement runs a subquery over all of them.
//
// A table with a Grouping carries its groups' columns hidden along (Group in plan.h). Operators that look at
// each record alone need not know. The others take the groups' keys into their own:
//   summarize, distinct, count   group by them too
//   take, top, sample            number the records of each group, and keep the first
//   sort                         sorts by them before all else
//   join, toscalar               of another table of the same groups: match them too
// An aggregate without keys has one record for each group, even for one that lost all of its records before
// it. Where such an aggregate is to come, records are not dropped but marked as not live.
#include <algorithm>

#include "kql/binder_internal.h"
#include "kql/operators/row_sequence.h"

namespace spillway::kql {

std::vector<PlanColumn> Grouping::columns() const {
  std::vector<PlanColumn> all = keys;
  all.insert(all.end(), carried.begin(), carried.end());
  if (live) all.push_back(*live);
  if (item) all.push_back(*item);
  return all;
}

std::vector<ExprPtr> Binder::group_keys(const Tabular& table, TextSpan span) {
  std::vector<ExprPtr> keys;
  if (!table.group) return keys;
  table.group->use->keys = true;
  for (const PlanColumn& key : table.group->keys) keys.push_back(column_reference(key, span));
  if (table.group->live) keys.push_back(column_reference(*table.group->live, span));
  return keys;
}

Tabular Binder::add_hidden(Tabular input, std::vector<std::pair<PlanColumn, ExprPtr>> outputs,
                           TextSpan span) {
  std::set<ColumnId> hidden;
  if (input.group) {
    for (const PlanColumn& column : input.group->columns()) hidden.insert(column.id);
  }
  const std::vector<PlanColumn> visible = input.columns;
  std::vector<std::pair<PlanColumn, ExprPtr>> all;
  for (const PlanColumn& column : visible) {
    if (hidden.count(column.id) == 0) all.emplace_back(column, column_reference(column, span));
  }
  for (auto& output : outputs) all.push_back(std::move(output));
  input = add_project(std::move(input), std::move(all), span);
  input.columns = visible;
  return input;
}

Tabular Binder::hide(Tabular input, const std::vector<PlanColumn>& columns, TextSpan span) {
  auto node = std::make_shared<Group>();
  for (const PlanColumn& column : columns) node->hide.push_back(column.id);
  return add_node(std::move(input), std::move(node), span);
}

Result<Tabular> Binder::keep_where(Tabular input, ExprPtr predicate, TextSpan span) {
  if (!input.group || !input.group->live) {
    auto node = std::make_shared<Filter>();
    node->predicate = std::move(predicate);
    return add_node(std::move(input), std::move(node), span);
  }
  SPILLWAY_ASSIGN(ExprPtr known,
                  call("coalesce", {std::move(predicate), literal(Value::boolean(false), span)}, span));
  SPILLWAY_ASSIGN(ExprPtr still,
                  call("and", {column_reference(*input.group->live, span), std::move(known)}, span));
  const PlanColumn live = new_column("$live", Type::Bool);
  input = add_hidden(std::move(input), {{live, std::move(still)}}, span);
  input.group->live = live;
  return hide(std::move(input), {live}, span);
}

Tabular Binder::number_records(Tabular input, std::vector<ExprPtr> partition, std::vector<SortKey> order,
                               const PlanColumn& number, TextSpan span) {
  auto node = std::make_shared<Window>();
  node->output = number;
  node->partition = std::move(partition);
  node->order = std::move(order);
  node->columns = input.rel->columns;
  node->columns.push_back(number);
  return add_node(std::move(input), std::move(node), span);
}

Result<Tabular> Binder::take_of_each(Tabular input, std::vector<ExprPtr> partition,
                                     std::vector<SortKey> order, ExprPtr rows, TextSpan span) {
  const PlanColumn number = new_column("$number", Type::Long);
  input = number_records(std::move(input), std::move(partition), std::move(order), number, span);
  SPILLWAY_ASSIGN(ExprPtr first, call("<=", {column_reference(number, span), std::move(rows)}, span));
  return keep_where(std::move(input), std::move(first), span);
}

Result<Tabular> Binder::take_of_each_group(Tabular input, ExprPtr rows, TextSpan span) {
  std::vector<ExprPtr> keys = group_keys(input, span);
  std::vector<SortKey> order;
  if (!input.group->sorted && input.group->item) {
    input.group->use->item = true;
    order.push_back({column_reference(*input.group->item, span), false, true});
  }
  return take_of_each(std::move(input), std::move(keys), std::move(order), std::move(rows), span);
}

/// Makes an aggregate over all records one over the records of each group.
Status Binder::aggregate_groups(const Tabular& input, Aggregate& node, std::vector<AggregateCall>& calls,
                                TextSpan span) {
  const Grouping& group = *input.group;
  group.use->keys = true;
  const bool total = node.keys.empty();
  std::vector<PlanColumn> keys = group.keys;
  if (group.live && !total) keys.push_back(*group.live);
  for (const PlanColumn& key : keys) {
    node.keys.emplace_back(key, column_reference(key, span));
    node.columns.push_back(key);
  }
  if (group.live && total) {
    for (AggregateCall& aggregate : calls) {
      ExprPtr live = column_reference(*group.live, span);
      if (aggregate.filter) {
        SPILLWAY_ASSIGN(live, call("and", {std::move(live), aggregate.filter}, span));
      }
      aggregate.filter = std::move(live);
    }
  }
  // All records of a group have the same, so that any will do, null too.
  const AggregateOverload& any = *FunctionTable::instance().aggregate("take_any")->overloads.back();
  for (const PlanColumn& column : group.carried) {
    AggregateCall call_any;
    call_any.output = column;
    call_any.function = &any;
    call_any.args = {column_reference(column, span)};
    call_any.span = span;
    node.columns.push_back(column);
    calls.push_back(std::move(call_any));
  }
  return Status();
}

/// The groups of what an aggregate has made of a grouped table. `total`: one record for each group.
Result<Tabular> Binder::regroup(Tabular table, Grouping group, bool total, TextSpan span) {
  group.item.reset();
  group.sorted = false;
  if (total && group.live) {
    --group.totals;
    group.live.reset();
  }
  table.group = group;
  table = hide(std::move(table), group.columns(), span);
  if (!total || (group.totals <= 0 && !group.outer_live)) return table;
  const PlanColumn live = new_column("$live", Type::Bool);
  ExprPtr value =
      group.outer_live ? column_reference(*group.outer_live, span) : literal(Value::boolean(true), span);
  table = add_hidden(std::move(table), {{live, std::move(value)}}, span);
  table.group->live = live;
  return hide(std::move(table), {live}, span);
}

Result<Tabular> Binder::join_groups(JoinKind kind, Tabular left, Tabular right, JoinKeys keys,
                                    bool without_right_keys, TextSpan span) {
  if (kind == JoinKind::RightOuter || kind == JoinKind::FullOuter || kind == JoinKind::RightSemi ||
      kind == JoinKind::RightAnti) {
    return not_supported("This kind of join is not supported in a subquery of mv-apply or partition", span);
  }
  const bool inner = kind == JoinKind::InnerUnique || kind == JoinKind::Inner;
  const bool live = left.group->live.has_value();
  if (live && !inner && kind != JoinKind::LeftOuter) {
    return not_supported(
        "This kind of join is not supported before summarize or count without 'by' in a subquery of mv-apply "
        "or partition",
        span);
  }
  if (kind == JoinKind::InnerUnique) {
    std::vector<ExprPtr> partition = group_keys(left, span);
    for (const auto& [left_key, right_key] : keys.on) partition.push_back(left_key);
    SPILLWAY_ASSIGN(
        left, take_of_each(std::move(left), std::move(partition), {}, literal(Value::int64(1), span), span));
  }
  const Grouping group = *left.group;
  auto groups = std::vector<std::pair<ExprPtr, ExprPtr>>();
  for (size_t i = 0; right.group && i < std::min(group.keys.size(), right.group->keys.size()); ++i) {
    group.use->keys = true;
    groups.emplace_back(column_reference(group.keys[i], span), column_reference(right.group->keys[i], span));
  }
  const PlanColumn matched = new_column("$matched", Type::Bool);
  if (live && inner) {
    right = add_hidden(std::move(right), {{matched, literal(Value::boolean(true), span)}}, span);
    right.columns.push_back(matched);
  }
  SPILLWAY_ASSIGN(Tabular joined,
                  make_join(live && inner ? JoinKind::LeftOuter
                            : inner       ? JoinKind::Inner
                                          : kind,
                            std::move(left), std::move(right), std::move(keys), without_right_keys, span));
  std::static_pointer_cast<Join>(joined.rel)->groups = std::move(groups);
  joined.group = group;
  joined.group->sorted = false;
  if (!live || !inner) return joined;
  const PlanColumn found = joined.columns.back();
  joined.columns.pop_back();
  SPILLWAY_ASSIGN(ExprPtr predicate, call("isnotnull", {column_reference(found, span)}, span));
  return keep_where(std::move(joined), std::move(predicate), span);
}

Result<ExprPtr> Binder::group_window(const RowFunction& function, const std::vector<ExprPtr>& arguments,
                                     ScalarScope& scope, TextSpan span) {
  using Kind = RowFunction::Kind;
  Tabular& input = *scope.input;
  auto node = std::make_shared<Window>();
  switch (function.kind) {
    case Kind::Number: node->function = Window::Function::Number; break;
    case Kind::Prev: node->function = Window::Function::Previous; break;
    case Kind::Next: node->function = Window::Function::Next; break;
    case Kind::CumulativeSum: node->function = Window::Function::Sum; break;
    default:
      return not_supported("This window function is not supported in a subquery of mv-apply or partition",
                           span);
  }
  node->output = new_column("$window", function.type);
  node->partition = group_keys(input, span);
  if (!input.group->sorted && input.group->item) {
    input.group->use->item = true;
    node->order.push_back({column_reference(*input.group->item, span), false, true});
  }
  ExprPtr result = column_reference(node->output, span);
  if (function.kind == Kind::Number && !arguments.empty()) {
    SPILLWAY_ASSIGN(result, call("+", {std::move(result), arguments[0]}, span));
    SPILLWAY_ASSIGN(result, call("-", {std::move(result), literal(Value::int64(1), span)}, span));
  } else if (!arguments.empty()) {
    node->argument = arguments[0];
    node->offset = function.offset;
    node->fallback = literal(function.fallback, span);
  }
  node->columns = input.rel->columns;
  node->columns.push_back(node->output);
  input = add_node(std::move(input), node, span);
  return result;
}

/// toscalar() of a table of the same groups: the value of each group, as a column beside its records.
Result<ExprPtr> Binder::group_scalar(Tabular table, ScalarScope& scope, TextSpan span) {
  if (!scope.input || !scope.input->group || scope.aggregates) {
    return not_supported("toscalar() of a part of partition or mv-apply is not supported here", span);
  }
  table.columns.resize(1);
  SPILLWAY_ASSIGN(table, take_of_each_group(std::move(table), literal(Value::int64(1), span), span));
  const Tabular input = *scope.input;
  auto node = std::make_shared<Join>();
  node->join_kind = JoinKind::LeftOuter;
  std::set<ColumnId> hidden;
  for (const PlanColumn& column : input.group->columns()) hidden.insert(column.id);
  for (const PlanColumn& column : input.columns) {
    if (!hidden.insert(column.id).second) continue;
    node->columns.push_back(column);
    node->sources.push_back(column.id);
  }
  const PlanColumn value = new_column("$scalar", table.columns[0].type);
  node->columns.push_back(value);
  node->sources.push_back(table.columns[0].id);
  input.group->use->keys = true;
  for (size_t i = 0; i < std::min(input.group->keys.size(), table.group->keys.size()); ++i) {
    node->groups.emplace_back(column_reference(input.group->keys[i], span),
                              column_reference(table.group->keys[i], span));
  }
  node->inputs = {input.rel, table.rel};
  attach(*node, span);
  scope.input->chain.clear();
  scope.input->only_filters = false;
  scope.input->rel = std::move(node);
  return column_reference(value, span);
}

}  // namespace spillway::kql
