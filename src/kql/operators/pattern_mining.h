// Finds the frequent patterns of a table (Apriori's frequent item sets, of which only the closed ones are
// kept: those that say everything that their rows have in common), and good patterns by search from seeds.
#pragma once

#include <vector>

#include "kql/operators/pattern_table.h"

namespace spillway::kql {

/// Patterns that one mining may find.
inline constexpr size_t kMaxPatterns = 100'000;

struct MiningLimits {
  Weights least = {0, 0};    // a pattern is frequent where it has as much on either side
  int dimensions = 1 << 20;  // values that don't follow from one another
};

/// All closed frequent patterns, in an order that follows from the table's rows. LimitExceeded where there
/// are more than kMaxPatterns.
Result<std::vector<Pattern>> mine_patterns(const PatternTable& table, const MiningLimits& limits,
                                           OperatorContext& context);

struct SeedSearch {
  double size_weight = 0.5;  // of the geometric mean of coverage and share of columns with a value
  size_t seeds = 25;
};

/// From each of the most frequent rows the best pattern on the way from the row itself to ever more general
/// ones; of those that are alike, or capture mostly what better ones capture, only the best.
Result<std::vector<Pattern>> search_patterns(const PatternTable& table, const SeedSearch& search,
                                             OperatorContext& context);

}  // namespace spillway::kql
