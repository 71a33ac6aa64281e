#include "catalog/security.h"

#include <algorithm>
#include <array>
#include <cctype>

#include <boost/json.hpp>

namespace spillway::catalog {
namespace {

namespace json = boost::json;

constexpr std::array<std::pair<ClusterRole, const char*>, 3> kClusterRoles = {{
    {ClusterRole::AllDatabasesAdmin, "AllDatabasesAdmin"},
    {ClusterRole::AllDatabasesViewer, "AllDatabasesViewer"},
    {ClusterRole::AllDatabasesMonitor, "AllDatabasesMonitor"},
}};

struct RoleNames {
  Role role;
  const char *plural, *singular;
};
constexpr std::array<RoleNames, 6> kRoles = {{
    {Role::Admins, "admins", "Admin"},
    {Role::Users, "users", "User"},
    {Role::Viewers, "viewers", "Viewer"},
    {Role::UnrestrictedViewers, "unrestrictedviewers", "UnrestrictedViewer"},
    {Role::Ingestors, "ingestors", "Ingestor"},
    {Role::Monitors, "monitors", "Monitor"},
}};

const RoleNames& names_of(Role role) {
  return *std::find_if(kRoles.begin(), kRoles.end(),
                       [&](const RoleNames& names) { return names.role == role; });
}

bool same_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
  });
}

/// A name, and the tenant behind its ';'.
std::pair<std::string_view, std::string_view> split_tenant(std::string_view principal) {
  const size_t semicolon = std::min(principal.find(';'), principal.size());
  return {principal.substr(0, semicolon), principal.substr(std::min(semicolon + 1, principal.size()))};
}

/// The policy's JSON; nullopt where there is none, null where it can't be read.
std::optional<json::value> read(const Policies& policies, const char* name) {
  const auto found = policies.find(name);
  if (found == policies.end()) return std::nullopt;
  boost::system::error_code error;
  json::value value = json::parse(found->second, error);
  return error ? json::value() : value;
}

std::string text_of(const json::object& object, const char* name) {
  const json::value* value = object.if_contains(name);
  return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

bool is_enabled(const json::value& policy) {
  const json::object* object = policy.if_object();
  const json::value* enabled = object ? object->if_contains("IsEnabled") : nullptr;
  return !enabled || !enabled->is_bool() || enabled->get_bool();  // what can't be read restricts
}

bool has_cluster_role(const Caller& caller, ClusterRole role) {
  return caller.roles.contains(ClusterRole::AllDatabasesAdmin) || caller.roles.contains(role);
}

/// Whether one of the elements of "NativeIngestion, ExternalTable" is the usage.
bool lists_usage(std::string_view usages, std::string_view usage) {
  while (!usages.empty()) {
    const size_t comma = std::min(usages.find(','), usages.size());
    std::string_view one = usages.substr(0, comma);
    one.remove_prefix(std::min(one.find_first_not_of(' '), one.size()));
    one = one.substr(0, one.find_last_not_of(' ') + 1);
    if (same_ignoring_case(one, "All") || same_ignoring_case(one, usage)) return true;
    usages.remove_prefix(std::min(comma + 1, usages.size()));
  }
  return false;
}

bool policy_allows(const Policies& policies, std::string_view identity, std::string_view usage) {
  const std::optional<json::value> policy = read(policies, kManagedIdentity);
  const json::array* identities = policy ? policy->if_array() : nullptr;
  if (!identities) return false;
  return std::any_of(identities->begin(), identities->end(), [&](const json::value& item) {
    const json::object* object = item.if_object();
    return object && same_ignoring_case(text_of(*object, "ObjectId"), identity) &&
           lists_usage(text_of(*object, "AllowedUsages"), usage);
  });
}

}  // namespace

const char* name_of(ClusterRole role) {
  return std::find_if(kClusterRoles.begin(), kClusterRoles.end(),
                      [&](const auto& known) { return known.first == role; })
      ->second;
}

std::optional<ClusterRole> parse_cluster_role(std::string_view name) {
  for (const auto& [role, known] : kClusterRoles) {
    if (same_ignoring_case(known, name)) return role;
  }
  return std::nullopt;
}

bool same_principal(std::string_view a, std::string_view b) {
  const auto [a_name, a_tenant] = split_tenant(a);
  const auto [b_name, b_tenant] = split_tenant(b);
  if (a_name.empty() || !same_ignoring_case(a_name, b_name)) return false;
  return a_tenant.empty() || b_tenant.empty() || same_ignoring_case(a_tenant, b_tenant);
}

std::string principal_of_identity(std::string_view identity) {
  return "aadapp=" + std::string(identity);
}

bool Caller::is(std::string_view name) const {
  return same_principal(principal, name) ||
         std::any_of(groups.begin(), groups.end(),
                     [&](const std::string& group) { return same_principal(group, name); });
}

const char* name_of(Role role) {
  return names_of(role).plural;
}

