// DuckDB's vectors as the VectorViews of base/vector.h, and back. A view shares the vector's memory where
// both lay out values alike (bool, int, long, real, datetime, timespan); texts are viewed without a copy of
// their bytes.
#pragma once

#include <duckdb.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/types.h"
#include "base/vector.h"

namespace spillway::engine {

/// Makes views of vectors of one type, with memory that is used again for the next vector.
class VectorReader {
 public:
  explicit VectorReader(Type type) : type_(type) {}

  /// The first `rows` values; valid until the next call and while the vector lives.
  VectorView read(duckdb_vector vector, size_t rows);

 private:
  const void* read_texts(duckdb_vector vector, size_t rows);
  const void* read_guids(duckdb_vector vector, size_t rows);
  const void* read_decimals(duckdb_vector vector, size_t rows);

  Type type_;
  std::vector<std::string_view> texts_;
  std::vector<Guid> guids_;
  std::string characters_;  // of decimals, one after the other
  std::vector<size_t> ends_;
};

/// Writes into a vector of DuckDB's.
class VectorWriter : public VectorSink {
 public:
  VectorWriter(Type type, duckdb_vector vector, size_t rows);
  /// After the last value: converts what was written, from position `first` on, in another layout.
  void finish(size_t first = 0);

  void set_null(size_t i) override;
  void set_text(size_t i, std::string_view text) override;
  void* data() override;

 private:
  void put_bytes(size_t i, std::string_view text);

  Type type_;
  duckdb_vector vector_;
  void* data_;
  uint64_t* validity_ = nullptr;
  std::vector<Guid> guids_;
};

}  // namespace spillway::engine
