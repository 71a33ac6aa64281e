// Exports to Delta tables: one commit a run, each record exactly once in the table, whatever fails. What a table
// holds is told by a reader of the test's own: the log's JSON entries, replayed in their order by the rules of
// the protocol, and the records of the very files that they leave.
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <set>

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
        if (const auto* remove = action.if_contains("remove")) files_.erase(std::string(remove->at("path").as_string()));
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
    return R"({"name":")" + name + R"(","type":")" + type + R"(","nullable":)" + (nullable ? "true" : "false") +
           R"(,"metadata":{}})";
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
TEST_F(DeltaExportTest, Print) {
  set_up();
  world_.ingest("T", 0, 10);
  run_well();
  std::ifstream in(world_.target()+"/_delta_log/00000000000000000000.json");
  for (std::string line; std::getline(in, line);) std::cout << line << "\n";
  EXPECT_EQ(count("external_table('E') | where id >= 3 | count"), 7);
}

}  // namespace
}  // namespace spillway::exports
