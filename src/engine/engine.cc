#include "engine/engine.h"

#include <filesystem>
#include <mutex>
#include <thread>

#include "base/log.h"
#include "engine/duckdb_api.h"
#include "engine/elements.h"
#include "engine/engine_impl.h"
#include "engine/lowering.h"
#include "engine/sql.h"

namespace spillway::engine {
namespace {

namespace fs = std::filesystem;

/// DuckDB's own limit on nesting, which counts its forms of what lowering.h counts.
constexpr const char* kDuckExpressionDepth = "20000";

/// Files of partitions that one write has open at once. DuckDB closes the others, and goes on in new files:
/// with its own 100, an export of 10 million records into 300 partitions makes 4,000 files.
constexpr const char* kPartitionFiles = "500";

Result<ConfigHandle> make_config(const EngineOptions& options) {
  std::vector<std::pair<std::string, std::string>> settings{
      {"temp_directory", options.temp_folder + "/spill"},
      {"preserve_insertion_order", "false"},
      {"autoinstall_known_extensions", "false"},
      {"autoload_known_extensions", "false"},
      {"allow_community_extensions", "false"},
      {"allow_persistent_secrets", "false"},
  };
  if (options.memory_limit > 0)
    settings.emplace_back("memory_limit", std::to_string(options.memory_limit) + "B");
  if (options.threads > 0) settings.emplace_back("threads", std::to_string(options.threads));
  ConfigHandle config;
  if (duckdb_create_config(config.receive()) != DuckDBSuccess) {
    return Error(ErrorCode::Internal, "the engine can't be configured");
  }
  for (const auto& [name, value] : settings) {
    if (duckdb_set_config(config.get(), name.c_str(), value.c_str()) != DuckDBSuccess) {
      return Error(ErrorCode::BadRequest, "the engine doesn't take the setting " + name + " = " + value);
    }
  }
  return config;
}

/// The settings that can only be made once the database is open, for all of its connections.
///
/// DuckDB's caches of what it has read of files, and of the metadata of Parquet files, are off. They forget
/// nothing before the memory limit is reached, not even files that are gone: 35 KB and 11 KB of each extent
/// that is read once, by an export or a merge, for as long as the process lives. The system's own cache holds
/// the files anyway.
Status apply_settings(const ConnectionHandle& connection) {
  for (const std::string& sql :
       {std::string("SET GLOBAL TimeZone = 'UTC'"), std::string("SET GLOBAL parquet_metadata_cache = false"),
        std::string("SET GLOBAL enable_external_file_cache = false"),
        std::string("SET GLOBAL max_expression_depth = ") + kDuckExpressionDepth,
        std::string("SET GLOBAL partitioned_write_max_open_files = ") + kPartitionFiles,
        std::string("SET GLOBAL lock_configuration = true")}) {
    SPILLWAY_TRY(execute(connection, sql));
  }
  return Status();
}

Status prepare_folder(const std::string& folder) {
  std::error_code error;
  fs::remove_all(folder, error);
  if (!error) fs::create_directories(folder, error);
  if (error) {
    return Status(ErrorCode::StorageAccess, "the folder " + folder + " can't be used: " + error.message());
  }
  return Status();
}

class SqlConnection : public Connection {
 public:
  SqlConnection(const DatabaseHandle& database, Watchdog& watchdog)
      : database_(database), watchdog_(watchdog) {}

  Result<std::vector<std::vector<std::optional<std::string>>>> query(const std::string& sql,
                                                                     const RunOptions& options) override {
    SPILLWAY_ASSIGN(const auto statement, Statement::open(database_, watchdog_, options));
    ResultHandle result;
    SPILLWAY_TRY(statement->run(sql, result));
    const idx_t columns = duckdb_column_count(result.get());
    for (idx_t c = 0; c < columns; ++c) {
      if (!prints(duckdb_column_type(result.get(), c))) {
        return Error(ErrorCode::Internal, "a result column must be cast to VARCHAR: " +
                                              std::string(duckdb_column_name(result.get(), c)));
      }
    }
    std::vector<std::vector<std::optional<std::string>>> rows(duckdb_row_count(result.get()));
    for (idx_t r = 0; r < rows.size(); ++r) {
      for (idx_t c = 0; c < columns; ++c) rows[r].push_back(text_of(result.get(), c, r));
    }
    return rows;
  }

