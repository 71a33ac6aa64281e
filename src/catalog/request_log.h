// The log of queries and commands that have ended: what `.show queries` and `.show commands` list.
//
// It has a file of its own, requests.sqlite in the catalog's folder, and never makes a request wait for the
// disk: add() puts a row into a bounded queue, and a thread writes what is there in batches, several times a
// second. A crash of the process may lose what came in the last second or so, a crash of the machine a little
// more: rows aren't synced one by one. stop() writes what is left.
//
// Bounds: rows are kept for kRequestHistory, and the newest of them within kMostRequests and
// kMostRequestBytes of text. While the queue is full, further rows are left out, and the server's log says
// how many. A file that can't be read is put aside as requests.sqlite.damaged, and a new one begun: the log
// is no reason for a server not to start. Sources: management/show-queries-command.md, show-commands.md,
// commands-and-queries.md.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "base/types.h"

namespace spillway::catalog {

inline constexpr Ticks kRequestHistory = 30 * kTicksPerDay;
inline constexpr int64_t kMostRequests = 200'000;
inline constexpr int64_t kMostRequestBytes = int64_t{256} << 20;
/// The longest text of a query or command; the rest is cut off.
inline constexpr size_t kMostRequestText = 64 * 1024;
/// What may wait to be written.
inline constexpr size_t kMostQueuedRequests = 20'000;
inline constexpr size_t kMostQueuedBytes = 32 << 20;

enum class RequestState { InProgress, Completed, Failed, Throttled, Canceled };
const char* name_of(RequestState state);
std::optional<RequestState> parse_request_state(std::string_view name);

/// The command type of queries.
inline constexpr const char* kQueryType = "Query";
/// What the client activity ids of continuous exports' runs begin with; the run's id follows.
inline constexpr const char* kContinuousExportActivity = "RunContinuousExports;";

/// A query or a command. Texts hold no secret: whoever adds a row sees to that.
struct LoggedRequest {
  std::string command_type;  // "Query", "TableSetOrAppend", …
  std::string text, database;
  std::string client_activity_id;  // x-ms-client-request-id
  Guid root_activity_id;
  std::string user, principal, application;
  std::string workload_group = "default";
  std::string client_request_properties = "{}";  // JSON
  RequestState state = RequestState::InProgress;
  std::string failure_reason;
  Ticks started = 0, updated = 0;

  Ticks cpu = 0;
  std::optional<int64_t> memory_peak;  // bytes; absent where it wasn't measured
  int64_t extents_total = 0, extents_scanned = 0, rows_total = 0, rows_scanned = 0;
  Ticks oldest_scanned = 0, newest_scanned = 0;  // ingestion times; 0: nothing was scanned
  std::string result_statistics;                 // JSON; empty where there is no result

  bool is_query() const { return command_type == kQueryType; }
};

class RequestLog {
 public:
  /// `folder`: the catalog's. `clock` must outlive it.
  static Result<std::unique_ptr<RequestLog>> open(const std::string& folder, const Clock& clock);
  virtual ~RequestLog() = default;  // stops

  virtual void add(LoggedRequest request) = 0;

  enum class Kind { Queries, Commands, Both };
  /// Those of the last 30 days, newest first, with what was added before the call.
  virtual Result<std::vector<LoggedRequest>> read(Kind kind) = 0;
  /// Writes what is queued; safe to call twice. What is added later is left out.
  virtual void stop() = 0;
  /// How many rows were left out because the queue was full or the file couldn't be written.
  virtual int64_t lost() const = 0;
};

}  // namespace spillway::catalog
