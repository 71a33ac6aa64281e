#include "kql/syntax/parser.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "kql/syntax/literals.h"
#include "kql/syntax/parser_internal.h"

namespace spillway::kql::syntax {
namespace {

/// The first byte of `text` that isn't UTF-8, or npos.
size_t find_invalid_utf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x80) {
      i++;
      continue;
    }
    const size_t length = c >= 0xC2 && c <= 0xDF   ? 2
                          : (c & 0xF0) == 0xE0     ? 3
                          : c >= 0xF0 && c <= 0xF4 ? 4
                                                   : 0;
    if (length == 0 || i + length > text.size()) return i;
    for (size_t k = 1; k < length; k++)
      if ((static_cast<unsigned char>(text[i + k]) & 0xC0) != 0x80) return i;
    const auto second = static_cast<unsigned char>(text[i + 1]);
    const bool overlong = (c == 0xE0 && second < 0xA0) || (c == 0xF0 && second < 0x90);
    const bool surrogate = c == 0xED && second >= 0xA0;
    const bool too_large = c == 0xF4 && second >= 0x90;
    if (overlong || surrogate || too_large) return i;
    i += length;
  }
  return std::string_view::npos;
}

TextSpan span_at(std::string_view text, size_t offset) {
  TextSpan span{1, 1, static_cast<int>(offset), 1};
  for (size_t i = 0; i < offset; i++) {
    if (text[i] == '\n') {
      span.line++;
      span.column = 1;
    } else if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) {
      span.column++;
    }
  }
  return span;
}

/// Insertions, deletions and replacements between two words, at most `most` + 1.
size_t edit_distance(std::string_view a, std::string_view b, size_t most) {
  if (a.size() > b.size() + most || b.size() > a.size() + most) return most + 1;
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); i++) {
    size_t diagonal = row[0]++;
    for (size_t k = 1; k <= b.size(); k++) {
      const size_t replaced = diagonal + (a[i - 1] == b[k - 1] ? 0 : 1);
      diagonal = row[k];
      row[k] = std::min({row[k] + 1, row[k - 1] + 1, replaced});
    }
  }
  return row.back();
}

const std::vector<std::string_view> kTypeNames = {"bool", "datetime", "decimal", "dynamic", "guid",
                                                  "int",  "long",     "real",    "string",  "timespan"};

constexpr size_t kMaxQuotedText = 60;  // of an offending token in a message

std::string quoted(const Token& token) {
  if (token.kind == TokenKind::End) return "the end of the text";
  if (token.kind == TokenKind::String && is_obfuscated(token)) return "an obfuscated string literal";
  if (token.text.size() <= kMaxQuotedText) return "'" + std::string(token.text) + "'";
  size_t length = kMaxQuotedText;
  while (length > 0 && (static_cast<unsigned char>(token.text[length]) & 0xC0) == 0x80) length--;
  return "'" + std::string(token.text.substr(0, length)) + "…'";
}

}  // namespace

std::string nearest(std::string_view word, const std::vector<std::string_view>& names) {
  constexpr size_t kMaxWord = 64;
  if (word.empty() || word.size() > kMaxWord) return {};
  const size_t most = word.size() <= 3 ? 1 : word.size() <= 6 ? 2 : 3;
  std::string_view best;
  size_t distance = most + 1;
  for (std::string_view name : names) {
    const size_t d = edit_distance(word, name, most);
    if (d < distance) {
      distance = d;
      best = name;
    }
  }
  return std::string(best);
}

Parser::Parser(std::string_view text, size_t start, Extent extent) {
  start = std::min(start, text.size());
  std::string_view part = text.substr(start);
  if (extent == Extent::Query && part.size() > kMaxQueryLength) {
    tokens_.emplace_back();
    fail_limit("is longer than " + std::to_string(kMaxQueryLength) + " bytes");
    return;
  }
  Lexer lexer(text, start);
  constexpr size_t kBytesPerToken = 5;  // about, in ordinary queries
  if (extent == Extent::Query) tokens_.reserve(part.size() / kBytesPerToken + 8);
  do {
    tokens_.push_back(lexer.next());
    Token end = tokens_.back();
    end.kind = TokenKind::End;
    if (tokens_.back().kind == TokenKind::Bad) {
      bad_token_ = lexer.error();
      tokens_.push_back(end);
    } else if (tokens_.back().kind == TokenKind::LessBar && extent == Extent::Command) {
      end.span.offset += end.span.length;
      end.span.column += end.span.length;
      end.span.length = 0;
      end.text = {};
      tokens_.push_back(end);
    }
  } while (tokens_.back().kind != TokenKind::End && tokens_.size() <= kMaxTokens);
  if (tokens_.back().kind != TokenKind::End) {
    tokens_.back() = Token();
    fail_limit("has more than " + std::to_string(kMaxTokens) + " tokens");
    return;
  }
  const TextSpan& last = tokens_.back().span;
  part = part.substr(0, static_cast<size_t>(last.offset + last.length) - start);
  if (const size_t invalid = find_invalid_utf8(part); invalid != std::string_view::npos)
    fail(span_at(text, start + invalid), "the text is not valid UTF-8");
}

