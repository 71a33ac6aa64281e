// A result stream over rows that a test gives.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace spillway::exports {

class FakeStream : public engine::ResultStream {
 public:
  /// `batch_rows` rows at once. `fail_after` batches an error.
  FakeStream(Schema schema, std::vector<std::vector<Value>> rows, size_t batch_rows = 2048,
             size_t fail_after = SIZE_MAX)
      : schema_(std::move(schema)),
        rows_(std::move(rows)),
        batch_rows_(batch_rows),
        fail_after_(fail_after) {}

  const Schema& schema() const override { return schema_; }
  engine::RunStatistics statistics() const override { return {}; }

  Result<const engine::Batch*> next() override {
    if (batches_++ == fail_after_) return Error(ErrorCode::LimitExceeded, "out of memory");
    const size_t count = std::min(batch_rows_, rows_.size() - at_);
    if (count == 0) return nullptr;
    columns_.assign(schema_.size(), Column());
    batch_.rows = count;
    batch_.columns.clear();
    for (size_t c = 0; c < schema_.size(); ++c) fill(c, count);
    at_ += count;
    return &batch_;
  }

 private:
  struct Column {
    std::string bytes;
    std::vector<std::string_view> texts;
    std::vector<uint64_t> validity;
  };

  template <typename T>
  static void add(std::string& bytes, T value) {
    bytes.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }

  void fill(size_t c, size_t count) {
    Column& column = columns_[c];
    column.validity.assign((count + 63) / 64, ~uint64_t{0});
    bool nulls = false, texts = false;
    for (size_t i = 0; i < count; ++i) {
      const Value& value = rows_[at_ + i][c];
      const bool null = value.is_null();
      nulls |= null;
      if (null) column.validity[i / 64] &= ~(uint64_t{1} << (i % 64));
      switch (schema_[c].type) {
        case Type::Bool: add<uint8_t>(column.bytes, !null && value.as_bool()); break;
        case Type::Int: add<int32_t>(column.bytes, null ? -1 : static_cast<int32_t>(value.as_int())); break;
        case Type::Long:
        case Type::DateTime:
        case Type::TimeSpan: add<int64_t>(column.bytes, null ? -1 : value.as_int()); break;
        case Type::Real: add<double>(column.bytes, null ? -1 : value.as_real()); break;
        case Type::Guid: add<Guid>(column.bytes, null ? Guid() : value.as_guid()); break;
        default:
          texts = true;
          column.texts.push_back(null ? std::string_view("garbage under a null")
                                      : std::string_view(value.as_text()));
      }
    }
    const void* data = texts ? static_cast<const void*>(column.texts.data()) : column.bytes.data();
    batch_.columns.emplace_back(schema_[c].type, data, nulls ? column.validity.data() : nullptr, count);
  }

  const Schema schema_;
  const std::vector<std::vector<Value>> rows_;
  const size_t batch_rows_, fail_after_;
  size_t at_ = 0, batches_ = 0;
  std::vector<Column> columns_;
  engine::Batch batch_;
};

}  // namespace spillway::exports
