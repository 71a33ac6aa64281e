#include <unistd.h>

#include <CLI/CLI.hpp>

#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <sstream>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/script.h"
#include "cli/table_format.h"
#include "server/tokens.h"

namespace spillway::cli {
namespace {

struct QueryArguments {
  std::string text;  // or the path of a script
  std::string server = "http://127.0.0.1:8080";
  std::string database = "NetDefaultDB";
  std::string token_file;
  Format format = Format::Table;
  bool keep_going = false;
};

[[noreturn]] void fail(const std::string& message) {
  std::fprintf(stderr, "spillway: %s\n", message.c_str());
  throw CLI::RuntimeError(1);
}

std::string read_input(const std::string& path) {
  std::ostringstream text;
  if (path == "-") {
    text << std::cin.rdbuf();
  } else {
    std::ifstream file(path, std::ios::binary);
    if (!file) fail("can't read '" + path + "'");
    text << file.rdbuf();
  }
  return text.str();
}

Client make_client(const QueryArguments& arguments) {
  ClientOptions options;
  options.url = arguments.server;
  if (!arguments.token_file.empty()) {
    const auto tokens = server::Tokens::read(arguments.token_file);
    if (!tokens.ok()) fail(tokens.error().message);
    options.token = tokens->first();
  }
  return Client(std::move(options));
}

std::string line_of(std::string_view text, int number) {
  for (; number > 1; --number) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) return "";
    text.remove_prefix(end + 1);
  }
  return std::string(text.substr(0, std::min(text.find_first_of("\r\n"), text.size())));
}

/// The line of the text that an error is about, and a caret under its column.
std::string pointer(std::string_view text, const TextSpan& span) {
  std::string line = line_of(text, span.line);
  const std::string before = line.substr(0, std::min(line.size(), static_cast<size_t>(span.column - 1)));
  for (char& c : line) {
    if (c == '\t') c = ' ';
  }
  return "  " + line + "\n  " + std::string(display_width(before), ' ') + "^\n";
}

void print_error(const Error& error, std::string_view text, const std::string& place) {
  std::string out = place + error.message + '\n';
  if (error.span) out += pointer(text, *error.span);
  std::fputs(out.c_str(), stderr);
}

void print_tables(const std::vector<Table>& tables, Format format) {
  FormatOptions options;
  options.format = format;
  options.cell_width = isatty(STDOUT_FILENO) ? kCellWidth : 0;
  for (const Table& table : tables) {
    const std::string text = format_table(table, options);
    std::fwrite(text.data(), 1, text.size(), stdout);
  }
  std::fflush(stdout);
}

void run_query(const QueryArguments& arguments) {
  const std::string text = arguments.text == "-" ? read_input("-") : arguments.text;
  Client client = make_client(arguments);
  const auto tables = client.execute(arguments.database, text);
  if (!tables.ok()) {
    print_error(tables.error(), text, "error: ");
    throw CLI::RuntimeError(1);
  }
  print_tables(*tables, arguments.format);
}

void run_script(const QueryArguments& arguments) {
  const std::string script = read_input(arguments.text);
  Client client = make_client(arguments);
  bool failed = false;
  for (const ScriptStatement& statement : split_script(script)) {
    const auto tables = client.execute(arguments.database, statement.text);
    if (tables.ok()) {
      print_tables(*tables, arguments.format);
      continue;
    }
    failed = true;
    const int line = statement.line + (tables.error().span ? tables.error().span->line - 1 : 0);
    std::string place = arguments.text == "-" ? "stdin" : arguments.text;
    place += ':' + std::to_string(line);
    if (tables.error().span) place += ':' + std::to_string(tables.error().span->column);
    print_error(tables.error(), statement.text, place + ": ");
    if (!arguments.keep_going || !client.connected()) break;
  }
  if (failed) throw CLI::RuntimeError(1);
}

void add_common_options(CLI::App& command, QueryArguments& arguments) {
  static const std::map<std::string, Format> kFormats = {
      {"table", Format::Table}, {"csv", Format::Csv}, {"json", Format::Json}};
  command.add_option("--server", arguments.server, "URL of the server")->capture_default_str();
  command.add_option("--database", arguments.database, "Database")->capture_default_str();
  command.add_option("--format", arguments.format, "table, csv or json")
      ->transform(CLI::CheckedTransformer(kFormats, CLI::ignore_case))
      ->option_text("table|csv|json");
  command.add_option("--token-file", arguments.token_file, "File with the server's API token")
      ->check(CLI::ExistingFile);
}

}  // namespace

void add_query_commands(CLI::App& app) {
  const auto query = std::make_shared<QueryArguments>();
  CLI::App* query_command = app.add_subcommand("query", "Run one query or command and print its result");
  query_command->add_option("text", query->text, "KQL or a command; - reads it from standard input")
      ->required();
  add_common_options(*query_command, *query);
  query_command->callback([query] { run_query(*query); });

  const auto script = std::make_shared<QueryArguments>();
  CLI::App* exec_command =
      app.add_subcommand("exec", "Run the commands and queries of a script, one after the other");
  exec_command
      ->add_option("file", script->text,
                   "Script, its statements separated by blank lines; - is standard input")
      ->required();
  add_common_options(*exec_command, *script);
  exec_command->add_flag("--keep-going", script->keep_going, "Go on after a statement that failed");
  exec_command->callback([script] { run_script(*script); });
}

}  // namespace spillway::cli
