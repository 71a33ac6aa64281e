#include "engine/statement.h"

namespace spillway::engine {

Result<std::unique_ptr<Statement>> Statement::open(const DatabaseHandle& database, Watchdog& watchdog,
                                                   const RunOptions& options) {
  std::unique_ptr<Statement> statement(new Statement);
  statement->cancel_ = options.cancel;
  SPILLWAY_ASSIGN(statement->connection_, connect(database));
  statement->guard_ = std::make_unique<Watchdog::Guard>(watchdog, statement->connection_.get(), options);
  return statement;
}

Status Statement::start(const std::string& sql) {
  const StatementTimer timer(usage());
  if (const auto error = expired()) return *error;
  Result<PreparedHandle> prepared = prepare(connection_, sql);
  if (!prepared.ok()) return fail(prepared.error());
  prepared_ = *std::move(prepared);
  PendingHandle pending;
  if (duckdb_pending_prepared_streaming(prepared_.get(), pending.receive()) != DuckDBSuccess) {
    const char* message = duckdb_pending_error(pending.get());
    return fail(error_of(message ? message : "a query can't be started"));
  }
  if (duckdb_execute_pending(pending.get(), result_.receive()) != DuckDBSuccess) {
    const char* message = duckdb_result_error(result_.get());
    return fail(error_of(message ? message : "a query failed without a message"));
  }
  return Status();
}

Result<ChunkHandle> Statement::next_chunk() {
  const StatementTimer timer(usage());
  if (auto error = expired()) return *std::move(error);
  ChunkHandle chunk(duckdb_fetch_chunk(*result_.get()));
  if (chunk && duckdb_data_chunk_get_size(chunk.get()) > 0) return chunk;
  const char* message = duckdb_result_error(result_.get());
  if (message && *message) return fail(error_of(message)).error();
  return ChunkHandle();
}

Status Statement::run(const std::string& sql, ResultHandle& result) {
  const StatementTimer timer(usage());
  StatementsHandle statements;
  const idx_t count = duckdb_extract_statements(connection_.get(), sql.c_str(), statements.receive());
  if (count == 0) {
    const char* message = duckdb_extract_statements_error(statements.get());
    return error_of(message ? message : "there is no statement");
  }
  for (idx_t i = 0; i < count; ++i) {
    if (const auto error = expired()) return *error;
    PreparedHandle prepared;
    if (duckdb_prepare_extracted_statement(connection_.get(), statements.get(), i, prepared.receive()) !=
        DuckDBSuccess) {
      const char* message = duckdb_prepare_error(prepared.get());
      return fail(error_of(message ? message : "a statement can't be prepared"));
    }
    const Status status = execute(prepared, result);
    if (!status.ok()) return fail(status.error());
  }
  return Status();
}

}  // namespace spillway::engine
