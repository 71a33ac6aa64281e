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

const Binding* Environment::find(std::string_view name) const {
  for (const Environment* scope = this; scope; scope = scope->parent_.get()) {
    if (const Binding* binding = scope->find_here(name)) return binding;
  }
  return nullptr;
}

void Environment::collect_views(std::map<std::string, const Binding*>& out) const {
  for (const Environment* scope = this; scope; scope = scope->parent_.get()) {
    for (const auto& [name, binding] : scope->bindings_) {
      const bool view = binding.kind == Binding::Kind::Function && binding.function->view &&
                        binding.function->parameters.empty();
      if (view) out.emplace(name, &binding);
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

const catalog::Database* Binder::current_database() const {
  return options_.snapshot ? options_.snapshot->database(options_.database) : nullptr;
}

Result<const catalog::Database*> Binder::database_of(std::string_view name, TextSpan span) const {
  const catalog::Database* database = options_.snapshot ? options_.snapshot->database(name) : nullptr;
  if (!database)
    return Error(ErrorCode::EntityNotFound, "Database '" + std::string(name) + "' was not found", span);
  return database;
}

Error Binder::unknown_table(const std::string& name, TextSpan span, const EnvironmentPtr& environment) const {
  std::vector<std::string> names;
  environment->collect_names(names);
  if (const catalog::Database* database = current_database()) {
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
  const auto* call = expression.try_as<syntax::CallExpr>();
  if (!call || call->name.text != "database") {
    if (call && call->name.text == "cluster") return not_supported("cluster() is not supported", call->span);
    return std::optional<std::string>();
  }
  if (call->scope) return not_supported("cluster() is not supported", call->scope->span);
  SPILLWAY_TRY(check_arguments(*call, 1, 1));
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
  const catalog::Database* database = current_database();
  if (!database) return std::optional<FoundFunction>();
  const auto found = database->functions.find(name);
  if (found == database->functions.end()) return std::optional<FoundFunction>();
  SPILLWAY_ASSIGN(const syntax::FunctionExpr* function, stored_function(*database, *found->second, span));
  return std::optional<FoundFunction>(FoundFunction{function, std::make_shared<Environment>(nullptr)});
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

bool Binder::is_tabular(const syntax::Expr& expression, const EnvironmentPtr& environment, int depth) {
  const auto of_function = [&](const std::string& name) {
    Result<std::optional<FoundFunction>> found = find_function(name, environment, expression.span);
    return found.ok() && *found && function_is_tabular(*(*found)->function, (*found)->environment, depth);
  };
  switch (expression.kind) {
    case ExprKind::Pipe:
    case ExprKind::DataTable:
    case ExprKind::ExternalData:
    case ExprKind::Materialize:
    case ExprKind::ToTable:
    case ExprKind::ContextTable:
    case ExprKind::ViewCombine: return true;
    case ExprKind::Name: {
      const std::string& name = expression.as<syntax::NameExpr>().name.text;
      if (const Binding* binding = environment->find(name)) {
        if (binding->kind == Binding::Kind::Function) return of_function(name);
        return binding->kind == Binding::Kind::Tabular;
      }
      const catalog::Database* database = current_database();
      return (database && database->tables.count(name) > 0) || of_function(name);
    }
    case ExprKind::Call: {
      const auto& call = expression.as<syntax::CallExpr>();
      if (call.scope) return true;  // database("d").f(…): only tables and tabular functions are reached so
      const std::string& name = call.name.text;
      if (name == "table" || name == "external_table" || name == "materialize") return true;
      return of_function(name);
    }
    case ExprKind::Path: {
      const auto* base = expression.as<syntax::PathExpr>().base->try_as<syntax::CallExpr>();
      return base && (base->name.text == "database" || base->name.text == "cluster");
    }
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
    case ExprKind::Call: return bind_table_call(expression.as<syntax::CallExpr>(), environment);
    case ExprKind::Path: return bind_table_path(expression.as<syntax::PathExpr>(), environment);
    case ExprKind::Materialize:
      return bind_materialize(expression.as<syntax::MaterializeExpr>(), environment);
    case ExprKind::ToTable: return bind_tabular(*expression.as<syntax::ToTableExpr>().query, environment);
    case ExprKind::ExternalData: return not_supported("externaldata is not supported", expression.span);
    case ExprKind::ViewCombine:
      return not_supported("materialized-view-combine is not supported", expression.span);
    case ExprKind::ContextTable:
      return not_supported("__contextual_datatable is not supported", expression.span);
    default: return semantic("Expected a tabular expression", expression.span);
  }
}

Result<Tabular> Binder::bind_pipe(const syntax::PipeExpr& pipe, const EnvironmentPtr& environment) {
  auto scope = std::make_shared<Environment>(environment);
  as_scopes_.push_back(scope.get());
  std::optional<Tabular> table;
  Status status;
  if (pipe.source) {
    Result<Tabular> source = bind_tabular(*pipe.source, scope);
    if (source.ok()) {
      table = *std::move(source);
    } else {
      status = source.error();
    }
  }
  for (size_t i = 0; status.ok() && i < pipe.operators.size(); ++i) {
    Result<Tabular> next = bind_operator(*pipe.operators[i], std::move(table), scope);
    if (next.ok()) {
      table = *std::move(next);
    } else {
      status = next.error();
    }
  }
  as_scopes_.pop_back();
  SPILLWAY_TRY(status);
  return *std::move(table);
}

Result<Tabular> Binder::bind_table_name(const syntax::Name& name, const EnvironmentPtr& environment) {
  if (name.wildcard) return semantic("A pattern stands only in union, find and search", name.span);
  if (const Binding* binding = environment->find(name.text)) return bind_binding(*binding, name.span);
  if (const catalog::Database* database = current_database()) {
    const auto table = database->tables.find(name.text);
    if (table != database->tables.end()) return scan(*database, table->second, name.span);
  }
  SPILLWAY_ASSIGN(const std::optional<FoundFunction> found, find_function(name.text, environment, name.span));
  if (!found) return unknown_table(name.text, name.span, environment);
  Binding binding;
  binding.kind = Binding::Kind::Function;
  binding.function = found->function;
  binding.environment = found->environment;
  binding.name = name.text;
  return bind_binding(binding, name.span);
}

Result<Tabular> Binder::bind_binding(const Binding& given, TextSpan span) {
  const Binding binding = given;  // binding its expression may define names, and move it
  switch (binding.kind) {
    case Binding::Kind::Scalar:
      return semantic("'" + binding.name + "' is a scalar, where a table is expected", span);
    case Binding::Kind::Function: {
      SPILLWAY_ASSIGN(const EnvironmentPtr body,
                      enter_function(*binding.function, binding.environment, binding.name, {},
                                     binding.environment, nullptr, span));
      Result<Tabular> table = bind_tabular(*binding.function->body.result, body);
      --function_depth_;
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
  auto node = std::make_shared<TableScan>();
  attach(*node, span);
  node->database = database.name;
  node->table = table;
  for (const catalog::Column& column : table->columns) {
    node->columns.push_back(new_column(column.name, column.type));
    node->field_ids.push_back(column.id);
  }
  const auto scoped = options_.cursor_scopes.find(table->id);
  if (scoped != options_.cursor_scopes.end()) node->range = scoped->second;
  result_.tables.insert({database.name, table->name, table->id});
  Tabular result;
  result.columns = node->columns;
  result.chain = {node};
  result.only_filters = true;
  result.name = table->name;
  result.rel = std::move(node);
  return counted(std::move(result));
}

Result<Tabular> Binder::scan_external(const catalog::Database& database, const std::string& name,
                                      TextSpan span) {
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
  Tabular result;
  result.columns = node->columns;
  result.name = name;
  result.rel = std::move(node);
  return counted(std::move(result));
}

Result<Tabular> Binder::bind_table_path(const syntax::PathExpr& path, const EnvironmentPtr& environment) {
  SPILLWAY_ASSIGN(const std::optional<std::string> name, database_name(*path.base, environment));
  if (!name) return semantic("Expected a table, as in database('D').T", path.span);
  SPILLWAY_ASSIGN(const catalog::Database* database, database_of(*name, path.base->span));
  const auto table = database->tables.find(path.name.text);
  if (table != database->tables.end()) return scan(*database, table->second, path.name.span);
  return Error(ErrorCode::EntityNotFound,
               "Table '" + path.name.text + "' was not found in database '" + *name + "'", path.name.span);
}

Result<Tabular> Binder::bind_table_call(const syntax::CallExpr& call, const EnvironmentPtr& environment) {
  const catalog::Database* database = current_database();
  if (call.scope) {
    SPILLWAY_ASSIGN(const std::optional<std::string> name, database_name(*call.scope, environment));
    if (!name) return semantic("Expected a database, as in database('D').f()", call.scope->span);
    SPILLWAY_ASSIGN(database, database_of(*name, call.scope->span));
  }
  const std::string& name = call.name.text;
  if (name == "table" || name == "external_table") {
    SPILLWAY_TRY(check_arguments(call, 1, 2));
    SPILLWAY_ASSIGN(const std::string table,
                    constant_text(*call.arguments[0].value, environment, "a table's name"));
    if (!database) {
      SPILLWAY_ASSIGN(database, database_of(options_.database, call.span));
    }
    if (name == "external_table") return scan_external(*database, table, call.span);
    const auto found = database->tables.find(table);
    if (found == database->tables.end()) {
      return Error(ErrorCode::EntityNotFound,
                   "Table '" + table + "' was not found in database '" + database->name + "'", call.span);
    }
    return scan(*database, found->second, call.span);
  }
  std::optional<FoundFunction> found;
  if (call.scope) {
    const auto stored = database->functions.find(name);
    if (stored == database->functions.end()) {
      return Error(ErrorCode::EntityNotFound,
                   "Function '" + name + "' was not found in database '" + database->name + "'",
                   call.name.span);
    }
    SPILLWAY_ASSIGN(found.emplace().function, stored_function(*database, *stored->second, call.span));
    found->environment = std::make_shared<Environment>(nullptr);
  } else {
    SPILLWAY_ASSIGN(found, find_function(name, environment, call.name.span));
  }
  if (!found) return unknown_table(name, call.name.span, environment);
  SPILLWAY_ASSIGN(const EnvironmentPtr body, enter_function(*found->function, found->environment, name,
                                                            call.arguments, environment, nullptr, call.span));
  Result<Tabular> table = bind_tabular(*found->function->body.result, body);
  --function_depth_;
  if (table.ok()) table->name = name;
  return table;
}

/// On success the caller must lower function_depth_ once it has bound the body's result.
Result<EnvironmentPtr> Binder::enter_function(const syntax::FunctionExpr& function,
                                              const EnvironmentPtr& definition, const std::string& name,
                                              const std::vector<syntax::Argument>& arguments,
                                              const EnvironmentPtr& caller, ScalarScope* row, TextSpan span,
                                              Binding* first) {
  if (function_depth_ >= kMaxFunctionDepth) {
    return Error(ErrorCode::LimitExceeded,
                 "Function '" + name + "' is called more than " + std::to_string(kMaxFunctionDepth) +
                     " functions deep: a function may not call itself",
                 span);
  }
  auto parameters = std::make_shared<Environment>(definition);
  SPILLWAY_TRY(bind_arguments(function, name, arguments, caller, row, span, first, *parameters));
  if (!function.body.result) return semantic("Function '" + name + "' has an empty body", span);
  ++function_depth_;
  Block block{parameters, {}};
  for (const syntax::StatementPtr& statement : function.body.statements) {
    Status status = bind_statement(*statement, block);
    if (!status.ok()) {
      --function_depth_;
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
