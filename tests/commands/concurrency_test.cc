// Commands at the same time: each as if it were alone, none undone by another.

#include <gtest/gtest.h>

#include <thread>

#include "tests/commands/session.h"

namespace spillway::test {
namespace {

constexpr int kThreads = 4;

/// Runs `work(thread)` in several threads at once.
template <typename F>
void together(F work) {
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back([&work, i] { work(i); });
  for (std::thread& thread : threads) thread.join();
}

std::string single_value(Server& server, const std::string& query) {
  const auto answer = server.run(query);
  if (!answer.ok()) return answer.error().message;
  return (*answer)[0].rows.at(0).at(0).str();
}

TEST(ConcurrencyTest, MergedColumnsAllStay) {
  Server server;
  constexpr int kColumns = 8;
  together([&](int thread) {
    for (int i = 0; i < kColumns; ++i) {
      const std::string column = "c" + std::to_string(thread) + "_" + std::to_string(i);
      const auto answer = server.run(".create-merge table T (id:long, " + column + ":string)");
      EXPECT_TRUE(answer.ok()) << answer.error().message;
    }
  });
  EXPECT_EQ(single_value(server, "T | getschema | count"), std::to_string(1 + kThreads * kColumns));
}

TEST(ConcurrencyTest, OneCreatesTheDatabase) {
  Server server;
  std::atomic<int> created{0};
  together([&](int) { created += server.run(".create database D").ok() ? 1 : 0; });
  EXPECT_EQ(created.load(), 1);
}

TEST(ConcurrencyTest, EveryAppendCounts) {
  Server server;
  constexpr int kAppends = 5;
  together([&](int thread) {
    for (int i = 0; i < kAppends; ++i) {
      const std::string value = std::to_string(thread * kAppends + i);
      const auto answer = server.run(".set-or-append Numbers <| print n = " + value);
      EXPECT_TRUE(answer.ok()) << answer.error().message;
    }
  });
  EXPECT_EQ(single_value(server, "Numbers | summarize dcount(n)"), std::to_string(kThreads * kAppends));
  EXPECT_EQ(single_value(server, "Numbers | count"), std::to_string(kThreads * kAppends));
}

TEST(ConcurrencyTest, ATaggedBatchIsIngestedOnce) {
  Server server;
  ASSERT_TRUE(server.run(".create table T (a:long)").ok());
  std::atomic<int> ingested{0};
  together([&](int) {
    const auto answer = server.run(
        ".ingest inline into table T with (tags = '[\"ingest-by:1\"]', ingestIfNotExists = '[\"1\"]') <| 1");
    ingested += answer.ok() ? 1 : 0;
  });
  EXPECT_EQ(ingested.load(), 1);
  EXPECT_EQ(single_value(server, "T | count"), "1");
}

}  // namespace
}  // namespace spillway::test
