// Shorter waits, for tests of what happens while storage fails.
#pragma once

#include "export/exports.h"
#include "storage/object_store.h"

namespace spillway::server {

/// In builds with fail points the environment variable SPILLWAY_TEST_TIMES, such as "stall=1000;janitor=500",
/// replaces, in milliseconds: of stores connect, stall (both in whole seconds, rounded up), first_delay,
/// longest_delay and longest_call; of exports janitor and late_arrival. BadRequest where it says anything
/// else. Without fail points nothing is read.
Status apply_test_times(storage::StoreOptions& stores, exports::ServiceOptions& exports);

}  // namespace spillway::server
