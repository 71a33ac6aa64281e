// Reading external tables: formats, headers, paths, stores.
#include <filesystem>
#include <fstream>

#include "engine/sql.h"
#include "tests/engine/plans.h"
#include "tests/support/azurite.h"

namespace spillway::engine {
namespace {

using Lines = std::vector<std::string>;
using catalog::Partition;

class ExternalScanTest : public EngineTest {
 protected:
  void SetUp() override {
    EngineTest::SetUp();
    table_.name = "E";
    table_.format = "csv";
    table_.columns = {{1, "x", Type::Long, ""}, {2, "s", Type::String, ""}, {3, "t", Type::DateTime, ""}};
    table_.connection_strings = {folder_.path("storage/e")};
    std::filesystem::create_directories(folder_.path("storage/e"));
  }
  void file(const std::string& name, std::string_view content) {
    folder_.write("storage/e/" + name, content);
  }
  /// All columns, then all virtual ones, as c1, c2, ….
  std::shared_ptr<kql::ExternalScan> scan_of() {
    auto rel = std::make_shared<kql::ExternalScan>();
    rel->table = std::make_shared<const catalog::ExternalTable>(table_);
    int id = 0;
    for (const catalog::Column& column : table_.columns) {
      rel->columns.push_back({++id, column.name, column.type});
      rel->names.push_back(column.name);
    }
    for (const Partition& partition : table_.partitions) {
      if (partition.kind != Partition::Kind::Virtual) continue;
      rel->columns.push_back({++id, partition.name, partition.type});
      rel->names.push_back(partition.name);
    }
    return rel;
  }
  Lines all() { return sorted(rows(scan_of())); }

