// Window functions: each call becomes a column of a native operator below the operator that it stands in.
#include <algorithm>

#include "kql/binder_internal.h"
#include "kql/operators/row_sequence.h"

namespace spillway::kql {

/// What computes the window functions of one operator: several calls share it, where none is an argument of
/// another.
struct WindowStage {
  std::shared_ptr<Project> arguments;
  std::shared_ptr<Native> node;
  std::shared_ptr<RowSequence> functions;
};

namespace {

using Kind = RowFunction::Kind;

struct WindowFunction {
  Kind kind;
  size_t least, most;             // arguments
  std::optional<size_t> restart;  // which of them says where it starts anew
};

const std::map<std::string_view, WindowFunction>& window_functions() {
  static const std::map<std::string_view, WindowFunction> kFunctions = {
      {"prev", {Kind::Prev, 1, 3, {}}},
      {"next", {Kind::Next, 1, 3, {}}},
      {"row_number", {Kind::Number, 0, 2, 1}},
      {"row_cumsum", {Kind::CumulativeSum, 1, 2, 1}},
      {"row_rank_dense", {Kind::RankDense, 1, 2, 1}},
      {"row_rank_min", {Kind::RankMin, 1, 2, 1}},
      {"row_window_session", {Kind::Session, 3, 4, 3}},
  };
  return kFunctions;
}

/// Whether an expression names a column that `node` makes itself.
bool uses_results(const Expr& expression, const Native& node, size_t results) {
  if (expression.kind == Expr::Kind::Column) {
    return std::any_of(node.columns.begin(), node.columns.begin() + static_cast<std::ptrdiff_t>(results),
                       [&](const PlanColumn& column) { return column.id == expression.column; });
  }
  return std::any_of(expression.args.begin(), expression.args.end(),
                     [&](const ExprPtr& argument) { return uses_results(*argument, node, results); });
}

}  // namespace

bool Binder::is_window_function(std::string_view name) {
  return window_functions().contains(name);
}

bool Binder::serializes(syntax::OperatorKind kind, bool input_is_serialized) {
  using syntax::OperatorKind;
  switch (kind) {
    case OperatorKind::GetSchema:
    case OperatorKind::Range:
    case OperatorKind::Serialize:
    case OperatorKind::Sort:
    case OperatorKind::Top:
    case OperatorKind::TopHitters: return true;
    case OperatorKind::Count:
    case OperatorKind::Distinct:
    case OperatorKind::Evaluate:
    case OperatorKind::Facet:
    case OperatorKind::Join:
    case OperatorKind::Lookup:
    case OperatorKind::MakeSeries:
    case OperatorKind::Print:
    case OperatorKind::Reduce:
    case OperatorKind::Sample:
    case OperatorKind::SampleDistinct:
    case OperatorKind::Summarize:
    case OperatorKind::TopNested:
    case OperatorKind::Union: return false;
    default: return input_is_serialized;
  }
}

Result<ExprPtr> Binder::bind_window_call(const syntax::CallExpr& expression, ScalarScope& scope) {
  const std::string& name = expression.name.text;
  const WindowFunction& known = window_functions().find(name)->second;
  SPILLWAY_TRY(check_arguments(expression, known.least, known.most));
  if (!scope.input || !scope.input->rel || scope.aggregates) {
    return semantic("Function '" + name + "' can't be used here: it works on the rows of a serialized table",
                    expression.span);
  }
  if (!scope.input->serialized) {
    return semantic("Function '" + name +
                        "' cannot be invoked in the current context: the row set must be serialized "
                        "(by sort, top, range or serialize)",
                    expression.span);
  }
  RowFunction function;
  function.kind = known.kind;
  std::vector<ExprPtr> arguments;
  for (size_t i = 0; i < expression.arguments.size(); ++i) {
    SPILLWAY_ASSIGN(ExprPtr argument, bind_scalar(*expression.arguments[i].value, scope));
    if (known.restart == i) {
      SPILLWAY_ASSIGN(argument, to_predicate(std::move(argument), expression.span, name));
    }
    arguments.push_back(std::move(argument));
  }
  SPILLWAY_TRY(check_window_arguments(name, function, arguments, expression.span));
  if (scope.input->group) {
    if (known.restart && arguments.size() > *known.restart) {
      return not_supported(
          name + "() that starts anew is not supported in a subquery of mv-apply or partition",
          expression.span);
    }
    return group_window(function, arguments, scope, expression.span);
  }
  return add_window_function(std::move(function), arguments, known.restart, scope, expression.span);
}

Status Binder::check_window_arguments(const std::string& name, RowFunction& function,
                                      std::vector<ExprPtr>& arguments, TextSpan span) {
  const auto converted = [&](size_t i, Type type) -> Status {
    if (!converts_implicitly(arguments[i]->type, type)) {
      return semantic(name + "(): argument " + std::to_string(i + 1) + " must be of type " + kql_name(type) +
                          ", not " + kql_name(arguments[i]->type),
                      arguments[i]->span);
    }
    SPILLWAY_ASSIGN(arguments[i], convert(arguments[i], type));
    return Status();
  };
  switch (function.kind) {
    case Kind::Prev:
    case Kind::Next: break;
    case Kind::Number: return arguments.empty() ? Status() : converted(0, Type::Long);
    case Kind::CumulativeSum:
      function.type = arguments[0]->type;
      if (function.type == Type::Int || function.type == Type::Long || function.type == Type::Real)
        return Status();
      return semantic(name + "(): takes an int, a long or a real, not " + kql_name(function.type),
                      arguments[0]->span);
    case Kind::RankDense:
    case Kind::RankMin:
      if (arguments[0]->type != Type::Dynamic) return Status();
      return semantic(name + "(): a dynamic value has no rank; convert it with tostring(), tolong() …",
                      arguments[0]->span);
    case Kind::Session:
      function.type = Type::DateTime;
      SPILLWAY_TRY(converted(0, Type::DateTime));
      SPILLWAY_TRY(converted(1, Type::TimeSpan));
      return converted(2, Type::TimeSpan);
  }
  function.type = arguments[0]->type;
  function.fallback = Value::null(function.type);
  if (arguments.size() > 1) {
    SPILLWAY_TRY(converted(1, Type::Long));
    const Expr& offset = *arguments[1];
    if (offset.kind != Expr::Kind::Literal || offset.literal.is_null() || offset.literal.as_int() < 0) {
      return semantic(name + "(): the offset must be a constant that isn't negative", offset.span);
    }
    function.offset = static_cast<size_t>(offset.literal.as_int());
  }
  if (arguments.size() > 2) {
    SPILLWAY_TRY(converted(2, function.type));
    if (arguments[2]->kind != Expr::Kind::Literal)
      return semantic(name + "(): the default value must be a constant", span);
    function.fallback = arguments[2]->literal;
  }
  arguments.resize(1);
  return Status();
}

ExprPtr Binder::add_window_function(RowFunction function, const std::vector<ExprPtr>& arguments,
                                    std::optional<size_t> restart, ScalarScope& scope, TextSpan span) {
  std::shared_ptr<WindowStage>& stage = scope.window;
  const bool shares = stage && scope.input->rel == stage->node &&
                      std::none_of(arguments.begin(), arguments.end(), [&](const ExprPtr& argument) {
                        return uses_results(*argument, *stage->node, stage->functions->functions.size());
                      });
  if (!shares) {
    stage = std::make_shared<WindowStage>();
    stage->arguments = std::make_shared<Project>();
    for (const PlanColumn& column : scope.input->rel->columns) {
      stage->arguments->columns.push_back(column);
      stage->arguments->expressions.push_back(column_reference(column, span));
    }
    stage->functions = std::make_shared<RowSequence>();
    stage->node = std::make_shared<Native>();
    stage->node->columns = scope.input->rel->columns;
    stage->node->maker = stage->functions;
    stage->node->ordered = true;
    *scope.input = add_node(std::move(*scope.input), stage->arguments, span);
    *scope.input = add_node(std::move(*scope.input), stage->node, span);
  }
  Project& project = *stage->arguments;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const size_t place = stage->functions->arguments++;
    if (restart == i) {
      function.restart = place;
    } else {
      function.arguments.push_back(place);
    }
    const auto at = static_cast<std::ptrdiff_t>(place);
    project.columns.insert(project.columns.begin() + at, new_column("argument", arguments[i]->type));
    project.expressions.insert(project.expressions.begin() + at, arguments[i]);
  }
  const PlanColumn result = new_column("window", function.type);
  const auto at = static_cast<std::ptrdiff_t>(stage->functions->functions.size());
  stage->node->columns.insert(stage->node->columns.begin() + at, result);
  stage->functions->functions.push_back(std::move(function));
  return column_reference(result, span);
}

}  // namespace spillway::kql
