// Parquet files that the engine writes: for exports, and as extents.
#include <algorithm>
#include <filesystem>
#include <map>
#include <numeric>

#include "engine/sql.h"
#include "tests/engine/plans.h"

namespace spillway::engine {
namespace {

using Lines = std::vector<std::string>;

class ParquetWriterTest : public EngineTest {
 protected:
  void SetUp() override {
    EngineTest::SetUp();
    options_.folder = folder_.path("out");
    std::filesystem::create_directories(options_.folder);
  }
  RelPtr numbers(int64_t count) {
    return range({1, "n", Type::Long}, number(0), number(count - 1), number(1));
  }
  std::vector<WrittenFile> write(RelPtr plan) {
    auto written = engine_->write_parquet(std::move(plan), options_, {});
    if (!written.ok()) {
      ADD_FAILURE() << written.error().message;
      return {};
    }
    return *std::move(written);
  }
  static int64_t rows_of(const std::vector<WrittenFile>& files) {
    return std::accumulate(files.begin(), files.end(), int64_t{0},
                           [](int64_t sum, const WrittenFile& file) { return sum + file.rows; });
  }
  /// Rows as DuckDB's own reader shows them.
  Lines read(const std::vector<WrittenFile>& files, const std::string& items, const std::string& rest = "") {
    std::string list;
    for (const WrittenFile& file : files) list += (list.empty() ? "" : ", ") + sql_string(file.path);
    Lines result;
    for (const auto& row :
         query("SELECT " + items + " FROM read_parquet([" + list + "], hive_partitioning = false) " + rest)) {
      std::string line;
      for (const auto& value : row) line += (line.empty() ? "" : "|") + value.value_or("null");
      result.push_back(line);
    }
    return result;
  }
  /// What lies in the folder is just what was reported, with its true sizes.
  void check_folder(const std::vector<WrittenFile>& files) {
    std::map<std::string, int64_t> there, reported;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(options_.folder)) {
      if (entry.is_regular_file()) there[entry.path().string()] = static_cast<int64_t>(entry.file_size());
    }
    for (const WrittenFile& file : files) reported[file.path] = file.bytes;
    EXPECT_EQ(reported, there);
  }

