// Continuous exports.
// Sources: management/data-export/create-alter-continuous.md, show-continuous-export.md,
// show-continuous-artifacts.md, show-continuous-failures.md, disable-enable-continuous.md,
// drop-continuous-export.md.

#include <cctype>
#include <utility>

#include "commands/call.h"
#include "commands/describe.h"
#include "commands/export_health.h"
#include "export/exports.h"

namespace spillway::commands {
namespace {

using catalog::ContinuousExport;
using catalog::Database;
using catalog::Writer;
namespace json = boost::json;

const Schema kExports = {{"CursorScopedTables", Type::String},
                         {"ExportProperties", Type::String},
                         {"ExportedTo", Type::DateTime},
                         {"ExternalTableName", Type::String},
                         {"ForcedLatency", Type::TimeSpan},
                         {"IntervalBetweenRuns", Type::TimeSpan},
                         {"IsDisabled", Type::Bool},
                         {"IsRunning", Type::Bool},
                         {"LastRunResult", Type::String},
                         {"LastRunTime", Type::DateTime},
                         {"Name", Type::String},
                         {"Query", Type::String},
                         {"StartCursor", Type::String}};

const Schema kDefinitions = {{"Name", Type::String},
                             {"ExternalTableName", Type::String},
                             {"Query", Type::String},
                             {"ForcedLatency", Type::TimeSpan},
                             {"IntervalBetweenRuns", Type::TimeSpan},
                             {"CursorScopedTables", Type::String},
                             {"ExportProperties", Type::String}};

const Schema kArtifacts = {{"Timestamp", Type::DateTime},
                           {"ExternalTableName", Type::String},
                           {"Path", Type::String},
                           {"NumRecords", Type::Long},
                           {"SizeInBytes", Type::Long}};

const Schema kRuns = {{"Started", Type::DateTime},
                      {"Ended", Type::DateTime},
                      {"OperationId", Type::String},
                      {"State", Type::String},
                      {"FromCursor", Type::String},
                      {"ToCursor", Type::String},
                      {"Attempt", Type::Int},
                      {"NumRecords", Type::Long},
                      {"SizeInBytes", Type::Long},
                      {"NumFiles", Type::Long},
                      {"Duration", Type::TimeSpan},
                      {"Lateness", Type::TimeSpan},
                      {"IsPermanentFailure", Type::Bool},
                      {"Details", Type::String}};

const Schema kFindings = {{"Path", Type::String},      {"State", Type::String},
                          {"NumRecords", Type::Long},  {"ActualNumRecords", Type::Long},
                          {"SizeInBytes", Type::Long}, {"ActualSizeInBytes", Type::Long},
                          {"Details", Type::String}};

const Schema kPlan = {{"FromCursor", Type::String},      {"ToCursor", Type::String},
                      {"Extents", Type::Long},           {"SourceRecords", Type::Long},
                      {"SourceSizeInBytes", Type::Long}, {"NumRecords", Type::Long},
                      {"Partitions", Type::Long},        {"Files", Type::Long},
                      {"MoreRuns", Type::Bool}};

// The documentation also knows a PartialFailure, of which some files stay: here there is none.
const Schema kFailures = {{"Timestamp", Type::DateTime}, {"OperationId", Type::String},
                          {"Name", Type::String},        {"LastSuccessRun", Type::DateTime},
                          {"FailureKind", Type::String}, {"Details", Type::String}};

/// ["['DB'].['T']"]: the tables of `over (…)`.
std::string scoped_tables(const Database& database, const ContinuousExport& definition) {
  json::array list;
  for (const std::string& table : definition.fact_tables) {
    list.push_back(json::string("['" + database.name + "'].['" + table + "']"));
  }
  return json::serialize(list);
}

/// A property's text as the JSON value that it means.
json::value property_value(const std::string& text) {
  if (text == "true" || text == "false") return text == "true";
  boost::system::error_code error;
  json::value number = json::parse(text, error);
  if (!error && number.is_number()) return number;
  return json::value(json::string(text));
}

std::string properties_json(const ContinuousExport& definition) {
  json::object object{{"SizeLimit", definition.size_limit}};
  if (definition.backfill) object["Backfill"] = true;
  if (definition.manifest) object["Manifest"] = true;
  if (!definition.managed_identity.empty()) object["ManagedIdentity"] = definition.managed_identity;
  if (definition.max_records_per_run) object["MaxRecordsPerRun"] = definition.max_records_per_run;
  if (definition.max_bytes_per_run) object["MaxBytesPerRun"] = definition.max_bytes_per_run;
  if (definition.artifact_retention)
    object["ArtifactRetention"] = format_timespan(definition.artifact_retention);
  for (const auto& [name, text] : definition.properties) object[capitalized(name)] = property_value(text);
  return json::serialize(object);
}

Value optional_time(const std::optional<Ticks>& time) {
  return time ? Value::datetime(*time) : Value::null(Type::DateTime);
}

Value forced_latency(const ContinuousExport& definition) {
  return definition.forced_latency ? Value::timespan(definition.forced_latency) : Value::null(Type::TimeSpan);
}

Row row_of(const Call& call, const Database& database, const ContinuousExport& definition) {
  const std::optional<exports::ExportHealth> health =
      call.services.exports.health_of(database.name, definition.name);
  std::optional<Ticks> last_run = definition.last_run;
  if (health && health->last_run) last_run = health->last_run;
  // A cursor is the time at which its records were ingested.
  const Ticks exported_to = health ? health->exported_to : definition.exported_to;
  return {Value::string(scoped_tables(database, definition)),
          Value::string(properties_json(definition)),
          Value::datetime(exported_to),
          Value::string(definition.external_table),
          forced_latency(definition),
          Value::timespan(definition.interval),
          Value::boolean(definition.disabled),
          Value::boolean(health && health->running),
          Value::string(definition.last_result),
          optional_time(last_run),
          Value::string(definition.name),
          Value::string(without_secrets(definition.query)),
          Value::string(std::to_string(definition.start_cursor))};
}

Result<Tables> all_exports(const Call& call) {
  SPILLWAY_ASSIGN(const std::shared_ptr<const Database> database, call.reload());
  Table result = empty_table(kExports);
  for (const auto& [name, definition] : database->exports)
    result.rows.push_back(row_of(call, *database, *definition));
  return Tables{std::move(result)};
}

Result<Tables> one_export(const Call& call, const Name& name) {
  SPILLWAY_ASSIGN(const std::shared_ptr<const Database> database, call.reload());
  const std::shared_ptr<const ContinuousExport> definition = find_in(database->exports, name.text);
  if (!definition) return not_found("continuous export", name, *database);
  Table result = empty_table(kExports);
  result.rows.push_back(row_of(call, *database, *definition));
  return Tables{std::move(result)};
}

std::string trimmed(std::string_view text) {
  const char* const spaces = " \t\r\n;";
  const size_t begin = text.find_first_not_of(" \t\r\n");
  const size_t end = text.find_last_not_of(spaces);
  if (begin == std::string_view::npos || end == std::string_view::npos || end < begin) return "";
  return std::string(text.substr(begin, end - begin + 1));
}

Tables plan_table(const exports::RunPlan& plan) {
  Table result = empty_table(kPlan);
  result.rows.push_back({Value::string(std::to_string(plan.from)), Value::string(std::to_string(plan.to)),
                         Value::int64(plan.extents), Value::int64(plan.records), Value::int64(plan.bytes),
                         Value::int64(plan.result_records), Value::int64(plan.partitions),
                         Value::int64(plan.files), Value::boolean(plan.more)});
  return {std::move(result)};
}

/// `(T, U)`.
Result<std::vector<Name>> fact_tables(Reader& reader) {
  Reader ahead = reader;
  bool foreign = false;  // database("D").T
  for (ahead.accept(TokenKind::OpenParen); !foreign && ahead.next_is_name(); ahead.accept(TokenKind::Comma)) {
    SPILLWAY_TRY(ahead.name("a table name").status());
    foreign = ahead.peek().kind == TokenKind::OpenParen || ahead.peek().kind == TokenKind::Dot;
  }
  if (!foreign) return reader.names("a table name");
  return Error{ErrorCode::NotSupported,
               "fact tables must be in the export's own database: over (…) takes their names",
               ahead.peek().span};
}

Result<Tables> create_or_alter(Call& call) {
  Reader& reader = call.reader;
  const Name& name = call.names[0];
  SPILLWAY_TRY(check_name("continuous export", name));
  ContinuousExport definition;
  definition.name = name.text;
  if (reader.accept("over")) {
    definition.over_given = true;
    SPILLWAY_ASSIGN(const std::vector<Name> tables, fact_tables(reader));
    for (const Name& table : tables) {
      SPILLWAY_TRY(call.table(table).status());
      definition.fact_tables.push_back(table.text);
    }
  }
  SPILLWAY_TRY(reader.expect("to"));
  SPILLWAY_TRY(reader.expect("table"));
  SPILLWAY_ASSIGN(const Name external_table, reader.name("the name of an external table"));
  definition.external_table = external_table.text;
  SPILLWAY_ASSIGN(const Properties properties, Properties::parse(reader));
  SPILLWAY_ASSIGN(const Reader::Tail tail, reader.tail());
  SPILLWAY_TRY(call.external_table(external_table).status());
  // As its caller sees it; later, as whoever the export runs as.
  if (const auto query = call.validate(tail.text); !query.ok()) {
    return relocate(query.error(), reader.text(), tail.offset);
  }
  definition.query = trimmed(tail.text);
  SPILLWAY_ASSIGN(const Database* context, call.database());
  SPILLWAY_ASSIGN(const bool dry_run, properties.boolean("dryRun", false));
  if (dry_run) {
    SPILLWAY_ASSIGN(
        const exports::RunPlan plan,
        call.services.exports.plan_run(context->name, definition, properties.all_but({"dryRun"})));
    return plan_table(plan);
  }
  SPILLWAY_TRY(
      call.services.exports.create_or_alter(context->name, definition, properties.all_but({"dryRun"})));

  SPILLWAY_ASSIGN(const std::shared_ptr<const Database> database, call.reload());
  const std::shared_ptr<const ContinuousExport> made = find_in(database->exports, name.text);
  if (!made) return not_found("continuous export", name, *database);
  Table result = empty_table(kDefinitions);
  result.rows.push_back({Value::string(made->name), Value::string(made->external_table),
                         Value::string(without_secrets(made->query)), forced_latency(*made),
                         Value::timespan(made->interval), Value::string(scoped_tables(*database, *made)),
                         Value::string(properties_json(*made))});
  return Tables{std::move(result)};
}

Result<Tables> show_export(Call& call) {
  SPILLWAY_TRY(call.reader.end());
  return one_export(call, call.names[0]);
}

Result<Tables> show_exports(Call& call) {
  SPILLWAY_TRY(call.reader.end());
  return all_exports(call);
}

Result<Tables> show_artifacts(Call& call) {
  SPILLWAY_TRY(call.reader.end());
  SPILLWAY_TRY(call.continuous_export(call.names[0]).status());
  SPILLWAY_ASSIGN(const Database* database, call.database());
  SPILLWAY_ASSIGN(const auto artifacts,
                  call.services.catalog.exported_artifacts(database->name, call.names[0].text));
  Table result = empty_table(kArtifacts);
  for (const catalog::Artifact& artifact : artifacts) {
    result.rows.push_back({Value::datetime(artifact.committed), Value::string(artifact.external_table),
                           Value::string(artifact.public_path), Value::int64(artifact.records),
                           Value::int64(artifact.bytes)});
  }
  return Tables{std::move(result)};
}

Result<Tables> show_failures(Call& call) {
  SPILLWAY_TRY(call.reader.end());
  SPILLWAY_ASSIGN(const auto definition, call.continuous_export(call.names[0]));
  SPILLWAY_ASSIGN(const Database* database, call.database());
  SPILLWAY_ASSIGN(const auto failures, call.services.catalog.failures(database->name, definition->name));
  Table result = empty_table(kFailures);
  for (const catalog::ExportRun& run : failures) {
    result.rows.push_back({Value::datetime(run.ended.value_or(run.started)), Value::string(run.id.str()),
                           Value::string(run.name), optional_time(definition->last_success),
                           Value::string("Failure"), Value::string(run.failure_kind + ": " + run.details)});
  }
  return Tables{std::move(result)};
}

/// From the first of the run's records to the run's end.
Value lateness_of(const catalog::ExportRun& run) {
  if (run.oldest == 0 || !run.ended) return Value::null(Type::TimeSpan);
  return Value::timespan(std::max<Ticks>(0, *run.ended - run.oldest));
}

Result<Tables> show_runs(Call& call) {
  SPILLWAY_TRY(call.reader.end());
  SPILLWAY_ASSIGN(const auto definition, call.continuous_export(call.names[0]));
  SPILLWAY_ASSIGN(const Database* database, call.database());
  SPILLWAY_ASSIGN(const auto runs,
                  call.services.catalog.runs(database->name, definition->name, catalog::kCompletedRunsKept));
  Table result = empty_table(kRuns);
  for (const catalog::ExportRun& run : runs) {
    const bool failed = run.state == catalog::RunState::Failed;
    result.rows.push_back(
        {Value::datetime(run.started), optional_time(run.ended), Value::string(run.id.str()),
         Value::string(name_of(run.state)), Value::string(std::to_string(run.from)),
         Value::string(std::to_string(run.to)), Value::int32(run.attempt), Value::int64(run.records),
         Value::int64(run.bytes), Value::int64(run.files),
         run.ended ? Value::timespan(*run.ended - run.started) : Value::null(Type::TimeSpan),
         lateness_of(run), Value::boolean(failed && run.permanent_failure),
         Value::string(failed ? run.failure_kind + ": " + run.details : "")});
  }
  return Tables{std::move(result)};
}

Result<Tables> show_plan(Call& call) {
  SPILLWAY_TRY(call.reader.end());
  SPILLWAY_ASSIGN(const auto definition, call.continuous_export(call.names[0]));
  SPILLWAY_ASSIGN(const Database* database, call.database());
  SPILLWAY_ASSIGN(const exports::RunPlan plan,
                  call.services.exports.plan_run(database->name, definition->name));
  return plan_table(plan);
}

const char* name_of(exports::Finding::State state) {
  switch (state) {
    case exports::Finding::State::Verified: return "Verified";
    case exports::Finding::State::Missing: return "Missing";
    case exports::Finding::State::Altered: return "Altered";
    case exports::Finding::State::Unreachable: break;
  }
  return "Unreachable";
}

Result<Tables> verify(Call& call) {
  SPILLWAY_TRY(call.reader.end());
  SPILLWAY_ASSIGN(const auto definition, call.continuous_export(call.names[0]));
  SPILLWAY_ASSIGN(const Database* database, call.database());
  SPILLWAY_ASSIGN(const auto findings,
                  call.services.exports.verify(database->name, definition->name, call.request.cancel));
  const auto count = [](const std::optional<int64_t>& value) {
    return value ? Value::int64(*value) : Value::null(Type::Long);
  };
  Table result = empty_table(kFindings);
  for (const exports::Finding& finding : findings) {
    result.rows.push_back({Value::string(finding.artifact.public_path), Value::string(name_of(finding.state)),
                           Value::int64(finding.artifact.records), count(finding.records),
                           Value::int64(finding.artifact.bytes), count(finding.bytes),
                           Value::string(finding.details)});
  }
  return Tables{std::move(result)};
}

Result<Tables> set_disabled(Call& call, bool disabled) {
  SPILLWAY_TRY(call.reader.end());
  const Status changed = call.write([&](Writer& writer, const Database& database) -> Status {
    if (!database.exports.contains(call.names[0].text))
      return not_found("continuous export", call.names[0], database);
    return writer.set_export_disabled(database.name, call.names[0].text, disabled);
  });
  SPILLWAY_TRY(changed);
  return one_export(call, call.names[0]);
}

Result<Tables> enable(Call& call) {
  return set_disabled(call, false);
}

Result<Tables> disable(Call& call) {
  return set_disabled(call, true);
}

Result<Tables> drop(Call& call) {
  SPILLWAY_TRY(call.reader.end());
  const Status changed = call.write([&](Writer& writer, const Database& database) -> Status {
    if (!database.exports.contains(call.names[0].text))
      return not_found("continuous export", call.names[0], database);
    return writer.drop_export(database.name, call.names[0].text);
  });
  SPILLWAY_TRY(changed);
  return all_exports(call);
}

}  // namespace

std::vector<Command> continuous_export_commands() {
  return {
      {"create-or-alter continuous-export <name>",
       ".create-or-alter continuous-export X [over (T, U)] to table E [with (intervalBetweenRuns = 1h, …)] "
       "<| query",
       "Creates or alters a continuous export. Properties: intervalBetweenRuns, forcedLatency, sizeLimit, "
       "distributed, distribution, distributionKind, parquetRowGroupSize, parquetDatetimePrecision, "
       "isDisabled, "
       "backfill, manifest, maxRecordsPerRun, maxBytesPerRun, artifactRetention, dryRun",
       create_or_alter},
      {"show continuous-exports", ".show continuous-exports", "The continuous exports of the database",
       show_exports},
      {"show continuous-exports health", ".show continuous-exports health",
       "Each of them at a glance: healthy, late, failing and why", show_export_health},
      {"show continuous-export <name>", ".show continuous-export X", "One continuous export", show_export},
      {"show continuous-export <name> exported-artifacts", ".show continuous-export X exported-artifacts",
       "The files that it has exported", show_artifacts},
      {"show continuous-export <name> failures", ".show continuous-export X failures",
       "Its failed runs of the last 14 days", show_failures},
      {"show continuous-export <name> runs", ".show continuous-export X runs",
       "Its runs, the newest first: cursors, records, duration, lateness, error", show_runs},
      {"show continuous-export <name> plan", ".show continuous-export X plan",
       "What its next run would read and write", show_plan},
      {"verify continuous-export <name>", ".verify continuous-export X",
       "Reads every file that it has exported and compares it with what was committed", verify},
      {"enable continuous-export <name>", ".enable continuous-export X", "Lets it run again", enable},
      {"disable continuous-export <name>", ".disable continuous-export X", "Stops it where it is", disable},
      {"drop continuous-export <name>", ".drop continuous-export X", "Drops it; what it exported stays",
       drop},
  };
}

}  // namespace spillway::commands
