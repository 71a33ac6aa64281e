// Percentiles by nearest rank: query/percentiles-aggregation-function.md,
// query/percentilesw-aggregation-function.md.
#include <cmath>
#include <map>

#include "kql/functions/builder.h"

namespace spillway::kql {
namespace {

/// percentilew(): how often each value counts. `T`: int64_t or double.
template <typename T>
class WeightedState : public AggregateState {
 public:
  Status add(const std::vector<VectorView>& arguments, size_t row) override {
    const VectorView &values = arguments[0], &weights = arguments[1], &percents = arguments[2];
    if (!percents.is_null(row)) percent_ = percents.get<double>(row);
    if (values.is_null(row) || weights.is_null(row) || weights.integer(row) <= 0) return Status();
    const T value = values.get<T>(row);
    if (value == value) weights_[value] += static_cast<double>(weights.integer(row));  // not NaN
    return Status();
  }
  Status merge(const AggregateState& other) override {
    const auto& from = static_cast<const WeightedState&>(other);
    percent_ = from.percent_;
    for (const auto& [value, weight] : from.weights_) weights_[value] += weight;
    return Status();
  }
  Status finish(VectorSink& out, size_t row) const override {
    if (weights_.empty() || std::isnan(percent_)) {
      out.set_null(row);
      return Status();
    }
    double total = 0, reached = 0;
    for (const auto& [value, weight] : weights_) total += weight;
    T found = weights_.rbegin()->first;
    for (const auto& [value, weight] : weights_) {
      reached += weight;
      if (reached < total * percent_ / 100) continue;
      found = value;
      break;
    }
    out.set(row, found);
    return Status();
  }

 private:
  double percent_ = std::nan("");
  std::map<T, double> weights_;
};

}  // namespace

std::string check_percentile(const Value& value) {
  if (!value.is_null() && value.as_real() >= 0 && value.as_real() <= 100) return "";
  return "a percentile is a number from 0 to 100";
}

void declare_percentiles(FunctionTableBuilder& table) {
  using enum Type;
  const std::string rank = "quantile_disc({0}, CAST({1} AS DOUBLE) / 100)";
  for (const char* name : {"percentile", "percentiles", "percentiles_array"}) {
    table.aggregate(name, "percentile_")
        .doc("The value that a share of the values (0 to 100) isn't above: the nearest rank.")
        .takes({Long, constant(Real)}, Long, rank)
        .takes({Real, constant(Real)}, Real, rank)
        .takes({any(), constant(Real)}, type_of(0), rank)
        .checks(1, check_percentile);
  }
  for (const char* name : {"percentilew", "percentilesw", "percentilesw_array"}) {
    table.aggregate(name, "percentile_")
        .doc("A percentile of values that each count as often as their weight says.")
        .takes({Long, Long, constant(Real)}, Long, states<WeightedState<int64_t>>())
        .takes({Real, Long, constant(Real)}, Real, states<WeightedState<double>>())
        .takes({DateTime, Long, constant(Real)}, DateTime, states<WeightedState<int64_t>>())
        .takes({TimeSpan, Long, constant(Real)}, TimeSpan, states<WeightedState<int64_t>>())
        .checks(2, check_percentile);
  }
}

}  // namespace spillway::kql
