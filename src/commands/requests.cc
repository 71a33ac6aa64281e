#include "commands/requests.h"

#include <algorithm>
#include <utility>

#include "engine/query_text.h"
#include "engine/request_row.h"

namespace spillway::commands {
namespace {

constexpr std::chrono::milliseconds kMemoryPeriod{50};
/// Results that are listed one by one.
constexpr size_t kMostResults = 100;

/// {"TableCount":1,"TablesStatistics":[{"RowCount":10,"TableSize":100}]}
std::string statistics_json(const std::vector<std::pair<int64_t, int64_t>>& results, int64_t count) {
  std::string json = "{\"TableCount\":" + std::to_string(count) + ",\"TablesStatistics\":[";
  for (const auto& [rows, bytes] : results) {
    if (json.back() != '[') json += ',';
    json += "{\"RowCount\":" + std::to_string(rows) + ",\"TableSize\":" + std::to_string(bytes) + '}';
  }
  return json + "]}";
}

/// What a log needs of a text, so that reading it costs little where it is long.
std::string beginning(std::string text) {
  if (text.size() > catalog::kMostRequestText) text.resize(catalog::kMostRequestText);
  return text;
}

}  // namespace

Requests::Running::Running(Requests& requests, catalog::LoggedRequest row,
                           std::shared_ptr<engine::CancelToken> work)
    : requests_(requests), row_(std::move(row)), work_(std::move(work)) {
  row_.text = beginning(std::move(row_.text));
  row_.started = row_.updated = requests_.clock_.now();
  const std::lock_guard lock(requests_.mutex_);
  place_ = requests_.queries_.end();
  if (row_.is_query()) place_ = requests_.queries_.insert(requests_.queries_.end(), this);
}

Requests::Running::~Running() {
  const std::lock_guard lock(requests_.mutex_);
  if (place_ != requests_.queries_.end()) requests_.queries_.erase(place_);
}

void Requests::Running::set_text(std::string text) {
  row_.text = beginning(std::move(text));
}

void Requests::Running::add_result(int64_t rows, int64_t bytes) {
  if (handed_over_) return;
  ++results_;
  if (result_sizes_.size() < kMostResults) result_sizes_.emplace_back(rows, bytes);
}

void Requests::Running::end(const Status& outcome) {
  if (!handed_over_) log(outcome, nullptr);
}

void Requests::Running::finish(const Status& outcome, const engine::Usage& background) {
  log(outcome, &background);
}

void Requests::Running::log(const Status& outcome, const engine::Usage* background) {
  if (std::exchange(logged_, true)) return;
  catalog::LoggedRequest row = row_;
  row.text = engine::for_logs(row.text);
  engine::complete(row, outcome, work_.get(), requests_.clock_.now());
  if (background) engine::add_usage(row, *background);
  if (!row.memory_peak && row.is_query() && outcome.ok()) row.memory_peak = requests_.recent_memory();
  if (results_ > 0) row.result_statistics = statistics_json(result_sizes_, results_);
  requests_.log_.add(std::move(row));
}

std::shared_ptr<Requests::Running> Requests::begin(catalog::LoggedRequest row,
                                                   std::shared_ptr<engine::CancelToken> work) {
  return std::make_shared<Running>(*this, std::move(row), std::move(work));
}

std::vector<catalog::LoggedRequest> Requests::running_queries() const {
  std::vector<catalog::LoggedRequest> rows;
  const Ticks now = clock_.now();
  const std::lock_guard lock(mutex_);
  for (const Running* running : queries_) {
    catalog::LoggedRequest row = running->row_;
    row.text = engine::for_logs(row.text);
    row.updated = std::max(now, row.started);
    engine::add_usage(row, running->work_->usage());
    rows.push_back(std::move(row));
  }
  return rows;
}

int Requests::cancel_queries(const std::string& client_activity_id, const std::string& reason,
                             const std::function<bool(const catalog::LoggedRequest&)>& may) {
  int cancelled = 0;
  const std::lock_guard lock(mutex_);
  for (Running* running : queries_) {
    if (running->row_.client_activity_id != client_activity_id || !may(running->row_)) continue;
    running->work_->cancel(reason);
    ++cancelled;
  }
  return cancelled;
}

int64_t Requests::recent_memory() {
  const std::lock_guard lock(memory_mutex_);
  const auto now = std::chrono::steady_clock::now();
  if (!memory_seen_ || now - *memory_seen_ >= kMemoryPeriod) {
    memory_ = engine_.memory_used();
    memory_seen_ = now;
  }
  return memory_;
}

}  // namespace spillway::commands
