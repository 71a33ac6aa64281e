// Mappings of external tables: how the fields of their files become columns when they are read.
// Sources: management/external-table-mapping-create.md, external-table-mapping-alter.md,
// external-table-mapping-drop.md, external-table-mapping-show.md.

#include <boost/json.hpp>
#include <utility>

#include "commands/call.h"
#include "commands/describe.h"
#include "commands/mappings.h"

namespace spillway::commands {
namespace {

namespace json = boost::json;

using catalog::Database;
using catalog::ExternalMapping;
using catalog::ExternalTable;
using catalog::Writer;

const Schema kMappings = {{"Name", Type::String}, {"Kind", Type::String}, {"Mapping", Type::String}};

/// The kind of mapping that the files of an external table take.
Result<std::string> mapping_kind(const ExternalTable& table, const Name& name) {
  if (table.format == "json" || table.format == "multijson") return std::string("json");
  if (table.format == "parquet") return std::string("parquet");
  if (table.format != "txt" && table.format != "raw") return std::string("csv");
  return Error{ErrorCode::NotSupported,
               "external table '" + table.name + "' has the format '" + table.format +
                   "', whose files have no fields to map",
               name.span};
}

/// [{"ColumnName":"a","Properties":{"Path":"$.a"}}, …], of a valid mapping.
Result<std::string> normalized(const std::string& kind, const std::string& given) {
  SPILLWAY_ASSIGN(const std::string canonical, ingest::normalize_mapping(kind, given));
  json::array out;
  const json::value document = json::parse(canonical);
  for (const json::value& item : document.as_array()) {
    json::object element{{"ColumnName", item.at("column")}};
    if (item.at("datatype") != "") element["DataType"] = item.at("datatype");
    element["Properties"] = item.at("Properties");
    out.push_back(std::move(element));
  }
  return json::serialize(out);
}

Row row_of(const std::string& name, const ExternalMapping& mapping) {
  return {Value::string(name), shown_kind(mapping.kind), Value::string(mapping.mapping)};
}

Table one_row(const std::string& name, const ExternalMapping& mapping) {
  Table result = empty_table(kMappings);
  result.rows.push_back(row_of(name, mapping));
  return result;
}

MappingPlace place_of(const ExternalTable& table) {
  return {"mapping", "external table '" + table.name + "'"};
}

Result<Tables> define(Call& call, MappingMode mode) {
  SPILLWAY_ASSIGN(const NewMapping given, read_new_mapping(call.reader));
  const Name& name = given.name;
  ExternalMapping mapping;
  const Status changed = call.write([&](Writer& writer, const Database& database) -> Status {
    const auto existing = find_in(database.external_tables, call.names[0].text);
    if (!existing) return not_found("external table", call.names[0], database);
    SPILLWAY_TRY(check_mode(mode, existing->mappings.contains(name.text), place_of(*existing), name));
    SPILLWAY_ASSIGN(mapping.kind, mapping_kind(*existing, call.names[0]));
    SPILLWAY_ASSIGN(mapping.mapping, normalized(mapping.kind, given.text));
    ExternalTable table = *existing;
    table.mappings[name.text] = mapping;
    return writer.put_external_table(database.name, table);
  });
  SPILLWAY_TRY(changed);
  return Tables{one_row(name.text, mapping)};
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

Result<Tables> drop_mapping(Call& call) {
  SPILLWAY_ASSIGN(const Name name, read_mapping_name(call.reader));
  Table left = empty_table(kMappings);
  const Status changed = call.write([&](Writer& writer, const Database& database) -> Status {
    const auto existing = find_in(database.external_tables, call.names[0].text);
    if (!existing) return not_found("external table", call.names[0], database);
    ExternalTable table = *existing;
    if (table.mappings.erase(name.text) == 0) return no_mapping(place_of(table), name);
    for (const auto& [known, mapping] : table.mappings) left.rows.push_back(row_of(known, mapping));
    return writer.put_external_table(database.name, table);
  });
  SPILLWAY_TRY(changed);
  return Tables{std::move(left)};
}

Result<Tables> show_mapping(Call& call) {
  SPILLWAY_ASSIGN(const Name name, read_mapping_name(call.reader));
  SPILLWAY_ASSIGN(const auto table, call.external_table(call.names[0]));
  const auto found = table->mappings.find(name.text);
  if (found == table->mappings.end()) return no_mapping(place_of(*table), name);
  return Tables{one_row(found->first, found->second)};
}

Result<Tables> show_mappings(Call& call) {
  SPILLWAY_TRY(call.reader.end());
  SPILLWAY_ASSIGN(const auto table, call.external_table(call.names[0]));
  Table result = empty_table(kMappings);
  for (const auto& [name, mapping] : table->mappings) result.rows.push_back(row_of(name, mapping));
  return Tables{std::move(result)};
}

}  // namespace

std::vector<Command> external_mapping_commands() {
  return {
      {"create external table <name> mapping", ".create external table E mapping \"M\" '[…]'",
       "Creates a mapping of an external table, for external_table('E', 'M')", create_mapping},
      {"create-or-alter external table <name> mapping",
       ".create-or-alter external table E mapping \"M\" '[…]'",
       "Creates or replaces a mapping of an external table", create_or_alter_mapping},
      {"alter external table <name> mapping", ".alter external table E mapping \"M\" '[…]'",
       "Replaces a mapping of an external table", alter_mapping},
      {"drop external table <name> mapping", ".drop external table E mapping \"M\"",
       "Drops a mapping of an external table", drop_mapping},
      {"show external table <name> mapping", ".show external table E mapping \"M\"",
       "A mapping of an external table", show_mapping},
      {"show external table <name> mappings", ".show external table E mappings",
       "The mappings of an external table", show_mappings},
  };
}

}  // namespace spillway::commands
