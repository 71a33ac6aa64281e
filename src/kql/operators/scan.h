// The scan operator: query/scan-operator.md. Rows stream through; what is kept is the state of each step, of
// each partition.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "kql/native_operator.h"
#include "kql/plan.h"

namespace spillway::kql {

struct ScanStep {
  enum class Output { All, Last, None };
  std::string name;
  bool optional = false;
  Output output = Output::All;
  ExprPtr condition;
  std::vector<std::pair<size_t, ExprPtr>> assignments;  // to a column of a state
};

/// A state's columns are those of the input that go through, then the declared ones. So are the output's,
/// followed by the match id and the step's name, where they are asked for.
class ScanMaker : public NativeOperatorMaker {
 public:
  std::string describe() const override { return "scan"; }
  Result<std::unique_ptr<NativeOperator>> make(const std::vector<std::unique_ptr<RowInput>>& inputs,
                                               OperatorContext& context) const override;

  /// Where a column that a condition or an assignment names is found: in the record, or in a step's state.
  struct Place {
    std::optional<size_t> step;
    size_t column = 0;
  };
  std::map<ColumnId, Place> places;
  size_t passed = 0;              // columns that go through: the first of the input
  std::vector<Value> declared;    // their defaults, typed
  std::vector<size_t> partition;  // columns of the input
  std::vector<ScanStep> steps;
  bool match_id = false, step_name = false;
};

}  // namespace spillway::kql
