// Calls: overloads, conversions, and the functions that only the binder knows.
#include <algorithm>
#include <charconv>

#include "kql/binder_internal.h"
#include "kql/constant_fold.h"
#include "kql/functions/decimal.h"
#include "kql/syntax/parser.h"

namespace spillway::kql {
namespace {

/// How far an implicit conversion goes; nullopt where there is none. The overload with the smallest sum is
/// taken.
std::optional<int> conversion_cost(Type from, Type to) {
  if (from == to) return 0;
  if (from == Type::Dynamic) {
    switch (to) {
      case Type::Long: return 20;
      case Type::Real: return 21;
      case Type::String: return 25;
      default: return 30;
    }
  }
  if (!is_numeric(from) || !is_numeric(to)) return std::nullopt;
  if (from == Type::Int) return to == Type::Long ? 1 : to == Type::Real ? 3 : 5;
  if (from == Type::Long) return to == Type::Real ? 2 : to == Type::Decimal ? 4 : 15;
  if (from == Type::Real && to == Type::Decimal) return 4;
  if (from == Type::Decimal && to == Type::Real) return 10;
  return std::nullopt;
}

}  // namespace

bool is_constant(const Expr& expression) {
  if (expression.kind == Expr::Kind::Column) return false;
  return std::all_of(expression.args.begin(), expression.args.end(),
                     [](const ExprPtr& argument) { return is_constant(*argument); });
}

bool converts_implicitly(Type from, Type to) {
  return conversion_cost(from, to).has_value();
}

namespace {

std::optional<int> parameter_cost(const Parameter& parameter, Type argument) {
  switch (parameter.kind) {
    case Parameter::Kind::Exact:
    case Parameter::Kind::Constant: return conversion_cost(argument, parameter.type);
    case Parameter::Kind::Any:
    case Parameter::Kind::Same: return 1;
    case Parameter::Kind::AsString:
    case Parameter::Kind::AsDynamic: return argument == parameter.type ? 0 : 1;
    case Parameter::Kind::Numeric:
      return is_numeric(argument)        ? std::optional<int>(0)
             : argument == Type::Dynamic ? std::optional<int>(20)
                                         : std::nullopt;
  }
  return std::nullopt;
}

const Parameter& parameter_at(const std::vector<Parameter>& parameters, size_t index) {
  return parameters[std::min(index, parameters.size() - 1)];
}

template <typename Overload>
bool takes_count(const Overload& overload, size_t count) {
  if (overload.variadic) return count >= static_cast<size_t>(overload.required);
  return count == overload.parameters.size();
}

/// The sum of the conversions' costs, with the common type of `Same` parameters; nullopt where an argument
/// doesn't fit.
template <typename Overload>
std::optional<int> overload_cost(const Overload& overload, const std::vector<ExprPtr>& arguments) {
  if (!takes_count(overload, arguments.size())) return std::nullopt;
  const bool dynamic_wins = overload.result.kind == ResultType::Kind::CommonOfArguments;
  std::optional<Type> common;
  int sum = 0;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const Parameter& parameter = parameter_at(overload.parameters, i);
    const std::optional<int> cost = parameter_cost(parameter, arguments[i]->type);
    if (!cost) return std::nullopt;
    sum += *cost;
    if (parameter.kind != Parameter::Kind::Same) continue;
    common = common ? common_type_of(*common, arguments[i]->type, dynamic_wins) : arguments[i]->type;
    if (!common) return std::nullopt;
  }
  return sum;
}

bool fits_count(const AggregateFunction& function, size_t count) {
  return std::any_of(function.overloads.begin(), function.overloads.end(),
                     [&](const auto& overload) { return takes_count(*overload, count); });
}

bool is_word(std::string_view name) {
  return !name.empty() && (std::isalpha(static_cast<unsigned char>(name[0])) || name[0] == '_');
}

std::string types_of(const std::vector<ExprPtr>& arguments) {
  std::string text;
  for (const ExprPtr& argument : arguments) {
    if (!text.empty()) text += ", ";
    text += kql_name(argument->type);
  }
  return text;
}

bool is_comparison(std::string_view name) {
  return name == "<" || name == "<=" || name == ">" || name == ">=" || name == "between" ||
         name == "!between";
}

Error no_overload(std::string_view name, const std::vector<ExprPtr>& arguments, bool count_fits,
                  TextSpan span) {
  std::string message;
  if (is_comparison(name) && arguments.size() >= 2) {
    message = "Cannot compare values of types " + types_of(arguments) + ". Try adding explicit casts";
  } else if (!is_word(name) || name == "has" || name == "and" || name == "or") {
    message = "Operator '" + std::string(name) + "' takes no operands of types (" + types_of(arguments) + ")";
  } else if (!count_fits) {
    message = std::string(name) + "(): does not take " + std::to_string(arguments.size()) + " arguments";
  } else {
    message = std::string(name) + "(): takes no arguments of types (" + types_of(arguments) + ")";
  }
  return Error(ErrorCode::Semantic, std::move(message), span);
}

/// Numbers among each other, so that a literal stays one. nullopt where the conversion isn't such.
std::optional<Value> convert_number(const Value& value, Type to) {
  if (value.is_null()) return Value::null(to);
  const Type from = value.type();
  if (!is_numeric(from) || !is_numeric(to)) return std::nullopt;
  if (to == Type::Decimal) {
    const std::optional<DecimalNumber> number = DecimalNumber::parse(value.str());
    return number ? Value::decimal(number->str()) : Value::null(to);
  }
  if (from == Type::Decimal) return std::nullopt;
  if (to == Type::Real && from != Type::Real) return Value::real(static_cast<double>(value.as_int()));
  if (from == Type::Real) return std::nullopt;
  if (to == Type::Long) return Value::int64(value.as_int());
  if (value.as_int() < INT32_MIN || value.as_int() > INT32_MAX) return Value::null(Type::Int);
  return Value::int32(static_cast<int32_t>(value.as_int()));
}

const char* conversion_to(Type type) {
  switch (type) {
    case Type::Bool: return "tobool";
    case Type::Int: return "toint";
    case Type::Long: return "tolong";
    case Type::Real: return "toreal";
    case Type::Decimal: return "todecimal";
    case Type::String: return "tostring";
    case Type::DateTime: return "todatetime";
    case Type::TimeSpan: return "totimespan";
    case Type::Guid: return "toguid";
    case Type::Dynamic: return "as dynamic";
  }
  return "tostring";
}

}  // namespace

