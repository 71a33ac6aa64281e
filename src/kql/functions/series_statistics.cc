// One value, or a few, of a whole series: sum, product, statistics, likeness to another series.
#include <cmath>
#include <limits>
#include <numeric>

#include "kql/functions/builder.h"
#include "kql/functions/series.h"
#include "kql/json.h"

namespace spillway::kql {
namespace {

using series::Number;
using series::Numbers;
using series::Reals;
using Text = std::string_view;

std::optional<double> sum(Text array) {
  const std::optional<Numbers> numbers = series::read(array);
  if (!numbers) return std::nullopt;
  double sum = 0;
  for (const Number& number : *numbers) sum += number.missing() ? 0 : number.real;
  return sum;
}

std::optional<double> product(Text array) {
  const std::optional<Numbers> numbers = series::read(array);
  if (!numbers) return std::nullopt;
  double product = 1;
  for (const Number& number : *numbers) product *= number.missing() ? 1 : number.real;
  return product;
}

double squares_of(const Numbers& numbers) {
  double squares = 0;
  for (const Number& number : numbers) squares += number.missing() ? 0 : number.real * number.real;
  return squares;
}

std::optional<double> magnitude(Text array) {
  const std::optional<Numbers> numbers = series::read(array);
  if (!numbers) return std::nullopt;
  return std::sqrt(squares_of(*numbers));
}

/// Two series cut to the length of the shorter one; a number in place of one is as long as the other.
bool read_two(Text first, Text second, Numbers& a, Numbers& b) {
  std::optional<Numbers> left = series::read(first), right = series::read(second);
  if (!left && !right) return false;
  if (!left) left.emplace(right->size(), series::number_of(first));
  if (!right) right.emplace(left->size(), series::number_of(second));
  const size_t size = std::min(left->size(), right->size());
  left->resize(size);
  right->resize(size);
  a = *std::move(left);
  b = *std::move(right);
  return size > 0;
}

double dot(const Numbers& a, const Numbers& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!a[i].missing() && !b[i].missing()) sum += a[i].real * b[i].real;
  }
  return sum;
}

std::optional<double> dot_product(Text first, Text second) {
  Numbers a, b;
  if (!read_two(first, second, a, b)) return std::nullopt;
  return dot(a, b);
}

std::optional<double> cosine_similarity(Text first, Text second, std::optional<double> first_magnitude,
                                        std::optional<double> second_magnitude) {
  Numbers a, b;
  if (!read_two(first, second, a, b)) return std::nullopt;
  const double of_a = first_magnitude ? *first_magnitude : std::sqrt(squares_of(a));
  const double of_b = second_magnitude ? *second_magnitude : std::sqrt(squares_of(b));
  const double cosine = dot(a, b) / (of_a * of_b);
  if (!std::isfinite(cosine)) return std::nullopt;
  return cosine;
}
std::optional<double> cosine_similarity_of_two(Text first, Text second) {
  return cosine_similarity(first, second, std::nullopt, std::nullopt);
}
std::optional<double> cosine_similarity_with_one(std::optional<Text> first, std::optional<Text> second,
                                                 std::optional<double> magnitude_of_first) {
  if (!first || !second) return std::nullopt;
  return cosine_similarity(*first, *second, magnitude_of_first, std::nullopt);
}
std::optional<double> cosine_similarity_with_both(std::optional<Text> first, std::optional<Text> second,
                                                  std::optional<double> magnitude_of_first,
                                                  std::optional<double> magnitude_of_second) {
  if (!first || !second) return std::nullopt;
  return cosine_similarity(*first, *second, magnitude_of_first, magnitude_of_second);
}

std::optional<double> pearson_correlation(Text first, Text second) {
  const std::optional<Reals> a = series::read_finite(first), b = series::read_finite(second);
  if (!a || !b || a->size() != b->size()) return std::nullopt;
  const size_t size = a->size();
  const double mean_a = series::mean_of(a->data(), size), mean_b = series::mean_of(b->data(), size);
  double both = 0;
  for (size_t i = 0; i < size; ++i) both += ((*a)[i] - mean_a) * ((*b)[i] - mean_b);
  const double spread = std::sqrt(series::squares_about(a->data(), size, mean_a) *
                                  series::squares_about(b->data(), size, mean_b));
  if (!(spread > 0) || !std::isfinite(both / spread)) return std::nullopt;
  return std::clamp(both / spread, -1.0, 1.0);
}

