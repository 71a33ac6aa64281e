#include "kql/syntax/token_stream.h"

#include "kql/syntax/literals.h"
#include "kql/syntax/parser_internal.h"

namespace spillway::kql::syntax {

TokenStream::TokenStream(std::string_view text, size_t start)
    : text_(text), parser_(std::make_unique<Parser>(text, start, Parser::Extent::Command)) {}

TokenStream::~TokenStream() = default;

const Token& TokenStream::peek(size_t ahead) const {
  return parser_->peek(ahead);
}

/// How many tokens from here on, without space between them, are `word`; 0 where they are something else. A
/// word that goes on after it, with a dash or otherwise, is another one.
size_t TokenStream::word_length(std::string_view word) const {
  const size_t count = peek().kind == TokenKind::Word ? parser_->signs_at(word) : 0;
  if (count == 0 || peek(count).space_before) return count;
  const bool longer = peek(count).kind == TokenKind::Minus || peek(count).kind == TokenKind::Word;
  return longer ? 0 : count;
}

bool TokenStream::at_word(std::string_view word) const {
  return word_length(word) > 0;
}

bool TokenStream::accept(TokenKind kind) {
  return parser_->accept(kind);
}

bool TokenStream::accept_word(std::string_view word) {
  const size_t count = word_length(word);
  for (size_t i = 0; i < count; i++) parser_->advance();
  return count > 0;
}

void TokenStream::expect(TokenKind kind) {
  parser_->expect(kind);
}

void TokenStream::expect_word(std::string_view word) {
  if (!accept_word(word)) fail_expected("'" + std::string(word) + "'");
}

std::string TokenStream::word() {
  std::string result;
  while (at(TokenKind::Word) || (!result.empty() && at(TokenKind::Minus))) {
    if (!result.empty() && peek().space_before) break;
    result += parser_->advance().text;
  }
  return result;
}

Name TokenStream::name() {
  if (!at(TokenKind::String)) return parser_->any_word();
  const StringLiteral literal = string_literal();
  return {literal.text, literal.span, true, false};
}

std::vector<Name> TokenStream::names() {
  std::vector<Name> list;
  expect(TokenKind::OpenParen);
  do list.push_back(name());
  while (accept(TokenKind::Comma));
  expect(TokenKind::CloseParen);
  return list;
}

StringLiteral TokenStream::string_literal() {
  StringLiteral result;
  const size_t first = parser_->pos_;
  for (size_t i = 0; peek(i).kind == TokenKind::String; i++)
    if (is_obfuscated(peek(i))) result.obfuscated = true;
  result.text = parser_->string_literal();
  result.span = parser_->span_from(first);
  return result;
}

Value TokenStream::literal() {
  const TextSpan span = peek().span;
  ExprPtr value =
      at(TokenKind::Word) && peek().keyword != Keyword::TypeDynamic ? nullptr : parser_->unnamed();
  if (parser_->failed()) return {};
  if (value && value->kind == ExprKind::Literal) return value->as<LiteralExpr>().value;
  if (value)
    fail(span, "expected a literal");
  else
    fail_expected("a literal");
  return {};
}

CommandProperty TokenStream::property() {
  CommandProperty result;
  const size_t first = parser_->pos_;
  // A property's name may be dotted: "hint.spread".
  result.name = name().text;
  while (accept(TokenKind::Dot)) result.name += "." + name().text;
  expect(TokenKind::Equal);
  const size_t start = parser_->pos_;
  if (at(TokenKind::Word) && peek().keyword != Keyword::TypeDynamic) {
    result.value = Value::string(word());
  } else {
    for (size_t i = 0; peek(i).kind == TokenKind::String; i++)
      if (is_obfuscated(peek(i))) result.obfuscated = true;
    result.value = literal();
  }
  result.value_span = parser_->span_from(start);
  result.span = parser_->span_from(first);
  return result;
}

std::vector<CommandProperty> TokenStream::properties() {
  std::vector<CommandProperty> list;
  expect(TokenKind::OpenParen);
  while (!at(TokenKind::CloseParen) && !parser_->failed()) {
    list.push_back(property());
    if (!accept(TokenKind::Comma)) break;
  }
  expect(TokenKind::CloseParen);
  return list;
}

RowSchema TokenStream::row_schema() {
  return parser_->row_schema();
}

Type TokenStream::type() {
  return parser_->type();
}

ExprPtr TokenStream::expression() {
  return parser_->unnamed();
}

std::string_view TokenStream::balanced() {
  const size_t begin = static_cast<size_t>(peek().span.offset);
  std::vector<TokenKind> open;
  do {
    switch (peek().kind) {
      case TokenKind::OpenParen: open.push_back(TokenKind::CloseParen); break;
      case TokenKind::OpenBracket: open.push_back(TokenKind::CloseBracket); break;
      case TokenKind::OpenBrace: open.push_back(TokenKind::CloseBrace); break;
      case TokenKind::CloseParen:
      case TokenKind::CloseBracket:
      case TokenKind::CloseBrace:
        if (open.empty() || open.back() != peek().kind) {
          fail_expected(open.empty() ? "'(', '[' or '{'" : describe(open.back()));
          return {};
        }
        open.pop_back();
        break;
      default:
        if (open.empty() || at_end()) {
          fail_expected(open.empty() ? "'(', '[' or '{'" : describe(open.back()));
          return {};
        }
    }
    parser_->advance();
  } while (!open.empty() && !parser_->failed());
  if (parser_->failed()) return {};
  return text_.substr(begin, position() - begin);
}

size_t TokenStream::position() const {
  if (parser_->pos_ == 0) return static_cast<size_t>(peek().span.offset);
  const TextSpan& last = parser_->tokens_[parser_->pos_ - 1].span;
  return static_cast<size_t>(last.offset + last.length);
}

std::string_view TokenStream::rest() const {
  return text_.substr(position());
}

void TokenStream::fail_expected(std::string_view expected) {
  parser_->fail_expected(expected);
}

void TokenStream::fail(const TextSpan& span, std::string message) {
  parser_->fail(span, std::move(message));
}

Status TokenStream::status() const {
  return parser_->error_ ? Status(*parser_->error_) : Status();
}

Status TokenStream::finished() {
  return parser_->finished();
}

std::optional<size_t> find_pipe(std::string_view text, size_t start) {
  Lexer lexer(text, start);
  int depth = 0;
  while (true) {
    const Token token = lexer.next();
    switch (token.kind) {
      case TokenKind::End:
      case TokenKind::Bad:
      case TokenKind::LessBar: return std::nullopt;
      case TokenKind::OpenParen:
      case TokenKind::OpenBracket:
      case TokenKind::OpenBrace: depth++; break;
      case TokenKind::CloseParen:
      case TokenKind::CloseBracket:
      case TokenKind::CloseBrace: depth--; break;
      case TokenKind::Bar:
        if (depth == 0) return static_cast<size_t>(token.span.offset);
        break;
      default: break;
    }
  }
}

}  // namespace spillway::kql::syntax
