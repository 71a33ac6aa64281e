// Ingestion: inline data, files, and the results of queries.
// Sources: management/data-ingestion/ingest-inline.md, ingest-into-command.md, ingest-from-query.md,
// includes/ingestion-properties.md.

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>

#include "catalog/identity_use.h"
#include "commands/call.h"
#include "commands/describe.h"
#include "commands/extents.h"
#include "commands/inline_data.h"

namespace spillway::commands {
namespace {

using catalog::Database;
using catalog::Operation;
using catalog::OperationState;
using catalog::Writer;
using TablePtr = std::shared_ptr<const catalog::Table>;

const Schema kInline = {{"ExtentId", Type::Guid}};

const Schema kPulled = {{"ExtentId", Type::Guid},
                        {"ItemLoaded", Type::String},
                        {"Duration", Type::TimeSpan},
                        {"HasErrors", Type::Bool},
                        {"OperationId", Type::Guid}};

const Schema kFromQuery = {{"ExtentId", Type::Guid},   {"OriginalSize", Type::Real},
                           {"ExtentSize", Type::Real}, {"CompressedSize", Type::Real},
                           {"IndexSize", Type::Real},  {"RowCount", Type::Long}};

const Schema kOperation = {{"OperationId", Type::Guid}};

constexpr const char* kInlineType = "DataIngestInline";
constexpr const char* kPullType = "DataIngestPull";

ingest::Request request_for(const Call& call, const Database& database, const catalog::Table& table,
                            const char* command_type) {
  ingest::Request request;
  request.origin = {Guid(), command_type, call.request.principal, call.request.activity_id};
  request.database = database.name;
  request.table = table;
  request.cancel = call.request.cancel;
  request.timeout = call.request.timeout;
  return request;
}

Status check_ingestor(const Call& call, const Database& database, const catalog::Table& table) {
  if (!call.caller() || catalog::may_ingest(*call.caller(), database, table)) return Status();
  return call.denied("the role Ingestor or Admin of table '" + table.name + "' or of its database");
}

Status check_table_admin(const Call& call, const Database& database, const catalog::Table& table) {
  if (!call.caller() || catalog::is_admin(*call.caller(), database, table.policies)) return Status();
  return call.denied("the role Admin of table '" + table.name + "'");
}

// ---------------------------------------------------------------------------------------------------------
// Work that may go on in the background

/// Ingestion that is ready to run: it owns all that it needs, because it may outlive the command.
using Work =
    std::function<Result<Table>(const Guid& operation, const std::shared_ptr<engine::CancelToken>& cancel)>;

/// Records in the catalog how a synchronous operation ended.
void record(const Call& call, Operation operation, const Status& outcome) {
  operation.updated = call.services.clock.now();
  operation.state = outcome.ok()                                   ? OperationState::Completed
                    : outcome.error().code == ErrorCode::Cancelled ? OperationState::Canceled
                    : outcome.error().code == ErrorCode::Throttled ? OperationState::Throttled
                                                                   : OperationState::Failed;
  operation.status = outcome.ok() ? "" : outcome.error().message;
  operation.should_retry = !outcome.ok() && !outcome.error().permanent();
  // What the operation did is done, whether or not its line in the history can be written.
  (void)call.services.catalog.write([&](Writer& writer) { return writer.put_operation(operation); });
}

Operation describe_operation(const Call& call, const Database& database, const char* kind) {
  Operation operation;
  operation.id = Guid::random();
  operation.kind = kind;
  operation.database = database.name;
  operation.principal = call.request.principal;
  operation.root_activity_id = call.request.activity_id;
  operation.started = call.services.clock.now();
  return operation;
}

Result<Tables> start(const Call& call, const Database& database, const char* kind, bool persist_details,
                     Work work) {
  ingest::OperationRequest operation;
  operation.kind = kind;
  operation.database = database.name;
  operation.principal = call.request.principal;
  operation.activity_id = call.request.activity_id;
  operation.persist_details = persist_details;
  operation.work = [work = std::move(work), logged = call.logged](const Guid& id, const auto& cancel) {
    Result<Table> rows = work(id, cancel);
    engine::WorkTimer::settle();
    if (logged) logged->finish(rows.status(), cancel->usage());
    return rows;
  };
  if (call.logged) call.logged->hand_over();
  const Result<Guid> id = call.services.ingestor.start_operation(std::move(operation));
  if (!id.ok()) {
    if (call.logged) call.logged->take_back();
    return id.error();
  }
  Table result = empty_table(kOperation);
  result.rows.push_back({Value::guid(*id)});
  return Tables{std::move(result)};
}

// ---------------------------------------------------------------------------------------------------------
// .ingest inline

Table inline_rows(const std::vector<ingest::Loaded>& loaded) {
  Table result = empty_table(kInline);
  for (const ingest::Loaded& item : loaded) result.rows.push_back({Value::guid(item.extent.id)});
  if (loaded.empty()) result.rows.push_back({Value::guid(Guid{})});
  return result;
}

Result<Tables> ingest_inline(Call& call) {
  Reader& reader = call.reader;
  reader.accept("table");
  SPILLWAY_ASSIGN(const Name name, reader.name("a table name"));
  SPILLWAY_ASSIGN(const Properties properties, Properties::parse(reader));
  SPILLWAY_ASSIGN(const ingest::Properties ingestion, ingest::parse_properties(properties.all_but({})));
  SPILLWAY_ASSIGN(const std::string data, inline_data(reader));
  SPILLWAY_ASSIGN(const Database* database, call.database());
  SPILLWAY_ASSIGN(const TablePtr table, call.table(name));
  SPILLWAY_TRY(check_ingestor(call, *database, *table));
  ingest::Request request = request_for(call, *database, *table, kInlineType);
  request.properties = ingestion;
  Operation operation = describe_operation(call, *database, kInlineType);
  const auto loaded = call.services.ingestor.ingest_data(request, data);
  if (!loaded.ok()) {
    // In the history stand those that were throttled, as the documentation wants it; others answer at once.
    if (loaded.error().code == ErrorCode::Throttled) record(call, std::move(operation), loaded.status());
    return loaded.error();
  }
  return Tables{inline_rows(*loaded)};
}

// ---------------------------------------------------------------------------------------------------------
// .ingest into

Table pulled_rows(const std::vector<ingest::Loaded>& loaded, Ticks duration, const Guid& operation) {
  Table result = empty_table(kPulled);
  for (const ingest::Loaded& item : loaded) {
    result.rows.push_back({Value::guid(item.extent.id), Value::string(item.item), Value::timespan(duration),
                           Value::boolean(false), Value::guid(operation)});
  }
  if (loaded.empty()) {
    result.rows.push_back({Value::guid(Guid{}), Value::string(""), Value::timespan(duration),
                           Value::boolean(false), Value::guid(operation)});
  }
  return result;
}

/// `(h'…', h'…')`, or one without parentheses.
Result<std::vector<std::string>> sources(Reader& reader) {
  std::vector<std::string> list;
  const bool several = reader.accept(TokenKind::OpenParen);
  do {
    SPILLWAY_ASSIGN(std::string next, reader.string("a storage connection string in quotes"));
    list.push_back(std::move(next));
  } while (several && reader.accept(TokenKind::Comma));
  if (several) SPILLWAY_TRY(reader.expect(TokenKind::CloseParen));
  return list;
}

Result<Tables> ingest_into(Call& call, bool async) {
  Reader& reader = call.reader;
  reader.accept("table");
  SPILLWAY_ASSIGN(const Name name, reader.name("a table name"));
  SPILLWAY_ASSIGN(const std::vector<std::string> files, sources(reader));
  SPILLWAY_ASSIGN(const Properties properties, Properties::parse(reader));
  SPILLWAY_TRY(reader.end());
  SPILLWAY_ASSIGN(const bool persist_details, properties.boolean("persistDetails", async));
  SPILLWAY_ASSIGN(const Database* database, call.database());
  SPILLWAY_ASSIGN(const TablePtr table, call.table(name));
  SPILLWAY_TRY(check_ingestor(call, *database, *table));
  ingest::Request request = request_for(call, *database, *table, kPullType);
  SPILLWAY_ASSIGN(request.properties, ingest::parse_properties(properties.all_but({"persistDetails"})));

  for (const std::string& file : files) {
    if (!call.caller()) break;
    SPILLWAY_TRY(
        catalog::check_identity_use(*call.caller(), *call.snapshot, *database, file, "NativeIngestion"));
  }

  Operation operation = describe_operation(call, *database, kPullType);
  const Work work = [request, files, &clock = call.services.clock, &ingestor = call.services.ingestor](
                        const Guid& id, const auto& cancel) -> Result<Table> {
    ingest::Request with_cancel = request;
    with_cancel.cancel = cancel;
    with_cancel.origin.operation = id;
    const Ticks started = clock.now();
    SPILLWAY_ASSIGN(const auto loaded, ingestor.ingest_files(with_cancel, files));
    return pulled_rows(loaded, clock.now() - started, id);
  };
  if (async) return start(call, *database, kPullType, persist_details, work);
  Result<Table> rows = work(operation.id, call.request.cancel);
  record(call, std::move(operation), rows.status());
  if (!rows.ok()) return rows.error();
  return Tables{*std::move(rows)};
}

Result<Tables> ingest_into_now(Call& call) {
  return ingest_into(call, false);
}

Result<Tables> ingest_into_async(Call& call) {
  return ingest_into(call, true);
}

// ---------------------------------------------------------------------------------------------------------
// .set, .append, .set-or-append, .set-or-replace

/// What these commands do with a table that exists, and with one that doesn't.
struct Mode {
  const char* kind;
  bool may_exist, may_create, replaces;
};

constexpr Mode kSet = {"TableSet", false, true, false};
constexpr Mode kAppend = {"TableAppend", true, false, false};
constexpr Mode kSetOrAppend = {"TableSetOrAppend", true, true, false};
constexpr Mode kSetOrReplace = {"TableSetOrReplace", true, true, true};

/// What the properties say about the table.
struct TableOptions {
  std::optional<std::string> folder, docstring;
  bool extend_schema = false, recreate_schema = false;
  std::optional<bool> ingestion_time_policy;
  std::optional<std::string> creator;  // who becomes the admin of a table that is created

