#include "storage/retry.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/calendar.h"

namespace spillway::storage {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class Retries : public ::testing::Test {
 protected:
  Retries() {
    options_.retry.wait = [this](milliseconds delay) { delays_.push_back(delay); };
  }
  /// How often it was tried until `failures` attempts had failed, or it was given up.
  int tries(int failures, std::optional<milliseconds> asked = std::nullopt) {
    int tries = 0;
    status_ = with_retries(options_, Call(options_), [&]() -> Attempt {
      if (++tries > failures) return {Status()};
      return {Status(ErrorCode::StorageTransient, "busy"), true, asked};
    });
    return tries;
  }

  StoreOptions options_;
  std::vector<milliseconds> delays_;
  Status status_;
};

TEST_F(Retries, WaitTwiceAsLongEachTimeWithHalfOfItAtRandom) {
  options_.retry.first_delay = milliseconds(100);
  options_.retry.longest_delay = milliseconds(500);
  EXPECT_EQ(tries(5), 6);
  EXPECT_TRUE(status_.ok());
  const int longest[] = {100, 200, 400, 500, 500};
  ASSERT_EQ(delays_.size(), 5u);
  for (size_t i = 0; i < delays_.size(); ++i) {
    EXPECT_LE(delays_[i].count(), longest[i]);
    EXPECT_GE(delays_[i].count(), longest[i] / 2);
  }
}

TEST_F(Retries, EndWithTheLastErrorWhenTheAttemptsAreUsedUp) {
  EXPECT_EQ(tries(100), options_.retry.attempts);
  EXPECT_EQ(status_.error().message, "busy");
  options_.limits.attempts = 2;
  EXPECT_EQ(tries(100), 2);
  options_.limits.attempts = 100;
  EXPECT_EQ(tries(100), options_.retry.attempts);
}

TEST_F(Retries, HonourWhatTheServerAsksForOrGiveUp) {
  EXPECT_EQ(tries(1, seconds(90)), 2);
  EXPECT_EQ(delays_, std::vector<milliseconds>{seconds(90)});
  options_.longest_call = seconds(60);
  EXPECT_EQ(tries(1, seconds(90)), 1);
  EXPECT_EQ(status_.error().message, "busy");
}

TEST_F(Retries, EndWhenTheyAreCancelled) {
  int looks = 0;
  options_.retry.wait = nullptr;
  options_.limits.cancelled = [&] { return ++looks > 4; };
  EXPECT_EQ(tries(100, seconds(60)), 1);
  EXPECT_EQ(status_.error().code, ErrorCode::Cancelled);
}

TEST_F(Retries, TellOfEachTrouble) {
  int troubles = 0;
  options_.limits.on_trouble = [&](const Error& error) { troubles += error.message == "busy" ? 1 : 0; };
  tries(3);
  EXPECT_EQ(troubles, 3);
}

TEST(RetryAfter, IsANumberOfSecondsOrADate) {
  const Ticks now = ticks_from_civil(2015, 6, 26) + 10 * kTicksPerHour;
  EXPECT_EQ(parse_retry_after("3", now), seconds(3));
  EXPECT_EQ(parse_retry_after("Fri, 26 Jun 2015 10:00:07 GMT", now), seconds(7));
  EXPECT_EQ(parse_retry_after("Fri, 26 Jun 2015 09:00:00 GMT", now), seconds(0));
  EXPECT_EQ(parse_retry_after("99999999999", now), std::chrono::hours(24));
  for (const char* none : {"", "soon", "-1", "3 s", "2015-06-26T10:00:07Z"}) {
    EXPECT_FALSE(parse_retry_after(none, now)) << none;
  }
}

TEST(Calls, HaveMoreTimeForMoreBytes) {
  StoreOptions options;
  options.longest_call = seconds(10);
  options.slowest_rate = 1 << 20;
  EXPECT_LE(Call(options).left(), seconds(10));
  EXPECT_GT(Call(options, 20 << 20).left(), seconds(29));
  options.limits.longest_call = seconds(1);
  EXPECT_LE(Call(options).left(), seconds(1));
}

}  // namespace
}  // namespace spillway::storage