Result<ExprPtr> Binder::make_call(const ScalarOverload& overload, std::vector<ExprPtr> arguments, Type type,
                                  TextSpan span) {
  bool constant = !overload.lowering.is_volatile;
  auto expression = std::make_shared<Expr>();
  uint64_t nodes = 1;
  for (const ExprPtr& argument : arguments) {
    nodes += argument->nodes;
    // A chain of one and the same addition is as good as flat.
    const bool flat =
        argument == arguments.front() && argument->function == &overload && overload.function->name == "+";
    expression->depth = std::max(expression->depth, argument->depth + (flat ? 0 : 1));
    constant = constant && argument->kind == Expr::Kind::Literal;
  }
  if (nodes > kMaxExpressionNodes || expression->depth > kMaxPlanExpressionDepth) {
    return Error(
        ErrorCode::LimitExceeded,
        nodes > kMaxExpressionNodes
            ? "An expression has more than " + std::to_string(kMaxExpressionNodes) + " parts"
            : "An expression is nested more than " + std::to_string(kMaxPlanExpressionDepth) + " levels deep",
        span);
  }
  if (constant) {
    std::vector<Value> values;
    for (const ExprPtr& argument : arguments) values.push_back(argument->literal);
    if (std::optional<Value> value = evaluate(overload, values, type))
      return literal(*std::move(value), span);
  }
  expression->kind = Expr::Kind::Call;
  expression->type = type;
  expression->span = span;
  expression->function = &overload;
  expression->nodes = static_cast<uint32_t>(nodes);
  expression->args = std::move(arguments);
  return ExprPtr(expression);
}

