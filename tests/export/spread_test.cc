#include "export/spread.h"

#include <gtest/gtest.h>

#include <numeric>

namespace spillway::exports {
namespace {

class Spreading : public ::testing::Test {
 protected:
  /// The connections of the next turns.
  std::vector<size_t> turns(Spread& spread, int count) {
    std::vector<size_t> out;
    for (int i = 0; i < count; ++i) out.push_back(spread.next().value_or(99));
    return out;
  }
  /// How many of `count` turns each of three connections gets.
  std::vector<int> shares(Spread& spread, int count) {
    std::vector<int> out(3);
    for (const size_t turn : turns(spread, count)) ++out.at(turn);
    return out;
  }

  ManualClock clock_{kUnixEpoch};
  AccountMemory memory_{clock_};
  const std::vector<std::string> accounts_ = {"a", "b", "c"};
};

TEST_F(Spreading, TakesTurnsAndEachRunBeginsWithTheNext) {
  Spread first(accounts_, memory_), second(accounts_, memory_), third(accounts_, memory_);
  EXPECT_EQ(turns(first, 5), (std::vector<size_t>{0, 1, 2, 0, 1}));
  EXPECT_EQ(turns(second, 5), (std::vector<size_t>{1, 2, 0, 1, 2}));
  EXPECT_EQ(turns(third, 1), (std::vector<size_t>{2}));
}

TEST_F(Spreading, AnAccountWithRecentTroubleGetsOneWhereOthersGetFour) {
  memory_.note_trouble("b");
  Spread spread(accounts_, memory_);
  EXPECT_EQ(shares(spread, 90), (std::vector<int>{40, 10, 40}));
}

TEST_F(Spreading, TroubleIsForgottenAfterTenMinutes) {
  memory_.note_trouble("b");
  clock_.advance(AccountMemory::kRemembered - 1);
  EXPECT_TRUE(memory_.had_trouble("b"));
  clock_.advance(1);
  EXPECT_FALSE(memory_.had_trouble("b"));
  Spread spread(accounts_, memory_);
  EXPECT_EQ(shares(spread, 90), (std::vector<int>{30, 30, 30}));
}

TEST_F(Spreading, WhereAllHadTroubleNoneIsSpared) {
  for (const std::string& account : accounts_) memory_.note_trouble(account);
  Spread spread(accounts_, memory_);
  EXPECT_EQ(shares(spread, 90), (std::vector<int>{30, 30, 30}));
}

TEST_F(Spreading, AFailedAccountGetsNoMoreOfTheRun) {
  Spread spread(accounts_, memory_);
  spread.take_out(1);
  EXPECT_TRUE(spread.is_out(1));
  EXPECT_EQ(shares(spread, 90), (std::vector<int>{45, 0, 45}));
  spread.take_out(0);
  EXPECT_EQ(shares(spread, 5), (std::vector<int>{0, 0, 5}));
  spread.take_out(2);
  EXPECT_FALSE(spread.next());
}

TEST_F(Spreading, ConnectionsOfOneAccountFailTogether) {
  Spread spread({"a", "a", "b"}, memory_);
  EXPECT_EQ(spread.accounts(), 2u);
  spread.take_out(0);
  EXPECT_TRUE(spread.is_out(1));
  EXPECT_FALSE(spread.is_out(2));
}

TEST(Accounts, AreEndpointsBucketsAndFolders) {
  const auto account = [](const std::string& text) {
    return account_of(*storage::ConnectionString::parse(text));
  };
  EXPECT_EQ(account("https://one.blob.core.windows.net/c/p?sv=1&sig=2"),
            account("https://one.blob.core.windows.net/d;a2V5"));
  EXPECT_NE(account("https://one.blob.core.windows.net/c;a2V5"),
            account("https://two.blob.core.windows.net/c;a2V5"));
  EXPECT_NE(account("/data/a"), account("/data/b"));
}

}  // namespace
}  // namespace spillway::exports
