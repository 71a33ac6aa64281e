#include "commands/reader.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <set>
#include <utility>

#include "commands/names.h"
#include "kql/syntax/literals.h"

namespace spillway::commands {
namespace {

bool is_word_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
}

char lower(char c) {
  return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
}

/// What was found, for "expected …, found …": never the inside of a string, nor anything that may have been
/// meant to be in one, behind the address of a store.
std::string found_text(const Token& token, std::string_view before) {
  constexpr size_t kLongestQuoted = 40;
  if (token.kind == TokenKind::End) return "the end of the command";
  if (token.kind == TokenKind::String || before.find("://") != std::string_view::npos) {
    return kql::syntax::describe(token.kind);
  }
  if (token.text.size() > kLongestQuoted)
    return "'" + std::string(token.text.substr(0, kLongestQuoted)) + "…'";
  return "'" + std::string(token.text) + "'";
}

}  // namespace

bool same_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

std::string lower_case(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), lower);
  return out;
}

TextSpan span_at(std::string_view text, size_t offset, size_t length) {
  const std::string_view before = text.substr(0, offset);
  const size_t line_start = before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
  const auto begins_character = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; };
  TextSpan span;
  span.line = 1 + static_cast<int>(std::count(before.begin(), before.end(), '\n'));
  span.column = 1 + static_cast<int>(std::count_if(before.begin() + static_cast<std::ptrdiff_t>(line_start),
                                                   before.end(), begins_character));
  span.offset = static_cast<int>(before.size());
  span.length = static_cast<int>(length);
  return span;
}

Error relocate(Error error, std::string_view text, size_t offset) {
  if (error.span) {
    error.span = span_at(text, offset + static_cast<size_t>(error.span->offset),
                         static_cast<size_t>(error.span->length));
  }
  return error;
}

Reader::Reader(std::string_view text, size_t start) : text_(text), lexer_(text, start) {
  advance();
}

void Reader::advance() {
  token_ = lexer_.next();
  bad_ = token_.kind == TokenKind::Bad ? lexer_.error() : std::string();
}

void Reader::skip_to(size_t offset) {
  while (!at_end() && this->offset() < offset) advance();
}

std::string_view Reader::peek_word() const {
  if (token_.kind != TokenKind::Word && token_.kind != TokenKind::Bool) return {};
  size_t end = offset();
  while (end < text_.size() &&
         (is_word_character(text_[end]) ||
          (text_[end] == '-' && end + 1 < text_.size() && is_word_character(text_[end + 1])))) {
    ++end;
  }
  return text_.substr(offset(), end - offset());
}

bool Reader::next_is(std::string_view keyword) const {
  return same_ignoring_case(peek_word(), keyword);
}

bool Reader::accept(std::string_view keyword) {
  if (!next_is(keyword)) return false;
  skip_to(offset() + keyword.size());
  return true;
}

bool Reader::accept(TokenKind sign) {
  if (token_.kind != sign) return false;
  advance();
  return true;
}

Status Reader::expect(std::string_view keyword) {
  if (accept(keyword)) return Status();
  return expected("'" + std::string(keyword) + "'");
}

Status Reader::expect(TokenKind sign) {
  if (accept(sign)) return Status();
  return expected(kql::syntax::describe(sign));
}

Result<std::string> Reader::expect_one_of(std::initializer_list<std::string_view> keywords) {
  std::string list;
  for (std::string_view keyword : keywords) {
    if (accept(keyword)) return std::string(keyword);
    list += (list.empty() ? "'" : ", '") + std::string(keyword) + "'";
  }
  return expected((keywords.size() > 1 ? "one of " : "") + list);
}

bool Reader::next_is_name() const {
  return token_.kind == TokenKind::Word || token_.kind == TokenKind::Bool ||
         token_.kind == TokenKind::String || token_.kind == TokenKind::OpenBracket;
}

Result<Name> Reader::name(const char* what) {
  const size_t begin = offset();
  Name name;
  if (token_.kind == TokenKind::Word || token_.kind == TokenKind::Bool) {
    name.text = std::string(token_.text);
    name.span = token_.span;
    advance();
    return name;
  }
  const bool bracketed = accept(TokenKind::OpenBracket);
  if (token_.kind != TokenKind::String) return expected(what);
  // Only one literal: what follows a name in quotes may be another string.
  kql::syntax::append_string(token_, name.text);
  size_t end = offset() + token_.text.size();
  advance();
  if (bracketed) {
    end = offset() + 1;
    SPILLWAY_TRY(expect(TokenKind::CloseBracket));
  }
  name.span = span_at(text_, begin, end - begin);
  return name;
}

Result<std::vector<Name>> Reader::names(const char* what) {
  std::vector<Name> names;
  SPILLWAY_TRY(expect(TokenKind::OpenParen));
  do {
    SPILLWAY_ASSIGN(Name next, name(what));
    names.push_back(std::move(next));
  } while (accept(TokenKind::Comma));
  SPILLWAY_TRY(expect(TokenKind::CloseParen));
  return names;
}

