#include <algorithm>
#include <map>
#include <mutex>

#include "commands/requests.h"
#include "server/metrics.h"

namespace spillway::server {
namespace {

using Sample = Metrics::Sample;
using Kind = Metrics::Sample::Kind;

/// Rows that became visible since the process started, by table. What was ingested and dropped again between
/// two looks at the catalog isn't counted.
class IngestionCounter {
 public:
  explicit IngestionCounter(const catalog::Snapshot& start) {
    for (const auto& [name, database] : start.databases) seen_[database->id] = database->cursor;
  }

  void look(const catalog::Snapshot& snapshot) {
    for (const auto& [name, database] : snapshot.databases) {
      catalog::Cursor& seen = seen_[database->id];
      for (const auto& [table_name, table] : database->tables) {
        int64_t& rows = rows_[{name, table_name}];
        for (auto extent = table->extents->after(seen); extent != table->extents->end(); ++extent) {
          if (!(*extent)->merged) rows += (*extent)->rows;
        }
      }
      seen = database->cursor;
    }
  }

  const std::map<std::pair<std::string, std::string>, int64_t>& rows() const { return rows_; }

 private:
  std::map<int64_t, catalog::Cursor> seen_;
  std::map<std::pair<std::string, std::string>, int64_t> rows_;
};

/// Collects samples name by name: `add` for each entity, one family after the other.
class Samples {
 public:
  void family(Kind kind, std::string name, std::string help) {
    current_ = Sample{kind, std::move(name), std::move(help), {}, 0};
  }
  void add(double value, std::vector<std::pair<std::string, std::string>> labels = {}) {
    Sample sample = current_;
    sample.labels = std::move(labels);
    sample.value = value;
    all_.push_back(std::move(sample));
  }
  std::vector<Sample> take() { return std::move(all_); }

