// Followed databases: which they are. What is followed is an option of the server (`--follow`), as attaching
// and detaching aren't commands of the service either.
// Source: management/cluster-follower.md.

#include <string>

#include "commands/call.h"
#include "commands/describe.h"

namespace spillway::commands {
namespace {

using catalog::Database;

const Schema kFollowed = {{"DatabaseName", Type::String},
                          {"LeaderClusterMetadataPath", Type::String},
                          {"CachingPolicyOverride", Type::String},
                          {"AuthorizedPrincipalsOverride", Type::String},
                          {"AuthorizedPrincipalsModificationKind", Type::String},
                          {"CachingPoliciesModificationKind", Type::String},
                          {"IsAutoPrefetchEnabled", Type::Bool},
                          {"TableMetadataOverrides", Type::String}};

/// Nothing of a leader is overridden.
Row row_of(const Database& database) {
  return {
      Value::string(database.name), Value::string(database.leader), Value::string(""),     Value::string(""),
      Value::string("none"),        Value::string("none"),          Value::boolean(false), Value::string("")};
}

Result<Row> row_of(const Call& call, const Name& name) {
  SPILLWAY_ASSIGN(const Database* database, call.database(name));
  if (database->read_only()) return row_of(*database);
  return Error{ErrorCode::BadRequest, "database '" + database->name + "' follows no other", name.span};
}

/// `.show follower database NAME`.
Result<Tables> show_follower_database(Call& call) {
  SPILLWAY_TRY(call.reader.end());
  Table result = empty_table(kFollowed);
  SPILLWAY_ASSIGN(Row row, row_of(call, call.names[0]));
  result.rows.push_back(std::move(row));
  return Tables{std::move(result)};
}

/// `.show follower databases (NAME, …)`, or without names all of them.
Result<Tables> show_follower_databases(Call& call) {
  Reader& reader = call.reader;
  Table result = empty_table(kFollowed);
  if (reader.accept(TokenKind::OpenParen)) {
    do {
      SPILLWAY_ASSIGN(const Name name, reader.name("a database name"));
      SPILLWAY_ASSIGN(Row row, row_of(call, name));
      result.rows.push_back(std::move(row));
    } while (reader.accept(TokenKind::Comma));
    SPILLWAY_TRY(reader.expect(TokenKind::CloseParen));
  } else {
    for (const auto& [name, database] : call.snapshot->databases) {
      if (database->read_only()) result.rows.push_back(row_of(*database));
    }
  }
  SPILLWAY_TRY(reader.end());
  return Tables{std::move(result)};
}

Result<Tables> refuse(Call& call) {
  return Error{ErrorCode::NotSupported,
               "'." + std::string(call.pattern) +
                   "' isn't supported: a followed database has the principals and policies of its leader"};
}

}  // namespace

std::vector<Command> follower_commands() {
  std::vector<Command> commands = {
      {"show follower database <name>", ".show follower database D", "The leader of a followed database",
       show_follower_database},
      {"show follower databases", ".show follower databases [(D, E)]",
       "The followed databases and their leaders", show_follower_databases},
  };
  for (const char* pattern : {"alter follower database", "delete follower database", "add follower database",
                              "drop follower database"}) {
    commands.push_back({pattern, nullptr, nullptr, refuse});
  }
  return commands;
}

}  // namespace spillway::commands
