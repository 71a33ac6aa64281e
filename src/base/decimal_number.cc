#include "base/decimal_number.h"

#include <algorithm>
#include <array>
#include <boost/multiprecision/cpp_int.hpp>
#include <charconv>
#include <cmath>

#include "base/types.h"

namespace spillway {
namespace {

/// Holds the product of two coefficients, and a coefficient times 10^kWideShift.
using UInt256 = boost::multiprecision::uint256_t;
constexpr int kWideShift = 42;

constexpr auto kPowers = [] {
  std::array<UInt128, 39> powers{};
  powers[0] = 1;
  for (size_t i = 1; i < powers.size(); ++i) powers[i] = powers[i - 1] * 10;
  return powers;
}();
constexpr UInt128 kEnd = kPowers[DecimalNumber::kMaxDigits];

UInt128 power(int exponent) {
  return kPowers[static_cast<size_t>(exponent)];
}
UInt256 wide_power(int exponent) {
  UInt256 result = power(std::min(exponent, 38));
  return exponent > 38 ? UInt256(result * UInt256(power(exponent - 38))) : result;
}

int digits_of(UInt128 value) {
  return static_cast<int>(std::upper_bound(kPowers.begin(), kPowers.end(), value) - kPowers.begin());
}

/// value / 10^digits, halves to even; `more`: the true value is a little greater.
UInt256 round_off(const UInt256& value, int digits, bool more) {
  const UInt256 divisor = wide_power(digits);
  UInt256 quotient = value / divisor;
  const UInt256 twice = (value - quotient * divisor) * 2;
  if (twice > divisor || (twice == divisor && (more || (quotient & 1) != 0))) ++quotient;
  return quotient;
}

/// Rounded to what a coefficient holds.
std::optional<DecimalNumber> make_wide(bool negative, UInt256 value, int exponent, bool more = false) {
  while (value >= UInt256(kEnd)) {
    int excess = 1;
    while (value / wide_power(excess) >= UInt256(kEnd)) ++excess;
    value = round_off(value, excess, more);
    exponent += excess;
    more = false;
  }
  return DecimalNumber::make(negative, static_cast<UInt128>(value), exponent);
}

// The encoded form: two bytes of sign and exponent, then the digits in pairs, each pair as one byte from 1 to
// 100. Of negative numbers all bits are turned and a byte 0xFF ends them, so that the shorter of two is the
// greater one.
constexpr int kZeroHeader = 0x8000;
/// Added to the first digit's exponent.
constexpr int kBias = 0x2000;
constexpr unsigned char kEndOfNegative = 0xFF;

}  // namespace

std::optional<DecimalNumber> DecimalNumber::make(bool negative, UInt128 coefficient, int exponent) {
  if (coefficient >= kEnd) return make_wide(negative, UInt256(coefficient), exponent);
  DecimalNumber number;
  if (coefficient == 0) return number;
  while (coefficient % 10 == 0) {
    coefficient /= 10;
    ++exponent;
  }
  number.negative_ = negative;
  number.coefficient_ = coefficient;
  number.exponent_ = exponent;
  const int first = exponent + digits_of(coefficient) - 1;
  if (first > kMaxExponent) return std::nullopt;
  if (first < kMinExponent) return DecimalNumber();
  return number;
}

DecimalNumber::DecimalNumber(int64_t value) {
  const auto bits = static_cast<uint64_t>(value);
  *this = make(value < 0, value < 0 ? uint64_t{0} - bits : bits, 0).value_or(DecimalNumber());
}

std::optional<DecimalNumber> DecimalNumber::parse(std::string_view text) {
  constexpr int kFarExponent = 100'000;
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  UInt256 value = 0;
  int exponent = 0, taken = 0;
  bool point = false, any = false, more = false;
  size_t at = 0;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '.' && !point) {
      point = true;
      continue;
    }
    if (c < '0' || c > '9') break;
    any = true;
    if (taken < 2 * kMaxDigits) {
      value = value * 10 + (c - '0');
      if (value != 0) ++taken;
      if (point) --exponent;
    } else {
      more = more || c != '0';
      if (!point) ++exponent;
    }
  }
  if (!any) return std::nullopt;
  if (at < text.size()) {
    if (text[at] != 'e' && text[at] != 'E') return std::nullopt;
    text.remove_prefix(at + 1);
    if (text.starts_with('+')) text.remove_prefix(1);
    int given = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), given);
    if (end != text.data() + text.size() || text.empty() || error == std::errc::invalid_argument)
      return std::nullopt;
    if (error != std::errc()) given = text[0] == '-' ? -kFarExponent : kFarExponent;
    exponent += std::clamp(given, -kFarExponent, kFarExponent);
  }
  return make_wide(negative, std::move(value), exponent, more);
}

