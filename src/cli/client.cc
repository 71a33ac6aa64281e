#include "cli/client.h"

#include <curl/curl.h>

#include <charconv>
#include <optional>
#include <utility>

#include "cli/json_reader.h"
#include "server/json.h"

namespace spillway::cli {
namespace {

constexpr long kConnectTimeoutSeconds = 10;
constexpr long kOk = 200;
/// An answer that is larger isn't held in memory.
constexpr size_t kMaxAnswer = size_t{4} << 30;

std::string json_object(const std::map<std::string, std::string>& members) {
  std::string out = "{";
  for (const auto& [name, json] : members) {
    if (out.size() > 1) out += ',';
    server::append_json_string(out, name);
    out += ':', out += json;
  }
  return out + '}';
}

template <typename Number>
std::optional<Number> number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// A value that isn't JSON's null: `text` is the text of a JSON string, or of the raw value where it is none.
Value value_of(Type type, const std::string& text) {
  const auto optional = [&](auto parsed, auto make) { return parsed ? make(*parsed) : Value::null(type); };
  switch (type) {
    case Type::Bool: return Value::boolean(text == "true" || text == "1");
    case Type::Int: return optional(number<int32_t>(text), Value::int32);
    case Type::Long: return optional(number<int64_t>(text), Value::int64);
    case Type::Real: return optional(number<double>(text), Value::real);
    case Type::DateTime: return optional(parse_datetime(text), Value::datetime);
    case Type::TimeSpan: return optional(parse_timespan(text), Value::timespan);
    case Type::Guid: return optional(Guid::parse(text), Value::guid);
    case Type::Decimal: return Value::decimal(text);
    case Type::Dynamic: return Value::dynamic(text);
    case Type::String: break;
  }
  return Value::string(text);
}

bool read_value(JsonReader& in, Type type, Value& out) {
  if (in.peek() == 'n') {
    out = Value::null(type);
    return in.null();
  }
  std::string text;
  if (in.peek() == '"' && type != Type::Dynamic) {
    if (!in.string(text)) return false;
  } else {
    std::string_view raw;
    if (!in.raw(raw)) return false;
    text = raw;
  }
  out = value_of(type, text);
  return true;
}

bool read_column(JsonReader& in, Field& field) {
  std::string type_name, clr_type_name;
  const bool read = in.object([&](std::string_view key) {
    if (key == "ColumnName") return in.string(field.name);
    if (key == "ColumnType") return in.string(type_name);
    if (key == "DataType") return in.string(clr_type_name);
    return in.skip();
  });
  field.type = parse_type(type_name.empty() ? clr_type_name : type_name).value_or(Type::String);
  return read;
}

/// The first message of a failure in the middle of an answer: {"Exceptions": ["…"]} in the place of a row.
bool read_failure(JsonReader& in, std::string& message) {
  return in.object([&](std::string_view key) {
    if (key != "Exceptions") return in.skip();
    return in.array([&] { return message.empty() ? in.string(message) : in.skip(); });
  });
}

bool read_rows(JsonReader& in, Table& table, std::string& failure) {
  return in.array([&] {
    if (in.peek() == '{') return read_failure(in, failure);
    std::vector<Value> row;
    row.reserve(table.schema.size());
    const bool read = in.array([&] {
      if (row.size() == table.schema.size()) return in.skip();
      row.emplace_back();
      return read_value(in, table.schema[row.size() - 1].type, row.back());
    });
    row.resize(table.schema.size());
    table.rows.push_back(std::move(row));
    return read;
  });
}

bool read_table(JsonReader& in, Table& table, std::string& failure) {
  return in.object([&](std::string_view key) {
    if (key == "TableName") return in.string(table.name);
    if (key == "Rows") return read_rows(in, table, failure);
    if (key != "Columns") return in.skip();
    return in.array([&] {
      table.schema.emplace_back();
      return read_column(in, table.schema.back());
    });
  });
}

int column_index(const Table& table, std::string_view name) {
  for (size_t i = 0; i < table.schema.size(); ++i) {
    if (table.schema[i].name == name) return static_cast<int>(i);
  }
  return -1;
}

/// With three tables or more the last one is the table of contents: keeps what it calls results, by their
/// names.
void keep_results(std::vector<Table>& tables) {
  if (tables.size() < 3) return;
  const Table contents = std::move(tables.back());
  tables.pop_back();
  const int kind = column_index(contents, "Kind"), name = column_index(contents, "Name");
  if (kind < 0 || name < 0) return;
  std::vector<Table> results;
  for (size_t i = 0; i < tables.size() && i < contents.rows.size(); ++i) {
    if (contents.rows[i][static_cast<size_t>(kind)].str() != "QueryResult") continue;
    tables[i].name = contents.rows[i][static_cast<size_t>(name)].str();
    results.push_back(std::move(tables[i]));
  }
  tables = std::move(results);
}

/// "[line:position=2:7]" → line 2, column 8.
std::optional<TextSpan> span_in(std::string_view message) {
  constexpr std::string_view kMark = "[line:position=";
  const size_t at = message.find(kMark);
  if (at == std::string_view::npos) return std::nullopt;
  message.remove_prefix(at + kMark.size());
  const size_t colon = message.find(':'), end = message.find(']');
  if (colon == std::string_view::npos || end == std::string_view::npos || colon > end) return std::nullopt;
  const auto line = number<int>(message.substr(0, colon));
  const auto position = number<int>(message.substr(colon + 1, end - colon - 1));
  if (!line || !position || *line < 1) return std::nullopt;
  TextSpan span;
  span.line = *line;
  span.column = *position + 1;
  return span;
}

ErrorCode code_of(int status, std::string_view code, std::string_view inner_code) {
  if (inner_code.starts_with("SYN")) return ErrorCode::Syntax;
  if (inner_code.starts_with("SEM")) return ErrorCode::Semantic;
  if (code == "BadRequest_EntityNotFound") return ErrorCode::EntityNotFound;
  if (code == "BadRequest_EntityAlreadyExists") return ErrorCode::EntityExists;
  if (code == "BadRequest_NotSupported") return ErrorCode::NotSupported;
  if (code == "LimitsExceeded") return ErrorCode::LimitExceeded;
  switch (status) {
    case 401: return ErrorCode::Unauthorized;
    case 403: return ErrorCode::Forbidden;
    case 409: return ErrorCode::Conflict;
    case 429: return ErrorCode::Throttled;
    case 503: return ErrorCode::StorageTransient;
    case 504: return ErrorCode::Timeout;
    default: return status >= 500 ? ErrorCode::Internal : ErrorCode::BadRequest;
  }
}

bool is_local(const std::string& url) {
  return url.find("//127.") != std::string::npos || url.find("//localhost") != std::string::npos ||
         url.find("//[::1]") != std::string::npos;
}

size_t append_body(char* data, size_t size, size_t count, void* out) {
  auto& body = *static_cast<std::string*>(out);
  if (body.size() + size * count > kMaxAnswer) return 0;
  try {
    body.append(data, size * count);
  } catch (const std::bad_alloc&) {
    return 0;
  }
  return size * count;
}

}  // namespace

struct Client::State {
  ClientOptions options;
  CURL* curl = nullptr;
  bool connected = true;
  std::map<std::string, std::string> request_options, parameters;
  char failure[CURL_ERROR_SIZE] = {};

