#include "engine/decimals.h"

#include <charconv>
#include <cstring>

namespace spillway::engine {
namespace {

constexpr Int128 power_of_ten(int exponent) {
  Int128 power = 1;
  while (exponent-- > 0) power *= 10;
  return power;
}
constexpr Int128 kOne = power_of_ten(kDecimalScale);
/// The first magnitude that doesn't fit.
constexpr Int128 kEnd = power_of_ten(kDecimalWidth);
/// Far beyond what can matter: 10^kExponentLimit doesn't fit, 10^-kExponentLimit of 100 digits rounds to
/// zero.
constexpr int kExponentLimit = 1000;

/// The number as a run of digits and the position of its point among them.
struct Digits {
  std::string digits;
  int point = 0;  // digits before the point; may lie outside of the run
  bool negative = false;
};

std::optional<Digits> split(std::string_view text) {
  Digits result;
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
    result.negative = text[0] == '-';
    text.remove_prefix(1);
  }
  bool fraction = false;
  size_t at = 0;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '.' && !fraction) {
      fraction = true;
    } else if (c >= '0' && c <= '9') {
      result.digits += c;
      if (!fraction) ++result.point;
    } else {
      break;
    }
  }
  if (result.digits.empty()) return std::nullopt;
  if (at == text.size()) return result;
  if (text[at] != 'e' && text[at] != 'E') return std::nullopt;
  text.remove_prefix(at + 1);
  if (!text.empty() && text[0] == '+') text.remove_prefix(1);
  int exponent = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), exponent);
  if (error == std::errc::result_out_of_range) {
    exponent = text[0] == '-' ? -kExponentLimit : kExponentLimit;
  } else if (error != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  result.point += std::min(std::max(exponent, -kExponentLimit), kExponentLimit);
  return result;
}

}  // namespace

size_t format_decimal(Int128 units, char* out) {
  char* const begin = out;
  if (units < 0) *out++ = '-';
  const Int128 magnitude = units < 0 ? -units : units;
  Int128 whole = magnitude / kOne;
  auto fraction = static_cast<uint64_t>(magnitude % kOne);
  char reversed[24];
  size_t count = 0;
  do {
    reversed[count++] = static_cast<char>('0' + static_cast<int>(whole % 10));
    whole /= 10;
  } while (whole > 0);
  while (count > 0) *out++ = reversed[--count];
  if (fraction == 0) return static_cast<size_t>(out - begin);
  *out++ = '.';
  for (int digit = kDecimalScale - 1; digit >= 0; --digit, fraction /= 10) {
    out[digit] = static_cast<char>('0' + fraction % 10);
  }
  out += kDecimalScale;
  while (out[-1] == '0') --out;
  return static_cast<size_t>(out - begin);
}

std::optional<Int128> parse_decimal(std::string_view text) {
  const auto parts = split(text);
  if (!parts) return std::nullopt;
  Int128 units = 0;
  const int wanted = parts->point + kDecimalScale;  // digits that count
  for (int i = 0; i < wanted; ++i) {
    const bool there = i < static_cast<int>(parts->digits.size());
    if (!there && units == 0) break;
    units = units * 10 + (there ? parts->digits[static_cast<size_t>(i)] - '0' : 0);
    if (units >= kEnd) return std::nullopt;
  }
  if (wanted >= 0 && wanted < static_cast<int>(parts->digits.size()) &&
      parts->digits[static_cast<size_t>(wanted)] >= '5') {
    ++units;
  }
  if (units >= kEnd) return std::nullopt;
  return parts->negative ? -units : units;
}

}  // namespace spillway::engine
