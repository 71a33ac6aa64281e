// The one place that tries again.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "storage/object_store.h"

namespace spillway::storage {

/// How one attempt ended: well, or with an error that may (`again`) or can't pass.
struct Attempt {
  Status status;
  bool again = false;
  std::optional<std::chrono::milliseconds> retry_after = std::nullopt;  // what the server asked for
};

/// Runs `attempt` until it ends well, can't pass, or the policy's attempts are used up; the last one's
/// status. A policy of less than one attempt makes one.
Status with_retries(const RetryPolicy& policy, const std::function<Attempt()>& attempt);

/// Retry-After in seconds; nullopt where it is a date or nothing.
std::optional<std::chrono::milliseconds> parse_retry_after(const std::string& text);

}  // namespace spillway::storage
