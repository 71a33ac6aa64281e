// mv-apply and partition: a subquery for each record's elements, or for the records of each value of a
// column. It is bound once, over the records of all groups (binder_groups.cc), so that it stays one
// statement. Source: query/mv-apply-operator.md, query/partition-operator.md.
#include <algorithm>

#include "kql/binder_internal.h"

namespace spillway::kql {

using syntax::OperatorKind;

namespace {

/// More than any query has: the groups around a subquery want a record of each of its groups.
constexpr int kAlways = 1 << 20;

/// An aggregate that gives a record even of nothing.
bool is_total(const syntax::Operator& op) {
  if (op.kind == OperatorKind::Count) return true;
  const auto* summarize = op.try_as<syntax::SummarizeOp>();
  return summarize && summarize->by.empty() && !summarize->bin;
}

/// Gives as many records as it gets.
bool keeps_all(const syntax::Operator& op) {
  switch (op.kind) {
    case OperatorKind::Extend:
    case OperatorKind::Project:
    case OperatorKind::ProjectAway:
    case OperatorKind::ProjectKeep:
    case OperatorKind::ProjectRename:
    case OperatorKind::ProjectReorder:
    case OperatorKind::Serialize:
    case OperatorKind::Sort:
    case OperatorKind::As:
    case OperatorKind::Count: return true;
    default: return is_total(op);
  }
}

/// The aggregates of a subquery before which a group may lose all of its records. `empty`: it may have none
/// at first.
int totals_of(const syntax::PipeExpr& query, bool empty) {
  int totals = 0;
  for (const syntax::OperatorPtr& op : query.operators) {
    if (is_total(*op)) {
      if (empty) ++totals;
    } else if (!keeps_all(*op)) {
      empty = true;
    }
  }
  return totals;
}

std::vector<ColumnId> ids_of(const std::vector<PlanColumn>& columns) {
  std::vector<ColumnId> ids;
  for (const PlanColumn& column : columns) ids.push_back(column.id);
  return ids;
}

/// Adds to the carried columns what is neither there nor a key.
void carry(Grouping& group, const std::vector<PlanColumn>& columns) {
  std::vector<ColumnId> known = ids_of(group.keys);
  for (const PlanColumn& column : group.carried) known.push_back(column.id);
  for (const PlanColumn& column : columns) {
    if (std::find(known.begin(), known.end(), column.id) != known.end()) continue;
    known.push_back(column.id);
    group.carried.push_back(column);
  }
}

/// The grouping of a subquery by `keys` within the groups around it.
Grouping nested_in(const std::optional<Grouping>& outer, std::vector<PlanColumn> keys, int totals) {
  Grouping group;
  group.keys = std::move(keys);
  group.totals = totals;
  if (!outer) return group;
  outer->use->keys = true;
  outer->use->item = true;
  carry(group, outer->columns());
  if (outer->live) {
    group.outer_live = outer->live;
    group.totals = kAlways;
  }
  return group;
}

}  // namespace

/// Ends a grouping: `table` is back among the groups around it.
Tabular Binder::ungroup(Tabular table, const std::optional<Grouping>& outer, std::vector<ColumnId> order,
                        TextSpan span) {
  auto node = std::make_shared<Group>();
  const Grouping inner = *table.group;
  std::set<ColumnId> hidden;
  for (const PlanColumn& column : inner.columns()) hidden.insert(column.id);
  if (std::any_of(table.columns.begin(), table.columns.end(),
                  [&](const PlanColumn& column) { return hidden.count(column.id) > 0; })) {
    std::vector<std::pair<PlanColumn, ExprPtr>> shown;
    for (const PlanColumn& column : table.columns) {
      shown.emplace_back(new_column(column.name, column.type), column_reference(column, span));
    }
    table = add_project(std::move(table), std::move(shown), span);
  }
  node->order = std::move(order);
  node->drop = ids_of(inner.columns());
  table.group = outer;
  if (outer) {
    if (outer->live) table.group->live = inner.live;
    const std::vector<ColumnId> kept = ids_of(table.group->columns());
    std::erase_if(node->drop,
                  [&](ColumnId id) { return std::find(kept.begin(), kept.end(), id) != kept.end(); });
  }
  return add_node(std::move(table), std::move(node), span);
}

Result<Tabular> Binder::bind_mv_apply(const syntax::MvApplyOp& op, Tabular input,
                                      const EnvironmentPtr& environment) {
  const std::optional<Grouping> outer = input.group;
  const std::vector<PlanColumn> source = input.columns;
  const PlanColumn record = new_column("$record", Type::Long);
  Grouping group = nested_in(outer, {record}, totals_of(*op.query, true));
  Tabular table = number_records(std::move(input), {}, {}, record, op.span);
  const auto numbering = std::static_pointer_cast<Window>(table.rel);
  Expansion expansion;
  SPILLWAY_ASSIGN(
      table, expand(op.columns, op, op.parameters, op.limit.get(), std::move(table), environment, expansion));
  Expand& node = *expansion.node;
  const bool shows_index = node.index.has_value();
  if (!shows_index) {
    node.index = new_column("$item", Type::Long);
    node.columns.push_back(*node.index);
  }
  if (group.totals > 0 && !node.live) {
    node.live = new_column("$live", Type::Bool);
    node.columns.push_back(*node.live);
  }
  group.item = node.index;
  group.live = node.live;
  const std::set<ColumnId>& replaced = expansion.replaced;
  std::vector<PlanColumn> shown;  // of the source's, beside the subquery's
  for (const PlanColumn& column : source) {
    if (replaced.count(column.id) == 0) shown.push_back(column);
  }
  carry(group, shown);
  table.group = group;
  table = hide(std::move(table), group.columns(), op.span);
  SPILLWAY_ASSIGN(table, cast_elements(std::move(table), expansion, op.span));
  table.serialized = true;  // elements have their order
  SPILLWAY_ASSIGN(table, bind_sub_query(*op.query, std::move(table), environment));
  numbering->idle = !group.use->keys;
  if (!group.use->item && !shows_index) node.index.reset();

  std::vector<std::pair<PlanColumn, ExprPtr>> outputs;
  for (const PlanColumn& column : shown) {
    outputs.emplace_back(new_column(column.name, column.type), column_reference(column, op.span));
  }
  for (const PlanColumn& column : table.columns) {
    const auto same = std::find_if(outputs.begin(), outputs.end(),
                                   [&](const auto& output) { return output.first.name == column.name; });
    PlanColumn output = new_column(column.name, column.type);
    if (same != outputs.end()) {
      *same = {std::move(output), column_reference(column, op.span)};
    } else {
      outputs.emplace_back(std::move(output), column_reference(column, op.span));
    }
  }
  std::vector<ColumnId> order;
  if (group.use->keys && !table.group->sorted) {
    order.push_back(record.id);
    if (group.use->item && table.group->item) order.push_back(table.group->item->id);
  }
  table = add_project(std::move(table), std::move(outputs), op.span);
  return ungroup(std::move(table), outer, std::move(order), op.span);
}

Result<const PlanColumn*> Binder::partition_column(const syntax::Expr& by, const Tabular& input) const {
  const auto* name = by.try_as<syntax::NameExpr>();
  if (!name) return semantic("'partition' operator: expected a column after 'by'", by.span);
  SPILLWAY_ASSIGN(const std::vector<size_t> found, match_columns(name->name, input, "partition", true));
  if (found.empty()) return semantic("'partition' operator: expected a column after 'by'", by.span);
  const PlanColumn& column = input.columns[found[0]];
  if (column.type == Type::Dynamic) {
    return semantic(
        "'partition' operator: its column can't be dynamic; convert it with tostring(), tolong() …", by.span);
  }
  return &column;
}

Result<Tabular> Binder::partition(const syntax::Expr& by, const syntax::PipeExpr& query, Tabular input,
                                  const EnvironmentPtr& environment, TextSpan span) {
  const std::optional<Grouping> outer = input.group;
  SPILLWAY_ASSIGN(const PlanColumn* const found, partition_column(by, input));
  const PlanColumn key = *found;
  std::vector<PlanColumn> keys = outer ? outer->keys : std::vector<PlanColumn>();
  keys.push_back(key);
  Grouping group = nested_in(outer, std::move(keys), totals_of(query, false));
  Tabular table = std::move(input);
  if (group.totals > 0) {
    group.live = new_column("$live", Type::Bool);
    ExprPtr live =
        outer && outer->live ? column_reference(*outer->live, span) : literal(Value::boolean(true), span);
    table = add_hidden(std::move(table), {{*group.live, std::move(live)}}, span);
  }
  table.group = group;
  table = hide(std::move(table), group.columns(), span);
  SPILLWAY_ASSIGN(table, bind_sub_query(query, std::move(table), environment));
  return ungroup(std::move(table), outer, {}, span);
}

/// A subquery with a source of its own, which knows of the groups only their value: every source in it has
/// all of its records in each group.
Result<Tabular> Binder::bind_group_source(const syntax::Expr& expression, const Tabular& groups,
                                          bool keep_empty, const EnvironmentPtr& environment) {
  if (const auto* pipe = expression.try_as<syntax::PipeExpr>()) {
    if (!pipe->source) {
      return not_supported("A subquery of partition in braces must begin with a table", expression.span);
    }
    SPILLWAY_ASSIGN(Tabular source, bind_group_source(*pipe->source, groups, keep_empty, environment));
    return bind_sub_query(*pipe, std::move(source), environment);
  }
  SPILLWAY_ASSIGN(Tabular source, bind_tabular(expression, environment));
  const TextSpan span = expression.span;
  if (!keep_empty) {
    SPILLWAY_ASSIGN(Tabular table, make_join(JoinKind::Inner, groups, std::move(source), {}, false, span));
    table.columns.erase(table.columns.begin(),
                        table.columns.begin() + static_cast<std::ptrdiff_t>(groups.columns.size()));
    table.group = groups.group;
    return table;
  }
  const PlanColumn found = new_column("$found", Type::Bool), live = new_column("$live", Type::Bool);
  source = add_hidden(std::move(source), {{found, literal(Value::boolean(true), span)}}, span);
  source.columns.push_back(found);
  SPILLWAY_ASSIGN(Tabular table, make_join(JoinKind::LeftOuter, groups, std::move(source), {}, false, span));
  table.columns.erase(table.columns.begin(),
                      table.columns.begin() + static_cast<std::ptrdiff_t>(groups.columns.size()));
  SPILLWAY_ASSIGN(ExprPtr is_live, call("isnotnull", {column_reference(table.columns.back(), span)}, span));
  table.columns.pop_back();
  table.group = groups.group;
  table = add_hidden(std::move(table), {{live, std::move(is_live)}}, span);
  table.group->live = live;
  return hide(std::move(table), {live}, span);
}

namespace {

/// The operators of a query and of the queries that it begins with.
int totals_of_query(const syntax::Expr& query) {
  const auto* pipe = query.try_as<syntax::PipeExpr>();
  if (!pipe) return 0;
  return totals_of(*pipe, true) + (pipe->source ? totals_of_query(*pipe->source) : 0);
}

}  // namespace

Result<Tabular> Binder::partition_sources(const syntax::Expr& by, const syntax::Expr& query, Tabular input,
                                          const EnvironmentPtr& environment, TextSpan span) {
  if (input.group) {
    return not_supported("partition with a source of its own is not supported in a subquery", span);
  }
  SPILLWAY_ASSIGN(const PlanColumn* const found, partition_column(by, input));
  auto node = std::make_shared<Aggregate>();
  const PlanColumn key = new_column(found->name, found->type);
  node->keys.emplace_back(key, column_reference(*found, span));
  SPILLWAY_ASSIGN(Tabular groups, finish_summarize(std::move(input), std::move(node), {}, {}, span));
  Grouping group;
  group.keys = {key};
  group.totals = totals_of_query(query);
  groups.group = group;
  groups = hide(std::move(groups), {key}, span);
  auto scope = std::make_shared<Environment>(environment);
  Binding value;
  value.kind = Binding::Kind::Scalar;
  value.name = key.name;
  value.scalar = column_reference(key, by.span);
  scope->define(key.name, std::move(value));
  SPILLWAY_ASSIGN(Tabular table, bind_group_source(query, groups, group.totals > 0, scope));
  return ungroup(std::move(table), std::nullopt, {}, span);
}

Result<Tabular> Binder::bind_partition(const syntax::PartitionOp& op, Tabular input,
                                       const EnvironmentPtr& environment) {
  const syntax::Property* strategy = syntax::find_property(op.parameters, "hint.strategy");
  const std::string given = strategy ? strategy->text() : "legacy";
  if (given != "legacy" && given != "shuffle" && given != "native") {
    return semantic("'partition' operator: hint.strategy is legacy, shuffle or native", strategy->span);
  }
  if (op.in) return not_supported("'partition by … in' is not supported", op.in->span);
  if (op.query) return partition(*op.by, *op.query, std::move(input), environment, op.span);
  return partition_sources(*op.by, *op.full_query, std::move(input), environment, op.span);
}

}  // namespace spillway::kql
