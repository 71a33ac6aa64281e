#include "engine/capacity.h"

namespace spillway::engine {
namespace {

/// How often a wait looks at its cancel token, and whether the capacity was altered.
constexpr std::chrono::milliseconds kPoll{20};

/// The documented message.
Error throttled(std::string_view command_type, int total, const std::string& origin) {
  return {ErrorCode::Throttled,
          "The management command was aborted due to throttling. Retrying after some backoff might succeed. "
          "CommandType: '" +
              std::string(command_type) + "', Capacity: " + std::to_string(total) + ", Origin: '" + origin +
              "'."};
}

}  // namespace

Capacity::Capacity(const catalog::Catalog& catalog, catalog::CapacityResource resource)
    : Capacity([limit = std::make_shared<catalog::CapacityLimit>(catalog, resource)] { return (*limit)(); },
               catalog::origin_of(resource)) {}

Capacity::Lease Capacity::try_take() {
  const int total = total_();
  const std::lock_guard lock(mutex_);
  if (used_ >= total || (waiting_ > 0 && operation_next_)) return {};
  ++used_;
  operation_next_ = true;
  return Lease(this);
}

void Capacity::want(bool wanted) {
  const std::lock_guard lock(mutex_);
  wanted_ = wanted;
  if (!wanted) changed_.notify_all();
}

Result<Capacity::Lease> Capacity::take(std::chrono::milliseconds longest, const CancelToken* cancel,
                                       std::string_view command_type) {
  std::unique_lock lock(mutex_);
  const auto deadline = std::chrono::steady_clock::now() + longest;
  ++waiting_;
  int total = total_();
  while (used_ >= total || (wanted_ && !operation_next_)) {
    const bool is_cancelled = cancel && cancel->cancelled();
    if (is_cancelled || std::chrono::steady_clock::now() >= deadline) {
      --waiting_;
      if (is_cancelled) return cancel->error("the operation");
      return throttled(command_type, total, origin_);
    }
    changed_.wait_for(lock, kPoll);
    total = total_();
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

}  // namespace spillway::engine