Result<ExprPtr> Binder::convert(ExprPtr expression, Type type) {
  if (expression->type == type) return expression;
  if (expression->kind == Expr::Kind::Literal) {
    if (std::optional<Value> value = convert_number(expression->literal, type)) {
      return literal(*std::move(value), expression->span);
    }
  }
  const ScalarFunction* function = FunctionTable::instance().scalar(conversion_to(type));
  for (const auto& overload : function->overloads) {
    if (overload->parameters.size() == 1 && overload->parameters[0].type == expression->type) {
      const TextSpan span = expression->span;
      return make_call(*overload, {std::move(expression)}, type, span);
    }
  }
  return semantic(std::string("A value of type ") + kql_name(expression->type) + " can't be converted to " +
                      kql_name(type),
                  expression->span);
}

Result<std::vector<ExprPtr>> Binder::convert_arguments(const std::vector<Parameter>& parameters,
                                                       bool to_dynamic, std::vector<ExprPtr> arguments,
                                                       std::optional<Type>& common) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (parameter_at(parameters, i).kind != Parameter::Kind::Same) continue;
    common = common ? common_type_of(*common, arguments[i]->type, to_dynamic) : arguments[i]->type;
  }
  // Where the values only meet (to_dynamic: they are also the result), an int may stay one.
  if (common && !to_dynamic) common = narrowest(*common, arguments);
  for (size_t i = 0; i < arguments.size(); ++i) {
    const Parameter& parameter = parameter_at(parameters, i);
    Type type = parameter.type;
    if (parameter.kind == Parameter::Kind::Any) continue;
    if (parameter.kind == Parameter::Kind::Same) type = *common;
    if (parameter.kind == Parameter::Kind::Numeric) {
      type = arguments[i]->type == Type::Dynamic ? Type::Real : arguments[i]->type;
    }
    SPILLWAY_ASSIGN(arguments[i], convert(std::move(arguments[i]), type));
  }
  return arguments;
}

Result<ExprPtr> Binder::call_overload(const ScalarOverload& overload, std::vector<ExprPtr> arguments,
                                      TextSpan span) {
  const bool to_dynamic = overload.result.kind == ResultType::Kind::CommonOfArguments;
  std::optional<Type> common;
  SPILLWAY_ASSIGN(arguments,
                  convert_arguments(overload.parameters, to_dynamic, std::move(arguments), common));
  Type type = overload.result.type;
  if (overload.result.kind == ResultType::Kind::SameAsArgument) {
    type = arguments[static_cast<size_t>(overload.result.argument)]->type;
  } else if (overload.result.kind == ResultType::Kind::CommonOfArguments) {
    type = *common;
  }
  return make_call(overload, std::move(arguments), type, span);
}

Result<ExprPtr> Binder::call(std::string_view name, std::vector<ExprPtr> arguments, TextSpan span) {
  const ScalarFunction* function = FunctionTable::instance().scalar(name);
  if (!function)
    return Error(ErrorCode::Internal, "Function '" + std::string(name) + "' is not declared", span);
  const ScalarOverload* best = nullptr;
  int least = 0;
  bool count_fits = false;
  for (const auto& overload : function->overloads) {
    count_fits = count_fits || takes_count(*overload, arguments.size());
    const std::optional<int> cost = overload_cost(*overload, arguments);
    if (cost && (!best || *cost < least)) {
      best = overload.get();
      least = *cost;
    }
  }
  if (!best) return no_overload(name, arguments, count_fits, span);
  SPILLWAY_TRY(check_constants(name, best->parameters, arguments));
  for (const auto& [index, check] : function->checks) {
    if (index >= arguments.size() || arguments[index]->kind != Expr::Kind::Literal) continue;
    const std::string problem = check(arguments[index]->literal);
    if (!problem.empty()) return semantic(std::string(name) + ": " + problem, arguments[index]->span);
  }
  return call_overload(*best, std::move(arguments), span);
}

Status Binder::check_constants(std::string_view function, const std::vector<Parameter>& parameters,
                               const std::vector<ExprPtr>& arguments) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (parameter_at(parameters, i).kind != Parameter::Kind::Constant || is_constant(*arguments[i])) continue;
    return semantic(std::string(function) + "(): argument " + std::to_string(i + 1) + " must be a constant",
                    arguments[i]->span);
  }
  return Status();
}

