#include "storage/retry.h"

#include <algorithm>
#include <charconv>
#include <random>
#include <thread>

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
  return asked ? std::max(delay, std::min(*asked, policy.longest_delay)) : delay;
}

}  // namespace

Status with_retries(const RetryPolicy& policy, const std::function<Attempt()>& attempt) {
  for (int n = 1;; ++n) {
    Attempt last = attempt();
    if (last.status.ok() || !last.again || n >= policy.attempts) return last.status;
    const milliseconds delay = delay_before(policy, n, last.retry_after);
    if (policy.wait) {
      policy.wait(delay);
    } else {
      std::this_thread::sleep_for(delay);
    }
  }
}

std::optional<milliseconds> parse_retry_after(const std::string& text) {
  int64_t seconds = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, seconds);
  constexpr int64_t kLongest = 24 * 3600;
  if (error != std::errc() || stop != end || seconds < 0) return std::nullopt;
  return milliseconds(std::min(seconds, kLongest) * 1000);
}

}  // namespace spillway::storage
