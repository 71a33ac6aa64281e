#include "engine/plan_runner.h"

#include <utility>

namespace spillway::engine {

void let_run(kql::BindOptions& options, Engine& engine, RunOptions run) {
  options.infer_schema = [&engine, run](const kql::StorageSample& sample) {
    return engine.infer_schema(sample, run);
  };
  options.run = [&engine, run = std::move(run)](
                    const kql::RelPtr& plan, const std::function<Status(const Batch&)>& consume) -> Status {
    SPILLWAY_ASSIGN(const std::unique_ptr<ResultStream> stream, engine.run(plan, run));
    while (true) {
      SPILLWAY_ASSIGN(const Batch* batch, stream->next());
      if (!batch) return {};
      SPILLWAY_TRY(consume(*batch));
    }
  };
}

}  // namespace spillway::engine