Result<ExprPtr> Binder::make_condition(ExprPtr condition, ExprPtr then, ExprPtr otherwise, TextSpan span) {
  return call("iff", {std::move(condition), std::move(then), std::move(otherwise)}, span);
}

Status Binder::check_arguments(const syntax::CallExpr& call, size_t least, size_t most) const {
  const size_t count = call.arguments.size();
  if (count >= least && count <= most) return Status();
  const std::string expected =
      least == most ? std::to_string(least) : std::to_string(least) + " to " + std::to_string(most);
  return semantic(call.name.text + "(): takes " + expected + " arguments, not " + std::to_string(count),
                  call.span);
}

Result<ExprPtr> Binder::bind_call(const syntax::CallExpr& call_expression, ScalarScope& scope) {
  const syntax::CallExpr& expression = call_expression;
  const std::string& name = expression.name.text;
  if (expression.scope) return bind_scoped_call(expression, scope);
  SPILLWAY_ASSIGN(const std::optional<FoundFunction> user,
                  find_function(name, scope.environment, expression.name.span));
  if (user) return bind_user_function(*user, expression, scope);
  if (scope.graph) {
    SPILLWAY_ASSIGN(std::optional<ExprPtr> shown, bind_graph_call(expression, scope));
    if (shown) return *std::move(shown);
  }
  SPILLWAY_ASSIGN(std::optional<ExprPtr> special, bind_special_call(expression, scope));
  if (special) return *std::move(special);
  const FunctionTable& table = FunctionTable::instance();
  const ScalarFunction* function = table.scalar(name);
  const AggregateFunction* aggregate =
      is_word(name) && name.find(' ') == std::string::npos ? table.aggregate(name) : nullptr;
  // hll_merge() and others are both: the aggregate takes one argument, the function several.
  const bool is_aggregate = aggregate && (!function || (scope.aggregates && !scope.aggregates->inside &&
                                                        fits_count(*aggregate, expression.arguments.size())));
  if (is_aggregate) return bind_aggregate(*aggregate, expression, scope);
  if (!function || function->overloads.empty() || name.find(' ') != std::string::npos) {
    const std::string near = table.nearest(name);
    return semantic("Unknown function: '" + name + "'" +
                        (near.empty() || near == name ? "" : "; did you mean '" + near + "'?"),
                    expression.name.span);
  }
  if (function->gives_columns()) {
    SPILLWAY_ASSIGN(const WideCall wide, bind_wide_call(*function, expression, scope));
    return column_of(wide, 0, expression.span);
  }
  std::vector<ExprPtr> arguments;
  for (const syntax::Argument& argument : expression.arguments) {
    SPILLWAY_ASSIGN(ExprPtr bound, bind_scalar(*argument.value, scope));
    arguments.push_back(std::move(bound));
  }
  return call(name, std::move(arguments), expression.span);
}

/// `database("D").f(x)`: a scalar function of another database.
Result<ExprPtr> Binder::bind_scoped_call(const syntax::CallExpr& expression, ScalarScope& scope) {
  SPILLWAY_ASSIGN(const std::optional<std::string> name, database_name(*expression.scope, scope.environment));
  if (!name) return semantic("Expected a scalar expression, not a table", expression.span);
  SPILLWAY_ASSIGN(const catalog::Database* database, database_of(*name, expression.scope->span));
  SPILLWAY_ASSIGN(const std::optional<FoundFunction> found,
                  find_stored_function(expression.name.text, *database, scope.environment, expression.span));
  if (found) return bind_user_function(*found, expression, scope);
  return Error(ErrorCode::EntityNotFound,
               "Function '" + expression.name.text + "' was not found in database '" + database->name + "'",
               expression.name.span);
}

