// Lines and polynomials that fit a series best.
#include <algorithm>
#include <cmath>

#include "kql/functions/builder.h"
#include "kql/functions/series.h"

namespace spillway::kql {
namespace series {

Line fit_line(const double* values, size_t count) {
  Line line;
  if (count == 0) return line;
  const double points = static_cast<double>(count);
  const double mean = mean_of(values, count), middle = (points - 1) / 2;
  double both = 0, spread = 0;
  for (size_t i = 0; i < count; ++i) {
    const double x = static_cast<double>(i) - middle;
    both += x * (values[i] - mean);
    spread += x * x;
  }
  line.slope = spread > 0 ? both / spread : 0;
  line.interception = mean - line.slope * middle;
  if (count < 2) return line;
  double residual = 0;
  for (size_t i = 0; i < count; ++i) residual += (values[i] - line.at(i)) * (values[i] - line.at(i));
  const double total = squares_about(values, count, mean);
  line.variance = total / (points - 1);
  line.rvariance = residual / (points - 1);
  line.rsquare = total > 0 ? std::clamp(1 - residual / total, 0.0, 1.0) : 1;
  return line;
}

}  // namespace series

namespace {

using series::Line;
using series::Reals;
using Text = std::string_view;

bool fit_line(std::string& out, Text array, bool bag) {
  const std::optional<Reals> values = series::read_finite(array);
  if (!values) return false;
  const Line line = series::fit_line(values->data(), values->size());
  Reals fit(values->size());
  for (size_t i = 0; i < fit.size(); ++i) fit[i] = line.at(i);
  series::Results results(out, bag);
  results.add("rsquare", line.rsquare);
  results.add("slope", line.slope);
  results.add("variance", line.variance);
  results.add("rvariance", line.rvariance);
  results.add("interception", line.interception);
  results.add("line_fit", fit);
  results.finish();
  return true;
}
bool fit_line_columns(std::string& out, Text array) {
  return fit_line(out, array, false);
}
bool fit_line_bag(std::string& out, Text array) {
  return fit_line(out, array, true);
}

/// Sums over the first i points, from which the residual of the best line through any stretch follows at
/// once.
class StretchSums {
 public:
  explicit StretchSums(const Reals& values) : sums_(values.size() + 1) {
    const double mean = series::mean_of(values.data(), values.size());
    const double middle = static_cast<double>(values.size()) / 2;
    for (size_t i = 0; i < values.size(); ++i) {
      const double x = static_cast<double>(i) - middle, y = values[i] - mean;
      const Sums& before = sums_[i];
      sums_[i + 1] = {before.x + x, before.y + y, before.xx + x * x, before.xy + x * y, before.yy + y * y};
    }
  }
  double residual(size_t from, size_t to) const {
    const Sums &a = sums_[from], &b = sums_[to];
    const double n = static_cast<double>(to - from);
    const double x = b.x - a.x, y = b.y - a.y;
    const double xx = b.xx - a.xx - x * x / n, xy = b.xy - a.xy - x * y / n, yy = b.yy - a.yy - y * y / n;
    return std::max(0.0, xx > 0 ? yy - xy * xy / xx : yy);
  }

