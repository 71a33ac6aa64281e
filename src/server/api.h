// The REST API over a backend: routes, authentication, limits, answers. HttpServer calls handle() on many
// threads.
//
//   POST /v1/rest/mgmt   POST, GET /v1/rest/query   POST, GET /v2/rest/query   GET /v1/rest/auth/metadata
//   POST /v1/rest/ingest/DATABASE/TABLE   GET /healthz   GET /metrics   GET /
//
// With tokens, everything but /, /healthz and the metadata needs `Authorization: Bearer TOKEN`, which also
// says who asks; /metrics is for whoever monitors all databases. Without one the server is for this machine
// only, and so requests must name it by an address or as localhost: a web page that has its own name resolve
// to this machine is turned away. Sources: api/rest/request.md, api/rest/response.md,
// api/rest/streaming-ingest.md.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "server/answer.h"
#include "server/backend.h"
#include "server/http.h"
#include "server/metrics.h"
#include "server/tokens.h"

namespace spillway::server {

struct ApiOptions {
  Tokens tokens;  // empty: none is needed
  /// Queries and commands at once; more are throttled. 0: ten for each core, as concepts/query-limits.md
  /// says.
  size_t concurrency = 0;
};

class Api {
 public:
  /// Both outlive it.
  Api(Backend& backend, Metrics& metrics, ApiOptions options);
  void handle(const HttpRequest& request, HttpResponse& response);
  size_t concurrency() const { return concurrency_; }

 private:
  struct Call;
  struct Route;
  static const Route* find_route(const std::string& path);

  void dispatch(const Route& route, Call& call);
  Status check_access(const Route& route, Call& call) const;
  Status read_call(Call& call) const;
  void refuse(Call& call, int status, const Error& error) const;

  void index(Call& call);
  void health(Call& call);
  void auth_metadata(Call& call);
  void metrics(Call& call);
  void query_v1(Call& call);
  void query_v2(Call& call);
  void mgmt(Call& call);
  void ingest(Call& call);

  enum class Form { QueryV1, QueryV2, Command, Ingestion };
  /// A query, a command or an ingestion, within the limit on how many run at once.
  void answer(Call& call, Form form);
  Status perform(Call& call, Form form);
  Status throttle(const Call& call, Form form);
  Status run_query(Call& call, Form form);
  Status answer_query(Call& call, Form form, commands::Requests::Running* logged);
  Status run_command(Call& call);
  Status run_ingestion(Call& call);
  /// The answer of a command or an ingestion.
  Status send_tables(Call& call, const std::vector<Table>& tables) const;
  std::chrono::milliseconds timeout_of(const Call& call, std::chrono::milliseconds default_timeout) const;

  Backend& backend_;
  Metrics& metrics_;
  const ApiOptions options_;
  const size_t concurrency_;
  std::atomic<size_t> running_{0};
};

}  // namespace spillway::server
