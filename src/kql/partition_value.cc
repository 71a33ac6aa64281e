#include "kql/partition_value.h"

#include <algorithm>

#include "kql/functions.h"

namespace spillway::kql {
namespace {

using catalog::Partition;

bool accepts(const Parameter& parameter, const Expr& argument) {
  using Kind = Parameter::Kind;
  switch (parameter.kind) {
    case Kind::Exact: return parameter.type == argument.type;
    case Kind::Constant: return parameter.type == argument.type && argument.kind == Expr::Kind::Literal;
    case Kind::AsString: return argument.type == Type::String;
    case Kind::AsDynamic: return argument.type == Type::Dynamic;
    case Kind::Any: return true;
    case Kind::Same: return true;
    case Kind::Numeric:
      return argument.type == Type::Int || argument.type == Type::Long || argument.type == Type::Real ||
             argument.type == Type::Decimal;
  }
  return false;
}

bool accepts(const ScalarOverload& overload, const std::vector<ExprPtr>& args) {
  if (overload.variadic || overload.parameters.size() != args.size()) return false;
  for (size_t i = 0; i < args.size(); ++i) {
    if (!accepts(overload.parameters[i], *args[i])) return false;
  }
  return true;
}

/// Of several overloads the one with the most definite parameters.
int definiteness(const ScalarOverload& overload) {
  return static_cast<int>(std::count_if(
      overload.parameters.begin(), overload.parameters.end(),
      [](const auto& p) { return p.kind == Parameter::Kind::Exact || p.kind == Parameter::Kind::Constant; }));
}

const ScalarOverload* overload_for(const char* function, const std::vector<ExprPtr>& args) {
  const ScalarFunction* found = FunctionTable::instance().scalar(function);
  const ScalarOverload* best = nullptr;
  if (!found) return best;
  for (const auto& overload : found->overloads) {
    if (accepts(*overload, args) && (!best || definiteness(*overload) > definiteness(*best))) {
      best = overload.get();
    }
  }
  return best;
}

}  // namespace

ExprPtr column_expression(ColumnId id, Type type) {
  auto expr = std::make_shared<Expr>();
  expr->kind = Expr::Kind::Column;
  expr->type = type;
  expr->column = id;
  return expr;
}

ExprPtr literal_expression(Value value) {
  auto expr = std::make_shared<Expr>();
  expr->kind = Expr::Kind::Literal;
  expr->type = value.type();
  expr->literal = std::move(value);
  return expr;
}

const char* partition_function(const Partition& partition) {
  switch (partition.kind) {
    case Partition::Kind::Bin: return "bin";
    case Partition::Kind::StartOfDay: return "startofday";
    case Partition::Kind::StartOfWeek: return "startofweek";
    case Partition::Kind::StartOfMonth: return "startofmonth";
    case Partition::Kind::StartOfYear: return "startofyear";
    case Partition::Kind::Hash: return "hash";
    case Partition::Kind::Column:
    case Partition::Kind::Virtual: break;
  }
  return "";
}

Result<ExprPtr> partition_value(const Partition& partition, ExprPtr column) {
  const char* const function = partition_function(partition);
  if (*function == '\0') return column;
  std::vector<ExprPtr> args{std::move(column)};
  if (partition.kind == Partition::Kind::Bin)
    args.push_back(literal_expression(Value::timespan(partition.argument)));
  if (partition.kind == Partition::Kind::Hash)
    args.push_back(literal_expression(Value::int64(partition.argument)));
  const ScalarOverload* overload = overload_for(function, args);
  if (!overload) {
    return Error(ErrorCode::NotSupported, "partition '" + partition.name + "': " + function +
                                              "() doesn't take column '" + partition.column + "' of type " +
                                              kql_name(args[0]->type));
  }
  auto expr = std::make_shared<Expr>();
  expr->kind = Expr::Kind::Call;
  expr->type = partition.type;
  expr->function = overload;
  expr->args = std::move(args);
  return ExprPtr(expr);
}

}  // namespace spillway::kql
