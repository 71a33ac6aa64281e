// Runs tasks on threads of their own, up to a number of them at once; after a failure no more are started.
#pragma once

#include <deque>
#include <functional>
#include <future>

#include "base/status.h"

namespace spillway::storage {

class Parallel {
 public:
  explicit Parallel(int limit);
  Parallel(const Parallel&) = delete;
  Parallel& operator=(const Parallel&) = delete;
  /// Waits for what still runs.
  ~Parallel();

  /// Waits for a free place; the first error so far.
  Status run(std::function<Status()> task);
  /// Waits for all; the first error.
  Status finish();

 private:
  void wait_for_one();

  const size_t limit_;
  std::deque<std::future<Status>> running_;
  Status status_;
};

}  // namespace spillway::storage
