// What a piece of work uses of the machine: the figures of `.show queries` and `.show commands`.
//
// Processor time is measured, user and kernel mode alike:
//   - A thread that works for a request has a WorkTimer, which reads the thread's own clock.
//   - The engine's threads work for several statements at once, and nothing tells which they were at. While
//     statements run, the process's clock, without what WorkTimers have counted, is shared equally between
//     them. A statement that runs alone so has exactly its own; of statements that run side by side each has
//     its part, and all parts together are what was used. One whose client is slow to read, or that waits
//     for storage or for capacity, isn't running.
// It costs a few system calls for each 2,048 records that are taken out of the engine.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "base/types.h"

namespace spillway::engine {

/// What scans of tables read, and what there was.
struct ScanCounts {
  int64_t extents_total = 0, extents_scanned = 0;
  int64_t rows_total = 0, rows_scanned = 0;
  Ticks oldest = 0, newest = 0;  // ingestion times of the extents that were scanned; 0: there are none

  void add(const ScanCounts& other);
};

/// Sums, by any number of threads.
class Usage {
 public:
  void add_cpu(std::chrono::nanoseconds time) { cpu_ += time.count(); }
  void saw_memory(int64_t bytes);
  void add(const ScanCounts& counts);

  std::chrono::nanoseconds cpu() const { return std::chrono::nanoseconds(cpu_.load()); }
  /// The most memory, in bytes, that the engine held while a statement of this ran; 0: it wasn't looked at,
  /// because nothing ran long enough.
  int64_t peak_memory() const { return peak_memory_.load(); }
  ScanCounts scans() const;

 private:
  std::atomic<int64_t> cpu_{0}, peak_memory_{0};
  std::atomic<int64_t> extents_total_{0}, extents_scanned_{0}, rows_total_{0}, rows_scanned_{0};
  std::atomic<Ticks> oldest_{0}, newest_{0};
};

/// Counts the processor time of this thread, while it lives, as work for `usage`. Inside of another one it
/// does nothing: the outer one counts.
class WorkTimer {
 public:
  explicit WorkTimer(Usage& usage);
  ~WorkTimer();
  WorkTimer(const WorkTimer&) = delete;
  WorkTimer& operator=(const WorkTimer&) = delete;

  /// Counts what this thread has done so far, where a timer of it runs: for whoever reads its usage now.
  static void settle();

 private:
  friend class StatementTimer;
  void pause();
  void resume();

  Usage& usage_;
  const bool outermost_;
  std::chrono::nanoseconds since_{0};
};

/// Around every call in which a statement of the engine runs. Private to the engine.
class StatementTimer {
 public:
  /// `usage` may be null: the statement takes its part of the time, and nobody wants to know.
  explicit StatementTimer(Usage* usage);
  ~StatementTimer();
  StatementTimer(const StatementTimer&) = delete;
  StatementTimer& operator=(const StatementTimer&) = delete;

 private:
  Usage* const usage_;
  const bool outermost_;  // of this thread
  WorkTimer* const paused_;
  std::chrono::nanoseconds thread_since_{0}, share_since_{0};
};

}  // namespace spillway::engine
