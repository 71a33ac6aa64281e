// Stored functions.
// Sources: management/create-function.md, create-alter-function.md, alter-function.md,
// alter-docstring-function.md, alter-folder-function.md, drop-function.md, show-function.md.

#include <utility>

#include "commands/call.h"
#include "commands/describe.h"
#include "commands/functions.h"
#include "kql/syntax/parser.h"

namespace spillway::commands {
namespace {

using catalog::Database;
using catalog::Function;
using catalog::Writer;

const Schema kFunctions = {{"Name", Type::String},
                           {"Parameters", Type::String},
                           {"Body", Type::String},
                           {"Folder", Type::String},
                           {"DocString", Type::String}};

const Schema kDropped = {{"Name", Type::String}};

enum class Mode { Create, CreateIfNotExists, CreateOrAlter, Alter };

Row row_of(const Function& function, bool with_secrets = false) {
  return {Value::string(function.name), Value::string(function.parameters),
          Value::string(with_secrets ? function.body : without_secrets(function.body)),
          Value::string(function.folder), Value::string(function.docstring)};
}

Result<Tables> one_function(const Call& call, const Name& name) {
  SPILLWAY_ASSIGN(const std::shared_ptr<const Database> database, call.reload());
  const std::shared_ptr<const Function> function = find_in(database->functions, name.text);
  if (!function) return not_found("function", name, *database);
  Table result = empty_table(kFunctions);
  result.rows.push_back(row_of(*function));
  return Tables{std::move(result)};
}

/// A function as a command gives it.
struct Definition {
  Name name;
  std::string parameters, body;
  std::optional<std::string> folder, docstring;
  bool skip_validation = false;
  size_t offset = 0;      // where its parameters begin in the command's text
  std::string_view text;  // parameters and body, as they stand there
};

/// What stands between an opening sign at the next token and the closing one that belongs to it, both
/// included.
Result<std::string> enclosed(Reader& reader, TokenKind open, TokenKind close) {
  const size_t begin = reader.offset();
  size_t end = begin;
  int depth = 0;
  SPILLWAY_TRY(reader.peek().kind == open ? Status() : Status(reader.expected(kql::syntax::describe(open))));
  do {
    const Token token = reader.peek();
    if (token.kind == TokenKind::End || token.kind == TokenKind::Bad) {
      return reader.expected(kql::syntax::describe(close));
    }
    if (token.kind == open) ++depth;
    if (token.kind == close) --depth;
    end = reader.offset() + token.text.size();
    SPILLWAY_TRY(reader.expect(token.kind));
  } while (depth > 0);
  return std::string(reader.text().substr(begin, end - begin));
}

Result<Definition> read_definition(Reader& reader) {
  Definition definition;
  SPILLWAY_ASSIGN(const Properties properties, Properties::parse(reader));
  SPILLWAY_TRY(properties.check({"docstring", "folder", "skipvalidation", "view"}));
  SPILLWAY_ASSIGN(const bool view, properties.boolean("view", false));
  if (view) return Error{ErrorCode::NotSupported, "stored views (view=true) aren't supported"};
  SPILLWAY_ASSIGN(definition.skip_validation, properties.boolean("skipvalidation", false));
  definition.docstring = properties.text("docstring");
  definition.folder = properties.text("folder");
  SPILLWAY_ASSIGN(definition.name, reader.name("a function name"));
  SPILLWAY_TRY(check_name("function", definition.name));
  definition.offset = reader.offset();
  SPILLWAY_ASSIGN(definition.parameters, enclosed(reader, TokenKind::OpenParen, TokenKind::CloseParen));
  const size_t body = reader.offset();
  SPILLWAY_ASSIGN(definition.body, enclosed(reader, TokenKind::OpenBrace, TokenKind::CloseBrace));
  definition.text =
      reader.text().substr(definition.offset, body + definition.body.size() - definition.offset);
  SPILLWAY_TRY(reader.end());
  return definition;
}

/// A literal of a type, to call a function for its validation.
const char* sample_of(Type type) {
  switch (type) {
    case Type::Bool: return "true";
    case Type::Int: return "int(1)";
    case Type::Long: return "long(1)";
    case Type::Real: return "real(1)";
    case Type::Decimal: return "decimal(1)";
    case Type::String: return "''";
    case Type::DateTime: return "datetime(2000-01-01)";
    case Type::TimeSpan: return "1h";
    case Type::Guid: return "guid(00000000-0000-0000-0000-000000000000)";
    case Type::Dynamic: return "dynamic({})";
  }
  return "dynamic(null)";
}

/// The arguments with which a function that has these parameters can be bound; those with defaults are left
/// out.
std::string sample_arguments(const std::vector<kql::syntax::Parameter>& parameters) {
  std::string arguments;
  for (const kql::syntax::Parameter& parameter : parameters) {
    if (parameter.default_value) continue;
    arguments += arguments.empty() ? "" : ", ";
    if (!parameter.tabular()) {
      arguments += sample_of(parameter.type.value_or(Type::Dynamic));
      continue;
    }
    std::string columns;
    for (const kql::syntax::ColumnDecl& column : parameter.schema->columns) {
      columns += (columns.empty() ? "" : ", ") + reference(column.name.text) + ":" + kql_name(column.type);
    }
    arguments += "(datatable(" + (columns.empty() ? "x:long" : columns) + ")[])";
  }
  return arguments;
}

/// An error of the query that validates a function, with its span in the command's text where it is in the
/// function.
Error in_function(Error error, const Call& call, const Definition& definition, size_t prefix) {
  const size_t at = error.span ? static_cast<size_t>(error.span->offset) : 0;
  if (error.span && at >= prefix && at < prefix + definition.text.size()) {
    error.span =
        span_at(call.reader.text(), at - prefix + definition.offset, static_cast<size_t>(error.span->length));
  } else {
    error.span = definition.name.span;
  }
  error.message = "function '" + definition.name.text + "' isn't valid: " + error.message;
  return error;
}

/// `table(Name)` of a parameter: which table that will be can't be known, the sample being an empty text.
bool names_by_argument(const Error& error) {
  return error.code == ErrorCode::EntityNotFound && error.message.starts_with("Table '' was not found");
}

/// Binds a call of the function, so that an error in its body shows now and not at its first use. A call that
/// is no table may be a scalar.
Status validate(const Call& call, const Definition& definition) {
  auto function = kql::syntax::parse_function(
      call.reader.text().substr(0, definition.offset + definition.text.size()), definition.offset);
  if (!function.ok()) return function.error();
  if (definition.skip_validation) return Status();
  const std::string let = "let __function = ";
  const std::string called = "__function(" + sample_arguments((*function)->parameters) + ")";
  const std::string begin = let + std::string(definition.text) + ";\n";
  Result<kql::BoundQuery> as_table = call.validate(begin + called);
  if (as_table.ok() || call.validate(begin + "print " + called).ok()) return Status();
  if (names_by_argument(as_table.error())) return Status();
  return in_function(as_table.error(), call, definition, let.size());
}

Result<Tables> define(Call& call, Mode mode) {
  SPILLWAY_ASSIGN(const Definition definition, read_definition(call.reader));
  SPILLWAY_TRY(validate(call, definition));
  const Status changed = call.write([&](Writer& writer, const Database& database) -> Status {
    const std::shared_ptr<const Function> existing = find_in(database.functions, definition.name.text);
    if (existing && mode == Mode::CreateIfNotExists) return Status();
    if (existing && mode == Mode::Create) return exists("function", definition.name, database);
    if (!existing && mode == Mode::Alter) return not_found("function", definition.name, database);
    Function function = existing ? *existing : Function();
    function.name = definition.name.text;
    function.parameters = definition.parameters;
    function.body = definition.body;
    if (definition.folder) function.folder = *definition.folder;
    if (definition.docstring) function.docstring = *definition.docstring;
    return writer.put_function(database.name, function);
  });
  SPILLWAY_TRY(changed);
  return one_function(call, definition.name);
}

Result<Tables> create_function(Call& call) {
  return define(call, call.reader.accept("ifnotexists") ? Mode::CreateIfNotExists : Mode::Create);
}

Result<Tables> create_or_alter_function(Call& call) {
  return define(call, Mode::CreateOrAlter);
}

Result<Tables> alter_function(Call& call) {
  return define(call, Mode::Alter);
}

Result<Tables> alter_text(Call& call, std::string Function::*member) {
  SPILLWAY_ASSIGN(const std::string text, call.reader.string("a text in quotes"));
  SPILLWAY_TRY(call.reader.end());
  const Status changed = call.write([&](Writer& writer, const Database& database) -> Status {
    const std::shared_ptr<const Function> existing = find_in(database.functions, call.names[0].text);
    if (!existing) return not_found("function", call.names[0], database);
    Function function = *existing;
    function.*member = text;
    return writer.put_function(database.name, function);
  });
  SPILLWAY_TRY(changed);
  return one_function(call, call.names[0]);
}

Result<Tables> alter_docstring(Call& call) {
  return alter_text(call, &Function::docstring);
}

Result<Tables> alter_folder(Call& call) {
  return alter_text(call, &Function::folder);
}

Status drop(const Call& call, const std::vector<Name>& names, bool if_exists) {
  return call.write([&](Writer& writer, const Database& database) -> Status {
    for (const Name& name : names) {
      if (database.functions.contains(name.text)) {
        SPILLWAY_TRY(writer.drop_function(database.name, name.text));
      } else if (!if_exists) {
        return not_found("function", name, database);
      }
    }
    return Status();
  });
}

Result<Tables> drop_function(Call& call) {
  const bool if_exists = call.reader.accept("ifexists");
  SPILLWAY_TRY(call.reader.end());
  SPILLWAY_TRY(drop(call, call.names, if_exists));
  Table result = empty_table(kDropped);
  result.rows.push_back({Value::string(call.names[0].text)});
  return Tables{std::move(result)};
}

Result<Tables> all_functions(const Database& database) {
  Table result = empty_table(kFunctions);
  for (const auto& [name, function] : database.functions) result.rows.push_back(row_of(*function));
  return Tables{std::move(result)};
}

Result<Tables> drop_functions(Call& call) {
  SPILLWAY_ASSIGN(const std::vector<Name> names, call.reader.names("a function name"));
  const bool if_exists = call.reader.accept("ifexists");
  SPILLWAY_TRY(call.reader.end());
  SPILLWAY_TRY(drop(call, names, if_exists));
  SPILLWAY_ASSIGN(const std::shared_ptr<const Database> database, call.reload());
  return all_functions(*database);
}

Result<Tables> show_functions(Call& call) {
  SPILLWAY_TRY(call.reader.end());
  SPILLWAY_ASSIGN(const Database* database, call.database());
  return all_functions(*database);
}

Result<Tables> show_function(Call& call) {
  SPILLWAY_ASSIGN(const Properties properties, Properties::parse(call.reader));
  SPILLWAY_TRY(call.reader.end());
  SPILLWAY_TRY(properties.check({"ShowObfuscatedStrings"}));
  SPILLWAY_ASSIGN(const bool with_secrets, properties.boolean("ShowObfuscatedStrings", false));
  SPILLWAY_ASSIGN(const Database* database, call.database());
  SPILLWAY_ASSIGN(const auto function, call.function(call.names[0]));
  Table result = empty_table(kFunctions);
  result.rows.push_back(row_of(*function, with_secrets && sees_secrets(call, *database, *function)));
  return Tables{std::move(result)};
}

}  // namespace

bool sees_secrets(const Call& call, const Database& database, const Function& function) {
  return !call.caller() || catalog::is_admin(*call.caller(), database, function.policies);
}

std::string output_schema(const Call& call, const Function& function) {
  const auto parsed = kql::syntax::parse_function(function.parameters + function.body);
  if (!parsed.ok()) return "";
  const Result<kql::BoundQuery> bound =
      call.validate(reference(function.name) + "(" + sample_arguments((*parsed)->parameters) + ")");
  if (!bound.ok() || bound->results.empty()) return "";
  Columns columns;
  for (const Field& field : kql::schema_of(*bound->results.front().plan)) {
    columns.emplace_back();
    columns.back().name = field.name;
    columns.back().type = field.type;
  }
  return csl_schema(columns);
}

std::vector<Command> function_commands() {
  return {
      {"create function",
       ".create function [ifnotexists] [with (docstring = …, folder = …, skipvalidation = …)] F(x:long, …) { "
       "… }",
       "Creates a stored function", create_function},
      {"create-or-alter function", ".create-or-alter function [with (…)] F(…) { … }",
       "Creates or replaces a stored function", create_or_alter_function},
      {"alter function", ".alter function [with (…)] F(…) { … }", "Replaces a stored function",
       alter_function},
      {"alter function <name> docstring", ".alter function F docstring \"text\"",
       "Sets a function's docstring", alter_docstring},
      {"alter function <name> folder", ".alter function F folder \"text\"", "Sets a function's folder",
       alter_folder},
      {"drop function <name>", ".drop function F [ifexists]", "Drops a stored function", drop_function},
      {"drop functions", ".drop functions (F, G) [ifexists]", "Drops several stored functions",
       drop_functions},
      {"show functions", ".show functions", "The stored functions of the database", show_functions},
      {"show function <name>", ".show function F [with (ShowObfuscatedStrings = true)]",
       "One stored function", show_function},
  };
}

}  // namespace spillway::commands
