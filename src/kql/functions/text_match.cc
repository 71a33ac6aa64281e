#include "kql/functions/text_match.h"

#include <algorithm>
#include <cstring>

namespace spillway::kql {
namespace {

constexpr char lower_ascii(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}
constexpr char upper_ascii(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
}

/// A range of capital letters and how far their small letters are; step 2 where capitals and small letters
/// alternate.
struct CaseRange {
  uint32_t first, last;
  int32_t offset;
  uint32_t step;
};
constexpr CaseRange kCaseRanges[] = {
    {0x41, 0x5A, 32, 1},    {0xC0, 0xD6, 32, 1},    {0xD8, 0xDE, 32, 1},     {0x100, 0x12E, 1, 2},
    {0x132, 0x136, 1, 2},   {0x139, 0x147, 1, 2},   {0x14A, 0x176, 1, 2},    {0x178, 0x178, -121, 1},
    {0x179, 0x17D, 1, 2},   {0x1CD, 0x1DB, 1, 2},   {0x1DE, 0x1EE, 1, 2},    {0x1F8, 0x21E, 1, 2},
    {0x386, 0x386, 38, 1},  {0x388, 0x38A, 37, 1},  {0x38C, 0x38C, 64, 1},   {0x38E, 0x38F, 63, 1},
    {0x391, 0x3A1, 32, 1},  {0x3A3, 0x3AB, 32, 1},  {0x400, 0x40F, 80, 1},   {0x410, 0x42F, 32, 1},
    {0x460, 0x480, 1, 2},   {0x48A, 0x4BE, 1, 2},   {0x4D0, 0x52E, 1, 2},    {0x531, 0x556, 48, 1},
    {0x1E00, 0x1E94, 1, 2}, {0x1EA0, 0x1EFE, 1, 2}, {0xFF21, 0xFF3A, 32, 1}, {0x10400, 0x10427, 40, 1},
};

uint32_t fold(uint32_t code) {
  for (const CaseRange& range : kCaseRanges) {
    if (code < range.first) return code;
    if (code <= range.last && (code - range.first) % range.step == 0) {
      return static_cast<uint32_t>(static_cast<int32_t>(code) + range.offset);
    }
  }
  return code;
}

void append_utf8(uint32_t code, std::string& out) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | (code >> 6));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | (code >> 12));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (code >> 18));
    out += static_cast<char>(0x80 | ((code >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  }
}

/// Blocks beyond ASCII that hold no letters or digits.
struct Block {
  uint32_t first, last;
};
constexpr Block kSeparators[] = {
    {0x80, 0xA9},     {0xAB, 0xB1},     {0xB4, 0xB4},     {0xB6, 0xB8},     {0xBB, 0xBB},
    {0xBF, 0xBF},     {0xD7, 0xD7},     {0xF7, 0xF7},     {0x2C2, 0x2C5},   {0x2D2, 0x2DF},
    {0x300, 0x36F},   {0x2000, 0x206F}, {0x20A0, 0x20CF}, {0x2190, 0x245F}, {0x2500, 0x2BFF},
    {0x3000, 0x3004}, {0x3008, 0x3020}, {0xFE10, 0xFE1F}, {0xFE30, 0xFE6F}, {0xFF00, 0xFF0F},
    {0xFF1A, 0xFF20}, {0xFF3B, 0xFF40}, {0xFF5B, 0xFF65}, {0xFFE0, 0xFFFF}, {0x1F000, 0x1FAFF},
};

uint32_t code_point_before(std::string_view text, size_t at) {
  size_t start = at - 1;
  while (start > 0 && at - start < 4 && (static_cast<unsigned char>(text[start]) & 0xC0) == 0x80) --start;
  return next_code_point(text, start);
}

}  // namespace

uint32_t next_code_point(std::string_view text, size_t& at) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(at);
  const int more = lead < 0xC0 ? 0 : lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : lead < 0xF8 ? 3 : 0;
  if (more == 0 || at + static_cast<size_t>(more) >= text.size()) {
    ++at;
    return lead;
  }
  uint32_t code = lead & (0x3Fu >> more);
  for (int i = 1; i <= more; ++i) {
    const unsigned char next = byte(at + static_cast<size_t>(i));
    if ((next & 0xC0) != 0x80) {
      ++at;
      return lead;
    }
    code = (code << 6) | (next & 0x3F);
  }
  at += static_cast<size_t>(more) + 1;
  return code;
}

