// Parquet files.
#include "tests/ingest/support.h"

namespace spillway::ingest {
namespace {

using Records = std::vector<std::string>;
class ParquetTest : public IngestTest {
 protected:
  std::string make(const std::string& name, const std::string& select) {
    const std::string path = write(name, "");
    sql("COPY (" + select + ") TO '" + path + "' (FORMAT parquet)");
    return path;
  }
};

TEST_F(ParquetTest, ColumnsGoByNameAndCase) {
  make_table("a:long, b:string, B:string, c:long");
  ASSERT_SUCCESS(ingest_files(
      {make("x.parquet", "SELECT 1 AS a, 'x' AS b, 5 AS other UNION ALL SELECT NULL, NULL, 6")}));
  EXPECT_EQ(records(), (Records{"1|x||null", "null|||null"}));
}

TEST_F(ParquetTest, TypesAreConvertedAsDocumented) {
  make_table(
      "i:long, s:string, r:real, n:int, b:bool, de:decimal, dt:datetime, dy:dynamic, g:guid, ts:timespan");
  const auto ingest_one = [&](const std::string& value, const std::string& name) {
    std::string items = "SELECT " + value + " AS v";
    for (const char* column : {"i", "s", "r", "n", "b", "de", "dt", "dy", "g", "ts"}) {
      items += std::string(", v AS ") + column;
    }
    ASSERT_SUCCESS(ingest_files({make(name, "SELECT * EXCLUDE (v) FROM (" + items + ")")}));
  };
  ingest_one("1::TINYINT", "01.parquet");
  ingest_one("2::UBIGINT", "02.parquet");
  ingest_one("3.75::DOUBLE", "03.parquet");
  ingest_one("4.1::FLOAT", "04.parquet");
  ingest_one("5.5::DECIMAL(10,2)", "05.parquet");
  ingest_one("true", "06.parquet");
  ingest_one("'7.9'", "07.parquet");
  ingest_one("TIMESTAMP '2021-01-02 03:04:05.123456'", "08.parquet");
  ingest_one("DATE '0001-01-02'", "09.parquet");
  ingest_one("[10, NULL]", "10.parquet");
  ingest_one("{'a': 11, 'b': 'x'}", "11.parquet");
  ingest_one("UUID '74be27de-1e4e-49d9-b579-fe0b331d3642'", "12.parquet");
  ingest_one("TIME '01:02:03.5'", "13.parquet");
  ingest_one("18446744073709551615::UBIGINT", "14.parquet");
  ingest_one("TIMESTAMP_NS '1969-12-31 23:59:59.999999950'", "15.parquet");
  ingest_one("TIMESTAMPTZ '2021-01-02 03:04:05+01'", "16.parquet");
  EXPECT_EQ(records(),
            (Records{
                "1|1|1|1|true|1|null|1|null|00:00:00.0000001",
                "1|true|1|1|true|1|null|true|null|null",
                "2|2|2|2|true|2|null|2|null|00:00:00.0000002",
                "3|3.75|3.75|3|true|3.75|null|3.75|null|null",
                "4|4.1|4.099999904632568|4|true|4.1|null|4.1|null|null",
                "5|5.50|5.5|5|true|5.5|null|5.5|null|null",
                "7|7.9|7.9|7|true|7.9|null|7.9|null|null",
                "null|0001-01-02T00:00:00.0000000Z|null|null|null|null|0001-01-02T00:00:00.0000000Z|"
                "\"0001-01-02T00:00:00.0000000Z\"|null|null",
                "null|01:02:03.5|null|null|null|null|null|\"01:02:03.5\"|null|01:02:03.5000000",
                "null|18446744073709551615|1.8446744073709552E+19|null|true|18446744073709551615|null|"
                "1.8446744073709552E+19|null|null",
                "null|1969-12-31T23:59:59.9999999Z|null|null|null|null|1969-12-31T23:59:59.9999999Z|"
                "\"1969-12-31T23:59:59.9999999Z\"|null|null",
                "null|2021-01-02T02:04:05.0000000Z|null|null|null|null|2021-01-02T02:04:05.0000000Z|"
                "\"2021-01-02T02:04:05.0000000Z\"|null|null",
                "null|2021-01-02T03:04:05.1234560Z|null|null|null|null|2021-01-02T03:04:05.1234560Z|"
                "\"2021-01-02T03:04:05.1234560Z\"|null|null",
                "null|74be27de-1e4e-49d9-b579-fe0b331d3642|null|null|null|null|null|"
                "\"74be27de-1e4e-49d9-b579-fe0b331d3642\"|74be27de-1e4e-49d9-b579-fe0b331d3642|null",
                "null|[10,null]|null|null|null|null|null|[10,null]|null|null",
                "null|{\"a\":11,\"b\":\"x\"}|null|null|null|null|null|{\"a\":11,\"b\":\"x\"}|null|null",
            }));
}

TEST_F(ParquetTest, AMappingTakesFieldsPathsAndTheWholeRecord) {
  make_table("a:long, b:string, c:string, d:dynamic, e:datetime, f:string");
  const std::string file = make("m.parquet", "SELECT {'y': [10, 20]} AS x, 'v' AS \"k k\", 1609459200 AS t");
  ASSERT_SUCCESS(ingest_files(
      {file},
      {{"format", "parquet"},
       {"ingestionMapping",
        R"([{"column":"a","Properties":{"Path":"$.x.y[1]"}}, {"column":"b","Properties":{"Field":"k k"}},
                    {"column":"c","Properties":{"Transform":"SourceLocation"}}, {"column":"d","Properties":{"Path":"$"}},
                    {"column":"e","Properties":{"Path":"$.t","Transform":"DateTimeFromUnixSeconds"}},
                    {"column":"f","Properties":{"ConstValue":"it's"}}])"}}));
  EXPECT_EQ(records(), (Records{"20|v|" + file +
                                "|{\"x\":{\"y\":[10,20]},\"k k\":\"v\",\"t\":1609459200}|"
                                "2021-01-01T00:00:00.0000000Z|it's"}));
}

TEST_F(ParquetTest, FilesOfSeveralSchemasAreOneBatch) {
  make_table("a:long, b:string, c:string");
  make("several/1.parquet", "SELECT 1 AS a, 'x' AS b");
  make("several/2.parquet", "SELECT 2::BIGINT AS a, 'y' AS c");
  const auto loaded = ingest_files({folder_.path("storage/several")});
  ASSERT_SUCCESS(loaded);
  EXPECT_EQ(loaded->size(), 1U);
  EXPECT_EQ(records(), (Records{"1|x|", "2||y"}));
}

TEST_F(ParquetTest, FoldersOfPartitionsAddNoColumns) {
  make_table("a:long, part:string");
  ASSERT_SUCCESS(ingest_files({make("part=7/x.parquet", "SELECT 1 AS a")}));
  EXPECT_EQ(records(), (Records{"1|"}));
}

TEST_F(ParquetTest, BrokenFilesAreNamed) {
  make_table("a:long");
  const std::string broken = write("broken.parquet", "this is no Parquet file at all"),
                    empty = write("empty.parquet", "");
  for (const std::string& file : {broken, empty}) {
    const std::string error = error_of(ingest_files({file}));
    EXPECT_EQ(error.find("DataFormat: '" + file + "': the Parquet data can't be read"), 0U) << error;
  }
  EXPECT_TRUE(extent_files().empty());
}

}  // namespace
}  // namespace spillway::ingest
