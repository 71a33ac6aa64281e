#include "server/server.h"

#include <sys/stat.h>

#include <fstream>

#include "base/log.h"
#include "server/api.h"

namespace spillway::server {
namespace {

/// Threads beyond those of queries and commands: for health, metrics, and to say that there are too many.
constexpr size_t kSpareHandlers = 4;

class LocalServer : public Server {
 public:
  ~LocalServer() override { stop(); }

  Status open(const ServerOptions& options, std::string token);
  std::string url() const override;
  Instance& instance() override { return *instance_; }
  void stop() override {
    if (http_) http_->stop();
    if (instance_) instance_->stop();
  }

 private:
  std::unique_ptr<Instance> instance_;
  std::unique_ptr<Backend> backend_;
  Metrics metrics_;
  std::unique_ptr<Api> api_;
  std::unique_ptr<HttpServer> http_;
};

Status LocalServer::open(const ServerOptions& options, std::string token) {
  SPILLWAY_ASSIGN(instance_, Instance::open(options.instance));
  backend_ = make_backend(instance_->services());
  metrics_.add_source(instance_source(instance_->services()));
  api_ = std::make_unique<Api>(*backend_, metrics_, ApiOptions{std::move(token), options.concurrency});

  HttpLimits limits = options.limits;
  limits.handlers = api_->concurrency() + kSpareHandlers;
  SPILLWAY_ASSIGN(http_, HttpServer::listen(options.host, options.port, limits,
                                            [this](const HttpRequest& request, HttpResponse& response) {
                                              api_->handle(request, response);
                                            }));
  metrics_.add_source([this] {
    Metrics::Sample sample;
    sample.name = "spillway_http_connections";
    sample.help = "Open connections.";
    sample.value = static_cast<double>(http_->connections());
    return std::vector<Metrics::Sample>{sample};
  });
  log::info("listening", {{"address", http_->address()}, {"port", http_->port()}});
  return {};
}

std::string LocalServer::url() const {
  const std::string address = http_->address();
  const bool v6 = address.find(':') != std::string::npos;
  return "http://" + (v6 ? '[' + address + ']' : address) + ':' + std::to_string(http_->port());
}

}  // namespace

Result<std::string> read_token(const std::string& path) {
  std::ifstream file(path);
  std::string token;
  if (!std::getline(file, token)) {
    return Error{ErrorCode::BadRequest, "the API token can't be read from '" + path + "'"};
  }
  token.erase(token.find_last_not_of(" \t\r") + 1);
  token.erase(0, token.find_first_not_of(" \t"));
  if (token.empty())
    return Error{ErrorCode::BadRequest, "the first line of '" + path + "' holds no API token"};
  struct stat status {};
  constexpr mode_t kOthers = S_IRWXG | S_IRWXO;
  if (::stat(path.c_str(), &status) == 0 && (status.st_mode & kOthers) != 0) {
    log::warning("others than its owner may access the API token's file: chmod 600", {{"path", path}});
  }
  return token;
}

Result<std::unique_ptr<Server>> Server::start(const ServerOptions& options) {
  std::string token;
  if (!options.token_file.empty()) {
    SPILLWAY_ASSIGN(token, read_token(options.token_file));
  }
  SPILLWAY_ASSIGN(const bool loopback, is_loopback(options.host));
  if (!loopback && token.empty()) {
    return Error{
        ErrorCode::Forbidden,
        "'" + options.host + "' can be reached from other machines: give an API token with --api-token-file"};
  }
  auto server = std::make_unique<LocalServer>();
  SPILLWAY_TRY(server->open(options, std::move(token)));
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace spillway::server
