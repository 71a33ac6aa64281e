// What changes while a continuous export goes on: its definition, its target, its tables and functions, and
// time. The position moves with committed runs only.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include "base/fail_point.h"
#include "export/continuous.h"
#include "tests/export/world.h"
#include "tests/support/eventually.h"

namespace spillway::exports {
namespace {

using test::eventually;

using Lines = std::vector<std::string>;

class ExportChanges : public testing::Test {
 protected:
  ~ExportChanges() override { fail_point::disarm_all(); }

  void set_up(const std::string& query = "T", std::map<std::string, std::string> properties = {}) {
    world_.make_table("T");
    world_.put(world_.external("E", "csv"));
    make(query, std::move(properties));
  }
  void make(const std::string& query, std::map<std::string, std::string> properties = {},
            const std::string& external = "E") {
    const Status made = world_.make_export("X", external, query, {}, std::move(properties));
    ASSERT_TRUE(made.ok()) << made.error().message;
  }
  bool run() {
    const auto moved = world_.service().run_once(kDatabase, "X");
    EXPECT_TRUE(moved.ok()) << moved.error().message;
    return moved.ok() && *moved;
  }
  /// "SchemaMismatch: the output of …", or nothing where the run succeeds.
  std::string error() {
    const auto moved = world_.service().run_once(kDatabase, "X");
    return moved.ok() ? "" : std::string(name_of(moved.error().code)) + ": " + moved.error().message;
  }
  void write(const std::function<Status(catalog::Writer&)>& transaction) {
    const Status written = world_.catalog().write(transaction);
    ASSERT_TRUE(written.ok()) << written.error().message;
  }
  void put_function(const std::string& parameters, const std::string& body) {
    write([&](catalog::Writer& writer) {
      catalog::Function function;
      function.name = "F";
      function.parameters = parameters;
      function.body = body;
      return writer.put_function(kDatabase, function);
    });
  }
  /// Changes the columns of a table.
  void alter(const std::function<void(catalog::Table&)>& change) {
    catalog::Table table = *world_.catalog().snapshot()->database(kDatabase)->tables.at("T");
    change(table);
    write([&](catalog::Writer& writer) { return writer.alter_table(kDatabase, table); });
  }

