// The server itself, and what clients ask when they connect.
// Sources: management/show-capacity-command.md, security-roles.md, manage-database-security-roles.md.

#include <unistd.h>

#include <thread>
#include <utility>

#include "commands/call.h"
#include "commands/describe.h"
#include "export/exports.h"

namespace spillway::commands {
namespace {

const Schema kVersion = {{"BuildVersion", Type::String},
                         {"BuildTime", Type::DateTime},
                         {"ServiceType", Type::String},
                         {"ProductVersion", Type::String}};

const Schema kCluster = {{"NodeId", Type::String},
                         {"Address", Type::String},
                         {"Name", Type::String},
                         {"IsAdmin", Type::Bool},
                         {"MachineTotalMemory", Type::Long},
                         {"MachineAvailableMemory", Type::Long},
                         {"ProcessorCount", Type::Int},
                         {"EnvironmentDescription", Type::String}};

const Schema kCapacity = {{"Resource", Type::String},
                          {"Total", Type::Long},
                          {"Consumed", Type::Long},
                          {"Remaining", Type::Long},
                          {"Origin", Type::String}};

const Schema kPrincipals = {{"Role", Type::String},
                            {"PrincipalType", Type::String},
                            {"PrincipalDisplayName", Type::String},
                            {"PrincipalObjectId", Type::String},
                            {"PrincipalFQN", Type::String}};

/// Builds are reproducible: they don't know when they were made.
Result<Tables> show_version(Call& call) {
  SPILLWAY_TRY(call.reader.end());
  Table result = empty_table(kVersion);
  result.rows.push_back({Value::string(SPILLWAY_VERSION), Value::null(Type::DateTime),
                         Value::string("Engine"), Value::string("Spillway " SPILLWAY_VERSION)});
  return Tables{std::move(result)};
}

int64_t memory(int pages) {
  return static_cast<int64_t>(::sysconf(pages)) * static_cast<int64_t>(::sysconf(_SC_PAGESIZE));
}

Result<Tables> show_cluster(Call& call) {
  SPILLWAY_TRY(call.reader.end());
  char host[256] = "";
  (void)::gethostname(host, sizeof host - 1);
  Table result = empty_table(kCluster);
  result.rows.push_back({Value::string(host), Value::string(""), Value::string(host), Value::boolean(true),
                         Value::int64(memory(_SC_PHYS_PAGES)), Value::int64(memory(_SC_AVPHYS_PAGES)),
                         Value::int32(static_cast<int32_t>(std::thread::hardware_concurrency())),
                         Value::string("Spillway " SPILLWAY_VERSION)});
  return Tables{std::move(result)};
}

/// Exports are what has a capacity of its own.
Result<Tables> show_capacity(Call& call) {
  if (!call.reader.at_end() && call.reader.next_is_name()) SPILLWAY_TRY(call.reader.expect("data-export"));
  SPILLWAY_TRY(call.reader.end());
  const int64_t total = call.services.exports.capacity();
  const int64_t running = call.services.exports.running();
  Table result = empty_table(kCapacity);
  result.rows.push_back({Value::string("data-export"), Value::int64(total), Value::int64(running),
                         Value::int64(std::max<int64_t>(0, total - running)),
                         Value::string("CapacityPolicy/Export")});
  return Tables{std::move(result)};
}

/// Whoever may send requests is an administrator of everything: there are no other roles.
Table principals(const Call& call, const std::string& role) {
  Table result = empty_table(kPrincipals);
  result.rows.push_back({Value::string(role), Value::string("API token"),
                         Value::string(call.request.principal), Value::string(""),
                         Value::string(call.request.principal)});
  return result;
}

Result<Tables> show_cluster_roles(Call& call) {
  SPILLWAY_TRY(call.reader.end());
  return Tables{principals(call, "AllDatabasesAdmin")};
}

Result<Tables> show_database_roles(Call& call) {
  SPILLWAY_TRY(call.reader.end());
  SPILLWAY_ASSIGN(const catalog::Database* database, call.database(call.names[0]));
  return Tables{principals(call, "Database " + database->name + " Admin")};
}

Result<Tables> show_table_roles(Call& call) {
  SPILLWAY_TRY(call.reader.end());
  SPILLWAY_ASSIGN(const auto table, call.table(call.names[0]));
  return Tables{principals(call, "Table " + table->name + " Admin")};
}

Result<Tables> show_external_table_roles(Call& call) {
  SPILLWAY_TRY(call.reader.end());
  SPILLWAY_ASSIGN(const auto table, call.external_table(call.names[0]));
  return Tables{principals(call, "External Table " + table->name + " Admin")};
}

}  // namespace

std::vector<Command> cluster_commands() {
  return {
      {"show version", ".show version", "The server's version", show_version},
      {"show cluster", ".show cluster", "The machine that the server runs on", show_cluster},
      {"show capacity", ".show capacity [data-export]", "How many exports may run at once, and how many do",
       show_capacity},
      {"show cluster principal roles", ".show cluster principal roles", "The roles of the caller",
       show_cluster_roles},
      {"show cluster principals", nullptr, ".show cluster principal roles", show_cluster_roles},
      {"show principal roles", nullptr, ".show cluster principal roles", show_cluster_roles},
      {"show database <name> principal roles", ".show database D principals",
       "Who may do what with a database", show_database_roles},
      {"show database <name> principals", nullptr, ".show database D principals", show_database_roles},
      {"show table <name> principal roles", ".show table T principals", "Who may do what with a table",
       show_table_roles},
      {"show table <name> principals", nullptr, ".show table T principals", show_table_roles},
      {"show external table <name> principal roles", ".show external table E principals",
       "Who may do what with an external table", show_external_table_roles},
      {"show external table <name> principals", nullptr, ".show external table E principals",
       show_external_table_roles},
  };
}

}  // namespace spillway::commands
