#include "kql/json.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <map>
#include <vector>

#include "base/types.h"
#include "base/utf8.h"

namespace spillway::kql::json {
namespace {

bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::optional<uint32_t> read_hex4(std::string_view text, size_t at) {
  if (at + 4 > text.size()) return std::nullopt;
  uint32_t code = 0;
  const auto [end, error] = std::from_chars(text.data() + at, text.data() + at + 4, code, 16);
  if (error != std::errc() || end != text.data() + at + 4) return std::nullopt;
  return code;
}

/// A \u escape at `at` (behind the 'u'), two of them for a surrogate pair; moves `at` behind it.
bool read_unicode(std::string_view text, size_t& at, std::string& out) {
  constexpr uint32_t kReplacement = 0xFFFD;
  const std::optional<uint32_t> first = read_hex4(text, at);
  if (!first) return false;
  at += 4;
  if (*first < 0xD800 || *first > 0xDFFF) {
    utf8::append(out, *first);
    return true;
  }
  if (*first <= 0xDBFF && at + 6 <= text.size() && text[at] == '\\' && text[at + 1] == 'u') {
    const std::optional<uint32_t> second = read_hex4(text, at + 2);
    if (second && *second >= 0xDC00 && *second <= 0xDFFF) {
      utf8::append(out, 0x10000 + ((*first - 0xD800) << 10) + (*second - 0xDC00));
      at += 6;
      return true;
    }
  }
  utf8::append(out, kReplacement);
  return true;
}

/// Reads a string literal at `at` (its quote), appends what it means, moves `at` behind it.
bool read_string(std::string_view text, size_t& at, std::string& out) {
  ++at;
  while (at < text.size()) {
    const char c = text[at++];
    if (c == '"') return true;
    if (c != '\\') {
      out += c;
      continue;
    }
    if (at >= text.size()) return false;
    const char escape = text[at++];
    switch (escape) {
      case '"': out += '"'; break;
      case '\\': out += '\\'; break;
      case '/': out += '/'; break;
      case 'b': out += '\b'; break;
      case 'f': out += '\f'; break;
      case 'n': out += '\n'; break;
      case 'r': out += '\r'; break;
      case 't': out += '\t'; break;
      case 'u':
        if (!read_unicode(text, at, out)) return false;
        break;
      default: return false;
    }
  }
  return false;
}

size_t skip_space(std::string_view text, size_t at) {
  while (at < text.size() && is_space(text[at])) ++at;
  return at;
}

/// Behind the string literal that begins at `at`.
size_t skip_string(std::string_view text, size_t at) {
  ++at;
  while (at < text.size()) {
    if (text[at] == '\\') {
      at += 2;
      continue;
    }
    if (text[at] == '"') return at + 1;
    ++at;
  }
  return text.size();
}

/// Behind the value that begins at `at`; without recursion.
size_t skip_value(std::string_view text, size_t at) {
  int depth = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (c == '"') {
      at = skip_string(text, at);
    } else if (c == '{' || c == '[') {
      ++depth;
      ++at;
      continue;
    } else if (c == '}' || c == ']') {
      if (depth == 0) return at;
      --depth;
      ++at;
    } else if (c == ',' || c == ':') {
      if (depth == 0) return at;
      ++at;
      continue;
    } else {
      while (at < text.size() && text[at] != ',' && text[at] != ']' && text[at] != '}' && text[at] != ':')
        ++at;
    }
    if (depth == 0) return at;
  }
  return text.size();
}

/// Parses and prints at once.
class Canonicalizer {
 public:
  Canonicalizer(std::string_view text, std::string& out) : text_(text), out_(out) {}

  bool run() {
    if (!value(0)) return false;
    at_ = skip_space(text_, at_);
    return at_ == text_.size();
  }

 private:
  bool value(int depth) {
    at_ = skip_space(text_, at_);
    if (at_ >= text_.size() || depth > kMaxDepth) return false;
    switch (text_[at_]) {
      case '{': return object(depth);
      case '[': return array(depth);
      case '"': return string();
      case 't': return word("true");
      case 'f': return word("false");
      case 'n': return word("null");
      default: return number_literal();
    }
  }

  bool word(std::string_view expected) {
    if (!text_.substr(at_).starts_with(expected)) return false;
    at_ += expected.size();
    out_ += expected;
    return true;
  }

