// What a row of the log of requests says about how the request ended, and what it used.
#pragma once

#include "base/status.h"
#include "catalog/request_log.h"
#include "engine/engine.h"

namespace spillway::engine {

/// "Completed", "Failed", "Throttled", "Canceled".
catalog::RequestState state_after(const Status& outcome);

/// Fills in state, failure, the times and what was used under `work` (which may be null).
void complete(catalog::LoggedRequest& row, const Status& outcome, const CancelToken* work, Ticks now);

/// Adds what further work of the request used.
void add_usage(catalog::LoggedRequest& row, const Usage& usage);

}  // namespace spillway::engine
