// Policies of security: row_level_security and restricted_view_access of tables, managed_identity of
// databases and the cluster. Sources: management/row-level-security-policy.md,
// alter-table-row-level-security-policy-command.md, show-table-row-level-security-policy-command.md,
// delete-table-row-level-security-policy-command.md, restricted-view-access-policy.md,
// alter-table-restricted-view-access-policy-command.md, show-table-restricted-view-access-policy-command.md,
// delete-table-restricted-view-access-policy-command.md, managed-identity-policy.md,
// alter-managed-identity-policy-command.md, alter-merge-managed-identity-policy-command.md,
// show-managed-identity-policy-command.md, delete-managed-identity-policy-command.md.

#include <algorithm>
#include <functional>
#include <utility>

#include "commands/call.h"
#include "commands/describe.h"
#include "commands/policies.h"
#include "export/exports.h"

namespace spillway::commands {
namespace {

using catalog::Database;
using catalog::RowLevelSecurity;
using catalog::Writer;
using TablePtr = std::shared_ptr<const catalog::Table>;
namespace json = boost::json;

const Schema kIdentities = {{"EntityName", Type::String}, {"Policies", Type::String}};

/// Before anything is said about the table.
Status check_admin(const Call& call, const Database& database, const catalog::Table& table) {
  if (!call.caller() || catalog::is_admin(*call.caller(), database, table.policies)) return Status();
  return call.denied("the role Admin of table '" + table.name + "'");
}

constexpr TablePolicy kRowLevel = {"RowLevelSecurityPolicy", catalog::kRowLevelSecurity};
constexpr TablePolicy kRestricted = {"RestrictedViewAccessPolicy", catalog::kRestrictedViewAccess};

/// Sets the policy of tables, and shows it. `check` looks at each table as it is in the transaction.
Result<Tables> put(const Call& call, const std::vector<Name>& names, const TablePolicy& policy,
                   const std::string& text, const std::function<Status(const catalog::Table&)>& check) {
  return change_table_policy(call, names, policy, [&](catalog::Table& table) -> Status {
    SPILLWAY_TRY(check(table));
    table.policies[policy.key] = text;
    return Status();
  });
}

Result<Tables> show(Call& call, const TablePolicy& policy) {
  SPILLWAY_TRY(call.reader.end());
  return show_table_policy(call, call.names[0], policy);
}

Result<Tables> remove(Call& call, const TablePolicy& policy) {
  SPILLWAY_TRY(call.reader.end());
  return delete_table_policy(call, call.names[0], policy);
}

// ---------------------------------------------------------------------------------------------------------
// row_level_security

Error both_policies(const catalog::Table& table) {
  return Error{ErrorCode::BadRequest,
               "table '" + table.name + "' can't have row level security and restricted view access at once"};
}

/// The snapshot in which the table has the policy, enabled.
std::shared_ptr<const catalog::Snapshot> snapshot_with(const catalog::Snapshot& snapshot,
                                                       const Database& database, const catalog::Table& table,
                                                       const std::string& query) {
  auto changed_table = std::make_shared<catalog::Table>(table);
  changed_table->policies[catalog::kRowLevelSecurity] = catalog::encode(RowLevelSecurity{true, query});
  auto changed_database = std::make_shared<Database>(database);
  changed_database->tables[table.name] = std::move(changed_table);
  auto changed = std::make_shared<catalog::Snapshot>(snapshot);
  changed->databases[database.name] = std::move(changed_database);
  return changed;
}

/// A reference that means the table, whatever functions are called so.
std::string table_reference(const std::string& name) {
  return "table(" + json::serialize(json::value(json::string(name))) + ")";
}

/// Binds references to the table, and to those whose policies may read it, as they would be with the policy.
Status check_query(const Call& call, const Database& database, const catalog::Table& table,
                   const std::string& query, TextSpan span) {
  const Call with_policy{call.request, call.services, call.reader,
                         call.pattern, call.names,    snapshot_with(*call.snapshot, database, table, query)};
  const auto bound = with_policy.validate(table_reference(table.name));
  if (bound.ok()) return Status();
  return Error{bound.error().code, bound.error().message, span};
}

/// No other table's policy may read a table that has one.
Status check_other_policies(const Call& call, const Database& database, const catalog::Table& table,
                            const std::string& query) {
  const Call with_policy{call.request, call.services, call.reader,
                         call.pattern, call.names,    snapshot_with(*call.snapshot, database, table, query)};
  for (const auto& [name, other] : database.tables) {
    if (other->id == table.id || !catalog::has_row_level_security(*other)) continue;
    const std::string reference = table_reference(name);
    if (with_policy.validate(reference).ok() || !call.validate(reference).ok()) continue;
    return Error{ErrorCode::BadRequest, "the row level security policy of table '" + name +
                                            "' reads table '" + table.name +
                                            "', which then can't have one of its own"};
  }
  return Status();
}

/// Whether an update policy's element runs as a managed identity.
bool has_identity(const json::object& policy) {
  for (const char* name : {"ManagedIdentity", "ManagedIdentityForUpdate"}) {
    const json::value* identity = policy.if_contains(name);
    if (identity && identity->is_string() && !identity->get_string().empty()) return true;
  }
  return false;
}

/// Whether an update policy's element reads the table: as its source, or in its query.
bool reads(const Call& call, const json::object& policy, const catalog::Table& table) {
  const json::value* source = policy.if_contains("Source");
  if (source && source->is_string() && source->get_string() == table.name) return true;
  const json::value* query = policy.if_contains("Query");
  if (!query || !query->is_string()) return false;
  Request request = call.request;
  request.caller = nullptr;  // the server's question, not the caller's
  const Call server{request, call.services, call.reader, call.pattern, call.names, call.snapshot};
  const auto bound = server.validate({query->get_string().data(), query->get_string().size()});
  return bound.ok() && std::any_of(bound->tables.begin(), bound->tables.end(),
                                   [&](const auto& reference) { return reference.id == table.id; });
}

/// An update policy that reads a table with row level security must run as a managed identity.
Status check_update_policies(const Call& call, const Database& database, const catalog::Table& table) {
  for (const auto& [name, target] : database.tables) {
    const auto found = target->policies.find("update");
    if (found == target->policies.end()) continue;
    boost::system::error_code error;
    const json::value policies = json::parse(found->second, error);
    if (error || !policies.is_array()) continue;
    for (const json::value& item : policies.get_array()) {
      if (!item.is_object() || has_identity(item.get_object()) || !reads(call, item.get_object(), table))
        continue;
      return Error{ErrorCode::BadRequest, "the update policy of table '" + name + "' reads table '" +
                                              table.name +
                                              "' without a managed identity, so that it can't get row level "
                                              "security"};
    }
  }
  return Status();
}

Result<Tables> alter_row_level_security(Call& call) {
  SPILLWAY_ASSIGN(const std::string choice, call.reader.expect_one_of({"enable", "disable"}));
  const TextSpan span = call.reader.peek().span;
  SPILLWAY_ASSIGN(const std::string query, call.reader.string("the policy's query in quotes"));
  SPILLWAY_TRY(call.reader.end());
  SPILLWAY_ASSIGN(const Database* database, call.database());
  SPILLWAY_ASSIGN(const TablePtr table, call.table(call.names[0]));
  SPILLWAY_TRY(check_admin(call, *database, *table));
  const bool enable = choice == "enable";
  if (enable && catalog::has_restricted_view_access(*table)) return both_policies(*table);
  SPILLWAY_TRY(check_query(call, *database, *table, query, span));
  if (enable) {
    SPILLWAY_TRY(check_other_policies(call, *database, *table, query));
    SPILLWAY_TRY(check_update_policies(call, *database, *table));
    SPILLWAY_TRY(exports::check_row_level_security(call.snapshot, *table));
  }
  return put(call, call.names, kRowLevel, catalog::encode(RowLevelSecurity{enable, query}),
             [&](const catalog::Table& now) -> Status {
               if (enable && catalog::has_restricted_view_access(now)) return both_policies(now);
               return Status();
             });
}

Result<Tables> show_row_level_security(Call& call) {
  return show(call, kRowLevel);
}

Result<Tables> delete_row_level_security(Call& call) {
  return remove(call, kRowLevel);
}

// ---------------------------------------------------------------------------------------------------------
// restricted_view_access

Result<Tables> alter_restricted_view(Call& call) {
  return alter_restricted_view_access(call, call.names);
}

Result<Tables> show_restricted_view(Call& call) {
  return show(call, kRestricted);
}

Result<Tables> delete_restricted_view(Call& call) {
  return remove(call, kRestricted);
}

// ---------------------------------------------------------------------------------------------------------
// managed_identity

constexpr std::string_view kUsages[] = {
    "All",           "AutomatedFlows", "AzureAI",         "DataConnection",   "ExportRequest",
    "ExternalTable", "SqlRequest",     "NativeIngestion", "SandboxArtifacts", "ExternalDataRequest"};

Error bad_identity(const std::string& why, TextSpan span) {
  return Error{ErrorCode::BadRequest, "the managed identity policy: " + why, span};
}

/// "NativeIngestion, ExternalTable" as its elements, spelled as documented.
Result<std::vector<std::string>> usages_of(const json::object& item, TextSpan span) {
  const json::value* given = item.if_contains("AllowedUsages");
  if (!given || !given->is_string()) return bad_identity("every object needs AllowedUsages, a text", span);
  std::string_view rest(given->get_string().data(), given->get_string().size());
  std::vector<std::string> usages;
  while (true) {
    const size_t comma = rest.find(',');
    std::string_view one = rest.substr(0, comma);
    one.remove_prefix(std::min(one.find_first_not_of(' '), one.size()));
    one = one.substr(0, one.find_last_not_of(' ') + 1);
    const auto* known = std::find_if(std::begin(kUsages), std::end(kUsages),
                                     [&](std::string_view usage) { return same_ignoring_case(usage, one); });
    if (known == std::end(kUsages)) return bad_identity("there is no usage '" + std::string(one) + "'", span);
    if (std::find(usages.begin(), usages.end(), *known) == usages.end()) usages.emplace_back(*known);
    if (comma == std::string_view::npos) return usages;
    rest.remove_prefix(comma + 1);
  }
}

struct Identity {
  std::string id;  // "system", or an object id
  std::vector<std::string> usages;
};

Result<std::vector<Identity>> read_identities(const std::string& text, TextSpan span) {
  boost::system::error_code error;
  const json::value value = json::parse(text, error);
  if (error || !value.is_array()) return bad_identity("expected a JSON array of objects", span);
  std::vector<Identity> identities;
  for (const json::value& item : value.get_array()) {
    const json::object* object = item.if_object();
    const json::value* id = object ? object->if_contains("ObjectId") : nullptr;
    if (!id || !id->is_string()) return bad_identity("every object needs an ObjectId, a text", span);
    Identity identity;
    identity.id = lower_case({id->get_string().data(), id->get_string().size()});
    if (identity.id != "system" && !Guid::parse(identity.id)) {
      return bad_identity("'" + identity.id + "' is neither 'system' nor the object id of a managed identity",
                          span);
    }
    SPILLWAY_ASSIGN(identity.usages, usages_of(*object, span));
    identities.push_back(std::move(identity));
  }
  return identities;
}

/// What only Microsoft Entra knows of an identity is null.
std::string policy_text(const std::vector<Identity>& identities) {
  json::array list;
  for (const Identity& identity : identities) {
    std::string usages;
    for (const std::string& usage : identity.usages) usages += (usages.empty() ? "" : ", ") + usage;
    list.push_back({{"ObjectId", identity.id},
                    {"ClientId", nullptr},
                    {"TenantId", nullptr},
                    {"DisplayName", nullptr},
                    {"IsSystem", identity.id == "system"},
                    {"AllowedUsages", usages}});
  }
  return json::serialize(list);
}

/// Usages of identities that are there already are added to theirs.
void merge(const std::vector<Identity>& given, std::vector<Identity>& identities) {
  for (const Identity& next : given) {
    const auto known = std::find_if(identities.begin(), identities.end(),
                                    [&](const Identity& identity) { return identity.id == next.id; });
    if (known == identities.end()) {
      identities.push_back(next);
      continue;
    }
    for (const std::string& usage : next.usages) {
      if (std::find(known->usages.begin(), known->usages.end(), usage) == known->usages.end())
        known->usages.push_back(usage);
    }
  }
}

/// Of the cluster where the command names no database.
Result<Table> show_identities(const Call& call) {
  const auto snapshot = call.services.catalog.snapshot();
  const std::map<std::string, std::string>* policies = &snapshot->policies;
  std::string entity;
  if (!call.names.empty()) {
    const auto database = find_database(*snapshot, call.names[0].text);
    if (!database) return Error{ErrorCode::EntityNotFound, "database '" + call.names[0].text + "' not found"};
    policies = &database->policies;
    entity = "[" + database->name + "]";
  }
  const auto found = policies->find(catalog::kManagedIdentity);
  Table result = empty_table(kIdentities);
  result.rows.push_back(
      {Value::string(entity), Value::string(found == policies->end() ? "[]" : found->second)});
  return result;
}

/// Sets the policy to what `change` makes of it; nothing: takes it away.
Result<Tables> change_identities(
    const Call& call, const std::function<std::optional<std::string>(std::vector<Identity>)>& change) {
  std::string database;
  if (!call.names.empty()) {
    SPILLWAY_ASSIGN(const Database* named, call.database(call.names[0]));
    database = named->name;
  }
  SPILLWAY_TRY(call.services.catalog.write([&](Writer& writer) -> Status {
    const std::map<std::string, std::string>* policies = &writer.current().policies;
    const auto found = find_in(writer.current().databases, database);
    if (!database.empty() && !found)
      return Error{ErrorCode::EntityNotFound, "database '" + database + "' not found"};
    if (found) policies = &found->policies;
    const auto text = policies->find(catalog::kManagedIdentity);
    std::vector<Identity> now;
    if (text != policies->end()) {
      SPILLWAY_ASSIGN(now, read_identities(text->second, {}));
    }
    return writer.set_policy(database, catalog::kManagedIdentity, change(std::move(now)));
  }));
  SPILLWAY_ASSIGN(Table result, show_identities(call));
  return Tables{std::move(result)};
}

Result<Tables> alter_identities(Call& call, bool keep_others) {
  const TextSpan span = call.reader.peek().span;
  SPILLWAY_ASSIGN(const std::string text, call.reader.string("the policy as JSON in quotes"));
  SPILLWAY_TRY(call.reader.end());
  SPILLWAY_ASSIGN(const std::vector<Identity> given, read_identities(text, span));
  return change_identities(call, [&](std::vector<Identity> identities) -> std::optional<std::string> {
    if (!keep_others) identities.clear();
    merge(given, identities);
    return policy_text(identities);
  });
}

Result<Tables> alter_identity_policy(Call& call) {
  return alter_identities(call, false);
}

Result<Tables> alter_merge_identity_policy(Call& call) {
  return alter_identities(call, true);
}

Result<Tables> delete_identity_policy(Call& call) {
  SPILLWAY_TRY(call.reader.end());
  return change_identities(call, [](const auto&) -> std::optional<std::string> { return std::nullopt; });
}

Result<Tables> show_identity_policy(Call& call) {
  SPILLWAY_TRY(call.reader.end());
  SPILLWAY_ASSIGN(Table result, show_identities(call));
  return Tables{std::move(result)};
}

}  // namespace

Result<Tables> alter_restricted_view_access(Call& call, const std::vector<Name>& names) {
  SPILLWAY_ASSIGN(const bool enable, call.reader.boolean("true or false"));
  SPILLWAY_TRY(call.reader.end());
  const auto check = [&](const catalog::Table& table) -> Status {
    return enable && catalog::has_row_level_security(table) ? Status(both_policies(table)) : Status();
  };
  SPILLWAY_ASSIGN(const Database* database, call.database());
  for (const Name& name : names) {
    SPILLWAY_ASSIGN(const TablePtr table, call.table(name));
    SPILLWAY_TRY(check_admin(call, *database, *table));
    SPILLWAY_TRY(check(*table));
    if (enable) SPILLWAY_TRY(exports::check_restricted_view_access(call.snapshot, *table));
  }
  return put(call, names, kRestricted, enable ? "{\"IsEnabled\":true}" : "{\"IsEnabled\":false}", check);
}

std::vector<Command> security_policy_commands() {
  return {
      {"alter table <name> policy row_level_security",
       ".alter table T policy row_level_security (enable | disable) \"query\"",
       "What of a table each principal sees: the query takes the table's place", alter_row_level_security},
      {"show table <name*> policy row_level_security", ".show table (T | *) policy row_level_security",
       "That query", show_row_level_security},
      {"delete table <name> policy row_level_security", ".delete table T policy row_level_security",
       "Shows the whole table again", delete_row_level_security},
      {"alter table <name> policy restricted_view_access",
       ".alter table T policy restricted_view_access (true | false)  ·  .alter tables (T, U) policy "
       "restricted_view_access (true | false)",
       "Lets none but unrestrictedviewers of the database query a table", alter_restricted_view},
      {"show table <name*> policy restricted_view_access",
       ".show table (T | *) policy restricted_view_access", "Whether it is so", show_restricted_view},
      {"delete table <name> policy restricted_view_access", ".delete table T policy restricted_view_access",
       "Lets all viewers query a table again", delete_restricted_view},
      {"alter cluster policy managed_identity",
       ".alter (cluster | database D) policy managed_identity '[{\"ObjectId\": \"system\", "
       "\"AllowedUsages\": "
       "\"AutomatedFlows\"}]'",
       "Which managed identities may be used for what", alter_identity_policy},
      {"alter database <name> policy managed_identity", nullptr, ".alter cluster policy managed_identity",
       alter_identity_policy},
      {"alter-merge cluster policy managed_identity",
       ".alter-merge (cluster | database D) policy managed_identity '[…]'", "Adds identities and usages",
       alter_merge_identity_policy},
      {"alter-merge database <name> policy managed_identity", nullptr,
       ".alter-merge cluster policy managed_identity", alter_merge_identity_policy},
      {"show cluster policy managed_identity", ".show (cluster | database D) policy managed_identity",
       "Those identities", show_identity_policy},
      {"show database <name> policy managed_identity", nullptr, ".show cluster policy managed_identity",
       show_identity_policy},
      {"delete cluster policy managed_identity", ".delete (cluster | database D) policy managed_identity",
       "Allows no identity any use", delete_identity_policy},
      {"delete database <name> policy managed_identity", nullptr, ".delete cluster policy managed_identity",
       delete_identity_policy},
  };
}

}  // namespace spillway::commands
