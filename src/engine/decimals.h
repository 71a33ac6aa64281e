// Decimals: DECIMAL(38,18) inside DuckDB, a text everywhere else.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace spillway::engine {

/// 20 digits before the point and 18 behind it.
inline constexpr uint8_t kDecimalWidth = 38;
inline constexpr uint8_t kDecimalScale = 18;

__extension__ using Int128 = __int128;
__extension__ using UInt128 = unsigned __int128;

/// The text of `units` of 10^-kDecimalScale without needless zeros: "1.5", "-0.25", "3". At most kDecimalText
/// bytes are written from `out` on; returns how many.
inline constexpr size_t kDecimalText = 48;
size_t format_decimal(Int128 units, char* out);

/// The units of "-12.5", "1e-3"; digits past the scale are rounded half away from zero. nullopt where it
/// isn't a number or doesn't fit.
std::optional<Int128> parse_decimal(std::string_view text);

}  // namespace spillway::engine
