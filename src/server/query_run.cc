#include "server/query_run.h"

#include <algorithm>

#include "server/json.h"

namespace spillway::server {
namespace {

/// The documented texts of concepts/query-limits.md.
Error too_large(const char* what, int64_t limit) {
  return {ErrorCode::LimitExceeded, std::string("The Kusto DataEngine has failed to execute a query: 'Query "
                                                "result set has exceeded the internal ") +
                                        what + " limit " + std::to_string(limit) +
                                        " (E_QUERY_RESULT_SET_TOO_LARGE).'"};
}

int64_t row_size(const engine::Batch& batch, size_t row) {
  int64_t size = 0;
  for (const VectorView& column : batch.columns) size += data_size(column, row);
  return size;
}

}  // namespace

QueryRun::QueryRun(PreparedQuery& query, const RequestProperties& properties,
                   std::shared_ptr<engine::CancelToken> cancel, std::chrono::milliseconds timeout)
    : query_(query), properties_(properties), cancel_(std::move(cancel)), timeout_(timeout) {}

Status QueryRun::run_result(size_t index) {
  const auto elapsed =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - started_);
  engine::RunOptions options;
  options.cancel = cancel_;
  options.timeout = std::max(timeout_ - elapsed, std::chrono::milliseconds(1));
  SPILLWAY_ASSIGN(stream_, query_.run(index, options));
  SPILLWAY_ASSIGN(batch_, stream_->next());
  statistics_.results.emplace_back();
  return {};
}

Status QueryRun::start() {
  return query_.results().empty() ? Status() : run_result(0);
}

Status QueryRun::write(AnswerWriter& writer) {
  const Status written = write_results(writer);
  if (outcome_.ok()) outcome_ = written;
  return written;
}

Status QueryRun::write_results(AnswerWriter& writer) {
  std::optional<Error> failure;
  writer.begin();
  for (size_t i = 0; i < query_.results().size() && !failure; ++i) {
    writer.begin_result(i);
    if (i > 0) {
      if (const Status run = run_result(i); !run.ok()) failure = run.error();
    }
    if (!failure) SPILLWAY_TRY(write_rows(writer, failure));
    if (failure) {
      writer.fail(*failure);
      outcome_ = *failure;
    } else {
      writer.end_result();
    }
    if (stream_) add_statistics(*stream_);
    stream_.reset();
  }
  return writer.end(statistics());
}

Status QueryRun::write_rows(AnswerWriter& writer, std::optional<Error>& failure) {
  bool taken = false;
  while (batch_ && !failure && !taken) {
    const size_t count = admit(*batch_, failure, taken);
    SPILLWAY_TRY(writer.rows(*batch_, count));
    if (failure || taken) return {};
    auto next = stream_->next();
    if (next.ok()) {
      batch_ = *next;
    } else {
      failure = next.error();
    }
  }
  return {};
}

size_t QueryRun::admit(const engine::Batch& batch, std::optional<Error>& failure, bool& taken) {
  AnswerStatistics::ResultSize& size = statistics_.results.back();
  const int64_t max_records = properties_.record_limit(), max_bytes = properties_.byte_limit();
  const int64_t take = properties_.take_records.value_or(kNoLimit);
  size_t row = 0;
  for (; row < batch.rows; ++row) {
    taken = size.rows >= take;
    if (taken) break;
    const int64_t bytes = row_size(batch, row);
    if (records_ >= max_records) failure = too_large("record count", max_records);
    if (bytes_ + bytes > max_bytes) failure = too_large("data size", max_bytes);
    if (failure) break;
    ++records_, ++size.rows;
    bytes_ += bytes, size.bytes += bytes;
  }
  return row;
}

void QueryRun::add_statistics(const engine::ResultStream& stream) {
  const engine::RunStatistics used = stream.statistics();
  statistics_.extents_total += used.extents_total;
  statistics_.extents_scanned += used.extents_scanned;
  statistics_.peak_memory = std::max(statistics_.peak_memory, used.peak_memory);
}

AnswerStatistics QueryRun::statistics() const {
  AnswerStatistics out = statistics_;
  out.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count();
  return out;
}

int64_t QueryRun::rows_sent() const {
  return records_;
}

}  // namespace spillway::server
