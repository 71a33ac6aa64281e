// Lets the binder run plans (kql::BindOptions::run) with an engine.
#pragma once

#include "engine/engine.h"
#include "kql/binder.h"

namespace spillway::engine {

/// `engine` must live as long as what this gives.
kql::PlanRunner plan_runner(Engine& engine, RunOptions options);

}  // namespace spillway::engine
