#include "server/server.h"

#include "base/log.h"
#include "server/api.h"
#include "server/tokens.h"

namespace spillway::server {
namespace {

/// Threads beyond those of queries and commands: for health, metrics, and to say that there are too many.
constexpr size_t kSpareHandlers = 4;

class LocalServer : public Server {
 public:
  ~LocalServer() override { stop(); }

  Status open(const ServerOptions& options, Tokens tokens);
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

Status LocalServer::open(const ServerOptions& options, Tokens tokens) {
  InstanceOptions instance_options = options.instance;
  instance_options.access_control = tokens.access_control();
  SPILLWAY_ASSIGN(instance_, Instance::open(instance_options));
  backend_ = make_backend(instance_->services());
  metrics_.add_source(instance_source(instance_->services()));
  api_ = std::make_unique<Api>(*backend_, metrics_, ApiOptions{std::move(tokens), options.concurrency});

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

Result<std::unique_ptr<Server>> Server::start(const ServerOptions& options) {
  Tokens tokens;
  if (!options.token_file.empty()) {
    SPILLWAY_ASSIGN(tokens, Tokens::read(options.token_file));
  }
  SPILLWAY_ASSIGN(const bool loopback, is_loopback(options.host));
  if (!loopback && tokens.empty()) {
    return Error{
        ErrorCode::Forbidden,
        "'" + options.host + "' can be reached from other machines: give an API token with --api-token-file"};
  }
  auto server = std::make_unique<LocalServer>();
  SPILLWAY_TRY(server->open(options, std::move(tokens)));
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace spillway::server