  bool string() {
    std::string plain;
    if (!read_string(text_, at_, plain)) return false;
    quote(plain, out_);
    return true;
  }

  bool digits() {
    const size_t start = at_;
    while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
    return at_ > start;
  }

  bool number_literal() {
    const size_t start = at_;
    bool whole = true;
    if (text_[at_] == '-') ++at_;
    const size_t first_digit = at_;
    if (!digits()) return false;
    if (text_[first_digit] == '0' && at_ - first_digit > 1) return false;
    if (at_ < text_.size() && text_[at_] == '.') {
      whole = false;
      ++at_;
      if (!digits()) return false;
    }
    if (at_ < text_.size() && (text_[at_] == 'e' || text_[at_] == 'E')) {
      whole = false;
      ++at_;
      if (at_ < text_.size() && (text_[at_] == '+' || text_[at_] == '-')) ++at_;
      if (!digits()) return false;
    }
    print_number(text_.substr(start, at_ - start), whole);
    return true;
  }

  void print_number(std::string_view digits_text, bool whole) {
    if (whole) {
      int64_t integer = 0;
      const auto [end, error] =
          std::from_chars(digits_text.data(), digits_text.data() + digits_text.size(), integer);
      if (error == std::errc()) {
        out_ += std::to_string(integer);
        return;
      }
    }
    append_real(number(digits_text), out_);
  }

  bool array(int depth) {
    out_ += '[';
    ++at_;
    at_ = skip_space(text_, at_);
    if (at_ < text_.size() && text_[at_] == ']') return close(']');
    while (true) {
      if (!value(depth + 1)) return false;
      at_ = skip_space(text_, at_);
      if (at_ >= text_.size()) return false;
      if (text_[at_] == ']') return close(']');
      if (text_[at_] != ',') return false;
      out_ += ',';
      ++at_;
    }
  }

  /// Where a key comes again, the earlier member is cut out of what is printed.
  bool object(int depth) {
    const size_t begin = out_.size();
    std::map<std::string, size_t> positions;  // key → index in members
    std::vector<std::string> members;
    out_ += '{';
    ++at_;
    at_ = skip_space(text_, at_);
    if (at_ < text_.size() && text_[at_] == '}') return close('}');
    while (true) {
      at_ = skip_space(text_, at_);
      if (at_ >= text_.size() || text_[at_] != '"') return false;
      std::string key;
      if (!read_string(text_, at_, key)) return false;
      at_ = skip_space(text_, at_);
      if (at_ >= text_.size() || text_[at_] != ':') return false;
      ++at_;
      const size_t start = out_.size();
      quote(key, out_);
      out_ += ':';
      if (!value(depth + 1)) return false;
      const auto [place, fresh] = positions.emplace(std::move(key), members.size());
      if (fresh) {
        members.push_back(out_.substr(start));
      } else {
        members[place->second] = out_.substr(start);
      }
      out_.resize(begin + 1);
      at_ = skip_space(text_, at_);
      if (at_ >= text_.size()) return false;
      if (text_[at_] == '}') break;
      if (text_[at_] != ',') return false;
      ++at_;
    }
    for (size_t i = 0; i < members.size(); ++i) {
      if (i > 0) out_ += ',';
      out_ += members[i];
    }
    return close('}');
  }

  bool close(char bracket) {
    out_ += bracket;
    ++at_;
    return true;
  }

  std::string_view text_;
  std::string& out_;
  size_t at_ = 0;
};

}  // namespace

bool canonicalize(std::string_view text, std::string& out) {
  const size_t size = out.size();
  if (Canonicalizer(text, out).run()) return true;
  out.resize(size);
  return false;
}

std::string_view trim(std::string_view value) {
  while (!value.empty() && is_space(value.front())) value.remove_prefix(1);
  while (!value.empty() && is_space(value.back())) value.remove_suffix(1);
  return value;
}

Kind kind_of(std::string_view value) {
  value = trim(value);
  if (value.empty()) return Kind::Invalid;
  switch (value.front()) {
    case '{': return Kind::Object;
    case '[': return Kind::Array;
    case '"': return Kind::String;
    case 't':
    case 'f': return Kind::Bool;
    case 'n': return Kind::Null;
    default: break;
  }
  if (value.front() != '-' && !is_digit(value.front())) return Kind::Invalid;
  return value.find_first_of(".eE") == std::string_view::npos ? Kind::Integer : Kind::Real;
}

