// How many operations of a kind go on at once: exports, ingestions, merges of extents. What comes in excess
// waits a bounded while, and is then throttled.
// Source: management/capacity-policy.md, "Management commands throttling".
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/status.h"
#include "catalog/capacity_policy.h"
#include "engine/engine.h"

namespace spillway::engine {

/// How long an operation waits for its capacity, where it isn't told otherwise.
inline constexpr std::chrono::milliseconds kLongestCapacityWait = std::chrono::minutes(1);

class Capacity {
 public:
  /// `total` is asked again and again: a change of it holds at once, for whoever waits too. `origin`: of the
  /// limit, for errors: "CapacityPolicy/Export".
  Capacity(std::function<int()> total, std::string origin)
      : total_(std::move(total)), origin_(std::move(origin)) {}
  /// As the cluster's capacity policy says at the moment. `catalog` outlives it.
  Capacity(const catalog::Catalog& catalog, catalog::CapacityResource resource);

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

  /// For a scheduler, which asks again and again: an empty lease where the capacity is used up, or where
  /// an operation waits and it is its turn. The two take turns, so that neither keeps the other waiting.
  Lease try_take();
  /// Whether the scheduler has something to run: operations leave it its turns only then.
  void want(bool wanted);
  /// For an operation of a command, of the type `command_type`. Throttled, with the documented message, where
  /// nothing became free within `longest`; Cancelled.
  Result<Lease> take(std::chrono::milliseconds longest, const CancelToken* cancel,
                     std::string_view command_type);

  int total() const { return total_(); }
  int used() const;

 private:
  void release();

  const std::function<int()> total_;
  const std::string origin_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  int used_ = 0;
  int waiting_ = 0;             // in take()
  bool wanted_ = false;         // by the scheduler
  bool operation_next_ = true;  // whose turn it is where both want
};

}  // namespace spillway::engine
