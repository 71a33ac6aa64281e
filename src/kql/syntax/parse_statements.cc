// Statements and functions.
#include "kql/syntax/parser_internal.h"

namespace spillway::kql::syntax {

Query Parser::query() {
  Query result;
  if (at(TokenKind::End)) {
    fail(peek().span, "the query is empty");
    return result;
  }
  result.statements = statements(TokenKind::End);
  return result;
}

/// Statements separated by `;`, of which one may stand after the last.
std::vector<StatementPtr> Parser::statements(TokenKind end) {
  std::vector<StatementPtr> list;
  do list.push_back(statement());
  while (accept(TokenKind::Semicolon) && !at(end));
  return list;
}

StatementPtr Parser::statement() {
  const size_t first = pos_;
  StatementPtr result;
  if (at(Keyword::Let) && name_length(NameKind::Declared, 1) > 0) {
    result = parse_let();
  } else if (at(Keyword::Set) && name_length(NameKind::Declared, 1) > 0) {
    result = parse_set();
  } else if (at(Keyword::Declare) && at(Keyword::Pattern, 1)) {
    result = parse_pattern();
  } else if (at(Keyword::Declare) && at(Keyword::QueryParameters, 1)) {
    result = parse_query_parameters();
  } else if (at(Keyword::Alias) && at(Keyword::Database, 1)) {
    result = parse_alias();
  } else if (at(Keyword::Restrict) && at(Keyword::Access, 1)) {
    result = parse_restrict();
  } else {
    auto expression_statement = std::make_unique<ExpressionStatement>();
    expression_statement->expression = expression();
    result = std::move(expression_statement);
  }
  result->span = span_from(first);
  return result;
}

StatementPtr Parser::parse_let() {
  advance();
  auto node = std::make_unique<LetStatement>();
  node->name = name(NameKind::Declared);
  expect(TokenKind::Equal);
  node->value = function_at() ? function() : expression();
  return node;
}

StatementPtr Parser::parse_set() {
  advance();
  auto node = std::make_unique<SetStatement>();
  node->name = name(NameKind::Declared);
  if (accept(TokenKind::Equal)) node->value = property_value();
  return node;
}

StatementPtr Parser::parse_query_parameters() {
  advance();
  advance();
  auto node = std::make_unique<QueryParametersStatement>();
  if (at(TokenKind::OpenParen) && at(TokenKind::CloseParen, 1)) {
    advance();
    fail_expected("a parameter like 'name:type'");
  }
  node->parameters = parameter_list();
  return node;
}

StatementPtr Parser::parse_alias() {
  advance();
  advance();
  auto node = std::make_unique<AliasStatement>();
  node->name = name(NameKind::Declared);
  expect(TokenKind::Equal);
  node->value = unnamed();
  return node;
}

StatementPtr Parser::parse_restrict() {
  advance();
  advance();
  auto node = std::make_unique<RestrictAccessStatement>();
  expect(Keyword::To);
  expect(TokenKind::OpenParen);
  do node->entities.push_back(union_table());
  while (accept(TokenKind::Comma));
  expect(TokenKind::CloseParen);
  if (accept(Keyword::With)) node->properties = with_properties();
  return node;
}

// Patterns.

StatementPtr Parser::parse_pattern() {
  advance();
  advance();
  auto node = std::make_unique<PatternStatement>();
  node->name = name(NameKind::Declared);
  if (!accept(TokenKind::Equal)) return node;
  node->defined = true;
  node->parameters = parameter_list();
  if (accept(TokenKind::OpenBracket)) {
    node->path = parameter_declaration();
    expect(TokenKind::CloseBracket);
  }
  expect(TokenKind::OpenBrace);
  do node->rules.push_back(pattern_rule());
  while (at(TokenKind::OpenParen));
  expect(TokenKind::CloseBrace);
  return node;
}

/// `("a", "b").["path"] = { body };`
PatternRule Parser::pattern_rule() {
  const size_t first = pos_;
  PatternRule rule;
  expect(TokenKind::OpenParen);
  do rule.arguments.push_back(string_literal());
  while (accept(TokenKind::Comma));
  expect(TokenKind::CloseParen);
  if (accept(TokenKind::Dot)) {
    expect(TokenKind::OpenBracket);
    rule.path = string_literal();
    expect(TokenKind::CloseBracket);
  }
  expect(TokenKind::Equal);
  rule.body = function_body();
  accept(TokenKind::Semicolon);
  rule.span = span_from(first);
  return rule;
}

// Functions.

/// True at `(`…`)` `{`…`}` or `view () {`…`}`: parameters look like `()`, `(name:` or `(*`.
bool Parser::function_at() const {
  const size_t open = at(Keyword::View) ? 1 : 0;
  if (!at(TokenKind::OpenParen, open)) return false;
  if (at(TokenKind::CloseParen, open + 1)) return true;
  const size_t length = name_length(NameKind::Declared, open + 1);
  return length > 0 && at(TokenKind::Colon, open + 1 + length);
}

std::unique_ptr<FunctionExpr> Parser::function() {
  Nesting nesting(*this);
  Level level(*this);
  const size_t first = pos_;
  auto node = std::make_unique<FunctionExpr>();
  node->view = accept(Keyword::View);
  node->parameters = parameter_list();
  node->body = function_body();
  node->span = span_from(first);
  add_level(*node);
  return node;
}

std::vector<Parameter> Parser::parameter_list() {
  std::vector<Parameter> list;
  expect(TokenKind::OpenParen);
  if (!at(TokenKind::CloseParen)) {
    do list.push_back(parameter_declaration());
    while (accept(TokenKind::Comma));
  }
  expect(TokenKind::CloseParen);
  return list;
}

/// `name:type`, `name:type = default`, `T:(a:long, *)`.
Parameter Parser::parameter_declaration() {
  const size_t first = pos_;
  Parameter parameter;
  parameter.name = name(NameKind::Declared);
  expect(TokenKind::Colon);
  if (at(TokenKind::OpenParen))
    parameter.schema = row_schema();
  else
    parameter.type = type();
  if (accept(TokenKind::Equal)) {
    parameter.default_value = at(Keyword::TypeDynamic) ? dynamic_literal() : signed_operand();
  }
  parameter.span = span_from(first);
  return parameter;
}

FunctionBody Parser::function_body() {
  const size_t first = pos_;
  FunctionBody body;
  expect(TokenKind::OpenBrace);
  while (!failed()) {
    if (at(Keyword::Let) && name_length(NameKind::Declared, 1) > 0)
      body.statements.push_back(parse_let());
    else if (at(Keyword::Declare) && at(Keyword::QueryParameters, 1))
      body.statements.push_back(parse_query_parameters());
    else
      break;
    expect(TokenKind::Semicolon);
  }
  if (!at(TokenKind::CloseBrace)) body.result = expression();
  accept(TokenKind::Semicolon);
  expect(TokenKind::CloseBrace);
  body.span = span_from(first);
  return body;
}

}  // namespace spillway::kql::syntax