/// Welford's: exact to the last digit for well-behaved values.
double sample_variance(const Reals& values) {
  double mean = 0, squares = 0, count = 0;
  for (const double value : values) {
    const double distance = value - mean;
    mean += distance / ++count;
    squares += distance * (value - mean);
  }
  return count < 2 ? 0 : squares / (count - 1);
}

/// The statistics of the finite elements; false where there are none, or others that may not be left out.
bool statistics(std::string& out, Text array, bool ignore_nonfinite, bool bag) {
  const std::optional<Reals> all = series::read_reals(array);
  if (!all) return false;
  Reals values;
  size_t least = 0, greatest = 0;
  for (size_t i = 0; i < all->size(); ++i) {
    const double value = (*all)[i];
    if (!std::isfinite(value)) {
      if (!ignore_nonfinite) return false;
      continue;
    }
    if (values.empty() || value < (*all)[least]) least = i;
    if (values.empty() || value > (*all)[greatest]) greatest = i;
    values.push_back(value);
  }
  if (values.empty()) return false;
  const double variance = sample_variance(values);
  const double total = std::accumulate(values.begin(), values.end(), 0.0);
  series::Results results(out, bag);
  results.add("min", (*all)[least]);
  results.add("min_idx", static_cast<int64_t>(least));
  results.add("max", (*all)[greatest]);
  results.add("max_idx", static_cast<int64_t>(greatest));
  results.add("avg", total / static_cast<double>(values.size()));
  results.add("stdev", std::sqrt(variance));
  results.add("variance", variance);
  if (bag) {
    results.add("sum", total);
    results.add("len", static_cast<int64_t>(all->size()));
  }
  results.finish();
  return true;
}
bool stats(std::string& out, Text array) {
  return statistics(out, array, false, false);
}
bool stats_ignoring(std::string& out, Text array, bool ignore_nonfinite) {
  return statistics(out, array, ignore_nonfinite, false);
}
bool stats_bag(std::string& out, Text array) {
  return statistics(out, array, false, true);
}
bool stats_bag_ignoring(std::string& out, Text array, bool ignore_nonfinite) {
  return statistics(out, array, ignore_nonfinite, true);
}

void declare_totals(FunctionTableBuilder& table) {
  using enum Type;
  table.scalar("series_sum").doc("The sum of a series.").takes({Dynamic}, Real, native<&sum>());
  table.scalar("series_product").doc("The product of a series.").takes({Dynamic}, Real, native<&product>());
  table.scalar("series_magnitude")
      .doc("The length of a series as a vector.")
      .takes({Dynamic}, Real, native<&magnitude>());
  table.scalar("series_dot_product")
      .doc("The sum of the products of elements at the same place.")
      .takes({as_dynamic(), as_dynamic()}, Real, native<&dot_product>());
  table.scalar("series_cosine_similarity")
      .doc("The cosine of the angle between two series as vectors.")
      .takes({Dynamic, Dynamic}, Real, native<&cosine_similarity_of_two>())
      .takes_nulls({Dynamic, Dynamic, Real}, Real, native<&cosine_similarity_with_one>())
      .takes_nulls({Dynamic, Dynamic, Real, Real}, Real, native<&cosine_similarity_with_both>());
  table.scalar("series_pearson_correlation")
      .doc("How much two series rise and fall together, from -1 to 1.")
      .takes({Dynamic, Dynamic}, Real, native<&pearson_correlation>());
}

}  // namespace

void declare_series_statistics(FunctionTableBuilder& table) {
  using enum Type;
  table.category("series");
  declare_totals(table);
  table.scalar("series_stats")
      .doc("Least and greatest value, their positions, average, deviation and variance of a series.")
      .takes({Dynamic}, Dynamic, native<&stats>())
      .takes({Dynamic, Bool}, Dynamic, native<&stats_ignoring>())
      .gives({{"min", Real},
              {"min_idx", Long},
              {"max", Real},
              {"max_idx", Long},
              {"avg", Real},
              {"stdev", Real},
              {"variance", Real}});
  table.scalar("series_stats_dynamic")
      .doc("The statistics of a series as a property bag.")
      .takes({Dynamic}, Dynamic, native<&stats_bag>())
      .takes({Dynamic, Bool}, Dynamic, native<&stats_bag_ignoring>());
}

}  // namespace spillway::kql
