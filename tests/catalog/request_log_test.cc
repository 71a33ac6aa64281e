#include "catalog/request_log.h"

#include <gtest/gtest.h>
#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "tests/catalog/support.h"

namespace spillway::catalog {
namespace {

class RequestLogTest : public CatalogTest {
 protected:
  RequestLogTest() {
    std::filesystem::create_directories(folder_);
    start();
  }
  void start() {
    log_.reset();
    auto opened = RequestLog::open(folder_, now_);
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    log_ = *std::move(opened);
  }
  LoggedRequest request(const std::string& type, const std::string& text) const {
    LoggedRequest row;
    row.command_type = type;
    row.text = text;
    row.database = "D";
    row.state = RequestState::Completed;
    row.started = row.updated = now_.now();
    return row;
  }
  std::vector<std::string> texts(RequestLog::Kind kind) {
    std::vector<std::string> out;
    const auto rows = log_->read(kind);
    EXPECT_TRUE(rows.ok());
    for (const LoggedRequest& row : *rows) out.push_back(row.text);
    return out;
  }

  ManualClock now_{kStart};
  std::unique_ptr<RequestLog> log_;
};

using Texts = std::vector<std::string>;

TEST_F(RequestLogTest, KeepsEverythingOfARow) {
  LoggedRequest row = request("TableAppend", ".append T <| U");
  row.client_activity_id = "KE.RunCommand;1";
  row.root_activity_id = Guid::random();
  row.user = "ana";
  row.principal = "api-token";
  row.application = "App";
  row.workload_group = "internal";
  row.client_request_properties = R"({"Options":{}})";
  row.state = RequestState::Throttled;
  row.failure_reason = "too much";
  row.updated += 5;
  row.cpu = 7;
  row.memory_peak = 0;
  row.extents_total = 4;
  row.extents_scanned = 3;
  row.rows_total = 40;
  row.rows_scanned = 30;
  row.oldest_scanned = kStart - 2;
  row.newest_scanned = kStart - 1;
  row.result_statistics = R"({"TableCount":1})";
  log_->add(row);
  start();  // another process
  const auto rows = log_->read(RequestLog::Kind::Both);
  ASSERT_TRUE(rows.ok());
  ASSERT_EQ(rows->size(), 1U);
  const LoggedRequest& kept = rows->front();
  EXPECT_EQ(kept.command_type, row.command_type);
  EXPECT_EQ(kept.text, row.text);
  EXPECT_EQ(kept.database, row.database);
  EXPECT_EQ(kept.client_activity_id, row.client_activity_id);
  EXPECT_EQ(kept.root_activity_id, row.root_activity_id);
  EXPECT_EQ(kept.user, row.user);
  EXPECT_EQ(kept.principal, row.principal);
  EXPECT_EQ(kept.application, row.application);
  EXPECT_EQ(kept.workload_group, row.workload_group);
  EXPECT_EQ(kept.client_request_properties, row.client_request_properties);
  EXPECT_EQ(kept.state, row.state);
  EXPECT_EQ(kept.failure_reason, row.failure_reason);
  EXPECT_EQ(kept.started, row.started);
  EXPECT_EQ(kept.updated, row.updated);
  EXPECT_EQ(kept.cpu, row.cpu);
  EXPECT_EQ(kept.memory_peak, row.memory_peak);
  EXPECT_EQ(kept.extents_total, row.extents_total);
  EXPECT_EQ(kept.extents_scanned, row.extents_scanned);
  EXPECT_EQ(kept.rows_total, row.rows_total);
  EXPECT_EQ(kept.rows_scanned, row.rows_scanned);
  EXPECT_EQ(kept.oldest_scanned, row.oldest_scanned);
  EXPECT_EQ(kept.newest_scanned, row.newest_scanned);
  EXPECT_EQ(kept.result_statistics, row.result_statistics);
}

TEST_F(RequestLogTest, NewestComeFirstAndKindsApart) {
  log_->add(request("Query", "a"));
  log_->add(request("TablesShow", "b"));
  log_->add(request("Query", "c"));
  EXPECT_EQ(texts(RequestLog::Kind::Both), (Texts{"c", "b", "a"}));
  EXPECT_EQ(texts(RequestLog::Kind::Queries), (Texts{"c", "a"}));
  EXPECT_EQ(texts(RequestLog::Kind::Commands), (Texts{"b"}));
}

TEST_F(RequestLogTest, ARowWithoutMemoryHasNone) {
  log_->add(request("Query", "a"));
  EXPECT_FALSE(log_->read(RequestLog::Kind::Both)->front().memory_peak.has_value());
}

TEST_F(RequestLogTest, TextsAreCutOffBetweenCharacters) {
  log_->add(request("Query", std::string(kMostRequestText - 1, 'x') + "\u00e9 and more"));
  EXPECT_EQ(texts(RequestLog::Kind::Both), Texts{std::string(kMostRequestText - 1, 'x')});
}

TEST_F(RequestLogTest, HistoryIsThirtyDays) {
  log_->add(request("Query", "old"));
  log_->read(RequestLog::Kind::Both).ok();
  now_.advance(kRequestHistory - 1);
  log_->add(request("Query", "new"));
  EXPECT_EQ(texts(RequestLog::Kind::Both), (Texts{"new", "old"}));
  now_.advance(2);
  EXPECT_EQ(texts(RequestLog::Kind::Both), Texts{"new"});
  start();  // prunes
  now_.advance(-2);
  EXPECT_EQ(texts(RequestLog::Kind::Both), Texts{"new"});
}

TEST_F(RequestLogTest, WhatTheQueueCantHoldIsLeftOutAndCounted) {
  const std::string large(kMostRequestText, 'x');
  const int64_t fit = static_cast<int64_t>(kMostQueuedBytes / kMostRequestText);
  {
    // While the file is locked one batch is being written and another waits, and nothing waits for them.
    soci::session other(soci::sqlite3, "dbname=" + folder_ + "/requests.sqlite");
    other << "BEGIN EXCLUSIVE";
    for (int64_t i = 0; i < 3 * fit; ++i) log_->add(request("Query", large));
    EXPECT_GE(log_->lost(), fit);
    other << "ROLLBACK";
  }
  EXPECT_EQ(static_cast<int64_t>(texts(RequestLog::Kind::Both).size()) + log_->lost(), 3 * fit);
}

TEST_F(RequestLogTest, RowsAfterItsEndAreLeftOut) {
  log_->add(request("Query", "a"));
  log_->stop();
  log_->add(request("Query", "b"));
  log_->stop();
  EXPECT_EQ(texts(RequestLog::Kind::Both), Texts{"a"});
  EXPECT_EQ(log_->lost(), 1);
}

TEST_F(RequestLogTest, ADamagedFileIsPutAside) {
  log_->stop();
  log_.reset();
  const std::string file = folder_ + "/requests.sqlite";
  for (const char* part : {"-wal", "-shm"}) std::filesystem::remove(file + part);
  std::ofstream(file, std::ios::trunc) << std::string(8192, 'x');
  start();
  log_->add(request("Query", "a"));
  EXPECT_EQ(texts(RequestLog::Kind::Both), Texts{"a"});
  EXPECT_TRUE(std::filesystem::exists(file + ".damaged"));
}

TEST_F(RequestLogTest, OnlyItsOwnerReadsIt) {
  struct stat status {};
  ASSERT_EQ(::stat((folder_ + "/requests.sqlite").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & (S_IRWXG | S_IRWXO), 0U);
}

}  // namespace
}  // namespace spillway::catalog
