#include "export/row_block.h"

#include <cstring>

namespace spillway::exports {
namespace {

/// Bytes of a value in VectorView::data(); 0 for texts.
size_t width_of(Type type) {
  switch (type) {
    case Type::Bool: return sizeof(uint8_t);
    case Type::Int: return sizeof(int32_t);
    case Type::Long:
    case Type::DateTime:
    case Type::TimeSpan: return sizeof(int64_t);
    case Type::Real: return sizeof(double);
    case Type::Guid: return sizeof(Guid);
    case Type::String:
    case Type::Decimal:
    case Type::Dynamic: return 0;
  }
  return 0;
}

}  // namespace

template <typename T>
T ColumnBlock::get(size_t i) const {
  T value;
  std::memcpy(&value, bytes_.data() + i * sizeof(T), sizeof(T));
  return value;
}
template int32_t ColumnBlock::get<int32_t>(size_t) const;
template int64_t ColumnBlock::get<int64_t>(size_t) const;
template double ColumnBlock::get<double>(size_t) const;
template Guid ColumnBlock::get<Guid>(size_t) const;

template <typename Rows>
void ColumnBlock::append_rows(const VectorView& source, size_t count, Rows row) {
  if (source.validity() && !has_nulls_) {
    has_nulls_ = true;
    nulls_.assign(size_, '\0');
  }
  if (has_nulls_) {
    for (size_t i = 0; i < count; ++i) nulls_.push_back(source.is_null(row(i)) ? '\1' : '\0');
  }
  const size_t width = width_of(type_);
  if (width == 0) {
    for (size_t i = 0; i < count; ++i) {
      // What lies under a null isn't defined.
      if (!source.is_null(row(i))) text_.append(source.text(row(i)));
      ends_.push_back(text_.size());
    }
  }
  size_ += count;
}

void ColumnBlock::append(const VectorView& source, size_t begin, size_t end) {
  append_rows(source, end - begin, [&](size_t i) { return begin + i; });
  const size_t width = width_of(type_);
  if (width != 0) bytes_.append(&source.get<char>(begin * width), (end - begin) * width);
}

void ColumnBlock::append(const VectorView& source, const std::vector<uint32_t>& rows) {
  append_rows(source, rows.size(), [&](size_t i) { return rows[i]; });
  const size_t width = width_of(type_);
  if (width == 0) return;
  const size_t old = bytes_.size();
  bytes_.resize(old + rows.size() * width);
  for (size_t i = 0; i < rows.size(); ++i) {
    std::memcpy(bytes_.data() + old + i * width, &source.get<char>(rows[i] * width), width);
  }
}

RowBlock::RowBlock(const std::vector<Type>& types) {
  columns_.reserve(types.size());
  for (const Type type : types) columns_.emplace_back(type);
}

void RowBlock::append(const engine::Batch& batch, size_t begin, size_t end) {
  for (size_t c = 0; c < columns_.size(); ++c) columns_[c].append(batch.columns[c], begin, end);
  rows_ += end - begin;
}

void RowBlock::append(const engine::Batch& batch, const std::vector<uint32_t>& rows) {
  for (size_t c = 0; c < columns_.size(); ++c) columns_[c].append(batch.columns[c], rows);
  rows_ += rows.size();
}

size_t RowBlock::memory() const {
  size_t bytes = 0;
  for (const ColumnBlock& column : columns_) bytes += column.memory();
  return bytes;
}

}  // namespace spillway::exports
