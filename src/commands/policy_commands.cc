// Policies of tables: ingestiontime and merge; update stands in update_policy_commands.cc,
// streamingingestion in streaming_policy_commands.cc. Others are named
// and refused. Sources: management/alter-ingestion-time-policy-command.md,
// show-table-ingestion-time-policy-command.md, delete-ingestion-time-policy-command.md, merge-policy.md,
// alter-table-merge-policy-command.md, alter-merge-table-merge-policy-command.md,
// show-table-merge-policy-command.md, delete-table-merge-policy-command.md.

#include <boost/json.hpp>

#include <algorithm>
#include <utility>

#include "commands/call.h"
#include "commands/policies.h"

namespace spillway::commands {
namespace {

namespace json = boost::json;

constexpr TablePolicy kIngestionTime = {"IngestionTimePolicy", nullptr};
constexpr TablePolicy kMerge = {"ExtentsMergePolicy", "merge"};

/// Reads a policy's name. Errors: NotSupported with the name of another one.
Result<TablePolicy> policy_name(Reader& reader) {
  if (reader.accept("ingestiontime")) return kIngestionTime;
  if (reader.accept("merge")) return kMerge;
  const std::string policy(reader.peek_word());
  if (policy.empty()) return reader.expected("the name of a policy");
  return Error{ErrorCode::NotSupported,
               "policy '" + policy +
                   "' of tables isn't supported; ingestiontime, merge, update, streamingingestion, "
                   "row_level_security and restricted_view_access are",
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

Result<Tables> set_ingestion_time(const Call& call, const std::vector<Name>& names, bool enabled) {
  return change_table_policy(call, names, kIngestionTime, [&](catalog::Table& table) {
    table.ingestion_time_policy = enabled;
    return Status();
  });
}

Result<Tables> alter_tables(Call& call, const std::vector<Name>& names, bool keep_others) {
  const TextSpan span = call.reader.peek().span;
  SPILLWAY_ASSIGN(const TablePolicy policy, policy_name(call.reader));
  if (!policy.key) {
    SPILLWAY_ASSIGN(const bool enabled, call.reader.boolean("true or false"));
    SPILLWAY_TRY(call.reader.end());
    return set_ingestion_time(call, names, enabled);
  }
  SPILLWAY_ASSIGN(const std::string text, call.reader.string("the policy as JSON in quotes"));
  SPILLWAY_ASSIGN(const json::object given, merge_policy(text, span));
  SPILLWAY_TRY(call.reader.end());
  return change_table_policy(call, names, policy, [&](catalog::Table& table) {
    json::object next;
    if (const auto found = table.policies.find(policy.key); keep_others && found != table.policies.end()) {
      next = json::parse(found->second).as_object();
    }
    for (const auto& [name, value] : given) next[name] = value;
    table.policies[policy.key] = json::serialize(next);
    return Status();
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
  if (call.reader.accept("streamingingestion")) return alter_streaming_ingestion(call, names);
  return alter_tables(call, names, false);
}

Result<Tables> delete_policy(Call& call) {
  SPILLWAY_ASSIGN(const TablePolicy policy, policy_name(call.reader));
  SPILLWAY_TRY(call.reader.end());
  if (!policy.key) return set_ingestion_time(call, call.names, false);
  return delete_table_policy(call, call.names[0], policy);
}

Result<Tables> show_policy(Call& call) {
  SPILLWAY_ASSIGN(const TablePolicy policy, policy_name(call.reader));
  SPILLWAY_TRY(call.reader.end());
  return show_table_policy(call, call.names[0], policy);
}

/// A policy of something other than a table.
Result<Tables> refuse_policy(Call& call) {
  const std::string policy(call.reader.peek_word());
  return Error{
      ErrorCode::NotSupported,
      "policy '" + policy +
          "' isn't supported here; ingestiontime, merge, update, streamingingestion, row_level_security and "
          "restricted_view_access of tables are, streamingingestion and managed_identity of databases, and "
          "capacity and managed_identity of the cluster",
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
      {"alter tables",
       ".alter tables (T, U) policy ingestiontime (true | false)  ·  .alter tables (T, U) policy "
       "streamingingestion "
       "(enable | disable | \"JSON\")",
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
  for (const std::vector<Command>& more : {update_policy_commands(), streaming_policy_commands()}) {
    commands.insert(commands.end(), more.begin(), more.end());
  }
  return commands;
}

}  // namespace spillway::commands
