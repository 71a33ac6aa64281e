// CSV and its relatives.
#include "ingest/input.h"
#include "tests/ingest/support.h"

namespace spillway::ingest {
namespace {

using Records = std::vector<std::string>;
class DelimitedTest : public IngestTest {};

TEST_F(DelimitedTest, ColumnsGoByPosition) {
  make_table("a:string, b:long");
  ASSERT_SUCCESS(ingest("Shoes,1000\nWide Shoes,50\n\"Coats black\",20\n\"Coats with \"\"quotes\"\"\",5"));
  EXPECT_EQ(records(), (Records{"Coats black|20", "Coats with \"quotes\"|5", "Shoes|1000", "Wide Shoes|50"}));
}

TEST_F(DelimitedTest, EveryTypeIsReadFromText) {
  make_table(
      "i:long, bo:bool, n:int, r:real, de:decimal, s:string, dt:datetime, ts:timespan, g:guid, dy:dynamic");
  ASSERT_SUCCESS(
      ingest("1,true,-5,1.5,123.456,text,2021-01-02T03:04:05.1234567Z,1.02:03:04.5,"
             "74be27de-1e4e-49d9-b579-fe0b331d3642,\"{\"\"b\"\": [1, 2.50],\"\"a\"\":null}\"\n"
             "2,0,7,1e3,-0.5, padded ,2021-01-02,00:00:01,{74BE27DE-1E4E-49D9-B579-FE0B331D3642},plain text\n"
             "3,TRUE,0x1F,NaN,1e2,,2021-01-02 03:04:05+02:00,2d,74be27de1e4e49d9b579fe0b331d3642,5\n"));
  EXPECT_EQ(records(), (Records{
                           "1|true|-5|1.5|123.456|text|2021-01-02T03:04:05.1234567Z|1.02:03:04.5000000|"
                           "74be27de-1e4e-49d9-b579-fe0b331d3642|{\"b\":[1,2.5],\"a\":null}",
                           "2|false|7|1000|-0.5| padded |2021-01-02T00:00:00.0000000Z|00:00:01|"
                           "74be27de-1e4e-49d9-b579-fe0b331d3642|\"plain text\"",
                           "3|true|31|NaN|100||2021-01-02T01:04:05.0000000Z|2.00:00:00|"
                           "74be27de-1e4e-49d9-b579-fe0b331d3642|5",
                       }));
}

TEST_F(DelimitedTest, ABadValueBecomesNull) {
  make_table(
      "i:long, bo:bool, n:int, r:real, de:decimal, dt:datetime, ts:timespan, g:guid, dy:dynamic, s:string");
  ASSERT_SUCCESS(
      ingest("1,x,x,x,x,x,x,x,,\n2,maybe,3000000000,1.2.3,1..2,2021-13-01,25,123,null,\"\"\n3,,,,,,,,,\n"
             "99999999999999999999,,,,,,,,,\n"));
  EXPECT_EQ(records(), (Records{"1|null|null|null|null|null|null|null|null|",
                                "2|null|null|null|null|null|25.00:00:00|null|null|",
                                "3|null|null|null|null|null|null|null|null|",
                                "null|null|null|null|null|null|null|null|null|"}));
}

TEST_F(DelimitedTest, MissingFieldsAreNullAndSurplusOnesAreIgnored) {
  make_table("a:long, b:string, c:long");
  ASSERT_SUCCESS(ingest("1\n2,x\n3,y,5,more,\"and\nmore\"\n4,\n"));
  EXPECT_EQ(records(), (Records{"1||null", "2|x|null", "3|y|5", "4||null"}));
}

TEST_F(DelimitedTest, LineBreaksOfBothKindsAndInsideQuotes) {
  make_table("a:long, b:string, c:long");
  ASSERT_SUCCESS(ingest("1,\"x\r\ny\",1\r\n2,\"\n\",2\n\n\r\n3,z\r\n4,\"q\"\r\n5,\"\""));
  EXPECT_EQ(records(), (Records{"1|x\r\ny|1", "2|\n|2", "3|z|null", "4|q|null", "5||null"}));
}

TEST_F(DelimitedTest, AQuoteInsideAPlainFieldStandsForItself) {
  make_table("a:long, b:string");
  ASSERT_SUCCESS(ingest("1,x\"y\n2, \"z\"\n3,5\" pipe\n"));
  EXPECT_EQ(records(), (Records{"1|x\"y", "2| \"z\"", "3|5\" pipe"}));
}

TEST_F(DelimitedTest, AByteOrderMarkIsNoData) {
  make_table("a:long, b:string");
  ASSERT_SUCCESS(ingest_files({write("a.csv",
                                     "\xEF\xBB\xBF"
                                     "1,x\n")}));
  ASSERT_SUCCESS(ingest_files({write("b.csv", "\xEF\xBB\xBF\"2\",y\n")}));
  ASSERT_SUCCESS(ingest_files({write("c.csv", "\xEF\xBB\xBF")}));
  EXPECT_EQ(records(), (Records{"1|x", "2|y"}));
}

TEST_F(DelimitedTest, MalformedRecordsAreNamed) {
  make_table("a:string, b:long");
  const std::string open = write("open.csv", "x,1\ny,2\n\"z,3\nmore\n");
  EXPECT_EQ(error_of(ingest_files({open})),
            "DataFormat: '" + open +
                "': the record at line 3 is malformed: a value that begins with '\"' "
                "isn't closed");
  EXPECT_EQ(error_of(ingest("x,1\n\"y\" z,2\n")),
            "DataFormat: the record at line 2 is malformed: something follows the '\"' that closes a value");
  EXPECT_EQ(error_of(ingest("x,1\ny\xFF,2\n")), "DataFormat: line 2 isn't valid UTF-8");
  EXPECT_TRUE(records().empty());
  EXPECT_TRUE(extent_files().empty());
}

TEST_F(DelimitedTest, TheFirstRecordOfEachFileCanBeIgnored) {
  make_table("a:long, b:string");
  const std::string one = write("one.csv", "\"a\nhead\",b\n1,x\n"), two = write("two.csv", "a,b\n2,y\n"),
                    none = write("none.csv", "a,b");
  ASSERT_SUCCESS(ingest_files({one, two, none}, {{"ignoreFirstRecord", "true"}}));
  EXPECT_EQ(records(), (Records{"1|x", "2|y"}));
}

TEST_F(DelimitedTest, EveryDialectHasItsDelimiter) {
  make_table("a:long, b:string");
  ASSERT_SUCCESS(ingest("1\tx,y|z\n", {{"format", "tsv"}}));
  ASSERT_SUCCESS(ingest("2|x,y;z\n", {{"format", "psv"}}));
  ASSERT_SUCCESS(ingest("3;\"x;y\"\n", {{"format", "SCSV"}}));
  ASSERT_SUCCESS(ingest("4\x01x,y\n", {{"format", "sohsv"}}));
  ASSERT_SUCCESS(ingest("5\t\"x\\ty\\\\z\\\n.\\n\n6\ta\n", {{"format", "tsve"}}));
  EXPECT_EQ(records(), (Records{"1|x,y|z", "2|x,y;z", "3|x;y", "4|x,y", "5|\"x\ty\\z\n.\n", "6|a"}));
}

TEST_F(DelimitedTest, TextByLinesAndAsAWhole) {
  make_table("a:string");
  ASSERT_SUCCESS(ingest("one, \"two\"\n\nthree\tfour\r\n", {{"format", "txt"}}));
  EXPECT_EQ(records(), (Records{"one, \"two\"", "three\tfour"}));
  make_table("a:string", "W");
  ASSERT_SUCCESS(ingestor_->ingest_data(request({{"format", "raw"}}, "W"), "one,\n\ntwo\n"));
  EXPECT_EQ(records("W"), (Records{"one,\n\ntwo\n"}));
}

TEST_F(DelimitedTest, AMappingTakesFieldsByOrdinal) {
  make_table("a:long, b:string, c:string, d:datetime, e:string, f:long");
  const std::string file = write("m.csv", "x,1,1609459200\ny,2,bad\n");
  ASSERT_SUCCESS(ingest_files(
      {file},
      {{"format", "csv"},
       {"ingestionMapping",
        "[{\"Column\": \"a\", \"Properties\": {\"Ordinal\": \"1\"}}, {\"column\": \"b\", \"Properties\": "
        "{\"Ordinal\": 0}}, {\"column\": \"c\", \"Properties\": {\"ConstValue\": \"constant\"}}, "
        "{\"column\": "
        "\"d\", \"Properties\": {\"Ordinal\": \"2\", \"Transform\": \"DateTimeFromUnixSeconds\"}}, "
        "{\"column\": \"e\", \"Properties\": {\"Transform\": \"SourceLocation\"}}, {\"column\": \"other\", "
        "\"Properties\": {\"Ordinal\": \"9\"}}]"}}));
  EXPECT_EQ(records(), (Records{"1|x|constant|2021-01-01T00:00:00.0000000Z|" + file + "|null",
                                "2|y|constant|null|" + file + "|null"}));
}

TEST_F(DelimitedTest, LargeDataIsReadInBlocksWithoutLosingARecord) {
  make_table("a:long, b:string, c:long");
  std::string data;
  std::vector<std::string> expected;
  int64_t sum = 0;
  // Fields with line breaks and quotes lie across every boundary of blocks.
  for (int i = 0; i < 200'000; ++i) {
    data += std::to_string(i) + ",\"line \"\"" + std::string(static_cast<size_t>(i % 40), 'x') + "\"\"\n," +
            "\"," + std::to_string(i * 2) + (i % 3 ? "\n" : "\r\n");
    sum += i * 2;
  }
  ASSERT_SUCCESS(ingest(data));
  make_table("n:long", "Sum");
  const auto connection = engine_->connect();
  ASSERT_SUCCESS(connection);
  ASSERT_EQ(table()->extents->size(), 1U);
  const auto result = (*connection)
                          ->query(
                              "SELECT count(*), count(DISTINCT c1), sum(c3), count(*) FILTER (WHERE c2 <> "
                              "'line \"' || repeat('x', CAST(c1 % 40 "
                              "AS INTEGER)) || '\"' || chr(10) || ',') FROM read_parquet('" +
                              folder_.path("extents/" + (*table()->extents)[0]->path) + "')");
  ASSERT_SUCCESS(result);
  EXPECT_EQ((*result)[0],
            (std::vector<std::optional<std::string>>{"200000", "200000", std::to_string(sum), "0"}));
}

TEST_F(DelimitedTest, AFieldCanBeLargerThanABlock) {
  make_table("a:string, b:long");
  const std::string large(5'000'000, 'x');
  ASSERT_SUCCESS(ingest("\"" + large + "\n\",1\nsmall,2\n"));
  EXPECT_EQ(records(), (Records{"small|2", large + "\n|1"}));
}

TEST_F(DelimitedTest, ARecordWithoutEndIsRefused) {
  make_table("a:string, b:long");
  const std::string file = write("huge.csv", "x,1\n\"" + std::string(kMaxRecordBytes + 1, 'x'));
  EXPECT_EQ(error_of(ingest_files({file})).substr(0, 12), "DataFormat: ");
}

TEST_F(DelimitedTest, ADataSetOfOneThreadKeepsItsOrder) {
  make_table("a:long");
  std::string data;
  for (int i = 0; i < 10'000; ++i) data += std::to_string(i) + "\n";
  ASSERT_SUCCESS(ingest(data));
  const auto connection = engine_->connect();
  ASSERT_SUCCESS(connection);
  const auto result = (*connection)
                          ->query("SELECT count(*) FROM read_parquet('" +
                                  folder_.path("extents/" + (*table()->extents)[0]->path) +
                                  "', file_row_number = true) WHERE c1 = file_row_number");
  ASSERT_SUCCESS(result);
  EXPECT_EQ((*result)[0][0], "10000");
}

}  // namespace
}  // namespace spillway::ingest
