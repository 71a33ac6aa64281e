// Which of an export's storage accounts each artifact goes to.
//
//   Artifacts take turns over the connection strings, and each run begins with the next of them.
//   An account that throttled or failed in the last ten minutes gets one artifact where the others get four,
//   when a run begins.
//   An account that a put has failed at, in this run, gets no more of it: its share goes to the others.
//
// An account is an Azure endpoint, an S3 bucket or a local folder; connection strings may share one.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "storage/object_store.h"

namespace spillway::exports {

std::string account_of(const storage::ConnectionString& connection);

/// What the process remembers of accounts; by any thread.
class AccountMemory {
 public:
  static constexpr Ticks kRemembered = 10 * kTicksPerMinute;

  explicit AccountMemory(const Clock& clock) : clock_(clock) {}
  void note_trouble(const std::string& account);
  bool had_trouble(const std::string& account) const;
  /// The connection that the next run begins with: 0, 1, 2, …
  size_t next_turn();

 private:
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::map<std::string, Ticks> troubled_;
  size_t turn_ = 0;
};

/// The turns of one run; by any thread.
class Spread {
 public:
  /// `accounts`: that of each connection.
  Spread(std::vector<std::string> accounts, AccountMemory& memory);

  /// The connection whose turn it is; nullopt where all are out.
  std::optional<size_t> next();
  bool is_out(size_t connection) const;
  /// The connection's account failed: it and its like get no more.
  void take_out(size_t connection);
  /// How many different accounts there are.
  size_t accounts() const;

 private:
  struct Share {
    std::string account;
    int weight = 0;
    int credit = 0;
    bool out = false;
  };

  mutable std::mutex mutex_;
  std::vector<Share> shares_;
  size_t first_ = 0;  // takes the first turn
};

}  // namespace spillway::exports
