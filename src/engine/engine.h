// The engine: runs bound plans. Lowering to SQL, DuckDB, native functions, result streams, memory and
// cancellation. DuckDB's header is included only inside this room; other rooms see this file.
//
//   SPILLWAY_ASSIGN(auto engine, Engine::open({.memory_limit = 4 << 30}, stores));
//   SPILLWAY_ASSIGN(auto stream, engine->run(*query.results[0].plan, {}));
//   while (true) {
//     SPILLWAY_ASSIGN(const Batch* batch, stream->next());
//     if (!batch) break;
//     …batch->columns[0].text(row)…
//   }
#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/types.h"
#include "base/vector.h"
#include "engine/delta_log.h"
#include "engine/records.h"
#include "engine/usage.h"
#include "kql/plan.h"
#include "storage/object_store.h"

namespace spillway::kql {
struct StorageSample;   // kql/binder.h
struct InferredSchema;  // kql/binder.h
struct Lowering;        // kql/functions.h
}  // namespace spillway::kql

namespace spillway::engine {

struct EngineOptions {
  int64_t memory_limit = 0;    // bytes; 0: three quarters of the machine's
  int threads = 0;             // 0: as many as there are cores
  std::string temp_folder;     // spilling and downloads; emptied at open
  std::string extents_folder;  // where Extent::path begins, unless it is absolute
};

/// A piece of work: cancels what runs under it, and counts what that uses. May be shared between threads and
/// outlive the stream.
class CancelToken {
 public:
  CancelToken() = default;
  /// A part of `parent` (which may be null): is cancelled with it, and uses what is counted there.
  explicit CancelToken(std::shared_ptr<CancelToken> parent) : parent_(std::move(parent)) {}
  void cancel() { cancelled_.store(true); }
  /// The first reason that was given stands in the errors of what is cancelled.
  void cancel(std::string reason);
  bool cancelled() const { return cancelled_.load() || (parent_ && parent_->cancelled()); }
  /// "the query was cancelled", with the reason where there is one: `what` is "the query".
  Error error(std::string_view what) const;
  Usage& usage() const { return parent_ ? parent_->usage() : usage_; }

 private:
  std::string reason() const;

  std::shared_ptr<CancelToken> parent_;
  std::atomic<bool> cancelled_{false};
  mutable std::mutex mutex_;
  std::string reason_;
  mutable Usage usage_;
};

struct RunOptions {
  std::shared_ptr<CancelToken> cancel;
  /// Error Timeout after this long; none by default.
  std::optional<std::chrono::milliseconds> timeout;
};

using Batch = ::spillway::Batch;

/// Resources that a query used.
struct RunStatistics {
  std::chrono::nanoseconds elapsed{0};
  int64_t rows = 0;
  int64_t extents_total = 0, extents_scanned = 0;
  int64_t peak_memory = 0;  // bytes, of the whole engine while it ran
};

/// The rows of a query, produced as they are taken. Destroying it ends the query.
class ResultStream {
 public:
  virtual ~ResultStream() = default;
  virtual const Schema& schema() const = 0;
  /// nullptr after the last batch. Errors: Cancelled, Timeout, LimitExceeded (memory), and what a runtime
  /// error of an expression is. In the order of the query where it has one.
  virtual Result<const Batch*> next() = 0;
  virtual RunStatistics statistics() const = 0;
};

/// How exact an exported datetime is. Either way its Parquet type is the documented one: INT64
/// TIMESTAMP_MICROS, UTC.
enum class DatetimePrecision { Millisecond, Microsecond };

/// A text of more bytes than this counts as null where it partitions files: no folder can be named after it
/// in every store.
inline constexpr size_t kLongestPartitionText = 180;

/// How the result of a plan is written as Parquet files into a local folder.
struct ParquetOptions {
  std::string folder;                  // must exist and be empty
  std::string compression = "snappy";  // "gzip", "snappy", "lz4_raw", "brotli", "zstd", "none"
  int64_t row_group_rows = 100'000;
  int64_t file_bytes = 0;  // starts a new file when one gets this large; 0: never
  DatetimePrecision datetime_precision = DatetimePrecision::Microsecond;
  /// Expressions over the plan's output (by column id): one file (or more) for each combination of values.
  std::vector<kql::ExprPtr> partitions;
  /// The first of the plan's columns are written; those behind them only serve the partitions. All by
  /// default.
  std::optional<size_t> written_columns;
  /// Files of one partition that are written at once: up to so many where the result has no order, and no
  /// more than there are extents to read.
  int writers = 1;
};

/// What a file's footer tells of one of its columns.
struct ColumnStatistics {
  std::optional<int64_t> nulls;
  /// As DuckDB prints them, exact; nullopt of types that have none there, and where all values are null.
  std::optional<std::string> min, max;
};

struct WrittenFile {
  std::string path;  // absolute
  int64_t rows = 0;
  int64_t bytes = 0;
  std::vector<Value> partition;  // of each of ParquetOptions::partitions
  /// Of each of the plan's columns; of write_parquet() only.
  std::vector<ColumnStatistics> columns;
  /// Of an extent: smallest and largest value of each datetime column by column id, absent where all are
  /// null.
  std::map<int, std::pair<Ticks, Ticks>> datetime_ranges;
};

/// What a scan of a plan would read.
struct ScanPlan {
  const kql::Rel* scan = nullptr;
  int64_t found = 0;                 // extents of the table, or files of the external table that were listed
  int64_t read = 0;                  // of them, those that the predicates leave
  int64_t bytes = 0;                 // of those
  std::vector<std::string> folders;  // of an external table: that were listed; "" is all
};

/// A connection for the rooms above that speak SQL themselves (ingestion): values are quoted by engine/sql.h.
class Connection {
 public:
  virtual ~Connection() = default;
  /// Runs one or more statements; the rows of the last as a table of strings, for small results. Nested
  /// values and times with a zone must be cast to VARCHAR in SQL.
  virtual Result<std::vector<std::vector<std::optional<std::string>>>> query(
      const std::string& sql, const RunOptions& options = {}) = 0;
};

class Engine {
 public:
  static Result<std::unique_ptr<Engine>> open(const EngineOptions& options,
                                              const storage::StoreFactory& stores);
  virtual ~Engine() = default;

