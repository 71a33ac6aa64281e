// Queries that would exhaust a careless binder: each gives a result or an error, soon.
#include <gtest/gtest.h>

#include "tests/kql_binder/support.h"

namespace spillway::kql::test {
namespace {

std::string repeat(const std::string& text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

/// The error's code, or "ok".
std::string outcome(const std::string& query) {
  const Result<BoundQuery> bound = compile(query, options());
  return bound.ok() ? "ok" : name_of(bound.error().code);
}

TEST(Limits, LongChainsOfOrAndAnd) {
  EXPECT_EQ(outcome("Events | where Value == 0" + repeat(" or Value == 1", 20'000)), "ok");
  EXPECT_EQ(outcome("Events | where Value != 0" + repeat(" and Name != 'x'", 20'000)), "ok");
}

TEST(Limits, LongSums) {
  EXPECT_EQ(outcome("Events | project Value" + repeat(" + Value", 900)), "ok");
  EXPECT_EQ(outcome("Events | project R" + repeat(" / R", 1'000)), "LimitExceeded");
}

TEST(Limits, LongLists) {
  EXPECT_EQ(outcome("Events | where Value in (1" + repeat(", 2", 100'000) + ")"), "ok");
}

TEST(Limits, NestedCalls) {
  EXPECT_EQ(outcome("Events | project " + repeat("tolower(", 150) + "Name" + repeat(")", 150)), "ok");
  EXPECT_NE(outcome("Events | project " + repeat("tolower(", 5'000) + "Name" + repeat(")", 5'000)), "ok");
  EXPECT_NE(outcome("Events | project " + repeat("-", 50'000) + "Value"), "ok");
  EXPECT_NE(outcome("Events | project Bag" + repeat(".a", 5'000)), "ok");
}

TEST(Limits, LetsThatDouble) {
  std::string scalars = "Events | extend x0 = Value";
  std::string query = "let f0 = (x:long) { x + x };";
  for (int i = 1; i < 60; ++i) {
    const std::string before = std::to_string(i - 1);
    query += "let f" + std::to_string(i) + " = (x:long) { f" + before + "(x) + f" + before + "(x) };";
  }
  EXPECT_EQ(outcome(query + "Events | project f59(Value)"), "LimitExceeded");
  std::string tables = "let T0 = Events;";
  for (int i = 1; i < 60; ++i) {
    const std::string before = "T" + std::to_string(i - 1);
    tables += "let T" + std::to_string(i) + " = union " + before + ", " + before + ";";
  }
  EXPECT_EQ(outcome(tables + "T59 | count"), "LimitExceeded");
  std::string constants = "let c0 = 'ab';";
  for (int i = 1; i < 60; ++i) {
    const std::string before = "c" + std::to_string(i - 1);
    constants += "let c" + std::to_string(i) + " = strcat(" + before + ", " + before + ");";
  }
  EXPECT_EQ(outcome(constants + "print c59"), "LimitExceeded");
}

TEST(Limits, ManyOperators) {
  EXPECT_EQ(outcome("Events" + repeat(" | where Value > 1", 400)), "ok");
  EXPECT_EQ(outcome("Events" + repeat(" | where Value > 1", 10'000)), "LimitExceeded");
  EXPECT_EQ(outcome("Quiet" + repeat(" | extend a = 1", 5'000)), "LimitExceeded");
  EXPECT_EQ(outcome(repeat("(", 10'000) + "Events" + repeat(")", 10'000)), "LimitExceeded");
}

TEST(Limits, FunctionsThatCallThemselves) {
  EXPECT_EQ(outcome("Loop"), "Semantic");
  EXPECT_EQ(outcome("Loop()"), "Semantic");
}

TEST(Limits, ManyLets) {
  std::string query;
  for (int i = 0; i < 3'000; ++i) query += "let v" + std::to_string(i) + " = 1;";
  EXPECT_EQ(outcome(query + "print 1"), "LimitExceeded");
}

TEST(Limits, TextsThatGrow) {
  EXPECT_EQ(outcome("print strrep(strrep(strrep('0123456789', 1024), 1024), 1024)"), "ok");
}

}  // namespace
}  // namespace spillway::kql::test
