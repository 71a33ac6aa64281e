// Sessions of commands and queries, as text files: each file is a whole server's life, from an empty data
// folder on.
//
//   # A comment, before a step.
//   .create table T (a:long)
//   ----
//   | TableName | Schema | DatabaseName | Folder | DocString |
//   | T         | *      | NetDefaultDB |        |           |
//   ====
//   T | count
//   ----
//   | Count:long |
//   | 0          |
//   ====
//   .drop table Missing
//   ----
//   error EntityNotFound 1:13
//   table 'Missing' not found
//
// Steps are separated by `====`. What is expected: `ok`; `error CODE [LINE:COLUMN]` and a part of the
// message; or tables, one after the other with an empty line between, as documentation shows them. A column
// may be given with its type.
//   *          any value             \|         a `|` in a value, \n a line's end, \r a return, \\ a
//   backslash
//   {{name}}   in a result: remember the value; in a later step: the value
//   $STORAGE   the storage root
// Steps of the session itself: `@run_once EXPORT` (a run of a continuous export, now). On lines of their own
// before a command:
//   @until                            it is repeated until it gives what is expected
//   @in DATABASE                      in the place of NetDefaultDB
//   @as PRINCIPAL [roles, groups …]   who sends it, with cluster roles and groups ("aadgroup=…"); without it
//   the
//                                     server itself
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "commands/commands.h"
#include "commands/requests.h"
#include "tests/support/temp_folder.h"

namespace spillway::test {

/// All services over a temporary data folder.
class Server {
 public:
  Server();
  commands::Services services();
  const std::string& storage_root() const { return storage_; }
  Result<std::vector<Table>> run(const std::string& text, const std::string& database = "NetDefaultDB",
                                 const std::shared_ptr<const catalog::Caller>& caller = nullptr);

 private:
  TempFolder folder_;
  std::string storage_;
  SystemClock clock_;
  storage::StoreFactory stores_;
  std::unique_ptr<catalog::Catalog> catalog_;
  std::unique_ptr<catalog::RequestLog> log_;
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<commands::Requests> requests_;
  std::unique_ptr<ingest::Ingestor> ingestor_;
  std::unique_ptr<exports::Service> exports_;
};

struct Step {
  int line = 0;
  bool until = false;
  std::string database = "NetDefaultDB";
  std::shared_ptr<const catalog::Caller> caller;  // null: the server itself
  std::string command;
  std::string expected;
};

std::vector<Step> read_session(const std::string& path);

/// Runs the steps of a session one after the other; failures are GoogleTest's, with the file's line.
void run_session(const std::string& path);

}  // namespace spillway::test