  struct Answer {
    int status = 0;
    std::string body;
  };

  explicit State(ClientOptions given) : options(std::move(given)) {
    static const CURLcode initialized = curl_global_init(CURL_GLOBAL_DEFAULT);
    if (initialized == CURLE_OK) curl = curl_easy_init();
    while (options.url.ends_with('/')) options.url.pop_back();
    if (options.url.find("://") == std::string::npos) options.url.insert(0, "http://");
  }
  ~State() { curl_easy_cleanup(curl); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  /// POSTs `body`, or GETs where there is none.
  Result<Answer> send(const std::string& path, const std::string* body);
  Result<std::vector<Table>> request(const std::string& path, const std::string& database,
                                     std::string_view text);
};

Result<Client::State::Answer> Client::State::send(const std::string& path, const std::string* body) {
  if (!curl) return Error{ErrorCode::Internal, "libcurl could not be initialized"};
  curl_slist* headers = nullptr;
  const auto add_header = [&](const std::string& line) {
    headers = curl_slist_append(headers, line.c_str());
  };
  add_header("Accept: application/json");
  add_header("Expect:");
  add_header("x-ms-app: " + options.application);
  if (!options.token.empty()) add_header("Authorization: Bearer " + options.token);
  if (body) add_header("Content-Type: application/json; charset=utf-8");

  Answer answer;
  const std::string url = options.url + path;
  curl_easy_reset(curl);
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, kConnectTimeoutSeconds);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, append_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer.body);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, failure);
  if (is_local(options.url)) {
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
  } else {
    curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "gzip");
  }
  if (body) {
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body->data());
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body->size()));
  }
  failure[0] = '\0';
  const CURLcode code = curl_easy_perform(curl);
  curl_slist_free_all(headers);
  connected = code == CURLE_OK;
  if (!connected) {
    const std::string reason = failure[0] ? failure : curl_easy_strerror(code);
    return Error{ErrorCode::Cancelled, "no answer from " + options.url + ": " + reason};
  }
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  answer.status = static_cast<int>(status);
  return answer;
}

