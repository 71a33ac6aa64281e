#include "base/fail_point.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace spillway {
namespace {

constexpr const char* kPoint = "store.put.before";

class FailPoints : public ::testing::Test {
 protected:
  void TearDown() override { fail_point::disarm_all(); }
};

TEST_F(FailPoints, AreAllListedOnce) {
  std::vector<std::string> names = fail_point::all();
  EXPECT_NE(std::find(names.begin(), names.end(), kPoint), names.end());
  std::sort(names.begin(), names.end());
  EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end());
}

TEST_F(FailPoints, AnErrorComesOnceByDefault) {
  ASSERT_TRUE(fail_point::reached(kPoint).ok());
  ASSERT_TRUE(fail_point::arm("store.put.before=error").ok());
  const Status first = fail_point::reached(kPoint);
  ASSERT_FALSE(first.ok());
  EXPECT_EQ(first.error().code, ErrorCode::StorageTransient);
  EXPECT_TRUE(fail_point::reached(kPoint).ok());
}

TEST_F(FailPoints, ARangeCountsFromOne) {
  ASSERT_TRUE(fail_point::arm("store.put.before=error@2-3;store.put.after=error@2").ok());
  const bool expected[] = {true, false, false, true};
  for (bool ok : expected) EXPECT_EQ(fail_point::reached(kPoint).ok(), ok);
  EXPECT_TRUE(fail_point::reached("store.put.after").ok());
  EXPECT_FALSE(fail_point::reached("store.put.after").ok());
}

TEST_F(FailPoints, KillEndsTheProcessAsByItself) {
  ASSERT_TRUE(fail_point::arm("store.put.before=kill@2").ok());
  EXPECT_TRUE(fail_point::reached(kPoint).ok());
  EXPECT_EXIT((void)fail_point::reached(kPoint), ::testing::KilledBySignal(SIGKILL), "");
}

TEST_F(FailPoints, AfterAHaltNothingWorksAnyMore) {
  ASSERT_TRUE(fail_point::arm("store.put.before=halt@2").ok());
  EXPECT_TRUE(fail_point::reached(kPoint).ok());
  EXPECT_TRUE(fail_point::reached("store.put.after").ok());
  EXPECT_FALSE(fail_point::halted());
  EXPECT_FALSE(fail_point::reached(kPoint).ok());
  EXPECT_TRUE(fail_point::halted());
  EXPECT_FALSE(fail_point::reached(kPoint).ok());
  EXPECT_FALSE(fail_point::reached("store.put.after").ok());
  fail_point::disarm_all();
  EXPECT_FALSE(fail_point::halted());
  EXPECT_TRUE(fail_point::reached(kPoint).ok());
}

TEST_F(FailPoints, RefuseWhatIsNoSpecification) {
  for (const char* text :
       {"nowhere=kill", "store.put.before", "store.put.before=", "store.put.before=die",
        "store.put.before=kill@", "store.put.before=kill@0", "store.put.before=kill@x",
        "store.put.before=error@2-", "store.put.before=sleep", "store.put.before=sleep:x"}) {
    const Status status = fail_point::arm(text);
    ASSERT_FALSE(status.ok()) << text;
    EXPECT_EQ(status.error().code, ErrorCode::BadRequest) << text;
  }
}

}  // namespace
}  // namespace spillway
