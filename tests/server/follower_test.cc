// A server that follows another one's data folder: what its users can do with the databases, and what they
// can't.
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <functional>

#include "server/server.h"
#include "tests/server/wire_client.h"
#include "tests/support/eventually.h"
#include "tests/support/temp_folder.h"

namespace spillway::server {
namespace {

namespace json = boost::json;
using test::ask;
using test::eventually;
using test::get;
using test::post;
using test::TempFolder;
using test::WireAnswer;

/// A server and what is asked of it.
class Peer {
 public:
  explicit Peer(InstanceOptions instance) {
    ServerOptions options;
    options.instance = std::move(instance);
    options.port = 0;
    auto started = Server::start(options);
    if (!started.ok()) throw std::runtime_error(started.error().message);
    server_ = std::move(*started);
    port_ = static_cast<uint16_t>(std::stoi(server_->url().substr(server_->url().rfind(':') + 1)));
  }

  WireAnswer send(const char* path, const std::string& text, const std::string& database) const {
    return ask(port_, post(path, json::serialize(json::object{{"db", database}, {"csl", text}})));
  }
  /// The rows of a command's first table, as JSON.
  std::string command(const std::string& text, const std::string& database = "NetDefaultDB") const {
    const WireAnswer answer = send("/v1/rest/mgmt", text, database);
    EXPECT_EQ(answer.status, 200) << text << "\n" << answer.body;
    return answer.status == 200 ? json::serialize(json::parse(answer.body).at("Tables").at(0).at("Rows"))
                                : "";
  }
  std::string query(const std::string& text, const std::string& database = "NetDefaultDB") const {
    const WireAnswer answer = send("/v2/rest/query", text, database);
    EXPECT_EQ(answer.status, 200) << text << "\n" << answer.body;
    return answer.status == 200 ? json::serialize(json::parse(answer.body).at(2).at("Rows")) : "";
  }
  /// The message of the error that a command must end in.
  std::string refusal(const std::string& text, const std::string& database = "NetDefaultDB") const {
    const WireAnswer answer = send("/v1/rest/mgmt", text, database);
    EXPECT_EQ(answer.status, 400) << text << "\n" << answer.body;
    return answer.status == 400 ? std::string(json::parse(answer.body).at("error").at("@message").as_string())
                                : "";
  }
  std::string metrics() const { return ask(port_, get("/metrics")).body; }
  bool query_gives(const std::string& text, const std::string& rows) const {
    const WireAnswer answer = send("/v2/rest/query", text, "NetDefaultDB");
    return answer.status == 200 && json::serialize(json::parse(answer.body).at(2).at("Rows")) == rows;
  }
  exports::Service& exports() { return server_->instance().services().exports; }
  ingest::Ingestor& ingestor() { return server_->instance().services().ingestor; }

 private:
  std::unique_ptr<Server> server_;
  uint16_t port_ = 0;
};

/// A run of its own of a continuous export, which may have to wait for one of the schedule.
bool run(Peer& peer, const char* database, const char* name) {
  return eventually([&] { return peer.exports().run_once(database, name).ok(); });
}

class FollowerTest : public ::testing::Test {
 protected:
  InstanceOptions following() const {
    InstanceOptions options;
    options.data_folder = folder.path("own");
    options.follow = {folder.path("leader") + "/"};
    return options;
  }

