// Exports: `.export`, continuous exports, and the janitor. Nothing else writes artifacts.
//
// A run, whether continuous or of a command, goes: begin (catalog) → for each artifact: written whole to a
// local staging file, its path recorded as pending (catalog), put into the store → commit (catalog). What a
// run that failed or died left pending is deleted by the janitor, and only then forgotten.
//
// Sources: management/data-export/*.md; exactly-once rules in docs/architecture.md.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "catalog/catalog.h"
#include "catalog/request_log.h"
#include "engine/capacity.h"
#include "engine/engine.h"
#include "kql/binder.h"
#include "storage/object_store.h"

namespace spillway::exports {

/// How artifacts are written: of an external table or of the properties of `.export to FORMAT (…)`.
struct Settings {
  std::string format;                    // "csv", "tsv", "json", "parquet"
  bool delta = false;                    // artifacts are files of a Delta table; its format is "parquet"
  std::vector<std::string> connections;  // at least one; writes are spread over them
  std::string compression;               // "gzip", "snappy", … or "none"
  std::string include_headers;           // "all", "firstfile", "none"
  std::string name_prefix, file_extension, encoding;
  int64_t size_limit = 100 * 1024 * 1024;  // bytes before compression
  int64_t row_group_rows = 100'000;
  engine::DatetimePrecision datetime_precision = engine::DatetimePrecision::Microsecond;
  /// How many write at once. `Node` is one writer for each partition; `Shard` as many as there are cores, for
  /// each partition that isn't one by a string, or for all with `uniform`.
  enum class Distribution { Single, Node, Shard } distribution = Distribution::Node;
  bool uniform = false;           // distributionKind
  int64_t concurrency = 16;       // artifacts that are put into storage at once; one where `Single`
  int64_t threads_percent = 100;  // of the threads that write, and of `concurrency`
  std::vector<catalog::Partition> partitions;
  std::vector<catalog::PathElement> path_format;
  std::string external_table;            // its name; empty for `.export to storage`
  std::vector<catalog::Column> columns;  // of the external table, in its order; empty for storage
};

/// Settings of an external table with the properties of the command; errors name the property and its valid
/// range.
Result<Settings> settings_for_table(const catalog::ExternalTable& table,
                                    const std::map<std::string, std::string>& properties);
/// Settings of `.export [compressed] to FORMAT (connections) with (properties)`.
Result<Settings> settings_for_storage(const std::string& format, bool compressed,
                                      std::vector<std::string> connections,
                                      const std::map<std::string, std::string>& properties);

/// What `set` statements of the query say of the export: query_fanout_threads_percent, and
/// query_fanout_nodes_percent, which is checked only, there being one node. BadRequest where one isn't from 0
/// to 100.
Status apply_query_options(const std::map<std::string, std::string>& options, Settings& settings);

/// Files of one partition that are written at once on a machine of so many cores.
int writers_of(const Settings& settings, int cores);
/// Artifacts that are put into storage at once.
size_t uploads_of(const Settings& settings);

/// The query's output must have the external table's columns and virtual columns, by name and type (in any
/// order), the columns that its partitions are computed from included. SchemaMismatch says which differ.
Status check_schema(const Schema& output, const catalog::ExternalTable& table);

/// The folder path of a partition, without a '/' at its ends; empty where nothing is partitioned. A value
/// that is null, empty or no valid folder name becomes "__DEFAULT_PARTITION__"; no value can lead out of the
/// target.
Result<std::string> partition_path(const Settings& settings, const std::vector<Value>& partition_values);

/// What `sampleUris` shows: simulated addresses of files, one or two for each connection, without
/// credentials.
Result<std::vector<std::string>> sample_uris(const catalog::ExternalTable& table);

/// The result of an operation as the catalog keeps it for `.show operation … details`, and back.
std::string table_to_json(const Table& table);
Result<Table> table_from_json(std::string_view json);

// Rules between continuous exports and the policies of tables. Sources:
// data-export/continuous-data-export.md, "Limitations",
// data-export/continuous-export-with-managed-identity.md, row-level-security-policy.md,
// restricted-view-access-policy.md.
/// That each export, of whatever database, which reads the table may go on when it gets row level security:
/// it needs a managedIdentity and an external table that impersonates. BadRequest names one that may not.
Status check_row_level_security(const std::shared_ptr<const catalog::Snapshot>& snapshot,
                                const catalog::Table& table);
/// That no export reads the table: none may read one with restricted view access.
Status check_restricted_view_access(const std::shared_ptr<const catalog::Snapshot>& snapshot,
                                    const catalog::Table& table);

inline constexpr const char* kDefaultPartition = "__DEFAULT_PARTITION__";
/// The shortest intervalBetweenRuns.
inline constexpr Ticks kShortestInterval = kTicksPerSecond;
inline constexpr Ticks kDefaultInterval = kTicksPerHour;

struct Request {
  std::string database;
  kql::BoundQuery query;
  Settings settings;
  std::string principal, activity_id;
  bool persist_details = false;
  /// Of start_operation(): called when it has ended, with what it used.
  std::function<void(const Status&, const engine::Usage&)> ended;
};

struct ServiceOptions {
  std::string staging_folder;  // on the data folder's file system; emptied at start
  std::string owner;           // identifies this process in leases
  int capacity = 0;            // runs at once; 0: as the cluster's capacity policy says
  /// How long an operation waits for the export capacity.
  std::chrono::milliseconds capacity_wait = engine::kLongestCapacityWait;
  catalog::RequestLog* requests = nullptr;  // that runs of continuous exports are told to; may be null
  Ticks disable_after = 7 * kTicksPerDay;
  Ticks janitor_interval = 60 * kTicksPerSecond;
  /// How long after the end of a run a put of it whose answer was lost may still take effect.
  Ticks late_arrival = std::chrono::seconds(storage::kLateArrival).count() * kTicksPerSecond;
  /// A run takes whole extents until it has this many records or bytes: a long backlog becomes bounded runs.
  int64_t records_per_run = 50'000'000;
  int64_t bytes_per_run = int64_t{4} << 30;  // of the extents' files
  int format_threads = 0;                    // that format and compress text; 0: as many as there are cores
  /// Principals have roles: exports that read other databases need a managedIdentity, which needs the role of
  /// a Viewer in every database that they read.
  bool access_control = false;
};

/// How a continuous export stands: for `.show continuous-export`, /metrics and `.show capacity`.
struct ExportHealth {
  std::string database, name;
  /// Everything that was ingested up to then has been exported: `ExportedTo`. Where something waits that is
  /// the moment before the first of it came, and else the last commit of the database.
  Ticks exported_to = 0;
  Ticks lateness = 0;  // now − exported_to; 0 where nothing is waiting
  /// Start of the last run, runs that found nothing new (and left no trace in the catalog) included.
  std::optional<Ticks> last_run;
  bool disabled = false, running = false;
  bool pending = false;                         // a run is due and waits for the export capacity
  int64_t completed_runs = 0, failed_runs = 0;  // since the process started
  int64_t records = 0, bytes = 0;
};

/// What `.verify continuous-export` found at an artifact's place.
struct Finding {
  enum class State {
    Verified,     // length, checksum and number of records are those that were committed
    Missing,      // there is no such object
    Altered,      // it is another one
    Unreachable,  // the store doesn't say
  } state = State::Verified;
  catalog::Artifact artifact;             // as it was committed
  std::optional<int64_t> records, bytes;  // as they are
  std::string details;
};

/// What the next run of an export would read and write.
struct RunPlan {
  catalog::Cursor from = 0, to = 0;
  int64_t extents = 0, records = 0, bytes = 0;  // of the fact tables, before the query
  int64_t result_records = 0;                   // that the query makes of them
  int64_t partitions = 0, files = 0;            // files: at least
  bool more = false;                            // a further run would follow at once
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

