// The window functions (query/window-functions.md) over a serialized sequence of rows, in one pass: prev()
// keeps as many rows as it looks back, next() reads as many ahead.
//
// The input's columns are the functions' arguments, then whatever goes through; the output's are the
// functions' results, then what goes through.
#pragma once

#include <optional>
#include <vector>

#include "kql/native_operator.h"

namespace spillway::kql {

struct RowFunction {
  enum class Kind { Prev, Next, Number, CumulativeSum, RankDense, RankMin, Session };
  Kind kind = Kind::Prev;
  Type type = Type::Long;  // of the result
  /// Where in the input the arguments stand: the value of prev(), next(), the sum, the ranks and the session;
  /// the first number of row_number(); the distances of a session from its first row and between its rows.
  std::vector<size_t> arguments;
  std::optional<size_t> restart;
  size_t offset = 1;  // of prev() and next()
  Value fallback;     // of prev() and next() where there is no such row
};

class RowSequence : public NativeOperatorMaker {
 public:
  std::string describe() const override;
  Result<std::unique_ptr<NativeOperator>> make(const std::vector<std::unique_ptr<RowInput>>& inputs,
                                               OperatorContext& context) const override;

  size_t arguments = 0;
  std::vector<RowFunction> functions;
};

}  // namespace spillway::kql
