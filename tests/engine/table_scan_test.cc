// Scans of extents: which are read, what hidden columns show, and how a table's columns may have changed
// since.
#include <filesystem>

#include "catalog/catalog.h"
#include "tests/engine/plans.h"

namespace spillway::engine {
namespace {

using Lines = std::vector<std::string>;

class TableScanTest : public EngineTest {
 protected:
  /// The rows, and in `scanned_` how many extents were named.
  Lines rows_of(RelPtr plan) {
    auto stream = engine_->run(std::move(plan), {});
    if (!stream.ok()) return {"error: " + stream.error().message};
    Lines result;
    while (true) {
      auto batch = (*stream)->next();
      if (!batch.ok()) return {"error: " + batch.error().message};
      if (!*batch) break;
      for (size_t row = 0; row < (*batch)->rows; ++row) {
        std::string line;
        for (const VectorView& view : (*batch)->columns) {
          line += (line.empty() ? "" : "|") + (view.is_null(row) ? "null" : view.value(row).str());
        }
        result.push_back(line);
      }
    }
    scanned_ = (*stream)->statistics().extents_scanned;
    total_ = (*stream)->statistics().extents_total;
    return sorted(result);
  }
  /// The ids alone.
  RelPtr ids(RelPtr input) { return project(std::move(input), {{20, "id", Type::Long}}, {column(1)}); }

