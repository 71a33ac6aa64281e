// Statements, and what compile() returns.
#include "kql/binder.h"

#include <cctype>

#include "kql/binder_internal.h"
#include "kql/syntax/parser.h"

namespace spillway::kql {

using syntax::StatementKind;

namespace {

constexpr const char* kPrimaryResult = "PrimaryResult";

}  // namespace

Result<BoundQuery> compile(std::string_view text, const BindOptions& options) {
  return Binder(options).compile(text);
}

Schema schema_of(const Rel& plan) {
  Schema schema;
  for (const PlanColumn& column : plan.columns) schema.push_back({column.name, column.type});
  return schema;
}

Result<BoundQuery> Binder::compile(std::string_view text) {
  if (const catalog::Database* database = find_database(options_.database)) result_.cursor = database->cursor;
  // A command's result may be continued by whoever may run the command.
  if (options_.piped) return compile_piped(text);
  SPILLWAY_ASSIGN(const syntax::Query query, syntax::parse_query(text));
  if (const catalog::Database* database = find_database(options_.database)) {
    SPILLWAY_TRY(check_view(*database));
  }
  auto global = std::make_shared<Environment>(nullptr);
  as_scopes_.push_back(global.get());
  Block block{global, {}};
  for (const syntax::StatementPtr& statement : query.statements) {
    SPILLWAY_TRY(bind_statement(*statement, block));
  }
  if (result_.results.empty()) {
    return Error(ErrorCode::Semantic,
                 "The query has no tabular expression statement, so that it has no result",
                 query.statements.empty() ? TextSpan{1, 1, 0, 0} : query.statements.back()->span);
  }
  return std::move(result_);
}

Result<BoundQuery> Binder::compile_piped(std::string_view text) {
  auto global = std::make_shared<Environment>(nullptr);
  as_scopes_.push_back(global.get());
  Tabular table = values_of(*options_.piped, TextSpan{1, 1, 0, 0});
  const size_t pipe = text.find_first_not_of(" \t\r\n");
  std::vector<syntax::OperatorPtr> operators;
  if (pipe != std::string_view::npos) {
    if (text[pipe] != '|') {
      return Error(ErrorCode::Syntax, "Expected '|' and an operator behind the command",
                   TextSpan{1, static_cast<int>(pipe) + 1, static_cast<int>(pipe), 1});
    }
    SPILLWAY_ASSIGN(operators, syntax::parse_operators(text, pipe + 1));
  }
  if (!operators.empty()) last_operator_ = operators.back().get();
  for (const syntax::OperatorPtr& op : operators) {
    SPILLWAY_ASSIGN(table, bind_operator(*op, std::move(table), global));
  }
  add_result(std::move(table), kPrimaryResult);
  return std::move(result_);
}

void Block::define(const std::string& name, Binding binding) {
  auto extended = std::make_shared<Environment>(environment);
  extended->define(name, std::move(binding));
  environment = std::move(extended);
  names.insert(name);
}

Status Binder::bind_statement(const syntax::Statement& statement, Block& block) {
  switch (statement.kind) {
    case StatementKind::Let: return bind_let(statement.as<syntax::LetStatement>(), block);
    case StatementKind::Set: return bind_set(statement.as<syntax::SetStatement>());
    case StatementKind::QueryParameters:
      return bind_query_parameters(statement.as<syntax::QueryParametersStatement>(), block);
    case StatementKind::Expression:
      return bind_result(*statement.as<syntax::ExpressionStatement>().expression, block.environment);
    case StatementKind::Pattern: return bind_pattern(statement.as<syntax::PatternStatement>(), block);
    case StatementKind::Alias: return bind_alias(statement.as<syntax::AliasStatement>(), block.environment);
    case StatementKind::RestrictAccess:
      return bind_restrict(statement.as<syntax::RestrictAccessStatement>(), block);
  }
  return Status();
}

Status Binder::bind_let(const syntax::LetStatement& let, Block& block) {
  if (block.names.count(let.name.text) > 0) {
    return semantic("A let variable named '" + let.name.text + "' is defined already", let.name.span);
  }
  if (block.names.size() >= kMaxLetStatements) {
    return Error(ErrorCode::LimitExceeded,
                 "The query has more than " + std::to_string(kMaxLetStatements) + " let statements",
                 let.span);
  }
  Binding binding;
  binding.name = let.name.text;
  binding.environment = block.environment;
  const syntax::Expr& value = *let.value;
  if (const auto* function = value.try_as<syntax::FunctionExpr>()) {
    binding.kind = Binding::Kind::Function;
    binding.function = function;
  } else if (const auto* group = value.try_as<syntax::EntityGroupExpr>()) {
    binding.kind = Binding::Kind::EntityGroup;
    binding.group = group;
  } else if (is_tabular(value, block.environment)) {
    binding.kind = Binding::Kind::Tabular;
    binding.expression = &value;
    if (value.kind == syntax::ExprKind::Materialize) {
      binding.materialized = std::make_shared<std::optional<Tabular>>();
    }
  } else {
    binding.depth = tabular_depth_;
    ScalarScope scope(block.environment);
    scope.where = "let";
    SPILLWAY_ASSIGN(binding.scalar, bind_scalar(value, scope));
  }
  block.define(let.name.text, std::move(binding));
  return Status();
}

Status Binder::bind_set(const syntax::SetStatement& set) {
  std::string value = "true";
  if (set.value) {
    if (const auto* constant = set.value->try_as<syntax::LiteralExpr>()) {
      value = constant->value.str();
      std::string name = set.name.text;
      for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      const bool now = name == "query_now" && constant->value.type() == Type::DateTime;
      if (now && !constant->value.is_null()) now_ = constant->value.as_int();
      set_values_[name] = constant->value;
    } else if (const auto* name = set.value->try_as<syntax::NameExpr>()) {
      value = name->name.text;
    }
  }
  result_.options[set.name.text] = std::move(value);
  return Status();
}

Status Binder::bind_query_parameters(const syntax::QueryParametersStatement& statement, Block& block) {
  for (const syntax::Parameter& parameter : statement.parameters) {
    if (!parameter.type) {
      return semantic("Query parameter '" + parameter.name.text + "' must be a scalar", parameter.span);
    }
    SPILLWAY_ASSIGN(ExprPtr value, parameter_value(parameter, block.environment));
    Binding binding;
    binding.name = parameter.name.text;
    binding.scalar = std::move(value);
    block.define(parameter.name.text, std::move(binding));
  }
  return Status();
}

Result<ExprPtr> Binder::parameter_value(const syntax::Parameter& parameter,
                                        const EnvironmentPtr& environment) {
  const auto given = options_.parameters.find(parameter.name.text);
  if (given == options_.parameters.end()) {
    if (!parameter.default_value) {
      return semantic("Query parameter '" + parameter.name.text + "' has no value: give one with the request",
                      parameter.span);
    }
    return bind_constant(*parameter.default_value, environment, *parameter.type, "a query parameter");
  }
  Result<syntax::ExprPtr> parsed = syntax::parse_expression(given->second);
  const bool is_literal = parsed.ok() && (*parsed)->kind == syntax::ExprKind::Literal;
  if (*parameter.type == Type::String &&
      (!is_literal || (*parsed)->as<syntax::LiteralExpr>().value.type() != Type::String)) {
    return literal(Value::string(given->second), parameter.span);
  }
  // Only constants: what a client sends is a value, never a query.
  if (is_literal) {
    const Value& value = (*parsed)->as<syntax::LiteralExpr>().value;
    return convert(literal(value, parameter.span), *parameter.type);
  }
  return from_text(literal(Value::string(given->second), parameter.span), *parameter.type);
}

Status Binder::bind_result(const syntax::Expr& expression, const EnvironmentPtr& environment) {
  if (!is_tabular(expression, environment)) {
    // A name that is nothing at all reads best as a table that isn't there.
    if (const auto* name = expression.try_as<syntax::NameExpr>();
        name && !environment->find(name->name.text)) {
      return unknown_table(name->name.text, name->span, environment);
    }
    if (expression.kind == syntax::ExprKind::Call) {
      ScalarScope scope(environment);
      SPILLWAY_TRY(bind_scalar(expression, scope));
    }
    return semantic("Expected a tabular expression; print shows the value of a scalar one", expression.span);
  }
  if (const auto* pipe = expression.try_as<syntax::PipeExpr>()) return bind_result_pipe(*pipe, environment);
  SPILLWAY_ASSIGN(Tabular table, bind_tabular(expression, environment));
  return add_primary_result(std::move(table), expression.span);
}

/// The plan with exactly the visible columns.
RelPtr Binder::finish(Tabular& table) {
  const std::vector<PlanColumn>& have = table.rel->columns;
  bool same = have.size() == table.columns.size();
  for (size_t i = 0; same && i < have.size(); ++i) {
    same = have[i].id == table.columns[i].id && have[i].name == table.columns[i].name;
  }
  if (same) return table.rel;
  std::vector<std::pair<PlanColumn, ExprPtr>> outputs;
  for (const PlanColumn& column : table.columns) {
    outputs.emplace_back(new_column(column.name, column.type), column_reference(column, table.rel->span));
  }
  return add_project(table, std::move(outputs), table.rel->span).rel;
}

}  // namespace spillway::kql
