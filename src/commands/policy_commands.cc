// Policies of tables: ingestiontime and merge; update stands in update_policy_commands.cc. Others are named
// and refused. Sources: management/alter-ingestion-time-policy-command.md,
// show-table-ingestion-time-policy-command.md, delete-ingestion-time-policy-command.md, merge-policy.md,
// alter-table-merge-policy-command.md, alter-merge-table-merge-policy-command.md,
// show-table-merge-policy-command.md, delete-table-merge-policy-command.md.

#include <boost/json.hpp>

#include <algorithm>
#include <functional>
#include <utility>

#include "commands/call.h"
#include "commands/describe.h"
#include "commands/security_policies.h"

namespace spillway::commands {
namespace {

using catalog::Database;
using catalog::Writer;

const Schema kPolicies = {{"PolicyName", Type::String},
                          {"EntityName", Type::String},
                          {"Policy", Type::String},
                          {"ChildEntities", Type::String},
                          {"EntityType", Type::String}};

namespace json = boost::json;

enum class Policy { IngestionTime, Merge };

/// Reads a policy's name. Errors: NotSupported with the name of another one.
Result<Policy> policy_name(Reader& reader) {
  if (reader.accept("ingestiontime")) return Policy::IngestionTime;
  if (reader.accept("merge")) return Policy::Merge;
  const std::string policy(reader.peek_word());
  if (policy.empty()) return reader.expected("the name of a policy");
  return Error{ErrorCode::NotSupported,
               "policy '" + policy +
                   "' of tables isn't supported; ingestiontime, merge, update, row_level_security and "
                   "restricted_view_access are",
               reader.peek().span};
}

/// A property of the merge policy, and whether it is a number. Those that Spillway has no use for are kept
/// and shown.
constexpr std::pair<std::string_view, bool> kMergeProperties[] = {
    {"RowCountUpperBoundForMerge", true},
    {"OriginalSizeMBUpperBoundForMerge", true},
    {"MaxExtentsToMerge", true},
    {"MaxRangeInHours", true},
    {"AllowRebuild", false},
    {"AllowMerge", false},
};

/// The policy's object, checked.
Result<json::object> merge_policy(const std::string& text, TextSpan span) {
  boost::system::error_code error;
  const json::value value = json::parse(text, error);
  if (error || !value.is_object()) {
    return Error{ErrorCode::BadRequest, "the merge policy must be a JSON object", span};
  }
  for (const auto& [name, given] : value.get_object()) {
    if (name == "Lookback" && given.is_object()) continue;
    const auto known =
        std::find_if(std::begin(kMergeProperties), std::end(kMergeProperties),
                     [&](const auto& property) { return property.first == std::string_view(name); });
    const bool fits = known != std::end(kMergeProperties) &&
                      (known->second ? given.is_int64() && given.get_int64() >= 0 : given.is_bool());
    if (!fits) {
      return Error{ErrorCode::BadRequest,
                   "the merge policy has no property '" + std::string(name) + "', or not with such a value",
                   span};
    }
  }
  return value.get_object();
}

std::string policy_text(const catalog::Table& table, Policy policy) {
  if (policy == Policy::IngestionTime) {
    return table.ingestion_time_policy ? "{\"IsEnabled\":true}" : "{\"IsEnabled\":false}";
  }
  const auto found = table.policies.find("merge");
  return found == table.policies.end() ? "null" : found->second;
}

Row row_of(const Database& database, const catalog::Table& table, Policy policy) {
  return {Value::string(policy == Policy::IngestionTime ? "IngestionTimePolicy" : "ExtentsMergePolicy"),
          Value::string("[" + database.name + "].[" + table.name + "]"),
          Value::string(policy_text(table, policy)), Value::string(""), Value::string("Table")};
}

/// Changes the tables, and shows their policy.
Result<Tables> change(const Call& call, const std::vector<Name>& names, Policy policy,
                      const std::function<void(catalog::Table&)>& set) {
  const Status changed = call.write([&](Writer& writer, const Database& database) -> Status {
    for (const Name& name : names) {
      const std::shared_ptr<const catalog::Table> existing = find_in(database.tables, name.text);
      if (!existing) return not_found("table", name, database);
      catalog::Table table = *existing;
      set(table);
      if (policy_text(table, policy) == policy_text(*existing, policy)) continue;
      SPILLWAY_TRY(writer.alter_table(database.name, table));
    }
    return Status();
  });
  SPILLWAY_TRY(changed);
  SPILLWAY_ASSIGN(const std::shared_ptr<const Database> database, call.reload());
  Table result = empty_table(kPolicies);
  for (const Name& name : names) {
    const std::shared_ptr<const catalog::Table> table = find_in(database->tables, name.text);
    if (table) result.rows.push_back(row_of(*database, *table, policy));
  }
  return Tables{std::move(result)};
}

Result<Tables> alter_tables(Call& call, const std::vector<Name>& names, bool keep_others) {
  const TextSpan span = call.reader.peek().span;
  SPILLWAY_ASSIGN(const Policy policy, policy_name(call.reader));
  if (policy == Policy::IngestionTime) {
    SPILLWAY_ASSIGN(const bool enabled, call.reader.boolean("true or false"));
    SPILLWAY_TRY(call.reader.end());
    return change(call, names, policy, [&](catalog::Table& table) { table.ingestion_time_policy = enabled; });
  }
  SPILLWAY_ASSIGN(const std::string text, call.reader.string("the policy as JSON in quotes"));
  SPILLWAY_ASSIGN(const json::object given, merge_policy(text, span));
  SPILLWAY_TRY(call.reader.end());
  return change(call, names, policy, [&](catalog::Table& table) {
    json::object next;
    if (const auto found = table.policies.find("merge"); keep_others && found != table.policies.end()) {
      next = json::parse(found->second).as_object();
    }
    for (const auto& [name, value] : given) next[name] = value;
    table.policies["merge"] = json::serialize(next);
  });
}

Result<Tables> alter_policy(Call& call) {
  return alter_tables(call, call.names, false);
}

Result<Tables> alter_merge_policy(Call& call) {
  return alter_tables(call, call.names, true);
}

Result<Tables> alter_policies(Call& call) {
  SPILLWAY_ASSIGN(const std::vector<Name> names, call.reader.names("a table name"));
  SPILLWAY_TRY(call.reader.expect("policy"));
  if (call.reader.accept("restricted_view_access")) return alter_restricted_view_access(call, names);
  return alter_tables(call, names, false);
}

Result<Tables> delete_policy(Call& call) {
  SPILLWAY_ASSIGN(const Policy policy, policy_name(call.reader));
  SPILLWAY_TRY(call.reader.end());
  return change(call, call.names, policy, [&](catalog::Table& table) {
    if (policy == Policy::IngestionTime) table.ingestion_time_policy = false;
    if (policy == Policy::Merge) table.policies.erase("merge");
  });
}

Result<Tables> show_policy(Call& call) {
  SPILLWAY_ASSIGN(const Policy policy, policy_name(call.reader));
  SPILLWAY_TRY(call.reader.end());
  SPILLWAY_ASSIGN(const Database* database, call.database());
  Table result = empty_table(kPolicies);
  if (call.names[0].text == "*") {
    for (const auto& [name, table] : database->tables)
      result.rows.push_back(row_of(*database, *table, policy));
  } else {
    SPILLWAY_ASSIGN(const auto table, call.table(call.names[0]));
    result.rows.push_back(row_of(*database, *table, policy));
  }
  return Tables{std::move(result)};
}

/// A policy of something other than a table.
Result<Tables> refuse_policy(Call& call) {
  const std::string policy(call.reader.peek_word());
  return Error{
      ErrorCode::NotSupported,
      "policy '" + policy +
          "' isn't supported here; ingestiontime, merge, update, row_level_security and "
          "restricted_view_access of tables are, managed_identity of databases and of the cluster, and "
          "capacity of the cluster",
      call.reader.peek().span};
}

}  // namespace

std::vector<Command> policy_commands() {
  std::vector<Command> commands = {
      {"show table <name*> policy", ".show table (T | *) policy (ingestiontime | merge)",
       "Whether a table records when its records were ingested; how its extents are merged", show_policy},
      {"alter table <name> policy",
       ".alter table T policy ingestiontime (true | false)  ·  .alter table T policy merge \"JSON\"",
       "Sets that", alter_policy},
      {"alter tables", ".alter tables (T, U) policy ingestiontime (true | false)",
       "Sets that for several tables", alter_policies},
      {"delete table <name> policy", ".delete table T policy (ingestiontime | merge)",
       "Turns that off, or takes the default", delete_policy},
      {"alter-merge table <name> policy", ".alter-merge table T policy merge \"JSON\"",
       "Sets some properties of it", alter_merge_policy},
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
  const std::vector<Command> updates = update_policy_commands();
  commands.insert(commands.end(), updates.begin(), updates.end());
  return commands;
}

}  // namespace spillway::commands
