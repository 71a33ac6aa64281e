// What continuous exports have beyond the original: history, manifests, bounds of their own, verification, a
// look ahead.
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include <filesystem>
#include <fstream>

#include "base/fail_point.h"
#include "tests/export/world.h"

namespace spillway::exports {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using Lines = std::vector<std::string>;

class BeyondTest : public testing::Test {
 protected:
  ~BeyondTest() override { fail_point::disarm_all(); }

  void set_up(std::map<std::string, std::string> properties, const std::string& format = "csv") {
    world_.make_table("T");
    world_.put(world_.external("E", format));
    const Status made = world_.make_export("X", "E", "T", {}, std::move(properties));
    ASSERT_TRUE(made.ok()) << made.error().message;
  }
  bool run() {
    const auto moved = world_.service().run_once(kDatabase, "X");
    EXPECT_TRUE(moved.ok()) << moved.error().message;
    return moved.ok() && *moved;
  }
  /// The manifests in the target, in the order of their names.
  std::vector<json::object> manifests() {
    std::vector<std::string> paths;
    for (const std::string& path : world_.stored()) {
      if (path.find("/_manifests/X/") != std::string::npos) paths.push_back(path);
    }
    std::vector<json::object> out;
    for (const std::string& path : paths) {
      std::ifstream in(path);
      const std::string text{std::istreambuf_iterator<char>(in), {}};
      out.push_back(json::parse(text).as_object());
    }
    return out;
  }

  World world_;
};

TEST_F(BeyondTest, ABackfillBeginsWithWhatWasIngestedBefore) {
  world_.make_table("T");
  for (int i = 0; i < 5; ++i) world_.ingest("T", 10 * i, 10);
  world_.put(world_.external("E", "csv"));
  ASSERT_TRUE(world_.make_export("X", "E", "T", {}, {{"backfill", "true"}, {"maxRecordsPerRun", "20"}}).ok());
  EXPECT_TRUE(run());
  EXPECT_EQ(world_.reported("X"), lines_of(0, 20));
  EXPECT_TRUE(run());
  world_.ingest("T", 50, 10);
  EXPECT_TRUE(run());
  EXPECT_FALSE(run());
  EXPECT_EQ(world_.reported("X"), lines_of(0, 60));
}

TEST_F(BeyondTest, AnAlterKeepsWhereAnExportBegan) {
  world_.make_table("T");
  world_.ingest("T", 0, 10);
  world_.put(world_.external("E", "csv"));
  ASSERT_TRUE(world_.make_export("X", "E", "T").ok());
  const Status late = world_.make_export("X", "E", "T", {}, {{"backfill", "true"}});
  ASSERT_FALSE(late.ok());
  EXPECT_EQ(late.error().code, ErrorCode::BadRequest);
  ASSERT_TRUE(world_.make_export("Y", "E", "T", {}, {{"backfill", "true"}}).ok());
  ASSERT_TRUE(world_.make_export("Y", "E", "T").ok());
  EXPECT_TRUE(world_.definition("Y")->backfill);
  EXPECT_EQ(world_.definition("Y")->exported_to, 0);
}

TEST_F(BeyondTest, EachRunLeavesAManifestOfItsArtifacts) {
  set_up({{"manifest", "true"}});
  world_.ingest("T", 0, 10);
  EXPECT_TRUE(run());
  world_.ingest("T", 10, 5);
  EXPECT_TRUE(run());
  const std::vector<json::object> all = manifests();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].at("to"), all[1].at("from"));
  EXPECT_EQ(all[0].at("records").as_int64(), 10);
  EXPECT_EQ(all[1].at("records").as_int64(), 5);
  const auto artifacts = *world_.catalog().exported_artifacts(kDatabase, "X");
  ASSERT_EQ(artifacts.size(), 2U);
  for (size_t i = 0; i < 2; ++i) {
    const json::object& file = all[i].at("files").as_array().at(0).as_object();
    EXPECT_EQ(file.at("path").as_string(), artifacts[i].public_path);
    EXPECT_EQ(file.at("bytes").as_int64(), artifacts[i].bytes);
    EXPECT_EQ(file.at("xxh3").as_string(), artifacts[i].checksum);
  }
}

TEST_F(BeyondTest, ManifestsAreNoRecordsOfTheExternalTable) {
  set_up({{"manifest", "true"}}, "json");
  world_.ingest("T", 0, 10);
  EXPECT_TRUE(run());
  ASSERT_EQ(manifests().size(), 1U);
  const auto read =
      world_.engine().run_to_table(world_.bind("external_table('E') | count").results[0].plan, {});
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(read->rows[0][0].as_int(), 10);
}

TEST_F(BeyondTest, AManifestThatAFailureHeldBackComesBeforeTheNextRun) {
  set_up({{"manifest", "true"}});
  world_.ingest("T", 0, 10);
  ASSERT_TRUE(fail_point::arm("export.manifest.before=error@1-2").ok());
  EXPECT_TRUE(run());  // committed: a manifest can't undo it
  EXPECT_EQ(world_.reported("X"), lines_of(0, 10));
  EXPECT_TRUE(manifests().empty());
  world_.ingest("T", 10, 5);
  EXPECT_FALSE(world_.service().run_once(kDatabase, "X").ok());
  EXPECT_TRUE(manifests().empty());
  fail_point::disarm_all();
  world_.restart();
  EXPECT_TRUE(run());
  ASSERT_EQ(manifests().size(), 2U);
  EXPECT_EQ(manifests()[0].at("to"), manifests()[1].at("from"));
}

