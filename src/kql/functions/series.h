// Series: arrays of numbers, as make-series and make_list give them. Read out of canonical JSON and written
// back here, for all of functions/series_*.cc.
//
// A datetime or timespan in an array, which JSON holds as its text, counts as its ticks. An element that is
// no number is missing: elementwise functions give null for it, and those that need the whole series give
// null.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace spillway::kql::series {

struct Number {
  enum class Kind : uint8_t { Missing, Integer, Real } kind = Kind::Missing;
  int64_t integer = 0;
  double real = 0;  // the value; of an integer too

  static Number of(int64_t value) { return {Kind::Integer, value, static_cast<double>(value)}; }
  static Number of(double value) { return {Kind::Real, 0, value}; }
  bool missing() const { return kind == Kind::Missing; }
  bool is_integer() const { return kind == Kind::Integer; }
};

using Numbers = std::vector<Number>;
using Reals = std::vector<double>;

/// The number that one JSON value is.
Number number_of(std::string_view value);
/// The elements of an array; nullopt where it isn't one.
std::optional<Numbers> read(std::string_view array);
/// The elements as reals, NaN where they are missing.
std::optional<Reals> read_reals(std::string_view array);
/// The elements; nullopt also where one is missing or not finite, or where there is none.
std::optional<Reals> read_finite(std::string_view array);

/// Appends one number; null where it is missing. NaN and infinities are texts, as everywhere in JSON.
void append(std::string& out, const Number& number);
void append(std::string& out, const Numbers& numbers);
/// Appends an array of reals; NaN is null.
void append(std::string& out, const Reals& values);
/// Appends a real; NaN is null.
void append(std::string& out, double value);

/// Several results of one function, as the array or the bag that holds them.
class Results {
 public:
  /// Of the bag, members have the names that come with the values; of the array, none.
  Results(std::string& out, bool bag) : out_(out), bag_(bag) { out_ += bag_ ? '{' : '['; }
  void add(std::string_view name, double value);
  void add(std::string_view name, int64_t value);
  void add(std::string_view name, const Reals& values);
  /// What is added until close() stands in a bag within the bag; in the array, at its place among the rest.
  void open(std::string_view name);
  void close();
  void finish() { out_ += bag_ ? '}' : ']'; }

 private:
  void begin(std::string_view name);
  std::string& out_;
  bool bag_;
};

double mean_of(const double* values, size_t count);
/// The sum of the squares of the distances from `mean`.
double squares_about(const double* values, size_t count, double mean);

/// The best line y = slope · x + interception through points at x = 0, 1, 2, …
struct Line {
  double rsquare = 1, slope = 0, variance = 0, rvariance = 0, interception = 0;
  double at(size_t x) const { return slope * static_cast<double>(x) + interception; }
};
Line fit_line(const double* values, size_t count);

/// How far each value lies outside of the range between two percentiles (0 to 100), as Tukey's fences measure
/// it: scaled so that 1.5 means as much as it does with the quartiles. NaN, where a value is missing, scores
/// 0. The last `test_points` are scored, but don't count in the percentiles.
Reals outlier_scores(const Reals& values, double low, double high, size_t test_points);

/// How well the series repeats itself after `period` points: 0 to 1.
class Periodicity {
 public:
  explicit Periodicity(const Reals& values);
  double score(double period) const;
  /// The best `count` periods from `least` to `most` points, best first, with their scores.
  struct Found {
    double period, score;
  };
  std::vector<Found> detect(double least, double most, size_t count) const;

 private:
  /// The autocorrelation at a lag, between its neighbours where it isn't whole.
  double at(double lag) const;
  std::vector<size_t> candidates(double least, double most) const;
  size_t size_;
  Reals autocorrelation_;  // by lag: sums over what overlaps, as shares of the whole
  Reals power_;            // by frequency, of the series without its linear trend
};

/// A point of the complex plane, for the transforms.
struct Complex {
  double real = 0, imaginary = 0;
};
/// The discrete Fourier transform of any number of points, in place; the inverse one without its factor 1/n.
void fourier(std::vector<Complex>& points, bool inverse);

}  // namespace spillway::kql::series
