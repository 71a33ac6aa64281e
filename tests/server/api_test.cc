// The REST API's answers, byte by byte where clients read them so, over a backend of the tests' own.
#include "server/api.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include <cmath>
#include <limits>

#include "tests/server/fake_backend.h"

namespace spillway::server {
namespace {

namespace json = boost::json;
using test::FakeBackend;
using test::FakeResult;

/// An answer held in memory.
class MemoryResponse : public HttpResponse {
 public:
  void set_status(int status) override { status_ = status; }
  int status() const override { return status_; }
  void set_header(const std::string& name, const std::string& value) override { headers[name] = value; }
  Status write(std::string_view bytes) override {
    body.append(bytes);
    started_ = true;
    return gone ? Status(ErrorCode::Cancelled, "gone") : Status();
  }
  bool started() const override { return started_; }
  json::value parsed() const { return json::parse(body); }

  std::map<std::string, std::string> headers;
  std::string body;
  bool gone = false;

 private:
  int status_ = 200;
  bool started_ = false;
};

class ApiTest : public ::testing::Test {
 protected:
  MemoryResponse send(HttpRequest request) {
    request.cancel = std::make_shared<engine::CancelToken>();
    request.headers.try_emplace("host", "127.0.0.1:8080");
    MemoryResponse response;
    Api(backend, metrics, options).handle(request, response);
    return response;
  }
  MemoryResponse post(const std::string& path, const std::string& body) {
    HttpRequest request;
    request.method = "POST";
    request.path = path;
    request.headers["content-type"] = "application/json; charset=utf-8";
    request.headers["x-ms-client-request-id"] = "Test;1";
    request.body = body;
    return send(std::move(request));
  }
  MemoryResponse get(const std::string& path, std::map<std::string, std::string> query = {}) {
    HttpRequest request;
    request.method = "GET";
    request.path = path;
    request.query = std::move(query);
    return send(std::move(request));
  }
  MemoryResponse query(const std::string& path, const std::string& options_json = "{}") {
    return post(path, R"({"db":"db","csl":"T","properties":{"Options":)" + options_json + "}}");
  }
  static std::string message(const MemoryResponse& response) {
    return std::string(response.parsed().at("error").at("@message").get_string());
  }