TEST_F(BeyondTest, APutManifestThatWasNotForgottenIsPutAgainWithoutHarm) {
  set_up({{"manifest", "true"}});
  world_.ingest("T", 0, 10);
  ASSERT_TRUE(fail_point::arm("export.manifest.after=error").ok());
  EXPECT_TRUE(run());
  ASSERT_EQ(manifests().size(), 1U);
  EXPECT_EQ(world_.catalog().due_manifests()->size(), 1U);
  fail_point::disarm_all();
  ASSERT_TRUE(world_.service().sweep().ok());
  EXPECT_EQ(manifests().size(), 1U);
  EXPECT_TRUE(world_.catalog().due_manifests()->empty());
}

TEST_F(BeyondTest, VerificationFindsWhatIsMissingOrAltered) {
  set_up({});
  for (int i = 0; i < 3; ++i) {
    world_.ingest("T", 10 * i, 10);
    EXPECT_TRUE(run());
  }
  auto findings = *world_.service().verify(kDatabase, "X", nullptr);
  ASSERT_EQ(findings.size(), 3U);
  for (const Finding& finding : findings) {
    EXPECT_EQ(finding.state, Finding::State::Verified) << finding.details;
    EXPECT_EQ(finding.records, finding.artifact.records);
  }
  fs::remove(findings[0].artifact.public_path);
  {
    std::fstream file(findings[1].artifact.public_path, std::ios::in | std::ios::out);
    file.seekp(0);
    file << "9";  // for the id 0 of "10": as long as before
  }
  std::ofstream(findings[2].artifact.public_path, std::ios::app) << "99,n,\n";
  findings = *world_.service().verify(kDatabase, "X", nullptr);
  EXPECT_EQ(findings[0].state, Finding::State::Missing);
  EXPECT_EQ(findings[1].state, Finding::State::Altered);
  EXPECT_EQ(findings[1].details, "it has another checksum");
  EXPECT_EQ(findings[2].state, Finding::State::Altered);
  EXPECT_EQ(findings[2].details, "it has another length");
  EXPECT_EQ(findings[2].records, 11);
}

TEST_F(BeyondTest, VerificationCountsTheRecordsOfEveryFormat) {
  for (const char* format : {"csv", "tsv", "json", "parquet"}) {
    SCOPED_TRACE(format);
    const std::string table = std::string("E_") + format, name = std::string("X_") + format;
    if (std::string(format) == "csv") world_.make_table("T");
    auto external = world_.external(table, format);
    external.compressed = std::string(format) != "csv";
    external.include_headers = std::string(format) == "tsv" ? "All" : "None";
    world_.put(external);
    ASSERT_TRUE(world_.make_export(name, table, "T").ok());
    world_.ingest("T", 0, 25);
    ASSERT_TRUE(world_.service().run_once(kDatabase, name).ok());
    const auto findings = *world_.service().verify(kDatabase, name, nullptr);
    ASSERT_EQ(findings.size(), 1U);
    EXPECT_EQ(findings[0].state, Finding::State::Verified) << findings[0].details;
    EXPECT_EQ(findings[0].records, 25);
  }
}

TEST_F(BeyondTest, APlanTellsWhatARunWouldDoAndDoesNothing) {
  world_.make_table("T");
  auto external = world_.external("E", "csv");
  external.partitions = {{"name", Type::String, catalog::Partition::Kind::Column, "name", 0}};
  world_.put(external);
  ASSERT_TRUE(world_.make_export("X", "E", "T | where id < 8", {}, {{"maxRecordsPerRun", "10"}}).ok());
  EXPECT_EQ(world_.service().plan_run(kDatabase, "X")->extents, 0);
  world_.ingest("T", 0, 10);
  world_.ingest("T", 10, 10);
  const auto plan = world_.service().plan_run(kDatabase, "X");
  ASSERT_TRUE(plan.ok()) << plan.error().message;
  EXPECT_EQ(plan->extents, 1);
  EXPECT_EQ(plan->records, 10);
  EXPECT_EQ(plan->result_records, 8);
  EXPECT_EQ(plan->partitions, 3);
  EXPECT_TRUE(plan->more);
  EXPECT_TRUE(world_.stored().empty());
  EXPECT_TRUE(world_.catalog().runs(kDatabase, "X", 10)->empty());
}

TEST_F(BeyondTest, ARunKnowsTheOldestOfItsRecords) {
  set_up({});
  world_.ingest("T", 0, 10);
  const catalog::Cursor first = world_.catalog().snapshot()->database(kDatabase)->cursor;
  world_.clock().advance(5 * kTicksPerMinute);
  world_.ingest("T", 10, 10);
  EXPECT_TRUE(run());
  const auto runs = *world_.catalog().runs(kDatabase, "X", 10);
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_EQ(runs[0].oldest, first);
}

}  // namespace
}  // namespace spillway::exports