Result<ExprPtr> Binder::bind_user_function(const FoundFunction& found, const syntax::CallExpr& expression,
                                           ScalarScope& scope) {
  const std::string& name = expression.name.text;
  if (function_is_tabular(*found.function, found.environment, 0)) {
    return semantic("Function '" + name + "' gives a table, where a scalar is expected", expression.span);
  }
  SPILLWAY_ASSIGN(const EnvironmentPtr body,
                  enter_function(*found.function, found.environment, name, expression.arguments,
                                 scope.environment, &scope, expression.span));
  ScalarScope inside(body);
  inside.where = scope.where;
  Result<ExprPtr> value = bind_scalar(*found.function->body.result, inside);
  leave_function();
  return value;
}

Result<std::optional<ExprPtr>> Binder::bind_special_call(const syntax::CallExpr& expression,
                                                         ScalarScope& scope) {
  using Handler = Result<ExprPtr> (Binder::*)(const syntax::CallExpr&, ScalarScope&);
  static const std::map<std::string_view, Handler> kHandlers = {
      {"now", &Binder::bind_now},
      {"ago", &Binder::bind_ago},
      {"case", &Binder::bind_case},
      {"ingestion_time", &Binder::bind_ingestion_time},
      {"cursor_after", &Binder::bind_cursor_predicate},
      {"cursor_before_or_at", &Binder::bind_cursor_predicate},
      {"column_ifexists", &Binder::bind_column_ifexists},
      {"columnifexists", &Binder::bind_column_ifexists},
      {"pack_all", &Binder::bind_pack_all},
      {"column_names_of", &Binder::bind_column_names_of},
      {"assert", &Binder::bind_assert},
      {"bin_auto", &Binder::bind_bin_auto},
      {"extract", &Binder::bind_typed_extract},
      {"extract_json", &Binder::bind_typed_extract},
      {"extractjson", &Binder::bind_typed_extract},
      {"percentile_tdigest", &Binder::bind_typed_extract},
      {"percentiles_array_tdigest", &Binder::bind_typed_extract},
      {"percentile_array_tdigest", &Binder::bind_typed_extract},
      {"current_database", &Binder::bind_context},
      {"current_cluster_endpoint", &Binder::bind_context},
      {"current_principal", &Binder::bind_context},
      {"current_principal_details", &Binder::bind_context},
      {"current_principal_is_member_of", &Binder::bind_member_of},
      {"extent_id", &Binder::bind_extent},
      {"extentid", &Binder::bind_extent},
      {"extent_tags", &Binder::bind_extent},
      {"estimate_data_size", &Binder::bind_data_size},
      {"bag_pack_columns", &Binder::bind_pack_columns},
      {"bag_pack", &Binder::bind_bag_pack},
      {"pack", &Binder::bind_bag_pack},
      {"pack_dictionary", &Binder::bind_bag_pack},
      {"pack_array", &Binder::bind_pack_array},
  };
  const std::string& name = expression.name.text;
  if (const auto handler = kHandlers.find(name); handler != kHandlers.end()) {
    SPILLWAY_ASSIGN(ExprPtr value, (this->*handler->second)(expression, scope));
    return std::optional<ExprPtr>(std::move(value));
  }
  if (is_window_function(name)) {
    SPILLWAY_ASSIGN(ExprPtr value, bind_window_call(expression, scope));
    return std::optional<ExprPtr>(std::move(value));
  }
  if (name == "cursor_current" || name == "current_cursor") {
    SPILLWAY_TRY(check_arguments(expression, 0, 0));
    return std::optional<ExprPtr>(literal(Value::string(std::to_string(result_.cursor)), expression.span));
  }
  return std::optional<ExprPtr>();
}

/// The condition is a constant, and is known once the query is bound.
Result<ExprPtr> Binder::bind_assert(const syntax::CallExpr& expression, ScalarScope& scope) {
  SPILLWAY_TRY(check_arguments(expression, 2, 2));
  SPILLWAY_ASSIGN(const ExprPtr condition, bind_predicate(*expression.arguments[0].value, scope));
  SPILLWAY_ASSIGN(const std::string message,
                  constant_text(*expression.arguments[1].value, scope.environment, "assert()'s message"));
  if (condition->kind != Expr::Kind::Literal) {
    return semantic("assert(): its condition must be a constant", expression.arguments[0].span);
  }
  if (options_.assertions_hold) return literal(Value::boolean(true), expression.span);
  if (condition->literal.is_null() || !condition->literal.as_bool()) {
    return semantic("assert() has failed with message: '" + message + "'", expression.span);
  }
  return condition;
}

