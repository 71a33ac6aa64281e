#include "engine/usage.h"

#include <time.h>

#include <algorithm>
#include <functional>
#include <mutex>

namespace spillway::engine {
namespace {

using std::chrono::nanoseconds;

nanoseconds read_clock(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return std::chrono::seconds(now.tv_sec) + nanoseconds(now.tv_nsec);
}

thread_local nanoseconds t_thread_time{0};

/// This thread's clock. What was read last serves where one period ends and the next begins.
nanoseconds thread_time() {
  return t_thread_time = read_clock(CLOCK_THREAD_CPUTIME_ID);
}
nanoseconds last_thread_time() {
  return t_thread_time;
}

/// The process's clock, shared between the statements that run: each has, at its end, what share() has grown
/// by since its beginning.
class SharedClock {
 public:
  nanoseconds enter() {
    const std::lock_guard lock(mutex_);
    advance();
    ++running_;
    return share_;
  }
  nanoseconds leave(nanoseconds since) {
    const std::lock_guard lock(mutex_);
    advance();
    --running_;
    return share_ - since;
  }
  /// Time that a thread's own clock has counted.
  void counted(nanoseconds time) { counted_ += time.count(); }

 private:
  void advance() {
    const nanoseconds now = read_clock(CLOCK_PROCESS_CPUTIME_ID) - nanoseconds(counted_.load());
    if (running_ > 0) share_ += (now - last_) / running_;
    last_ = now;
  }

  std::mutex mutex_;
  int running_ = 0;
  nanoseconds last_{0}, share_{0};
  std::atomic<int64_t> counted_{0};
};

SharedClock& shared_clock() {
  static SharedClock clock;
  return clock;
}

thread_local WorkTimer* t_work = nullptr;
thread_local int t_statements = 0;

/// Keeps the smaller, or the larger, of the value and what is there; 0 is nothing.
template <typename Better>
void keep(std::atomic<int64_t>& kept, int64_t value, Better better) {
  int64_t seen = kept.load();
  while (value != 0 && (seen == 0 || better(value, seen)) && !kept.compare_exchange_weak(seen, value)) {
  }
}

Ticks earlier(Ticks a, Ticks b) {
  return a == 0 || b == 0 ? std::max(a, b) : std::min(a, b);
}

}  // namespace

void ScanCounts::add(const ScanCounts& other) {
  extents_total += other.extents_total;
  extents_scanned += other.extents_scanned;
  rows_total += other.rows_total;
  rows_scanned += other.rows_scanned;
  oldest = earlier(oldest, other.oldest);
  newest = std::max(newest, other.newest);
}

void Usage::saw_memory(int64_t bytes) {
  keep(peak_memory_, bytes, std::greater<>());
}

void Usage::add(const ScanCounts& counts) {
  extents_total_ += counts.extents_total;
  extents_scanned_ += counts.extents_scanned;
  rows_total_ += counts.rows_total;
  rows_scanned_ += counts.rows_scanned;
  keep(oldest_, counts.oldest, std::less<>());
  keep(newest_, counts.newest, std::greater<>());
}

ScanCounts Usage::scans() const {
  return {extents_total_, extents_scanned_, rows_total_, rows_scanned_, oldest_, newest_};
}

WorkTimer::WorkTimer(Usage& usage) : usage_(usage), outermost_(t_work == nullptr && t_statements == 0) {
  if (!outermost_) return;
  t_work = this;
  thread_time();
  resume();
}

WorkTimer::~WorkTimer() {
  if (!outermost_) return;
  pause();
  t_work = nullptr;
}

void WorkTimer::settle() {
  if (!t_work || t_statements > 0) return;
  t_work->pause();
  t_work->resume();
}

void WorkTimer::resume() {
  since_ = last_thread_time();
}

void WorkTimer::pause() {
  const nanoseconds time = thread_time() - since_;
  usage_.add_cpu(time);
  shared_clock().counted(time);
}

StatementTimer::StatementTimer(Usage* usage)
    : usage_(usage), outermost_(t_statements++ == 0), paused_(outermost_ ? t_work : nullptr) {
  if (!outermost_) return;
  if (paused_) paused_->pause();
  thread_since_ = paused_ ? last_thread_time() : thread_time();
  share_since_ = shared_clock().enter();
}

StatementTimer::~StatementTimer() {
  --t_statements;
  if (!outermost_) return;
  const nanoseconds shared = shared_clock().leave(share_since_);
  // What other threads counted late may have been taken from this statement's part: it has its own at least.
  const nanoseconds own = thread_time() - thread_since_;
  if (usage_) usage_->add_cpu(std::max(shared, own));
  if (paused_) paused_->resume();
}

}  // namespace spillway::engine
