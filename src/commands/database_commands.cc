// Databases: create, drop, show, and their schema.
// Sources: management/show-databases.md, show-database.md, show-databases-entities.md,
// show-schema-database.md.

#include <utility>

#include "commands/call.h"
#include "commands/describe.h"
#include "commands/extents.h"
#include "commands/external_tables.h"
#include "commands/functions.h"
#include "commands/policies.h"
#include "commands/streaming_ingestion.h"

namespace spillway::commands {
namespace {

using catalog::Database;
using catalog::Writer;
namespace json = boost::json;
using DatabasePtr = std::shared_ptr<const Database>;

/// The columns that all forms of `.show databases` begin with.
Schema identity_schema() {
  return {{"DatabaseName", Type::String}, {"PersistentStorage", Type::String},  {"Version", Type::String},
          {"IsCurrent", Type::Bool},      {"DatabaseAccessMode", Type::String}, {"PrettyName", Type::String}};
}

Schema with(Schema schema, std::initializer_list<Field> more) {
  schema.insert(schema.end(), more);
  return schema;
}

const Schema kDatabases =
    with(identity_schema(),
         {{"DatabaseId", Type::Guid}, {"InTransitionTo", Type::String}, {"SuspensionState", Type::String}});

const Schema kIdentity = with(identity_schema(), {{"CurrentUserIsUnrestrictedViewer", Type::Bool},
                                                  {"DatabaseId", Type::Guid},
                                                  {"InTransitionTo", Type::String},
                                                  {"SuspensionState", Type::String}});

const Schema kDetails = with(identity_schema(), {{"AuthorizedPrincipals", Type::String},
                                                 {"RetentionPolicy", Type::String},
                                                 {"MergePolicy", Type::String},
                                                 {"CachingPolicy", Type::String},
                                                 {"ShardingPolicy", Type::String},
                                                 {"StreamingIngestionPolicy", Type::String},
                                                 {"IngestionBatchingPolicy", Type::String},
                                                 {"TotalSize", Type::Real},
                                                 {"DatabaseId", Type::Guid},
                                                 {"InTransitionTo", Type::String},
                                                 {"NumberOfTables", Type::Int},
                                                 {"NumberOfExternalTables", Type::Int},
                                                 {"NumberOfMaterializedViews", Type::Int},
                                                 {"EncryptionScope", Type::Int},
                                                 {"SuspensionState", Type::String}});

const Schema kPolicies = with(identity_schema(), {{"DatabaseId", Type::Guid},
                                                  {"AuthorizedPrincipals", Type::String},
                                                  {"RetentionPolicy", Type::String},
                                                  {"MergePolicy", Type::String},
                                                  {"CachingPolicy", Type::String},
                                                  {"ShardingPolicy", Type::String},
                                                  {"StreamingIngestionPolicy", Type::String},
                                                  {"IngestionBatchingPolicy", Type::String}});

const Schema kDataStats = with(identity_schema(), {{"DatabaseId", Type::Guid},
                                                   {"OriginalSize", Type::Real},
                                                   {"ExtentSize", Type::Real},
                                                   {"CompressedSize", Type::Real},
                                                   {"IndexSize", Type::Real},
                                                   {"RowCount", Type::Long},
                                                   {"HotOriginalSize", Type::Real},
                                                   {"HotExtentSize", Type::Real},
                                                   {"HotCompressedSize", Type::Real},
                                                   {"HotIndexSize", Type::Real},
                                                   {"HotRowCount", Type::Long},
                                                   {"TotalExtents", Type::Long},
                                                   {"HotExtents", Type::Long}});

const Schema kCreated = {{"DatabaseName", Type::String},
                         {"PersistentPath", Type::String},
                         {"Created", Type::Bool},
                         {"StoresMetadata", Type::Bool},
                         {"StoresData", Type::Bool}};

const Schema kSchema = {{"DatabaseName", Type::String}, {"TableName", Type::String},
                        {"ColumnName", Type::String},   {"ColumnType", Type::String},
                        {"IsDefaultTable", Type::Bool}, {"IsDefaultColumn", Type::Bool},
                        {"PrettyName", Type::String},   {"Version", Type::String}};

const Schema kSchemaAsJson = {{"DatabaseSchema", Type::String}};
const Schema kSchemaAsScript = {{"DatabaseSchemaScript", Type::String}};

const Schema kEntities = {
    {"DatabaseName", Type::String}, {"EntityType", Type::String},      {"EntityName", Type::String},
    {"DocString", Type::String},    {"Folder", Type::String},          {"CslInputSchema", Type::String},
    {"Content", Type::String},      {"CslOutputSchema", Type::String}, {"Properties", Type::Dynamic}};

const char* access_mode(const Database& database) {
  return database.read_only() ? "ReadOnlyFollowing" : "ReadWrite";
}

enum class Form { Databases, Identity, Details, Policies, DataStats };

Form read_form(Reader& reader, Form otherwise) {
  if (reader.accept("details")) return Form::Details;
  if (reader.accept("identity")) return Form::Identity;
  if (reader.accept("policies")) return Form::Policies;
  if (reader.accept("datastats")) return Form::DataStats;
  return otherwise;
}

const Schema& schema_of(Form form) {
  switch (form) {
    case Form::Databases: return kDatabases;
    case Form::Identity: return kIdentity;
    case Form::Details: return kDetails;
    case Form::Policies: return kPolicies;
    case Form::DataStats: return kDataStats;
  }
  return kDatabases;
}

Row identity(const Call& call, const Database& database) {
  return {Value::string(database.name),
          Value::string(""),
          Value::string(version_of(database)),
          Value::boolean(find_database(*call.snapshot, call.request.database).get() == &database),
          Value::string(access_mode(database)),
          Value::string(database.pretty_name)};
}

bool is_unrestricted(const Call& call, const Database& database) {
  return call.caller() && catalog::may_view_restricted(*call.caller(), database);
}

ExtentTotals totals_of(const Database& database) {
  ExtentTotals sum;
  for (const auto& [name, table] : database.tables) {
    const ExtentTotals totals = commands::totals_of(*table);
    sum.extents += totals.extents;
    sum.rows += totals.rows;
    sum.bytes += totals.bytes;
    sum.original_bytes += totals.original_bytes;
  }
  return sum;
}

void append(Row& row, std::initializer_list<Value> values) {
  row.insert(row.end(), values);
}

/// Original, extent, compressed and index size, and rows.
void append_sizes(Row& row, const ExtentTotals& totals) {
  const auto bytes = static_cast<double>(totals.bytes);
  append(row, {Value::real(static_cast<double>(totals.original_bytes)), Value::real(bytes),
               Value::real(bytes), Value::real(0), Value::int64(totals.rows)});
}

/// RetentionPolicy … IngestionBatchingPolicy.
void append_policies(Row& row, const Database& database) {
  const Value none = Value::string("null");
  append(row,
         {none, none, none, none, Value::string(policy_text(database.policies, kStreamingPolicy)), none});
}

Row row_of(const Call& call, const Database& database, Form form) {
  const Value id = Value::guid(guid_of(database.id));
  const Value none = Value::string("");
  const ExtentTotals totals = totals_of(database);
  Row row = identity(call, database);
  switch (form) {
    case Form::Databases: append(row, {id, none, none}); break;
    case Form::Identity:
      append(row, {Value::boolean(is_unrestricted(call, database)), id, none, none});
      break;
    case Form::Details:
      row.push_back(Value::string("[]"));
      append_policies(row, database);
      append(row, {Value::real(static_cast<double>(totals.bytes)), id, none,
                   Value::int32(static_cast<int32_t>(database.tables.size())),
                   Value::int32(static_cast<int32_t>(database.external_tables.size())), Value::int32(0),
                   Value::null(Type::Int), none});
      break;
    case Form::Policies:
      append(row, {id, Value::string("[]")});
      append_policies(row, database);
      break;
    case Form::DataStats:
      row.push_back(id);
      append_sizes(row, totals);
      append_sizes(row, totals);
      append(row, {Value::int64(totals.extents), Value::int64(totals.extents)});
      break;
  }
  return row;
}

Result<Tables> create_database(Call& call) {
  const Name& name = call.names[0];
  SPILLWAY_TRY(check_name("database", name));
  if (call.reader.next_is("persist") || call.reader.next_is("volatile")) {
    return Error{ErrorCode::NotSupported,
                 "a database always lies in the server's data folder: leave out 'persist (…)' and 'volatile'",
                 call.reader.peek().span};
  }
  const bool if_not_exists = call.reader.accept("ifnotexists");
  SPILLWAY_TRY(call.reader.end());
  bool created = false;
  const Status changed = call.services.catalog.write([&](Writer& writer) -> Status {
    if (const DatabasePtr existing = find_database(writer.current(), name.text)) {
      if (if_not_exists) return Status();
      return Error{ErrorCode::EntityExists, "database '" + existing->name + "' already exists", name.span};
    }
    created = true;
    return writer.create_database(name.text, "");
  });
  SPILLWAY_TRY(changed);
  Table result = empty_table(kCreated);
  result.rows.push_back({Value::string(name.text), Value::string(""), Value::boolean(created),
                         Value::boolean(true), Value::boolean(true)});
  return Tables{std::move(result)};
}

/// The databases named, or all.
Result<std::vector<DatabasePtr>> chosen(const Call& call, const std::vector<Name>& names) {
  std::vector<DatabasePtr> databases;
  for (const Name& name : names) {
    DatabasePtr found = find_database(*call.snapshot, name.text);
    if (!found) return Error{ErrorCode::EntityNotFound, "database '" + name.text + "' not found", name.span};
    databases.push_back(std::move(found));
  }
  if (names.empty()) {
    for (const auto& [name, database] : call.snapshot->databases) databases.push_back(database);
  }
  return databases;
}

Tables rows_of(const Call& call, const std::vector<DatabasePtr>& databases, Form form) {
  Table result = empty_table(schema_of(form));
  for (const DatabasePtr& database : databases) result.rows.push_back(row_of(call, *database, form));
  return Tables{std::move(result)};
}

Result<Tables> drop_database(Call& call) {
  const Name& name = call.names[0];
  const bool if_exists = call.reader.accept("ifexists");
  SPILLWAY_TRY(call.reader.end());
  const Status changed = call.services.catalog.write([&](Writer& writer) -> Status {
    const DatabasePtr existing = find_database(writer.current(), name.text);
    if (existing) return writer.drop_database(existing->name);
    if (if_exists) return Status();
    return Error{ErrorCode::EntityNotFound, "database '" + name.text + "' not found", name.span};
  });
  SPILLWAY_TRY(changed);
  call.snapshot = call.services.catalog.snapshot();
  SPILLWAY_ASSIGN(const auto remaining, chosen(call, {}));
  return rows_of(call, remaining, Form::Databases);
}

/// What a schema command is asked for.
struct SchemaRequest {
  std::vector<DatabasePtr> databases;
  bool tables = true, external_tables = true, functions = true;
};

Table schema_rows(const SchemaRequest& request) {
  Table result = empty_table(kSchema);
  const auto add = [&](const std::string& database, const std::string& table, const std::string& column,
                       const std::string& type, const Database* whole) {
    result.rows.push_back({Value::string(database), Value::string(table), Value::string(column),
                           Value::string(type), Value::boolean(false), Value::boolean(false),
                           Value::string(whole ? whole->pretty_name : ""),
                           Value::string(whole ? version_of(*whole) : "")});
  };
  for (const DatabasePtr& database : request.databases) {
    add(database->name, "", "", "", database.get());
    for (const auto& [name, table] : database->tables) {
      add(database->name, name, "", "", nullptr);
      for (const catalog::Column& column : table->columns) {
        add(database->name, name, column.name, clr_type(column.type), nullptr);
      }
    }
  }
  return result;
}

template <typename T>
json::object tables_as_json(const std::map<std::string, std::shared_ptr<const T>>& tables) {
  json::object list;
  for (const auto& [name, table] : tables) {
    list[name] = json::object{{"Name", name},
                              {"Folder", table->folder},
                              {"DocString", table->docstring},
                              {"OrderedColumns", columns_as_json(table->columns)}};
  }
  return list;
}

json::object functions_as_json(const Database& database) {
  json::object list;
  for (const auto& [name, function] : database.functions) {
    list[name] = json::object{{"Name", name},
                              {"Parameters", function->parameters},
                              {"Body", without_secrets(function->body)},
                              {"Folder", function->folder},
                              {"DocString", function->docstring}};
  }
  return list;
}

Table schema_json(const SchemaRequest& request) {
  json::object databases;
  for (const DatabasePtr& database : request.databases) {
    json::object object{{"Name", database->name}};
    object["Tables"] = request.tables ? tables_as_json(database->tables) : json::object();
    object["ExternalTables"] =
        request.external_tables ? tables_as_json(database->external_tables) : json::object();
    object["MaterializedViews"] = json::object();
    object["EntityGroups"] = json::object();
    object["MajorVersion"] = 1;
    object["MinorVersion"] = database->version;
    object["Functions"] = request.functions ? functions_as_json(*database) : json::object();
    object["DatabaseAccessMode"] = access_mode(*database);
    object["PrettyName"] = text_or_null(database->pretty_name);
    databases[database->name] = std::move(object);
  }
  Table result = empty_table(kSchemaAsJson);
  result.rows.push_back({Value::string(json::serialize(json::object{{"Databases", std::move(databases)}}))});
  return result;
}

std::string quoted(std::string_view text) {
  return json::serialize(json::value(json::string(text)));
}

std::string with_clause(const std::string& folder, const std::string& docstring, const char* more = "") {
  return "with (folder = " + quoted(folder) + ", docstring = " + quoted(docstring) + more + ")";
}

/// The commands that make an empty copy of a database.
Table schema_script(const SchemaRequest& request) {
  std::string script;
  for (const DatabasePtr& database : request.databases) {
    for (const auto& [name, table] : database->tables) {
      script += ".create-merge table " + reference(name) + " (" + csl_schema(table->columns) + ") " +
                with_clause(table->folder, table->docstring) + "\n";
      if (!table->ingestion_time_policy) {
        script += ".alter table " + reference(name) + " policy ingestiontime false\n";
      }
      for (const auto& [kind, mappings] : table->mappings) {
        for (const auto& [mapping, text] : mappings) {
          script += ".create-or-alter table " + reference(name) + " ingestion " + kind + " mapping " +
                    quoted(mapping) + " " + quoted(text) + "\n";
        }
      }
    }
    for (const auto& [name, table] : database->external_tables) script += create_script(*table) + "\n";
    for (const auto& [name, function] : database->functions) {
      script += ".create-or-alter function " +
                with_clause(function->folder, function->docstring, ", skipvalidation = true") + " " +
                reference(name) + function->parameters + " " + without_secrets(function->body) + "\n";
    }
  }
  Table result = empty_table(kSchemaAsScript);
  result.rows.push_back({Value::string(script)});
  return result;
}

/// `if_later_than "vMM.mm"`: whether the database is later.
Result<bool> is_later(Reader& reader, const Database& database) {
  if (!reader.accept("if_later_than")) return true;
  const TextSpan span = reader.peek().span;
  SPILLWAY_ASSIGN(const std::string text, reader.string("a version in quotes"));
  const std::optional<Version> asked = parse_version(text);
  if (!asked) return Error{ErrorCode::BadRequest, "a version looks like \"v1.5\"", span};
  return *parse_version(version_of(database)) > *asked;
}

/// What follows the word `schema`.
Result<Tables> schema_forms(Call& call, SchemaRequest request, bool version_allowed) {
  Reader& reader = call.reader;
  const bool details = reader.accept("details");
  if (version_allowed && reader.next_is("if_later_than")) {
    SPILLWAY_ASSIGN(const bool later, is_later(reader, *request.databases.front()));
    if (!later) request.databases.clear();
  }
  if (details || !reader.accept("as")) {
    SPILLWAY_TRY(reader.end());
    return Tables{schema_rows(request)};
  }
  SPILLWAY_ASSIGN(const std::string form, reader.expect_one_of({"json", "csl"}));
  if (form == "csl") SPILLWAY_TRY(reader.expect("script"));
  SPILLWAY_ASSIGN(const Properties options, Properties::parse(reader));
  SPILLWAY_TRY(reader.end());
  if (form == "csl") {
    SPILLWAY_TRY(options.check({}));
    return Tables{schema_script(request)};
  }
  SPILLWAY_TRY(options.check({"Tables", "ExternalTables", "MaterializedViews", "Functions"}));
  const bool all = !options.has("Tables") && !options.has("ExternalTables") &&
                   !options.has("MaterializedViews") && !options.has("Functions");
  SPILLWAY_ASSIGN(request.tables, options.boolean("Tables", all));
  SPILLWAY_ASSIGN(request.external_tables, options.boolean("ExternalTables", all));
  SPILLWAY_ASSIGN(request.functions, options.boolean("Functions", all));
  return Tables{schema_json(request)};
}

Result<Tables> show_database_schema(Call& call) {
  SchemaRequest request;
  if (call.names.empty()) {
    SPILLWAY_ASSIGN(const Database* database, call.database());
    SPILLWAY_ASSIGN(request.databases, chosen(call, {{database->name, {}}}));
  } else {
    SPILLWAY_ASSIGN(request.databases, chosen(call, call.names));
  }
  return schema_forms(call, std::move(request), true);
}

Result<Tables> show_schema(Call& call) {
  SchemaRequest request;
  SPILLWAY_ASSIGN(request.databases, chosen(call, {}));
  return schema_forms(call, std::move(request), false);
}

Result<Tables> show_databases(Call& call) {
  Reader& reader = call.reader;
  if (!reader.accept(TokenKind::OpenParen)) {
    const Form form = read_form(reader, Form::Databases);
    SPILLWAY_TRY(reader.end());
    SPILLWAY_ASSIGN(const auto all, chosen(call, {}));
    return rows_of(call, all, form);
  }
  std::vector<DatabasePtr> named, later;
  do {
    SPILLWAY_ASSIGN(const Name name, reader.name("a database name"));
    SPILLWAY_ASSIGN(const auto found, chosen(call, {name}));
    named.push_back(found.front());
    SPILLWAY_ASSIGN(const bool is_wanted, is_later(reader, *found.front()));
    if (is_wanted) later.push_back(found.front());
  } while (reader.accept(TokenKind::Comma));
  SPILLWAY_TRY(reader.expect(TokenKind::CloseParen));
  if (reader.accept("schema")) {
    SchemaRequest request;
    request.databases = std::move(later);
    return schema_forms(call, std::move(request), false);
  }
  const Form form = read_form(reader, Form::Databases);
  SPILLWAY_TRY(reader.end());
  return rows_of(call, named, form);
}

/// `.show database [details | …]` and `.show database NAME [details | …]`.
Result<Tables> show_database(Call& call) {
  Form form = read_form(call.reader, Form::Identity);
  Name name{call.request.database, {}};
  if (!call.names.empty()) {
    name = call.names[0];
  } else if (call.reader.next_is_name() && form == Form::Identity) {
    SPILLWAY_ASSIGN(name, call.reader.name("a database name"));
    form = read_form(call.reader, Form::Identity);
  }
  SPILLWAY_TRY(call.reader.end());
  SPILLWAY_ASSIGN(const auto database, chosen(call, {name}));
  return rows_of(call, database, form);
}

/// What `.show databases entities` is asked for.
struct EntityOptions {
  bool with_secrets = false, resolve_functions = false;
};

void add_entities(const Call& call, const Database& database, const EntityOptions& options, Table& result) {
  const auto add = [&](const char* type, const auto& entity, const std::string& input,
                       const std::string& content, const std::string& output) {
    result.rows.push_back({Value::string(database.name), Value::string(type), Value::string(entity.name),
                           Value::string(entity.docstring), Value::string(entity.folder),
                           Value::string(input), Value::string(content), Value::string(output),
                           Value::dynamic("{}")});
  };
  for (const auto& [name, table] : database.tables) add("Table", *table, "", "", csl_schema(table->columns));
  for (const auto& [name, table] : database.external_tables) {
    add("ExternalTable", *table, "", "", csl_schema(table->columns));
  }
  Request there = call.request;
  there.database = database.name;
  const Call in_database{there, call.services, call.reader, call.pattern, call.names, call.snapshot};
  for (const auto& [name, function] : database.functions) {
    add("Function", *function, function->parameters,
        options.with_secrets && sees_secrets(call, database, *function) ? function->body
                                                                        : without_secrets(function->body),
        options.resolve_functions ? output_schema(in_database, *function) : "");
  }
}

Result<Tables> show_entities(Call& call) {
  SPILLWAY_ASSIGN(const Properties given, Properties::parse(call.reader));
  SPILLWAY_TRY(call.reader.end());
  SPILLWAY_TRY(given.check({"showObfuscatedStrings", "resolveFunctionSchema", "resolveFunctionsSchema"}));
  EntityOptions options;
  SPILLWAY_ASSIGN(options.with_secrets, given.boolean("showObfuscatedStrings", false));
  // Clients write the documented name with an s, too.
  SPILLWAY_ASSIGN(const bool resolve, given.boolean("resolveFunctionSchema", false));
  SPILLWAY_ASSIGN(options.resolve_functions, given.boolean("resolveFunctionsSchema", resolve));
  Table result = empty_table(kEntities);
  for (const auto& [name, database] : call.snapshot->databases)
    add_entities(call, *database, options, result);
  return Tables{std::move(result)};
}

}  // namespace

std::vector<Command> database_commands() {
  return {
      {"create database <name>", ".create database D [ifnotexists]", "Creates a database", create_database},
      {"drop database <name>", ".drop database D [ifexists]", "Drops a database and all in it",
       drop_database},
      {"show databases", ".show databases [(D, E)] [details | identity | policies | datastats]",
       "The databases", show_databases},
      {"show cluster databases", nullptr, ".show databases", show_databases},
      {"show databases schema", nullptr, ".show schema", show_schema},
      {"show databases entities",
       ".show databases entities [with (showObfuscatedStrings = …, resolveFunctionSchema = …)]",
       "Tables, external tables and functions of all databases", show_entities},
      {"show database", ".show database [D] [details | identity | policies | datastats]", "One database",
       show_database},
      {"show database schema", nullptr, ".show database D schema", show_database_schema},
      {"show database <name> schema",
       ".show database [D] schema [details] [if_later_than \"v1.0\"] [as (json | csl script)]  ·  .show "
       "databases (D, "
       "E) schema …",
       "Tables and columns of a database", show_database_schema},
      {"show schema", ".show schema", "Tables and columns of all databases", show_schema},
  };
}

}  // namespace spillway::commands
