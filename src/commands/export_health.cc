#include "commands/export_health.h"

#include <utility>

#include "commands/describe.h"
#include "export/exports.h"

namespace spillway::commands {
namespace {

using catalog::ContinuousExport;

const Schema kHealth = {{"Name", Type::String},           {"State", Type::String},
                        {"Lateness", Type::TimeSpan},     {"ExportedTo", Type::DateTime},
                        {"LastRunTime", Type::DateTime},  {"LastRunResult", Type::String},
                        {"LastSuccess", Type::DateTime},  {"Failures", Type::Int},
                        {"FailingSince", Type::DateTime}, {"LastFailure", Type::String}};

/// An export is late where the oldest record that it has to export has waited for two of its intervals,
/// beyond the latency that it was told to keep.
bool is_late(const ContinuousExport& definition, Ticks lateness) {
  return lateness > 2 * definition.interval + definition.forced_latency;
}

const char* state_of(const ContinuousExport& definition, const exports::ExportHealth& health) {
  if (definition.disabled) return "Disabled";
  if (definition.consecutive_failures > 0) return "Failing";
  if (is_late(definition, health.lateness)) return "Late";
  if (health.running) return "Running";
  return health.pending ? "Pending" : "Healthy";
}

Value optional_time(const std::optional<Ticks>& time) {
  return time ? Value::datetime(*time) : Value::null(Type::DateTime);
}

/// Why the newest failed run failed, while no run has succeeded since.
Result<std::string> last_failure(const Call& call, const std::string& database,
                                 const ContinuousExport& definition) {
  if (definition.consecutive_failures == 0) return std::string();
  SPILLWAY_ASSIGN(const auto runs, call.services.catalog.runs(database, definition.name, 1));
  if (runs.empty() || runs.front().state != catalog::RunState::Failed) return std::string();
  return runs.front().failure_kind + ": " + runs.front().details;
}

}  // namespace

Result<Tables> show_export_health(Call& call) {
  SPILLWAY_TRY(call.reader.end());
  SPILLWAY_ASSIGN(const catalog::Database* database, call.database());
  Table result = empty_table(kHealth);
  for (const auto& [name, definition] : database->exports) {
    const auto health = call.services.exports.health_of(database->name, name);
    if (!health) continue;  // dropped meanwhile
    SPILLWAY_ASSIGN(std::string failure, last_failure(call, database->name, *definition));
    result.rows.push_back({Value::string(name), Value::string(state_of(*definition, *health)),
                           Value::timespan(health->lateness), Value::datetime(health->exported_to),
                           optional_time(health->last_run), Value::string(definition->last_result),
                           optional_time(definition->last_success),
                           Value::int32(definition->consecutive_failures),
                           optional_time(definition->failing_since), Value::string(std::move(failure))});
  }
  return Tables{std::move(result)};
}

}  // namespace spillway::commands
