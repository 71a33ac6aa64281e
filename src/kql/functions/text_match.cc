#include "kql/functions/text_match.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstring>

#include "base/utf8.h"

namespace spillway::kql {
namespace {

constexpr char lower_ascii(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}
constexpr char upper_ascii(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
}

uint32_t fold(uint32_t code) {
  return static_cast<uint32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(code)));
}

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
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(code))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO: return true;
    default: return false;
  }
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
      utf8::append(out, fold(code));
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
