// A loopback HTTP proxy that damages what a test wants damaged, between a store and a real server.
//
//   FaultProxy proxy(azurite.port());
//   proxy.on_request([](const FaultProxy::Request& r) { return r.number == 1 ? Fault::reset() :
//   Fault::none(); }); … http://127.0.0.1:proxy.port()/…
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace spillway::test {

struct Fault {
  enum class Kind {
    None,        // the server's answer
    Answer,      // an answer of the test's own; the server sees nothing
    Reset,       // the connection breaks before the server sees anything
    LoseAnswer,  // the server does its work, then the connection breaks
    Truncate,    // the server's answer breaks off within its body
    Damage,      // a byte of the server's answer's body is another
    Stall,       // no answer until the client goes
  };
  Kind kind = Kind::None;
  int status = 503;
  std::string headers;  // "Name: value\r\n" …
  std::string body;

  static Fault none() { return {}; }
  static Fault answer(int status, std::string headers = "", std::string body = "") {
    return {Kind::Answer, status, std::move(headers), std::move(body)};
  }
  static Fault of(Kind kind) { return {kind, 0, "", ""}; }
};

class FaultProxy {
 public:
  struct Request {
    int number = 0;  // from 1, over all connections
    std::string method, target, head;
  };

  /// In front of the server on this port of 127.0.0.1; 0: there is none, and every request needs an Answer.
  explicit FaultProxy(int upstream_port);
  FaultProxy(const FaultProxy&) = delete;
  FaultProxy& operator=(const FaultProxy&) = delete;
  ~FaultProxy();

  int port() const { return port_; }
  void on_request(std::function<Fault(const Request&)> decide);
  /// Requests so far.
  int requests() const { return requests_; }

 private:
  void accept_connections();
  void serve(int client);
  void serve_one(int client, const std::string& head, const std::string& body);
  std::string ask_upstream(const std::string& head, const std::string& body) const;

  const int upstream_port_;
  int listener_ = -1, port_ = 0;
  std::atomic<int> requests_{0};
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::function<Fault(const Request&)> decide_;
  std::set<int> clients_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

}  // namespace spillway::test
