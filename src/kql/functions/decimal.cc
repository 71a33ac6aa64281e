#include "kql/functions/decimal.h"

#include <boost/multiprecision/cpp_int.hpp>

namespace spillway::kql {
namespace {

/// Wide enough for the product of two decimals.
using Wide = boost::multiprecision::int256_t;

Wide power_of_ten(int exponent) {
  Wide power = 1;
  for (int i = 0; i < exponent; ++i) power *= 10;
  return power;
}

const Wide& unit() {
  static const Wide one = power_of_ten(kDecimalScale);
  return one;
}

const Wide& limit() {
  static const Wide bound = power_of_ten(38);
  return bound;
}

struct Digits {
  Wide value = 0;
  int fraction = 0;  // digits of it behind the point
  int count = 0;
};

/// Digits with at most one point; more than fit are dropped behind the point and refused before it.
std::optional<Digits> read_digits(std::string_view& text) {
  constexpr int kMostDigits = 60;
  Digits digits;
  bool point = false;
  while (!text.empty()) {
    const char c = text.front();
    if (c == '.' && !point) {
      point = true;
    } else if (c >= '0' && c <= '9') {
      ++digits.count;
      if (digits.value < power_of_ten(kMostDigits)) {
        digits.value = digits.value * 10 + (c - '0');
        if (point) ++digits.fraction;
      } else if (!point) {
        return std::nullopt;
      }
    } else {
      break;
    }
    text.remove_prefix(1);
  }
  if (digits.count == 0) return std::nullopt;
  return digits;
}

/// The exponent at the end of a number: "e-5", or nothing.
std::optional<int> read_exponent(std::string_view text) {
  if (text.empty()) return 0;
  if (text.front() != 'e' && text.front() != 'E') return std::nullopt;
  text.remove_prefix(1);
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  constexpr size_t kMostDigits = 4;
  if (text.empty() || text.size() > kMostDigits) return std::nullopt;
  int exponent = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    exponent = exponent * 10 + (c - '0');
  }
  return negative ? -exponent : exponent;
}

/// Scaled by unit().
std::optional<Wide> parse(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  const std::optional<Digits> digits = read_digits(text);
  if (!digits) return std::nullopt;
  const std::optional<int> exponent = read_exponent(text);
  if (!exponent) return std::nullopt;
  const int shift = kDecimalScale - digits->fraction + *exponent;
  constexpr int kMostShift = 76;
  Wide value = digits->value;
  if (value == 0 || shift < -kMostShift) return Wide(0);
  if (shift > 38) return std::nullopt;
  if (shift >= 0) {
    if (value >= limit()) return std::nullopt;
    value *= power_of_ten(shift);
  } else {
    value /= power_of_ten(-shift);
  }
  if (value >= limit()) return std::nullopt;
  return negative ? Wide(-value) : value;
}

std::optional<std::string> print(Wide value) {
  const bool negative = value < 0;
  if (negative) value = -value;
  if (value >= limit()) return std::nullopt;
  std::string digits = value.str();
  if (digits.size() <= kDecimalScale) digits.insert(0, kDecimalScale + 1 - digits.size(), '0');
  digits.insert(digits.size() - kDecimalScale, 1, '.');
  digits.erase(digits.find_last_not_of('0') + 1);
  if (digits.back() == '.') digits.pop_back();
  if (negative) digits.insert(0, 1, '-');
  return digits;
}

template <typename Operation>
std::optional<std::string> calculate(std::string_view a, std::string_view b, Operation operation) {
  const std::optional<Wide> left = parse(a);
  const std::optional<Wide> right = parse(b);
  if (!left || !right) return std::nullopt;
  const std::optional<Wide> result = operation(*left, *right);
  if (!result) return std::nullopt;
  return print(*result);
}

}  // namespace

std::optional<std::string> decimal_add(std::string_view a, std::string_view b) {
  return calculate(a, b, [](const Wide& x, const Wide& y) { return std::optional<Wide>(x + y); });
}

std::optional<std::string> decimal_subtract(std::string_view a, std::string_view b) {
  return calculate(a, b, [](const Wide& x, const Wide& y) { return std::optional<Wide>(x - y); });
}

std::optional<std::string> decimal_multiply(std::string_view a, std::string_view b) {
  return calculate(a, b, [](const Wide& x, const Wide& y) { return std::optional<Wide>(x * y / unit()); });
}

std::optional<std::string> decimal_divide(std::string_view a, std::string_view b) {
  return calculate(a, b, [](const Wide& x, const Wide& y) -> std::optional<Wide> {
    if (y == 0) return std::nullopt;
    return Wide(x * unit() / y);
  });
}

std::optional<std::string> decimal_modulo(std::string_view a, std::string_view b) {
  return calculate(a, b, [](const Wide& x, const Wide& y) -> std::optional<Wide> {
    if (y == 0) return std::nullopt;
    Wide rest = x % y;
    if (rest < 0) rest += abs(y);
    return rest;
  });
}

std::optional<std::string> decimal_bin(std::string_view value, std::string_view size) {
  return calculate(value, size, [](const Wide& x, const Wide& y) -> std::optional<Wide> {
    if (y <= 0) return std::nullopt;
    Wide rest = x % y;
    if (rest < 0) rest += y;
    return Wide(x - rest);
  });
}

std::optional<std::string> parse_decimal(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  const std::optional<Wide> value = parse(text);
  if (!value) return std::nullopt;
  return print(*value);
}

}  // namespace spillway::kql