  catalog::ExternalTable table_;
};

TEST_F(ExternalScanTest, WithoutFiles) {
  EXPECT_EQ(all(), Lines());
  file("empty.csv", "");
  EXPECT_EQ(all(), Lines());
}

TEST_F(ExternalScanTest, CsvWithQuotesNullsAndRaggedRecords) {
  file("a.csv",
       "1,\"a \"\"q\"\",\nb\",2020-01-02T03:04:05.1234567Z\n"
       ",,\n"
       "oops,x,yesterday\n"
       "4\n"
       "5,y,2020-01-01,more,still more\r\n");
  EXPECT_EQ(all(), (Lines{"1|a \"q\",\nb|2020-01-02T03:04:05.1234567Z", "4||null",
                          "5|y|2020-01-01T00:00:00.0000000Z", "null|x|null", "null||null"}));
}

TEST_F(ExternalScanTest, EveryTypeFromText) {
  table_.columns = {{1, "b", Type::Bool, ""},    {2, "i", Type::Int, ""},      {3, "r", Type::Real, ""},
                    {4, "d", Type::Decimal, ""}, {5, "p", Type::TimeSpan, ""}, {6, "g", Type::Guid, ""},
                    {7, "j", Type::Dynamic, ""}};
  file("a.csv",
       "true,-5,1.5,12.50,1.02:03:04,74be27de-1e4e-49d9-b579-fe0b331d3642,\"{\"\"a\"\": [1, 2]}\"\n"
       "maybe,99999999999,x,y,z,w,\n");
  EXPECT_EQ(all(), (Lines{"null|null|null|null|null|null|null",
                          "true|-5|1.5|12.5|1.02:03:04|74be27de-1e4e-49d9-b579-fe0b331d3642|{\"a\":[1,2]}"}));
}

TEST_F(ExternalScanTest, Tsv) {
  table_.format = "tsv";
  file("a.tsv", "1\ta,b\t\n2\t\"c\td\"\t2020-01-01\n");
  EXPECT_EQ(all(), (Lines{"1|a,b|null", "2|c\td|2020-01-01T00:00:00.0000000Z"}));
}

TEST_F(ExternalScanTest, Headers) {
  file("f/1.csv", "x,s,t\n1,a,\n");
  file("f/2.csv", "x,s,t\n2,b,\n");
  table_.include_headers = "All";
  EXPECT_EQ(all(), (Lines{"1|a|null", "2|b|null"}));
  file("f/2.csv", "2,b,\n");
  file("g/10.csv", "x,s,t\n3,c,\n");
  file("g/1.csv", "4,d,\n");
  table_.include_headers = "FirstFile";
  EXPECT_EQ(all(), (Lines{"1|a|null", "2|b|null", "3|c|null", "4|d|null"}));
  table_.include_headers = "None";
  EXPECT_EQ(all().size(), 6u);
}

TEST_F(ExternalScanTest, Json) {
  table_.format = "json";
  table_.columns.push_back({4, "a/b~\"c", Type::Dynamic, ""});
  file("a.json",
       "\xEF\xBB\xBF{\"x\": 1, \"s\": \"a\\\"\\u00e9\\n\", \"t\": \"2020-01-02T03:04:05Z\", \"a/b~\\\"c\": "
       "{\"k\": [1, null]}}\n"
       "\n"
       "{\"s\": null, \"X\": 7}\n"
       "{\"x\": \"12\", \"s\": {\"o\":1}, \"t\": 5, \"a/b~\\\"c\": \"text\"}\n");
  EXPECT_EQ(all(),
            (Lines{"12|{\"o\":1}|null|\"text\"",
                   "1|a\"\xC3\xA9\n|2020-01-02T03:04:05.0000000Z|{\"k\":[1,null]}", "null||null|null"}));
  file("b.json", "{\"x\": 1\n");
  EXPECT_EQ(error_of(scan_of()).code, ErrorCode::DataFormat);
}

TEST_F(ExternalScanTest, JsonOverSeveralLines) {
  table_.format = "multijson";
  file("a.json", "[{\"x\": 1,\n \"s\": \"a\"},\n {\"x\": 2}]");
  EXPECT_EQ(all(), (Lines{"1|a|null", "2||null"}));
}

TEST_F(ExternalScanTest, ParquetOfOurOwn) {
  table_.format = "parquet";
  table_.columns = {{1, "b", Type::Bool, ""},     {2, "i", Type::Int, ""},      {3, "l", Type::Long, ""},
                    {4, "r", Type::Real, ""},     {5, "d", Type::Decimal, ""},  {6, "s", Type::String, ""},
                    {7, "t", Type::DateTime, ""}, {8, "p", Type::TimeSpan, ""}, {9, "g", Type::Guid, ""},
                    {10, "j", Type::Dynamic, ""}};
  std::vector<PlanColumn> columns;
  for (const catalog::Column& column : table_.columns)
    columns.push_back({column.id, column.name, column.type});
  ParquetOptions options;
  options.folder = folder_.path("storage/e");
  const auto written = engine_->write_parquet(
      values(columns, {{Value::boolean(true), Value::int32(-5), Value::int64(7), Value::real(1.5),
                        Value::decimal("-0.25"), Value::string("it's"), Value::datetime(kUnixEpoch + 10),
                        Value::timespan(-5), Value::guid(Guid{1, 2}), Value::dynamic("{\"a\":1}")},
                       {Value::null(Type::Bool), Value::null(Type::Int), Value::null(Type::Long),
                        Value::null(Type::Real), Value::null(Type::Decimal), Value::string(""),
                        Value::null(Type::DateTime), Value::null(Type::TimeSpan), Value::null(Type::Guid),
                        Value::null(Type::Dynamic)}}),
      options, {});
  ASSERT_TRUE(written.ok()) << written.error().message;
  EXPECT_EQ(all(), (Lines{"null|null|null|null|null||null|null|null|null",
                          "true|-5|7|1.5|-0.25|it's|1970-01-01T00:00:00.0000010Z|-00:00:00.0000005|"
                          "00000000-0000-0001-0000-000000000002|{\"a\":1}"}));
}

TEST_F(ExternalScanTest, ParquetOfOthers) {
  table_.format = "parquet";
  table_.columns = {{1, "u", Type::Long, ""},      {2, "d", Type::DateTime, ""},
                    {3, "ts", Type::DateTime, ""}, {4, "n", Type::Dynamic, ""},
                    {5, "f", Type::Real, ""},      {6, "missing", Type::String, ""},
                    {7, "num", Type::String, ""},  {8, "frac", Type::Long, ""}};
  sql("COPY (SELECT 5::UINTEGER AS u, DATE '2020-01-02' AS d, TIMESTAMP_NS '2020-01-02 00:00:00.0000001' AS "
      "ts, "
      "{a: [1, 2]} AS n, 0.1::FLOAT AS f, 42 AS num, 12.75::DECIMAL(9,2) AS frac) TO " +
      sql_string(folder_.path("storage/e/1.parquet")) + " (FORMAT parquet)");
  sql("COPY (SELECT 6::UINTEGER AS u, 'x' AS other) TO " + sql_string(folder_.path("storage/e/2.parquet")) +
      " (FORMAT parquet)");
  EXPECT_EQ(all(),
            (Lines{"5|2020-01-02T00:00:00.0000000Z|2020-01-02T00:00:00.0000001Z|{\"a\":[1,2]}|0.1||42|12",
                   "6|null|null|null|null|||null"}));
}

TEST_F(ExternalScanTest, FilesByPrefixAndExtension) {
  file("p_1.csv", "1,,\n");
  file("q_1.csv", "2,,\n");
  file("p_1.txt", "3,,\n");
  table_.name_prefix = "p_";
  table_.file_extension = ".csv";
  EXPECT_EQ(all(), Lines{"1||null"});
}

TEST_F(ExternalScanTest, GzipByName) {
  sql("COPY (SELECT 1, 'z', NULL) TO " + sql_string(folder_.path("storage/e/1.csv.gz")) +
      " (FORMAT csv, HEADER false, COMPRESSION gzip)");
  file("2.csv", "2,,\n");
  table_.file_extension = ".csv";
  EXPECT_EQ(all(), (Lines{"1|z|null", "2||null"}));
}

TEST_F(ExternalScanTest, VirtualColumnsFromPaths) {
  table_.columns.resize(1);
  table_.partitions = {{.name = "Customer",
                        .type = Type::String,
                        .kind = Partition::Kind::Virtual,
                        .column = "",
                        .argument = 0},
                       {.name = "Date",
                        .type = Type::DateTime,
                        .kind = Partition::Kind::Virtual,
                        .column = "",
                        .argument = 0}};
  table_.path_format = {{.text = "customer=", .partition = "", .pattern = ""},
                        {.text = "", .partition = "Customer", .pattern = ""},
                        {.text = "/date=", .partition = "", .pattern = ""},
                        {.text = "", .partition = "Date", .pattern = "yyyyMMdd"}};
  file("customer=John.Doe/date=20200101/a.csv", "1\n");
  file("customer=John.Doe/date=20200201/a.csv", "2\n");
  file("customer=__DEFAULT_PARTITION__/date=20200301/a.csv", "3\n");
  file("elsewhere/a.csv", "4\n");
  EXPECT_EQ(all(), (Lines{"1|John.Doe|2020-01-01T00:00:00.0000000Z",
                          "2|John.Doe|2020-02-01T00:00:00.0000000Z", "3||2020-03-01T00:00:00.0000000Z"}));
  // A predicate leaves files alone: this one would be an error.
  table_.format = "parquet";
  const RelPtr later =
      filter(scan_of(), call(">", {column(3, Type::DateTime), literal(Value::datetime(kMaxDateTime - 1))}));
  EXPECT_EQ(rows(later), Lines());
}

TEST_F(ExternalScanTest, CompressionIsOfTheContentNotOfTheName) {
  constexpr std::string_view kGzip(
      "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\x33\xd4\x49\xd4\xe1\x02\x00\x0a\x55\x76\x20\x05\x00\x00\x00",
      25);
  file("a.txt", kGzip);
  file("b.csv.gz", "2,b,\n");
  file("c.csv.gz", kGzip);
  file("d.csv", "3,c,\n");
  EXPECT_EQ(all(), (Lines{"1|a|null", "1|a|null", "2|b|null", "3|c|null"}));
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path("temp/downloads")));
}

