#include "storage/retry.h"

#include <algorithm>
#include <charconv>
#include <random>

#include "base/calendar.h"

namespace spillway::storage {
namespace {

using std::chrono::milliseconds;

milliseconds delay_before(const RetryPolicy& policy, int retry, std::optional<milliseconds> asked) {
  milliseconds delay = std::min(policy.first_delay, policy.longest_delay);
  for (int i = 1; i < retry && delay < policy.longest_delay; ++i) delay *= 2;
  delay = std::min(delay, policy.longest_delay);
  // Half of it at random, so that clients that failed together don't return together.
  thread_local std::minstd_rand random{std::random_device{}()};
  const int64_t half = delay.count() / 2;
  delay = milliseconds(delay.count() - half + std::uniform_int_distribution<int64_t>(0, half)(random));
  return asked ? std::max(delay, *asked) : delay;
}

}  // namespace

Status with_retries(const StoreOptions& options, const Call& call, const std::function<Attempt()>& attempt) {
  const RetryPolicy& policy = options.retry;
  const CallLimits& limits = options.limits;
  const int attempts = std::min(limits.attempts.value_or(policy.attempts), policy.attempts);
  for (int n = 1;; ++n) {
    SPILLWAY_TRY(call.check());
    Attempt last = attempt();
    if (last.status.ok() || !last.again) return last.status;
    if (call.cancelled()) return call.check();
    if (limits.on_trouble) limits.on_trouble(last.status.error());
    if (n >= attempts) return last.status;
    const milliseconds delay = delay_before(policy, n, last.retry_after);
    if (delay >= call.left()) return last.status;
    if (policy.wait) {
      policy.wait(delay);
    } else {
      SPILLWAY_TRY(call.wait(delay));
    }
  }
}

std::optional<milliseconds> parse_retry_after(const std::string& text, Ticks now) {
  constexpr int64_t kLongest = 24 * 3600;
  int64_t seconds = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, seconds);
  if (error != std::errc() || stop != end) {
    const std::optional<Ticks> date = text.ends_with("GMT") ? parse_datetime(text) : std::nullopt;
    if (!date) return std::nullopt;
    // A date has whole seconds: not before the next one.
    seconds = *date > now ? (*date - now + kTicksPerSecond - 1) / kTicksPerSecond : 0;
  }
  if (seconds < 0) return std::nullopt;
  return milliseconds(std::min(seconds, kLongest) * 1000);
}

}  // namespace spillway::storage
