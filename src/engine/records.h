// Records that another room makes, as a table in SQL: how ingestion feeds what it parses to DuckDB, without a
// copy between the parser and DuckDB's vectors, on as many threads as DuckDB runs.
//
//   CsvSource source(…);                                       // a RecordSource
//   SPILLWAY_ASSIGN(const auto table, engine.expose(source));
//   connection->query("COPY (SELECT c0, c1 FROM " + table->sql() + ") TO …");
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/types.h"
#include "base/vector.h"

namespace spillway::engine {

/// One thread's part of a source.
class RecordReader {
 public:
  virtual ~RecordReader() = default;
  /// Fills in up to `capacity` records: every position below the returned number is set once in each of
  /// `columns` (one for each field of the schema; strings never null). 0: there are no more. An error ends
  /// the statement.
  virtual Result<size_t> read(const std::vector<VectorSink*>& columns, size_t capacity) = 0;
};

class RecordSource {
 public:
  virtual ~RecordSource() = default;
  /// Only the types count; SQL calls the columns c0, c1, ….
  virtual const Schema& schema() const = 0;
  /// Called by each thread that reads. Each record goes to one of the readers. In the records' order where
  /// max_threads() is 1.
  virtual Result<std::unique_ptr<RecordReader>> open_reader() = 0;
  virtual size_t max_threads() const = 0;
};

/// A source's name in SQL, for as long as this lives. The source must outlive it.
class RecordTable {
 public:
  virtual ~RecordTable() = default;
  virtual const std::string& sql() const = 0;
};

}  // namespace spillway::engine
