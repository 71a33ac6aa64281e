// Management commands: everything that begins with a dot. Parse, authorize, run.
//
// A command returns one or more tables, with the columns that its documentation page gives. The result of a
// `.show` may be continued in KQL: `.show tables | where TableName startswith "F"`.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "catalog/catalog.h"
#include "catalog/security.h"
#include "engine/engine.h"
#include "export/exports.h"
#include "ingest/ingest.h"

namespace spillway::commands {

class Requests;  // commands/requests.h

/// What a request may use; all outlive it.
struct Services {
  catalog::Catalog& catalog;
  engine::Engine& engine;
  const storage::StoreFactory& stores;
  ingest::Ingestor& ingestor;
  exports::Service& exports;
  const Clock& clock;
  Requests& requests;
};

struct Request {
  std::string text;
  std::string database;
  std::string principal;
  /// Who that is and what it may do. Null: the server itself, which may do everything.
  std::shared_ptr<const catalog::Caller> caller;
  std::string activity_id;                        // x-ms-client-request-id, or one made for it
  std::map<std::string, std::string> parameters;  // client request properties: query parameters
  std::shared_ptr<engine::CancelToken> cancel;
  std::optional<std::chrono::milliseconds> timeout;
  // For the log of requests.
  Guid root_activity_id;                         // x-ms-activity-id of the answer
  std::string user, application;                 // x-ms-user (empty: the principal), x-ms-app
  std::string client_request_properties = "{}";  // JSON, without secrets
};

/// True where the text is a command and not a query: its first token, after comments, is a dot.
bool is_command(std::string_view text);

/// Runs a command, and has it logged. Forbidden where the caller lacks the role that the command's page asks
/// for (permissions.h).
Result<std::vector<Table>> execute(const Request& request, const Services& services);

/// What kind of command a text is, as logs and errors call it: "TableSetOrAppend", "TablesShow"; empty where
/// it is none.
std::string command_type(std::string_view text);

/// The commands that exist, by family, in the order of the documentation: docs/commands.md is made of it.
struct CommandHelp {
  std::string family;               // "Tables"
  std::vector<std::string> syntax;  // its forms, one a line
  std::string summary;
};
std::vector<CommandHelp> help();

}  // namespace spillway::commands
