#include "engine/capacity.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace spillway::engine {
namespace {

using std::chrono::milliseconds;

TEST(Capacity, IsGivenBack) {
  Capacity capacity([] { return 2; }, "CapacityPolicy/Export");
  {
    const Capacity::Lease first = capacity.try_take();
    const auto second = capacity.take(milliseconds(0), nullptr, "DataExport");
    EXPECT_TRUE(first);
    ASSERT_TRUE(second.ok());
    EXPECT_EQ(capacity.used(), 2);
    EXPECT_FALSE(capacity.try_take());
    CancelToken cancel;
    cancel.cancel("enough");
    const auto cancelled = capacity.take(std::chrono::minutes(1), &cancel, "DataExport");
    EXPECT_EQ(cancelled.error().code, ErrorCode::Cancelled);
    EXPECT_EQ(cancelled.error().message, "the operation was cancelled: enough");
  }
  EXPECT_EQ(capacity.used(), 0);
}

TEST(Capacity, ThrottlesWithTheDocumentedMessage) {
  Capacity capacity([] { return 1; }, "CapacityPolicy/Ingestion");
  const Capacity::Lease first = capacity.try_take();
  const auto second = capacity.take(milliseconds(0), nullptr, "TableSetOrAppend");
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, ErrorCode::Throttled);
  EXPECT_EQ(
      second.error().message,
      "The management command was aborted due to throttling. Retrying after some backoff might succeed. "
      "CommandType: 'TableSetOrAppend', Capacity: 1, Origin: 'CapacityPolicy/Ingestion'.");
}

TEST(Capacity, SchedulerAndOperationsTakeTurns) {
  Capacity capacity([] { return 1; }, "CapacityPolicy/Export");
  capacity.want(true);
  { const auto operation = capacity.take(milliseconds(0), nullptr, "DataExport"); }
  EXPECT_EQ(capacity.take(milliseconds(0), nullptr, "DataExport").error().code, ErrorCode::Throttled);
  EXPECT_TRUE(capacity.try_take());
  EXPECT_TRUE(capacity.take(milliseconds(0), nullptr, "DataExport").ok());
  capacity.want(false);
  EXPECT_TRUE(capacity.take(milliseconds(0), nullptr, "DataExport").ok());
}

TEST(Capacity, AChangeHoldsForThoseThatWait) {
  std::atomic<int> total{1};
  Capacity capacity([&] { return total.load(); }, "CapacityPolicy/Export");
  const Capacity::Lease first = capacity.try_take();
  std::thread other([&] { EXPECT_TRUE(capacity.take(std::chrono::minutes(1), nullptr, "DataExport").ok()); });
  total = 2;
  other.join();
  total = 1;
  EXPECT_EQ(capacity.take(milliseconds(0), nullptr, "DataExport").error().code, ErrorCode::Throttled);
}

}  // namespace
}  // namespace spillway::engine
