// Continuous exports against a real catalog, engine and local folder: what is reported is what was ingested,
// once.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <functional>
#include <thread>

#include "base/fail_point.h"
#include "catalog/capacity_policy.h"
#include "catalog/request_log.h"
#include "tests/export/world.h"
#include "tests/support/eventually.h"

namespace spillway::exports {
namespace {

using test::eventually;

using Lines = std::vector<std::string>;

class ContinuousExport : public testing::Test {
 protected:
  ~ContinuousExport() override { fail_point::disarm_all(); }

  /// Table T, external table E (CSV), export X of T.
  void set_up_plain(std::map<std::string, std::string> properties = {}) {
    world_.make_table("T");
    world_.put(world_.external("E", "csv"));
    const Status made = world_.make_export("X", "E", "T", {}, std::move(properties));
    ASSERT_TRUE(made.ok()) << made.error().message;
  }

  bool run(const std::string& name = "X") {
    const auto moved = world_.service().run_once(kDatabase, name);
    EXPECT_TRUE(moved.ok()) << moved.error().message;
    return moved.ok() && *moved;
  }

  std::string error_of_run(const std::string& name = "X") {
    const auto moved = world_.service().run_once(kDatabase, name);
    return moved.ok() ? "" : moved.error().message;
  }

  int64_t runs(const std::string& name = "X") {
    return static_cast<int64_t>(world_.catalog().runs(kDatabase, name, 1000)->size());
  }

