// A server: an instance behind the REST API. `spillway serve` is this and a signal.
//
//   SPILLWAY_ASSIGN(auto server, Server::start({.instance = {.data_folder = "data"}, .host = "127.0.0.1",
//   .port = 0})); std::puts(server->url().c_str()); server->stop();
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "server/http.h"
#include "server/instance.h"

namespace spillway::server {

struct ServerOptions {
  InstanceOptions instance = {};
  std::string host = "127.0.0.1";
  uint16_t port = 8080;  // 0: any free one
  /// A file with API tokens and whose they are (tokens.h). Needed where the host isn't this machine's
  /// loopback.
  std::string token_file = {};
  HttpLimits limits = {};
  size_t concurrency = 0;  // queries and commands at once; 0: ten for each core
};

class Server {
 public:
  /// Opens the instance and listens. Errors: Forbidden (not loopback, and no token), BadRequest, Conflict
  /// (the port or the data folder is in use).
  static Result<std::unique_ptr<Server>> start(const ServerOptions& options);
  virtual ~Server() = default;  // stops
  /// "http://127.0.0.1:8080".
  virtual std::string url() const = 0;
  virtual Instance& instance() = 0;
  /// Lets running requests end within the drain timeout, then cancels them; stops the instance. Safe to call
  /// twice.
  virtual void stop() = 0;
};

}  // namespace spillway::server
