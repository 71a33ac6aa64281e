// External tables: their number, and partition pruning: which files of an external table a query opens. Every
// file that it isn't to open holds what no reader takes.
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <set>

#include "tests/commands/session.h"

namespace spillway::test {
namespace {

namespace json = boost::json;

class PruningTest : public ::testing::Test {
 protected:
  void create(const std::string& columns, const std::string& partitions, const std::string& path) {
    const auto created =
        server_.run(".create-or-alter external table E (" + columns + ") kind=storage partition by (" +
                    partitions + ") " + (path.empty() ? "" : "pathformat=(" + path + ") ") +
                    "dataformat=json ('" + server_.storage_root() + "/e')");
    ASSERT_TRUE(created.ok()) << created.error().message;
    std::filesystem::remove_all(server_.storage_root() + "/e");
    files_.clear();
  }
  /// A file by its folder, with its records.
  void add(const std::string& folder, const std::string& records) { files_[folder] = records; }

  /// `E | where predicate` opens exactly the files in these folders, and finds so many records.
  void expect(const std::string& predicate, const std::set<std::string>& opened, int64_t records) {
    const std::string query = "external_table('E') | " + predicate;
    SCOPED_TRACE(query);
    for (const auto& [folder, content] : files_) {
      const std::string path = server_.storage_root() + "/e/" + folder;
      std::filesystem::create_directories(path);
      std::ofstream(path + "/a.json") << (opened.contains(folder) ? content : "{\"broken");
    }
    const auto counted = server_.run(query + " | count");
    ASSERT_TRUE(counted.ok()) << counted.error().message;
    EXPECT_EQ(counted->at(0).rows.at(0).at(0).as_int(), records);
    EXPECT_EQ(scan(query).at("Files").at("Read").to_number<size_t>(), opened.size());
  }
  /// What the plan says of the one scan.
  json::object scan(const std::string& query) {
    const auto plan = server_.run(".show queryplan <| " + query);
    if (!plan.ok()) throw std::runtime_error(plan.error().message);
    const json::value content = json::parse(plan->at(0).rows.back().at(2).as_text());
    return content.at("Scans").at(0).as_object();
  }
  std::vector<std::string> listed(const std::string& predicate) {
    return json::value_to<std::vector<std::string>>(scan("external_table('E') | " + predicate).at("Folders"));
  }

