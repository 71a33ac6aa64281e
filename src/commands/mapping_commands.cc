// Ingestion mappings of tables.
// Sources: management/create-ingestion-mapping-command.md, create-or-alter-ingestion-mapping-command.md,
// alter-ingestion-mapping-command.md, drop-ingestion-mapping-command.md, show-ingestion-mapping-command.md.

#include <utility>

#include "commands/call.h"
#include "commands/describe.h"
#include "commands/mappings.h"

namespace spillway::commands {
namespace {

using catalog::Database;
using catalog::Writer;

const Schema kMappings = {{"Name", Type::String},
                          {"Kind", Type::String},
                          {"Mapping", Type::String},
                          {"Database", Type::String},
                          {"Table", Type::String}};

Result<std::string> mapping_kind(Reader& reader) {
  const Token token = reader.peek();
  SPILLWAY_ASSIGN(std::string kind, reader.expect_one_of({"csv", "json", "parquet", "avro", "apacheavro",
                                                          "orc", "w3clogfile"}));
  if (kind == "csv" || kind == "json" || kind == "parquet") return kind;
  return Error{ErrorCode::NotSupported, "ingestion mappings of kind '" + kind + "' aren't supported",
               token.span};
}

Row row_of(const Database& database, const catalog::Table& table, const std::string& kind,
           const std::string& name, const std::string& mapping) {
  return {Value::string(name), shown_kind(kind), Value::string(mapping), Value::string(database.name),
          Value::string(table.name)};
}

bool has_mapping(const catalog::Table& table, const std::string& kind, const std::string& name) {
  const auto found = table.mappings.find(kind);
  return found != table.mappings.end() && found->second.contains(name);
}

MappingPlace place_of(const catalog::Table& table, const std::string& kind) {
  return {kind + " mapping", "table '" + table.name + "'"};
}

Result<Tables> define(Call& call, MappingMode mode) {
  SPILLWAY_ASSIGN(const std::string kind, mapping_kind(call.reader));
  SPILLWAY_TRY(call.reader.expect("mapping"));
  SPILLWAY_ASSIGN(const NewMapping given, read_new_mapping(call.reader));
  const Name& name = given.name;
  SPILLWAY_ASSIGN(const std::string mapping, ingest::normalize_mapping(kind, given.text));
  const Status changed = call.write([&](Writer& writer, const Database& database) -> Status {
    const std::shared_ptr<const catalog::Table> existing = find_in(database.tables, call.names[0].text);
    if (!existing) return not_found("table", call.names[0], database);
    SPILLWAY_TRY(check_mode(mode, has_mapping(*existing, kind, name.text), place_of(*existing, kind), name));
    catalog::Table table = *existing;
    table.mappings[kind][name.text] = mapping;
    return writer.alter_table(database.name, table);
  });
  SPILLWAY_TRY(changed);
  SPILLWAY_ASSIGN(const Database* database, call.database());
  SPILLWAY_ASSIGN(const auto table, call.table(call.names[0]));
  Table result = empty_table(kMappings);
  result.rows.push_back(row_of(*database, *table, kind, name.text, mapping));
  return Tables{std::move(result)};
}

Result<Tables> create_mapping(Call& call) {
  return define(call, MappingMode::Create);
}

Result<Tables> create_or_alter_mapping(Call& call) {
  return define(call, MappingMode::CreateOrAlter);
}

Result<Tables> alter_mapping(Call& call) {
  return define(call, MappingMode::Alter);
}

/// The mappings of a table: of one kind, or of all where `kind` is empty.
Table mappings_of(const Database& database, const catalog::Table& table, const std::string& kind) {
  Table result = empty_table(kMappings);
  for (const auto& [of_kind, mappings] : table.mappings) {
    if (!kind.empty() && of_kind != kind) continue;
    for (const auto& [name, mapping] : mappings) {
      result.rows.push_back(row_of(database, table, of_kind, name, mapping));
    }
  }
  return result;
}

Result<Tables> drop_mapping(Call& call) {
  SPILLWAY_ASSIGN(const std::string kind, mapping_kind(call.reader));
  SPILLWAY_TRY(call.reader.expect("mapping"));
  SPILLWAY_ASSIGN(const Name name, read_mapping_name(call.reader));
  const Status changed = call.write([&](Writer& writer, const Database& database) -> Status {
    const std::shared_ptr<const catalog::Table> existing = find_in(database.tables, call.names[0].text);
    if (!existing) return not_found("table", call.names[0], database);
    if (!has_mapping(*existing, kind, name.text)) return no_mapping(place_of(*existing, kind), name);
    catalog::Table table = *existing;
    table.mappings[kind].erase(name.text);
    return writer.alter_table(database.name, table);
  });
  SPILLWAY_TRY(changed);
  SPILLWAY_ASSIGN(const std::shared_ptr<const Database> database, call.reload());
  const std::shared_ptr<const catalog::Table> table = find_in(database->tables, call.names[0].text);
  if (!table) return not_found("table", call.names[0], *database);
  return Tables{mappings_of(*database, *table, "")};
}

Result<Tables> show_mappings(Call& call) {
  SPILLWAY_ASSIGN(const Database* database, call.database());
  std::string kind;
  if (!call.reader.next_is("mappings")) {
    SPILLWAY_ASSIGN(kind, mapping_kind(call.reader));
  }
  SPILLWAY_ASSIGN(const std::string form, call.reader.expect_one_of({"mappings", "mapping"}));
  if (form == "mappings") {
    SPILLWAY_TRY(call.reader.end());
    SPILLWAY_ASSIGN(const auto table, call.table(call.names[0]));
    return Tables{mappings_of(*database, *table, kind)};
  }
  SPILLWAY_ASSIGN(const Name name, read_mapping_name(call.reader));
  SPILLWAY_ASSIGN(const auto table, call.table(call.names[0]));
  if (!has_mapping(*table, kind, name.text)) return no_mapping(place_of(*table, kind), name);
  Table result = empty_table(kMappings);
  result.rows.push_back(row_of(*database, *table, kind, name.text, table->mappings.at(kind).at(name.text)));
  return Tables{std::move(result)};
}

}  // namespace

std::vector<Command> mapping_commands() {
  return {
      {"create table <name> ingestion",
       ".create table T ingestion (csv | json | parquet) mapping \"M\" '[…]'", "Creates an ingestion mapping",
       create_mapping},
      {"create-or-alter table <name> ingestion",
       ".create-or-alter table T ingestion (csv | json | parquet) mapping \"M\" '[…]'",
       "Creates or replaces an ingestion mapping", create_or_alter_mapping},
      {"alter table <name> ingestion", ".alter table T ingestion (csv | json | parquet) mapping \"M\" '[…]'",
       "Replaces an ingestion mapping", alter_mapping},
      {"drop table <name> ingestion", ".drop table T ingestion (csv | json | parquet) mapping \"M\"",
       "Drops an ingestion mapping", drop_mapping},
      {"show table <name> ingestion",
       ".show table T ingestion [csv | json | parquet] mappings  ·  … csv mapping \"M\"",
       "A table's ingestion mappings", show_mappings},
  };
}

}  // namespace spillway::commands
