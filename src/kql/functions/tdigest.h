// T-digests: the distribution of values in bounded memory (query/percentiles-aggregation-function.md).
//
// A digest is a dynamic value: [[7], [values], [weights]], of datetimes and timespans [[7, "datetime"], …]
// with ticks as values. Up to kExactValues different values are kept as they are; beyond that neighbours are
// put together, the fewer the nearer they are to either end.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/types.h"

namespace spillway::kql {

class TDigest {
 public:
  static constexpr size_t kExactValues = 2048;

  /// nullopt where the text is no digest.
  static std::optional<TDigest> parse(std::string_view text);
  void print(std::string& out) const;

  /// Of a value of `type` (int, long, real, datetime, timespan); ticks are given exactly. `weight` is
  /// positive.
  void add(Type type, long double value, double weight);
  void merge(const TDigest& other);

  bool empty() const { return points_.empty(); }
  /// The least value that `percent` percent of the weight aren't above, as JSON: nearest rank. False where
  /// there is none.
  bool percentile(double percent, std::string& out) const;
  /// The weight of the values that aren't above `value`.
  double rank(long double value) const;
  double total() const;
  /// What the values are: Long, Real, DateTime or TimeSpan.
  Type type() const { return type_; }

 private:
  struct Point {
    long double value;  // holds ticks exactly
    double weight;
  };
  /// Sorted, and equal values as one.
  static std::vector<Point> sorted(std::vector<Point> points);
  void shrink();
  void append_value(long double value, std::string& out) const;

  Type type_ = Type::Long;
  std::vector<Point> points_;
  size_t shrink_at_ = 2 * kExactValues;
};

}  // namespace spillway::kql
