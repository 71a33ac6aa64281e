#include "base/decimal_number.h"

#include <gtest/gtest.h>

#include <array>
#include <random>

namespace spillway {
namespace {

DecimalNumber number(std::string_view text) {
  return DecimalNumber::parse(text).value_or(DecimalNumber());
}
std::string text(const std::optional<DecimalNumber>& value) {
  return value ? value->str() : "none";
}
std::string parsed(std::string_view given) {
  return text(DecimalNumber::parse(given));
}

TEST(DecimalNumber, ReadsAndPrints) {
  EXPECT_EQ(parsed("-12.50"), "-12.5");
  EXPECT_EQ(parsed("1e-3"), "0.001");
  EXPECT_EQ(parsed("-0.0"), "0");
  EXPECT_EQ(parsed("1234567890123456789012345678901234"), "1234567890123456789012345678901234");
  EXPECT_EQ(parsed("1e100"), "1E+100");
  for (const char* wrong : {"", "-", ".", "1.2.3", "1e", "e5", "+-1", "1 ", "nan"}) {
    EXPECT_EQ(parsed(wrong), "none") << wrong;
  }
}

TEST(DecimalNumber, RoundsToItsDigitsHalvesToEven) {
  EXPECT_EQ(parsed("0.12345678901234567890123456789012345"), "0.1234567890123456789012345678901234");
  EXPECT_EQ(parsed("0.123456789012345678901234567890123450001"), "0.1234567890123456789012345678901235");
  EXPECT_EQ(parsed("9.9999999999999999999999999999999999"), "10");
}

TEST(DecimalNumber, HasARange) {
  EXPECT_EQ(parsed("1e6144"), "1E+6144");
  EXPECT_EQ(parsed("1e6145"), "none");
  EXPECT_EQ(parsed("1e-6144"), "0");
  EXPECT_EQ(parsed("1e99999999999999"), "none");
  EXPECT_EQ(text(multiply(number("1e4000"), number("1e4000"))), "none");
}

TEST(DecimalNumber, Calculates) {
  EXPECT_EQ(text(add(number("0.1"), number("0.2"))), "0.3");
  EXPECT_EQ(text(subtract(number("1e34"), number("1"))), "9999999999999999999999999999999999");
  EXPECT_EQ(text(divide(number("2"), number("3"))), "0.6666666666666666666666666666666667");
  EXPECT_EQ(text(divide(number("2"), number("0"))), "none");
  EXPECT_EQ(text(modulo(number("-7.5"), number("2"))), "0.5");
  EXPECT_EQ(text(modulo(number("1e40"), number("7"))), "4");
  EXPECT_EQ(text(number("-2.5").rounded(0, DecimalNumber::Rounding::Nearest)), "-3");
  EXPECT_EQ(text(number("-2.5").rounded(0, DecimalNumber::Rounding::Up)), "-2");
  EXPECT_EQ(number("-9223372036854775808").to_integer(), INT64_MIN);
  EXPECT_EQ(number("9223372036854775808").to_integer(), std::nullopt);
  EXPECT_EQ(number("0.1").to_real(), 0.1);
}

TEST(DecimalNumber, EncodedFormSortsAsTheNumbersDo) {
  std::mt19937_64 random(1);
  const auto any = [&] {
    const UInt128 coefficient = (static_cast<UInt128>(random() >> (random() % 64)) << (random() % 40));
    return DecimalNumber::make((random() & 1) != 0, coefficient, static_cast<int>(random() % 12) - 6)
        .value_or(DecimalNumber());
  };
  for (int i = 0; i < 20'000; ++i) {
    const DecimalNumber a = any();
    const DecimalNumber b = i % 5 == 0 ? add(a, number("1e-7")).value_or(a) : any();
    std::array<char, DecimalNumber::kMaxEncoded> first, second;
    const std::string_view x(first.data(), a.encode(first.data())), y(second.data(), b.encode(second.data()));
    const DecimalNumber difference = subtract(a, b).value_or(DecimalNumber());
    const int sign = difference.is_zero() ? 0 : difference.negative() ? -1 : 1;
    ASSERT_EQ(x < y ? -1 : x == y ? 0 : 1, sign) << a.str() << " " << b.str();
    ASSERT_EQ(DecimalNumber::decode(x), a);
    ASSERT_EQ(parsed(a.str()), a.str());
  }
}

TEST(DecimalNumber, DecodesAnything) {
  std::mt19937_64 random(2);
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes(random() % 25, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    DecimalNumber::decode(bytes).str();
  }
}

}  // namespace
}  // namespace spillway
