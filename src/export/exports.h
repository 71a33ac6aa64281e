// Exports: `.export`, continuous exports, and the janitor. Nothing else writes artifacts.
//
// A run, whether continuous or of a command, goes: begin (catalog) → for each artifact: written whole to a local
// staging file, its path recorded as pending (catalog), put into the store → commit (catalog). What a run that
// failed or died left pending is deleted by the janitor, and only then forgotten.
//
// Sources: management/data-export/*.md; exactly-once rules in docs/architecture.md.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "catalog/catalog.h"
#include "engine/engine.h"
#include "kql/binder.h"
#include "storage/object_store.h"

namespace spillway::exports {

/// How artifacts are written: of an external table or of the properties of `.export to FORMAT (…)`.
struct Settings {
  std::string format;              // "csv", "tsv", "json", "parquet"
  std::vector<std::string> connections;  // at least one; writes are spread over them
  std::string compression;         // "gzip", "snappy", … or "none"
  std::string include_headers;     // "all", "firstfile", "none"
  std::string name_prefix, file_extension, encoding;
  int64_t size_limit = 100 * 1024 * 1024;  // bytes before compression
  int64_t row_group_rows = 100'000;
  engine::DatetimePrecision datetime_precision = engine::DatetimePrecision::Microsecond;
  bool single = false;             // distribution=single
  std::vector<catalog::Partition> partitions;
  std::vector<catalog::PathElement> path_format;
  std::string external_table;      // its name; empty for `.export to storage`
  std::vector<catalog::Column> columns;  // of the external table, in its order; empty for storage
};

/// Settings of an external table with the properties of the command; errors name the property and its valid range.
Result<Settings> settings_for_table(const catalog::ExternalTable& table,
                                    const std::map<std::string, std::string>& properties);
/// Settings of `.export [compressed] to FORMAT (connections) with (properties)`.
Result<Settings> settings_for_storage(const std::string& format, bool compressed, std::vector<std::string> connections,
                                      const std::map<std::string, std::string>& properties);

/// The query's output must have the external table's columns, by name and type (in any order), the columns that its
/// partitions are computed from included. SchemaMismatch says which differ.
Status check_schema(const Schema& output, const catalog::ExternalTable& table);

/// What `.show external table … artifacts`-like output and sampleUris need: the folder path of a partition.
Result<std::string> partition_path(const Settings& settings, const std::vector<Value>& partition_values);

struct Request {
  std::string database;
  kql::BoundQuery query;
  Settings settings;
  std::string principal, activity_id;
  bool persist_details = false;
};

struct ServiceOptions {
  std::string staging_folder;      // on the data folder's file system; emptied at start
  std::string owner;               // identifies this process in leases
  int capacity = 0;                // runs at once; 0: three quarters of the cores, at least one
  Ticks disable_after = 7 * kTicksPerDay;
  Ticks janitor_interval = 60 * kTicksPerSecond;
};

/// For /metrics and `.show capacity`.
struct ExportHealth {
  std::string database, name;
  Ticks lateness = 0;       // now − the ingestion time to which it has exported; 0 where nothing is waiting
  bool disabled = false, running = false;
  int64_t completed_runs = 0, failed_runs = 0;  // since the process started
  int64_t records = 0, bytes = 0;
};

class Service {
 public:
  static Result<std::unique_ptr<Service>> open(catalog::Catalog& catalog, engine::Engine& engine,
                                               const storage::StoreFactory& stores, const Clock& clock,
                                               const ServiceOptions& options);
  virtual ~Service() = default;  // stops

  /// The scheduler and the janitor, in threads of their own.
  virtual void start() = 0;
  /// Waits for running runs to end or cancels them; safe to call twice.
  virtual void stop() = 0;

  /// `.export`, synchronous. The rows of the documented output: (ExternalTableName,) Path, NumRecords.
  virtual Result<Table> run(const Request& request, std::shared_ptr<engine::CancelToken> cancel) = 0;
  /// `.export async`: the operation's id. Throttled where the export capacity is used up.
  virtual Result<Guid> start_operation(Request request) = 0;

  /// Checks everything that creation documents (query, fact tables, schema, policies, properties), then creates or
  /// alters; an alter keeps the position.
  virtual Status create_or_alter(const std::string& database, catalog::ContinuousExport definition,
                                 const std::map<std::string, std::string>& properties) = 0;

  /// One run of one export, now, on the calling thread, due or not; true where it exported something or moved the
  /// position. For tests and tools; the scheduler does the same.
  virtual Result<bool> run_once(const std::string& database, const std::string& name) = 0;
  /// One pass of the janitor, now.
  virtual Status sweep() = 0;

  virtual std::vector<ExportHealth> health() const = 0;
  virtual int capacity() const = 0;
  virtual int running() const = 0;
};

}  // namespace spillway::exports