std::optional<Value> Binder::option_value(const std::string& name) const {
  if (const auto set = set_values_.find(name); set != set_values_.end()) return set->second;
  const auto given = options_.properties.find(name);
  if (given == options_.properties.end()) return std::nullopt;
  const Result<syntax::ExprPtr> parsed = syntax::parse_expression(given->second);
  const auto* constant = parsed.ok() ? (*parsed)->try_as<syntax::LiteralExpr>() : nullptr;
  return constant ? std::optional(constant->value) : std::nullopt;
}

/// The bins' size and start are request properties: query/bin-auto-function.md.
Result<ExprPtr> Binder::bind_bin_auto(const syntax::CallExpr& expression, ScalarScope& scope) {
  SPILLWAY_TRY(check_arguments(expression, 1, 1));
  SPILLWAY_ASSIGN(ExprPtr value, bind_scalar(*expression.arguments[0].value, scope));
  const std::optional<Value> size = option_value("query_bin_auto_size");
  const std::optional<Value> start = option_value("query_bin_auto_at");
  if (!size) {
    return semantic("bin_auto(): the request property query_bin_auto_size is not set", expression.span);
  }
  std::vector<ExprPtr> arguments = {std::move(value), literal(*size, expression.span)};
  if (start) arguments.push_back(literal(*start, expression.span));
  return call(start ? "bin_at" : "bin", std::move(arguments), expression.span);
}

/// case(p1, v1, p2, v2, …, else). What constant predicates rule out is left out.
Result<ExprPtr> Binder::bind_case(const syntax::CallExpr& expression, ScalarScope& scope) {
  const size_t count = expression.arguments.size();
  if (count < 3 || count % 2 == 0) {
    return semantic("case(): takes pairs of a predicate and a value, and a last value for none of them",
                    expression.span);
  }
  std::vector<ExprPtr> parts;  // predicates and values in turn
  std::optional<Type> type;
  for (size_t i = 0; i < count; ++i) {
    SPILLWAY_ASSIGN(ExprPtr value, bind_scalar(*expression.arguments[i].value, scope));
    const bool predicate = i % 2 == 0 && i + 1 < count;
    if (predicate) {
      SPILLWAY_ASSIGN(value, to_predicate(std::move(value), expression.arguments[i].span, "case"));
    } else {
      type = type ? common_type_of(*type, value->type, true) : value->type;
      if (!type) {
        return semantic("case(): all its values must be of one type", expression.arguments[i].span);
      }
    }
    parts.push_back(std::move(value));
  }
  std::vector<ExprPtr> left;
  for (size_t i = 0; i < count; i += 2) {
    const Expr* predicate = i + 1 < count ? parts[i].get() : nullptr;
    const bool known = predicate && predicate->kind == Expr::Kind::Literal;
    const bool holds = known && !predicate->literal.is_null() && predicate->literal.as_bool();
    if (known && !holds) continue;
    if (predicate && !known) left.push_back(parts[i]);
    SPILLWAY_ASSIGN(ExprPtr value, convert(predicate ? parts[i + 1] : parts[i], *type));
    left.push_back(std::move(value));
    if (holds) break;
  }
  if (left.size() == 1) return left[0];
  const ScalarFunction& function = *FunctionTable::instance().scalar("case");
  return make_call(*function.overloads.front(), std::move(left), *type, expression.span);
}

Result<ExprPtr> Binder::bind_now(const syntax::CallExpr& expression, ScalarScope& scope) {
  SPILLWAY_TRY(check_arguments(expression, 0, 1));
  ExprPtr now = literal(Value::datetime(now_), expression.span);
  if (expression.arguments.empty()) return now;
  SPILLWAY_ASSIGN(ExprPtr offset, bind_scalar(*expression.arguments[0].value, scope));
  return call("+", {std::move(now), std::move(offset)}, expression.span);
}

