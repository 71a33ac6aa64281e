// Update policies of tables. What they do: ingest/update_policy.h.
// Sources: management/update-policy.md, show-table-update-policy-command.md,
// alter-table-update-policy-command.md, alter-merge-table-update-policy-command.md,
// delete-table-update-policy-command.md.

#include <utility>

#include "commands/call.h"
#include "commands/policies.h"
#include "ingest/update_policy.h"

namespace spillway::commands {
namespace {

using catalog::Database;
using ingest::UpdatePolicy;
using TablePtr = std::shared_ptr<const catalog::Table>;

constexpr TablePolicy kUpdate = {"UpdatePolicy", ingest::kUpdatePolicy};

/// The command in the database that its table is written with: `Database.Table`.
Result<Tables> in_database(Call& call, Result<Tables> (*run)(Call& call, const Name& table)) {
  if (call.names.size() == 1) return run(call, call.names[0]);
  SPILLWAY_ASSIGN(const Database* database, call.database(call.names[0]));
  Request request = call.request;
  request.database = database->name;
  Call there{request, call.services, call.reader, call.pattern, call.names, call.snapshot};
  return run(there, call.names[1]);
}

/// Binds the query for each table that may run the policy, so that a mistake shows now and not when records
/// come.
Status validate(const Call& call, const Database& database, const catalog::Table& target,
                const UpdatePolicy& policy) {
  if (!policy.wildcard && policy.source == target.name) {
    return Error{ErrorCode::BadRequest,
                 "table '" + target.name + "' can't be the source of its own update policy"};
  }
  if (!policy.enabled) return Status();
  if (!policy.wildcard && !database.tables.contains(policy.source)) {
    return not_found("table", {policy.source, {}}, database);
  }
  for (const auto& [name, table] : database.tables) {
    if (!policy.is_source(name, target.name)) continue;
    catalog::Table source = *table;
    source.extents = std::make_shared<const catalog::ExtentList>();
    SPILLWAY_TRY(ingest::bind_update(policy, {.snapshot = call.snapshot,
                                              .database = database.name,
                                              .source = std::move(source),
                                              .target = target,
                                              .now = call.services.clock.now(),
                                              .principal = call.request.principal,
                                              .engine = &call.services.engine,
                                              .options = call.run_options()})
                     .status());
  }
  return Status();
}

Result<Tables> alter_policies(Call& call, const Name& name, bool keep_others) {
  SPILLWAY_ASSIGN(const std::string text, call.reader.string("the policies as a JSON array in quotes"));
  SPILLWAY_TRY(call.reader.end());
  SPILLWAY_ASSIGN(const std::vector<UpdatePolicy> given, ingest::parse_update_policies(text));
  SPILLWAY_ASSIGN(const Database* database, call.database());
  SPILLWAY_ASSIGN(const TablePtr target, call.table(name));
  for (const UpdatePolicy& policy : given) SPILLWAY_TRY(validate(call, *database, *target, policy));
  return change_table_policy(call, {name}, kUpdate, [&](catalog::Table& table) {
    std::vector<UpdatePolicy> policies;
    if (keep_others) policies = ingest::update_policies_of(table);
    policies.insert(policies.end(), given.begin(), given.end());
    table.policies[kUpdate.key] = ingest::to_json(policies);
    return Status();
  });
}

Result<Tables> alter_policy(Call& call) {
  return in_database(call, [](Call& there, const Name& name) { return alter_policies(there, name, false); });
}

Result<Tables> alter_merge_policy(Call& call) {
  return in_database(call, [](Call& there, const Name& name) { return alter_policies(there, name, true); });
}

Result<Tables> delete_policy(Call& call) {
  return in_database(call, [](Call& there, const Name& name) -> Result<Tables> {
    SPILLWAY_TRY(there.reader.end());
    return delete_table_policy(there, name, kUpdate);
  });
}

Result<Tables> show_policy(Call& call) {
  return in_database(call, [](Call& there, const Name& name) -> Result<Tables> {
    SPILLWAY_TRY(there.reader.end());
    return show_table_policy(there, name, kUpdate);
  });
}

}  // namespace

std::vector<Command> update_policy_commands() {
  return {
      {"show table <name*> policy update", ".show table ([Database.]T | *) policy update",
       "The queries that fill a table from what comes into others", show_policy},
      {"show table <name> . <name*> policy update", nullptr, ".show table D.T policy update", show_policy},
      {"alter table <name> policy update", ".alter table [Database.]T policy update \"JSON array\"",
       "Sets them", alter_policy},
      {"alter table <name> . <name> policy update", nullptr, ".alter table D.T policy update", alter_policy},
      {"alter-merge table <name> policy update",
       ".alter-merge table [Database.]T policy update \"JSON array\"", "Adds to them", alter_merge_policy},
      {"alter-merge table <name> . <name> policy update", nullptr, ".alter-merge table D.T policy update",
       alter_merge_policy},
      {"delete table <name> policy update", ".delete table [Database.]T policy update", "Removes them",
       delete_policy},
      {"delete table <name> . <name> policy update", nullptr, ".delete table D.T policy update",
       delete_policy},
  };
}

}  // namespace spillway::commands