  World world_;
};

TEST_F(ContinuousExport, ExportsWhatCameSinceItsCreation) {
  world_.make_table("T");
  world_.ingest("T", 0, 10);
  world_.put(world_.external("E", "csv"));
  ASSERT_TRUE(world_.make_export("X", "E", "T").ok());
  EXPECT_FALSE(run());
  world_.ingest("T", 10, 5);
  world_.ingest("T", 15, 5);
  EXPECT_TRUE(run());
  EXPECT_EQ(world_.reported("X"), lines_of(10, 10));
  EXPECT_EQ(world_.reported_paths("X").size(), 1U);
  EXPECT_FALSE(run());
  world_.ingest("T", 20, 1);
  EXPECT_TRUE(run());
  EXPECT_EQ(world_.reported("X"), lines_of(10, 11));
  EXPECT_EQ(world_.stored(), world_.reported_paths("X"));
  EXPECT_EQ(world_.definition("X")->exported_to, world_.catalog().snapshot()->database(kDatabase)->cursor);
}

TEST_F(ContinuousExport, ARunThatFindsNothingWritesNothing) {
  set_up_plain();
  world_.make_table("Other");
  for (int i = 0; i < 5; ++i) {
    world_.ingest("Other", 0, 1);
    EXPECT_FALSE(run());
  }
  EXPECT_EQ(runs(), 0);
  EXPECT_TRUE(world_.stored().empty());
  const auto health = world_.service().health_of(kDatabase, "X");
  ASSERT_TRUE(health);
  EXPECT_EQ(health->lateness, 0);
  EXPECT_EQ(health->exported_to, world_.catalog().snapshot()->database(kDatabase)->cursor);
  EXPECT_TRUE(health->last_run.has_value());

  // After a while the position follows, by an empty run.
  world_.clock().advance(kTicksPerHour);
  world_.ingest("Other", 0, 1);
  EXPECT_TRUE(run());
  EXPECT_EQ(runs(), 1);
  EXPECT_EQ(world_.definition("X")->exported_to, world_.catalog().snapshot()->database(kDatabase)->cursor);
  EXPECT_TRUE(world_.stored().empty());
}

TEST_F(ContinuousExport, ARunWhoseQueryGivesNothingMovesThePosition) {
  world_.make_table("T");
  world_.put(world_.external("E", "csv"));
  ASSERT_TRUE(world_.make_export("X", "E", "T | where id < 0").ok());
  world_.ingest("T", 0, 5);
  EXPECT_TRUE(run());
  EXPECT_FALSE(run());
  EXPECT_TRUE(world_.stored().empty());
}

TEST_F(ContinuousExport, WaitsForTheForcedLatency) {
  set_up_plain({{"forcedLatency", "10m"}, {"intervalBetweenRuns", "1m"}});
  world_.ingest("T", 0, 5);
  EXPECT_FALSE(run());
  world_.clock().advance(6 * kTicksPerMinute);
  world_.ingest("T", 5, 5);
  EXPECT_FALSE(run());
  EXPECT_GT(world_.service().health_of(kDatabase, "X")->lateness, 5 * kTicksPerMinute);
  world_.clock().advance(5 * kTicksPerMinute);
  EXPECT_TRUE(run());
  EXPECT_EQ(world_.reported("X"), lines_of(0, 5));
  world_.clock().advance(10 * kTicksPerMinute);
  EXPECT_TRUE(run());
  EXPECT_EQ(world_.reported("X"), lines_of(0, 10));
}

TEST_F(ContinuousExport, DimensionTablesAreWholeAndFactsAreNot) {
  world_.make_table("Facts");
  world_.make_table("Dimension", false);
  world_.ingest("Dimension", 0, 3);
  world_.put(world_.external("E", "csv"));
  ASSERT_TRUE(
      world_
          .make_export("X", "E",
                       "Facts | join kind=inner (Dimension | project name) on name | project id, name, at",
                       {"Facts"})
          .ok());
  world_.ingest("Facts", 0, 6);
  EXPECT_TRUE(run());
  EXPECT_EQ(world_.reported("X"), lines_of(0, 6));
  world_.ingest("Dimension", 3, 3);
  EXPECT_FALSE(run());
  world_.ingest("Facts", 6, 3);
  EXPECT_TRUE(run());
  EXPECT_EQ(world_.reported("X").size(), 6U + 2 * 3U);
}

TEST_F(ContinuousExport, CutsABacklogIntoBoundedRuns) {
  ServiceOptions options;
  options.records_per_run = 25;
  World world(options);
  world.make_table("T");
  world.put(world.external("E", "csv"));
  ASSERT_TRUE(world.make_export("X", "E", "T").ok());
  for (int i = 0; i < 10; ++i) world.ingest("T", 10 * i, 10);
  int count = 0;
  while (*world.service().run_once(kDatabase, "X")) ++count;
  EXPECT_EQ(count, 5);
  EXPECT_EQ(world.reported("X"), lines_of(0, 100));
  EXPECT_EQ(world.definition("X")->exported_to, world.catalog().snapshot()->database(kDatabase)->cursor);
  // An extent that alone exceeds the limit is one run of its own.
  world.ingest("T", 100, 100);
  world.ingest("T", 200, 100);
  EXPECT_TRUE(*world.service().run_once(kDatabase, "X"));
  EXPECT_EQ(world.reported("X"), lines_of(0, 200));
  EXPECT_TRUE(*world.service().run_once(kDatabase, "X"));
  EXPECT_EQ(world.reported("X"), lines_of(0, 300));
  EXPECT_FALSE(*world.service().run_once(kDatabase, "X"));
}

TEST_F(ContinuousExport, PartitionsAndCompresses) {
  world_.make_table("T");
  catalog::ExternalTable external = world_.external("E", "csv");
  external.compressed = true;
  external.name_prefix = "part";
  using Kind = catalog::Partition::Kind;
  external.partitions = {{"Name", Type::String, Kind::Column, "name", 0},
                         {"Bucket", Type::Long, Kind::Hash, "name", 10},
                         {"Month", Type::DateTime, Kind::StartOfMonth, "at", 0}};
  external.path_format = {{"name=", "", ""}, {"", "Name", ""}, {"/", "", ""}, {"", "Month", "yyyyMM"}};
  world_.put(external);
  ASSERT_TRUE(world_.make_export("X", "E", "T").ok());
  world_.ingest("T", 0, 30);
  EXPECT_TRUE(run());
  EXPECT_EQ(world_.reported("X"), lines_of(0, 30));
  const Lines paths = world_.reported_paths("X");
  EXPECT_EQ(paths.size(), 6U);
  EXPECT_TRUE(paths[0].starts_with(world_.target() + "/name=n0/202402/part_")) << paths[0];
  EXPECT_TRUE(paths[5].starts_with(world_.target() + "/name=n2/202403/part_")) << paths[5];
  EXPECT_TRUE(paths[0].ends_with(".csv.gz"));
}

TEST_F(ContinuousExport, WritesParquetByPartition) {
  world_.make_table("T");
  catalog::ExternalTable external = world_.external("E", "parquet");
  using Kind = catalog::Partition::Kind;
  external.partitions = {{"Name", Type::String, Kind::Column, "name", 0},
                         {"Day", Type::DateTime, Kind::Bin, "at", kTicksPerDay}};
  world_.put(external);
  ASSERT_TRUE(world_.make_export("X", "E", "T").ok());
  world_.ingest("T", 0, 30);
  EXPECT_TRUE(run());
  EXPECT_EQ(world_.stored(), world_.reported_paths("X"));
  EXPECT_EQ(world_.stored().size(), 15U);
  EXPECT_TRUE(world_.stored()[0].starts_with(world_.target() + "/n0/2024/02/27/")) << world_.stored()[0];
  const auto connection = world_.engine().connect();
  ASSERT_TRUE(connection.ok());
  const auto rows = (*connection)
                        ->query("SELECT count(*), count(DISTINCT id), sum(id) FROM read_parquet('" +
                                world_.target() + "/**/*.parquet')");
  ASSERT_TRUE(rows.ok()) << rows.error().message;
  EXPECT_EQ((*rows)[0][0], "30");
  EXPECT_EQ((*rows)[0][1], "30");
  EXPECT_EQ((*rows)[0][2], std::to_string(29 * 30 / 2));
}

TEST_F(ContinuousExport, ReordersColumnsToTheExternalTable) {
  world_.make_table("T");
  world_.put(world_.external("E", "csv"));
  ASSERT_TRUE(world_.make_export("X", "E", "T | project at, name, id").ok());
  world_.ingest("T", 0, 3);
  EXPECT_TRUE(run());
  EXPECT_EQ(world_.reported("X"), lines_of(0, 3));
}

TEST_F(ContinuousExport, CreationChecksWhatRunsNeed) {
  world_.make_table("T");
  world_.make_table("NoTimes", false);
  world_.put(world_.external("E", "csv"));
  const auto error = [&](const std::string& query, std::vector<std::string> over = {},
                         std::map<std::string, std::string> properties = {},
                         const std::string& external = "E") {
    const Status status = world_.make_export("X", external, query, std::move(over), std::move(properties));
    return status.ok() ? "" : std::string(name_of(status.error().code)) + ": " + status.error().message;
  };
  EXPECT_EQ(error("T"), "");
  EXPECT_TRUE(error("T", {}, {}, "Missing").starts_with("EntityNotFound: "));
  EXPECT_TRUE(error("T | where").starts_with("Syntax: "));
  EXPECT_TRUE(error("T | where nothing == 1").starts_with("Semantic: "));
  EXPECT_TRUE(error("T | project id").starts_with("SchemaMismatch: "));
  EXPECT_NE(error("NoTimes").find("the ingestiontime policy of table 'NoTimes' isn't enabled"),
            std::string::npos);
  EXPECT_NE(error("T", {"Missing"}).find("fact table 'Missing' not found"), std::string::npos);
  EXPECT_NE(error("T", {"NoTimes"}).find("the query doesn't read it"), std::string::npos);
  EXPECT_NE(error("print id=1, name='x', at=now()").find("reads no fact table"), std::string::npos);
  EXPECT_NE(error("T", {}, {{"intervalBetweenRuns", "100ms"}}).find("at least 00:00:01"), std::string::npos);
  EXPECT_NE(error("T", {}, {{"interval", "1s"}}).find("there is no property 'interval'"), std::string::npos);
  EXPECT_NE(error("T", {}, {{"sizeLimit", "5"}}), "");
  EXPECT_TRUE(error("T", {}, {{"managedIdentity", "system"}}).starts_with("Forbidden: "));
}

TEST_F(ContinuousExport, AnAlterKeepsThePosition) {
  set_up_plain();
  world_.ingest("T", 0, 5);
  EXPECT_TRUE(run());
  const auto before = world_.definition("X");
  world_.ingest("T", 5, 5);
  ASSERT_TRUE(world_.make_export("X", "E", "T | where id != 7", {}, {{"intervalBetweenRuns", "5s"}}).ok());
  EXPECT_EQ(world_.definition("X")->id, before->id);
  EXPECT_EQ(world_.definition("X")->exported_to, before->exported_to);
  EXPECT_EQ(world_.definition("X")->interval, 5 * kTicksPerSecond);
  EXPECT_TRUE(run());
  EXPECT_EQ(world_.reported("X").size(), 9U);
}

TEST_F(ContinuousExport, APermanentFailureIsRecordedAndMends) {
  set_up_plain();
  world_.ingest("T", 0, 5);
  ASSERT_TRUE(world_.catalog()
                  .write([](catalog::Writer& writer) { return writer.drop_external_table(kDatabase, "E"); })
                  .ok());
  EXPECT_NE(error_of_run().find("external table 'E' not found"), std::string::npos);
  EXPECT_NE(error_of_run(), "");
  const auto failures = world_.catalog().failures(kDatabase, "X");
  ASSERT_EQ(failures->size(), 2U);
  EXPECT_TRUE((*failures)[0].permanent_failure);
  EXPECT_EQ(world_.definition("X")->last_result, "Failed");
  world_.put(world_.external("E", "csv"));
  EXPECT_TRUE(run());
  EXPECT_EQ(world_.reported("X"), lines_of(0, 5));
}

TEST_F(ContinuousExport, SevenDaysOfPermanentFailureDisableIt) {
  set_up_plain();
  world_.ingest("T", 0, 5);
  ASSERT_TRUE(world_.catalog()
                  .write([](catalog::Writer& writer) { return writer.drop_external_table(kDatabase, "E"); })
                  .ok());
  for (int day = 0; day <= 7; ++day) {
    EXPECT_FALSE(world_.definition("X")->disabled) << day;
    EXPECT_NE(error_of_run(), "");
    world_.clock().advance(kTicksPerDay);
  }
  EXPECT_TRUE(world_.definition("X")->disabled);
  EXPECT_NE(error_of_run().find("is disabled"), std::string::npos);
  world_.put(world_.external("E", "csv"));
  ASSERT_TRUE(
      world_.catalog()
          .write([](catalog::Writer& writer) { return writer.set_export_disabled(kDatabase, "X", false); })
          .ok());
  EXPECT_TRUE(run());
  EXPECT_EQ(world_.reported("X"), lines_of(0, 5));
}

TEST_F(ContinuousExport, AChangeDuringTheRunRefusesItsCommit) {
  set_up_plain();
  const std::vector<std::function<Status()>> changes = {
      [&] { return world_.make_export("X", "E", "T | where true"); },
      [&] {
        return world_.catalog().write(
            [](catalog::Writer& writer) { return writer.set_export_disabled(kDatabase, "X", true); });
      },
      [&] {
        return world_.catalog().write(
            [](catalog::Writer& writer) { return writer.drop_export(kDatabase, "X"); });
      },
  };
  int64_t first = 0;
  for (const auto& change : changes) {
    if (!world_.definition("X") || world_.definition("X")->disabled) {
      ASSERT_TRUE(world_.make_export("X", "E", "T").ok());
    }
    world_.ingest("T", first, 5);
    first += 5;
    const size_t before = world_.stored().size();
    ASSERT_TRUE(fail_point::arm("export.commit.before=sleep:300").ok());
    std::string error;
    std::thread runner([&] { error = error_of_run(); });
    while (world_.stored().size() == before) std::this_thread::yield();
    const Status changed = change();
    EXPECT_TRUE(changed.ok()) << changed.error().message;
    runner.join();
    fail_point::disarm_all();
    EXPECT_NE(error, "");
    EXPECT_EQ(world_.stored().size(), before);
    if (world_.definition("X") && !world_.definition("X")->disabled) {
      EXPECT_TRUE(run());
      EXPECT_EQ(world_.reported("X"), lines_of(0, first));
    }
    if (!world_.definition("X")) return;
  }
}

/// Every fail point that a run or its stores and catalog pass.
std::vector<std::string> points_of_a_run() {
  std::vector<std::string> points;
  for (const std::string& point : fail_point::all()) {
    if (point.starts_with("export.") || point.starts_with("store.") || point.starts_with("catalog.")) {
      points.push_back(point);
    }
  }
  return points;
}

TEST_F(ContinuousExport, ExactlyOnceWhicheverStepFails) {
  world_.make_table("T");
  catalog::ExternalTable external = world_.external("E", "csv");
  external.partitions = {{"Name", Type::String, catalog::Partition::Kind::Column, "name", 0}};
  world_.put(external);
  ASSERT_TRUE(world_.make_export("X", "E", "T").ok());
  int64_t ingested = 0;
  for (const std::string& point : points_of_a_run()) {
    bool failed = true;
    for (int n = 1; failed && n < 50; ++n) {
      world_.ingest("T", ingested, 6);
      ingested += 6;
      ASSERT_TRUE(fail_point::arm(point + "=error@" + std::to_string(n)).ok());
      failed = false;
      for (int attempt = 0; !world_.service().run_once(kDatabase, "X").ok() && attempt < 10; ++attempt)
        failed = true;
      fail_point::disarm_all();
      ASSERT_EQ(world_.reported("X"), lines_of(0, ingested)) << point << " at its " << n << ". time";
      ASSERT_TRUE(world_.service().sweep().ok());
      ASSERT_EQ(world_.stored(), world_.reported_paths("X")) << point << " at its " << n << ". time";
    }
    EXPECT_FALSE(failed) << point;
  }
}

TEST_F(ContinuousExport, ExactlyOnceWhereEvenTheFailureCannotBeRecorded) {
  set_up_plain();
  int64_t ingested = 0;
  for (const char* point : {"export.begin.after", "export.write.staged", "export.put.after",
                            "export.commit.before", "catalog.commit.before", "catalog.commit.after"}) {
    world_.ingest("T", ingested, 5);
    ingested += 5;
    ASSERT_TRUE(fail_point::arm(std::string(point) + "=error;export.fail.before=error@1-3").ok());
    for (int attempt = 0; !world_.service().run_once(kDatabase, "X").ok() && attempt < 10; ++attempt)
      continue;
    fail_point::disarm_all();
    ASSERT_TRUE(world_.service().sweep().ok());
    EXPECT_EQ(world_.reported("X"), lines_of(0, ingested)) << point;
    EXPECT_EQ(world_.stored(), world_.reported_paths("X")) << point;
  }
}

TEST_F(ContinuousExport, ARestartTakesOverWhatADeadRunLeft) {
  set_up_plain();
  world_.ingest("T", 0, 5);
  // A run as a process leaves it that dies between put and commit.
  catalog::Artifact artifact;
  ASSERT_TRUE(world_.catalog()
                  .write([&](catalog::Writer& writer) -> Status {
                    const catalog::Cursor cursor = writer.current().database(kDatabase)->cursor;
                    SPILLWAY_ASSIGN(const auto run, writer.begin_run(kDatabase, "X", cursor, "dead"));
                    artifact.owner = run.id;
                    artifact.database = kDatabase;
                    artifact.export_name = "X";
                    artifact.connection = world_.target();
                    artifact.object = "dead.csv";
                    artifact.public_path = world_.target() + "/dead.csv";
                    return writer.add_pending({artifact});
                  })
                  .ok());
  std::filesystem::create_directories(world_.target());
  test::TempFolder other;
  std::filesystem::copy(other.write("dead.csv", "0,n0,x\n"), artifact.public_path);
  EXPECT_NE(error_of_run(), "");
  world_.restart();
  EXPECT_EQ(world_.stored().size(), 1U);
  EXPECT_TRUE(run());
  EXPECT_EQ(world_.stored().size(), 2U);
  ASSERT_TRUE(world_.service().sweep().ok());
  EXPECT_EQ(world_.reported("X"), lines_of(0, 5));
  EXPECT_EQ(world_.stored(), world_.reported_paths("X"));
  EXPECT_TRUE(world_.catalog().abandoned_artifacts()->empty());
}

TEST_F(ContinuousExport, WhatCannotBeDeletedStaysTheJanitors) {
  catalog::Artifact artifact;
  catalog::Operation operation;
  operation.id = artifact.owner = Guid::random();
  operation.database = artifact.database = kDatabase;
  artifact.connection = "/somewhere/else";
  artifact.object = "x.csv";
  artifact.public_path = "/somewhere/else/x.csv";
  ASSERT_TRUE(world_.catalog()
                  .write([&](catalog::Writer& writer) -> Status {
                    SPILLWAY_TRY(writer.put_operation(operation));
                    SPILLWAY_TRY(writer.add_pending({artifact}));
                    operation.state = catalog::OperationState::Failed;
                    return writer.put_operation(operation);
                  })
                  .ok());
  EXPECT_FALSE(world_.service().sweep().ok());
  EXPECT_EQ(world_.catalog().abandoned_artifacts()->size(), 1U);
}

TEST_F(ContinuousExport, ExactlyOnceWhileClientsIngest) {
  set_up_plain();
  constexpr int kClients = 3, kBatches = 20, kRecords = 50;
  std::vector<std::thread> clients;
  std::atomic<int> done{0};
  for (int client = 0; client < kClients; ++client) {
    clients.emplace_back([&, client] {
      for (int batch = 0; batch < kBatches; ++batch) {
        world_.ingest("T", (client * kBatches + batch) * kRecords, kRecords);
      }
      ++done;
    });
  }
  while (done < kClients) run();
  for (std::thread& client : clients) client.join();
  run();
  EXPECT_EQ(world_.reported("X"), lines_of(0, kClients * kBatches * kRecords));
  EXPECT_EQ(world_.stored(), world_.reported_paths("X"));
}

TEST(ExportScheduler, RunsExportsByTheirIntervals) {
  World world;
  world.make_table("T");
  world.put(world.external("E", "csv"));
  for (const char* name : {"A", "B", "C"}) {
    ASSERT_TRUE(world.make_export(name, "E", "T", {}, {{"intervalBetweenRuns", "1h"}}).ok());
  }
  world.ingest("T", 0, 5);
  world.service().start();
  const auto all_have = [&](size_t lines) {
    return [&world, lines] {
      for (const char* name : {"A", "B", "C"}) {
        if (world.reported(name).size() != lines) return false;
      }
      return true;
    };
  };
  EXPECT_TRUE(eventually(all_have(5)));
  world.ingest("T", 5, 5);
  world.clock().advance(59 * kTicksPerMinute);
  EXPECT_TRUE(eventually([&] { return world.service().running() == 0; }));
  EXPECT_TRUE(all_have(5)());
  world.clock().advance(2 * kTicksPerMinute);
  EXPECT_TRUE(eventually(all_have(10)));
  // A disabled one rests until it is enabled.
  const auto disable = [&](bool disabled) {
    return world.catalog().write(
        [&](catalog::Writer& w) { return w.set_export_disabled(kDatabase, "B", disabled); });
  };
  ASSERT_TRUE(disable(true).ok());
  world.ingest("T", 10, 5);
  world.clock().advance(2 * kTicksPerHour);
  EXPECT_TRUE(
      eventually([&] { return world.reported("A").size() == 15 && world.reported("C").size() == 15; }));
  EXPECT_EQ(world.reported("B").size(), 10U);
  ASSERT_TRUE(disable(false).ok());
  EXPECT_TRUE(eventually(all_have(15)));
  world.service().stop();
  world.service().stop();
  EXPECT_FALSE(world.service().run_once(kDatabase, "A").ok());
}

/// Sets how many exports may run at once.
void allow(World& world, const char* most) {
  const auto policy = catalog::merge_capacity_policy(
      catalog::default_capacity_policy(),
      std::string(R"({"ExportCapacity": {"CoreUtilizationCoefficient": 100, )") +
          R"("ClusterMaximumConcurrentOperations": )" + most + "}}");
  ASSERT_TRUE(policy.ok());
  ASSERT_TRUE(world.catalog()
                  .write([&](catalog::Writer& writer) {
                    return writer.set_policy("", catalog::kCapacityPolicy, *policy);
                  })
                  .ok());
}

TEST(ExportScheduler, TheCapacityPolicyGovernsRunsAndTheOthersArePending) {
  World world;
  world.make_table("T");
  world.put(world.external("E", "csv"));
  const auto count = [&](bool ExportHealth::*what) {
    const auto health = world.service().health();
    return std::count_if(health.begin(), health.end(), [&](const auto& one) { return one.*what; });
  };
  // Inside of a transaction no run gets beyond its beginning.
  const auto during_runs = [&](const std::function<void()>& look) {
    ASSERT_TRUE(world.catalog()
                    .write([&](catalog::Writer&) {
                      look();
                      return Status();
                    })
                    .ok());
  };
  const auto all_have = [&](size_t records) {
    return [&world, records] {
      return world.reported("A").size() == records && world.reported("B").size() == records &&
             world.reported("C").size() == records;
    };
  };
  allow(world, "1");
  for (const char* name : {"A", "B", "C"}) {
    ASSERT_TRUE(world.make_export(name, "E", "T", {}, {{"intervalBetweenRuns", "1h"}}).ok());
  }
  world.ingest("T", 0, 10);
  during_runs([&] {
    world.service().start();
    EXPECT_TRUE(eventually([&] { return count(&ExportHealth::pending) == 2; }));
    EXPECT_EQ(count(&ExportHealth::running), 1);
    EXPECT_EQ(world.service().running(), 1);
  });
  EXPECT_EQ(world.service().capacity(), 1);
  EXPECT_TRUE(eventually(all_have(10)));
  allow(world, "3");
  world.ingest("T", 10, 5);
  during_runs([&] {
    world.clock().advance(2 * kTicksPerHour);
    EXPECT_TRUE(eventually([&] { return count(&ExportHealth::running) == 3; }));
    EXPECT_EQ(count(&ExportHealth::pending), 0);
    EXPECT_EQ(world.service().running(), 3);
  });
  EXPECT_EQ(world.service().capacity(), 3);
  EXPECT_TRUE(eventually(all_have(15)));
}

TEST(ExportScheduler, ExportsWithABacklogTakeTurns) {
  test::TempFolder folder;
  const ManualClock clock(1000 * kTicksPerDay);
  const auto requests = catalog::RequestLog::open(folder.path(), clock);
  ASSERT_TRUE(requests.ok());
  ServiceOptions options;
  options.requests = requests->get();
  options.records_per_run = 10;
  World world(options, &clock);
  allow(world, "1");
  world.make_table("T");
  for (const char* name : {"A", "B", "C"}) {
    world.put(world.external(name, "csv"));
    ASSERT_TRUE(world.make_export(name, name, "T", {}, {{"intervalBetweenRuns", "1h"}}).ok());
  }
  for (int i = 0; i < 4; ++i) world.ingest("T", 10 * i, 10);
  world.service().start();
  for (const char* name : {"A", "B", "C"}) {
    EXPECT_TRUE(eventually([&] { return world.reported(name) == lines_of(0, 40); })) << name;
  }
  world.service().stop();
  const auto rows = (*requests)->read(catalog::RequestLog::Kind::Commands);
  ASSERT_TRUE(rows.ok());
  std::string order;
  for (const catalog::LoggedRequest& row : *rows) order += row.text.substr(row.text.find("table ") + 6, 1);
  EXPECT_EQ(order, "CBACBACBACBA");  // newest first
}

TEST(ExportScheduler, RetriesATransientFailureBeforeTheInterval) {
  World world;
  world.make_table("T");
  world.put(world.external("E", "csv"));
  ASSERT_TRUE(world.make_export("X", "E", "T", {}, {{"intervalBetweenRuns", "1h"}}).ok());
  world.ingest("T", 0, 5);
  ASSERT_TRUE(fail_point::arm("export.put.after=error").ok());
  world.service().start();
  EXPECT_TRUE(eventually([&] { return world.service().health_of(kDatabase, "X")->failed_runs == 1; }));
  EXPECT_TRUE(eventually([&] {
    world.clock().advance(kTicksPerSecond);
    return world.definition("X")->last_success.has_value();
  }));
  fail_point::disarm_all();
  EXPECT_EQ(world.reported("X").size(), 5U);
  EXPECT_LT(world.clock().now() - *world.definition("X")->last_success, kTicksPerHour);
  EXPECT_EQ(world.catalog().failures(kDatabase, "X")->size(), 1U);
}

TEST(ExportScheduler, StopsInTheMiddleOfARun) {
  World world;
  world.make_table("T");
  world.put(world.external("E", "csv"));
  ASSERT_TRUE(world.make_export("X", "E", "T", {}, {{"intervalBetweenRuns", "1s"}}).ok());
  world.ingest("T", 0, 5);
  ASSERT_TRUE(fail_point::arm("export.pending.after=sleep:200").ok());
  world.service().start();
  EXPECT_TRUE(eventually([&] { return world.service().health_of(kDatabase, "X")->running; }));
  world.service().stop();
  fail_point::disarm_all();
  world.restart();
  ASSERT_TRUE(world.service().sweep().ok());
  static_cast<void>(world.service().run_once(kDatabase, "X"));
  EXPECT_EQ(world.reported("X"), lines_of(0, 5));
  EXPECT_EQ(world.stored(), world.reported_paths("X"));
}

}  // namespace
}  // namespace spillway::exports
