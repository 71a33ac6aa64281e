// Statements that give entities other names, or take them away: patterns, aliases, entity groups and
// macro-expand, restrict access.
// Sources: query/pattern-statement.md, query/alias-statement.md, query/macro-expand-operator.md,
// query/restrict-statement.md.
#include <algorithm>

#include "kql/binder_internal.h"

namespace spillway::kql {

using syntax::ExprKind;

// Patterns.

Status Binder::bind_pattern(const syntax::PatternStatement& pattern, Block& block) {
  if (block.names.count(pattern.name.text) > 0) {
    return semantic("A pattern or variable named '" + pattern.name.text + "' is defined already",
                    pattern.name.span);
  }
  for (const syntax::Parameter& parameter : pattern.parameters) {
    if (parameter.type != Type::String) {
      return semantic("Argument '" + parameter.name.text + "' of pattern '" + pattern.name.text +
                          "' must be of type string",
                      parameter.span);
    }
  }
  for (const syntax::PatternRule& rule : pattern.rules) {
    if (rule.arguments.size() != pattern.parameters.size()) {
      return semantic("Pattern '" + pattern.name.text + "' has " + std::to_string(pattern.parameters.size()) +
                          " arguments, this case " + std::to_string(rule.arguments.size()),
                      rule.span);
    }
    if (rule.path && !pattern.path) {
      return semantic("Pattern '" + pattern.name.text + "' declares no path", rule.span);
    }
  }
  Binding binding;
  binding.kind = Binding::Kind::Pattern;
  binding.name = pattern.name.text;
  binding.pattern = &pattern;
  binding.environment = block.environment;
  block.define(pattern.name.text, std::move(binding));
  return Status();
}

namespace {

/// A use of a pattern: its call, and the path behind it.
struct PatternUse {
  const syntax::CallExpr* call = nullptr;
  std::optional<std::string> path;
};

PatternUse pattern_use(const syntax::Expr& expression) {
  PatternUse use;
  const syntax::Expr* base = &expression;
  if (const auto* path = expression.try_as<syntax::PathExpr>()) {
    base = path->base.get();
    use.path = path->name.text;
  } else if (const auto* index = expression.try_as<syntax::IndexExpr>()) {
    const auto* text = index->index->try_as<syntax::LiteralExpr>();
    if (!text || text->value.type() != Type::String) return use;
    base = index->base.get();
    use.path = text->value.as_text();
  }
  const auto* call = base->try_as<syntax::CallExpr>();
  if (call && !call->scope) use.call = call;
  return use;
}

std::string single_quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

}  // namespace

const Binding* Binder::find_pattern(const syntax::Expr& expression, const EnvironmentPtr& environment) const {
  const PatternUse use = pattern_use(expression);
  const Binding* binding = use.call ? environment->find(use.call->name.text) : nullptr;
  return binding && binding->kind == Binding::Kind::Pattern ? binding : nullptr;
}

Result<Tabular> Binder::bind_pattern_use(const syntax::Expr& expression, const Binding& given,
                                         const EnvironmentPtr& environment) {
  const Binding binding = given;
  const PatternUse use = pattern_use(expression);
  std::vector<std::string> arguments;
  std::string reference = binding.name + "(";
  for (const syntax::Argument& argument : use.call->arguments) {
    SPILLWAY_ASSIGN(std::string text, constant_text(*argument.value, environment, "a pattern's argument"));
    reference += (arguments.empty() ? "" : ",") + single_quoted(text);
    arguments.push_back(std::move(text));
  }
  reference += ")";
  if (use.path) reference += ".[" + single_quoted(*use.path) + "]";
  for (const syntax::PatternRule& rule : binding.pattern->rules) {
    if (rule.arguments != arguments || rule.path != use.path) continue;
    if (!rule.body.result) return semantic("The pattern's case has an empty body", rule.span);
    if (function_depth_ >= kMaxFunctionDepth) {
      return Error(ErrorCode::LimitExceeded, "Pattern '" + binding.name + "' uses itself", expression.span);
    }
    ++function_depth_;
    Block block{binding.environment, {}};
    Status status;
    for (const syntax::StatementPtr& statement : rule.body.statements) {
      if (status.ok()) status = bind_statement(*statement, block);
    }
    Result<Tabular> table =
        status.ok() ? bind_tabular(*rule.body.result, block.environment) : Result<Tabular>(status.error());
    --function_depth_;
    return table;
  }
  return Error(ErrorCode::Semantic,
               "SEM0036: One or more pattern references were not declared. Detected pattern references: [\"" +
                   reference + "\"]",
               expression.span);
}

// Aliases of databases.

Status Binder::bind_alias(const syntax::AliasStatement& alias, const EnvironmentPtr& environment) {
  SPILLWAY_ASSIGN(const std::optional<std::string> name, database_name(*alias.value, environment));
  if (!name) return semantic("Expected a database, as in database('D')", alias.value->span);
  SPILLWAY_ASSIGN(const catalog::Database* database, database_of(*name, alias.value->span));
  aliases_[alias.name.text] = database->name;
  return Status();
}

// restrict access.

namespace {

bool matches_any(const std::vector<std::string>& patterns, std::string_view name) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const std::string& pattern) { return matches_pattern(name, pattern); });
}

}  // namespace

