// A schedule of several threads: clients that ingest, a merger, the janitors, the scheduler with its runs, a
// clock that jumps, somebody who alters and disables exports, failures armed at random, and crashes in the
// middle of all that. What each thread does is by the seed; how they meet isn't, and so a seed shows the same
// failure often rather than always.
//
// Nothing is dropped. So what remains at the end says all: every acknowledged record is in its table once,
// with one cursor; the runs of an export follow one another without gap or overlap; the artifacts of each run
// hold the records of its stretch and no others; in the targets lies what is reported and nothing else.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/model/server.h"

namespace spillway::model {

class ConcurrentSchedule {
 public:
  explicit ConcurrentSchedule(uint64_t seed);
  /// Throws Violation.
  void run();
  const std::vector<std::string>& trace() const { return trace_; }

 private:
  using Dice = std::mt19937_64;

  void set_up();
  void round();
  void ingest(Dice dice);
  void merge(Dice dice);
  void disturb(Dice dice);
  void arm(Dice& dice);
  void switch_export(Dice& dice, const std::string& name);
  Status put_export(const std::string& name, const std::string& target, const std::string& query,
                    const std::map<std::string, std::string>& properties);
  void finish();
  std::map<std::string, std::map<int64_t, catalog::Cursor>> read_tables();
  void check_export(const std::string& name, const std::map<int64_t, catalog::Cursor>& cursors,
                    std::set<std::string>& files);
  bool over() const;

  Dice dice_;
  Server server_;
  std::atomic<int64_t> next_id_{0};
  std::atomic<int> clients_{0};  // that still ingest
  std::mutex mutex_;
  std::set<int64_t> acknowledged_, attempted_;
  std::string found_;  // by a thread
  std::vector<std::string> trace_;
};

}  // namespace spillway::model
