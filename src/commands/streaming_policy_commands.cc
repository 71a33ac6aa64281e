// The streaming ingestion policy of tables and databases. What it does: commands/streaming_ingestion.h.
// Sources: management/streaming-ingestion-policy.md, and of tables and of databases alike
// show-table-streaming-ingestion-policy-command.md, alter-table-streaming-ingestion-policy-command.md,
// alter-merge-table-streaming-ingestion-policy-command.md,
// delete-table-streaming-ingestion-policy-command.md; `enable` and `disable`: ingest-data-streaming.md.

#include <boost/json.hpp>

#include <functional>
#include <utility>

#include "commands/call.h"
#include "commands/policies.h"
#include "commands/streaming_ingestion.h"
#include "kql/json.h"

namespace spillway::commands {
namespace {

namespace json = boost::json;

constexpr TablePolicy kStreaming = {"StreamingIngestionPolicy", kStreamingPolicy};

Error bad_policy(const std::string& why, TextSpan span) {
  return Error{ErrorCode::BadRequest, "the streaming ingestion policy " + why, span};
}

/// What an alter command gives of a policy, and where.
struct Given {
  json::object properties;
  TextSpan span;
};

bool fits(std::string_view property, const json::value& value) {
  if (property == "IsEnabled") return value.is_bool();
  return property == "HintAllocatedRate" &&
         (value.is_null() || (value.is_number() && value.to_number<double>() >= 0));
}

/// `enable`, `disable` or the policy's object, which ends the command.
Result<Given> read_given(Reader& reader) {
  Given given{{}, reader.peek().span};
  if (reader.accept("enable")) {
    given.properties["IsEnabled"] = true;
  } else if (reader.accept("disable")) {
    given.properties["IsEnabled"] = false;
  } else {
    SPILLWAY_ASSIGN(const std::string text, reader.string("enable, disable, the policy as JSON in quotes"));
    boost::system::error_code error;
    json::value value = json::parse(text, error);
    if (error || !value.is_object()) return bad_policy("must be a JSON object", given.span);
    given.properties = std::move(value.get_object());
    for (const auto& [name, property] : given.properties) {
      if (!fits(name, property)) {
        return bad_policy("has no property '" + std::string(name) + "', or not with such a value",
                          given.span);
      }
    }
  }
  SPILLWAY_TRY(reader.end());
  return given;
}

/// The policy, with what isn't given as it was ("null": as it is by default). Errors: BadRequest where
/// nothing says whether it is enabled, which has no default.
Result<std::string> next_policy(const Given& given, const std::string& before) {
  json::object next{{"IsEnabled", nullptr}, {"HintAllocatedRate", nullptr}};
  const json::value kept = json::parse(before);
  if (kept.is_object()) next = kept.get_object();
  for (const auto& [name, property] : given.properties) next[name] = property;
  if (next["IsEnabled"].is_null()) return bad_policy("needs IsEnabled, true or false", given.span);
  std::string text;
  kql::json::canonicalize(json::serialize(next), text);  // 2.1, not 2.1E0
  return text;
}

Result<Tables> alter_tables(Call& call, const std::vector<Name>& names, bool keep_others) {
  SPILLWAY_ASSIGN(const Given given, read_given(call.reader));
  return change_table_policy(call, names, kStreaming, [&](catalog::Table& table) -> Status {
    const std::string before = keep_others ? policy_text(table.policies, kStreamingPolicy) : "null";
    SPILLWAY_ASSIGN(table.policies[kStreamingPolicy], next_policy(given, before));
    return Status();
  });
}

Result<Tables> alter_table(Call& call) {
  return alter_tables(call, call.names, false);
}

Result<Tables> alter_merge_table(Call& call) {
  return alter_tables(call, call.names, true);
}

Result<Tables> delete_of_table(Call& call) {
  SPILLWAY_TRY(call.reader.end());
  return delete_table_policy(call, call.names[0], kStreaming);
}

Result<Tables> show_of_table(Call& call) {
  SPILLWAY_TRY(call.reader.end());
  return show_table_policy(call, call.names[0], kStreaming);
}

Tables shown(const std::string& database, const std::string& text) {
  return {policy_result(kStreaming.title, "[" + database + "]", text, "Database")};
}

/// Changes the policy of the database that the command names, from its text ("null" where it has none).
Result<Tables> change_database(
    const Call& call, const std::function<Result<std::optional<std::string>>(const std::string&)>& change) {
  SPILLWAY_ASSIGN(const catalog::Database* found, call.database(call.names[0]));
  const std::string& name = found->name;
  std::optional<std::string> text;
  SPILLWAY_TRY(call.services.catalog.write([&](catalog::Writer& writer) -> Status {
    const auto database = find_in(writer.current().databases, name);
    if (!database) return Error{ErrorCode::EntityNotFound, "database '" + name + "' not found"};
    SPILLWAY_ASSIGN(text, change(policy_text(database->policies, kStreamingPolicy)));
    return writer.set_policy(name, kStreamingPolicy, text);
  }));
  return shown(name, text.value_or("null"));
}

Result<Tables> alter_databases(Call& call, bool keep_others) {
  SPILLWAY_ASSIGN(const Given given, read_given(call.reader));
  return change_database(call, [&](const std::string& before) -> Result<std::optional<std::string>> {
    SPILLWAY_ASSIGN(std::string next, next_policy(given, keep_others ? before : "null"));
    return {std::move(next)};
  });
}

Result<Tables> alter_database(Call& call) {
  return alter_databases(call, false);
}

Result<Tables> alter_merge_database(Call& call) {
  return alter_databases(call, true);
}

Result<Tables> delete_of_database(Call& call) {
  SPILLWAY_TRY(call.reader.end());
  return change_database(
      call, [](const std::string&) -> Result<std::optional<std::string>> { return {std::nullopt}; });
}

Result<Tables> show_of_database(Call& call) {
  SPILLWAY_TRY(call.reader.end());
  SPILLWAY_ASSIGN(const catalog::Database* database, call.database(call.names[0]));
  return shown(database->name, policy_text(database->policies, kStreamingPolicy));
}

}  // namespace

Result<Tables> alter_streaming_ingestion(Call& call, const std::vector<Name>& names) {
  return alter_tables(call, names, false);
}

std::vector<Command> streaming_policy_commands() {
  return {
      {"show table <name*> policy streamingingestion",
       ".show (table (T | *) | database D) policy streamingingestion",
       "Whether data may be streamed into a table, or those of a database that have no policy of their own. "
       "Without any policy it may be",
       show_of_table},
      {"show database <name> policy streamingingestion", nullptr, ".show table T policy streamingingestion",
       show_of_database},
      {"alter table <name> policy streamingingestion",
       ".alter (table T | database D) policy streamingingestion (enable | disable | \"JSON\")",
       "Sets that; disabled, requests to stream are refused. HintAllocatedRate is kept and means nothing",
       alter_table},
      {"alter database <name> policy streamingingestion", nullptr, ".alter table T policy streamingingestion",
       alter_database},
      {"alter-merge table <name> policy streamingingestion",
       ".alter-merge (table T | database D) policy streamingingestion (enable | disable | \"JSON\")",
       "Sets some properties of it", alter_merge_table},
      {"alter-merge database <name> policy streamingingestion", nullptr,
       ".alter-merge table T policy streamingingestion", alter_merge_database},
      {"delete table <name> policy streamingingestion",
       ".delete (table T | database D) policy streamingingestion", "Removes the policy", delete_of_table},
      {"delete database <name> policy streamingingestion", nullptr,
       ".delete table T policy streamingingestion", delete_of_database},
  };
}

}  // namespace spillway::commands