  bool alter_table() const { return folder || docstring || extend_schema || recreate_schema; }
};

Result<TableOptions> table_options(const Properties& properties) {
  TableOptions options;
  options.folder = properties.text("folder");
  options.docstring = properties.text("docstring");
  SPILLWAY_ASSIGN(options.extend_schema, properties.boolean("extend_schema", false));
  SPILLWAY_ASSIGN(options.recreate_schema, properties.boolean("recreate_schema", false));
  if (properties.has("policy_ingestiontime")) {
    SPILLWAY_ASSIGN(options.ingestion_time_policy, properties.boolean("policy_ingestiontime", true));
  }
  return options;
}

void apply(const TableOptions& options, catalog::Table& table) {
  if (options.folder) table.folder = *options.folder;
  if (options.docstring) table.docstring = *options.docstring;
  if (options.ingestion_time_policy) table.ingestion_time_policy = *options.ingestion_time_policy;
}

Result<Columns> columns_of(const Schema& schema) {
  Columns columns;
  for (const Field& field : schema) {
    SPILLWAY_TRY(check_name("column", {field.name, {}}));
    catalog::Column column;
    column.name = field.name;
    column.type = field.type;
    columns.push_back(std::move(column));
  }
  return columns;
}

Error schema_mismatch(const catalog::Table& table, const Columns& of_query) {
  return Error{ErrorCode::SchemaMismatch,
               "the query's schema (" + csl_schema(of_query) + ") isn't that of table '" + table.name +
                   "' (" + csl_schema(table.columns) +
                   "): columns are matched by their order and must have the same types"};
}

/// The table's columns after the command, ids included: those of the query are its first ones.
Result<Columns> resulting_columns(const catalog::Table& table, const Columns& of_query,
                                  const TableOptions& options, const Mode& mode) {
  if (options.recreate_schema && mode.replaces) {
    Columns columns = of_query;
    for (catalog::Column& column : columns) {
      const catalog::Column* existing = table.column(column.name);
      if (existing && existing->type == column.type) column = *existing;
    }
    return columns;
  }
  Columns columns = table.columns;
  for (size_t i = 0; i < of_query.size(); ++i) {
    if (i >= columns.size() && options.extend_schema) {
      columns.push_back(of_query[i]);
    } else if (i >= columns.size() || columns[i].type != of_query[i].type) {
      return schema_mismatch(table, of_query);
    }
  }
  if (of_query.size() < table.columns.size()) return schema_mismatch(table, of_query);
  return columns;
}

/// Whether two versions of a table have the same columns, by id and type.
bool same_columns(const catalog::Table& a, const catalog::Table& b) {
  return a.next_column_id == b.next_column_id &&
         std::equal(a.columns.begin(), a.columns.end(), b.columns.begin(), b.columns.end(),
                    [](const catalog::Column& x, const catalog::Column& y) {
                      return x.id == y.id && x.type == y.type;
                    });
}

/// The table as the command leaves it, without its data. New columns get the next ids, as the catalog gives
/// them.
struct Plan {
  std::shared_ptr<const catalog::Table> existing;  // null where it is to be created
  catalog::Table table;
  bool alter = false;
};

Result<Plan> plan_table(const Name& name, const Database& database, const Columns& of_query,
                        const TableOptions& options, const Mode& mode) {
  Plan plan;
  plan.existing = find_in(database.tables, name.text);
  if (plan.existing && !mode.may_exist) return exists("table", name, database);
  if (!plan.existing && !mode.may_create) return not_found("table", name, database);
  if (!plan.existing && database.external_tables.contains(name.text))
    return exists("external table", name, database);
  if (plan.existing) {
    plan.table = *plan.existing;
    SPILLWAY_ASSIGN(plan.table.columns, resulting_columns(*plan.existing, of_query, options, mode));
  } else {
    plan.table.name = name.text;
    plan.table.columns = of_query;
    if (options.creator) {
      plan.table.policies[catalog::kPrincipals] =
          *catalog::encode(catalog::Assignments{{catalog::Role::Admins, {{*options.creator, ""}}}});
    }
  }
  for (catalog::Column& column : plan.table.columns) {
    if (column.id == 0) column.id = plan.table.next_column_id++;
  }
  apply(options, plan.table);
  plan.alter = plan.existing && (!same_columns(plan.table, *plan.existing) || options.folder ||
                                 options.docstring || options.ingestion_time_policy);
  return plan;
}

/// Makes the table in the transaction that makes the extents visible. Conflict where it isn't as it was when
/// the command was planned: the extents would have the wrong columns.
Result<int64_t> prepare_table(Writer& writer, const std::string& database_name, const Plan& plan,
                              const Name& name, const TableOptions& options, const Mode& mode) {
  const auto conflict = [&](const char* what) {
    return Error{ErrorCode::Conflict, "table '" + name.text + "' was " + what + " meanwhile", name.span};
  };
  const std::shared_ptr<const Database> database = find_in(writer.current().databases, database_name);
  if (!database) return Error{ErrorCode::EntityNotFound, "database '" + database_name + "' not found"};
  const TablePtr now = find_in(database->tables, name.text);
  if (!plan.existing) {
    if (now) return conflict("created");
    SPILLWAY_TRY(writer.create_table(database_name, plan.table));
    const std::shared_ptr<const Database> after = find_in(writer.current().databases, database_name);
    return find_in(after->tables, name.text)->id;
  }
  if (!now || now->id != plan.existing->id) return conflict("dropped");
  if (!same_columns(*now, *plan.existing)) return conflict("altered");
  if (mode.replaces) SPILLWAY_TRY(writer.drop_extents(database_name, now->id, extent_ids(*now)));
  if (plan.alter) {
    catalog::Table table = *now;
    table.columns = plan.table.columns;
    // The catalog numbers new columns itself, and, because the columns are as planned, with the same ids.
    for (catalog::Column& column : table.columns) {
      if (column.id >= plan.existing->next_column_id) column.id = 0;
    }
    apply(options, table);
    SPILLWAY_TRY(writer.alter_table(database_name, table));
  }
  return now->id;
}

Table query_rows(const std::vector<ingest::Loaded>& loaded) {
  Table result = empty_table(kFromQuery);
  for (const ingest::Loaded& item : loaded) {
    const auto bytes = static_cast<double>(item.extent.bytes);
    result.rows.push_back({Value::guid(item.extent.id),
                           Value::real(static_cast<double>(item.extent.original_bytes)), Value::real(bytes),
                           Value::real(bytes), Value::real(0), Value::int64(item.extent.rows)});
  }
  return result;
}

/// One of these commands, ready to run: it owns all that it needs, because it may outlive the request.
struct FromQuery {
  catalog::Catalog& catalog;
  ingest::Ingestor& ingestor;
  Mode mode;
  Name name;
  TableOptions options;
  Columns columns;  // of the query
  kql::RelPtr source;
  ingest::Request request;

