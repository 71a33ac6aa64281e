#include "export/target_plan.h"

#include <algorithm>

#include "kql/functions.h"

namespace spillway::exports {
namespace {

using catalog::Partition;
using kql::Expr;
using kql::ExprPtr;

/// Ids of the columns that are added here; the binder counts its own from below.
constexpr kql::ColumnId kFirstAddedColumn = 1 << 30;

ExprPtr column_expr(kql::ColumnId id, Type type) {
  auto expr = std::make_shared<Expr>();
  expr->kind = Expr::Kind::Column;
  expr->type = type;
  expr->column = id;
  return expr;
}

ExprPtr literal_expr(Value value) {
  auto expr = std::make_shared<Expr>();
  expr->kind = Expr::Kind::Literal;
  expr->type = value.type();
  expr->literal = std::move(value);
  return expr;
}

bool accepts(const kql::Parameter& parameter, const Expr& argument) {
  using Kind = kql::Parameter::Kind;
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

bool accepts(const kql::ScalarOverload& overload, const std::vector<ExprPtr>& args) {
  if (overload.variadic || overload.parameters.size() != args.size()) return false;
  for (size_t i = 0; i < args.size(); ++i) {
    if (!accepts(overload.parameters[i], *args[i])) return false;
  }
  return true;
}

/// Of several overloads the one with the most definite parameters.
int definiteness(const kql::ScalarOverload& overload) {
  return static_cast<int>(
      std::count_if(overload.parameters.begin(), overload.parameters.end(), [](const auto& p) {
        return p.kind == kql::Parameter::Kind::Exact || p.kind == kql::Parameter::Kind::Constant;
      }));
}

Result<ExprPtr> call(const Partition& partition, const char* function, Type result,
                     std::vector<ExprPtr> args) {
  const kql::ScalarFunction* found = kql::FunctionTable::instance().scalar(function);
  const kql::ScalarOverload* best = nullptr;
  if (found) {
    for (const auto& overload : found->overloads) {
      if (accepts(*overload, args) && (!best || definiteness(*overload) > definiteness(*best)))
        best = overload.get();
    }
  }
  if (!best) {
    return Error(ErrorCode::NotSupported, "partition '" + partition.name + "': " + function +
                                              "() doesn't take column '" + partition.column + "' of type " +
                                              kql_name(args[0]->type));
  }
  auto expr = std::make_shared<Expr>();
  expr->kind = Expr::Kind::Call;
  expr->type = result;
  expr->function = best;
  expr->args = std::move(args);
  return ExprPtr(expr);
}

Result<ExprPtr> partition_expr(const Partition& partition, const ExprPtr& column) {
  using Kind = Partition::Kind;
  switch (partition.kind) {
    case Kind::Column: return column;
    case Kind::Bin:
      return call(partition, "bin", Type::DateTime,
                  {column, literal_expr(Value::timespan(partition.argument))});
    case Kind::StartOfDay: return call(partition, "startofday", Type::DateTime, {column});
    case Kind::StartOfWeek: return call(partition, "startofweek", Type::DateTime, {column});
    case Kind::StartOfMonth: return call(partition, "startofmonth", Type::DateTime, {column});
    case Kind::StartOfYear: return call(partition, "startofyear", Type::DateTime, {column});
    case Kind::Hash:
      return call(partition, "hash", Type::Long, {column, literal_expr(Value::int64(partition.argument))});
    case Kind::Virtual: break;
  }
  return Error(ErrorCode::NotSupported, "partition '" + partition.name + "' is a virtual column");
}

const kql::PlanColumn* find(const kql::Rel& rel, const std::string& name) {
  const auto found =
      std::find_if(rel.columns.begin(), rel.columns.end(), [&](const auto& c) { return c.name == name; });
  return found == rel.columns.end() ? nullptr : &*found;
}

bool in_order(const kql::Rel& query, const std::vector<catalog::Column>& columns) {
  return std::equal(query.columns.begin(), query.columns.end(), columns.begin(), columns.end(),
                    [](const kql::PlanColumn& a, const catalog::Column& b) { return a.name == b.name; });
}

kql::RelPtr reordered(const kql::RelPtr& query, const std::vector<catalog::Column>& columns) {
  if (in_order(*query, columns)) return query;
  auto project = std::make_shared<kql::Project>();
  project->inputs = {query};
  for (const catalog::Column& column : columns) {
    const kql::PlanColumn* source = find(*query, column.name);
    const auto id = kFirstAddedColumn + static_cast<kql::ColumnId>(project->columns.size());
    project->columns.push_back({id, column.name, column.type});
    project->expressions.push_back(column_expr(source->id, column.type));
  }
  return project;
}

}  // namespace

Result<TargetPlan> plan_for_target(const kql::RelPtr& query, const Settings& settings) {
  if (settings.external_table.empty()) return TargetPlan{query, {}};
  SPILLWAY_TRY(
      check_target(kql::schema_of(*query), {settings.external_table, settings.columns, settings.partitions}));
  TargetPlan target{reordered(query, settings.columns), {}};
  for (const Partition& partition : settings.partitions) {
    const kql::PlanColumn* source = find(*target.plan, partition.column);
    SPILLWAY_ASSIGN(ExprPtr expr, partition_expr(partition, column_expr(source->id, source->type)));
    target.partitions.push_back(std::move(expr));
  }
  return target;
}

kql::RelPtr with_partition_columns(const TargetPlan& target) {
  if (target.partitions.empty()) return target.plan;
  auto project = std::make_shared<kql::Project>();
  project->inputs = {target.plan};
  kql::ColumnId id = kFirstAddedColumn + static_cast<kql::ColumnId>(target.plan->columns.size());
  for (const kql::PlanColumn& column : target.plan->columns) {
    project->columns.push_back({id++, column.name, column.type});
    project->expressions.push_back(column_expr(column.id, column.type));
  }
  for (size_t i = 0; i < target.partitions.size(); ++i) {
    project->columns.push_back({id++, "$partition_" + std::to_string(i), target.partitions[i]->type});
    project->expressions.push_back(target.partitions[i]);
  }
  return project;
}

}  // namespace spillway::exports
