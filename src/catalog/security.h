// Who may do and see what: principals, the roles that they have, and the policies that restrict what is seen.
// Plain questions to a snapshot; the rooms above ask them, and say no.
//
// A principal is a fully qualified name, as management/reference-security-principals.md spells it:
//   aaduser=ann@contoso.com · aaduser=OBJECT-ID;TENANT · aadgroup=… · aadapp=OBJECT-ID · any other name
// Names are compared without regard to case; a tenant that one of two names lacks isn't compared.
//
// Who has a role of a database, table, function or external table stands among its policies, under
// kPrincipals: {"admins":[{"principal":"aaduser=ann@contoso.com","notes":"…"}],…}.
//
// Sources: access-control/role-based-access-control.md, management/security-roles.md,
// row-level-security-policy.md, restricted-view-access-policy.md, managed-identity-policy.md.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "catalog/model.h"

namespace spillway::catalog {

// Names of policies in Table::policies and its like.
inline constexpr const char* kPrincipals = "principals";
inline constexpr const char* kRowLevelSecurity = "row_level_security";
inline constexpr const char* kRestrictedViewAccess = "restricted_view_access";
inline constexpr const char* kManagedIdentity = "managed_identity";

using Policies = std::map<std::string, std::string>;

/// Roles over all databases, which the server's configuration gives.
enum class ClusterRole { AllDatabasesAdmin, AllDatabasesViewer, AllDatabasesMonitor };
const char* name_of(ClusterRole role);  // "AllDatabasesAdmin"
std::optional<ClusterRole> parse_cluster_role(std::string_view name);

/// Who sent a request.
struct Caller {
  std::string principal;
  std::vector<std::string> groups;  // that it is a member of: "aadgroup=…"
  std::set<ClusterRole> roles;

  /// Whether a name means this principal or one of its groups.
  bool is(std::string_view name) const;
};

bool same_principal(std::string_view a, std::string_view b);
/// The principal that a managed identity is: "aadapp=ID", "aadapp=system".
std::string principal_of_identity(std::string_view identity);

/// Roles that principals are given; of tables only Admins and Ingestors, of functions and external tables
/// only Admins.
enum class Role { Admins, Users, Viewers, UnrestrictedViewers, Ingestors, Monitors };
const char* name_of(Role role);                         // "admins", as commands spell it
const char* singular_of(Role role);                     // "Admin", as `.show … principals` and messages say
std::optional<Role> parse_role(std::string_view name);  // in any case

struct Assignment {
  std::string principal, notes;
};
using Assignments = std::map<Role, std::vector<Assignment>>;

Assignments assignments_of(const Policies& policies);
/// The policy's text; nullopt where nobody has a role.
std::optional<std::string> encode(const Assignments& assignments);
bool has_role(const Caller& caller, const Policies& policies, Role role);

// What the roles of a caller allow; the greater ones include the lesser.
bool is_admin(const Caller& caller);  // of everything
bool is_admin(const Caller& caller, const Database& database);
bool is_user(const Caller& caller, const Database& database);      // creates tables and functions
bool may_view(const Caller& caller, const Database& database);     // queries
bool may_monitor(const Caller& caller, const Database& database);  // sees all that happens: admins, monitors
bool may_show(const Caller& caller, const Database& database);     // sees metadata
bool may_ingest(const Caller& caller, const Database& database);
/// Of an entity in a database: a table, a function, an external table.
bool is_admin(const Caller& caller, const Database& database, const Policies& entity);
bool may_ingest(const Caller& caller, const Database& database, const Table& table);
/// Tables with restricted view access, which nobody sees by any other role.
bool may_view_restricted(const Caller& caller, const Database& database);

/// Forbidden: "Principal 'P' is not authorized to WHAT: it needs NEEDED".
Error denied(const Caller& caller, std::string_view what, std::string_view needed);

/// A table's row level security policy. Where its text can't be read, one that is enabled and has no query.
struct RowLevelSecurity {
  bool enabled = false;
  std::string query;
};
std::optional<RowLevelSecurity> row_level_security(const Table& table);
std::string encode(const RowLevelSecurity& policy);
bool has_row_level_security(const Table& table);  // an enabled one
bool has_restricted_view_access(const Table& table);

/// Whether the managed identity policy of the cluster or of the database allows the identity ("system", or an
/// object id) this use: "AutomatedFlows".
bool allows_identity(const Snapshot& snapshot, const Database& database, std::string_view identity,
                     std::string_view usage);

}  // namespace spillway::catalog
