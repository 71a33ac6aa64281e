// Merging extents: no result changes by it, and nothing that ends it halfway leaves a trace.
#include "ingest/merger.h"

#include <gtest/gtest.h>

#include "base/fail_point.h"
#include "kql/binder.h"
#include "tests/ingest/support.h"

namespace spillway::ingest {
namespace {

class MergerTest : public IngestTest {
 protected:
  ~MergerTest() override { fail_point::disarm_all(); }

  /// `count` extents of two records each, a second apart.
  void fill(int count) {
    for (int i = 0; i < count; ++i) {
      clock_.advance(kTicksPerSecond);
      const std::string a = std::to_string(2 * i), b = std::to_string(2 * i + 1);
      ASSERT_SUCCESS(ingest(a + ",x" + a + ",2024-01-0" + std::to_string(1 + i % 9) + "\n" + b + ",,\n"));
    }
  }
  std::vector<Guid> ids() {
    std::vector<Guid> out;
    for (const auto& extent : *table()->extents) out.push_back(extent->id);
    return out;
  }
  Result<catalog::Extent> merge(const std::vector<Guid>& which) {
    return ingestor_->merge(kDb, *table(), which, {});
  }
  /// A query's rows as text.
  std::vector<std::string> ask(const std::string& text, std::map<int64_t, catalog::CursorRange> scopes = {}) {
    kql::BindOptions options;
    options.snapshot = catalog_->snapshot();
    options.database = kDb;
    options.now = clock_.now();
    options.cursor_scopes = std::move(scopes);
    const auto query = kql::compile(text, options);
    EXPECT_TRUE(query.ok()) << query.error().message;
    const auto result = engine_->run_to_table(query->results[0].plan, {});
    EXPECT_TRUE(result.ok()) << result.error().message;
    std::vector<std::string> rows;
    for (const auto& row : result->rows) {
      std::string& text_of_row = rows.emplace_back();
      for (const Value& value : row) text_of_row += (value.is_null() ? "null" : value.str()) + "|";
    }
    return rows;
  }
};

constexpr const char* kAll = "T | extend At = ingestion_time(), Cursor = cursor_current() | sort by a asc";

TEST_F(MergerTest, EveryRecordKeepsItsTimeAndItsCursor) {
  make_table("a:long, b:string, t:datetime");
  fill(6);
  const auto before = ask(kAll);
  std::vector<catalog::Cursor> cursors;
  for (const auto& extent : *table()->extents) cursors.push_back(extent->max_cursor);
  const std::vector<Guid> all = ids();
  const auto merged = merge({all[1], all[2], all[3]});
  ASSERT_SUCCESS(merged);
  EXPECT_EQ(merged->rows, 6);
  ASSERT_EQ(table()->extents->size(), 4U);
  const catalog::Extent& extent = *(*table()->extents)[1];
  EXPECT_TRUE(extent.merged);
  EXPECT_EQ(extent.min_cursor, cursors[1]);
  EXPECT_EQ(extent.max_cursor, cursors[3]);
  EXPECT_EQ(ask(kAll), before);
  // An export's range that cuts the merged extent.
  const std::map<int64_t, catalog::CursorRange> scope{{table()->id, {cursors[1], cursors[2]}}};
  EXPECT_EQ(ask("T | project a | sort by a asc", scope), (std::vector<std::string>{"4|", "5|"}));
  EXPECT_EQ(ask("T | count", scope), std::vector<std::string>{"2|"});
  // A merged extent is merged again.
  ASSERT_SUCCESS(merge(ids()));
  EXPECT_EQ(table()->extents->size(), 1U);
  EXPECT_EQ(ask(kAll), before);
  close();
  open();
  EXPECT_EQ(ask(kAll), before);
  ASSERT_SUCCESS(ingestor_->sweep());
  EXPECT_EQ(extent_files().size(), 1U);
}

TEST_F(MergerTest, ExtentsWithOthersBetweenThemOrOtherTagsStay) {
  make_table("a:long, b:string, t:datetime");
  fill(3);
  ASSERT_SUCCESS(ingest("9,,\n", {{"tags", "[\"x\"]"}}));
  const std::vector<Guid> all = ids();
  EXPECT_EQ(merge({all[0], all[2]}).error().code, ErrorCode::BadRequest);
  EXPECT_EQ(merge({all[2], all[3]}).error().code, ErrorCode::BadRequest);
  EXPECT_EQ(merge({all[0], Guid::random()}).error().code, ErrorCode::Conflict);
  EXPECT_EQ(table()->extents->size(), 4U);
  ASSERT_SUCCESS(ingestor_->sweep());
  EXPECT_EQ(extent_files().size(), 4U);
}

TEST_F(MergerTest, ColumnsMayHaveComeAndGoneMeanwhile) {
  make_table("a:long, b:string, t:datetime");
  fill(2);
  ASSERT_SUCCESS(catalog_->write([&](catalog::Writer& writer) {
    catalog::Table changed = *table();
    changed.columns.erase(changed.columns.begin() + 1);
    changed.columns.push_back({0, "c", Type::String, ""});
    return writer.alter_table(kDb, changed);
  }));
  ASSERT_SUCCESS(merge(ids()));
  EXPECT_EQ(ask("T | project a, c | sort by a asc"), (std::vector<std::string>{"0||", "1||", "2||", "3||"}));
}

TEST_F(MergerTest, AMergeThatFailsHalfwayChangesNothing) {
  make_table("a:long, b:string, t:datetime");
  fill(4);
  const auto before = ask(kAll);
  for (const char* point : {"merge.before_write", "merge.after_write", "catalog.commit.before"}) {
    ASSERT_SUCCESS(fail_point::arm(std::string(point) + "=error"));
    EXPECT_FALSE(merge(ids()).ok()) << point;
    EXPECT_EQ(table()->extents->size(), 4U);
    EXPECT_EQ(ask(kAll), before);
    ASSERT_SUCCESS(ingestor_->sweep());
    EXPECT_EQ(extent_files().size(), 4U) << point;
  }
}

class ChooseMergeTest : public testing::Test {
 protected:
  void add(int64_t rows, catalog::Cursor cursor, std::vector<std::string> tags = {}) {
    catalog::Extent extent;
    extent.id = Guid::random();
    extent.rows = rows;
    extent.min_cursor = extent.max_cursor = extent.created = extent.first_created = cursor;
    extent.tags = std::move(tags);
    extents_.push_back(std::make_shared<const catalog::Extent>(std::move(extent)));
    database_.cursor = cursor;
  }
  size_t chosen(Ticks now = kStart + kTicksPerHour) {
    table_.extents = std::make_shared<const catalog::ExtentList>(extents_);
    return choose_merge(database_, table_, now).size();
  }
  void add_export(catalog::Cursor exported_to, bool disabled = false) {
    auto definition = std::make_shared<catalog::ContinuousExport>();
    definition->exported_to = exported_to;
    definition->disabled = disabled;
    database_.exports["X"] = definition;
  }

