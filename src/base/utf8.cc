#include "base/utf8.h"

namespace spillway::utf8 {

int64_t length(std::string_view text) {
  int64_t count = 0;
  for (char c : text) count += is_continuation(c) ? 0 : 1;
  return count;
}

size_t offset_of(std::string_view text, int64_t index) {
  size_t at = 0;
  while (index > 0 && at < text.size()) {
    ++at;
    while (at < text.size() && is_continuation(text[at])) ++at;
    --index;
  }
  return at;
}

namespace {

/// How many bytes the sequence that begins with `lead` has; 0 where none begins with it.
size_t sequence_length(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return 2;
  if (lead >= 0xE0 && lead <= 0xEF) return 3;
  if (lead >= 0xF0 && lead <= 0xF4) return 4;
  return 0;
}

/// No overlong forms, no surrogates, nothing above U+10FFFF.
bool second_byte_fits(unsigned char lead, unsigned char second) {
  switch (lead) {
    case 0xE0: return second >= 0xA0;
    case 0xED: return second < 0xA0;
    case 0xF0: return second >= 0x90;
    case 0xF4: return second < 0x90;
    default: return true;
  }
}

}  // namespace

bool is_valid(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const auto lead = static_cast<unsigned char>(text[at]);
    const size_t size = sequence_length(lead);
    if (size == 0 || at + size > text.size()) return false;
    for (size_t i = 1; i < size; ++i) {
      if (!is_continuation(text[at + i])) return false;
    }
    if (size > 1 && !second_byte_fits(lead, static_cast<unsigned char>(text[at + 1]))) return false;
    at += size;
  }
  return true;
}

bool append(std::string& out, int64_t code_point) {
  if (code_point < 0 || code_point > 0x10FFFF || (code_point >= 0xD800 && code_point <= 0xDFFF)) return false;
  const auto code = static_cast<uint32_t>(code_point);
  const auto tail = [&](int shift) { out += static_cast<char>(0x80 | ((code >> shift) & 0x3F)); };
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | (code >> 6));
    tail(0);
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | (code >> 12));
    tail(6), tail(0);
  } else {
    out += static_cast<char>(0xF0 | (code >> 18));
    tail(12), tail(6), tail(0);
  }
  return true;
}

}  // namespace spillway::utf8
