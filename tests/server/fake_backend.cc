#include "tests/server/fake_backend.h"

#include <algorithm>
#include <deque>

namespace spillway::server::test {
namespace {

/// The memory behind the columns of a batch.
struct Column {
  Type type = Type::String;
  std::vector<uint64_t> validity;
  std::vector<uint8_t> booleans;
  std::vector<int32_t> ints;
  std::vector<int64_t> longs;
  std::vector<double> reals;
  std::vector<Guid> guids;
  std::vector<std::string_view> texts;

  VectorView view(size_t size) const {
    const void* data = longs.data();
    if (type == Type::Bool) data = booleans.data();
    if (type == Type::Int) data = ints.data();
    if (type == Type::Real) data = reals.data();
    if (type == Type::Guid) data = guids.data();
    if (type == Type::String || type == Type::Decimal || type == Type::Dynamic) data = texts.data();
    return {type, data, validity.data(), size};
  }
};

Column column_of(Type type, const std::vector<std::vector<Value>>& rows, size_t column) {
  Column out;
  out.type = type;
  out.validity.assign(rows.size() / 64 + 1, 0);
  for (size_t row = 0; row < rows.size(); ++row) {
    const Value& value = rows[row][column];
    const bool there = !value.is_null();
    if (there) out.validity[row / 64] |= uint64_t{1} << (row % 64);
    switch (type) {
      case Type::Bool: out.booleans.push_back(there && value.as_bool()); break;
      case Type::Int: out.ints.push_back(there ? static_cast<int32_t>(value.as_int()) : 0); break;
      case Type::Long:
      case Type::DateTime:
      case Type::TimeSpan: out.longs.push_back(there ? value.as_int() : 0); break;
      case Type::Real: out.reals.push_back(there ? value.as_real() : 0); break;
      case Type::Guid: out.guids.push_back(there ? value.as_guid() : Guid()); break;
      case Type::Decimal:
      case Type::String:
      case Type::Dynamic:
        out.texts.push_back(there ? std::string_view(value.as_text()) : std::string_view());
        break;
    }
  }
  return out;
}

class Stream : public engine::ResultStream {
 public:
  Stream(const FakeResult& result, std::function<Status(const engine::RunOptions&)> before_batch,
         engine::RunOptions options)
      : result_(result), before_batch_(std::move(before_batch)), options_(std::move(options)) {}

  const Schema& schema() const override { return result_.schema; }
  Result<const engine::Batch*> next() override {
    if (before_batch_) SPILLWAY_TRY(before_batch_(options_));
    const auto total = static_cast<int64_t>(result_.rows.size()) * result_.repeat;
    if (result_.failure && (result_.fails_at_once || row_ == total)) return *result_.failure;
    if (row_ == total) return nullptr;
    rows_.clear();
    while (row_ < total && rows_.size() < result_.rows_per_batch) {
      rows_.push_back(result_.rows[static_cast<size_t>(row_++) % result_.rows.size()]);
    }
    columns_.clear();
    batch_.rows = rows_.size();
    batch_.columns.clear();
    for (size_t c = 0; c < result_.schema.size(); ++c) {
      columns_.push_back(column_of(result_.schema[c].type, rows_, c));
      batch_.columns.push_back(columns_.back().view(rows_.size()));
    }
    return &batch_;
  }
  engine::RunStatistics statistics() const override { return {}; }

 private:
  const FakeResult& result_;
  const std::function<Status(const engine::RunOptions&)> before_batch_;
  const engine::RunOptions options_;
  int64_t row_ = 0;
  std::vector<std::vector<Value>> rows_;
  std::deque<Column> columns_;
  engine::Batch batch_;
};

class Query : public PreparedQuery {
 public:
  explicit Query(FakeBackend& backend) : backend_(backend) {
    for (const FakeResult& result : backend.results)
      infos_.push_back({result.name, result.schema, result.visualization});
  }
  const std::vector<ResultInfo>& results() const override { return infos_; }
  std::optional<int64_t> cursor() const override { return backend_.cursor; }
  bool uses_external_tables() const override { return backend_.external_tables; }
  const std::map<std::string, std::string>& options() const override { return backend_.options; }
  std::vector<std::string> warnings() const override { return backend_.warnings; }
  Result<std::unique_ptr<engine::ResultStream>> run(size_t result,
                                                    const engine::RunOptions& options) override {
    return std::unique_ptr<engine::ResultStream>(
        std::make_unique<Stream>(backend_.results[result], backend_.before_batch, options));
  }

 private:
  FakeBackend& backend_;
  std::vector<ResultInfo> infos_;
};

}  // namespace

Result<std::unique_ptr<PreparedQuery>> FakeBackend::prepare(const QueryRequest& request) {
  last_query = request;
  if (compile_error) return *compile_error;
  return std::unique_ptr<PreparedQuery>(std::make_unique<Query>(*this));
}

}  // namespace spillway::server::test