  virtual Result<std::unique_ptr<ResultStream>> run(kql::RelPtr plan, const RunOptions& options) = 0;
  /// The whole result in memory: for results that are known to be small.
  Result<Table> run_to_table(kql::RelPtr plan, const RunOptions& options);

  /// Runs the plan into Parquet files, below the folder, under names of the engine's choice; none where there
  /// are no rows. On an error what was written is left for the caller to remove.
  virtual Result<std::vector<WrittenFile>> write_parquet(kql::RelPtr plan, const ParquetOptions& parquet,
                                                         const RunOptions& options) = 0;
  /// Runs the plan into one extent file of the table: columns by name (one that the plan lacks is null),
  /// field ids, datetimes as ticks. A plan that is a scan of the table with its hidden columns gives a merged
  /// extent, which keeps each record's cursor and ingestion time. `rows` is 0, and there is no file, where
  /// the plan gives none.
  virtual Result<WrittenFile> write_extent(kql::RelPtr plan, const catalog::Table& table,
                                           const std::string& path, const RunOptions& options) = 0;

  /// The columns of files that lie in stores, as their content suggests.
  virtual Result<kql::InferredSchema> infer_schema(const kql::StorageSample& sample,
                                                   const RunOptions& options) = 0;

  /// What the log of the Delta table at a connection string says: see engine/delta_log.h.
  virtual Result<DeltaState> read_delta(const std::string& connection, DeltaParts parts,
                                        const RunOptions& options) = 0;

  virtual Result<std::unique_ptr<Connection>> connect() = 0;
  /// Makes the records of `source` a table in SQL (engine/records.h).
  virtual Result<std::unique_ptr<RecordTable>> expose(RecordSource& source) = 0;
  /// Makes a native function of another room callable in SQL, by the name that it returns, with arguments of
  /// exactly these types. `function` must live as long as the engine.
  virtual Result<std::string> register_function(const kql::Lowering& function,
                                                const std::vector<Type>& arguments, Type result) = 0;
  /// What the plan's scans would read, without reading it: extents by the catalog, files by listings.
  virtual Result<std::vector<ScanPlan>> plan_scans(kql::RelPtr plan, const RunOptions& options) = 0;
  /// The SQL that a plan becomes: for tests and explanations.
  virtual Result<std::string> sql_of(kql::RelPtr plan) = 0;

  virtual int64_t memory_used() const = 0;
};

}  // namespace spillway::engine
