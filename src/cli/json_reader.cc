#include "cli/json_reader.h"

#include <cstdint>

#include "base/utf8.h"

namespace spillway::cli {
namespace {

/// Four hexadecimal digits at `at`; false where they aren't.
bool hex4(std::string_view text, size_t at, uint32_t& out) {
  if (at + 4 > text.size()) return false;
  out = 0;
  for (size_t i = at; i < at + 4; ++i) {
    const char c = text[i];
    uint32_t digit = 0;
    if (c >= '0' && c <= '9') {
      digit = static_cast<uint32_t>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      digit = static_cast<uint32_t>(c - 'a' + 10);
    } else if (c >= 'A' && c <= 'F') {
      digit = static_cast<uint32_t>(c - 'A' + 10);
    } else {
      return false;
    }
    out = out * 16 + digit;
  }
  return true;
}

/// The character of an escape whose backslash is at `at`; moves past it.
bool unescape(std::string_view text, size_t& at, std::string& out) {
  if (at + 1 >= text.size()) return false;
  const char c = text[at + 1];
  at += 2;
  switch (c) {
    case '"':
    case '\\':
    case '/': out += c; return true;
    case 'b': out += '\b'; return true;
    case 'f': out += '\f'; return true;
    case 'n': out += '\n'; return true;
    case 'r': out += '\r'; return true;
    case 't': out += '\t'; return true;
    case 'u': break;
    default: return false;
  }
  uint32_t code = 0, low = 0;
  if (!hex4(text, at, code)) return false;
  at += 4;
  const bool high_surrogate = code >= 0xD800 && code < 0xDC00;
  if (high_surrogate && text.substr(at, 2) == "\\u" && hex4(text, at + 2, low) && low >= 0xDC00 &&
      low < 0xE000) {
    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    at += 6;
  }
  constexpr uint32_t kReplacement = 0xFFFD;
  if (!utf8::append(out, code)) utf8::append(out, kReplacement);
  return true;
}

}  // namespace

char JsonReader::peek() {
  while (at_ < text_.size() &&
         (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t'))
    ++at_;
  return at_ < text_.size() ? text_[at_] : '\0';
}

bool JsonReader::take(char c) {
  if (peek() != c) return false;
  ++at_;
  return true;
}

bool JsonReader::object(const std::function<bool(std::string_view key)>& member) {
  if (!take('{')) return false;
  if (take('}')) return true;
  std::string key;
  do {
    if (!string(key) || !take(':') || !member(key)) return false;
  } while (take(','));
  return take('}');
}

bool JsonReader::array(const std::function<bool()>& element) {
  if (!take('[')) return false;
  if (take(']')) return true;
  do {
    if (!element()) return false;
  } while (take(','));
  return take(']');
}

bool JsonReader::string(std::string& out) {
  out.clear();
  if (!take('"')) return false;
  while (at_ < text_.size()) {
    const size_t end = text_.find_first_of("\"\\", at_);
    if (end == std::string_view::npos) return false;
    out.append(text_, at_, end - at_);
    at_ = end;
    if (text_[at_] == '"') {
      ++at_;
      return true;
    }
    if (!unescape(text_, at_, out)) return false;
  }
  return false;
}

bool JsonReader::skip_string() {
  for (++at_; at_ < text_.size(); ++at_) {
    if (text_[at_] == '\\') {
      ++at_;
    } else if (text_[at_] == '"') {
      ++at_;
      return true;
    }
  }
  return false;
}

bool JsonReader::null() {
  if (peek() != 'n' || text_.substr(at_, 4) != "null") return false;
  at_ += 4;
  return true;
}

bool JsonReader::raw(std::string_view& out) {
  if (peek() == '\0') return false;
  const size_t start = at_;
  int depth = 0;
  do {
    const char c = peek();
    if (c == '\0') return false;
    if (c == '"') {
      if (!skip_string()) return false;
    } else if (c == '{' || c == '[') {
      ++depth, ++at_;
    } else if (c == '}' || c == ']') {
      if (--depth < 0) return false;
      ++at_;
    } else if (c == ',' || c == ':') {
      if (depth == 0) return false;
      ++at_;
    } else {
      const size_t end = text_.find_first_of(",:]}[{\" \t\r\n", at_);
      at_ = end == std::string_view::npos ? text_.size() : end;
    }
  } while (depth > 0);
  out = text_.substr(start, at_ - start);
  return true;
}

bool JsonReader::skip() {
  std::string_view ignored;
  return raw(ignored);
}

}  // namespace spillway::cli
