// The data folders that a catalog follows: looks at each from time to time, and puts their databases beside
// the catalog's own. Private to this room.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "catalog/catalog.h"
#include "catalog/follower.h"

namespace spillway::catalog {

class Leaders {
 public:
  /// Has seen each of them once. BadRequest or StorageTransient where one can't be followed. `clock` outlives
  /// it.
  static Result<std::unique_ptr<Leaders>> open(const Following& following, const Clock& clock);
  ~Leaders();

  /// Looks at them from now on, in a thread of its own, and calls `changed` there when beside() has something
  /// new. Nothing where none is followed.
  void start(std::function<void()> changed);
  /// The databases of `own` that aren't followed ones, and beside them those of the leaders.
  std::shared_ptr<const Snapshot> beside(const std::shared_ptr<const Snapshot>& own) const;
  std::vector<FollowedLeader> states() const;

 private:
  /// Its databases are as they were when they could be read last.
  struct Leader {
    std::unique_ptr<Follower> follower;  // used by one thread: that which opens, and then the loop's
    Follower::Databases databases;
    FollowedLeader state;
  };

  Leaders(const Clock& clock, std::chrono::milliseconds interval) : clock_(clock), interval_(interval) {}
  /// Whether there was something new. An error is in the leader's state, too.
  Result<bool> look_at(Leader& leader);
  bool look_at_all();
  void loop(const std::function<void()>& changed);

  const Clock& clock_;
  const std::chrono::milliseconds interval_;
  std::vector<Leader> leaders_;
  mutable std::mutex mutex_;  // guards `databases` and `state` of each, and what follows
  std::condition_variable stopped_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace spillway::catalog
