#include "tests/model/concurrent.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>

#include "base/fail_point.h"
#include "kql/binder.h"
#include "tests/model/reader.h"

namespace spillway::model {
namespace {

using catalog::Cursor;

const Ticks kStart = parse_datetime("2024-03-01T12:00:00Z").value();
constexpr int kClients = 2, kBatches = 14, kRounds = 2;

struct Definition {
  std::string target, query;
  std::vector<std::string> facts;
  std::map<std::string, std::string> properties;
};
const std::map<std::string, Definition> kExports = {
    {"X0", {"E", "T0", {"T0"}, {{"intervalBetweenRuns", "1s"}}}},
    {"X1", {"E", "T1", {"T1"}, {{"intervalBetweenRuns", "1s"}, {"maxRecordsPerRun", "6"}}}},
    {"X2", {"P", "T0", {"T0"}, {{"intervalBetweenRuns", "1s"}, {"manifest", "true"}}}},
    {"X3", {"P", "union T0, T1", {"T0", "T1"}, {{"intervalBetweenRuns", "1m"}, {"forcedLatency", "5m"}}}},
};

Server::Options server_options() {
  Server::Options options;
  options.background = true;
  options.exports.capacity = 2;
  options.exports.format_threads = 2;
  options.exports.janitor_interval = 5 * kTicksPerMillisecond;
  return options;
}

template <typename T>
T value_of(Result<T> result, const std::string& what) {
  if (!result.ok()) violate(what + ": " + result.error().message);
  return std::move(*result);
}
void expect_ok(const Status& status, const std::string& what) {
  if (!status.ok()) violate(what + ": " + status.error().message);
}

}  // namespace

ConcurrentSchedule::ConcurrentSchedule(uint64_t seed) : dice_(seed), server_(server_options(), kStart) {}

void ConcurrentSchedule::run() {
  set_up();
  for (int i = 0; i < kRounds; ++i) round();
  finish();
}

void ConcurrentSchedule::set_up() {
  for (const char* name : {"T0", "T1"}) {
    catalog::Table table;
    table.name = name;
    table.columns = {{0, "id", Type::Long, ""}, {0, "k", Type::String, ""}};
    expect_ok(server_.catalog().write([&](catalog::Writer& w) { return w.create_table(kDatabase, table); }),
              name);
  }
  for (const char* name : {"E", "P"}) {
    catalog::ExternalTable table;
    table.name = name;
    table.format = name[0] == 'E' ? "csv" : "parquet";
    table.columns = {{1, "id", Type::Long, ""}, {2, "k", Type::String, ""}};
    table.connection_strings = {server_.out() + "/shared"};
    if (name[0] == 'E') table.partitions = {{"k", Type::String, catalog::Partition::Kind::Column, "k", 0}};
    expect_ok(
        server_.catalog().write([&](catalog::Writer& w) { return w.put_external_table(kDatabase, table); }),
        name);
  }
  for (const auto& [name, definition] : kExports)
    expect_ok(put_export(name, definition.target, definition.query, definition.properties), name);
}

Status ConcurrentSchedule::put_export(const std::string& name, const std::string& target,
                                      const std::string& query,
                                      const std::map<std::string, std::string>& properties) {
  catalog::ContinuousExport definition;
  definition.name = name;
  definition.external_table = target;
  definition.query = query;
  return server_.exports().create_or_alter(kDatabase, definition, properties);
}

bool ConcurrentSchedule::over() const {
  return clients_ == 0 || fail_point::halted();
}

/// All threads, until the clients have ingested what they want or the process has died; then it starts again.
void ConcurrentSchedule::round() {
  clients_ = kClients;
  server_.exports().start();
  arm(dice_);
  std::vector<std::thread> threads;
  for (int i = 0; i < kClients; ++i) threads.emplace_back([this, dice = Dice(dice_())] { ingest(dice); });
  threads.emplace_back([this, dice = Dice(dice_())] { merge(dice); });
  threads.emplace_back([this, dice = Dice(dice_())] { disturb(dice); });
  for (std::thread& thread : threads) thread.join();
  if (!found_.empty()) violate(found_);
  if (fail_point::halted()) {
    trace_.push_back("crash");
    server_.crash();
  } else {
    trace_.push_back("stop");
    server_.stop();
  }
  fail_point::disarm_all();
  server_.open();
}

void ConcurrentSchedule::arm(Dice& dice) {
  const std::vector<std::string> points = fail_point::all();
  const std::string range = "@" + std::to_string(1 + dice() % 20);
  const uint64_t kind = dice() % 4;
  const std::string specification =
      points[dice() % points.size()] + (kind == 0   ? "=halt" + range
                                        : kind == 1 ? "=error" + range + "-" + std::to_string(30)
                                                    : "=error" + range);
  const std::lock_guard lock(mutex_);
  trace_.push_back(specification);
  expect_ok(fail_point::arm(specification), specification);
}

void ConcurrentSchedule::ingest(Dice dice) {
  for (int i = 0; i < kBatches && !fail_point::halted(); ++i) {
    const std::string name = dice() % 2 ? "T0" : "T1";
    ingest::Request request;
    request.database = kDatabase;
    request.table = *server_.catalog().snapshot()->database(kDatabase)->tables.at(name);
    std::string text;
    std::set<int64_t> ids;
    for (uint64_t n = 1 + dice() % 4; n > 0; --n) {
      const int64_t id = next_id_++;
      text += std::to_string(id) + ",k" + std::to_string(id % 3) + "\n";
      ids.insert(id);
    }
    {
      const std::lock_guard lock(mutex_);
      attempted_.insert(ids.begin(), ids.end());
    }
    if (!server_.ingestor().ingest_data(request, text).ok()) continue;
    const std::lock_guard lock(mutex_);
    acknowledged_.insert(ids.begin(), ids.end());
  }
  --clients_;
}

void ConcurrentSchedule::merge(Dice dice) {
  while (!over()) {
    const auto table = server_.catalog().snapshot()->database(kDatabase)->tables.at(dice() % 2 ? "T0" : "T1");
    const size_t size = table->extents->size();
    if (size >= 4) {
      const size_t first = dice() % (size - 2);
      std::vector<Guid> ids;
      for (size_t i = first; i < std::min(size, first + 2 + dice() % 5); ++i)
        ids.push_back((*table->extents)[i]->id);
      static_cast<void>(server_.ingestor().merge(kDatabase, *table, ids, {}));
    }
    if (dice() % 3 == 0) static_cast<void>(server_.ingestor().sweep());
    std::this_thread::sleep_for(std::chrono::milliseconds(dice() % 10));
  }
}

/// Moves the clock, alters, disables and enables, runs by hand, looks at everything, arms failures.
void ConcurrentSchedule::disturb(Dice dice) {
  while (!over()) {
    const auto chosen = std::next(kExports.begin(), static_cast<std::ptrdiff_t>(dice() % kExports.size()));
    const std::string& name = chosen->first;
    const Definition& definition = chosen->second;
    switch (dice() % 9) {
      case 0: server_.clock().advance(static_cast<Ticks>(dice() % 20) * kTicksPerMinute); break;
      case 1: server_.clock().advance(-static_cast<Ticks>(dice() % 10) * kTicksPerMinute); break;
      case 2: server_.clock().advance(static_cast<Ticks>(dice() % 1000) * kTicksPerMillisecond); break;
      case 3:
        static_cast<void>(put_export(name, definition.target, definition.query, definition.properties));
        break;
      case 4: switch_export(dice, name); break;
      case 5:
      case 6: static_cast<void>(server_.exports().run_once(kDatabase, name)); break;
      case 7: static_cast<void>(server_.exports().verify(kDatabase, name, nullptr)); break;
      default: arm(dice); break;
    }
    for (const auto& health : server_.exports().health()) {
      if (health.lateness >= 0) continue;
      const std::lock_guard lock(mutex_);
      found_ = "a lateness below zero";
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(dice() % 5));
  }
}

/// Nobody else enables it: a run that is going on when it is disabled must not move it any more.
void ConcurrentSchedule::switch_export(Dice& dice, const std::string& name) {
  const bool disabled = dice() % 2 == 0;
  const Status switched = server_.catalog().write(
      [&](catalog::Writer& w) { return w.set_export_disabled(kDatabase, name, disabled); });
  if (!disabled || !switched.ok()) return;
  const auto position = [&] {
    return server_.catalog().snapshot()->database(kDatabase)->exports.at(name)->exported_to;
  };
  const Cursor stood = position();
  std::this_thread::sleep_for(std::chrono::milliseconds(dice() % 40));
  if (position() == stood) return;
  const std::lock_guard lock(mutex_);
  found_ = "export " + name + " moved while it was disabled";
}

/// The ids in each table, with the cursor of each.
std::map<std::string, std::map<int64_t, Cursor>> ConcurrentSchedule::read_tables() {
  std::map<std::string, std::map<int64_t, Cursor>> tables;
  std::set<int64_t> all;
  for (const char* name : {"T0", "T1"}) {
    kql::BindOptions options;
    options.snapshot = server_.catalog().snapshot();
    options.database = kDatabase;
    const auto bound =
        value_of(kql::compile(std::string(name) + " | project id, c = ingestion_time()", options), name);
    const auto rows = value_of(server_.engine().run_to_table(bound.results[0].plan, {}), name);
    for (const auto& row : rows.rows) {
      const int64_t id = row[0].as_int();
      if (!all.insert(id).second) violate("record " + std::to_string(id) + " is there twice");
      if (!attempted_.contains(id)) violate("record " + std::to_string(id) + " was never ingested");
      tables[name][id] = row[1].as_int();
    }
  }
  for (const int64_t id : acknowledged_) {
    if (!all.contains(id)) violate("record " + std::to_string(id) + " was acknowledged and is lost");
  }
  return tables;
}

void ConcurrentSchedule::check_export(const std::string& name, const std::map<int64_t, Cursor>& cursors,
                                      std::set<std::string>& files) {
  auto runs = value_of(server_.catalog().runs(kDatabase, name, 100'000), "runs");
  std::erase_if(runs, [](const auto& run) { return run.state != catalog::RunState::Completed; });
  std::sort(runs.begin(), runs.end(), [](const auto& a, const auto& b) { return a.from < b.from; });
  std::map<Guid, std::vector<int64_t>> written;
  for (const auto& artifact : value_of(server_.catalog().exported_artifacts(kDatabase, name), "artifacts")) {
    const auto rows = read_artifact(server_.engine(), artifact.public_path, {"id", "k"});
    if (static_cast<int64_t>(rows.size()) != artifact.records)
      violate(artifact.public_path + ": other records");
    for (const Row& row : rows) written[artifact.owner].push_back(std::stoll(row[0]));
    files.insert(artifact.public_path);
  }
  const catalog::ContinuousExport& definition = *server_.database().exports.at(name);
  Cursor at = definition.start_cursor;
  for (const auto& run : runs) {
    const std::string where =
        "export " + name + ", run (" + std::to_string(run.from) + ", " + std::to_string(run.to) + "]: ";
    if (run.from != at || run.to <= at) violate(where + "the one before ended at " + std::to_string(at));
    at = run.to;
    std::vector<int64_t>& actual = written[run.id];
    std::sort(actual.begin(), actual.end());
    std::vector<int64_t> expected;
    for (const auto& [id, cursor] : cursors) {
      if (cursor > run.from && cursor <= run.to) expected.push_back(id);
    }
    if (actual != expected)
      violate(where + std::to_string(actual.size()) + " records, expected " +
              std::to_string(expected.size()));
  }
  if (at != definition.exported_to) violate("export " + name + " stands where no run led");
  for (const auto& [id, cursor] : cursors) {
    if (cursor > at) violate("export " + name + " left record " + std::to_string(id) + " behind");
  }
}

void ConcurrentSchedule::finish() {
  server_.clock().advance(kTicksPerDay);
  std::set<std::string> files;
  for (const auto& [name, definition] : kExports) {
    expect_ok(server_.catalog().write(
                  [&, n = name](catalog::Writer& w) { return w.set_export_disabled(kDatabase, n, false); }),
              name);
    while (value_of(server_.exports().run_once(kDatabase, name), "the last run of " + name)) continue;
  }
  expect_ok(server_.exports().sweep(), "the janitor");
  const auto tables = read_tables();
  for (const auto& [name, definition] : kExports) {
    std::map<int64_t, Cursor> cursors;
    for (const std::string& fact : definition.facts) {
      if (const auto found = tables.find(fact); found != tables.end())
        cursors.insert(found->second.begin(), found->second.end());
    }
    check_export(name, cursors, files);
  }
  std::set<std::string> manifests;
  for (const std::string& path : server_.listing()) {
    if (path.find("/_manifests/X2/") != std::string::npos) {
      manifests.insert(path);
    } else if (!files.contains(path)) {
      violate(path + " lies there, and nothing reports it");
    }
  }
  size_t promised = 0;
  for (const auto& run : value_of(server_.catalog().runs(kDatabase, "X2", 100'000), "runs"))
    promised += run.state == catalog::RunState::Completed && run.oldest > 0 ? 1 : 0;
  if (manifests.size() != promised) violate("other manifests than runs");
  server_.database();
  if (const auto swept = server_.ingestor().sweep(); !swept.ok()) violate(swept.error().message);
  std::vector<std::string> extents;
  for (const auto& [name, table] : server_.database().tables) {
    for (const auto& extent : *table->extents) extents.push_back(extent->path);
  }
  std::sort(extents.begin(), extents.end());
  if (server_.extent_files() != extents) violate("other extent files than extents");
}

}  // namespace spillway::model
