#include "server/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <mutex>

namespace spillway::server {
namespace {

const prometheus::Histogram::BucketBoundaries kSecondsBuckets = {
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 240};

prometheus::MetricFamily family_of(const Metrics::Sample& sample) {
  prometheus::MetricFamily family;
  family.name = sample.name;
  family.help = sample.help;
  family.type = sample.kind == Metrics::Sample::Kind::Counter ? prometheus::MetricType::Counter
                                                              : prometheus::MetricType::Gauge;
  return family;
}

prometheus::ClientMetric metric_of(const Metrics::Sample& sample) {
  prometheus::ClientMetric metric;
  for (const auto& [name, value] : sample.labels) metric.label.push_back({name, value});
  if (sample.kind == Metrics::Sample::Kind::Counter) {
    metric.counter.value = sample.value;
  } else {
    metric.gauge.value = sample.value;
  }
  return metric;
}

}  // namespace

struct Metrics::State {
  prometheus::Registry registry;
  prometheus::Family<prometheus::Counter>& requests =
      prometheus::BuildCounter()
          .Name("spillway_http_requests_total")
          .Help("Requests answered, by endpoint and HTTP status.")
          .Register(registry);
  prometheus::Family<prometheus::Histogram>& durations =
      prometheus::BuildHistogram()
          .Name("spillway_http_request_duration_seconds")
          .Help("Time from a request's last byte to its answer's last, by endpoint.")
          .Register(registry);
  prometheus::Gauge& running = prometheus::BuildGauge()
                                   .Name("spillway_http_requests_running")
                                   .Help("Requests that are being handled.")
                                   .Register(registry)
                                   .Add({});
  prometheus::Counter& rows = prometheus::BuildCounter()
                                  .Name("spillway_query_rows_total")
                                  .Help("Records sent as results of queries.")
                                  .Register(registry)
                                  .Add({});
  mutable std::mutex mutex;
  std::vector<std::function<std::vector<Sample>()>> sources;
};

Metrics::Metrics() : state_(std::make_unique<State>()) {}
Metrics::~Metrics() = default;

void Metrics::request_started() {
  state_->running.Increment();
}

void Metrics::request_finished(const std::string& endpoint, int status, double seconds) {
  state_->running.Decrement();
  state_->requests.Add({{"endpoint", endpoint}, {"status", std::to_string(status)}}).Increment();
  state_->durations.Add({{"endpoint", endpoint}}, kSecondsBuckets).Observe(seconds);
}

void Metrics::rows_sent(int64_t rows) {
  state_->rows.Increment(static_cast<double>(rows));
}

void Metrics::add_source(std::function<std::vector<Sample>()> source) {
  const std::lock_guard lock(state_->mutex);
  state_->sources.push_back(std::move(source));
}

std::string Metrics::text() const {
  std::vector<prometheus::MetricFamily> families = state_->registry.Collect();
  const std::lock_guard lock(state_->mutex);
  for (const auto& source : state_->sources) {
    for (const Sample& sample : source()) {
      if (families.empty() || families.back().name != sample.name) families.push_back(family_of(sample));
      families.back().metric.push_back(metric_of(sample));
    }
  }
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace spillway::server
