#include "commands/policies.h"

#include <utility>

#include "commands/describe.h"

namespace spillway::commands {
namespace {

using catalog::Database;
using TablePtr = std::shared_ptr<const catalog::Table>;

const Schema kPolicies = {{"PolicyName", Type::String},
                          {"EntityName", Type::String},
                          {"Policy", Type::String},
                          {"ChildEntities", Type::String},
                          {"EntityType", Type::String}};

Row row_of(const char* title, const std::string& entity, const std::string& text, const char* type) {
  return {Value::string(title), Value::string(entity), Value::string(text), Value::string(""),
          Value::string(type)};
}

std::string text_of(const catalog::Table& table, const TablePolicy& policy) {
  if (!policy.key) return table.ingestion_time_policy ? "{\"IsEnabled\":true}" : "{\"IsEnabled\":false}";
  return policy_text(table.policies, policy.key);
}

Row row_of(const Database& database, const catalog::Table& table, const TablePolicy& policy) {
  return row_of(policy.title, "[" + database.name + "].[" + table.name + "]", text_of(table, policy),
                "Table");
}

}  // namespace

std::string policy_text(const std::map<std::string, std::string>& policies, const char* key) {
  const auto found = policies.find(key);
  return found == policies.end() ? "null" : found->second;
}

Table policy_result(const char* title, const std::string& entity, const std::string& text, const char* type) {
  Table result = empty_table(kPolicies);
  result.rows.push_back(row_of(title, entity, text, type));
  return result;
}

Result<Tables> show_table_policy(const Call& call, const Name& name, const TablePolicy& policy) {
  SPILLWAY_ASSIGN(const Database* database, call.database());
  Table result = empty_table(kPolicies);
  if (name.text == "*") {
    for (const auto& [key, table] : database->tables)
      result.rows.push_back(row_of(*database, *table, policy));
  } else {
    SPILLWAY_ASSIGN(const TablePtr table, call.table(name));
    result.rows.push_back(row_of(*database, *table, policy));
  }
  return Tables{std::move(result)};
}

Result<Tables> change_table_policy(const Call& call, const std::vector<Name>& names,
                                   const TablePolicy& policy,
                                   const std::function<Status(catalog::Table&)>& change) {
  const Status changed = call.write([&](catalog::Writer& writer, const Database& database) -> Status {
    for (const Name& name : names) {
      const TablePtr existing = find_in(database.tables, name.text);
      if (!existing) return not_found("table", name, database);
      catalog::Table table = *existing;
      SPILLWAY_TRY(change(table));
      if (text_of(table, policy) == text_of(*existing, policy)) continue;
      SPILLWAY_TRY(writer.alter_table(database.name, table));
    }
    return Status();
  });
  SPILLWAY_TRY(changed);
  SPILLWAY_ASSIGN(const std::shared_ptr<const Database> database, call.reload());
  Table result = empty_table(kPolicies);
  for (const Name& name : names) {
    const TablePtr table = find_in(database->tables, name.text);
    if (table) result.rows.push_back(row_of(*database, *table, policy));
  }
  return Tables{std::move(result)};
}

Result<Tables> delete_table_policy(const Call& call, const Name& name, const TablePolicy& policy) {
  return change_table_policy(call, {name}, policy, [&](catalog::Table& table) {
    table.policies.erase(policy.key);
    return Status();
  });
}

}  // namespace spillway::commands
