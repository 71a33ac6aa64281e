// Columns of values in batches: what a query result hands out, and what native functions read and write.
// Free of the engine: an adapter there fills these from its own vectors.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/types.h"

namespace spillway {

/// Read access to `size()` values of one type. The memory belongs to whoever made the view.
/// data(): bool as uint8_t · int as int32_t · long, datetime and timespan as int64_t · real as double ·
/// guid as Guid · string, decimal and dynamic as std::string_view.
class VectorView {
 public:
  VectorView() = default;
  VectorView(Type type, const void* data, const uint64_t* validity, size_t size)
      : type_(type), data_(data), validity_(validity), size_(size) {}

  Type type() const { return type_; }
  size_t size() const { return size_; }
  /// A bit per value, 1 where it isn't null; nullptr where none is null.
  const uint64_t* validity() const { return validity_; }
  bool is_null(size_t i) const { return validity_ && !((validity_[i >> 6] >> (i & 63)) & 1); }
  template <typename T>
  const T& get(size_t i) const {
    return static_cast<const T*>(data_)[i];
  }
  bool boolean(size_t i) const { return get<uint8_t>(i) != 0; }
  std::string_view text(size_t i) const { return get<std::string_view>(i); }
  /// int, long, datetime and timespan alike.
  int64_t integer(size_t i) const { return type_ == Type::Int ? get<int32_t>(i) : get<int64_t>(i); }
  Value value(size_t i) const;

 private:
  Type type_ = Type::String;
  const void* data_ = nullptr;
  const uint64_t* validity_ = nullptr;
  size_t size_ = 0;
};

/// Write access to a vector of a fixed length; every position must be set once.
class VectorSink {
 public:
  virtual ~VectorSink() = default;
  virtual void set_null(size_t i) = 0;
  virtual void set_text(size_t i, std::string_view text) = 0;  // copied
  /// The raw values of a fixed-width type (see VectorView::data()).
  virtual void* data() = 0;
  template <typename T>
  void set(size_t i, T value) {
    static_cast<T*>(data())[i] = value;
  }
};

/// Up to a few thousand rows; valid until the next is asked for.
struct Batch {
  size_t rows = 0;
  std::vector<VectorView> columns;
};

/// Copies a value between vectors of one type.
void copy_value(const VectorView& from, size_t i, VectorSink& to, size_t position);
/// Sets a value of the sink's own type, or a null.
void put_value(const Value& value, VectorSink& to, size_t position);

}  // namespace spillway
