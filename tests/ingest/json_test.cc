// JSON lines and multijson.
#include "ingest/input.h"
#include "ingest/json_records.h"
#include "tests/ingest/support.h"

namespace spillway::ingest {
namespace {

using Records = std::vector<std::string>;
class JsonTest : public IngestTest {};
const std::map<std::string, std::string> kJson = {{"format", "json"}}, kMulti = {{"format", "multijson"}};

TEST_F(JsonTest, ColumnsGoByNameAndCase) {
  make_table("a:long, b:string, B:string");
  ASSERT_SUCCESS(
      ingest("{\"b\": \"x\", \"a\": 1, \"c\": [1]}\n{\"B\":\"y\",\"a\":\"2\"}\r\n\n{}\n{\"A\":5}", kJson));
  EXPECT_EQ(records(), (Records{"1|x|", "2||y", "null||", "null||"}));
}

TEST_F(JsonTest, EveryTypeIsReadFromItsJson) {
  make_table(
      "i:long, bo:bool, n:int, r:real, de:decimal, s:string, dt:datetime, ts:timespan, g:guid, dy:dynamic");
  ASSERT_SUCCESS(ingest(
      R"({"i":1,"bo":true,"n":-5,"r":1.5,"de":12345678901234567890.123456789012345678,"s":"q\"\u00e9\n","dt":"2021-01-02T03:04:05.1234567Z","ts":"1.02:03:04.5","g":"74be27de-1e4e-49d9-b579-fe0b331d3642","dy":{"b": [1, 2.50], "a":null}}
{"i":2.0,"bo":"false","n":"7","r":"1e3","de":"-0.5","s":{"a": 1},"dt":"2021-01-02","ts":"00:00:01","g":null,"dy":"text"}
{"i":"3","bo":1,"n":true,"r":2,"de":1,"s":1.50,"dt":null,"ts":null,"g":"x","dy":null}
{"i":4,"bo":[],"n":{},"r":"x","de":[1],"s":[true, null],"dt":{},"ts":[],"g":1,"dy":[ ]}
)",
      kJson));
  EXPECT_EQ(records(),
            (Records{
                "1|true|-5|1.5|12345678901234567890.12345678901235|q\"é\n|"
                "2021-01-02T03:04:05.1234567Z|1.02:03:04.5000000|74be27de-1e4e-49d9-b579-fe0b331d3642|"
                "{\"b\":[1,2.5],\"a\":null}",
                "2|false|7|1000|-0.5|{\"a\":1}|2021-01-02T00:00:00.0000000Z|00:00:01|null|\"text\"",
                "3|true|1|2|1|1.50|null|null|null|null",
                "4|null|null|null|null|[true,null]|null|null|null|[]",
            }));
}