// Tokens.

const Token& Parser::advance() {
  const Token& token = peek();
  if (token.kind == TokenKind::Bad) {
    fail(token.span, bad_token_);
    return tokens_.back();
  }
  if (pos_ + 1 < tokens_.size()) pos_++;
  return token;
}

bool Parser::accept(TokenKind kind) {
  if (!at(kind) || kind == TokenKind::End) return false;
  advance();
  return true;
}

bool Parser::accept(Keyword keyword) {
  if (!at(keyword)) return false;
  advance();
  return true;
}

/// How many tokens from here on spell `signs`, without space between them; 0 where they don't.
size_t Parser::signs_at(std::string_view signs) const {
  size_t count = 0;
  for (; !signs.empty(); count++) {
    const Token& token = peek(count);
    if (token.text.empty() || (count > 0 && token.space_before) || !signs.starts_with(token.text)) return 0;
    signs.remove_prefix(token.text.size());
  }
  return count;
}

bool Parser::accept_signs(std::string_view signs) {
  const size_t count = signs_at(signs);
  for (size_t i = 0; i < count; i++) advance();
  return count > 0;
}

void Parser::expect(TokenKind kind) {
  if (!accept(kind)) fail_expected(describe(kind));
}

void Parser::expect(Keyword keyword) {
  if (!accept(keyword)) fail_expected("'" + std::string(spelling(keyword)) + "'");
}

void Parser::fail(const TextSpan& span, std::string message, ErrorCode code) {
  if (!error_) error_ = Error(code, std::move(message), span);
  pos_ = tokens_.size() - 1;
}

void Parser::fail_nesting() {
  fail(peek().span, "the query is nested deeper than " + std::to_string(kMaxNesting) + " levels",
       ErrorCode::LimitExceeded);
}

void Parser::fail_limit(const std::string& what) {
  fail(tokens_.front().span, "the query " + what, ErrorCode::LimitExceeded);
}

void Parser::fail_expected(std::string_view expected) {
  const Token& found = peek();
  if (found.kind == TokenKind::Bad) return fail(found.span, bad_token_);
  fail(found.span, "expected " + std::string(expected) + " but found " + quoted(found));
}

/// From a token to the last one that was taken.
TextSpan Parser::span_from(size_t first) const {
  const size_t last = pos_ > first ? pos_ - 1 : first;
  TextSpan span = tokens_[std::min(first, tokens_.size() - 1)].span;
  const TextSpan& end = tokens_[std::min(last, tokens_.size() - 1)].span;
  span.length = std::max(span.length, end.offset + end.length - span.offset);
  return span;
}

// Names.

/// How many tokens of a name stand here; 0 for none.
size_t Parser::name_length(NameKind kind, size_t ahead) const {
  const Token& token = peek(ahead);
  if (token.kind == TokenKind::Word) {
    const bool usable =
        token.use == NameUse::Name || (kind == NameKind::Declared && token.use == NameUse::Declared);
    return usable ? 1 : 0;
  }
  if (token.kind != TokenKind::OpenBracket) return 0;
  size_t length = 1;
  while (at(TokenKind::String, ahead + length)) length++;
  return length > 1 && at(TokenKind::CloseBracket, ahead + length) ? length + 1 : 0;
}

Name Parser::name(NameKind kind) {
  const size_t first = pos_;
  const size_t length = name_length(kind);
  Name result;
  if (length == 0) {
    const Token& token = peek();
    if (token.kind == TokenKind::Word)
      fail(token.span, "expected a name but found the keyword '" + std::string(token.text) + "'; write ['" +
                           std::string(token.text) + "'] to use it as a name");
    else
      fail_expected("a name");
    return result;
  }
  if (length == 1) {
    result.text = advance().text;
  } else {
    result.escaped = true;
    advance();
    while (at(TokenKind::String)) append_string(advance(), result.text);
    advance();
  }
  result.span = span_from(first);
  return result;
}

