#include "commands/commands.h"

#include <cctype>
#include <string_view>
#include <utility>

#include "base/log.h"
#include "commands/call.h"
#include "commands/matcher.h"
#include "commands/reader.h"

namespace spillway::commands {
namespace {

struct Family {
  const char* title;
  std::vector<Command> commands;
};

const std::vector<Family>& families() {
  static const std::vector<Family> all = {
      {"Databases", database_commands()},
      {"Tables", table_commands()},
      {"Columns", column_commands()},
      {"Functions", function_commands()},
      {"Ingestion mappings", mapping_commands()},
      {"Policies", policy_commands()},
      {"Policies of security", security_policy_commands()},
      {"Security roles", security_role_commands()},
      {"Ingestion", ingestion_commands()},
      {"Extents", extent_commands()},
      {"External tables", external_table_commands()},
      {"Mappings of external tables", external_mapping_commands()},
      {"Export", export_commands()},
      {"Continuous export", continuous_export_commands()},
      {"Operations", operation_commands()},
      {"Queries and commands", request_commands()},
      {"Capacity", capacity_commands()},
      {"Query plans", query_plan_commands()},
      {"Server", cluster_commands()},
      {"Followed databases", follower_commands()},
      {"Not supported", unsupported_commands()},
  };
  return all;
}

/// The forms of a syntax text, which are separated by dots in the middle.
std::vector<std::string> forms(std::string_view syntax) {
  constexpr std::string_view kSeparator = "  \u00b7  ";
  std::vector<std::string> list;
  while (true) {
    const size_t end = syntax.find(kSeparator);
    list.emplace_back(syntax.substr(0, end));
    if (end == std::string_view::npos) return list;
    syntax.remove_prefix(end + kSeparator.size());
  }
}

/// Commands that only look: their results may be continued in KQL.
bool is_show(const Command& command) {
  const std::string_view pattern = command.pattern;
  return pattern.starts_with("show") || pattern.starts_with("verify");
}

/// The command's permission, in the database that it names or in the request's. Leaves the databases that the
/// caller may show where it asks for all.
Status authorize(const Command& command, Call& call) {
  if (!call.caller() || !command.summary) return Status();  // what isn't supported says so to everyone
  const Permission permission = permission_of(command.pattern);
  if (permission == Permission::OwnDatabases) {
    call.snapshot = visible_part(*call.snapshot, *call.caller());
    return Status();
  }
  if (permission == Permission::Anyone) return Status();
  if (permission == Permission::ClusterAdmin || permission == Permission::ClusterMonitor) {
    return call.require(permission, catalog::Database());
  }
  const bool names_database =
      std::string_view(command.pattern).find("database <name") != std::string_view::npos;
  if (!names_database) return call.require(permission);
  SPILLWAY_ASSIGN(const catalog::Database* database, call.database(call.names[0]));
  return call.require(permission, *database);
}

/// `.show tables | where …`: the rest of the text over the command's result.
Result<Tables> continue_in_kql(const Call& call, const Tables& results) {
  if (results.empty()) return Error{ErrorCode::Internal, "the command has no result"};
  const Reader::Tail rest = call.reader.rest();
  SPILLWAY_ASSIGN(const kql::BoundQuery query, call.compile(rest.text, rest.offset, &results.front()));
  Tables tables;
  for (const kql::BoundResult& result : query.results) {
    SPILLWAY_ASSIGN(Table table, call.run(result));
    tables.push_back(std::move(table));
  }
  return tables;
}

/// The types whose names don't follow from their commands' words.
constexpr std::pair<std::string_view, const char*> kTypes[] = {
    {"ingest inline into", "DataIngestInline"},
    {"ingest into", "DataIngestPull"},
    {"ingest async into", "DataIngestPull"},
    {"set", "TableSet"},
    {"append", "TableAppend"},
    {"set-or-append", "TableSetOrAppend"},
    {"set-or-replace", "TableSetOrReplace"},
    {"export", "DataExport"},
    {"merge <name>", "ExtentsMerge"},
    {"merge async <name>", "ExtentsMerge"},
};

/// "create-merge tables" → "TablesCreateMerge": what it is about, then what is done.
std::string type_of(const Command& command) {
  const std::string_view pattern = command.pattern;
  for (const auto& [words, type] : kTypes) {
    if (pattern == words) return type;
  }
  std::string first, rest;
  std::string* part = &first;
  bool upper = true, in_name = false;
  for (const char c : pattern) {
    if (c == '<' || c == '>') {
      in_name = c == '<';
    } else if (c == ' ') {
      part = &rest;
      upper = true;
    } else if (c == '-' || c == '_') {
      upper = true;
    } else if (!in_name) {
      *part += upper ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
      upper = false;
    }
  }
  return rest + first;
}

catalog::LoggedRequest row_of(const Request& request) {
  catalog::LoggedRequest row;
  row.text = request.text;
  row.database = request.database;
  row.client_activity_id = request.activity_id;
  row.root_activity_id = request.root_activity_id;
  row.principal = request.principal;
  row.user = request.user.empty() ? request.principal : request.user;
  row.application = request.application;
  row.client_request_properties = request.client_request_properties;
  return row;
}

/// Inline data are no part of the command.
std::string text_for_log(const Command& command, const std::string& text) {
  constexpr std::string_view kInline = "ingest inline into", kData = "<|";
  const size_t data = command.pattern == kInline ? text.find(kData) : std::string::npos;
  return data == std::string::npos ? text : text.substr(0, data + kData.size()) + " …";
}

/// Records and, about, bytes of each result.
void add_results(const Tables& tables, Requests::Running& logged) {
  for (const Table& table : tables) {
    int64_t bytes = 0;
    for (const auto& row : table.rows) {
      for (const Value& value : row) {
        const bool text =
            !value.is_null() &&
            (value.type() == Type::String || value.type() == Type::Dynamic || value.type() == Type::Decimal);
        bytes += text ? static_cast<int64_t>(value.as_text().size()) : static_cast<int64_t>(sizeof(int64_t));
      }
    }
    logged.add_result(static_cast<int64_t>(table.rows.size()), bytes);
  }
}

/// A syntax error right behind a command's words may mean that another command was meant.
Error with_suggestion(Error error, const Reader& words, size_t after_pattern) {
  if (error.code != ErrorCode::Syntax || !error.span ||
      error.span->offset != static_cast<int>(after_pattern)) {
    return error;
  }
  const std::string nearest = nearest_command(words);
  if (!nearest.empty()) error.message += "; the nearest command is '" + nearest + "'";
  return error;
}

Result<Tables> run(const Request& request, const Services& services,
                   const std::shared_ptr<Requests::Running>& logged) {
  Reader words(request.text);
  SPILLWAY_TRY(words.expect(TokenKind::Dot));
  SPILLWAY_ASSIGN(Match match, match_command(words));
  if (logged) {
    logged->set_command_type(type_of(*match.command));
    logged->set_text(text_for_log(*match.command, request.text));
  }
  const size_t after_pattern = match.reader.offset();
  if (is_show(*match.command)) match.reader.allow_pipe();
  Call call{request,
            services,
            match.reader,
            match.command->pattern,
            std::move(match.names),
            services.catalog.snapshot(),
            logged};
  SPILLWAY_TRY(authorize(*match.command, call));
  Result<Tables> results = match.command->run(call);
  if (!results.ok()) return with_suggestion(results.error(), words, after_pattern);
  if (!is_show(*match.command)) {
    log::info("command completed", {{"command", std::string_view(match.command->pattern)},
                                    {"database", request.database},
                                    {"principal", request.principal},
                                    {"activity", request.activity_id}});
  }
  if (call.reader.peek().kind == TokenKind::Bar && is_show(*match.command))
    return continue_in_kql(call, *results);
  return results;
}

}  // namespace

const std::vector<Command>& all_commands() {
  static const std::vector<Command> all = [] {
    std::vector<Command> gathered;
    for (const Family& family : families()) {
      gathered.insert(gathered.end(), family.commands.begin(), family.commands.end());
    }
    return gathered;
  }();
  return all;
}

bool is_command(std::string_view text) {
  return Reader(text).peek().kind == TokenKind::Dot;
}

Result<Tables> execute_nested(const Request& request, const Services& services) {
  return run(request, services, nullptr);
}

Result<Tables> execute(const Request& given, const Services& services) {
  Request request = given;
  if (!request.cancel) request.cancel = std::make_shared<engine::CancelToken>();
  const engine::WorkTimer timer(request.cancel->usage());
  const auto logged = services.requests.begin(row_of(request), request.cancel);
  Result<Tables> results = run(request, services, logged);
  if (results.ok()) add_results(*results, *logged);
  logged->end(results.status());
  return results;
}

std::string command_type(std::string_view text) {
  Reader words(text);
  if (!words.expect(TokenKind::Dot).ok()) return "";
  const Result<Match> match = match_command(words);
  return match.ok() ? type_of(*match->command) : "";
}

std::vector<CommandHelp> help() {
  std::vector<CommandHelp> lines;
  for (const Family& family : families()) {
    for (const Command& command : family.commands) {
      if (command.syntax) lines.push_back({family.title, forms(command.syntax), command.summary});
    }
  }
  return lines;
}

}  // namespace spillway::commands
