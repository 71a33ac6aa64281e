// Decimals: fixed point with 18 digits after the point and up to 20 before it, in text form as VectorView
// hands them out. A result that doesn't fit is null; a quotient is cut off after 18 digits.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace spillway::kql {

/// Digits after the point.
inline constexpr int kDecimalScale = 18;

std::optional<std::string> decimal_add(std::string_view a, std::string_view b);
std::optional<std::string> decimal_subtract(std::string_view a, std::string_view b);
std::optional<std::string> decimal_multiply(std::string_view a, std::string_view b);
std::optional<std::string> decimal_divide(std::string_view a, std::string_view b);
/// Never negative.
std::optional<std::string> decimal_modulo(std::string_view a, std::string_view b);
/// The greatest multiple of `size` that isn't above `value`.
std::optional<std::string> decimal_bin(std::string_view value, std::string_view size);
/// From a number in text, with or without an exponent; nullopt where it is none or doesn't fit.
std::optional<std::string> parse_decimal(std::string_view text);

}  // namespace spillway::kql
