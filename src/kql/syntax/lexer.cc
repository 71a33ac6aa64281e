#include "kql/syntax/lexer.h"

#include <array>
#include <unordered_map>

namespace spillway::kql::syntax {
namespace {

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
bool is_word_start(char c) {
  return is_letter(c) || c == '_' || c == '$';
}
bool is_word_part(char c) {
  return is_letter(c) || is_digit(c) || c == '_';
}

size_t scan_digits(std::string_view text, size_t pos) {
  while (pos < text.size() && is_digit(text[pos])) pos++;
  return pos;
}

/// The end of `e+10` at pos, or pos.
size_t scan_exponent(std::string_view text, size_t pos) {
  if (pos >= text.size() || (text[pos] != 'e' && text[pos] != 'E')) return pos;
  size_t digits = pos + 1;
  if (digits < text.size() && (text[digits] == '+' || text[digits] == '-')) digits++;
  const size_t end = scan_digits(text, digits);
  return end > digits ? end : pos;
}

bool starts_with_at(std::string_view text, size_t pos, std::string_view part) {
  return pos <= text.size() && text.substr(pos, part.size()) == part;
}

/// Where a literal can't go on: the end of the text or the next character of a longer word.
bool ends_word(std::string_view text, size_t pos) {
  return pos >= text.size() || !is_word_part(text[pos]);
}

constexpr size_t kRawGuidLength = 36;

bool is_raw_guid(std::string_view text, size_t pos) {
  if (text.size() < pos + kRawGuidLength || !ends_word(text, pos + kRawGuidLength)) return false;
  for (size_t i = 0; i < kRawGuidLength; i++) {
    const bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
    if (hyphen ? text[pos + i] != '-' : !is_hex(text[pos + i])) return false;
  }
  return true;
}

/// The units of timespan literals, longest spelling first where one begins another.
constexpr std::array<std::string_view, 31> kTimeUnits = {
    "minutes",      "minute",      "min",      "milliseconds", "millisecond", "millisec", "millis", "milli",
    "microseconds", "microsecond", "microsec", "micros",       "micro",       "ms",       "m",      "seconds",
    "second",       "sec",         "s",        "days",         "day",         "d",        "hours",  "hour",
    "hrs",          "hr",          "h",        "nanoseconds",  "nanosecond",  "ticks",    "tick"};
constexpr std::array<std::string_view, 3> kNanoUnits = {"nanosec", "nanos", "nano"};

/// The end of a time unit that ends a word at pos, or pos.
size_t scan_time_unit(std::string_view text, size_t pos) {
  for (std::string_view unit : kTimeUnits)
    if (starts_with_at(text, pos, unit) && ends_word(text, pos + unit.size())) return pos + unit.size();
  for (std::string_view unit : kNanoUnits)
    if (starts_with_at(text, pos, unit) && ends_word(text, pos + unit.size())) return pos + unit.size();
  return pos;
}

/// Words with inner signs, by the word that they begin with.
struct Compound {
  std::string_view first;
  std::string_view whole;
};
constexpr std::array<Compound, 29> kCompounds = {{{"assert", "assert-schema"},
                                                  {"granny", "granny-asc"},
                                                  {"granny", "granny-desc"},
                                                  {"graph", "graph-mark-components"},
                                                  {"graph", "graph-match"},
                                                  {"graph", "graph-shortest-paths"},
                                                  {"graph", "graph-to-table"},
                                                  {"graph", "graph-where-edges"},
                                                  {"graph", "graph-where-nodes"},
                                                  {"in", "in~"},
                                                  {"macro", "macro-expand"},
                                                  {"make", "make-graph"},
                                                  {"make", "make-series"},
                                                  {"materialized", "materialized-view-combine"},
                                                  {"mv", "mv-apply"},
                                                  {"mv", "mv-expand"},
                                                  {"parse", "parse-kv"},
                                                  {"parse", "parse-where"},
                                                  {"partitioned", "partitioned-by"},
                                                  {"project", "project-away"},
                                                  {"project", "project-by-names"},
                                                  {"project", "project-keep"},
                                                  {"project", "project-rename"},
                                                  {"project", "project-reorder"},
                                                  {"project", "project-smart"},
                                                  {"sample", "sample-distinct"},
                                                  {"top", "top-hitters"},
                                                  {"top", "top-nested"},
                                                  {"matches", "matches regex"}}};

/// The token kind of a literal `type(…)`, or Word.
TokenKind typed_literal(Keyword type) {
  switch (type) {
    case Keyword::TypeBool: return TokenKind::Bool;
    case Keyword::TypeInt:
    case Keyword::TypeInt32: return TokenKind::Int;
    case Keyword::TypeLong:
    case Keyword::TypeInt64: return TokenKind::Long;
    case Keyword::TypeReal:
    case Keyword::TypeDouble: return TokenKind::Real;
    case Keyword::TypeDecimal: return TokenKind::Decimal;
    case Keyword::TypeDate:
    case Keyword::TypeDateTime: return TokenKind::DateTime;
    case Keyword::TypeTime:
    case Keyword::TypeTimeSpan: return TokenKind::TimeSpan;
    case Keyword::TypeGuid:
    case Keyword::TypeUuid:
    case Keyword::TypeUniqueId: return TokenKind::Guid;
    default: return TokenKind::Word;
  }
}

/// The bytes of the escape sequence at pos, which is a backslash; 0 where it is none.
size_t escape_length(std::string_view text, size_t pos) {
  const auto hex_run = [&](size_t from, size_t count) {
    for (size_t i = 0; i < count; i++)
      if (from + i >= text.size() || !is_hex(text[from + i])) return false;
    return true;
  };
  const char c = pos + 1 < text.size() ? text[pos + 1] : '\0';
  switch (c) {
    case '\\':
    case '\'':
    case '"':
    case 'a':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
    case 'v': return 2;
    case 'x': return hex_run(pos + 2, 2) ? 4 : 0;
    case 'u': return hex_run(pos + 2, 4) ? 6 : 0;
    case 'U': return hex_run(pos + 2, 8) ? 10 : 0;
    default: break;
  }
  const auto octal = [&](size_t p) { return p < text.size() && text[p] >= '0' && text[p] <= '7'; };
  if (!octal(pos + 1)) return 0;
  if (!octal(pos + 2)) return 2;
  return octal(pos + 3) && c <= '3' ? 4 : 3;
}

const std::unordered_map<std::string_view, KeywordInfo>& keyword_table() {
  static const std::unordered_map<std::string_view, KeywordInfo> table = {
#define SPILLWAY_KEYWORD(enumerator, text, use) {text, {Keyword::enumerator, NameUse::use}},
#include "kql/syntax/keywords.def"
#undef SPILLWAY_KEYWORD
  };
  return table;
}

}  // namespace

KeywordInfo find_keyword(std::string_view word) {
  const auto& table = keyword_table();
  const auto found = table.find(word);
  return found == table.end() ? KeywordInfo{} : found->second;
}

const char* spelling(Keyword keyword) {
  switch (keyword) {
    case Keyword::None: return "";
#define SPILLWAY_KEYWORD(enumerator, text, use) \
  case Keyword::enumerator:                     \
    return text;
#include "kql/syntax/keywords.def"
#undef SPILLWAY_KEYWORD
  }
  return "";
}

const char* describe(TokenKind kind) {
  switch (kind) {
    case TokenKind::End: return "the end of the text";
    case TokenKind::Bad: return "a character";
    case TokenKind::Word: return "a name";
    case TokenKind::String: return "a string literal";
    case TokenKind::Bool: return "a bool literal";
    case TokenKind::Int: return "an int literal";
    case TokenKind::Long: return "a number";
    case TokenKind::Real: return "a real literal";
    case TokenKind::Decimal: return "a decimal literal";
    case TokenKind::DateTime: return "a datetime literal";
    case TokenKind::TimeSpan: return "a timespan literal";
    case TokenKind::Guid:
    case TokenKind::RawGuid: return "a guid literal";
    case TokenKind::OpenParen: return "'('";
    case TokenKind::CloseParen: return "')'";
    case TokenKind::OpenBracket: return "'['";
    case TokenKind::CloseBracket: return "']'";
    case TokenKind::OpenBrace: return "'{'";
    case TokenKind::CloseBrace: return "'}'";
    case TokenKind::Comma: return "','";
    case TokenKind::Semicolon: return "';'";
    case TokenKind::Colon: return "':'";
    case TokenKind::Dot: return "'.'";
    case TokenKind::DotDot: return "'..'";
    case TokenKind::Bar: return "'|'";
    case TokenKind::LessBar: return "'<|'";
    case TokenKind::Question: return "'?'";
    case TokenKind::At: return "'@'";
    case TokenKind::Plus: return "'+'";
    case TokenKind::Minus: return "'-'";
    case TokenKind::Star: return "'*'";
    case TokenKind::Slash: return "'/'";
    case TokenKind::Percent: return "'%'";
    case TokenKind::Equal: return "'='";
    case TokenKind::FatArrow: return "'=>'";
    case TokenKind::EqualEqual: return "'=='";
    case TokenKind::NotEqual: return "'!='";
    case TokenKind::EqualTilde: return "'=~'";
    case TokenKind::NotTilde: return "'!~'";
    case TokenKind::Less: return "'<'";
    case TokenKind::LessEqual: return "'<='";
    case TokenKind::LessGreater: return "'<>'";
    case TokenKind::Greater: return "'>'";
    case TokenKind::GreaterEqual: return "'>='";
  }
  return "";
}

Lexer::Lexer(std::string_view text, size_t start) : text_(text) {
  const size_t end = start < text.size() ? start : text.size();
  for (size_t i = 0; i < end; i++)
    if (text[i] == '\n') new_line(i + 1);
  counted_ = line_start_;
  pos_ = end;
}

void Lexer::new_line(size_t line_start) {
  line_++;
  line_start_ = line_start;
  line_extra_ = 0;
  counted_ = line_start;
}

Token Lexer::make(TokenKind kind, size_t length) {
  for (; counted_ < pos_; counted_++)
    if ((static_cast<unsigned char>(text_[counted_]) & 0xC0) == 0x80) line_extra_++;
  Token token;
  token.kind = kind;
  token.space_before = space_;
  token.span = {line_, static_cast<int>(pos_ - line_start_ - line_extra_) + 1, static_cast<int>(pos_),
                static_cast<int>(length)};
  token.text = text_.substr(pos_, length);
  pos_ += length;
  return token;
}

Token Lexer::bad(size_t length, std::string error) {
  error_ = std::move(error);
  return make(TokenKind::Bad, length);
}

bool Lexer::skip_unicode_space() {
  // U+00A0, U+1680, U+180E, U+2000 to U+200B, U+2028, U+2029, U+202F, U+205F, U+3000, U+FEFF.
  static constexpr std::array<std::string_view, 9> kSpaces = {"\xC2\xA0",     "\xE1\x9A\x80", "\xE1\xA0\x8E",
                                                              "\xE2\x80\xA8", "\xE2\x80\xA9", "\xE2\x80\xAF",
                                                              "\xE2\x81\x9F", "\xE3\x80\x80", "\xEF\xBB\xBF"};
  for (std::string_view space : kSpaces) {
    if (starts_with_at(text_, pos_, space)) {
      pos_ += space.size();
      return true;
    }
  }
  const auto last = static_cast<unsigned char>(at(pos_ + 2));
  if (starts_with_at(text_, pos_, "\xE2\x80") && last >= 0x80 && last <= 0x8B) {
    pos_ += 3;
    return true;
  }
  return false;
}

void Lexer::skip_space() {
  space_ = false;
  while (pos_ < text_.size()) {
    const char c = text_[pos_];
    if (c == '\n') {
      pos_++;
      new_line(pos_);
    } else if (c == ' ' || c == '\t' || c == '\r' || c == '\f') {
      pos_++;
    } else if (c == '/' && at(pos_ + 1) == '/') {
      while (pos_ < text_.size() && text_[pos_] != '\n') pos_++;
    } else if (!(static_cast<unsigned char>(c) >= 0x80 && skip_unicode_space())) {
      return;
    }
    space_ = true;
  }
}

bool Lexer::sign(Token& token) const {
  using enum TokenKind;
  const char next = at(pos_ + 1);
  const auto set = [&](TokenKind kind, int length) {
    token.kind = kind;
    token.span.length = length;
    return true;
  };
  switch (text_[pos_]) {
    case '(': return set(OpenParen, 1);
    case ')': return set(CloseParen, 1);
    case '[': return set(OpenBracket, 1);
    case ']': return set(CloseBracket, 1);
    case '{': return set(OpenBrace, 1);
    case '}': return set(CloseBrace, 1);
    case ',': return set(Comma, 1);
    case ';': return set(Semicolon, 1);
    case ':': return set(Colon, 1);
    case '|': return set(Bar, 1);
    case '?': return set(Question, 1);
    case '@': return set(At, 1);
    case '+': return set(Plus, 1);
    case '-': return set(Minus, 1);
    case '*': return set(Star, 1);
    case '/': return set(Slash, 1);
    case '%': return set(Percent, 1);
    case '.': return next == '.' ? set(DotDot, 2) : set(Dot, 1);
    case '<':
      if (next == '=') return set(LessEqual, 2);
      if (next == '|') return set(LessBar, 2);
      return next == '>' ? set(LessGreater, 2) : set(Less, 1);
    case '>': return next == '=' ? set(GreaterEqual, 2) : set(Greater, 1);
    case '=':
      if (next == '=') return set(EqualEqual, 2);
      if (next == '>') return set(FatArrow, 2);
      return next == '~' ? set(EqualTilde, 2) : set(Equal, 1);
    case '!':
      if (next == '=') return set(NotEqual, 2);
      return next == '~' && set(NotTilde, 2);
    default: return false;
  }
}

Token Lexer::word() {
  size_t end = pos_ + 1;  // the first character may be '!' or '$'
  while (end < text_.size() && is_word_part(text_[end])) end++;
  const bool negated = text_[pos_] == '!';
  if (negated && starts_with_at(text_, pos_, "!in~")) end = pos_ + 4;
  const std::string_view first = text_.substr(pos_, end - pos_);

  if (at(end) == '-' || at(end) == '~' || at(end) == ' ' || at(end) == '\t') {
    for (const Compound& compound : kCompounds) {
      if (compound.first == first && starts_with_at(text_, pos_, compound.whole) &&
          ends_word(text_, pos_ + compound.whole.size())) {
        end = pos_ + compound.whole.size();
        break;
      }
    }
  }
  const KeywordInfo info = find_keyword(text_.substr(pos_, end - pos_));
  if (negated && info.keyword == Keyword::None) return bad(1, "unexpected character '!'");
  if (first == "true" || first == "True" || first == "TRUE" || first == "false" || first == "False" ||
      first == "FALSE")
    return make(TokenKind::Bool, first.size());
  if (at(end) == '(') {
    const TokenKind literal = typed_literal(info.keyword);
    if (literal != TokenKind::Word) {
      size_t close = end + 1;
      while (close < text_.size() && text_[close] != ')' && text_[close] != '\n') close++;
      if (at(close) != ')') return bad(end - pos_, "missing ')' after '" + std::string(first) + "('");
      return make(literal, close + 1 - pos_);
    }
  }
  Token token = make(TokenKind::Word, end - pos_);
  token.keyword = info.keyword;
  token.use = info.use;
  return token;
}

Token Lexer::number() {
  const size_t digits = scan_digits(text_, pos_);
  // A real: `1.`, `1.5`, `1e3`; but `1..2` is a range from 1 to 2.
  size_t end = digits;
  if (at(end) == '.' && (at(end + 1) != '.' || at(end + 2) == '.')) {
    end = scan_exponent(text_, scan_digits(text_, end + 1));
    if (ends_word(text_, end)) return make(TokenKind::Real, end - pos_);
  } else if ((end = scan_exponent(text_, digits)) > digits && ends_word(text_, end)) {
    return make(TokenKind::Real, end - pos_);
  }
  size_t amount = digits;
  if (at(amount) == '.' && is_digit(at(amount + 1))) amount = scan_digits(text_, amount + 1);
  const size_t unit = scan_time_unit(text_, amount);
  if (unit > amount) return make(TokenKind::TimeSpan, unit - pos_);
  if (text_[pos_] == '0' && (at(pos_ + 1) == 'x' || at(pos_ + 1) == 'X')) {
    size_t hex = pos_ + 2;
    while (hex < text_.size() && is_hex(text_[hex])) hex++;
    if (hex > pos_ + 2 && ends_word(text_, hex)) return make(TokenKind::Long, hex - pos_);
  }
  if (ends_word(text_, digits)) return make(TokenKind::Long, digits - pos_);
  return word();  // a name that begins with digits
}

/// From after the opening quote to after the closing one; 0 with an error in error_.
size_t Lexer::scan_quoted(size_t pos, char quote) {
  while (pos < text_.size()) {
    const char c = text_[pos];
    if (c == quote) return pos + 1;
    if (c == '\n' || c == '\r') break;
    if (c == '\\') {
      const size_t length = escape_length(text_, pos);
      if (length == 0) {
        error_ = "unknown escape sequence '" + std::string(text_.substr(pos, 2)) +
                 "' in a string literal; write '\\\\' for a backslash, or a verbatim literal @\"…\"";
        return 0;
      }
      pos += length;
    } else {
      pos++;
    }
  }
  error_ = std::string("a string literal without its closing ") + quote;
  return 0;
}

size_t Lexer::scan_verbatim(size_t pos, char quote) {
  for (; pos < text_.size() && text_[pos] != '\n' && text_[pos] != '\r'; pos++) {
    if (text_[pos] != quote) continue;
    if (at(pos + 1) != quote) return pos + 1;
    pos++;
  }
  error_ = std::string("a string literal without its closing ") + quote;
  return 0;
}

/// `prefix`: the bytes of `h`, `@` or `h@` before the quote.
Token Lexer::string_literal(size_t prefix) {
  const size_t quote = pos_ + prefix;
  const char c = text_[quote];
  if (c == '`' || c == '~') {
    const std::string_view fence = c == '`' ? "```" : "~~~";
    const size_t close = text_.find(fence, quote + 3);
    if (close == std::string_view::npos)
      return bad(prefix + 3, "a multi-line string literal without its closing " + std::string(fence));
    Token token = make(TokenKind::String, close + 3 - pos_);
    for (size_t i = static_cast<size_t>(token.span.offset); i < pos_; i++)
      if (text_[i] == '\n') new_line(i + 1);
    return token;
  }
  const bool verbatim = prefix > 0 && text_[quote - 1] == '@';
  const size_t end = verbatim ? scan_verbatim(quote + 1, c) : scan_quoted(quote + 1, c);
  if (end == 0) return bad(prefix + 1, std::move(error_));
  return make(TokenKind::String, end - pos_);
}

Token Lexer::next() {
  skip_space();
  if (pos_ >= text_.size()) return make(TokenKind::End, 0);
  const char c = text_[pos_];
  const auto opens_string = [&](size_t pos) {
    return at(pos) == '"' || at(pos) == '\'' || starts_with_at(text_, pos, "```") ||
           starts_with_at(text_, pos, "~~~");
  };
  if (opens_string(pos_)) return string_literal(0);
  if (c == '@' && opens_string(pos_ + 1)) return string_literal(1);
  if (c == 'h' || c == 'H') {
    if (opens_string(pos_ + 1)) return string_literal(1);
    if (at(pos_ + 1) == '@' && opens_string(pos_ + 2)) return string_literal(2);
  }
  Token token;
  if (sign(token)) return make(token.kind, static_cast<size_t>(token.span.length));
  if (is_hex(c) && is_raw_guid(text_, pos_)) return make(TokenKind::RawGuid, kRawGuidLength);
  if (is_digit(c)) return number();
  if (is_word_start(c) || (c == '!' && is_letter(at(pos_ + 1)))) return word();
  size_t length = 1;
  while (pos_ + length < text_.size() && (static_cast<unsigned char>(text_[pos_ + length]) & 0xC0) == 0x80)
    length++;
  return bad(length, "unexpected character '" + std::string(text_.substr(pos_, length)) + "'");
}

}  // namespace spillway::kql::syntax
