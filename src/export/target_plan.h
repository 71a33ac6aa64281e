// From a query's plan to the plan of what is written: the target's columns in its order, and the expressions
// of its partitions.
#pragma once

#include <string>
#include <vector>

#include "export/exports.h"
#include "kql/plan.h"

namespace spillway::exports {

/// What a query's output has to fit.
struct Target {
  const std::string& name;
  const std::vector<catalog::Column>& columns;
  const std::vector<catalog::Partition>& partitions;
};

/// By name and type, in any order: the columns, those that partitions are computed from included, and the
/// virtual columns, whose values go into the paths and not into the files.
/// Source: management/data-export/export-data-to-an-external-table.md, "Notes".
Status check_target(const Schema& output, const Target& target);

struct TargetPlan {
  kql::RelPtr plan;                      // the columns that are written, then the virtual ones
  size_t written_columns = 0;            // of them
  std::vector<kql::ExprPtr> partitions;  // over its columns, one for each of the settings' partitions
};

/// SchemaMismatch where the settings are of an external table that the output doesn't fit.
Result<TargetPlan> plan_for_target(const kql::RelPtr& query, const Settings& settings);

/// True where the records have an order.
bool has_order(const kql::Rel& plan);

/// The columns that are written with the partitions' values as further columns behind them.
kql::RelPtr with_partition_columns(const TargetPlan& target);

}  // namespace spillway::exports