bool Restriction::allows_name(std::string_view name) const {
  return matches_any(names, name);
}

bool Restriction::allows(std::string_view database, std::string_view entity) const {
  return std::any_of(entities.begin(), entities.end(), [&](const auto& allowed) {
    return matches_pattern(database, allowed.first) && matches_pattern(entity, allowed.second);
  });
}

bool Binder::visible(const EnvironmentPtr& environment, std::string_view database, std::string_view entity) {
  for (const Environment* scope = environment.get(); scope; scope = scope->parent()) {
    if (const Restriction* restriction = scope->restriction();
        restriction && !restriction->allows(database, entity)) {
      return false;
    }
  }
  return true;
}

Status Binder::bind_restrict(const syntax::RestrictAccessStatement& statement, Block& block) {
  auto restriction = std::make_shared<Restriction>();
  for (const syntax::ExprPtr& entity : statement.entities) {
    const syntax::Name* name = nullptr;
    if (const auto* plain = entity->try_as<syntax::NameExpr>()) name = &plain->name;
    if (const auto* call = entity->try_as<syntax::CallExpr>();
        call && !call->scope && call->arguments.empty()) {
      name = &call->name;
    }
    if (name) {
      restriction->names.push_back(name->text);
      // A pattern means the query's own views; a name may be the database's too.
      if (!name->wildcard && !block.environment->find(name->text)) {
        restriction->entities.emplace_back(options_.database, name->text);
      }
      continue;
    }
    const syntax::Expr* base = nullptr;
    std::string member;
    if (const auto* path = entity->try_as<syntax::PathExpr>()) {
      base = path->base.get();
      member = path->name.text;
    } else if (const auto* call = entity->try_as<syntax::CallExpr>(); call && call->scope) {
      base = call->scope.get();
      member = call->name.text;
    }
    if (!base)
      return semantic("'restrict access': expected a table, a view, a function or a pattern", entity->span);
    SPILLWAY_ASSIGN(std::optional<std::string> database, database_name(*base, block.environment));
    if (!database)
      return semantic("'restrict access': expected a database, as in database('D').T", base->span);
    if (database->find('*') == std::string::npos) {
      SPILLWAY_ASSIGN(const catalog::Database* found, database_of(*database, base->span));
      database = found->name;
    }
    restriction->entities.emplace_back(*std::move(database), std::move(member));
  }
  auto restricted = std::make_shared<Environment>(block.environment);
  restricted->restrict_to(std::move(restriction));
  block.environment = std::move(restricted);
  return Status();
}

// Entity groups and macro-expand.

namespace {

constexpr std::string_view kCurrentDatabase = "$current_database";
constexpr std::string_view kCurrentCluster = "$current_cluster_endpoint";

}  // namespace

const Binding* Binder::find_entity(const syntax::Expr& expression, const EnvironmentPtr& environment) {
  const auto* name = expression.try_as<syntax::NameExpr>();
  const Binding* binding = name ? environment->find(name->name.text) : nullptr;
  return binding && binding->kind == Binding::Kind::Entity ? binding : nullptr;
}

