#include "storage/http.h"

#include <curl/curl.h>

#include <algorithm>
#include <cctype>
#include <memory>
#include <mutex>

namespace spillway::storage {
namespace {

constexpr size_t kMaxIdleHandles = 32;
constexpr size_t kMaxBodyBytes =
    64 << 20;  // of an answer that is held in memory: a page of a listing, an error
constexpr size_t kMaxHeaderBytes = 256 << 10;

/// Easy handles, each with the connections that it keeps open.
class HandlePool {
 public:
  static HandlePool& instance() {
    // Never destroyed: threads may still hold handles when the process ends.
    static HandlePool* const pool = new HandlePool();
    return *pool;
  }

  CURL* take() {
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) return curl_easy_init();
    CURL* handle = idle_.back();
    idle_.pop_back();
    return handle;
  }

  void give_back(CURL* handle) {
    curl_easy_reset(handle);  // keeps its connections
    {
      const std::lock_guard lock(mutex_);
      if (idle_.size() < kMaxIdleHandles) {
        idle_.push_back(handle);
        return;
      }
    }
    curl_easy_cleanup(handle);
  }

 private:
  HandlePool() { curl_global_init(CURL_GLOBAL_DEFAULT); }
  std::mutex mutex_;
  std::vector<CURL*> idle_;
};

class Handle {
 public:
  Handle() : handle_(HandlePool::instance().take()) {}
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() {
    if (handle_) HandlePool::instance().give_back(handle_);
  }
  CURL* get() const { return handle_; }

 private:
  CURL* handle_;
};

struct Exchange {
  CURL* handle = nullptr;
  const HttpRequest* request = nullptr;
  HttpResponse response;
  size_t header_bytes = 0;
  Status sink_status;
};

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

std::string trim(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front()))) text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.remove_suffix(1);
  return std::string(text);
}

size_t on_header(char* data, size_t, size_t size, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  const std::string_view line(data, size);
  exchange.header_bytes += size;
  if (exchange.header_bytes > kMaxHeaderBytes) return 0;
  if (line.starts_with("HTTP/")) {
    exchange.response.headers.clear();  // those of an interim answer (1xx) don't count
  } else if (const size_t colon = line.find(':'); colon != std::string_view::npos) {
    exchange.response.headers[lower(line.substr(0, colon))] = trim(line.substr(colon + 1));
  }
  return size;
}

size_t on_body(char* data, size_t, size_t size, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  const std::string_view bytes(data, size);
  long status = 0;
  curl_easy_getinfo(exchange.handle, CURLINFO_RESPONSE_CODE, &status);
  if (exchange.request->sink && status >= 200 && status < 300) {
    exchange.sink_status = exchange.request->sink(bytes);
    return exchange.sink_status.ok() ? size : 0;
  }
  if (exchange.response.body.size() + size > kMaxBodyBytes) return 0;
  exchange.response.body.append(bytes);
  return size;
}

/// Called by libcurl once a second at least, also while nothing comes.
int on_progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<const Call*>(user)->cancelled() ? 1 : 0;
}

/// "https://account.blob.core.windows.net" of a URL: nothing behind it, where a signature may stand.
std::string origin(const std::string& url) {
  const size_t start = url.find("://");
  const size_t from = start == std::string::npos ? 0 : start + 3;
  return url.substr(0, url.find_first_of("/?", from));
}

bool is_loopback(const std::string& url) {
  const std::string address = origin(url);
  return address.find("://127.") != std::string::npos || address.find("://localhost") != std::string::npos ||
         address.find("://[::1]") != std::string::npos;
}

void configure(CURL* handle, const HttpRequest& request, Exchange& exchange, curl_slist* headers) {
  const bool has_body = request.method == "PUT" || request.method == "POST";
  curl_easy_setopt(handle, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(handle, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT, static_cast<long>(request.connect_timeout.count()));
  curl_easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(handle, CURLOPT_LOW_SPEED_TIME, static_cast<long>(request.stall_timeout.count()));
  curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, &on_header);
  curl_easy_setopt(handle, CURLOPT_HEADERDATA, &exchange);
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, &on_body);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, &exchange);
  if (is_loopback(request.url)) curl_easy_setopt(handle, CURLOPT_NOPROXY, "*");
  if (request.method == "HEAD") curl_easy_setopt(handle, CURLOPT_NOBODY, 1L);
  if (has_body) {
    curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(handle, CURLOPT_POSTFIELDS, request.body.data() ? request.body.data() : "");
  }
  if (request.method != "HEAD") curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  if (request.call) {
    const auto left = std::max<int64_t>(request.call->left().count(), 1);
    curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, static_cast<long>(left));
    curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, &on_progress);
    curl_easy_setopt(handle, CURLOPT_XFERINFODATA, const_cast<Call*>(request.call));
  }
}

Error transport_error(CURLcode code, const HttpRequest& request) {
  if (code == CURLE_ABORTED_BY_CALLBACK) {
    return Error(ErrorCode::Cancelled, "the request to " + origin(request.url) + " was cancelled");
  }
  bool permanent = false;
  switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL: permanent = true; break;
    default: break;
  }
  return Error(permanent ? ErrorCode::StorageAccess : ErrorCode::StorageTransient,
               "no answer from " + origin(request.url) + ": " + curl_easy_strerror(code));
}

}  // namespace

std::string HttpResponse::header(const std::string& lower_case_name) const {
  const auto found = headers.find(lower_case_name);
  return found == headers.end() ? std::string() : found->second;
}

Result<HttpResponse> send(const HttpRequest& request) {
  const Handle handle;
  if (!handle.get()) return Error(ErrorCode::StorageTransient, "out of memory for an HTTP request");
  // libcurl would ask before it sends a large body, and take a body for a form.
  std::vector<std::string> lines = {"Expect:"};
  if (std::none_of(request.headers.begin(), request.headers.end(),
                   [](const auto& header) { return lower(header.first) == "content-type"; })) {
    lines.emplace_back("Content-Type:");
  }
  for (const auto& [name, value] : request.headers) lines.push_back(name + ": " + value);
  curl_slist* list = nullptr;
  for (const std::string& line : lines) list = curl_slist_append(list, line.c_str());
  const std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> headers(list, &curl_slist_free_all);

  Exchange exchange;
  exchange.handle = handle.get();
  exchange.request = &request;
  configure(handle.get(), request, exchange, headers.get());
  const CURLcode code = curl_easy_perform(handle.get());
  if (!exchange.sink_status.ok()) return exchange.sink_status.error();
  if (code != CURLE_OK) return transport_error(code, request);
  long status = 0;
  curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &status);
  exchange.response.status = static_cast<int>(status);
  return std::move(exchange.response);
}

}  // namespace spillway::storage
