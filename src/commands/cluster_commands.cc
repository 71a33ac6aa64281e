// The server itself, and what clients ask when they connect.

#include <unistd.h>

#include <thread>
#include <utility>

#include "commands/call.h"
#include "commands/describe.h"

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

}  // namespace

std::vector<Command> cluster_commands() {
  return {
      {"show version", ".show version", "The server's version", show_version},
      {"show cluster", ".show cluster", "The machine that the server runs on", show_cluster},
  };
}

}  // namespace spillway::commands
