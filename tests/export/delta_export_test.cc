// Exports to Delta tables: one commit a run, each record exactly once in the table, whatever fails. What a
// table holds is told by a reader of the test's own: the log's JSON entries, replayed in their order by the
// rules of the protocol, and the records of the very files that they leave.
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <thread>

#include "base/fail_point.h"
#include "engine/sql.h"
#include "tests/export/world.h"
#include "tests/support/azurite.h"
#include "tests/support/s3rver.h"

namespace spillway::exports {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using Lines = std::vector<std::string>;

/// A Delta table in a local folder, as its log has it.
class Reader {
 public:
  explicit Reader(std::string folder) : folder_(std::move(folder)) {
    std::vector<std::string> entries;
    if (!fs::exists(folder_ + "/_delta_log")) return;
    for (const auto& entry : fs::directory_iterator(folder_ + "/_delta_log")) {
      const std::string name = entry.path().filename().string();
      if (name.size() == 25 && name.ends_with(".json")) entries.push_back(entry.path().string());
    }
    std::sort(entries.begin(), entries.end());
    for (size_t i = 0; i < entries.size(); ++i) {
      char name[32];
      std::snprintf(name, sizeof name, "%020zu.json", i);
      EXPECT_EQ(fs::path(entries[i]).filename().string(), name);
      std::ifstream in(entries[i]);
      std::set<std::string> paths, applications;
      for (std::string line; std::getline(in, line);) {
        const json::object action = json::parse(line).as_object();
        EXPECT_EQ(action.size(), 1U);
        if (const auto* add = action.if_contains("add")) {
          const std::string path(add->at("path").as_string());
          EXPECT_TRUE(paths.insert(path).second) << "twice in a commit: " << path;
          EXPECT_TRUE(files_.emplace(path, add->as_object()).second) << "in two commits: " << path;
        }
        if (const auto* remove = action.if_contains("remove"))
          files_.erase(std::string(remove->at("path").as_string()));
        if (const auto* txn = action.if_contains("txn")) {
          const std::string application(txn->at("appId").as_string());
          const int64_t version = txn->at("version").as_int64();
          EXPECT_TRUE(applications.insert(application).second);
          EXPECT_GT(version, transactions_[application]);
          transactions_[application] = version;
        }
        if (const auto* metadata = action.if_contains("metaData")) metadata_ = metadata->as_object();
        if (const auto* protocol = action.if_contains("protocol")) protocol_ = protocol->as_object();
      }
    }
    commits_ = entries.size();
  }

  size_t commits() const { return commits_; }
  const json::object& metadata() const { return metadata_; }
  const json::object& protocol() const { return protocol_; }
  const std::map<std::string, json::object>& files() const { return files_; }
  const std::map<std::string, int64_t>& transactions() const { return transactions_; }

  /// The ids of all records of the active files, sorted; each file has the number of records and the length
  /// that the log says.
  std::vector<int64_t> ids(engine::Engine& engine) const {
    std::vector<int64_t> all;
    const auto sql = std::move(*engine.connect());
    for (const auto& [path, add] : files_) {
      const std::string file = folder_ + "/" + path;
      EXPECT_EQ(static_cast<int64_t>(fs::file_size(file)), add.at("size").as_int64());
      const auto rows = sql->query("SELECT id FROM read_parquet([" + engine::sql_string(file) + "])");
      if (!rows.ok()) throw std::runtime_error(rows.error().message);
      for (const auto& row : *rows) all.push_back(std::stoll(*row[0]));
      const json::object stats = json::parse(add.at("stats").as_string()).as_object();
      EXPECT_EQ(stats.at("numRecords").as_int64(), static_cast<int64_t>(rows->size()));
    }
    std::sort(all.begin(), all.end());
    return all;
  }

 private:
  const std::string folder_;
  size_t commits_ = 0;
  std::map<std::string, json::object> files_;
  std::map<std::string, int64_t> transactions_;
  json::object metadata_, protocol_;
};

std::vector<int64_t> numbers(int64_t first, int64_t count) {
  std::vector<int64_t> all;
  for (int64_t id = first; id < first + count; ++id) all.push_back(id);
  return all;
}

class DeltaExportTest : public testing::Test {
 protected:
  ~DeltaExportTest() override { fail_point::disarm_all(); }

