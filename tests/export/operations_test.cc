// `.export` commands, synchronous and asynchronous.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <future>
#include <thread>

#include "base/fail_point.h"
#include "tests/export/world.h"

namespace spillway::exports {
namespace {

class ExportOperation : public testing::Test {
 protected:
  ExportOperation() {
    world_.make_table("T");
    world_.ingest("T", 0, 30);
    world_.put(world_.external("E", "csv"));
  }
  ~ExportOperation() override { fail_point::disarm_all(); }

  Request request(const std::string& query = "T") {
    Request made;
    made.database = kDatabase;
    made.query = world_.bind(query);
    made.settings =
        *settings_for_table(*world_.catalog().snapshot()->database(kDatabase)->external_tables.at("E"), {});
    made.principal = "someone";
    made.activity_id = "KPC.execute;1";
    return made;
  }

  catalog::Operation wait_for(const Guid& id) {
    while (true) {
      const auto operation = world_.catalog().operation(id);
      if (!operation.ok() || !*operation) return {};
      const catalog::OperationState state = (*operation)->state;
      if (state != catalog::OperationState::InProgress && state != catalog::OperationState::Scheduled)
        return **operation;
      std::this_thread::yield();
    }
  }

  World world_;
};

TEST_F(ExportOperation, ReturnsTheDocumentedColumns) {
  const auto table = world_.service().run(request(), nullptr);
  ASSERT_TRUE(table.ok()) << table.error().message;
  EXPECT_EQ(
      table->schema,
      (Schema{{"ExternalTableName", Type::String}, {"Path", Type::String}, {"NumRecords", Type::Long}}));
  ASSERT_EQ(table->rows.size(), 1U);
  EXPECT_EQ(table->rows[0][0].str(), "E");
  EXPECT_EQ(table->rows[0][2].as_int(), 30);
  EXPECT_EQ(world_.stored(), std::vector<std::string>{table->rows[0][1].str()});
  const auto operations = world_.catalog().operations(10);
  ASSERT_EQ(operations->size(), 1U);
  EXPECT_EQ((*operations)[0].kind, "DataExport");
  EXPECT_EQ((*operations)[0].state, catalog::OperationState::Completed);
  EXPECT_EQ((*operations)[0].principal, "someone");
}

TEST_F(ExportOperation, ToStorage) {
  Request to_storage = request("T | where id < 10 | project id | order by id desc");
  to_storage.settings = *settings_for_storage("csv", true, {world_.target()}, {{"namePrefix", "export"}});
  const auto table = world_.service().run(to_storage, nullptr);
  ASSERT_TRUE(table.ok()) << table.error().message;
  EXPECT_EQ(table->schema, (Schema{{"Path", Type::String}, {"NumRecords", Type::Long}}));
  ASSERT_EQ(table->rows.size(), 1U);
  EXPECT_TRUE(table->rows[0][0].str().starts_with(world_.target() + "/export_1_"));
  EXPECT_TRUE(table->rows[0][0].str().ends_with(".csv.gz"));
}

TEST_F(ExportOperation, SpreadsArtifactsOverConnections) {
  Request spread = request();
  spread.settings.connections = {world_.target() + "/a", world_.target() + "/b"};
  spread.settings.partitions = {{"Name", Type::String, catalog::Partition::Kind::Column, "name", 0}};
  ASSERT_TRUE(world_.service().run(spread, nullptr).ok());
  const auto stored = world_.stored();
  ASSERT_EQ(stored.size(), 3U);
  EXPECT_TRUE(stored[0].starts_with(world_.target() + "/a/"));
  EXPECT_TRUE(stored[2].starts_with(world_.target() + "/b/"));
}

TEST_F(ExportOperation, AFailureLeavesNothing) {
  for (const std::string& point : fail_point::all()) {
    ASSERT_TRUE(fail_point::arm(point + "=error").ok());
    const auto table = world_.service().run(request(), nullptr);
    fail_point::disarm_all();
    ASSERT_TRUE(world_.service().sweep().ok());
    EXPECT_EQ(world_.stored().size(), table.ok() ? table->rows.size() : 0) << point;
    for (const std::string& path : world_.stored()) std::filesystem::remove(path);
  }
}

TEST_F(ExportOperation, ASchemaMismatchIsAnError) {
  const auto table = world_.service().run(request("T | project id"), nullptr);
  ASSERT_FALSE(table.ok());
  EXPECT_EQ(table.error().code, ErrorCode::SchemaMismatch);
  EXPECT_TRUE(world_.stored().empty());
}

TEST_F(ExportOperation, AsynchronousWithDetails) {
  Request detailed = request();
  detailed.persist_details = true;
  const auto id = world_.service().start_operation(detailed);
  ASSERT_TRUE(id.ok());
  EXPECT_EQ(wait_for(*id).state, catalog::OperationState::Completed);
  const auto details = world_.catalog().operation_details(*id);
  ASSERT_TRUE(details.ok() && *details);
  const auto table = table_from_json(**details);
  ASSERT_TRUE(table.ok());
  ASSERT_EQ(table->rows.size(), 1U);
  EXPECT_EQ(world_.stored(), std::vector<std::string>{table->rows[0][1].str()});
}

TEST_F(ExportOperation, CanBeCancelled) {
  ASSERT_TRUE(fail_point::arm("export.pending.after=sleep:300").ok());
  const auto id = world_.service().start_operation(request());
  ASSERT_TRUE(id.ok());
  EXPECT_TRUE(world_.service().cancel_operation(*id, "").ok());
  EXPECT_EQ(wait_for(*id).state, catalog::OperationState::Canceled);
  ASSERT_TRUE(world_.service().sweep().ok());
  EXPECT_TRUE(world_.stored().empty());
  EXPECT_EQ(world_.service().cancel_operation(Guid::random(), "").error().code, ErrorCode::EntityNotFound);
}

TEST_F(ExportOperation, TheReasonOfACancellationStandsInTheStatus) {
  ASSERT_TRUE(fail_point::arm("export.pending.after=sleep:300").ok());
  const auto id = world_.service().start_operation(request());
  ASSERT_TRUE(id.ok());
  EXPECT_TRUE(world_.service().cancel_operation(*id, "no longer needed").ok());
  EXPECT_NE(wait_for(*id).status.find("was cancelled: no longer needed"), std::string::npos);
}

TEST_F(ExportOperation, TellsWhatItUsedInTheBackground) {
  Request told = request();
  std::promise<std::pair<bool, int64_t>> ended;
  told.ended = [&](const Status& outcome, const engine::Usage& usage) {
    ended.set_value({outcome.ok() && usage.cpu().count() > 0, usage.scans().rows_scanned});
  };
  ASSERT_TRUE(world_.service().start_operation(told).ok());
  EXPECT_EQ(ended.get_future().get(), std::pair(true, int64_t{30}));
}

TEST(ExportThrottling, IsTheOperationsStateAndHasTheDocumentedMessage) {
  ServiceOptions options;
  options.capacity = 1;
  options.capacity_wait = std::chrono::milliseconds(0);
  World world(options);
  world.make_table("T");
  world.ingest("T", 0, 30);
  world.put(world.external("E", "csv"));
  Request request;
  request.database = kDatabase;
  request.query = world.bind("T");
  request.settings =
      *settings_for_table(*world.catalog().snapshot()->database(kDatabase)->external_tables.at("E"), {});
  ASSERT_TRUE(fail_point::arm("export.pending.after=sleep:3000").ok());
  ASSERT_TRUE(world.service().start_operation(request).ok());
  while (world.service().running() == 0) std::this_thread::yield();
  const auto second = world.service().run(request, nullptr);
  fail_point::disarm_all();
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, ErrorCode::Throttled);
  EXPECT_EQ(
      second.error().message,
      "The management command was aborted due to throttling. Retrying after some backoff might succeed. "
      "CommandType: 'DataExport', Capacity: 1, Origin: 'CapacityPolicy/Export'.");
  const auto operations = world.catalog().operations(10);
  ASSERT_TRUE(operations.ok());
  const auto throttled =
      std::find_if(operations->begin(), operations->end(), [](const catalog::Operation& operation) {
        return operation.state == catalog::OperationState::Throttled;
      });
  ASSERT_NE(throttled, operations->end());
  EXPECT_EQ(throttled->status, second.error().message);
  EXPECT_TRUE(throttled->should_retry);
}

TEST_F(ExportOperation, WithoutRowsThereIsNoArtifact) {
  const auto table = world_.service().run(request("T | where id < 0"), nullptr);
  ASSERT_TRUE(table.ok());
  EXPECT_TRUE(table->rows.empty());
  EXPECT_TRUE(world_.stored().empty());
}

}  // namespace
}  // namespace spillway::exports
