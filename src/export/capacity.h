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

  /// An empty lease where it is used up, or where others have waited longer.
  Lease try_take();
  /// Throttled where none became free within `longest`; Cancelled.
  Result<Lease> take(std::chrono::milliseconds longest, const engine::CancelToken* cancel);

  int total() const { return total_; }
  int used() const;
  int waiting() const;

 private:
  void release();

  const int total_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  int used_ = 0;
  int waiting_ = 0;
};

}  // namespace spillway::exports
