// Scalar expressions and aggregates to SQL, by the function table: see lowering.h.
#include <algorithm>

#include "engine/lowering.h"
#include "engine/sql.h"

namespace spillway::engine {
namespace {

using kql::Expr;

/// A chain of additions longer than this is added up as a balanced tree.
constexpr size_t kLongSum = 32;

/// True for a function like "and", whose template lists all of its arguments around one operator: a nested
/// call of it can be written into its parent's list.
bool is_chain(const kql::ScalarOverload& function) {
  return function.variadic && function.lowering.sql.starts_with("({* ") &&
         function.lowering.sql.ends_with("})");
}

bool is_sum(const Expr& expr) {
  return expr.kind == Expr::Kind::Call && expr.args.size() == 2 && expr.function->function &&
         expr.function->function->name == "+";
}

/// True where SQL knows the expression by exactly its physical type.
bool has_exact_type(const Expr& expr) {
  if (expr.kind == Expr::Kind::Call) return expr.function->lowering.native != nullptr;
  return expr.kind == Expr::Kind::Column || expr.kind == Expr::Kind::Literal;
}

std::string cast(const std::string& sql, Type type) {
  return "CAST(" + sql + " AS " + sql_type(type) + ")";
}

}  // namespace

Result<std::string> Lowering::expression(const Expr& expr, const Scope& scope) {
  const Level level(expression_depth_);
  if (expression_depth_ > kMaxExpressionDepth) {
    return Error(ErrorCode::LimitExceeded,
                 "an expression nests deeper than " + std::to_string(kMaxExpressionDepth) + " levels",
                 expr.span);
  }
  switch (expr.kind) {
    case Expr::Kind::Column: {
      const auto column = scope.find(expr.column);
      if (column != scope.end()) return column->second;
      return Error(ErrorCode::Internal,
                   "the plan names column " + id_name(expr.column) + ", which isn't there", expr.span);
    }
    case Expr::Kind::Literal: return expr.literal.is_null() ? sql_null(expr.type) : sql_literal(expr.literal);
    case Expr::Kind::Call: return is_sum(expr) ? lower_sum(expr, scope) : lower_call(expr, scope);
    case Expr::Kind::ScalarSubquery: return lower_scalar_subquery(expr);
    case Expr::Kind::InSubquery: break;
  }
  return lower_in_subquery(expr, scope);
}

Result<std::string> Lowering::lower_call(const Expr& call, const Scope& scope) {
  SPILLWAY_ASSIGN(const std::vector<std::string> arguments, lower_arguments(call, scope));
  return call_of(call, arguments);
}

Result<std::vector<std::string>> Lowering::lower_arguments(const Expr& call, const Scope& scope) {
  std::vector<const Expr*> pending;
  std::vector<std::string> arguments;
  const bool chain = is_chain(*call.function);
  for (auto arg = call.args.rbegin(); arg != call.args.rend(); ++arg) pending.push_back(arg->get());
  while (!pending.empty()) {
    const Expr& arg = *pending.back();
    pending.pop_back();
    if (chain && arg.kind == Expr::Kind::Call && arg.function == call.function) {
      for (auto inner = arg.args.rbegin(); inner != arg.args.rend(); ++inner) pending.push_back(inner->get());
      continue;
    }
    SPILLWAY_ASSIGN(std::string sql, expression(arg, scope));
    if (call.function->lowering.native && !has_exact_type(arg)) sql = cast(sql, arg.type);
    arguments.push_back(std::move(sql));
  }
  return arguments;
}

Result<std::string> Lowering::call_of(const Expr& call, const std::vector<std::string>& arguments) {
  const kql::ScalarOverload& function = *call.function;
  std::string sql;
  if (function.lowering.native) {
    std::vector<Type> types;
    for (const kql::ExprPtr& arg : call.args) types.push_back(arg->type);
    SPILLWAY_ASSIGN(const std::string name,
                    context_.natives->name_of(function.lowering, types, call.type, function.function->name));
    sql = name + "(" + join_texts(arguments, ", ") + ")";
  } else {
    sql = "(" + kql::expand(function.lowering.sql, arguments) + ")";
  }
  const bool may_be_null = function.nulls == kql::NullRule::Propagate &&
                           std::any_of(call.args.begin(), call.args.end(),
                                       [](const kql::ExprPtr& arg) { return arg->type != Type::String; });
  if (call.type == Type::String && may_be_null) sql = "COALESCE(" + sql + ", '')";
  return sql;
}

Result<std::string> Lowering::lower_sum(const Expr& call, const Scope& scope) {
  // The terms of a long chain of one and the same addition, from its last to its first.
  std::vector<const Expr*> terms;
  const Expr* left = &call;
  while (is_sum(*left) && left->function == call.function && left->type == call.type) {
    terms.push_back(left->args[1].get());
    left = left->args[0].get();
  }
  if (terms.size() < kLongSum) return lower_call(call, scope);
  terms.push_back(left);
  std::reverse(terms.begin(), terms.end());
  std::vector<std::string> sums;
  for (const Expr* term : terms) {
    SPILLWAY_ASSIGN(std::string sql, expression(*term, scope));
    if (!has_exact_type(*term)) sql = cast(sql, term->type);
    sums.push_back(std::move(sql));
  }
  while (sums.size() > 1) {
    std::vector<std::string> halved;
    for (size_t i = 0; i + 1 < sums.size(); i += 2) {
      SPILLWAY_ASSIGN(std::string sum, call_of(call, {sums[i], sums[i + 1]}));
      halved.push_back(std::move(sum));
    }
    if (sums.size() % 2 == 1) halved.push_back(std::move(sums.back()));
    sums = std::move(halved);
  }
  return std::move(sums.front());
}

Result<std::string> Lowering::lower_scalar_subquery(const Expr& expr) {
  SPILLWAY_ASSIGN(const Block block, lower(*expr.subquery, {}));
  if (block.columns.empty()) {
    return Error(ErrorCode::Semantic, "toscalar(): the query has no column", expr.span);
  }
  const std::string sql = "(SELECT " + id_name(block.columns[0]) + " FROM (" + block.sql + ") AS i" +
                          order_by(block.order) + " LIMIT 1)";
  return expr.type == Type::String ? "COALESCE(" + sql + ", '')" : sql;
}

Result<std::string> Lowering::lower_in_subquery(const Expr& expr, const Scope& scope) {
  SPILLWAY_ASSIGN(const std::string value, expression(*expr.args[0], scope));
  SPILLWAY_ASSIGN(const Block block, lower(*expr.subquery, {}));
  if (block.columns.empty()) return Error(ErrorCode::Semantic, "in: the query has no column", expr.span);
  const std::string column = id_name(block.columns[0]), from = " FROM (" + block.sql + ") AS i";
  const std::string& name = expr.function->function->name;
  const bool negated = name.starts_with('!');
  const std::string operation = name.substr(negated ? 1 : 0);
  if (operation != "in" &&
      operation != "in~") {  // of a list: has_any and the like take it as a dynamic array
    return call_of(
        expr, {value, "(SELECT CAST(to_json(COALESCE(list(" + column + "), [])) AS VARCHAR)" + from + ")"});
  }
  const auto folded = [&](const std::string& sql) { return operation == "in~" ? "lower(" + sql + ")" : sql; };
  const std::string found =
      "COALESCE(" + folded(value) + " IN (SELECT " + folded(column) + from + "), false)";
  return negated ? "(NOT " + found + ")" : found;
}

Result<std::string> Lowering::lower_aggregate_call(const kql::AggregateCall& call, const Scope& scope,
                                                   const std::string& order) {
  std::vector<std::string> arguments;
  for (const kql::ExprPtr& arg : call.args) {
    SPILLWAY_ASSIGN(std::string sql, expression(*arg, scope));
    if (!has_exact_type(*arg)) sql = cast(sql, arg->type);
    arguments.push_back(std::move(sql));
  }
  std::string filter;
  if (call.filter) {
    SPILLWAY_ASSIGN(filter, expression(*call.filter, scope));
  }
  std::string sql_template = call.function->sql;
  if (call.function->native) {
    std::vector<Type> types;
    for (const kql::ExprPtr& arg : call.args) types.push_back(arg->type);
    SPILLWAY_ASSIGN(const std::string name,
                    context_.natives->name_of(*call.function, types, call.output.type));
    sql_template = name + "({*})";
  }
  std::string sql = kql::expand_aggregate(sql_template, arguments, filter, order);
  if (!call.record.empty()) return sql;
  sql = cast(sql, call.output.type);
  return call.output.type == Type::String ? "COALESCE(" + sql + ", '')" : sql;
}

}  // namespace spillway::engine
