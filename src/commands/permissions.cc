#include "commands/permissions.h"

#include <algorithm>
#include <map>
#include <string>

namespace spillway::commands {
namespace {

using catalog::Caller;
using catalog::Database;
using catalog::Policies;

const std::map<std::string_view, Permission>& permissions() {
  static const std::map<std::string_view, Permission> all = {
      // Databases. Azure asks for its own roles to create and drop them.
      {"create database <name>", Permission::ClusterAdmin},
      {"drop database <name>", Permission::ClusterAdmin},
      {"show databases", Permission::OwnDatabases},
      {"show cluster databases", Permission::OwnDatabases},
      {"show databases schema", Permission::OwnDatabases},
      {"show databases entities", Permission::OwnDatabases},
      {"show database", Permission::OwnDatabases},
      {"show database schema", Permission::Show},
      {"show database <name> schema", Permission::Show},
      {"show schema", Permission::OwnDatabases},
      {"show follower database <name>", Permission::Admin},
      {"show follower databases", Permission::OwnDatabases},
      // Tables.
      {"create table <name>", Permission::User},
      {"create tables", Permission::User},
      {"create-merge table <name>", Permission::User},
      {"create-merge tables", Permission::User},
      {"alter table <name>", Permission::AnyRole},
      {"alter-merge table <name>", Permission::AnyRole},
      {"alter table <name> docstring", Permission::AnyRole},
      {"alter table <name> folder", Permission::AnyRole},
      {"drop table <name>", Permission::AnyRole},
      {"drop tables", Permission::AnyRole},
      {"rename table <name>", Permission::AnyRole},
      {"rename tables", Permission::AnyRole},
      {"show tables", Permission::Show},
      {"show table <name>", Permission::Show},
      {"show table <name> details", Permission::Show},
      {"show table <name> cslschema", Permission::Show},
      {"show table <name> schema", Permission::Show},
      // Columns.
      {"alter column", Permission::AnyRole},
      {"rename column", Permission::AnyRole},
      {"rename columns", Permission::AnyRole},
      {"drop column", Permission::AnyRole},
      {"drop table <name> columns", Permission::AnyRole},
      {"alter table <name> column-docstrings", Permission::AnyRole},
      {"alter-merge table <name> column-docstrings", Permission::AnyRole},
      // Functions.
      {"create function", Permission::User},
      {"create-or-alter function", Permission::AnyRole},
      {"alter function", Permission::AnyRole},
      {"alter function <name> docstring", Permission::AnyRole},
      {"alter function <name> folder", Permission::AnyRole},
      {"drop function <name>", Permission::AnyRole},
      {"drop functions", Permission::AnyRole},
      {"show functions", Permission::Show},
      {"show function <name>", Permission::Show},
      // Ingestion mappings.
      {"create table <name> ingestion", Permission::AnyRole},
      {"create-or-alter table <name> ingestion", Permission::AnyRole},
      {"alter table <name> ingestion", Permission::AnyRole},
      {"drop table <name> ingestion", Permission::AnyRole},
      {"show table <name> ingestion", Permission::AnyRole},
      // Policies.
      {"show table <name*> policy", Permission::Show},
      {"show table <name*> policy row_level_security", Permission::Show},
      {"show table <name*> policy restricted_view_access", Permission::Show},
      {"alter table <name> policy", Permission::AnyRole},
      {"alter table <name> policy row_level_security", Permission::AnyRole},
      {"alter table <name> policy restricted_view_access", Permission::AnyRole},
      {"alter tables", Permission::AnyRole},
      {"delete table <name> policy", Permission::AnyRole},
      {"delete table <name> policy row_level_security", Permission::AnyRole},
      {"delete table <name> policy restricted_view_access", Permission::AnyRole},
      {"alter-merge table <name> policy", Permission::AnyRole},
      {"show table <name*> policy update", Permission::Show},
      {"show table <name> . <name*> policy update", Permission::Show},
      {"alter table <name> policy update", Permission::AnyRole},
      {"alter table <name> . <name> policy update", Permission::AnyRole},
      {"alter-merge table <name> policy update", Permission::AnyRole},
      {"alter-merge table <name> . <name> policy update", Permission::AnyRole},
      {"delete table <name> policy update", Permission::AnyRole},
      {"delete table <name> . <name> policy update", Permission::AnyRole},
      {"show table <name*> policy streamingingestion", Permission::Show},
      {"alter table <name> policy streamingingestion", Permission::AnyRole},
      {"alter-merge table <name> policy streamingingestion", Permission::AnyRole},
      {"delete table <name> policy streamingingestion", Permission::AnyRole},
      {"show database <name> policy streamingingestion", Permission::Show},
      {"alter database <name> policy streamingingestion", Permission::Admin},
      {"alter-merge database <name> policy streamingingestion", Permission::Admin},
      {"delete database <name> policy streamingingestion", Permission::Admin},
      {"show cluster policy capacity", Permission::ClusterMonitor},
      {"alter cluster policy capacity", Permission::ClusterAdmin},
      {"alter-merge cluster policy capacity", Permission::ClusterAdmin},
      {"show cluster policy managed_identity", Permission::ClusterMonitor},
      {"alter cluster policy managed_identity", Permission::ClusterAdmin},
      {"alter-merge cluster policy managed_identity", Permission::ClusterAdmin},
      {"delete cluster policy managed_identity", Permission::ClusterAdmin},
      {"show database <name> policy managed_identity", Permission::Show},
      {"alter database <name> policy managed_identity", Permission::ClusterAdmin},
      {"alter-merge database <name> policy managed_identity", Permission::ClusterAdmin},
      {"delete database <name> policy managed_identity", Permission::ClusterAdmin},
      // Ingestion: the commands ask for what the table's state makes of them.
      {"ingest inline into", Permission::AnyRole},
      {"ingest into", Permission::AnyRole},
      {"ingest async into", Permission::AnyRole},
      {"set", Permission::AnyRole},
      {"append", Permission::AnyRole},
      {"set-or-append", Permission::AnyRole},
      {"set-or-replace", Permission::AnyRole},
      // Extents.
      {"show table <name> extents", Permission::Show},
      {"show database <name> extents", Permission::Show},
      {"show database extents", Permission::Show},
      {"show cluster extents", Permission::ClusterMonitor},
      {"merge <name>", Permission::AnyRole},
      {"merge async <name>", Permission::AnyRole},
      {"drop extents", Permission::AnyRole},
      {"drop extent", Permission::AnyRole},
      {"drop-pretend extents", Permission::Show},
      {"clear table <name> data", Permission::AnyRole},
      {"move extents", Permission::AnyRole},
      {"move async extents", Permission::AnyRole},
      {"replace extents", Permission::AnyRole},
      {"replace async extents", Permission::AnyRole},
      {"show ingestion failures", Permission::Monitor},
      // External tables.
      {"create external table <name>", Permission::AnyRole},
      {"alter external table <name>", Permission::AnyRole},
      {"create-or-alter external table <name>", Permission::AnyRole},
      {"drop external table <name>", Permission::AnyRole},
      {"show external tables", Permission::Show},
      {"show external table <name>", Permission::Show},
      {"show external table <name> schema", Permission::Show},
      {"show external table <name> cslschema", Permission::Show},
      {"show external table <name> artifacts", Permission::User},
      {"show external table <name> details", Permission::Show},
      {"show external tables details", Permission::Show},
      {"show external table <name> operations query_acceleration statistics", Permission::Show},
      {"show external tables operations query_acceleration statistics", Permission::Show},
      {"create external table <name> mapping", Permission::AnyRole},
      {"create-or-alter external table <name> mapping", Permission::AnyRole},
      {"alter external table <name> mapping", Permission::AnyRole},
      {"drop external table <name> mapping", Permission::AnyRole},
      {"show external table <name> mapping", Permission::Show},
      {"show external table <name> mappings", Permission::Show},
      {"show queryplan", Permission::Viewer},
      // Export.
      {"export", Permission::Viewer},
      {"create-or-alter continuous-export <name>", Permission::Admin},
      {"enable continuous-export <name>", Permission::Admin},
      {"disable continuous-export <name>", Permission::Admin},
      {"drop continuous-export <name>", Permission::Admin},
      {"show continuous-exports", Permission::Show},
      {"show continuous-exports health", Permission::Monitor},
      {"show continuous-export <name>", Permission::Show},
      {"show continuous-export <name> exported-artifacts", Permission::Monitor},
      {"show continuous-export <name> failures", Permission::Monitor},
      {"show continuous-export <name> runs", Permission::Monitor},
      {"show continuous-export <name> plan", Permission::Monitor},
      {"verify continuous-export <name>", Permission::Monitor},
      // Operations: a caller's own, and those of the databases that it monitors.
      {"show operations", Permission::Anyone},
      {"show operation", Permission::Anyone},
      {"cancel operation", Permission::Anyone},
      {"show commands", Permission::Anyone},
      {"show queries", Permission::Anyone},
      {"show running queries", Permission::Anyone},
      {"show commands-and-queries", Permission::Anyone},
      {"cancel query", Permission::Anyone},
      // The server, and who may do what.
      {"show version", Permission::Anyone},
      {"show cluster", Permission::ClusterMonitor},
      {"show capacity", Permission::User},
      {"show cluster principal roles", Permission::Anyone},
      {"show cluster principals", Permission::Anyone},
      {"show principal roles", Permission::Anyone},
      {"show database <name> principal roles", Permission::AnyRole},
      {"show database <name> principals", Permission::Monitor},
      {"show table <name> principal roles", Permission::AnyRole},
      {"show table <name> principals", Permission::AnyRole},
      {"show function <name> principal roles", Permission::AnyRole},
      {"show function <name> principals", Permission::AnyRole},
      {"show external table <name> principal roles", Permission::AnyRole},
      {"show external table <name> principals", Permission::AnyRole},
  };
  return all;
}

/// `.add|.drop|.set database D viewers` and its like: who may is a question of the entity.
bool gives_roles(std::string_view pattern) {
  const std::string_view verb = pattern.substr(0, pattern.find(' '));
  const bool changes = verb == "add" || verb == "drop" || verb == "set";
  return changes && catalog::parse_role(pattern.substr(pattern.rfind(' ') + 1)).has_value();
}

/// Whether the tables differ in nothing but mappings and the ingestiontime policy, which those who ingest may
/// change.
bool differ_for_ingestion(const catalog::Table& before, const catalog::Table& after) {
  const auto same_column = [](const catalog::Column& a, const catalog::Column& b) {
    return a.id == b.id && a.name == b.name && a.type == b.type && a.docstring == b.docstring;
  };
  return before.name == after.name && before.folder == after.folder && before.docstring == after.docstring &&
         before.policies == after.policies && before.extents == after.extents &&
         std::equal(before.columns.begin(), before.columns.end(), after.columns.begin(), after.columns.end(),
                    same_column);
}

Error needs_admin(const Caller& caller, const char* what, const char* kind, const std::string& name) {
  const std::string entity = std::string(kind) + " '" + name + "'";
  return catalog::denied(caller, std::string(what) + " " + entity,
                         "the role Admin of the " + std::string(kind));
}

Error needs_user(const Caller& caller, const char* kind, const std::string& name, const Database& database) {
  return catalog::denied(caller, "create " + std::string(kind) + " '" + name + "'",
                         role_needed(Permission::User, database));
}

/// The principal as an admin of what it created.
Policies owned(Policies policies, const Caller& caller) {
  catalog::Assignments assignments = catalog::assignments_of(policies);
  assignments[catalog::Role::Admins].push_back({caller.principal, ""});
  policies[catalog::kPrincipals] = *catalog::encode(assignments);
  return policies;
}

std::map<int64_t, std::shared_ptr<const catalog::Table>> by_id(const Database& database) {
  std::map<int64_t, std::shared_ptr<const catalog::Table>> tables;
  for (const auto& [name, table] : database.tables) tables[table->id] = table;
  return tables;
}

/// Tables are known by their ids, because they may change their names.
Status authorize_tables(const Caller& caller, catalog::Writer& writer, const Database& before,
                        const Database& after) {
  const auto old_tables = by_id(before), new_tables = by_id(after);
  for (const auto& [id, table] : old_tables) {
    const auto found = new_tables.find(id);
    if (found != new_tables.end() && found->second == table) continue;
    if (catalog::is_admin(caller, before, table->policies)) continue;
    if (found == new_tables.end()) return needs_admin(caller, "drop", "table", table->name);
    if (!differ_for_ingestion(*table, *found->second))
      return needs_admin(caller, "alter", "table", table->name);
    if (catalog::may_ingest(caller, before, *table)) continue;
    return catalog::denied(caller, "alter table '" + table->name + "'", "the role Ingestor of the table");
  }
  for (const auto& [id, table] : new_tables) {
    if (old_tables.contains(id)) continue;
    if (!catalog::is_user(caller, before)) return needs_user(caller, "table", table->name, before);
    if (catalog::is_admin(caller, before)) continue;
    catalog::Table mine = *table;
    mine.policies = owned(mine.policies, caller);
    SPILLWAY_TRY(writer.alter_table(before.name, mine));
  }
  return Status();
}

/// Functions and external tables are known by their names. `put` makes one anew.
template <typename T, typename F>
Status authorize_named(const Caller& caller, const char* kind, const Database& before,
                       const std::map<std::string, std::shared_ptr<const T>>& old_ones,
                       const std::map<std::string, std::shared_ptr<const T>>& new_ones, const F& put) {
  for (const auto& [name, entity] : old_ones) {
    const auto found = new_ones.find(name);
    if (found != new_ones.end() && found->second == entity) continue;
    if (catalog::is_admin(caller, before, entity->policies)) continue;
    return needs_admin(caller, found == new_ones.end() ? "drop" : "alter", kind, name);
  }
  for (const auto& [name, entity] : new_ones) {
    if (old_ones.contains(name)) continue;
    if (!catalog::is_user(caller, before)) return needs_user(caller, kind, name, before);
    if (catalog::is_admin(caller, before)) continue;
    T mine = *entity;
    mine.policies = owned(mine.policies, caller);
    SPILLWAY_TRY(put(std::move(mine)));
  }
  return Status();
}

}  // namespace

Permission permission_of(std::string_view pattern) {
  const auto found = permissions().find(pattern);
  if (found != permissions().end()) return found->second;
  return gives_roles(pattern) ? Permission::AnyRole : Permission::ClusterAdmin;
}

bool is_listed(std::string_view pattern) {
  return permissions().contains(pattern) || gives_roles(pattern);
}

bool has_permission(const Caller& caller, const Database& database, Permission permission) {
  switch (permission) {
    case Permission::Anyone:
    case Permission::OwnDatabases: return true;
    case Permission::AnyRole:
      return catalog::may_show(caller, database) || catalog::may_ingest(caller, database);
    case Permission::Show: return catalog::may_show(caller, database);
    case Permission::Monitor: return catalog::may_monitor(caller, database);
    case Permission::Viewer: return catalog::may_view(caller, database);
    case Permission::User: return catalog::is_user(caller, database);
    case Permission::Admin: return catalog::is_admin(caller, database);
    case Permission::ClusterMonitor: return catalog::may_monitor(caller, Database());
    case Permission::ClusterAdmin: break;
  }
  return catalog::is_admin(caller);
}

std::string role_needed(Permission permission, const Database& database) {
  const std::string of_database = " of database '" + database.name + "'";
  switch (permission) {
    case Permission::Anyone:
    case Permission::OwnDatabases:
    case Permission::AnyRole: return "a role" + of_database;
    case Permission::Show: return "the role Viewer, User, Monitor or Admin" + of_database;
    case Permission::Monitor: return "the role Monitor or Admin" + of_database;
    case Permission::Viewer: return "the role Viewer, User or Admin" + of_database;
    case Permission::User: return "the role User or Admin" + of_database;
    case Permission::Admin: return "the role Admin" + of_database;
    case Permission::ClusterMonitor: return "the role AllDatabasesMonitor or AllDatabasesAdmin";
    case Permission::ClusterAdmin: break;
  }
  return "the role AllDatabasesAdmin";
}

std::shared_ptr<const catalog::Snapshot> visible_part(const catalog::Snapshot& snapshot,
                                                      const Caller& caller) {
  auto part = std::make_shared<catalog::Snapshot>(snapshot);
  std::erase_if(part->databases,
                [&](const auto& entry) { return !catalog::may_show(caller, *entry.second); });
  return part;
}

Status authorize_changes(const Caller& caller, catalog::Writer& writer, const Database& before) {
  const auto found = writer.current().databases.find(before.name);
  // Held, because the writer may replace it.
  const std::shared_ptr<const Database> after =
      found == writer.current().databases.end() ? nullptr : found->second;
  if (!after)
    return catalog::denied(caller, "drop database '" + before.name + "'", "the role AllDatabasesAdmin");
  if (before.policies != after->policies || before.exports != after->exports) {
    if (!catalog::is_admin(caller, before)) {
      return catalog::denied(caller, "alter database '" + before.name + "'",
                             role_needed(Permission::Admin, before));
    }
  }
  SPILLWAY_TRY(authorize_tables(caller, writer, before, *after));
  SPILLWAY_TRY(
      authorize_named(caller, "function", before, before.functions, after->functions,
                      [&](const catalog::Function& mine) { return writer.put_function(before.name, mine); }));
  return authorize_named(
      caller, "external table", before, before.external_tables, after->external_tables,
      [&](catalog::ExternalTable mine) { return writer.put_external_table(before.name, std::move(mine)); });
}

}  // namespace spillway::commands
