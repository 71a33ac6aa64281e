// reduce and project-by-names.
#include <algorithm>

#include "kql/binder_internal.h"
#include "kql/json.h"
#include "kql/operators/reduce.h"

namespace spillway::kql {

namespace {
constexpr double kDefaultThreshold = 0.1;
}

/// Source: query/reduce-operator.md.
Result<Tabular> Binder::bind_reduce(const syntax::ReduceOp& op, Tabular input,
                                    const EnvironmentPtr& environment) {
  if (const syntax::Property* kind = syntax::find_property(op.parameters, "kind")) {
    return not_supported("reduce kind=" + kind->text() + " is not supported", kind->span);
  }
  double threshold = kDefaultThreshold;
  std::string separators;
  for (const syntax::NamedExpr& option : op.with) {
    const std::string name = option.names.empty() ? "" : option.names[0].text;
    const bool is_threshold = name == "threshold";
    if (!is_threshold && name != "characters") {
      return semantic("'reduce' operator: its options are threshold and characters", option.span);
    }
    SPILLWAY_ASSIGN(const ExprPtr value,
                    bind_constant(*option.value, environment, is_threshold ? Type::Real : Type::String,
                                  "reduce's " + name));
    if (value->kind != Expr::Kind::Literal || value->literal.is_null()) {
      return semantic("'reduce' operator: " + name + " must be a literal", option.span);
    }
    if (!is_threshold) {
      separators = value->literal.as_text();
      continue;
    }
    threshold = value->literal.as_real();
    if (!(threshold >= 0 && threshold <= 1)) {
      return semantic("'reduce' operator: the threshold is a number between 0 and 1", option.span);
    }
  }
  ScalarScope scope(environment);
  scope.input = &input;
  scope.where = "reduce";
  SPILLWAY_ASSIGN(ExprPtr text, bind_output(op.by, scope));
  if (text->type != Type::String) {
    SPILLWAY_ASSIGN(text, call("tostring", {std::move(text)}, op.by.span));
  }
  if (input.group) {
    return not_supported("The operator 'reduce' is not supported in a subquery of mv-apply or partition",
                         op.keyword);
  }
  const Tabular texts =
      add_project(std::move(input), {{new_column("text", Type::String), std::move(text)}}, op.span);
  Tabular table = add_native({texts.rel}, std::make_shared<Reduce>(threshold, std::move(separators)),
                             {new_column("Pattern", Type::String), new_column("Count", Type::Long),
                              new_column("Representative", Type::String)},
                             true, op.span);
  std::static_pointer_cast<Native>(table.rel)->holds_input = true;
  return table;
}

/// The names that an argument of project-by-names gives: a text, an array of texts, column_names_of(T).
Result<std::vector<std::string>> Binder::names_given(const syntax::Expr& expression,
                                                     const EnvironmentPtr& environment) {
  std::vector<std::string> names;
  if (const auto* name = expression.try_as<syntax::NameExpr>(); name && !environment->find(name->name.text)) {
    names.push_back(name->name.text);
    return names;
  }
  ScalarScope scope(environment);
  scope.where = "project-by-names";
  SPILLWAY_ASSIGN(const ExprPtr value, bind_scalar(expression, scope));
  if (value->kind != Expr::Kind::Literal || (value->type != Type::String && value->type != Type::Dynamic)) {
    return semantic("'project-by-names' operator: expected constant names or an array of names",
                    expression.span);
  }
  if (value->literal.is_null()) return names;
  if (value->type == Type::String) {
    names.push_back(value->literal.as_text());
    return names;
  }
  const std::string& text = value->literal.as_text();
  const auto add = [&](std::string_view element) {
    if (json::kind_of(element) == json::Kind::String) json::unquote(element, names.emplace_back());
  };
  if (json::kind_of(text) != json::Kind::Array) add(text);
  for (json::Cursor cursor(text); cursor.next();) add(cursor.value());
  return names;
}

/// Source: query/project-by-names-operator.md. Names that no column has are passed over.
Result<Tabular> Binder::bind_project_by_names(const syntax::ProjectByNamesOp& op, Tabular input,
                                              const EnvironmentPtr& environment) {
  std::vector<size_t> kept;
  for (const syntax::ExprPtr& given : op.columns) {
    SPILLWAY_ASSIGN(const std::vector<std::string> names, names_given(*given, environment));
    for (const std::string& name : names) {
      for (size_t i = 0; i < input.columns.size(); ++i) {
        const bool known = std::find(kept.begin(), kept.end(), i) != kept.end();
        if (!known && matches_pattern(input.columns[i].name, name)) kept.push_back(i);
      }
    }
  }
  std::vector<PlanColumn> columns;
  for (const size_t i : kept) columns.push_back(input.columns[i]);
  input.columns = std::move(columns);
  return input;
}

/// column_names_of(T): the names of a table's columns. Source: query/column-names-of-function.md.
Result<ExprPtr> Binder::bind_column_names_of(const syntax::CallExpr& expression, ScalarScope& scope) {
  SPILLWAY_TRY(check_arguments(expression, 1, 1));
  SPILLWAY_ASSIGN(const Tabular table, bind_tabular(*expression.arguments[0].value, scope.environment));
  std::string names = "[";
  for (const PlanColumn& column : table.columns) {
    if (names.size() > 1) names += ',';
    json::quote(column.name, names);
  }
  return literal(Value::dynamic(names + "]"), expression.span);
}

}  // namespace spillway::kql