 private:
  struct Sums {
    double x = 0, y = 0, xx = 0, xy = 0, yy = 0;
  };
  std::vector<Sums> sums_;
};

/// Where the second line begins, so that both together fit best. Each has two points at least, where there
/// are enough.
size_t best_split(const Reals& values) {
  const StretchSums sums(values);
  const size_t size = values.size(), least = size >= 4 ? 2 : 1;
  size_t best = least;
  double best_residual = HUGE_VAL;
  for (size_t split = least; split + least <= size; ++split) {
    const double residual = sums.residual(0, split) + sums.residual(split, size);
    if (residual < best_residual) {
      best_residual = residual;
      best = split;
    }
  }
  return best;
}

void add_side(series::Results& results, std::string_view side, const Line& line) {
  results.open(side);
  results.add("rsquare", line.rsquare);
  results.add("slope", line.slope);
  results.add("interception", line.interception);
  results.add("variance", line.variance);
  results.add("rvariance", line.rvariance);
  results.close();
}

bool fit_2lines(std::string& out, Text array, bool bag) {
  const std::optional<Reals> values = series::read_finite(array);
  if (!values || values->size() < 2) return false;
  const size_t size = values->size(), split = best_split(*values);
  const Line left = series::fit_line(values->data(), split);
  const Line right = series::fit_line(values->data() + split, size - split);
  Reals fit(size);
  double residual = 0;
  for (size_t i = 0; i < size; ++i) {
    fit[i] = i < split ? left.at(i) : right.at(i - split);
    residual += ((*values)[i] - fit[i]) * ((*values)[i] - fit[i]);
  }
  const double total = series::squares_about(values->data(), size, series::mean_of(values->data(), size));
  const double freedom = static_cast<double>(size - 1);
  series::Results results(out, bag);
  results.add("rsquare", total > 0 ? std::clamp(1 - residual / total, 0.0, 1.0) : 1.0);
  results.add("split_idx", static_cast<int64_t>(split));
  results.add("variance", total / freedom);
  results.add("rvariance", residual / freedom);
  results.add("line_fit", fit);
  add_side(results, "right", right);
  add_side(results, "left", left);
  results.finish();
  return true;
}
bool fit_2lines_columns(std::string& out, Text array) {
  return fit_2lines(out, array, false);
}
bool fit_2lines_bag(std::string& out, Text array) {
  return fit_2lines(out, array, true);
}

/// A polynomial of a higher degree than this is out of reach of doubles.
constexpr int64_t kMostDegree = 40;
/// Of the matrix that a fit is solved over: points times terms.
constexpr size_t kMostEntries = 1 << 24;

/// The coefficients, from the constant on, of the polynomial that comes nearest to the points: least squares
/// by Householder's reflections. The columns of the matrix are the powers of x.
Reals fit_polynomial(const Reals& x, Reals y, size_t terms) {
  const size_t rows = x.size();
  std::vector<Reals> columns(terms, Reals(rows, 1.0));
  for (size_t c = 1; c < terms; ++c) {
    for (size_t r = 0; r < rows; ++r) columns[c][r] = columns[c - 1][r] * x[r];
  }
  Reals diagonal(terms);
  for (size_t c = 0; c < terms; ++c) {
    double norm = 0;
    for (size_t r = c; r < rows; ++r) norm = std::hypot(norm, columns[c][r]);
    if (columns[c][c] > 0) norm = -norm;
    diagonal[c] = norm;
    Reals& v = columns[c];
    v[c] -= norm;
    double length = 0;
    for (size_t r = c; r < rows; ++r) length += v[r] * v[r];
    if (length == 0) continue;
    const auto reflect = [&](Reals& other) {
      double along = 0;
      for (size_t r = c; r < rows; ++r) along += v[r] * other[r];
      along *= 2 / length;
      for (size_t r = c; r < rows; ++r) other[r] -= along * v[r];
    };
    for (size_t other = c + 1; other < terms; ++other) reflect(columns[other]);
    reflect(y);
  }
  Reals coefficients(terms);
  for (size_t c = terms; c-- > 0;) {
    double value = y[c];
    for (size_t other = c + 1; other < terms; ++other) value -= columns[other][c] * coefficients[other];
    coefficients[c] = diagonal[c] == 0 ? 0 : value / diagonal[c];
  }
  return coefficients;
}

bool fit_poly_over(std::string& out, const Reals& y, const Reals& x, int64_t degree) {
  if (degree < 0 || degree > kMostDegree || x.size() != y.size()) return false;
  const size_t terms = static_cast<size_t>(degree) + 1;
  if (y.size() < terms || y.size() * terms > kMostEntries) return false;
  Reals coefficients = fit_polynomial(x, y, terms);
  Reals fit(y.size());
  double residual = 0;
  for (size_t i = 0; i < y.size(); ++i) {
    for (size_t c = coefficients.size(); c-- > 0;) fit[i] = fit[i] * x[i] + coefficients[c];
    residual += (y[i] - fit[i]) * (y[i] - fit[i]);
  }
  const double total = series::squares_about(y.data(), y.size(), series::mean_of(y.data(), y.size()));
  const double freedom = y.size() > 1 ? static_cast<double>(y.size() - 1) : 1.0;
  std::reverse(coefficients.begin(), coefficients.end());
  series::Results results(out, false);
  results.add("rsquare", total > 0 ? std::clamp(1 - residual / total, 0.0, 1.0) : 1.0);
  results.add("coefficients", coefficients);
  results.add("variance", total / freedom);
  results.add("rvariance", residual / freedom);
  results.add("poly_fit", fit);
  results.finish();
  return true;
}

/// `x`: null stands for 1, 2, 3 …
bool fit_poly(std::string& out, std::optional<Text> y_series, std::optional<Text> x_series,
              std::optional<int64_t> degree) {
  const std::optional<Reals> y = y_series ? series::read_finite(*y_series) : std::nullopt;
  if (!y) return false;
  std::optional<Reals> x;
  if (x_series) {
    x = series::read_finite(*x_series);
    if (!x) return false;
  } else {
    x.emplace();
    for (size_t i = 0; i < y->size(); ++i) x->push_back(static_cast<double>(i + 1));
  }
  return fit_poly_over(out, *y, *x, degree.value_or(1));
}
bool fit_poly_of_y(std::string& out, std::optional<Text> y) {
  return fit_poly(out, y, std::nullopt, 1);
}
bool fit_poly_of_x(std::string& out, std::optional<Text> y, std::optional<Text> x) {
  return fit_poly(out, y, x, 1);
}

}  // namespace

void declare_series_fit(FunctionTableBuilder& table) {
  using enum Type;
  table.category("series");
  table.scalar("series_fit_line")
      .doc("The line that fits a series best.")
      .takes({Dynamic}, Dynamic, native<&fit_line_columns>())
      .gives({{"rsquare", Real},
              {"slope", Real},
              {"variance", Real},
              {"rvariance", Real},
              {"interception", Real},
              {"line_fit", Dynamic}});
  table.scalar("series_fit_line_dynamic")
      .doc("The line that fits a series best, as a property bag.")
      .takes({Dynamic}, Dynamic, native<&fit_line_bag>());
  table.scalar("series_fit_2lines")
      .doc("The two lines, one after the other, that fit a series best.")
      .takes({Dynamic}, Dynamic, native<&fit_2lines_columns>())
      .gives({{"rsquare", Real},
              {"split_idx", Long},
              {"variance", Real},
              {"rvariance", Real},
              {"line_fit", Dynamic},
              {"right_rsquare", Real},
              {"right_slope", Real},
              {"right_interception", Real},
              {"right_variance", Real},
              {"right_rvariance", Real},
              {"left_rsquare", Real},
              {"left_slope", Real},
              {"left_interception", Real},
              {"left_variance", Real},
              {"left_rvariance", Real}});
  table.scalar("series_fit_2lines_dynamic")
      .doc("The two lines that fit a series best, as a property bag.")
      .takes({Dynamic}, Dynamic, native<&fit_2lines_bag>());
  table.scalar("series_fit_poly")
      .doc("The polynomial that fits a series best.")
      .takes_nulls({Dynamic}, Dynamic, native<&fit_poly_of_y>())
      .takes_nulls({Dynamic, Dynamic}, Dynamic, native<&fit_poly_of_x>())
      .takes_nulls({Dynamic, Dynamic, Long}, Dynamic, native<&fit_poly>())
      .gives({{"rsquare", Real},
              {"coefficients", Dynamic},
              {"variance", Real},
              {"rvariance", Real},
              {"poly_fit", Dynamic}});
}

}  // namespace spillway::kql
