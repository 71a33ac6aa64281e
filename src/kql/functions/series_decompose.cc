// Seasonal decomposition of series: query/series-decompose-function.md,
// series-decompose-anomalies-function.md, series-decompose-forecast-function.md, series-seasonal-function.md.
//
// The seasonal component is the median of the values in the same phase; the trend is the average or the line
// of what is left; both together are the baseline. The last `test_points` take no part in the learning.
#include <algorithm>
#include <cmath>

#include "kql/functions/builder.h"
#include "kql/functions/series.h"

namespace spillway::kql {
namespace {

using series::Reals;
using Text = std::string_view;

constexpr int64_t kDetectPeriod = -1;
constexpr double kDecomposeThreshold = 0.6,
                 kSeasonalThreshold = 0.7;  // scores that a detected period must reach

double median_of(Reals& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*std::max_element(values.begin(), middle) + *middle) / 2;
}

/// `period`: -1 detects it, what isn't positive otherwise is no period. 0 where there is none.
size_t period_of(const Reals& values, size_t learned, int64_t period, double threshold) {
  if (period > 0) return static_cast<size_t>(period);
  if (period != kDetectPeriod || learned == 0) return 0;
  const Reals known(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(learned));
  const auto found = series::Periodicity(known).detect(0, static_cast<double>(learned), 1);
  return found.empty() || found[0].score < threshold ? 0 : static_cast<size_t>(found[0].period);
}

/// All zeros without a period.
Reals seasonal_of(const Reals& values, size_t learned, size_t period) {
  Reals seasonal(values.size());
  if (period == 0) return seasonal;
  Reals phase;
  for (size_t first = 0; first < std::min(period, values.size()); ++first) {
    phase.clear();
    for (size_t i = first; i < learned; i += period) phase.push_back(values[i]);
    const double median = phase.empty() ? 0 : median_of(phase);
    for (size_t i = first; i < values.size(); i += period) seasonal[i] = median;
  }
  return seasonal;
}

struct Settings {
  int64_t period = kDetectPeriod;
  std::string_view trend = "avg";
  int64_t test_points = 0;
  double threshold = kDecomposeThreshold;
};

struct Decomposition {
  Reals baseline, seasonal, trend, residual;
};

Reals trend_of(const Reals& deseasonal, size_t learned, std::string_view kind) {
  Reals trend(deseasonal.size());
  if (learned == 0 || kind == "none") return trend;
  if (kind == "linefit") {
    const series::Line line = series::fit_line(deseasonal.data(), learned);
    for (size_t i = 0; i < trend.size(); ++i) trend[i] = line.at(i);
  } else {
    std::fill(trend.begin(), trend.end(), series::mean_of(deseasonal.data(), learned));
  }
  return trend;
}

Decomposition decompose(const Reals& values, const Settings& settings) {
  const size_t size = values.size();
  const size_t learned =
      size - static_cast<size_t>(std::clamp<int64_t>(settings.test_points, 0, static_cast<int64_t>(size)));
  Decomposition parts;
  parts.seasonal =
      seasonal_of(values, learned, period_of(values, learned, settings.period, settings.threshold));
  Reals deseasonal(size);
  for (size_t i = 0; i < size; ++i) deseasonal[i] = values[i] - parts.seasonal[i];
  parts.trend = trend_of(deseasonal, learned, settings.trend);
  parts.baseline.resize(size);
  parts.residual.resize(size);
  for (size_t i = 0; i < size; ++i) {
    parts.baseline[i] = parts.seasonal[i] + parts.trend[i];
    parts.residual[i] = values[i] - parts.baseline[i];
  }
  return parts;
}

int64_t integer_or(const Rest& arguments, size_t i, int64_t fallback) {
  return i < arguments.size() && !arguments.is_null(i) ? arguments.get<int64_t>(i) : fallback;
}
double real_or(const Rest& arguments, size_t i, double fallback) {
  return i < arguments.size() && !arguments.is_null(i) ? arguments.get<double>(i) : fallback;
}
Text text_or(const Rest& arguments, size_t i, Text fallback) {
  return i < arguments.size() && !arguments.is_null(i) && !arguments.text(i).empty() ? arguments.text(i)
                                                                                     : fallback;
}
std::optional<Reals> series_in(const Rest& arguments) {
  return arguments.is_null(0) ? std::nullopt : series::read_finite(arguments.text(0));
}

/// series, seasonality, trend, test_points, seasonality_threshold
bool decompose_columns(std::string& out, Rest arguments) {
  const std::optional<Reals> values = series_in(arguments);
  if (!values) return false;
  const Settings settings{integer_or(arguments, 1, kDetectPeriod), text_or(arguments, 2, "avg"),
                          integer_or(arguments, 3, 0), real_or(arguments, 4, kDecomposeThreshold)};
  const Decomposition parts = decompose(*values, settings);
  series::Results results(out, false);
  results.add("baseline", parts.baseline);
  results.add("seasonal", parts.seasonal);
  results.add("trend", parts.trend);
  results.add("residual", parts.residual);
  results.finish();
  return true;
}

/// series, points, seasonality, trend, seasonality_threshold
bool decompose_forecast(std::string& out, Rest arguments) {
  const std::optional<Reals> values = series_in(arguments);
  if (!values || integer_or(arguments, 1, -1) < 0) return false;
  const Settings settings{integer_or(arguments, 2, kDetectPeriod), text_or(arguments, 3, "avg"),
                          integer_or(arguments, 1, 0), real_or(arguments, 4, kDecomposeThreshold)};
  series::append(out, decompose(*values, settings).baseline);
  return true;
}

/// Rounding makes residuals where there are none; they are no anomalies.
void drop_rounding(Reals& residual, const Reals& values) {
  double greatest = 0;
  for (const double value : values) greatest = std::max(greatest, std::abs(value));
  constexpr double kRounding = 1e-12;
  for (double& value : residual) {
    if (std::abs(value) <= greatest * kRounding) value = 0;
  }
}

/// series, threshold, seasonality, trend, test_points, ad_method, seasonality_threshold
bool decompose_anomalies(std::string& out, Rest arguments) {
  const std::optional<Reals> values = series_in(arguments);
  if (!values) return false;
  const double threshold = real_or(arguments, 1, 1.5);
  const Settings settings{integer_or(arguments, 2, kDetectPeriod), text_or(arguments, 3, "avg"),
                          integer_or(arguments, 4, 0), real_or(arguments, 6, kDecomposeThreshold)};
  Decomposition parts = decompose(*values, settings);
  drop_rounding(parts.residual, *values);
  const bool quartiles = text_or(arguments, 5, "ctukey") == "tukey";
  const auto test_points = static_cast<size_t>(std::max<int64_t>(0, settings.test_points));
  const Reals scores =
      series::outlier_scores(parts.residual, quartiles ? 25 : 10, quartiles ? 75 : 90, test_points);
  series::Numbers flags;
  for (const double score : scores) {
    flags.push_back(series::Number::of(static_cast<int64_t>((score > threshold) - (score < -threshold))));
  }
  out += '[';
  series::append(out, flags);
  out += ',';
  series::append(out, scores);
  out += ',';
  series::append(out, parts.baseline);
  out += ']';
  return true;
}

/// series, period, test_points
bool seasonal(std::string& out, Rest arguments) {
  const std::optional<Reals> values = series_in(arguments);
  if (!values) return false;
  const auto size = static_cast<int64_t>(values->size());
  const auto learned = static_cast<size_t>(size - std::clamp<int64_t>(integer_or(arguments, 2, 0), 0, size));
  const size_t period =
      period_of(*values, learned, integer_or(arguments, 1, kDetectPeriod), kSeasonalThreshold);
  series::append(out, seasonal_of(*values, learned, period));
  return true;
}

std::string check_trend(const Value& kind) {
  const std::string& name = kind.as_text();
  const bool known = name.empty() || name == "avg" || name == "linefit" || name == "none";
  return known ? "" : "the trend is 'avg', 'linefit' or 'none', not '" + name + "'";
}
std::string check_method(const Value& kind) {
  const std::string& name = kind.as_text();
  const bool known = name.empty() || name == "ctukey" || name == "tukey";
  return known ? "" : "the method is 'ctukey' or 'tukey', not '" + name + "'";
}

void declare_decompositions(FunctionTableBuilder& table) {
  using enum Type;
  table.scalar("series_decompose")
      .doc("A series as a sum: what repeats itself, what grows, and what is left.")
      .takes_nulls({Dynamic}, Dynamic, native<&decompose_columns>())
      .takes_nulls({Dynamic, Long}, Dynamic, native<&decompose_columns>())
      .takes_nulls({Dynamic, Long, String}, Dynamic, native<&decompose_columns>())
      .takes_nulls({Dynamic, Long, String, Long}, Dynamic, native<&decompose_columns>())
      .takes_nulls({Dynamic, Long, String, Long, Real}, Dynamic, native<&decompose_columns>())
      .checks(2, check_trend)
      .gives({{"baseline", Dynamic}, {"seasonal", Dynamic}, {"trend", Dynamic}, {"residual", Dynamic}});
  table.scalar("series_decompose_anomalies")
      .doc("The anomalies of a series, by what its decomposition leaves over.")
      .takes_nulls({Dynamic}, Dynamic, native<&decompose_anomalies>())
      .takes_nulls({Dynamic, Real}, Dynamic, native<&decompose_anomalies>())
      .takes_nulls({Dynamic, Real, Long}, Dynamic, native<&decompose_anomalies>())
      .takes_nulls({Dynamic, Real, Long, String}, Dynamic, native<&decompose_anomalies>())
      .takes_nulls({Dynamic, Real, Long, String, Long}, Dynamic, native<&decompose_anomalies>())
      .takes_nulls({Dynamic, Real, Long, String, Long, String}, Dynamic, native<&decompose_anomalies>())
      .takes_nulls({Dynamic, Real, Long, String, Long, String, Real}, Dynamic, native<&decompose_anomalies>())
      .checks(3, check_trend)
      .checks(5, check_method)
      .gives({{"ad_flag", Dynamic}, {"ad_score", Dynamic}, {"baseline", Dynamic}});
}

}  // namespace

void declare_series_decompose(FunctionTableBuilder& table) {
  using enum Type;
  table.category("series");
  declare_decompositions(table);
  table.scalar("series_decompose_forecast")
      .doc("A series with its last points foretold from what repeats itself and what grows before them.")
      .takes_nulls({Dynamic, Long}, Dynamic, native<&decompose_forecast>())
      .takes_nulls({Dynamic, Long, Long}, Dynamic, native<&decompose_forecast>())
      .takes_nulls({Dynamic, Long, Long, String}, Dynamic, native<&decompose_forecast>())
      .takes_nulls({Dynamic, Long, Long, String, Real}, Dynamic, native<&decompose_forecast>())
      .checks(3, check_trend);
  table.scalar("series_seasonal")
      .doc("What repeats itself in a series.")
      .takes_nulls({Dynamic}, Dynamic, native<&seasonal>())
      .takes_nulls({Dynamic, Long}, Dynamic, native<&seasonal>())
      .takes_nulls({Dynamic, Long, Long}, Dynamic, native<&seasonal>());
}

}  // namespace spillway::kql
