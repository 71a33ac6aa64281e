// Interrupts queries that were cancelled or whose time is up, and keeps track of the memory that is used
// while they run: one thread for all queries of an engine.
#pragma once

#include <duckdb.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "engine/engine.h"

namespace spillway::engine {

class Watchdog {
 public:
  using Clock = std::chrono::steady_clock;

  /// `memory_used` is called from the watchdog's thread while there are queries.
  explicit Watchdog(std::function<int64_t()> memory_used);
  ~Watchdog();

  /// Watches one connection as long as it lives; it must not outlive the connection or the watchdog.
  class Guard {
   public:
    Guard(Watchdog& watchdog, duckdb_connection connection, const RunOptions& options);
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;
    ~Guard();

    /// The error that ends the query, if it is cancelled or late; checked without waiting for the thread.
    std::optional<Error> expired() const;
    /// `error`, or why the query was interrupted where that is what the error is.
    Error explain(Error error) const;
    /// The most memory, in bytes, that was seen in use.
    int64_t peak_memory() const { return peak_memory_.load(); }

   private:
    friend class Watchdog;
    Watchdog& watchdog_;
    duckdb_connection connection_;
    std::shared_ptr<CancelToken> cancel_;
    std::optional<std::chrono::milliseconds> timeout_;
    Clock::time_point deadline_;
    std::list<Guard*>::iterator place_;
    std::atomic<int64_t> peak_memory_{0};
  };

 private:
  /// How often cancel tokens are looked at.
  static constexpr std::chrono::milliseconds kPeriod{5};
  /// How many periods go by between two looks at the memory.
  static constexpr int kPeriodsPerSample = 10;

  void run();
  void sample(std::unique_lock<std::mutex>& lock);

  std::function<int64_t()> memory_used_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::list<Guard*> guards_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace spillway::engine
