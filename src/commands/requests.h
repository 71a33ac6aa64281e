// Queries and commands from their beginning to their row in the log of requests; and the queries that run.
//
//   auto request = requests.begin(row, work);         // row: what it is and who sent it
//   …
//   request->end(outcome);                            // state, times, and what was used under `work`
//
// Nothing here waits for the disk: see catalog/request_log.h.
#pragma once

#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "catalog/request_log.h"
#include "engine/engine.h"

namespace spillway::commands {

class Requests {
 public:
  /// All outlive it.
  Requests(catalog::RequestLog& log, const engine::Engine& engine, const Clock& clock)
      : log_(log), engine_(engine), clock_(clock) {}

  /// A request that runs. It must not outlive the Requests.
  class Running {
   public:
    Running(Requests& requests, catalog::LoggedRequest row, std::shared_ptr<engine::CancelToken> work);
    ~Running();
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;

    /// Records of a result that were returned, and their size in bytes.
    void add_result(int64_t rows, int64_t bytes);
    void set_command_type(std::string type) { row_.command_type = std::move(type); }
    /// The text as the log may have it.
    void set_text(std::string text);

    /// It has ended, and goes into the log; nothing after finish() or where it was handed over.
    void end(const Status& outcome);
    /// From now on finish() ends it, from another thread: it goes on in the background.
    void hand_over() { handed_over_ = true; }
    /// It doesn't: nothing was started.
    void take_back() { handed_over_ = false; }
    /// Ends it, with what the background used.
    void finish(const Status& outcome, const engine::Usage& background);

   private:
    friend class Requests;
    void log(const Status& outcome, const engine::Usage* background);

    Requests& requests_;
    catalog::LoggedRequest row_;  // with the text as it was sent, where it is a query's
    const std::shared_ptr<engine::CancelToken> work_;
    int64_t results_ = 0;
    std::vector<std::pair<int64_t, int64_t>> result_sizes_;  // rows and bytes of the first of them
    bool handed_over_ = false, logged_ = false;
    std::list<Running*>::iterator place_;
  };

  /// Queries are among running_queries() as long as the result lives. `row` has what is known of the request:
  /// `started`, state and figures are set here.
  std::shared_ptr<Running> begin(catalog::LoggedRequest row, std::shared_ptr<engine::CancelToken> work);

  /// With what they have used so far, oldest first.
  std::vector<catalog::LoggedRequest> running_queries() const;
  /// Tells every running query with this client activity id to stop that `may` be stopped. How many there
  /// were.
  int cancel_queries(const std::string& client_activity_id, const std::string& reason,
                     const std::function<bool(const catalog::LoggedRequest&)>& may);

  catalog::RequestLog& log() { return log_; }

 private:
  /// What the engine holds, looked at several times a second at most.
  int64_t recent_memory();

  catalog::RequestLog& log_;
  const engine::Engine& engine_;
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::list<Running*> queries_;
  std::mutex memory_mutex_;
  std::optional<std::chrono::steady_clock::time_point> memory_seen_;
  int64_t memory_ = 0;
};

}  // namespace spillway::commands
