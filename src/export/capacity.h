// The export capacity: how many runs and `.export` operations go on at once.
// Source: management/capacity-policy.md, "Management commands throttling".
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>

#include "base/status.h"
#include "engine/engine.h"

namespace spillway::exports {

class Capacity {
 public:
  explicit Capacity(int total) : total_(total) {}

  /// A unit of it, given back when this object goes.
  class Lease {
   public:
    Lease() = default;
    explicit Lease(Capacity* capacity) : capacity_(capacity) {}
    Lease(Lease&& other) noexcept : capacity_(std::exchange(other.capacity_, nullptr)) {}
    Lease& operator=(Lease&& other) noexcept {
      std::swap(capacity_, other.capacity_);
      return *this;
    }
    ~Lease() {
      if (capacity_) capacity_->release();
    }
    explicit operator bool() const { return capacity_ != nullptr; }

   private:
    Capacity* capacity_ = nullptr;
  };

  /// For the scheduler, which asks again and again: an empty lease where the capacity is used up, or where
  /// an operation waits and it is its turn. The two take turns, so that neither keeps the other waiting.
  Lease try_take();
  /// Whether the scheduler has something to run: operations leave it its turns only then.
  void want(bool wanted);
  /// Throttled where none became free within `longest`; Cancelled.
  Result<Lease> take(std::chrono::milliseconds longest, const engine::CancelToken* cancel);

  int total() const { return total_; }
  int used() const;

 private:
  void release();

  const int total_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  int used_ = 0;
  int waiting_ = 0;             // in take()
  bool wanted_ = false;         // by the scheduler
  bool operation_next_ = true;  // whose turn it is where both want
};

}  // namespace spillway::exports