  catalog::ExternalTable delta(const std::string& name) {
    catalog::ExternalTable table = world_.external(name, "parquet");
    table.kind = catalog::ExternalTable::Kind::Delta;
    return table;
  }
  void set_up(std::map<std::string, std::string> properties = {}) {
    world_.make_table("T");
    world_.put(delta("E"));
    const Status made = world_.make_export("X", "E", "T", {}, std::move(properties));
    ASSERT_TRUE(made.ok()) << made.error().message;
  }
  Result<bool> run() { return world_.service().run_once(kDatabase, "X"); }
  void run_well() {
    const auto moved = run();
    ASSERT_TRUE(moved.ok()) << moved.error().message;
    EXPECT_TRUE(*moved);
  }
  Reader table() { return Reader(world_.target()); }
  std::vector<int64_t> ids() { return table().ids(world_.engine()); }
  size_t due() { return world_.catalog().due_delta_commits()->size(); }
  int64_t count(const std::string& query) {
    const auto read = world_.engine().run_to_table(world_.bind(query).results[0].plan, {});
    if (!read.ok()) throw std::runtime_error(read.error().message);
    return read->rows[0][0].as_int();
  }
  /// Another writer's commit, under the version that is next.
  void commit(const std::vector<std::string>& lines) {
    char name[64];
    fs::create_directories(world_.target() + "/_delta_log");
    std::snprintf(name, sizeof name, "/_delta_log/%020zu.json", table().commits());
    std::ofstream out(world_.target() + name);
    for (const std::string& line : lines) out << line << "\n";
  }
  std::string metadata(const std::string& fields, const std::string& partitions = "[]") {
    return R"({"metaData":{"id":"m","format":{"provider":"parquet","options":{}},"schemaString":)" +
           json::serialize(json::value(R"({"type":"struct","fields":[)" + fields + "]}")) +
           R"(,"partitionColumns":)" + partitions + R"(,"configuration":{}}})";
  }
  static std::string field(const std::string& name, const std::string& type, bool nullable = true) {
    return R"({"name":")" + name + R"(","type":")" + type + R"(","nullable":)" +
           (nullable ? "true" : "false") + R"(,"metadata":{}})";
  }
  std::string own_fields() {
    return field("id", "long") + "," + field("name", "string") + "," + field("at", "timestamp");
  }
  static std::string protocol(int reader, int writer) {
    return R"({"protocol":{"minReaderVersion":)" + std::to_string(reader) + R"(,"minWriterVersion":)" +
           std::to_string(writer) + "}}";
  }

