// One query from its streams to an answer: truncation, timeouts, failures before and in the middle of the
// rows.
#pragma once

#include <chrono>

#include "server/answer.h"

namespace spillway::server {

class QueryRun {
 public:
  QueryRun(PreparedQuery& query, const RequestProperties& properties,
           std::shared_ptr<engine::CancelToken> cancel, std::chrono::milliseconds timeout);

  /// Runs the first result up to its first rows: errors up to here are the request's own.
  Status start();
  /// Writes everything. Errors of the query go into the answer; Cancelled where the client is gone.
  Status write(AnswerWriter& writer);

  int64_t rows_sent() const;
  /// Records and bytes of each result that was begun.
  const std::vector<AnswerStatistics::ResultSize>& results() const { return statistics_.results; }
  /// How the query ended, once write() is through.
  const Status& outcome() const { return outcome_; }

 private:
  Status write_results(AnswerWriter& writer);
  Status run_result(size_t index);
  /// The rest of the current result. An error of the query is in `failure`.
  Status write_rows(AnswerWriter& writer, std::optional<Error>& failure);
  /// How many rows of the batch may be sent; an error says which limit ends the result after them.
  size_t admit(const engine::Batch& batch, std::optional<Error>& failure, bool& taken);
  AnswerStatistics statistics() const;
  void add_statistics(const engine::ResultStream& stream);

  PreparedQuery& query_;
  const RequestProperties& properties_;
  const std::shared_ptr<engine::CancelToken> cancel_;
  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  const std::chrono::milliseconds timeout_;
  std::unique_ptr<engine::ResultStream> stream_;
  const engine::Batch* batch_ = nullptr;
  AnswerStatistics statistics_;
  Status outcome_;
  int64_t records_ = 0, bytes_ = 0;  // of the whole answer
};

}  // namespace spillway::server
