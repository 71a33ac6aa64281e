// What a run of a continuous export would read and write, found out without writing anything.
#pragma once

#include "export/continuous.h"
#include "export/exports.h"

namespace spillway::exports {

/// Of a definition that stands at its `exported_to`, at this snapshot.
Result<RunPlan> plan_run(const std::shared_ptr<const catalog::Snapshot>& snapshot, engine::Engine& engine,
                         const std::string& database, const catalog::ContinuousExport& definition,
                         const ServiceOptions& options, Ticks now);

}  // namespace spillway::exports