 private:
  Sample current_;
  std::vector<Sample> all_;
};

template <typename Measure>
void add_tables(Samples& out, const catalog::Snapshot& snapshot, Measure measure) {
  for (const auto& [database_name, database] : snapshot.databases) {
    for (const auto& [table_name, table] : database->tables) {
      double value = 0;
      for (const auto& extent : *table->extents) value += measure(*extent);
      out.add(value, {{"database", database_name}, {"table", table_name}});
    }
  }
}

void add_catalog(Samples& out, const catalog::Snapshot& snapshot, const IngestionCounter& ingested) {
  out.family(Kind::Counter, "spillway_ingested_rows_total",
             "Records ingested since the server started, by table.");
  for (const auto& [table, rows] : ingested.rows()) {
    out.add(static_cast<double>(rows), {{"database", table.first}, {"table", table.second}});
  }
  out.family(Kind::Gauge, "spillway_table_rows", "Records of a table.");
  add_tables(out, snapshot, [](const catalog::Extent& extent) { return static_cast<double>(extent.rows); });
  out.family(Kind::Gauge, "spillway_table_extents", "Extents of a table.");
  add_tables(out, snapshot, [](const catalog::Extent&) { return 1.0; });
  out.family(Kind::Gauge, "spillway_table_bytes", "Bytes of a table's extents on disk.");
  add_tables(out, snapshot, [](const catalog::Extent& extent) { return static_cast<double>(extent.bytes); });
}

/// What may go on at once, what does, and the one of the other.
void add_capacity(Samples& out, const std::string& name, const std::string& what, double total, double used) {
  out.family(Kind::Gauge, name + "_capacity", what + " that may run at once.");
  out.add(total);
  out.family(Kind::Gauge, name + "_capacity_used", what + " that run.");
  out.add(used);
  out.family(Kind::Gauge, name + "_utilization_ratio", what + " that run, of those that may.");
  out.add(total > 0 ? used / total : 0);
}

void add_exports(Samples& out, const exports::Service& exports) {
  const std::vector<exports::ExportHealth> health = exports.health();
  const auto labels = [](const exports::ExportHealth& one) {
    return std::vector<std::pair<std::string, std::string>>{{"database", one.database}, {"export", one.name}};
  };
  const auto add_each = [&](auto value) {
    for (const auto& one : health) out.add(static_cast<double>(value(one)), labels(one));
  };
  out.family(Kind::Counter, "spillway_export_runs_total",
             "Runs of a continuous export that ended, by result.");
  for (const auto& one : health) {
    auto with_result = labels(one);
    with_result.emplace_back("result", "completed");
    out.add(static_cast<double>(one.completed_runs), with_result);
    with_result.back().second = "failed";
    out.add(static_cast<double>(one.failed_runs), with_result);
  }
  out.family(Kind::Counter, "spillway_export_records_total",
             "Records that a continuous export has exported.");
  add_each([](const auto& one) { return one.records; });
  out.family(Kind::Counter, "spillway_export_bytes_total",
             "Bytes of the artifacts that a continuous export has committed.");
  add_each([](const auto& one) { return one.bytes; });
  out.family(Kind::Gauge, "spillway_export_lateness_seconds",
             "How long the oldest record that a continuous export has yet to export has waited; 0 where none "
             "waits.");
  add_each([](const auto& one) {
    return static_cast<double>(one.lateness) / static_cast<double>(kTicksPerSecond);
  });
  out.family(Kind::Gauge, "spillway_export_running", "1 while a run of the continuous export runs.");
  add_each([](const auto& one) { return one.running ? 1 : 0; });
  out.family(Kind::Gauge, "spillway_export_pending",
             "1 where a run of the continuous export is due and waits for the export capacity.");
  add_each([](const auto& one) { return one.pending ? 1 : 0; });
  out.family(Kind::Gauge, "spillway_export_pending_count",
             "Continuous exports of which a run is due and waits for the export capacity.");
  out.add(static_cast<double>(
      std::count_if(health.begin(), health.end(), [](const auto& one) { return one.pending; })));
  out.family(Kind::Gauge, "spillway_export_disabled", "1 where the continuous export is disabled.");
  add_each([](const auto& one) { return one.disabled ? 1 : 0; });

  add_capacity(out, "spillway_export", "Exports", exports.capacity(), exports.running());
}

void add_leaders(Samples& out, const catalog::Catalog& catalog, Ticks now) {
  const std::vector<catalog::FollowedLeader> leaders = catalog.leaders();
  if (leaders.empty()) return;
  out.family(Kind::Gauge, "spillway_follower_age_seconds",
             "How long ago the databases of a leader could be read last.");
  for (const catalog::FollowedLeader& leader : leaders) {
    out.add(static_cast<double>(now - leader.looked) / static_cast<double>(kTicksPerSecond),
            {{"leader", leader.folder}});
  }
}

}  // namespace

std::function<std::vector<Sample>()> instance_source(const commands::Services& services) {
  struct State {
    explicit State(const commands::Services& given) : services(given), ingested(*given.catalog.snapshot()) {}
    const commands::Services services;
    std::mutex mutex;
    IngestionCounter ingested;
  };
  const auto state = std::make_shared<State>(services);
  return [state] {
    const std::lock_guard lock(state->mutex);
    const auto snapshot = state->services.catalog.snapshot();
    state->ingested.look(*snapshot);
    Samples out;
    add_catalog(out, *snapshot, state->ingested);
    add_exports(out, state->services.exports);
    add_leaders(out, state->services.catalog, state->services.clock.now());
    const engine::Capacity& ingestions = state->services.ingestor.capacity();
    add_capacity(out, "spillway_ingestion", "Ingestions", ingestions.total(), ingestions.used());
    out.family(Kind::Counter, "spillway_request_log_lost_total",
               "Queries and commands that were left out of the log of requests.");
    out.add(static_cast<double>(state->services.requests.log().lost()));
    out.family(Kind::Gauge, "spillway_engine_memory_bytes", "Memory that the query engine holds.");
    out.add(static_cast<double>(state->services.engine.memory_used()));
    return out.take();
  };
}

}  // namespace spillway::server