  ParquetOptions options_;
};

TEST_F(ParquetWriterTest, TypesAsDocumented) {
  const RelPtr plan = values(
      {{1, "b", Type::Bool},
       {2, "i", Type::Int},
       {3, "l", Type::Long},
       {4, "r", Type::Real},
       {5, "d", Type::Decimal},
       {6, "s", Type::String},
       {7, "t", Type::DateTime},
       {8, "p", Type::TimeSpan},
       {9, "g", Type::Guid},
       {10, "j", Type::Dynamic}},
      {{Value::boolean(true), Value::int32(-5), Value::int64(7), Value::real(1.5), Value::decimal("-0.25"),
        Value::string("it's"), Value::datetime(kUnixEpoch + 12'345'678), Value::timespan(-5),
        Value::guid(Guid{1, 2}), Value::dynamic("{\"a\":1}")},
       {Value::null(Type::Bool), Value::null(Type::Int), Value::null(Type::Long), Value::null(Type::Real),
        Value::null(Type::Decimal), Value::null(Type::String), Value::null(Type::DateTime),
        Value::null(Type::TimeSpan), Value::null(Type::Guid), Value::null(Type::Dynamic)}});
  const auto files = write(plan);
  ASSERT_EQ(files.size(), 1u);
  EXPECT_EQ(files[0].rows, 2);
  check_folder(files);
  EXPECT_EQ(read(files, "* REPLACE (CAST(t AS VARCHAR) AS t)"),
            (Lines{"true|-5|7|1.5|-0.250000000000000000|it's|1970-01-01 00:00:01.234567+00|-5|"
                   "00000000-0000-0001-0000-000000000002|{\"a\":1}",
                   "null|null|null|null|null||null|null|null|null"}));
  Lines types;
  for (const auto& row :
       query("SELECT name || ' ' || type || ' ' || coalesce(converted_type, '') FROM parquet_schema(" +
             sql_string(files[0].path) + ") OFFSET 1")) {
    types.push_back(*row[0]);
  }
  EXPECT_EQ(types, (Lines{"b BOOLEAN ", "i INT32 INT_32", "l INT64 INT_64", "r DOUBLE ",
                          "d FIXED_LEN_BYTE_ARRAY DECIMAL", "s BYTE_ARRAY UTF8", "t INT64 TIMESTAMP_MICROS",
                          "p INT64 INT_64", "g BYTE_ARRAY UTF8", "j BYTE_ARRAY UTF8"}));
}

TEST_F(ParquetWriterTest, DatetimesOverTheWholeRange) {
  const RelPtr plan =
      values({{1, "t", Type::DateTime}},
             {{Value::datetime(0)}, {Value::datetime(kUnixEpoch - 1)}, {Value::datetime(kMaxDateTime)}});
  EXPECT_EQ(
      read(write(plan), "CAST(t AS VARCHAR)"),
      (Lines{"0001-01-01 00:00:00+00", "1969-12-31 23:59:59.999999+00", "9999-12-31 23:59:59.999999+00"}));
  options_.folder = folder_.path("milliseconds");
  std::filesystem::create_directories(options_.folder);
  options_.datetime_precision = DatetimePrecision::Millisecond;
  EXPECT_EQ(read(write(plan), "CAST(t AS VARCHAR)"),
            (Lines{"0001-01-01 00:00:00+00", "1969-12-31 23:59:59.999+00", "9999-12-31 23:59:59.999+00"}));
}

TEST_F(ParquetWriterTest, NothingGivesNoFile) {
  const RelPtr none = filter(numbers(10), literal(Value::boolean(false)));
  EXPECT_TRUE(write(none).empty());
  options_.file_bytes = 1'000'000;
  EXPECT_TRUE(write(none).empty());
  options_.partitions = {column(1)};
  EXPECT_TRUE(write(none).empty());
  check_folder({});
}

TEST_F(ParquetWriterTest, EveryCompression) {
  int i = 0;
  for (const char* codec : {"gzip", "snappy", "lz4_raw", "brotli", "zstd", "none"}) {
    options_.folder = folder_.path("c" + std::to_string(++i));
    std::filesystem::create_directories(options_.folder);
    options_.compression = codec;
    const auto files = write(numbers(1000));
    EXPECT_EQ(read(files, "sum(n)"), Lines{"499500"}) << codec;
  }
  options_.compression = "lzma";
  const auto written = engine_->write_parquet(numbers(1), options_, {});
  ASSERT_FALSE(written.ok());
  EXPECT_EQ(written.error().code, ErrorCode::NotSupported);
}

TEST_F(ParquetWriterTest, NamesThatDifferOnlyInCase) {
  const auto files =
      write(values({{1, "a", Type::Long}, {2, "A", Type::Long}, {3, "weird \"name\"", Type::Long}},
                   {{Value::int64(1), Value::int64(2), Value::int64(3)}}));
  EXPECT_EQ(read(files, "*"), Lines{"1|2|3"});
}

TEST_F(ParquetWriterTest, OrderIsKept) {
  kql::SortKey key;
  key.expression = sql_call("shuffle", "({0} * 7919) % 100003", {column(1)}, Type::Long);
  key.descending = false;
  const RelPtr plan = sort(numbers(100'003), {key});
  options_.row_group_rows = 10'000;
  EXPECT_EQ(read(write(plan), "count(*)", "WHERE file_row_number <> (n * 7919) % 100003"), Lines{"0"});
}

TEST_F(ParquetWriterTest, AFileThatGetsTooLargeIsFollowedByAnother) {
  options_.file_bytes = 100'000;
  options_.row_group_rows = 10'000;
  const auto files = write(numbers(200'000));
  EXPECT_GT(files.size(), 3u);
  EXPECT_EQ(rows_of(files), 200'000);
  check_folder(files);
  EXPECT_EQ(read(files, "sum(n)"), Lines{"19999900000"});
}

TEST_F(ParquetWriterTest, OneFileForEachPartition) {
  options_.partitions = {sql_call("mod", "{0} % 3", {column(1)}, Type::Long),
                         sql_call("even", "{0} % 2 = 0", {column(1)}, Type::Bool)};
  const auto files = write(numbers(6'000));
  ASSERT_EQ(files.size(), 6u);
  check_folder(files);
  for (const WrittenFile& file : files) {
    EXPECT_EQ(file.rows, 1'000);
    const std::string even = file.partition[1].as_bool() ? "0" : "1";
    EXPECT_EQ(read({file}, "DISTINCT n % 3, n % 2"), Lines{file.partition[0].str() + "|" + even});
  }
}

TEST_F(ParquetWriterTest, PartitionValuesOfEveryKind) {
  const std::string long_text(kLongestPartitionText - 1, 'x');
  const std::vector<Value> strings{Value::string(""),
                                   Value::string("a/b=c %\xC3\xA9'\""),
                                   Value::string("__HIVE_DEFAULT_PARTITION__"),
                                   Value::string("plain"),
                                   Value::string(".."),
                                   Value::string(long_text + "1"),
                                   Value::string(long_text + "2"),
                                   Value::string("null"),
                                   Value::string("\n\t\x01")};
  std::vector<std::vector<Value>> rows;
  for (const Value& value : strings) rows.push_back({value, Value::datetime(123)});
  options_.partitions = {column(1, Type::String)};
  const auto files = write(values({{1, "s", Type::String}, {2, "t", Type::DateTime}}, rows));
  ASSERT_EQ(files.size(), strings.size());
  for (const WrittenFile& file : files) {
    EXPECT_EQ(read({file}, "s"), Lines{file.partition[0].as_text()});
  }

  // What no folder can be named after counts as null.
  options_.folder = folder_.path("too_long");
  std::filesystem::create_directories(options_.folder);
  const auto unnamed = write(values({{1, "s", Type::String}},
                                    {{Value::string(long_text + "12")}, {Value::string(long_text + "34")}}));
  ASSERT_EQ(unnamed.size(), 1u);
  EXPECT_EQ(unnamed[0].partition[0], Value::null(Type::String));

  for (const Value& value :
       {Value::boolean(false), Value::int32(-3), Value::int64(INT64_MIN), Value::real(0.1),
        Value::decimal("1.5"), Value::datetime(kMaxDateTime), Value::timespan(-1),
        Value::guid(Guid{5, UINT64_MAX}), Value::dynamic("{\"a\":[1]}")}) {
    options_.folder = folder_.path(std::string("p_") + kql_name(value.type()));
    std::filesystem::create_directories(options_.folder);
    options_.partitions = {column(1, value.type())};
    const auto both = write(values({{1, "v", value.type()}}, {{value}, {Value::null(value.type())}}));
    ASSERT_EQ(both.size(), 2u);
    EXPECT_EQ(std::count_if(both.begin(), both.end(),
                            [](const WrittenFile& f) { return f.partition[0].is_null(); }),
              1);
    EXPECT_EQ(std::count_if(both.begin(), both.end(),
                            [&](const WrittenFile& f) { return f.partition[0] == value; }),
              1)
        << both[0].partition[0].str() << " " << both[1].partition[0].str();
  }
}

TEST_F(ParquetWriterTest, ColumnsBehindThoseThatAreWrittenServePartitions) {
  const std::string long_text(kLongestPartitionText, 'x');
  options_.written_columns = 1;
  options_.partitions = {column(2, Type::String)};
  const auto files = write(
      values({{1, "n", Type::Long}, {2, "v", Type::String}}, {{Value::int64(1), Value::string("a")},
                                                              {Value::int64(2), Value::string(long_text)},
                                                              {Value::int64(3), Value::string("")}}));
  ASSERT_EQ(files.size(), 3u);
  for (const WrittenFile& file : files) {
    const std::string text = file.partition[0].as_text();
    EXPECT_EQ(read({file}, "*"), Lines{text == "a" ? "1" : text.empty() ? "3" : "2"});
  }
}

TEST_F(ParquetWriterTest, ALargePartitionIsSplit) {
  options_.partitions = {sql_call("rare", "{0} % 1000 = 0", {column(1)}, Type::Bool)};
  options_.file_bytes = 100'000;
  options_.row_group_rows = 10'000;
  const auto files = write(numbers(200'000));
  EXPECT_GT(files.size(), 3u);
  EXPECT_EQ(rows_of(files), 200'000);
  check_folder(files);
  EXPECT_EQ(read(files, "sum(n)"), Lines{"19999900000"});
  for (const WrittenFile& file : files) {
    EXPECT_EQ(read({file}, "DISTINCT n % 1000 = 0"), Lines{file.partition[0].str()});
    EXPECT_LT(file.bytes, 250'000);
  }
}

TEST_F(ParquetWriterTest, ManyPartitions) {
  options_.partitions = {sql_call("mod", "{0} % 300", {column(1)}, Type::Long)};
  const auto files = write(numbers(6'000));
  EXPECT_GE(files.size(), 300u);
  EXPECT_EQ(rows_of(files), 6'000);
  check_folder(files);
  std::map<int64_t, int64_t> by_partition;
  for (const WrittenFile& file : files) by_partition[file.partition[0].as_int()] += file.rows;
  EXPECT_EQ(by_partition.size(), 300u);
  for (const auto& [partition, rows] : by_partition) EXPECT_EQ(rows, 20);
}

TEST_F(ParquetWriterTest, AFolderThatIsNotThereIsAnError) {
  options_.folder = folder_.path("missing/deep");
  const auto written = engine_->write_parquet(numbers(10), options_, {});
  ASSERT_FALSE(written.ok());
  EXPECT_EQ(written.error().code, ErrorCode::StorageAccess) << written.error().message;
}

TEST_F(ParquetWriterTest, ACancelledWriteIsAnError) {
  RunOptions run_options;
  run_options.timeout = std::chrono::milliseconds(30);
  const auto written = engine_->write_parquet(numbers(10'000'000'000), options_, run_options);
  ASSERT_FALSE(written.ok());
  EXPECT_EQ(written.error().code, ErrorCode::Timeout);
}

TEST_F(ParquetWriterTest, AnExtentIsReadBackByFieldIds) {
  auto table = make_table();
  const RelPtr plan =
      project(numbers(1000), {{11, "at", Type::DateTime}, {12, "id", Type::Long}, {13, "name", Type::String}},
              {sql_call("at", "CASE WHEN {0} > 10 THEN {0} + 5 END", {column(1)}, Type::DateTime), column(1),
               sql_call("name", "'n' || {0}", {column(1)}, Type::String)});
  const std::string path = folder_.path("extents/new.parquet");
  const auto written = engine_->write_extent(plan, *table, path, {});
  ASSERT_TRUE(written.ok()) << written.error().message;
  EXPECT_EQ(written->rows, 1000);
  EXPECT_EQ(written->bytes, static_cast<int64_t>(std::filesystem::file_size(path)));
  EXPECT_EQ(written->datetime_ranges, (std::map<int, std::pair<Ticks, Ticks>>{{3, {16, 1004}}}));
  catalog::Extent extent;
  extent.path = "new.parquet";
  extent.min_cursor = extent.max_cursor = 1;
  extent.datetime_ranges = written->datetime_ranges;
  add(*table, extent);
  EXPECT_EQ(rows(filter(scan(table), call("==", {column(1), number(999)}))),
            Lines{"999|n999|0001-01-01T00:00:00.0001004Z"});
}

TEST_F(ParquetWriterTest, AnExtentOfAnotherSchema) {
  auto table = make_table();
  const std::string path = folder_.path("extents/new.parquet");
  const auto wrong =
      engine_->write_extent(values({{1, "id", Type::String}}, {{Value::string("x")}}), *table, path, {});
  ASSERT_FALSE(wrong.ok());
  EXPECT_EQ(wrong.error().code, ErrorCode::SchemaMismatch);
  const auto lacking =
      engine_->write_extent(values({{1, "id", Type::Long}}, {{Value::int64(1)}}), *table, path, {});
  ASSERT_TRUE(lacking.ok());
  EXPECT_TRUE(lacking->datetime_ranges.empty());
  const auto none = engine_->write_extent(values({{1, "id", Type::Long}}, {}), *table,
                                          folder_.path("extents/none.parquet"), {});
  ASSERT_TRUE(none.ok());
  EXPECT_EQ(none->rows, 0);
  EXPECT_FALSE(std::filesystem::exists(folder_.path("extents/none.parquet")));
}

}  // namespace
}  // namespace spillway::engine
