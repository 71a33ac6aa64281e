// `.export` to storage and to external tables.
// Sources: management/data-export/export-data-to-storage.md, export-data-to-an-external-table.md.

#include <utility>

#include "catalog/identity_use.h"
#include "commands/call.h"
#include "commands/describe.h"
#include "export/exports.h"
#include "storage/object_store.h"

namespace spillway::commands {
namespace {

const Schema kOperation = {{"OperationId", Type::Guid}};

/// `( connection, … )`.
Result<std::vector<std::string>> connections(Reader& reader) {
  std::vector<std::string> list;
  SPILLWAY_TRY(reader.expect(TokenKind::OpenParen));
  do {
    SPILLWAY_ASSIGN(std::string next, reader.string("a storage connection string in quotes"));
    list.push_back(std::move(next));
  } while (reader.accept(TokenKind::Comma));
  SPILLWAY_TRY(reader.expect(TokenKind::CloseParen));
  return list;
}

/// What follows `to`, up to the query.
struct Target {
  std::optional<Name> external_table;
  std::string format;
  std::vector<std::string> connections;
  Properties properties;
};

Result<Target> read_target(Reader& reader, bool compressed) {
  Target target;
  if (!compressed && reader.accept("table")) {
    SPILLWAY_ASSIGN(target.external_table, reader.name("the name of an external table"));
  } else if (reader.next_is("sql")) {
    return Error{ErrorCode::NotSupported, ".export to sql isn't supported", reader.peek().span};
  } else {
    SPILLWAY_ASSIGN(target.format, reader.expect_one_of({"csv", "tsv", "json", "parquet"}));
    SPILLWAY_ASSIGN(target.connections, connections(reader));
  }
  SPILLWAY_ASSIGN(target.properties, Properties::parse(reader));
  return target;
}

/// An external table is written by its admins.
Status check_admin(const Call& call, const catalog::Database& database, const Target& target) {
  if (!call.caller() || !target.external_table) return Status();
  SPILLWAY_ASSIGN(const auto table, call.external_table(*target.external_table));
  if (catalog::is_admin(*call.caller(), database, table->policies)) return Status();
  return call.denied("the role Admin of external table '" + table->name + "'");
}

/// Before the query runs: a store by impersonation can't be written on the caller's behalf, and the server's
/// managed identities only where the caller may use them (of an external table, its admins have said so).
Status check_connections(const Call& call, const catalog::Database& database,
                         const exports::Settings& settings) {
  for (const std::string& text : settings.connections) {
    if (call.caller() && settings.external_table.empty()) {
      SPILLWAY_TRY(
          catalog::check_identity_use(*call.caller(), *call.snapshot, database, text, "ExportRequest"));
    }
    SPILLWAY_ASSIGN(const auto connection, storage::ConnectionString::parse(text));
    if (connection.impersonate) SPILLWAY_TRY(call.services.stores.open(connection));
  }
  return Status();
}

Result<exports::Settings> settings_of(const Call& call, const Target& target, bool compressed) {
  const std::map<std::string, std::string> properties = target.properties.all_but({"persistDetails"});
  if (!target.external_table) {
    return exports::settings_for_storage(target.format, compressed, target.connections, properties);
  }
  SPILLWAY_ASSIGN(const auto table, call.external_table(*target.external_table));
  return exports::settings_for_table(*table, properties);
}

Result<Tables> export_data(Call& call) {
  Reader& reader = call.reader;
  const bool async = reader.accept("async");
  const bool compressed = reader.accept("compressed");
  SPILLWAY_TRY(reader.expect("to"));
  SPILLWAY_ASSIGN(const Target target, read_target(reader, compressed));
  SPILLWAY_ASSIGN(const Reader::Tail tail, reader.tail());
  SPILLWAY_ASSIGN(const catalog::Database* database, call.database());
  SPILLWAY_TRY(check_admin(call, *database, target));

  exports::Request request;
  request.database = database->name;
  request.principal = call.request.principal;
  request.activity_id = call.request.activity_id;
  SPILLWAY_ASSIGN(request.persist_details, target.properties.boolean("persistDetails", async));
  SPILLWAY_ASSIGN(request.settings, settings_of(call, target, compressed));
  SPILLWAY_TRY(check_connections(call, *database, request.settings));
  SPILLWAY_ASSIGN(request.query, call.compile(tail.text, tail.offset));
  SPILLWAY_TRY(exports::apply_query_options(request.query.options, request.settings));
  if (request.query.results.empty()) return Error{ErrorCode::Semantic, "the query has no tabular result"};
  if (target.external_table) {
    SPILLWAY_ASSIGN(const auto table, call.external_table(*target.external_table));
    SPILLWAY_TRY(exports::check_schema(kql::schema_of(*request.query.results.front().plan), *table));
  }
  if (!async) {
    SPILLWAY_ASSIGN(Table artifacts, call.services.exports.run(request, call.request.cancel));
    return Tables{std::move(artifacts)};
  }
  if (call.logged) {
    call.logged->hand_over();
    request.ended = [logged = call.logged](const Status& outcome, const engine::Usage& usage) {
      logged->finish(outcome, usage);
    };
  }
  const Result<Guid> id = call.services.exports.start_operation(std::move(request));
  if (!id.ok()) {
    if (call.logged) call.logged->take_back();
    return id.error();
  }
  Table result = empty_table(kOperation);
  result.rows.push_back({Value::guid(*id)});
  return Tables{std::move(result)};
}

}  // namespace

std::vector<Command> export_commands() {
  return {
      {"export",
       ".export [async] [compressed] to (csv | tsv | json | parquet) (h@\"connection string\", …) [with (…)] "
       "<| query  "
       "·  .export [async] to table E [with (…)] <| query",
       "Writes the result of a query to storage or to an external table", export_data},
  };
}

}  // namespace spillway::commands
