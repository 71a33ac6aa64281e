// Periods of a series: query/series-periods-detect-function.md, series-periods-validate-function.md.
//
// The score of a period is how well the series resembles itself one period later, and no better than it does
// two periods later: its autocorrelation at these lags. A score that noise alone reaches easily is 0.
// Candidates are the peaks of the power spectrum, each moved to the peak of the autocorrelation nearby; a
// multiple of a period that is nearly as good says nothing new.
#include <algorithm>
#include <cmath>

#include "kql/functions/builder.h"
#include "kql/functions/series.h"
#include "kql/json.h"

namespace spillway::kql {
namespace series {
namespace {

constexpr double kLeastPeriod = 4;
/// Autocorrelation of white noise stays below this many standard deviations, 1/√n, nearly always.
constexpr double kNoiseDeviations = 2;
/// A linear trend hides periods: it is taken out where its slope is more than this many standard errors from
/// none.
constexpr double kTrendErrors = 5;

/// A multiple of a period that scores this much of what it does says nothing new.
constexpr double kAsGood = 0.95;

bool has_trend(const Line& line, size_t points) {
  const double freedom = static_cast<double>(points) - 2;
  return line.rsquare * freedom > kTrendErrors * kTrendErrors * (1 - line.rsquare);
}

/// Without its mean, and without its trend where there is one.
Reals centered(const Reals& values) {
  Reals result = values;
  const Line line = fit_line(values.data(), values.size());
  const double mean = mean_of(values.data(), values.size());
  const bool detrend = has_trend(line, values.size());
  for (size_t i = 0; i < result.size(); ++i) result[i] -= detrend ? line.at(i) : mean;
  return result;
}

Reals power_of(const Reals& values) {
  std::vector<Complex> points(values.size());
  for (size_t i = 0; i < values.size(); ++i) points[i].real = values[i];
  fourier(points, false);
  Reals power(values.size() / 2 + 1);
  for (size_t k = 0; k < power.size(); ++k) {
    power[k] = points[k].real * points[k].real + points[k].imaginary * points[k].imaginary;
  }
  return power;
}

/// By lag, 1 at lag 0; all 0 for a constant series.
Reals autocorrelation_of(const Reals& values) {
  size_t power = 1;
  while (power < 2 * values.size()) power *= 2;
  std::vector<Complex> points(power);
  for (size_t i = 0; i < values.size(); ++i) points[i].real = values[i];
  fourier(points, false);
  for (Complex& point : points) {
    point = {point.real * point.real + point.imaginary * point.imaginary, 0};
  }
  fourier(points, true);
  Reals result(values.size());
  const double whole = points.front().real;
  for (size_t lag = 0; lag < result.size(); ++lag) result[lag] = whole > 0 ? points[lag].real / whole : 0;
  return result;
}

}  // namespace

Periodicity::Periodicity(const Reals& values) : size_(values.size()) {
  const Reals base = centered(values);
  const double spread = std::sqrt(squares_about(base.data(), size_, 0) / static_cast<double>(size_));
  double greatest = 0;
  for (const double value : values) greatest = std::max(greatest, std::abs(value));
  constexpr double kRounding = 1e-12;
  if (spread <= greatest * kRounding) {
    autocorrelation_.assign(size_, 0);
    power_.assign(size_ / 2 + 1, 0);
    return;
  }
  autocorrelation_ = autocorrelation_of(base);
  power_ = power_of(base);
}

double Periodicity::at(double lag) const {
  const double size = static_cast<double>(size_);
  const size_t below = static_cast<size_t>(lag);
  const double share = lag - static_cast<double>(below);
  const double sum =
      (1 - share) * autocorrelation_[below] + (share > 0 ? share * autocorrelation_[below + 1] : 0);
  return sum * size / (size - lag);
}

double Periodicity::score(double period) const {
  const double size = static_cast<double>(size_);
  if (!(period >= kLeastPeriod && period <= size / 2)) return 0;
  // Beyond the last but one point there is nothing to compare.
  const double score = 2 * period < size - 1 ? std::min(at(period), at(2 * period)) : at(period);
  return score < kNoiseDeviations / std::sqrt(size) ? 0 : std::min(score, 1.0);
}

std::vector<size_t> Periodicity::candidates(double least, double most) const {
  const double size = static_cast<double>(size_);
  std::vector<size_t> periods;
  for (size_t k = 2; k + 1 < power_.size(); ++k) {
    if (!(power_[k] > 0) || power_[k] < power_[k - 1] || power_[k] < power_[k + 1]) continue;
    const double longest = std::min(most, size / static_cast<double>(k - 1));
    const double shortest = std::max(least, size / static_cast<double>(k + 1));
    size_t best = 0;
    for (size_t lag = static_cast<size_t>(std::ceil(shortest)); static_cast<double>(lag) <= longest; ++lag) {
      const double here = autocorrelation_[lag];
      if (here < autocorrelation_[lag - 1] || here < autocorrelation_[lag + 1]) continue;
      if (best == 0 || here > autocorrelation_[best]) best = lag;
    }
    if (best > 0) periods.push_back(best);
  }
  std::sort(periods.begin(), periods.end());
  periods.erase(std::unique(periods.begin(), periods.end()), periods.end());
  return periods;
}

std::vector<Periodicity::Found> Periodicity::detect(double least, double most, size_t count) const {
  // More than two whole periods must be there: less shows no repetition.
  const double longest = std::min(most, static_cast<double>(size_) / 2 - 0.5);
  std::vector<Found> found;
  for (const size_t period : candidates(std::max(least, kLeastPeriod), longest)) {
    const double scored = score(static_cast<double>(period));
    if (scored > 0) found.push_back({static_cast<double>(period), scored});
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const Found& a, const Found& b) { return a.score > b.score; });
  std::vector<Found> kept;
  for (const Found& each : found) {
    const bool repeats = std::any_of(found.begin(), found.end(), [&](const Found& shorter) {
      const double times = std::round(each.period / shorter.period);
      return times >= 2 && std::abs(each.period - times * shorter.period) <= times / 2 &&
             shorter.score >= kAsGood * each.score;
    });
    if (!repeats && kept.size() < count) kept.push_back(each);
  }
  return kept;
}

}  // namespace series

