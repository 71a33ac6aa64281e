#include "export/capacity.h"

namespace spillway::exports {
namespace {

/// How often a wait looks at its cancel token.
constexpr std::chrono::milliseconds kCancelPoll{20};

}  // namespace

Capacity::Lease Capacity::try_take() {
  const std::lock_guard lock(mutex_);
  if (used_ >= total_ || (waiting_ > 0 && operation_next_)) return {};
  ++used_;
  operation_next_ = true;
  return Lease(this);
}

void Capacity::want(bool wanted) {
  const std::lock_guard lock(mutex_);
  wanted_ = wanted;
  if (!wanted) changed_.notify_all();
}

Result<Capacity::Lease> Capacity::take(std::chrono::milliseconds longest, const engine::CancelToken* cancel) {
  std::unique_lock lock(mutex_);
  const auto deadline = std::chrono::steady_clock::now() + longest;
  ++waiting_;
  while (used_ >= total_ || (wanted_ && !operation_next_)) {
    const bool is_cancelled = cancel && cancel->cancelled();
    if (is_cancelled || std::chrono::steady_clock::now() >= deadline) {
      --waiting_;
      if (is_cancelled) return Error(ErrorCode::Cancelled, "the export was cancelled");
      return Error(ErrorCode::Throttled, "the export capacity (" + std::to_string(total_) +
                                             " at once) is used up: try again later");
    }
    changed_.wait_for(lock, kCancelPoll);
  }
  --waiting_;
  ++used_;
  operation_next_ = false;
  return Lease(this);
}

void Capacity::release() {
  const std::lock_guard lock(mutex_);
  --used_;
  changed_.notify_all();
}

int Capacity::used() const {
  const std::lock_guard lock(mutex_);
  return used_;
}

}  // namespace spillway::exports
