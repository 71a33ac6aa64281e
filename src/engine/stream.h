// The rows of a running query: see ResultStream.
#pragma once

#include <memory>
#include <vector>

#include "engine/engine.h"
#include "engine/native_rel.h"
#include "engine/statement.h"
#include "engine/vectors.h"

namespace spillway::engine {

/// What a statement was made of, beside its SQL.
struct StatementSource {
  kql::RelPtr plan;
  std::vector<std::shared_ptr<void>> resources;
  ScanCounts scans;
  std::shared_ptr<NativeQuery> native;  // of the operators that it reads from
};

class QueryStream : public ResultStream {
 public:
  /// `statement` has been started, and its columns are those of the plan.
  QueryStream(StatementSource source, std::unique_ptr<Statement> statement,
              std::chrono::steady_clock::time_point started);
  ~QueryStream() override { close(); }

  const Schema& schema() const override { return schema_; }
  Result<const Batch*> next() override;
  RunStatistics statistics() const override;

 private:
  /// The query is over: what it holds is freed before the stream is.
  void close();

  StatementSource source_;
  Schema schema_;
  std::vector<VectorReader> readers_;
  std::unique_ptr<Statement> statement_;
  ChunkHandle chunk_;
  Batch batch_;
  std::optional<Error> error_;
  std::chrono::steady_clock::time_point started_;
  RunStatistics statistics_;
};

}  // namespace spillway::engine
