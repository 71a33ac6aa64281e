// Arithmetic, comparison and logic. Rules: query/numerical-operators.md,
// query/datetime-timespan-arithmetic.md, query/logical-operators.md, query/scalar-data-types/null-values.md.
//
// Integers wrap around, as .NET's do; a division by zero gives null. A datetime outside its range is null.
#include <cmath>
#include <limits>

#include "kql/functions/arithmetic.h"
#include "kql/functions/builder.h"
#include "kql/functions/decimal.h"

namespace spillway::kql {
namespace {

constexpr int64_t wrap_add(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}
constexpr int64_t wrap_subtract(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}
constexpr int64_t wrap_multiply(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
}
constexpr int64_t wrap_negate(int64_t a) {
  return wrap_subtract(0, a);
}

std::optional<int64_t> divide(int64_t a, int64_t b) {
  if (b == 0) return std::nullopt;
  return b == -1 ? wrap_negate(a) : a / b;
}

/// Never negative: 0 ≤ a % b < |b|.
std::optional<int64_t> modulo(int64_t a, int64_t b) {
  if (b == 0) return std::nullopt;
  if (b == -1) return 0;
  const int64_t rest = a % b;
  if (rest >= 0) return rest;
  return b > 0 ? rest + b : rest - b;
}

double real_modulo(double a, double b) {
  const double rest = std::fmod(a, b);
  return rest < 0 ? rest + std::fabs(b) : rest;
}

std::optional<Ticks> checked_datetime(std::optional<Ticks> ticks) {
  if (!ticks || *ticks < 0 || *ticks > kMaxDateTime) return std::nullopt;
  return ticks;
}
std::optional<Ticks> datetime_plus(Ticks a, Ticks b) {
  return checked_datetime(checked_add(a, b));
}
std::optional<Ticks> datetime_minus(Ticks a, Ticks b) {
  return checked_datetime(checked_subtract(a, b));
}

std::optional<Ticks> scale(Ticks span, double factor) {
  return to_integer(static_cast<double>(span) * factor);
}
std::optional<Ticks> scale_reverse(double factor, Ticks span) {
  return scale(span, factor);
}
std::optional<Ticks> divide_span(Ticks span, double divisor) {
  return to_integer(static_cast<double>(span) / divisor);
}
double span_quotient(Ticks a, Ticks b) {
  return static_cast<double>(a) / static_cast<double>(b);
}

template <typename T>
std::optional<bool> exactly_equal(std::optional<T> a, std::optional<T> b) {
  if (!a && !b) return std::nullopt;
  return a && b && *a == *b;
}
template <typename T>
std::optional<bool> exactly_unequal(std::optional<T> a, std::optional<T> b) {
  if (!a && !b) return std::nullopt;
  return !(a && b && *a == *b);
}

void declare_arithmetic(FunctionTableBuilder& table) {
  using enum Type;
  table.scalar("+")
      .doc("Addition.")
      .takes({Int, Int}, Long, native<[](int32_t a, int32_t b) { return int64_t{a} + b; }>())
      .takes({Long, Long}, Long, native<&wrap_add>())
      .takes({Real, Real}, Real, sql("({0} + {1})"))
      .takes({Decimal, Decimal}, Decimal,
             native<[](DecimalNumber a, DecimalNumber b) { return spillway::add(a, b); }>())
      .takes({DateTime, TimeSpan}, DateTime, native<&datetime_plus>())
      .takes({TimeSpan, DateTime}, DateTime, native<&datetime_plus>())
      .takes({TimeSpan, TimeSpan}, TimeSpan, native<&checked_add>());
  table.scalar("-")
      .doc("Subtraction.")
      .takes({Int, Int}, Long, native<[](int32_t a, int32_t b) { return int64_t{a} - b; }>())
      .takes({Long, Long}, Long, native<&wrap_subtract>())
      .takes({Real, Real}, Real, sql("({0} - {1})"))
      .takes({Decimal, Decimal}, Decimal,
             native<[](DecimalNumber a, DecimalNumber b) { return spillway::subtract(a, b); }>())
      .takes({DateTime, DateTime}, TimeSpan, native<&checked_subtract>())
      .takes({DateTime, TimeSpan}, DateTime, native<&datetime_minus>())
      .takes({TimeSpan, TimeSpan}, TimeSpan, native<&checked_subtract>());
  table.scalar("*")
      .doc("Multiplication.")
      .takes({Int, Int}, Long, native<[](int32_t a, int32_t b) { return int64_t{a} * b; }>())
      .takes({Long, Long}, Long, native<&wrap_multiply>())
      .takes({Real, Real}, Real, sql("({0} * {1})"))
      .takes({Decimal, Decimal}, Decimal,
             native<[](DecimalNumber a, DecimalNumber b) { return spillway::multiply(a, b); }>())
      .takes({TimeSpan, Long}, TimeSpan, native<&checked_multiply>())
      .takes({Long, TimeSpan}, TimeSpan, native<&checked_multiply>())
      .takes({TimeSpan, Real}, TimeSpan, native<&scale>())
      .takes({Real, TimeSpan}, TimeSpan, native<&scale_reverse>());
  table.scalar("/")
      .doc("Division; of integers it drops the fraction.")
      .takes({Long, Long}, Long, native<&divide>())
      .takes({Real, Real}, Real, sql("({0} / {1})"))
      .takes({Decimal, Decimal}, Decimal,
             native<[](DecimalNumber a, DecimalNumber b) { return spillway::divide(a, b); }>())
      .takes({TimeSpan, TimeSpan}, Real, native<&span_quotient>())
      .takes({TimeSpan, Real}, TimeSpan, native<&divide_span>());
  table.scalar("%")
      .doc("The remainder, never negative.")
      .takes({Long, Long}, Long, native<&modulo>())
      .takes({Real, Real}, Real, native<&real_modulo>())
      .takes({Decimal, Decimal}, Decimal,
             native<[](DecimalNumber a, DecimalNumber b) { return spillway::modulo(a, b); }>())
      .takes({TimeSpan, TimeSpan}, TimeSpan, native<&modulo>());
  table.scalar("negate")
      .doc("The sign turned: -x.")
      .takes({Int}, Long, native<[](int32_t a) { return -int64_t{a}; }>())
      .takes({Long}, Long, native<&wrap_negate>())
      .takes({Real}, Real, sql("(-{0})"))
      .takes({Decimal}, Decimal, native<[](DecimalNumber a) { return -a; }>())
      .takes({TimeSpan}, TimeSpan, native<&wrap_negate>());
}

/// For values that may both be null, outside of a filter's predicate: null only where both are null.
void declare_exact_equality(FunctionTableBuilder& table) {
  using enum Type;
  table.scalar("== exact")
      .doc("Equality that tells both operands null (null) from one of them (false).")
      .takes_nulls({Bool, Bool}, Bool, native<&exactly_equal<bool>>())
      .takes_nulls({Int, Int}, Bool, native<&exactly_equal<int32_t>>())
      .takes_nulls({Long, Long}, Bool, native<&exactly_equal<int64_t>>())
      .takes_nulls({DateTime, DateTime}, Bool, native<&exactly_equal<int64_t>>())
      .takes_nulls({TimeSpan, TimeSpan}, Bool, native<&exactly_equal<int64_t>>())
      .takes_nulls({Real, Real}, Bool, native<&exactly_equal<double>>())
      .takes_nulls({Guid, Guid}, Bool, native<&exactly_equal<spillway::Guid>>())
      .takes_nulls({Decimal, Decimal}, Bool, native<&exactly_equal<DecimalNumber>>())
      .takes_nulls({Dynamic, Dynamic}, Bool, native<&exactly_equal<std::string_view>>());
  table.scalar("!= exact")
      .doc("Inequality that tells both operands null (null) from one of them (true).")
      .takes_nulls({Bool, Bool}, Bool, native<&exactly_unequal<bool>>())
      .takes_nulls({Int, Int}, Bool, native<&exactly_unequal<int32_t>>())
      .takes_nulls({Long, Long}, Bool, native<&exactly_unequal<int64_t>>())
      .takes_nulls({DateTime, DateTime}, Bool, native<&exactly_unequal<int64_t>>())
      .takes_nulls({TimeSpan, TimeSpan}, Bool, native<&exactly_unequal<int64_t>>())
      .takes_nulls({Real, Real}, Bool, native<&exactly_unequal<double>>())
      .takes_nulls({Guid, Guid}, Bool, native<&exactly_unequal<spillway::Guid>>())
      .takes_nulls({Decimal, Decimal}, Bool, native<&exactly_unequal<DecimalNumber>>())
      .takes_nulls({Dynamic, Dynamic}, Bool, native<&exactly_unequal<std::string_view>>());
}

void declare_comparison(FunctionTableBuilder& table) {
  using enum Type;
  // The binder takes "==" and "!=" where null is as good as false (a filter) or can't be; "… known" where one
  // operand is known not to be null; "… exact" elsewhere.
  table.scalar("==").doc("Equality.").takes({same(), same()}, Bool, sql("({0} = {1})"));
  table.scalar("!=")
      .doc("Inequality.")
      .takes_nulls({same(), same()}, Bool, sql("({0} IS DISTINCT FROM {1})"));
  table.scalar("== known")
      .doc("Equality with a value that isn't null.")
      .takes_nulls({same(), same()}, Bool, sql("({0} IS NOT DISTINCT FROM {1})"));
  declare_exact_equality(table);
  table.scalar("<").doc("Less.").takes({same(), same()}, Bool, sql("({0} < {1})"));
  table.scalar("<=").doc("Less or equal.").takes({same(), same()}, Bool, sql("({0} <= {1})"));
  table.scalar(">").doc("Greater.").takes({same(), same()}, Bool, sql("({0} > {1})"));
  table.scalar(">=").doc("Greater or equal.").takes({same(), same()}, Bool, sql("({0} >= {1})"));
  table.scalar("between")
      .doc("Within a range, both ends included.")
      .takes({same(), same(), same()}, Bool, sql("({0} BETWEEN {1} AND {2})"));
  table.scalar("!between")
      .doc("Outside a range.")
      .takes({same(), same(), same()}, Bool, sql("({0} NOT BETWEEN {1} AND {2})"));
}

/// Whether `value` is at most `delta` away from `center`.
bool is_around(int64_t value, int64_t center, int64_t delta) {
  if (delta < 0) return false;
  const uint64_t distance = value > center ? static_cast<uint64_t>(value) - static_cast<uint64_t>(center)
                                           : static_cast<uint64_t>(center) - static_cast<uint64_t>(value);
  return distance <= static_cast<uint64_t>(delta);
}
bool is_around_real(double value, double center, double delta) {
  return value >= center - delta && value <= center + delta;
}

void declare_around(FunctionTableBuilder& table) {
  using enum Type;
  table.scalar("around")
      .doc("True where a value is at most a delta away from a center.")
      .takes({Long, Long, Long}, Bool, native<&is_around>())
      .takes({Real, Real, Real}, Bool, native<&is_around_real>())
      .takes({DateTime, DateTime, TimeSpan}, Bool, native<&is_around>())
      .takes({TimeSpan, TimeSpan, TimeSpan}, Bool, native<&is_around>());
}

/// NaN equals nothing and has no order, where the engine's own operators sort it above all numbers. The
/// binder takes these where a NaN may be compared with one.
void declare_real_comparison(FunctionTableBuilder& table) {
  using enum Type;
  const auto declare = [&](const char* name, L lowering) {
    table.scalar(name).doc("A comparison of reals.").takes({Real, Real}, Bool, std::move(lowering));
  };
  declare("== of reals", native<[](double a, double b) { return a == b; }>());
  declare("< of reals", native<[](double a, double b) { return a < b; }>());
  declare("<= of reals", native<[](double a, double b) { return a <= b; }>());
  declare("> of reals", native<[](double a, double b) { return b < a; }>());
  declare(">= of reals", native<[](double a, double b) { return b <= a; }>());
  declare(">= number", sql("({0} BETWEEN {1} AND CAST('Infinity' AS DOUBLE))"));
}

/// The lists of these hold no nulls: the binder leaves them out.
void declare_lists(FunctionTableBuilder& table) {
  using enum Type;
  table.scalar("in")
      .doc("Equal to one of a list.")
      .takes({String, String}, Bool, sql("({0} IN ({1*}))"))
      .repeating(2)
      .takes_nulls({same(), same()}, Bool, sql("COALESCE({0} IN ({1*}), false)"))
      .repeating(2);
  table.scalar("in known")
      .doc("Equal to one of a list, where null is as good as false.")
      .takes({same(), same()}, Bool, sql("({0} IN ({1*}))"))
      .repeating(2);
  table.scalar("!in")
      .doc("Equal to none of a list.")
      .takes({String, String}, Bool, sql("({0} NOT IN ({1*}))"))
      .repeating(2)
      .takes_nulls({same(), same()}, Bool, sql("COALESCE({0} NOT IN ({1*}), true)"))
      .repeating(2);
}

void declare_logic(FunctionTableBuilder& table) {
  using enum Type;
  table.scalar("and").doc("True where all are.").takes_nulls({Bool}, Bool, sql("({* AND })")).repeating(1);
  table.scalar("or").doc("True where one is.").takes_nulls({Bool}, Bool, sql("({* OR })")).repeating(1);
  table.scalar("not").doc("The opposite.").takes({Bool}, Bool, sql("(NOT {0})"));
}

}  // namespace

void declare_operators(FunctionTableBuilder& table) {
  table.category("operator");
  declare_arithmetic(table);
  declare_comparison(table);
  declare_real_comparison(table);
  declare_lists(table);
  declare_logic(table);
  table.category("conditional");
  declare_around(table);
}

}  // namespace spillway::kql