bool is_term_character(uint32_t code) {
  if (code < 0x80) {
    return (code >= '0' && code <= '9') || (code >= 'A' && code <= 'Z') || (code >= 'a' && code <= 'z');
  }
  const auto* block = std::lower_bound(std::begin(kSeparators), std::end(kSeparators), code,
                                       [](const Block& b, uint32_t c) { return b.last < c; });
  return block == std::end(kSeparators) || code < block->first;
}

bool is_ascii(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
}

void append_folded(std::string_view text, std::string& out) {
  for (size_t at = 0; at < text.size();) {
    if (static_cast<unsigned char>(text[at]) < 0x80) {
      out += lower_ascii(text[at++]);
      continue;
    }
    const size_t start = at;
    const uint32_t code = next_code_point(text, at);
    if (at - start == 1) {
      out += text[start];  // not UTF-8
    } else {
      append_utf8(fold(code), out);
    }
  }
}

void Needle::set(std::string_view text) {
  if (known_ && text == raw_) return;
  known_ = true;
  raw_.assign(text);
  folded_.clear();
  upper_.clear();
  ascii_ = is_ascii(text);
  if (fold_) append_folded(text, folded_);
  for (const char c : folded_) upper_ += upper_ascii(c);
}

size_t Needle::find(std::string_view text, size_t from) const {
  if (!fold_) return text.find(raw_, from);
  // An ASCII needle without case, over bytes: no byte of a longer UTF-8 sequence is an ASCII one.
  const size_t length = folded_.size();
  if (length == 0) return from <= text.size() ? from : std::string_view::npos;
  if (text.size() < length) return std::string_view::npos;
  const size_t last = text.size() - length;
  const char small = folded_[0], capital = upper_[0];
  for (size_t at = from; at <= last; ++at) {
    if (text[at] != small && text[at] != capital) continue;
    size_t i = 1;
    while (i < length && lower_ascii(text[at + i]) == folded_[i]) ++i;
    if (i == length) return at;
  }
  return std::string_view::npos;
}

/// Calls accept(haystack, position, length of the needle) for each occurrence until it says true.
template <typename Accept>
bool Needle::search(std::string_view text, Accept accept) const {
  if (fold_ && !ascii_) {
    std::string folded_text;
    append_folded(text, folded_text);
    for (size_t at = folded_text.find(folded_); at != std::string::npos;
         at = folded_text.find(folded_, at + 1)) {
      if (accept(folded_text, at, folded_.size())) return true;
    }
    return false;
  }
  for (size_t at = find(text, 0); at != std::string_view::npos; at = find(text, at + 1)) {
    if (accept(text, at, raw_.size())) return true;
    if (at >= text.size()) break;
  }
  return false;
}

bool Needle::contained_in(std::string_view text) const {
  return search(text, [](std::string_view, size_t, size_t) { return true; });
}

bool Needle::starts(std::string_view text) const {
  if (!fold_) return text.starts_with(raw_);
  if (ascii_) return text.size() >= raw_.size() && find(text.substr(0, raw_.size()), 0) == 0;
  std::string folded_text;
  append_folded(text, folded_text);
  return folded_text.starts_with(folded_);
}

bool Needle::ends(std::string_view text) const {
  if (!fold_) return text.ends_with(raw_);
  if (ascii_) return text.size() >= raw_.size() && find(text.substr(text.size() - raw_.size()), 0) == 0;
  std::string folded_text;
  append_folded(text, folded_text);
  return folded_text.ends_with(folded_);
}

bool Needle::is_term_of(std::string_view text, bool left, bool right) const {
  return search(text, [left, right](std::string_view haystack, size_t at, size_t length) {
    if (length == 0) return true;
    size_t cursor = at;
    if (left && at > 0 && is_term_character(next_code_point(haystack, cursor)) &&
        is_term_character(code_point_before(haystack, at))) {
      return false;
    }
    const size_t end = at + length;
    if (!right || end >= haystack.size()) return true;
    size_t after = end;
    return !(is_term_character(code_point_before(haystack, end)) &&
             is_term_character(next_code_point(haystack, after)));
  });
}

}  // namespace spillway::kql
