#include "kql/syntax/literals.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "base/decimal_number.h"
#include "base/utf8.h"

namespace spillway::kql::syntax {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::string_view trim(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

/// Without quotes around it, as `datetime('2024-01-01')` is written now and then.
std::string_view unquoted(std::string_view text) {
  if (text.size() >= 2 && (text.front() == '"' || text.front() == '\'') && text.back() == text.front())
    return text.substr(1, text.size() - 2);
  return text;
}

/// The inside of `type( inside )`; the whole of a bare literal.
std::string_view inside(std::string_view literal) {
  const size_t open = literal.find('(');
  if (open == std::string_view::npos) return literal;
  return unquoted(trim(literal.substr(open + 1, literal.size() - open - 2)));
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

Error invalid(const Token& token, const char* type) {
  return Error(ErrorCode::Syntax, "'" + std::string(token.text) + "' is not a valid literal of type " + type,
               token.span);
}

Error out_of_range(const Token& token, const char* type) {
  return Error(ErrorCode::Syntax, "'" + std::string(token.text) + "' is out of the range of type " + type,
               token.span);
}

/// A date with blanks around its hyphens or with commas, as Kusto accepts it: `2017 - 08 - 01`, `2025, 6,
/// 14`.
std::optional<Ticks> read_datetime(std::string_view text) {
  if (const auto ticks = parse_datetime(text)) return ticks;
  std::string compact;
  for (size_t i = 0; i < text.size(); i++) {
    const char c = text[i] == ',' ? '-' : text[i];
    if (c == '-')
      while (!compact.empty() && compact.back() == ' ') compact.pop_back();
    if (c == ' ' && !compact.empty() && compact.back() == '-') continue;
    compact += c;
  }
  return parse_datetime(compact);
}

struct Integer {
  enum class State { Good, Invalid, OutOfRange } state = State::Good;
  int64_t value = 0;
};

/// Decimal or hexadecimal digits with an optional sign. A hexadecimal literal gives the bits of the number.
Integer read_integer(std::string_view text, bool negative) {
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) {
    negative = negative != (text.front() == '-');
    text.remove_prefix(1);
  }
  const bool hex = text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
  if (hex) text.remove_prefix(2);
  uint64_t magnitude = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), magnitude, hex ? 16 : 10);
  if (end != text.data() + text.size() || text.empty() || error == std::errc::invalid_argument)
    return {Integer::State::Invalid, 0};
  constexpr auto kMax = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  if (error != std::errc{} || (!hex && magnitude > kMax + (negative ? 1 : 0)))
    return {Integer::State::OutOfRange, 0};
  return {Integer::State::Good, static_cast<int64_t>(negative ? 0 - magnitude : magnitude)};
}

Result<Value> integer_value(const Token& token, std::string_view text, bool negative) {
  const bool narrow = token.kind == TokenKind::Int;
  const char* type = narrow ? "int" : "long";
  const Integer integer = read_integer(text, negative);
  if (integer.state == Integer::State::Invalid) return invalid(token, type);
  if (integer.state == Integer::State::OutOfRange) return out_of_range(token, type);
  if (!narrow) return Value::int64(integer.value);
  if (integer.value < std::numeric_limits<int32_t>::min() ||
      integer.value > std::numeric_limits<int32_t>::max())
    return out_of_range(token, type);
  return Value::int32(static_cast<int32_t>(integer.value));
}

Result<Value> real_value(const Token& token, std::string_view text, bool negative) {
  std::string name = lower(text);
  if (!name.empty() && (name.front() == '-' || name.front() == '+')) {
    negative = negative != (name.front() == '-');
    name.erase(0, 1);
  }
  double value = 0;
  if (name == "nan") {
    value = std::numeric_limits<double>::quiet_NaN();
  } else if (name == "inf" || name == "infinity") {
    value = std::numeric_limits<double>::infinity();
  } else {
    const char* last = name.data() + name.size();
    const auto [end, error] = std::from_chars(name.data(), last, value);
    if (name.empty() || !(is_digit(name.front()) || name.front() == '.') || end != last)
      return invalid(token, "real");
    if (error == std::errc::result_out_of_range) value = std::strtod(name.c_str(), nullptr);  // 0 or infinite
    if (std::isinf(value)) return out_of_range(token, "real");
  }
  return Value::real(negative ? -value : value);
}

