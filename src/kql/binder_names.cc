// What a name means: let variables, columns' owners, tables, functions.
#include <algorithm>
#include <cctype>

#include "kql/binder_internal.h"
#include "kql/syntax/parser.h"

namespace spillway::kql {

using syntax::ExprKind;

const Binding* Environment::find_here(std::string_view name) const {
  const auto found = bindings_.find(name);
  return found == bindings_.end() ? nullptr : &found->second;
}

bool Environment::hides(const Environment* from, std::string_view name, const Binding& binding) const {
  if (binding.kind == Binding::Kind::Scalar) return false;
  for (const Environment* scope = from; scope != this; scope = scope->parent_.get()) {
    if (scope->restriction_ && !scope->restriction_->allows_name(name)) return true;
  }
  return false;
}

const Binding* Environment::find(std::string_view name) const {
  for (const Environment* scope = this; scope; scope = scope->parent_.get()) {
    const Binding* binding = scope->find_here(name);
    if (binding && !scope->hides(this, name, *binding)) return binding;
  }
  return nullptr;
}

const std::string& Environment::database() const {
  const Environment* outermost = this;
  while (outermost->parent_) outermost = outermost->parent_.get();
  return outermost->database_;
}

void Environment::collect_views(std::map<std::string, const Binding*>& out) const {
  for (const Environment* scope = this; scope; scope = scope->parent_.get()) {
    for (const auto& [name, binding] : scope->bindings_) {
      const bool view = binding.kind == Binding::Kind::Function && binding.function->view &&
                        binding.function->parameters.empty();
      if (view && !scope->hides(this, name, binding)) out.emplace(name, &binding);
    }
  }
}

void Environment::collect_names(std::vector<std::string>& out) const {
  for (const Environment* scope = this; scope; scope = scope->parent_.get()) {
    for (const auto& [name, binding] : scope->bindings_) out.push_back(name);
  }
}

std::string NameAllocator::unique(const std::string& name) {
  if (used_.insert(name).second) return name;
  for (int& i = counters_[name];;) {
    std::string candidate = name + std::to_string(++i);
    if (used_.insert(candidate).second) return candidate;
  }
}

std::string NameAllocator::next_unnamed(const std::string& prefix, int first) {
  const auto [counter, fresh] = counters_.emplace("\n" + prefix, first);
  while (true) {
    std::string candidate = prefix + std::to_string(counter->second++);
    if (used_.insert(candidate).second) return candidate;
  }
}

bool matches_pattern(std::string_view name, std::string_view pattern) {
  size_t n = 0, p = 0, star = std::string_view::npos, mark = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      mark = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++mark;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

namespace {

bool same_without_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return std::tolower(static_cast<unsigned char>(c)); };
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [&](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace

/// By its name, in any case, or by its pretty name where only one database has it.
const catalog::Database* Binder::find_database(std::string_view name) const {
  if (!options_.snapshot) return nullptr;
  if (const auto alias = aliases_.find(std::string(name)); alias != aliases_.end()) name = alias->second;
  if (const catalog::Database* database = options_.snapshot->database(name)) return database;
  const catalog::Database* pretty = nullptr;
  size_t found = 0;
  for (const auto& [known, database] : options_.snapshot->databases) {
    if (same_without_case(known, name)) return database.get();
    if (database->pretty_name.empty() || database->pretty_name != name) continue;
    pretty = database.get();
    ++found;
  }
  return found == 1 ? pretty : nullptr;
}

const catalog::Database* Binder::current_database(const EnvironmentPtr& environment) const {
  const std::string& own = environment->database();
  return find_database(own.empty() ? options_.database : own);
}

bool Binder::is_set(std::string_view option) const {
  if (policy_table_) return false;  // a policy means the same whatever the query sets
  for (const auto* given : {&result_.options, &options_.properties}) {
    for (const auto& [name, value] : *given) {
      if (same_without_case(name, option)) return same_without_case(value, "true") || value == "1";
    }
  }
  return false;
}

Result<const catalog::Database*> Binder::database_of(std::string_view name, TextSpan span) const {
  const catalog::Database* database = find_database(name);
  if (!database)
    return Error(ErrorCode::EntityNotFound, "Database '" + std::string(name) + "' was not found", span);
  SPILLWAY_TRY(check_view(*database));
  return database;
}

Error Binder::unknown_table(const std::string& name, TextSpan span, const EnvironmentPtr& environment) const {
  std::vector<std::string> names;
  environment->collect_names(names);
  if (const catalog::Database* database = current_database(environment)) {
    for (const auto& [table, definition] : database->tables) names.push_back(table);
    for (const auto& [function, definition] : database->functions) names.push_back(function);
  }
  const std::string near = nearest_name(name, names);
  return semantic("Failed to resolve table or column expression named '" + name + "'" +
                      (near.empty() ? "" : "; did you mean '" + near + "'?"),
                  span);
}

Result<std::string> Binder::constant_text(const syntax::Expr& expression, const EnvironmentPtr& environment,
                                          std::string_view what) {
  SPILLWAY_ASSIGN(const ExprPtr value, bind_constant(expression, environment, Type::String, what));
  if (value->kind != Expr::Kind::Literal) {
    return semantic("Expected a string literal as " + std::string(what), expression.span);
  }
  return value->literal.as_text();
}

Result<std::optional<std::string>> Binder::database_name(const syntax::Expr& expression,
                                                         const EnvironmentPtr& environment) {
  if (const Binding* entity = find_entity(expression, environment)) {
    return database_name(*entity->expression, entity->environment);
  }
  const auto* call = expression.try_as<syntax::CallExpr>();
  const syntax::Expr* cluster = call && call->name.text == "cluster" ? &expression : nullptr;
  if (!cluster && (!call || call->name.text != "database")) return std::optional<std::string>();
  if (!cluster) cluster = call->scope.get();
  if (cluster) {
    return not_supported("cluster(): other clusters can't be queried, only this server's own databases",
                         cluster->span);
  }
  SPILLWAY_TRY(check_arguments(*call, 0, 1));
  if (call->arguments.empty()) {
    const std::string& own = environment->database();
    return std::optional<std::string>(own.empty() ? options_.database : own);
  }
  SPILLWAY_ASSIGN(std::string name,
                  constant_text(*call->arguments[0].value, environment, "a database's name"));
  return std::optional<std::string>(std::move(name));
}

Result<std::optional<Binder::FoundFunction>> Binder::find_function(const std::string& name,
                                                                   const EnvironmentPtr& environment,
                                                                   TextSpan span) {
  if (const Binding* binding = environment->find(name)) {
    if (binding->kind != Binding::Kind::Function) return std::optional<FoundFunction>();
    return std::optional<FoundFunction>(FoundFunction{binding->function, binding->environment});
  }
  const catalog::Database* database = current_database(environment);
  if (!database) return std::optional<FoundFunction>();
  return find_stored_function(name, *database, environment, span);
}

Result<std::optional<Binder::FoundFunction>> Binder::find_stored_function(const std::string& name,
                                                                          const catalog::Database& database,
                                                                          const EnvironmentPtr& environment,
                                                                          TextSpan span) {
  const auto found = database.functions.find(name);
  if (found == database.functions.end() || !visible(environment, database.name, name)) {
    return std::optional<FoundFunction>();
  }
  SPILLWAY_ASSIGN(const syntax::FunctionExpr* function, stored_function(database, *found->second, span));
  return std::optional<FoundFunction>(
      FoundFunction{function, std::make_shared<Environment>(nullptr, database.name)});
}

Result<const syntax::FunctionExpr*> Binder::stored_function(const catalog::Database& database,
                                                            const catalog::Function& function,
                                                            TextSpan span) {
  const auto key = std::make_pair(database.name, function.name);
  if (const auto known = stored_.find(key); known != stored_.end()) return known->second;
  Result<std::unique_ptr<syntax::FunctionExpr>> parsed =
      syntax::parse_function(function.parameters + " " + function.body);
  if (!parsed.ok()) {
    return Error(parsed.error().code, "In function '" + function.name + "': " + parsed.error().message, span);
  }
  functions_.push_back(*std::move(parsed));
  stored_[key] = functions_.back().get();
  return static_cast<const syntax::FunctionExpr*>(functions_.back().get());
}

bool Binder::function_is_tabular(const syntax::FunctionExpr& function, const EnvironmentPtr& environment,
                                 int depth) {
  if (function.view) return true;
  if (!function.body.result || depth > kMaxFunctionDepth) return false;
  Block block{environment, {}};
  for (const syntax::Parameter& parameter : function.parameters) {
    Binding binding;
    binding.kind = parameter.tabular() ? Binding::Kind::Tabular : Binding::Kind::Scalar;
    block.define(parameter.name.text, std::move(binding));
  }
  for (const syntax::StatementPtr& statement : function.body.statements) {
    const auto* let = statement->try_as<syntax::LetStatement>();
    if (!let) continue;
    Binding binding;
    binding.environment = block.environment;
    if (const auto* inner = let->value->try_as<syntax::FunctionExpr>()) {
      binding.kind = Binding::Kind::Function;
      binding.function = inner;
    } else {
      const bool tabular = is_tabular(*let->value, block.environment, depth + 1);
      binding.kind = tabular ? Binding::Kind::Tabular : Binding::Kind::Scalar;
    }
    block.define(let->name.text, std::move(binding));
  }
  return is_tabular(*function.body.result, block.environment, depth + 1);
}

namespace {

/// In an update policy's query: the table that it runs for. Source: management/update-policy.md.
constexpr std::string_view kSourceTable = "$source_table";

/// Functions that give a table by its name.
bool is_table_function(std::string_view name) {
  static const std::set<std::string_view> kFunctions = {"table", "external_table", "materialized_view",
                                                        "stored_query_result"};
  return kFunctions.count(name) > 0;
}

/// `database("d")`, `cluster("c")`, `cluster("c").database("d")`.
bool names_database(const syntax::Expr& expression) {
  const auto* call = expression.try_as<syntax::CallExpr>();
  return call && (call->name.text == "database" || call->name.text == "cluster");
}

}  // namespace

bool Binder::scoped_call_is_tabular(const syntax::CallExpr& call, const EnvironmentPtr& environment,
                                    int depth) {
  if (is_table_function(call.name.text)) return true;
  const Result<std::optional<std::string>> name = database_name(*call.scope, environment);
  const catalog::Database* database = name.ok() && *name ? find_database(**name) : nullptr;
  if (!database) return true;  // binding it as a table tells what is wrong
  const auto found = find_stored_function(call.name.text, *database, environment, call.span);
  return !found.ok() || !*found || function_is_tabular(*(*found)->function, (*found)->environment, depth);
}

bool Binder::is_tabular(const syntax::Expr& expression, const EnvironmentPtr& environment, int depth) {
  const auto of_function = [&](const std::string& name) {
    Result<std::optional<FoundFunction>> found = find_function(name, environment, expression.span);
    return found.ok() && *found && function_is_tabular(*(*found)->function, (*found)->environment, depth);
  };
  switch (expression.kind) {
    case ExprKind::Pipe:
    case ExprKind::DataTable:
    case ExprKind::ExternalData:
    case ExprKind::InlineExternalTable:
    case ExprKind::Materialize:
    case ExprKind::ToTable:
    case ExprKind::ContextTable:
    case ExprKind::ViewCombine: return true;
    case ExprKind::Name: {
      const std::string& name = expression.as<syntax::NameExpr>().name.text;
      if (const Binding* binding = environment->find(name)) {
        if (binding->kind == Binding::Kind::Function) return of_function(name);
        return binding->kind == Binding::Kind::Tabular || binding->kind == Binding::Kind::Entity;
      }
      if (name == kSourceTable) return true;  // binding it tells where it names nothing
      const catalog::Database* database = current_database(environment);
      return of_function(name) || (database && database->tables.count(name) > 0);
    }
    case ExprKind::Call: {
      const auto& call = expression.as<syntax::CallExpr>();
      if (call.scope) return scoped_call_is_tabular(call, environment, depth);
      if (find_pattern(expression, environment)) return true;
      const std::string& name = call.name.text;
      return is_table_function(name) || name == "graph" || name == "materialize" || of_function(name);
    }
    case ExprKind::Path: {
      const auto& path = expression.as<syntax::PathExpr>();
      if (find_entity(*path.base, environment)) return !path.name.text.starts_with('$');
      return names_database(*path.base) || find_pattern(expression, environment);
    }
    case ExprKind::Index:
      return names_database(*expression.as<syntax::IndexExpr>().base) ||
             find_entity(*expression.as<syntax::IndexExpr>().base, environment) ||
             find_pattern(expression, environment);
    default: return false;
  }
}

void Binder::attach(Rel& node, TextSpan span) {
  ++plan_nodes_;
  node.span = span;
  for (const RelPtr& input : node.inputs) node.depth = std::max(node.depth, input->depth + 1);
}

Result<Tabular> Binder::counted(Tabular table) {
  if (table.rel->depth > kMaxPlanDepth) {
    return Error(
        ErrorCode::LimitExceeded,
        "The query has more than " + std::to_string(kMaxPlanDepth) + " operators one on top of another",
        table.rel->span);
  }
  if (plan_nodes_ > kMaxPlanNodes) {
    return Error(ErrorCode::LimitExceeded,
                 "The query is too complex: it has more than " + std::to_string(kMaxPlanNodes) +
                     " operators once its variables and functions are filled in",
                 table.rel->span);
  }
  if (table.columns.size() > kMaxColumns) {
    return Error(ErrorCode::LimitExceeded,
                 "A table has more than " + std::to_string(kMaxColumns) + " columns", table.rel->span);
  }
  return table;
}

Result<Tabular> Binder::bind_tabular(const syntax::Expr& expression, const EnvironmentPtr& environment) {
  if (tabular_depth_ >= kMaxTabularDepth) {
    return Error(ErrorCode::LimitExceeded,
                 "The query is nested more than " + std::to_string(kMaxTabularDepth) + " tables deep",
                 expression.span);
  }
  ++tabular_depth_;
  Result<Tabular> table = bind_tabular_inner(expression, environment);
  --tabular_depth_;
  return table;
}

Result<Tabular> Binder::bind_tabular_inner(const syntax::Expr& expression,
                                           const EnvironmentPtr& environment) {
  switch (expression.kind) {
    case ExprKind::Pipe: return bind_pipe(expression.as<syntax::PipeExpr>(), environment);
    case ExprKind::DataTable: return bind_data_table(expression.as<syntax::DataTableExpr>(), environment);
    case ExprKind::Name: return bind_table_name(expression.as<syntax::NameExpr>().name, environment);
    case ExprKind::Call:
    case ExprKind::Path:
    case ExprKind::Index: return bind_table_reference(expression, environment);
    case ExprKind::Materialize:
      return bind_materialize(expression.as<syntax::MaterializeExpr>(), environment);
    case ExprKind::ToTable: return bind_tabular(*expression.as<syntax::ToTableExpr>().query, environment);
    case ExprKind::ExternalData:
      return bind_external_data(expression.as<syntax::ExternalDataExpr>(), environment);
    case ExprKind::InlineExternalTable:
      return bind_inline_external_table(expression.as<syntax::InlineExternalTableExpr>(), environment);
    case ExprKind::ViewCombine:
      return not_supported("materialized-view-combine is not supported", expression.span);
    case ExprKind::ContextTable:
      return not_supported("__contextual_datatable is not supported", expression.span);
    default: return semantic("Expected a tabular expression", expression.span);
  }
}

Result<Tabular> Binder::bind_table_reference(const syntax::Expr& expression,
                                             const EnvironmentPtr& environment) {
  if (const Binding* pattern = find_pattern(expression, environment)) {
    return bind_pattern_use(expression, *pattern, environment);
  }
  if (const auto* call = expression.try_as<syntax::CallExpr>()) return bind_table_call(*call, environment);
  if (const auto* path = expression.try_as<syntax::PathExpr>()) {
    return bind_table_path(*path->base, path->name.text, path->name.span, environment);
  }
  const auto& index = expression.as<syntax::IndexExpr>();
  SPILLWAY_ASSIGN(const std::string name, constant_text(*index.index, environment, "a table's name"));
  return bind_table_path(*index.base, name, index.index->span, environment);
}

Result<std::optional<Tabular>> Binder::bind_operators(const syntax::PipeExpr& pipe, size_t count,
                                                      std::optional<Tabular> input,
                                                      const EnvironmentPtr& scope) {
  std::optional<Tabular> table = std::move(input);
  if (pipe.source && !table) {
    SPILLWAY_ASSIGN(table, bind_tabular(*pipe.source, scope));
  }
  for (size_t i = 0; i < count; ++i) {
    SPILLWAY_ASSIGN(table, bind_operator(*pipe.operators[i], std::move(table), scope));
  }
  return table;
}

Result<Tabular> Binder::bind_pipe(const syntax::PipeExpr& pipe, const EnvironmentPtr& environment) {
  auto scope = std::make_shared<Environment>(environment);
  as_scopes_.push_back(scope.get());
  Result<std::optional<Tabular>> table = bind_operators(pipe, pipe.operators.size(), std::nullopt, scope);
  as_scopes_.pop_back();
  SPILLWAY_TRY(table);
  return **std::move(table);
}

Result<Tabular> Binder::bind_sub_query(const syntax::PipeExpr& pipe, Tabular input,
                                       const EnvironmentPtr& environment) {
  auto scope = std::make_shared<Environment>(environment);
  as_scopes_.push_back(scope.get());
  Result<std::optional<Tabular>> table = bind_operators(pipe, pipe.operators.size(), std::move(input), scope);
  as_scopes_.pop_back();
  SPILLWAY_TRY(table);
  return **std::move(table);
}

/// A stored function goes before a table of the same name: functions/user-defined-functions.md.
Result<Tabular> Binder::bind_table_name(const syntax::Name& name, const EnvironmentPtr& environment) {
  if (name.wildcard) return semantic("A pattern stands only in union, find and search", name.span);
  if (const Binding* binding = environment->find(name.text)) return bind_binding(*binding, name.span);
  if (name.text == kSourceTable) return bind_source_table(name.span);
  SPILLWAY_ASSIGN(const std::optional<FoundFunction> found, find_function(name.text, environment, name.span));
  if (!found) {
    if (const catalog::Database* database = current_database(environment)) {
      const auto table = database->tables.find(name.text);
      if (table != database->tables.end() && visible(environment, database->name, name.text)) {
        return scan(*database, table->second, name.span);
      }
    }
    return unknown_table(name.text, name.span, environment);
  }
  Binding binding;
  binding.kind = Binding::Kind::Function;
  binding.function = found->function;
  binding.environment = found->environment;
  binding.name = name.text;
  return bind_binding(binding, name.span);
}

Result<Tabular> Binder::bind_source_table(TextSpan span) {
  const catalog::Database* database = find_database(options_.database);
  if (database && !options_.source_table.empty()) {
    const auto table = database->tables.find(options_.source_table);
    if (table != database->tables.end()) return scan(*database, table->second, span);
  }
  return semantic("$source_table names a table only in the query of an update policy", span);
}

Result<Tabular> Binder::bind_binding(const Binding& given, TextSpan span) {
  const Binding binding = given;  // binding its expression may define names, and move it
  switch (binding.kind) {
    case Binding::Kind::Scalar:
      return semantic("'" + binding.name + "' is a scalar, where a table is expected", span);
    case Binding::Kind::Pattern:
      return semantic("'" + binding.name + "' is a pattern, which needs its arguments", span);
    case Binding::Kind::EntityGroup:
      return semantic("'" + binding.name + "' is an entity group, where a table is expected", span);
    case Binding::Kind::Entity: return bind_tabular(*binding.expression, binding.environment);
    case Binding::Kind::Function: {
      SPILLWAY_ASSIGN(const EnvironmentPtr body,
                      enter_function(*binding.function, binding.environment, binding.name, {},
                                     binding.environment, nullptr, span));
      Result<Tabular> table = bind_tabular(*binding.function->body.result, body);
      leave_function();
      if (table.ok() && table->name.empty()) table->name = binding.name;
      return table;
    }
    case Binding::Kind::Tabular: break;
  }
  Tabular table;
  if (binding.materialized) {
    if (!*binding.materialized) {
      SPILLWAY_ASSIGN(*binding.materialized, bind_tabular(*binding.expression, binding.environment));
    }
    (*binding.materialized)->rel->materialize = true;
    table = reuse(**binding.materialized);
  } else {
    SPILLWAY_ASSIGN(table, bind_tabular(*binding.expression, binding.environment));
  }
  if (!binding.schema || binding.schema->columns.empty()) return table;
  // A tabular parameter shows what it declares, and the rest where it has a `*`.
  std::vector<PlanColumn> columns;
  for (const syntax::ColumnDecl& declared : binding.schema->columns) {
    const auto found = std::find_if(table.columns.begin(), table.columns.end(),
                                    [&](const PlanColumn& c) { return c.name == declared.name.text; });
    if (found == table.columns.end() || found->type != declared.type) {
      return semantic("Argument '" + binding.name + "' must have a column '" + declared.name.text +
                          "' of type " + kql_name(declared.type),
                      span);
    }
    columns.push_back(*found);
  }
  if (!binding.schema->open) table.columns = std::move(columns);
  return table;
}

Tabular Binder::reuse(const Tabular& table) {
  Tabular source = table;
  source.chain.clear();
  std::vector<std::pair<PlanColumn, ExprPtr>> outputs;
  for (const PlanColumn& column : table.columns) {
    outputs.emplace_back(new_column(column.name, column.type), column_reference(column, table.rel->span));
  }
  Tabular copy = add_project(std::move(source), std::move(outputs), table.rel->span);
  copy.name = table.name;
  return copy;
}

Result<Tabular> Binder::bind_materialize(const syntax::MaterializeExpr& expression,
                                         const EnvironmentPtr& environment) {
  SPILLWAY_ASSIGN(Tabular table, bind_tabular(*expression.query, environment));
  if (table.rel->columns.size() != table.columns.size()) {
    // Hold only what is visible.
    std::vector<std::pair<PlanColumn, ExprPtr>> outputs;
    for (const PlanColumn& column : table.columns) {
      outputs.emplace_back(new_column(column.name, column.type), column_reference(column, expression.span));
    }
    table = add_project(std::move(table), std::move(outputs), expression.span);
  }
  table.rel->materialize = true;
  table.chain.clear();
  return table;
}

Result<Tabular> Binder::scan(const catalog::Database& database,
                             const std::shared_ptr<const catalog::Table>& table, TextSpan span) {
  SPILLWAY_TRY(check_table_view(database, *table, span));
  SPILLWAY_TRY(check_policy_reference(database, *table, span));
  if (!policy_table_) {
    result_.tables.insert({database.name, table->name, table->id});
    result_.databases.insert(database.name);
  }
  const std::optional<catalog::RowLevelSecurity> policy = policy_of(*table);
  return policy ? bind_policy(database, table, *policy, span) : scan_records(database, table, span);
}

Result<Tabular> Binder::scan_records(const catalog::Database& database,
                                     const std::shared_ptr<const catalog::Table>& table, TextSpan span) {
  auto node = std::make_shared<TableScan>();
  attach(*node, span);
  node->database = database.name;
  node->table = table;
  for (const catalog::Column& column : table->columns) {
    node->columns.push_back(new_column(column.name, column.type));
    node->field_ids.push_back(column.id);
  }
  // What a policy reads beside its own table is no fact table of an export.
  const bool may_be_fact = !policy_table_ || policy_table_->id == table->id;
  const auto scoped = options_.cursor_scopes.find(table->id);
  if (may_be_fact && scoped != options_.cursor_scopes.end()) node->range = scoped->second;
  Tabular result;
  result.columns = node->columns;
  result.chain = {node};
  result.only_filters = true;
  result.name = table->name;
  result.database = database.name;
  result.rel = std::move(node);
  return counted(std::move(result));
}

Result<Tabular> Binder::scan_external(const catalog::Database& database, const std::string& name,
                                      TextSpan span, std::vector<ExternalSource> sources) {
  SPILLWAY_TRY(check_view(database));
  const auto found = database.external_tables.find(name);
  if (found == database.external_tables.end()) {
    std::vector<std::string> names;
    for (const auto& [known, table] : database.external_tables) names.push_back(known);
    const std::string near = nearest_name(name, names);
    return Error(ErrorCode::EntityNotFound,
                 "External table '" + name + "' was not found in database '" + database.name + "'" +
                     (near.empty() ? "" : "; did you mean '" + near + "'?"),
                 span);
  }
  auto node = std::make_shared<ExternalScan>();
  attach(*node, span);
  node->table = found->second;
  node->sources = std::move(sources);
  for (const catalog::Column& column : found->second->columns) {
    node->columns.push_back(new_column(column.name, column.type));
    node->names.push_back(column.name);
  }
  for (const catalog::Partition& partition : found->second->partitions) {
    if (partition.kind != catalog::Partition::Kind::Virtual) continue;
    node->columns.push_back(new_column(partition.name, partition.type));
    node->names.push_back(partition.name);
  }
  result_.external_tables.insert(name);
  result_.databases.insert(database.name);
  Tabular result;
  result.columns = node->columns;
  result.name = name;
  result.rel = std::move(node);
  return counted(std::move(result));
}

Result<Tabular> Binder::bind_table_path(const syntax::Expr& base, const std::string& member, TextSpan span,
                                        const EnvironmentPtr& environment) {
  SPILLWAY_ASSIGN(const std::optional<std::string> name, database_name(base, environment));
  if (!name) return semantic("Expected a table, as in database('D').T", base.span);
  SPILLWAY_ASSIGN(const catalog::Database* database, database_of(*name, base.span));
  return bind_entity_of(*database, member, span, environment);
}

/// A function without arguments, or a table, of a database.
Result<Tabular> Binder::bind_entity_of(const catalog::Database& database, const std::string& name,
                                       TextSpan span, const EnvironmentPtr& environment) {
  SPILLWAY_ASSIGN(const std::optional<FoundFunction> function,
                  find_stored_function(name, database, environment, span));
  if (function) {
    Binding binding;
    binding.kind = Binding::Kind::Function;
    binding.function = function->function;
    binding.environment = function->environment;
    binding.name = name;
    return bind_binding(binding, span);
  }
  return bind_table_of(database, name, span, environment);
}

Result<Tabular> Binder::bind_table_of(const catalog::Database& database, const std::string& name,
                                      TextSpan span, const EnvironmentPtr& environment) {
  const auto table = database.tables.find(name);
  if (table != database.tables.end() && visible(environment, database.name, name)) {
    return scan(database, table->second, span);
  }
  std::vector<std::string> names;
  for (const auto& [known, definition] : database.tables) names.push_back(known);
  const std::string near = nearest_name(name, names);
  return Error(ErrorCode::EntityNotFound,
               "Table '" + name + "' was not found in database '" + database.name + "'" +
                   (near.empty() ? "" : "; did you mean '" + near + "'?"),
               span);
}

/// table(), external_table() and the others of their kind.
Result<Tabular> Binder::bind_table_function(const syntax::CallExpr& call, const catalog::Database& database,
                                            const EnvironmentPtr& environment) {
  const std::string& function = call.name.text;
  SPILLWAY_TRY(check_arguments(call, 1, function == "stored_query_result" ? 1 : 2));
  SPILLWAY_ASSIGN(const std::string name,
                  constant_text(*call.arguments[0].value, environment, "a table's name"));
  const TextSpan span = call.span;
  if (function == "materialized_view") {
    return Error(ErrorCode::EntityNotFound,
                 "Materialized view '" + name + "' was not found in database '" + database.name + "'", span);
  }
  if (function == "stored_query_result") {
    return Error(ErrorCode::EntityNotFound,
                 "Stored query result '" + name + "' was not found in database '" + database.name + "'",
                 span);
  }
  if (function == "external_table") {
    std::vector<ExternalSource> sources;
    if (call.arguments.size() == 2) {
      SPILLWAY_ASSIGN(sources, external_argument(*call.arguments[1].value, environment, database, name));
    }
    return scan_external(database, name, span, std::move(sources));
  }
  if (call.arguments.size() == 2) {
    SPILLWAY_ASSIGN(const std::string data,
                    constant_text(*call.arguments[1].value, environment, "a data scope"));
    if (data != "all" && data != "hotcache" && data != "default") {
      return semantic("table(): the data scope is all, hotcache or default, not '" + data + "'",
                      call.arguments[1].span);
    }
  }
  if (database.tables.count(name) > 0) return bind_table_of(database, name, span, environment);
  return bind_entity_of(database, name, span, environment);
}

/// The second argument of external_table(): a mapping's name, or the age that an accelerated table may have,
/// which changes nothing of one that isn't accelerated.
Result<std::vector<ExternalSource>> Binder::external_argument(const syntax::Expr& argument,
                                                              const EnvironmentPtr& environment,
                                                              const catalog::Database& database,
                                                              const std::string& table) {
  ScalarScope scope(environment);
  scope.where = "external_table";
  SPILLWAY_ASSIGN(const ExprPtr value, bind_scalar(argument, scope));
  const bool constant = value->kind == Expr::Kind::Literal && !value->literal.is_null();
  if (value->type == Type::TimeSpan) {
    if (!constant || value->literal.as_int() >= kTicksPerSecond) return std::vector<ExternalSource>();
    return semantic("external_table(): MaxAgeOverride is one second at least", argument.span);
  }
  if (!constant || value->type != Type::String) {
    return semantic("external_table(): expected the name of a mapping, or a timespan", argument.span);
  }
  const auto found = database.external_tables.find(table);
  if (found == database.external_tables.end()) return std::vector<ExternalSource>();  // said by the scan
  const std::string& name = value->literal.as_text();
  const auto mapping = found->second->mappings.find(name);
  if (mapping == found->second->mappings.end()) {
    std::vector<std::string> names;
    for (const auto& [known, definition] : found->second->mappings) names.push_back(known);
    const std::string near = nearest_name(name, names);
    return Error(ErrorCode::EntityNotFound,
                 "Mapping '" + name + "' of external table '" + table + "' was not found" +
                     (near.empty() ? "" : "; did you mean '" + near + "'?"),
                 argument.span);
  }
  return mapped_sources(mapping->second.mapping, *found->second, "external_table", argument.span);
}

Result<Tabular> Binder::bind_table_call(const syntax::CallExpr& call, const EnvironmentPtr& environment) {
  const catalog::Database* database = current_database(environment);
  if (call.scope) {
    SPILLWAY_ASSIGN(const std::optional<std::string> name, database_name(*call.scope, environment));
    if (!name) return semantic("Expected a database, as in database('D').f()", call.scope->span);
    SPILLWAY_ASSIGN(database, database_of(*name, call.scope->span));
  }
  const std::string& name = call.name.text;
  if (is_table_function(name)) {
    if (!database) {
      SPILLWAY_ASSIGN(database, database_of(options_.database, call.span));
    }
    return bind_table_function(call, *database, environment);
  }
  if (name == "graph") {  // a graph model's: there are none
    SPILLWAY_TRY(check_arguments(call, 1, 2));
    SPILLWAY_ASSIGN(const std::string graph,
                    constant_text(*call.arguments[0].value, environment, "a graph's name"));
    return Error(ErrorCode::EntityNotFound,
                 "graph(): the graph '" + graph + "' was not found; make one with make-graph", call.span);
  }
  std::optional<FoundFunction> found;
  if (call.scope) {
    SPILLWAY_ASSIGN(found, find_stored_function(name, *database, environment, call.span));
    if (!found) {
      return Error(ErrorCode::EntityNotFound,
                   "Function '" + name + "' was not found in database '" + database->name + "'",
                   call.name.span);
    }
  } else {
    SPILLWAY_ASSIGN(found, find_function(name, environment, call.name.span));
  }
  if (!found) return unknown_table(name, call.name.span, environment);
  SPILLWAY_ASSIGN(const EnvironmentPtr body, enter_function(*found->function, found->environment, name,
                                                            call.arguments, environment, nullptr, call.span));
  Result<Tabular> table = bind_tabular(*found->function->body.result, body);
  leave_function();
  if (table.ok()) {
    table->name = name;
    table->database.clear();
  }
  return table;
}

void Binder::leave_function() {
  --function_depth_;
  calls_.pop_back();
}

/// On success the caller must call leave_function() once it has bound the body's result.
Result<EnvironmentPtr> Binder::enter_function(const syntax::FunctionExpr& function,
                                              const EnvironmentPtr& definition, const std::string& name,
                                              const std::vector<syntax::Argument>& arguments,
                                              const EnvironmentPtr& caller, ScalarScope* row, TextSpan span,
                                              Binding* first) {
  if (std::find(calls_.begin(), calls_.end(), &function) != calls_.end()) {
    return semantic("Function '" + name + "' calls itself: functions can't be recursive", span);
  }
  if (function_depth_ >= kMaxFunctionDepth) {
    return Error(ErrorCode::LimitExceeded,
                 "Function '" + name + "' is called more than " + std::to_string(kMaxFunctionDepth) +
                     " functions deep",
                 span);
  }
  auto parameters = std::make_shared<Environment>(definition);
  SPILLWAY_TRY(bind_arguments(function, name, arguments, caller, row, span, first, *parameters));
  if (!function.body.result) return semantic("Function '" + name + "' has an empty body", span);
  ++function_depth_;
  calls_.push_back(&function);
  Block block{parameters, {}};
  for (const syntax::StatementPtr& statement : function.body.statements) {
    Status status = bind_statement(*statement, block);
    if (!status.ok()) {
      leave_function();
      return status.error();
    }
  }
  return block.environment;
}

Status Binder::bind_arguments(const syntax::FunctionExpr& function, const std::string& name,
                              const std::vector<syntax::Argument>& arguments, const EnvironmentPtr& caller,
                              ScalarScope* row, TextSpan span, Binding* first, Environment& body) {
  std::vector<const syntax::Expr*> given(function.parameters.size());
  size_t position = 0;
  if (first) {
    body.define(function.parameters[0].name.text, std::move(*first));
    position = 1;
  }
  for (const syntax::Argument& argument : arguments) {
    size_t index = position++;
    if (argument.name) {
      index = 0;
      while (index < given.size() && function.parameters[index].name.text != argument.name->text) ++index;
      if (index == given.size()) {
        return semantic("Function '" + name + "' has no parameter '" + argument.name->text + "'",
                        argument.name->span);
      }
    }
    if (index >= given.size()) {
      return semantic("Function '" + name + "' takes " + std::to_string(given.size()) + " arguments, not " +
                          std::to_string(arguments.size()),
                      argument.span);
    }
    if (given[index]) {
      return semantic("Argument '" + function.parameters[index].name.text + "' is given twice",
                      argument.span);
    }
    given[index] = argument.value.get();
  }
  for (size_t i = first ? 1 : 0; i < given.size(); ++i) {
    SPILLWAY_TRY(bind_argument(function.parameters[i], given[i], caller, row, name, span, body));
  }
  return Status();
}

Status Binder::bind_argument(const syntax::Parameter& parameter, const syntax::Expr* argument,
                             const EnvironmentPtr& caller, ScalarScope* row, const std::string& function,
                             TextSpan span, Environment& body) {
  Binding binding;
  binding.name = parameter.name.text;
  binding.depth = tabular_depth_;
  if (parameter.tabular()) {
    if (!argument || !is_tabular(*argument, caller)) {
      return semantic("Function '" + function + "' expects a table as argument '" + parameter.name.text + "'",
                      argument ? argument->span : span);
    }
    binding.kind = Binding::Kind::Tabular;
    binding.expression = argument;
    binding.environment = caller;
    binding.schema = &*parameter.schema;
    body.define(parameter.name.text, std::move(binding));
    return Status();
  }
  const syntax::Expr* value = argument ? argument : parameter.default_value.get();
  if (!value) {
    return semantic("Function '" + function + "' needs the argument '" + parameter.name.text + "'", span);
  }
  if (row && argument) {
    SPILLWAY_ASSIGN(binding.scalar, bind_scalar(*value, *row));
  } else {
    ScalarScope scope(caller);
    scope.where = "call";
    SPILLWAY_ASSIGN(binding.scalar, bind_scalar(*value, scope));
  }
  if (binding.scalar->type != *parameter.type) {
    Result<ExprPtr> converted = convert(binding.scalar, *parameter.type);
    if (!converted.ok() || !converts_implicitly(binding.scalar->type, *parameter.type)) {
      return semantic("Function '" + function + "' expects " + kql_name(*parameter.type) + " as argument '" +
                          parameter.name.text + "', not " + kql_name(binding.scalar->type),
                      value->span);
    }
    binding.scalar = *converted;
  }
  body.define(parameter.name.text, std::move(binding));
  return Status();
}

}  // namespace spillway::kql