  World world_;
};

TEST_F(DeltaExportTest, TheFirstRunMakesTheTableAndEachCommitsOnce) {
  set_up();
  world_.ingest("T", 0, 10);
  run_well();
  world_.ingest("T", 10, 5);
  run_well();
  const Reader read = table();
  EXPECT_EQ(read.commits(), 2U);
  EXPECT_EQ(read.protocol(), (json::object{{"minReaderVersion", 1}, {"minWriterVersion", 1}}));
  EXPECT_EQ(json::parse(read.metadata().at("schemaString").as_string()),
            json::parse(R"({"type":"struct","fields":[)" + own_fields() + "]}"));
  EXPECT_TRUE(read.metadata().at("partitionColumns").as_array().empty());
  EXPECT_EQ(read.ids(world_.engine()), numbers(0, 15));
  ASSERT_EQ(read.transactions().size(), 1U);
  const auto& [application, version] = *read.transactions().begin();
  EXPECT_TRUE(application.starts_with("spillway/NetDefaultDB/X/")) << application;
  EXPECT_EQ(version, world_.definition("X")->exported_to);
  EXPECT_EQ(due(), 0U);
}

TEST_F(DeltaExportTest, TheLogTellsTheFilesStatistics) {
  set_up();
  world_.ingest("T", 3, 10);
  run_well();
  const Reader read = table();
  ASSERT_EQ(read.files().size(), 1U);
  const json::object& add = read.files().begin()->second;
  EXPECT_TRUE(add.at("dataChange").as_bool());
  EXPECT_TRUE(add.at("partitionValues").as_object().empty());
  EXPECT_EQ(json::parse(add.at("stats").as_string()), json::parse(R"({
    "numRecords": 10,
    "minValues": {"id": 3, "name": "n0", "at": "2024-02-27T00:00:00.000000Z"},
    "maxValues": {"id": 12, "name": "n2", "at": "2024-03-02T00:00:00.000000Z"},
    "nullCount": {"id": 0, "name": 0, "at": 0}})"));
}

TEST_F(DeltaExportTest, EveryTypeIsWrittenAsTheSchemaSays) {
  world_.make_table("T");
  catalog::ExternalTable all = delta("E");
  all.columns.clear();
  const std::vector<std::pair<std::string, Type>> columns = {
      {"id", Type::Long},       {"i", Type::Int},    {"r", Type::Real}, {"b", Type::Bool},
      {"d", Type::Decimal},     {"s", Type::String}, {"g", Type::Guid}, {"t", Type::DateTime},
      {"span", Type::TimeSpan}, {"o", Type::Dynamic}};
  for (const auto& [name, type] : columns) {
    all.columns.push_back({static_cast<int>(all.columns.size() + 1), name, type, ""});
  }
  world_.put(all);
  const std::string query =
      "T | project id, i = toint(id), r = 1.5 * id, b = id > 1, d = decimal(0.25) * todecimal(id), s = 'a "
      "text longer "
      "than thirty two bytes', g = guid(74be27de-1e4e-49d9-b579-fe0b331d3642), t = "
      "datetime(2024-01-02T03:04:05.1234567), span = 2tick * id, o = dynamic({'a': 1})";
  ASSERT_TRUE(world_.make_export("X", "E", query).ok());
  world_.ingest("T", 1, 2);
  run_well();
  const Reader read = table();
  ASSERT_EQ(read.files().size(), 1U);
  const auto& [path, add] = *read.files().begin();
  std::map<std::string, std::string> logged;
  const json::value schema = json::parse(read.metadata().at("schemaString").as_string());
  for (const json::value& each : schema.at("fields").as_array()) {
    logged[std::string(each.at("name").as_string())] = std::string(each.at("type").as_string());
  }
  EXPECT_EQ(logged, (std::map<std::string, std::string>{{"id", "long"},
                                                        {"i", "integer"},
                                                        {"r", "double"},
                                                        {"b", "boolean"},
                                                        {"d", "decimal(38,18)"},
                                                        {"s", "string"},
                                                        {"g", "string"},
                                                        {"t", "timestamp"},
                                                        {"span", "long"},
                                                        {"o", "string"}}));
  const auto sql = std::move(*world_.engine().connect());
  const auto stored =
      sql->query("DESCRIBE SELECT * FROM read_parquet('" + world_.target() + "/" + path + "')");
  ASSERT_TRUE(stored.ok());
  std::map<std::string, std::string> types;
  for (const auto& row : *stored) types[*row[0]] = *row[1];
  EXPECT_EQ(types, (std::map<std::string, std::string>{{"id", "BIGINT"},
                                                       {"i", "INTEGER"},
                                                       {"r", "DOUBLE"},
                                                       {"b", "BOOLEAN"},
                                                       {"d", "DECIMAL(38,18)"},
                                                       {"s", "VARCHAR"},
                                                       {"g", "VARCHAR"},
                                                       {"t", "TIMESTAMP WITH TIME ZONE"},
                                                       {"span", "BIGINT"},
                                                       {"o", "VARCHAR"}}));
  const json::object stats = json::parse(add.at("stats").as_string()).as_object();
  EXPECT_EQ(stats.at("minValues"),
            json::parse(R"({"id": 1, "i": 1, "r": 1.5, "span": 2, "t": "2024-01-02T03:04:05.123456Z"})"));
  EXPECT_FALSE(stats.at("minValues").as_object().contains("s"));
  EXPECT_EQ(stats.at("maxValues").at("r").as_double(), 3.0);
  EXPECT_EQ(stats.at("maxValues").at("t").as_string(), "2024-01-02T03:04:05.123456Z");
  // And back.
  EXPECT_EQ(
      count(
          "external_table('E') | where span == 4tick and g == guid(74be27de-1e4e-49d9-b579-fe0b331d3642) and "
          "tolong(o.a) == 1 and d == decimal(0.5) and b and i == 2 | count"),
      1);
}

TEST_F(DeltaExportTest, ARunWithoutRecordsMakesNoCommit) {
  world_.make_table("T");
  world_.put(delta("E"));
  ASSERT_TRUE(world_.make_export("X", "E", "T | where id > 100").ok());
  world_.ingest("T", 0, 10);
  run_well();
  EXPECT_EQ(table().commits(), 0U);
  world_.ingest("T", 101, 3);
  run_well();
  EXPECT_EQ(ids(), numbers(101, 3));
}

TEST_F(DeltaExportTest, AnExternalTableReadsWhatTheLogNames) {
  set_up();
  world_.ingest("T", 0, 10);
  run_well();
  // Files that the log doesn't name are none of the table's.
  const std::string file = table().files().begin()->first;
  fs::copy_file(world_.target() + "/" + file, world_.target() + "/other.parquet");
  EXPECT_EQ(count("external_table('E') | count"), 10);
  EXPECT_EQ(count("external_table('E') | where at >= datetime(2024-03-01) | count"), 4);
  commit({R"({"remove":{"path":")" + file + R"(","deletionTimestamp":1,"dataChange":true}})"});
  EXPECT_EQ(count("external_table('E') | count"), 0);
}

// ---- whatever fails -------------------------------------------------------------------------------------

/// Every step of a run fails in turn, once or twice, with or without a restart after it.
TEST_F(DeltaExportTest, ExactlyOnceWhicheverStepFails) {
  set_up();
  int64_t ingested = 0;
  for (const std::string& point : fail_point::all()) {
    if (point.starts_with("ingest.") || point.starts_with("merge.") || point.starts_with("export.manifest"))
      continue;
    for (const char* time : {"1", "2", "3", "1-2"}) {
      for (const bool restart : {false, true}) {
        SCOPED_TRACE(point + " " + time + (restart ? " restart" : ""));
        world_.ingest("T", ingested, 3);
        ingested += 3;
        ASSERT_TRUE(fail_point::arm(point + "=error@" + time).ok());
        static_cast<void>(run());
        if (restart) {
          fail_point::disarm_all();
          world_.restart();
        }
        for (int attempt = 0; !run().ok() && attempt < 10; ++attempt) continue;
        fail_point::disarm_all();
        ASSERT_TRUE(world_.service().sweep().ok());
        ASSERT_EQ(due(), 0U);
        // The table holds what is reported, no more and no less, and no other file lies there.
        const Reader read = table();
        Lines logged;
        for (const auto& [path, add] : read.files()) logged.push_back(world_.target() + "/" + path);
        std::sort(logged.begin(), logged.end());
        ASSERT_EQ(logged, world_.reported_paths("X"));
        Lines stored;
        for (const std::string& path : world_.stored()) {
          if (path.find("/_delta_log/") == path.npos) stored.push_back(path);
        }
        ASSERT_EQ(stored, logged);
      }
    }
  }
  EXPECT_EQ(ids(), numbers(0, ingested));
  EXPECT_GT(ingested, 100);
  EXPECT_EQ(count("external_table('E') | summarize dcount(id), count() | project count_"), ingested);
}

TEST_F(DeltaExportTest, ACommitThatAFailureHeldBackComesBeforeTheNextRun) {
  set_up();
  world_.ingest("T", 0, 10);
  ASSERT_TRUE(fail_point::arm("export.delta.before=error@1-2").ok());
  run_well();  // committed: the log can't undo it
  EXPECT_EQ(world_.reported_paths("X").size(), 1U);
  EXPECT_EQ(table().commits(), 0U);
  EXPECT_EQ(due(), 1U);
  world_.ingest("T", 10, 5);
  EXPECT_FALSE(run().ok());
  fail_point::disarm_all();
  // The janitor has nothing to do with files whose commit is due.
  const Lines stored = world_.stored();
  world_.restart();
  ASSERT_TRUE(world_.service().sweep().ok());
  EXPECT_EQ(table().commits(), 1U);
  EXPECT_EQ(ids(), numbers(0, 10));
  for (const std::string& path : stored) EXPECT_TRUE(fs::exists(path));
  run_well();
  EXPECT_EQ(ids(), numbers(0, 15));
  EXPECT_EQ(table().commits(), 2U);
}

TEST_F(DeltaExportTest, ACommitWhoseAnswerWasLostIsFoundInTheLog) {
  set_up();
  world_.ingest("T", 0, 10);
  run_well();
  world_.ingest("T", 10, 5);
  // The third put of the run is that into the log: file, then entry.
  ASSERT_TRUE(fail_point::arm("store.put.after=error@2").ok());
  run_well();
  fail_point::disarm_all();
  EXPECT_EQ(table().commits(), 2U);
  EXPECT_EQ(due(), 1U);
  world_.restart();
  ASSERT_TRUE(world_.service().sweep().ok());
  EXPECT_EQ(due(), 0U);
  EXPECT_EQ(table().commits(), 2U);
  EXPECT_EQ(ids(), numbers(0, 15));
}

TEST_F(DeltaExportTest, AnotherWriterThatTookTheVersionIsBehindTheRun) {
  set_up();
  world_.ingest("T", 0, 10);
  run_well();
  world_.ingest("T", 10, 5);
  ASSERT_TRUE(fail_point::arm("export.delta.before=error").ok());
  run_well();
  commit({R"({"commitInfo":{"operation":"OPTIMIZE"}})", R"({"txn":{"appId":"other","version":7}})"});
  world_.ingest("T", 15, 5);
  run_well();
  EXPECT_EQ(table().commits(), 4U);
  EXPECT_EQ(ids(), numbers(0, 20));
}

TEST_F(DeltaExportTest, ManyExportsOfOneTableGoOneAfterTheOther) {
  world_.make_table("T");
  world_.put(delta("E"));
  constexpr int kExports = 4;
  for (int i = 0; i < kExports; ++i) {
    ASSERT_TRUE(world_
                    .make_export("X" + std::to_string(i), "E",
                                 "T | where id % " + std::to_string(kExports) + " == " + std::to_string(i))
                    .ok());
  }
  for (int round = 0; round < 5; ++round) {
    world_.ingest("T", 40 * round, 40);
    std::vector<std::thread> threads;
    for (int i = 0; i < kExports; ++i) {
      threads.emplace_back([&, i] {
        const auto moved = world_.service().run_once(kDatabase, "X" + std::to_string(i));
        EXPECT_TRUE(moved.ok() && *moved) << (moved.ok() ? "" : moved.error().message);
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  ASSERT_TRUE(world_.service().sweep().ok());
  EXPECT_EQ(table().commits(), 20U);
  EXPECT_EQ(ids(), numbers(0, 200));
}

TEST_F(DeltaExportTest, AnOlderCopyOfTheCatalogIsFoundOut) {
  set_up();
  world_.ingest("T", 0, 10);
  ASSERT_TRUE(fail_point::arm("export.delta.before=error").ok());
  run_well();
  const std::string content = world_.catalog().due_delta_commits()->front().content;
  const std::string application(json::parse(content).at("application").as_string());
  commit({protocol(1, 1), metadata(own_fields()),
          R"({"txn":{"appId":")" + application + R"(","version":999999999999999999}})"});
  const Status put = world_.service().sweep();
  ASSERT_FALSE(put.ok());
  EXPECT_NE(put.error().message.find("older copy"), std::string::npos) << put.error().message;
  EXPECT_EQ(table().files().size(), 0U);
}

// ---- what a table refuses -------------------------------------------------------------------------------

TEST_F(DeltaExportTest, TheTablesSchemaMustBeTheExports) {
  world_.make_table("T");
  world_.put(delta("E"));
  const std::vector<std::pair<std::string, std::string>> refused = {
      {field("id", "long") + "," + field("name", "string"), "no column 'at'"},
      {field("id", "integer") + "," + field("name", "string") + "," + field("at", "timestamp"),
       "'id' is of type integer"},
      {field("id", "long", false) + "," + field("name", "string") + "," + field("at", "timestamp"),
       "'id' may not be null"},
      {own_fields() + "," + field("more", "long"), "no column 'more'"},
  };
  for (const auto& [fields, reason] : refused) {
    commit({protocol(1, 1), metadata(fields)});
    const Status made = world_.make_export("X", "E", "T");
    ASSERT_FALSE(made.ok());
    EXPECT_EQ(made.error().code, ErrorCode::SchemaMismatch);
    EXPECT_NE(made.error().message.find(reason), std::string::npos) << made.error().message;
  }
  commit({metadata(own_fields())});
  ASSERT_TRUE(world_.make_export("X", "E", "T").ok());
  world_.ingest("T", 0, 10);
  run_well();
  EXPECT_EQ(ids(), numbers(0, 10));
}

TEST_F(DeltaExportTest, ATableThatChangesFailsTheRunForGoodUntilItFits) {
  set_up();
  world_.ingest("T", 0, 10);
  run_well();
  commit({metadata(field("id", "string") + "," + field("name", "string") + "," + field("at", "timestamp"))});
  world_.ingest("T", 10, 5);
  const auto moved = run();
  ASSERT_FALSE(moved.ok());
  EXPECT_EQ(moved.error().code, ErrorCode::SchemaMismatch);
  EXPECT_NE(moved.error().message.find("'id' is of type string"), std::string::npos) << moved.error().message;
  const auto failures = *world_.catalog().failures(kDatabase, "X");
  ASSERT_EQ(failures.size(), 1U);
  EXPECT_TRUE(failures[0].permanent_failure);
  EXPECT_EQ(world_.reported_paths("X").size(), 1U);
  commit({metadata(own_fields())});
  run_well();
  EXPECT_EQ(ids(), numbers(0, 15));
}

TEST_F(DeltaExportTest, ATableThatChangesBetweenTheCommitsKeepsTheRunsBack) {
  set_up();
  world_.ingest("T", 0, 10);
  run_well();
  world_.ingest("T", 10, 5);
  ASSERT_TRUE(fail_point::arm("export.delta.before=error").ok());
  run_well();
  // A further column that may be null does no harm to files that lack it.
  commit({metadata(own_fields() + "," + field("more", "long"))});
  ASSERT_TRUE(world_.service().sweep().ok());
  EXPECT_EQ(ids(), numbers(0, 15));
  commit({metadata(own_fields())});
  world_.ingest("T", 15, 5);
  ASSERT_TRUE(fail_point::arm("export.delta.before=error").ok());
  run_well();
  commit({metadata(field("id", "long") + "," + field("name", "string"))});
  EXPECT_EQ(world_.service().sweep().error().code, ErrorCode::SchemaMismatch);
  world_.ingest("T", 20, 5);
  EXPECT_EQ(run().error().code, ErrorCode::SchemaMismatch);
  EXPECT_EQ(due(), 1U);
  commit({metadata(own_fields())});
  run_well();
  EXPECT_EQ(due(), 0U);
  EXPECT_EQ(ids(), numbers(0, 25));
}

TEST_F(DeltaExportTest, WhatATableRefusesOfADroppedExportIsGivenUp) {
  set_up();
  world_.ingest("T", 0, 10);
  ASSERT_TRUE(fail_point::arm("export.delta.before=error").ok());
  run_well();
  commit({protocol(1, 4), metadata(own_fields())});
  EXPECT_EQ(world_.service().sweep().error().code, ErrorCode::NotSupported);
  ASSERT_TRUE(world_.catalog()
                  .write([](catalog::Writer& writer) { return writer.drop_export(kDatabase, "X"); })
                  .ok());
  ASSERT_TRUE(world_.service().sweep().ok());
  EXPECT_EQ(due(), 0U);
  EXPECT_TRUE(table().files().empty());
}

TEST_F(DeltaExportTest, ADroppedExportsCommitIsStillPut) {
  set_up();
  world_.ingest("T", 0, 10);
  ASSERT_TRUE(fail_point::arm("export.delta.before=error").ok());
  run_well();
  ASSERT_TRUE(world_.catalog()
                  .write([](catalog::Writer& writer) { return writer.drop_export(kDatabase, "X"); })
                  .ok());
  ASSERT_TRUE(world_.service().sweep().ok());
  EXPECT_EQ(ids(), numbers(0, 10));
}

TEST_F(DeltaExportTest, TablesThatAreNotWrittenToSayWhy) {
  world_.make_table("T");
  const std::vector<std::pair<std::vector<std::string>, std::string>> refused = {
      {{protocol(1, 2), metadata(own_fields())}, "writer version 2"},
      {{protocol(1, 1), metadata(own_fields(), R"(["name"])")}, "partitioned (by column 'name')"},
  };
  for (const auto& [lines, reason] : refused) {
    world_.put(delta("E"));
    commit(lines);
    const Status made = world_.make_export("X", "E", "T");
    ASSERT_FALSE(made.ok());
    EXPECT_EQ(made.error().code, ErrorCode::NotSupported);
    EXPECT_NE(made.error().message.find(reason), std::string::npos) << made.error().message;
  }
}

TEST_F(DeltaExportTest, NamesThatADeltaTableCannotHaveAreRefused) {
  world_.make_table("T");
  const auto refused = [&](const std::function<void(catalog::ExternalTable&)>& change) {
    catalog::ExternalTable table = delta("E");
    change(table);
    return settings_for_table(table, {}).status();
  };
  EXPECT_FALSE(refused([](auto& table) { table.columns[0].name = "a b"; }).ok());
  EXPECT_FALSE(refused([](auto& table) { table.columns[0].name = "NAME"; }).ok());
  EXPECT_FALSE(refused([](auto& table) { table.name_prefix = "_hidden"; }).ok());
  EXPECT_FALSE(refused([](auto& table) {
                 table.partitions = {{"p", Type::String, catalog::Partition::Kind::Virtual, "", 0}};
               }).ok());
  EXPECT_TRUE(refused([](auto& table) { table.name_prefix = "a:b c"; }).ok());
}

TEST_F(DeltaExportTest, PathsAreEncodedInTheLog) {
  world_.make_table("T");
  catalog::ExternalTable table = delta("E");
  table.name_prefix = "a b%c";
  world_.put(table);
  ASSERT_TRUE(world_.make_export("X", "E", "T").ok());
  world_.ingest("T", 0, 10);
  run_well();
  const Reader read(world_.target());
  ASSERT_EQ(read.files().size(), 1U);
  EXPECT_TRUE(read.files().begin()->first.starts_with("a%20b%25c_1_")) << read.files().begin()->first;
  EXPECT_EQ(count("external_table('E') | count"), 10);
}

// ---- checkpoints, verification, operations --------------------------------------------------------------

TEST_F(DeltaExportTest, EveryTenthCommitLeavesACheckpointThatTellsTheSame) {
  set_up();
  for (int i = 0; i < 13; ++i) {
    world_.ingest("T", 10 * i, 10);
    run_well();
    if (i == 4) {
      commit({R"({"txn":{"appId":"other","version":7}})",
              R"({"remove":{"path":")" + table().files().begin()->first +
                  R"(","deletionTimestamp":1,"dataChange":true}})"});
    }
  }
  const int64_t records = count("external_table('E') | count");
  EXPECT_EQ(records, 120);
  const std::string log = world_.target() + "/_delta_log/";
  ASSERT_TRUE(fs::exists(log + "00000000000000000010.checkpoint.parquet"));
  std::ifstream hint(log + "_last_checkpoint");
  const std::string text{std::istreambuf_iterator<char>(hint), {}};
  EXPECT_EQ(json::parse(text).at("version").as_int64(), 10);
  const auto before = *world_.engine().read_delta(world_.target(), engine::DeltaParts::Actions, {});
  // What the checkpoint holds isn't read elsewhere any more.
  for (int i = 0; i <= 10; ++i) {
    char name[32];
    std::snprintf(name, sizeof name, "%020d.json", i);
    fs::remove(log + name);
  }
  const auto after = *world_.engine().read_delta(world_.target(), engine::DeltaParts::Actions, {});
  EXPECT_EQ(after.version, before.version);
  EXPECT_EQ(after.transactions, before.transactions);
  EXPECT_EQ(after.columns, before.columns);
  EXPECT_EQ(after.id, before.id);
  ASSERT_EQ(after.files.size(), before.files.size());
  for (const auto& [path, file] : before.files) {
    EXPECT_EQ(after.files.at(path).size, file.size);
    EXPECT_EQ(after.files.at(path).statistics, file.statistics);
  }
  EXPECT_EQ(after.removed_actions.size(), 1U);
  EXPECT_EQ(count("external_table('E') | count"), 120);
  world_.ingest("T", 130, 10);
  run_well();
  EXPECT_EQ(count("external_table('E') | count"), 130);
}

TEST_F(DeltaExportTest, ACheckpointThatFailsFailsNothingElse) {
  set_up();
  ASSERT_TRUE(fail_point::arm("export.delta.checkpoint=error").ok());
  for (int i = 0; i < 11; ++i) {
    world_.ingest("T", 10 * i, 10);
    run_well();
  }
  EXPECT_FALSE(fs::exists(world_.target() + "/_delta_log/00000000000000000010.checkpoint.parquet"));
  EXPECT_EQ(due(), 0U);
  EXPECT_EQ(ids(), numbers(0, 110));
}

TEST_F(DeltaExportTest, VerificationReadsTheFiles) {
  set_up();
  world_.ingest("T", 0, 10);
  run_well();
  auto findings = *world_.service().verify(kDatabase, "X", nullptr);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].state, Finding::State::Verified) << findings[0].details;
  fs::remove(findings[0].artifact.public_path);
  findings = *world_.service().verify(kDatabase, "X", nullptr);
  EXPECT_EQ(findings[0].state, Finding::State::Missing);
}

class DeltaOperationTest : public DeltaExportTest {
 protected:
  void SetUp() override {
    world_.make_table("T");
    world_.ingest("T", 0, 10);
    world_.put(delta("E"));
  }
  Result<Table> export_all() {
    Request request;
    request.database = kDatabase;
    request.query = world_.bind("T");
    request.settings =
        *settings_for_table(*world_.catalog().snapshot()->database(kDatabase)->external_tables.at("E"), {});
    return world_.service().run(request, nullptr);
  }
  catalog::OperationState last_state() { return world_.catalog().operations(1)->front().state; }
};

TEST_F(DeltaOperationTest, AnOperationCommitsItsFilesToTheTable) {
  const auto result = export_all();
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_EQ(result->rows.size(), 1U);
  EXPECT_EQ(ids(), numbers(0, 10));
  EXPECT_EQ(due(), 0U);
}

TEST_F(DeltaOperationTest, NothingStaysOfAnOperationThatFailsBeforeItsCommit) {
  for (const char* point : {"export.write.staged", "export.put.after", "export.commit.before"}) {
    ASSERT_TRUE(fail_point::arm(std::string(point) + "=error").ok());
    EXPECT_FALSE(export_all().ok());
    EXPECT_TRUE(world_.stored().empty());
  }
}

TEST_F(DeltaOperationTest, ACommitThatIsHeldBackSaysSoAndFollows) {
  ASSERT_TRUE(fail_point::arm("export.delta.before=error").ok());
  const auto result = export_all();
  ASSERT_FALSE(result.ok());
  EXPECT_NE(result.error().message.find("don't export again"), std::string::npos) << result.error().message;
  EXPECT_EQ(last_state(), catalog::OperationState::Completed);
  world_.restart();
  ASSERT_TRUE(world_.service().sweep().ok());
  EXPECT_EQ(ids(), numbers(0, 10));
}

TEST_F(DeltaOperationTest, AnOperationThatTheTableRefusesIsUndone) {
  ASSERT_TRUE(fail_point::arm("export.delta.before=error").ok());
  EXPECT_FALSE(export_all().ok());
  commit({protocol(1, 2), metadata(own_fields())});
  EXPECT_FALSE(world_.service().sweep().ok());
  EXPECT_EQ(due(), 0U);
  EXPECT_EQ(last_state(), catalog::OperationState::Failed);
  ASSERT_TRUE(world_.service().sweep().ok());
  EXPECT_EQ(world_.stored().size(), 1U);  // the log
}

// ---- other stores ---------------------------------------------------------------------------------------

TEST_F(DeltaExportTest, ExactlyOnceOnAzure) {
  test::Azurite azurite;
  azurite.create_container("lake");
  world_.make_table("T");
  catalog::ExternalTable external = delta("E");
  external.connection_strings = {azurite.connection("lake/deep/table")};
  world_.put(external);
  ASSERT_TRUE(world_.make_export("X", "E", "T").ok());
  int64_t ingested = 0;
  for (const char* point : {"store.put.before", "store.put.staged", "store.put.after", "export.commit.after",
                            "export.delta.before", "export.delta.after"}) {
    for (const char* time : {"1", "2"}) {
      world_.ingest("T", ingested, 9);
      ingested += 9;
      ASSERT_TRUE(fail_point::arm(std::string(point) + "=error@" + time).ok());
      for (int attempt = 0; !run().ok() && attempt < 10; ++attempt) continue;
      fail_point::disarm_all();
      ASSERT_TRUE(world_.service().sweep().ok()) << point;
    }
  }
  EXPECT_EQ(due(), 0U);
  const auto state =
      world_.engine().read_delta(external.connection_strings[0], engine::DeltaParts::Files, {});
  ASSERT_TRUE(state.ok()) << state.error().message;
  EXPECT_EQ(state->files.size(), world_.reported_paths("X").size());
  EXPECT_EQ(state->version, 11);
  EXPECT_EQ(count("external_table('E') | count"), ingested);
  EXPECT_EQ(count("external_table('E') | distinct id | count"), ingested);
}

// s3rver has no conditional writes, without which two writers could replace each other's commits.
TEST_F(DeltaExportTest, AnS3ServiceWithoutConditionalWritesIsRefused) {
  test::S3rver server;
  server.create_bucket("lake");
  world_.make_table("T");
  catalog::ExternalTable external = delta("E");
  external.connection_strings = {server.connection("lake/table")};
  world_.put(external);
  const Status made = world_.make_export("X", "E", "T");
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error().code, ErrorCode::NotSupported) << made.error().message;
  EXPECT_NE(made.error().message.find("If-None-Match"), std::string::npos) << made.error().message;
}

}  // namespace
}  // namespace spillway::exports