namespace {

using series::Reals;
using Text = std::string_view;

constexpr int64_t kMostPeriods = 1024;   // that series_periods_detect() is asked for
constexpr size_t kMostValidations = 16;  // that series_periods_validate() takes

bool periods_detect(std::string& out, Text array, double least, double most, int64_t count) {
  const std::optional<Reals> values = series::read_finite(array);
  if (!values || count < 1 || count > kMostPeriods || std::isnan(least) || std::isnan(most)) return false;
  Reals periods, scores;
  for (const auto& found : series::Periodicity(*values).detect(least, most, static_cast<size_t>(count))) {
    periods.push_back(found.period);
    scores.push_back(found.score);
  }
  periods.resize(static_cast<size_t>(count));
  scores.resize(static_cast<size_t>(count));
  series::Results results(out, false);
  results.add("periods", periods);
  results.add("scores", scores);
  results.finish();
  return true;
}

/// The periods, one by one or as an array.
bool periods_validate(std::string& out, Rest arguments) {
  if (arguments.is_null(0) || arguments.size() > 1 + kMostValidations) return false;
  const std::optional<Reals> values = series::read_finite(arguments.text(0));
  if (!values) return false;
  const series::Periodicity periodicity(*values);
  Reals periods, scores;
  for (size_t i = 1; i < arguments.size(); ++i) {
    const double period = arguments.is_null(i) ? 0 : arguments.get<double>(i);
    periods.push_back(period);
    scores.push_back(periodicity.score(period));
  }
  series::Results results(out, false);
  results.add("periods", periods);
  results.add("scores", scores);
  results.finish();
  return true;
}

}  // namespace

void declare_series_periods(FunctionTableBuilder& table) {
  using enum Type;
  table.category("series");
  table.scalar("series_periods_detect")
      .doc("The periods after which a series repeats itself, and how well it does.")
      .takes({Dynamic, Real, Real, Long}, Dynamic, native<&periods_detect>())
      .gives({{"periods", Dynamic}, {"periods_scores", Dynamic}});
  table.scalar("series_periods_validate")
      .doc("How well a series repeats itself after given periods.")
      .takes_nulls({Dynamic, Real}, Dynamic, native<&periods_validate>())
      .repeating(2)
      .gives({{"periods", Dynamic}, {"scores", Dynamic}});
}

}  // namespace spillway::kql
