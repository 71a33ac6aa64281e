// HTTP/1.1 over Boost.Beast and Asio, whose headers stay in http.cc. It knows nothing of what is asked for: a
// handler gets a whole request on a thread of its own and writes the answer as it is made.
//
//   auto server = HttpServer::listen("127.0.0.1", 0, {}, [](const HttpRequest& request, HttpResponse&
//   response) {
//     response.set_header("Content-Type", "text/plain");
//     response.write("hello");
//   });
//
// Promises: a request never costs more than HttpLimits say; what isn't HTTP gets a 4xx answer; a client that
// stalls is cut off; one that goes away sets the request's cancel token. An answer of up to kBufferedAnswer
// bytes is sent whole, with its length; a larger one in chunks as it is written, where the writer waits for a
// slow reader. Answers are compressed where the client accepts it. HEAD is GET without the body.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"
#include "engine/engine.h"

namespace spillway::server {

inline constexpr size_t kBufferedAnswer = 64 * 1024;  // bytes
/// An answer is compressed from this size on.
inline constexpr size_t kCompressFrom = 1024;
/// Bytes of an answer that wait for the client before its writer does.
inline constexpr size_t kQueuedAnswer = 1024 * 1024;

struct HttpLimits {
  size_t header_bytes = 64 * 1024;
  size_t body_bytes = 64 * 1024 * 1024;
  size_t connections = 4096;
  size_t handlers = 64;                              // requests handled at once; more wait
  std::chrono::milliseconds header_timeout{15'000};  // from the connection to the end of the first header
  std::chrono::milliseconds idle_timeout{120'000};   // … of a further header
  std::chrono::milliseconds body_timeout{300'000};
  std::chrono::milliseconds write_timeout{60'000};  // for the next kQueuedAnswer bytes
  std::chrono::milliseconds drain_timeout{30'000};  // of requests that run when the server stops
};

struct HttpRequest {
  std::string method;                          // "HEAD" arrives as "GET"
  std::string path;                            // without the query, percent-decoded
  std::map<std::string, std::string> query;    // decoded
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;                            // decompressed
  std::shared_ptr<engine::CancelToken> cancel;

  /// Empty where there is none.
  const std::string& header(const std::string& lower_case_name) const;
};

class HttpResponse {
 public:
  virtual ~HttpResponse() = default;
  // Before the first write that is sent; 200 by default.
  virtual void set_status(int status) = 0;
  virtual int status() const = 0;
  virtual void set_header(const std::string& name, const std::string& value) = 0;
  /// Error Cancelled where the client is gone: nothing more need be written.
  virtual Status write(std::string_view bytes) = 0;
  /// True once the status has been sent.
  virtual bool started() const = 0;
};

using HttpHandler = std::function<void(const HttpRequest&, HttpResponse&)>;

class HttpServer {
 public:
  /// Listens from now on. `port` 0: any free one. Errors: BadRequest (no such host), Conflict (the port is in
  /// use).
  static Result<std::unique_ptr<HttpServer>> listen(const std::string& host, uint16_t port,
                                                    const HttpLimits& limits, HttpHandler handler);
  virtual ~HttpServer() = default;  // stops
  virtual uint16_t port() const = 0;
  /// The address that it is bound to: "127.0.0.1", "::1".
  virtual std::string address() const = 0;
  virtual size_t connections() const = 0;
  /// Accepts nothing more, lets what runs end, cancels it after the drain timeout. Safe to call twice.
  virtual void stop() = 0;
};

/// True where every address of the host is a loopback address.
Result<bool> is_loopback(const std::string& host);

/// "%2Fa+b" → "/a b" with `plus_is_space`; what isn't a proper escape stays as it is.
std::string percent_decode(std::string_view text, bool plus_is_space);

}  // namespace spillway::server
