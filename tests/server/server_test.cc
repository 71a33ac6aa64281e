// A whole server on a free port: what only shows with every room in place.
#include "server/server.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <boost/json.hpp>
#include <thread>

#include "server/tokens.h"
#include "tests/server/wire_client.h"
#include "tests/support/temp_folder.h"

namespace spillway::server {
namespace {

namespace json = boost::json;
using test::ask;
using test::get;
using test::post;
using test::TempFolder;
using test::WireAnswer;
using test::WireClient;

/// More rows than any test waits for.
constexpr const char* kEndless = "range x from 1 to 100000000000 step 1 | where x % 1000000007 == 3";

std::string body_of(const std::string& text, const std::string& options = "{}") {
  json::object body{{"db", "NetDefaultDB"}, {"csl", text}};
  body["properties"] = json::object{{"Options", json::parse(options)}};
  return json::serialize(body);
}

class ServerTest : public ::testing::Test {
 protected:
  static ServerOptions options_of(const std::string& data) {
    ServerOptions options;
    options.instance.data_folder = data;
    options.port = 0;
    options.limits.drain_timeout = std::chrono::seconds(10);
    return options;
  }
  void start() {
    auto started = Server::start(options_of(folder.path("data")));
    ASSERT_TRUE(started.ok()) << started.error().message;
    server = std::move(*started);
    port = static_cast<uint16_t>(std::stoi(server->url().substr(server->url().rfind(':') + 1)));
  }
  WireAnswer query(const std::string& text, const std::string& options = "{}",
                   const std::string& headers = "") const {
    return ask(port, post("/v2/rest/query", body_of(text, options), headers));
  }
  WireAnswer mgmt(const std::string& text, const std::string& headers = "") const {
    return ask(port, post("/v1/rest/mgmt", body_of(text), headers));
  }
  static json::value rows_of(const WireAnswer& v2) { return json::parse(v2.body).at(2).at("Rows"); }
  /// The rows of a command's only table.
  static json::value table_of(const WireAnswer& v1) {
    return json::parse(v1.body).at("Tables").at(0).at("Rows");
  }
  static std::string message(const WireAnswer& answer) {
    return std::string(json::parse(answer.body).at("error").at("@message").get_string());
  }

