#include "kql/row_evaluator.h"

#include <algorithm>

#include "kql/constant_fold.h"
#include "kql/functions.h"

namespace spillway::kql {
namespace {

/// -1, 0, 1; nullopt where the type has no order here. NaN is the greatest real, as in SQL.
std::optional<int> compare(const Value& a, const Value& b) {
  if (a.type() != b.type()) return std::nullopt;
  const auto three_way = [](const auto& x, const auto& y) { return x < y ? -1 : y < x ? 1 : 0; };
  switch (a.type()) {
    case Type::Bool: return three_way(a.as_bool(), b.as_bool());
    case Type::Int:
    case Type::Long:
    case Type::DateTime:
    case Type::TimeSpan: return three_way(a.as_int(), b.as_int());
    case Type::Real: {
      const bool x = a.as_real() != a.as_real(), y = b.as_real() != b.as_real();
      return x || y ? three_way(x, y) : three_way(a.as_real(), b.as_real());
    }
    case Type::String: return three_way(a.as_text(), b.as_text());
    case Type::Guid: return three_way(a.as_guid(), b.as_guid());
    default: return std::nullopt;
  }
}

using Arguments = std::vector<Value>;
using Handler = std::optional<Value> (*)(const Arguments&);

/// Of two operands that aren't null.
template <typename Test>
std::optional<Value> compared(const Arguments& arguments, Test test) {
  if (arguments[0].is_null() || arguments[1].is_null()) return Value::null(Type::Bool);
  const std::optional<int> order = compare(arguments[0], arguments[1]);
  if (!order) return std::nullopt;
  return Value::boolean(test(*order));
}

/// Equality that knows null.
std::optional<bool> same(const Value& a, const Value& b) {
  if (a.is_null() || b.is_null()) return a.is_null() == b.is_null();
  const std::optional<int> order = compare(a, b);
  if (!order) return std::nullopt;
  return *order == 0;
}

template <typename Operation>
std::optional<Value> real(const Arguments& arguments, Operation operation) {
  if (arguments[0].type() != Type::Real) return std::nullopt;
  for (const Value& argument : arguments) {
    if (argument.is_null()) return Value::null(Type::Real);
  }
  return Value::real(operation(arguments[0].as_real(), arguments.back().as_real()));
}

std::optional<Value> is_empty(const Arguments& arguments) {
  const Value& value = arguments[0];
  return Value::boolean(value.type() == Type::String ? value.is_null() || value.as_text().empty()
                                                     : value.is_null());
}

std::optional<Value> is_in(const Arguments& arguments) {
  for (size_t i = 1; i < arguments.size(); ++i) {
    const std::optional<bool> equal = same(arguments[0], arguments[i]);
    if (!equal) return std::nullopt;
    if (*equal && !arguments[0].is_null()) return Value::boolean(true);
  }
  return Value::boolean(false);
}

std::optional<Value> negated(std::optional<Value> value) {
  if (!value || value->is_null()) return value;
  return Value::boolean(!value->as_bool());
}

std::optional<Value> is_between(const Arguments& arguments) {
  for (const Value& argument : arguments) {
    if (argument.is_null()) return Value::null(Type::Bool);
  }
  const std::optional<int> low = compare(arguments[1], arguments[0]),
                           high = compare(arguments[0], arguments[2]);
  if (!low || !high) return std::nullopt;
  return Value::boolean(*low <= 0 && *high <= 0);
}

template <int kSign>
std::optional<Value> extreme(const Arguments& arguments) {
  const Value* best = nullptr;
  for (const Value& argument : arguments) {
    if (argument.is_null()) continue;
    const std::optional<int> order = best ? compare(argument, *best) : 0;
    if (!order) return std::nullopt;
    if (!best || *order * kSign > 0) best = &argument;
  }
  return best ? *best : arguments[0];
}

std::optional<Value> coalesce(const Arguments& arguments) {
  for (const Value& argument : arguments) {
    if (!argument.is_null()) return argument;
  }
  return arguments.back();
}

/// Functions whose lowering is SQL. nullopt from a handler: not for these types.
const std::map<std::string_view, Handler>& handlers() {
  static const std::map<std::string_view, Handler> kHandlers = {
      {"==", [](const Arguments& a) { return compared(a, [](int o) { return o == 0; }); }},
      {"<", [](const Arguments& a) { return compared(a, [](int o) { return o < 0; }); }},
      {"<=", [](const Arguments& a) { return compared(a, [](int o) { return o <= 0; }); }},
      {">", [](const Arguments& a) { return compared(a, [](int o) { return o > 0; }); }},
      {">=", [](const Arguments& a) { return compared(a, [](int o) { return o >= 0; }); }},
      {"== known",
       [](const Arguments& a) -> std::optional<Value> {
         const std::optional<bool> equal = same(a[0], a[1]);
         return equal ? std::optional<Value>(Value::boolean(*equal)) : std::nullopt;
       }},
      {"!=",
       [](const Arguments& a) -> std::optional<Value> {
         const std::optional<bool> equal = same(a[0], a[1]);
         return equal ? std::optional<Value>(Value::boolean(!*equal)) : std::nullopt;
       }},
      {"between", is_between},
      {"!between", [](const Arguments& a) { return negated(is_between(a)); }},
      {"in", is_in},
      {"in known", is_in},
      {"!in", [](const Arguments& a) { return negated(is_in(a)); }},
      {"isnull", [](const Arguments& a) { return std::optional<Value>(Value::boolean(a[0].is_null())); }},
      {"isnotnull", [](const Arguments& a) { return std::optional<Value>(Value::boolean(!a[0].is_null())); }},
      {"isempty", is_empty},
      {"isnotempty", [](const Arguments& a) { return negated(is_empty(a)); }},
      {"coalesce", coalesce},
      {"max_of", extreme<1>},
      {"min_of", extreme<-1>},
      {"+", [](const Arguments& a) { return real(a, [](double x, double y) { return x + y; }); }},
      {"-", [](const Arguments& a) { return real(a, [](double x, double y) { return x - y; }); }},
      {"*", [](const Arguments& a) { return real(a, [](double x, double y) { return x * y; }); }},
      {"/", [](const Arguments& a) { return real(a, [](double x, double y) { return x / y; }); }},
      {"negate", [](const Arguments& a) { return real(a, [](double x, double) { return -x; }); }},
      {"not",
       [](const Arguments& a) -> std::optional<Value> {
         return a[0].is_null() ? a[0] : Value::boolean(!a[0].as_bool());
       }},
  };
  return kHandlers;
}

}  // namespace

Result<Value> RowEvaluator::evaluate(const Expr& expression, const RowValues& row) {
  switch (expression.kind) {
    case Expr::Kind::Column: return row.value(expression.column);
    case Expr::Kind::Literal:
      return expression.literal.is_null() ? Value::null(expression.type) : expression.literal;
    case Expr::Kind::Call: return call(expression, row);
    default:
      return Error(ErrorCode::NotSupported, "a subquery can't depend on the rows before", expression.span);
  }
}

Result<bool> RowEvaluator::is_true(const Expr& predicate, const RowValues& row) {
  SPILLWAY_ASSIGN(const Value value, evaluate(predicate, row));
  return !value.is_null() && value.as_bool();
}

Result<Value> RowEvaluator::call(const Expr& expression, const RowValues& row) {
  const std::string& name = expression.function->function->name;
  if (name == "and" || name == "or") return logic(expression, row);
  if ((name == "iff" || name == "iif") && expression.args.size() == 3) {
    SPILLWAY_ASSIGN(const bool yes, is_true(*expression.args[0], row));
    return evaluate(*expression.args[yes ? 1 : 2], row);
  }
  std::vector<Value> arguments;
  for (const ExprPtr& argument : expression.args) {
    SPILLWAY_ASSIGN(Value value, evaluate(*argument, row));
    arguments.push_back(std::move(value));
  }
  if (expression.function->lowering.native) {
    if (auto value = kql::evaluate(*expression.function, arguments, expression.type))
      return *std::move(value);
  } else if (const auto handler = handlers().find(name); handler != handlers().end()) {
    if (auto value = handler->second(arguments)) return *std::move(value);
  }
  return call_engine(expression, arguments);
}

Result<Value> RowEvaluator::logic(const Expr& expression, const RowValues& row) {
  const bool decisive = expression.function->function->name == "or";
  bool unknown = false;
  for (const ExprPtr& argument : expression.args) {
    SPILLWAY_ASSIGN(const Value value, evaluate(*argument, row));
    if (value.is_null()) {
      unknown = true;
    } else if (value.as_bool() == decisive) {
      return Value::boolean(decisive);
    }
  }
  return unknown ? Value::null(Type::Bool) : Value::boolean(!decisive);
}

Result<Value> RowEvaluator::call_engine(const Expr& expression, const std::vector<Value>& arguments) {
  std::unique_ptr<EngineFunction>& function = engine_functions_[&expression];
  if (!function) {
    SPILLWAY_ASSIGN(function, context_.function(expression));
  }
  return function->call(arguments);
}

}  // namespace spillway::kql
