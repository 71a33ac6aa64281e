// The engine over DuckDB.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "engine/duckdb_api.h"
#include "engine/engine.h"
#include "engine/lowering.h"
#include "engine/native_rel.h"
#include "engine/natives.h"
#include "engine/record_tables.h"
#include "engine/statement.h"
#include "engine/stream.h"
#include "engine/watchdog.h"

namespace spillway::engine {

class DuckEngine : public Engine {
 public:
  DuckEngine(EngineOptions options, const storage::StoreFactory& stores, DatabaseHandle database,
             ConnectionHandle natives, ConnectionHandle memory, PreparedHandle memory_query);

  Result<std::unique_ptr<ResultStream>> run(kql::RelPtr plan, const RunOptions& options) override;
  Result<std::vector<WrittenFile>> write_parquet(kql::RelPtr plan, const ParquetOptions& parquet,
                                                 const RunOptions& options) override;
  Result<WrittenFile> write_extent(kql::RelPtr plan, const catalog::Table& table, const std::string& path,
                                   const RunOptions& options) override;
  Result<kql::InferredSchema> infer_schema(const kql::StorageSample& sample,
                                           const RunOptions& options) override;
  Result<DeltaState> read_delta(const std::string& connection, DeltaParts parts,
                                const RunOptions& options) override;
  Result<std::unique_ptr<Connection>> connect() override;
  Result<std::unique_ptr<RecordTable>> expose(RecordSource& source) override {
    return record_tables_.expose(database_, source);
  }
  Result<std::string> register_function(const kql::Lowering& function, const std::vector<Type>& arguments,
                                        Type result) override {
    return natives_.name_of(function, arguments, result, function.native_name);
  }
  Result<std::vector<ScanPlan>> plan_scans(kql::RelPtr plan, const RunOptions& options) override;
  Result<std::string> sql_of(kql::RelPtr plan) override;
  int64_t memory_used() const override;

 private:
  Result<kql::InferredSchema> infer_delta_schema(const kql::StorageSample& sample, const RunOptions& options);
  LoweringContext lowering_context(const RunOptions& options, const Statement& statement,
                                   NativeQuery& native);
  std::shared_ptr<NativeQuery> native_query(const RunOptions& options);
  /// That run statements.
  int threads() const;
  /// The one value of a SELECT; null without a row.
  Result<Value> evaluate(const std::string& sql, Type type, const RunOptions& options);
  /// The columns of the plan's output, as Lowering names them.
  static std::vector<std::string> root_items(const kql::Rel& plan);

  EngineOptions options_;
  storage::StoreFactory stores_;
  DatabaseHandle database_;
  NativeFunctions natives_;
  RecordTables record_tables_;
  mutable std::mutex memory_mutex_;
  ConnectionHandle memory_connection_;
  PreparedHandle memory_query_;
  Watchdog watchdog_;
};

}  // namespace spillway::engine
