#include "base/clock.h"

#include <gtest/gtest.h>

namespace spillway {
namespace {

TEST(Clocks, TheSystemClockGivesTicksOfThisCentury) {
  const Ticks now = SystemClock().now();
  EXPECT_GT(now, *parse_datetime("2024-01-01"));
  EXPECT_LT(now, *parse_datetime("2100-01-01"));
}

TEST(Clocks, AManualClockMovesOnlyWhenItIsMoved) {
  ManualClock clock(100);
  EXPECT_EQ(clock.now(), 100);
  clock.advance(50);
  EXPECT_EQ(clock.now(), 150);
  clock.set(10);
  EXPECT_EQ(clock.now(), 10);
}

}  // namespace
}  // namespace spillway