  FakeBackend backend;
  Metrics metrics;
  ApiOptions options;
};

const Schema kNumbers = {{"x", Type::Long}};

FakeResult numbers(int64_t count) {
  FakeResult result;
  result.schema = kNumbers;
  for (int64_t i = 1; i <= count; ++i) result.rows.push_back({Value::int64(i)});
  return result;
}

FakeResult every_type() {
  FakeResult result;
  result.schema = {{"b", Type::Bool},    {"i", Type::Int},    {"l", Type::Long},     {"r", Type::Real},
                   {"m", Type::Decimal}, {"s", Type::String}, {"d", Type::DateTime}, {"t", Type::TimeSpan},
                   {"g", Type::Guid},    {"y", Type::Dynamic}};
  result.rows.push_back({Value::boolean(true), Value::int32(-1), Value::int64(INT64_MAX), Value::real(1),
                         Value::decimal("1.50"), Value::string("a\"\n\xC3\xA9\x01"),
                         Value::datetime(kUnixEpoch + 1'000'000), Value::timespan(kTicksPerDay + 1),
                         Value::guid({1, 2}), Value::dynamic("{\"a\":[1,null]}")});
  std::vector<Value> nulls;
  for (const Field& field : result.schema) nulls.push_back(Value::null(field.type));
  result.rows.push_back(nulls);
  return result;
}

constexpr const char* kEveryTypeRows =
    R"([[true,-1,9223372036854775807,1.0,"1.50","a\"\né\u0001","1970-01-01T00:00:00.1Z","1.00:00:00.0000001",)"
    R"("00000000-0000-0001-0000-000000000002",{"a":[1,null]}],[null,null,null,null,null,"",null,null,null,null]])";

TEST_F(ApiTest, V1HasTheResultAndThreeTablesAboutIt) {
  backend.results = {every_type()};
  const MemoryResponse answer = query("/v1/rest/query");
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(answer.headers.at("Content-Type"), "application/json; charset=utf-8");
  EXPECT_TRUE(answer.body.starts_with(
      R"({"Tables":[{"TableName":"Table_0","Columns":[{"ColumnName":"b","DataType":"SByte","ColumnType":"bool"},)"))
      << answer.body.substr(0, 200);
  EXPECT_NE(answer.body.find(std::string("\"Rows\":") + kEveryTypeRows), std::string::npos) << answer.body;

  const json::value parsed = answer.parsed();
  const json::array& tables = parsed.at("Tables").get_array();
  ASSERT_EQ(tables.size(), 4U);
  EXPECT_EQ(tables[1].at("Columns").at(0).at("ColumnName"), "Value");
  EXPECT_TRUE(tables[1].at("Rows").at(0).at(0).get_string().starts_with("{\"Visualization\":null,"));
  EXPECT_EQ(tables[2].at("Rows").at(0).at(2), "Info");
  EXPECT_EQ(tables[2].at("Rows").at(0).at(4), "Query completed successfully");
  EXPECT_EQ(tables[2].at("Rows").at(0).at(9), "Test;1");
  EXPECT_EQ(tables[2].at("Rows").at(1).at(2), "Stats");
  EXPECT_EQ(tables[3].at("Rows").at(0).at(1), "QueryResult");
  EXPECT_EQ(tables[3].at("Rows").at(0).at(2), "PrimaryResult");
  EXPECT_EQ(tables[3].at("Rows").at(1).at(2), "@ExtendedProperties");
  EXPECT_EQ(tables[3].at("Rows").at(2).at(1), "QueryStatus");
}

TEST_F(ApiTest, V2HasFrames) {
  backend.results = {every_type()};
  const MemoryResponse answer = query("/v2/rest/query");
  const json::value parsed = answer.parsed();
  const json::array& frames = parsed.get_array();
  ASSERT_EQ(frames.size(), 5U);
  EXPECT_TRUE(
      answer.body.starts_with(R"([{"FrameType":"DataSetHeader","IsProgressive":false,"Version":"v2.0"},)"));
  EXPECT_EQ(frames[1].at("TableKind"), "QueryProperties");
  EXPECT_EQ(frames[1].at("TableId"), 0);
  EXPECT_EQ(frames[1].at("Rows").at(0).at(1), "Visualization");
  EXPECT_EQ(frames[2].at("TableKind"), "PrimaryResult");
  EXPECT_EQ(frames[2].at("TableId"), 1);
  EXPECT_NE(answer.body.find(std::string("\"Rows\":") + kEveryTypeRows), std::string::npos);
  EXPECT_EQ(frames[3].at("TableKind"), "QueryCompletionInformation");
  EXPECT_EQ(frames[3].at("Rows").at(0).at(5), 4);
  EXPECT_TRUE(
      answer.body.ends_with(R"({"FrameType":"DataSetCompletion","HasErrors":false,"Cancelled":false}])"));
}

TEST_F(ApiTest, RealsThatJsonHasNotAreStrings) {
  FakeResult result;
  result.schema = {{"r", Type::Real}};
  for (const double value : {std::nan(""), HUGE_VAL, -HUGE_VAL, 0.1, 1e300, -0.0, 123456789012345680.0}) {
    result.rows.push_back({Value::real(value)});
  }
  backend.results = {result};
  EXPECT_NE(
      query("/v2/rest/query")
          .body.find(R"([["NaN"],["Infinity"],["-Infinity"],[0.1],[1e+300],[-0.0],[123456789012345680.0]])"),
      std::string::npos);
}

TEST_F(ApiTest, TextThatIsNotUtf8IsMended) {
  FakeResult result;
  result.schema = {{"s", Type::String}};
  result.rows = {{Value::string("a\xFFz\xE2\x82")},
                 {Value::string("\xED\xA0\x80")},
                 {Value::string("\xF0\x9F\x98\x80")}};
  backend.results = {result};
  EXPECT_NE(query("/v1/rest/query").body.find("[[\"a\xEF\xBF\xBDz\xEF\xBF\xBD\xEF\xBF\xBD\"],"),
            std::string::npos);
  EXPECT_NE(query("/v1/rest/query").body.find("[\"\xF0\x9F\x98\x80\"]]"), std::string::npos);
}

TEST_F(ApiTest, EachStatementHasItsResult) {
  backend.results = {numbers(1), numbers(2)};
  backend.results[1].name = "Second";
  const json::value v1 = query("/v1/rest/query").parsed();
  EXPECT_EQ(v1.at("Tables").get_array().size(), 5U);
  EXPECT_EQ(v1.at("Tables").at(4).at("Rows").at(1).at(2), "Second");
  const json::value v2 = query("/v2/rest/query").parsed();
  EXPECT_EQ(v2.at(3).at("TableName"), "Second");
  EXPECT_EQ(v2.at(3).at("Rows").get_array().size(), 2U);
  EXPECT_EQ(v2.at(4).at("TableId"), 3);
}

TEST_F(ApiTest, TellsTheCursorAndTheVisualization) {
  backend.results = {numbers(1)};
  backend.results[0].visualization = R"({"Visualization":"piechart"})";
  backend.cursor = 637239957206013576;
  const json::value v1 = query("/v1/rest/query").parsed();
  EXPECT_EQ(v1.at("Tables").at(1).at("Rows").at(0).at(0), R"({"Visualization":"piechart"})");
  EXPECT_EQ(v1.at("Tables").at(1).at("Rows").at(1).at(0), R"({"Cursor":"637239957206013576"})");
  const json::value v2 = query("/v2/rest/query").parsed();
  EXPECT_EQ(json::serialize(v2.at(1).at("Rows").at(0)),
            R"([1,"Visualization","{\"Visualization\":\"piechart\"}"])");
  EXPECT_EQ(json::serialize(v2.at(1).at("Rows").at(1)), R"([1,"Cursor","637239957206013576"])");
}

TEST_F(ApiTest, ProgressiveAnswersComeInFragments) {
  backend.results = {numbers(3)};
  const json::value frames = query("/v2/rest/query", R"({"results_progressive_enabled":true})").parsed();
  EXPECT_EQ(frames.at(0).at("IsProgressive"), true);
  EXPECT_EQ(frames.at(2).at("FrameType"), "TableHeader");
  EXPECT_EQ(frames.at(3).at("FrameType"), "TableFragment");
  EXPECT_EQ(frames.at(3).at("TableFragmentType"), "DataAppend");
  EXPECT_EQ(json::serialize(frames.at(3).at("Rows")), "[[1],[2],[3]]");
  EXPECT_EQ(json::serialize(frames.at(4)), R"({"FrameType":"TableCompletion","TableId":1,"RowCount":3})");
}

TEST_F(ApiTest, FragmentsAndNewlinesAreThereOnRequest) {
  backend.results = {numbers(100'000)};
  backend.results[0].rows_per_batch = 1'000;
  const MemoryResponse answer = query(
      "/v2/rest/query",
      R"({"results_v2_fragment_primary_tables":true,"results_v2_newlines_between_frames":true,"results_error_reporting_placement":"end_of_table"})");
  const json::value frames = answer.parsed();
  EXPECT_EQ(frames.at(0).at("IsFragmented"), true);
  EXPECT_EQ(frames.at(0).at("ErrorReportingPlacement"), "end_of_table");
  size_t rows = 0, fragments = 0, lines = 0;
  for (const json::value& frame : frames.get_array()) {
    if (frame.at("FrameType") != "TableFragment") continue;
    ++fragments;
    rows += frame.at("Rows").get_array().size();
  }
  for (const char c : answer.body) lines += c == '\n';
  EXPECT_EQ(rows, 100'000U);
  EXPECT_GT(fragments, 1U);
  EXPECT_EQ(lines, frames.get_array().size());
}

TEST_F(ApiTest, ErrorsHaveTheOneApiShape) {
  backend.compile_error = Error{ErrorCode::Syntax, "a table name was expected", TextSpan{1, 10, 9, 4}};
  const MemoryResponse answer = query("/v2/rest/query");
  EXPECT_EQ(answer.status(), 400);
  EXPECT_EQ(answer.headers.at("x-ms-client-request-id"), "Test;1");
  const json::value parsed = answer.parsed();
  const json::value& error = parsed.at("error");
  EXPECT_EQ(error.at("code"), "General_BadRequest");
  EXPECT_EQ(error.at("@type"), "Kusto.Data.Exceptions.KustoBadRequestException");
  EXPECT_EQ(error.at("@message"),
            "Request is invalid and cannot be processed: Syntax error: SYN0002: a table name was expected "
            "[line:position=1:9]");
  EXPECT_EQ(error.at("@permanent"), true);
  EXPECT_EQ(error.at("@context").at("clientRequestId"), "Test;1");
  EXPECT_EQ(error.at("@context").at("activityId"), json::string(answer.headers.at("x-ms-activity-id")));
  EXPECT_EQ(error.at("innererror").at("code"), "SYN0002");
  EXPECT_EQ(error.at("innererror").at("@line"), "1");
  EXPECT_EQ(error.at("innererror").at("@pos"), "9");
}

TEST_F(ApiTest, AMessageMayNameItsOwnErrorCode) {
  backend.compile_error = Error{ErrorCode::Semantic, "SEM0036: no such pattern", TextSpan{2, 1, 9, 4}};
  const MemoryResponse answer = query("/v1/rest/query");
  const json::value parsed = answer.parsed();
  EXPECT_EQ(parsed.at("error").at("innererror").at("code"), "SEM0036");
  EXPECT_EQ(parsed.at("error").at("innererror").at("message"), "no such pattern");
  EXPECT_EQ(message(answer),
            "Request is invalid and cannot be processed: Semantic error: SEM0036: no such pattern "
            "[line:position=2:0]");
}

TEST_F(ApiTest, PropertiesOfQueriesReachTheBinder) {
  query("/v1/rest/query", R"({"best_effort":true,"query_bin_auto_size":"1h"})");
  EXPECT_EQ(backend.last_query.properties.at("best_effort"), "true");
  EXPECT_EQ(backend.last_query.properties.at("query_bin_auto_size"), "1h");
}

TEST_F(ApiTest, WarningsStandInTheStatusTables) {
  backend.results = {numbers(1)};
  backend.warnings = {"Failed to resolve entity 'T'"};
  EXPECT_NE(query("/v1/rest/query").body.find("Failed to resolve entity 'T'"), std::string::npos);
  EXPECT_NE(query("/v2/rest/query").body.find("Failed to resolve entity 'T'"), std::string::npos);
}

TEST_F(ApiTest, EachErrorCodeHasItsStatus) {
  const std::pair<ErrorCode, int> kStatuses[] = {
      {ErrorCode::BadRequest, 400},   {ErrorCode::Semantic, 400},  {ErrorCode::EntityNotFound, 400},
      {ErrorCode::Unauthorized, 401}, {ErrorCode::Forbidden, 403}, {ErrorCode::Conflict, 409},
      {ErrorCode::Throttled, 429},    {ErrorCode::Timeout, 504},   {ErrorCode::StorageTransient, 503},
      {ErrorCode::Internal, 520},     {ErrorCode::DataFormat, 400}};
  for (const auto& [code, status] : kStatuses) {
    backend.compile_error = Error{code, "it failed"};
    const MemoryResponse answer = query("/v1/rest/query");
    EXPECT_EQ(answer.status(), status) << name_of(code);
    EXPECT_NE(message(answer).find("it failed"), std::string::npos);
    EXPECT_EQ(answer.parsed().at("error").at("@permanent").get_bool(), Error(code, "").permanent());
  }
}

TEST_F(ApiTest, AFailureBeforeTheFirstRowsIsTheRequestsOwn) {
  backend.results = {numbers(5)};
  backend.results[0].failure = Error{ErrorCode::Timeout, "the time is over"};
  backend.results[0].fails_at_once = true;
  EXPECT_EQ(query("/v2/rest/query").status(), 504);
  EXPECT_EQ(query("/v1/rest/query").status(), 504);
}

TEST_F(ApiTest, V2TellsAFailureAmongTheRows) {
  backend.results = {numbers(3), numbers(3)};
  backend.results[0].failure = Error{ErrorCode::LimitExceeded, "no memory"};
  const MemoryResponse answer = query("/v2/rest/query");
  EXPECT_EQ(answer.status(), 200);
  const json::value frames = answer.parsed();
  EXPECT_EQ(frames.get_array().size(), 4U) << "nothing comes after the result that failed";
  const json::array& rows = frames.at(2).at("Rows").get_array();
  ASSERT_EQ(rows.size(), 4U);
  EXPECT_EQ(rows[3].at("OneApiErrors").at(0).at("error").at("@message"), "no memory");
  EXPECT_EQ(frames.at(3).at("HasErrors"), true);
  EXPECT_EQ(frames.at(3).at("OneApiErrors").at(0).at("error").at("code"), "LimitsExceeded");
}

TEST_F(ApiTest, V2TellsAFailureWhereTheRequestWantsIt) {
  backend.results = {numbers(3)};
  backend.results[0].failure = Error{ErrorCode::LimitExceeded, "no memory"};
  const json::value of_table =
      query(
          "/v2/rest/query",
          R"({"results_v2_fragment_primary_tables":true,"results_error_reporting_placement":"end_of_table"})")
          .parsed();
  EXPECT_EQ(of_table.at(4).at("FrameType"), "TableCompletion");
  EXPECT_EQ(of_table.at(4).at("OneApiErrors").at(0).at("error").at("code"), "LimitsExceeded");
  const json::value of_dataset =
      query("/v2/rest/query", R"({"results_error_reporting_placement":"end_of_dataset"})").parsed();
  EXPECT_EQ(of_dataset.at(2).at("Rows").get_array().size(), 3U);
  EXPECT_EQ(of_dataset.at(3).at("HasErrors"), true);
}

TEST_F(ApiTest, DeferredFailuresAreInTheStatusTable) {
  backend.results = {numbers(3)};
  backend.results[0].failure = Error{ErrorCode::LimitExceeded, "no memory"};
  const json::value v2 = query("/v2/rest/query", R"({"deferpartialqueryfailures":true})").parsed();
  EXPECT_EQ(v2.at(2).at("Rows").get_array().size(), 3U);
  EXPECT_EQ(v2.at(3).at("Rows").at(0).at(5), 2);
  EXPECT_EQ(v2.at(4).at("HasErrors"), false);
  const json::value v1 = query("/v1/rest/query", R"({"deferpartialqueryfailures":true})").parsed();
  EXPECT_EQ(v1.at("Tables").at(2).at("Rows").at(0).at(1), 2);
}

TEST_F(ApiTest, V1TellsAFailureAmongTheRows) {
  backend.results = {numbers(2)};
  backend.results[0].failure = Error{ErrorCode::LimitExceeded, "no memory"};
  const MemoryResponse answer = query("/v1/rest/query");
  EXPECT_TRUE(
      answer.body.ends_with(R"("Rows":[[1],[2],{"Exceptions":["no memory"]}]}],"Exceptions":["no memory"]})"))
      << answer.body;
  EXPECT_NO_THROW(answer.parsed());
}

TEST_F(ApiTest, TruncatesAtTheLimitOnRecords) {
  backend.results = {numbers(10)};
  const MemoryResponse answer = query("/v2/rest/query", R"({"truncationmaxrecords":5})");
  const json::value frames = answer.parsed();
  EXPECT_EQ(frames.at(2).at("Rows").get_array().size(), 6U);
  EXPECT_EQ(frames.at(2).at("Rows").at(5).at("OneApiErrors").at(0).at("error").at("@message"),
            "The Kusto DataEngine has failed to execute a query: 'Query result set has exceeded the internal "
            "record count "
            "limit 5 (E_QUERY_RESULT_SET_TOO_LARGE).'");
  EXPECT_EQ(query("/v2/rest/query", R"({"truncationmaxrecords":10})").parsed().at(4).at("HasErrors"), false);
}

TEST_F(ApiTest, TruncatesAtTheLimitOnSize) {
  backend.results = {numbers(10)};
  const MemoryResponse answer = query("/v1/rest/query", R"({"truncationmaxsize":"24"})");
  EXPECT_NE(answer.body.find(
                "[1],[2],[3],{\"Exceptions\":[\"The Kusto DataEngine has failed to execute a query: 'Query "
                "result set has exceeded the internal data size limit 24 (E_QUERY_RESULT_SET_TOO_LARGE).'"),
            std::string::npos);
}

TEST_F(ApiTest, TruncatesAtHalfAMillionRecordsByDefault) {
  backend.results = {numbers(10)};
  backend.results[0].repeat = 50'001;
  backend.results[0].rows_per_batch = 1'000;
  EXPECT_NE(query("/v1/rest/query").body.find("record count limit 500000"), std::string::npos);
  EXPECT_EQ(query("/v1/rest/query", R"({"notruncation":true})").body.find("Exceptions"), std::string::npos);
  backend.options = {{"notruncation", ""}};
  EXPECT_EQ(query("/v1/rest/query").body.find("Exceptions"), std::string::npos) << "set notruncation;";
  EXPECT_NE(
      query("/v1/rest/query", R"({"truncationmaxrecords":500000})").body.find("record count limit 500000"),
      std::string::npos)
      << "a limit wins over notruncation";
  backend.options = {{"truncationmaxrecords", "3"}};
  EXPECT_NE(query("/v1/rest/query", R"({"truncationmaxrecords":500000})").body.find("record count limit 3 "),
            std::string::npos)
      << "the lowest limit counts";
}

TEST_F(ApiTest, TakesNoMoreRecordsThanAskedFor) {
  backend.results = {numbers(10)};
  const json::value frames = query("/v2/rest/query", R"({"query_take_max_records":3})").parsed();
  EXPECT_EQ(frames.at(2).at("Rows").get_array().size(), 3U);
  EXPECT_EQ(frames.at(4).at("HasErrors"), false);
}

TEST_F(ApiTest, PassesTheTimeoutOn) {
  backend.results = {numbers(1)};
  std::optional<std::chrono::milliseconds> timeout;
  backend.before_batch = [&](const engine::RunOptions& run) {
    timeout = run.timeout;
    return Status();
  };
  const auto with = [&](const std::string& options_json) {
    EXPECT_EQ(query("/v2/rest/query", options_json).status(), 200) << options_json;
    return timeout.value_or(std::chrono::milliseconds(0));
  };
  const auto is_about = [](std::chrono::milliseconds value, std::chrono::milliseconds expected) {
    return value <= expected && value > expected - std::chrono::seconds(30);
  };
  using std::chrono::minutes;
  EXPECT_TRUE(is_about(with("{}"), minutes(4)));
  EXPECT_TRUE(is_about(with(R"({"servertimeout":"00:10:00"})"), minutes(10)));
  EXPECT_TRUE(is_about(with(R"({"servertimeout":"0:10:00"})"), minutes(10)));
  EXPECT_TRUE(is_about(with(R"({"servertimeout":"50m"})"), minutes(50)));
  EXPECT_TRUE(is_about(with(R"({"servertimeout":"2h"})"), minutes(60)));
  EXPECT_TRUE(is_about(with(R"({"servertimeout":6000000000})"), minutes(10)));
  EXPECT_TRUE(is_about(with(R"({"norequesttimeout":true})"), minutes(60)));
}

TEST_F(ApiTest, ReadsPropertiesFromAnObjectAndFromAString) {
  backend.results = {numbers(1)};
  post(
      "/v2/rest/query",
      R"j({"db":"d","csl":"T","properties":{"Parameters":{"n":10,"s":"text","d":"datetime(2024-01-01)"}}})j");
  const std::map<std::string, std::string> expected = {
      {"n", "10"}, {"s", "text"}, {"d", "datetime(2024-01-01)"}};
  EXPECT_EQ(backend.last_query.parameters, expected);
  EXPECT_EQ(backend.last_query.database, "d");
  post("/v2/rest/query",
       R"({"db":"d","csl":"T","properties":"{\"Parameters\":{\"n\":10},\"Options\":{\"no_such\":1}}"})");
  EXPECT_EQ(backend.last_query.parameters.at("n"), "10");
  post("/v2/rest/query", R"({"db":"d","csl":"T","properties":{"Options":{"query_now":"2024-02-03"}}})");
  EXPECT_EQ(backend.last_query.now, parse_datetime("2024-02-03"));
}

TEST_F(ApiTest, RefusesPropertiesThatMakeNoSense) {
  backend.results = {numbers(1)};
  for (const char* bad :
       {R"({"servertimeout":"soon"})", R"({"servertimeout":"-1m"})", R"({"truncationmaxrecords":-1})",
        R"({"truncationmaxsize":"much"})", R"({"notruncation":"perhaps"})", R"([])", R"("x")",
        R"({"query_language":"sql"})", R"({"query_cursor_after_default":"1"})"}) {
    const MemoryResponse answer = query("/v2/rest/query", bad);
    EXPECT_EQ(answer.status(), 400) << bad;
  }
  for (const char* body : {"", "{", "[]", "null", R"({"csl":1})", R"({"db":"d"})", R"({"csl":" "})",
                           R"({"csl":"T","properties":"{"})", R"({"csl":"T","properties":3})"}) {
    EXPECT_EQ(post("/v2/rest/query", body).status(), 400) << body;
  }
  EXPECT_EQ(post("/v2/rest/query", std::string(100'000, '[')).status(), 400);
}

TEST_F(ApiTest, AnswersGet) {
  backend.results = {numbers(1)};
  EXPECT_EQ(get("/v1/rest/query", {{"db", "d"}, {"csl", "T"}}).status(), 200);
  EXPECT_EQ(backend.last_query.text, "T");
  EXPECT_EQ(get("/v2/rest/query", {{"csl", "T"}, {"properties", R"({"Parameters":{"a":1}})"}}).status(), 200);
  EXPECT_EQ(backend.last_query.parameters.at("a"), "1");
  EXPECT_EQ(backend.last_query.database, "NetDefaultDB");
}

TEST_F(ApiTest, OneTableOfACommandComesAlone) {
  backend.command = [](const commands::Request& request) -> Result<std::vector<Table>> {
    EXPECT_EQ(request.activity_id, "Test;1");
    EXPECT_EQ(request.timeout, std::chrono::minutes(10));
    return std::vector<Table>{{"Table_0", kNumbers, {{Value::int64(7)}}}};
  };
  const MemoryResponse answer = post("/v1/rest/mgmt", R"({"db":"d","csl":".show tables"})");
  EXPECT_EQ(
      answer.body,
      R"({"Tables":[{"TableName":"Table_0","Columns":[{"ColumnName":"x","DataType":"Int64","ColumnType":"long"}],"Rows":[[7]]}]})");
}

TEST_F(ApiTest, SeveralTablesOfACommandComeWithContents) {
  backend.command = [](const commands::Request&) -> Result<std::vector<Table>> {
    return std::vector<Table>{{"A", kNumbers, {}}, {"B", kNumbers, {}}};
  };
  const json::value tables = post("/v1/rest/mgmt", R"({"db":"d","csl":".show x"})").parsed().at("Tables");
  EXPECT_EQ(tables.get_array().size(), 5U);
  EXPECT_EQ(tables.at(4).at("Rows").at(1).at(2), "B");
}

TEST_F(ApiTest, ReadOnlyRequestsMayOnlyShow) {
  int executed = 0;
  backend.command = [&](const commands::Request&) -> Result<std::vector<Table>> {
    ++executed;
    return std::vector<Table>{{}};
  };
  const auto with = [&](const std::string& command) {
    return post("/v1/rest/mgmt",
                R"({"db":"d","csl":")" + command + R"(","properties":{"Options":{"request_readonly":true}}})")
        .status();
  };
  EXPECT_EQ(with(".drop table T"), 403);
  EXPECT_EQ(with(".showers"), 403);
  EXPECT_EQ(executed, 0);
  EXPECT_EQ(with("// a comment\\n .show tables"), 200);
  EXPECT_EQ(executed, 1);
}

TEST_F(ApiTest, TellsQueriesAndCommandsApart) {
  EXPECT_EQ(post("/v1/rest/query", R"({"db":"d","csl":".show tables"})").status(), 400);
  EXPECT_EQ(post("/v1/rest/mgmt", R"({"db":"d","csl":"T | count"})").status(), 400);
}

TEST_F(ApiTest, ExternalTablesCanBeDisabled) {
  backend.results = {numbers(1)};
  backend.external_tables = true;
  EXPECT_EQ(query("/v2/rest/query", R"({"request_external_table_disabled":true})").status(), 403);
  EXPECT_EQ(query("/v2/rest/query").status(), 200);
}

TEST_F(ApiTest, CursorFunctionsCanBeDisabled) {
  backend.results = {numbers(1)};
  EXPECT_EQ(query("/v2/rest/query", R"({"query_cursor_disabled":true})").status(), 200);
  backend.cursor = 5;
  EXPECT_EQ(query("/v2/rest/query", R"({"query_cursor_disabled":true})").status(), 403);
}

TEST_F(ApiTest, KnowsItsPaths) {
  EXPECT_EQ(get("/no/such").status(), 404);
  EXPECT_NE(message(get("/no/such")).find("/no/such"), std::string::npos);
  const MemoryResponse wrong_method = get("/v1/rest/mgmt");
  EXPECT_EQ(wrong_method.status(), 405);
  EXPECT_EQ(wrong_method.headers.at("Allow"), "POST");
  EXPECT_EQ(get("/healthz").body, "ok\n");
  EXPECT_EQ(get("/v1/rest/auth/metadata").body, R"({"AzureAD":null,"dSTS":null})");
  EXPECT_NE(get("/").body.find("Spillway"), std::string::npos);
}

TEST_F(ApiTest, NeedsJson) {
  HttpRequest request;
  request.method = "POST";
  request.path = "/v1/rest/query";
  request.body = R"({"csl":"T"})";
  EXPECT_EQ(send(request).status(), 415);
  request.headers["content-type"] = "text/plain";
  EXPECT_EQ(send(request).status(), 415);
  backend.results = {numbers(1)};
  for (const char* type : {"application/json", "Application/JSON ; charset=UTF-8"}) {
    request.headers["content-type"] = type;
    EXPECT_EQ(send(request).status(), 200) << type;
  }
}

TEST_F(ApiTest, TakesDataForATable) {
  std::vector<std::string> seen;
  backend.ingestion = [&](const commands::StreamRequest& request) -> Result<int64_t> {
    seen = {request.database,
            request.table,
            request.format,
            request.mapping,
            request.is_address ? "address" : "data",
            std::string(request.data)};
    if (request.table == "None") return Error{ErrorCode::EntityNotFound, "table 'None' not found"};
    return 2;
  };
  const auto ingest = [&](const std::string& path, std::map<std::string, std::string> parameters,
                          const std::string& body) {
    HttpRequest request;
    request.method = "POST";
    request.path = "/v1/rest/ingest/" + path;
    request.query = std::move(parameters);
    request.body = body;
    return send(std::move(request));
  };
  const MemoryResponse answer = ingest("db/T", {{"streamFormat", "Csv"}}, "1,a\n2,b");
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(seen, (std::vector<std::string>{"db", "T", "Csv", "", "data", "1,a\n2,b"}));
  EXPECT_EQ(answer.parsed().at("Tables").at(0).at("Rows").at(0).at(0).as_int64(), 2);
  EXPECT_EQ(ingest("db/T", {{"streamformat", "JSON"}, {"mappingName", "M"}}, "{}").status(), 200);
  EXPECT_EQ(seen[3], "M");
  const char* body = R"({"sourceUri": "/data/a.csv"})";
  EXPECT_EQ(ingest("db/T", {{"streamFormat", "csv"}, {"sourceKind", "uri"}}, body).status(), 200);
  EXPECT_EQ(seen[4] + " " + seen[5], "address /data/a.csv");

  EXPECT_NE(message(ingest("db/T", {}, "1,a")).find("streamFormat=csv"), std::string::npos);
  EXPECT_NE(message(ingest("db/T", {{"streamFormat", "csv"}, {"sourceKind", "uri"}}, "x")).find("SourceUri"),
            std::string::npos);
  EXPECT_EQ(ingest("db/T", {{"streamFormat", "csv"}, {"sourceKind", "x"}}, "").status(), 400);
  for (const char* path : {"", "db", "db/", "/T", "db/T/U"}) {
    EXPECT_EQ(ingest(path, {{"streamFormat", "csv"}}, "1").status(), 400) << path;
  }
  EXPECT_EQ(ingest("db/None", {{"streamFormat", "csv"}}, "1").parsed().at("error").at("code"),
            "BadRequest_EntityNotFound");
  EXPECT_EQ(get("/v1/rest/ingest/db/T").status(), 405);
}

TEST_F(ApiTest, WebPagesSendNoDataWhereNoTokenIsNeeded) {
  backend.ingestion = [](const commands::StreamRequest&) -> Result<int64_t> { return 0; };
  HttpRequest request;
  request.method = "POST";
  request.path = "/v1/rest/ingest/db/T";
  request.query["streamFormat"] = "csv";
  request.headers["host"] = "127.0.0.1:8080";
  request.headers["origin"] = "http://elsewhere.example";
  EXPECT_EQ(send(request).status(), 403);
  options.tokens = *Tokens::parse("secret\n");
  request.headers["authorization"] = "Bearer secret";
  EXPECT_EQ(send(request).status(), 200);
}

TEST_F(ApiTest, NeedsTheTokenWhereThereIsOne) {
  options.tokens = *Tokens::parse("secret\n");
  backend.results = {numbers(1)};
  HttpRequest request;
  request.method = "GET";
  request.path = "/v1/rest/query";
  request.query["csl"] = "T";
  const MemoryResponse refused = send(request);
  EXPECT_EQ(refused.status(), 401);
  EXPECT_EQ(refused.headers.at("WWW-Authenticate"), "Bearer");
  EXPECT_EQ(refused.parsed().at("error").at("code"), "General_Unauthorized");
  for (const char* wrong :
       {"secret", "Bearer", "Bearer ", "Bearer secre", "Bearer secret2", "Basic secret"}) {
    request.headers["authorization"] = wrong;
    EXPECT_EQ(send(request).status(), 401) << wrong;
  }
  request.headers["authorization"] = "bearer secret";
  EXPECT_EQ(send(request).status(), 200);
  EXPECT_EQ(get("/healthz").status(), 200);
  EXPECT_EQ(get("/v1/rest/auth/metadata").status(), 200);
  EXPECT_EQ(get("/metrics").status(), 401);
}

TEST_F(ApiTest, ATokenSaysWhoAsks) {
  options.tokens =
      *Tokens::parse("one\ntwo aaduser=ann@contoso.com AllDatabasesMonitor aadgroup=analysts\nthree x\n");
  backend.results = {numbers(1)};
  HttpRequest request;
  request.method = "GET";
  request.path = "/v1/rest/query";
  request.query["csl"] = "T";
  request.headers["authorization"] = "Bearer one";
  EXPECT_EQ(send(request).status(), 200);
  EXPECT_EQ(backend.last_query.caller->principal, "api-token");
  EXPECT_TRUE(catalog::is_admin(*backend.last_query.caller));
  request.headers["authorization"] = "Bearer two";
  EXPECT_EQ(send(request).status(), 200);
  EXPECT_EQ(backend.last_query.caller->principal, "aaduser=ann@contoso.com");
  EXPECT_FALSE(catalog::is_admin(*backend.last_query.caller));
  EXPECT_TRUE(backend.last_query.caller->is("aadgroup=Analysts"));

  request.path = "/metrics";
  EXPECT_EQ(send(request).status(), 200);
  request.headers["authorization"] = "Bearer three";
  const MemoryResponse refused = send(request);
  EXPECT_EQ(refused.status(), 403);
  EXPECT_EQ(refused.parsed().at("error").at("code"), "General_Forbidden");
  EXPECT_NE(refused.body.find("Principal 'x' is not authorized"), std::string::npos) << refused.body;
}

TEST_F(ApiTest, WithoutATokenOnlyThisMachinesNamesAreAnswered) {
  backend.results = {numbers(1)};
  HttpRequest request;
  request.method = "GET";
  request.path = "/v1/rest/query";
  request.query["csl"] = "T";
  for (const char* host : {"localhost", "LOCALHOST:8080", "127.0.0.1:8080", "[::1]:8080"}) {
    request.headers["host"] = host;
    EXPECT_EQ(send(request).status(), 200) << host;
  }
  request.headers["host"] = "attacker.example:8080";
  EXPECT_EQ(send(request).status(), 403);
}

TEST_F(ApiTest, MakesRequestIds) {
  const MemoryResponse first = get("/healthz"), second = get("/healthz");
  EXPECT_TRUE(first.headers.at("x-ms-client-request-id").starts_with("unspecified;"));
  EXPECT_TRUE(Guid::parse(first.headers.at("x-ms-activity-id")).has_value());
  EXPECT_NE(first.headers.at("x-ms-activity-id"), second.headers.at("x-ms-activity-id"));
}

TEST_F(ApiTest, CountsRequestsAndRows) {
  backend.results = {numbers(3)};
  query("/v2/rest/query");
  get("/nowhere");
  const std::string text = get("/metrics").body;
  EXPECT_NE(text.find("spillway_http_requests_total{endpoint=\"query_v2\",status=\"200\"} 1"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("spillway_http_requests_total{endpoint=\"none\",status=\"404\"} 1"), std::string::npos);
  EXPECT_NE(text.find("spillway_query_rows_total 3"), std::string::npos);
  EXPECT_NE(text.find("spillway_http_request_duration_seconds_count{endpoint=\"query_v2\"} 1"),
            std::string::npos);
}

TEST_F(ApiTest, ThrottlesWhatIsTooMuch) {
  options.concurrency = 1;
  Api api(backend, metrics, options);
  HttpRequest request;
  request.method = "GET";
  request.path = "/v1/rest/query";
  request.query["csl"] = "T";
  request.headers["host"] = "localhost";
  request.cancel = std::make_shared<engine::CancelToken>();
  backend.results = {numbers(1)};
  MemoryResponse outer, inner;
  backend.before_batch = [&](const engine::RunOptions&) {
    if (inner.body.empty()) api.handle(request, inner);
    return Status();
  };
  api.handle(request, outer);
  EXPECT_EQ(outer.status(), 200);
  EXPECT_EQ(inner.status(), 429);
  const json::value error = inner.parsed().at("error");
  EXPECT_EQ(error.at("code").as_string(), "TooManyRequests");
  EXPECT_EQ(error.at("@type").as_string(), "Kusto.DataNode.Exceptions.QueryThrottledException");
  EXPECT_EQ(
      error.at("@message").as_string(),
      "The query was aborted due to throttling. Retrying after some backoff might succeed. Capacity: 1, "
      "Origin: 'RequestRateLimitPolicy/WorkloadGroup/default'.");
}

TEST_F(ApiTest, ThrottledCommandsHaveTheirOwnType) {
  backend.command = [](const commands::Request&) -> Result<std::vector<Table>> {
    return Error{ErrorCode::Throttled, "CommandType: 'DataExport'"};
  };
  const MemoryResponse answer = post("/v1/rest/mgmt", R"({"db":"db","csl":".export to table E <| T"})");
  EXPECT_EQ(answer.status(), 429);
  const json::value error = answer.parsed().at("error");
  EXPECT_EQ(error.at("code").as_string(), "TooManyRequests");
  EXPECT_EQ(error.at("@type").as_string(), "Kusto.DataNode.Exceptions.ControlCommandThrottledException");
  EXPECT_EQ(error.at("@permanent").as_bool(), false);
}

TEST_F(ApiTest, PropertiesForTheLogHaveNoSecrets) {
  const auto properties =
      parse_properties(R"({"Options":{"servertimeout":"00:01:00"},"Parameters":{"a":"h'secret'","n":1,)"
                       R"("c":"https://a.blob.core.windows.net/c;c2VjcmV0"}})");
  ASSERT_TRUE(properties.ok());
  EXPECT_EQ(properties->for_log,
            R"({"Options":{"servertimeout":"00:01:00"},"Parameters":{"a":"h'******'","n":1,)"
            R"("c":"https://a.blob.core.windows.net/c;******"}})");
}

}  // namespace
}  // namespace spillway::server
