// A backend with results of the tests' making, so that the API can be tested without an engine.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "server/backend.h"

namespace spillway::server::test {

/// A result as columns of values; it may fail after its rows.
struct FakeResult {
  std::string name = "PrimaryResult";
  Schema schema;
  std::vector<std::vector<Value>> rows;
  std::string visualization;
  std::optional<Error> failure;  // of the stream, after the rows
  bool fails_at_once = false;    // … before them
  int64_t repeat = 1;            // the rows, so many times
  size_t rows_per_batch = 2;
};

class FakeBackend : public Backend {
 public:
  std::vector<FakeResult> results;
  std::optional<Error> compile_error;
  std::optional<int64_t> cursor;
  bool external_tables = false;
  std::map<std::string, std::string> options;
  std::vector<std::string> warnings;
  std::function<Result<std::vector<Table>>(const commands::Request&)> command;
  std::function<Result<int64_t>(const commands::StreamRequest&)> ingestion;
  /// Called for each batch with the options that the query runs under.
  std::function<Status(const engine::RunOptions&)> before_batch;

  QueryRequest last_query;

  const Clock& clock() const override { return clock_; }
  Result<std::unique_ptr<PreparedQuery>> prepare(const QueryRequest& request) override;
  Result<std::vector<Table>> execute(const commands::Request& request) override { return command(request); }
  Result<int64_t> ingest(const commands::StreamRequest& request) override { return ingestion(request); }

 private:
  ManualClock clock_{kUnixEpoch};
};

}  // namespace spillway::server::test
