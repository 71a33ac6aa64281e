#include "cli/client.h"

#include <gtest/gtest.h>

#include "cli/json_reader.h"

namespace spillway::cli {
namespace {

constexpr const char* kAnswer = R"j({"Tables":[
  {"TableName":"Table_0","Columns":[{"ColumnName":"b","DataType":"SByte","ColumnType":"bool"},
    {"ColumnName":"l","DataType":"Int64","ColumnType":"long"},{"ColumnName":"r","DataType":"Double","ColumnType":"real"},
    {"ColumnName":"s","DataType":"String"},{"ColumnName":"d","ColumnType":"datetime"},
    {"ColumnName":"t","ColumnType":"timespan"},{"ColumnName":"g","ColumnType":"guid"},
    {"ColumnName":"m","ColumnType":"decimal"},{"ColumnName":"y","ColumnType":"dynamic"}],
   "Rows":[[true,9223372036854775807,0.1,"a\u00e9\ud83d\ude00\"\n","2024-01-01T00:00:00.1Z","1.00:00:00",
            "74be27de-1e4e-49d9-b579-fe0b331d3642","1.50",{"a":[1,"]"]}],
           [null,null,"NaN","",null,null,null,null,"text"]]},
  {"TableName":"Table_1","Columns":[{"ColumnName":"Value","ColumnType":"string"}],"Rows":[["{}"]]},
  {"TableName":"Table_2","Columns":[],"Rows":[]},
  {"TableName":"Table_3","Columns":[{"ColumnName":"Ordinal","ColumnType":"long"},{"ColumnName":"Kind","ColumnType":"string"},
    {"ColumnName":"Name","ColumnType":"string"},{"ColumnName":"Id","ColumnType":"string"}],
   "Rows":[[0,"QueryResult","PrimaryResult","x"],[1,"QueryProperties","@ExtendedProperties","y"],[2,"QueryStatus","QueryStatus","z"]]}]})j";

TEST(Client, ReadsAnswers) {
  const auto tables = parse_v1_answer(kAnswer);
  ASSERT_TRUE(tables.ok()) << tables.error().message;
  ASSERT_EQ(tables->size(), 1U);
  const Table& table = tables->front();
  EXPECT_EQ(table.name, "PrimaryResult");
  const std::vector<Value> first = {Value::boolean(true),
                                    Value::int64(INT64_MAX),
                                    Value::real(0.1),
                                    Value::string("aé😀\"\n"),
                                    Value::datetime(*parse_datetime("2024-01-01T00:00:00.1Z")),
                                    Value::timespan(kTicksPerDay),
                                    Value::guid(*Guid::parse("74be27de-1e4e-49d9-b579-fe0b331d3642")),
                                    Value::decimal("1.50"),
                                    Value::dynamic("{\"a\":[1,\"]\"]}")};
  EXPECT_EQ(table.rows[0], first);
  EXPECT_TRUE(table.rows[1][0].is_null());
  EXPECT_EQ(table.rows[1][3], Value::string(""));
  EXPECT_EQ(table.rows[1][8], Value::dynamic("\"text\""));
}

TEST(Client, SeesFailuresAmongTheRows) {
  const auto tables = parse_v1_answer(
      R"({"Tables":[{"TableName":"Table_0","Columns":[{"ColumnName":"x","ColumnType":"long"}],"Rows":[[1],{"Exceptions":["too large"]}]}],"Exceptions":["too large"]})");
  ASSERT_FALSE(tables.ok());
  EXPECT_EQ(tables.error().message, "too large");
}

TEST(Client, SeesAnswersThatEndTooSoon) {
  const std::string whole = kAnswer;
  for (size_t length = 0; length < whole.size(); length += 7) {
    EXPECT_FALSE(parse_v1_answer(whole.substr(0, length)).ok()) << length;
  }
}

TEST(Client, ReadsErrors) {
  const Error error = parse_error_answer(
      400,
      R"({"error":{"code":"General_BadRequest","@message":"outer","innererror":{"code":"SYN0002","@message":"Syntax error: SYN0002: oops [line:position=2:7]"}}})");
  EXPECT_EQ(error.code, ErrorCode::Syntax);
  ASSERT_TRUE(error.span.has_value());
  EXPECT_EQ(error.span->line, 2);
  EXPECT_EQ(error.span->column, 8);
  EXPECT_EQ(parse_error_answer(429, R"({"error":{"code":"x","@message":"busy"}})").code,
            ErrorCode::Throttled);
  EXPECT_EQ(parse_error_answer(502, "<html>").message, "the server answered with the HTTP status 502");
}

TEST(Client, TellsThatNoServerAnswers) {
  Client client({.url = "127.0.0.1:1"});
  const auto tables = client.query("db", "print 1");
  ASSERT_FALSE(tables.ok());
  EXPECT_FALSE(client.connected());
  EXPECT_FALSE(client.healthy());
}

TEST(Client, KnowsCommands) {
  EXPECT_TRUE(is_command("// c\n  .show tables"));
  EXPECT_FALSE(is_command("print 1"));
  EXPECT_FALSE(is_command("// .show"));
}

TEST(JsonReader, HandsOutRawValues) {
  JsonReader in(R"( [ {"a" : [1, "x]"]}, -1.5e3 ,null])");
  std::vector<std::string> raw;
  EXPECT_TRUE(in.array([&] {
    std::string_view value;
    if (!in.raw(value)) return false;
    raw.emplace_back(value);
    return true;
  }));
  EXPECT_EQ(raw, (std::vector<std::string>{R"({"a" : [1, "x]"]})", "-1.5e3", "null"}));
}

}  // namespace
}  // namespace spillway::cli
