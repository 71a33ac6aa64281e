// What the REST API needs of the rooms below: queries that run, commands that are executed. Tests put another
// one in its place.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "base/types.h"
#include "catalog/security.h"
#include "commands/commands.h"
#include "commands/requests.h"
#include "commands/streaming_ingestion.h"
#include "engine/engine.h"

namespace spillway::server {

struct QueryRequest {
  std::string text;
  std::string database;
  std::shared_ptr<const catalog::Caller> caller;  // null: the server itself
  std::string endpoint;                           // what the client calls the server
  std::map<std::string, std::string> parameters;
  std::optional<Ticks> now;                       // in the place of the clock's
  std::map<std::string, std::string> properties;  // that change what a query means
  /// For what must run before the query is bound; not where the request forbids what it might read.
  bool run_while_binding = true;
  engine::RunOptions run_options = {};
};

/// A result of a query, before it runs.
struct ResultInfo {
  std::string name;  // "PrimaryResult"
  Schema schema;
  std::string visualization;  // JSON; empty without `render`
};

/// A query that means something, bound to a snapshot.
class PreparedQuery {
 public:
  virtual ~PreparedQuery() = default;
  virtual const std::vector<ResultInfo>& results() const = 0;
  /// The database cursor, where the query uses cursor functions.
  virtual std::optional<int64_t> cursor() const = 0;
  virtual bool uses_external_tables() const = 0;
  /// What the query names and could not be resolved, where it allows that.
  virtual std::vector<std::string> warnings() const { return {}; }
  /// `set` statements.
  virtual const std::map<std::string, std::string>& options() const = 0;
  virtual Result<std::unique_ptr<engine::ResultStream>> run(size_t result,
                                                            const engine::RunOptions& options) = 0;
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual const Clock& clock() const = 0;
  virtual Result<std::unique_ptr<PreparedQuery>> prepare(const QueryRequest& request) = 0;
  virtual Result<std::vector<Table>> execute(const commands::Request& request) = 0;
  /// How many records were ingested.
  virtual Result<int64_t> ingest(const commands::StreamRequest& request) = 0;
  /// Where queries are logged; commands are by execute(). Null: nowhere.
  virtual commands::Requests* requests() { return nullptr; }
};

/// The backend over an instance's services, which outlive it.
std::unique_ptr<Backend> make_backend(const commands::Services& services);

}  // namespace spillway::server
