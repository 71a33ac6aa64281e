#include "export/run_plan.h"

#include <algorithm>

#include "export/target_plan.h"
#include "kql/functions.h"

namespace spillway::exports {
namespace {

constexpr kql::ColumnId kFirstAddedColumn = (1 << 30) + (1 << 20);  // beyond those of target_plan.cc

/// count() for each combination of the partitions' values.
kql::RelPtr count_by_partition(const TargetPlan& target) {
  auto count = std::make_shared<kql::Aggregate>();
  count->inputs = {target.plan};
  kql::ColumnId id = kFirstAddedColumn;
  for (const kql::ExprPtr& partition : target.partitions) {
    const kql::PlanColumn column{id++, "partition", partition->type};
    count->columns.push_back(column);
    count->keys.emplace_back(column, partition);
  }
  kql::AggregateCall call;
  call.output = {id, "records", Type::Long};
  call.function = kql::FunctionTable::instance().aggregate("count")->overloads.front().get();
  count->columns.push_back(call.output);
  count->aggregates.push_back(std::move(call));
  return count;
}

}  // namespace

Result<RunPlan> plan_run(const std::shared_ptr<const catalog::Snapshot>& snapshot, engine::Engine& engine,
                         const std::string& database, const catalog::ContinuousExport& definition,
                         const ServiceOptions& options, Ticks now) {
  SPILLWAY_ASSIGN(const Prepared prepared,
                  prepare(snapshot, database, definition, now, options.access_control));
  const Stretch stretch = next_stretch(prepared.facts, definition, snapshot->database(database)->cursor,
                                       limits_of(definition, options), now);
  RunPlan plan;
  plan.from = definition.exported_to;
  plan.to = std::max(stretch.to, plan.from);
  plan.extents = stretch.extents;
  plan.records = stretch.records;
  plan.bytes = stretch.bytes;
  plan.more = stretch.more;
  if (!stretch.has_records) return plan;
  SPILLWAY_ASSIGN(const kql::BoundQuery query, bind_scoped(snapshot, database, definition, prepared.facts,
                                                           {.after = plan.from, .to = plan.to}, now));
  SPILLWAY_ASSIGN(const TargetPlan target, plan_for_target(query.results[0].plan, prepared.settings));
  SPILLWAY_ASSIGN(const Table counts, engine.run_to_table(count_by_partition(target), {}));
  for (const std::vector<Value>& row : counts.rows) {
    const int64_t records = row.back().as_int();
    if (records == 0) continue;
    plan.result_records += records;
    plan.partitions += 1;
  }
  plan.files = plan.partitions;
  return plan;
}

}  // namespace spillway::exports
