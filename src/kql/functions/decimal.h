// What functions of decimals share; the numbers themselves are base/decimal_number.h.
#pragma once

#include <optional>
#include <string_view>

#include "base/decimal_number.h"

namespace spillway::kql {

/// From a number in text, blanks around it allowed.
inline std::optional<DecimalNumber> parse_decimal(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return DecimalNumber::parse(text);
}

/// The greatest multiple of `size` that isn't above `value`; nullopt where `size` isn't positive.
inline std::optional<DecimalNumber> decimal_bin(DecimalNumber value, DecimalNumber size) {
  if (size.is_zero() || size.negative()) return std::nullopt;
  const std::optional<DecimalNumber> rest = modulo(value, size);
  return rest ? subtract(value, *rest) : std::nullopt;
}

}  // namespace spillway::kql
