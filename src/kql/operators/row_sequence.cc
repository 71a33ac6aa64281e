#include "kql/operators/row_sequence.h"

#include <algorithm>

namespace spillway::kql {
namespace {

/// Rows that are dropped at once, when no function looks back at them any more.
constexpr size_t kDropRows = 8192;

bool equal(const HeldColumn& column, size_t a, size_t b) {
  if (column.is_null(a) || column.is_null(b)) return column.is_null(a) == column.is_null(b);
  switch (column.type()) {
    case Type::String:
    case Type::Decimal:
    case Type::Dynamic: return column.text(a) == column.text(b);
    case Type::Real: return column.real(a) == column.real(b);
    case Type::Guid: return column.guid(a) == column.guid(b);
    default: return column.integer(a) == column.integer(b);
  }
}

/// Sums wrap around, as those of `+` do.
int64_t wrapping_add(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}

/// A function that depends on all rows before: what of them it remembers.
class RunningFunction {
 public:
  RunningFunction(const RowFunction& function, const HeldRows& rows) : function_(function), rows_(rows) {}

  /// The rows come one after the other.
  void put(size_t row, VectorSink& to, size_t position) {
    const bool restart = first_ || (function_.restart && rows_.column(*function_.restart).boolean(row));
    switch (function_.kind) {
      case RowFunction::Kind::Number: number(row, restart, to, position); break;
      case RowFunction::Kind::CumulativeSum: sum(row, restart, to, position); break;
      case RowFunction::Kind::Session: session(row, restart, to, position); break;
      default: rank(row, restart, to, position); break;
    }
    first_ = false;
  }

 private:
  const HeldColumn& argument(size_t i) const { return rows_.column(function_.arguments[i]); }

  void number(size_t row, bool restart, VectorSink& to, size_t position) {
    if (restart) {
      number_ = 1;
      if (!function_.arguments.empty() && !argument(0).is_null(row)) number_ = argument(0).integer(row);
    } else {
      number_ = wrapping_add(number_, 1);
    }
    to.set<int64_t>(position, number_);
  }

  void sum(size_t row, bool restart, VectorSink& to, size_t position) {
    if (restart) {
      number_ = 0;
      real_ = 0;
    }
    const HeldColumn& term = argument(0);
    const bool null = term.is_null(row);
    if (function_.type == Type::Real) {
      if (!null) real_ += term.real(row);
      return to.set<double>(position, real_);
    }
    if (!null) number_ = wrapping_add(number_, term.integer(row));
    if (function_.type != Type::Int) return to.set<int64_t>(position, number_);
    if (number_ < INT32_MIN || number_ > INT32_MAX) return to.set_null(position);
    to.set<int32_t>(position, static_cast<int32_t>(number_));
  }

  void rank(size_t row, bool restart, VectorSink& to, size_t position) {
    const bool changed = restart || !equal(argument(0), row - 1, row);
    if (restart) number_ = rank_ = 0;
    ++number_;
    if (changed) rank_ = function_.kind == RowFunction::Kind::RankDense ? rank_ + 1 : number_;
    to.set<int64_t>(position, rank_);
  }

  void session(size_t row, bool restart, VectorSink& to, size_t position) {
    const HeldColumn& value = argument(0);
    if (value.is_null(row)) {
      session_.reset();
      return to.set_null(position);
    }
    const int64_t now = value.integer(row);
    const auto reaches = [&](int64_t from, const HeldColumn& distance) {
      int64_t limit = 0;
      return !distance.is_null(row) && !__builtin_add_overflow(from, distance.integer(row), &limit) &&
             now >= limit;
    };
    if (restart || !session_ || reaches(*session_, argument(1)) || reaches(last_, argument(2)))
      session_ = now;
    last_ = now;
    to.set<int64_t>(position, *session_);
  }

  const RowFunction& function_;
  const HeldRows& rows_;
  bool first_ = true;
  int64_t number_ = 0, rank_ = 0, last_ = 0;
  double real_ = 0;
  std::optional<int64_t> session_;
};

class RowSequenceOperator : public NativeOperator {
 public:
  RowSequenceOperator(const RowSequence& maker, RowInput& input, OperatorContext& context)
      : maker_(maker), input_(input), context_(context), rows_(input.schema(), context) {
    for (const RowFunction& function : maker.functions) {
      if (function.kind == RowFunction::Kind::Prev) behind_ = std::max(behind_, function.offset);
      if (function.kind == RowFunction::Kind::Next) ahead_ = std::max(ahead_, function.offset);
      running_.emplace_back(function, rows_);
    }
  }

  Result<size_t> next(const std::vector<VectorSink*>& output, size_t capacity) override {
    SPILLWAY_TRY(read(capacity));
    const size_t here = rows_.size() - position_;
    const size_t count = std::min(capacity, done_ ? here : here - std::min(here, ahead_));
    for (size_t f = 0; f < maker_.functions.size(); ++f) {
      for (size_t r = 0; r < count; ++r) put(f, position_ + r, *output[f], r);
    }
    for (size_t c = maker_.arguments; c < rows_.columns(); ++c) {
      VectorSink& to = *output[maker_.functions.size() + c - maker_.arguments];
      for (size_t r = 0; r < count; ++r) rows_.column(c).put(position_ + r, to, r);
    }
    position_ += count;
    if (position_ > behind_ + kDropRows && position_ - behind_ > rows_.size() / 2) {
      rows_.drop(position_ - behind_);
      position_ = behind_;
    }
    return count;
  }

 private:
  /// Until `count` rows can be given, at least one if there is one.
  Status read(size_t count) {
    while (!done_ && rows_.size() - position_ < std::min<size_t>(count, 1) + ahead_) {
      if (auto error = context_.expired()) return *std::move(error);
      SPILLWAY_ASSIGN(const Batch* batch, input_.next());
      done_ = !batch;
      if (batch) SPILLWAY_TRY(rows_.append(*batch));
    }
    return Status();
  }

  void put(size_t f, size_t row, VectorSink& to, size_t position) {
    const RowFunction& function = maker_.functions[f];
    if (function.kind == RowFunction::Kind::Prev) {
      if (row < function.offset) return put_value(function.fallback, to, position);
      return rows_.column(function.arguments[0]).put(row - function.offset, to, position);
    }
    if (function.kind == RowFunction::Kind::Next) {
      if (function.offset >= rows_.size() - row) return put_value(function.fallback, to, position);
      return rows_.column(function.arguments[0]).put(row + function.offset, to, position);
    }
    running_[f].put(row, to, position);
  }

  const RowSequence& maker_;
  RowInput& input_;
  OperatorContext& context_;
  HeldRows rows_;
  std::vector<RunningFunction> running_;
  size_t behind_ = 1, ahead_ = 0;  // ranks compare with the row before
  size_t position_ = 0;            // in rows_, of the next row to give
  bool done_ = false;
};

}  // namespace

std::string RowSequence::describe() const {
  static constexpr const char* kNames[] = {
      "prev", "next", "row_number", "row_cumsum", "row_rank_dense", "row_rank_min", "row_window_session"};
  std::string text = "row sequence";
  for (const RowFunction& function : functions)
    text += std::string(" ") + kNames[static_cast<size_t>(function.kind)];
  return text;
}

Result<std::unique_ptr<NativeOperator>> RowSequence::make(
    const std::vector<std::unique_ptr<RowInput>>& inputs, OperatorContext& context) const {
  return std::unique_ptr<NativeOperator>(new RowSequenceOperator(*this, *inputs[0], context));
}

}  // namespace spillway::kql