/// The digits of a number without those zeros that say nothing.
size_t significant_digits(std::string_view number) {
  std::string digits;
  for (const char c : number.substr(0, number.find_first_of("eE"))) {
    if (is_digit(c)) digits += c;
  }
  const size_t first = digits.find_first_not_of('0'), last = digits.find_last_not_of('0');
  return first == std::string::npos ? 0 : last - first + 1;
}

Result<Value> decimal_value(const Token& token, std::string_view text, bool negative) {
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) {
    negative = negative != (text.front() == '-');
    text.remove_prefix(1);
  }
  // A digit first: "decimal(+-1)" is nothing.
  if (text.empty() || !(is_digit(text.front()) || text.front() == '.')) return invalid(token, "decimal");
  std::optional<DecimalNumber> number = DecimalNumber::parse(text);
  if (!number) {
    const bool valid = DecimalNumber::parse(text.substr(0, text.find_first_of("eE"))).has_value();
    return valid ? out_of_range(token, "decimal") : invalid(token, "decimal");
  }
  if (significant_digits(text) > DecimalNumber::kMaxDigits) return out_of_range(token, "decimal");
  return Value::decimal((negative ? -*number : *number).str());
}

/// Units that parse_timespan() doesn't know, in its words.
std::optional<Ticks> read_timespan(std::string_view text) {
  const size_t unit = text.find_first_not_of("+-0123456789.: ");
  if (unit == std::string_view::npos) return parse_timespan(text);
  const std::string_view name = text.substr(unit);
  const std::string number(text.substr(0, unit));
  if (name == "millisec") return parse_timespan(number + "ms");
  if (name == "microsec") return parse_timespan(number + "micro");
  if (name == "nano" || name == "nanos" || name == "nanosec" || name == "nanosecond" ||
      name == "nanoseconds") {
    constexpr Ticks kNanosecondsPerTick = 100;
    const std::optional<Ticks> nanoseconds = parse_timespan(number + "ticks");
    if (!nanoseconds) return std::nullopt;
    return *nanoseconds / kNanosecondsPerTick;
  }
  return parse_timespan(text);
}

Result<Value> timespan_value(const Token& token, std::string_view text, bool negative) {
  const std::optional<Ticks> ticks = read_timespan(text);
  if (!ticks) return invalid(token, "timespan");
  if (negative && *ticks == std::numeric_limits<Ticks>::min()) return out_of_range(token, "timespan");
  return Value::timespan(negative ? -*ticks : *ticks);
}

Result<Value> bool_value(const Token& token, std::string_view text) {
  const std::string name = lower(text);
  if (name == "true" || name == "1") return Value::boolean(true);
  if (name == "false" || name == "0") return Value::boolean(false);
  return invalid(token, "bool");
}

Type type_of(TokenKind kind) {
  switch (kind) {
    case TokenKind::Bool: return Type::Bool;
    case TokenKind::Int: return Type::Int;
    case TokenKind::Long: return Type::Long;
    case TokenKind::Real: return Type::Real;
    case TokenKind::Decimal: return Type::Decimal;
    case TokenKind::DateTime: return Type::DateTime;
    case TokenKind::TimeSpan: return Type::TimeSpan;
    case TokenKind::Guid: return Type::Guid;
    default: return Type::String;
  }
}

uint32_t read_hex(std::string_view digits) {
  uint32_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  return value;
}

/// What isn't a character becomes the one that stands for that.
void append_utf8(uint32_t code, std::string& out) {
  constexpr uint32_t kReplacement = 0xFFFD;
  if (!utf8::append(out, code)) utf8::append(out, kReplacement);
}

