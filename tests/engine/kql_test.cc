// Whole queries: what the binder makes of KQL, run.
#include <filesystem>

#include "kql/binder.h"
#include "tests/engine/plans.h"

namespace spillway::engine {
namespace {

using Lines = std::vector<std::string>;

class KqlTest : public EngineTest {
 protected:
  void SetUp() override {
    EngineTest::SetUp();
    table_ = make_table();
    add_extent(*table_, 0, 10, 100);
    add_extent(*table_, 10, 10, 200);
  }
  RelPtr bind(const std::string& query_text) {
    auto database = std::make_shared<catalog::Database>();
    database->name = "D";
    database->cursor = 200;
    database->tables["T"] = table_;
    auto snapshot = std::make_shared<catalog::Snapshot>();
    snapshot->databases["D"] = database;
    kql::BindOptions options;
    options.snapshot = snapshot;
    options.database = "D";
    options.now = kUnixEpoch;
    auto bound = kql::compile(query_text, options);
    if (!bound.ok()) {
      ADD_FAILURE() << bound.error().message;
      return values({}, {});
    }
    return bound->results[0].plan;
  }
  Lines kql(const std::string& query_text) { return rows(bind(query_text)); }

  std::shared_ptr<catalog::Table> table_;
};

TEST_F(KqlTest, Queries) {
  EXPECT_EQ(kql("T | count"), Lines{"20"});
  EXPECT_EQ(kql("T | where id < 3 | project id, twice = id * 2 | sort by id asc"),
            (Lines{"0|0", "1|2", "2|4"}));
  EXPECT_EQ(kql("T | summarize n = count(), total = sum(id) by odd = id % 2 == 1 | sort by odd asc"),
            (Lines{"false|10|90", "true|10|100"}));
  EXPECT_EQ(kql("T | top 2 by id | project name"), (Lines{"n19", "n18"}));
  EXPECT_EQ(kql("print x = 1 + 1, y = strcat('a', 'b'), z = 7 / 2"), Lines{"2|ab|3"});
  EXPECT_EQ(kql("range x from 1 to 3 step 1 | extend y = x * x"), (Lines{"1|1", "2|4", "3|9"}));
  EXPECT_EQ(kql("T | where name has 'n7' | project id"), Lines{"7"});
  EXPECT_EQ(
      kql("let a = T | where id < 5; a | join (a | where id > 2) on id | project id, id1 | sort by id asc"),
      (Lines{"3|3", "4|4"}));
  EXPECT_EQ(kql("T | where id in (T | where id > 17 | project id) | project id | sort by id asc"),
            (Lines{"18", "19"}));
  EXPECT_EQ(kql("T | where id == toscalar(T | summarize max(id)) | project id"), Lines{"19"});
  EXPECT_EQ(kql("union T, T | count"), Lines{"40"});
  EXPECT_EQ(kql("T | sort by id desc | summarize make_list(id, 3)"), Lines{"[19,18,17]"});
  EXPECT_EQ(kql("T | where cursor_after('100') | summarize min(id), max(id)"), Lines{"10|19"});
  EXPECT_EQ(kql("T | extend t = ingestion_time() | summarize dcount(t)"), Lines{"2"});
  EXPECT_EQ(kql("datatable(a:long, s:string)[1, 'x', long(null), ''] | where isempty(s) | project isnull(a)"),
            Lines{"true"});
  EXPECT_EQ(kql("T | where at between (datetime(0001-01-01) .. 5tick) | count"), Lines{"6"});
}

TEST_F(KqlTest, ACountOfATableReadsNoFile) {
  std::filesystem::remove_all(folder_.path("extents"));
  EXPECT_EQ(kql("T | count"), Lines{"20"});
  EXPECT_EQ(kql("T | project id | summarize n = count()"), Lines{"20"});
  EXPECT_EQ(error_of(bind("T | where id > 5 | count")).code, ErrorCode::StorageAccess);
}

}  // namespace
}  // namespace spillway::engine
