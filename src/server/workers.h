// Threads that handle requests: made as they are needed, up to a limit, and kept.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace spillway::server {

class Workers {
 public:
  explicit Workers(size_t limit) : limit_(limit) {}
  ~Workers() { stop(); }
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  /// Runs `job` on a thread; it must not throw. After stop() it is dropped.
  void run(std::function<void()> job);
  /// Waits for the jobs that run or wait; safe to call twice.
  void stop();

 private:
  void loop();

  const size_t limit_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> jobs_;
  std::vector<std::thread> threads_;
  size_t idle_ = 0;
  bool stopping_ = false;
};

}  // namespace spillway::server
