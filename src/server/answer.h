// Answers in the forms v1 ({"Tables": […]}) and v2 (an array of frames), written as the rows come.
// Sources: api/rest/response.md, api/rest/response-v2.md, concepts/partial-query-failures.md.
//
// The calls come in this order: begin, then for each result begin_result, rows…, end_result, then end. Where
// a result fails, fail() takes the place of everything after it, end() excepted.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "server/backend.h"
#include "server/errors.h"
#include "server/http.h"
#include "server/properties.h"

namespace spillway::server {

/// What an answer says about itself.
struct AnswerInfo {
  RequestIds ids;
  Ticks now = 0;
  std::optional<int64_t> cursor;
  std::vector<ResultInfo> results;
  std::vector<std::string> warnings;
};

/// What the query took, for the status tables.
struct AnswerStatistics {
  double seconds = 0;
  int64_t extents_total = 0, extents_scanned = 0;
  int64_t peak_memory = 0;
  struct ResultSize {
    int64_t rows = 0, bytes = 0;
  };
  std::vector<ResultSize> results;
};

class AnswerWriter {
 public:
  virtual ~AnswerWriter() = default;
  virtual void begin() = 0;
  virtual void begin_result(size_t index) = 0;
  /// Rows [0, count) of the batch. Error Cancelled where the client is gone.
  virtual Status rows(const engine::Batch& batch, size_t count) = 0;
  virtual void end_result() = 0;
  /// The current result ends with an error, and the answer with it.
  virtual void fail(const Error& error) = 0;
  virtual Status end(const AnswerStatistics& statistics) = 0;
};

std::unique_ptr<AnswerWriter> make_v1_writer(HttpResponse& out, AnswerInfo info,
                                             const RequestProperties& properties);
std::unique_ptr<AnswerWriter> make_v2_writer(HttpResponse& out, AnswerInfo info,
                                             const RequestProperties& properties);

/// The v1 answer of a command: its table alone, or, of several, with the tables that tell a client which is
/// which.
std::string v1_tables(const std::vector<Table>& tables, const AnswerInfo& info);

}  // namespace spillway::server
