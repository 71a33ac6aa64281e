#include "export/definition.h"

#include "export/exports.h"
#include "export/properties.h"

namespace spillway::exports {
namespace {

/// The properties of a run's settings; settings_for_table() checks their values.
constexpr const char* kSettings[] = {"sizeLimit",        "distributed",         "distribution",
                                     "distributionKind", "parquetRowGroupSize", "parquetDatetimePrecision"};

/// "system", or an object id; kept in lower case, as they are compared.
Status read_identity(const std::string& text, catalog::ContinuousExport& definition) {
  definition.managed_identity = lower_case(text);
  if (text.empty() || definition.managed_identity == "system" || Guid::parse(text)) return {};
  return Status(ErrorCode::BadRequest,
                "continuous export '" + definition.name +
                    "': property 'managedIdentity' takes the object id of a managed identity, or system");
}

}  // namespace

Status apply_properties(const std::map<std::string, std::string>& properties,
                        catalog::ContinuousExport& definition) {
  Properties given("continuous export '" + definition.name + "'", properties);
  SPILLWAY_ASSIGN(const auto interval, given.timespan("intervalBetweenRuns", kShortestInterval));
  definition.interval = interval.value_or(kDefaultInterval);
  SPILLWAY_ASSIGN(const auto latency, given.timespan("forcedLatency", 0));
  definition.forced_latency = latency.value_or(0);
  SPILLWAY_ASSIGN(const auto disabled, given.boolean("isDisabled"));
  definition.disabled = disabled.value_or(false);
  SPILLWAY_TRY(read_identity(given.text("managedIdentity").value_or(""), definition));
  // Spillway's own: the service has none of these.
  SPILLWAY_ASSIGN(const auto backfill, given.boolean("backfill"));
  definition.backfill = backfill.value_or(false);
  SPILLWAY_ASSIGN(const auto manifest, given.boolean("manifest"));
  definition.manifest = manifest.value_or(false);
  SPILLWAY_ASSIGN(const auto records, given.integer("maxRecordsPerRun", 1, INT64_MAX));
  definition.max_records_per_run = records.value_or(0);
  SPILLWAY_ASSIGN(const auto bytes, given.integer("maxBytesPerRun", 1, INT64_MAX));
  definition.max_bytes_per_run = bytes.value_or(0);
  SPILLWAY_ASSIGN(const auto retention, given.timespan("artifactRetention", catalog::kHistory));
  definition.artifact_retention = retention.value_or(0);
  definition.properties.clear();
  for (const char* name : kSettings) {
    if (const auto value = given.text(name)) definition.properties[name] = *value;
  }
  return given.finish();
}

}  // namespace spillway::exports
