// The rows that the pattern plugins (autocluster, basket, diffpatterns) look at: each value as a number.
//
// A pattern says one value for some of the columns, and nothing for the others; it captures the rows that
// have these values. Rows that are alike are one row with their weights' sum. Rows belong to side 0, or in
// diffpatterns to side 0 or 1, whose weights are counted apart.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/vector.h"
#include "kql/native_operator.h"

namespace spillway::kql {

/// The number of a value in its column; kAnything where a pattern says none, or where a row's value is too
/// rare to be in any.
using Code = int32_t;
inline constexpr Code kAnything = -1;

using Weights = std::array<double, 2>;

struct Pattern {
  std::vector<Code> codes;  // one for each column
  Weights weights = {0, 0};
  int items() const;
};

class PatternTable {
 public:
  PatternTable(const std::vector<Type>& columns, OperatorContext& context);

  size_t columns() const { return dictionaries_.size(); }
  size_t rows() const { return weights_.size(); }
  const Weights& total() const { return total_; }
  Code code(size_t row, size_t column) const { return codes_[row * columns() + column]; }
  const Weights& weights(size_t row) const { return weights_[row]; }
  /// The value of a code.
  Value value(size_t column, Code code) const {
    return dictionaries_[column].values.value(static_cast<size_t>(code));
  }
  std::string text(const Pattern& pattern) const;

  /// Adds a row: first set() of each column, then finish_row().
  void set(size_t column, const VectorView& from, size_t at);
  void set_text(size_t column, std::string_view text);
  void set_nothing(size_t column) { current_[column] = kAnything; }
  Status finish_row(int side, double weight);
  /// Once all rows are there: forgets the values that have less than `least` of the weight on each side, and
  /// makes one row of those that are then alike.
  Status condense(const Weights& least);

 private:
  struct Dictionary {
    explicit Dictionary(Type type) : values(type) {}
    std::unordered_map<std::string, Code> codes;
    HeldColumn values;
    int64_t bytes = 0;
  };
  Code code_of(Dictionary& dictionary, const std::string& key, bool& added);
  /// A row that is there already, by its codes.
  struct RowKey {
    const PatternTable* table;
    size_t row;
  };
  Status account();

  OperatorContext& context_;
  MemoryAccount memory_;
  std::vector<Dictionary> dictionaries_;
  std::vector<Code> codes_;  // row after row
  std::vector<Weights> weights_;
  std::vector<Code> current_;
  Weights total_ = {0, 0};
  std::string key_;
};

}  // namespace spillway::kql
