// reduce: texts that look alike.
#include "kql/binder_internal.h"
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

}  // namespace spillway::kql
