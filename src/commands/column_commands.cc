// Columns of tables: types, names, docstrings, and their end.
// Sources: management/alter-column.md, alter-column-docstrings.md, alter-merge-table-column.md,
// rename-column.md, drop-column.md.

#include <algorithm>
#include <set>
#include <utility>

#include "commands/call.h"
#include "commands/describe.h"

namespace spillway::commands {
namespace {

using catalog::Database;
using catalog::Writer;

/// `[Database.]Table.Column`.
struct ColumnName {
  std::optional<Name> database;
  Name table, column;
};

Result<ColumnName> column_name(Reader& reader) {
  std::vector<Name> parts;
  do {
    SPILLWAY_ASSIGN(Name part, reader.name("a name"));
    parts.push_back(std::move(part));
  } while (parts.size() < 3 && reader.accept(TokenKind::Dot));
  if (parts.size() < 2) return reader.expected("'.' and the name of a column");
  ColumnName name;
  if (parts.size() == 3) name.database = parts[0];
  name.table = parts[parts.size() - 2];
  name.column = parts.back();
  return name;
}

Error no_column(const catalog::Table& table, const Name& column) {
  return Error{ErrorCode::EntityNotFound,
               "column '" + column.text + "' not found in table '" + table.name + "'", column.span};
}

/// Where the column stands in its table.
Result<size_t> position_of(const catalog::Table& table, const Name& column) {
  const auto found = std::find_if(table.columns.begin(), table.columns.end(),
                                  [&](const catalog::Column& c) { return c.name == column.text; });
  if (found == table.columns.end()) return no_column(table, column);
  return static_cast<size_t>(found - table.columns.begin());
}

/// Changes a table, which may be in another database than the request's, and returns its schema.
Result<Tables> change(const Call& call, const std::optional<Name>& in_database, const Name& name,
                      const std::function<Status(catalog::Table&)>& change_table) {
  Request request = call.request;
  if (in_database) {
    SPILLWAY_ASSIGN(const Database* other, call.database(*in_database));
    request.database = other->name;
  }
  const Call there{request, call.services, call.reader, call.pattern, call.names, call.snapshot};
  const Status changed = there.write([&](Writer& writer, const Database& database) -> Status {
    const std::shared_ptr<const catalog::Table> existing = find_in(database.tables, name.text);
    if (!existing) return not_found("table", name, database);
    catalog::Table table = *existing;
    SPILLWAY_TRY(change_table(table));
    return writer.alter_table(database.name, table);
  });
  SPILLWAY_TRY(changed);
  SPILLWAY_ASSIGN(const std::shared_ptr<const Database> database, there.reload());
  const std::shared_ptr<const catalog::Table> table = find_in(database->tables, name.text);
  if (!table) return not_found("table", name, *database);
  return Tables{table_schema_result(*database, *table)};
}

/// A column of another type is a new one: its values so far become null, as documented.
Result<Tables> alter_column(Call& call) {
  SPILLWAY_ASSIGN(const ColumnName name, column_name(call.reader));
  SPILLWAY_TRY(call.reader.expect("type"));
  SPILLWAY_TRY(call.reader.expect(TokenKind::Equal));
  SPILLWAY_ASSIGN(const Type type, call.reader.type());
  SPILLWAY_TRY(call.reader.end());
  return change(call, name.database, name.table, [&](catalog::Table& table) -> Status {
    SPILLWAY_ASSIGN(const size_t position, position_of(table, name.column));
    catalog::Column& column = table.columns[position];
    if (column.type == type) return Status();
    column.type = type;
    column.id = 0;
    return Status();
  });
}

Status rename_one(catalog::Table& table, const Name& from, const Name& to) {
  SPILLWAY_TRY(check_name("column", to));
  SPILLWAY_ASSIGN(const size_t position, position_of(table, from));
  if (from.text != to.text && table.column(to.text)) {
    return Error{ErrorCode::EntityExists,
                 "column '" + to.text + "' already exists in table '" + table.name + "'", to.span};
  }
  table.columns[position].name = to.text;
  return Status();
}

Result<Tables> rename_column(Call& call) {
  SPILLWAY_ASSIGN(const ColumnName name, column_name(call.reader));
  SPILLWAY_TRY(call.reader.expect("to"));
  SPILLWAY_ASSIGN(const Name to, call.reader.name("a column name"));
  SPILLWAY_TRY(call.reader.end());
  return change(call, name.database, name.table,
                [&](catalog::Table& table) { return rename_one(table, name.column, to); });
}

/// One `NewName = [Database.]Table.Column`.
struct Renaming {
  Name to;
  ColumnName from;
};

/// Renames all at once, so that names may be swapped.
Status rename_all(catalog::Table& table, const std::vector<Renaming>& renamings) {
  std::vector<size_t> positions;
  for (const Renaming& renaming : renamings) {
    SPILLWAY_TRY(check_name("column", renaming.to));
    SPILLWAY_ASSIGN(const size_t position, position_of(table, renaming.from.column));
    positions.push_back(position);
  }
  for (size_t i = 0; i < renamings.size(); ++i) table.columns[positions[i]].name = renamings[i].to.text;
  std::set<std::string> names;
  for (const catalog::Column& column : table.columns) {
    if (names.insert(column.name).second) continue;
    return Error{ErrorCode::EntityExists,
                 "table '" + table.name + "' would have two columns named '" + column.name + "'"};
  }
  return Status();
}

Result<Tables> rename_columns(Call& call) {
  std::vector<Renaming> renamings;
  do {
    Renaming next;
    SPILLWAY_ASSIGN(next.to, call.reader.name("a column name"));
    SPILLWAY_TRY(call.reader.expect(TokenKind::Equal));
    SPILLWAY_ASSIGN(next.from, column_name(call.reader));
    renamings.push_back(std::move(next));
  } while (call.reader.accept(TokenKind::Comma));
  SPILLWAY_TRY(call.reader.end());
  const ColumnName& first = renamings.front().from;
  const auto database_of = [](const ColumnName& name) {
    return name.database ? name.database->text : std::string();
  };
  for (const Renaming& renaming : renamings) {
    if (renaming.from.table.text == first.table.text && database_of(renaming.from) == database_of(first))
      continue;
    return Error{ErrorCode::NotSupported, "one command renames columns of one table only",
                 renaming.from.table.span};
  }
  return change(call, first.database, first.table,
                [&](catalog::Table& table) { return rename_all(table, renamings); });
}

Status drop_one(catalog::Table& table, const Name& column) {
  SPILLWAY_ASSIGN(const size_t position, position_of(table, column));
  if (table.columns.size() == 1) {
    return Error{ErrorCode::BadRequest, "table '" + table.name + "' must keep at least one column",
                 column.span};
  }
  table.columns.erase(table.columns.begin() + static_cast<std::ptrdiff_t>(position));
  return Status();
}

Result<Tables> drop_column(Call& call) {
  SPILLWAY_ASSIGN(const ColumnName name, column_name(call.reader));
  const bool if_exists = call.reader.accept("ifexists");
  SPILLWAY_TRY(call.reader.end());
  return change(call, name.database, name.table, [&](catalog::Table& table) -> Status {
    if (if_exists && !table.column(name.column.text)) return Status();
    return drop_one(table, name.column);
  });
}

Result<Tables> drop_columns(Call& call) {
  SPILLWAY_ASSIGN(const std::vector<Name> columns, call.reader.names("a column name"));
  SPILLWAY_TRY(call.reader.end());
  return change(call, std::nullopt, call.names[0], [&](catalog::Table& table) -> Status {
    for (const Name& column : columns) SPILLWAY_TRY(drop_one(table, column));
    return Status();
  });
}

/// `(Column: "docstring", …)`.
Result<Tables> alter_docstrings(Call& call, bool merge) {
  std::vector<std::pair<Name, std::string>> docstrings;
  SPILLWAY_TRY(call.reader.expect(TokenKind::OpenParen));
  do {
    SPILLWAY_ASSIGN(Name column, call.reader.name("a column name"));
    SPILLWAY_TRY(call.reader.expect(TokenKind::Colon));
    SPILLWAY_ASSIGN(std::string text, call.reader.string("a docstring in quotes"));
    docstrings.emplace_back(std::move(column), std::move(text));
  } while (call.reader.accept(TokenKind::Comma));
  SPILLWAY_TRY(call.reader.expect(TokenKind::CloseParen));
  SPILLWAY_TRY(call.reader.end());
  return change(call, std::nullopt, call.names[0], [&](catalog::Table& table) -> Status {
    if (!merge) {
      for (catalog::Column& column : table.columns) column.docstring.clear();
    }
    for (const auto& [column, text] : docstrings) {
      SPILLWAY_ASSIGN(const size_t position, position_of(table, column));
      table.columns[position].docstring = text;
    }
    return Status();
  });
}

Result<Tables> alter_column_docstrings(Call& call) {
  return alter_docstrings(call, false);
}

Result<Tables> alter_merge_column_docstrings(Call& call) {
  return alter_docstrings(call, true);
}

}  // namespace

std::vector<Command> column_commands() {
  return {
      {"alter column", ".alter column [Database.]T.Column type = Type",
       "Changes a column's type; its values so far become null", alter_column},
      {"rename column", ".rename column [Database.]T.Column to NewName", "Renames a column", rename_column},
      {"rename columns", ".rename columns NewName = [Database.]T.Column, …",
       "Renames several columns at once", rename_columns},
      {"drop column", ".drop column T.Column [ifexists]", "Drops a column", drop_column},
      {"drop table <name> columns", ".drop table T columns (Column, …)", "Drops several columns",
       drop_columns},
      {"alter table <name> column-docstrings", ".alter table T column-docstrings (Column: \"text\", …)",
       "Sets the docstrings of all columns; those not named lose theirs", alter_column_docstrings},
      {"alter-merge table <name> column-docstrings",
       ".alter-merge table T column-docstrings (Column: \"text\", …)", "Sets docstrings of some columns",
       alter_merge_column_docstrings},
  };
}

}  // namespace spillway::commands
