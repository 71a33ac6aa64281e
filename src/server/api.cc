#include "server/api.h"

#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <thread>

#include "base/log.h"
#include "server/errors.h"
#include "server/json.h"
#include "server/properties.h"
#include "server/query_run.h"

namespace spillway::server {
namespace {

namespace json = boost::json;

constexpr size_t kRequestsPerCore = 10;  // concepts/query-limits.md
constexpr size_t kMinConcurrency = 16;
constexpr size_t kMaxJsonDepth = 64;
constexpr size_t kMaxRequestIdLength = 256;
constexpr const char* kJsonType = "application/json; charset=utf-8";
constexpr const char* kTextType = "text/plain; charset=utf-8";
constexpr std::string_view kIngestPath = "/v1/rest/ingest/";
constexpr const char* kMetricsType = "text/plain; version=0.0.4; charset=utf-8";
constexpr int kMethodNotAllowed = 405;
constexpr int kNotFound = 404;
constexpr int kUnsupportedMediaType = 415;
constexpr int kTooManyRequests = 429;

constexpr const char* kIndex =
    "Spillway, a Kusto-compatible analytics server.\n\n"
    "POST /v1/rest/query, /v2/rest/query  {\"db\": \"NetDefaultDB\", \"csl\": \"print 1\"}\n"
    "POST /v1/rest/mgmt                   {\"db\": \"NetDefaultDB\", \"csl\": \".show tables\"}\n"
    "POST /v1/rest/ingest/DATABASE/TABLE?streamFormat=csv\n"
    "GET  /healthz, /metrics\n";

/// No Microsoft Entra here: clients then use none, or the token that they were given.
constexpr const char* kAuthMetadata = "{\"AzureAD\":null,\"dSTS\":null}";

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

bool is_json_type(std::string_view content_type) {
  const std::string type =
      lower(content_type.substr(0, std::min(content_type.find(';'), content_type.size())));
  return type.substr(0, type.find_last_not_of(' ') + 1) == "application/json";
}

std::string_view host_name(std::string_view host) {
  if (host.starts_with('[')) return host.substr(0, std::min(host.find(']') + 1, host.size()));
  return host.substr(0, std::min(host.find(':'), host.size()));
}

/// "127.0.0.1", "[::1]", "localhost": what no name server can answer.
bool names_this_machine(std::string_view host) {
  const std::string name = lower(host_name(host));
  if (name == "localhost" || name.starts_with('[')) return true;
  return !name.empty() && name.find_first_not_of("0123456789.") == std::string::npos;
}

/// True for commands that change nothing: `.show …`.
bool reads_only(std::string_view command) {
  while (!command.empty()) {
    if (command.starts_with("//")) {
      command.remove_prefix(std::min(command.find('\n'), command.size()));
    } else if (std::isspace(static_cast<unsigned char>(command.front())) || command.front() == '.') {
      command.remove_prefix(1);
    } else {
      break;
    }
  }
  const size_t end = static_cast<size_t>(
      std::find_if(command.begin(), command.end(), [](unsigned char c) { return !std::isalpha(c); }) -
      command.begin());
  return lower(command.substr(0, end)) == "show";
}

std::string printable_id(std::string_view id) {
  std::string out(id.substr(0, kMaxRequestIdLength));
  std::erase_if(out, [](unsigned char c) { return c < 0x20 || c == 0x7F; });
  return out;
}

}  // namespace

/// A request with what was read of it.
struct Api::Call {
  const HttpRequest& request;
  HttpResponse& response;
  RequestIds ids;
  std::shared_ptr<const catalog::Caller> caller;
  std::string database, text;
  RequestProperties properties;
  /// The request's own token, where its connection has none.
  std::shared_ptr<engine::CancelToken> work =
      request.cancel ? request.cancel : std::make_shared<engine::CancelToken>();
};

struct Api::Route {
  const char* path;
  const char* name;  // of the endpoint, in metrics
  bool get, post;
  enum class Access { Open, Caller, Monitor } access;  // who may: all, holders of a token, monitors of all
  void (Api::*run)(Call&);
  bool json = true;     // what is posted
  bool prefix = false;  // the path goes on after it
};

const Api::Route* Api::find_route(const std::string& path) {
  static constexpr Route kRoutes[] = {
      {"/v1/rest/query", "query_v1", true, true, Route::Access::Caller, &Api::query_v1},
      {"/v2/rest/query", "query_v2", true, true, Route::Access::Caller, &Api::query_v2},
      {"/v1/rest/mgmt", "mgmt", false, true, Route::Access::Caller, &Api::mgmt},
      {kIngestPath.data(), "ingest", false, true, Route::Access::Caller, &Api::ingest, false, true},
      {"/v1/rest/auth/metadata", "auth_metadata", true, false, Route::Access::Open, &Api::auth_metadata},
      {"/metrics", "metrics", true, false, Route::Access::Monitor, &Api::metrics},
      {"/healthz", "healthz", true, false, Route::Access::Open, &Api::health},
      {"/", "index", true, false, Route::Access::Open, &Api::index},
  };
  const auto* found = std::find_if(std::begin(kRoutes), std::end(kRoutes), [&](const Route& route) {
    return route.prefix ? path.starts_with(route.path) : path == route.path;
  });
  return found == std::end(kRoutes) ? nullptr : found;
}

namespace {

void send(HttpResponse& response, const char* type, std::string_view body) {
  response.set_header("Content-Type", type);
  response.write(body).ok();  // a client that is gone needs no answer
}

}  // namespace

Api::Api(Backend& backend, Metrics& metrics, ApiOptions options)
    : backend_(backend),
      metrics_(metrics),
      options_(std::move(options)),
      concurrency_(options_.concurrency > 0
                       ? options_.concurrency
                       : std::max(kMinConcurrency, kRequestsPerCore * std::thread::hardware_concurrency())) {}

void Api::handle(const HttpRequest& request, HttpResponse& response) {
  const auto started = std::chrono::steady_clock::now();
  metrics_.request_started();
  Call call{request, response, {}, local_caller(), {}, {}, RequestProperties()};
  call.ids.activity_id = Guid::random().str();
  call.ids.client_request_id = printable_id(request.header("x-ms-client-request-id"));
  if (call.ids.client_request_id.empty()) call.ids.client_request_id = "unspecified;" + Guid::random().str();
  response.set_header("x-ms-client-request-id", call.ids.client_request_id);
  response.set_header("x-ms-activity-id", call.ids.activity_id);

  const Route* route = find_route(request.path);
  if (route) {
    dispatch(*route, call);
  } else {
    refuse(call, kNotFound, {ErrorCode::BadRequest, "there is nothing at the path '" + request.path + "'"});
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
  metrics_.request_finished(route ? route->name : "none", response.status(), took.count());
  log::debug("request", {{"path", request.path},
                         {"status", response.status()},
                         {"seconds", took.count()},
                         {"client_request_id", call.ids.client_request_id},
                         {"app", request.header("x-ms-app")}});
}

void Api::dispatch(const Route& route, Call& call) {
  const std::string& method = call.request.method;
  if (!(method == "GET" && route.get) && !(method == "POST" && route.post)) {
    call.response.set_header("Allow", route.get && route.post ? "GET, HEAD, POST"
                                      : route.get             ? "GET, HEAD"
                                                              : "POST");
    return refuse(call, kMethodNotAllowed,
                  {ErrorCode::BadRequest, "'" + method + "' isn't allowed for " + route.path});
  }
  if (const Status access = check_access(route, call); !access.ok()) {
    if (access.error().code == ErrorCode::Unauthorized)
      call.response.set_header("WWW-Authenticate", "Bearer");
    return refuse(call, http_status(access.error().code), access.error());
  }
  if (method == "POST" && route.json && !is_json_type(call.request.header("content-type"))) {
    return refuse(call, kUnsupportedMediaType,
                  {ErrorCode::BadRequest, "the Content-Type must be application/json"});
  }
  (this->*route.run)(call);
}

Status Api::check_access(const Route& route, Call& call) const {
  if (route.access == Route::Access::Open) return {};
  if (options_.tokens.empty()) {
    const std::string& host = call.request.header("host");
    const bool named = host.empty() || names_this_machine(host);
    // A browser asks before it sends JSON to another site, but not before it sends plain text.
    if (named && !route.json && !call.request.header("origin").empty()) {
      return Error{ErrorCode::Forbidden, "without an API token the server takes no data from web pages"};
    }
    if (named) return {};
    return Error{ErrorCode::Forbidden,
                 "without an API token the server is reached as localhost or by its address only"};
  }
  static constexpr std::string_view kScheme = "bearer ";
  const std::string& header = call.request.header("authorization");
  call.caller = nullptr;
  if (lower(header.substr(0, kScheme.size())) == kScheme) {
    call.caller = options_.tokens.find(std::string_view(header).substr(kScheme.size()));
  }
  if (!call.caller) {
    return Error{ErrorCode::Unauthorized, "the request needs an API token of the server as a bearer token"};
  }
  if (route.access == Route::Access::Monitor && !catalog::may_monitor(*call.caller, catalog::Database())) {
    return catalog::denied(*call.caller, "read the metrics", "the role AllDatabasesMonitor");
  }
  return {};
}

namespace {

/// The members of a request's body that count.
Status read_body(std::string_view body, std::string& database, std::string& text, std::string& properties) {
  try {
    json::error_code error;
    json::parse_options options;
    options.max_depth = kMaxJsonDepth;
    const json::value value = json::parse({body.data(), body.size()}, error, {}, options);
    if (error)
      return Error{ErrorCode::BadRequest, "the request's body is not valid JSON: " + error.message()};
    if (!value.is_object()) return Error{ErrorCode::BadRequest, "the request's body is not a JSON object"};
    for (const auto& [key, member] : value.get_object()) {
      if (member.is_null()) continue;
      const bool is_text = member.is_string();
      if (key == "properties") {
        properties = is_text ? std::string(member.get_string()) : json::serialize(member);
      } else if (key == "db" || key == "csl") {
        if (!is_text)
          return Error{ErrorCode::BadRequest,
                       "'" + std::string(key) + "' of the request's body is not a string"};
        (key == "db" ? database : text) = std::string(member.get_string());
      }
    }
  } catch (const std::exception& failure) {
    return Error{ErrorCode::BadRequest, std::string("the request's body can't be read: ") + failure.what()};
  }
  return {};
}

constexpr const char* kDefaultDatabase = "NetDefaultDB";

}  // namespace

Status Api::read_call(Call& call) const {
  std::string properties;
  if (call.request.method == "POST") {
    SPILLWAY_TRY(read_body(call.request.body, call.database, call.text, properties));
  } else {
    const auto parameter = [&](const char* name) {
      const auto found = call.request.query.find(name);
      return found == call.request.query.end() ? std::string() : found->second;
    };
    call.database = parameter("db");
    call.text = parameter("csl");
    properties = parameter("properties");
  }
  SPILLWAY_ASSIGN(call.properties, parse_properties(properties));
  if (call.request.method == "GET") call.properties.read_only = true;
  if (call.request.headers.contains("x-ms-readonly")) call.properties.read_only = true;
  if (call.database.empty()) call.database = kDefaultDatabase;
  if (call.text.find_first_not_of(" \t\r\n") == std::string::npos) {
    return Error{ErrorCode::BadRequest, "the request has no 'csl': the text of a query or a command"};
  }
  if (call.request.header("x-ms-client-request-id").empty() && !call.properties.client_request_id.empty()) {
    call.ids.client_request_id = printable_id(call.properties.client_request_id);
    call.response.set_header("x-ms-client-request-id", call.ids.client_request_id);
  }
  return {};
}

void Api::index(Call& call) {
  send(call.response, kTextType, kIndex);
}

void Api::health(Call& call) {
  send(call.response, kTextType, "ok\n");
}

void Api::auth_metadata(Call& call) {
  send(call.response, kJsonType, kAuthMetadata);
}

void Api::metrics(Call& call) {
  send(call.response, kMetricsType, metrics_.text());
}

void Api::query_v1(Call& call) {
  answer(call, Form::QueryV1);
}

void Api::query_v2(Call& call) {
  answer(call, Form::QueryV2);
}

void Api::mgmt(Call& call) {
  answer(call, Form::Command);
}

void Api::ingest(Call& call) {
  answer(call, Form::Ingestion);
}

void Api::refuse(Call& call, int status, const Error& error) const {
  call.response.set_status(status);
  send(call.response, kJsonType, one_api_error(error, call.ids, backend_.clock().now()));
}

void Api::answer(Call& call, Form form) {
  struct Slot {
    std::atomic<size_t>& running;
    const size_t before = running.fetch_add(1);
    ~Slot() { running.fetch_sub(1); }
  } const slot{running_};
  call.ids.is_command = form == Form::Command || form == Form::Ingestion;
  Status done = form == Form::Ingestion ? Status() : read_call(call);
  if (done.ok()) done = slot.before >= concurrency_ ? throttle(call, form) : perform(call, form);
  if (!done.ok() && !call.response.started()) refuse(call, http_status(done.error().code), done.error());
}

Status Api::perform(Call& call, Form form) {
  switch (form) {
    case Form::Command: return run_command(call);
    case Form::Ingestion: return run_ingestion(call);
    default: return run_query(call, form);
  }
}

std::chrono::milliseconds Api::timeout_of(const Call& call, std::chrono::milliseconds default_timeout) const {
  return call.properties.timeout.value_or(default_timeout);
}

namespace {

/// Everything about the request that its row in the log has; its figures come later.
catalog::LoggedRequest logged_request(const std::string& type, const std::string& text,
                                      const std::string& database, const HttpRequest& request,
                                      const RequestIds& ids, const std::string& principal,
                                      const std::string& properties) {
  catalog::LoggedRequest row;
  row.command_type = type;
  row.text = text;
  row.database = database;
  row.client_activity_id = ids.client_request_id;
  row.root_activity_id = Guid::parse(ids.activity_id).value_or(Guid());
  row.principal = principal;
  row.user = printable_id(request.header("x-ms-user"));
  if (row.user.empty()) row.user = principal;
  row.application = printable_id(request.header("x-ms-app"));
  row.client_request_properties = properties;
  return row;
}

/// The documented message (management/request-rate-limit-policy.md): all requests are of one workload group.
std::string throttled_message(const std::string& command_type, size_t capacity) {
  const bool query = command_type == catalog::kQueryType;
  return std::string("The ") + (query ? "query" : "management command") +
         " was aborted due to throttling. Retrying after some backoff might succeed. " +
         (query ? "" : "CommandType: '" + command_type + "', ") + "Capacity: " + std::to_string(capacity) +
         ", Origin: 'RequestRateLimitPolicy/WorkloadGroup/default'.";
}

}  // namespace

/// More requests than may run at once.
Status Api::throttle(const Call& call, Form form) {
  const std::string type = form == Form::Command     ? commands::command_type(call.text)
                           : form == Form::Ingestion ? commands::kStreamingIngestion
                                                     : std::string(catalog::kQueryType);
  const Error error{ErrorCode::Throttled, throttled_message(type, concurrency_)};
  if (commands::Requests* requests = backend_.requests()) {
    requests
        ->begin(logged_request(type, call.text, call.database, call.request, call.ids, call.caller->principal,
                               call.properties.for_log),
                call.work)
        ->end(error);
  }
  return error;
}

Status Api::run_query(Call& call, Form form) {
  commands::Requests* const requests = backend_.requests();
  if (!requests) return answer_query(call, form, nullptr);
  const engine::WorkTimer timer(call.work->usage());
  const auto logged =
      requests->begin(logged_request(catalog::kQueryType, call.text, call.database, call.request, call.ids,
                                     call.caller->principal, call.properties.for_log),
                      call.work);
  const Status answered = answer_query(call, form, logged.get());
  if (!answered.ok()) logged->end(answered);
  return answered;
}

Status Api::answer_query(Call& call, Form form, commands::Requests::Running* logged) {
  if (commands::is_command(call.text)) {
    return Error{ErrorCode::BadRequest, "this is a management command: send it to /v1/rest/mgmt"};
  }
  RequestProperties& properties = call.properties;
  const bool forbids = properties.external_tables_disabled || properties.cursors_disabled;
  const engine::RunOptions early{call.work, timeout_of(call, kDefaultQueryTimeout)};
  SPILLWAY_ASSIGN(const std::unique_ptr<PreparedQuery> query,
                  backend_.prepare({call.text, call.database, call.caller, call.request.header("host"),
                                    properties.parameters, properties.now, properties.query_properties,
                                    !forbids, early}));
  SPILLWAY_TRY(apply_set_statements(query->options(), properties));
  if (properties.external_tables_disabled && query->uses_external_tables()) {
    return Error{ErrorCode::Forbidden, "the request property that disables external tables is set"};
  }
  if (properties.cursors_disabled && query->cursor()) {
    return Error{ErrorCode::Forbidden, "the request property that disables cursor functions is set"};
  }
  QueryRun run(*query, properties, call.work, timeout_of(call, kDefaultQueryTimeout));
  SPILLWAY_TRY(run.start());
  call.response.set_header("Content-Type", kJsonType);
  AnswerInfo info{call.ids, backend_.clock().now(), query->cursor(), query->results(), query->warnings()};
  const auto writer = form == Form::QueryV1 ? make_v1_writer(call.response, std::move(info), properties)
                                            : make_v2_writer(call.response, std::move(info), properties);
  run.write(*writer).ok();  // what fails here has been told in the answer, or nobody is there to be told
  metrics_.rows_sent(run.rows_sent());
  if (logged) {
    for (const auto& [rows, bytes] : run.results()) logged->add_result(rows, bytes);
    logged->end(run.outcome());
  }
  return {};
}

Status Api::run_command(Call& call) {
  if (!commands::is_command(call.text)) {
    return Error{ErrorCode::BadRequest,
                 "this is not a management command, which begins with a dot: send queries to /v1/rest/query"};
  }
  if (call.properties.read_only && !reads_only(call.text)) {
    return Error{ErrorCode::Forbidden,
                 "the request is read-only: only commands that begin with .show may run"};
  }
  commands::Request request;
  request.text = call.text;
  request.database = call.database;
  request.principal = call.caller->principal;
  request.caller = call.caller;
  request.activity_id = call.ids.client_request_id;
  request.parameters = call.properties.parameters;
  request.cancel = call.work;
  request.timeout = timeout_of(call, kDefaultCommandTimeout);
  request.root_activity_id = Guid::parse(call.ids.activity_id).value_or(Guid());
  request.user = printable_id(call.request.header("x-ms-user"));
  request.application = printable_id(call.request.header("x-ms-app"));
  request.client_request_properties = call.properties.for_log;
  SPILLWAY_ASSIGN(const std::vector<Table> tables, backend_.execute(request));
  return send_tables(call, tables);
}

Status Api::send_tables(Call& call, const std::vector<Table>& tables) const {
  AnswerInfo info{call.ids, backend_.clock().now(), std::nullopt, {}, {}};
  for (const Table& table : tables) info.results.push_back({table.name, table.schema, ""});
  send(call.response, kJsonType, v1_tables(tables, info));
  return {};
}

namespace {

/// `{"SourceUri": "…"}`, in any case: the body of a request whose data lies elsewhere.
Result<std::string> source_uri(std::string_view body) {
  json::error_code error;
  const json::value value = json::parse({body.data(), body.size()}, error);
  if (!error && value.is_object()) {
    for (const auto& [key, member] : value.get_object()) {
      if (lower(key) == "sourceuri" && member.is_string()) return std::string(member.get_string());
    }
  }
  return Error{ErrorCode::BadRequest,
               "with sourceKind=uri the body is {\"SourceUri\": \"address of the data\"}"};
}

/// The answer of streaming ingestion. Update policies run in the same transaction, so that there is no status
/// of their own to tell.
Table ingestion_table(int64_t records) {
  Table table;
  table.name = "Table_0";
  table.schema = {{"ConsumedRecordsCount", Type::Long},
                  {"UpdatePolicyStatus", Type::String},
                  {"UpdatePolicyFailureCode", Type::String},
                  {"UpdatePolicyFailureReason", Type::String}};
  table.rows = {
      {Value::int64(records), Value::string("Inactive"), Value::string("Unknown"), Value::string("")}};
  return table;
}

}  // namespace

Status Api::run_ingestion(Call& call) {
  const std::string_view names = std::string_view(call.request.path).substr(kIngestPath.size());
  const size_t slash = names.find('/');
  if (slash == 0 || slash == std::string_view::npos || slash + 1 == names.size() ||
      names.find('/', slash + 1) != std::string_view::npos) {
    return Error{ErrorCode::BadRequest, "the path of streaming ingestion is " + std::string(kIngestPath) +
                                            "DATABASE/TABLE, not '" + call.request.path + "'"};
  }
  commands::StreamRequest request;
  request.database = std::string(names.substr(0, slash));
  request.table = std::string(names.substr(slash + 1));
  request.principal = call.caller->principal;
  request.caller = call.caller;
  request.activity_id = call.ids.client_request_id;
  request.cancel = call.work;
  request.timeout = kDefaultCommandTimeout;
  std::string source = "stream", address;
  for (const auto& [name, value] : call.request.query) {
    const std::string key = lower(name);
    if (key == "streamformat") request.format = value;
    if (key == "mappingname") request.mapping = value;
    if (key == "sourcekind") source = lower(value);
  }
  if (request.format.empty()) {
    return Error{ErrorCode::BadRequest,
                 "streaming ingestion needs the parameter streamFormat, as streamFormat=csv"};
  }
  if (source == "uri") {
    SPILLWAY_ASSIGN(address, source_uri(call.request.body));
    request.is_address = true;
  } else if (source != "stream") {
    return Error{ErrorCode::BadRequest, "sourceKind is stream or uri, not '" + source + "'"};
  }
  request.data = request.is_address ? std::string_view(address) : std::string_view(call.request.body);
  SPILLWAY_ASSIGN(const int64_t records, backend_.ingest(request));
  return send_tables(call, {ingestion_table(records)});
}

}  // namespace spillway::server