Result<std::string> Reader::string(const char* what) {
  if (token_.kind != TokenKind::String) return expected(what);
  std::string value;
  for (; token_.kind == TokenKind::String; advance()) kql::syntax::append_string(token_, value);
  return value;
}

Result<int64_t> Reader::integer(const char* what) {
  int64_t value = 0;
  const std::string_view digits = token_.text;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (token_.kind != TokenKind::Long || error != std::errc() || end != digits.data() + digits.size()) {
    return expected(what);
  }
  advance();
  return value;
}

Result<Guid> Reader::guid(const char* what) {
  std::string digits(token_.text);
  if (token_.kind == TokenKind::Guid) {
    const size_t open = digits.find('(');
    digits = digits.substr(open + 1, digits.size() - open - 2);
  } else if (token_.kind == TokenKind::String) {
    digits = digits.size() >= 2 ? digits.substr(1, digits.size() - 2) : digits;
  } else if (token_.kind != TokenKind::RawGuid) {
    return expected(what);
  }
  const std::optional<Guid> guid = Guid::parse(digits);
  if (!guid) return expected(what);
  advance();
  return *guid;
}

Result<bool> Reader::boolean(const char* what) {
  if (accept("true")) return true;
  if (accept("false")) return false;
  return expected(what);
}

Result<Type> Reader::type() {
  // A .NET name has dots: System.Int64.
  size_t end = offset();
  while (end < text_.size() && (is_word_character(text_[end]) || text_[end] == '.')) ++end;
  const std::optional<Type> type = parse_type(text_.substr(offset(), end - offset()));
  if (!type)
    return expected("a type (bool, int, long, real, decimal, string, datetime, timespan, guid or dynamic)");
  skip_to(end);
  return *type;
}

Result<std::vector<catalog::Column>> Reader::schema() {
  std::vector<catalog::Column> columns;
  std::set<std::string> seen;
  SPILLWAY_TRY(expect(TokenKind::OpenParen));
  do {
    SPILLWAY_ASSIGN(const Name column, name("a column name"));
    SPILLWAY_TRY(check_name("column", column));
    if (!seen.insert(column.text).second) {
      return Error{ErrorCode::BadRequest, "column '" + column.text + "' is there twice", column.span};
    }
    SPILLWAY_TRY(expect(TokenKind::Colon));
    catalog::Column next;
    next.name = column.text;
    SPILLWAY_ASSIGN(next.type, type());
    columns.push_back(std::move(next));
  } while (accept(TokenKind::Comma));
  SPILLWAY_TRY(expect(TokenKind::CloseParen));
  return columns;
}

Result<std::string> Reader::until_closing() {
  const size_t begin = offset();
  size_t end = begin;
  int depth = 0;
  while (depth > 0 || token_.kind != TokenKind::CloseParen) {
    if (at_end() || token_.kind == TokenKind::Bad) return expected("')'");
    if (token_.kind == TokenKind::OpenParen) ++depth;
    if (token_.kind == TokenKind::CloseParen) --depth;
    end = offset() + token_.text.size();
    advance();
  }
  return std::string(text_.substr(begin, end - begin));
}

Status Reader::end() {
  if (pipe_allowed_ && token_.kind == TokenKind::Bar) return Status();
  const bool semicolon = accept(TokenKind::Semicolon);
  if (at_end()) return Status();
  return expected(semicolon ? "nothing after ';'" : "the end of the command");
}

Result<Reader::Tail> Reader::tail() {
  if (token_.kind != TokenKind::LessBar) return expected("'<|'");
  const size_t begin = offset() + token_.text.size();
  advance();
  if (at_end()) return expected("a query after '<|'");
  return Tail{text_.substr(begin), begin};
}

Result<Reader::Tail> Reader::braces() {
  SPILLWAY_TRY(expect(TokenKind::OpenBrace));
  const size_t begin = offset();
  int depth = 0;
  while (depth > 0 || token_.kind != TokenKind::CloseBrace) {
    if (at_end() || token_.kind == TokenKind::Bad) return expected("'}'");
    if (token_.kind == TokenKind::OpenBrace) ++depth;
    if (token_.kind == TokenKind::CloseBrace) --depth;
    advance();
  }
  const Tail inside{text_.substr(begin, offset() - begin), begin};
  advance();
  return inside;
}

Reader::Tail Reader::rest() const {
  return {text_.substr(offset()), offset()};
}

Error Reader::expected(std::string_view what) const {
  const std::string message =
      token_.kind == TokenKind::Bad
          ? bad_
          : "expected " + std::string(what) + ", found " + found_text(token_, text_.substr(0, offset()));
  return Error{ErrorCode::Syntax, message, token_.span};
}

}  // namespace spillway::commands