Result<ExprPtr> Binder::bind_ago(const syntax::CallExpr& expression, ScalarScope& scope) {
  SPILLWAY_TRY(check_arguments(expression, 1, 1));
  SPILLWAY_ASSIGN(ExprPtr offset, bind_scalar(*expression.arguments[0].value, scope));
  if (offset->type != Type::TimeSpan && offset->type != Type::Dynamic) {
    return semantic(std::string("ago(): takes a timespan, not ") + kql_name(offset->type), expression.span);
  }
  SPILLWAY_ASSIGN(offset, convert(std::move(offset), Type::TimeSpan));
  return call("-", {literal(Value::datetime(now_), expression.span), std::move(offset)}, expression.span);
}

Result<ExprPtr> Binder::bind_ingestion_time(const syntax::CallExpr& expression, ScalarScope& scope) {
  SPILLWAY_TRY(check_arguments(expression, 0, 0));
  std::optional<ColumnId> id;
  SPILLWAY_ASSIGN(id, hidden_value(expression, scope, HiddenColumn::IngestionTime));
  if (!id) return literal(Value::null(Type::DateTime), expression.span);
  return column_reference(PlanColumn{*id, "$ingestion_time", Type::DateTime}, expression.span);
}

/// The cursor that a literal means: decimal digits; "" is before all; a datetime is as good, since cursors
/// follow the clock's ticks. nullopt where the expression is no literal.
Result<std::optional<catalog::Cursor>> Binder::cursor_literal(const Expr& expression) {
  if (expression.kind != Expr::Kind::Literal) return std::optional<catalog::Cursor>();
  const std::string& text = expression.literal.as_text();
  if (text.empty()) return std::optional<catalog::Cursor>(0);
  catalog::Cursor cursor = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), cursor);
  if (error == std::errc() && end == text.data() + text.size() && cursor >= 0) {
    return std::optional<catalog::Cursor>(cursor);
  }
  if (const std::optional<Ticks> ticks = parse_datetime(text)) return std::optional<catalog::Cursor>(*ticks);
  return semantic("'" + text + "' is not a database cursor", expression.span);
}

Result<ExprPtr> Binder::bind_cursor_predicate(const syntax::CallExpr& expression, ScalarScope& scope) {
  SPILLWAY_TRY(check_arguments(expression, 1, 1));
  const std::string& name = expression.name.text;
  SPILLWAY_ASSIGN(ExprPtr given, bind_scalar(*expression.arguments[0].value, scope));
  if (given->type == Type::Dynamic) {
    SPILLWAY_ASSIGN(given, convert(std::move(given), Type::String));
  }
  if (given->type != Type::String) {
    return semantic(name + "(): takes a cursor as a string, not " + kql_name(given->type), expression.span);
  }
  SPILLWAY_ASSIGN(const std::optional<catalog::Cursor> known, cursor_literal(*given));
  std::optional<ColumnId> id;
  SPILLWAY_ASSIGN(id, hidden_value(expression, scope, HiddenColumn::Cursor));
  if (!id) {
    return semantic(name + "(): stands only over the records of a table with the IngestionTime policy",
                    expression.span);
  }
  result_.uses_cursor = true;
  ExprPtr cursor = column_reference(PlanColumn{*id, "$cursor", Type::Long}, expression.span);
  ExprPtr bound;
  if (known) {
    bound = literal(Value::int64(*known), given->span);
  } else {
    SPILLWAY_ASSIGN(bound, convert(std::move(given), Type::Long));
    SPILLWAY_ASSIGN(bound,
                    call("coalesce", {bound, literal(Value::int64(0), expression.span)}, expression.span));
  }
  return call(name == "cursor_after" ? ">" : "<=", {std::move(cursor), std::move(bound)}, expression.span);
}

