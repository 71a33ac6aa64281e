#include "server/backend.h"

#include "engine/plan_runner.h"
#include "kql/binder.h"

namespace spillway::server {
namespace {

class Query : public PreparedQuery {
 public:
  Query(engine::Engine& engine, std::shared_ptr<const catalog::Snapshot> snapshot, kql::BoundQuery bound)
      : engine_(engine), snapshot_(std::move(snapshot)), bound_(std::move(bound)) {
    for (const kql::BoundResult& result : bound_.results) {
      infos_.push_back({result.name, kql::schema_of(*result.plan), result.visualization});
    }
  }

  const std::vector<ResultInfo>& results() const override { return infos_; }
  std::optional<int64_t> cursor() const override {
    return bound_.uses_cursor ? std::optional(bound_.cursor) : std::nullopt;
  }
  bool uses_external_tables() const override { return !bound_.external_tables.empty(); }
  std::vector<std::string> warnings() const override { return bound_.warnings; }
  const std::map<std::string, std::string>& options() const override { return bound_.options; }
  Result<std::unique_ptr<engine::ResultStream>> run(size_t result,
                                                    const engine::RunOptions& options) override {
    return engine_.run(bound_.results[result].plan, options);
  }

 private:
  engine::Engine& engine_;
  const std::shared_ptr<const catalog::Snapshot> snapshot_;  // keeps the extents' files
  const kql::BoundQuery bound_;
  std::vector<ResultInfo> infos_;
};

class ServicesBackend : public Backend {
 public:
  explicit ServicesBackend(const commands::Services& services) : services_(services) {}

  const Clock& clock() const override { return services_.clock; }

  Result<std::unique_ptr<PreparedQuery>> prepare(const QueryRequest& request) override {
    const auto snapshot = services_.catalog.snapshot();
    if (!snapshot->database(request.database)) {
      return Error{ErrorCode::EntityNotFound, "database '" + request.database + "' not found"};
    }
    kql::BindOptions options;
    options.snapshot = snapshot;
    options.database = request.database;
    options.now = request.now.value_or(services_.clock.now());
    options.caller = request.caller;
    if (request.caller) options.principal = request.caller->principal;
    options.endpoint = request.endpoint;
    options.parameters = request.parameters;
    options.properties = request.properties;
    if (request.run_while_binding) engine::let_run(options, services_.engine, request.run_options);
    SPILLWAY_ASSIGN(kql::BoundQuery bound, kql::compile(request.text, options));
    return std::unique_ptr<PreparedQuery>(
        std::make_unique<Query>(services_.engine, snapshot, std::move(bound)));
  }

  Result<std::vector<Table>> execute(const commands::Request& request) override {
    return commands::execute(request, services_);
  }
  commands::Requests* requests() override { return &services_.requests; }

  Result<int64_t> ingest(const commands::StreamRequest& request) override {
    return commands::ingest_stream(request, services_);
  }

 private:
  const commands::Services services_;
};

}  // namespace

std::unique_ptr<Backend> make_backend(const commands::Services& services) {
  return std::make_unique<ServicesBackend>(services);
}

}  // namespace spillway::server
