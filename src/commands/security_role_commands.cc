// Security roles: who may do what with databases, tables, functions and external tables.
// Sources: management/security-roles.md, manage-database-security-roles.md, manage-table-security-roles.md,
// manage-function-security-roles.md, manage-external-table-security-roles.md,
// reference-security-principals.md.

#include <algorithm>
#include <list>
#include <utility>

#include "commands/call.h"
#include "commands/describe.h"

namespace spillway::commands {
namespace {

using catalog::Assignment;
using catalog::Assignments;
using catalog::Database;
using catalog::Policies;
using catalog::Role;
using catalog::Writer;

const Schema kPrincipals = {{"Role", Type::String},
                            {"PrincipalType", Type::String},
                            {"PrincipalDisplayName", Type::String},
                            {"PrincipalObjectId", Type::String},
                            {"PrincipalFQN", Type::String},
                            {"Notes", Type::String}};

/// What has roles.
enum class Scope { Database, Table, Function, ExternalTable };

/// How a pattern names each, and how a role of it is called: "Table T Admin".
struct ScopeNames {
  Scope scope;
  const char *words, *title;
};
constexpr ScopeNames kScopes[] = {{Scope::Database, "database <name>", "Database"},
                                  {Scope::ExternalTable, "external table <name>", "External Table"},
                                  {Scope::Table, "table <name>", "Table"},
                                  {Scope::Function, "function <name>", "Function"}};

/// The scope of a pattern that holds one: "add external table <name> admins".
const ScopeNames& scope_of(std::string_view pattern) {
  return *std::find_if(std::begin(kScopes), std::end(kScopes), [&](const ScopeNames& names) {
    return pattern.find(names.words) != std::string_view::npos;
  });
}

/// The database that the command is about, and the policies of its entity.
struct Subject {
  const Database* database = nullptr;
  Policies policies;
};

Result<Subject> find_subject(const Call& call, Scope scope) {
  const Name& name = call.names[0];
  Subject subject;
  if (scope == Scope::Database) {
    SPILLWAY_ASSIGN(subject.database, call.database(name));
    subject.policies = subject.database->policies;
    return subject;
  }
  SPILLWAY_ASSIGN(subject.database, call.database());
  if (scope == Scope::Table) {
    SPILLWAY_ASSIGN(const auto table, call.table(name));
    subject.policies = table->policies;
  } else if (scope == Scope::Function) {
    SPILLWAY_ASSIGN(const auto function, call.function(name));
    subject.policies = function->policies;
  } else {
    SPILLWAY_ASSIGN(const auto table, call.external_table(name));
    subject.policies = table->policies;
  }
  return subject;
}

const char* type_of(const std::string& principal) {
  const std::string kind = lower_case(principal.substr(0, principal.find('=')));
  if (kind == "aaduser") return "Microsoft Entra user";
  if (kind == "aadapp") return "Microsoft Entra application";
  if (kind == "aadgroup") return "Microsoft Entra group";
  if (kind == "msauser") return "Microsoft account";
  return "API token";
}

Row row_of(const std::string& role, const Assignment& assignment) {
  const std::string& principal = assignment.principal;
  const size_t equals = principal.find('=');
  const std::string name = equals == std::string::npos ? principal : principal.substr(equals + 1);
  const std::string id = name.substr(0, name.find(';'));
  return {Value::string(role),      Value::string(type_of(principal)),
          Value::string(name),      Value::string(Guid::parse(id) ? id : ""),
          Value::string(principal), Value::string(assignment.notes)};
}

/// The cluster roles of the caller: of others the server's configuration alone knows them.
void add_own_cluster_roles(const Call& call, Table& result) {
  if (!call.caller()) {
    result.rows.push_back(
        row_of(name_of(catalog::ClusterRole::AllDatabasesAdmin), {call.request.principal, ""}));
    return;
  }
  for (const catalog::ClusterRole role : call.caller()->roles) {
    result.rows.push_back(row_of(catalog::name_of(role), {call.caller()->principal, ""}));
  }
}

void add_roles(const Call& call, const ScopeNames& scope, const std::string& entity, const Policies& policies,
               bool own, Table& result) {
  for (const auto& [role, assignments] : catalog::assignments_of(policies)) {
    const std::string title = std::string(scope.title) + " " + entity + " " + catalog::singular_of(role);
    for (const Assignment& assignment : assignments) {
      const bool mine = !call.caller() || call.caller()->is(assignment.principal);
      if (mine || !own) result.rows.push_back(row_of(title, assignment));
    }
  }
}

Result<Tables> show_roles(Call& call, bool own) {
  SPILLWAY_TRY(call.reader.end());
  const ScopeNames& scope = scope_of(call.pattern);
  SPILLWAY_ASSIGN(const Subject subject, find_subject(call, scope.scope));
  const bool admin = !call.caller() || catalog::is_admin(*call.caller(), *subject.database, subject.policies);
  if (!own && !admin) SPILLWAY_TRY(call.require(Permission::Monitor, *subject.database));
  Table result = empty_table(kPrincipals);
  add_own_cluster_roles(call, result);
  if (scope.scope != Scope::Database) {
    add_roles(call, kScopes[0], subject.database->name, subject.database->policies, own, result);
  }
  const std::string& entity = scope.scope == Scope::Database ? subject.database->name : call.names[0].text;
  add_roles(call, scope, entity, subject.policies, own, result);
  return Tables{std::move(result)};
}

Result<Tables> show_principals(Call& call) {
  return show_roles(call, false);
}

Result<Tables> show_own_roles(Call& call) {
  return show_roles(call, true);
}

Result<Tables> show_cluster_roles(Call& call) {
  SPILLWAY_TRY(call.reader.end());
  Table result = empty_table(kPrincipals);
  add_own_cluster_roles(call, result);
  return Tables{std::move(result)};
}

// Changes.

/// `aaduser=…`, `aadgroup=…`, `aadapp=…`, `msauser=…`, or the name of a principal without a kind.
Status check_principal(const std::string& principal, TextSpan span) {
  const size_t equals = principal.find('=');
  const std::string kind = lower_case(principal.substr(0, equals));
  const bool known = kind == "aaduser" || kind == "aadgroup" || kind == "aadapp" || kind == "msauser";
  const bool named = equals == std::string::npos ? !principal.empty() : equals + 1 < principal.size();
  if (named && (known || equals == std::string::npos)) return Status();
  return Error{ErrorCode::BadRequest,
               "'" + principal + "' is no principal: expected aaduser=…, aadgroup=…, aadapp=… or msauser=…",
               span};
}

/// What follows the role's name.
struct Change {
  std::string_view verb;  // "add", "drop", "set"
  Role role = Role::Admins;
  std::vector<std::string> principals;
  std::string notes;
  bool skip_results = false;
};

Result<Change> read_change(Call& call) {
  Reader& reader = call.reader;
  Change change;
  change.verb = call.pattern.substr(0, call.pattern.find(' '));
  change.role = *catalog::parse_role(call.pattern.substr(call.pattern.rfind(' ') + 1));
  if (change.verb != "set" || !reader.accept("none")) {
    SPILLWAY_TRY(reader.expect(TokenKind::OpenParen));
    do {
      const TextSpan span = reader.peek().span;
      SPILLWAY_ASSIGN(std::string principal, reader.string("a principal in quotes"));
      SPILLWAY_TRY(check_principal(principal, span));
      change.principals.push_back(std::move(principal));
    } while (reader.accept(TokenKind::Comma));
    SPILLWAY_TRY(reader.expect(TokenKind::CloseParen));
  }
  change.skip_results = reader.accept("skip-results");
  if (reader.peek().kind == TokenKind::String) {
    SPILLWAY_ASSIGN(change.notes, reader.string("a description in quotes"));
  }
  SPILLWAY_TRY(reader.end());
  return change;
}

void apply(const Change& change, Policies& policies) {
  Assignments assignments = catalog::assignments_of(policies);
  std::vector<Assignment>& list = assignments[change.role];
  if (change.verb == "set") list.clear();
  for (const std::string& principal : change.principals) {
    std::erase_if(
        list, [&](const Assignment& known) { return catalog::same_principal(known.principal, principal); });
    if (change.verb != "drop") list.push_back({principal, change.notes});
  }
  policies.erase(catalog::kPrincipals);
  if (const auto text = catalog::encode(assignments)) policies[catalog::kPrincipals] = *text;
}

Status change_database(const Call& call, const Change& change) {
  Request request = call.request;
  SPILLWAY_ASSIGN(const Database* named, call.database(call.names[0]));
  request.database = named->name;
  const Call there{request, call.services, call.reader, call.pattern, call.names, call.snapshot};
  return there.write([&](Writer& writer, const Database& database) -> Status {
    Policies policies = database.policies;
    apply(change, policies);
    const auto text = policies.find(catalog::kPrincipals);
    return writer.set_policy(database.name, catalog::kPrincipals,
                             text == policies.end() ? std::nullopt : std::optional(text->second));
  });
}

/// Of a map of the database, one by its name.
template <typename T, typename F>
Status change_entity(const Call& call, const Change& change, const char* kind,
                     std::map<std::string, std::shared_ptr<const T>> Database::*entities, const F& put) {
  return call.write([&](Writer& writer, const Database& database) -> Status {
    const std::shared_ptr<const T> existing = find_in(database.*entities, call.names[0].text);
    if (!existing) return not_found(kind, call.names[0], database);
    T entity = *existing;
    apply(change, entity.policies);
    return put(writer, database.name, entity);
  });
}

Status change_subject(const Call& call, Scope scope, const Change& change) {
  switch (scope) {
    case Scope::Database: return change_database(call, change);
    case Scope::Table:
      return change_entity(call, change, "table", &Database::tables,
                           [](Writer& writer, const std::string& database, const catalog::Table& table) {
                             return writer.alter_table(database, table);
                           });
    case Scope::Function:
      return change_entity(
          call, change, "function", &Database::functions,
          [](Writer& writer, const std::string& database, const catalog::Function& function) {
            return writer.put_function(database, function);
          });
    case Scope::ExternalTable: break;
  }
  return change_entity(call, change, "external table", &Database::external_tables,
                       [](Writer& writer, const std::string& database, const catalog::ExternalTable& table) {
                         return writer.put_external_table(database, table);
                       });
}

Result<Tables> change_roles(Call& call) {
  SPILLWAY_ASSIGN(const Change change, read_change(call));
  const ScopeNames& scope = scope_of(call.pattern);
  SPILLWAY_TRY(change_subject(call, scope.scope, change));
  Table result = empty_table(kPrincipals);
  if (change.skip_results) return Tables{std::move(result)};
  call.snapshot = call.services.catalog.snapshot();
  SPILLWAY_ASSIGN(const Subject subject, find_subject(call, scope.scope));
  const std::string& entity = scope.scope == Scope::Database ? subject.database->name : call.names[0].text;
  add_roles(call, scope, entity, subject.policies, false, result);
  return Tables{std::move(result)};
}

/// Which roles there are of what, with the syntax and the summary for help().
struct RoleFamily {
  Scope scope;
  std::vector<Role> roles;
  const char *syntax, *summary;
};

const std::vector<RoleFamily>& role_families() {
  static const std::vector<RoleFamily> all = {
      {Scope::Database,
       {Role::Admins, Role::Users, Role::Viewers, Role::UnrestrictedViewers, Role::Ingestors, Role::Monitors},
       ".(add | drop | set) database D (admins | users | viewers | unrestrictedviewers | ingestors | "
       "monitors) "
       "('aaduser=…', …) [skip-results] ['description']  ·  .set database D viewers none",
       "Gives and takes roles of a database"},
      {Scope::Table,
       {Role::Admins, Role::Ingestors},
       ".(add | drop | set) table T (admins | ingestors) ('aaduser=…', …) [skip-results] ['description']",
       "Gives and takes roles of a table"},
      {Scope::Function,
       {Role::Admins},
       ".(add | drop | set) function F admins ('aaduser=…', …) [skip-results] ['description']",
       "Gives and takes the role of a function's admin"},
      {Scope::ExternalTable,
       {Role::Admins},
       ".(add | drop | set) external table E admins ('aaduser=…', …) [skip-results] ['description']",
       "Gives and takes the role of an external table's admin"},
  };
  return all;
}

void add_changes(std::vector<Command>& commands) {
  static std::list<std::string> patterns;  // which the commands point into
  for (const RoleFamily& family : role_families()) {
    const auto* scope = std::find_if(std::begin(kScopes), std::end(kScopes),
                                     [&](const ScopeNames& names) { return names.scope == family.scope; });
    const char* syntax = family.syntax;
    for (const char* verb : {"add", "drop", "set"}) {
      for (const Role role : family.roles) {
        patterns.push_back(std::string(verb) + " " + scope->words + " " + catalog::name_of(role));
        commands.push_back({patterns.back().c_str(), syntax, family.summary, change_roles});
        syntax = nullptr;  // the others are the same command
      }
    }
  }
}

}  // namespace

std::vector<Command> security_role_commands() {
  std::vector<Command> commands;
  add_changes(commands);
  const std::vector<Command> shows = {
      {"show cluster principal roles", ".show cluster principal roles", "The caller's roles of the cluster",
       show_cluster_roles},
      {"show cluster principals", nullptr, ".show cluster principal roles", show_cluster_roles},
      {"show principal roles", nullptr, ".show cluster principal roles", show_cluster_roles},
      {"show database <name> principals", ".show database D principals", "Who has which role of a database",
       show_principals},
      {"show database <name> principal roles", ".show database D principal roles",
       "The caller's roles of a database", show_own_roles},
      {"show table <name> principals", ".show table T principals", "Who has which role of a table",
       show_principals},
      {"show table <name> principal roles", ".show table T principal roles", "The caller's roles of a table",
       show_own_roles},
      {"show function <name> principals", ".show function F principals", "Who is admin of a function",
       show_principals},
      {"show function <name> principal roles", ".show function F principal roles",
       "The caller's roles of a function", show_own_roles},
      {"show external table <name> principals", ".show external table E principals",
       "Who is admin of an external table", show_principals},
      {"show external table <name> principal roles", ".show external table E principal roles",
       "The caller's roles of an external table", show_own_roles},
  };
  commands.insert(commands.end(), shows.begin(), shows.end());
  return commands;
}

}  // namespace spillway::commands
