// Time, from a clock that tests can set, and fail points that tests can arm.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>

#include "base/types.h"

namespace spillway {

class Clock {
 public:
  virtual ~Clock() = default;
  /// The wall clock, UTC, in ticks since 0001-01-01.
  virtual Ticks now() const = 0;
};

class SystemClock : public Clock {
 public:
  Ticks now() const override;
};

class ManualClock : public Clock {
 public:
  explicit ManualClock(Ticks start) : now_(start) {}
  Ticks now() const override { return now_.load(); }
  void set(Ticks now) { now_.store(now); }
  void advance(Ticks by) { now_.fetch_add(by); }

 private:
  std::atomic<Ticks> now_;
};

}  // namespace spillway
