#include "commands/commands.h"

#include <iterator>
#include <utility>

#include "base/log.h"
#include "commands/call.h"
#include "commands/matcher.h"
#include "commands/reader.h"

namespace spillway::commands {
namespace {

std::vector<Command> gather() {
  std::vector<Command> all;
  for (const auto& family :
       {database_commands, table_commands, column_commands, function_commands, mapping_commands,
        policy_commands, ingestion_commands, extent_commands, external_table_commands, export_commands,
        continuous_export_commands, operation_commands, cluster_commands, unsupported_commands}) {
    std::vector<Command> commands = family();
    std::move(commands.begin(), commands.end(), std::back_inserter(all));
  }
  return all;
}

bool is_show(const Command& command) {
  return std::string_view(command.pattern).starts_with("show");
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
  static const std::vector<Command> all = gather();
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
  for (const Command& command : all_commands()) {
    if (command.syntax) lines.push_back({command.syntax, command.summary});
  }
  return lines;
}

}  // namespace spillway::commands
