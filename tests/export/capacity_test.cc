#include "export/capacity.h"

#include <gtest/gtest.h>

#include <thread>

namespace spillway::exports {
namespace {

using std::chrono::milliseconds;

TEST(ExportCapacity, IsGivenBack) {
  Capacity capacity(2);
  {
    const Capacity::Lease first = capacity.try_take();
    const auto second = capacity.take(milliseconds(0), nullptr);
    EXPECT_TRUE(first);
    ASSERT_TRUE(second.ok());
    EXPECT_EQ(capacity.used(), 2);
    EXPECT_FALSE(capacity.try_take());
    const auto third = capacity.take(milliseconds(0), nullptr);
    ASSERT_FALSE(third.ok());
    EXPECT_EQ(third.error().code, ErrorCode::Throttled);
    engine::CancelToken cancel;
    cancel.cancel();
    EXPECT_EQ(capacity.take(std::chrono::minutes(1), &cancel).error().code, ErrorCode::Cancelled);
  }
  EXPECT_EQ(capacity.used(), 0);
}

TEST(ExportCapacity, SchedulerAndOperationsTakeTurns) {
  Capacity capacity(1);
  capacity.want(true);
  { const auto operation = capacity.take(milliseconds(0), nullptr); }
  EXPECT_EQ(capacity.take(milliseconds(0), nullptr).error().code, ErrorCode::Throttled);
  EXPECT_TRUE(capacity.try_take());
  EXPECT_TRUE(capacity.take(milliseconds(0), nullptr).ok());
  capacity.want(false);
  EXPECT_TRUE(capacity.take(milliseconds(0), nullptr).ok());
}

}  // namespace
}  // namespace spillway::exports
