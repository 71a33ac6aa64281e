// Filters over series: finite and infinite impulse response. A missing element makes every result that it
// would enter null.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "kql/functions/builder.h"
#include "kql/functions/series.h"

namespace spillway::kql {
namespace {

using series::Complex;
using series::Reals;
using Text = std::string_view;

/// A convolution of more products than this goes through Fourier transforms.
constexpr double kMostDirectProducts = 1 << 26;
/// Denominators of a recursive filter, whose cost is their number for each element.
constexpr size_t kMostDenominators = 1024;

double product_at(const Reals& values, const Reals& filter, size_t at) {
  double sum = 0;
  const size_t least = at >= values.size() ? at - values.size() + 1 : 0;
  for (size_t k = least; k < filter.size() && k <= at; ++k) sum += filter[k] * values[at - k];
  return sum;
}

Reals convolve_by_transform(const Reals& values, const Reals& filter, size_t from, size_t count) {
  size_t power = 1;
  while (power < values.size() + filter.size()) power *= 2;
  std::vector<Complex> a(power), b(power);
  for (size_t i = 0; i < values.size(); ++i) a[i].real = values[i];
  for (size_t i = 0; i < filter.size(); ++i) b[i].real = filter[i];
  series::fourier(a, false);
  series::fourier(b, false);
  for (size_t i = 0; i < power; ++i) {
    a[i] = {a[i].real * b[i].real - a[i].imaginary * b[i].imaginary,
            a[i].real * b[i].imaginary + a[i].imaginary * b[i].real};
  }
  series::fourier(a, true);
  Reals result(count);
  for (size_t i = 0; i < count; ++i) {
    result[i] = from + i < power ? a[from + i].real / static_cast<double>(power) : 0;
  }
  return result;
}

/// The sums of filter[k] · values[i - k] for `count` positions i from `from` on; outside, values are 0.
Reals convolve(const Reals& values, const Reals& filter, size_t from, size_t count) {
  const bool finite =
      std::all_of(values.begin(), values.end(), [](double value) { return std::isfinite(value); });
  if (static_cast<double>(count) * static_cast<double>(filter.size()) > kMostDirectProducts) {
    if (!finite) return Reals(count, std::numeric_limits<double>::quiet_NaN());
    return convolve_by_transform(values, filter, from, count);
  }
  Reals result(count);
  for (size_t i = 0; i < count; ++i) result[i] = product_at(values, filter, from + i);
  return result;
}

bool fir_filter(std::string& out, Text array, Text coefficients, std::optional<bool> normalize, bool center) {
  const std::optional<Reals> values = series::read_reals(array);
  std::optional<Reals> filter = series::read_finite(coefficients);
  if (!values || !filter) return false;
  const bool negative = std::any_of(filter->begin(), filter->end(), [](double value) { return value < 0; });
  if (normalize.value_or(!negative)) {
    const double sum = std::accumulate(filter->begin(), filter->end(), 0.0);
    if (negative || sum == 0) return false;
    // The sums are divided rather than the coefficients, so that averages of whole numbers are exact.
    Reals result = convolve(*values, *filter, center ? filter->size() / 2 : 0, values->size());
    for (double& value : result) value /= sum;
    series::append(out, result);
    return true;
  }
  series::append(out, convolve(*values, *filter, center ? filter->size() / 2 : 0, values->size()));
  return true;
}
bool fir(std::string& out, Text array, Text filter) {
  return fir_filter(out, array, filter, std::nullopt, false);
}
bool fir_normalized(std::string& out, Text array, Text filter, bool normalize) {
  return fir_filter(out, array, filter, normalize, false);
}
bool fir_centered(std::string& out, Text array, Text filter, bool normalize, bool center) {
  return fir_filter(out, array, filter, normalize, center);
}

bool iir(std::string& out, Text array, Text numerators, Text denominators) {
  const std::optional<Reals> values = series::read_reals(array);
  const std::optional<Reals> b = series::read_finite(numerators), a = series::read_finite(denominators);
  if (!values || !a || !b || a->front() == 0 || a->size() > kMostDenominators) return false;
  Reals result = convolve(*values, *b, 0, values->size());
  for (size_t i = 0; i < result.size(); ++i) {
    double value = result[i];
    for (size_t k = 1; k < a->size() && k <= i; ++k) value -= (*a)[k] * result[i - k];
    result[i] = value / a->front();
  }
  series::append(out, result);
  return true;
}

}  // namespace

void declare_series_filters(FunctionTableBuilder& table) {
  using enum Type;
  table.category("series");
  table.scalar("series_fir")
      .doc("A finite impulse response filter over a series: moving averages, differences …")
      .takes({Dynamic, Dynamic}, Dynamic, native<&fir>())
      .takes({Dynamic, Dynamic, Bool}, Dynamic, native<&fir_normalized>())
      .takes({Dynamic, Dynamic, Bool, Bool}, Dynamic, native<&fir_centered>());
  table.scalar("series_iir")
      .doc("An infinite impulse response filter over a series: cumulative sums, exponential smoothing …")
      .takes({Dynamic, Dynamic, Dynamic}, Dynamic, native<&iir>());
}

}  // namespace spillway::kql