TEST_F(ExternalScanTest, VirtualColumnsOfEveryFormat) {
  table_.columns = {{1, "s", Type::String, ""}};
  table_.partitions = {{"P", Type::String, Partition::Kind::Virtual, "", 0}};
  const std::vector<std::pair<std::string, std::string>> contents = {{"csv", "x\n"},
                                                                     {"tsv", "x\n"},
                                                                     {"tsve", "x\n"},
                                                                     {"psv", "x\n"},
                                                                     {"scsv", "x\n"},
                                                                     {"sohsv", "x\n"},
                                                                     {"txt", "x\n"},
                                                                     {"raw", "x"},
                                                                     {"json", "{\"s\":\"x\"}"},
                                                                     {"multijson", "[{\"s\":\"x\"}]"}};
  for (const auto& [format, content] : contents) {
    table_.format = format;
    file("a/f", content);
    file("b/f", content);
    EXPECT_EQ(all(), (Lines{"x|a", "x|b"})) << format;
    EXPECT_EQ(rows(filter(scan_of(), call("==", {column(2, Type::String), literal(Value::string("b"))}))),
              Lines{"x|b"})
        << format;
  }
}

TEST_F(ExternalScanTest, PartitionsThatAreColumnsToo) {
  table_.partitions = {{.name = "Month",
                        .type = Type::DateTime,
                        .kind = Partition::Kind::StartOfMonth,
                        .column = "t",
                        .argument = 0}};
  file("2020/01/a.csv", "1,a,2020-01-05\n");
  file("b.csv", "2,b,2020-01-05\n");
  EXPECT_EQ(all(), Lines{"1|a|2020-01-05T00:00:00.0000000Z"});
}

