// Operators in C++, for what SQL can't say: a Native node of the plan (plan.h) carries the maker of one.
//
// An operator pulls the rows of its inputs, in their order where they have one, and fills in those of its
// output as they are asked for:
//
//   class Numbering : public NativeOperator {  // the input's columns, then the row's number
//    public:
//     explicit Numbering(RowInput& input) : rows_(input) {}
//     Result<size_t> next(const std::vector<VectorSink*>& output, size_t capacity) override {
//       SPILLWAY_ASSIGN(const size_t count, rows_.next(capacity));
//       for (size_t r = 0; r < count; ++r) {
//         for (size_t c = 0; c < rows_.columns(); ++c)
//           copy_value(rows_.column(c), rows_.row(r), *output[c], r);
//         output.back()->set<int64_t>(r, ++number_);
//       }
//       return count;
//     }
//
//    private:
//     RowCursor rows_;
//     int64_t number_ = 0;
//   };
//
// It runs in one thread, may stop at any moment (nothing asks for more rows), and may be made several times
// for one node: each makes its own pass over the inputs. Memory that grows with the input is accounted for
// (MemoryAccount; HeldRows does it), and a long computation asks expired() now and then.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/types.h"
#include "base/vector.h"

namespace spillway::kql {

struct Expr;  // kql/plan.h

/// A function of the function table that the engine computes: one call at a time.
class EngineFunction {
 public:
  virtual ~EngineFunction() = default;
  virtual Result<Value> call(const std::vector<Value>& arguments) = 0;
};

/// An operator's surroundings; outlives it.
class OperatorContext {
 public:
  virtual ~OperatorContext() = default;
  /// Not empty once the query is cancelled or late: to be returned as the operator's error. Not for each row.
  virtual std::optional<Error> expired() const = 0;
  /// Asks for memory that the operator is going to hold. LimitExceeded where all operators of the query would
  /// hold more than their share of the engine's memory.
  virtual Status reserve(int64_t bytes) = 0;
  virtual void release(int64_t bytes) = 0;
  /// The function of a call whose lowering is SQL, for RowEvaluator.
  virtual Result<std::unique_ptr<EngineFunction>> function(const Expr& call) = 0;
};

/// What one operator holds, given back when it goes.
class MemoryAccount {
 public:
  explicit MemoryAccount(OperatorContext& context) : context_(context) {}
  MemoryAccount(const MemoryAccount&) = delete;
  MemoryAccount& operator=(const MemoryAccount&) = delete;
  ~MemoryAccount() { context_.release(reserved_); }
  /// Says how much is held now.
  Status hold(int64_t bytes);

 private:
  static constexpr int64_t kStep = 256 << 10;
  OperatorContext& context_;
  int64_t reserved_ = 0;
};

/// The rows of one input. Its statement starts when the first are asked for.
class RowInput {
 public:
  virtual ~RowInput() = default;
  /// Types and names of the columns: those of the input's plan.
  virtual const Schema& schema() const = 0;
  /// nullptr after the last; valid until the next call.
  virtual Result<const Batch*> next() = 0;
};

/// Reads an input in pieces of the reader's choice.
class RowCursor {
 public:
  explicit RowCursor(RowInput& input) : input_(input) {}
  /// How many rows are there to be taken, at most `most`; 0 after the last. They stay until the next call.
  Result<size_t> next(size_t most);
  size_t columns() const { return input_.schema().size(); }
  const VectorView& column(size_t c) const { return batch_->columns[c]; }
  /// The place in column() of the r-th row of those that next() gave.
  size_t row(size_t r) const { return begin_ + r; }
  /// The whole batch: row(r) says where the rows stand in it.
  const Batch& batch() const { return *batch_; }

 private:
  RowInput& input_;
  const Batch* batch_ = nullptr;
  size_t begin_ = 0, taken_ = 0, end_ = 0;
  bool done_ = false;
};

class NativeOperator {
 public:
  virtual ~NativeOperator() = default;
  /// Fills in up to `capacity` rows: every position below the returned number is set once in each of `output`
  /// (one for each column of the Native node; strings never null). 0: there are no more. An error ends the
  /// query.
  virtual Result<size_t> next(const std::vector<VectorSink*>& output, size_t capacity) = 0;
};

/// What a Native node carries: the operator's constant arguments. Immutable, used from several threads.
class NativeOperatorMaker {
 public:
  virtual ~NativeOperatorMaker() = default;
  /// The operator's name and options, for explain().
  virtual std::string describe() const = 0;
  /// `inputs` are those of the node, in its order; they and `context` outlive the operator.
  virtual Result<std::unique_ptr<NativeOperator>> make(const std::vector<std::unique_ptr<RowInput>>& inputs,
                                                       OperatorContext& context) const = 0;
};

/// The values of one column that an operator keeps.
class HeldColumn {
 public:
  explicit HeldColumn(Type type) : type_(type) {}

  Type type() const { return type_; }
  size_t size() const { return size_; }
  void append(const VectorView& from, size_t i);
  void append(const Value& value);
  void append_null();
  bool is_null(size_t row) const { return !((valid_[row >> 6] >> (row & 63)) & 1); }
  /// bool (0, 1), int, long, datetime, timespan.
  int64_t integer(size_t row) const { return numbers_[row]; }
  bool boolean(size_t row) const { return !is_null(row) && numbers_[row] != 0; }
  double real(size_t row) const;
  Guid guid(size_t row) const {
    return {static_cast<uint64_t>(numbers_[2 * row]), static_cast<uint64_t>(numbers_[2 * row + 1])};
  }
  /// string, decimal, dynamic; valid until the next append.
  std::string_view text(size_t row) const;
  Value value(size_t row) const;
  void put(size_t row, VectorSink& to, size_t position) const;
  /// Drops the first rows.
  void drop(size_t rows);
  /// Of memory, about.
  int64_t bytes() const;

 private:
  bool is_text() const { return type_ == Type::String || type_ == Type::Decimal || type_ == Type::Dynamic; }
  void mark(bool valid);

  Type type_;
  size_t size_ = 0;
  std::vector<uint64_t> valid_;   // a bit for each
  std::vector<int64_t> numbers_;  // one for each, a guid two; a text's end in characters_
  std::string characters_;
};

/// Rows that an operator keeps, accounted for.
class HeldRows {
 public:
  HeldRows(const Schema& schema, OperatorContext& context);

  size_t size() const { return rows_; }
  const HeldColumn& column(size_t c) const { return columns_[c]; }
  size_t columns() const { return columns_.size(); }
  Status append(const Batch& batch, size_t row);
  Status append(const Batch& batch);
  /// All rows of an input that are still to come.
  Status append_all(RowInput& input);
  /// Drops the first rows.
  void drop(size_t rows);

 private:
  /// How many single rows go by between two looks at the memory.
  static constexpr size_t kAccountRows = 256;
  Status account();
  OperatorContext& context_;
  MemoryAccount account_;
  std::vector<HeldColumn> columns_;
  size_t rows_ = 0;
};

}  // namespace spillway::kql
