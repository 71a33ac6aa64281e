#include "export/target_plan.h"

#include <algorithm>

#include "kql/partition_value.h"

namespace spillway::exports {
namespace {

using catalog::Partition;

/// Ids of the columns that are added here; the binder counts its own from below.
constexpr kql::ColumnId kFirstAddedColumn = 1 << 30;

/// A column that a query must give.
struct Wanted {
  std::string name;
  Type type;
};

/// The columns of the files, then the virtual ones.
std::vector<Wanted> wanted_columns(const Settings& settings) {
  std::vector<Wanted> wanted;
  for (const catalog::Column& column : settings.columns) wanted.push_back({column.name, column.type});
  for (const Partition& partition : settings.partitions) {
    if (partition.kind == Partition::Kind::Virtual) wanted.push_back({partition.name, partition.type});
  }
  return wanted;
}

const kql::PlanColumn* find(const kql::Rel& rel, const std::string& name) {
  const auto found =
      std::find_if(rel.columns.begin(), rel.columns.end(), [&](const auto& c) { return c.name == name; });
  return found == rel.columns.end() ? nullptr : &*found;
}

bool in_order(const kql::Rel& query, const std::vector<Wanted>& columns) {
  return std::equal(query.columns.begin(), query.columns.end(), columns.begin(), columns.end(),
                    [](const kql::PlanColumn& a, const Wanted& b) { return a.name == b.name; });
}

kql::RelPtr reordered(const kql::RelPtr& query, const std::vector<Wanted>& columns) {
  if (in_order(*query, columns)) return query;
  auto project = std::make_shared<kql::Project>();
  project->inputs = {query};
  for (const Wanted& column : columns) {
    const kql::PlanColumn* source = find(*query, column.name);
    const auto id = kFirstAddedColumn + static_cast<kql::ColumnId>(project->columns.size());
    project->columns.push_back({id, column.name, column.type});
    project->expressions.push_back(kql::column_expression(source->id, column.type));
  }
  return project;
}

}  // namespace

Result<TargetPlan> plan_for_target(const kql::RelPtr& query, const Settings& settings) {
  if (settings.external_table.empty()) return TargetPlan{query, query->columns.size(), {}};
  SPILLWAY_TRY(
      check_target(kql::schema_of(*query), {settings.external_table, settings.columns, settings.partitions}));
  TargetPlan target{reordered(query, wanted_columns(settings)), settings.columns.size(), {}};
  for (const Partition& partition : settings.partitions) {
    const bool is_virtual = partition.kind == Partition::Kind::Virtual;
    const kql::PlanColumn* source = find(*target.plan, is_virtual ? partition.name : partition.column);
    SPILLWAY_ASSIGN(kql::ExprPtr expr,
                    kql::partition_value(partition, kql::column_expression(source->id, source->type)));
    target.partitions.push_back(std::move(expr));
  }
  return target;
}

bool has_order(const kql::Rel& plan) {
  using Kind = kql::Rel::Kind;
  switch (plan.kind) {
    case Kind::Sort: return true;
    case Kind::Native: return static_cast<const kql::Native&>(plan).ordered;
    case Kind::Filter:
    case Kind::Project:
    case Kind::Limit:
    case Kind::Expand:
    case Kind::Window: return has_order(*plan.inputs[0]);
    default: return false;
  }
}

kql::RelPtr with_partition_columns(const TargetPlan& target) {
  if (target.partitions.empty()) return target.plan;
  auto project = std::make_shared<kql::Project>();
  project->inputs = {target.plan};
  kql::ColumnId id = kFirstAddedColumn + static_cast<kql::ColumnId>(target.plan->columns.size());
  for (size_t i = 0; i < target.written_columns; ++i) {
    const kql::PlanColumn& column = target.plan->columns[i];
    project->columns.push_back({id++, column.name, column.type});
    project->expressions.push_back(kql::column_expression(column.id, column.type));
  }
  for (size_t i = 0; i < target.partitions.size(); ++i) {
    project->columns.push_back({id++, "$partition_" + std::to_string(i), target.partitions[i]->type});
    project->expressions.push_back(target.partitions[i]);
  }
  return project;
}

}  // namespace spillway::exports
