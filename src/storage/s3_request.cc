#include "storage/s3_request.h"

#include <algorithm>

#include "base/calendar.h"
#include "base/clock.h"
#include "storage/crypto.h"
#include "storage/paths.h"
#include "storage/xml.h"

namespace spillway::storage {
namespace {

bool is_transient(int status, const std::string& code) {
  return is_transient_status(status) || code == "RequestTimeout" || code == "OperationAborted" ||
         code == "ConditionalRequestConflict" || code == "BadDigest" || code == "InternalError" ||
         code == "SlowDown" || code == "ServiceUnavailable" || code == "XAmzContentSHA256Mismatch";
}

ErrorCode code_of(int status, const std::string& code) {
  // The object changed while it was read, or an upload ended under our hands: a new start may do.
  if (is_transient(status, code) || status == 412 || code == "NoSuchUpload")
    return ErrorCode::StorageTransient;
  // The answer to HEAD has no code: the bucket was seen when the store was opened or listed.
  if (status == 404 && code != "NoSuchBucket") return ErrorCode::EntityNotFound;
  return ErrorCode::StorageAccess;
}

Error error_of(const HttpResponse& response, const S3Request& request, const std::string& host) {
  const std::string code = s3_error_code(response);
  std::string message =
      "cannot " + request.action + " at " + host + ": status " + std::to_string(response.status);
  if (!code.empty()) message += " " + code;
  if (code == "AuthorizationHeaderMalformed" || code == "PermanentRedirect") {
    const std::string region = clean_code(response.header("x-amz-bucket-region"));
    message +=
        region.empty() ? ": the bucket lies in another region" : ": the bucket lies in region " + region;
  }
  return Error(code_of(response.status, code), std::move(message));
}

/// Each part of a path encoded, the '/' between them kept: the one form that both the request and its
/// signature use.
std::string encode_key(std::string_view key) {
  std::string out;
  while (true) {
    const size_t slash = std::min(key.find('/'), key.size());
    out += percent_encode(key.substr(0, slash));
    if (slash == key.size()) return out;
    out += '/';
    key.remove_prefix(slash + 1);
  }
}

/// "20130524T000000Z"
std::string compact_date(Ticks ticks) {
  std::string text = format_datetime(ticks).substr(0, 19);
  text.erase(std::remove_if(text.begin(), text.end(), [](char c) { return c == '-' || c == ':'; }),
             text.end());
  return text + "Z";
}

std::string encode_query(const Parameters& query) {
  std::string text;
  for (const auto& [name, value] : query) {
    if (!text.empty()) text += '&';
    text += percent_encode(name) + "=" + percent_encode(value);
  }
  return text;
}

const std::string& value_of(const Parameters& headers, std::string_view name) {
  static const std::string kNone;
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return kNone;
}

}  // namespace

std::string s3_error_code(const HttpResponse& response) {
  return clean_code(xml_text_of(response.body, "Code"));
}

std::string s3_authorization(const std::string& method, const std::string& encoded_path, Parameters query,
                             Parameters headers, const std::string& access_key, const std::string& secret_key,
                             const std::string& region) {
  std::sort(query.begin(), query.end());
  std::sort(headers.begin(), headers.end());
  std::string canonical = method + "\n" + encoded_path + "\n" + encode_query(query) + "\n", names;
  for (const auto& [name, value] : headers) {
    canonical += name + ":" + value + "\n";
    names += (names.empty() ? "" : ";") + name;
  }
  canonical += "\n" + names + "\n" + value_of(headers, "x-amz-content-sha256");

  const std::string date = value_of(headers, "x-amz-date"), day = date.substr(0, 8);
  const std::string scope = day + "/" + region + "/s3/aws4_request";
  const std::string text = "AWS4-HMAC-SHA256\n" + date + "\n" + scope + "\n" + sha256_hex(canonical);
  std::string key = "AWS4" + secret_key;
  for (const std::string& part : {day, region, std::string("s3"), std::string("aws4_request")}) {
    key = hmac_sha256(key, part);
  }
  return "AWS4-HMAC-SHA256 Credential=" + access_key + "/" + scope + ", SignedHeaders=" + names +
         ", Signature=" + to_hex(hmac_sha256(key, text));
}

S3Client::S3Client(const ConnectionString& connection, StoreOptions options)
    : endpoint_(connection.endpoint),
      access_key_(connection.access_key),
      secret_key_(connection.secret_key),
      region_(connection.region),
      presigned_(connection.presigned),
      options_(std::move(options)) {
  const size_t start = endpoint_.find("://") + 3;
  const size_t slash = std::min(endpoint_.find('/', start), endpoint_.size());
  host_ = endpoint_.substr(start, slash - start);
  endpoint_path_ = endpoint_.substr(slash);
}

HttpRequest S3Client::prepare(const Call& call, const S3Request& request) const {
  HttpRequest out;
  out.method = request.method;
  out.body = request.body;
  out.sink = request.sink;
  out.connect_timeout = options_.connect_timeout;
  out.stall_timeout = options_.stall_timeout;
  out.call = &call;
  out.headers = request.headers;
  const std::string path = "/" + encode_key(request.key);
  out.url = endpoint_ + path;
  if (!request.query.empty()) out.url += "?" + encode_query(request.query);
  if (!presigned_.empty()) out.url += (request.query.empty() ? "?" : "&") + presigned_;
  if (access_key_.empty()) return out;
  Parameters& headers = out.headers;
  headers.emplace_back("x-amz-date", compact_date(SystemClock().now()));
  headers.emplace_back("x-amz-content-sha256", sha256_hex(request.body));
  Parameters signed_headers{{"host", host_}};
  for (const auto& [name, value] : headers) signed_headers.emplace_back(lower_case(name), value);
  headers.emplace_back("Authorization",
                       s3_authorization(request.method, endpoint_path_ + path, request.query,
                                        std::move(signed_headers), access_key_, secret_key_, region_));
  return out;
}

Result<HttpResponse> S3Client::send(const Call& call, const S3Request& request,
                                    const std::function<void()>& before) const {
  HttpResponse response;
  SPILLWAY_TRY(with_retries(options_, call, [&]() -> Attempt {
    if (before) before();
    Status sunk;
    HttpRequest prepared = prepare(call, request);  // anew each time: its date must be fresh
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
    // The end of a multipart upload may fail after its answer has begun with 200.
    const std::string code = request.method == "POST" || !response.success() ? s3_error_code(response) : "";
    if (response.success() && code.empty()) return {Status()};
    if (request.accept && request.accept(response.status, code)) return {Status()};
    const bool again = is_transient(response.status, code);
    return {error_of(response, request, host_), again,
            parse_retry_after(response.header("retry-after"), SystemClock().now())};
  }));
  return response;
}

}  // namespace spillway::storage