const char* singular_of(Role role) {
  return names_of(role).singular;
}

std::optional<Role> parse_role(std::string_view name) {
  for (const RoleNames& names : kRoles) {
    if (same_ignoring_case(names.plural, name)) return names.role;
  }
  return std::nullopt;
}

Assignments assignments_of(const Policies& policies) {
  Assignments assignments;
  const std::optional<json::value> policy = read(policies, kPrincipals);
  const json::object* roles = policy ? policy->if_object() : nullptr;
  if (!roles) return assignments;
  for (const auto& [name, principals] : *roles) {
    const std::optional<Role> role = parse_role({name.data(), name.size()});
    if (!role || !principals.is_array()) continue;
    for (const json::value& item : principals.get_array()) {
      if (!item.is_object()) continue;
      assignments[*role].push_back(
          {text_of(item.get_object(), "principal"), text_of(item.get_object(), "notes")});
    }
  }
  return assignments;
}

std::optional<std::string> encode(const Assignments& assignments) {
  json::object roles;
  for (const auto& [role, principals] : assignments) {
    json::array list;
    for (const Assignment& assignment : principals) {
      list.push_back({{"principal", assignment.principal}, {"notes", assignment.notes}});
    }
    if (!list.empty()) roles[name_of(role)] = std::move(list);
  }
  return roles.empty() ? std::nullopt : std::optional<std::string>(json::serialize(roles));
}

bool has_role(const Caller& caller, const Policies& policies, Role role) {
  if (!policies.contains(kPrincipals)) return false;
  const Assignments assignments = assignments_of(policies);
  const auto found = assignments.find(role);
  return found != assignments.end() &&
         std::any_of(found->second.begin(), found->second.end(),
                     [&](const Assignment& assignment) { return caller.is(assignment.principal); });
}

bool is_admin(const Caller& caller) {
  return caller.roles.contains(ClusterRole::AllDatabasesAdmin);
}

bool is_admin(const Caller& caller, const Database& database) {
  return is_admin(caller) || has_role(caller, database.policies, Role::Admins);
}

bool is_user(const Caller& caller, const Database& database) {
  return is_admin(caller, database) || has_role(caller, database.policies, Role::Users);
}

bool may_view(const Caller& caller, const Database& database) {
  return has_cluster_role(caller, ClusterRole::AllDatabasesViewer) || is_user(caller, database) ||
         has_role(caller, database.policies, Role::Viewers);
}

bool may_monitor(const Caller& caller, const Database& database) {
  return has_cluster_role(caller, ClusterRole::AllDatabasesMonitor) || is_admin(caller, database) ||
         has_role(caller, database.policies, Role::Monitors);
}

bool may_show(const Caller& caller, const Database& database) {
  return may_view(caller, database) || may_monitor(caller, database);
}

bool may_ingest(const Caller& caller, const Database& database) {
  return is_admin(caller, database) || has_role(caller, database.policies, Role::Ingestors);
}

bool is_admin(const Caller& caller, const Database& database, const Policies& entity) {
  return is_admin(caller, database) || has_role(caller, entity, Role::Admins);
}

bool may_ingest(const Caller& caller, const Database& database, const Table& table) {
  return may_ingest(caller, database) || is_admin(caller, database, table.policies) ||
         has_role(caller, table.policies, Role::Ingestors);
}

bool may_view_restricted(const Caller& caller, const Database& database) {
  return has_role(caller, database.policies, Role::UnrestrictedViewers) && may_view(caller, database);
}

Error denied(const Caller& caller, std::string_view what, std::string_view needed) {
  return Error(ErrorCode::Forbidden, "Principal '" + caller.principal + "' is not authorized to " +
                                         std::string(what) + ": it needs " + std::string(needed));
}

std::optional<RowLevelSecurity> row_level_security(const Table& table) {
  const std::optional<json::value> policy = read(table.policies, kRowLevelSecurity);
  if (!policy) return std::nullopt;
  RowLevelSecurity read{is_enabled(*policy), ""};
  if (const json::object* object = policy->if_object()) read.query = text_of(*object, "Query");
  return read;
}

std::string encode(const RowLevelSecurity& policy) {
  return json::serialize(json::object{{"IsEnabled", policy.enabled}, {"Query", policy.query}});
}

bool has_row_level_security(const Table& table) {
  const std::optional<RowLevelSecurity> policy = row_level_security(table);
  return policy && policy->enabled;
}

bool has_restricted_view_access(const Table& table) {
  const std::optional<json::value> policy = read(table.policies, kRestrictedViewAccess);
  return policy && is_enabled(*policy);
}

bool allows_identity(const Snapshot& snapshot, const Database& database, std::string_view identity,
                     std::string_view usage) {
  return policy_allows(snapshot.policies, identity, usage) ||
         policy_allows(database.policies, identity, usage);
}

}  // namespace spillway::catalog
