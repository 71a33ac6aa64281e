#include "commands/commands.h"

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
      {"Ingestion", ingestion_commands()},
      {"Extents", extent_commands()},
      {"External tables", external_table_commands()},
      {"Mappings of external tables", external_mapping_commands()},
      {"Export", export_commands()},
      {"Continuous export", continuous_export_commands()},
      {"Operations", operation_commands()},
      {"Query plans", query_plan_commands()},
      {"Server", cluster_commands()},
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

Result<Tables> execute(const Request& request, const Services& services) {
  Reader words(request.text);
  SPILLWAY_TRY(words.expect(TokenKind::Dot));
  SPILLWAY_ASSIGN(Match match, match_command(words));
  const size_t after_pattern = match.reader.offset();
  if (is_show(*match.command)) match.reader.allow_pipe();
  Call call{request,
            services,
            match.reader,
            match.command->pattern,
            std::move(match.names),
            services.catalog.snapshot()};
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
