// Decimal numbers: a sign, up to 34 digits and a power of ten, as IEEE 754's decimal128 has them. Arithmetic
// is exact where the result has no more digits, else it is rounded to 34, halves to even. There is no
// infinity and no NaN: what doesn't fit is nullopt.
//
//   const auto third = divide(*DecimalNumber::parse("1"), *DecimalNumber::parse("3"));
//   third->str()  // "0.3333333333333333333333333333333333"
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace spillway {

__extension__ using Int128 = __int128;
__extension__ using UInt128 = unsigned __int128;

class DecimalNumber {
 public:
  static constexpr int kMaxDigits = 34;
  /// Of the first digit: 9.99…E+6144 is the greatest number, 1E-6143 the least above zero.
  static constexpr int kMaxExponent = 6144;
  static constexpr int kMinExponent = -6143;
  /// Bytes of an encoded number, at most.
  static constexpr size_t kMaxEncoded = 20;

  DecimalNumber() = default;  // zero
  DecimalNumber(int64_t value);
  /// From digits with an optional sign, point and exponent: "-12.50", "1e-3".
  static std::optional<DecimalNumber> parse(std::string_view text);
  /// The number that `value` prints as; nullopt for what isn't finite.
  static std::optional<DecimalNumber> from_real(double value);
  /// coefficient × 10^exponent, rounded.
  static std::optional<DecimalNumber> make(bool negative, UInt128 coefficient, int exponent);

  /// Without needless zeros: "-12.5", "0.001"; with an exponent where that would take very many zeros:
  /// "1E+100".
  void append_to(std::string& out) const;
  std::string str() const;
  double to_real() const;
  /// Without the fraction.
  std::optional<int64_t> to_integer() const;

  /// A form whose order, byte by byte, is the order of the numbers; equal numbers have equal forms. Returns
  /// its length; `out` has room for kMaxEncoded bytes.
  size_t encode(char* out) const;
  /// Of what encode() gave; anything else is some number.
  static DecimalNumber decode(std::string_view bytes);

  bool is_zero() const { return coefficient_ == 0; }
  bool negative() const { return negative_; }
  DecimalNumber operator-() const;

  std::strong_ordering operator<=>(const DecimalNumber& other) const;
  bool operator==(const DecimalNumber& other) const = default;

  friend std::optional<DecimalNumber> add(const DecimalNumber& a, const DecimalNumber& b);
  friend std::optional<DecimalNumber> multiply(const DecimalNumber& a, const DecimalNumber& b);
  /// nullopt also for a division by zero.
  friend std::optional<DecimalNumber> divide(const DecimalNumber& a, const DecimalNumber& b);
  /// a - b × floor(a / |b|): never negative, below |b|.
  friend std::optional<DecimalNumber> modulo(const DecimalNumber& a, const DecimalNumber& b);

  enum class Rounding { Down, Up, Nearest };  // to minus and plus infinity, and halves away from zero
  /// To a number of digits behind the point; before it where negative.
  std::optional<DecimalNumber> rounded(int digits, Rounding rounding) const;

 private:
  int digit_count() const;
  bool negative_ = false;
  int32_t exponent_ = 0;     // canonical: no trailing zero in the coefficient; zero is 0 × 10^0
  UInt128 coefficient_ = 0;  // below 10^34
};

std::optional<DecimalNumber> add(const DecimalNumber& a, const DecimalNumber& b);
std::optional<DecimalNumber> subtract(const DecimalNumber& a, const DecimalNumber& b);
std::optional<DecimalNumber> multiply(const DecimalNumber& a, const DecimalNumber& b);
std::optional<DecimalNumber> divide(const DecimalNumber& a, const DecimalNumber& b);
std::optional<DecimalNumber> modulo(const DecimalNumber& a, const DecimalNumber& b);

}  // namespace spillway