Result<std::vector<Table>> Client::State::request(const std::string& path, const std::string& database,
                                                  std::string_view text) {
  std::string body = "{\"db\":";
  server::append_json_string(body, database);
  body += ",\"csl\":";
  server::append_json_string(body, text);
  if (!request_options.empty() || !parameters.empty()) {
    body += ",\"properties\":{\"Options\":" + json_object(request_options) +
            ",\"Parameters\":" + json_object(parameters) + "}";
  }
  body += '}';
  SPILLWAY_ASSIGN(const Answer answer, send(path, &body));
  if (answer.status != kOk) return parse_error_answer(answer.status, answer.body);
  return parse_v1_answer(answer.body);
}

Client::Client(ClientOptions options) : state_(std::make_unique<State>(std::move(options))) {}
Client::~Client() = default;
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;

void Client::set_option(const std::string& name, std::string json) {
  state_->request_options[name] = std::move(json);
}
void Client::set_parameter(const std::string& name, std::string json) {
  state_->parameters[name] = std::move(json);
}

Result<std::vector<Table>> Client::query(const std::string& database, std::string_view text) {
  return state_->request("/v1/rest/query", database, text);
}

Result<std::vector<Table>> Client::mgmt(const std::string& database, std::string_view text) {
  return state_->request("/v1/rest/mgmt", database, text);
}

Result<std::vector<Table>> Client::execute(const std::string& database, std::string_view text) {
  return is_command(text) ? mgmt(database, text) : query(database, text);
}

Result<std::string> Client::get(const std::string& path) {
  SPILLWAY_ASSIGN(State::Answer answer, state_->send(path, nullptr));
  if (answer.status != kOk) return parse_error_answer(answer.status, answer.body);
  return std::move(answer.body);
}

bool Client::healthy() {
  return get("/healthz").ok();
}
bool Client::connected() const {
  return state_->connected;
}

bool is_command(std::string_view text) {
  while (!text.empty()) {
    if (text.starts_with("//")) {
      const size_t end = text.find('\n');
      text.remove_prefix(end == std::string_view::npos ? text.size() : end);
    } else if (text.front() == ' ' || text.front() == '\t' || text.front() == '\r' || text.front() == '\n') {
      text.remove_prefix(1);
    } else {
      return text.front() == '.';
    }
  }
  return false;
}

Result<std::vector<Table>> parse_v1_answer(std::string_view body) {
  std::vector<Table> tables;
  std::string failure;
  JsonReader in(body);
  const bool read = in.object([&](std::string_view key) {
    if (key != "Tables") return in.skip();
    return in.array([&] {
      tables.emplace_back();
      return read_table(in, tables.back(), failure);
    });
  });
  if (!failure.empty()) return Error{ErrorCode::LimitExceeded, failure};
  if (!read)
    return Error{ErrorCode::Internal,
                 "the server's answer isn't a result in the v1 form, or it ends too soon"};
  keep_results(tables);
  return tables;
}

Error parse_error_answer(int status, std::string_view body) {
  std::string code, message, inner_code, inner_message;
  JsonReader in(body);
  const auto read_inner = [&](std::string_view key) {
    if (key == "code") return in.string(inner_code);
    if (key == "@message") return in.string(inner_message);
    return in.skip();
  };
  const auto read_error = [&](std::string_view key) {
    if (key == "code") return in.string(code);
    if (key == "@message") return in.string(message);
    if (key == "innererror") return in.object(read_inner);
    return in.skip();
  };
  in.object([&](std::string_view key) { return key == "error" ? in.object(read_error) : in.skip(); });
  if (!inner_message.empty()) message = inner_message;
  if (message.empty()) message = "the server answered with the HTTP status " + std::to_string(status);
  return Error{code_of(status, code, inner_code), message, span_in(message)};
}

}  // namespace spillway::cli
