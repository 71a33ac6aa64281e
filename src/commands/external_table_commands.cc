// External tables of kind=storage and kind=delta.
// Sources: management/external-tables-azure-storage.md, external-tables-delta-lake.md,
// drop-external-table.md, show-external-tables.md, show-external-table-schema.md,
// show-external-table-artifacts.md.

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>

#include "catalog/identity_use.h"
#include "commands/call.h"
#include "commands/describe.h"
#include "commands/external_table_parser.h"
#include "commands/external_tables.h"
#include "engine/external_files.h"
#include "export/exports.h"
#include "storage/object_store.h"

namespace spillway::commands {
namespace {

using catalog::Database;
using catalog::ExternalTable;
using catalog::Partition;
using catalog::Writer;
namespace json = boost::json;

const Schema kExternalTables = {{"TableName", Type::String},  {"TableType", Type::String},
                                {"Folder", Type::String},     {"DocString", Type::String},
                                {"Properties", Type::String}, {"ConnectionStrings", Type::String},
                                {"Partitions", Type::String}, {"PathFormat", Type::String}};

/// Query acceleration, which Spillway doesn't have: of every external table it is off.
const Schema kDetails = {{"TableName", Type::String},
                         {"QueryAccelerationPolicy", Type::String},
                         {"QueryAccelerationState", Type::String}};
const Schema kAccelerationStatistics = {{"ExternalTableName", Type::String},
                                        {"IsEnabled", Type::Bool},
                                        {"Hot", Type::TimeSpan},
                                        {"HotSize", Type::Long},
                                        {"LastUpdatedDateTime", Type::DateTime},
                                        {"AccelerationPendingDataFilesCount", Type::Long},
                                        {"AccelerationPendingDataFilesSize", Type::Long},
                                        {"AccelerationCompletePercentage", Type::Real},
                                        {"NotHealthyReason", Type::String}};
constexpr const char* kNoAcceleration = "{\"IsEnabled\":false}";
constexpr const char* kNothingAccelerated =
    "{\"HotSize\":0,\"CompletionPercentage\":0.0,\"PendingDataFilesSize\":0,\"PendingDataFilesCount\":0,"
    "\"IsHealthy\":true,\"NotHealthyReason\":\"\",\"LastUpdatedDateTime\":null,\"Latency\":null}";

const Schema kArtifacts = {{"Uri", Type::String}, {"Size", Type::Long}, {"Partition", Type::Dynamic}};
const Schema kSampleUris = {{"Uri", Type::String}};

/// Source: query/schema-entities/external-tables.md.
constexpr size_t kMostExternalTables = 1000;

/// Files that filesPreview shows.
constexpr int64_t kPreviewFiles = 10;

enum class Mode { Create, CreateOrAlter, Alter };

/// The connection string as users may see it.
std::string redacted(const std::string& connection) {
  const Result<storage::ConnectionString> parsed = storage::ConnectionString::parse(connection);
  return parsed.ok() ? parsed->redacted() : "******";
}

std::string properties_json(const ExternalTable& table) {
  return json::serialize(json::object{{"Format", capitalized(table.format)},
                                      {"Compressed", table.compressed},
                                      {"CompressionType", text_or_null(table.compression_type)},
                                      {"FileExtension", text_or_null(table.file_extension)},
                                      {"IncludeHeaders", table.include_headers},
                                      {"Encoding", text_or_null(table.encoding)},
                                      {"NamePrefix", text_or_null(table.name_prefix)}});
}

const char* function_name(Partition::Kind kind) {
  switch (kind) {
    case Partition::Kind::Bin: return "Bin";
    case Partition::Kind::StartOfDay: return "StartOfDay";
    case Partition::Kind::StartOfWeek: return "StartOfWeek";
    case Partition::Kind::StartOfMonth: return "StartOfMonth";
    case Partition::Kind::StartOfYear: return "StartOfYear";
    default: return nullptr;
  }
}

std::string partitions_json(const ExternalTable& table) {
  json::array list;
  for (const Partition& partition : table.partitions) {
    json::object item;
    if (partition.kind == Partition::Kind::Hash) item["Mod"] = partition.argument;
    if (const char* function = function_name(partition.kind)) item["Function"] = function;
    if (partition.kind == Partition::Kind::Bin) item["Size"] = format_timespan(partition.argument);
    item["Name"] = partition.name;
    item["ColumnName"] = text_or_null(partition.column);
    item["Ordinal"] = list.size();
    list.push_back(std::move(item));
  }
  return json::serialize(list);
}

Row row_of(const ExternalTable& table) {
  json::array connections;
  for (const std::string& connection : table.connection_strings)
    connections.push_back(json::string(redacted(connection)));
  return {Value::string(table.name),
          Value::string(table.kind == ExternalTable::Kind::Delta ? "Delta" : "Blob"),
          Value::string(table.folder),
          Value::string(table.docstring),
          Value::string(properties_json(table)),
          Value::string(json::serialize(connections)),
          Value::string(partitions_json(table)),
          Value::string(table.path_format_text)};
}

Table one_row(const ExternalTable& table) {
  Table result = empty_table(kExternalTables);
  result.rows.push_back(row_of(table));
  return result;
}

Result<std::unique_ptr<storage::ObjectStore>> open_store(const Call& call, const std::string& connection) {
  SPILLWAY_ASSIGN(const storage::ConnectionString parsed, storage::ConnectionString::parse(connection));
  return call.services.stores.open(parsed);
}

std::string partition_json(const ExternalTable& table, const std::vector<Value>& values) {
  json::object object;
  for (size_t i = 0; i < values.size(); ++i) {
    const Value& value = values[i];
    json::value& target = object[table.partitions[i].name];
    if (value.is_null()) {
      target = nullptr;
    } else if (value.type() == Type::Long) {
      target = value.as_int();
    } else {
      target = value.type() == Type::DateTime ? format_datetime(value.as_int()) : value.str();
    }
  }
  return json::serialize(object);
}

/// Those that the log of a Delta table names; none where there is no table yet.
Result<Table> delta_artifacts_of(const Call& call, const ExternalTable& table, int64_t limit) {
  Table result = empty_table(kArtifacts);
  const std::string& connection = table.connection_strings.front();
  SPILLWAY_ASSIGN(const auto store, open_store(call, connection));
  SPILLWAY_ASSIGN(const engine::DeltaState state,
                  call.services.engine.read_delta(connection, engine::DeltaParts::Files, call.run_options()));
  for (const auto& [path, logged] : state.files) {
    if (static_cast<int64_t>(result.rows.size()) >= limit) return result;
    const std::optional<engine::ExternalFile> file = engine::external_file_of(table, logged);
    if (!file) continue;
    result.rows.push_back({Value::string(store->public_path(path)), Value::int64(logged.size),
                           Value::dynamic(partition_json(table, file->partitions))});
  }
  return result;
}

/// The files that a query of the external table would read, at most `limit`, by path.
Result<Table> artifacts_of(const Call& call, const ExternalTable& table, int64_t limit) {
  if (table.kind == ExternalTable::Kind::Delta) return delta_artifacts_of(call, table, limit);
  Table result = empty_table(kArtifacts);
  const engine::PathForm form(table);
  for (const std::string& connection : table.connection_strings) {
    SPILLWAY_ASSIGN(const auto store, open_store(call, connection));
    SPILLWAY_ASSIGN(std::vector<storage::ObjectInfo> objects, store->list(""));
    std::sort(objects.begin(), objects.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
    for (const storage::ObjectInfo& object : objects) {
      if (static_cast<int64_t>(result.rows.size()) >= limit) return result;
      const std::optional<engine::ExternalFile> file = engine::external_file_of(table, form, object);
      if (!file) continue;
      result.rows.push_back({Value::string(store->public_path(object.path)), Value::int64(object.size),
                             Value::dynamic(partition_json(table, file->partitions))});
    }
  }
  return result;
}

/// That a local target lies below a storage root and, where asked, that every target holds something.
/// Otherwise targets are looked at only when they are used.
Status check_targets(const Call& call, const ExternalTable& table, bool not_empty) {
  for (const std::string& connection : table.connection_strings) {
    SPILLWAY_ASSIGN(const storage::ConnectionString parsed, storage::ConnectionString::parse(connection));
    if (!not_empty && parsed.kind() != storage::ConnectionString::Kind::Local) continue;
    SPILLWAY_ASSIGN(const auto store, call.services.stores.open(parsed));
    if (!not_empty) continue;
    SPILLWAY_TRY(store->check());
    SPILLWAY_ASSIGN(const auto objects, store->list(""));
    if (objects.empty()) {
      return Error{ErrorCode::BadRequest,
                   "validateNotEmpty: there is nothing in '" + store->public_root() + "'"};
    }
  }
  return Status();
}

Result<Table> sample_uris(const ExternalTable& table) {
  SPILLWAY_ASSIGN(const std::vector<std::string> uris, exports::sample_uris(table));
  Table result = empty_table(kSampleUris);
  for (const std::string& uri : uris) result.rows.push_back({Value::string(uri)});
  return result;
}

/// A Delta table's log tells what it is partitioned by and, where no schema was given, its columns. With a
/// schema there may be no table yet: the first export makes it.
Status complete_by_log(const Call& call, ExternalTableRequest& request) {
  ExternalTable& table = request.table;
  if (table.kind != ExternalTable::Kind::Delta) return Status();
  kql::StorageSample sample;
  sample.format = "delta";
  sample.containers = table.connection_strings;
  const auto schema = call.services.engine.infer_schema(sample, call.run_options());
  if (schema.ok()) {
    kql::add_delta_columns(*schema, request.infer_columns, table);
    return Status();
  }
  if (schema.error().code != ErrorCode::EntityNotFound) return schema.error();
  if (!request.infer_columns) return Status();
  return Error{ErrorCode::EntityNotFound, "the schema of external table '" + table.name +
                                              "' can't be inferred: " + schema.error().message +
                                              "; give a schema to have the first export make it"};
}

Status put(Writer& writer, const Database& database, const ExternalTable& table, const Name& name,
           Mode mode) {
  if (database.tables.contains(table.name)) return exists("table", name, database);
  const bool there = database.external_tables.contains(table.name);
  if (there && mode == Mode::Create) return exists("external table", name, database);
  if (!there && mode == Mode::Alter) return not_found("external table", name, database);
  if (!there && database.external_tables.size() >= kMostExternalTables) {
    return Error{ErrorCode::LimitExceeded,
                 "a database has at most " + std::to_string(kMostExternalTables) + " external tables",
                 name.span};
  }
  ExternalTable defined = table;
  if (there) {  // its admins and mappings stay
    const ExternalTable& before = *database.external_tables.at(table.name);
    defined.policies = before.policies;
    defined.mappings = before.mappings;
  }
  return writer.put_external_table(database.name, std::move(defined));
}

/// The server's managed identities are for those who administer it; so is impersonation, with which an export
/// sends an identity's token, where it leads out of Azure.
Status check_identities(const Call& call, const ExternalTable& table) {
  for (const std::string& connection : table.connection_strings) {
    SPILLWAY_ASSIGN(const storage::ConnectionString parsed, storage::ConnectionString::parse(connection));
    if (!parsed.managed_identity.empty() || (parsed.impersonate && !catalog::leads_to_azure(parsed))) {
      return call.require(Permission::ClusterAdmin);
    }
  }
  return Status();
}

Result<Tables> define(Call& call, Mode mode) {
  const Name& name = call.names[0];
  SPILLWAY_TRY(check_name("external table", name));
  SPILLWAY_ASSIGN(ExternalTableRequest request, read_external_table(call.reader, name));
  SPILLWAY_TRY(complete_by_log(call, request));
  const ExternalTable& table = request.table;
  SPILLWAY_TRY(check_identities(call, table));
  SPILLWAY_TRY(check_targets(call, table, request.validate_not_empty));
  Tables results{one_row(table)};
  if (request.sample_uris) {
    SPILLWAY_ASSIGN(Table uris, sample_uris(table));
    results.push_back(std::move(uris));
  }
  if (request.files_preview) {
    SPILLWAY_ASSIGN(Table files, artifacts_of(call, table, kPreviewFiles));
    results.push_back(std::move(files));
  }
  if (request.dry_run) return results;
  const Status changed = call.write(
      [&](Writer& writer, const Database& database) { return put(writer, database, table, name, mode); });
  SPILLWAY_TRY(changed);
  return results;
}

Result<Tables> create_external_table(Call& call) {
  return define(call, Mode::Create);
}

Result<Tables> alter_external_table(Call& call) {
  return define(call, Mode::Alter);
}

Result<Tables> create_or_alter_external_table(Call& call) {
  return define(call, Mode::CreateOrAlter);
}

Result<Tables> drop_external_table(Call& call) {
  const Name& name = call.names[0];
  const bool if_exists = call.reader.accept("ifexists");
  SPILLWAY_TRY(call.reader.end());
  Table result = empty_table(kExternalTables);
  const Status changed = call.write([&](Writer& writer, const Database& database) -> Status {
    const std::shared_ptr<const ExternalTable> existing = find_in(database.external_tables, name.text);
    if (!existing && if_exists) return Status();
    if (!existing) return not_found("external table", name, database);
    result.rows.push_back(row_of(*existing));
    return writer.drop_external_table(database.name, name.text);
  });
  SPILLWAY_TRY(changed);
  return Tables{std::move(result)};
}

Result<Tables> show_external_tables(Call& call) {
  SPILLWAY_TRY(call.reader.end());
  SPILLWAY_ASSIGN(const Database* database, call.database());
  Table result = empty_table(kExternalTables);
  for (const auto& [name, table] : database->external_tables) result.rows.push_back(row_of(*table));
  return Tables{std::move(result)};
}

Result<Tables> show_external_table(Call& call) {
  SPILLWAY_TRY(call.reader.end());
  SPILLWAY_ASSIGN(const auto table, call.external_table(call.names[0]));
  return Tables{one_row(*table)};
}

Row details_of(const ExternalTable& table) {
  return {Value::string(table.name), Value::string(kNoAcceleration), Value::string(kNothingAccelerated)};
}

Result<Tables> show_details(Call& call) {
  SPILLWAY_TRY(call.reader.end());
  SPILLWAY_ASSIGN(const auto table, call.external_table(call.names[0]));
  Table result = empty_table(kDetails);
  result.rows.push_back(details_of(*table));
  return Tables{std::move(result)};
}

Result<Tables> show_all_details(Call& call) {
  SPILLWAY_TRY(call.reader.end());
  SPILLWAY_ASSIGN(const Database* database, call.database());
  Table result = empty_table(kDetails);
  for (const auto& [name, table] : database->external_tables) result.rows.push_back(details_of(*table));
  return Tables{std::move(result)};
}

/// Of the external tables with a query acceleration policy: of none.
Result<Tables> show_acceleration_statistics(Call& call) {
  SPILLWAY_TRY(call.reader.end());
  if (!call.names.empty()) SPILLWAY_TRY(call.external_table(call.names[0]).status());
  return Tables{empty_table(kAccelerationStatistics)};
}

Result<Tables> schema_of(Call& call, bool as_json) {
  SPILLWAY_TRY(call.reader.end());
  SPILLWAY_ASSIGN(const Database* database, call.database());
  SPILLWAY_ASSIGN(const auto table, call.external_table(call.names[0]));
  Table result = empty_table(table_schema_columns());
  result.rows.push_back(
      {Value::string(table->name),
       Value::string(as_json ? schema_as_json(table->name, table->folder, table->docstring, table->columns)
                             : csl_schema(table->columns)),
       Value::string(database->name), Value::string(table->folder), Value::string(table->docstring)});
  return Tables{std::move(result)};
}

Result<Tables> show_cslschema(Call& call) {
  return schema_of(call, false);
}

Result<Tables> show_schema(Call& call) {
  SPILLWAY_TRY(call.reader.expect("as"));
  SPILLWAY_ASSIGN(const std::string form, call.reader.expect_one_of({"json", "csl"}));
  return schema_of(call, form == "json");
}

Result<Tables> show_artifacts(Call& call) {
  int64_t limit = INT64_MAX;
  if (call.reader.accept("limit")) {
    SPILLWAY_ASSIGN(limit, call.reader.integer("a number of files"));
  }
  SPILLWAY_TRY(call.reader.end());
  SPILLWAY_ASSIGN(const auto table, call.external_table(call.names[0]));
  SPILLWAY_ASSIGN(Table result, artifacts_of(call, *table, limit));
  return Tables{std::move(result)};
}

std::string quoted(std::string_view text) {
  return json::serialize(json::value(json::string(text)));
}

std::string partition_script(const Partition& partition) {
  std::string out = reference(partition.name) + ":" + kql_name(partition.type);
  const std::string column = reference(partition.column);
  switch (partition.kind) {
    case Partition::Kind::Virtual: return out;
    case Partition::Kind::Column: return out + " = " + column;
    case Partition::Kind::Hash:
      return out + " = hash(" + column + ", " + std::to_string(partition.argument) + ")";
    case Partition::Kind::Bin:
      return out + " = bin(" + column + ", time(" + format_timespan(partition.argument) + "))";
    default: return out + " = " + lower_case(function_name(partition.kind)) + "(" + column + ")";
  }
}

}  // namespace

namespace {

/// How its files are found and read.
std::string storage_script(const ExternalTable& table) {
  std::string script = " kind = storage", list;
  for (const Partition& partition : table.partitions)
    list += (list.empty() ? "" : ", ") + partition_script(partition);
  if (!list.empty()) script += " partition by (" + list + ")";
  if (!table.path_format_text.empty()) script += " pathformat = (" + table.path_format_text + ")";
  return script + " dataformat = " + table.format;
}

}  // namespace

std::string create_script(const ExternalTable& table) {
  const bool is_delta = table.kind == ExternalTable::Kind::Delta;
  std::string script = ".create-or-alter external table " + reference(table.name) + " (" +
                       csl_schema(table.columns) + ")" +
                       (is_delta ? " kind = delta" : storage_script(table)) + " (";
  for (size_t i = 0; i < table.connection_strings.size(); ++i) {
    script += (i ? ", h" : "h") + quoted(redacted(table.connection_strings[i]));
  }
  script += ") with (folder = " + quoted(table.folder) + ", docString = " + quoted(table.docstring) +
            ", compressed = " + (table.compressed ? "true" : "false") +
            (is_delta ? "" : ", includeHeaders = " + quoted(table.include_headers));
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) script += std::string(", ") + name + " = " + quoted(value);
  };
  add("encoding", table.encoding);
  add("compressionType", table.compression_type);
  add("namePrefix", table.name_prefix);
  add("fileExtension", table.file_extension);
  return script + ")";
}