std::optional<DecimalNumber> DecimalNumber::from_real(double value) {
  if (!std::isfinite(value)) return std::nullopt;
  return parse(format_real(value));
}

int DecimalNumber::digit_count() const {
  return digits_of(coefficient_);
}

void DecimalNumber::append_to(std::string& out) const {
  // Numbers with more zeros than this before or behind their digits are written with an exponent.
  constexpr int kMostZeros = 34;
  std::array<char, 40> buffer;
  char* const end = buffer.data() + buffer.size();
  char* begin = end;
  UInt128 rest = coefficient_;
  do {
    *--begin = static_cast<char>('0' + static_cast<int>(rest % 10));
    rest /= 10;
  } while (rest > 0);
  const std::string_view digits(begin, static_cast<size_t>(end - begin));
  if (negative_) out += '-';
  const int point = static_cast<int>(digits.size()) + exponent_;  // digits before it
  if (exponent_ > kMostZeros || point < -kMostZeros) {
    out += digits[0];
    if (digits.size() > 1) out.append(".").append(digits.substr(1));
    out += point - 1 < 0 ? "E-" : "E+";
    out += std::to_string(std::abs(point - 1));
  } else if (exponent_ >= 0) {
    out.append(digits).append(static_cast<size_t>(exponent_), '0');
  } else if (point <= 0) {
    out.append("0.").append(static_cast<size_t>(-point), '0').append(digits);
  } else {
    const auto whole = static_cast<size_t>(point);
    out.append(digits.substr(0, whole)).append(".").append(digits.substr(whole));
  }
}

std::string DecimalNumber::str() const {
  std::string text;
  append_to(text);
  return text;
}

double DecimalNumber::to_real() const {
  // By way of its text the result is the nearest double.
  const std::string text = str();
  double result = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), result);
  if (parsed.ec != std::errc::result_out_of_range) return result;
  const double limit = exponent_ > 0 ? HUGE_VAL : 0.0;
  return negative_ ? -limit : limit;
}

std::optional<int64_t> DecimalNumber::to_integer() const {
  constexpr int kMostDigits = 19;
  if (exponent_ + digit_count() > kMostDigits) return std::nullopt;
  if (exponent_ < -kMaxDigits) return 0;
  const UInt128 whole = exponent_ >= 0 ? coefficient_ * power(exponent_) : coefficient_ / power(-exponent_);
  const UInt128 most = UInt128{INT64_MAX} + (negative_ ? 1 : 0);
  if (whole > most) return std::nullopt;
  const auto bits = static_cast<uint64_t>(whole);
  return static_cast<int64_t>(negative_ ? uint64_t{0} - bits : bits);
}

size_t DecimalNumber::encode(char* out) const {
  auto* bytes = reinterpret_cast<unsigned char*>(out);
  int header = kZeroHeader;
  size_t size = 2;
  if (coefficient_ != 0) {
    const int digits = digit_count();
    header += exponent_ + digits - 1 + kBias;
    UInt128 rest = coefficient_;
    if (digits % 2 != 0) rest *= 10;
    const auto pairs = static_cast<size_t>(digits + 1) / 2;
    for (size_t i = pairs; i-- > 0; rest /= 100)
      bytes[2 + i] = static_cast<unsigned char>(static_cast<int>(rest % 100) + 1);
    size += pairs;
  }
  bytes[0] = static_cast<unsigned char>(header >> 8);
  bytes[1] = static_cast<unsigned char>(header & 0xFF);
  if (!negative_) return size;
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<unsigned char>(~bytes[i]);
  bytes[size] = kEndOfNegative;
  return size + 1;
}

