// One SQL statement of one query on a connection of its own: run to its end, or handed out chunk by chunk.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "engine/duckdb_api.h"
#include "engine/engine.h"
#include "engine/watchdog.h"

namespace spillway::engine {

class Statement {
 public:
  ~Statement() {
    if (usage() && guard_) usage()->saw_memory(guard_->peak_memory());
  }

  static Result<std::unique_ptr<Statement>> open(const DatabaseHandle& database, Watchdog& watchdog,
                                                 const RunOptions& options);

  /// Begins to run `sql`; the rows come from next_chunk() while they are made. `sql` must be one statement.
  Status start(const std::string& sql);
  /// An empty handle after the last chunk.
  Result<ChunkHandle> next_chunk();

  /// Runs one or more statements to their ends; `result` gets the rows of the last.
  Status run(const std::string& sql, ResultHandle& result);

  /// What its scans read counts as used by its work.
  void count(const ScanCounts& scans) const {
    if (usage()) usage()->add(scans);
  }

  int64_t peak_memory() const { return guard_->peak_memory(); }
  std::optional<Error> expired() const { return guard_->expired(); }

 private:
  Statement() = default;
  Usage* usage() const { return cancel_ ? &cancel_->usage() : nullptr; }
  Status fail(const Error& error) const { return guard_->explain(error); }

  std::shared_ptr<CancelToken> cancel_;
  // In the order of their making: what comes later goes first.
  ConnectionHandle connection_;
  std::unique_ptr<Watchdog::Guard> guard_;
  PreparedHandle prepared_;
  ResultHandle result_;
};

}  // namespace spillway::engine
