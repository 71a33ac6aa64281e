// Native operators in plans: where they may stand, their order, their limits, and how they end.
#include <atomic>
#include <filesystem>
#include <thread>

#include "kql/native_operator.h"
#include "tests/engine/plans.h"

namespace spillway::engine {
namespace {

using namespace std::chrono_literals;
using kql::NativeOperator;
using kql::OperatorContext;
using kql::RowInput;
using Inputs = std::vector<std::unique_ptr<RowInput>>;
using Lines = std::vector<std::string>;

/// An operator from a function.
class Maker : public kql::NativeOperatorMaker {
 public:
  using Make = std::function<std::unique_ptr<NativeOperator>(const Inputs&, OperatorContext&)>;
  explicit Maker(Make make) : make_(std::move(make)) {}
  std::string describe() const override { return "test"; }
  Result<std::unique_ptr<NativeOperator>> make(const Inputs& inputs,
                                               OperatorContext& context) const override {
    return make_(inputs, context);
  }

 private:
  Make make_;
};

RelPtr native(std::vector<RelPtr> inputs, std::vector<PlanColumn> columns, Maker::Make make,
              bool ordered = true) {
  auto rel = std::make_shared<kql::Native>();
  rel->inputs = std::move(inputs);
  rel->columns = std::move(columns);
  rel->maker = std::make_shared<Maker>(std::move(make));
  rel->ordered = ordered;
  return rel;
}

/// The input's columns, and the row's number.
class Numbering : public NativeOperator {
 public:
  explicit Numbering(RowInput& input) : rows_(input) {}
  Result<size_t> next(const std::vector<VectorSink*>& output, size_t capacity) override {
    SPILLWAY_ASSIGN(const size_t count, rows_.next(capacity));
    for (size_t r = 0; r < count; ++r) {
      for (size_t c = 0; c < rows_.columns(); ++c) copy_value(rows_.column(c), rows_.row(r), *output[c], r);
      output.back()->set<int64_t>(r, ++number_);
    }
    return count;
  }

 private:
  kql::RowCursor rows_;
  int64_t number_ = 0;
};

RelPtr numbered(RelPtr input, kql::ColumnId id, bool ordered = true) {
  std::vector<PlanColumn> columns = input->columns;
  columns.push_back({id, "number", Type::Long});
  return native(
      {std::move(input)}, std::move(columns),
      [](const Inputs& inputs, OperatorContext&) { return std::make_unique<Numbering>(*inputs[0]); },
      ordered);
}

/// Holds all of its input, then gives it backwards.
class Reversing : public NativeOperator {
 public:
  Reversing(RowInput& input, OperatorContext& context) : input_(input), rows_(input.schema(), context) {}
  Result<size_t> next(const std::vector<VectorSink*>& output, size_t capacity) override {
    if (!read_) {
      SPILLWAY_TRY(rows_.append_all(input_));
      left_ = rows_.size();
      read_ = true;
    }
    size_t count = 0;
    for (; count < capacity && left_ > 0; ++count, --left_) {
      for (size_t c = 0; c < rows_.columns(); ++c) rows_.column(c).put(left_ - 1, *output[c], count);
    }
    return count;
  }

