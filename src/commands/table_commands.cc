// Tables: create, alter, rename, drop, show.
// Sources: management/create-table-command.md, create-tables-command.md, create-merge-table-command.md,
// create-merge-tables-command.md, create-table-based-on-command.md, alter-table-command.md,
// alter-merge-table-command.md, alter-table-docstring-command.md, alter-table-folder-command.md,
// drop-table-command.md, rename-table-command.md, show-tables-command.md, show-table-details-command.md,
// show-table-schema-command.md, clear-table-data-command.md.

#include <algorithm>
#include <set>
#include <utility>

#include "commands/call.h"
#include "commands/describe.h"
#include "commands/extents.h"
#include "commands/policies.h"
#include "commands/streaming_ingestion.h"
#include "ingest/update_policy.h"

namespace spillway::commands {
namespace {

using catalog::Database;
using catalog::Writer;

const Schema kTables = {{"TableName", Type::String},
                        {"DatabaseName", Type::String},
                        {"Folder", Type::String},
                        {"DocString", Type::String}};

const Schema kRemainingTables = {{"TableName", Type::String}, {"DatabaseName", Type::String}};

const Schema kDetails = {{"TableName", Type::String},
                         {"DatabaseName", Type::String},
                         {"Folder", Type::String},
                         {"DocString", Type::String},
                         {"TotalExtents", Type::Long},
                         {"TotalExtentSize", Type::Real},
                         {"TotalOriginalSize", Type::Real},
                         {"TotalRowCount", Type::Long},
                         {"HotExtents", Type::Long},
                         {"HotExtentSize", Type::Real},
                         {"HotOriginalSize", Type::Real},
                         {"HotRowCount", Type::Long},
                         {"AuthorizedPrincipals", Type::String},
                         {"RetentionPolicy", Type::String},
                         {"CachingPolicy", Type::String},
                         {"ShardingPolicy", Type::String},
                         {"MergePolicy", Type::String},
                         {"StreamingIngestionPolicy", Type::String},
                         {"IngestionBatchingPolicy", Type::String},
                         {"MinExtentsCreationTime", Type::DateTime},
                         {"MaxExtentsCreationTime", Type::DateTime},
                         {"RowOrderPolicy", Type::String},
                         {"TableId", Type::String}};

/// A table as a create or alter command describes it.
struct Definition {
  Name name;
  Columns columns;
};

/// `with (docstring = …, folder = …)`.
struct TableProperties {
  std::optional<std::string> docstring, folder;
};

Result<TableProperties> table_properties(Reader& reader) {
  SPILLWAY_ASSIGN(const Properties properties, Properties::parse(reader));
  SPILLWAY_TRY(properties.check({"docstring", "folder"}));
  return TableProperties{properties.text("docstring"), properties.text("folder")};
}

void apply(const TableProperties& properties, catalog::Table& table) {
  if (properties.docstring) table.docstring = *properties.docstring;
  if (properties.folder) table.folder = *properties.folder;
}

Row short_row(const Database& database, const catalog::Table& table) {
  return {Value::string(table.name), Value::string(database.name), Value::string(table.folder),
          Value::string(table.docstring)};
}

/// The rows of `.show tables (A, B)` after a change.
Result<Tables> short_result(const Call& call, const std::vector<Name>& names) {
  SPILLWAY_ASSIGN(const std::shared_ptr<const Database> database, call.reload());
  Table result = empty_table(kTables);
  for (const Name& name : names) {
    const std::shared_ptr<const catalog::Table> table = find_in(database->tables, name.text);
    if (table) result.rows.push_back(short_row(*database, *table));
  }
  return Tables{std::move(result)};
}

Result<Tables> schema_result(const Call& call, const Name& name) {
  SPILLWAY_ASSIGN(const std::shared_ptr<const Database> database, call.reload());
  const std::shared_ptr<const catalog::Table> table = find_in(database->tables, name.text);
  if (!table) return not_found("table", name, *database);
  return Tables{table_schema_result(*database, *table)};
}

/// What a new table must not clash with.
Status check_free(const Database& database, const Name& name) {
  if (database.tables.contains(name.text)) return exists("table", name, database);
  if (database.external_tables.contains(name.text)) return exists("external table", name, database);
  return Status();
}

Status create(Writer& writer, const Database& database, const Definition& definition,
              const TableProperties& properties) {
  SPILLWAY_TRY(check_free(database, definition.name));
  catalog::Table table;
  table.name = definition.name.text;
  table.columns = definition.columns;
  apply(properties, table);
  return writer.create_table(database.name, std::move(table));
}

/// Adds the columns that the table doesn't have. Errors: BadRequest where a type differs.
Status merge_columns(const Definition& definition, catalog::Table& table) {
  for (const catalog::Column& column : definition.columns) {
    const catalog::Column* existing = table.column(column.name);
    if (!existing) {
      table.columns.push_back(column);
    } else if (existing->type != column.type) {
      return Error{ErrorCode::BadRequest,
                   "column '" + column.name + "' of table '" + table.name + "' has type " +
                       kql_name(existing->type) + ", not " + kql_name(column.type) +
                       "; use .alter column to change a type",
                   definition.name.span};
    }
  }
  return Status();
}

Status create_or_merge(Writer& writer, const Database& database, const Definition& definition,
                       const TableProperties& properties) {
  const std::shared_ptr<const catalog::Table> existing = find_in(database.tables, definition.name.text);
  if (!existing) return create(writer, database, definition, properties);
  catalog::Table table = *existing;
  SPILLWAY_TRY(merge_columns(definition, table));
  apply(properties, table);
  return writer.alter_table(database.name, table);
}

Result<std::vector<Definition>> definitions(Reader& reader) {
  std::vector<Definition> list;
  std::set<std::string> seen;
  do {
    Definition next;
    SPILLWAY_ASSIGN(next.name, reader.name("a table name"));
    SPILLWAY_TRY(check_name("table", next.name));
    if (!seen.insert(next.name.text).second) {
      return Error{ErrorCode::BadRequest, "table '" + next.name.text + "' is there twice", next.name.span};
    }
    SPILLWAY_ASSIGN(next.columns, reader.schema());
    list.push_back(std::move(next));
  } while (reader.accept(TokenKind::Comma));
  return list;
}

std::vector<Name> names_of(const std::vector<Definition>& definitions) {
  std::vector<Name> names;
  for (const Definition& definition : definitions) names.push_back(definition.name);
  return names;
}

Result<Tables> create_based_on(Call& call, const Name& name) {
  SPILLWAY_TRY(call.require(Permission::Admin));
  SPILLWAY_ASSIGN(const Name source, call.reader.name("a table name"));
  const bool if_not_exists = call.reader.accept("ifnotexists");
  SPILLWAY_ASSIGN(const TableProperties properties, table_properties(call.reader));
  SPILLWAY_TRY(call.reader.end());
  const Status changed = call.write([&](Writer& writer, const Database& database) -> Status {
    const std::shared_ptr<const catalog::Table> model = find_in(database.tables, source.text);
    if (!model) return not_found("table", source, database);
    if (if_not_exists && database.tables.contains(name.text)) return Status();
    SPILLWAY_TRY(check_free(database, name));
    catalog::Table table = *model;
    table.id = 0;
    table.name = name.text;
    table.docstring = "Created based on " + source.text;
    table.policies.erase(catalog::kPrincipals);
    table.policies.erase(catalog::kRowLevelSecurity);  // whose query reads the other table
    table.extents = std::make_shared<const catalog::ExtentList>();
    table.next_column_id = 1;
    for (catalog::Column& column : table.columns) column.id = 0;
    table.policies.erase(ingest::kUpdatePolicy);  // all others are copied, as documented
    apply(properties, table);
    return writer.create_table(database.name, std::move(table));
  });
  SPILLWAY_TRY(changed);
  return schema_result(call, name);
}

Result<Tables> create_table(Call& call) {
  SPILLWAY_TRY(check_name("table", call.names[0]));
  if (call.reader.accept("based-on")) return create_based_on(call, call.names[0]);
  Definition definition{call.names[0], {}};
  SPILLWAY_ASSIGN(definition.columns, call.reader.schema());
  SPILLWAY_ASSIGN(const TableProperties properties, table_properties(call.reader));
  SPILLWAY_TRY(call.reader.end());
  const Status changed = call.write([&](Writer& writer, const Database& database) -> Status {
    if (database.tables.contains(definition.name.text)) return Status();
    return create(writer, database, definition, properties);
  });
  SPILLWAY_TRY(changed);
  return schema_result(call, definition.name);
}

Result<Tables> create_tables(Call& call) {
  SPILLWAY_ASSIGN(const std::vector<Definition> list, definitions(call.reader));
  SPILLWAY_ASSIGN(const TableProperties properties, table_properties(call.reader));
  SPILLWAY_TRY(call.reader.end());
  const Status changed = call.write([&](Writer& writer, const Database& database) -> Status {
    for (const Definition& definition : list) {
      if (database.tables.contains(definition.name.text)) continue;
      SPILLWAY_TRY(create(writer, database, definition, properties));
    }
    return Status();
  });
  SPILLWAY_TRY(changed);
  return short_result(call, names_of(list));
}

Result<Tables> create_merge_table(Call& call) {
  Definition definition{call.names[0], {}};
  SPILLWAY_TRY(check_name("table", definition.name));
  SPILLWAY_ASSIGN(definition.columns, call.reader.schema());
  SPILLWAY_ASSIGN(const TableProperties properties, table_properties(call.reader));
  SPILLWAY_TRY(call.reader.end());
  const Status changed = call.write([&](Writer& writer, const Database& database) {
    return create_or_merge(writer, database, definition, properties);
  });
  SPILLWAY_TRY(changed);
  return schema_result(call, definition.name);
}

Result<Tables> create_merge_tables(Call& call) {
  SPILLWAY_ASSIGN(const std::vector<Definition> list, definitions(call.reader));
  SPILLWAY_ASSIGN(const TableProperties properties, table_properties(call.reader));
  SPILLWAY_TRY(call.reader.end());
  const Status changed = call.write([&](Writer& writer, const Database& database) -> Status {
    for (const Definition& definition : list) {
      SPILLWAY_TRY(create_or_merge(writer, database, definition, properties));
    }
    return Status();
  });
  SPILLWAY_TRY(changed);
  return short_result(call, names_of(list));
}

/// The columns of the definition, those that the table has already with their ids and docstrings.
Result<Columns> altered_columns(const Definition& definition, const catalog::Table& table) {
  Columns columns = definition.columns;
  for (catalog::Column& column : columns) {
    const catalog::Column* existing = table.column(column.name);
    if (!existing) continue;
    if (existing->type != column.type) {
      return Error{ErrorCode::BadRequest,
                   "column '" + column.name + "' of table '" + table.name + "' has type " +
                       kql_name(existing->type) + ", not " + kql_name(column.type) +
                       "; use .alter column to change a type",
                   definition.name.span};
    }
    column = *existing;
  }
  return columns;
}

Result<Tables> alter_table_schema(Call& call, bool merge) {
  Definition definition{call.names[0], {}};
  SPILLWAY_ASSIGN(definition.columns, call.reader.schema());
  SPILLWAY_ASSIGN(const TableProperties properties, table_properties(call.reader));
  SPILLWAY_TRY(call.reader.end());
  const Status changed = call.write([&](Writer& writer, const Database& database) -> Status {
    const std::shared_ptr<const catalog::Table> existing = find_in(database.tables, definition.name.text);
    if (!existing) return not_found("table", definition.name, database);
    catalog::Table table = *existing;
    if (merge) {
      SPILLWAY_TRY(merge_columns(definition, table));
    } else {
      SPILLWAY_ASSIGN(table.columns, altered_columns(definition, *existing));
      table.docstring.clear();
      table.folder.clear();
    }
    apply(properties, table);
    return writer.alter_table(database.name, table);
  });
  SPILLWAY_TRY(changed);
  return schema_result(call, definition.name);
}

Result<Tables> alter_table(Call& call) {
  return alter_table_schema(call, false);
}

Result<Tables> alter_merge_table(Call& call) {
  return alter_table_schema(call, true);
}

/// Sets one text of a table.
Result<Tables> alter_text(Call& call, std::string catalog::Table::*member) {
  SPILLWAY_ASSIGN(const std::string text, call.reader.string("a text in quotes"));
  SPILLWAY_TRY(call.reader.end());
  const Status changed = call.write([&](Writer& writer, const Database& database) -> Status {
    const std::shared_ptr<const catalog::Table> existing = find_in(database.tables, call.names[0].text);
    if (!existing) return not_found("table", call.names[0], database);
    catalog::Table table = *existing;
    table.*member = text;
    return writer.alter_table(database.name, table);
  });
  SPILLWAY_TRY(changed);
  return short_result(call, call.names);
}

Result<Tables> alter_docstring(Call& call) {
  return alter_text(call, &catalog::Table::docstring);
}

Result<Tables> alter_folder(Call& call) {
  return alter_text(call, &catalog::Table::folder);
}

Result<Tables> drop(const Call& call, const std::vector<Name>& names, bool if_exists) {
  const Status changed = call.write([&](Writer& writer, const Database& database) -> Status {
    for (const Name& name : names) {
      if (database.tables.contains(name.text)) {
        SPILLWAY_TRY(writer.drop_table(database.name, name.text));
      } else if (!if_exists) {
        return not_found("table", name, database);
      }
    }
    return Status();
  });
  SPILLWAY_TRY(changed);
  SPILLWAY_ASSIGN(const std::shared_ptr<const Database> database, call.reload());
  Table result = empty_table(kRemainingTables);
  for (const auto& [name, table] : database->tables) {
    result.rows.push_back({Value::string(name), Value::string(database->name)});
  }
  return Tables{std::move(result)};
}

Result<Tables> drop_table(Call& call) {
  const bool if_exists = call.reader.accept("ifexists");
  SPILLWAY_TRY(call.reader.end());
  return drop(call, call.names, if_exists);
}

Result<Tables> drop_tables(Call& call) {
  SPILLWAY_ASSIGN(const std::vector<Name> names, call.reader.names("a table name"));
  const bool if_exists = call.reader.accept("ifexists");
  SPILLWAY_TRY(call.reader.end());
  return drop(call, names, if_exists);
}

/// One `NEW = OLD`.
struct Renaming {
  Name to, from;
  bool if_exists = false;
};

/// Renames all at once, so that names may be swapped: first to names that nothing has, then to the new ones.
Status rename_all(Writer& writer, const Database& database, const std::vector<Renaming>& renamings) {
  std::set<std::string> leaving, taken;
  std::vector<Renaming> real;
  for (const Renaming& renaming : renamings) {
    if (!database.tables.contains(renaming.from.text)) {
      if (renaming.if_exists) continue;
      return not_found("table", renaming.from, database);
    }
    if (!leaving.insert(renaming.from.text).second) {
      return Error{ErrorCode::BadRequest, "table '" + renaming.from.text + "' is renamed twice",
                   renaming.from.span};
    }
    if (!taken.insert(renaming.to.text).second) return exists("table", renaming.to, database);
    real.push_back(renaming);
  }
  for (const Renaming& renaming : real) {
    if (!leaving.contains(renaming.to.text)) SPILLWAY_TRY(check_free(database, renaming.to));
  }
  const std::string aside = "__renamed_" + Guid::random().str() + "_";
  const std::string name = database.name;
  for (size_t i = 0; i < real.size(); ++i) {
    SPILLWAY_TRY(writer.rename_table(name, real[i].from.text, aside + std::to_string(i)));
  }
  for (size_t i = 0; i < real.size(); ++i) {
    SPILLWAY_TRY(writer.rename_table(name, aside + std::to_string(i), real[i].to.text));
  }
  return Status();
}

Result<Tables> rename(const Call& call, const std::vector<Renaming>& renamings) {
  std::vector<Name> names;
  for (const Renaming& renaming : renamings) {
    SPILLWAY_TRY(check_name("table", renaming.to));
    names.push_back(renaming.to);
  }
  const Status changed = call.write(
      [&](Writer& writer, const Database& database) { return rename_all(writer, database, renamings); });
  SPILLWAY_TRY(changed);
  return short_result(call, names);
}

Result<Tables> rename_table(Call& call) {
  SPILLWAY_TRY(call.reader.expect("to"));
  SPILLWAY_ASSIGN(Name to, call.reader.name("a table name"));
  SPILLWAY_TRY(call.reader.end());
  return rename(call, {{std::move(to), call.names[0], false}});
}

Result<Tables> rename_tables(Call& call) {
  std::vector<Renaming> renamings;
  do {
    Renaming next;
    SPILLWAY_ASSIGN(next.to, call.reader.name("a table name"));
    SPILLWAY_TRY(call.reader.expect(TokenKind::Equal));
    SPILLWAY_ASSIGN(next.from, call.reader.name("a table name"));
    next.if_exists = call.reader.accept("ifexists");
    renamings.push_back(std::move(next));
  } while (call.reader.accept(TokenKind::Comma));
  SPILLWAY_TRY(call.reader.end());
  return rename(call, renamings);
}

Row details_row(const Database& database, const catalog::Table& table) {
  const ExtentTotals totals = totals_of(table);
  const auto count = [&] { return Value::int64(totals.extents); };
  const auto bytes = [&] { return Value::real(static_cast<double>(totals.bytes)); };
  const auto original = [&] { return Value::real(static_cast<double>(totals.original_bytes)); };
  const auto rows = [&] { return Value::int64(totals.rows); };
  const Value none = Value::string("null");
  Row row = short_row(database, table);
  for (Value value : {count(), bytes(), original(), rows(), count(), bytes(), original(), rows()}) {
    row.push_back(std::move(value));
  }
  row.push_back(Value::string("[]"));  // AuthorizedPrincipals
  row.insert(row.end(), 3, none);      // RetentionPolicy, CachingPolicy, ShardingPolicy
  row.push_back(Value::string(policy_text(table.policies, "merge")));
  row.push_back(Value::string(streaming_policy(database, table)));
  row.push_back(none);  // IngestionBatchingPolicy
  row.push_back(totals.extents ? Value::datetime(totals.first_created) : Value::null(Type::DateTime));
  row.push_back(totals.extents ? Value::datetime(totals.last_created) : Value::null(Type::DateTime));
  row.push_back(none);  // RowOrderPolicy
  row.push_back(Value::string(guid_of(table.id).str()));
  return row;
}

/// The tables named, or all.
Result<std::vector<std::shared_ptr<const catalog::Table>>> chosen(const Call& call,
                                                                  const std::vector<Name>& names) {
  SPILLWAY_ASSIGN(const Database* database, call.database());
  std::vector<std::shared_ptr<const catalog::Table>> tables;
  for (const Name& name : names) {
    SPILLWAY_ASSIGN(auto table, call.table(name));
    tables.push_back(std::move(table));
  }
  if (names.empty()) {
    for (const auto& [name, table] : database->tables) tables.push_back(table);
  }
  return tables;
}

Result<Tables> show_rows(const Call& call, const std::vector<Name>& names, bool details) {
  SPILLWAY_ASSIGN(const Database* database, call.database());
  SPILLWAY_ASSIGN(const auto tables, chosen(call, names));
  Table result = empty_table(details ? kDetails : kTables);
  for (const auto& table : tables) {
    result.rows.push_back(details ? details_row(*database, *table) : short_row(*database, *table));
  }
  return Tables{std::move(result)};
}

Result<Tables> show_tables(Call& call) {
  std::vector<Name> names;
  if (call.reader.peek().kind == TokenKind::OpenParen) {
    SPILLWAY_ASSIGN(names, call.reader.names("a table name"));
    if (call.reader.accept("extents")) return show_extents_of_tables(call, names);
  }
  const bool details = call.reader.accept("details");
  SPILLWAY_TRY(call.reader.end());
  return show_rows(call, names, details);
}

Result<Tables> show_table(Call& call) {
  SPILLWAY_TRY(call.reader.end());
  return show_rows(call, call.names, false);
}

Result<Tables> show_table_details(Call& call) {
  SPILLWAY_TRY(call.reader.end());
  return show_rows(call, call.names, true);
}

Result<Tables> show_schema(Call& call, bool as_json) {
  SPILLWAY_TRY(call.reader.end());
  SPILLWAY_ASSIGN(const Database* database, call.database());
  SPILLWAY_ASSIGN(const auto table, call.table(call.names[0]));
  Table result = empty_table(table_schema_columns());
  result.rows.push_back(table_schema_row(*database, *table, as_json));
  return Tables{std::move(result)};
}

Result<Tables> show_table_cslschema(Call& call) {
  return show_schema(call, false);
}

Result<Tables> show_table_schema(Call& call) {
  SPILLWAY_TRY(call.reader.expect("as"));
  SPILLWAY_ASSIGN(const std::string form, call.reader.expect_one_of({"json", "csl"}));
  return show_schema(call, form == "json");
}

}  // namespace

std::vector<Command> table_commands() {
  return {
      {"create table <name>",
       ".create table T (Column:type, …) [with (docstring = …, folder = …)]  ·  .create table T based-on S "
       "[ifnotexists]",
       "Creates a table; nothing where it exists", create_table},
      {"create tables", ".create tables T (Column:type, …), U (…) [with (…)]", "Creates several tables",
       create_tables},
      {"create-merge table <name>", ".create-merge table T (Column:type, …) [with (…)]",
       "Creates a table, or adds the columns that it lacks", create_merge_table},
      {"create-merge tables", ".create-merge tables T (Column:type, …), U (…) [with (…)]",
       "The same for several tables", create_merge_tables},
      {"alter table <name>", ".alter table T (Column:type, …) [with (…)]",
       "Gives a table exactly these columns, docstring and folder", alter_table},
      {"alter-merge table <name>", ".alter-merge table T (Column:type, …) [with (…)]",
       "Adds columns to a table", alter_merge_table},
      {"alter table <name> docstring", ".alter table T docstring \"text\"", "Sets a table's docstring",
       alter_docstring},
      {"alter table <name> folder", ".alter table T folder \"text\"", "Sets a table's folder", alter_folder},
      {"drop table <name>", ".drop table T [ifexists]", "Drops a table and its data", drop_table},
      {"drop tables", ".drop tables (T, U) [ifexists]", "Drops several tables", drop_tables},
      {"rename table <name>", ".rename table T to U", "Renames a table", rename_table},
      {"rename tables", ".rename tables U = T [ifexists], …",
       "Renames several tables at once, also in a circle", rename_tables},
      {"show tables", ".show tables [(T, U)] [details]", "The tables of the database", show_tables},
      {"show table <name>", ".show table T", "One table", show_table},
      {"show table <name> details", ".show table T details", "A table's size and policies",
       show_table_details},
      {"show table <name> cslschema", ".show table T cslschema",
       "A table's columns, as create commands take them", show_table_cslschema},
      {"show table <name> schema", ".show table T schema as (json | csl)", "A table's schema",
       show_table_schema},
  };
}

}  // namespace spillway::commands