  int64_t scanned_ = 0, total_ = 0;
};

ExprPtr at() {
  return column(3, Type::DateTime);
}
ExprPtr ticks(int64_t value) {
  return literal(Value::datetime(value));
}

TEST_F(TableScanTest, AllExtents) {
  auto table = make_table();
  EXPECT_EQ(rows_of(scan(table)), Lines());
  add_extent(*table, 1, 2, 100);
  add_extent(*table, 11, 1, 101);
  EXPECT_EQ(rows_of(scan(table)),
            (Lines{"11|n11|0001-01-01T00:00:00.0000011Z", "1|n1|0001-01-01T00:00:00.0000001Z",
                   "2|n2|0001-01-01T00:00:00.0000002Z"}));
  EXPECT_EQ(scanned_, 2);
}

TEST_F(TableScanTest, NothingOfAnExtentStaysInMemory) {
  const auto read = [&](int64_t first) {
    auto table = make_table();
    add_extent(*table, first, 10, 100);
    EXPECT_EQ(rows_of(ids(scan(table))).size(), 10u);
  };
  read(0);
  const int64_t used = engine_->memory_used();
  for (int64_t i = 1; i <= 50; ++i) read(i * 10);
  EXPECT_EQ(engine_->memory_used(), used);
}

TEST_F(TableScanTest, WithoutColumns) {
  auto table = make_table();
  add_extent(*table, 1, 5, 100);
  add_merged_extent(*table, 11, 3, 200);
  auto rel = scan(table);
  rel->columns.clear();
  rel->field_ids.clear();
  EXPECT_EQ(rows_of(aggregate(rel, {}, {aggregate({5, "n", Type::Long}, "count(*)", {})})), Lines{"8"});
}

TEST_F(TableScanTest, ARangeOfCursorsChoosesExtents) {
  auto table = make_table();
  for (int64_t i = 1; i <= 5; ++i) add_extent(*table, i * 10, 1, i * 100);
  auto rel = scan(table);
  rel->range = {200, 400};
  EXPECT_EQ(rows_of(ids(rel)), (Lines{"30", "40"}));
  EXPECT_EQ(scanned_, 2);
  EXPECT_EQ(total_, 5);
  rel->range = {500, INT64_MAX};
  EXPECT_EQ(rows_of(ids(rel)), Lines());
  EXPECT_EQ(scanned_, 0);
  rel->range = {INT64_MAX, INT64_MAX};
  EXPECT_EQ(rows_of(ids(rel)), Lines());
}

TEST_F(TableScanTest, ARangeCutsThroughAMergedExtent) {
  auto table = make_table();
  add_merged_extent(*table, 1, 10, 101);  // cursors 101 to 110
  add_extent(*table, 50, 2, 105);
  auto rel = scan(table);
  rel->range = {103, 106};
  EXPECT_EQ(rows_of(ids(rel)), (Lines{"4", "5", "50", "51", "6"}));
  rel->range = {100, 110};
  EXPECT_EQ(rows_of(ids(rel)).size(), 12u);
}

TEST_F(TableScanTest, HiddenColumns) {
  auto table = make_table();
  add_extent(*table, 1, 1, 100);
  add_extent(*table, 2, 1, 200);
  add_merged_extent(*table, 5, 2, 150);
  const auto hidden = [&](RelPtr input) {
    return project(std::move(input),
                   {{20, "id", Type::Long}, {21, "cursor", Type::Long}, {22, "ticks", Type::Long}},
                   {column(1), column(8), sql_call("ticks", "{0}", {column(9, Type::DateTime)}, Type::Long)});
  };
  EXPECT_EQ(rows_of(hidden(scan(table, true))),
            (Lines{"1|100|1000", "2|200|2000", "5|150|1500", "6|151|1510"}));
  // Also through operators that don't name them.
  const RelPtr above = project(filter(scan(table, true), call(">", {column(1), number(1)})),
                               {{1, "id", Type::Long}}, {column(1)});
  EXPECT_EQ(rows_of(hidden(above)), (Lines{"2|200|2000", "5|150|1500", "6|151|1510"}));
}

TEST_F(TableScanTest, WithoutIngestionTimePolicy) {
  auto table = make_table();
  add_extent(*table, 1, 1, 100);
  table->ingestion_time_policy = false;
  EXPECT_EQ(rows_of(project(scan(table, true), {{20, "t", Type::DateTime}}, {column(9, Type::DateTime)})),
            Lines{"null"});
}

TEST_F(TableScanTest, PredicatesOnHiddenColumnsChooseExtents) {
  auto table = make_table();
  for (int64_t i = 1; i <= 5; ++i) add_extent(*table, i, 1, i * 100);
  EXPECT_EQ(rows_of(ids(filter(scan(table, true), call(">", {column(8), number(300)})))), (Lines{"4", "5"}));
  EXPECT_EQ(scanned_, 2);
  EXPECT_EQ(rows_of(ids(filter(scan(table, true), call("<=", {column(9, Type::DateTime), ticks(2000)})))),
            (Lines{"1", "2"}));
  EXPECT_EQ(scanned_, 2);
}

TEST_F(TableScanTest, PredicatesOnDatetimesChooseExtents) {
  auto table = make_table();
  for (int64_t i = 0; i < 10; ++i) add_extent(*table, i * 10, 10, 100 + i);
  const auto check = [&](ExprPtr predicate, size_t rows, int64_t extents) {
    EXPECT_EQ(rows_of(ids(filter(scan(table), predicate))).size(), rows);
    EXPECT_EQ(scanned_, extents);
  };
  check(call("<", {at(), ticks(20)}), 20, 2);
  check(call("<=", {at(), ticks(20)}), 21, 3);
  check(call(">", {ticks(20), at()}), 20, 2);
  check(call(">=", {at(), ticks(95)}), 5, 1);
  check(call("==", {at(), ticks(42)}), 1, 1);
  check(call("between", {at(), ticks(38), ticks(41)}), 4, 2);
  check(call("and",
             {call(">", {at(), ticks(30)}), call("<", {at(), ticks(35)}), call(">", {column(1), number(0)})}),
        4, 1);
  check(call("or", {call(">", {at(), ticks(98)}), call("<", {at(), ticks(1)})}), 2, 10);
  check(call(">", {at(), sql_call("later", "{0} + 5", {ticks(85)}, Type::DateTime)}), 9, 1);
  check(call(">", {at(), ticks(1000)}), 0, 0);
  check(call(">", {at(), literal(Value::null(Type::DateTime))}), 0, 10);
}

TEST_F(TableScanTest, BoundsGoThroughProjectAndUnion) {
  auto table = make_table();
  for (int64_t i = 0; i < 10; ++i) add_extent(*table, i * 10, 10, 100 + i);
  const RelPtr renamed =
      project(scan(table), {{1, "id", Type::Long}, {15, "when", Type::DateTime}}, {column(1), at()});
  EXPECT_EQ(rows_of(filter(renamed, call("<", {column(15, Type::DateTime), ticks(10)}))).size(), 10u);
  EXPECT_EQ(scanned_, 1);

  auto both = std::make_shared<kql::Union>();
  both->columns = {{31, "id", Type::Long}, {32, "when", Type::DateTime}};
  both->inputs = {renamed, scan(table)};
  both->map = {{1, 15}, {1, 3}};
  EXPECT_EQ(rows_of(filter(both, call("<", {column(32, Type::DateTime), ticks(10)}))).size(), 20u);
  EXPECT_EQ(scanned_, 2);

  // Not through what chooses records.
  EXPECT_EQ(rows_of(filter(limit(scan(table), 100), call("<", {at(), ticks(10)}))).size(), 10u);
  EXPECT_EQ(scanned_, 10);
}

TEST_F(TableScanTest, ColumnsThatCameWentOrWereRenamedAfterTheExtent) {
  auto table = make_table();
  add_extent(*table, 1, 1, 100);
  table->columns = {
      {1, "number", Type::Long, ""}, {4, "comment", Type::String, ""}, {5, "extra", Type::Dynamic, ""}};
  auto rel = std::make_shared<kql::TableScan>();
  rel->table = table;
  rel->columns = {{1, "number", Type::Long}, {2, "comment", Type::String}, {3, "extra", Type::Dynamic}};
  rel->field_ids = {1, 4, 5};
  EXPECT_EQ(rows_of(rel), Lines{"1||null"});
  EXPECT_EQ(rows_of(filter(rel, call("==", {column(2, Type::String), text("")}))), Lines{"1||null"});
}

TEST_F(TableScanTest, ExtentsThatWereMovedFromOtherTables) {
  auto table = make_table();
  const auto move_last = [&](catalog::Cursor cursor, bool new_time) {
    std::vector<catalog::ExtentList::Item> items(table->extents->begin(), table->extents->end());
    catalog::Extent moved = *items.back();
    items.pop_back();
    catalog::arrive(moved, Guid::random(), cursor, new_time);
    table->extents = std::make_shared<const catalog::ExtentList>(items);
    add(*table, std::move(moved));
  };
  add_merged_extent(*table, 1, 3, 100);  // cursors 100 to 102
  add_merged_extent(*table, 11, 2, 200);
  move_last(500, false);
  add_merged_extent(*table, 21, 2, 510);
  move_last(600, true);
  const auto hidden = project(
      scan(table, true), {{20, "id", Type::Long}, {21, "cursor", Type::Long}, {22, "ticks", Type::Long}},
      {column(1), column(8), sql_call("ticks", "{0}", {column(9, Type::DateTime)}, Type::Long)});
  EXPECT_EQ(rows_of(hidden), (Lines{"11|500|2000", "12|500|2010", "1|100|1000", "21|600|600", "22|600|600",
                                    "2|101|1010", "3|102|1020"}));
  // A range that cuts the first extent takes moved ones whole, by the cursor at which they came.
  auto cut = scan(table);
  cut->range = {101, 500};
  EXPECT_EQ(rows_of(ids(cut)), (Lines{"11", "12", "3"}));
  cut = scan(table);
  cut->range = {150, 499};
  EXPECT_EQ(rows_of(ids(cut)), Lines{});
}

TEST_F(TableScanTest, FilesWithTheFieldsOfOtherTables) {
  auto table = make_table();
  add_extent(*table, 1, 1, 100);
  add_extent(*table, 2, 1, 200);
  std::vector<catalog::ExtentList::Item> items(table->extents->begin(), table->extents->end());
  catalog::Extent moved = *items.back();
  items.pop_back();
  table->extents = std::make_shared<const catalog::ExtentList>(items);
  // The file's field 1 is this table's column 4; its others are columns that this table doesn't have.
  moved.fields = std::map<int, int>{{4, 1}};
  add(*table, std::move(moved));
  table->columns.push_back({4, "other", Type::Long, ""});
  auto rel = scan(table, true);
  auto wide = std::make_shared<kql::TableScan>(*rel);
  wide->columns.push_back({4, "other", Type::Long});
  wide->field_ids.push_back(4);
  EXPECT_EQ(rows_of(project(wide,
                            {{20, "id", Type::Long},
                             {21, "name", Type::String},
                             {22, "other", Type::Long},
                             {23, "cursor", Type::Long}},
                            {column(1), column(2, Type::String), column(4), column(8)})),
            (Lines{"1|n1|null|100", "null||2|200"}));
}

TEST_F(TableScanTest, AMissingExtentFileIsAnError) {
  auto table = make_table();
  add_extent(*table, 1, 1, 100);
  std::filesystem::remove(folder_.path("extents/e1.parquet"));
  const Error error = error_of(scan(table));
  EXPECT_EQ(error.code, ErrorCode::StorageAccess);
}

TEST_F(TableScanTest, ACorruptExtentFileIsAnError) {
  auto table = make_table();
  add_extent(*table, 1, 1, 100);
  folder_.write("extents/e1.parquet", "this is no Parquet file at all");
  EXPECT_EQ(error_of(scan(table)).code, ErrorCode::DataFormat);
}

TEST_F(TableScanTest, AFolderWhoseNameIsAPattern) {
  engine_.reset();
  EngineOptions options;
  options.temp_folder = folder_.path("temp");
  options.extents_folder = folder_.path("a[b]*'?");
  std::filesystem::create_directories(options.extents_folder);
  auto engine = Engine::open(options, stores_);
  ASSERT_TRUE(engine.ok());
  engine_ = *std::move(engine);
  auto table = make_table();
  catalog::Extent extent;
  extent.path = "x.parquet";
  extent.min_cursor = extent.max_cursor = 1;
  const RelPtr input =
      values({{1, "id", Type::Long}, {2, "name", Type::String}}, {{Value::int64(7), Value::string("x")}});
  ASSERT_TRUE(engine_->write_extent(input, *table, options.extents_folder + "/x.parquet", {}).ok());
  add(*table, extent);
  EXPECT_EQ(rows_of(ids(scan(table))), Lines{"7"});
}

}  // namespace
}  // namespace spillway::engine