Cursor::Cursor(std::string_view container) : text_(trim(container)) {
  const Kind kind = kind_of(text_);
  object_ = kind == Kind::Object;
  at_ = object_ || kind == Kind::Array ? 1 : text_.size();
}

bool Cursor::next() {
  at_ = skip_space(text_, at_);
  if (at_ < text_.size() && text_[at_] == ',') at_ = skip_space(text_, at_ + 1);
  if (at_ >= text_.size() || text_[at_] == ']' || text_[at_] == '}') {
    at_ = text_.size();
    return false;
  }
  if (object_) {
    const size_t end = skip_string(text_, at_);
    key_ = text_.substr(at_, end - at_);
    at_ = skip_space(text_, end);
    if (at_ < text_.size() && text_[at_] == ':') at_ = skip_space(text_, at_ + 1);
  }
  const size_t end = skip_value(text_, at_);
  if (end <= at_) {  // not JSON: nothing more comes
    at_ = text_.size();
    return false;
  }
  value_ = trim(text_.substr(at_, end - at_));
  at_ = end;
  return true;
}

std::string Cursor::key() const {
  std::string plain;
  unquote(key_, plain);
  return plain;
}

std::optional<std::string_view> member(std::string_view object, std::string_view key) {
  Cursor cursor(object);
  if (!cursor.is_object()) return std::nullopt;
  std::string plain;
  while (cursor.next()) {
    const std::string_view raw = cursor.raw_key();
    if (raw.size() < 2) continue;
    const std::string_view inside = raw.substr(1, raw.size() - 2);
    if (inside.find('\\') == std::string_view::npos) {
      if (inside == key) return cursor.value();
      continue;
    }
    plain.clear();
    unquote(raw, plain);
    if (plain == key) return cursor.value();
  }
  return std::nullopt;
}

std::optional<std::string_view> element(std::string_view array, int64_t index) {
  if (kind_of(array) != Kind::Array) return std::nullopt;
  if (index < 0) {
    index += count(array).value_or(0);
    if (index < 0) return std::nullopt;
  }
  Cursor cursor(array);
  for (int64_t i = 0; cursor.next(); ++i) {
    if (i == index) return cursor.value();
  }
  return std::nullopt;
}

std::optional<int64_t> count(std::string_view container) {
  const Kind kind = kind_of(container);
  if (kind != Kind::Array && kind != Kind::Object) return std::nullopt;
  int64_t elements = 0;
  for (Cursor cursor(container); cursor.next();) ++elements;
  return elements;
}

void unquote(std::string_view literal, std::string& out) {
  const size_t size = out.size();
  size_t at = 0;
  if (literal.empty() || literal[0] != '"' || !read_string(literal, at, out)) out.resize(size);
}

void quote(std::string_view text, std::string& out) {
  constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\b': out += "\\b"; break;
      case '\f': out += "\\f"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          out += "\\u00";
          out += kHex[static_cast<unsigned char>(c) >> 4];
          out += kHex[static_cast<unsigned char>(c) & 15];
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

void append_real(double value, std::string& out) {
  const std::string text = format_real(value);
  if (text.find_first_not_of("-0123456789.E+") != std::string::npos) {  // NaN, Infinity
    quote(text, out);
    return;
  }
  out += text;
  if (text.find_first_of(".E") == std::string::npos) out += ".0";
}

void append_text(std::string_view value, std::string& out) {
  value = trim(value);
  switch (kind_of(value)) {
    case Kind::String: unquote(value, out); break;
    case Kind::Null: break;
    default: out += value;
  }
}

double number(std::string_view value) {
  value = trim(value);
  if (value == "true") return 1;
  double result = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), result);
  if (error == std::errc::result_out_of_range) {
    const size_t exponent = value.find_first_of("eE");
    const bool tiny =
        exponent != std::string_view::npos && exponent + 1 < value.size() && value[exponent + 1] == '-';
    if (tiny) return 0;
    return value.starts_with('-') ? -HUGE_VAL : HUGE_VAL;
  }
  return result;
}

}  // namespace spillway::kql::json
