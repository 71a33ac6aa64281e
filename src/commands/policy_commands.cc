// Policies: ingestiontime. Others are named and refused.
// Sources: management/alter-ingestion-time-policy-command.md, show-table-ingestion-time-policy-command.md,
// delete-ingestion-time-policy-command.md.

#include <utility>

#include "commands/call.h"
#include "commands/describe.h"

namespace spillway::commands {
namespace {

using catalog::Database;
using catalog::Writer;

const Schema kPolicies = {{"PolicyName", Type::String},
                          {"EntityName", Type::String},
                          {"Policy", Type::String},
                          {"ChildEntities", Type::String},
                          {"EntityType", Type::String}};

/// Reads `ingestiontime`. Errors: NotSupported with the name of another policy.
Status ingestion_time_only(Reader& reader) {
  if (reader.accept("ingestiontime")) return Status();
  const std::string policy(reader.peek_word());
  if (policy.empty()) return reader.expected("the name of a policy");
  return Error{ErrorCode::NotSupported, "policy '" + policy + "' isn't supported; ingestiontime is",
               reader.peek().span};
}

Row row_of(const Database& database, const catalog::Table& table) {
  return {Value::string("IngestionTimePolicy"), Value::string("[" + database.name + "].[" + table.name + "]"),
          Value::string(table.ingestion_time_policy ? "{\"IsEnabled\":true}" : "{\"IsEnabled\":false}"),
          Value::string(""), Value::string("Table")};
}

Result<Tables> set_policy(const Call& call, const std::vector<Name>& names, bool enabled) {
  const Status changed = call.write([&](Writer& writer, const Database& database) -> Status {
    for (const Name& name : names) {
      const std::shared_ptr<const catalog::Table> existing = find_in(database.tables, name.text);
      if (!existing) return not_found("table", name, database);
      if (existing->ingestion_time_policy == enabled) continue;
      catalog::Table table = *existing;
      table.ingestion_time_policy = enabled;
      SPILLWAY_TRY(writer.alter_table(database.name, table));
    }
    return Status();
  });
  SPILLWAY_TRY(changed);
  SPILLWAY_ASSIGN(const std::shared_ptr<const Database> database, call.reload());
  Table result = empty_table(kPolicies);
  for (const Name& name : names) {
    const std::shared_ptr<const catalog::Table> table = find_in(database->tables, name.text);
    if (table) result.rows.push_back(row_of(*database, *table));
  }
  return Tables{std::move(result)};
}

Result<Tables> alter_policy(Call& call) {
  SPILLWAY_TRY(ingestion_time_only(call.reader));
  SPILLWAY_ASSIGN(const bool enabled, call.reader.boolean("true or false"));
  SPILLWAY_TRY(call.reader.end());
  return set_policy(call, call.names, enabled);
}

Result<Tables> alter_policies(Call& call) {
  SPILLWAY_ASSIGN(const std::vector<Name> names, call.reader.names("a table name"));
  SPILLWAY_TRY(call.reader.expect("policy"));
  SPILLWAY_TRY(ingestion_time_only(call.reader));
  SPILLWAY_ASSIGN(const bool enabled, call.reader.boolean("true or false"));
  SPILLWAY_TRY(call.reader.end());
  return set_policy(call, names, enabled);
}

Result<Tables> delete_policy(Call& call) {
  SPILLWAY_TRY(ingestion_time_only(call.reader));
  SPILLWAY_TRY(call.reader.end());
  return set_policy(call, call.names, false);
}

Result<Tables> show_policy(Call& call) {
  SPILLWAY_TRY(ingestion_time_only(call.reader));
  SPILLWAY_TRY(call.reader.end());
  SPILLWAY_ASSIGN(const Database* database, call.database());
  Table result = empty_table(kPolicies);
  if (call.names[0].text == "*") {
    for (const auto& [name, table] : database->tables) result.rows.push_back(row_of(*database, *table));
  } else {
    SPILLWAY_ASSIGN(const auto table, call.table(call.names[0]));
    result.rows.push_back(row_of(*database, *table));
  }
  return Tables{std::move(result)};
}

/// A policy of something other than a table.
Result<Tables> refuse_policy(Call& call) {
  const std::string policy(call.reader.peek_word());
  return Error{ErrorCode::NotSupported,
               "policy '" + policy + "' isn't supported here; ingestiontime of tables is",
               call.reader.peek().span};
}

}  // namespace

std::vector<Command> policy_commands() {
  return {
      {"show table <name*> policy", ".show table (T | *) policy ingestiontime",
       "Whether a table records when its records were ingested", show_policy},
      {"alter table <name> policy", ".alter table T policy ingestiontime (true | false)", "Sets that",
       alter_policy},
      {"alter tables", ".alter tables (T, U) policy ingestiontime (true | false)",
       "Sets that for several tables", alter_policies},
      {"delete table <name> policy", ".delete table T policy ingestiontime", "Turns that off", delete_policy},
      {"alter-merge table <name> policy", nullptr, nullptr, refuse_policy},
      {"show database <name*> policy", nullptr, nullptr, refuse_policy},
      {"alter database <name> policy", nullptr, nullptr, refuse_policy},
      {"alter-merge database <name> policy", nullptr, nullptr, refuse_policy},
      {"delete database <name> policy", nullptr, nullptr, refuse_policy},
      {"show cluster policy", nullptr, nullptr, refuse_policy},
      {"alter cluster policy", nullptr, nullptr, refuse_policy},
      {"alter-merge cluster policy", nullptr, nullptr, refuse_policy},
      {"delete cluster policy", nullptr, nullptr, refuse_policy},
      {"alter column <name> policy", nullptr, nullptr, refuse_policy},
      {"alter materialized-view <name> policy", nullptr, nullptr, refuse_policy},
  };
}

}  // namespace spillway::commands