  TempFolder folder;
  Peer leader{[&] {
    InstanceOptions options;
    options.data_folder = folder.path("leader");
    return options;
  }()};
};

TEST_F(FollowerTest, ShowsWhatItsLeaderHas) {
  leader.command(".create table T (a:long, b:string)");
  leader.command(".ingest inline into table T <|\n1,one\n2,two");
  leader.command(".create function F() { T | where a == 2 }");
  const Peer follower(following());
  EXPECT_EQ(follower.query("T | order by a asc"), R"([[1,"one"],[2,"two"]])");
  EXPECT_EQ(follower.query("F"), R"([[2,"two"]])");
  leader.command(".ingest inline into table T <|\n3,three");
  EXPECT_TRUE(eventually([&] { return follower.query_gives("T | count", "[[3]]"); }));
  leader.command(".alter-merge table T (c:int)");
  EXPECT_TRUE(eventually([&] { return follower.query_gives("T | where isnull(c) | count", "[[3]]"); }));
}

TEST_F(FollowerTest, ItsDatabasesAreReadOnly) {
  leader.command(".create table T (a:long)");
  leader.command(".create external table X (a:long) kind=storage dataformat=csv (h@'" +
                 folder.path("leader/storage/x") + "')");
  leader.command(
      ".create-or-alter continuous-export E over (T) to table X with (intervalBetweenRuns=1h) <| T");
  const Peer follower(following());
  for (const char* text :
       {".create table U (a:long)", ".drop table T", ".alter table T docstring 'd'",
        ".create function G() { T }", ".ingest inline into table T <| 1", ".set-or-append T <| print a = 1",
        ".set U <| print a = 1", ".clear table T data", ".alter table T policy ingestiontime false",
        ".drop external table X", ".add database NetDefaultDB viewers ('aadapp=a')",
        ".drop database NetDefaultDB", ".create-or-alter continuous-export E2 over (T) to table X <| T",
        ".disable continuous-export E", ".drop continuous-export E"}) {
    EXPECT_NE(follower.refusal(text).find("read-only"), std::string::npos) << text;
  }
  const std::string databases =
      follower.command(".show databases | project DatabaseName, DatabaseAccessMode");
  EXPECT_EQ(databases, R"([["NetDefaultDB","ReadOnlyFollowing"]])");
  EXPECT_EQ(follower.command(".show follower databases | project DatabaseName, LeaderClusterMetadataPath"),
            json::serialize(json::array{json::array{"NetDefaultDB", folder.path("leader")}}));
  EXPECT_EQ(leader.command(".show databases | project DatabaseAccessMode"), R"([["ReadWrite"]])");
  EXPECT_NE(leader.refusal(".show follower database NetDefaultDB").find("follows no other"),
            std::string::npos);
}

TEST_F(FollowerTest, ExportsAreTheLeaders) {
  leader.command(".create table T (a:long)");
  leader.command(".create external table X (a:long) kind=storage dataformat=csv (h@'" +
                 folder.path("leader/storage/x") + "')");
  leader.command(
      ".create-or-alter continuous-export E over (T) to table X with (intervalBetweenRuns=1h) <| T");
  leader.command(".ingest inline into table T <|\n1\n2");
  Peer follower(following());
  ASSERT_TRUE(run(leader, "NetDefaultDB", "E"));
  EXPECT_NE(leader.command(".show continuous-export E exported-artifacts"), "[]");
  // Its position shows here as well, when it was seen; what it wrote and where it failed doesn't.
  const auto exported = [&](const Peer& peer) {
    return peer.command(".show continuous-export E | project Name, LastRunResult");
  };
  EXPECT_TRUE(eventually([&] { return exported(follower) == R"([["E","Completed"]])"; }));
  for (const char* form : {"exported-artifacts", "failures", "runs"}) {
    EXPECT_EQ(follower.command(std::string(".show continuous-export E ") + form), "[]") << form;
  }
  EXPECT_EQ(follower.command(".show continuous-exports health"), "[]");
  // Nor does it run here, or count in what is monitored.
  const auto here = follower.exports().run_once("NetDefaultDB", "E");
  ASSERT_FALSE(here.ok());
  EXPECT_NE(here.error().message.find("read-only"), std::string::npos) << here.error().message;
  EXPECT_EQ(follower.metrics().find("export=\"E\""), std::string::npos);
  EXPECT_NE(follower.metrics().find("spillway_follower_age_seconds{leader="), std::string::npos);
  EXPECT_EQ(leader.metrics().find("spillway_follower_age_seconds"), std::string::npos);
  // The leader's files can be read as its external table, and what `.export` writes is this server's own
  // doing.
  EXPECT_EQ(follower.query("external_table('X') | summarize sum(a)"), "[[3]]");
  EXPECT_NE(follower.command(".export to csv (h@'" + folder.path("own/storage/once") + "') <| T"), "[]");
  EXPECT_EQ(follower.command(".show operations | project Operation, State"),
            R"([["DataExport","Completed"]])");
  EXPECT_EQ(leader.command(".show operations | count"), "[[0]]");
}

TEST_F(FollowerTest, ItsOwnDatabasesReadThem) {
  leader.command(".create table Dim (k:long, v:string)");
  leader.command(".ingest inline into table Dim <|\n1,one\n2,two");
  Peer follower(following());
  follower.command(".create database Own");
  follower.command(".create table Fact (k:long)", "Own");
  follower.command(".create external table Out (k:long, v:string) kind=storage dataformat=csv (h@'" +
                       folder.path("own/storage/out") + "')",
                   "Own");
  follower.command(
      ".create-or-alter continuous-export Mine over (Fact) to table Out with (intervalBetweenRuns=1h) <| "
      "Fact | "
      "join kind=inner database('NetDefaultDB').Dim on k | project k, v",
      "Own");
  follower.command(".ingest inline into table Fact <|\n2", "Own");
  ASSERT_TRUE(run(follower, "Own", "Mine"));
  EXPECT_EQ(follower.query("external_table('Out')", "Own"), R"([[2,"two"]])");
  EXPECT_EQ(follower.command(".show databases | project DatabaseName, DatabaseAccessMode", "Own"),
            R"([["NetDefaultDB","ReadOnlyFollowing"],["Own","ReadWrite"]])");
  follower.command(".set-or-append Copy <| database('NetDefaultDB').Dim", "Own");
  EXPECT_EQ(follower.query("Copy | count", "Own"), "[[2]]");
  EXPECT_NE(follower.refusal(".move extents all from table Dim to table Dim2").find("not found"),
            std::string::npos);
}

TEST_F(FollowerTest, AQueryEndsWithWhatItBeganWith) {
  leader.command(".create table T (a:long)");
  leader.command(".set-or-append T <| range a from 1 to 100000 step 1");
  const Peer follower(following());
  const auto before = follower.query("T | count");
  leader.command(".drop table T");
  ASSERT_TRUE(leader.ingestor().sweep().ok());  // the files are gone
  // Until it has looked, the table is there, whole; and then it isn't.
  EXPECT_TRUE(eventually([&] {
    const WireAnswer answer = follower.send("/v2/rest/query", "T | count", "NetDefaultDB");
    if (answer.status == 200) {
      EXPECT_EQ(json::serialize(json::parse(answer.body).at(2).at("Rows")), before);
    }
    return answer.status == 400;
  }));
}

TEST_F(FollowerTest, AFolderThatCanNotBeFollowedIsRefused) {
  const auto refusal = [](const InstanceOptions& options) {
    const auto opened = Instance::open(options);
    return opened.ok() ? "" : opened.error().message;
  };
  InstanceOptions options = following();
  options.follow = {folder.path("nothing")};
  EXPECT_NE(refusal(options).find("can't be followed"), std::string::npos);
  options.follow = {options.data_folder};
  EXPECT_NE(refusal(options).find("can't follow itself"), std::string::npos);
}

}  // namespace
}  // namespace spillway::server