DecimalNumber DecimalNumber::decode(std::string_view bytes) {
  DecimalNumber number;
  if (bytes.size() < 3 || bytes.size() > kMaxEncoded) return number;
  const auto at = [&](size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const bool negative = at(0) < (kZeroHeader >> 8);
  const int turned = negative ? 0xFF : 0;
  const int header = ((at(0) ^ turned) << 8) | (at(1) ^ turned);
  const size_t end = bytes.size() - (negative ? 1 : 0);
  UInt128 value = 0;
  for (size_t i = 2; i < end; ++i) value = value * 100 + static_cast<UInt128>(((at(i) ^ turned) - 1) % 100);
  const int digits = static_cast<int>(end - 2) * 2;
  const int exponent = header - kZeroHeader - kBias - digits + 1;
  return make(negative, value, exponent).value_or(number);
}

DecimalNumber DecimalNumber::operator-() const {
  DecimalNumber result = *this;
  result.negative_ = !negative_ && coefficient_ != 0;
  return result;
}

std::strong_ordering DecimalNumber::operator<=>(const DecimalNumber& other) const {
  std::array<char, kMaxEncoded> a, b;
  const std::string_view left(a.data(), encode(a.data())), right(b.data(), other.encode(b.data()));
  return left.compare(right) <=> 0;
}

std::optional<DecimalNumber> add(const DecimalNumber& a, const DecimalNumber& b) {
  if (a.is_zero()) return b;
  if (b.is_zero()) return a;
  const DecimalNumber &high = a.exponent_ >= b.exponent_ ? a : b, &low = a.exponent_ >= b.exponent_ ? b : a;
  const int shift = high.exponent_ - low.exponent_;
  // Beyond this the lower number only decides how the last digit of the other is rounded: it doesn't.
  if (shift > kWideShift) return high;
  const UInt256 x = UInt256(high.coefficient_) * wide_power(shift), y = UInt256(low.coefficient_);
  if (high.negative_ == low.negative_) return make_wide(high.negative_, x + y, low.exponent_);
  if (x >= y) return make_wide(high.negative_, x - y, low.exponent_);
  return make_wide(low.negative_, y - x, low.exponent_);
}

std::optional<DecimalNumber> subtract(const DecimalNumber& a, const DecimalNumber& b) {
  return add(a, -b);
}

std::optional<DecimalNumber> multiply(const DecimalNumber& a, const DecimalNumber& b) {
  return make_wide(a.negative_ != b.negative_, UInt256(a.coefficient_) * UInt256(b.coefficient_),
                   a.exponent_ + b.exponent_);
}

std::optional<DecimalNumber> divide(const DecimalNumber& a, const DecimalNumber& b) {
  if (b.is_zero()) return std::nullopt;
  if (a.is_zero()) return a;
  // The quotient gets some digits more than it needs.
  const int shift = 2 * DecimalNumber::kMaxDigits + 4 - a.digit_count();
  UInt256 dividend = UInt256(a.coefficient_) * wide_power(std::min(shift, kWideShift));
  int exponent = a.exponent_ - b.exponent_ - std::min(shift, kWideShift);
  if (shift > kWideShift) {
    dividend *= wide_power(shift - kWideShift);
    exponent -= shift - kWideShift;
  }
  const UInt256 divisor = b.coefficient_, quotient = dividend / divisor;
  return make_wide(a.negative_ != b.negative_, quotient, exponent, quotient * divisor != dividend);
}

std::optional<DecimalNumber> modulo(const DecimalNumber& a, const DecimalNumber& b) {
  if (b.is_zero()) return std::nullopt;
  UInt256 dividend = a.coefficient_, divisor = b.coefficient_;
  int exponent = std::min(a.exponent_, b.exponent_);
  if (b.exponent_ - a.exponent_ > kWideShift) return a.negative_ ? add(a, b.negative_ ? -b : b) : a;
  if (b.exponent_ > a.exponent_) divisor *= wide_power(b.exponent_ - a.exponent_);
  for (int left = a.exponent_ - exponent; left > 0;) {
    const int step = std::min(left, kWideShift);
    dividend = (dividend % divisor) * wide_power(step);
    left -= step;
  }
  UInt256 rest = dividend % divisor;
  if (a.negative_ && rest != 0) rest = divisor - rest;
  return make_wide(false, rest, exponent);
}

std::optional<DecimalNumber> DecimalNumber::rounded(int digits, Rounding rounding) const {
  if (-exponent_ <= digits) return *this;
  const int dropped = -exponent_ - digits;
  const bool all = dropped > digit_count();
  const UInt128 divisor = all ? 1 : power(dropped);
  UInt128 whole = all ? 0 : coefficient_ / divisor;
  const UInt128 rest = all ? coefficient_ : coefficient_ % divisor;
  const bool away = rounding == Rounding::Nearest ? !all && rest * 2 >= divisor
                                                  : rest != 0 && (rounding == Rounding::Up) != negative_;
  return make(negative_, away ? whole + 1 : whole, -digits);
}

}  // namespace spillway