TEST_F(ExternalScanTest, SeveralConnectionsAndForbiddenOnes) {
  table_.connection_strings.push_back(folder_.path("storage/other"));
  file("a.csv", "1,,\n");
  folder_.write("storage/other/a.csv", "2,,\n");
  EXPECT_EQ(all(), (Lines{"1||null", "2||null"}));
  table_.connection_strings = {folder_.path("outside")};
  folder_.write("outside/a.csv", "3,,\n");
  EXPECT_EQ(error_of(scan_of()).code, ErrorCode::Forbidden);
}

TEST_F(ExternalScanTest, AFileOfAnotherFormat) {
  table_.format = "parquet";
  file("a.parquet", "this is text, and long enough to hold a footer");
  EXPECT_EQ(error_of(scan_of()).code, ErrorCode::DataFormat);
  table_.format = "orc";
  EXPECT_EQ(error_of(scan_of()).code, ErrorCode::NotSupported);
}

TEST_F(ExternalScanTest, FromAzure) {
  const test::Azurite azurite;
  azurite.create_container("lake");
  const auto connection = storage::ConnectionString::parse(azurite.connection("lake/in"));
  ASSERT_TRUE(connection.ok());
  const auto store = stores_.open(*connection);
  ASSERT_TRUE(store.ok()) << store.error().message;
  for (int i = 0; i < 12; ++i) {
    const std::string local = folder_.write("local.csv", std::to_string(i) + ",a,\n");
    ASSERT_TRUE((*store)->put_file(local, "f/" + std::to_string(i) + ".csv", false).ok());
  }
  table_.connection_strings = {azurite.connection("lake/in")};
  EXPECT_EQ(rows(aggregate(scan_of(), {}, {aggregate({9, "s", Type::Long}, "sum({0})", {column(1)})})),
            Lines{"66"});
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path("temp/downloads")));
}

}  // namespace
}  // namespace spillway::engine
