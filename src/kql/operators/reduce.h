// reduce: groups texts by what their words have in common (query/reduce-operator.md), after R. Vaarandi's "A
// Data Clustering Algorithm for Mining Patterns From Event Logs".
//
// A text is cut into words at separators: every character but ASCII letters and digits, and those of
// `separators`. A word is frequent where more than `threshold` of all texts have it at its place; a number
// never is. A pattern keeps the frequent words and has `*` for the others; texts without a frequent word are
// "others". Input: the text; output: Pattern, Count, Representative, largest first. Holds each distinct text
// once.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kql/native_operator.h"

namespace spillway::kql {

class Reduce : public NativeOperatorMaker {
 public:
  Reduce(double threshold, std::string separators)
      : threshold_(threshold), separators_(std::move(separators)) {}
  std::string describe() const override { return "reduce"; }
  Result<std::unique_ptr<NativeOperator>> make(const std::vector<std::unique_ptr<RowInput>>& inputs,
                                               OperatorContext& context) const override;

 private:
  double threshold_;
  std::string separators_;
};

}  // namespace spillway::kql
