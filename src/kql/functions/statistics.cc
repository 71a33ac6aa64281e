// Distributions and tests: beta_cdf(), beta_inv(), beta_pdf(), welch_test().
#include <boost/math/distributions/beta.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <limits>

#include "kql/functions/builder.h"

namespace spillway::kql {
namespace {

/// Errors come as NaN, not as exceptions.
using Policy = boost::math::policies::policy<
    boost::math::policies::domain_error<boost::math::policies::ignore_error>,
    boost::math::policies::pole_error<boost::math::policies::ignore_error>,
    boost::math::policies::overflow_error<boost::math::policies::ignore_error>,
    boost::math::policies::evaluation_error<boost::math::policies::ignore_error>>;
using Beta = boost::math::beta_distribution<double, Policy>;
using StudentsT = boost::math::students_t_distribution<double, Policy>;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
/// Shapes above this are refused (query/beta-cdf-function.md).
constexpr double kMostShape = 10'000;

double beta_cdf(double x, double alpha, double beta) {
  const bool fits = x >= 0 && x <= 1 && alpha > 0 && alpha <= kMostShape && beta > 0 && beta <= kMostShape;
  return fits ? boost::math::cdf(Beta(alpha, beta), x) : kNaN;
}

double beta_pdf(double x, double alpha, double beta) {
  const bool fits = x > 0 && x < 1 && alpha > 0 && std::isfinite(alpha) && beta > 0 && std::isfinite(beta);
  return fits ? boost::math::pdf(Beta(alpha, beta), x) : kNaN;
}

/// Null for no probability, NaN for no distribution: as the examples of query/beta-inv-function.md have it.
std::optional<double> beta_inv(double probability, double alpha, double beta) {
  if (!(alpha > 0 && alpha <= kMostShape && beta > 0 && beta <= kMostShape)) return kNaN;
  if (!(probability > 0 && probability <= 1)) return std::nullopt;
  return boost::math::quantile(Beta(alpha, beta), probability);
}

/// The p-value of Welch's t-test, two-sided.
std::optional<double> welch_test(double mean1, double variance1, double count1, double mean2,
                                 double variance2, double count2) {
  if (!(count1 > 1 && count2 > 1 && variance1 >= 0 && variance2 >= 0)) return std::nullopt;
  const double a = variance1 / count1, b = variance2 / count2;
  const double freedom = (a + b) * (a + b) / (a * a / (count1 - 1) + b * b / (count2 - 1));
  const double t = std::fabs(mean1 - mean2) / std::sqrt(a + b);
  if (!std::isfinite(freedom) || std::isnan(t)) return std::nullopt;
  return 2 * boost::math::cdf(boost::math::complement(StudentsT(freedom), t));
}

}  // namespace

void declare_statistics(FunctionTableBuilder& table) {
  using enum Type;
  table.category("statistics");
  table.scalar("beta_cdf")
      .doc("The cumulative beta distribution.")
      .takes({Real, Real, Real}, Real, native<&beta_cdf>());
  table.scalar("beta_pdf")
      .doc("The density of the beta distribution.")
      .takes({Real, Real, Real}, Real, native<&beta_pdf>());
  table.scalar("beta_inv")
      .doc("The value at which the cumulative beta distribution has a probability.")
      .takes({Real, Real, Real}, Real, native<&beta_inv>());
  table.scalar("welch_test")
      .doc("The p-value of Welch's t-test, of mean, variance and count of two samples.")
      .takes({Real, Real, Real, Real, Real, Real}, Real, native<&welch_test>());
}

}  // namespace spillway::kql
