#include "storage/azure_identity.h"

#include <boost/json.hpp>

#include <charconv>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>

#include "base/clock.h"
#include "storage/http.h"
#include "storage/paths.h"
#include "storage/retry.h"

namespace spillway::storage {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kResource = "https://storage.azure.com/";
constexpr auto kMargin = std::chrono::minutes(5);         // a token is renewed this long before its end
constexpr auto kShortestLife = std::chrono::minutes(10);  // of a token that doesn't say how long it is good

struct Token {
  std::string text;
  Clock::time_point until;
};

struct Cache {
  std::mutex mutex;
  std::map<std::string, Token> tokens;
};

Cache& cache() {
  static Cache instance;
  return instance;
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

/// The request for a token, with its body kept beside it.
struct Question {
  HttpRequest request;
  std::string body;
  std::string what;  // who is asked, for messages
};

Result<Question> ask_workload_identity(const std::string& identity, const std::string& file) {
  std::ifstream in(file);
  const std::string assertion{std::istreambuf_iterator<char>(in), {}};
  if (!in.good() && assertion.empty()) {
    return Error(ErrorCode::StorageAccess, "the federated token file '" + file + "' can't be read");
  }
  std::string authority = environment("AZURE_AUTHORITY_HOST");
  if (authority.empty()) authority = "https://login.microsoftonline.com/";
  if (!authority.ends_with('/')) authority += '/';
  Question question;
  question.what = "the workload identity's authority";
  question.request.method = "POST";
  question.request.url = authority + percent_encode(environment("AZURE_TENANT_ID")) + "/oauth2/v2.0/token";
  question.request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
  question.body = "grant_type=client_credentials&client_assertion_type=" +
                  percent_encode("urn:ietf:params:oauth:client-assertion-type:jwt-bearer") +
                  "&client_assertion=" + percent_encode(assertion) + "&client_id=" +
                  percent_encode(identity == "system" ? environment("AZURE_CLIENT_ID") : identity) +
                  "&scope=" + percent_encode(std::string(kResource) + ".default");
  return question;
}

Question ask_app_service(const std::string& identity, const std::string& endpoint) {
  Question question;
  question.what = "the identity endpoint";
  question.request.url = endpoint + "?api-version=2019-08-01&resource=" + percent_encode(kResource);
  if (identity != "system") question.request.url += "&principal_id=" + percent_encode(identity);
  question.request.headers = {{"X-IDENTITY-HEADER", environment("IDENTITY_HEADER")}};
  return question;
}

Question ask_metadata_service(const std::string& identity) {
  std::string host = environment("AZURE_POD_IDENTITY_AUTHORITY_HOST");
  if (host.empty()) host = "http://169.254.169.254";
  while (host.ends_with('/')) host.pop_back();
  Question question;
  question.what = "the instance metadata service";
  question.request.url =
      host + "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=" + percent_encode(kResource);
  if (identity != "system") question.request.url += "&object_id=" + percent_encode(identity);
  question.request.headers = {{"Metadata", "true"}};
  return question;
}

Result<Question> question_for(const std::string& identity) {
  if (const std::string file = environment("AZURE_FEDERATED_TOKEN_FILE"); !file.empty()) {
    return ask_workload_identity(identity, file);
  }
  if (const std::string endpoint = environment("IDENTITY_ENDPOINT"); !endpoint.empty()) {
    return ask_app_service(identity, endpoint);
  }
  return ask_metadata_service(identity);
}

/// {"access_token": "…", "expires_in": "3599"}; a number or its text.
Result<Token> read_token(const std::string& body) {
  boost::system::error_code error;
  const boost::json::value value = boost::json::parse(body, error);
  const boost::json::object* object = error ? nullptr : value.if_object();
  const boost::json::value* text = object ? object->if_contains("access_token") : nullptr;
  if (!text || !text->is_string()) {
    return Error(ErrorCode::StorageAccess, "the identity endpoint answered without an access token");
  }
  int64_t seconds = std::chrono::seconds(kShortestLife).count();
  if (const boost::json::value* life = object->if_contains("expires_in")) {
    if (life->is_int64()) seconds = life->get_int64();
    if (life->is_string()) {
      const boost::json::string& digits = life->get_string();
      std::from_chars(digits.data(), digits.data() + digits.size(), seconds);
    }
  }
  return Token{std::string(text->get_string()), Clock::now() + std::chrono::seconds(seconds) - kMargin};
}

Result<Token> fetch_token(const std::string& identity, const StoreOptions& options, const Call& call) {
  Token token;
  SPILLWAY_TRY(with_retries(options, call, [&]() -> Attempt {
    Result<Question> question = question_for(identity);
    if (!question.ok()) return {question.status()};
    question->request.body = question->body;
    question->request.connect_timeout = options.connect_timeout;
    question->request.stall_timeout = options.stall_timeout;
    question->request.call = &call;
    const Result<HttpResponse> answer = send(question->request);
    if (!answer.ok()) return {answer.status(), !answer.error().permanent()};
    if (answer->success()) {
      Result<Token> read = read_token(answer->body);
      if (read.ok()) token = *std::move(read);
      return {read.status()};
    }
    // The metadata service says 404 and 410 while it is being updated.
    const bool again = is_transient_status(answer->status) || answer->status == 404 || answer->status == 410;
    return {Status(again ? ErrorCode::StorageTransient : ErrorCode::StorageAccess,
                   question->what + " gives no token for managed identity '" + identity + "': status " +
                       std::to_string(answer->status)),
            again, parse_retry_after(answer->header("retry-after"), SystemClock().now())};
  }));
  return token;
}

}  // namespace

Result<std::string> managed_identity_token(const std::string& identity, const StoreOptions& options,
                                           const Call& call) {
  Cache& known = cache();
  {
    const std::lock_guard lock(known.mutex);
    const auto found = known.tokens.find(identity);
    if (found != known.tokens.end() && Clock::now() < found->second.until) return found->second.text;
  }
  SPILLWAY_ASSIGN(Token token, fetch_token(identity, options, call));
  const std::lock_guard lock(known.mutex);
  return (known.tokens[identity] = std::move(token)).text;
}

void forget_managed_identity_token(const std::string& identity) {
  Cache& known = cache();
  const std::lock_guard lock(known.mutex);
  known.tokens.erase(identity);
}

}  // namespace spillway::storage