 private:
  /// False for types of which DuckDB's API gives no text.
  static bool prints(duckdb_type type) {
    switch (type) {
      case DUCKDB_TYPE_TIMESTAMP_TZ:
      case DUCKDB_TYPE_TIME_TZ:
      case DUCKDB_TYPE_LIST:
      case DUCKDB_TYPE_STRUCT:
      case DUCKDB_TYPE_MAP:
      case DUCKDB_TYPE_ARRAY:
      case DUCKDB_TYPE_UNION:
      case DUCKDB_TYPE_BIT: return false;
      default: return true;
    }
  }
  static std::optional<std::string> text_of(duckdb_result* result, idx_t column, idx_t row) {
    if (duckdb_value_is_null(result, column, row)) return std::nullopt;
    const duckdb_string text = duckdb_value_string(result, column, row);
    std::optional<std::string> copy;
    if (text.data) copy.emplace(text.data, text.size);
    duckdb_free(text.data);
    return copy;
  }

  const DatabaseHandle& database_;
  Watchdog& watchdog_;
};

}  // namespace

Result<std::unique_ptr<Engine>> Engine::open(const EngineOptions& options,
                                             const storage::StoreFactory& stores) {
  SPILLWAY_TRY(prepare_folder(options.temp_folder));
  SPILLWAY_TRY(prepare_folder(options.temp_folder + "/spill"));
  SPILLWAY_TRY(prepare_folder(options.temp_folder + "/downloads"));
  SPILLWAY_ASSIGN(const ConfigHandle config, make_config(options));
  DatabaseHandle database;
  char* message = nullptr;
  if (duckdb_open_ext(nullptr, database.receive(), config.get(), &message) != DuckDBSuccess) {
    const Error error(ErrorCode::Internal,
                      std::string("the engine can't start: ") + (message ? message : ""));
    duckdb_free(message);
    return error;
  }
  SPILLWAY_ASSIGN(ConnectionHandle natives, engine::connect(database));
  SPILLWAY_TRY(apply_settings(natives));
  SPILLWAY_TRY(register_elements(natives));
  SPILLWAY_ASSIGN(ConnectionHandle memory, engine::connect(database));
  SPILLWAY_ASSIGN(
      PreparedHandle memory_query,
      prepare(memory, "SELECT CAST(coalesce(sum(memory_usage_bytes), 0) AS BIGINT) FROM duckdb_memory()"));
  log::debug("engine opened", {{"duckdb", duckdb_library_version()}});
  return std::unique_ptr<Engine>(new DuckEngine(options, stores, std::move(database), std::move(natives),
                                                std::move(memory), std::move(memory_query)));
}

void CancelToken::cancel(std::string reason) {
  {
    const std::lock_guard lock(mutex_);
    if (reason_.empty()) reason_ = std::move(reason);
  }
  cancel();
}

std::string CancelToken::reason() const {
  {
    const std::lock_guard lock(mutex_);
    if (!reason_.empty() || !parent_) return reason_;
  }
  return parent_->reason();
}

Error CancelToken::error(std::string_view what) const {
  const std::string why = reason();
  return {ErrorCode::Cancelled, std::string(what) + " was cancelled" + (why.empty() ? "" : ": " + why)};
}

Result<Table> Engine::run_to_table(kql::RelPtr plan, const RunOptions& options) {
  SPILLWAY_ASSIGN(const auto stream, run(std::move(plan), options));
  Table table;
  table.schema = stream->schema();
  while (true) {
    SPILLWAY_ASSIGN(const Batch* batch, stream->next());
    if (!batch) return table;
    for (size_t row = 0; row < batch->rows; ++row) {
      std::vector<Value>& values = table.rows.emplace_back();
      for (const VectorView& column : batch->columns) values.push_back(column.value(row));
    }
  }
}

DuckEngine::DuckEngine(EngineOptions options, const storage::StoreFactory& stores, DatabaseHandle database,
                       ConnectionHandle natives, ConnectionHandle memory, PreparedHandle memory_query)
    : options_(std::move(options)),
      stores_(stores),
      database_(std::move(database)),
      natives_(std::move(natives)),
      memory_connection_(std::move(memory)),
      memory_query_(std::move(memory_query)),
      watchdog_([this] { return memory_used(); }) {}

int64_t DuckEngine::memory_used() const {
  const std::lock_guard lock(memory_mutex_);
  ResultHandle result;
  if (!execute(memory_query_, result).ok()) return 0;
  const ChunkHandle chunk(duckdb_fetch_chunk(*result.get()));
  if (!chunk || duckdb_data_chunk_get_size(chunk.get()) == 0) return 0;
  return *static_cast<int64_t*>(duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk.get(), 0)));
}

