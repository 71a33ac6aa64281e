// What `/metrics` shows, in Prometheus's text form. Names and meanings: docs/monitoring.md.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "commands/commands.h"

namespace spillway::server {

class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  /// `endpoint`: one of few names ("query_v2"), never what a client made up.
  void request_started();
  void request_finished(const std::string& endpoint, int status, double seconds);
  void rows_sent(int64_t rows);

  /// One value, read when somebody asks.
  struct Sample {
    enum class Kind { Counter, Gauge } kind = Kind::Gauge;
    std::string name, help;
    std::vector<std::pair<std::string, std::string>> labels;
    double value = 0;
  };
  /// Where further samples come from; samples of one name stand together in what it returns.
  void add_source(std::function<std::vector<Sample>()> source);

  std::string text() const;

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

/// Tables, ingested rows, exports and the engine's memory of an instance, which outlives the function.
std::function<std::vector<Metrics::Sample>()> instance_source(const commands::Services& services);

}  // namespace spillway::server