/// Appends the character of a `\u` escape at pos, or of the two that make a surrogate pair; the bytes it
/// took.
size_t append_unicode(std::string_view text, size_t pos, std::string& out) {
  const uint32_t high = read_hex(text.substr(pos + 2, 4));
  if (high >= 0xD800 && high < 0xDC00 && text.substr(pos + 6, 2) == "\\u") {
    const uint32_t low = read_hex(text.substr(pos + 8, 4));
    if (low >= 0xDC00 && low < 0xE000) {
      append_utf8(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00), out);
      return 12;
    }
  }
  append_utf8(high, out);
  return 6;
}

/// Appends the character of an octal escape at pos; the bytes it took.
size_t append_octal(std::string_view text, size_t pos, std::string& out) {
  uint32_t code = 0;
  size_t digits = 0;
  const size_t most = text[pos + 1] <= '3' ? 3 : 2;
  while (digits < most && pos + 1 + digits < text.size() && text[pos + 1 + digits] >= '0' &&
         text[pos + 1 + digits] <= '7')
    code = code * 8 + static_cast<uint32_t>(text[pos + 1 + digits++] - '0');
  append_utf8(code, out);
  return digits + 1;
}

/// Appends the character of the escape sequence at pos, which the lexer has found valid; the bytes it took.
size_t append_escape(std::string_view text, size_t pos, std::string& out) {
  switch (text[pos + 1]) {
    case 'a': out += '\a'; return 2;
    case 'b': out += '\b'; return 2;
    case 'f': out += '\f'; return 2;
    case 'n': out += '\n'; return 2;
    case 'r': out += '\r'; return 2;
    case 't': out += '\t'; return 2;
    case 'v': out += '\v'; return 2;
    case 'x': append_utf8(read_hex(text.substr(pos + 2, 2)), out); return 4;
    case 'u': return append_unicode(text, pos, out);
    case 'U': append_utf8(read_hex(text.substr(pos + 2, 8)), out); return 10;
    case '\\':
    case '\'':
    case '"': out += text[pos + 1]; return 2;
    default: return append_octal(text, pos, out);
  }
}

}  // namespace

bool is_now(const Token& token) {
  return token.kind == TokenKind::DateTime && inside(token.text).empty();
}

bool is_bare_number(const Token& token) {
  return (token.kind == TokenKind::Long || token.kind == TokenKind::Real ||
          token.kind == TokenKind::TimeSpan) &&
         is_digit(token.text.front());
}

Result<Value> literal_value(const Token& token, bool negative) {
  const std::string_view text = inside(token.text);
  if (text == "null") return Value::null(type_of(token.kind));
  switch (token.kind) {
    case TokenKind::Bool: return bool_value(token, text);
    case TokenKind::Int:
    case TokenKind::Long: return integer_value(token, text, negative);
    case TokenKind::Real: return real_value(token, text, negative);
    case TokenKind::Decimal: return decimal_value(token, text, negative);
    case TokenKind::TimeSpan: return timespan_value(token, text, negative);
    case TokenKind::DateTime:
      if (const auto ticks = read_datetime(text)) return Value::datetime(*ticks);
      return invalid(token, "datetime");
    case TokenKind::Guid:
      if (const auto guid = Guid::parse(text)) return Value::guid(*guid);
      return invalid(token, "guid");
    default: return Error(ErrorCode::Internal, "literal_value() of a token that is no literal", token.span);
  }
}

bool is_obfuscated(const Token& token) {
  return token.text.front() == 'h' || token.text.front() == 'H';
}

void append_string(const Token& token, std::string& out) {
  std::string_view text = token.text;
  if (text.front() == 'h' || text.front() == 'H') text.remove_prefix(1);
  const bool verbatim = text.front() == '@';
  if (verbatim) text.remove_prefix(1);
  const char quote = text.front();
  if (quote == '`' || quote == '~') {
    out += text.substr(3, text.size() - 6);
    return;
  }
  text = text.substr(1, text.size() - 2);
  for (size_t i = 0; i < text.size();) {
    if (verbatim && text[i] == quote) {
      out += quote;
      i += 2;
    } else if (!verbatim && text[i] == '\\') {
      i += append_escape(text, i, out);
    } else {
      out += text[i++];
    }
  }
}

}  // namespace spillway::kql::syntax