/// `X.$current_database`, `X.$current_cluster_endpoint`; nullopt: something else.
Result<std::optional<ExprPtr>> Binder::bind_entity_scalar(const syntax::PathExpr& path,
                                                          const EnvironmentPtr& environment) {
  const Binding* entity = find_entity(*path.base, environment);
  const std::string& member = path.name.text;
  if (!entity || (member != kCurrentDatabase && member != kCurrentCluster)) return std::optional<ExprPtr>();
  if (member == kCurrentCluster) {
    SPILLWAY_ASSIGN(ExprPtr endpoint, bind_current_cluster(path.span));
    return std::optional<ExprPtr>(std::move(endpoint));
  }
  SPILLWAY_ASSIGN(const std::optional<std::string> name, database_name(*path.base, environment));
  SPILLWAY_ASSIGN(const catalog::Database* database,
                  database_of(name ? *name : options_.database, path.base->span));
  return std::optional<ExprPtr>(literal(Value::string(database->name), path.span));
}

Result<ExprPtr> Binder::bind_current_cluster(TextSpan span) {
  return literal(Value::string(options_.endpoint), span);
}

Result<const syntax::EntityGroupExpr*> Binder::entity_group(const syntax::Expr& expression,
                                                            const EnvironmentPtr& environment,
                                                            EnvironmentPtr& written) {
  if (const auto* group = expression.try_as<syntax::EntityGroupExpr>()) {
    written = environment;
    return group;
  }
  const auto* name = expression.try_as<syntax::NameExpr>();
  if (!name) return semantic("'macro-expand' operator: expected an entity group", expression.span);
  const Binding* binding = environment->find(name->name.text);
  if (binding && binding->kind == Binding::Kind::EntityGroup) {
    written = binding->environment;
    return binding->group;
  }
  return semantic("'macro-expand' operator: Failed to resolve entity group named '" + name->name.text + "'",
                  expression.span);
}

Result<Tabular> Binder::bind_expansion(const syntax::MacroExpandOp& op, const syntax::Expr& entity,
                                       const EnvironmentPtr& written, const EnvironmentPtr& environment) {
  Block block{environment, {}};
  Binding binding;
  binding.kind = Binding::Kind::Entity;
  binding.name = op.scope.text;
  binding.expression = &entity;
  binding.environment = written;
  block.define(op.scope.text, std::move(binding));
  std::optional<Tabular> table;
  for (const syntax::StatementPtr& statement : op.statements) {
    const auto* expression = statement->try_as<syntax::ExpressionStatement>();
    if (!expression) {
      SPILLWAY_TRY(bind_statement(*statement, block));
      continue;
    }
    if (table)
      return semantic("'macro-expand' operator: has more than one tabular statement", statement->span);
    SPILLWAY_ASSIGN(table, bind_tabular(*expression->expression, block.environment));
  }
  if (!table) return semantic("'macro-expand' operator: has no tabular statement", op.span);
  return *std::move(table);
}

Result<Tabular> Binder::bind_macro_expand(const syntax::MacroExpandOp& op,
                                          const EnvironmentPtr& environment) {
  bool fuzzy = is_set("best_effort");
  bool inner = false;
  for (const syntax::Property& property : op.parameters) {
    const std::string text = property.text();
    if (property.name.text == "isfuzzy" || property.name.text == "best_effort")
      fuzzy = fuzzy || text == "true";
    if (property.name.text != "kind") continue;
    if (text != "inner" && text != "outer") {
      return semantic("'macro-expand' operator: its kind is inner or outer, not '" + text + "'",
                      property.span);
    }
    inner = text == "inner";
  }
  EnvironmentPtr written;
  SPILLWAY_ASSIGN(const syntax::EntityGroupExpr* group, entity_group(*op.entity_group, environment, written));
  std::vector<Tabular> legs;
  std::optional<Error> last;
  for (const syntax::ExprPtr& entity : group->entities) {
    Result<Tabular> leg = bind_expansion(op, *entity, written, environment);
    if (leg.ok()) {
      legs.push_back(*std::move(leg));
    } else if (fuzzy && is_unresolved(leg.error())) {
      last = leg.error();
    } else {
      return leg;
    }
  }
  if (legs.empty()) return *last;
  return make_union(std::move(legs), inner, "", op.span);
}

}  // namespace spillway::kql
