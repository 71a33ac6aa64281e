// Outliers of a series: query/series-outliers-function.md.
#include <algorithm>
#include <cmath>
#include <limits>

#include "kql/functions/builder.h"
#include "kql/functions/series.h"

namespace spillway::kql {
namespace series {
namespace {

/// Of sorted values, by linear interpolation.
double percentile(const Reals& sorted, double rank) {
  const double at = rank / 100 * static_cast<double>(sorted.size() - 1);
  const size_t below = static_cast<size_t>(at);
  if (below + 1 >= sorted.size()) return sorted.back();
  return sorted[below] + (sorted[below + 1] - sorted[below]) * (at - static_cast<double>(below));
}

/// How many standard deviations above the mean a percentile of a normal distribution lies (Acklam's rational
/// approximation, good to nine digits).
double normal_deviations(double rank) {
  const double p = rank / 100;
  constexpr double kTail = 0.02425;
  if (p > 1 - kTail) return -normal_deviations(100 - rank);
  if (p < kTail) {
    const double q = std::sqrt(-2 * std::log(p));
    return (((((-7.784894002430293e-03 * q - 3.223964580411365e-01) * q - 2.400758277161838e+00) * q -
              2.549732539343734e+00) *
                 q +
             4.374664141464968e+00) *
                q +
            2.938163982698783e+00) /
           ((((7.784695709041462e-03 * q + 3.224671290700398e-01) * q + 2.445134137142996e+00) * q +
             3.754408661907416e+00) *
                q +
            1);
  }
  const double q = p - 0.5, r = q * q;
  return (((((-3.969683028665376e+01 * r + 2.209460984245205e+02) * r - 2.759285104469687e+02) * r +
            1.383577518672690e+02) *
               r -
           3.066479806614716e+01) *
              r +
          2.506628277459239e+00) *
         q /
         (((((-5.447609879822406e+01 * r + 1.615858368580409e+02) * r - 1.556989798598866e+02) * r +
            6.680131188771972e+01) *
               r -
           1.328068155288572e+01) *
              r +
          1);
}

/// What a distance outside of the percentiles, in ranges between them, is multiplied by, so that in a normal
/// distribution the value that scores 1.5 is the one that does with the quartiles.
double score_scale(double low, double high, bool above) {
  // Kusto's own scores with the usual percentiles follow from this factor, a little off that of the exact
  // quantiles.
  constexpr double kUsualLow = 10, kUsualHigh = 90, kUsualScale = 2.7726056055079153;
  if (low == kUsualLow && high == kUsualHigh) return kUsualScale;
  constexpr double kMild = 1.5;
  const double quartile = normal_deviations(75), fence = quartile + kMild * 2 * quartile;
  const double from = normal_deviations(low), to = normal_deviations(high);
  return kMild * (to - from) / (above ? fence - to : fence + from);
}

}  // namespace

Reals outlier_scores(const Reals& values, double low, double high, size_t test_points) {
  Reals scores(values.size()), sorted;
  const size_t learned = values.size() - std::min(test_points, values.size());
  for (size_t i = 0; i < learned; ++i) {
    if (!std::isnan(values[i])) sorted.push_back(values[i]);
  }
  if (sorted.empty()) return scores;
  std::sort(sorted.begin(), sorted.end());
  const double bottom = percentile(sorted, low), top = percentile(sorted, high), range = top - bottom;
  const double scale_above = score_scale(low, high, true), scale_below = score_scale(low, high, false);
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i] > top) scores[i] = (values[i] - top) / range * scale_above;
    if (values[i] < bottom) scores[i] = (values[i] - bottom) / range * scale_below;
    if (std::isnan(scores[i])) scores[i] = 0;  // infinities among the values
  }
  return scores;
}

}  // namespace series

namespace {

using series::Reals;

constexpr double kLeastPercentile = 2, kMostPercentile = 98;

/// series, kind, ignore_val, min_percentile, max_percentile, test_points
bool outliers(std::string& out, Rest arguments) {
  if (arguments.is_null(0)) return false;
  std::optional<Reals> values = series::read_reals(arguments.text(0));
  if (!values) return false;
  const auto real_or = [&](size_t i, double fallback) {
    return i < arguments.size() && !arguments.is_null(i) ? arguments.get<double>(i) : fallback;
  };
  double low = 10, high = 90;
  if (arguments.size() > 1 && arguments.text(1) == "tukey") {
    low = 25;
    high = 75;
  } else {
    low = real_or(3, low);
    high = real_or(4, high);
  }
  if (!(low >= kLeastPercentile && high <= kMostPercentile && low < high)) return false;
  const double ignored = real_or(2, std::numeric_limits<double>::quiet_NaN());
  for (double& value : *values) {
    if (value == ignored) value = std::numeric_limits<double>::quiet_NaN();
  }
  const int64_t test_points =
      arguments.size() > 5 && !arguments.is_null(5) ? std::max<int64_t>(0, arguments.get<int64_t>(5)) : 0;
  series::append(out, series::outlier_scores(*values, low, high, static_cast<size_t>(test_points)));
  return true;
}

std::string check_kind(const Value& kind) {
  const std::string& name = kind.as_text();
  return name.empty() || name == "tukey" || name == "ctukey"
             ? ""
             : "the kind is 'ctukey' or 'tukey', not '" + name + "'";
}

}  // namespace

void declare_series_outliers(FunctionTableBuilder& table) {
  using enum Type;
  table.category("series");
  table.scalar("series_outliers")
      .doc("How far each element lies outside of the usual range: an outlier above 1.5 or below -1.5.")
      .takes_nulls({Dynamic}, Dynamic, native<&outliers>())
      .takes_nulls({Dynamic, String}, Dynamic, native<&outliers>())
      .takes_nulls({Dynamic, String, Real}, Dynamic, native<&outliers>())
      .takes_nulls({Dynamic, String, Real, Real}, Dynamic, native<&outliers>())
      .takes_nulls({Dynamic, String, Real, Real, Real}, Dynamic, native<&outliers>())
      .takes_nulls({Dynamic, String, Real, Real, Real, Long}, Dynamic, native<&outliers>())
      .checks(1, check_kind);
}

}  // namespace spillway::kql