  catalog::Database database_;
  catalog::Table table_;
  std::vector<catalog::ExtentList::Item> extents_;
};

TEST_F(ChooseMergeTest, TakesRunsOfSmallExtents) {
  for (int i = 0; i < 9; ++i) add(10, kStart + i);
  EXPECT_EQ(chosen(), 0U);
  add(10, kStart + 9);
  EXPECT_EQ(chosen(), 10U);
  EXPECT_EQ(chosen(kStart + kTicksPerMinute), 0U) << "they rest first";
  add(kSmallExtentRows, kStart + 10);
  add(10, kStart + 11);
  EXPECT_EQ(chosen(), 10U);
  table_.policies["merge"] = R"({"AllowMerge":false})";
  EXPECT_EQ(chosen(), 0U);
}

TEST_F(ChooseMergeTest, KeepsToThePolicysBounds) {
  for (int i = 0; i < 300; ++i) add(10, kStart + i);
  EXPECT_EQ(chosen(), 100U);
  table_.policies["merge"] = R"({"MaxExtentsToMerge":20})";
  EXPECT_EQ(chosen(), 20U);
  table_.policies["merge"] = R"({"RowCountUpperBoundForMerge":150})";
  EXPECT_EQ(chosen(), 15U);
}

TEST_F(ChooseMergeTest, LeavesWhatExportsStillHaveToRead) {
  for (int i = 0; i < 30; ++i) add(10, kStart + i);
  add_export(kStart + 14);
  EXPECT_EQ(chosen(), 15U);
  add_export(kStart + 14, true);
  EXPECT_EQ(chosen(), 30U);
  add_export(0);
  EXPECT_EQ(chosen(), 0U);
  EXPECT_EQ(chosen(kStart + 2 * kLongestWaitForExports), 30U)
      << "an export that is far behind is not waited for";
}

TEST_F(ChooseMergeTest, TagsStayApart) {
  for (int i = 0; i < 12; ++i) add(10, kStart + i, {"a"});
  for (int i = 12; i < 40; ++i) add(10, kStart + i, {"b"});
  EXPECT_EQ(chosen(), 12U);
}

}  // namespace
}  // namespace spillway::ingest
