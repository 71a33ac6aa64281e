// Streams: that they are streams, and how they end.
#include <atomic>
#include <future>
#include <thread>

#include "tests/engine/plans.h"

namespace spillway::engine {
namespace {

using namespace std::chrono_literals;

class StreamTest : public EngineTest {
 protected:
  RelPtr numbers(int64_t count) {
    return range({1, "n", Type::Long}, number(0), number(count - 1), number(1));
  }
  /// A query that would run for hours, and gives no row before its end.
  RelPtr endless() {
    const RelPtr big = numbers(10'000'000'000);
    return aggregate(big, {}, {aggregate({5, "s", Type::Long}, "max(hash({0}) % 1000003)", {column(1)})});
  }
  static int64_t count_rows(ResultStream& stream, Error* error = nullptr) {
    int64_t rows = 0;
    while (true) {
      auto batch = stream.next();
      if (!batch.ok()) {
        if (error) *error = batch.error();
        return rows;
      }
      if (!*batch) return rows;
      rows += static_cast<int64_t>((*batch)->rows);
    }
  }
};

TEST_F(StreamTest, TheFirstRowsComeBeforeTheLastAreMade) {
  auto stream = engine_->run(numbers(100'000'000'000), {});
  ASSERT_TRUE(stream.ok());
  auto batch = (*stream)->next();
  ASSERT_TRUE(batch.ok());
  EXPECT_GT((*batch)->rows, 0u);
  EXPECT_EQ((*batch)->columns[0].integer(0), 0);
}

TEST_F(StreamTest, HasASchemaAndStatistics) {
  auto table = make_table();
  add_extent(*table, 0, 3000, 100);
  add_extent(*table, 3000, 10, 200);
  auto rel = scan(table);
  rel->range = {0, 100};
  auto stream = engine_->run(rel, {});
  ASSERT_TRUE(stream.ok());
  EXPECT_EQ((*stream)->schema(),
            (Schema{{"id", Type::Long}, {"name", Type::String}, {"at", Type::DateTime}}));
  EXPECT_EQ(count_rows(**stream), 3000);
  const RunStatistics statistics = (*stream)->statistics();
  EXPECT_EQ(statistics.rows, 3000);
  EXPECT_EQ(statistics.extents_total, 2);
  EXPECT_EQ(statistics.extents_scanned, 1);
  EXPECT_GT(statistics.elapsed.count(), 0);
  // The end stays the end.
  auto again = (*stream)->next();
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(*again, nullptr);
}

TEST_F(StreamTest, AnErrorStaysTheError) {
  auto stream = engine_->run(
      project(numbers(10'000'000), {{2, "x", Type::Long}},
              {sql_call("bad", "CAST('9' || {0} || CASE WHEN {0} > 9000000 THEN 'x' ELSE '' END AS BIGINT)",
                        {column(1)}, Type::Long)}),
      {});
  ASSERT_TRUE(stream.ok());
  Error first, second;
  count_rows(**stream, &first);
  count_rows(**stream, &second);
  EXPECT_EQ(first.code, ErrorCode::BadRequest);
  EXPECT_EQ(second.message, first.message);
  EXPECT_NE(first.message.find("99000001x"), std::string::npos) << first.message;
}

TEST_F(StreamTest, AStreamDestroyedMidwayEndsItsQuery) {
  for (int i = 0; i < 20; ++i) {
    auto stream = engine_->run(numbers(100'000'000'000), {});
    ASSERT_TRUE(stream.ok());
    ASSERT_TRUE((*stream)->next().ok());
  }
  EXPECT_EQ(rows(numbers(3)).size(), 3u);
}

TEST_F(StreamTest, CancelledBeforeItRuns) {
  RunOptions options;
  options.cancel = std::make_shared<CancelToken>();
  options.cancel->cancel();
  EXPECT_EQ(error_of(numbers(10), options).code, ErrorCode::Cancelled);
}

TEST_F(StreamTest, CancelledWhileItRuns) {
  RunOptions options;
  options.cancel = std::make_shared<CancelToken>();
  auto running = std::async(std::launch::async, [&] { return error_of(endless(), options); });
  while (engine_->memory_used() < 0) {
  }
  EXPECT_EQ(running.wait_for(20ms), std::future_status::timeout);
  options.cancel->cancel();
  EXPECT_EQ(running.get().code, ErrorCode::Cancelled);
}

TEST_F(StreamTest, CancelledBetweenTwoBatches) {
  RunOptions options;
  options.cancel = std::make_shared<CancelToken>();
  auto stream = engine_->run(numbers(100'000'000'000), options);
  ASSERT_TRUE(stream.ok());
  ASSERT_TRUE((*stream)->next().ok());
  options.cancel->cancel();
  Error error;
  count_rows(**stream, &error);
  EXPECT_EQ(error.code, ErrorCode::Cancelled);
}

TEST_F(StreamTest, TimesOut) {
  RunOptions options;
  options.timeout = 30ms;
  const Error error = error_of(endless(), options);
  EXPECT_EQ(error.code, ErrorCode::Timeout);
  EXPECT_EQ(error.message, "the query ran longer than its time limit of 30 ms");
}

TEST_F(StreamTest, ATimeoutCountsTheReadersTimeToo) {
  RunOptions options;
  options.timeout = 50ms;
  auto stream = engine_->run(numbers(100'000'000'000), options);
  ASSERT_TRUE(stream.ok());
  Error error;
  count_rows(**stream, &error);
  EXPECT_EQ(error.code, ErrorCode::Timeout);
}

TEST_F(StreamTest, AQueryThatEndsInTimeIsLeftAlone) {
  RunOptions options;
  options.timeout = 1h;
  options.cancel = std::make_shared<CancelToken>();
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(run(numbers(100), options).ok());
  options.cancel->cancel();
  EXPECT_EQ(rows(numbers(3)).size(), 3u);
}

TEST_F(StreamTest, SeveralStreamsAtOnceInOneThread) {
  auto first = engine_->run(numbers(50'000), {}), second = engine_->run(numbers(70'000), {});
  ASSERT_TRUE(first.ok() && second.ok());
  int64_t rows_of_first = 0, rows_of_second = 0;
  for (bool more = true; more;) {
    more = false;
    for (auto [stream, count] : {std::pair(&first, &rows_of_first), std::pair(&second, &rows_of_second)}) {
      auto batch = (**stream)->next();
      ASSERT_TRUE(batch.ok());
      if (!*batch) continue;
      *count += static_cast<int64_t>((*batch)->rows);
      more = true;
    }
  }
  EXPECT_EQ(rows_of_first, 50'000);
  EXPECT_EQ(rows_of_second, 70'000);
}

TEST_F(StreamTest, ManyThreadsWithSomeCancelled) {
  auto table = make_table();
  for (int64_t i = 0; i < 20; ++i) add_extent(*table, i * 1000, 1000, 100 + i);
  std::vector<std::thread> threads;
  std::atomic<int> failures{0};
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 10; ++i) {
        RunOptions options;
        options.cancel = std::make_shared<CancelToken>();
        const bool cancelled = (t + i) % 3 == 0;
        auto stream = engine_->run(cancelled ? numbers(100'000'000'000) : RelPtr(scan(table)), options);
        if (!stream.ok()) {
          ++failures;
          continue;
        }
        Error error;
        if (cancelled) {
          if (!(*stream)->next().ok()) ++failures;
          options.cancel->cancel();
          count_rows(**stream, &error);
          if (error.code != ErrorCode::Cancelled) ++failures;
        } else if (count_rows(**stream) != 20'000) {
          ++failures;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
}

TEST_F(StreamTest, TooLittleMemoryIsAnError) {
  open({.memory_limit = 64 << 20, .threads = 2, .temp_folder = "", .extents_folder = ""});
  // A list can't spill.
  const RelPtr plan =
      aggregate(numbers(50'000'000), {}, {aggregate({5, "n", Type::Long}, "len(list({0}))", {column(1)})});
  const Error error = error_of(plan);
  EXPECT_EQ(error.code, ErrorCode::LimitExceeded);
  EXPECT_NE(error.message.find("memory"), std::string::npos);
  EXPECT_EQ(rows(numbers(3)).size(), 3u);
}

TEST_F(StreamTest, SpillsWhatIsLargerThanMemory) {
  open({.memory_limit = 128 << 20, .threads = 2, .temp_folder = "", .extents_folder = ""});
  kql::SortKey key;
  key.expression = sql_call("shuffle", "hash({0})::VARCHAR || repeat('x', 40)", {column(1)}, Type::String);
  const RelPtr plan = aggregate(limit(sort(numbers(3'000'000), {key}), 2'900'000), {},
                                {aggregate({5, "n", Type::Long}, "count(*)", {})});
  EXPECT_EQ(rows(plan), std::vector<std::string>{"2900000"});
}

TEST_F(StreamTest, ConnectionsRunSql) {
  auto connection = engine_->connect();
  ASSERT_TRUE(connection.ok());
  auto result = (*connection)->query("SELECT 1 WHERE false; SELECT 'a', NULL, 5");
  ASSERT_TRUE(result.ok());
  ASSERT_EQ(result->size(), 1u);
  EXPECT_EQ((*result)[0], (std::vector<std::optional<std::string>>{"a", std::nullopt, "5"}));
  EXPECT_FALSE((*connection)->query("SELECT * FROM nothing").ok());
  EXPECT_FALSE((*connection)->query("").ok());
  // Nobody changes settings, or reads from the network.
  EXPECT_FALSE((*connection)->query("SET memory_limit = '1TB'").ok());
  EXPECT_FALSE((*connection)->query("INSTALL httpfs").ok());
}

}  // namespace
}  // namespace spillway::engine
