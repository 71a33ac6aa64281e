// One HTTP request at a time over libcurl, with connections kept and reused by the whole process.
// Redirects aren't followed, and an answer's body is bounded.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/types.h"
#include "storage/call.h"

namespace spillway::storage {

using Parameters = std::vector<std::pair<std::string, std::string>>;  // not encoded

struct HttpRequest {
  std::string method = "GET";
  std::string url;
  Parameters headers;
  std::string_view body;  // of a PUT or POST; must live as long as the request
  std::chrono::seconds connect_timeout{10};
  std::chrono::seconds stall_timeout{60};
  /// Takes the body of an answer with a 2xx status, as it comes, in place of HttpResponse::body. An error
  /// ends the request and is its result.
  std::function<Status(std::string_view bytes)> sink;
  /// Ends the request when it is cancelled or its time is over; may be null.
  const Call* call = nullptr;
};

struct HttpResponse {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;

  std::string header(const std::string& lower_case_name) const;
  bool success() const { return status >= 200 && status < 300; }
};

/// An answer of any status; or, where there was none, StorageTransient (a time-out, a connection that broke
/// or was refused), StorageAccess (a certificate that isn't trusted) or Cancelled. Messages name the host,
/// never the URL.
Result<HttpResponse> send(const HttpRequest& request);

/// Statuses that may pass: time-outs, throttling, and what a server says of itself.
bool is_transient_status(int status);
/// Whether the answer leaves it open if the request took effect: a server that gave up on one behind it.
bool is_uncertain_status(int status);
/// The date as HTTP prints it: "Fri, 26 Jun 2015 23:39:12 GMT".
std::string http_date(Ticks ticks);
/// Of a header or a listing; StorageTransient where it is no length.
Result<int64_t> parse_size(const std::string& text);
/// Letters, digits, '-', and not many: what every error code consists of; else "". Nothing else of an answer
/// gets into a message.
std::string clean_code(std::string text);
std::string lower_case(std::string_view text);

}  // namespace spillway::storage