  /// `.export`, synchronous. The rows of the documented output: (ExternalTableName,) Path, NumRecords. On an
  /// error nothing that it wrote stays. Waits a while for the export capacity, then: Throttled.
  virtual Result<Table> run(const Request& request, std::shared_ptr<engine::CancelToken> cancel) = 0;
  /// `.export async`: the operation's id. Throttled where too many are waiting for the export capacity.
  virtual Result<Guid> start_operation(Request request) = 0;
  /// Cancels a running operation; EntityNotFound where none of that id runs. `reason` stands in its status;
  /// it may be empty.
  virtual Status cancel_operation(const Guid& id, const std::string& reason) = 0;

  /// Checks everything that creation documents (query, fact tables, schema, policies, properties), then
  /// creates or alters; an alter keeps the position. `definition` has its name, external table, query, and
  /// fact tables with `over_given`; interval, forced latency, size limit, managed identity, `disabled` and
  /// `properties` are taken from `properties` (names in any case, values as texts: "1h" or "01:00:00",
  /// "104857600", "true").
  virtual Status create_or_alter(const std::string& database, catalog::ContinuousExport definition,
                                 const std::map<std::string, std::string>& properties) = 0;

  /// One run of one export, now, on the calling thread, due or not; true where it exported something or moved
  /// the position. For tests and tools; the scheduler does the same.
  virtual Result<bool> run_once(const std::string& database, const std::string& name) = 0;
  /// What the next run would do, without doing it. It runs the query to count its records.
  virtual Result<RunPlan> plan_run(const std::string& database, const std::string& name) = 0;
  /// The same of a definition that create_or_alter() would take, checked alike: of its first run.
  virtual Result<RunPlan> plan_run(const std::string& database, catalog::ContinuousExport definition,
                                   const std::map<std::string, std::string>& properties) = 0;
  /// Reads every artifact that the export has reported, and compares it with what was committed.
  virtual Result<std::vector<Finding>> verify(const std::string& database, const std::string& name,
                                              const std::shared_ptr<engine::CancelToken>& cancel) = 0;
  /// One pass of the janitor, now.
  virtual Status sweep() = 0;

  virtual std::vector<ExportHealth> health() const = 0;
  virtual std::optional<ExportHealth> health_of(const std::string& database,
                                                const std::string& name) const = 0;
  virtual int capacity() const = 0;
  virtual int running() const = 0;
};

}  // namespace spillway::exports
