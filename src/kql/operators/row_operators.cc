// The operators of narrow, rows_near and schema_merge.
#include <algorithm>
#include <map>

#include "kql/operators/plugin_operators.h"

namespace spillway::kql {
namespace {

/// A maker of operators that take one input and a few constants.
template <typename Operator, typename Options>
class Maker : public NativeOperatorMaker {
 public:
  Maker(std::string name, Options options) : name_(std::move(name)), options_(std::move(options)) {}
  std::string describe() const override { return name_; }
  Result<std::unique_ptr<NativeOperator>> make(const std::vector<std::unique_ptr<RowInput>>& inputs,
                                               OperatorContext& context) const override {
    return std::unique_ptr<NativeOperator>(std::make_unique<Operator>(*inputs[0], options_, context));
  }

 private:
  const std::string name_;
  const Options options_;
};

class Narrow : public NativeOperator {
 public:
  Narrow(RowInput& input, const std::vector<std::string>& names, OperatorContext&)
      : rows_(input), names_(names), column_(names.size()) {}

  Result<size_t> next(const std::vector<VectorSink*>& output, size_t capacity) override {
    size_t filled = 0;
    while (filled < capacity && !names_.empty()) {
      if (column_ == names_.size()) {
        SPILLWAY_ASSIGN(const size_t taken, rows_.next(1));
        if (taken == 0) break;
        column_ = 0;
        ++row_;
      }
      output[0]->set<int64_t>(filled, row_);
      output[1]->set_text(filled, names_[column_]);
      copy_value(rows_.column(column_), rows_.row(0), *output[2], filled);
      ++column_;
      ++filled;
    }
    return filled;
  }

 private:
  RowCursor rows_;
  const std::vector<std::string>& names_;
  size_t column_;
  int64_t row_ = -1;
};

struct Nearness {
  int64_t before = 0, after = 0;
};

/// Holds the last rows until it is known whether a true one follows in time.
class RowsNear : public NativeOperator {
 public:
  RowsNear(RowInput& input, const Nearness& near, OperatorContext& context)
      : rows_(input), near_(near), held_(input.schema(), context) {}

  Result<size_t> next(const std::vector<VectorSink*>& output, size_t capacity) override {
    while (ready_ == begin_) {
      SPILLWAY_ASSIGN(const bool more, take());
      if (!more) return size_t{0};
    }
    const size_t count = std::min(capacity, ready_ - begin_);
    for (size_t r = 0; r < count; ++r) {
      for (size_t c = 0; c < output.size(); ++c) held_.column(c).put(begin_ + r, *output[c], r);
    }
    begin_ += count;
    tidy();
    return count;
  }

 private:
  /// Takes one row; false after the last.
  Result<bool> take() {
    SPILLWAY_ASSIGN(const size_t taken, rows_.next(1));
    if (taken == 0) return false;
    const size_t row = rows_.row(0);
    SPILLWAY_TRY(held_.append(rows_.batch(), row));
    const VectorView& condition = rows_.column(rows_.columns() - 1);
    if (!condition.is_null(row) && condition.boolean(row)) {
      ready_ = held_.size();
      left_ = near_.after;
    } else if (left_ > 0) {
      --left_;
      ready_ = held_.size();
    } else if (static_cast<int64_t>(held_.size() - begin_) > near_.before) {
      begin_ = ready_ = begin_ + 1;
      tidy();
    }
    return true;
  }

  /// Rows that are done with go in large pieces: dropping costs what stays.
  void tidy() {
    constexpr size_t kDropRows = 4096;
    if (begin_ < kDropRows || begin_ < held_.size() / 2) return;
    held_.drop(begin_);
    ready_ -= begin_;
    begin_ = 0;
  }

  RowCursor rows_;
  const Nearness near_;
  HeldRows held_;
  size_t begin_ = 0, ready_ = 0;  // held rows from begin_ on are wanted up to ready_
  int64_t left_ = 0;              // rows behind the last true one that are wanted
};

struct PreserveOrder {
  bool yes = true;
};

class SchemaMerge : public NativeOperator {
 public:
  SchemaMerge(RowInput& input, const PreserveOrder& preserve, OperatorContext& context)
      : input_(input), preserve_(preserve.yes), memory_(context) {}

