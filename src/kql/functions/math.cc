// Mathematical functions and bit operations. A result that isn't a number by definition (the root of a
// negative one) is null where its documentation page says so, else NaN.
#include <algorithm>
#include <cmath>
#include <numbers>
#include <random>

#include "base/decimal_number.h"
#include "kql/functions/arithmetic.h"
#include "kql/functions/builder.h"

namespace spillway::kql {
namespace {

std::optional<double> square_root(double x) {
  return x < 0 ? std::nullopt : std::optional(std::sqrt(x));
}
/// Of nothing negative; of zero, minus infinity.
template <double (*Log)(double)>
std::optional<double> logarithm(double x) {
  return x < 0 ? std::nullopt : std::optional(Log(x));
}

int64_t absolute(int64_t x) {
  return x < 0 ? static_cast<int64_t>(uint64_t{0} - static_cast<uint64_t>(x)) : x;
}
int64_t sign_of_long(int64_t x) {
  return x > 0 ? 1 : x < 0 ? -1 : 0;
}
std::optional<double> sign_of_real(double x) {
  return std::isnan(x) ? x : x > 0 ? 1.0 : x < 0 ? -1.0 : 0.0;
}

double power(double base, double exponent) {
  return std::pow(base, exponent);
}

constexpr int64_t kMostDigits = 15;
double round_to(double x, int64_t digits) {
  digits = std::min(std::max(digits, int64_t{-308}), kMostDigits);
  const double scale = std::pow(10.0, static_cast<double>(std::abs(digits)));
  const double scaled = digits >= 0 ? x * scale : x / scale;
  if (!std::isfinite(scaled)) return x;
  // 2.15 is stored as 2.1499999999999999: what a person sees as half goes away from zero.
  const double nudged = scaled + std::copysign(std::fabs(scaled) * 1e-15, scaled);
  const double whole = std::round(nudged);
  return digits >= 0 ? whole / scale : whole * scale;
}
double round_whole(double x) {
  return std::round(x);
}
std::optional<int64_t> round_long(int64_t x, int64_t digits) {
  if (digits >= 0) return x;
  return to_integer(round_to(static_cast<double>(x), digits));
}

std::optional<DecimalNumber> round_decimal(DecimalNumber x, int64_t digits) {
  constexpr int64_t kMost = 10'000;  // more than a decimal has on either side
  return x.rounded(static_cast<int>(std::clamp(digits, -kMost, kMost)), DecimalNumber::Rounding::Nearest);
}
std::optional<DecimalNumber> round_whole_decimal(DecimalNumber x) {
  return round_decimal(x, 0);
}
std::optional<DecimalNumber> decimal_ceiling(DecimalNumber x) {
  return x.rounded(0, DecimalNumber::Rounding::Up);
}

double cotangent(double x) {
  return 1 / std::tan(x);
}
double degrees(double radians) {
  return radians * (180 / std::numbers::pi);
}
double radians(double in_degrees) {
  return in_degrees * (std::numbers::pi / 180);
}
double exp10_of(double x) {
  return std::pow(10, x);
}
/// lgamma() writes a global; this one does not.
double log_gamma(double x) {
  int sign = 0;
  return ::lgamma_r(x, &sign);
}

std::optional<int64_t> shift_left(int64_t value, int64_t by) {
  if (by < 0) return std::nullopt;
  return static_cast<int64_t>(static_cast<uint64_t>(value) << (by % 64));
}
std::optional<int64_t> shift_right(int64_t value, int64_t by) {
  if (by < 0) return std::nullopt;
  return value >> (by % 64);
}
int64_t count_ones(int64_t value) {
  return __builtin_popcountll(static_cast<uint64_t>(value));
}

void declare_one_real(FunctionTableBuilder& table, const char* name, const char* doc, L lowering) {
  table.scalar(name).doc(doc).takes({Type::Real}, Type::Real, std::move(lowering));
}

void declare_reals(FunctionTableBuilder& table) {
  declare_one_real(table, "sqrt", "The square root; null of a negative number.", native<&square_root>());
  declare_one_real(table, "exp", "e to the power of x.", native<[](double x) { return std::exp(x); }>());
  declare_one_real(table, "exp2", "2 to the power of x.", native<[](double x) { return std::exp2(x); }>());
  declare_one_real(table, "exp10", "10 to the power of x.", native<&exp10_of>());
  declare_one_real(table, "log", "The natural logarithm; null of a negative number.",
                   native<&logarithm<std::log>>());
  declare_one_real(table, "log2", "The logarithm to base 2; null of a negative number.",
                   native<&logarithm<std::log2>>());
  declare_one_real(table, "log10", "The logarithm to base 10; null of a negative number.",
                   native<&logarithm<std::log10>>());
  declare_one_real(table, "sin", "Sine.", native<[](double x) { return std::sin(x); }>());
  declare_one_real(table, "cos", "Cosine.", native<[](double x) { return std::cos(x); }>());
  declare_one_real(table, "tan", "Tangent.", native<[](double x) { return std::tan(x); }>());
  declare_one_real(table, "cot", "Cotangent.", native<&cotangent>());
  declare_one_real(table, "asin", "The angle whose sine is x.",
                   native<[](double x) { return std::asin(x); }>());
  declare_one_real(table, "acos", "The angle whose cosine is x.",
                   native<[](double x) { return std::acos(x); }>());
  declare_one_real(table, "atan", "The angle whose tangent is x.",
                   native<[](double x) { return std::atan(x); }>());
  declare_one_real(table, "degrees", "Radians as degrees.", native<&degrees>());
  declare_one_real(table, "radians", "Degrees as radians.", native<&radians>());
  declare_one_real(table, "gamma", "The gamma function.", native<[](double x) { return std::tgamma(x); }>());
  declare_one_real(table, "loggamma", "The logarithm of the gamma function's absolute value.",
                   native<&log_gamma>());
  declare_one_real(table, "erf", "The error function.", native<[](double x) { return std::erf(x); }>());
  declare_one_real(table, "erfc", "The complementary error function.",
                   native<[](double x) { return std::erfc(x); }>());
  table.scalar("atan2")
      .doc("The angle of the point (x, y) from the x axis; takes y, then x.")
      .takes({Type::Real, Type::Real}, Type::Real,
             native<[](double y, double x) { return std::atan2(y, x); }>());
  table.scalar("pi").doc("3.14159…").takes({}, Type::Real, sql("pi()"));
}

void declare_numbers(FunctionTableBuilder& table) {
  using enum Type;
  table.scalar("abs")
      .doc("The absolute value.")
      .takes({Int}, Long, native<[](int32_t x) { return absolute(x); }>())
      .takes({Long}, Long, native<&absolute>())
      .takes({Real}, Real, sql("abs({0})"))
      .takes({Decimal}, Decimal, native<[](DecimalNumber x) { return x.negative() ? -x : x; }>())
      .takes({TimeSpan}, TimeSpan, native<&absolute>());
  table.scalar("sign")
      .doc("-1, 0 or 1.")
      .takes({Long}, Long, native<&sign_of_long>())
      .takes({Real}, Real, native<&sign_of_real>());
  table.scalar("ceiling")
      .doc("The least whole number that isn't less.")
      .takes({Long}, Long, sql("{0}"))
      .takes({Real}, Real, sql("ceil({0})"))
      .takes({Decimal}, Decimal, native<&decimal_ceiling>());
  table.scalar("pow").doc("A number to the power of another.").takes({Real, Real}, Real, native<&power>());
  table.scalar("round")
      .doc("Rounded to a number of digits after the point, halves away from zero.")
      .takes({Long}, Long, sql("{0}"))
      .takes({Long, Long}, Long, native<&round_long>())
      .takes({Real}, Real, native<&round_whole>())
      .takes({Real, Long}, Real, native<&round_to>())
      .takes({Decimal}, Decimal, native<&round_whole_decimal>())
      .takes({Decimal, Long}, Decimal, native<&round_decimal>());
  table.scalar("rand")
      .doc("A random number in [0, 1), or one of 0, 1, …, N-1.")
      .takes({}, Real, sql("random()"))
      .evaluated_per_row()
      .takes({Long}, Real, sql("floor(random() * greatest({0}, 1))"))
      .evaluated_per_row();
}

void declare_bits(FunctionTableBuilder& table) {
  using enum Type;
  table.scalar("binary_and").doc("Bitwise and.").takes({Long, Long}, Long, sql("({0} & {1})"));
  table.scalar("binary_or").doc("Bitwise or.").takes({Long, Long}, Long, sql("({0} | {1})"));
  table.scalar("binary_xor").doc("Bitwise exclusive or.").takes({Long, Long}, Long, sql("xor({0}, {1})"));
  table.scalar("binary_not").doc("Bitwise complement.").takes({Long}, Long, sql("(~{0})"));
  table.scalar("binary_shift_left")
      .doc("Shifted to the left, modulo 64.")
      .takes({Long, Long}, Long, native<&shift_left>());
  table.scalar("binary_shift_right")
      .doc("Shifted to the right, modulo 64.")
      .takes({Long, Long}, Long, native<&shift_right>());
  table.scalar("bitset_count_ones").doc("How many bits are set.").takes({Long}, Long, native<&count_ones>());
}

}  // namespace

void declare_math(FunctionTableBuilder& table) {
  table.category("math");
  declare_reals(table);
  declare_numbers(table);
  declare_bits(table);
}

}  // namespace spillway::kql
