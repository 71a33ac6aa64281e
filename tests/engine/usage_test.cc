// What a piece of work used. Times are compared with the clocks of the process, never with each other's.
#include "engine/usage.h"

#include <time.h>

#include <thread>

#include "tests/engine/plans.h"

namespace spillway::engine {
namespace {

using namespace std::chrono_literals;

std::chrono::nanoseconds clock_now(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

/// Until this thread has used so much.
void work(std::chrono::nanoseconds time) {
  const auto end = clock_now(CLOCK_THREAD_CPUTIME_ID) + time;
  while (clock_now(CLOCK_THREAD_CPUTIME_ID) < end) {
  }
}

class UsageTest : public EngineTest {
 protected:
  RelPtr busy(int64_t count) {
    const RelPtr big = range({1, "n", Type::Long}, number(0), number(count - 1), number(1));
    return aggregate(big, {}, {aggregate({5, "s", Type::Long}, "max(hash({0}) % 1000003)", {column(1)})});
  }
  static RunOptions under(const std::shared_ptr<CancelToken>& token) {
    RunOptions options;
    options.cancel = token;
    return options;
  }
};

TEST_F(UsageTest, AThreadsWorkIsCountedOnce) {
  Usage outer, inner;
  const auto before = clock_now(CLOCK_THREAD_CPUTIME_ID);
  {
    const WorkTimer timer(outer);
    const WorkTimer ignored(inner);
    work(20ms);
    WorkTimer::settle();
    EXPECT_GE(outer.cpu(), 20ms);
    work(10ms);
  }
  const auto used = clock_now(CLOCK_THREAD_CPUTIME_ID) - before;
  EXPECT_GE(outer.cpu(), 30ms);
  EXPECT_LE(outer.cpu(), used);
  EXPECT_EQ(inner.cpu(), 0ns);
}

TEST_F(UsageTest, WaitingCostsNothing) {
  Usage usage;
  {
    const WorkTimer timer(usage);
    std::this_thread::sleep_for(50ms);
  }
  EXPECT_LT(usage.cpu(), 25ms);
}

TEST_F(UsageTest, AStatementAloneHasWhatTheProcessUsed) {
  const auto token = std::make_shared<CancelToken>();
  const auto before = clock_now(CLOCK_PROCESS_CPUTIME_ID);
  {
    const WorkTimer timer(token->usage());
    ASSERT_TRUE(engine_->run_to_table(busy(30'000'000), under(token)).ok());
  }
  const auto used = clock_now(CLOCK_PROCESS_CPUTIME_ID) - before;
  EXPECT_LE(token->usage().cpu(), used);
  EXPECT_GE(token->usage().cpu(), used * 8 / 10);
}

TEST_F(UsageTest, StatementsSideBySideShareIt) {
  const auto first = std::make_shared<CancelToken>(), second = std::make_shared<CancelToken>();
  const auto before = clock_now(CLOCK_PROCESS_CPUTIME_ID);
  std::thread other([&] { ASSERT_TRUE(engine_->run_to_table(busy(30'000'000), under(second)).ok()); });
  ASSERT_TRUE(engine_->run_to_table(busy(30'000'000), under(first)).ok());
  other.join();
  const auto used = clock_now(CLOCK_PROCESS_CPUTIME_ID) - before;
  const auto sum = first->usage().cpu() + second->usage().cpu();
  EXPECT_LE(sum, used * 11 / 10);
  EXPECT_GE(sum, used * 8 / 10);
}

TEST_F(UsageTest, AStreamThatNobodyReadsUsesNothing) {
  const auto idle = std::make_shared<CancelToken>(), busy_one = std::make_shared<CancelToken>();
  auto stream =
      engine_->run(range({1, "n", Type::Long}, number(0), number(10'000'000), number(1)), under(idle));
  ASSERT_TRUE(stream.ok());
  ASSERT_TRUE((*stream)->next().ok());
  const auto before = idle->usage().cpu();
  ASSERT_TRUE(engine_->run_to_table(busy(30'000'000), under(busy_one)).ok());
  EXPECT_EQ(idle->usage().cpu(), before);
  EXPECT_GT(busy_one->usage().cpu(), 0ns);
}

TEST_F(UsageTest, CountsWhatScansRead) {
  auto table = make_table();
  add_extent(*table, 0, 3000, 100);
  add_extent(*table, 3000, 10, 200);
  auto rel = scan(table);
  rel->range = {0, 100};
  const auto token = std::make_shared<CancelToken>();
  ASSERT_TRUE(engine_->run_to_table(rel, under(std::make_shared<CancelToken>(token))).ok());
  const ScanCounts scans = token->usage().scans();
  EXPECT_EQ(scans.extents_total, 2);
  EXPECT_EQ(scans.extents_scanned, 1);
  EXPECT_EQ(scans.rows_total, 3010);
  EXPECT_EQ(scans.rows_scanned, 3000);
}

TEST_F(UsageTest, TheReasonOfACancellationIsTold) {
  const auto token = std::make_shared<CancelToken>();
  CancelToken part(token);
  EXPECT_EQ(part.error("the query").message, "the query was cancelled");
  token->cancel("no longer needed");
  token->cancel("another reason");
  EXPECT_TRUE(part.cancelled());
  EXPECT_EQ(part.error("the query").message, "the query was cancelled: no longer needed");
  EXPECT_EQ(engine_->run_to_table(busy(10), under(token)).error().message,
            "the query was cancelled: no longer needed");
}

}  // namespace
}  // namespace spillway::engine