  World world_;
};

TEST_F(ExportChanges, AnAlterToAnotherExternalTableGoesOnWhereItStood) {
  set_up();
  world_.ingest("T", 0, 5);
  EXPECT_TRUE(run());
  const Lines before = world_.reported_paths("X");
  catalog::ExternalTable other = world_.external("Other", "csv");
  other.connection_strings = {world_.target() + "/other"};
  world_.put(other);
  make("T | where id >= 0", {}, "Other");
  world_.ingest("T", 5, 5);
  EXPECT_TRUE(run());
  EXPECT_FALSE(run());
  EXPECT_EQ(world_.reported("X"), lines_of(0, 10));
  for (const std::string& path : world_.reported_paths("X")) {
    const bool old = std::find(before.begin(), before.end(), path) != before.end();
    EXPECT_EQ(path.find("/other/") == std::string::npos, old) << path;
  }
}

TEST_F(ExportChanges, AnAlterToAnotherTableGoesOnAtItsPosition) {
  set_up();
  world_.make_table("U");
  world_.ingest("U", 0, 5);
  world_.ingest("T", 5, 5);
  EXPECT_TRUE(run());
  world_.ingest("U", 10, 5);
  make("U");
  EXPECT_TRUE(run());
  EXPECT_EQ(world_.reported("X"), lines_of(5, 10));
}

TEST_F(ExportChanges, AColumnAddedToTheTableIsAMismatchUntilTheExternalTableHasItToo) {
  set_up();
  world_.ingest("T", 0, 5);
  EXPECT_TRUE(run());
  alter([](catalog::Table& table) { table.columns.push_back({0, "more", Type::Long, ""}); });
  world_.ingest("T", 5, 5);
  EXPECT_EQ(
      error(),
      "SchemaMismatch: the output of the query doesn't match external table 'E': the external table has "
      "no column 'more' (long)");
  EXPECT_TRUE(world_.catalog().failures(kDatabase, "X")->front().permanent_failure);
  catalog::ExternalTable wider = world_.external("E", "csv");
  wider.columns.push_back({4, "more", Type::Long, ""});
  world_.put(wider);
  EXPECT_TRUE(run());
  EXPECT_EQ(world_.reported("X").size(), 10U);
}

TEST_F(ExportChanges, AColumnThatTheQueryNamesMayGoAndComeBack) {
  set_up("T | project id, name, at");
  world_.ingest("T", 0, 5);
  alter([](catalog::Table& table) { table.columns[1].name = "renamed"; });
  EXPECT_TRUE(error().starts_with("Semantic: ")) << error();
  alter([](catalog::Table& table) { table.columns[1].name = "name"; });
  EXPECT_TRUE(run());
  EXPECT_EQ(world_.reported("X"), lines_of(0, 5));
}

TEST_F(ExportChanges, TheExternalTableMayChangeItsFormatBetweenRuns) {
  set_up();
  world_.ingest("T", 0, 5);
  EXPECT_TRUE(run());
  catalog::ExternalTable altered = world_.external("E", "csv");
  altered.compressed = true;
  altered.partitions = {{"Name", Type::String, catalog::Partition::Kind::Column, "name", 0}};
  world_.put(altered);
  world_.ingest("T", 5, 6);
  EXPECT_TRUE(run());
  EXPECT_EQ(world_.reported("X"), lines_of(0, 11));
  EXPECT_EQ(world_.reported_paths("X").size(), 4U);
  EXPECT_EQ(world_.stored(), world_.reported_paths("X"));
}

TEST_F(ExportChanges, AnExternalTableWithAColumnOfAnotherTypeIsAMismatch) {
  set_up();
  world_.ingest("T", 0, 5);
  catalog::ExternalTable altered = world_.external("E", "csv");
  altered.columns[0].type = Type::String;
  world_.put(altered);
  EXPECT_NE(error().find("column 'id' is long in the query and string in the external table"),
            std::string::npos);
  world_.put(world_.external("E", "csv"));
  EXPECT_TRUE(run());
  EXPECT_EQ(world_.reported("X"), lines_of(0, 5));
}

TEST_F(ExportChanges, AFunctionIsTakenAsItIsAtTheRun) {
  world_.make_table("T");
  world_.make_table("U");
  world_.put(world_.external("E", "csv"));
  put_function("()", "{ T }");
  make("F() | where id >= 0");
  world_.ingest("T", 0, 5);
  world_.ingest("U", 5, 5);
  EXPECT_TRUE(run());
  put_function("()", "{ U }");
  world_.ingest("T", 10, 5);
  world_.ingest("U", 15, 5);
  EXPECT_TRUE(run());
  EXPECT_EQ(world_.reported("X").size(), 10U);
  put_function("()", "{ U | project id }");
  world_.ingest("U", 20, 5);
  EXPECT_TRUE(error().starts_with("SchemaMismatch: ")) << error();
  write([](catalog::Writer& writer) { return writer.drop_function(kDatabase, "F"); });
  EXPECT_TRUE(error().starts_with("Semantic: ")) << error();
  put_function("()", "{ union T, U }");
  EXPECT_TRUE(run());
  EXPECT_EQ(world_.reported("X").size(), 15U);
}

TEST_F(ExportChanges, FunctionsHaveParametersAndQueriesHaveLets) {
  world_.make_table("T");
  world_.put(world_.external("E", "csv"));
  put_function("(lowest:long, source:(id:long, name:string, at:datetime))",
               "{ source | where id >= lowest }");
  make("let lowest = 2;\nlet Source = T | where id < 8;\nF(lowest, Source)");
  world_.ingest("T", 0, 10);
  EXPECT_TRUE(run());
  EXPECT_EQ(world_.reported("X"), lines_of(2, 6));
  world_.ingest("T", 5, 1);
  EXPECT_TRUE(run());
  EXPECT_EQ(world_.reported("X").size(), 7U);
  EXPECT_FALSE(run());
}

TEST_F(ExportChanges, ADroppedTableIsAFailureAndOneOfThatNameIsFollowed) {
  set_up();
  world_.ingest("T", 0, 5);
  EXPECT_TRUE(run());
  world_.ingest("T", 5, 5);
  write([](catalog::Writer& writer) { return writer.drop_table(kDatabase, "T"); });
  EXPECT_TRUE(error().starts_with("EntityNotFound: ")) << error();
  world_.make_table("T");
  world_.ingest("T", 10, 5);
  EXPECT_TRUE(run());
  Lines expected = lines_of(0, 5);
  for (const std::string& line : lines_of(10, 5)) expected.push_back(line);
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(world_.reported("X"), expected);
}

TEST_F(ExportChanges, ARenamedTableIsNotFollowed) {
  set_up();
  world_.ingest("T", 0, 5);
  write([](catalog::Writer& writer) { return writer.rename_table(kDatabase, "T", "Other"); });
  EXPECT_TRUE(error().starts_with("EntityNotFound: ")) << error();
  make("Other");
  EXPECT_TRUE(run());
  EXPECT_EQ(world_.reported("X"), lines_of(0, 5));
}

TEST_F(ExportChanges, AnIngestionTimePolicyThatIsSwitchedOffIsAFailure) {
  set_up();
  world_.ingest("T", 0, 5);
  alter([](catalog::Table& table) { table.ingestion_time_policy = false; });
  EXPECT_NE(error().find("the ingestiontime policy of table 'T' isn't enabled"), std::string::npos);
  alter([](catalog::Table& table) { table.ingestion_time_policy = true; });
  EXPECT_TRUE(run());
  EXPECT_EQ(world_.reported("X"), lines_of(0, 5));
}

TEST_F(ExportChanges, EnabledAgainItGoesOnWhereItStood) {
  set_up();
  world_.ingest("T", 0, 5);
  EXPECT_TRUE(run());
  const catalog::Cursor stood = world_.definition("X")->exported_to;
  write([](catalog::Writer& writer) { return writer.drop_external_table(kDatabase, "E"); });
  world_.ingest("T", 5, 5);
  while (!world_.definition("X")->disabled) {
    EXPECT_TRUE(error().starts_with("EntityNotFound: ")) << error();
    world_.clock().advance(kTicksPerHour);
  }
  EXPECT_GE(world_.clock().now() - world_.definition("X")->last_run.value(), kTicksPerHour);
  EXPECT_EQ(world_.definition("X")->exported_to, stood);
  world_.restart();
  EXPECT_TRUE(world_.definition("X")->disabled);
  world_.put(world_.external("E", "csv"));
  EXPECT_TRUE(error().starts_with("Conflict: "));
  write([](catalog::Writer& writer) { return writer.set_export_disabled(kDatabase, "X", false); });
  EXPECT_TRUE(run());
  EXPECT_EQ(world_.reported("X"), lines_of(0, 10));
}

TEST_F(ExportChanges, AnAlterDuringARunCancelsItAndTheNextRunIsTheNewOne) {
  set_up("T", {{"intervalBetweenRuns", "1h"}});
  world_.ingest("T", 0, 5);
  ASSERT_TRUE(fail_point::arm("export.write.staged=sleep:200").ok());
  std::string first;
  std::thread runner([&] { first = error(); });
  while (!world_.service().health_of(kDatabase, "X")->running) std::this_thread::yield();
  make("T | where id < 3");
  runner.join();
  fail_point::disarm_all();
  EXPECT_TRUE(run() || first.empty());
  EXPECT_EQ(world_.reported("X").size(), 3U) << first;
  EXPECT_EQ(world_.stored(), world_.reported_paths("X"));
}

TEST_F(ExportChanges, BytesBoundARunAsRecordsDo) {
  set_up("T", {{"maxBytesPerRun", "1"}});
  for (int i = 0; i < 3; ++i) world_.ingest("T", 10 * i, 10);
  for (int i = 1; i <= 3; ++i) {
    EXPECT_TRUE(run());
    EXPECT_EQ(world_.reported("X"), lines_of(0, 10 * i));
  }
  EXPECT_FALSE(run());
  make("T", {{"maxBytesPerRun", "100000000"}});
  for (int i = 3; i < 6; ++i) world_.ingest("T", 10 * i, 10);
  EXPECT_TRUE(run());
  EXPECT_EQ(world_.reported("X"), lines_of(0, 60));
}

TEST_F(ExportChanges, ASingleExtentLargerThanTheBoundIsOneRun) {
  set_up("T", {{"maxRecordsPerRun", "10"}});
  world_.ingest("T", 0, 20'000);
  world_.ingest("T", 20'000, 1);
  EXPECT_TRUE(run());
  EXPECT_EQ(world_.reported("X").size(), 20'000U);
  EXPECT_TRUE(run());
  EXPECT_EQ(world_.reported("X"), lines_of(0, 20'001));
  EXPECT_FALSE(run());
}

/// Extents of one commit have one cursor: a run takes all of them or none, also where the first of them fits.
TEST(ExportStretch, TakesTheExtentsOfACommitTogether) {
  auto table = std::make_shared<catalog::Table>();
  std::vector<catalog::ExtentList::Item> extents;
  for (const auto& [cursor, rows] :
       std::vector<std::pair<catalog::Cursor, int64_t>>{{1, 5}, {2, 4}, {2, 4}, {3, 1}}) {
    auto extent = std::make_shared<catalog::Extent>();
    extent->min_cursor = extent->max_cursor = cursor;
    extent->rows = rows;
    extents.push_back(std::move(extent));
  }
  table->extents = std::make_shared<const catalog::ExtentList>(extents);
  const StretchLimits limits{.records = 10, .bytes = 1000};
  const Stretch first = plan_stretch({table}, 0, 3, limits);
  EXPECT_EQ(first.to, 1);
  EXPECT_EQ(first.records, 5);
  EXPECT_TRUE(first.more);
  const Stretch second = plan_stretch({table}, 1, 3, limits);
  EXPECT_EQ(second.to, 3);
  EXPECT_EQ(second.extents, 3);
  const Stretch bounded = plan_stretch({table}, 1, 3, {.records = 3, .bytes = 1000});
  EXPECT_EQ(bounded.to, 2) << "one commit at least";
  EXPECT_EQ(bounded.records, 8);
}

/// What waits for nothing isn't late, however long ago the position was moved, and what came just now is late
/// by little.
TEST_F(ExportChanges, LatenessIsThatOfTheFirstRecordThatWaits) {
  set_up();
  world_.make_table("Other");
  world_.ingest("T", 0, 5);
  EXPECT_TRUE(run());
  world_.clock().advance(9 * kTicksPerMinute);
  world_.ingest("Other", 0, 1);
  EXPECT_FALSE(run());
  const Ticks quiet = world_.service().health_of(kDatabase, "X")->exported_to;
  EXPECT_EQ(quiet, world_.clock().now());
  world_.clock().advance(kTicksPerSecond);
  world_.ingest("T", 5, 5);
  world_.clock().advance(kTicksPerSecond);
  const auto health = *world_.service().health_of(kDatabase, "X");
  EXPECT_GE(health.exported_to, quiet) << "ExportedTo never goes back";
  EXPECT_LE(health.lateness, kTicksPerSecond + 1);
  EXPECT_GT(health.lateness, 0);
}

TEST_F(ExportChanges, ArtifactRetentionIsAtLeastTheHistoryAndShown) {
  set_up();
  const Status short_one = world_.make_export("X", "E", "T", {}, {{"artifactRetention", "13d"}});
  ASSERT_FALSE(short_one.ok());
  EXPECT_NE(short_one.error().message.find("artifactRetention"), std::string::npos);
  make("T", {{"artifactRetention", "14d"}});
  world_.ingest("T", 0, 5);
  EXPECT_TRUE(run());
  const Lines files = world_.stored();
  EXPECT_EQ(files.size(), 1U);
  world_.clock().advance(15 * kTicksPerDay);
  world_.ingest("T", 5, 5);  // any commit lets old rows go
  EXPECT_TRUE(world_.reported_paths("X").empty());
  EXPECT_EQ(world_.stored(), files) << "files stay";
  EXPECT_TRUE(run());
  EXPECT_EQ(world_.reported("X"), lines_of(5, 5));
  ASSERT_TRUE(world_.service().sweep().ok());
  EXPECT_EQ(world_.stored().size(), 2U);
}

class Manifests : public ExportChanges {
 protected:
  /// A store in whose place a file stands: it refuses everything.
  void block() {
    std::filesystem::rename(world_.target(), world_.target() + ".away");
    std::ofstream(world_.target()) << "in the way";
  }
  void leave_one_due() {
    set_up("T", {{"manifest", "true"}});
    world_.ingest("T", 0, 5);
    ASSERT_TRUE(fail_point::arm("export.manifest.before=error").ok());
    EXPECT_TRUE(run());
    fail_point::disarm_all();
    block();
  }
  void move_the_target() {
    catalog::ExternalTable other = world_.external("E", "csv");
    other.connection_strings = {world_.target() + "-other"};
    world_.put(other);
  }
};

TEST_F(Manifests, OnesOfAnExportThatIsGoneDoNotHoldItsSuccessor) {
  leave_one_due();
  write([](catalog::Writer& writer) { return writer.drop_export(kDatabase, "X"); });
  move_the_target();
  make("T", {{"manifest", "true"}});
  world_.ingest("T", 5, 5);
  EXPECT_TRUE(run());
  EXPECT_EQ(world_.reported("X"), lines_of(5, 5));
  EXPECT_EQ(world_.catalog().due_manifests()->size(), 1U);
}

TEST_F(Manifests, OnesOfAStoreThatWasLeftDoNotHoldTheExport) {
  leave_one_due();
  world_.ingest("T", 5, 5);
  EXPECT_NE(error(), "") << "in its own store they come first";
  move_the_target();
  EXPECT_TRUE(run());
  ASSERT_EQ(world_.catalog().due_manifests()->size(), 1U);
  std::filesystem::remove(world_.target());
  std::filesystem::rename(world_.target() + ".away", world_.target());
  ASSERT_TRUE(world_.service().sweep().ok());
  EXPECT_TRUE(world_.catalog().due_manifests()->empty());
  EXPECT_EQ(world_.reported("X"), lines_of(0, 10));
}

TEST_F(Manifests, WhatADeadProcessBeganToPutGoesWithTheNext) {
  set_up("T", {{"manifest", "true"}});
  world_.ingest("T", 0, 5);
  ASSERT_TRUE(fail_point::arm("export.manifest.before=error").ok());
  EXPECT_TRUE(run());
  fail_point::disarm_all();
  const std::string folder = world_.target() + "/_manifests/X";
  std::filesystem::create_directories(folder);
  std::ofstream(folder + "/.spillway-0123456789abcdef.tmp") << "{";
  world_.restart();
  ASSERT_TRUE(world_.service().sweep().ok());
  EXPECT_FALSE(std::filesystem::exists(folder + "/.spillway-0123456789abcdef.tmp"));
  EXPECT_EQ(world_.stored().size(), 2U);
}

TEST(ExportFairness, ALongBacklogKeepsNobodyWaiting) {
  constexpr int kBatches = 60;
  ServiceOptions options;
  options.capacity = 1;
  World world(options);
  world.make_table("T");
  world.make_table("U");
  world.put(world.external("E", "csv"));
  ASSERT_TRUE(world.make_export("A", "E", "T", {}, {{"maxRecordsPerRun", "1"}}).ok());
  ASSERT_TRUE(world.make_export("B", "E", "U").ok());
  for (int i = 0; i < kBatches; ++i) world.ingest("T", i, 1);
  world.ingest("U", 0, 5);
  // The clock stands: no run is older than another by it.
  ASSERT_TRUE(fail_point::arm("export.begin.after=sleep:20").ok());
  world.service().start();
  EXPECT_TRUE(eventually([&] { return world.reported("B").size() == 5; }));
  EXPECT_LT(world.reported("A").size(), static_cast<size_t>(kBatches));
  fail_point::disarm_all();
  EXPECT_TRUE(eventually([&] { return world.reported("A").size() == kBatches; }));
}

TEST(ExportFairness, AClockThatWasSetBackPutsNobodyBehind) {
  constexpr int kBatches = 60;
  ServiceOptions options;
  options.capacity = 1;
  World world(options);
  world.make_table("T");
  world.make_table("U");
  world.put(world.external("E", "csv"));
  ASSERT_TRUE(world.make_export("B", "E", "U", {}, {{"intervalBetweenRuns", "1s"}}).ok());
  world.service().start();
  world.clock().advance(kTicksPerDay);
  EXPECT_TRUE(eventually([&] {
    const auto health = world.service().health_of(kDatabase, "B");
    return health->last_run == world.clock().now() && !health->running;
  }));
  world.clock().advance(-kTicksPerDay);
  ASSERT_TRUE(fail_point::arm("export.begin.after=sleep:20").ok());
  for (int i = 0; i < kBatches; ++i) world.ingest("T", i, 1);
  world.ingest("U", 0, 5);
  ASSERT_TRUE(world.make_export("A", "E", "T", {}, {{"maxRecordsPerRun", "1"}, {"backfill", "true"}}).ok());
  world.clock().advance(2 * kTicksPerMinute);
  EXPECT_TRUE(eventually([&] { return world.reported("B").size() == 5; }));
  EXPECT_LT(world.reported("A").size(), static_cast<size_t>(kBatches));
  fail_point::disarm_all();
}

TEST(ExportScheduler, WhatAStopInterruptedGoesOnAtTheStart) {
  World world;
  world.make_table("T");
  world.put(world.external("E", "csv"));
  ASSERT_TRUE(world.make_export("X", "E", "T", {}, {{"intervalBetweenRuns", "1h"}}).ok());
  world.ingest("T", 0, 5);
  ASSERT_TRUE(fail_point::arm("export.put.after=halt").ok());
  EXPECT_FALSE(world.service().run_once(kDatabase, "X").ok());
  fail_point::disarm_all();
  world.restart();
  world.service().start();
  EXPECT_TRUE(eventually([&] { return world.reported("X").size() == 5; })) << "the clock stands";
  EXPECT_TRUE(eventually([&] { return world.stored() == world.reported_paths("X"); }));
}

}  // namespace
}  // namespace spillway::exports