std::vector<Command> external_table_commands() {
  const auto syntax = [](const std::string& command) {
    return command +
           " external table E (Column:type, …) kind = storage [partition by (…) [pathformat = (…)]] "
           "dataformat "
           "= FORMAT (h@\"connection string\", …) [with (…)]  ·  " +
           command + " external table E [(Column:type, …)] kind = delta (h@\"connection string\") [with (…)]";
  };
  static const std::string create = syntax(".create"), alter = syntax(".alter"),
                           create_or_alter = syntax(".create-or-alter");
  return {
      {"create external table <name>", create.c_str(), "Creates an external table", create_external_table},
      {"alter external table <name>", alter.c_str(), "Replaces an external table", alter_external_table},
      {"create-or-alter external table <name>", create_or_alter.c_str(),
       "Creates or replaces an external table", create_or_alter_external_table},
      {"drop external table <name>", ".drop external table E [ifexists]",
       "Drops an external table; its files stay", drop_external_table},
      {"show external tables", ".show external tables", "The external tables of the database",
       show_external_tables},
      {"show external table <name>", ".show external table E", "One external table", show_external_table},
      {"show external tables details", ".show external tables details",
       "The query acceleration of external tables: there is none", show_all_details},
      {"show external table <name> details", ".show external table E details",
       "The query acceleration of an external table: there is none", show_details},
      {"show external tables operations query_acceleration statistics",
       ".show external tables operations query_acceleration statistics",
       "The external tables with query acceleration: there are none", show_acceleration_statistics},
      {"show external table <name> operations query_acceleration statistics",
       ".show external table E operations query_acceleration statistics", "The same of one external table",
       show_acceleration_statistics},
      {"show external table <name> schema", ".show external table E schema as (json | csl)",
       "An external table's schema", show_schema},
      {"show external table <name> cslschema", ".show external table E cslschema", "The same as CSL",
       show_cslschema},
      {"show external table <name> artifacts", ".show external table E artifacts [limit N]",
       "The files that an external table has", show_artifacts},
  };
}

}  // namespace spillway::commands
