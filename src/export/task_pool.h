// A few threads that run tasks in the order in which they came. Threads start when there is work for them.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace spillway::exports {

class TaskPool {
 public:
  /// At most `threads` at once; at least one.
  explicit TaskPool(int threads) : most_(threads < 1 ? 1 : static_cast<size_t>(threads)) {}
  /// Runs what was posted before it ends.
  ~TaskPool();

  /// A task may not throw, and may not wait for another of the same pool.
  void post(std::function<void()> task);
  size_t threads() const { return most_; }

 private:
  void work();
  void add_thread();  // with the lock

  const size_t most_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> tasks_;
  std::vector<std::thread> threads_;
  size_t idle_ = 0;
  bool ending_ = false;
};

}  // namespace spillway::exports