Result<ExprPtr> Binder::bind_column_ifexists(const syntax::CallExpr& expression, ScalarScope& scope) {
  SPILLWAY_TRY(check_arguments(expression, 2, 2));
  SPILLWAY_ASSIGN(const std::string name,
                  constant_text(*expression.arguments[0].value, scope.environment, "a column's name"));
  if (scope.input) {
    for (const PlanColumn& column : scope.input->columns) {
      if (column.name == name) return column_reference(column, expression.span);
    }
  }
  return bind_scalar(*expression.arguments[1].value, scope);
}

Result<ExprPtr> Binder::bind_pack_all(const syntax::CallExpr& expression, ScalarScope& scope) {
  SPILLWAY_TRY(check_arguments(expression, 0, 1));
  if (!scope.input) return semantic("pack_all() stands only over a table", expression.span);
  bool ignore_empty = false;
  if (!expression.arguments.empty()) {
    SPILLWAY_ASSIGN(const ExprPtr flag, bind_constant(*expression.arguments[0].value, scope.environment,
                                                      Type::Bool, "pack_all()'s argument"));
    ignore_empty = flag->kind == Expr::Kind::Literal && !flag->literal.is_null() && flag->literal.as_bool();
  }
  return pack_columns(scope.input->columns, ignore_empty ? "pack not empty" : "bag_pack", expression.span);
}

Result<ExprPtr> Binder::pack_columns(const std::vector<PlanColumn>& columns, std::string_view function,
                                     TextSpan span) {
  std::vector<ExprPtr> arguments;
  for (const PlanColumn& column : columns) {
    arguments.push_back(literal(Value::string(column.name), span));
    arguments.push_back(column_reference(column, span));
  }
  if (arguments.empty()) return literal(Value::dynamic("{}"), span);
  for (ExprPtr& argument : arguments) {
    SPILLWAY_ASSIGN(argument, convert(std::move(argument), Type::Dynamic));
  }
  return call(function, std::move(arguments), span);
}

Result<ExprPtr> Binder::bind_bag_pack(const syntax::CallExpr& expression, ScalarScope& scope) {
  const std::string& name = expression.name.text;
  if (expression.arguments.empty() || expression.arguments.size() % 2 != 0) {
    return semantic(name + "(): takes keys and values in turn, an even number of arguments", expression.span);
  }
  std::vector<ExprPtr> arguments;
  for (const syntax::Argument& argument : expression.arguments) {
    SPILLWAY_ASSIGN(ExprPtr bound, bind_scalar(*argument.value, scope));
    arguments.push_back(std::move(bound));
  }
  return call(name, std::move(arguments), expression.span);
}

/// pack_array(*) holds all columns.
Result<ExprPtr> Binder::bind_pack_array(const syntax::CallExpr& expression, ScalarScope& scope) {
  std::vector<ExprPtr> arguments;
  for (const syntax::Argument& argument : expression.arguments) {
    if (argument.value->kind != syntax::ExprKind::Star || !scope.input) {
      SPILLWAY_ASSIGN(ExprPtr bound, bind_scalar(*argument.value, scope));
      arguments.push_back(std::move(bound));
      continue;
    }
    for (const PlanColumn& column : scope.input->columns) {
      arguments.push_back(column_reference(column, argument.span));
    }
  }
  return call("pack_array", std::move(arguments), expression.span);
}

/// extract(…, typeof(T)): the text, converted.
Result<ExprPtr> Binder::bind_typed_extract(const syntax::CallExpr& expression, ScalarScope& scope) {
  std::vector<ExprPtr> arguments;
  std::optional<Type> type;
  for (const syntax::Argument& argument : expression.arguments) {
    if (const auto* literal_type = argument.value->try_as<syntax::TypeLiteralExpr>()) {
      type = literal_type->type;
      continue;
    }
    SPILLWAY_ASSIGN(ExprPtr bound, bind_scalar(*argument.value, scope));
    arguments.push_back(std::move(bound));
  }
  const std::string& name = expression.name.text;
  SPILLWAY_ASSIGN(ExprPtr text, call(name, std::move(arguments), expression.span));
  if (!type || *type == text->type) return text;
  if (*type == Type::Dynamic) return call("parse_json", {std::move(text)}, expression.span);
  return convert(std::move(text), *type);
}

}  // namespace spillway::kql
