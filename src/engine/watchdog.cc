#include "engine/watchdog.h"

#include <algorithm>
#include <string>

namespace spillway::engine {

Watchdog::Guard::Guard(Watchdog& watchdog, duckdb_connection connection, const RunOptions& options)
    : watchdog_(watchdog), connection_(connection), cancel_(options.cancel), timeout_(options.timeout) {
  if (timeout_) deadline_ = Clock::now() + *timeout_;
  {
    const std::lock_guard lock(watchdog_.mutex_);
    place_ = watchdog_.guards_.insert(watchdog_.guards_.end(), this);
  }
  watchdog_.changed_.notify_one();
}

Watchdog::Guard::~Guard() {
  const std::lock_guard lock(watchdog_.mutex_);
  watchdog_.guards_.erase(place_);
}

std::optional<Error> Watchdog::Guard::expired() const {
  if (cancel_ && cancel_->cancelled()) return cancel_->error("the query");
  if (timeout_ && Clock::now() >= deadline_) {
    return Error(ErrorCode::Timeout,
                 "the query ran longer than its time limit of " + std::to_string(timeout_->count()) + " ms");
  }
  return std::nullopt;
}

Error Watchdog::Guard::explain(Error error) const {
  if (error.code != ErrorCode::Cancelled) return error;
  return expired().value_or(std::move(error));
}

Watchdog::Watchdog(std::function<int64_t()> memory_used)
    : memory_used_(std::move(memory_used)), thread_([this] { run(); }) {}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void Watchdog::run() {
  std::unique_lock lock(mutex_);
  for (int period = 0; !stopping_; ++period) {
    if (guards_.empty()) {
      changed_.wait(lock);
      continue;
    }
    if (period % kPeriodsPerSample == 0) sample(lock);
    // Again and again until the guard is gone: an interrupt that comes before a query's start has no effect
    // on it.
    for (const Guard* guard : guards_) {
      if (guard->expired()) duckdb_interrupt(guard->connection_);
    }
    changed_.wait_for(lock, kPeriod);
  }
}

void Watchdog::sample(std::unique_lock<std::mutex>& lock) {
  lock.unlock();
  const int64_t used = memory_used_();
  lock.lock();
  for (Guard* guard : guards_) guard->peak_memory_ = std::max(guard->peak_memory_.load(), used);
}

}  // namespace spillway::engine
