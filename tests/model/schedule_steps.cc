#include <algorithm>
#include <chrono>
#include <thread>

#include "base/fail_point.h"
#include "kql/binder.h"
#include "tests/model/schedule.h"

namespace spillway::model {
namespace {

const Ticks kStart = parse_datetime("2024-03-01T12:00:00Z").value();
const std::vector<std::string> kTables = {"T0", "T1", "T2", "D"};
const std::vector<std::string> kKeys = {"a", "b,c", "d \"e\"", "line\nbreak", "", "ü/ö", "tab\tkey", "z"};
const std::vector<std::string> kFormats = {"csv", "csv", "tsv", "json", "parquet"};
const std::vector<std::string> kPartitions = {"", "", "k", "day", "hash"};

Server::Options server_options(std::mt19937_64& dice) {
  Server::Options options;
  options.exports.capacity = 1 + static_cast<int>(dice() % 2);
  options.exports.format_threads = 1;
  options.other_file_system = dice() % 16 == 0;
  return options;
}

/// Numbered from `first` on; from 0: the catalog numbers them.
std::vector<catalog::Column> columns_of_tables(int first) {
  const auto id = [&](int i) { return first ? first + i : 0; };
  return {{id(0), "id", Type::Long, ""}, {id(1), "k", Type::String, ""}, {id(2), "at", Type::DateTime, ""}};
}

std::string csv_field(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + "\"";
}

std::string csv_of(const catalog::Table& actual, const Table& table, const std::vector<Record>& records) {
  Names columns;
  for (const catalog::Column& column : actual.columns) columns.push_back(column.name);
  std::string text;
  for (const Record& record : records) {
    const Row row = row_of(table, record, columns);
    for (size_t i = 0; i < row.size(); ++i)
      text += (i ? "," : "") + (columns[i] == "k" ? csv_field(row[i]) : row[i]);
    text += "\n";
  }
  return text;
}

std::string kql_string(const std::string& text) {
  std::string out = "'";
  for (const char c : text)
    out += c == '\n' ? "\\n" : c == '\t' ? "\\t" : c == '"' ? "\\\"" : std::string(1, c);
  return out + "'";
}

std::string describe(const Status& status) {
  return status.ok() ? "" : std::string(name_of(status.error().code)) + ": " + status.error().message;
}

catalog::ExternalTable catalog_table(const std::string& name, const External& external) {
  catalog::ExternalTable table;
  table.name = name;
  table.format = external.format;
  table.compressed = external.compressed;
  table.connection_strings = {external.folder};
  int id = 1;
  for (const std::string& column : columns_of(external.shape)) {
    const Type type = column == "k" ? Type::String : column == "at" ? Type::DateTime : Type::Long;
    table.columns.push_back({id++, column, type, ""});
  }
  using Kind = catalog::Partition::Kind;
  if (external.partition == "k") table.partitions = {{"k", Type::String, Kind::Column, "k", 0}};
  if (external.partition == "day") table.partitions = {{"day", Type::DateTime, Kind::StartOfDay, "at", 0}};
  if (external.partition == "hash") table.partitions = {{"hash", Type::Long, Kind::Hash, "k", 3}};
  return table;
}

}  // namespace

Schedule::Schedule(uint64_t seed, int steps)
    : dice_(seed), steps_(steps), server_(server_options(dice_), kStart) {}

void Schedule::run() {
  set_up();
  for (int i = 0; i < steps_; ++i) {
    step();
    check_all();
  }
  finish();
}

void Schedule::outcome(const Status& status) {
  if (!status.ok()) trace_.back() += "  → " + describe(status);
}

// ---- failures --------------------------------------------------------------------------------------------

bool Schedule::arm(const std::vector<std::string>& prefixes) {
  std::string specification;
  if (outage_ > 0) {
    --outage_;
    specification = "store.put.before=error@1-100000";
  } else if (chance(1)) {
    outage_ = static_cast<int>(pick(4));
  }
  if (chance(35)) {
    std::vector<std::string> points;
    for (const std::string& point : fail_point::all()) {
      for (const std::string& prefix : prefixes) {
        if (point.starts_with(prefix)) points.push_back(point);
      }
    }
    const std::string point = points[static_cast<size_t>(pick(static_cast<int64_t>(points.size())))];
    const int64_t first = 1 + (chance(40) ? pick(6) : 0);
    const std::string range = "@" + std::to_string(first);
    const int64_t kind = pick(10);
    specification += (specification.empty() ? "" : ";") + point +
                     (kind < 4   ? "=error" + range
                      : kind < 6 ? "=error" + range + "-" + std::to_string(first + pick(8))
                                 : "=halt" + range);
    // A failure that can't be recorded.
    if (chance(10)) specification += ";export.fail.before=error@1-2";
    // What a failed run left can't be deleted either, or the janitor dies at it.
    if (chance(25))
      specification += std::string(";export.remove.") + (chance(50) ? "before" : "after") +
                       (chance(50) ? "=error" : "=halt");
  }
  if (specification.empty()) return false;
  trace_.back() += "  [" + specification + "]";
  if (const Status armed = fail_point::arm(specification); !armed.ok()) violate(armed.error().message);
  return true;
}

bool Schedule::land() {
  const bool died = fail_point::halted();
  if (died) {
    server_.crash();
    trace_.back() += "  † ";
  }
  fail_point::disarm_all();
  if (died) server_.open();
  return died;
}

void Schedule::restart() {
  note("restart");
  if (chance(50)) {
    trace_.back() += " by a crash";
    static_cast<void>(fail_point::arm("store.put.before=halt"));
    static_cast<void>(fail_point::reached("store.put.before"));
    land();
    return;
  }
  server_.stop();
  server_.open();
}

// ---- definitions -----------------------------------------------------------------------------------------

void Schedule::change(const std::string& what, Database after, const std::function<Status()>& act,
                      const Pending& pending) {
  note(what);
  const bool faulty = arm({"catalog.", pending.table.empty() ? "catalog." : "ingest."});
  const Status status = act();
  outcome(status);
  land();
  const std::string actual = definitions_of(server_.database());
  const bool done = actual == after.definitions();
  if (!done && actual != db_.definitions())
    violate("definitions:\n" + actual + "expected:\n" + after.definitions());
  if (status.ok() && !done) violate("a change was acknowledged, and didn't happen");
  if (!status.ok() && !faulty) violate("a change was refused");
  const bool happened = done && (status.ok() || actual != db_.definitions());
  if (happened) db_ = std::move(after);
  reconcile_extents(pending, happened && !pending.table.empty());
}

void Schedule::make_table(const std::string& name) {
  Database after = db_;
  after.tables[name] = {};
  change("create table " + name, std::move(after), [&] {
    catalog::Table table;
    table.name = name;
    table.columns = columns_of_tables(0);
    return server_.catalog().write([&](catalog::Writer& w) { return w.create_table(kDatabase, table); });
  });
}

void Schedule::drop_table() {
  const std::string name = any_of(db_.tables);
  if (name.empty()) return;
  for (auto& [export_name, definition] : db_.exports) definition.whole = false;
  Database after = db_;
  after.tables.erase(name);
  change("drop table " + name, std::move(after), [&] {
    return server_.catalog().write([&](catalog::Writer& w) { return w.drop_table(kDatabase, name); });
  });
}

void Schedule::alter_table() {
  const std::string name = any_of(db_.tables);
  if (name.empty()) return;
  Database after = db_;
  Table& table = after.tables.at(name);
  catalog::Table altered = *server_.database().tables.at(name);
  const std::string column = chance(70) ? "x" : chance(50) ? "y" : "z";
  const std::string other = column == "x" ? "y" : "x";
  std::string what;
  const auto actual = std::find_if(altered.columns.begin(), altered.columns.end(),
                                   [&](const catalog::Column& c) { return c.name == column; });
  if (!table.extras.contains(column)) {
    what = "add column ";
    table.extras[column] = next_column_++;
    altered.columns.push_back({0, column, Type::Long, ""});
  } else if (chance(40) && !table.extras.contains(other)) {
    what = "rename to " + other + " column ";
    table.extras[other] = table.extras.at(column);
    table.extras.erase(column);
    actual->name = other;
  } else {
    what = "drop column ";
    table.extras.erase(column);
    altered.columns.erase(actual);
  }
  change("alter table " + name + ": " + what + column, std::move(after), [&] {
    return server_.catalog().write([&](catalog::Writer& w) { return w.alter_table(kDatabase, altered); });
  });
}

void Schedule::switch_ingestion_time() {
  const std::string name = any_of(db_.tables);
  if (name.empty()) return;
  Database after = db_;
  bool& enabled = after.tables.at(name).ingestion_time;
  enabled = !enabled;
  catalog::Table altered = *server_.database().tables.at(name);
  altered.ingestion_time_policy = enabled;
  change("alter table " + name + ": ingestion time " + (enabled ? "on" : "off"), std::move(after), [&] {
    return server_.catalog().write([&](catalog::Writer& w) { return w.alter_table(kDatabase, altered); });
  });
}

void Schedule::put_external(const std::string& name, External external) {
  Database after = db_;
  after.externals[name] = external;
  change("put external table " + name + " " + external.format + " " + external.partition, std::move(after),
         [&] {
           return server_.catalog().write([&](catalog::Writer& w) {
             return w.put_external_table(kDatabase, catalog_table(name, external));
           });
         });
}

void Schedule::alter_external() {
  const std::string name = std::vector<std::string>{"E0", "E1", "W", "C"}[static_cast<size_t>(pick(4))];
  External external;
  external.shape = name == "W" ? Shape::Wide : name == "C" ? Shape::Counts : Shape::Base;
  if (chance(4)) external.shape = Shape::Wide;
  external.format = kFormats[static_cast<size_t>(pick(static_cast<int64_t>(kFormats.size())))];
  external.compressed = chance(20);
  external.partition = kPartitions[static_cast<size_t>(pick(static_cast<int64_t>(kPartitions.size())))];
  if (external.shape == Shape::Counts && external.partition == "day") external.partition.clear();
  if (external.shape == Shape::Counts && external.partition == "k") external.partition = "hash";
  external.folder = server_.out() + "/" + (chance(60) ? "shared" : name);
  put_external(name, external);
}

void Schedule::drop_external() {
  const std::string name = any_of(db_.externals);
  if (name.empty()) return;
  Database after = db_;
  after.externals.erase(name);
  change("drop external table " + name, std::move(after), [&] {
    return server_.catalog().write(
        [&](catalog::Writer& w) { return w.drop_external_table(kDatabase, name); });
  });
}

void Schedule::put_function(const std::string& name, const std::string& table) {
  Database after = db_;
  after.functions[name] = table;
  catalog::Function function;
  function.name = name;
  function.docstring = table;
  function.parameters = name == "F" ? "()" : "(m:long)";
  function.body = "{ " + table + " | where id % " + (name == "F" ? "2" : "m") + " == 0 }";
  change("put function " + name + " over " + table, std::move(after), [&] {
    return server_.catalog().write([&](catalog::Writer& w) { return w.put_function(kDatabase, function); });
  });
}

void Schedule::alter_function() {
  const std::string name = chance(50) ? "F" : "G";
  if (chance(70) || !db_.functions.contains(name))
    return put_function(name, kTables[static_cast<size_t>(pick(3))]);
  Database after = db_;
  after.functions.erase(name);
  change("drop function " + name, std::move(after), [&] {
    return server_.catalog().write([&](catalog::Writer& w) { return w.drop_function(kDatabase, name); });
  });
}

// ---- records ---------------------------------------------------------------------------------------------

Record Schedule::make_record(const Table& table) {
  Record record;
  record.id = next_record_++;
  record.key = kKeys[static_cast<size_t>(pick(static_cast<int64_t>(kKeys.size())))];
  record.at = kStart - pick(4) * kTicksPerDay + pick(1000) * kTicksPerMillisecond;
  for (const auto& [name, id] : table.extras) {
    if (chance(80)) record.extras[id] = record.id * 10 + id;
  }
  return record;
}

void Schedule::ingest() {
  const std::string name = any_of(db_.tables);
  if (!name.empty()) ingest_into(name);
}

void Schedule::ingest_into(const std::string& name) {
  const Table& table = db_.tables.at(name);
  const auto actual = server_.database().tables.at(name);
  const bool files = chance(20);
  Pending pending;
  pending.table = name;
  ingest::Request request;
  request.database = kDatabase;
  request.table = *actual;
  request.properties.format = "csv";
  std::vector<std::string> texts;
  const int64_t size = chance(5) ? 300 : 1 + pick(8);
  for (int64_t extent = 0; extent < (files ? 2 : 1); ++extent) {
    auto records = std::make_shared<std::vector<Record>>();
    for (int64_t i = 0; i < size + extent; ++i) records->push_back(make_record(table));
    texts.push_back(csv_of(*actual, table, *records));
    pending.batch.push_back(std::move(records));
  }
  std::vector<std::string> paths;
  if (files) {
    // One batch of two files of different formats: two extents, or none.
    request.properties.format.clear();
    std::string tsv = texts[1];
    texts[1].clear();
    for (bool quoted = false; const char c : tsv) {
      if (c == '"') quoted = !quoted;
      texts[1] += c == ',' && !quoted ? '\t' : c;
    }
    paths = {server_.input("one.csv", texts[0]), server_.input("two.tsv", texts[1])};
  }
  note("ingest " + std::to_string(size) + (files ? " and one more" : "") + " into " + name);
  const bool faulty = arm({"ingest.", "catalog."});
  const auto loaded = files ? server_.ingestor().ingest_files(request, paths)
                            : server_.ingestor().ingest_data(request, texts[0]);
  outcome(loaded.status());
  if (!loaded.ok() && !faulty) violate("ingestion failed");
  const bool acknowledged = loaded.ok();
  land();
  reconcile_extents(pending, acknowledged);
}

/// The table may not exist yet: then it and the records appear together.
void Schedule::set_or_append() {
  const std::string name = kTables[static_cast<size_t>(pick(static_cast<int64_t>(kTables.size())))];
  Database after = db_;
  const Table& table = after.tables[name];
  if (!table.extras.empty()) return;
  Pending pending;
  pending.table = name;
  auto records = std::make_shared<std::vector<Record>>();
  std::string values;
  for (int64_t i = 0; i < 1 + pick(5); ++i) {
    const Record& record = records->emplace_back(make_record(table));
    values += (i ? ", " : "") + std::to_string(record.id) + ", " + kql_string(record.key) + ", datetime(" +
              format_datetime(record.at) + ")";
  }
  pending.batch = {std::move(records)};
  change(
      ".set-or-append " + name, std::move(after),
      [&]() -> Status {
        kql::BindOptions options;
        options.snapshot = server_.catalog().snapshot();
        options.database = kDatabase;
        SPILLWAY_ASSIGN(const auto query,
                        kql::compile("datatable(id:long, k:string, at:datetime) [" + values + "]", options));
        ingest::Request request;
        request.database = kDatabase;
        request.table.name = name;
        request.table.columns = columns_of_tables(1);
        request.table.next_column_id = 4;
        const auto existing = options.snapshot->database(kDatabase)->tables.find(name);
        const bool missing = existing == options.snapshot->database(kDatabase)->tables.end();
        if (!missing) request.table = *existing->second;
        request.prepare = [&](catalog::Writer& writer) -> Result<int64_t> {
          if (missing) SPILLWAY_TRY(writer.create_table(kDatabase, request.table));
          return writer.current().database(kDatabase)->tables.at(name)->id;
        };
        return server_.ingestor().ingest_query(request, query.results[0].plan).status();
      },
      pending);
}

void Schedule::merge() {
  const std::string name = any_of(db_.tables);
  if (name.empty()) return;
  const auto table = server_.database().tables.at(name);
  const auto size = static_cast<int64_t>(table->extents->size());
  if (size < 2) return;
  const int64_t first = pick(size - 1), count = 2 + pick(std::min<int64_t>(size - first - 1, 12));
  Pending pending;
  pending.table = name;
  for (int64_t i = first; i < first + count; ++i)
    pending.merged.push_back((*table->extents)[static_cast<size_t>(i)]->id);
  note("merge " + std::to_string(count) + " extents of " + name);
  const bool faulty = arm({"merge.", "catalog."});
  const auto merged = server_.ingestor().merge(kDatabase, *table, pending.merged, {});
  outcome(merged.status());
  if (!merged.ok() && !faulty) violate("a merge failed");
  const bool acknowledged = merged.ok();
  land();
  reconcile_extents(pending, acknowledged);
}

void Schedule::drop_extents() {
  const std::string name = any_of(db_.tables);
  if (name.empty()) return;
  const auto table = server_.database().tables.at(name);
  Pending pending;
  pending.table = name;
  for (const auto& extent : *table->extents) {
    if (chance(15)) pending.dropped.push_back(extent->id);
  }
  if (pending.dropped.empty()) return;
  for (auto& [export_name, definition] : db_.exports) definition.whole = false;
  note("drop " + std::to_string(pending.dropped.size()) + " extents of " + name);
  const bool faulty = arm({"catalog."});
  const Status status = server_.catalog().write(
      [&](catalog::Writer& w) { return w.drop_extents(kDatabase, table->id, pending.dropped); });
  outcome(status);
  if (!status.ok() && !faulty) violate("extents can't be dropped");
  land();
  reconcile_extents(pending, status.ok());
}

// ---- exports ---------------------------------------------------------------------------------------------

Export Schedule::random_export() {
  Export definition;
  Query& query = definition.query;
  query.kind = static_cast<Query::Kind>(pick(10));
  query.fact = kTables[static_cast<size_t>(pick(3))];
  if (query.kind == Query::Kind::Function) query.fact = "F";
  if (query.kind == Query::Kind::Parameter) query.fact = "G";
  if (query.kind == Query::Kind::Join || query.kind == Query::Kind::Union) {
    do query.other = kTables[static_cast<size_t>(pick(4))];
    while (query.other == query.fact);
    query.over = chance(70);
  }
  definition.external = query.shape() == Shape::Counts                   ? "C"
                        : query.shape() == Shape::Wide                   ? "W"
                        : query.kind == Query::Kind::Whole && chance(30) ? "W"
                        : chance(50)                                     ? "E0"
                                                                         : "E1";
  if (chance(30)) definition.latency = (1 + pick(20)) * kTicksPerMinute;
  definition.interval = chance(50) ? kTicksPerMinute : kTicksPerHour;
  if (chance(40)) definition.most_records = 1 + pick(30);
  definition.manifest = chance(40);
  definition.backfill = chance(30);
  definition.disabled = chance(5);
  return definition;
}

void Schedule::put_export() {
  const std::string name = "X" + std::to_string(pick(4));
  Export definition = random_export();
  const auto before = db_.exports.find(name);
  const bool alters = before != db_.exports.end();
  Database after = db_;
  if (alters) {
    if (chance(50)) {
      // Its properties only.
      definition.query = before->second.query;
      definition.external = before->second.external;
    }
    const Export& old = before->second;
    definition.id = old.id;
    definition.generation = old.generation + 1;
    definition.backfill = old.backfill;
    definition.start = old.start;
    definition.exported_to = old.exported_to;
    definition.seen_runs = old.seen_runs;
    definition.expected = old.expected;
    definition.artifacts = old.artifacts;
    definition.whole = old.whole && old.query.text() == definition.query.text();
  } else {
    definition.start = definition.exported_to = definition.backfill ? 0 : last_cursor_;
  }
  after.exports[name] = definition;
  catalog::ContinuousExport given;
  given.name = name;
  given.external_table = definition.external;
  given.query = definition.query.text();
  given.over_given = definition.query.over;
  if (definition.query.over) given.fact_tables = {definition.query.fact};
  std::map<std::string, std::string> properties = {
      {"intervalBetweenRuns", format_timespan(definition.interval)},
      {"forcedLatency", format_timespan(definition.latency)},
      {"manifest", definition.manifest ? "true" : "false"},
      {"isDisabled", definition.disabled ? "true" : "false"}};
  if (definition.most_records) properties["maxRecordsPerRun"] = std::to_string(definition.most_records);
  if (definition.backfill && !alters) properties["backfill"] = "true";
  const auto act = [&] { return server_.exports().create_or_alter(kDatabase, given, properties); };
  const std::string what = std::string(alters ? "alter" : "create") + " export " + name +
                           (definition.query.over ? " over " + definition.query.fact : "") + " to " +
                           definition.external + " <| " + given.query;
  if (const auto reason = db_.broken(definition)) {
    note(what + ", which must be refused: " + *reason);
    if (act().ok()) violate("an export was created, though " + *reason);
    return;
  }
  change(what, std::move(after), act);
  const auto made = db_.exports.find(name);
  if (made == db_.exports.end()) return;
  const catalog::ContinuousExport& actual = *server_.database().exports.at(name);
  made->second.id = actual.id;
}

/// Without a fact table there is nothing to export.
void Schedule::refuse_dimensions() {
  if (!db_.tables.contains("D") || !db_.externals.contains("E0")) return;
  note("an export of dimension tables only");
  catalog::ContinuousExport given;
  given.name = "Refused";
  given.external_table = "E0";
  given.query = "D | project id, k, at";
  given.over_given = true;
  if (server_.exports().create_or_alter(kDatabase, given, {}).ok()) violate("it was created");
}

void Schedule::drop_export() {
  const std::string name = any_of(db_.exports);
  if (name.empty()) return;
  const auto artifacts = db_.exports.at(name).artifacts;
  Database after = db_;
  after.exports.erase(name);
  change("drop export " + name, std::move(after), [&] {
    return server_.catalog().write([&](catalog::Writer& w) { return w.drop_export(kDatabase, name); });
  });
  if (!db_.exports.contains(name)) kept_.insert(artifacts.begin(), artifacts.end());
}

void Schedule::switch_export() {
  const std::string name = any_of(db_.exports);
  if (name.empty()) return;
  Database after = db_;
  Export& definition = after.exports.at(name);
  const bool disabled = definition.disabled ? false : chance(20);
  if (definition.disabled != disabled) {
    definition.disabled = disabled;
    ++definition.generation;
    definition.failing_since.reset();
    definition.consecutive_failures = 0;
  }
  change((disabled ? "disable export " : "enable export ") + name, std::move(after), [&] {
    return server_.catalog().write(
        [&](catalog::Writer& w) { return w.set_export_disabled(kDatabase, name, disabled); });
  });
}

void Schedule::run_export() {
  // Mostly one that can run and has something to do.
  std::vector<std::string> able;
  for (const auto& [name, definition] : db_.exports) {
    if (!definition.disabled && !db_.broken(definition)) able.push_back(name);
  }
  if (able.empty() || chance(10)) {
    const std::string name = any_of(db_.exports);
    if (!name.empty()) run_export(name);
    return;
  }
  const std::string name = able[static_cast<size_t>(pick(static_cast<int64_t>(able.size())))];
  const Export& definition = db_.exports.at(name);
  if (db_.waiting(definition.query, definition.exported_to, last_cursor_) == 0 && chance(80)) {
    const std::set<std::string> facts = db_.facts(definition.query);
    ingest_into(*facts.begin());
    check_all();
  }
  if (definition.latency > 0 && chance(60)) server_.clock().advance(definition.latency);
  run_export(name);
}

void Schedule::run_export(const std::string& name) {
  const Export before = db_.exports.at(name);
  const auto reason = db_.broken(before);
  note("run " + name + (before.disabled ? ", which is disabled" : reason ? ", though " + *reason : ""));
  const bool faulty = arm({"export.", "store.put", "catalog."});
  const auto moved = server_.exports().run_once(kDatabase, name);
  outcome(moved.status());
  if (moved.ok()) trace_.back() += *moved ? "  moved" : "  nothing to do";
  const bool crashed = land();
  const Ended ended = reconcile_export(name);
  if (before.disabled) {
    // An earlier failure may be recorded only now.
    if (moved.ok() || ended.current > 0) violate("a disabled export ran");
    return;
  }
  if (moved.ok() && ended.completed != (*moved ? 1 : 0)) violate("a run says what it didn't do");
  if (!moved.ok() && !crashed && ended.completed > 0) violate("a run failed and is completed");
  if (ended.completed > 1) violate("one run completed twice");
  if (crashed || (faulty && trace_.back().find("catalog.") != std::string::npos) ||
      trace_.back().find("export.fail") != std::string::npos)
    return;
  if (!moved.ok()) {
    if (!faulty && !reason) violate("a run failed without a reason");
    // With it may come one that couldn't be recorded when it happened, and that one may disable the export.
    if (moved.error().code == ErrorCode::Conflict && db_.exports.at(name).disabled) return;
    if (ended.failed == 0 || ended.failures.back() != moved.error().message)
      violate("a failure isn't recorded");
    if (!faulty && ended.permanent == 0) violate("a failure for good isn't recorded as one");
    return;
  }
  if (faulty) return;
  if (reason) violate("a run succeeded, though " + *reason);
  const Cursor upper =
      before.latency ? std::min(last_cursor_, server_.clock().now() - before.latency) : last_cursor_;
  if (!*moved && db_.waiting(before.query, before.exported_to, upper) > 0)
    violate("a run left records behind");
}

/// The real scheduler, for a few hours of the clock.
void Schedule::run_scheduler() {
  note("scheduler");
  const bool faulty = arm({"export.", "store.put", "catalog."});
  server_.exports().start();
  const auto all_ran = [&] {
    if (fail_point::halted()) return true;
    if (server_.exports().running() > 0) return false;
    for (const auto& health : server_.exports().health()) {
      if (!health.disabled && (health.running || health.last_run < server_.clock().now())) return false;
    }
    return true;
  };
  for (int hour = 0; hour < 2; ++hour) {
    server_.clock().advance(2 * kTicksPerHour);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!all_ran()) {
      if (std::chrono::steady_clock::now() > deadline) violate("the scheduler didn't run all exports");
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }
  server_.exports().stop();
  if (!land()) {
    server_.stop();
    server_.open();
  }
  for (const auto& [name, definition] : db_.exports) {
    const bool enabled = !definition.disabled;
    const Ended ended = reconcile_export(name);
    if (!enabled && ended.current > 0) violate("a disabled export ran");
    if (!enabled || faulty || db_.broken(definition) || definition.most_records) continue;
    const Ticks young = definition.latency;
    if (db_.waiting(definition.query, definition.exported_to,
                    std::min(last_cursor_, server_.clock().now() - young)) > 0)
      violate("the scheduler left records of " + name + " behind");
  }
}

Result<spillway::Table> Schedule::export_up_to(const std::string& table, Cursor to,
                                               const std::string& target) {
  exports::Request request;
  request.database = kDatabase;
  request.persist_details = true;
  kql::BindOptions options;
  options.snapshot = server_.catalog().snapshot();
  options.database = kDatabase;
  options.now = server_.clock().now();
  SPILLWAY_ASSIGN(request.query, kql::compile(table + " | where cursor_before_or_at('" + std::to_string(to) +
                                                  "') | project id, k, at",
                                              options));
  SPILLWAY_ASSIGN(request.settings,
                  exports::settings_for_table(*server_.database().external_tables.at(target), {}));
  return server_.exports().run(request, nullptr);
}

/// `.export` of what came up to a cursor.
void Schedule::export_history() {
  const std::string name = any_of(db_.tables), target = any_of(db_.externals);
  if (name.empty() || target.empty() || db_.externals.at(target).shape != Shape::Base) return;
  if (!db_.tables.at(name).ingestion_time) return;
  Cursor to = last_cursor_;
  if (!db_.exports.empty() && chance(70)) to = db_.exports.at(any_of(db_.exports)).start;
  Query query;
  query.fact = name;
  history_.expected = db_.result(query, Shape::Base, 0, to);
  note(".export " + name + " up to " + std::to_string(to) + " to " + target);
  const bool faulty = arm({"export.", "store.put", "catalog."});
  const auto answer = export_up_to(name, to, target);
  outcome(answer.status());
  const bool crashed = land();
  if (!answer.ok() && !faulty) violate("an export failed");
  const size_t before = kept_.size();
  take_operations();
  const size_t files = kept_.size() - before;
  if (answer.ok() && files != answer->rows.size()) violate("an export says other files than its operation");
  if (!answer.ok() && !crashed && files > 0) violate("an export failed, and its operation completed");
}

// ---- time, the janitor, and the rest
// -----------------------------------------------------------------------

void Schedule::move_clock() {
  const int64_t kind = pick(20);
  Ticks by = kTicksPerSecond + pick(20 * kTicksPerMinute);
  if (kind < 4) by = pick(20 * kTicksPerHour);
  if (kind < 2) by = -pick(3 * kTicksPerHour);
  if (kind == 4) by = pick(20 * kTicksPerDay);
  note("the clock moves by " + format_timespan(by));
  server_.clock().advance(by);
}

void Schedule::sweep() {
  note("janitor");
  const bool faulty = arm({"export.remove", "export.manifest", "catalog.", "store.put"});
  const Status status = server_.exports().sweep();
  outcome(status);
  land();
  if (faulty) return;
  if (!status.ok()) violate("the janitor failed");
  for (const auto& [name, definition] : db_.exports) reconcile_export(name);
  take_operations();
  check_files(true);
  server_.database();  // the newest snapshot is the only one that is held now
  if (const auto swept = server_.ingestor().sweep(); !swept.ok()) violate(swept.error().message);
  std::vector<std::string> expected;
  for (const auto& [name, table] : server_.database().tables) {
    for (const auto& extent : *table->extents) expected.push_back(extent->path);
  }
  std::sort(expected.begin(), expected.end());
  if (server_.extent_files() != expected) violate("other extent files than extents");
}

void Schedule::verify() {
  const std::string name = any_of(db_.exports);
  if (name.empty()) return;
  note("verify " + name);
  const auto findings = server_.exports().verify(kDatabase, name, nullptr);
  if (!findings.ok()) violate(findings.error().message);
  if (findings->size() != db_.exports.at(name).artifacts.size()) violate("other findings than artifacts");
  for (const auto& finding : *findings) {
    if (finding.state != exports::Finding::State::Verified)
      violate(finding.artifact.public_path + " isn't verified: " + finding.details);
  }
}

/// Days of failures: what lasts for seven days and is permanent disables an export, and nothing else does.
void Schedule::weeks_of_failure() {
  const std::string name = any_of(db_.exports);
  if (name.empty()) return;
  const std::string target = db_.exports.at(name).external;
  if (db_.externals.contains(target)) {
    Database after = db_;
    after.externals.erase(target);
    change("drop external table " + target, std::move(after), [&] {
      return server_.catalog().write(
          [&](catalog::Writer& w) { return w.drop_external_table(kDatabase, target); });
    });
  }
  for (int64_t days = 6 + pick(5); days > 0; --days) {
    run_export(name);
    if (chance(10)) restart();
    server_.clock().advance(kTicksPerDay - pick(3) * kTicksPerHour);
  }
}

/// Makes an export whole again whose table or target went.
void Schedule::mend() {
  for (const auto& [name, definition] : db_.exports) {
    if (!db_.broken(definition)) continue;
    const Query& query = definition.query;
    const bool by_function = query.kind == Query::Kind::Function || query.kind == Query::Kind::Parameter;
    if (by_function && !db_.functions.contains(query.fact)) return put_function(query.fact, "T0");
    const std::string fact = by_function ? db_.functions.at(query.fact) : query.fact;
    for (const std::string& table : {fact, query.other}) {
      if (!table.empty() && !db_.tables.contains(table)) return make_table(table);
    }
    if (!db_.externals.contains(definition.external)) {
      External external;
      external.shape = query.shape();
      external.folder = server_.out() + "/shared";
      return put_external(definition.external, external);
    }
    return alter_table();
  }
}

void Schedule::set_up() {
  last_cursor_ = server_.database().cursor;
  for (const std::string& name : kTables) {
    if (chance(90)) make_table(name);
  }
  for (int i = 0; i < 8; ++i) alter_external();
  put_function("F", "T0");
  put_function("G", "T1");
  for (int i = 0; i < 3; ++i) ingest();
  for (int i = 0; i < 3; ++i) put_export();
}

void Schedule::step() {
  struct Choice {
    int weight;
    void (Schedule::*act)();
  };
  static constexpr Choice kChoices[] = {
      {24, &Schedule::ingest},
      {4, &Schedule::set_or_append},
      {7, &Schedule::merge},
      {2, &Schedule::drop_extents},
      {2, &Schedule::drop_table},
      {4, &Schedule::alter_table},
      {1, &Schedule::switch_ingestion_time},
      {5, &Schedule::alter_external},
      {1, &Schedule::drop_external},
      {2, &Schedule::alter_function},
      {7, &Schedule::put_export},
      {1, &Schedule::refuse_dimensions},
      {2, &Schedule::drop_export},
      {5, &Schedule::switch_export},
      {10, &Schedule::move_clock},
      {6, &Schedule::sweep},
      {2, &Schedule::verify},
      {3, &Schedule::restart},
      {3, &Schedule::export_history},
      {3, &Schedule::check_tables},
      {8, &Schedule::mend},
  };
  if (chance(30)) return run_export();
  if (pick(400) == 0) return run_scheduler();
  if (pick(300) == 0) return weeks_of_failure();
  int total = 0;
  for (const Choice& choice : kChoices) total += choice.weight;
  int64_t left = pick(total);
  for (const Choice& choice : kChoices) {
    left -= choice.weight;
    if (left < 0) {
      const std::string missing = kTables[static_cast<size_t>(pick(4))];
      if (choice.act == &Schedule::ingest && !db_.tables.contains(missing)) return make_table(missing);
      return (this->*choice.act)();
    }
  }
}

/// All is mended, and every export that can be is brought to its end.
void Schedule::finish() {
  note("finish");
  outage_ = 0;
  for (const auto& [name, definition] : std::map<std::string, Export>(db_.exports)) {
    if (definition.disabled || db_.broken(definition)) continue;
    for (int runs = 0;; ++runs) {
      if (runs > 2000) violate("export " + name + " comes to no end");
      const auto moved = server_.exports().run_once(kDatabase, name);
      if (!moved.ok()) violate("the last run of " + name + ": " + moved.error().message);
      const Ended ended = reconcile_export(name);
      if (ended.completed != (*moved ? 1 : 0)) violate("a run says what it didn't do");
      if (!*moved) break;
    }
    const Export& now = db_.exports.at(name);
    const Cursor upper =
        now.latency ? std::min(last_cursor_, server_.clock().now() - now.latency) : last_cursor_;
    if (db_.waiting(now.query, now.exported_to, upper) > 0)
      violate("export " + name + " left records behind");
  }
  if (const Status swept = server_.exports().sweep(); !swept.ok())
    violate("the janitor: " + swept.error().message);
  check_all();
  check_files(true);
  check_tables();
  for (const auto& [name, definition] : db_.exports) {
    std::vector<Row> rows;
    for (const auto& [path, columns] : definition.artifacts) {
      const auto some = read_artifact(server_.engine(), path, columns);
      rows.insert(rows.end(), some.begin(), some.end());
    }
    compare("all artifacts of " + name, std::move(rows), definition.expected);
    check_whole(name);
  }
}

/// What `.export` gives up to an export's StartCursor, and what the export gave, is the whole table: where
/// nothing of it was dropped meanwhile.
void Schedule::check_whole(const std::string& name) {
  const Export definition = db_.exports.at(name);
  if (!definition.whole || definition.query.kind != Query::Kind::Project || db_.broken(definition)) return;
  const std::string& table = definition.query.fact;
  history_.expected = db_.result(definition.query, Shape::Base, 0, definition.start);
  const auto history = export_up_to(table, definition.start, definition.external);
  if (!history.ok()) violate("the export of the history: " + history.error().message);
  take_operations();
  std::vector<Row> rows;
  const auto add = [&](const std::string& path) {
    const auto some = read_artifact(server_.engine(), path, columns_of(Shape::Base));
    rows.insert(rows.end(), some.begin(), some.end());
  };
  for (const auto& row : history->rows) add(row[1].as_text());
  for (const auto& [path, columns] : definition.artifacts) add(path);
  compare("history and export of " + table + " by " + name, std::move(rows),
          db_.result(definition.query, Shape::Base, 0, definition.exported_to));
}

}  // namespace spillway::model
