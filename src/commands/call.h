// A command that runs: what it may use, and what all commands do alike (find entities, write, query).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "commands/commands.h"
#include "commands/names.h"
#include "commands/permissions.h"
#include "commands/properties.h"
#include "commands/reader.h"
#include "commands/requests.h"
#include "kql/binder.h"

namespace spillway::commands {

using Tables = std::vector<Table>;

struct Call {
  const Request& request;
  const Services& services;
  Reader& reader;            // after the words and names of the command's pattern
  std::string_view pattern;  // of the command
  std::vector<Name> names;   // what the pattern's <name>s matched
  std::shared_ptr<const catalog::Snapshot> snapshot;
  /// The command in the log; null in a command that is a part of another.
  std::shared_ptr<Requests::Running> logged = nullptr;

  /// The database of the request. Errors: EntityNotFound.
  Result<const catalog::Database*> database() const;
  Result<const catalog::Database*> database(const Name& name) const;
  /// In the database of the request. Errors: EntityNotFound with the name's span.
  Result<std::shared_ptr<const catalog::Table>> table(const Name& name) const;
  Result<std::shared_ptr<const catalog::Function>> function(const Name& name) const;
  Result<std::shared_ptr<const catalog::ExternalTable>> external_table(const Name& name) const;
  Result<std::shared_ptr<const catalog::ContinuousExport>> continuous_export(const Name& name) const;

  /// Who sent the request; null where it is the server itself.
  const catalog::Caller* caller() const { return request.caller.get(); }
  /// Forbidden where the caller lacks what `permission` means, in the database of the request or in another.
  Status require(Permission permission) const;
  Status require(Permission permission, const catalog::Database& database) const;
  /// Whether the caller may see or end what `principal` started in the database of that name: its own, and
  /// what is in databases in which it has the role that `may` asks for.
  bool concerns(const std::string& principal, const std::string& database,
                bool may(const catalog::Caller&, const catalog::Database&)) const;
  /// Forbidden: the command needs `role`, which its caller lacks.
  Error denied(std::string_view role) const;

  /// One transaction on the database of the request: the writer, and the database as it is in it. Forbidden,
  /// with nothing changed, where the caller may not make these changes (permissions.h).
  using Transaction = std::function<Status(catalog::Writer&, const catalog::Database&)>;
  Status write(const Transaction& transaction) const;
  /// The database after that.
  Result<std::shared_ptr<const catalog::Database>> reload() const;

  /// A query that stands in the command's text at `offset`, or, with offset 0, that was made for the command.
  Result<kql::BoundQuery> compile(std::string_view kql, size_t offset, const Table* piped = nullptr) const;
  /// The same of a definition that is to be kept, to see whether it means something: assert() holds in it.
  Result<kql::BoundQuery> validate(std::string_view kql) const;
  Result<Table> run(const kql::BoundResult& result) const;
  /// The result of a query or of a `.show` command that stands in the command's text at `offset`.
  Result<Table> query_or_command(std::string_view text, size_t offset) const;
  engine::RunOptions run_options() const;

 private:
  Result<kql::BindOptions> bind_options() const;
};

/// Runs a command that is a part of another, which is logged.
Result<Tables> execute_nested(const Request& request, const Services& services);

/// Database names are compared without regard to case; pretty names are found where they are unique. nullptr
/// where there is none.
std::shared_ptr<const catalog::Database> find_database(const catalog::Snapshot& snapshot,
                                                       std::string_view name);

Error not_found(const char* entity, const Name& name, const catalog::Database& database);
Error exists(const char* entity, const Name& name, const catalog::Database& database);

/// The entity of a map of the catalog, or nullptr.
template <typename T>
std::shared_ptr<const T> find_in(const std::map<std::string, std::shared_ptr<const T>>& entities,
                                 const std::string& name) {
  const auto found = entities.find(name);
  return found == entities.end() ? nullptr : found->second;
}

/// What a command is: how it begins, how it is documented, and what runs it.
struct Command {
  /// Words in lower case, `.`s and `<name>`s (`<name*>` also takes `*`): "show table <name> details". Of the
  /// commands whose pattern the text begins with, the one with the longest is meant.
  const char* pattern;
  const char* syntax;   // for help(); nullptr for a second pattern of another command
  const char* summary;  // one line; nullptr for what Spillway doesn't support
  Result<Tables> (*run)(Call& call);
};

/// All commands, in the order of the documentation.
const std::vector<Command>& all_commands();

// The families, each in a file of its own.
std::vector<Command> database_commands();
std::vector<Command> table_commands();
std::vector<Command> column_commands();
std::vector<Command> function_commands();
std::vector<Command> mapping_commands();
std::vector<Command> policy_commands();
std::vector<Command> update_policy_commands();     // a part of the family of policies
std::vector<Command> streaming_policy_commands();  // the same
std::vector<Command> security_policy_commands();
std::vector<Command> security_role_commands();
std::vector<Command> ingestion_commands();
std::vector<Command> extent_commands();
std::vector<Command> external_table_commands();
std::vector<Command> external_mapping_commands();
std::vector<Command> query_plan_commands();
std::vector<Command> export_commands();
std::vector<Command> continuous_export_commands();
std::vector<Command> operation_commands();
std::vector<Command> request_commands();
std::vector<Command> capacity_commands();
std::vector<Command> cluster_commands();
std::vector<Command> follower_commands();
/// Commands that Kusto has and Spillway doesn't: they say so.
std::vector<Command> unsupported_commands();

}  // namespace spillway::commands
