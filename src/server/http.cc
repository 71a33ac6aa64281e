// A connection's life, all of it on its strand but for the handler:
//
//   read header → (100 Continue) → read body → handler on a worker, which sends through Connection::send
//   → next request, or linger (so that the client can read the answer before the connection is reset) and
//   close
//
// While the handler runs, the socket is watched: an end of the stream there means that the client is gone.
#include "server/http.h"

#include <sys/socket.h>

#include <cerrno>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/types.h"
#include "server/compression.h"
#include "server/errors.h"
#include "server/workers.h"

namespace spillway::server {
namespace {

constexpr int kBadRequest = 400;
constexpr int kPayloadTooLarge = 413;
constexpr int kExpectationFailed = 417;
constexpr int kHeaderTooLarge = 431;
constexpr int kVersionNotSupported = 505;
constexpr int kServiceError = 520;

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

constexpr int kIoThreads = 2;
constexpr std::chrono::milliseconds kAcceptRetry{100};
constexpr std::chrono::milliseconds kLingerTimeout{2'000};
constexpr size_t kLingerBytes = 4 * 1024 * 1024;

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

const char* reason_of(int status) {
  if (status == kServiceError) return "Service Error";
  const auto known = http::int_to_status(static_cast<unsigned>(status));
  return known == http::status::unknown ? "Error" : http::obsolete_reason(known).data();
}

/// What came isn't HTTP; a connection that ended, or a time-out, isn't that.
bool is_malformed(error_code error) {
  static const auto& category = http::make_error_code(http::error::bad_method).category();
  return error && error.category() == category && error != http::error::end_of_stream &&
         error != http::error::partial_message;
}

std::map<std::string, std::string> parse_query(std::string_view text) {
  std::map<std::string, std::string> out;
  while (!text.empty()) {
    const size_t end = std::min(text.find('&'), text.size());
    const std::string_view item = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (item.empty()) continue;
    const size_t equals = std::min(item.find('='), item.size());
    const std::string_view value = equals < item.size() ? item.substr(equals + 1) : std::string_view();
    out[percent_decode(item.substr(0, equals), true)] = percent_decode(value, true);
  }
  return out;
}

class Connection;

/// What connections share, and what the server waits for when it stops.
struct Shared {
  Shared(const HttpLimits& given_limits, HttpHandler given_handler)
      : limits(given_limits), handler(std::move(given_handler)), workers(given_limits.handlers) {}

  const HttpLimits limits;
  const HttpHandler handler;
  Workers workers;
  std::atomic<bool> stopping{false};

  std::mutex mutex;
  std::condition_variable quiet;  // no request runs, or no connection is left
  std::set<Connection*> connections;
  size_t running = 0;
};

class Response;

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(tcp::socket socket, std::shared_ptr<Shared> shared)
      : stream_(std::move(socket)), shared_(std::move(shared)) {
    const std::lock_guard lock(shared_->mutex);
    shared_->connections.insert(this);
  }
  ~Connection() {
    const std::lock_guard lock(shared_->mutex);
    shared_->connections.erase(this);
    shared_->quiet.notify_all();
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void start() {
    asio::dispatch(stream_.get_executor(), [self = shared_from_this()] {
      error_code ignored;
      self->stream_.socket().set_option(tcp::no_delay(true), ignored);
      self->read_header();
    });
  }

  /// Closes the connection if it waits for a request; from any thread.
  void close_idle() {
    asio::post(stream_.get_executor(), [self = shared_from_this()] {
      if (!self->busy_) self->close();
    });
  }
  /// From any thread.
  void cancel_request() {
    asio::post(stream_.get_executor(), [self = shared_from_this()] { self->give_up(); });
  }

  // For Response, on the worker's thread.
  /// Queues bytes for the client; waits while too many are queued. False where the client is gone.
  bool send(std::string bytes);
  /// After the last send() of an answer.
  void finish(bool keep_alive);
  bool gone() const { return gone_.load(); }

 private:
  void read_header();
  void on_header(error_code error);
  void send_continue();
  void read_body();
  void on_body(error_code error);
  void handle();
  void run_handler(HttpRequest& request, Response& response);
  void make_request(HttpRequest& out);
  void watch();
  void give_up();

  void write_queue();
  void on_written(error_code error);
  void answer_complete();

  void fail(int status, const Error& error);
  void linger();
  void read_away();
  void close();

  beast::tcp_stream stream_;
  const std::shared_ptr<Shared> shared_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  bool first_ = true;  // no request has been read yet
  bool busy_ = false;  // a request is being handled or answered
  bool head_ = false;
  uint64_t request_number_ = 0;
  std::shared_ptr<engine::CancelToken> cancel_;
  std::atomic<bool> gone_{false};
  std::vector<char> discarded_;
  size_t discarded_bytes_ = 0;

  std::mutex queue_mutex_;
  std::condition_variable queue_moved_;
  std::string queue_;      // waits
  bool writing_ = false;   // in_flight_ is being written
  bool finished_ = false;  // nothing more comes of this answer
  bool keep_alive_ = false;
  std::string in_flight_;
};

/// The answer of one request, written on a worker's thread.
class Response : public HttpResponse {
 public:
  Response(std::shared_ptr<Connection> connection, bool head, bool http_1_1, bool keep_alive,
           ContentCoding coding)
      : connection_(std::move(connection)),
        head_(head),
        http_1_1_(http_1_1),
        keep_alive_(keep_alive),
        coding_(coding) {}

  void set_status(int status) override { status_ = status; }
  int status() const override { return status_; }
  void set_header(const std::string& name, const std::string& value) override { headers_[name] = value; }
  bool started() const override { return started_; }

  Status write(std::string_view bytes) override {
    body_.append(bytes);
    if (body_.size() >= kBufferedAnswer) flush(false);
    if (connection_->gone()) return Error{ErrorCode::Cancelled, "the client closed the connection"};
    return {};
  }

  void discard_body() { body_.clear(); }
  void finish() {
    flush(true);
    connection_->finish(keep_alive_);
  }
  /// An answer that can't be completed: the connection ends without its last chunk.
  void abandon() { connection_->finish(false); }

 private:
  void flush(bool last);
  std::string header_lines(std::optional<size_t> length) const;
  void append_chunk(std::string& out, std::string_view bytes) const;

  const std::shared_ptr<Connection> connection_;
  const bool head_, http_1_1_;
  bool keep_alive_;
  ContentCoding coding_;
  int status_ = 200;
  std::map<std::string, std::string> headers_;
  std::string body_;
  bool started_ = false;
  std::optional<Compressor> compressor_;
};

std::string Response::header_lines(std::optional<size_t> length) const {
  std::string out = "HTTP/1.1 " + std::to_string(status_) + ' ' + reason_of(status_) + "\r\n";
  const auto add = [&](std::string_view name, std::string_view value) {
    out += name, out += ": ", out += value, out += "\r\n";
  };
  for (const auto& [name, value] : headers_) add(name, value);
  add("Server", "Spillway");
  if (coding_ != ContentCoding::Identity) add("Content-Encoding", name_of(coding_));
  add("Vary", "Accept-Encoding");
  if (length) {
    add("Content-Length", std::to_string(*length));
  } else if (http_1_1_) {
    add("Transfer-Encoding", "chunked");
  }
  add("Connection", keep_alive_ ? "keep-alive" : "close");
  return out + "\r\n";
}

void Response::append_chunk(std::string& out, std::string_view bytes) const {
  if (!http_1_1_) {
    out += bytes;
    return;
  }
  if (bytes.empty()) return;
  constexpr char kHex[] = "0123456789abcdef";
  std::string size;
  for (size_t n = bytes.size(); n > 0; n /= 16) size.insert(size.begin(), kHex[n % 16]);
  out += size, out += "\r\n", out += bytes, out += "\r\n";
}

void Response::flush(bool last) {
  const bool whole = last && !started_;
  if (!started_ && whole && body_.size() < kCompressFrom) coding_ = ContentCoding::Identity;
  if (!started_ && !whole && !http_1_1_) keep_alive_ = false;
  if (!compressor_ && coding_ != ContentCoding::Identity) compressor_.emplace(coding_);

  std::string coded;
  if (compressor_) {
    compressor_->add(body_, last, coded);
  } else {
    coded = std::move(body_);
  }
  body_.clear();

  std::string out;
  if (!started_) out = header_lines(whole ? std::optional(coded.size()) : std::nullopt);
  started_ = true;
  if (!head_ && whole) out += coded;
  if (!head_ && !whole) {
    append_chunk(out, coded);
    if (last && http_1_1_) out += "0\r\n\r\n";
  }
  if (!out.empty()) connection_->send(std::move(out));
}

/// An error that the handler doesn't see, in the form of all others.
void answer_error(HttpResponse& response, int status, const Error& error) {
  const std::string activity = Guid::random().str();
  response.set_status(status);
  response.set_header("Content-Type", "application/json; charset=utf-8");
  response.write(one_api_error(error, {activity, activity}, SystemClock().now())).ok();
}

void Connection::read_header() {
  busy_ = false;
  if (shared_->stopping) return close();
  parser_.emplace();
  parser_->header_limit(static_cast<uint32_t>(shared_->limits.header_bytes));
  parser_->body_limit(shared_->limits.body_bytes);
  stream_.expires_after(first_ ? shared_->limits.header_timeout : shared_->limits.idle_timeout);
  first_ = false;
  http::async_read_header(stream_, buffer_, *parser_,
                          [self = shared_from_this()](error_code error, size_t) { self->on_header(error); });
}

void Connection::on_header(error_code error) {
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return fail(kHeaderTooLarge,
                {ErrorCode::LimitExceeded, "the request's header is larger than " +
                                               std::to_string(shared_->limits.header_bytes) + " bytes"});
  }
  if (error == http::error::body_limit) {
    return fail(kPayloadTooLarge,
                {ErrorCode::LimitExceeded, "the request's body is larger than " +
                                               std::to_string(shared_->limits.body_bytes) + " bytes"});
  }
  if (is_malformed(error)) {
    return fail(kBadRequest, {ErrorCode::BadRequest, "the request isn't valid HTTP: " + error.message()});
  }
  if (error) return close();
  busy_ = true;
  const auto& message = parser_->get();
  if (message.version() != 10 && message.version() != 11) {
    return fail(kVersionNotSupported, {ErrorCode::BadRequest, "only HTTP/1.0 and HTTP/1.1 are supported"});
  }
  if (message.version() == 11 && message.count(http::field::host) != 1) {
    return fail(kBadRequest, {ErrorCode::BadRequest, "the request needs one Host header"});
  }
  const auto expect = message.find(http::field::expect);
  if (expect == message.end()) return read_body();
  if (lower({expect->value().data(), expect->value().size()}) == "100-continue") return send_continue();
  fail(kExpectationFailed, {ErrorCode::BadRequest, "the only expectation that is supported is 100-continue"});
}

void Connection::send_continue() {
  static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  stream_.expires_after(shared_->limits.write_timeout);
  asio::async_write(stream_, asio::buffer(kContinue.data(), kContinue.size()),
                    [self = shared_from_this()](error_code error, size_t) {
                      if (error) return self->close();
                      self->read_body();
                    });
}

void Connection::read_body() {
  stream_.expires_after(shared_->limits.body_timeout);
  http::async_read(stream_, buffer_, *parser_,
                   [self = shared_from_this()](error_code error, size_t) { self->on_body(error); });
}

void Connection::on_body(error_code error) {
  if (error == http::error::body_limit) {
    return fail(kPayloadTooLarge,
                {ErrorCode::LimitExceeded, "the request's body is larger than " +
                                               std::to_string(shared_->limits.body_bytes) + " bytes"});
  }
  if (is_malformed(error)) {
    return fail(kBadRequest, {ErrorCode::BadRequest, "the request isn't valid HTTP: " + error.message()});
  }
  if (error) return close();
  handle();
}

void Connection::make_request(HttpRequest& out) {
  auto& message = parser_->get();
  const std::string_view target(message.target().data(), message.target().size());
  head_ = message.method() == http::verb::head;
  out.method = head_ ? "GET" : std::string(message.method_string());
  const size_t question = std::min(target.find('?'), target.size());
  out.path = percent_decode(target.substr(0, question), false);
  if (question < target.size()) out.query = parse_query(target.substr(question + 1));
  for (const auto& field : message) {
    std::string& value = out.headers[lower({field.name_string().data(), field.name_string().size()})];
    if (!value.empty()) value += ", ";
    value += std::string_view(field.value().data(), field.value().size());
  }
  out.body = std::move(message.body());
  out.cancel = cancel_;
}

/// A compressed body in the place of what came.
Status decode_body(HttpRequest& request, size_t limit) {
  const std::string coding = lower(request.header("content-encoding"));
  if (coding.empty() || coding == "identity") return {};
  if (coding != "gzip" && coding != "deflate") {
    return Error{ErrorCode::BadRequest, "the content encoding of the request isn't supported: " + coding};
  }
  SPILLWAY_ASSIGN(request.body, decompress(request.body, limit));
  return {};
}

void Connection::handle() {
  stream_.expires_never();
  cancel_ = std::make_shared<engine::CancelToken>();
  auto request = std::make_shared<HttpRequest>();
  make_request(*request);
  const auto& message = parser_->get();
  const auto response = std::make_shared<Response>(shared_from_this(), head_, message.version() == 11,
                                                   message.keep_alive() && !shared_->stopping,
                                                   accepted_coding(request->header("accept-encoding")));
  ++request_number_;
  {
    const std::lock_guard lock(queue_mutex_);
    finished_ = false;
  }
  {
    const std::lock_guard lock(shared_->mutex);
    ++shared_->running;
  }
  watch();
  shared_->workers.run([self = shared_from_this(), request, response] {
    self->run_handler(*request, *response);
    const std::lock_guard lock(self->shared_->mutex);
    --self->shared_->running;
    self->shared_->quiet.notify_all();
  });
}

void Connection::run_handler(HttpRequest& request, Response& response) {
  try {
    const Status decoded = decode_body(request, shared_->limits.body_bytes);
    if (decoded.ok()) {
      shared_->handler(request, response);
    } else {
      const bool too_large = decoded.error().code == ErrorCode::LimitExceeded;
      answer_error(response, too_large ? kPayloadTooLarge : kBadRequest, decoded.error());
    }
    response.finish();
  } catch (const std::exception& failure) {
    log::error("request failed", {{"path", request.path}, {"failure", failure.what()}});
    if (response.started()) return response.abandon();
    response.discard_body();
    answer_error(response, kServiceError, {ErrorCode::Internal, "the request failed inside the server"});
    response.finish();
  }
}

void Connection::watch() {
  stream_.socket().async_wait(
      tcp::socket::wait_read, [self = shared_from_this(), number = request_number_](error_code error) {
        if (!self->busy_ || number != self->request_number_) return;
        char byte = 0;
        const ssize_t seen =
            error ? 0 : recv(self->stream_.socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        if (seen > 0) return;  // the next request is there already: what comes after it can't be seen
        if (seen < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return self->watch();
        self->give_up();
      });
}

void Connection::give_up() {
  gone_ = true;
  if (cancel_) cancel_->cancel();
  const std::lock_guard lock(queue_mutex_);
  queue_moved_.notify_all();
}

bool Connection::send(std::string bytes) {
  std::unique_lock lock(queue_mutex_);
  queue_moved_.wait(lock, [this] { return queue_.size() < kQueuedAnswer || gone(); });
  if (gone()) return false;
  if (queue_.empty()) {
    queue_ = std::move(bytes);
  } else {
    queue_ += bytes;
  }
  if (writing_) return true;
  writing_ = true;
  asio::post(stream_.get_executor(), [self = shared_from_this()] { self->write_queue(); });
  return true;
}

void Connection::finish(bool keep_alive) {
  const std::lock_guard lock(queue_mutex_);
  finished_ = true;
  keep_alive_ = keep_alive;
  if (!writing_) asio::post(stream_.get_executor(), [self = shared_from_this()] { self->answer_complete(); });
}

void Connection::write_queue() {
  {
    const std::lock_guard lock(queue_mutex_);
    in_flight_.clear();
    in_flight_.swap(queue_);
    queue_moved_.notify_all();
    if (in_flight_.empty()) {
      writing_ = false;
      if (!finished_) return;
    }
  }
  if (in_flight_.empty()) return answer_complete();
  stream_.expires_after(shared_->limits.write_timeout);
  asio::async_write(stream_, asio::buffer(in_flight_),
                    [self = shared_from_this()](error_code error, size_t) { self->on_written(error); });
}

void Connection::on_written(error_code error) {
  if (!error) return write_queue();
  give_up();
  bool finished = false;
  {
    const std::lock_guard lock(queue_mutex_);
    queue_.clear();
    writing_ = false;
    finished = finished_;
  }
  if (finished) answer_complete();
}

void Connection::answer_complete() {
  stream_.expires_never();
  cancel_.reset();
  if (gone()) return close();
  if (shared_->stopping) return close();
  if (!keep_alive_) return linger();
  read_header();
}

void Connection::fail(int status, const Error& error) {
  busy_ = true;
  const std::string activity = Guid::random().str();
  const std::string body = one_api_error(error, {activity, activity}, SystemClock().now());
  in_flight_ =
      "HTTP/1.1 " + std::to_string(status) + ' ' + reason_of(status) +
      "\r\nServer: Spillway\r\nContent-Type: application/json; charset=utf-8\r\nConnection: close\r\n"
      "Content-Length: " +
      std::to_string(body.size()) + "\r\n\r\n";
  if (!parser_ || parser_->get().method() != http::verb::head) in_flight_ += body;
  stream_.expires_after(shared_->limits.write_timeout);
  asio::async_write(stream_, asio::buffer(in_flight_),
                    [self = shared_from_this()](error_code failure, size_t) {
                      if (failure) return self->close();
                      self->linger();
                    });
}

void Connection::linger() {
  error_code ignored;
  stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
  discarded_.resize(16 * 1024);
  stream_.expires_after(kLingerTimeout);
  read_away();
}

void Connection::read_away() {
  stream_.async_read_some(asio::buffer(discarded_),
                          [self = shared_from_this()](error_code error, size_t count) {
                            self->discarded_bytes_ += count;
                            if (error || self->discarded_bytes_ > kLingerBytes) return self->close();
                            self->read_away();
                          });
}

void Connection::close() {
  give_up();
  error_code ignored;
  stream_.socket().shutdown(tcp::socket::shutdown_both, ignored);
  stream_.close();
}

Result<tcp::resolver::results_type> resolve(const std::string& host, uint16_t port) {
  asio::io_context context;
  tcp::resolver resolver(context);
  error_code error;
  auto endpoints = resolver.resolve(host, std::to_string(port), tcp::resolver::passive, error);
  if (error || endpoints.empty()) {
    return Error{ErrorCode::BadRequest, "can't listen on '" + host + "': " + error.message()};
  }
  return endpoints;
}

class Server : public HttpServer {
 public:
  Server(const HttpLimits& limits, HttpHandler handler)
      : shared_(std::make_shared<Shared>(limits, std::move(handler))),
        acceptor_(asio::make_strand(context_)),
        retry_(acceptor_.get_executor()) {}
  ~Server() override { stop(); }

  Status open(const std::string& host, uint16_t port);
  uint16_t port() const override { return endpoint_.port(); }
  std::string address() const override { return endpoint_.address().to_string(); }
  size_t connections() const override {
    const std::lock_guard lock(shared_->mutex);
    return shared_->connections.size();
  }
  void stop() override;

 private:
  void run();
  void accept();
  void on_accepted(error_code error, tcp::socket socket);
  void for_each_connection(void (Connection::*action)());

  asio::io_context context_{kIoThreads};
  const std::shared_ptr<Shared> shared_;
  tcp::acceptor acceptor_;
  asio::steady_timer retry_;
  tcp::endpoint endpoint_;
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work_;
  std::vector<std::thread> threads_;
};

Status Server::open(const std::string& host, uint16_t port) {
  SPILLWAY_ASSIGN(const auto endpoints, resolve(host, port));
  endpoint_ = endpoints.begin()->endpoint();
  error_code error;
  acceptor_.open(endpoint_.protocol(), error);
  if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor_.bind(endpoint_, error);
  if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    return Error{ErrorCode::Conflict,
                 "can't listen on " + host + ':' + std::to_string(port) + ": " + error.message()};
  }
  endpoint_ = acceptor_.local_endpoint(error);
  work_.emplace(context_.get_executor());
  asio::post(acceptor_.get_executor(), [this] { accept(); });
  for (int i = 0; i < kIoThreads; ++i) threads_.emplace_back([this] { run(); });
  return {};
}

void Server::run() {
  while (true) {
    try {
      context_.run();
      return;
    } catch (const std::exception& failure) {  // no memory: the connection that wanted it is gone
      log::error("a connection failed", {{"failure", failure.what()}});
    }
  }
}

void Server::accept() {
  acceptor_.async_accept(asio::make_strand(context_), [this](error_code error, tcp::socket socket) {
    on_accepted(error, std::move(socket));
  });
}

void Server::on_accepted(error_code error, tcp::socket socket) {
  if (error == asio::error::operation_aborted || shared_->stopping) return;
  if (error) {
    log::warning("accepting a connection failed", {{"failure", error.message()}});
    retry_.expires_after(kAcceptRetry);
    retry_.async_wait([this](error_code aborted) {
      if (!aborted) accept();
    });
    return;
  }
  if (connections() >= shared_->limits.connections) {
    static constexpr std::string_view kBusy =
        "HTTP/1.1 503 Service Unavailable\r\nServer: Spillway\r\nContent-Length: 0\r\nConnection: "
        "close\r\n\r\n";
    error_code ignored;
    socket.non_blocking(true, ignored);
    socket.write_some(asio::buffer(kBusy.data(), kBusy.size()), ignored);
  } else {
    std::make_shared<Connection>(std::move(socket), shared_)->start();
  }
  accept();
}

void Server::for_each_connection(void (Connection::*action)()) {
  std::vector<std::shared_ptr<Connection>> alive;  // let go of without the lock, which their destructor takes
  {
    const std::lock_guard lock(shared_->mutex);
    for (Connection* connection : shared_->connections) {
      if (auto locked = connection->weak_from_this().lock()) alive.push_back(std::move(locked));
    }
  }
  for (const auto& connection : alive) ((*connection).*action)();
}

void Server::stop() {
  if (threads_.empty() || shared_->stopping.exchange(true)) return;
  asio::post(acceptor_.get_executor(), [this] {
    error_code ignored;
    acceptor_.close(ignored);
    retry_.cancel();
  });
  for_each_connection(&Connection::close_idle);
  const auto drained = [this](std::chrono::milliseconds timeout) {
    std::unique_lock lock(shared_->mutex);
    return shared_->quiet.wait_for(lock, timeout, [this] { return shared_->running == 0; });
  };
  if (!drained(shared_->limits.drain_timeout)) {
    log::warning("cancelling requests that still run");
    for_each_connection(&Connection::cancel_request);
  }
  shared_->workers.stop();
  {
    std::unique_lock lock(shared_->mutex);
    shared_->quiet.wait_for(lock, kLingerTimeout, [this] { return shared_->connections.empty(); });
  }
  work_.reset();
  context_.stop();
  for (std::thread& thread : threads_) thread.join();
}

}  // namespace

const std::string& HttpRequest::header(const std::string& lower_case_name) const {
  static const std::string kNone;
  const auto found = headers.find(lower_case_name);
  return found == headers.end() ? kNone : found->second;
}

Result<std::unique_ptr<HttpServer>> HttpServer::listen(const std::string& host, uint16_t port,
                                                       const HttpLimits& limits, HttpHandler handler) {
  try {
    auto server = std::make_unique<Server>(limits, std::move(handler));
    SPILLWAY_TRY(server->open(host, port));
    return std::unique_ptr<HttpServer>(std::move(server));
  } catch (const std::exception& failure) {
    return Error{ErrorCode::Internal, std::string("the HTTP server can't start: ") + failure.what()};
  }
}

Result<bool> is_loopback(const std::string& host) {
  SPILLWAY_ASSIGN(const auto endpoints, resolve(host, 0));
  return std::all_of(endpoints.begin(), endpoints.end(),
                     [](const auto& entry) { return entry.endpoint().address().is_loopback(); });
}

std::string percent_decode(std::string_view text, bool plus_is_space) {
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 && digit(text[i + 2]) >= 0) {
      out += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
      i += 2;
    } else {
      out += text[i] == '+' && plus_is_space ? ' ' : text[i];
    }
  }
  return out;
}

}  // namespace spillway::server
