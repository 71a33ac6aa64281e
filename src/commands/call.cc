#include "commands/call.h"

#include <utility>

#include "engine/plan_runner.h"

namespace spillway::commands {
namespace {

template <typename T>
Result<std::shared_ptr<const T>> entity(
    const Call& call, const char* kind, const Name& name,
    std::map<std::string, std::shared_ptr<const T>> catalog::Database::*entities) {
  SPILLWAY_ASSIGN(const catalog::Database* database, call.database());
  std::shared_ptr<const T> found = find_in(database->*entities, name.text);
  if (!found) return not_found(kind, name, *database);
  return found;
}

}  // namespace

std::shared_ptr<const catalog::Database> find_database(const catalog::Snapshot& snapshot,
                                                       std::string_view name) {
  const auto exact = snapshot.databases.find(std::string(name));
  if (exact != snapshot.databases.end()) return exact->second;
  std::shared_ptr<const catalog::Database> pretty;
  bool unique = true;
  for (const auto& [key, database] : snapshot.databases) {
    if (same_ignoring_case(key, name)) return database;
    if (!database->pretty_name.empty() && database->pretty_name == name) {
      unique = pretty == nullptr;
      pretty = database;
    }
  }
  return unique ? pretty : nullptr;
}

Error not_found(const char* entity, const Name& name, const catalog::Database& database) {
  return Error{ErrorCode::EntityNotFound,
               std::string(entity) + " '" + name.text + "' not found in database '" + database.name + "'",
               name.span};
}

Error exists(const char* entity, const Name& name, const catalog::Database& database) {
  return Error{
      ErrorCode::EntityExists,
      std::string(entity) + " '" + name.text + "' already exists in database '" + database.name + "'",
      name.span};
}

Result<const catalog::Database*> Call::database() const {
  const std::shared_ptr<const catalog::Database> found = find_database(*snapshot, request.database);
  if (!found) return Error{ErrorCode::EntityNotFound, "database '" + request.database + "' not found"};
  return found.get();
}

Result<const catalog::Database*> Call::database(const Name& name) const {
  const std::shared_ptr<const catalog::Database> found = find_database(*snapshot, name.text);
  if (!found) return Error{ErrorCode::EntityNotFound, "database '" + name.text + "' not found", name.span};
  return found.get();
}

Result<std::shared_ptr<const catalog::Table>> Call::table(const Name& name) const {
  return entity(*this, "table", name, &catalog::Database::tables);
}

Result<std::shared_ptr<const catalog::Function>> Call::function(const Name& name) const {
  return entity(*this, "function", name, &catalog::Database::functions);
}

Result<std::shared_ptr<const catalog::ExternalTable>> Call::external_table(const Name& name) const {
  return entity(*this, "external table", name, &catalog::Database::external_tables);
}

Result<std::shared_ptr<const catalog::ContinuousExport>> Call::continuous_export(const Name& name) const {
  return entity(*this, "continuous export", name, &catalog::Database::exports);
}

bool Call::concerns(const std::string& principal, const std::string& database,
                    bool may(const catalog::Caller&, const catalog::Database&)) const {
  if (!caller() || catalog::is_admin(*caller()) || principal == caller()->principal) return true;
  const std::shared_ptr<const catalog::Database> found = find_database(*snapshot, database);
  return found && may(*caller(), *found);
}

Error Call::denied(std::string_view role) const {
  return catalog::denied(*caller(), "run '." + std::string(pattern) + "'", role);
}

Status Call::require(Permission permission) const {
  if (!caller()) return Status();
  SPILLWAY_ASSIGN(const catalog::Database* context, database());
  return require(permission, *context);
}

Status Call::require(Permission permission, const catalog::Database& database) const {
  if (!caller() || has_permission(*caller(), database, permission)) return Status();
  return denied(role_needed(permission, database));
}

Status Call::write(const Transaction& transaction) const {
  SPILLWAY_ASSIGN(const catalog::Database* context, database());
  SPILLWAY_TRY(catalog::check_writable(*context));
  return services.catalog.write([&](catalog::Writer& writer) -> Status {
    // Held, because the writer may replace it at each change.
    const std::shared_ptr<const catalog::Database> now = find_in(writer.current().databases, context->name);
    if (!now) return Error{ErrorCode::EntityNotFound, "database '" + context->name + "' not found"};
    SPILLWAY_TRY(transaction(writer, *now));
    return caller() ? authorize_changes(*caller(), writer, *now) : Status();
  });
}

Result<std::shared_ptr<const catalog::Database>> Call::reload() const {
  std::shared_ptr<const catalog::Database> found =
      find_database(*services.catalog.snapshot(), request.database);
  if (!found) return Error{ErrorCode::EntityNotFound, "database '" + request.database + "' not found"};
  return found;
}

Result<kql::BindOptions> Call::bind_options() const {
  SPILLWAY_ASSIGN(const catalog::Database* context, database());
  kql::BindOptions options;
  options.snapshot = snapshot;
  options.database = context->name;
  options.now = services.clock.now();
  options.principal = request.principal;
  options.caller = request.caller;
  options.parameters = request.parameters;
  engine::let_run(options, services.engine, run_options());
  return options;
}

Result<kql::BoundQuery> Call::validate(std::string_view kql) const {
  SPILLWAY_ASSIGN(kql::BindOptions options, bind_options());
  options.assertions_hold = true;
  return kql::compile(kql, options);
}

Result<kql::BoundQuery> Call::compile(std::string_view kql, size_t offset, const Table* piped) const {
  SPILLWAY_ASSIGN(kql::BindOptions options, bind_options());
  options.piped = piped;
  Result<kql::BoundQuery> query = kql::compile(kql, options);
  if (!query.ok() && offset > 0) return relocate(query.error(), reader.text(), offset);
  return query;
}

engine::RunOptions Call::run_options() const {
  return {.cancel = request.cancel, .timeout = request.timeout};
}

Result<Table> Call::run(const kql::BoundResult& result) const {
  SPILLWAY_ASSIGN(Table table, services.engine.run_to_table(result.plan, run_options()));
  if (!result.name.empty()) table.name = result.name;
  return table;
}

Result<Table> Call::query_or_command(std::string_view text, size_t offset) const {
  if (is_command(text)) {
    Request nested = request;
    nested.text = std::string(text);
    Reader words(text);
    SPILLWAY_TRY(words.expect(TokenKind::Dot));
    if (!words.next_is("show")) {
      return relocate(words.expected("a query or a '.show' command"), reader.text(), offset);
    }
    Result<Tables> tables = execute_nested(nested, services);
    if (!tables.ok()) return relocate(tables.error(), reader.text(), offset);
    if (tables->empty()) return Error{ErrorCode::Internal, "the command has no result"};
    return std::move(tables->front());
  }
  SPILLWAY_ASSIGN(const kql::BoundQuery query, compile(text, offset));
  if (query.results.empty()) return Error{ErrorCode::Semantic, "the query has no tabular result"};
  return run(query.results.front());
}

}  // namespace spillway::commands