TEST_F(JsonTest, ThePathsOfAMappingReachIntoRecords) {
  make_table("a:long, b:string, c:dynamic, d:string, e:datetime, f:string, g:string, h:long");
  ASSERT_SUCCESS(ingest(
      R"({"x": {"y": [10, {"z w": "deep"}]}, "t": 1609459200123, "k": "v"}
{"x": 5}
)",
      {{"format", "json"},
       {"ingestionMapping",
        R"([{"column":"a","Properties":{"Path":"$.x.y[0]"}}, {"column":"b","path":"$.x.y[1]['z w']"},
            {"column":"c","Properties":{"path":"$.x"}}, {"column":"d","Properties":{"Path":"$"}},
            {"column":"e","Properties":{"Path":"$.t","Transform":"DateTimeFromUnixMilliseconds"}},
            {"column":"f","Properties":{"ConstValue":"const"}}, {"column":"g","Properties":{"Path":"also const"}}])"}}));
  EXPECT_EQ(records(), (Records{"10|deep|{\"y\":[10,{\"z w\":\"deep\"}]}|{\"x\":{\"y\":[10,{\"z "
                                "w\":\"deep\"}]},\"t\":1609459200123,"
                                "\"k\":\"v\"}|2021-01-01T00:00:00.1230000Z|const|also const|null",
                                "null||5|{\"x\":5}|null|const|also const|null"}));
}

TEST_F(JsonTest, TextsMayHoldAnyCharacter) {
  make_table("a:string, b:dynamic");
  ASSERT_SUCCESS(ingest(R"({"a":"x\u0000y\ud83d\ude00","b":"\u0000"})", kJson));
  EXPECT_EQ(records(), Records{std::string("x\0y\xF0\x9F\x98\x80|\"\\u0000\"", 16)});
}

TEST_F(JsonTest, OfARepeatedMemberTheLastCounts) {
  make_table("a:long, b:string");
  ASSERT_SUCCESS(ingest("{\"a\":1,\"\\u0061\":2,\"b\":\"x\",\"a\":3}", kJson));
  EXPECT_EQ(records(), (Records{"3|x"}));
}

TEST_F(JsonTest, ArraysAndBagsThatSpanLinesAreMultijson) {
  make_table("a:long, b:string");
  ASSERT_SUCCESS(ingest("[\n {\n\"a\": 1,\n \"b\": \"}]\\\"\"},{\"a\":2}\n]\n", kMulti));
  ASSERT_SUCCESS(ingest("{\"a\":\n3}{\"a\":4} \n\n{\"a\":5,\"b\":[{}]}", kMulti));
  ASSERT_SUCCESS(ingest(" [{\"a\":6}]", kJson));
  ASSERT_SUCCESS(ingest("[]", kMulti));
  ASSERT_SUCCESS(ingest("[{\"a\":7}] [] [{\"a\":8}]", kMulti));
  EXPECT_EQ(records(), (Records{"1|}]\"", "2|", "3|", "4|", "5|[{}]", "6|", "7|", "8|"}));
}

TEST_F(JsonTest, MalformedRecordsAreNamed) {
  make_table("a:long");
  const auto line = [](int number) {
    return "DataFormat: the record at line " + std::to_string(number) +
           " isn't a JSON property bag on one line: use the format 'multijson' where they span lines";
  };
  EXPECT_EQ(error_of(ingest("{\"a\":1}\n{\"a\":\n2}\n", kJson)), line(2));
  for (const char* broken :
       {"{\"a\":1",    "{\"a\" 1}",  "{\"a\":1,}",      "{a:1}",          "{\"a\":01}",        "{\"a\":1.}",
        "{\"a\":tru}", "5",          "{\"a\":\"\\x\"}", "{\"a\":\"\t\"}", "{\"a\":\"\\u12\"}", "{\"a\":[1,]}",
        "{\"a\":-}",   "{\"a\":1}]", "{\"a\":1},",      "\"a\"",          "{\"a\":\"x}",       "{\"a\":1e}",
        "}",           "{\"\\",      "{\"a\":\"\\"}) {
    EXPECT_EQ(error_of(ingest(broken, kJson)), line(1)) << broken;
  }
  for (const char* broken :
       {"[{\"a\":1}", "[{\"a\":1},", "[{\"a\":1} {\"a\":2}]", "[,{\"a\":1}]", "[{\"a\":1},,{}]", "{\"a\":1}]",
        "[5]", "[[{}]]", "[{\"a\":1}}", "[{\"a\":[}]}]", "{\"a\":1", "[", "{}x", "[{\"a\":\"x]"}) {
    EXPECT_EQ(error_of(ingest(broken, kMulti)).substr(0, 12), "DataFormat: ") << broken;
  }
  EXPECT_TRUE(records().empty());
  EXPECT_TRUE(extent_files().empty());
}

TEST_F(JsonTest, DeepNestingIsRefused) {
  make_table("a:dynamic");
  const auto nested = [](size_t depth) {
    return "{\"a\":" + std::string(depth, '[') + std::string(depth, ']') + "}";
  };
  ASSERT_SUCCESS(ingest(nested(100), kJson));
  for (const size_t depth : {size_t{1000}, size_t{1'000'000}}) {
    EXPECT_EQ(error_of(ingest(nested(depth), kJson)).substr(0, 12), "DataFormat: ");
    EXPECT_EQ(error_of(ingest(nested(depth), kMulti)).substr(0, 12), "DataFormat: ");
  }
}

TEST_F(JsonTest, LargeDataIsReadInBlocksWithoutLosingARecord) {
  make_table("a:long, b:string");
  for (const bool array : {false, true}) {
    std::string data = array ? "[" : "";
    for (int i = 0; i < 60'000; ++i) {
      data += std::string(array && i > 0 ? ",\n" : "") + "{\"b\":\"{[\\\"" +
              std::string(static_cast<size_t>(i % 40), 'x') + "\",\"a\":" + std::to_string(i) + "}" +
              (array ? "" : "\n");
    }
    ASSERT_SUCCESS(ingest(data + (array ? "]" : ""), array ? kMulti : kJson));
  }
  const auto connection = engine_->connect();
  ASSERT_SUCCESS(connection);
  for (const auto& extent : *table()->extents) {
    const auto result =
        (*connection)
            ->query(
                "SELECT count(*), count(DISTINCT c1), count(*) FILTER (WHERE c2 <> '{[\"' || repeat('x', "
                "CAST(c1 % 40 AS INTEGER))) FROM read_parquet('" +
                folder_.path("extents/" + extent->path) + "')");
    ASSERT_SUCCESS(result);
    EXPECT_EQ((*result)[0], (std::vector<std::optional<std::string>>{"60000", "60000", "0"}));
  }
}

/// Whatever bytes come, there is an answer. Every prefix and every change of one byte of a valid text.
TEST_F(JsonTest, NoInputBreaksTheReader) {
  make_table("a:long, b:dynamic");
  const std::string valid = "[{\"a\":1,\"b\":[{\"c\":\"x\\\"\\u00e9\"},-1.5e3,true,null]},\n{\"a\":2}]";
  const std::vector<catalog::Column> columns = table()->columns;
  class Sink : public VectorSink {
   public:
    void set_null(size_t) override {}
    void set_text(size_t, std::string_view) override {}
    void* data() override { return values_; }

   private:
    int64_t values_[64] = {};
  };
  const auto read_all = [&](const std::string& text, JsonLayout layout) {
    Input input;
    input.data = text;
    const std::vector<Input> inputs = {input};
    auto sources = resolve_mapping(MappingKind::Json, "", columns);
    ASSERT_SUCCESS(sources);
    const auto source = open_json(layout, inputs, columns, *sources, 1);
    const auto reader = source->open_reader();
    ASSERT_SUCCESS(reader);
    Sink first, second;
    while (true) {
      const Result<size_t> rows = (*reader)->read({&first, &second}, 64);
      if (!rows.ok() || *rows == 0) break;
    }
  };
  for (const JsonLayout layout : {JsonLayout::Lines, JsonLayout::Multi}) {
    for (size_t i = 0; i <= valid.size(); ++i) {
      read_all(valid.substr(0, i), layout);
      read_all(valid.substr(i), layout);
      for (const char c : {'"', '\\', '{', '}', '[', ']', ',', ':', '\0', '\xFF', '\n', '1'}) {
        if (i == valid.size()) continue;
        std::string changed = valid;
        changed[i] = c;
        read_all(changed, layout);
      }
    }
  }
}

}  // namespace
}  // namespace spillway::ingest
