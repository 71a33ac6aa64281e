#include <sys/random.h>

#include <cerrno>
#include <cstdlib>
#include <string>

#include "base/types.h"

namespace spillway {
namespace {

constexpr size_t kTextLength = 36;
constexpr size_t kDigits = 32;

constexpr bool is_hyphen_position(size_t i) {
  return i == 8 || i == 13 || i == 18 || i == 23;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

Guid Guid::random() {
  uint64_t words[2];
  auto* bytes = reinterpret_cast<char*>(words);
  for (size_t got = 0; got < sizeof words;) {
    const ssize_t n = ::getrandom(bytes + got, sizeof words - got, 0);
    if (n < 0 && errno != EINTR) std::abort();  // a kernel without randomness: no id would be unique
    if (n > 0) got += static_cast<size_t>(n);
  }
  Guid guid{words[0], words[1]};
  guid.high = (guid.high & ~0xF000ULL) | 0x4000ULL;          // version 4
  guid.low = (guid.low & ~(0x3ULL << 62)) | (0x2ULL << 62);  // RFC 4122 variant
  return guid;
}

std::optional<Guid> Guid::parse(std::string_view text) {
  if (text.size() >= 2 &&
      ((text.front() == '{' && text.back() == '}') || (text.front() == '(' && text.back() == ')'))) {
    text = text.substr(1, text.size() - 2);
  }
  if (text.size() > kTextLength) return std::nullopt;
  Guid guid;
  size_t digits = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '-' && i > 0 && text[i - 1] != '-') continue;
    const int digit = hex_digit(text[i]);
    if (digit < 0 || digits == kDigits) return std::nullopt;
    uint64_t& half = digits++ < kDigits / 2 ? guid.high : guid.low;
    half = half << 4 | static_cast<uint64_t>(digit);
  }
  if (digits != kDigits || text.back() == '-') return std::nullopt;
  return guid;
}

std::string Guid::str() const {
  constexpr char kHex[] = "0123456789abcdef";
  std::string out(kTextLength, '-');
  size_t digit = 0;
  for (size_t i = 0; i < kTextLength; ++i) {
    if (is_hyphen_position(i)) continue;
    const uint64_t half = digit < kDigits / 2 ? high : low;
    out[i] = kHex[half >> (60 - 4 * (digit % 16)) & 0xF];
    ++digit;
  }
  return out;
}

}  // namespace spillway
