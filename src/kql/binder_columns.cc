// Columns by names that are values: project-by-names, column_names_of().
// Sources: query/project-by-names-operator.md, query/column-names-of-function.md.
#include <algorithm>

#include "kql/binder_internal.h"
#include "kql/json.h"

namespace spillway::kql {

/// The names and patterns that one operand of project-by-names gives.
Result<std::vector<std::string>> Binder::given_names(const syntax::Expr& expression,
                                                     const EnvironmentPtr& environment) {
  const auto* name = expression.try_as<syntax::NameExpr>();
  if (name && !environment->find(name->name.text)) return std::vector<std::string>{name->name.text};
  ScalarScope scope(environment);
  scope.where = "project-by-names";
  SPILLWAY_ASSIGN(const ExprPtr value, bind_scalar(expression, scope));
  const bool known = value->kind == Expr::Kind::Literal && !value->literal.is_null();
  if (known && value->type == Type::String) return std::vector<std::string>{value->literal.as_text()};
  if (known && value->type == Type::Dynamic) {
    std::vector<std::string> names;
    const json::Kind kind = json::kind_of(value->literal.as_text());
    if (kind == json::Kind::String) {
      json::append_text(value->literal.as_text(), names.emplace_back());
      return names;
    }
    for (json::Cursor items(value->literal.as_text()); items.next() && !items.is_object();) {
      json::append_text(items.value(), names.emplace_back());
    }
    if (kind == json::Kind::Array) return names;
  }
  return semantic("'project-by-names' operator: expected a constant name, pattern or array of names",
                  expression.span);
}

Result<Tabular> Binder::bind_project_by_names(const syntax::ProjectByNamesOp& op, Tabular input,
                                              const EnvironmentPtr& environment) {
  std::vector<PlanColumn> columns;
  std::set<ColumnId> taken;
  for (const syntax::ExprPtr& given : op.columns) {
    SPILLWAY_ASSIGN(const std::vector<std::string> names, given_names(*given, environment));
    for (const std::string& name : names) {
      for (const PlanColumn& column : input.columns) {
        if (matches_pattern(column.name, name) && taken.insert(column.id).second) columns.push_back(column);
      }
    }
  }
  input.columns = std::move(columns);
  return input;
}

Result<ExprPtr> Binder::bind_column_names_of(const syntax::CallExpr& call, ScalarScope& scope) {
  SPILLWAY_TRY(check_arguments(call, 1, 1));
  SPILLWAY_ASSIGN(const Tabular table, bind_tabular(*call.arguments[0].value, scope.environment));
  std::string names = "[";
  for (const PlanColumn& column : table.columns) {
    if (names.size() > 1) names += ',';
    json::quote(column.name, names);
  }
  return literal(Value::dynamic(names + "]"), call.span);
}

}  // namespace spillway::kql
