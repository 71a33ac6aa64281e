// Evaluates bound expressions in C++, one row at a time: for native operators whose conditions depend on what
// they have read before (scan, graph-match). Native functions are called as they are, the common operators
// are known here; what is left goes to the engine, call by call, and is slow.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "kql/native_operator.h"
#include "kql/plan.h"

namespace spillway::kql {

/// The columns of a row.
class RowValues {
 public:
  virtual ~RowValues() = default;
  virtual Value value(ColumnId column) const = 0;
};

class RowEvaluator {
 public:
  explicit RowEvaluator(OperatorContext& context) : context_(context) {}

  /// `expression` must outlive the evaluator, and has no subqueries.
  Result<Value> evaluate(const Expr& expression, const RowValues& row);
  /// Null isn't true.
  Result<bool> is_true(const Expr& predicate, const RowValues& row);

 private:
  Result<Value> call(const Expr& expression, const RowValues& row);
  Result<Value> logic(const Expr& expression, const RowValues& row);
  Result<Value> call_engine(const Expr& expression, const std::vector<Value>& arguments);

  OperatorContext& context_;
  std::map<const Expr*, std::unique_ptr<EngineFunction>> engine_functions_;
};

}  // namespace spillway::kql