Result<Value> DuckEngine::evaluate(const std::string& sql, Type type, const RunOptions& options) {
  SPILLWAY_ASSIGN(const auto statement, Statement::open(database_, watchdog_, options));
  SPILLWAY_TRY(statement->start(sql));
  SPILLWAY_ASSIGN(const ChunkHandle chunk, statement->next_chunk());
  if (!chunk) return Value::null(type);
  VectorReader reader(type);
  return reader.read(duckdb_data_chunk_get_vector(chunk.get(), 0), 1).value(0);
}

int DuckEngine::threads() const {
  if (options_.threads > 0) return options_.threads;
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

std::shared_ptr<NativeQuery> DuckEngine::native_query(const RunOptions& options) {
  return std::make_shared<NativeQuery>(database_, watchdog_, record_tables_, options, options_.memory_limit);
}

LoweringContext DuckEngine::lowering_context(const RunOptions& options, const Statement& statement,
                                             NativeQuery& native) {
  LoweringContext context;
  context.native = &native;
  context.natives = &natives_;
  context.stores = &stores_;
  context.extents_folder = options_.extents_folder;
  context.temp_folder = options_.temp_folder;
  context.evaluate = [this, options](const std::string& sql, Type type) {
    return evaluate(sql, type, options);
  };
  context.query = [this, options](const std::string& sql) {
    return SqlConnection(database_, watchdog_).query(sql, options);
  };
  context.expired = [&statement] { return statement.expired(); };
  return context;
}

Result<std::string> DuckEngine::sql_of(kql::RelPtr plan) {
  SPILLWAY_ASSIGN(const auto statement, Statement::open(database_, watchdog_, {}));
  const auto native = native_query({});
  const LoweringContext context = lowering_context({}, *statement, *native);
  Lowering lowering(context);
  SPILLWAY_TRY(lowering.plan(*plan));
  return lowering.select(root_items(*plan));
}

Result<std::vector<ScanPlan>> DuckEngine::plan_scans(kql::RelPtr plan, const RunOptions& options) {
  SPILLWAY_ASSIGN(const auto statement, Statement::open(database_, watchdog_, options));
  const auto native = native_query(options);
  LoweringContext context = lowering_context(options, *statement, *native);
  std::vector<ScanPlan> scans;
  context.scans = &scans;
  Lowering lowering(context);
  SPILLWAY_TRY(lowering.plan(*plan));
  native->abandon();
  return scans;
}

std::vector<std::string> DuckEngine::root_items(const kql::Rel& plan) {
  std::vector<std::string> items;
  for (const kql::PlanColumn& column : plan.columns) items.push_back(Lowering::id_name(column.id));
  return items;
}

Result<std::unique_ptr<ResultStream>> DuckEngine::run(kql::RelPtr plan, const RunOptions& options) {
  const auto started = std::chrono::steady_clock::now();
  SPILLWAY_ASSIGN(auto statement, Statement::open(database_, watchdog_, options));
  auto native = native_query(options);
  const LoweringContext context = lowering_context(options, *statement, *native);
  Lowering lowering(context);
  SPILLWAY_TRY(lowering.plan(*plan));
  SPILLWAY_ASSIGN(const std::string sql, lowering.select(root_items(*plan)));
  statement->count(lowering.scans());
  SPILLWAY_TRY(statement->start(sql));
  StatementSource source{std::move(plan), lowering.take_resources(), lowering.scans(), std::move(native)};
  return std::unique_ptr<ResultStream>(new QueryStream(std::move(source), std::move(statement), started));
}

Result<std::unique_ptr<Connection>> DuckEngine::connect() {
  return std::unique_ptr<Connection>(new SqlConnection(database_, watchdog_));
}

}  // namespace spillway::engine
