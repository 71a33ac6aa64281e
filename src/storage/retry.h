// The one place that tries again.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/types.h"
#include "storage/call.h"
#include "storage/object_store.h"

namespace spillway::storage {

/// How one attempt ended: well, or with an error that may (`again`) or can't pass.
struct Attempt {
  Status status;
  bool again = false;
  std::optional<std::chrono::milliseconds> retry_after = std::nullopt;  // what the server asked for
};

/// Runs `attempt` until it ends well, can't pass, the attempts are used up, or the call has no time left for
/// the next; the last one's status. Less than one attempt makes one.
Status with_retries(const StoreOptions& options, const Call& call, const std::function<Attempt()>& attempt);

/// Retry-After: seconds, or an HTTP date counted from `now`; nullopt where it is neither.
std::optional<std::chrono::milliseconds> parse_retry_after(const std::string& text, Ticks now);

}  // namespace spillway::storage
