// Native functions, deep and long expressions, and what goes wrong in them.
#include "tests/engine/plans.h"

namespace spillway::engine {
namespace {

using Lines = std::vector<std::string>;

Value l(int64_t value) {
  return Value::int64(value);
}

class FunctionsTest : public EngineTest {
 protected:
  RelPtr numbers(int64_t count) {
    return range({1, "n", Type::Long}, number(0), number(count - 1), number(1));
  }
  Lines value_of(ExprPtr expr) {
    const Type type = expr->type;
    return rows(project(values({}, {{}}), {{9, "x", type}}, {std::move(expr)}));
  }
};

/// The texts of all arguments with their types, "null" where one is null.
Status describe(const kql::NativeCall& call) {
  for (size_t row = 0; row < call.rows; ++row) {
    std::string out;
    for (const VectorView& view : call.arguments) {
      out += std::string(kql_name(view.type())) + "=" + (view.is_null(row) ? "null" : view.value(row).str()) +
             ";";
    }
    call.out.set_text(row, out);
  }
  return Status();
}

TEST_F(FunctionsTest, ANativeFunctionSeesEveryTypeAndNulls) {
  const std::vector<Value> all{Value::boolean(true),
                               Value::int32(-1),
                               l(2),
                               Value::real(0.5),
                               Value::decimal("1.25"),
                               Value::string("a text that is longer than twelve bytes"),
                               Value::datetime(0),
                               Value::timespan(kTicksPerSecond),
                               Value::guid(Guid{1, 2}),
                               Value::dynamic("[1]")};
  std::vector<PlanColumn> columns;
  std::vector<ExprPtr> args;
  std::vector<Value> nulls;
  for (size_t i = 0; i < all.size(); ++i) {
    const int id = static_cast<int>(i) + 1;
    columns.push_back({id, "c", all[i].type()});
    args.push_back(column(id, all[i].type()));
    nulls.push_back(Value::null(all[i].type()));
  }
  const RelPtr input = values(columns, {all, nulls});
  EXPECT_EQ(
      rows(
          project(input, {{20, "d", Type::String}}, {native_call("describe", describe, args, Type::String)})),
      (Lines{"bool=true;int=-1;long=2;real=0.5;decimal=1.25;string=a text that is longer than twelve bytes;"
             "datetime=0001-01-01T00:00:00.0000000Z;timespan=00:00:01;"
             "guid=00000000-0000-0001-0000-000000000002;dynamic=[1];",
             "bool=null;int=null;long=null;real=null;decimal=null;string=;datetime=null;timespan=null;"
             "guid=null;dynamic=null;"}));
}

/// Its argument again, null where it is null.
Status identity(const kql::NativeCall& call) {
  const VectorView& in = call.arguments[0];
  for (size_t row = 0; row < call.rows; ++row) {
    if (in.is_null(row)) {
      call.out.set_null(row);
      continue;
    }
    switch (in.type()) {
      case Type::Bool: call.out.set<uint8_t>(row, in.boolean(row)); break;
      case Type::Int: call.out.set<int32_t>(row, in.get<int32_t>(row)); break;
      case Type::Real: call.out.set<double>(row, in.get<double>(row)); break;
      case Type::Guid: call.out.set<Guid>(row, in.get<Guid>(row)); break;
      case Type::String:
      case Type::Decimal:
      case Type::Dynamic: call.out.set_text(row, in.text(row)); break;
      default: call.out.set<int64_t>(row, in.integer(row));
    }
  }
  return Status();
}

TEST_F(FunctionsTest, ANativeFunctionReturnsEveryTypeAndNulls) {
  for (const Value& value :
       {Value::boolean(true), Value::int32(-1), l(2), Value::real(0.5),
        Value::decimal("-12345678901234567890.00000000000001"),
        Value::string("a text that is longer than twelve bytes"), Value::string("short"), Value::datetime(5),
        Value::timespan(-1), Value::guid(Guid{UINT64_MAX, 2}), Value::dynamic("{\"k\":[1,2,3,4,5]}")}) {
    const RelPtr input = values({{1, "v", value.type()}}, {{value}, {Value::null(value.type())}});
    const RelPtr plan = project(input, {{2, "v", value.type()}},
                                {native_call("identity", identity, {column(1, value.type())}, value.type())});
    EXPECT_EQ(rows(plan), (Lines{value.str(), value.type() == Type::String ? "" : "null"}));
  }
}

TEST_F(FunctionsTest, ANativeFunctionOverManyRowsAndConstants) {
  const kql::NativeFunction plus = [](const kql::NativeCall& call) {
    for (size_t i = 0; i < call.rows; ++i) {
      call.out.set<int64_t>(i, call.arguments[0].integer(i) + call.arguments[1].integer(i));
    }
    return Status();
  };
  const RelPtr sums = project(numbers(100'000), {{2, "m", Type::Long}},
                              {native_call("plus", plus, {column(1), number(1)}, Type::Long)});
  EXPECT_EQ(rows(aggregate(sums, {}, {aggregate({3, "s", Type::Long}, "sum({0})", {column(2)})})),
            Lines{"5000050000"});
  EXPECT_EQ(value_of(native_call("plus", plus, {number(40), number(2)}, Type::Long)), Lines{"42"});
  // A template's result is made the parameter's type first: 1 + 1 is an INTEGER for DuckDB.
  EXPECT_EQ(
      value_of(native_call("plus", plus, {sql_call("two", "1 + 1", {}, Type::Long), number(2)}, Type::Long)),
      Lines{"4"});
}

TEST_F(FunctionsTest, AnErrorOfANativeFunctionComesOutAsItIs) {
  const kql::NativeFunction fail = [](const kql::NativeCall&) {
    return Status(ErrorCode::BadRequest, "bin(): the size must not be 'zero'");
  };
  const Error error = error_of(
      project(numbers(10), {{2, "x", Type::Long}}, {native_call("fail", fail, {column(1)}, Type::Long)}));
  EXPECT_EQ(error.code, ErrorCode::BadRequest);
  EXPECT_EQ(error.message, "fail(): bin(): the size must not be 'zero'");

  const kql::NativeFunction raise = [](const kql::NativeCall&) -> Status {
    throw std::runtime_error("oops");
  };
  EXPECT_EQ(error_of(project(numbers(10), {{2, "x", Type::Long}},
                             {native_call("raise", raise, {column(1)}, Type::Long)}))
                .code,
            ErrorCode::Internal);
}

TEST_F(FunctionsTest, RuntimeErrorsSayWhatFailed) {
  const Error error =
      error_of(project(numbers(10), {{2, "x", Type::Long}},
                       {sql_call("parse", "CAST('x' || {0} AS BIGINT)", {column(1)}, Type::Long)}));
  EXPECT_EQ(error.code, ErrorCode::BadRequest);
  EXPECT_NE(error.message.find("'x0'"), std::string::npos) << error.message;
  EXPECT_EQ(error.message.find("SELECT"), std::string::npos) << error.message;
}

TEST_F(FunctionsTest, AVolatileFunctionIsEvaluatedForEachRow) {
  const kql::NativeFunction count = [](const kql::NativeCall& call) {
    static std::atomic<int64_t> calls{0};
    for (size_t i = 0; i < call.rows; ++i) call.out.set<int64_t>(i, ++calls);
    return Status();
  };
  const RelPtr plan =
      project(numbers(5'000), {{2, "x", Type::Long}}, {native_call("count", count, {}, Type::Long, true)});
  EXPECT_EQ(rows(aggregate(plan, {}, {aggregate({3, "n", Type::Long}, "count(DISTINCT {0})", {column(2)})})),
            Lines{"5000"});
}

TEST_F(FunctionsTest, ThousandsOfAlternativesNestedOneByOne) {
  ExprPtr any = call("==", {column(1), number(0)});
  for (int64_t i = 1; i < 3'000; ++i) any = call("or", {any, call("==", {column(1), number(i * 2)})});
  EXPECT_EQ(rows(filter(numbers(10), any)), (Lines{"0", "2", "4", "6", "8"}));
  ExprPtr all = call(">=", {column(1), number(0)});
  for (int64_t i = 1; i < 3'000; ++i) all = call("and", {call("<", {column(1), number(i)}), all});
  EXPECT_EQ(rows(filter(numbers(10), all)), Lines{"0"});
}

TEST_F(FunctionsTest, ThousandsOfTermsOfASum) {
  ExprPtr sum = number(0);
  for (int64_t i = 1; i <= 5'000; ++i) sum = call("+", {sum, number(i)}, Type::Long);
  EXPECT_EQ(value_of(sum), Lines{"12502500"});
}

TEST_F(FunctionsTest, TooDeepIsAnError) {
  const auto nested = [](int depth) {
    ExprPtr expr = column(1);
    for (int i = 0; i < depth; ++i) expr = sql_call("abs", "abs({0})", {expr}, Type::Long);
    return expr;
  };
  EXPECT_EQ(rows(project(numbers(1), {{2, "x", Type::Long}}, {nested(200)})), Lines{"0"});
  const Error error = error_of(project(numbers(1), {{2, "x", Type::Long}}, {nested(5'000)}));
  EXPECT_EQ(error.code, ErrorCode::LimitExceeded);

  RelPtr plan = numbers(1);
  for (int i = 0; i < 300; ++i) plan = filter(plan, call("<", {column(1), number(i + 1)}));
  EXPECT_EQ(rows(plan), Lines{"0"});
  for (int i = 0; i < 5'000; ++i) plan = filter(plan, call("<", {column(1), number(i + 1)}));
  EXPECT_EQ(error_of(plan).code, ErrorCode::LimitExceeded);
}

TEST_F(FunctionsTest, APlanThatDoublesItselfIsAnError) {
  RelPtr plan = numbers(1);
  for (int i = 0; i < 60; ++i) {
    auto both = std::make_shared<kql::Union>();
    both->columns = {{1, "n", Type::Long}};
    both->inputs = {plan, plan};
    both->map = {{1}, {1}};
    plan = both;
  }
  EXPECT_EQ(error_of(plan).code, ErrorCode::LimitExceeded);
}

}  // namespace
}  // namespace spillway::engine
