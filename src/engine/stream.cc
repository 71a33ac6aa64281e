#include "engine/stream.h"

namespace spillway::engine {

QueryStream::QueryStream(StatementSource source, std::unique_ptr<Statement> statement,
                         std::chrono::steady_clock::time_point started)
    : source_(std::move(source)), statement_(std::move(statement)), started_(started) {
  for (const kql::PlanColumn& column : source_.plan->columns) {
    schema_.push_back({column.name, column.type});
    readers_.emplace_back(column.type);
  }
  batch_.columns.resize(schema_.size());
  statistics_.extents_total = source_.scans.extents_total;
  statistics_.extents_scanned = source_.scans.extents_scanned;
}

Result<const Batch*> QueryStream::next() {
  if (error_) return *error_;
  if (!statement_) return nullptr;
  chunk_.reset();
  Result<ChunkHandle> chunk = statement_->next_chunk();
  if (!chunk.ok()) {
    error_ = chunk.error();
    close();
    return *error_;
  }
  chunk_ = *std::move(chunk);
  if (!chunk_) {
    close();
    return nullptr;
  }
  batch_.rows = duckdb_data_chunk_get_size(chunk_.get());
  statistics_.rows += static_cast<int64_t>(batch_.rows);
  for (size_t i = 0; i < readers_.size(); ++i) {
    batch_.columns[i] = readers_[i].read(duckdb_data_chunk_get_vector(chunk_.get(), i), batch_.rows);
  }
  return &batch_;
}

void QueryStream::close() {
  statistics_ = statistics();
  chunk_.reset();
  if (source_.native) source_.native->abandon();
  statement_.reset();
  source_.resources.clear();
  source_.native.reset();
}

RunStatistics QueryStream::statistics() const {
  RunStatistics now = statistics_;
  if (!statement_) return now;
  now.elapsed = std::chrono::steady_clock::now() - started_;
  now.peak_memory = statement_->peak_memory();
  return now;
}

}  // namespace spillway::engine