/// A word of any kind, as a value: `kind = inner`.
Name Parser::any_word() {
  if (!at(TokenKind::Word)) return name(NameKind::Declared);
  const Token& token = advance();
  Name result;
  result.text = token.text;
  result.span = token.span;
  return result;
}

/// How many tokens of a name with a `*` in it stand here; 0 for none. Its parts have no space between them.
size_t Parser::wildcard_length(size_t ahead) const {
  const auto word_at = [&](size_t n) {
    return at(TokenKind::Word, n) && (peek(n).use == NameUse::Name || peek(n).use == NameUse::Declared);
  };
  const auto touches = [&](size_t n) { return !peek(n).space_before; };
  size_t length = 0;
  if (at(TokenKind::Star, ahead))
    length = 1;
  else if (word_at(ahead) && at(TokenKind::Star, ahead + 1) && touches(ahead + 1))
    length = 2;
  else
    return 0;
  for (size_t n = ahead + length;
       touches(n) && (at(TokenKind::Star, n) || at(TokenKind::Long, n) || word_at(n)); n++)
    length++;
  return length;
}

Name Parser::pattern(size_t length) {
  const size_t first = pos_;
  Name result;
  result.wildcard = true;
  for (size_t i = 0; i < length; i++) result.text += advance().text;
  result.span = span_from(first);
  return result;
}

Name Parser::name_or_pattern() {
  const size_t length = wildcard_length();
  return length > 0 ? pattern(length) : name(NameKind::Reference);
}

/// Adjacent string literals are one.
std::string Parser::string_literal() {
  std::string text;
  if (!at(TokenKind::String)) fail_expected("a string literal");
  while (at(TokenKind::String)) append_string(advance(), text);
  return text;
}

/// `guid(…)` or only its digits.
Guid Parser::guid_literal() {
  const Token& token = peek();
  std::optional<Guid> guid;
  if (token.kind == TokenKind::RawGuid) {
    guid = Guid::parse(token.text);
  } else if (token.kind == TokenKind::Guid) {
    const Result<Value> value = literal_value(token);
    if (value.ok() && !value->is_null()) guid = value->as_guid();
  }
  if (!guid) {
    fail_expected("a guid literal");
    return {};
  }
  advance();
  return *guid;
}

// Types and schemas.

Type Parser::type() {
  const Token& token = peek();
  if (token.kind != TokenKind::Word) {
    fail_expected("a type");
    return Type::String;
  }
  if (const auto parsed = parse_type(token.text)) {
    advance();
    return *parsed;
  }
  const std::string near = nearest(token.text, kTypeNames);
  fail(token.span, "unknown type '" + std::string(token.text) + "'" +
                       (near.empty() ? std::string("; there are bool, datetime, decimal, dynamic, guid, int, "
                                                   "long, real, string and timespan")
                                     : "; did you mean '" + near + "'?"));
  return Type::String;
}

/// `typeof(long)`.
Type Parser::type_of_literal() {
  expect(Keyword::TypeOf);
  expect(TokenKind::OpenParen);
  const Type result = type();
  expect(TokenKind::CloseParen);
  return result;
}

/// After the opening parenthesis: columns, `*` among them, up to and with `close`. A comma may stand before
/// the first and after the last.
RowSchema Parser::row_schema_items(TokenKind close, size_t first) {
  RowSchema schema;
  accept(TokenKind::Comma);
  while (!at(close) && !failed()) {
    if (accept(TokenKind::Star)) {
      schema.open = true;
    } else {
      const size_t start = pos_;
      ColumnDecl column;
      column.name = name(NameKind::Declared);
      expect(TokenKind::Colon);
      column.type = type();
      column.span = span_from(start);
      schema.columns.push_back(std::move(column));
    }
    if (!accept(TokenKind::Comma)) break;
  }
  expect(close);
  schema.span = span_from(first);
  return schema;
}

RowSchema Parser::row_schema() {
  const size_t first = pos_;
  if (!accept(TokenKind::OpenParen)) {
    fail_expected("a schema like '(name:type, …)'");
    return {};
  }
  return row_schema_items(TokenKind::CloseParen, first);
}

// Properties.