  Result<size_t> next(const std::vector<VectorSink*>& output, size_t capacity) override {
    if (!merged_) {
      SPILLWAY_TRY(merge());
      merged_ = true;
    }
    const size_t count = std::min(capacity, columns_.size() - given_);
    for (size_t r = 0; r < count; ++r) put(columns_[given_++], output, r);
    return count;
  }

 private:
  struct Column {
    std::string name;
    int64_t first = 0, last = 0;  // ordinals
    std::optional<Type> type;
    std::string type_name, error;
  };

  Status merge() {
    std::map<std::string, size_t> places;
    while (true) {
      SPILLWAY_ASSIGN(const Batch* batch, input_.next());
      if (!batch) break;
      for (size_t row = 0; row < batch->rows; ++row) {
        Column next;
        next.name = batch->columns[0].text(row);
        next.first = next.last = batch->columns[1].is_null(row) ? 0 : batch->columns[1].integer(row);
        next.type_name = batch->columns[2].text(row);
        next.type = parse_type(next.type_name);
        const auto [place, fresh] = places.try_emplace(next.name, columns_.size());
        if (!fresh) {
          merge(columns_[place->second], next);
          continue;
        }
        held_ += static_cast<int64_t>(2 * sizeof(Column) + 2 * next.name.size());
        SPILLWAY_TRY(memory_.hold(held_));
        columns_.push_back(std::move(next));
      }
    }
    std::stable_sort(columns_.begin(), columns_.end(),
                     [](const Column& a, const Column& b) { return a.last < b.last; });
    return {};
  }

  void merge(Column& column, const Column& next) const {
    if (preserve_ && next.first != column.first) column.error = "columns are out of order";
    column.last = std::max(column.last, next.last);
    if (next.type_name == column.type_name) return;
    const auto rank = [](std::optional<Type> type) {
      return type == Type::Int ? 1 : type == Type::Long ? 2 : type == Type::Real ? 3 : 0;
    };
    if (rank(column.type) == 0 || rank(next.type) == 0) {
      if (column.error.empty())
        column.error = "types '" + column.type_name + "' and '" + next.type_name + "' can't be merged";
    } else if (rank(next.type) > rank(column.type)) {
      column.type = next.type;
      column.type_name = next.type_name;
    }
  }

  void put(const Column& column, const std::vector<VectorSink*>& output, size_t at) {
    output[0]->set_text(at, column.name);
    if (!column.error.empty()) {
      output[1]->set<int32_t>(at, -1);
      output[2]->set_text(at, "ERROR(unknown CSL type:ERROR(" + column.error + "))");
      output[3]->set_text(at, "ERROR(" + column.error + ")");
      return;
    }
    output[1]->set<int32_t>(at, ordinal_++);
    const std::string prefix = column.type == Type::Decimal ? "System.Data.SqlTypes." : "System.";
    output[2]->set_text(at, column.type ? prefix + clr_name(*column.type) : column.type_name);
    output[3]->set_text(at, column.type_name);
  }

  RowInput& input_;
  const bool preserve_;
  MemoryAccount memory_;
  int64_t held_ = 0;
  std::vector<Column> columns_;
  bool merged_ = false;
  size_t given_ = 0;
  int32_t ordinal_ = 0;
};

}  // namespace

MakerPtr make_narrow(std::vector<std::string> names) {
  return std::make_shared<Maker<Narrow, std::vector<std::string>>>("narrow", std::move(names));
}

MakerPtr make_rows_near(int64_t before, int64_t after) {
  return std::make_shared<Maker<RowsNear, Nearness>>("rows_near", Nearness{before, after});
}

MakerPtr make_schema_merge(bool preserve_order) {
  return std::make_shared<Maker<SchemaMerge, PreserveOrder>>("schema_merge", PreserveOrder{preserve_order});
}

}  // namespace spillway::kql
