#include "storage/azure_request.h"

#include <algorithm>

#include "base/clock.h"
#include "storage/azure_identity.h"
#include "storage/crypto.h"
#include "storage/paths.h"
#include "storage/xml.h"

namespace spillway::storage {
namespace {

const std::string* find_header(const Parameters& headers, std::string_view name) {
  for (const auto& [key, value] : headers) {
    if (lower_case(key) == name) return &value;
  }
  return nullptr;
}

bool is_transient(int status, const std::string& code) {
  // Damaged on the way: what is sent is well-formed. A container that is being deleted goes, and may come
  // back.
  const bool damaged = code == "Md5Mismatch" || code == "InvalidXmlDocument" ||
                       code == "InvalidXmlNodeValue" || code == "InvalidBlockId" ||
                       code == "InvalidBlockList";
  return is_transient_status(status) || damaged || code == "ContainerBeingDeleted";
}

ErrorCode code_of(int status, const std::string& code) {
  if (is_transient(status, code)) return ErrorCode::StorageTransient;
  // The blob changed while it was read: a new start may do.
  if (status == 412) return ErrorCode::StorageTransient;
  if (status == 404 && code != "ContainerNotFound" && code != "ResourceNotFound")
    return ErrorCode::EntityNotFound;
  return ErrorCode::StorageAccess;
}

Error error_of(const HttpResponse& response, const AzureRequest& request, const std::string& host) {
  const std::string code = azure_error_code(response);
  std::string message =
      "cannot " + request.action + " at " + host + ": status " + std::to_string(response.status);
  if (!code.empty()) message += " " + code;
  if (const std::string id = clean_code(response.header("x-ms-request-id")); !id.empty())
    message += " (request " + id + ")";
  return Error(code_of(response.status, code), std::move(message));
}

}  // namespace

std::string azure_error_code(const HttpResponse& response) {
  std::string code = response.header("x-ms-error-code");
  if (code.empty()) code = xml_text_of(response.body, "Code");
  return clean_code(std::move(code));
}

AzureClient::AzureClient(const ConnectionString& connection, StoreOptions options)
    : endpoint_(connection.endpoint),
      account_(connection.account),
      sas_(connection.sas),
      token_(connection.token),
      managed_identity_(connection.managed_identity),
      options_(std::move(options)) {
  const size_t slash = endpoint_.find('/', endpoint_.find("://") + 3);
  if (slash != std::string::npos) endpoint_path_ = endpoint_.substr(slash);
  if (connection.account_key.empty()) return;
  std::optional<std::string> key = base64_decode(connection.account_key);
  key_is_valid_ = key.has_value();
  if (key) key_ = *std::move(key);
}

Status AzureClient::check_credential() const {
  if (key_is_valid_) return {};
  return Status(ErrorCode::StorageAccess, "the account key given for " + endpoint_ + " isn't base64");
}

HttpRequest AzureClient::prepare(const Call& call, const AzureRequest& request,
                                 const std::string& token) const {
  HttpRequest out;
  out.method = request.method;
  out.body = request.body;
  out.sink = request.sink;
  out.connect_timeout = options_.connect_timeout;
  out.stall_timeout = options_.stall_timeout;
  out.call = &call;
  out.headers = request.headers;
  out.headers.emplace_back("x-ms-date", http_date(SystemClock().now()));
  out.headers.emplace_back("x-ms-version", kAzureVersion);
  const std::string encoded_path = percent_encode_path(request.path);
  out.url = endpoint_ + encoded_path;
  char separator = '?';
  for (const auto& [name, value] : request.query) {
    out.url += separator + percent_encode(name) + "=" + percent_encode(value);
    separator = '&';
  }
  if (!sas_.empty()) out.url += separator + sas_;
  if (!token.empty()) out.headers.emplace_back("Authorization", "Bearer " + token);
  if (!key_.empty())
    out.headers.emplace_back("Authorization", authorization(request, out.headers, encoded_path));
  return out;
}

/// Shared Key: the signature of the request's method, headers and resource, in their canonical form.
std::string AzureClient::authorization(const AzureRequest& request, const Parameters& headers,
                                       const std::string& encoded_path) const {
  std::string text = request.method + "\n";
  constexpr std::string_view kSigned[] = {"content-encoding",
                                          "content-language",
                                          "content-length",
                                          "content-md5",
                                          "content-type",
                                          "date",
                                          "if-modified-since",
                                          "if-match",
                                          "if-none-match",
                                          "if-unmodified-since",
                                          "range"};
  for (std::string_view name : kSigned) {
    if (name == "content-length") {
      if (!request.body.empty()) text += std::to_string(request.body.size());
    } else if (const std::string* value = find_header(headers, name)) {
      text += *value;
    }
    text += '\n';
  }
  Parameters canonical;
  for (const auto& [name, value] : headers) {
    if (lower_case(name).starts_with("x-ms-")) canonical.emplace_back(lower_case(name), value);
  }
  std::sort(canonical.begin(), canonical.end());
  for (const auto& [name, value] : canonical) text += name + ":" + value + "\n";
  text += "/" + account_ + endpoint_path_ + encoded_path;
  Parameters query = request.query;
  std::sort(query.begin(), query.end());
  for (const auto& [name, value] : query) text += "\n" + lower_case(name) + ":" + value;
  return "SharedKey " + account_ + ":" + base64_encode(hmac_sha256(key_, text));
}

Result<HttpResponse> AzureClient::send(const Call& call, const AzureRequest& request,
                                       const std::function<void()>& before) const {
  SPILLWAY_TRY(check_credential());
  HttpResponse response;
  SPILLWAY_TRY(with_retries(options_, call, [&]() -> Attempt {
    if (before) before();
    Status sunk;
    Result<std::string> token = token_;
    if (!managed_identity_.empty()) token = managed_identity_token(managed_identity_, options_, call);
    if (!token.ok()) return {token.status()};               // which was tried again already
    HttpRequest prepared = prepare(call, request, *token);  // anew each time: its date must be fresh
    if (request.sink) {
      prepared.sink = [&](std::string_view bytes) {
        sunk = request.sink(bytes);
        return sunk;
      };
    }
    Result<HttpResponse> answer = storage::send(prepared);
    if (!sunk.ok()) return {sunk};  // our own side failed: the local disk
    const bool uncertain = !answer.ok() || is_uncertain_status(answer->status);
    if (uncertain && request.unanswered) request.unanswered();
    if (!answer.ok()) return {answer.status(), !answer.error().permanent()};
    response = *std::move(answer);
    if (response.success()) return {Status()};
    const std::string code = azure_error_code(response);
    if (request.accept && request.accept(response.status, code)) return {Status()};
    // A token that was revoked, or whose identity got its role just now.
    if (response.status == 401) forget_managed_identity_token(managed_identity_);
    const bool again = is_transient(response.status, code);
    return {error_of(response, request, endpoint_), again,
            parse_retry_after(response.header("retry-after"), SystemClock().now())};
  }));
  return response;
}

}  // namespace spillway::storage
