// Rows that have left the engine: a copy of parts of its batches, column by column, that lives as long as it
// takes another thread to format it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/vector.h"
#include "engine/engine.h"

namespace spillway::exports {

/// The values of one column.
class ColumnBlock {
 public:
  explicit ColumnBlock(Type type) : type_(type) {}

  void append(const VectorView& source, size_t begin, size_t end);
  void append(const VectorView& source, const std::vector<uint32_t>& rows);

  Type type() const { return type_; }
  bool is_null(size_t i) const { return has_nulls_ && nulls_[i] != 0; }
  bool boolean(size_t i) const { return bytes_[i] != 0; }
  int32_t int32(size_t i) const { return get<int32_t>(i); }
  int64_t int64(size_t i) const { return get<int64_t>(i); }
  double real(size_t i) const { return get<double>(i); }
  Guid guid(size_t i) const { return get<Guid>(i); }
  std::string_view text(size_t i) const {
    const size_t begin = i == 0 ? 0 : ends_[i - 1];
    return std::string_view(text_).substr(begin, ends_[i] - begin);
  }
  size_t memory() const {
    return bytes_.size() + nulls_.size() + text_.size() + ends_.size() * sizeof(size_t);
  }

 private:
  template <typename T>
  T get(size_t i) const;
  template <typename Rows>
  void append_rows(const VectorView& source, size_t count, Rows row);

  Type type_;
  bool has_nulls_ = false;
  size_t size_ = 0;
  std::string bytes_;         // fixed-width values, one after the other
  std::string nulls_;         // a byte a value, once there is a null
  std::string text_;          // the texts, one after the other
  std::vector<size_t> ends_;  // where each ends
};

/// Rows of the first `types.size()` columns of batches.
class RowBlock {
 public:
  explicit RowBlock(const std::vector<Type>& types);

  void append(const engine::Batch& batch, size_t begin, size_t end);
  void append(const engine::Batch& batch, const std::vector<uint32_t>& rows);

  size_t rows() const { return rows_; }
  const std::vector<ColumnBlock>& columns() const { return columns_; }
  /// Bytes that the values take: near to what their text will take.
  size_t memory() const;

 private:
  size_t rows_ = 0;
  std::vector<ColumnBlock> columns_;
};

}  // namespace spillway::exports
