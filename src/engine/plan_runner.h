// What the binder may have an engine do while it binds: kql::BindOptions::run and infer_schema.
#pragma once

#include "engine/engine.h"
#include "kql/binder.h"

namespace spillway::engine {

/// `engine` must live as long as the options are used.
void let_run(kql::BindOptions& options, Engine& engine, RunOptions run);

}  // namespace spillway::engine