/// Tokens of `hint.name` before a `=`, or 0.
size_t Parser::hint_length() const {
  const bool hint = at_word("hint") && at(TokenKind::Dot, 1) && !peek(1).space_before &&
                    at(TokenKind::Word, 2) && !peek(2).space_before && at(TokenKind::Equal, 3);
  return hint ? 3 : 0;
}

/// True at `name =` where name is one of `names`, a hint, or an internal option (`__isFuzzy`), which every
/// operator takes.
bool Parser::property_at(std::initializer_list<std::string_view> names) const {
  if (hint_length() > 0) return true;
  if (!at(TokenKind::Word) || !at(TokenKind::Equal, 1)) return false;
  const std::string_view word = peek().text;
  static constexpr std::array<std::string_view, 10> kEverywhere = {
      "__crossCluster", "__crossDB",           "__id",       "__isFuzzy",    "__noWithSource",
      "__packedColumn", "__sourceColumnIndex", "bin_legacy", "decodeblocks", "expandoutput"};
  const auto contains = [&](const auto& list) {
    return std::find(list.begin(), list.end(), word) != list.end();
  };
  return contains(names) || contains(kEverywhere);
}

Properties Parser::parameters(std::initializer_list<std::string_view> names) {
  Properties properties;
  while (property_at(names)) properties.push_back(parameter());
  return properties;
}

/// At `name = value`.
Property Parser::parameter() {
  const size_t first = pos_;
  Property property;
  const size_t parts = std::max(hint_length(), size_t{1});
  for (size_t i = 0; i < parts; i++) property.name.text += advance().text;
  property.name.span = span_from(first);
  expect(TokenKind::Equal);
  property.value = property_value();
  property.span = span_from(first);
  return property;
}

/// A literal, or a word of any kind as a name.
ExprPtr Parser::property_value() {
  switch (peek().kind) {
    case TokenKind::Word:
    case TokenKind::OpenBracket: {
      if (at(Keyword::TypeDynamic) || (at(Keyword::TypeOf) && at(TokenKind::OpenParen, 1))) return unnamed();
      Level level(*this);
      const size_t first = pos_;
      auto value = std::make_unique<NameExpr>();
      value->name = any_word();
      return finish(std::move(value), first);
    }
    case TokenKind::Plus:
    case TokenKind::Minus: return signed_operand();
    default: {
      Level level(*this);
      return literal();
    }
  }
}

/// `name = value` inside `with (…)`; the name may be any word.
Property Parser::with_property() {
  const size_t first = pos_;
  Property property;
  property.name = any_word();
  expect(TokenKind::Equal);
  property.value = property_value();
  property.span = span_from(first);
  return property;
}

/// After `with`: `(name = value, …)`; a comma may stand after the last.
Properties Parser::with_properties() {
  Properties properties;
  expect(TokenKind::OpenParen);
  accept(TokenKind::Comma);
  while (!at(TokenKind::CloseParen) && !failed()) {
    properties.push_back(with_property());
    if (!accept(TokenKind::Comma)) break;
  }
  expect(TokenKind::CloseParen);
  return properties;
}

Status Parser::finished() {
  if (!failed() && !at(TokenKind::End)) {
    const Token& token = peek();
    if (token.kind == TokenKind::Bad)
      fail(token.span, bad_token_);
    else
      fail(token.span, "unexpected " + quoted(token));
  }
  if (error_) return *error_;
  return {};
}

// The public functions.

Result<Query> parse_query(std::string_view text, size_t start) {
  Parser parser(text, start);
  Query query = parser.query();
  SPILLWAY_TRY(parser.finished());
  return query;
}

Result<ExprPtr> parse_expression(std::string_view text, size_t start) {
  Parser parser(text, start);
  ExprPtr expr = parser.expression();
  SPILLWAY_TRY(parser.finished());
  return expr;
}

Result<std::vector<OperatorPtr>> parse_operators(std::string_view text, size_t start) {
  Parser parser(text, start);
  std::vector<OperatorPtr> operators = parser.operators();
  SPILLWAY_TRY(parser.finished());
  return operators;
}

Result<std::unique_ptr<FunctionExpr>> parse_function(std::string_view text, size_t start) {
  Parser parser(text, start);
  std::unique_ptr<FunctionExpr> function = parser.function();
  SPILLWAY_TRY(parser.finished());
  return function;
}

Result<RowSchema> parse_row_schema(std::string_view text, size_t start) {
  Parser parser(text, start);
  RowSchema schema = parser.row_schema();
  SPILLWAY_TRY(parser.finished());
  return schema;
}

}  // namespace spillway::kql::syntax
