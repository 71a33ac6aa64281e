// The native operators (kql/native_operator.h) of plugins of `evaluate`: what they take and give.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kql/native_operator.h"

namespace spillway::kql {

using MakerPtr = std::shared_ptr<const NativeOperatorMaker>;

/// narrow: of texts, one record for each of `names`: the row's number (long), the name, the text.
MakerPtr make_narrow(std::vector<std::string> names);

/// rows_near: the input's records but its last column, a bool; those that stand `before` a true one or
/// `after`.
MakerPtr make_rows_near(int64_t before, int64_t after);

/// schema_merge: name (string), ordinal (long) and KQL type (string) of columns of several tables, to name,
/// ordinal (int), data type and KQL type.
MakerPtr make_schema_merge(bool preserve_order);

/// autocluster, basket, diffpatterns, diffpatterns_text.
struct PatternOptions {
  enum class Kind { AutoCluster, Basket, Diff, DiffText } kind = Kind::Basket;
  double threshold = 0.05;
  int dimensions = 1 << 20;
  double size_weight = 0.5;
  size_t seeds = 25;
  int least_tokens = 1;
  size_t tokens = 20;
  std::vector<Value> wildcards;  // of each column that is looked at; what stands where a pattern says nothing
};

/// The input: the columns that are looked at (of DiffText one text), then a weight (real), then the side
/// (long: 0, 1, or anything else for neither). The output: segment (long), count and percentage, or those of
/// both sides and their difference, then the columns; of DiffText counts, percentages, and the pattern as a
/// text.
MakerPtr make_patterns(PatternOptions options);

}  // namespace spillway::kql
