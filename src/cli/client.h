// A client of Spillway's HTTP interface: what the command line and the demo talk to a server with.
//
//   Client client({.url = "http://127.0.0.1:8080"});
//   SPILLWAY_ASSIGN(auto tables, client.query("NetDefaultDB", "print 1"));   // POST /v1/rest/query
//   SPILLWAY_ASSIGN(auto shown, client.mgmt("NetDefaultDB", ".show tables"));  // POST /v1/rest/mgmt
//
// query() returns the results of the statements, one table each, without the tables that describe the answer.
// Errors have the code and the span that the server gave; where the server can't be reached, or the
// connection breaks, connected() is false and the code is Cancelled. A client is for one thread at a time;
// the connection is kept open between requests.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/types.h"

namespace spillway::cli {

struct ClientOptions {
  std::string url = "http://127.0.0.1:8080";
  std::string token = {};                // bearer token; empty: none
  std::string application = "spillway";  // x-ms-app
};

class Client {
 public:
  explicit Client(ClientOptions options = {});
  ~Client();
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;

  /// Further client request properties of the requests to come: Options, as JSON values by name
  /// ("servertimeout" → "\"00:01:00\"").
  void set_option(const std::string& name, std::string json);
  void set_parameter(const std::string& name, std::string json);

  Result<std::vector<Table>> query(const std::string& database, std::string_view text);
  Result<std::vector<Table>> mgmt(const std::string& database, std::string_view text);
  /// A command or a query, by its first character after blanks and comments.
  Result<std::vector<Table>> execute(const std::string& database, std::string_view text);

  /// The body of a GET, for /healthz and /metrics.
  Result<std::string> get(const std::string& path);
  /// True where /healthz answers with 200.
  bool healthy();
  /// False where the last request got no answer.
  bool connected() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// True where the first character after blanks and `//` comments is a dot.
bool is_command(std::string_view text);

/// The tables of a v1 answer, the trailing ones that describe it left out.
Result<std::vector<Table>> parse_v1_answer(std::string_view body);
/// The error of a OneApi body; `status` where it isn't one.
Error parse_error_answer(int status, std::string_view body);

}  // namespace spillway::cli
