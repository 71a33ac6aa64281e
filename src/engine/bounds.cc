// What predicates say of datetime, long and string columns and of cursors: see extents.h. Only what is
// certain is taken; the filter itself still runs.
#include <algorithm>

#include "engine/lowering.h"

namespace spillway::engine {
namespace {

using kql::Expr;

bool has_bounds(const Expr& expr) {
  return expr.kind == Expr::Kind::Column &&
         (expr.type == Type::DateTime || expr.type == Type::Long || expr.type == Type::String);
}

/// True for an expression with the same value for all records, cheap to get before the query runs.
bool is_constant(const Expr& expr) {
  if (expr.kind == Expr::Kind::Literal) return true;
  return expr.kind == Expr::Kind::Call && !expr.function->lowering.is_volatile &&
         std::all_of(expr.args.begin(), expr.args.end(),
                     [](const kql::ExprPtr& arg) { return is_constant(*arg); });
}

/// "== known": the binder's form where one side isn't null.
bool is_equality(std::string_view operation) {
  return operation == "==" || operation == "== known" || operation == "== exact";
}

/// The values x for which `x OPERATION value` can be true; nullopt for another operation.
std::optional<Interval> interval_of(std::string_view operation, int64_t value) {
  if (is_equality(operation)) return Interval{value, value};
  if (operation == "<=") return Interval{INT64_MIN, value};
  if (operation == ">=") return Interval{value, INT64_MAX};
  if (operation == "<") return value == INT64_MIN ? Interval{0, -1} : Interval{INT64_MIN, value - 1};
  if (operation == ">") return value == INT64_MAX ? Interval{0, -1} : Interval{value + 1, INT64_MAX};
  return std::nullopt;
}

std::string_view mirrored(std::string_view operation) {
  if (operation == "<") return ">";
  if (operation == "<=") return ">=";
  if (operation == ">") return "<";
  if (operation == ">=") return "<=";
  return operation;
}

}  // namespace

Status Lowering::narrow(const Expr& predicate, Bounds& bounds) {
  std::vector<const Expr*> conjuncts{&predicate};
  while (!conjuncts.empty()) {
    const Expr& conjunct = *conjuncts.back();
    conjuncts.pop_back();
    if (conjunct.kind != Expr::Kind::Call || !conjunct.function->function) continue;
    if (conjunct.function->function->name == "and") {
      for (const kql::ExprPtr& arg : conjunct.args) conjuncts.push_back(arg.get());
    } else {
      SPILLWAY_TRY(narrow_by_comparison(conjunct, bounds));
    }
  }
  return Status();
}

Status Lowering::narrow_by_comparison(const Expr& call, Bounds& bounds) {
  const std::string_view operation = call.function->function->name;
  const auto apply = [&](const Expr& column, std::string_view comparison, const Expr& limit) -> Status {
    // A bound of another type (a real for a long) may fall between two integers.
    if (!has_bounds(column) || limit.type != column.type || !is_constant(limit)) return Status();
    const bool is_text = column.type == Type::String;
    if (is_text ? !is_equality(comparison) : !interval_of(comparison, 0)) return Status();
    SPILLWAY_ASSIGN(const Value value, constant(limit));
    if (is_text) {
      Interval one;
      one.text = value.as_text();
      bounds.columns[column.column].narrow(one);
      return Status();
    }
    if (!value.is_null()) bounds.columns[column.column].narrow(*interval_of(comparison, value.as_int()));
    return Status();
  };
  if (operation == "between" && call.args.size() == 3) {
    SPILLWAY_TRY(apply(*call.args[0], ">=", *call.args[1]));
    return apply(*call.args[0], "<=", *call.args[2]);
  }
  if (call.args.size() != 2) return Status();
  SPILLWAY_TRY(apply(*call.args[0], operation, *call.args[1]));
  return apply(*call.args[1], mirrored(operation), *call.args[0]);
}

}  // namespace spillway::engine
