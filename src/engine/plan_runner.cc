#include "engine/plan_runner.h"

#include <utility>

namespace spillway::engine {

kql::PlanRunner plan_runner(Engine& engine, RunOptions options) {
  return [&engine, options = std::move(options)](
             const kql::RelPtr& plan,
             const std::function<Status(const std::vector<VectorView>&, size_t)>& consume) -> Status {
    SPILLWAY_ASSIGN(const std::unique_ptr<ResultStream> stream, engine.run(plan, options));
    while (true) {
      SPILLWAY_ASSIGN(const Batch* batch, stream->next());
      if (!batch) return {};
      SPILLWAY_TRY(consume(batch->columns, batch->rows));
    }
  };
}

}  // namespace spillway::engine
