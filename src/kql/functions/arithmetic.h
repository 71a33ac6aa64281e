// Integer arithmetic that says where a result doesn't fit.
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>

namespace spillway::kql {

inline std::optional<int64_t> checked_add(int64_t a, int64_t b) {
  int64_t result = 0;
  if (__builtin_add_overflow(a, b, &result)) return std::nullopt;
  return result;
}

inline std::optional<int64_t> checked_subtract(int64_t a, int64_t b) {
  int64_t result = 0;
  if (__builtin_sub_overflow(a, b, &result)) return std::nullopt;
  return result;
}

inline std::optional<int64_t> checked_multiply(int64_t a, int64_t b) {
  int64_t result = 0;
  if (__builtin_mul_overflow(a, b, &result)) return std::nullopt;
  return result;
}

/// Without the fraction; nullopt for NaN and what an int64 can't hold.
inline std::optional<int64_t> to_integer(double value) {
  constexpr double kLimit = 9'223'372'036'854'775'808.0;  // 2^63
  if (!(value >= -kLimit && value < kLimit)) return std::nullopt;
  return static_cast<int64_t>(value);
}

/// The greatest multiple of `size` that isn't above `value`; nullopt where `size` isn't positive or where
/// there is none in range.
inline std::optional<int64_t> bin_integer(int64_t value, int64_t size) {
  if (size <= 0) return std::nullopt;
  const int64_t rest = value % size;
  if (rest >= 0) return value - rest;
  return checked_subtract(value, rest + size);
}

}  // namespace spillway::kql
