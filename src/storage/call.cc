#include "storage/call.h"

#include <algorithm>
#include <thread>

namespace spillway::storage {
namespace {

using std::chrono::milliseconds;

/// Between two looks at whether a waiting call is cancelled.
constexpr milliseconds kLook{50};

milliseconds longest(const StoreOptions& options, int64_t bytes) {
  const milliseconds base =
      std::min(options.limits.longest_call.value_or(options.longest_call), options.longest_call);
  const int64_t rate = std::max<int64_t>(options.slowest_rate, 1);
  return base + std::chrono::seconds(bytes / rate);
}

}  // namespace

Call::Call(const StoreOptions& options, int64_t bytes)
    : options_(options), end_(std::chrono::steady_clock::now() + longest(options, bytes)) {}

milliseconds Call::left() const {
  const auto left = std::chrono::duration_cast<milliseconds>(end_ - std::chrono::steady_clock::now());
  return std::max(left, milliseconds(0));
}

Status Call::check() const {
  if (cancelled()) return Status(ErrorCode::Cancelled, "the request to storage was cancelled");
  if (left() > milliseconds(0)) return {};
  return Status(ErrorCode::StorageTransient, "storage took longer than a request may take");
}

Status Call::wait(milliseconds delay) const {
  const auto end = std::chrono::steady_clock::now() + delay;
  while (true) {
    SPILLWAY_TRY(check());
    const auto now = std::chrono::steady_clock::now();
    if (now >= end) return {};
    std::this_thread::sleep_for(std::min<std::chrono::steady_clock::duration>(kLook, end - now));
  }
}

}  // namespace spillway::storage