 private:
  RowInput& input_;
  kql::HeldRows rows_;
  bool read_ = false;
  size_t left_ = 0;
};

RelPtr reversed(RelPtr input) {
  std::vector<PlanColumn> columns = input->columns;
  return native({std::move(input)}, std::move(columns), [](const Inputs& inputs, OperatorContext& context) {
    return std::make_unique<Reversing>(*inputs[0], context);
  });
}

class NativeTest : public EngineTest {
 protected:
  RelPtr numbers(int64_t count, kql::ColumnId id = 1) {
    return range({id, "n", Type::Long}, number(0), number(count - 1), number(1));
  }
  static EngineOptions with_threads(int threads) {
    EngineOptions options;
    options.threads = threads;
    return options;
  }
  static kql::SortKey descending(kql::ColumnId id) { return {column(id), true, false}; }
  RelPtr sum(RelPtr input, kql::ColumnId of, kql::ColumnId id) {
    return aggregate(std::move(input), {}, {aggregate({id, "s", Type::Long}, "sum({0})", {column(of)})});
  }
};

TEST_F(NativeTest, ReadsItsInputInOrderAndGivesAnOrder) {
  EXPECT_EQ(rows(numbered(sort(numbers(3), {descending(1)}), 2)), (Lines{"2|1", "1|2", "0|3"}));
  const RelPtr many = numbered(sort(numbers(100'000), {descending(1)}), 2);
  const Lines all = rows(many);
  ASSERT_EQ(all.size(), 100'000u);
  for (size_t i = 0; i < all.size(); ++i)
    ASSERT_EQ(all[i], std::to_string(99'999 - i) + "|" + std::to_string(i + 1));
  EXPECT_EQ(rows(limit(filter(many, call(">", {column(2), number(5000)})), 2)),
            (Lines{"94999|5001", "94998|5002"}));
}

TEST_F(NativeTest, WorksWithOneThreadAndNested) {
  for (const int threads : {1, 2, 4}) {
    open(with_threads(threads));
    RelPtr plan = numbers(20'000);
    for (int level = 0; level < 20; ++level) {
      plan = level % 2 == 0 ? numbered(plan, 10 + level) : reversed(plan);
    }
    const RelPtr other = project(reversed(numbers(20'000, 50)), {{51, "m", Type::Long}}, {column(50)});
    const RelPtr both = join(kql::JoinKind::Inner, plan, other, {{column(1), column(51)}},
                             {{60, "n", Type::Long}, {61, "number", Type::Long}}, {1, 28});
    EXPECT_EQ(rows(sum(both, 60, 70)), Lines{"199990000"}) << threads;
    EXPECT_EQ(rows(sum(both, 61, 70)), Lines{"200010000"}) << threads;
  }
}

TEST_F(NativeTest, StandsInSubqueriesAndUnions) {
  auto scalar = std::make_shared<kql::Expr>();
  scalar->kind = kql::Expr::Kind::ScalarSubquery;
  scalar->type = Type::Long;
  scalar->subquery = sum(numbered(numbers(10), 2), 2, 3);
  EXPECT_EQ(rows(project(values({}, {{}}), {{4, "x", Type::Long}}, {scalar})), Lines{"55"});
  auto in = std::make_shared<kql::Expr>();
  in->kind = kql::Expr::Kind::InSubquery;
  in->type = Type::Bool;
  in->args = {column(9)};
  in->function = call("in", {})->function;
  in->subquery = limit(reversed(numbers(10)), 2);
  EXPECT_EQ(sorted(rows(filter(numbers(100, 9), in))), (Lines{"8", "9"}));
  auto both = std::make_shared<kql::Union>();
  both->columns = {{20, "n", Type::Long}};
  both->inputs = {numbered(numbers(3), 2), reversed(numbers(2, 5))};
  both->map = {{2}, {5}};
  EXPECT_EQ(sorted(rows(both)), (Lines{"0", "1", "1", "2", "3"}));
}

TEST_F(NativeTest, SharesWhatIsMaterialized) {
  // Were the random numbers drawn twice, the two sides would not match.
  const RelPtr random =
      materialized(project(numbers(1000), {{2, "r", Type::Real}},
                           {sql_call("rand", "random() + {0} * 0", {column(1)}, Type::Real)}));
  const RelPtr left = numbered(random, 3);
  const RelPtr both =
      join(kql::JoinKind::LeftSemi, left, random, {{column(2, Type::Real), column(2, Type::Real)}},
           {{9, "number", Type::Long}}, {3});
  EXPECT_EQ(rows(sum(both, 9, 10)), Lines{"500500"});
  // A native operator that is materialized itself.
  const RelPtr shared = materialized(numbered(sort(numbers(4), {descending(1)}), 2));
  const RelPtr pairs =
      join(kql::JoinKind::Inner, shared, project(shared, {{7, "m", Type::Long}}, {column(2)}),
           {{column(1), column(7)}}, {{8, "n", Type::Long}, {9, "m", Type::Long}}, {1, 7});
  EXPECT_EQ(sorted(rows(pairs)), (Lines{"1|1", "2|2", "3|3"}));
}

TEST_F(NativeTest, IsWrittenToFilesAndExtents) {
  auto table = make_table();
  add_extent(*table, 0, 3000, 100);
  add_extent(*table, 3000, 10, 200);
  auto scanned = scan(table);
  scanned->range = {0, 100};
  const RelPtr plan = numbered(sort(scanned, {descending(1)}), 7);
  std::filesystem::create_directories(folder_.path("out"));
  ParquetOptions parquet;
  parquet.folder = folder_.path("out");
  auto written = engine_->write_parquet(plan, parquet, {});
  ASSERT_TRUE(written.ok()) << written.error().message;
  ASSERT_EQ(written->size(), 1u);
  EXPECT_EQ(query("SELECT id, number FROM '" + (*written)[0].path + "' LIMIT 1"),
            (std::vector<std::vector<std::optional<std::string>>>{{"2999", "1"}}));
  auto extent = engine_->write_extent(plan, *table, folder_.path("extent.parquet"), {});
  ASSERT_TRUE(extent.ok()) << extent.error().message;
  EXPECT_EQ(extent->rows, 3000);
  // Statistics count what the inner statement reads.
  auto stream = engine_->run(plan, {});
  ASSERT_TRUE(stream.ok());
  EXPECT_EQ((*stream)->statistics().extents_total, 2);
  EXPECT_EQ((*stream)->statistics().extents_scanned, 1);
}

TEST_F(NativeTest, PassesErrorsOn) {
  class Failing : public NativeOperator {
    Result<size_t> next(const std::vector<VectorSink*>&, size_t) override {
      return Error(ErrorCode::DataFormat, "row 7 is \"odd\"");
    }
  };
  const RelPtr failing = native({numbers(1)}, {{5, "x", Type::Long}},
                                [](const Inputs&, OperatorContext&) { return std::make_unique<Failing>(); });
  const Error own = error_of(sum(failing, 5, 6));
  EXPECT_EQ(own.code, ErrorCode::DataFormat);
  EXPECT_EQ(own.message, "row 7 is \"odd\"");
  const RelPtr bad =
      project(numbers(10'000), {{2, "x", Type::Long}},
              {sql_call("bad_number", "CAST('9x' || {0} AS BIGINT)", {column(1)}, Type::Long)});
  EXPECT_EQ(error_of(numbered(bad, 3)).code, ErrorCode::BadRequest);
}

TEST_F(NativeTest, KeepsToItsMemory) {
  EngineOptions small;
  small.memory_limit = 64 << 20;
  open(small);
  EXPECT_EQ(rows(limit(reversed(numbers(100'000)), 1)), Lines{"99999"});
  const Error error = error_of(reversed(numbers(100'000'000)));
  EXPECT_EQ(error.code, ErrorCode::LimitExceeded);
  EXPECT_NE(error.message.find("16 MiB"), std::string::npos) << error.message;
}

TEST_F(NativeTest, IsCancelledAndTimedOut) {
  for (const int threads : {1, 2}) {
    open(with_threads(threads));
    const RelPtr endless = sum(numbered(sum(numbers(10'000'000'000'000), 1, 2), 3), 3, 4);
    const Error late = error_of(endless, {.cancel = nullptr, .timeout = 100ms});
    EXPECT_EQ(late.code, ErrorCode::Timeout);
    auto token = std::make_shared<CancelToken>();
    std::thread canceller([&] {
      std::this_thread::sleep_for(100ms);
      token->cancel();
    });
    EXPECT_EQ(error_of(endless, {.cancel = token, .timeout = {}}).code, ErrorCode::Cancelled);
    canceller.join();
  }
}

TEST_F(NativeTest, StopsWhenNobodyReadsOn) {
  const auto started = std::chrono::steady_clock::now();
  auto stream = engine_->run(numbered(numbers(100'000'000'000), 2, false), {});
  ASSERT_TRUE(stream.ok());
  auto batch = (*stream)->next();
  ASSERT_TRUE(batch.ok());
  EXPECT_EQ((*batch)->columns[1].integer(0), 1);
  stream->reset();
  EXPECT_LT(std::chrono::steady_clock::now() - started, 20s);
}

TEST_F(NativeTest, RefusesTooDeepNesting) {
  RelPtr plan = numbers(1);
  for (int level = 0; level < 100; ++level) plan = reversed(plan);
  EXPECT_EQ(error_of(plan).code, ErrorCode::LimitExceeded);
}

TEST_F(NativeTest, HoldsValuesOfAllTypes) {
  const RelPtr all = values(
      {{1, "b", Type::Bool},
       {2, "i", Type::Int},
       {3, "r", Type::Real},
       {4, "s", Type::String},
       {5, "d", Type::Decimal},
       {6, "t", Type::DateTime},
       {7, "p", Type::TimeSpan},
       {8, "g", Type::Guid},
       {9, "j", Type::Dynamic}},
      {{Value::boolean(true), Value::int32(-5), Value::real(1.5), Value::string("a longer text than twelve"),
        Value::decimal("1.25"), Value::datetime(kTicksPerDay), Value::timespan(-1),
        Value::guid(*Guid::parse("74be27de-1e4e-49d9-b579-fe0b331d3642")), Value::dynamic("{\"a\":1}")},
       {Value::null(Type::Bool), Value::null(Type::Int), Value::null(Type::Real), Value::string(""),
        Value::null(Type::Decimal), Value::null(Type::DateTime), Value::null(Type::TimeSpan),
        Value::null(Type::Guid), Value::null(Type::Dynamic)}});
  Lines expected = rows(all);
  std::reverse(expected.begin(), expected.end());
  EXPECT_EQ(rows(reversed(all)), expected);
}

}  // namespace
}  // namespace spillway::engine
