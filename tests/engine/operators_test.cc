// What each operator of a plan gives.
#include <cmath>
#include <limits>

#include "tests/engine/plans.h"

namespace spillway::engine {
namespace {

using kql::JoinKind;
using Lines = std::vector<std::string>;

Value l(int64_t value) {
  return Value::int64(value);
}
Value s(std::string value) {
  return Value::string(std::move(value));
}
Value null_long() {
  return Value::null(Type::Long);
}

class OperatorsTest : public EngineTest {
 protected:
  RelPtr letters() {
    return values({{1, "n", Type::Long}, {2, "s", Type::String}},
                  {{l(1), s("a")}, {l(2), s("b")}, {l(3), s("c")}, {null_long(), s("")}});
  }
};

TEST_F(OperatorsTest, ValuesOfEveryType) {
  const RelPtr plan = values(
      {{1, "b", Type::Bool},
       {2, "i", Type::Int},
       {3, "l", Type::Long},
       {4, "r", Type::Real},
       {5, "d", Type::Decimal},
       {6, "s", Type::String},
       {7, "t", Type::DateTime},
       {8, "p", Type::TimeSpan},
       {9, "g", Type::Guid},
       {10, "j", Type::Dynamic}},
      {{Value::boolean(true), Value::int32(-5), l(INT64_MIN), Value::real(1.5), Value::decimal("-0.25"),
        s("it's"), Value::datetime(kMaxDateTime), Value::timespan(-kTicksPerDay),
        Value::guid(*Guid::parse("74be27de-1e4e-49d9-b579-fe0b331d3642")), Value::dynamic("{\"a\":1}")},
       {Value::null(Type::Bool), Value::null(Type::Int), null_long(), Value::null(Type::Real),
        Value::null(Type::Decimal), Value::null(Type::String), Value::null(Type::DateTime),
        Value::null(Type::TimeSpan), Value::null(Type::Guid), Value::null(Type::Dynamic)}});
  EXPECT_EQ(rows(plan),
            (Lines{"true|-5|-9223372036854775808|1.5|-0.25|it's|9999-12-31T23:59:59.9999999Z|-1.00:00:00|"
                   "74be27de-1e4e-49d9-b579-fe0b331d3642|{\"a\":1}",
                   "null|null|null|null|null||null|null|null|null"}));
}

TEST_F(OperatorsTest, ValuesThatSqlCannotQuotePlainly) {
  const std::string zero("a\0b", 3);
  const auto table = run(values({{1, "s", Type::String}, {2, "r", Type::Real}},
                                {{s(zero), Value::real(std::numeric_limits<double>::infinity())},
                                 {s("\xF0\x9F\x8C\x8A \"x\" 'y' \\ \n"), Value::real(std::nan(""))},
                                 {s(""), Value::real(0.1)}}));
  ASSERT_TRUE(table.ok()) << table.error().message;
  EXPECT_EQ(table->rows[0][0].as_text(), zero);
  EXPECT_EQ(table->rows[0][1].str(), "Infinity");
  EXPECT_EQ(table->rows[1][0].as_text(), "\xF0\x9F\x8C\x8A \"x\" 'y' \\ \n");
  EXPECT_EQ(table->rows[1][1].str(), "NaN");
  EXPECT_EQ(table->rows[2][1].as_real(), 0.1);
}

TEST_F(OperatorsTest, NoRowsAndNoColumns) {
  EXPECT_EQ(rows(values({{1, "n", Type::Long}}, {})), Lines());
  EXPECT_EQ(rows(values({}, {})), Lines());
  // print's single empty row
  EXPECT_EQ(rows(project(values({}, {{}}), {{1, "x", Type::Long}}, {number(5)})), Lines{"5"});
  EXPECT_EQ(rows(values({}, {{}, {}})), (Lines{"", ""}));
}

TEST_F(OperatorsTest, ManyValuesKeepTheirOrder) {
  std::vector<std::vector<Value>> many;
  Lines expected;
  for (int64_t i = 0; i < 20'000; ++i) {
    many.push_back({l(i * 7919 % 20'000)});
    expected.push_back(std::to_string(i * 7919 % 20'000));
  }
  const RelPtr plan = values({{1, "n", Type::Long}}, many);
  EXPECT_EQ(rows(plan), expected);
  const RelPtr less = filter(plan, call("<", {column(1), number(3)}));
  EXPECT_EQ(rows(less).size(), 3u);
}

TEST_F(OperatorsTest, FilterKeepsWhatIsTrue) {
  EXPECT_EQ(rows(filter(letters(), call(">=", {column(1), number(2)}))), (Lines{"2|b", "3|c"}));
  EXPECT_EQ(rows(filter(letters(), literal(Value::null(Type::Bool)))), Lines());
}

TEST_F(OperatorsTest, ProjectRenamesAndComputes) {
  const RelPtr plan =
      project(letters(), {{5, "s", Type::String}, {6, "twice", Type::Long}, {7, "i", Type::Int}},
              {column(2, Type::String), sql_call("twice", "{0} * 2", {column(1)}, Type::Long),
               literal(Value::int32(7))});
  EXPECT_EQ(rows(plan), (Lines{"a|2|7", "b|4|7", "c|6|7", "|null|7"}));
  const auto table = run(plan);
  ASSERT_TRUE(table.ok());
  EXPECT_EQ(table->schema, (Schema{{"s", Type::String}, {"twice", Type::Long}, {"i", Type::Int}}));
}

TEST_F(OperatorsTest, AStringOfNullIsEmpty) {
  const ExprPtr as_text = sql_call("text", "CAST({0} AS VARCHAR)", {column(1)}, Type::String);
  EXPECT_EQ(rows(project(letters(), {{5, "t", Type::String}}, {as_text})), (Lines{"1", "2", "3", ""}));
}

TEST_F(OperatorsTest, AResultHasItsDeclaredType) {
  // SQL's sum of BIGINT is a HUGEINT, of 1 + 1 an INTEGER.
  const RelPtr sums = aggregate(letters(), {}, {aggregate({5, "sum", Type::Long}, "sum({0})", {column(1)})});
  EXPECT_EQ(rows(sums), Lines{"6"});
  EXPECT_EQ(
      rows(project(letters(), {{5, "x", Type::Long}}, {sql_call("x", "1 + 1", {}, Type::Long)})).front(),
      "2");
}

TEST_F(OperatorsTest, AggregateByKeys) {
  const ExprPtr odd = sql_call("odd", "{0} % 2 = 1", {column(1)}, Type::Bool);
  const RelPtr plan = aggregate(letters(), {{{5, "odd", Type::Bool}, odd}},
                                {aggregate({6, "n", Type::Long}, "count(*)", {}),
                                 aggregate({7, "max", Type::String}, "max({0})", {column(2, Type::String)})});
  EXPECT_EQ(sorted(rows(plan)), (Lines{"false|1|b", "null|1|", "true|2|c"}));
}

TEST_F(OperatorsTest, AggregateWithPredicate) {
  const ExprPtr above = call(">", {column(1), number(1)});
  EXPECT_EQ(rows(aggregate(letters(), {}, {aggregate({6, "n", Type::Long}, "count(*)", {}, above)})),
            Lines{"2"});
}

TEST_F(OperatorsTest, AggregateOfNothing) {
  const RelPtr none = values({{1, "n", Type::Long}, {2, "s", Type::String}}, {});
  EXPECT_EQ(rows(aggregate(none, {},
                           {aggregate({6, "n", Type::Long}, "count(*)", {}),
                            aggregate({7, "m", Type::Long}, "max({0})", {column(1)}),
                            aggregate({8, "s", Type::String}, "max({0})", {column(2, Type::String)})})),
            Lines{"0|null|"});
  EXPECT_EQ(rows(aggregate(none, {{{5, "k", Type::Long}, column(1)}},
                           {aggregate({6, "n", Type::Long}, "count(*)", {})})),
            Lines());
}

TEST_F(OperatorsTest, DistinctIsAnAggregateWithoutAggregates) {
  const RelPtr twice = values({{1, "n", Type::Long}}, {{l(1)}, {l(2)}, {l(1)}, {null_long()}, {null_long()}});
  EXPECT_EQ(sorted(rows(aggregate(twice, {{{5, "n", Type::Long}, column(1)}}, {}))),
            (Lines{"1", "2", "null"}));
}

class JoinTest : public OperatorsTest {
 protected:
  RelPtr left() {
    return values({{1, "k", Type::Long}, {2, "a", Type::String}},
                  {{l(1), s("l1")}, {l(2), s("l2")}, {l(2), s("l2")}, {null_long(), s("l0")}});
  }
  RelPtr right() {
    return values({{3, "k", Type::Long}, {4, "b", Type::String}},
                  {{l(2), s("r2")}, {l(2), s("r2x")}, {l(3), s("r3")}, {null_long(), s("r0")}});
  }
  Lines both(JoinKind kind) {
    return sorted(rows(join(
        kind, left(), right(), {{column(1), column(3)}},
        {{11, "k", Type::Long}, {12, "a", Type::String}, {13, "k1", Type::Long}, {14, "b", Type::String}},
        {1, 2, 3, 4})));
  }
  Lines one(JoinKind kind, kql::ColumnId key, kql::ColumnId value) {
    return sorted(rows(join(kind, left(), right(), {{column(1), column(3)}},
                            {{11, "k", Type::Long}, {12, "v", Type::String}}, {key, value})));
  }
};

TEST_F(JoinTest, Inner) {
  EXPECT_EQ(both(JoinKind::Inner), (Lines{"2|l2|2|r2", "2|l2|2|r2", "2|l2|2|r2x", "2|l2|2|r2x"}));
}
TEST_F(JoinTest, InnerUniqueKeepsOneLeftRecordOfAKey) {
  EXPECT_EQ(both(JoinKind::InnerUnique), (Lines{"2|l2|2|r2", "2|l2|2|r2x"}));
}
TEST_F(JoinTest, LeftOuter) {
  EXPECT_EQ(both(JoinKind::LeftOuter),
            (Lines{"1|l1|null|", "2|l2|2|r2", "2|l2|2|r2", "2|l2|2|r2x", "2|l2|2|r2x", "null|l0|null|"}));
}
TEST_F(JoinTest, RightOuter) {
  EXPECT_EQ(both(JoinKind::RightOuter),
            (Lines{"2|l2|2|r2", "2|l2|2|r2", "2|l2|2|r2x", "2|l2|2|r2x", "null||3|r3", "null||null|r0"}));
}
TEST_F(JoinTest, FullOuter) {
  EXPECT_EQ(both(JoinKind::FullOuter), (Lines{"1|l1|null|", "2|l2|2|r2", "2|l2|2|r2", "2|l2|2|r2x",
                                              "2|l2|2|r2x", "null|l0|null|", "null||3|r3", "null||null|r0"}));
}
TEST_F(JoinTest, SemiAndAnti) {
  EXPECT_EQ(one(JoinKind::LeftSemi, 1, 2), (Lines{"2|l2", "2|l2"}));
  EXPECT_EQ(one(JoinKind::LeftAnti, 1, 2), (Lines{"1|l1", "null|l0"}));
  EXPECT_EQ(one(JoinKind::RightSemi, 3, 4), (Lines{"2|r2", "2|r2x"}));
  EXPECT_EQ(one(JoinKind::RightAnti, 3, 4), (Lines{"3|r3", "null|r0"}));
}
TEST_F(JoinTest, AnEmptySide) {
  const RelPtr none = values({{3, "k", Type::Long}, {4, "b", Type::String}}, {});
  const auto with_none = [&](JoinKind kind) {
    return sorted(rows(join(kind, left(), none, {{column(1), column(3)}},
                            {{11, "k", Type::Long}, {14, "b", Type::String}}, {1, 4})));
  };
  EXPECT_EQ(with_none(JoinKind::Inner), Lines());
  EXPECT_EQ(with_none(JoinKind::LeftOuter), (Lines{"1|", "2|", "2|", "null|"}));
}
TEST_F(JoinTest, OfASharedNodeWithItself) {
  const RelPtr shared = left();
  const RelPtr plan = join(JoinKind::Inner, shared, shared, {{column(1), column(1)}},
                           {{11, "k", Type::Long}, {12, "k1", Type::Long}}, {1, 1});
  EXPECT_EQ(sorted(rows(plan)), (Lines{"1|1", "2|2", "2|2", "2|2", "2|2"}));
}
TEST_F(JoinTest, OfExpressionsAndSeveralKeys) {
  const RelPtr plan = join(JoinKind::Inner, left(), right(),
                           {{column(1), column(3)},
                            {sql_call("tail", "substr({0}, 2)", {column(2, Type::String)}, Type::String),
                             sql_call("tail", "substr({0}, 2)", {column(4, Type::String)}, Type::String)}},
                           {{12, "a", Type::String}, {14, "b", Type::String}}, {2, 4});
  EXPECT_EQ(rows(plan), (Lines{"l2|r2", "l2|r2"}));
}

TEST_F(OperatorsTest, UnionFillsWhatASideLacks) {
  auto plan = std::make_shared<kql::Union>();
  plan->columns = {
      {11, "n", Type::Long}, {12, "s", Type::String}, {13, "from", Type::String}, {14, "x", Type::Real}};
  plan->inputs = {letters(),
                  values({{21, "s", Type::String}, {22, "x", Type::Real}}, {{s("z"), Value::real(0.5)}})};
  plan->map = {{1, 2, std::nullopt, std::nullopt}, {std::nullopt, 21, std::nullopt, 22}};
  plan->source_column = 13;
  plan->source_names = {"left", "right"};
  EXPECT_EQ(sorted(rows(plan)), (Lines{"1|a|left|null", "2|b|left|null", "3|c|left|null", "null|z|right|0.5",
                                       "null||left|null"}));
}

TEST_F(OperatorsTest, RangeOfEveryType) {
  EXPECT_EQ(rows(range({1, "x", Type::Long}, number(1), number(7), number(3))), (Lines{"1", "4", "7"}));
  EXPECT_EQ(rows(range({1, "x", Type::Long}, number(1), number(6), number(3))), (Lines{"1", "4"}));
  EXPECT_EQ(rows(range({1, "x", Type::Long}, number(3), number(1), number(-1))), (Lines{"3", "2", "1"}));
  EXPECT_EQ(rows(range({1, "x", Type::Long}, number(3), number(1), number(1))), Lines());
  EXPECT_EQ(rows(range({1, "x", Type::Long}, number(INT64_MAX - 1), number(INT64_MAX), number(1))),
            (Lines{"9223372036854775806", "9223372036854775807"}));
  EXPECT_EQ(rows(range({1, "x", Type::Real}, literal(Value::real(0)), literal(Value::real(1)),
                       literal(Value::real(0.25)))),
            (Lines{"0", "0.25", "0.5", "0.75", "1"}));
  EXPECT_EQ(rows(range({1, "t", Type::DateTime}, literal(Value::datetime(0)),
                       literal(Value::datetime(kTicksPerDay)), literal(Value::timespan(kTicksPerDay / 2)))),
            (Lines{"0001-01-01T00:00:00.0000000Z", "0001-01-01T12:00:00.0000000Z",
                   "0001-01-02T00:00:00.0000000Z"}));
  EXPECT_EQ(rows(range({1, "x", Type::Long}, number(1), sql_call("two", "1 + {0}", {number(1)}, Type::Long),
                       number(1))),
            (Lines{"1", "2"}));
  EXPECT_EQ(error_of(range({1, "x", Type::Long}, number(1), number(2), number(0))).code,
            ErrorCode::BadRequest);
  EXPECT_EQ(error_of(range({1, "x", Type::Long}, number(INT64_MIN), number(INT64_MAX), number(1))).code,
            ErrorCode::LimitExceeded);
}

TEST_F(OperatorsTest, ALongRangeComesInOrder) {
  const auto table = run(range({1, "x", Type::Long}, number(0), number(299'999), number(1)));
  ASSERT_TRUE(table.ok());
  ASSERT_EQ(table->rows.size(), 300'000u);
  for (int64_t i = 0; i < 300'000; ++i) ASSERT_EQ(table->rows[static_cast<size_t>(i)][0].as_int(), i);
}

class SortTest : public OperatorsTest {
 protected:
  static kql::SortKey key(ExprPtr expression, bool descending, bool nulls_first) {
    kql::SortKey result;
    result.expression = std::move(expression);
    result.descending = descending;
    result.nulls_first = nulls_first;
    return result;
  }
};

TEST_F(SortTest, NullsWhereTheKeySaysSo) {
  EXPECT_EQ(rows(sort(letters(), {key(column(1), true, false)})), (Lines{"3|c", "2|b", "1|a", "null|"}));
  EXPECT_EQ(rows(sort(letters(), {key(column(1), true, true)})), (Lines{"null|", "3|c", "2|b", "1|a"}));
  EXPECT_EQ(rows(sort(letters(), {key(column(1), false, true)})), (Lines{"null|", "1|a", "2|b", "3|c"}));
  EXPECT_EQ(rows(sort(letters(), {key(column(1), false, false)})), (Lines{"1|a", "2|b", "3|c", "null|"}));
}

TEST_F(SortTest, OrderLastsThroughFilterProjectAndLimit) {
  const RelPtr shuffled =
      project(range({1, "x", Type::Long}, number(0), number(99'999), number(1)),
              {{2, "y", Type::Long}, {3, "z", Type::Long}},
              {sql_call("shuffle", "({0} * 7919) % 100003", {column(1)}, Type::Long), column(1)});
  const RelPtr ordered = sort(shuffled, {key(column(2), false, true)});
  const RelPtr shown =
      project(filter(ordered, call(">", {column(2), number(10)})), {{5, "z", Type::Long}}, {column(3)});
  const RelPtr expected = project(filter(shuffled, call("<", {column(2), number(16)})),
                                  {{5, "z", Type::Long}, {6, "y", Type::Long}}, {column(3), column(2)});
  Lines expectation;
  for (const std::string& line :
       rows(sort(filter(expected, call(">", {column(6), number(10)})), {key(column(6), false, true)}))) {
    expectation.push_back(line.substr(0, line.find('|')));
  }
  Lines first = rows(limit(shown, 5));
  expectation.resize(5);
  EXPECT_EQ(first, expectation);
  EXPECT_EQ(rows(limit(limit(shown, 5), 2)), Lines(expectation.begin(), expectation.begin() + 2));
  EXPECT_EQ(rows(shown).size(), 100'000u - 11u + 0u);
}

TEST_F(SortTest, AnAggregateThatGathersSeesTheOrder) {
  const RelPtr shuffled =
      project(range({1, "x", Type::Long}, number(0), number(9'999), number(1)), {{2, "y", Type::Long}},
              {sql_call("shuffle", "({0} * 7919) % 10000", {column(1)}, Type::Long)});
  const RelPtr gathered =
      aggregate(sort(shuffled, {key(column(2), true, false)}), {},
                {aggregate({5, "all", Type::String}, "CAST(list({0}{order})[1:3] AS VARCHAR)", {column(2)})});
  EXPECT_EQ(rows(gathered), Lines{"[9999, 9998, 9997]"});
}

TEST_F(SortTest, BySeveralKeysAndAnExpression) {
  const RelPtr input = values({{1, "a", Type::Long}, {2, "b", Type::String}},
                              {{l(1), s("x")}, {l(2), s("x")}, {l(3), s("y")}});
  const ExprPtr negative = sql_call("negative", "-{0}", {column(1)}, Type::Long);
  EXPECT_EQ(rows(sort(input, {key(column(2, Type::String), false, true), key(negative, false, true)})),
            (Lines{"2|x", "1|x", "3|y"}));
  // The later sort counts.
  EXPECT_EQ(rows(sort(sort(input, {key(column(1), true, false)}), {key(column(1), false, true)})),
            (Lines{"1|x", "2|x", "3|y"}));
}

TEST_F(OperatorsTest, LimitOfNothingAndOfLess) {
  EXPECT_EQ(rows(limit(letters(), 0)), Lines());
  EXPECT_EQ(rows(limit(letters(), -1)), Lines());
  EXPECT_EQ(rows(limit(letters(), 2)).size(), 2u);
  EXPECT_EQ(rows(limit(letters(), INT64_MAX)).size(), 4u);
}

TEST_F(OperatorsTest, AMaterializedNodeIsComputedOnce) {
  const ExprPtr random = [] {
    kql::NativeFunction count = [](const kql::NativeCall& native) {
      static std::atomic<int64_t> calls{0};
      for (size_t i = 0; i < native.rows; ++i) native.out.set<int64_t>(i, ++calls);
      return Status();
    };
    return native_call("counter", count, {}, Type::Long, true);
  }();
  const RelPtr shared = materialized(project(letters(), {{5, "r", Type::Long}}, {random}));
  auto both = std::make_shared<kql::Union>();
  both->columns = {{11, "r", Type::Long}};
  both->inputs = {shared, shared};
  both->map = {{5}, {5}};
  const Lines distinct = rows(aggregate(both, {{{12, "r", Type::Long}, column(11)}}, {}));
  EXPECT_EQ(distinct.size(), 4u);
}

TEST_F(OperatorsTest, SubqueriesInExpressions) {
  auto scalar = std::make_shared<kql::Expr>();
  scalar->kind = kql::Expr::Kind::ScalarSubquery;
  scalar->type = Type::Long;
  scalar->subquery = aggregate(letters(), {}, {aggregate({30, "max", Type::Long}, "max({0})", {column(1)})});
  EXPECT_EQ(rows(filter(letters(), call("==", {column(1), scalar}))), Lines{"3|c"});

  auto empty = std::make_shared<kql::Expr>(*scalar);
  empty->type = Type::String;
  empty->subquery = values({{31, "s", Type::String}}, {});
  EXPECT_EQ(rows(project(values({}, {{}}), {{1, "s", Type::String}}, {empty})), Lines{""});

  const auto in = [&](const std::string& name, RelPtr list) {
    auto expr = std::make_shared<kql::Expr>();
    expr->kind = kql::Expr::Kind::InSubquery;
    expr->type = Type::Bool;
    expr->args = {column(2, Type::String)};
    expr->function = call(name, {})->function;
    expr->subquery = std::move(list);
    return expr;
  };
  const RelPtr list = values({{31, "s", Type::String}}, {{s("A")}, {s("b")}});
  EXPECT_EQ(rows(filter(letters(), in("in", list))), Lines{"2|b"});
  EXPECT_EQ(rows(filter(letters(), in("!in", list))), (Lines{"1|a", "3|c", "null|"}));
  EXPECT_EQ(rows(filter(letters(), in("in~", list))), (Lines{"1|a", "2|b"}));
  EXPECT_EQ(rows(filter(letters(), in("!in~", list))), (Lines{"3|c", "null|"}));
}

}  // namespace
}  // namespace spillway::engine
