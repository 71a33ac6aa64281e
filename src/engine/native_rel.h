// Native operators (kql/native_operator.h) inside a SQL statement.
//
// Each input of a Native node is a statement of its own, with its own order, on a connection of its own. The
// operator's output is a record source (records.h), read by one thread, with the row's position as its last
// column:
//
//   SELECT c0 AS c17, c1 AS c18, c2 AS k5 FROM spillway_records(3)
//
// The statement that reads it makes the operator, and starts the inputs, when it first asks for rows; it runs
// the inputs' tasks in its own thread where no other is free, so that one thread is enough for any nesting.
// What several statements of a query share (materialize()) is a table that is filled before they start.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/status.h"
#include "engine/duckdb_api.h"
#include "engine/engine.h"
#include "engine/record_tables.h"
#include "engine/statement.h"
#include "engine/watchdog.h"
#include "kql/native_operator.h"
#include "kql/plan.h"

namespace spillway::engine {

/// Native operators inside the inputs of others.
inline constexpr int kMaxNativeDepth = 64;
/// Native operators of one query: each input is a connection.
inline constexpr int kMaxNativeOperators = 1'000;
/// All native operators of a query together hold at most this part of the engine's memory.
inline constexpr int64_t kNativeMemoryShare = 4;

/// What an input of a native operator reads.
struct NativeInput {
  kql::RelPtr plan;
  std::string sql;  // its columns are the plan's
};

/// What the native operators of one query share. Their statements end with the query's time, and when it is
/// cancelled or abandoned.
class NativeQuery : public kql::OperatorContext {
 public:
  NativeQuery(const DatabaseHandle& database, Watchdog& watchdog, RecordTables& tables, RunOptions options,
              int64_t memory_limit);

  std::optional<Error> expired() const override;
  Status reserve(int64_t bytes) override;
  void release(int64_t bytes) override { reserved_ -= bytes; }

  Result<std::unique_ptr<kql::EngineFunction>> function(const kql::Expr& call) override;

  /// Ends all operators: nobody wants their rows any more.
  void abandon() { options_.cancel->cancel(); }
  /// A statement that ends when the query does.
  Result<std::unique_ptr<Statement>> open_statement() const;
  /// A table with the rows of a SELECT, for all statements of the query. It goes with `resource`.
  Result<std::string> materialize(const std::string& sql, std::shared_ptr<void>& resource);
  /// The name in SQL of an operator's output. It goes with `resource`, which must not outlive this.
  Result<std::string> expose(const kql::Native& rel, std::vector<NativeInput> inputs,
                             std::shared_ptr<void>& resource);

 private:
  const DatabaseHandle& database_;
  Watchdog& watchdog_;
  RecordTables& tables_;
  RunOptions options_;
  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  int64_t memory_limit_;
  std::atomic<int64_t> reserved_{0};
  int operators_ = 0;
};

/// The materialized nodes below `root` that more than one statement reads: the query's own, and one for each
/// input of a native operator.
std::set<const kql::Rel*> shared_between_statements(const kql::Rel& root);

}  // namespace spillway::engine