  TempFolder folder;
  std::unique_ptr<Server> server;
  uint16_t port = 0;
};

TEST_F(ServerTest, QueriesAndCommandsWork) {
  start();
  EXPECT_EQ(mgmt(".create table T (a:long, b:string)").status, 200);
  EXPECT_EQ(mgmt(".ingest inline into table T <|\n1,one\n2,two").status, 200);
  EXPECT_EQ(json::serialize(rows_of(query("T | order by a asc"))), R"([[1,"one"],[2,"two"]])");
  EXPECT_EQ(json::serialize(rows_of(query("print 1/2, 1.5, now() > ago(1d), dynamic([1,{}])"))),
            R"([[0,1.5E0,true,[1,{}]]])");
}

TEST_F(ServerTest, ThePolicyAllowsOrForbidsStreaming) {
  start();
  EXPECT_EQ(mgmt(".create table T (a:long)").status, 200);
  const auto stream = [&] {
    return ask(port, post("/v1/rest/ingest/NetDefaultDB/T?streamFormat=csv", "1\n"));
  };
  const auto alter = [&](const std::string& entity, const std::string& how) {
    return mgmt(".alter " + entity + " policy streamingingestion " + how).status;
  };
  const auto remove = [&](const std::string& entity) {
    return mgmt(".delete " + entity + " policy streamingingestion").status;
  };
  EXPECT_EQ(stream().status, 200);  // without a policy

  EXPECT_EQ(alter("database NetDefaultDB", "disable"), 200);
  const WireAnswer by_database = stream();
  EXPECT_EQ(by_database.status, 400);
  EXPECT_NE(message(by_database)
                .find("streaming ingestion into table 'T' of database 'NetDefaultDB' is disabled "
                      "by the streamingingestion policy of its database"),
            std::string::npos)
      << message(by_database);
  EXPECT_TRUE(json::parse(by_database.body).at("error").at("@permanent").as_bool());
  EXPECT_EQ(mgmt(".ingest inline into table T <|\n1").status, 200);  // isn't streaming

  EXPECT_EQ(alter("table T", "enable"), 200);
  EXPECT_EQ(stream().status, 200);  // the table's policy comes first
  EXPECT_EQ(alter("database NetDefaultDB", "enable"), 200);
  EXPECT_EQ(alter("table T", "disable"), 200);
  const WireAnswer by_table = stream();
  EXPECT_EQ(by_table.status, 400);
  EXPECT_NE(message(by_table).find("policy of the table"), std::string::npos) << message(by_table);

  EXPECT_EQ(remove("table T"), 200);
  EXPECT_EQ(stream().status, 200);
  EXPECT_EQ(remove("database NetDefaultDB"), 200);
  EXPECT_EQ(stream().status, 200);
  EXPECT_EQ(json::serialize(rows_of(query("T | count"))), "[[5]]");
}

TEST_F(ServerTest, ErrorsTellWhatIsWrongAndWhere) {
  start();
  const WireAnswer syntax = query("print 1\n| wher x");
  EXPECT_EQ(syntax.status, 400);
  EXPECT_NE(message(syntax).find("Syntax error"), std::string::npos);
  EXPECT_NE(message(syntax).find("[line:position=2:2]"), std::string::npos) << message(syntax);
  EXPECT_NE(message(query("NoSuchTable")).find("Semantic error"), std::string::npos);
  const WireAnswer database = ask(port, post("/v2/rest/query", R"({"db":"nosuch","csl":"print 1"})"));
  EXPECT_EQ(database.status, 400);
  EXPECT_NE(message(database).find("nosuch"), std::string::npos);
}

TEST_F(ServerTest, StreamsLargeResults) {
  start();
  const std::string text = "range x from 1 to 300000 step 1 | extend s = strcat('text ', x)";
  const WireAnswer plain = query(text);
  EXPECT_TRUE(plain.complete);
  EXPECT_EQ(plain.header("transfer-encoding"), "chunked");
  EXPECT_EQ(rows_of(plain).get_array().size(), 300'000U);
  const WireAnswer packed = query(text, "{}", "Accept-Encoding: gzip\r\n");
  EXPECT_EQ(packed.header("content-encoding"), "gzip");
  EXPECT_LT(packed.body.size(), plain.body.size() / 3);
}

TEST_F(ServerTest, TimesOut) {
  start();
  const WireAnswer answer = query(kEndless, R"({"servertimeout":"00:00:00.2"})");
  EXPECT_EQ(answer.status, 504);
  EXPECT_EQ(query("print 1").status, 200);
}

TEST_F(ServerTest, StopsQueriesWhoseClientIsGone) {
  start();
  {
    WireClient client(port);
    client.send(post("/v2/rest/query", body_of(kEndless, R"({"servertimeout":"1h"})")));
    while (ask(port, get("/metrics")).body.find("spillway_http_requests_running 2") == std::string::npos) {
    }
  }
  while (ask(port, get("/metrics")).body.find("spillway_http_requests_running 1") == std::string::npos) {
  }
}

TEST_F(ServerTest, CancelsWhatStillRunsWhenItStops) {
  ServerOptions options = options_of(folder.path("data"));
  options.limits.drain_timeout = std::chrono::milliseconds(100);
  auto started = Server::start(options);
  ASSERT_TRUE(started.ok()) << started.error().message;
  server = std::move(*started);
  port = static_cast<uint16_t>(std::stoi(server->url().substr(server->url().rfind(':') + 1)));
  WireClient client(port);
  client.send(post("/v2/rest/query", body_of(kEndless, R"({"servertimeout":"1h"})")));
  while (ask(port, get("/metrics")).body.find("spillway_http_requests_running 2") == std::string::npos) {
  }
  server->stop();
}

TEST_F(ServerTest, AnswersManyClientsAtOnce) {
  start();
  mgmt(".create table T (a:long)");
  std::vector<std::thread> clients;
  std::atomic<int> right{0};
  for (int c = 0; c < 6; ++c) {
    clients.emplace_back([&, c] {
      for (int i = 0; i < 10; ++i) {
        const std::string value = std::to_string(c * 100 + i);
        const bool ingested = mgmt(".ingest inline into table T <|\n" + value).status == 200;
        const WireAnswer answer = query("T | where a == " + value + " | count");
        if (ingested && answer.status == 200 && json::serialize(rows_of(answer)) == "[[1]]") ++right;
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(right, 60);
  EXPECT_EQ(json::serialize(rows_of(query("T | count"))), "[[60]]");
}

TEST_F(ServerTest, ShowsMetrics) {
  start();
  mgmt(".create table T (a:long)");
  mgmt(".ingest inline into table T <|\n1\n2\n3");
  const std::string text = ask(port, get("/metrics")).body;
  for (const char* line :
       {"spillway_ingested_rows_total{database=\"NetDefaultDB\",table=\"T\"} 3",
        "spillway_table_rows{database=\"NetDefaultDB\",table=\"T\"} 3",
        "spillway_table_extents{database=\"NetDefaultDB\",table=\"T\"} 1", "spillway_export_capacity ",
        "spillway_http_connections ", "spillway_engine_memory_bytes "}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << " in\n" << text;
  }
}

TEST_F(ServerTest, LogsQueriesWithWhatTheyUsed) {
  start();
  mgmt(".create table T (a:long)");
  mgmt(".ingest inline into table T <|\n1\n2\n3");
  const std::string headers =
      "x-ms-app: Unit test\r\nx-ms-user: ana@contoso.com\r\nx-ms-client-request-id: KPC.execute;7\r\n";
  const WireAnswer answer = query("T | where a > 1", R"({"servertimeout":"00:01:00"})", headers);
  ASSERT_EQ(answer.status, 200);
  query("NoSuchTable | where a == h'secret'");
  EXPECT_EQ(ask(port, post("/v1/rest/query", body_of("T | count"))).status, 200);

  const json::value rows = table_of(mgmt(
      ".show queries | project Text, State, ClientActivityId, RootActivityId, User, Application, Principal, "
      "Database, FailureReason, WorkloadGroup, TotalCpu > 0s, MemoryPeak >= 0, ScannedExtentsStatistics, "
      "ResultSetStatistics, ClientRequestProperties, Duration >= 0s"));
  ASSERT_EQ(rows.as_array().size(), 3U) << json::serialize(rows);
  EXPECT_EQ(rows.at(0).at(0).as_string(), "T | count");
  EXPECT_EQ(rows.at(0).at(4).as_string(), "local");
  EXPECT_EQ(rows.at(1).at(0).as_string(), "NoSuchTable | where a == h'******'");
  EXPECT_EQ(rows.at(1).at(1).as_string(), "Failed");
  EXPECT_NE(rows.at(1).at(8).as_string().find("NoSuchTable"), std::string::npos);
  const json::value& first = rows.at(2);
  EXPECT_EQ(first.at(0).as_string(), "T | where a > 1");
  EXPECT_EQ(first.at(1).as_string(), "Completed");
  EXPECT_EQ(first.at(2).as_string(), "KPC.execute;7");
  EXPECT_EQ(first.at(3).as_string(), answer.header("x-ms-activity-id"));
  EXPECT_EQ(first.at(4).as_string(), "ana@contoso.com");
  EXPECT_EQ(first.at(5).as_string(), "Unit test");
  EXPECT_EQ(first.at(6).as_string(), "local");
  EXPECT_EQ(first.at(7).as_string(), "NetDefaultDB");
  EXPECT_EQ(first.at(8).as_string(), "");
  EXPECT_EQ(first.at(9).as_string(), "default");
  EXPECT_EQ(json::serialize(first.at(10)) + json::serialize(first.at(11)), "truetrue");
  const std::string statistics = json::serialize(first);
  for (const char* part : {"TotalExtentsCount", "ScannedRowsCount", "TablesStatistics", "servertimeout"}) {
    EXPECT_NE(statistics.find(part), std::string::npos) << part << " in " << statistics;
  }
  query("range x from 1 to 500000 step 1 | summarize count() by x | count");
  const json::value large =
      table_of(mgmt(".show queries | where Text startswith 'range' | project MemoryPeak > 1000000"));
  EXPECT_EQ(json::serialize(large), "[[true]]");
  // After a restart too.
  server->stop();
  server.reset();
  start();
  EXPECT_EQ(table_of(mgmt(".show commands-and-queries | where CommandType == 'Query'")).as_array().size(),
            4U);
}

TEST_F(ServerTest, RunningQueriesAreShownAndCancelled) {
  start();
  WireClient client(port);
  client.send(post("/v2/rest/query",
                   body_of(std::string(kEndless) + " | extend s = h'1'", R"({"servertimeout":"1h"})"),
                   "x-ms-client-request-id: Endless;1\r\nx-ms-user: ana\r\n"));
  const auto running = [&](const std::string& whose) {
    return table_of(mgmt(".show running queries" + whose +
                         " | project ClientActivityId, State, User, Text has '******'"));
  };
  while (running(" by user *").as_array().empty()) {
  }
  EXPECT_EQ(json::serialize(running(" by user ana")), R"([["Endless;1","InProgress","ana",true]])");
  EXPECT_EQ(json::serialize(running(" by user bob")), "[]");
  EXPECT_EQ(json::serialize(table_of(mgmt(".cancel query 'Other;1'"))),
            R"([["Other;1",false,"no query of this ClientActivityId is running"]])");
  EXPECT_EQ(json::serialize(table_of(mgmt(".cancel query 'Endless;1' with (reason='no longer needed')"))),
            R"([["Endless;1",true,"no longer needed"]])");
  const WireAnswer cancelled = client.read();
  EXPECT_EQ(cancelled.status, 400);
  EXPECT_NE(message(cancelled).find("cancelled: no longer needed"), std::string::npos);
  EXPECT_EQ(json::serialize(running(" by user *")), "[]");
  const json::value logged =
      table_of(mgmt(".show queries | project State, FailureReason has 'no longer needed', TotalCpu > 0s"));
  EXPECT_EQ(json::serialize(logged), R"([["Canceled",true,true]])");
}

TEST_F(ServerTest, MetricsOfContinuousExports) {
  start();
  mgmt(".create table T (a:long)");
  mgmt(
      ".alter-merge cluster policy capacity '{\"ExportCapacity\": {\"ClusterMaximumConcurrentOperations\": "
      "1}}'");
  mgmt(".create external table E (a:long) kind=storage dataformat=csv ('" + folder.path("data/storage/e") +
       "')");
  ASSERT_EQ(
      mgmt(".create-or-alter continuous-export X over (T) to table E with (intervalBetweenRuns=1s) <| T")
          .status,
      200);
  mgmt(".ingest inline into table T <|\n1\n2\n3");
  const std::string labels = "{database=\"NetDefaultDB\",export=\"X\"";
  const auto has = [&](const std::string& line) {
    return ask(port, get("/metrics")).body.find(line) != std::string::npos;
  };
  while (!has("spillway_export_records_total" + labels + "} 3")) {
  }
  for (const std::string& line :
       {"spillway_export_runs_total" + labels + ",result=\"completed\"} 1",
        "spillway_export_runs_total" + labels + ",result=\"failed\"} 0",
        "spillway_export_lateness_seconds" + labels + "} 0", "spillway_export_pending" + labels + "} 0",
        std::string("spillway_export_pending_count 0"), std::string("spillway_export_capacity 1"),
        std::string("spillway_export_capacity_used "), std::string("spillway_export_utilization_ratio "),
        std::string("spillway_ingestion_capacity "), std::string("spillway_request_log_lost_total 0")}) {
    EXPECT_TRUE(has(line)) << line;
  }
  // A run that fails.
  mgmt(".drop external table E");
  mgmt(".ingest inline into table T <|\n4");
  while (has("spillway_export_runs_total" + labels + ",result=\"failed\"} 0")) {
  }
  EXPECT_FALSE(has("spillway_export_lateness_seconds" + labels + "} 0\n"));
}

TEST_F(ServerTest, KeepsItsDataAcrossRestarts) {
  start();
  mgmt(".create table T (a:long)");
  mgmt(".ingest inline into table T <|\n1\n2");
  server->stop();
  server.reset();
  start();
  EXPECT_EQ(json::serialize(rows_of(query("T | count"))), "[[2]]");
}

TEST_F(ServerTest, RefusesAFolderThatIsInUse) {
  start();
  const auto second = Server::start(options_of(folder.path("data")));
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, ErrorCode::Conflict);
}

TEST_F(ServerTest, KeepsTheCatalogPrivate) {
  start();
  struct stat status {};
  ASSERT_EQ(::stat(folder.path("data/catalog").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700U);
}

TEST_F(ServerTest, ListensBeyondLoopbackOnlyWithAToken) {
  ServerOptions options = options_of(folder.path("data"));
  options.host = "0.0.0.0";
  auto refused = Server::start(options);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::Forbidden);
  EXPECT_NE(refused.error().message.find("--api-token-file"), std::string::npos);

  options.token_file = folder.write("token", "secret\n");
  auto started = Server::start(options);
  ASSERT_TRUE(started.ok()) << started.error().message;
  server = std::move(*started);
  port = static_cast<uint16_t>(std::stoi(server->url().substr(server->url().rfind(':') + 1)));
  EXPECT_EQ(query("print 1").status, 401);
  EXPECT_EQ(query("print 1", "{}", "Authorization: Bearer secret\r\n").status, 200);
}

TEST_F(ServerTest, NeedsATokenInItsFile) {
  EXPECT_FALSE(Tokens::read(folder.path("nosuch")).ok());
  EXPECT_FALSE(Tokens::read(folder.write("empty", "")).ok());
  EXPECT_FALSE(Tokens::read(folder.write("comment", "# secret\n  \n")).ok());
  EXPECT_EQ(Tokens::read(folder.write("token", "# who\n secret \r\n"))->first(), "secret");
}

TEST_F(ServerTest, ATokenFileThatMeansNothingNamesTheLineAndNoToken) {
  for (const char* text : {"good\nsecret aaduser=ann Operator\n", "good\ngood aaduser=ann\n"}) {
    const auto tokens = Tokens::read(folder.write("token", text));
    ASSERT_FALSE(tokens.ok()) << text;
    EXPECT_NE(tokens.error().message.find("line 2"), std::string::npos) << tokens.error().message;
    EXPECT_EQ(tokens.error().message.find("secret"), std::string::npos);
    EXPECT_EQ(tokens.error().message.find("good"), std::string::npos);
  }
}

TEST_F(ServerTest, PrincipalsHaveTheRolesThatTheyWereGiven) {
  ServerOptions options = options_of(folder.path("data"));
  options.token_file = folder.write("token", "root\nann aaduser=ann@contoso.com\n");
  auto started = Server::start(options);
  ASSERT_TRUE(started.ok()) << started.error().message;
  server = std::move(*started);
  port = static_cast<uint16_t>(std::stoi(server->url().substr(server->url().rfind(':') + 1)));
  const std::string ann = "Authorization: Bearer ann\r\n", root = "Authorization: Bearer root\r\n";
  const WireAnswer refused = query("print current_principal()", "{}", ann);
  EXPECT_EQ(refused.status, 403);
  EXPECT_NE(refused.body.find("Principal 'aaduser=ann@contoso.com' is not authorized to query database "
                              "'NetDefaultDB'"),
            std::string::npos)
      << refused.body;
  EXPECT_EQ(mgmt(".add database NetDefaultDB viewers ('aaduser=ann@contoso.com')", ann).status, 403);
  EXPECT_EQ(mgmt(".add database NetDefaultDB viewers ('aaduser=ann@contoso.com')", root).status, 200);
  const WireAnswer answered = query("print current_principal()", "{}", ann);
  EXPECT_EQ(answered.status, 200);
  EXPECT_NE(answered.body.find("aaduser=ann@contoso.com"), std::string::npos);
}

}  // namespace
}  // namespace spillway::server
