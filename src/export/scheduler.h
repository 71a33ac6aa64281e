// Which export runs when: by interval since the start of its last run, oldest last run first, within the
// capacity. The order of the runs is counted, not timed, so that a clock that was set puts nobody behind.
//
// After a run that left a backlog the next is due at once. After a transient failure it is due sooner than
// the interval: after kFirstRetry, then twice as long each time. A permanent failure keeps to the interval,
// but is tried at most once in kSlowestRetry where the interval is shorter.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "engine/capacity.h"
#include "export/continuous_run.h"
#include "export/exports.h"
#include "export/task_pool.h"

namespace spillway::exports {

class Scheduler {
 public:
  Scheduler(catalog::Catalog& catalog, ContinuousRunner& runner, engine::Capacity& capacity,
            const Clock& clock, bool access_control);
  ~Scheduler() { stop(); }

  void start();
  /// Cancels what runs and waits for its end.
  void stop();

  /// One run on the calling thread. Conflict where one is going on.
  Result<bool> run_once(const std::string& database, const std::string& name);
  std::vector<ExportHealth> health(const std::string* database, const std::string* name) const;

 private:
  /// What the process remembers of an export, by its id.
  struct State {
    int64_t generation = 0;
    Ticks next_due = 0;
    std::optional<Ticks> last_start;
    int64_t turn = 0;  // of its last run among all runs; 0: none since the process started
    std::shared_ptr<engine::CancelToken> running;  // null while none runs
    bool pending = false;                          // due, and waits for the capacity
    int failures = 0;                              // since the last success
    int64_t completed_runs = 0, failed_runs = 0, records = 0, bytes = 0;
  };
  struct Candidate {
    std::string database, name;
    int64_t id = 0;
    int64_t generation = 0;
    Ticks interval = 0;
    Ticks last_start = 0;
    int64_t turn = 0;
  };

  void loop();
  /// At all exports: what is due waits, and starts as far as there is capacity.
  void look();
  /// Until the next look, while what waits starts as runs end. False where the scheduler stops.
  bool rest();
  void launch_waiting();
  static bool is_current(const catalog::Snapshot& snapshot, const Candidate& candidate);
  std::deque<Candidate> due(const catalog::Snapshot& snapshot, Ticks now);
  void cancel_changed(const catalog::Snapshot& snapshot);
  void launch(const Candidate& candidate, std::shared_ptr<engine::Capacity::Lease> lease);
  Result<RunReport> run(const Candidate& candidate, const std::shared_ptr<engine::CancelToken>& cancel);
  std::shared_ptr<engine::CancelToken> take(const Candidate& candidate);
  void finish(const Candidate& candidate, Ticks started, const Result<RunReport>& report);
  ExportHealth health_of(const std::shared_ptr<const catalog::Snapshot>& snapshot,
                         const catalog::Database& database,
                         const catalog::ContinuousExport& definition) const;

  catalog::Catalog& catalog_;
  ContinuousRunner& runner_;
  engine::Capacity& capacity_;
  const Clock& clock_;
  const bool access_control_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<int64_t, State> states_;
  int64_t turns_ = 0;
  bool stopping_ = false;
  bool freed_ = false;             // a run has ended since the loop knew of it
  bool backlog_ = false;           // and one of them left a backlog, so that its export is due
  std::deque<Candidate> waiting_;  // due at the last look, for the capacity; the loop's alone
  std::thread thread_;
  TaskPool runners_;
};

}  // namespace spillway::exports
