// Which role each command needs, as the section "Permissions" of its documentation page says: one table, in
// permissions.cc. A command that isn't in it needs AllDatabasesAdmin.
//
// The table opens a command to a caller; what it then changes in a database is looked at once more, before
// the transaction commits (Call::write): a table by its admins, a mapping by those who may ingest, an export
// by admins of the database, … So one table can serve commands that name many entities.
//
// Sources: access-control/role-based-access-control.md, management/security-roles.md, and each command's
// page.
#pragma once

#include <memory>
#include <string_view>

#include "base/status.h"
#include "catalog/catalog.h"
#include "catalog/security.h"

namespace spillway::commands {

enum class Permission {
  Anyone,        // who has a token; the command shows a caller its own only
  OwnDatabases,  // the same: the databases that the caller may show are all that it sees
  AnyRole,       // some role in the database; what it changes decides
  Show,          // User, Viewer or Monitor
  Monitor,       // Monitor or Admin
  Viewer,        // the roles of a database, or greater ones
  User,
  Admin,
  ClusterMonitor,  // AllDatabasesMonitor
  ClusterAdmin,    // AllDatabasesAdmin
};

Permission permission_of(std::string_view pattern);
/// Whether the table has the command.
bool is_listed(std::string_view pattern);

/// Whether the caller has the permission in the database.
bool has_permission(const catalog::Caller& caller, const catalog::Database& database, Permission permission);
/// The role that it is, for a message: "the role Viewer, User or Admin of database 'D'".
std::string role_needed(Permission permission, const catalog::Database& database);

/// What of a snapshot the caller may show.
std::shared_ptr<const catalog::Snapshot> visible_part(const catalog::Snapshot& snapshot,
                                                      const catalog::Caller& caller);

/// Forbidden where the caller may not change the database `before` into what it is in the transaction. Makes
/// the caller an admin of the tables, functions and external tables that it created.
Status authorize_changes(const catalog::Caller& caller, catalog::Writer& writer,
                         const catalog::Database& before);

}  // namespace spillway::commands
