// Expressions, by precedence climbing. From loosest to tightest:
//   or · and · == != <> in has_any between (not chained) · < > <= >= (not chained) · + - · * / % ·
//   has contains =~ matches regex … (not chained) · sign · path a.b a[b] f(x)
#include <algorithm>

#include "kql/json.h"
#include "kql/syntax/literals.h"
#include "kql/syntax/parser_internal.h"

namespace spillway::kql::syntax {

namespace {

constexpr int kOr = 1, kAnd = 2, kEquality = 3, kRelational = 4, kAdditive = 5, kMultiplicative = 6,
              kString = 7;

}  // namespace

void Parser::add_level(Expr& node) {
  height_++;
  if (height_ > kMaxExpressionDepth)
    fail(node.span, "an expression is deeper than " + std::to_string(kMaxExpressionDepth) + " levels",
         ErrorCode::LimitExceeded);
  node.depth = static_cast<uint16_t>(std::min(height_, kMaxExpressionDepth));
}

// Operators.

Parser::BinaryInfo Parser::binary_info(const Token& token) {
  switch (token.kind) {
    case TokenKind::Word: return word_info(token.keyword);
    case TokenKind::Plus: return {.precedence = kAdditive, .op = BinaryOp::Add};
    case TokenKind::Minus: return {.precedence = kAdditive, .op = BinaryOp::Subtract};
    case TokenKind::Star: return {.precedence = kMultiplicative, .op = BinaryOp::Multiply};
    case TokenKind::Slash: return {.precedence = kMultiplicative, .op = BinaryOp::Divide};
    case TokenKind::Percent: return {.precedence = kMultiplicative, .op = BinaryOp::Modulo};
    case TokenKind::EqualEqual: return {.precedence = kEquality, .op = BinaryOp::Equal};
    case TokenKind::NotEqual:
    case TokenKind::LessGreater: return {.precedence = kEquality, .op = BinaryOp::NotEqual};
    case TokenKind::Less: return {.precedence = kRelational, .op = BinaryOp::Less};
    case TokenKind::LessEqual: return {.precedence = kRelational, .op = BinaryOp::LessOrEqual};
    case TokenKind::Greater: return {.precedence = kRelational, .op = BinaryOp::Greater};
    case TokenKind::GreaterEqual: return {.precedence = kRelational, .op = BinaryOp::GreaterOrEqual};
    case TokenKind::EqualTilde: return {.precedence = kString, .op = BinaryOp::EqualCi};
    case TokenKind::NotTilde: return {.precedence = kString, .op = BinaryOp::NotEqualCi};
    case TokenKind::Colon: return {.precedence = kString, .op = BinaryOp::Search};
    default: return {};
  }
}

Parser::BinaryInfo Parser::word_info(Keyword keyword) {
  const auto string = [](BinaryOp op) { return BinaryInfo{.precedence = kString, .op = op}; };
  const auto in = [](InOp op) { return BinaryInfo{.precedence = kEquality, .kind = ExprKind::In, .in = op}; };
  switch (keyword) {
    case Keyword::Or: return {.precedence = kOr, .kind = ExprKind::Logical};
    case Keyword::And: return {.precedence = kAnd, .kind = ExprKind::Logical};
    case Keyword::In: return in(InOp::In);
    case Keyword::NotIn: return in(InOp::NotIn);
    case Keyword::InCi: return in(InOp::InCi);
    case Keyword::NotInCi: return in(InOp::NotInCi);
    case Keyword::HasAny: return in(InOp::HasAny);
    case Keyword::HasAll: return in(InOp::HasAll);
    case Keyword::Between: return {.precedence = kEquality, .kind = ExprKind::Between};
    case Keyword::NotBetween: return {.precedence = kEquality, .kind = ExprKind::Between, .negated = true};
    case Keyword::Has: return string(BinaryOp::Has);
    case Keyword::NotHas: return string(BinaryOp::NotHas);
    case Keyword::HasCs: return string(BinaryOp::HasCs);
    case Keyword::NotHasCs: return string(BinaryOp::NotHasCs);
    case Keyword::HasPrefix: return string(BinaryOp::HasPrefix);
    case Keyword::NotHasPrefix: return string(BinaryOp::NotHasPrefix);
    case Keyword::HasPrefixCs: return string(BinaryOp::HasPrefixCs);
    case Keyword::NotHasPrefixCs: return string(BinaryOp::NotHasPrefixCs);
    case Keyword::HasSuffix: return string(BinaryOp::HasSuffix);
    case Keyword::NotHasSuffix: return string(BinaryOp::NotHasSuffix);
    case Keyword::HasSuffixCs: return string(BinaryOp::HasSuffixCs);
    case Keyword::NotHasSuffixCs: return string(BinaryOp::NotHasSuffixCs);
    case Keyword::Contains: return string(BinaryOp::Contains);
    case Keyword::NotContains:
    case Keyword::NotContainsOld: return string(BinaryOp::NotContains);
    case Keyword::ContainsCs:
    case Keyword::ContainsCsOld: return string(BinaryOp::ContainsCs);
    case Keyword::NotContainsCs:
    case Keyword::NotContainsCsOld: return string(BinaryOp::NotContainsCs);
    case Keyword::StartsWith: return string(BinaryOp::StartsWith);
    case Keyword::NotStartsWith: return string(BinaryOp::NotStartsWith);
    case Keyword::StartsWithCs: return string(BinaryOp::StartsWithCs);
    case Keyword::NotStartsWithCs: return string(BinaryOp::NotStartsWithCs);
    case Keyword::EndsWith: return string(BinaryOp::EndsWith);
    case Keyword::NotEndsWith: return string(BinaryOp::NotEndsWith);
    case Keyword::EndsWithCs: return string(BinaryOp::EndsWithCs);
    case Keyword::NotEndsWithCs: return string(BinaryOp::NotEndsWithCs);
    case Keyword::Like: return string(BinaryOp::Like);
    case Keyword::NotLike: return string(BinaryOp::NotLike);
    case Keyword::LikeCs: return string(BinaryOp::LikeCs);
    case Keyword::NotLikeCs: return string(BinaryOp::NotLikeCs);
    case Keyword::MatchesRegex: return string(BinaryOp::MatchesRegex);
    default: return {};
  }
}

/// A scalar expression, a name or a call: without pipes, except in parentheses.
ExprPtr Parser::unnamed() {
  Nesting nesting(*this);
  return binary(kOr);
}

ExprPtr Parser::binary(int least) {
  Level level(*this);
  const size_t first = pos_;
  ExprPtr left = operand();
  int most = kString;
  while (!failed()) {
    const BinaryInfo info = binary_info(peek());
    if (info.precedence < std::max(least, 1) || info.precedence > most) break;
    // `make-series … on t in range(…)`: the word belongs to the operator.
    if (at(Keyword::In) && at(Keyword::Range, 1)) break;
    switch (info.kind) {
      case ExprKind::Logical: left = logical_right(std::move(left), info, first); break;
      case ExprKind::In: left = in_right(std::move(left), info, first); break;
      case ExprKind::Between: left = between_right(std::move(left), info, first); break;
      default: left = binary_right(std::move(left), info, first); break;
    }
    const bool chained =
        info.precedence <= kAnd || info.precedence == kAdditive || info.precedence == kMultiplicative;
    most = chained ? info.precedence : info.precedence - 1;
  }
  return left;
}

ExprPtr Parser::binary_right(ExprPtr left, const BinaryInfo& info, size_t first) {
  auto node = std::make_unique<BinaryExpr>();
  node->op = info.op;
  node->left = std::move(left);
  node->op_span = advance().span;
  node->right = info.precedence == kString ? signed_operand() : binary(info.precedence + 1);
  return finish(std::move(node), first);
}

ExprPtr Parser::logical_right(ExprPtr left, const BinaryInfo& info, size_t first) {
  const Keyword keyword = peek().keyword;
  auto node = std::make_unique<LogicalExpr>();
  node->op = keyword == Keyword::And ? LogicalOp::And : LogicalOp::Or;
  node->operands.push_back(std::move(left));
  while (accept(keyword)) node->operands.push_back(binary(info.precedence + 1));
  return finish(std::move(node), first);
}

/// A list, or one tabular expression.
ExprPtr Parser::in_right(ExprPtr left, const BinaryInfo& info, size_t first) {
  auto node = std::make_unique<InExpr>();
  node->op = info.in;
  node->left = std::move(left);
  node->op_span = advance().span;
  expect(TokenKind::OpenParen);
  node->list.push_back(expression());
  while (accept(TokenKind::Comma)) node->list.push_back(unnamed());
  expect(TokenKind::CloseParen);
  return finish(std::move(node), first);
}

ExprPtr Parser::between_right(ExprPtr left, const BinaryInfo& info, size_t first) {
  auto node = std::make_unique<BetweenExpr>();
  node->negated = info.negated;
  node->value = std::move(left);
  node->op_span = advance().span;
  expect(TokenKind::OpenParen);
  node->lower = unnamed();
  expect(TokenKind::DotDot);
  node->upper = unnamed();
  expect(TokenKind::CloseParen);
  return finish(std::move(node), first);
}

ExprPtr Parser::operand() {
  if (at(TokenKind::Star)) {
    const Token& next = peek(1);
    const BinaryInfo info = binary_info(next);
    const bool searches = (info.precedence == kString) || next.kind == TokenKind::EqualEqual;
    if (searches) {
      Level level(*this);
      const size_t first = pos_;
      advance();
      return finish(std::make_unique<StarExpr>(), first);
    }
  }
  return signed_operand();
}

/// A sign before a bare number becomes part of it.
ExprPtr Parser::signed_operand() {
  if (!at(TokenKind::Plus) && !at(TokenKind::Minus)) return path();
  Level level(*this);
  const size_t first = pos_;
  const bool minus = advance().kind == TokenKind::Minus;
  const bool number = is_bare_number(peek());
  if (number && !at(TokenKind::Dot, 1) && !at(TokenKind::OpenBracket, 1)) {
    ExprPtr value = literal(minus);
    if (value) value->span = span_from(first);
    return value;
  }
  auto node = std::make_unique<UnaryExpr>();
  node->op = minus ? UnaryOp::Minus : UnaryOp::Plus;
  node->operand = path();
  return finish(std::move(node), first);
}

// Paths and calls.

ExprPtr Parser::path() {
  Level level(*this);
  const size_t first = pos_;
  ExprPtr base = primary();
  while (!failed() && (at(TokenKind::Dot) || at(TokenKind::OpenBracket)))
    base = member(std::move(base), first);
  return base;
}

/// At the `.` or `[` after `base`: `.name`, `.['name']`, `.f(x)`, `[index]`, `.[index]`, `.T*`.
ExprPtr Parser::member(ExprPtr base, size_t first) {
  const bool dot = accept(TokenKind::Dot);
  const size_t length = dot ? name_length(NameKind::Declared) : 0;
  if (at(TokenKind::OpenBracket) && length == 0) {
    advance();
    auto node = std::make_unique<IndexExpr>();
    node->base = std::move(base);
    node->index = unnamed();
    expect(TokenKind::CloseBracket);
    return finish(std::move(node), first);
  }
  if (length > 0 && at(TokenKind::OpenParen, length)) return call(std::move(base), first);
  auto node = std::make_unique<PathExpr>();
  node->base = std::move(base);
  if (at(TokenKind::At)) {
    node->name.text = advance().text;
    node->name.span = span_from(pos_ - 1);
  } else {
    // After a dot every word is a name: `x.to`, `x.first`.
    node->name = length > 0 ? name(NameKind::Declared) : any_word();
  }
  return finish(std::move(node), first);
}

/// At the function's name.
ExprPtr Parser::call(ExprPtr scope, size_t first) {
  auto node = std::make_unique<CallExpr>();
  node->scope = std::move(scope);
  node->name = name(NameKind::Declared);
  node->arguments = arguments();
  return finish(std::move(node), first);
}

std::vector<Argument> Parser::arguments() {
  std::vector<Argument> list;
  expect(TokenKind::OpenParen);
  while (!at(TokenKind::CloseParen) && !failed()) {
    const size_t first = pos_;
    Argument argument;
    if (at(TokenKind::Star) && (at(TokenKind::Comma, 1) || at(TokenKind::CloseParen, 1))) {
      Level level(*this);
      advance();
      argument.value = finish(std::make_unique<StarExpr>(), first);
    } else {
      const size_t length = name_length(NameKind::Declared);
      if (length > 0 && at(TokenKind::Equal, length)) {
        argument.name = name(NameKind::Declared);
        advance();
      }
      argument.value = unnamed();
    }
    argument.span = span_from(first);
    list.push_back(std::move(argument));
    if (!accept(TokenKind::Comma)) break;
    if (at(TokenKind::CloseParen)) fail_expected("an expression");
  }
  expect(TokenKind::CloseParen);
  return list;
}

/// A call and nothing else: a plugin, or `database("d").f(x)` for invoke.
std::unique_ptr<CallExpr> Parser::required_call() {
  const TextSpan start = peek().span;
  ExprPtr expr = path();
  if (failed()) return nullptr;
  if (expr->kind != ExprKind::Call) {
    fail(start, "expected a call like 'name(…)'");
    return nullptr;
  }
  return std::unique_ptr<CallExpr>(static_cast<CallExpr*>(expr.release()));
}

ExprPtr Parser::primary() {
  switch (peek().kind) {
    case TokenKind::Bool:
    case TokenKind::Int:
    case TokenKind::Long:
    case TokenKind::Real:
    case TokenKind::Decimal:
    case TokenKind::DateTime:
    case TokenKind::TimeSpan:
    case TokenKind::Guid: {
      Level level(*this);
      return literal();
    }
    case TokenKind::String: return string_expr();
    case TokenKind::OpenParen: return parenthesized();
    case TokenKind::At:
    case TokenKind::OpenBracket: return name_expr();
    case TokenKind::Word: return word_primary();
    case TokenKind::RawGuid: {
      const std::string text(peek().text);
      fail(peek().span, "a guid is written guid(" + text + ")");
      return nullptr;
    }
    default: fail_expected("an expression"); return nullptr;
  }
}

ExprPtr Parser::word_primary() {
  const bool calls = at(TokenKind::OpenParen, 1);
  switch (peek().keyword) {
    case Keyword::DataTable: return datatable();
    case Keyword::ExternalData:
    case Keyword::ExternalDataOld: return externaldata();
    case Keyword::ContextualDataTable: return context_table();
    case Keyword::ViewCombine: return view_combine();
    case Keyword::ToScalar:
    case Keyword::ToTable:
    case Keyword::Materialize: return sub_query_call();
    case Keyword::TypeDynamic:
      if (calls) return dynamic_literal();
      break;
    case Keyword::TypeOf:
      if (calls) return type_literal();
      break;
    case Keyword::EntityGroup:
      if (at(TokenKind::OpenBracket, 1)) return entity_group();
      break;
    case Keyword::InlineExternalTable:
      if (inline_external_table_at()) return inline_external_table();
      break;
    default: break;
  }
  return name_expr();
}

/// A name or, with parentheses, a call of it.
ExprPtr Parser::name_expr() {
  Level level(*this);
  const size_t first = pos_;
  const size_t length = name_length(NameKind::Reference);
  if (length > 0 && at(TokenKind::OpenParen, length)) return call(nullptr, first);
  auto node = std::make_unique<NameExpr>();
  if (at(TokenKind::At) || (at(TokenKind::Word) && peek().use == NameUse::Path)) {
    node->name.text = advance().text;
    node->name.span = span_from(first);
  } else if (at(TokenKind::OpenBracket) && length == 0 && wildcard_length(1) > 0) {
    advance();
    node->name = pattern(wildcard_length());
    expect(TokenKind::CloseBracket);
  } else if (length == 0) {
    fail_expression();
  } else {
    node->name = name(NameKind::Reference);
  }
  data_scope(node->data_scope);
  return finish(std::move(node), first);
}

void Parser::data_scope(DataScope& scope) {
  if (!accept(Keyword::DataScope)) return;
  expect(TokenKind::Equal);
  if (at_word("hotcache"))
    scope = DataScope::HotCache;
  else if (at_word("all"))
    scope = DataScope::All;
  else
    return fail_expected("'hotcache' or 'all'");
  advance();
}

/// At a word or sign that no expression begins with.
void Parser::fail_expression() {
  const Token& token = peek();
  const Token& next = peek(1);
  const bool named = binary_info(next).precedence > kOr || next.kind == TokenKind::CloseParen ||
                     next.kind == TokenKind::CloseBracket || next.kind == TokenKind::Comma ||
                     next.kind == TokenKind::Dot || next.kind == TokenKind::Bar;
  if (token.kind != TokenKind::Word || !named) return fail_expected("an expression");
  const std::string text(token.text);
  fail(token.span, "expected an expression but found the keyword '" + text + "'; write ['" + text +
                       "'] to use it as a name");
}

/// `a`, `a.b`, `a['b']`: a column or an entity, where a parenthesis after it is not a call.
ExprPtr Parser::entity() {
  Level level(*this);
  const size_t first = pos_;
  auto root = std::make_unique<NameExpr>();
  root->name = name(NameKind::Reference);
  ExprPtr base = finish(std::move(root), first);
  while (!failed() && (at(TokenKind::Dot) || at(TokenKind::OpenBracket)))
    base = member(std::move(base), first);
  return base;
}

ExprPtr Parser::parenthesized() {
  Level level(*this);
  const size_t first = pos_;
  advance();
  ExprPtr inner = expression();
  expect(TokenKind::CloseParen);
  if (!inner) return inner;
  inner->parenthesized = true;
  inner->span = span_from(first);
  return inner;
}

// Literals.

ExprPtr Parser::literal(bool negative) {
  const size_t first = pos_;
  const Token& token = peek();
  if (token.kind == TokenKind::String) return string_expr();
  if (token.kind < TokenKind::Bool || token.kind > TokenKind::Guid) {
    fail_expected("a literal");
    return nullptr;
  }
  if (is_now(token)) {
    advance();
    auto now = std::make_unique<CallExpr>();
    now->name = {"now", token.span};
    return finish(std::move(now), first);
  }
  Result<Value> value = literal_value(token, negative);
  if (!value.ok()) {
    fail(token.span, value.error().message);
    return nullptr;
  }
  advance();
  auto node = std::make_unique<LiteralExpr>();
  node->value = *std::move(value);
  return finish(std::move(node), first);
}

ExprPtr Parser::string_expr() {
  Level level(*this);
  const size_t first = pos_;
  auto node = std::make_unique<LiteralExpr>();
  for (size_t i = 0; at(TokenKind::String, i); i++)
    if (is_obfuscated(peek(i))) node->obfuscated = true;
  node->value = Value::string(string_literal());
  return finish(std::move(node), first);
}

ExprPtr Parser::dynamic_literal() {
  Level level(*this);
  const size_t first = pos_;
  advance();
  expect(TokenKind::OpenParen);
  std::string text;
  json_value(text);
  expect(TokenKind::CloseParen);
  auto node = std::make_unique<LiteralExpr>();
  std::string canonical;
  if (failed() || text == "null")
    node->value = Value::null(Type::Dynamic);
  else if (json::canonicalize(text, canonical))
    node->value = Value::dynamic(std::move(canonical));
  else
    fail(span_from(first),
         "a dynamic literal is nested deeper than " + std::to_string(json::kMaxDepth) + " levels",
         ErrorCode::LimitExceeded);
  return finish(std::move(node), first);
}

/// Appends a value as JSON. Scalars that JSON doesn't have are strings in their printed form.
void Parser::json_value(std::string& out) {
  Nesting nesting(*this);
  switch (peek().kind) {
    case TokenKind::OpenBrace: return json_object(out);
    case TokenKind::OpenBracket: return json_array(out);
    case TokenKind::String: return json::quote(string_literal(), out);
    case TokenKind::Long:
    case TokenKind::Real:
    case TokenKind::Int:
    case TokenKind::Minus:
    case TokenKind::Plus: return json_number(out);
    case TokenKind::RawGuid: return json::quote(advance().text, out);
    case TokenKind::Bool:
    case TokenKind::DateTime:
    case TokenKind::TimeSpan:
    case TokenKind::Decimal:
    case TokenKind::Guid: {
      const Result<Value> value = literal_value(peek());
      if (!value.ok()) return fail(peek().span, value.error().message);
      const bool is_bool = advance().kind == TokenKind::Bool;
      if (value->is_null())
        out += "null";
      else if (is_bool)
        out += value->as_bool() ? "true" : "false";
      else
        json::quote(value->str(), out);
      return;
    }
    case TokenKind::Word:
      if (accept(Keyword::Null)) {
        out += "null";
        return;
      }
      if (accept(Keyword::TypeDynamic)) {
        expect(TokenKind::OpenParen);
        json_value(out);
        return expect(TokenKind::CloseParen);
      }
      [[fallthrough]];
    default: fail_expected("a JSON value");
  }
}

void Parser::json_number(std::string& out) {
  const bool negative = accept(TokenKind::Minus);
  if (!negative) accept(TokenKind::Plus);
  if (!at(TokenKind::Long) && !at(TokenKind::Real) && !at(TokenKind::Int)) return fail_expected("a number");
  const Token& token = peek();
  const Result<Value> value = literal_value(token, negative);
  if (!value.ok()) {
    // An integer too large for a long is a real, as in JSON.
    const bool digits = is_bare_number(token) && token.kind == TokenKind::Long;
    if (!digits) return fail(token.span, value.error().message);
    out += (negative ? "-" : "") + std::string(advance().text);
    return;
  }
  advance();
  if (value->is_null())
    out += "null";
  else if (value->type() == Type::Real)
    json::append_real(value->as_real(), out);
  else
    out += std::to_string(value->as_int());
}

void Parser::json_object(std::string& out) {
  expect(TokenKind::OpenBrace);
  out += '{';
  while (!at(TokenKind::CloseBrace) && !failed()) {
    json::quote(string_literal(), out);
    expect(TokenKind::Colon);
    out += ':';
    json_value(out);
    if (!accept(TokenKind::Comma)) break;
    out += ',';
    if (at(TokenKind::CloseBrace)) fail_expected("a string literal");
  }
  expect(TokenKind::CloseBrace);
  out += '}';
}

void Parser::json_array(std::string& out) {
  expect(TokenKind::OpenBracket);
  out += '[';
  while (!at(TokenKind::CloseBracket) && !failed()) {
    json_value(out);
    if (!accept(TokenKind::Comma)) break;
    out += ',';
    if (at(TokenKind::CloseBracket)) fail_expected("a JSON value");
  }
  expect(TokenKind::CloseBracket);
  out += ']';
}

ExprPtr Parser::type_literal() {
  Level level(*this);
  const size_t first = pos_;
  advance();
  const size_t open = pos_;
  expect(TokenKind::OpenParen);
  auto node = std::make_unique<TypeLiteralExpr>();
  if (at(TokenKind::Word) && at(TokenKind::CloseParen, 1)) {
    node->type = type();
    expect(TokenKind::CloseParen);
  } else {
    node->schema = row_schema_items(TokenKind::CloseParen, open);
  }
  return finish(std::move(node), first);
}

// Sources.

ExprPtr Parser::datatable() {
  Level level(*this);
  const size_t first = pos_;
  advance();
  auto node = std::make_unique<DataTableExpr>();
  node->properties = parameters();
  node->schema = row_schema();
  expect(TokenKind::OpenBracket);
  accept(TokenKind::Comma);
  while (!at(TokenKind::CloseBracket) && !failed()) {
    const bool dynamic = at(Keyword::TypeDynamic) || at(Keyword::TypeOf);
    const bool sign = at(TokenKind::Minus) || at(TokenKind::Plus);
    if (dynamic) {
      node->values.push_back(word_primary());
    } else if (sign && is_bare_number(peek(1))) {
      node->values.push_back(signed_operand());
    } else {
      Level value_level(*this);
      node->values.push_back(literal());
    }
    if (!accept(TokenKind::Comma)) break;
  }
  expect(TokenKind::CloseBracket);
  return finish(std::move(node), first);
}

ExprPtr Parser::externaldata() {
  Level level(*this);
  const size_t first = pos_;
  advance();
  auto node = std::make_unique<ExternalDataExpr>();
  node->parameters = parameters();
  node->schema = row_schema();
  expect(TokenKind::OpenBracket);
  while (!at(TokenKind::CloseBracket) && !failed()) {
    node->connection_strings.push_back(unnamed());
    if (!accept(TokenKind::Comma)) break;
  }
  if (node->connection_strings.empty()) fail_expected("a connection string");
  expect(TokenKind::CloseBracket);
  if (accept(Keyword::With)) node->properties = with_properties();
  return finish(std::move(node), first);
}

/// The word is a name too: `inline_external_table(a:long)` and `… kind=` are what makes it the operator.
bool Parser::inline_external_table_at() const {
  if (at(Keyword::Kind, 1)) return at(TokenKind::Equal, 2);
  if (!at(TokenKind::OpenParen, 1)) return false;
  const size_t length = name_length(NameKind::Declared, 2);
  return length > 0 && at(TokenKind::Colon, 2 + length);
}

ExprPtr Parser::inline_external_table() {
  Level level(*this);
  const size_t first = pos_;
  advance();
  auto node = std::make_unique<InlineExternalTableExpr>();
  if (at(TokenKind::OpenParen)) node->schema = row_schema();
  expect(Keyword::Kind);
  expect(TokenKind::Equal);
  node->table_kind = any_word();
  if (accept(Keyword::Partition)) {
    expect(Keyword::By);
    expect(TokenKind::OpenParen);
    do node->partitions.push_back(partition_column());
    while (accept(TokenKind::Comma) && !at(TokenKind::CloseParen));
    expect(TokenKind::CloseParen);
  }
  if (accept(Keyword::PathFormat)) {
    expect(TokenKind::Equal);
    expect(TokenKind::OpenParen);
    do node->path_format.push_back(path_format_element());
    while (!at(TokenKind::CloseParen) && !failed());
    expect(TokenKind::CloseParen);
  }
  if (accept(Keyword::DataFormat)) {
    expect(TokenKind::Equal);
    node->data_format = any_word();
  }
  expect(TokenKind::OpenParen);
  do node->connection_strings.push_back(unnamed());
  while (accept(TokenKind::Comma) && !at(TokenKind::CloseParen));
  expect(TokenKind::CloseParen);
  if (accept(Keyword::With)) node->properties = with_properties();
  return finish(std::move(node), first);
}

PartitionColumn Parser::partition_column() {
  const size_t first = pos_;
  PartitionColumn column;
  column.name = name(NameKind::Declared);
  expect(TokenKind::Colon);
  column.type = type();
  if (accept(TokenKind::Equal)) column.value = unnamed();
  column.span = span_from(first);
  return column;
}

PathFormatElement Parser::path_format_element() {
  const size_t first = pos_;
  PathFormatElement element;
  if (at(TokenKind::String)) {
    element.text = string_literal();
  } else if (accept(Keyword::DateTimePattern)) {
    element.kind = PathFormatElement::Kind::DateTimePattern;
    expect(TokenKind::OpenParen);
    element.text = string_literal();
    expect(TokenKind::Comma);
    element.column = name(NameKind::Declared);
    expect(TokenKind::CloseParen);
  } else {
    element.kind = PathFormatElement::Kind::Column;
    element.column = name(NameKind::Declared);
  }
  element.span = span_from(first);
  return element;
}

ExprPtr Parser::context_table() {
  Level level(*this);
  const size_t first = pos_;
  advance();
  auto node = std::make_unique<ContextTableExpr>();
  node->id = guid_literal();
  node->schema = row_schema();
  return finish(std::move(node), first);
}

/// `toscalar(T | …)`, `totable(…)`, `materialize(…)`.
ExprPtr Parser::sub_query_call() {
  Level level(*this);
  const size_t first = pos_;
  const Keyword keyword = advance().keyword;
  bool no_optimization = false;
  if (keyword != Keyword::Materialize && at(Keyword::Kind) && at(TokenKind::Equal, 1)) {
    advance();
    advance();
    if (!at_word("nooptimization")) fail_expected("'nooptimization'");
    advance();
    no_optimization = true;
  }
  expect(TokenKind::OpenParen);
  ExprPtr query = expression();
  expect(TokenKind::CloseParen);
  if (keyword == Keyword::Materialize) {
    auto node = std::make_unique<MaterializeExpr>();
    node->query = std::move(query);
    return finish(std::move(node), first);
  }
  const auto make = [&](auto node) {
    node->no_optimization = no_optimization;
    node->query = std::move(query);
    return finish(std::move(node), first);
  };
  return keyword == Keyword::ToScalar ? make(std::make_unique<ToScalarExpr>())
                                      : make(std::make_unique<ToTableExpr>());
}

ExprPtr Parser::entity_group() {
  Level level(*this);
  const size_t first = pos_;
  advance();
  expect(TokenKind::OpenBracket);
  auto node = std::make_unique<EntityGroupExpr>();
  do node->entities.push_back(unnamed());
  while (accept(TokenKind::Comma));
  expect(TokenKind::CloseBracket);
  return finish(std::move(node), first);
}

ExprPtr Parser::view_combine() {
  Level level(*this);
  const size_t first = pos_;
  advance();
  auto node = std::make_unique<ViewCombineExpr>();
  expect(TokenKind::OpenParen);
  node->view = string_literal();
  expect(TokenKind::CloseParen);
  const auto clause = [&](std::string_view word) {
    if (!at_word(word)) fail_expected("'" + std::string(word) + "'");
    advance();
    expect(TokenKind::OpenParen);
  };
  clause("base");
  node->base = expression();
  expect(TokenKind::CloseParen);
  clause("delta");
  node->delta = expression();
  expect(TokenKind::CloseParen);
  clause("aggregations");
  if (!at(Keyword::Summarize)) fail_expected("'summarize'");
  OperatorPtr summarize = failed() ? nullptr : pipe_operator();
  if (summarize) node->aggregations.reset(static_cast<SummarizeOp*>(summarize.release()));
  expect(TokenKind::CloseParen);
  return finish(std::move(node), first);
}

// Pipelines.

/// True at an operator that makes its own rows, and so can begin a pipeline. Some of the words are names too.
bool Parser::source_operator_at() const {
  switch (peek().keyword) {
    case Keyword::Find:
    case Keyword::MacroExpand:
    case Keyword::Print:
    case Keyword::Search:
    case Keyword::Union: return true;
    case Keyword::Evaluate: return name_length(NameKind::Reference, 1) > 0 && !at(TokenKind::OpenBracket, 1);
    case Keyword::Range: {
      const size_t length = name_length(NameKind::Declared, 1);
      return length > 0 && at(Keyword::From, 1 + length);
    }
    default: return false;
  }
}

ExprPtr Parser::expression() {
  Level level(*this);
  const size_t first = pos_;
  auto pipe = std::make_unique<PipeExpr>();
  if (source_operator_at())
    pipe->operators.push_back(pipe_operator());
  else
    pipe->source = unnamed();
  while (accept(TokenKind::Bar)) pipe->operators.push_back(pipe_operator());
  if (pipe->operators.empty()) return std::move(pipe->source);
  return finish(std::move(pipe), first);
}

std::vector<OperatorPtr> Parser::operators() {
  std::vector<OperatorPtr> list;
  do list.push_back(pipe_operator());
  while (accept(TokenKind::Bar));
  return list;
}

// Named expressions.

/// Tokens of `(a, b)` before a `=`, or 0.
size_t Parser::tuple_length() const {
  if (!at(TokenKind::OpenParen)) return 0;
  size_t n = 1;
  while (true) {
    const size_t length = name_length(NameKind::Declared, n);
    if (length == 0) return 0;
    n += length;
    if (at(TokenKind::CloseParen, n)) break;
    if (!at(TokenKind::Comma, n)) return 0;
    n++;
  }
  return at(TokenKind::Equal, n + 1) ? n + 1 : 0;
}

NamedExpr Parser::named() {
  const size_t first = pos_;
  NamedExpr result;
  const size_t length = name_length(NameKind::Declared);
  if (length > 0 && at(TokenKind::Equal, length)) {
    result.names.push_back(name(NameKind::Declared));
    advance();
  } else if (tuple_length() > 0) {
    result.tuple = true;
    advance();
    do result.names.push_back(name(NameKind::Declared));
    while (accept(TokenKind::Comma));
    advance();
    advance();
  }
  result.value = unnamed();
  result.span = span_from(first);
  return result;
}

std::vector<NamedExpr> Parser::named_list() {
  std::vector<NamedExpr> list;
  do list.push_back(named());
  while (accept(TokenKind::Comma));
  return list;
}

OrderedExpr Parser::ordered() {
  const size_t first = pos_;
  OrderedExpr result;
  result.expr = named();
  if (accept(Keyword::Asc) || accept(Keyword::GrannyAsc))
    result.order = SortOrder::Asc;
  else if (accept(Keyword::Desc) || accept(Keyword::GrannyDesc))
    result.order = SortOrder::Desc;
  if (accept(Keyword::Nulls)) {
    if (accept(Keyword::First))
      result.nulls = NullsOrder::First;
    else if (accept(Keyword::Last))
      result.nulls = NullsOrder::Last;
    else
      fail_expected("'first' or 'last'");
  }
  result.span = span_from(first);
  return result;
}

}  // namespace spillway::kql::syntax