  Result<Table> run(const Guid& operation, const std::shared_ptr<engine::CancelToken>& cancel) const {
    constexpr int kAttempts = 5;
    Result<Table> rows = attempt(operation, cancel);
    for (int i = 1; i < kAttempts && !rows.ok() && rows.error().code == ErrorCode::Conflict; ++i)
      rows = attempt(operation, cancel);
    return rows;
  }

 private:
  /// Plans by the table as it is now. Conflict where another command changed it before the commit.
  Result<Table> attempt(const Guid& operation, const std::shared_ptr<engine::CancelToken>& cancel) const {
    const auto database = find_in(catalog.snapshot()->databases, request.database);
    if (!database) return Error{ErrorCode::EntityNotFound, "database '" + request.database + "' not found"};
    SPILLWAY_ASSIGN(const Plan plan, plan_table(name, *database, columns, options, mode));
    ingest::Request planned = request;
    planned.table = plan.table;
    planned.cancel = cancel;
    planned.origin.operation = operation;
    planned.replaces = mode.replaces;
    planned.prepare = [this, &plan](Writer& writer) {
      return prepare_table(writer, request.database, plan, name, options, mode);
    };
    SPILLWAY_ASSIGN(const auto loaded, ingestor.ingest_query(planned, source));
    return query_rows(loaded);
  }
};

/// The plan of the query or of a `.show` command's result.
Result<kql::RelPtr> source_plan(const Call& call, const Reader::Tail& tail) {
  if (!is_command(tail.text)) {
    SPILLWAY_ASSIGN(const kql::BoundQuery query, call.compile(tail.text, tail.offset));
    if (query.results.empty()) return Error{ErrorCode::Semantic, "the query has no tabular result"};
    return query.results.front().plan;
  }
  SPILLWAY_ASSIGN(const Table rows, call.query_or_command(tail.text, tail.offset));
  SPILLWAY_ASSIGN(const kql::BoundQuery query, call.compile("", 0, &rows));
  return query.results.front().plan;
}

/// What the command needs of the table as it is. A user becomes the admin of a table that the command
/// creates.
Status check_target(const Call& call, const Database& database, const Name& name, const Mode& mode,
                    TableOptions& options) {
  if (!call.caller()) return Status();
  const TablePtr existing = find_in(database.tables, name.text);
  if (!existing) {
    if (!catalog::is_admin(*call.caller(), database)) options.creator = call.caller()->principal;
    return mode.may_create ? call.require(Permission::User) : Status();
  }
  if (mode.replaces || options.alter_table()) return check_table_admin(call, database, *existing);
  return check_ingestor(call, database, *existing);
}

Result<Tables> ingest_from_query(Call& call, const Mode& mode) {
  Reader& reader = call.reader;
  const bool async = reader.accept("async");
  SPILLWAY_ASSIGN(const Name name, reader.name("a table name"));
  SPILLWAY_TRY(check_name("table", name));
  SPILLWAY_ASSIGN(const Properties properties, Properties::parse(reader));
  SPILLWAY_ASSIGN(TableOptions options, table_options(properties));
  SPILLWAY_ASSIGN(const bool persist_details, properties.boolean("persistDetails", false));
  // One process ingests the result, however it is asked to distribute that.
  SPILLWAY_TRY(properties.boolean("distributed", false).status());
  SPILLWAY_ASSIGN(const ingest::Properties ingestion,
                  ingest::parse_properties(
                      properties.all_but({"folder", "docstring", "extend_schema", "recreate_schema",
                                          "policy_ingestiontime", "persistDetails", "distributed"})));
  SPILLWAY_ASSIGN(const Reader::Tail tail, reader.tail());

  SPILLWAY_ASSIGN(const Database* database, call.database());
  SPILLWAY_TRY(check_target(call, *database, name, mode, options));
  SPILLWAY_ASSIGN(const kql::RelPtr source, source_plan(call, tail));
  SPILLWAY_ASSIGN(const Columns columns, columns_of(kql::schema_of(*source)));
  SPILLWAY_TRY(plan_table(name, *database, columns, options, mode).status());

  ingest::Request request = request_for(call, *database, {}, mode.kind);
  request.properties = ingestion;
  const FromQuery command{call.services.catalog, call.services.ingestor, mode, name, options, columns, source,
                          std::move(request)};
  const Work work = [command](const Guid& id, const auto& cancel) { return command.run(id, cancel); };
  if (async) return start(call, *database, mode.kind, persist_details, work);
  Operation operation = describe_operation(call, *database, mode.kind);
  Result<Table> rows = work(operation.id, call.request.cancel);
  record(call, std::move(operation), rows.status());
  if (!rows.ok()) return rows.error();
  return Tables{*std::move(rows)};
}

// ---------------------------------------------------------------------------------------------------------
// .show ingestion failures. Source: management/ingestion-failures.md.

const Schema kFailures = {{"OperationId", Type::String},
                          {"Database", Type::String},
                          {"Table", Type::String},
                          {"FailedOn", Type::DateTime},
                          {"IngestionSourcePath", Type::String},
                          {"Details", Type::String},
                          {"FailureKind", Type::String},
                          {"RootActivityId", Type::String},
                          {"OperationKind", Type::String},
                          {"OriginatesFromUpdatePolicy", Type::Bool},
                          {"ErrorCode", Type::String},
                          {"Principal", Type::String},
                          {"User", Type::String},
                          {"IngestionProperties", Type::String},
                          {"NumberOfSources", Type::Long},
                          {"ShouldRetry", Type::Bool}};

Row failure_row(const catalog::IngestionFailure& failure) {
  return {Value::string(failure.operation.str()),
          Value::string(failure.database),
          Value::string(failure.table),
          Value::datetime(failure.failed),
          Value::string(failure.source),
          Value::string(failure.details),
          Value::string(failure.permanent ? "Permanent" : "Transient"),
          Value::string(failure.activity_id),
          Value::string(failure.kind),
          Value::boolean(failure.from_update_policy),
          Value::string(failure.error_code),
          Value::string(failure.principal),
          Value::string(failure.principal),
          Value::string(failure.properties),
          Value::int64(failure.sources),
          Value::boolean(!failure.permanent)};
}

Result<Tables> show_failures(Call& call) {
  std::optional<Guid> operation;
  if (call.reader.accept("with")) {
    SPILLWAY_TRY(call.reader.expect(TokenKind::OpenParen));
    SPILLWAY_TRY(call.reader.expect("OperationId"));
    SPILLWAY_TRY(call.reader.expect(TokenKind::Equal));
    SPILLWAY_ASSIGN(operation, call.reader.guid("the id of an operation"));
    SPILLWAY_TRY(call.reader.expect(TokenKind::CloseParen));
  }
  SPILLWAY_TRY(call.reader.end());
  SPILLWAY_ASSIGN(const std::vector<catalog::IngestionFailure> failures,
                  call.services.catalog.ingestion_failures(catalog::kIngestionFailuresKept));
  Table result = empty_table(kFailures);
  for (const catalog::IngestionFailure& failure : failures) {
    if (!operation || failure.operation == *operation) result.rows.push_back(failure_row(failure));
  }
  return Tables{std::move(result)};
}

Result<Tables> set(Call& call) {
  return ingest_from_query(call, kSet);
}

Result<Tables> append(Call& call) {
  return ingest_from_query(call, kAppend);
}

Result<Tables> set_or_append(Call& call) {
  return ingest_from_query(call, kSetOrAppend);
}

Result<Tables> set_or_replace(Call& call) {
  return ingest_from_query(call, kSetOrReplace);
}

}  // namespace

std::vector<Command> ingestion_commands() {
  return {
      {"ingest inline into",
       ".ingest inline into table T [with (format = \"csv\", …)] <| data  ·  … [1,a] [2,b]",
       "Ingests the data in the command", ingest_inline},
      {"ingest into", ".ingest [async] into table T (h\"connection string\", …) [with (format = \"csv\", …)]",
       "Ingests files", ingest_into_now},
      {"ingest async into", nullptr, ".ingest async into table T (…)", ingest_into_async},
      {"set", ".set [async] T [with (…)] <| query", "Creates a table from a query", set},
      {"append", ".append [async] T [with (…)] <| query", "Appends the result of a query", append},
      {"set-or-append", ".set-or-append [async] T [with (…)] <| query",
       "Appends the result of a query to a table that need not exist", set_or_append},
      {"set-or-replace", ".set-or-replace [async] T [with (…)] <| query",
       "Replaces a table's data by that of a query", set_or_replace},
      {"show ingestion failures", ".show ingestion failures [with (OperationId = ID)]",
       "Ingestions that failed, and update policies, in the last 14 days", show_failures},
  };
}

}  // namespace spillway::commands