  Server server_;
  std::map<std::string, std::string> files_;
};

using Folders = std::vector<std::string>;

TEST_F(PruningTest, ByAColumnAndADay) {
  create("Timestamp:datetime, CustomerName:string",
         "Who:string = CustomerName, Day:datetime = startofday(Timestamp)",
         "'who=' Who '/dt=' datetime_pattern('yyyyMMdd', Day)");
  const auto record = [](const std::string& name, const std::string& day) {
    return "{\"Timestamp\":\"" + day + "T12:00:00Z\",\"CustomerName\":\"" + name + "\"}\n";
  };
  const std::string anna1 = "who=anna/dt=20240101", anna2 = "who=anna/dt=20240102",
                    bert = "who=bert/dt=20240101", carl = "who=Carl Ray/dt=20240201",
                    nameless = "who=__DEFAULT_PARTITION__/dt=20240101",
                    dateless = "who=anna/dt=__DEFAULT_PARTITION__";
  add(anna1, record("anna", "2024-01-01"));
  add(anna2, record("anna", "2024-01-02"));
  add(bert, record("bert", "2024-01-01"));
  add(carl, record("Carl Ray", "2024-02-01"));
  add(nameless, record("a/b", "2024-01-01") + record("", "2024-01-01"));
  add(dateless, "{\"Timestamp\":null,\"CustomerName\":\"anna\"}\n");

  expect("where CustomerName == 'anna'", {anna1, anna2, dateless, nameless}, 3);
  expect("where CustomerName in ('bert', 'zoe')", {bert, nameless}, 1);
  expect("where CustomerName has 'ray'", {carl, nameless}, 1);
  expect("where CustomerName startswith 'AN' and Timestamp > datetime(2024-01-01 13:00)",
         {anna1, anna2, nameless, dateless}, 1);
  expect("where CustomerName =~ 'BERT'", {bert, nameless}, 1);
  expect("where CustomerName in~ ('BERT')", {bert, nameless}, 1);
  expect("where CustomerName != 'anna'", {bert, carl, nameless}, 4);
  expect("where CustomerName !in ('anna', 'bert')", {carl, nameless}, 3);
  expect("where isempty(CustomerName)", {nameless}, 1);
  expect("where CustomerName == 'a/b'", {nameless}, 1);
  expect("where strlen(CustomerName) > 4", {carl, nameless}, 1);
  expect("where CustomerName matches regex '^b'", {bert, nameless}, 1);
  expect("where Timestamp between (datetime(2024-01-02) .. datetime(2024-01-31))", {anna2, dateless}, 1);
  expect("where Timestamp < datetime(2024-01-01)", {dateless}, 0);
  expect("where datetime(2024-01-15) < Timestamp", {carl, dateless}, 1);
  expect("where startofday(Timestamp) == datetime(2024-01-02)", {anna2, dateless}, 1);
  expect("where startofmonth(Timestamp) == datetime(2024-02-01)", {carl, dateless}, 1);
  expect("where Timestamp in (datetime(2024-02-01 12:00))", {carl, dateless}, 1);
  expect("where CustomerName == 'bert' or Timestamp >= datetime(2024-02-01)",
         {bert, carl, nameless, dateless}, 2);
  expect("extend N = CustomerName | project N, T = Timestamp | where N == 'bert'", {bert, nameless}, 1);
  expect("extend Upper = toupper(CustomerName) | where Upper == 'BERT'", {bert, nameless}, 1);
  expect("where isnull(Timestamp)", {anna1, anna2, bert, carl, nameless, dateless}, 1);

  // What can't hold a record isn't even listed.
  EXPECT_EQ(listed("where CustomerName == 'anna'"), (Folders{"who=__DEFAULT_PARTITION__", "who=anna"}));
  EXPECT_EQ(listed("where CustomerName in ('anna') and Timestamp between (datetime(2024-01-01) .. 1d)"),
            (Folders{"who=__DEFAULT_PARTITION__/dt=20240101", "who=__DEFAULT_PARTITION__/dt=20240102",
                     "who=__DEFAULT_PARTITION__/dt=__DEFAULT_PARTITION__", "who=anna/dt=20240101",
                     "who=anna/dt=20240102", "who=anna/dt=__DEFAULT_PARTITION__"}));
  EXPECT_EQ(listed("where CustomerName startswith 'anna'"), (Folders{""}));
}

TEST_F(PruningTest, ByEveryFunctionOfADatetime) {
  struct Case {
    std::string function, pattern;
    std::map<std::string, std::string> folders;  // and a time in each
  };
  const std::vector<Case> cases = {
      {"startofyear(T)", "", {{"2023", "2023-12-31T23:59:59.9999999Z"}, {"2024", "2024-01-01T00:00:00Z"}}},
      {"startofmonth(T)",
       "",
       {{"2023/12", "2023-12-31T23:59:59.9999999Z"}, {"2024/01", "2024-01-31T00:00:00Z"}}},
      {"startofmonth(T)",
       "datetime_pattern(\"'year='yyyy'/month='MM\", P)",
       {{"year=2023/month=12", "2023-12-31T23:59:59.9999999Z"},
        {"year=2024/month=01", "2024-01-31T00:00:00Z"}}},
      {"startofmonth(T)",
       "datetime_pattern('y={yyyy}', P) '/' datetime_pattern('m={MM}', P)",
       {{"y=2023/m=12", "2023-12-31T23:59:59.9999999Z"}, {"y=2024/m=01", "2024-01-31T00:00:00Z"}}},
      {"startofweek(T)",
       "",
       {{"2023/12/24", "2023-12-30T23:00:00Z"}, {"2023/12/31", "2024-01-06T00:00:00Z"}}},
      // Weeks by the month that they begin in: the last one reaches into the next.
      {"startofweek(T)",
       "datetime_pattern('yyyy-MM', P)",
       {{"2023-11", "2023-12-02T00:00:00Z"}, {"2023-12", "2024-01-06T00:00:00Z"}}},
      {"startofday(T)",
       "",
       {{"2023/12/31", "2023-12-31T23:59:59.9999999Z"}, {"2024/01/01", "2024-01-01T00:00:00Z"}}},
      // Coarser than the partition.
      {"bin(T, 1h)",
       "datetime_pattern('yyyyMMdd', P)",
       {{"20231231", "2023-12-31T23:30:00Z"}, {"20240101", "2024-01-01T23:30:00Z"}}},
      {"bin(T, 1h)",
       "",
       {{"2023/12/31/23", "2023-12-31T23:59:00Z"}, {"2024/01/01/00", "2024-01-01T00:59:00Z"}}},
      {"bin(T, 15m)",
       "",
       {{"2023/12/31/23/45", "2023-12-31T23:59:00Z"}, {"2024/01/01/00/00", "2024-01-01T00:14:59Z"}}},
      {"bin(T, 2d)", "", {{"2023/12/31", "2024-01-01T12:00:00Z"}, {"2024/01/02", "2024-01-03T12:00:00Z"}}},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.function + " " + one.pattern);
    create("T:datetime", "P:datetime = " + one.function, one.pattern);
    const std::string lost = one.pattern.find("y={yyyy}") == std::string::npos
                                 ? "__DEFAULT_PARTITION__"
                                 : "__DEFAULT_PARTITION__/__DEFAULT_PARTITION__";
    add(lost, "{\"T\":null}\n");
    std::set<std::string> all{lost};
    for (const auto& [folder, time] : one.folders) {
      add(folder, "{\"T\":\"" + time + "\"}\n");
      all.insert(folder);
    }
    expect("where true", all, 3);
    expect("where isnull(T)", all, 1);
    for (const auto& [folder, time] : one.folders) {
      expect("where T == datetime(" + time + ")", {lost, folder}, 1);
      expect("where T between (datetime(" + time + ") .. datetime(" + time + "))", {lost, folder}, 1);
    }
    EXPECT_NE(listed("where T between (datetime(2024-01-01) .. datetime(2024-01-02))"), Folders{""});
  }
}

TEST_F(PruningTest, ByAHash) {
  create("Name:string, n:long", "Bucket:long = hash(Name, 10)", "'b=' Bucket");
  const auto hash = [&](const std::string& name) {
    return server_.run("print hash('" + name + "', 10)")->at(0).rows[0][0].as_int();
  };
  for (int bucket = 0; bucket < 10; ++bucket) {
    std::string records;
    for (const std::string name : {"anna", "bert", "carl"}) {
      if (hash(name) == bucket) records += "{\"Name\":\"" + name + "\",\"n\":1}\n";
    }
    add("b=" + std::to_string(bucket), records);
  }
  const auto bucket = [&](const std::string& name) { return "b=" + std::to_string(hash(name)); };
  for (const std::string name : {"anna", "bert", "carl"}) {
    // A file without records isn't one that is read.
    expect("where Name == '" + name + "'", {bucket(name)}, 1);
    expect("where hash(Name, 10) == " + std::to_string(hash(name)) + " and Name == '" + name + "'",
           {bucket(name)}, 1);
  }
  expect("where Name in ('anna', 'bert')", {bucket("anna"), bucket("bert")}, 2);
  EXPECT_EQ(listed("where Name == 'anna'"),
            (Folders{"b=" + std::to_string(hash("anna")), "b=__DEFAULT_PARTITION__"}));
}

TEST_F(PruningTest, ByVirtualColumns) {
  create("n:long", "CustomerName:string, Date:datetime",
         "'customer=' CustomerName '/date=' datetime_pattern('yyyyMMdd', Date)");
  const std::string john = "customer=John.Doe/date=20200105", ivan = "customer=Ivan.Ivanov/date=20200301",
                    nobody = "customer=__DEFAULT_PARTITION__/date=__DEFAULT_PARTITION__";
  for (const std::string& folder : {john, ivan, nobody}) add(folder, "{\"n\":1}\n");
  expect("where Date between (datetime(2020-01-01) .. datetime(2020-02-01))", {john}, 1);
  expect("where CustomerName in ('John.Doe', 'Ivan.Ivanov')", {john, ivan}, 2);
  expect("where CustomerName has 'doe'", {john}, 1);
  expect("where isempty(CustomerName)", {nobody}, 1);
  expect("where isnull(Date)", {nobody}, 1);
  expect("where Date > datetime(2020-02-01) or CustomerName == 'John.Doe'", {john, ivan}, 2);
  expect("where startofmonth(Date) == datetime(2020-03-01)", {ivan}, 1);
  expect("where CustomerName == 'John.Doe' and n == 1", {john}, 1);
  EXPECT_EQ(listed("where CustomerName == 'John.Doe'"), (Folders{"customer=John.Doe"}));
  EXPECT_EQ(listed("where CustomerName == 'John.Doe' and Date == datetime(2020-01-05)"),
            (Folders{"customer=John.Doe/date=20200105"}));
}

TEST_F(PruningTest, ThroughUnionsAndJoins) {
  create("Name:string, n:long", "Who:string = Name", "");
  add("anna", "{\"Name\":\"anna\",\"n\":1}\n");
  add("bert", "{\"Name\":\"bert\",\"n\":2}\n");
  expect("union (datatable (Name:string, n:long) ['anna', 5]) | where Name == 'anna'", {"anna"}, 2);
  expect("where Name == 'anna' | join kind=inner (print Name='anna') on Name", {"anna"}, 1);
  expect("sort by n asc | where Name == 'bert'", {"bert"}, 1);
}

TEST_F(PruningTest, ManyFolders) {
  create("T:datetime", "P:datetime = startofday(T)", "");
  add("2024/05/06", "{\"T\":\"2024-05-06T01:00:00Z\"}\n");
  add("2025/05/06", "{\"T\":\"2025-05-06T01:00:00Z\"}\n");
  expect("where T between (datetime(2024-01-01) .. datetime(2024-12-31))", {"2024/05/06"}, 1);
  // Not a list for each of 366 days, but one for each month.
  EXPECT_EQ(listed("where T between (datetime(2024-01-01) .. datetime(2024-12-31))").size(), 13u);
  EXPECT_EQ(listed("where T > datetime(2024-01-01)"), Folders{""});
}

TEST(ExternalTableLimits, ADatabaseHasAThousand) {
  Server server;
  const auto define = [&](const std::string& name) {
    return server.run(".create-or-alter external table " + name + " (a:long) kind=storage dataformat=csv ('" +
                      server.storage_root() + "')");
  };
  ASSERT_TRUE(define("E0").ok());
  catalog::Catalog& catalog = server.services().catalog;
  ASSERT_TRUE(catalog
                  .write([](catalog::Writer& writer) -> Status {
                    catalog::ExternalTable table =
                        *writer.current().databases.at("NetDefaultDB")->external_tables.at("E0");
                    for (int i = 1; i < 1000; ++i) {
                      table.name = "E" + std::to_string(i);
                      SPILLWAY_TRY(writer.put_external_table("NetDefaultDB", table));
                    }
                    return {};
                  })
                  .ok());
  EXPECT_EQ(define("OneMore").error().code, ErrorCode::LimitExceeded);
  EXPECT_TRUE(define("E7").ok());
}

}  // namespace
}  // namespace spillway::test
