// Update policies: the derived tables get their records with the source's, or neither does.
#include "ingest/update_policy.h"

#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "base/fail_point.h"
#include "tests/ingest/support.h"

namespace spillway::ingest {
namespace {

using Lines = std::vector<std::string>;

class UpdatePolicyTest : public IngestTest {
 protected:
  ~UpdatePolicyTest() override { fail_point::disarm_all(); }

  void set_policy(const std::string& target, const std::string& json) {
    const auto policies = parse_update_policies(json);
    ASSERT_SUCCESS(policies);
    ASSERT_SUCCESS(catalog_->write([&](catalog::Writer& writer) {
      catalog::Table changed = *table(target);
      changed.policies[kUpdatePolicy] = to_json(*policies);
      return writer.alter_table(kDb, changed);
    }));
  }
  /// T (a:long) fills D (a:long, twice:long).
  void set_up_pair(bool transactional = true) {
    make_table("a:long");
    make_table("a:long, twice:long", "D");
    set_policy("D",
               std::string(R"([{"Source": "T", "Query": "T | extend twice = 2 * a", "IsTransactional": )") +
                   (transactional ? "true" : "false") + "}]");
  }
  static bool committed(const std::string& point) {
    return point == "catalog.commit.after" || point == "ingest.after_commit";
  }
};

constexpr const char* kSteps[] = {"ingest.before_write",  "ingest.after_write",  "ingest.update.before",
                                  "ingest.before_write",  "ingest.update.after", "catalog.commit.before",
                                  "catalog.commit.after", "ingest.after_commit"};

TEST_F(UpdatePolicyTest, IsWrittenAsItIsRead) {
  const auto policies = parse_update_policies(
      R"([{"source": "S*", "SOURCEISWILDCARD": true, "Query": "x", "ManagedIdentity": null}])");
  ASSERT_SUCCESS(policies);
  ASSERT_EQ(policies->size(), 1U);
  const UpdatePolicy& policy = policies->front();
  EXPECT_TRUE(policy.enabled);
  EXPECT_FALSE(policy.transactional);
  EXPECT_TRUE(policy.is_source("Some", "Target"));
  EXPECT_FALSE(policy.is_source("Other", "Target"));
  EXPECT_FALSE(policy.is_source("Some", "Some"));
  const auto again = parse_update_policies(to_json(*policies));
  ASSERT_SUCCESS(again);
  EXPECT_EQ(to_json(*again), to_json(*policies));
  EXPECT_EQ(error_of(parse_update_policies("[5]")),
            "BadRequest: update policy 1 of the array: it isn't a JSON object");
}

TEST_F(UpdatePolicyTest, OneCommitForAllTables) {
  set_up_pair();
  make_table("n:long", "Count");
  set_policy("Count",
             R"j([{"Source": "D", "Query": "D | summarize n = count()", "IsTransactional": true}])j");
  ASSERT_SUCCESS(ingest("1\n2\n"));
  ASSERT_SUCCESS(ingest("3\n"));
  EXPECT_EQ(records("D"), (Lines{"1|2", "2|4", "3|6"}));
  EXPECT_EQ(records("Count"), (Lines{"1", "2"}));
  for (size_t i = 0; i < 2; ++i) {
    const catalog::Cursor cursor = (*table()->extents)[i]->max_cursor;
    EXPECT_EQ((*table("D")->extents)[i]->max_cursor, cursor);
    EXPECT_EQ((*table("Count")->extents)[i]->max_cursor, cursor);
  }
  // What has no records brings none.
  ASSERT_SUCCESS(ingest(""));
  EXPECT_EQ(table("Count")->extents->size(), 2U);
}

TEST_F(UpdatePolicyTest, AFailureOfATransactionalPolicyLeavesNothing) {
  set_up_pair();
  set_policy("D", R"([{"Source": "T", "Query": "T | extend twice = 2 * b", "IsTransactional": true}])");
  EXPECT_TRUE(error_of(ingest("1\n")).starts_with("Semantic: update policy of table 'D' for source 'T': "));
  EXPECT_TRUE(records().empty());
  EXPECT_TRUE(extent_files().empty());
  const auto failures = catalog_->ingestion_failures(10);
  ASSERT_SUCCESS(failures);
  ASSERT_EQ(failures->size(), 1U);
  EXPECT_EQ(failures->front().table, "T");
  EXPECT_FALSE(failures->front().from_update_policy);
}

TEST_F(UpdatePolicyTest, AFailureOfAnotherKeepsTheSourceAndIsRecorded) {
  set_up_pair(false);
  make_table("a:long", "Good");
  set_policy("Good", R"([{"Source": "T", "Query": "T", "IsTransactional": true}])");
  for (const char* point : {"ingest.update.before", "ingest.update.after"}) {
    ASSERT_SUCCESS(fail_point::arm(std::string(point) + "=error"));  // D comes before Good
    ASSERT_SUCCESS(ingest("1\n"));
    fail_point::disarm_all();
    ASSERT_SUCCESS(ingestor_->sweep());
  }
  EXPECT_EQ(records(), (Lines{"1", "1"}));
  EXPECT_EQ(records("Good"), (Lines{"1", "1"}));
  EXPECT_TRUE(records("D").empty());
  EXPECT_EQ(extent_files().size(), 4U);
  const auto failures = catalog_->ingestion_failures(10);
  ASSERT_SUCCESS(failures);
  ASSERT_EQ(failures->size(), 2U);
  EXPECT_EQ(failures->front().table, "D");
  EXPECT_TRUE(failures->front().from_update_policy);
  EXPECT_FALSE(failures->front().permanent);
  close();
  open();
  EXPECT_EQ(catalog_->ingestion_failures(1)->size(), 1U);
}

TEST_F(UpdatePolicyTest, WithinAChainAFailureTakesBackWhatCameBeforeItUpToOneThatIsNotTransactional) {
  set_up_pair(false);
  make_table("a:long", "Last");
  set_policy("Last", R"([{"Source": "D", "Query": "D | project b", "IsTransactional": true}])");
  ASSERT_SUCCESS(ingest("1\n"));
  EXPECT_EQ(records(), Lines{"1"});
  EXPECT_TRUE(records("D").empty());
  ASSERT_SUCCESS(ingestor_->sweep());
  EXPECT_EQ(extent_files().size(), 1U);
  ASSERT_EQ(catalog_->ingestion_failures(10)->size(), 1U);
  EXPECT_EQ(catalog_->ingestion_failures(10)->front().table, "D");
}

TEST_F(UpdatePolicyTest, AnotherDatabaseNeedsAnIdentity) {
  set_up_pair();
  ASSERT_SUCCESS(catalog_->write([&](catalog::Writer& writer) -> Status {
    SPILLWAY_TRY(writer.create_database("Other", ""));
    catalog::Table dimension;
    dimension.name = "Factors";
    dimension.columns = {{0, "twice", Type::Long, ""}};
    return writer.create_table("Other", dimension);
  }));
  const std::string policy = R"j([{"Source": "T", "IsTransactional": true,
      "Query": "T | extend twice = toscalar(database('Other').Factors | count)")j";
  set_policy("D", policy + "}]");
  EXPECT_EQ(error_of(ingest("1\n")),
            "NotSupported: update policy of table 'D' for source 'T': the query reads table 'Factors' of "
            "database 'Other', which needs a ManagedIdentity");
  set_policy("D", policy + R"(, "ManagedIdentity": "system"}])");
  ASSERT_SUCCESS(ingest("1\n"));
  EXPECT_EQ(records("D"), Lines{"1|0"});
}

TEST_F(UpdatePolicyTest, APolicyThatIsSetMeanwhileCountsForTheWholeBatch) {
  set_up_pair();
  make_table("a:long", "New");
  ASSERT_SUCCESS(fail_point::arm("ingest.update.after=sleep:400"));
  std::thread client([&] { ASSERT_SUCCESS(ingest("1\n2\n")); });
  // Of the source and the derived table: the ingestion waits before its commit.
  while (extent_files().size() < 2) std::this_thread::yield();
  set_policy("New", R"([{"Source": "T", "Query": "T | where a == 2", "IsTransactional": true}])");
  client.join();
  EXPECT_EQ(records("D"), (Lines{"1|2", "2|4"}));
  EXPECT_EQ(records("New"), Lines{"2"});
  ASSERT_SUCCESS(ingestor_->sweep());
  EXPECT_EQ(extent_files().size(), 3U);
}

#ifdef SPILLWAY_FAIL_POINTS

/// The process dies at each step: the derived records are there exactly where the source's are.
TEST_F(UpdatePolicyTest, ADeathAtAnyStepLeavesBothTablesOrNeither) {
  set_up_pair();
  int time = 0;
  for (const char* point : kSteps) {
    const size_t before = records().size();
    // The second time that "before_write" is reached the derived file is begun.
    const std::string armed = std::string(point) + "=kill@" + (++time == 4 ? "2" : "1");
    close();
    const pid_t child = fork();
    if (child == 0) {
      open();
      if (fail_point::arm(armed).ok()) (void)ingest("1\n2\n");
      _exit(1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << armed;
    open();
    EXPECT_EQ(records().size(), before + (committed(point) ? 2 : 0)) << armed;
    EXPECT_EQ(records("D").size(), records().size()) << armed;
    ASSERT_SUCCESS(ingestor_->sweep());
    EXPECT_EQ(extent_files().size(), table()->extents->size() + table("D")->extents->size()) << armed;
  }
}

TEST_F(UpdatePolicyTest, AnErrorAtAnyStepLeavesBothTablesOrNeither) {
  set_up_pair();
  int time = 0;
  for (const char* point : kSteps) {
    const size_t before = records().size();
    const std::string armed = std::string(point) + "=error@" + (++time == 4 ? "2" : "1");
    ASSERT_SUCCESS(fail_point::arm(armed));
    EXPECT_FALSE(ingest("1\n").ok()) << armed;
    fail_point::disarm_all();
    EXPECT_EQ(records().size(), before + (committed(point) ? 1 : 0)) << armed;
    EXPECT_EQ(records("D").size(), records().size()) << armed;
    ASSERT_SUCCESS(ingestor_->sweep());
    EXPECT_EQ(extent_files().size(), table()->extents->size() + table("D")->extents->size()) << armed;
  }
}

#endif

class MoveExtentsTest : public IngestTest {
 protected:
  Status move(const std::string& from, const std::string& to, bool new_ingestion_time = false) {
    MoveRequest request;
    request.database = kDb;
    request.table_id = table(to)->id;
    for (const auto& extent : *table(from)->extents) {
      request.moves.push_back({table(from)->id, extent->id, Guid::random()});
    }
    request.new_ingestion_time = new_ingestion_time;
    return ingestor_->move_extents(request);
  }
};

TEST_F(MoveExtentsTest, KeepsTheFileWhoeverReadsIt) {
  make_table("a:long, b:string");
  make_table("b:string, a:long", "U");
  ASSERT_SUCCESS(ingest("1,x\n"));
  auto before = table();
  ASSERT_SUCCESS(move("T", "U"));
  EXPECT_TRUE(records().empty());
  EXPECT_EQ(records("U"), Lines{"x|1"});
  EXPECT_EQ(extent_files().size(), 1U);
  // The moved extent is dropped while a reader still has the one that it was.
  ASSERT_SUCCESS(catalog_->write([&](catalog::Writer& writer) {
    return writer.drop_extents(kDb, table("U")->id, {(*table("U")->extents)[0]->id});
  }));
  ASSERT_SUCCESS(ingestor_->sweep());
  EXPECT_EQ(extent_files().size(), 1U);
  before.reset();
  ASSERT_SUCCESS(ingestor_->sweep());
  EXPECT_TRUE(extent_files().empty());
}

TEST_F(MoveExtentsTest, SurvivesARestartAndAMerge) {
  make_table("a:long, b:string, t:datetime");
  make_table("t:datetime, c:real, a:long, b:string", "U");
  ASSERT_SUCCESS(ingest("1,x,2024-01-01\n"));
  const Ticks ingested = (*table()->extents)[0]->created;
  clock_.advance(kTicksPerHour);
  ASSERT_SUCCESS(move("T", "U"));
  ASSERT_SUCCESS(ingest("2,y,2024-01-02\n"));
  ASSERT_SUCCESS(move("T", "U", true));
  const Lines expected = {"2024-01-01T00:00:00.0000000Z|null|1|x", "2024-01-02T00:00:00.0000000Z|null|2|y"};
  EXPECT_EQ(records("U"), expected);
  close();
  open();
  EXPECT_EQ(records("U"), expected);
  const auto moved = (*table("U")->extents)[0];
  EXPECT_EQ(moved->created, ingested);
  EXPECT_EQ(moved->first_created, ingested);
  EXPECT_GT(moved->min_cursor, ingested);
  const catalog::Cursor first = moved->min_cursor, second = (*table("U")->extents)[1]->min_cursor;
  EXPECT_EQ((*table("U")->extents)[1]->created, second);
  const auto merged =
      ingestor_->merge(kDb, *table("U"), {(*table("U")->extents)[0]->id, (*table("U")->extents)[1]->id}, {});
  ASSERT_SUCCESS(merged);
  EXPECT_EQ(records("U"), expected);
  close();
  open();
  EXPECT_EQ(records("U"), expected);
  const auto extent = (*table("U")->extents)[0];
  EXPECT_EQ(extent->min_cursor, first);
  EXPECT_EQ(extent->max_cursor, second);
  EXPECT_EQ(extent->first_created, ingested);
  EXPECT_EQ(extent->created, second);
}

}  // namespace
}  // namespace spillway::ingest
