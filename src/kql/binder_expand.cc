// mv-expand, and the expansion that mv-apply begins with. Source: query/mv-expand-operator.md.
#include <algorithm>

#include "kql/binder_internal.h"

namespace spillway::kql {

namespace {

/// What a record gives at most with the older name of the operator, "mvexpand".
constexpr int64_t kOldLimit = 128;
constexpr int kOldNameLength = 8;

/// Whether bags expand to pairs; nullopt where the property says something else.
std::optional<bool> expands_to_pairs(const syntax::Properties& parameters) {
  const syntax::Property* kind = syntax::find_property(parameters, "kind");
  if (!kind) kind = syntax::find_property(parameters, "bagexpansion");
  if (!kind) return false;
  const std::string text = kind->text();
  if (text != "bag" && text != "array") return std::nullopt;
  return text == "array";
}

}  // namespace

Result<ExprPtr> Binder::cast_element(ExprPtr element, Type type) {
  const TextSpan span = element->span;
  switch (type) {
    case Type::Bool: return call("cast bool", {std::move(element)}, span);
    case Type::Int: return call("cast int", {std::move(element)}, span);
    case Type::Long: return call("cast long", {std::move(element)}, span);
    case Type::Real: return call("cast real", {std::move(element)}, span);
    case Type::Dynamic: return element;
    default: return convert(std::move(element), type);
  }
}

Status Binder::bind_expand_column(const syntax::ExpandColumn& column, ScalarScope& scope,
                                  NameAllocator& names, Expand& node, Expansion& expansion) {
  SPILLWAY_ASSIGN(ExprPtr array, bind_output(column.expr, scope));
  if (array->type != Type::Dynamic) {
    return semantic("'" + std::string(scope.where) + "' operator: expected a dynamic value, not " +
                        kql_name(array->type) + "; convert it with todynamic() or pack_array()",
                    column.span);
  }
  std::string name =
      column.expr.names.empty() ? automatic_name(*column.expr.value) : column.expr.names[0].text;
  if (name.empty()) {
    name = names.next_unnamed("Column", 1);
  } else if (!names.claim(name)) {
    return semantic("'" + std::string(scope.where) + "' operator: '" + name + "' is expanded twice",
                    column.span);
  }
  if (column.expr.names.empty() && array->kind == Expr::Kind::Column)
    expansion.replaced.insert(array->column);
  node.items.push_back({new_column(std::move(name), Type::Dynamic), std::move(array)});
  expansion.types.push_back(column.to.value_or(Type::Dynamic));
  return Status();
}

/// The input's records for each of their elements, these not cast yet. `expansion.node` is the Expand.
Result<Tabular> Binder::expand(const std::vector<syntax::ExpandColumn>& columns, const syntax::Operator& op,
                               const syntax::Properties& parameters, const syntax::Expr* limit, Tabular input,
                               const EnvironmentPtr& environment, Expansion& expansion) {
  const std::optional<bool> pairs = expands_to_pairs(parameters);
  if (!pairs) return semantic("'mv-expand' operator: kind is bag or array", op.keyword);
  auto node = std::make_shared<Expand>();
  node->pairs = *pairs;
  ScalarScope scope(environment);
  scope.input = &input;
  scope.where = spelling(op.kind);
  NameAllocator names;
  for (const syntax::ExpandColumn& column : columns) {
    SPILLWAY_TRY(bind_expand_column(column, scope, names, *node, expansion));
  }
  if (limit) {
    SPILLWAY_ASSIGN(node->limit, bind_row_count(*limit, environment, spelling(op.kind)));
  } else if (op.kind == syntax::OperatorKind::MvExpand && op.keyword.length == kOldNameLength) {
    node->limit = literal(Value::int64(kOldLimit), op.keyword);
  }
  node->columns = input.rel->columns;
  for (const Expand::Item& item : node->items) node->columns.push_back(item.output);
  if (const syntax::Property* index = syntax::find_property(parameters, "with_itemindex")) {
    if (!names.claim(index->text())) {
      return semantic("'" + std::string(scope.where) + "' operator: '" + index->text() + "' is expanded too",
                      index->span);
    }
    node->index = new_column(index->text(), Type::Long);
    node->columns.push_back(*node->index);
  }
  if (input.group && input.group->live) {
    node->was_live = column_reference(*input.group->live, op.span);
    node->live = new_column("$live", Type::Bool);
    node->columns.push_back(*node->live);
  }
  expansion.node = node;
  Tabular table = add_node(std::move(input), node, op.span);
  for (const Expand::Item& item : node->items) show(table, item.output);
  if (node->index) show(table, *node->index);
  if (!node->live) return table;
  table.group->live = node->live;
  return hide(std::move(table), {*node->live}, op.span);
}

/// Shows a column in the place of the one of its name, or at the end.
void Binder::show(Tabular& table, const PlanColumn& column) {
  const auto found = std::find_if(table.columns.begin(), table.columns.end(),
                                  [&](const PlanColumn& c) { return c.name == column.name; });
  if (found == table.columns.end()) {
    table.columns.push_back(column);
  } else {
    *found = column;
  }
}

/// The elements as they are wanted: `to typeof(…)`.
Result<Tabular> Binder::cast_elements(Tabular table, const Expansion& expansion, TextSpan span) {
  std::vector<std::pair<PlanColumn, ExprPtr>> casts;
  for (size_t i = 0; i < expansion.types.size(); ++i) {
    if (expansion.types[i] == Type::Dynamic) continue;
    const PlanColumn& element = expansion.node->items[i].output;
    SPILLWAY_ASSIGN(ExprPtr cast, cast_element(column_reference(element, span), expansion.types[i]));
    casts.emplace_back(new_column(element.name, expansion.types[i]), std::move(cast));
  }
  if (casts.empty()) return table;
  table = add_hidden(std::move(table), casts, span);
  for (const auto& [column, cast] : casts) show(table, column);
  return table;
}

Result<Tabular> Binder::bind_mv_expand(const syntax::MvExpandOp& op, Tabular input,
                                       const EnvironmentPtr& environment) {
  Expansion expansion;
  SPILLWAY_ASSIGN(Tabular table, expand(op.columns, op, op.parameters, op.limit.get(), std::move(input),
                                        environment, expansion));
  return cast_elements(std::move(table), expansion, op.span);
}

}  // namespace spillway::kql
