// Continuous exports into accounts of which some fail: Azurite behind a proxy for each.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "base/fail_point.h"
#include "tests/export/world.h"
#include "tests/support/azurite.h"
#include "tests/support/fault_proxy.h"

namespace spillway::exports {
namespace {

using test::Fault;
using test::FaultProxy;

bool commits_a_blob(const FaultProxy::Request& request) {
  return request.target.find("comp=blocklist") != std::string::npos;
}

class FailingStores : public testing::Test {
 protected:
  FailingStores() {
    azurite_.create_container("one");
    azurite_.create_container("two");
    storage::StoreOptions options;
    options.retry.wait = [](std::chrono::milliseconds) {};
    options.stall_timeout = std::chrono::seconds(1);
    world_.stores() = storage::StoreFactory(world_.stores().roots(), options);
    world_.make_table("T");
    catalog::ExternalTable external = world_.external("E", "csv");
    external.connection_strings = {address(one_, "one"), address(two_, "two")};
    external.partitions = {{"Name", Type::String, catalog::Partition::Kind::Column, "name", 0}};
    world_.put(external);
    EXPECT_TRUE(world_.make_export("X", "E", "T").ok());
  }
  ~FailingStores() override { fail_point::disarm_all(); }

  static std::string address(const FaultProxy& proxy, const std::string& container) {
    return "http://127.0.0.1:" + std::to_string(proxy.port()) + "/" + test::Azurite::kAccount + "/" +
           container + ";" + test::Azurite::kKey;
  }
  std::unique_ptr<storage::ObjectStore> direct(const std::string& container) {
    return *world_.stores().open(*storage::ConnectionString::parse(azurite_.connection(container)));
  }
  /// The paths of all blobs of a container, sorted.
  std::vector<std::string> blobs(const std::string& container) {
    std::vector<std::string> found;
    const auto listed = direct(container)->list("");
    for (const storage::ObjectInfo& object : *listed) found.push_back(object.path);
    std::sort(found.begin(), found.end());
    return found;
  }
  /// The reported artifacts in a container, as blobs() gives them.
  std::vector<std::string> reported_in(const std::string& container) {
    std::vector<std::string> found;
    const auto artifacts = world_.catalog().exported_artifacts(kDatabase, "X");
    for (const catalog::Artifact& artifact : *artifacts) {
      if (artifact.connection.find("/" + container + ";") != std::string::npos)
        found.push_back(artifact.object);
    }
    std::sort(found.begin(), found.end());
    return found;
  }
  void expect_only_reported() {
    for (const char* container : {"one", "two"}) EXPECT_EQ(blobs(container), reported_in(container));
  }
  size_t abandoned() { return world_.catalog().abandoned_artifacts()->size(); }

  test::Azurite azurite_;
  std::atomic<int> reached_{0};  // of requests that tests wait for
  FaultProxy one_{azurite_.port()}, two_{azurite_.port()};
  World world_;
};

TEST_F(FailingStores, TheShareOfAThrottlingAccountGoesToTheOthers) {
  two_.on_request([](const FaultProxy::Request& request) {
    return request.method == "PUT" ? Fault::answer(503, "x-ms-error-code: ServerBusy\r\n") : Fault::none();
  });
  world_.ingest("T", 0, 9);
  const auto ran = world_.service().run_once(kDatabase, "X");
  ASSERT_TRUE(ran.ok()) << ran.error().message;
  EXPECT_EQ(world_.reported("X"), lines_of(0, 9));
  EXPECT_EQ(reported_in("one").size(), 3u);
  EXPECT_EQ(blobs("two").size(), 0u);
  EXPECT_GT(abandoned(), 0u);  // the places that were given up
  ASSERT_TRUE(world_.service().sweep().ok());
  EXPECT_EQ(abandoned(), 0u);
  expect_only_reported();
  // The account that throttled gets one of three at the most next time, and is used again.
  two_.on_request([](const FaultProxy::Request&) { return Fault::none(); });
  size_t of_two = 0;
  for (int64_t first = 9; first < 9 * 9; first += 9) {
    world_.ingest("T", first, 9);
    const size_t before = reported_in("two").size();
    ASSERT_TRUE(*world_.service().run_once(kDatabase, "X"));
    EXPECT_LE(reported_in("two").size() - before, 1u);
    of_two = reported_in("two").size();
  }
  EXPECT_GT(of_two, 0u);
  EXPECT_EQ(world_.reported("X"), lines_of(0, 9 * 9));
}

TEST_F(FailingStores, AMovedArtifactWhoseFirstPutTookEffectAfterAllIsDeleted) {
  two_.on_request([](const FaultProxy::Request& request) {
    return commits_a_blob(request) ? Fault::of(Fault::Kind::LoseAnswer) : Fault::none();
  });
  world_.ingest("T", 0, 9);
  ASSERT_TRUE(*world_.service().run_once(kDatabase, "X"));
  EXPECT_EQ(world_.reported("X"), lines_of(0, 9));
  EXPECT_GT(blobs("two").size(), 0u);
  two_.on_request([](const FaultProxy::Request&) { return Fault::none(); });
  ASSERT_TRUE(world_.service().sweep().ok());
  expect_only_reported();
}

TEST_F(FailingStores, EachNewPlaceIsInTheCatalogBeforeItIsUsed) {
  two_.on_request([](const FaultProxy::Request& request) {
    return request.method == "PUT" ? Fault::answer(503) : Fault::none();
  });
  world_.ingest("T", 0, 9);
  ASSERT_TRUE(fail_point::arm("export.moved.after=error").ok());
  EXPECT_FALSE(world_.service().run_once(kDatabase, "X").ok());
  fail_point::disarm_all();
  ASSERT_TRUE(world_.service().sweep().ok());
  for (const char* container : {"one", "two"}) EXPECT_TRUE(blobs(container).empty());
  ASSERT_TRUE(*world_.service().run_once(kDatabase, "X"));
  EXPECT_EQ(world_.reported("X"), lines_of(0, 9));
}

TEST_F(FailingStores, WhereAllAccountsFailTheRunFailsAndMends) {
  const auto busy = [](const FaultProxy::Request&) { return Fault::answer(503); };
  one_.on_request(busy);
  two_.on_request(busy);
  world_.ingest("T", 0, 9);
  const auto ran = world_.service().run_once(kDatabase, "X");
  ASSERT_FALSE(ran.ok());
  EXPECT_EQ(ran.error().code, ErrorCode::StorageTransient);
  const auto failures = world_.catalog().failures(kDatabase, "X");
  ASSERT_EQ(failures->size(), 1U);
  EXPECT_FALSE((*failures)[0].permanent_failure);
  for (FaultProxy* proxy : {&one_, &two_}) proxy->on_request({});
  ASSERT_TRUE(*world_.service().run_once(kDatabase, "X"));
  EXPECT_EQ(world_.reported("X"), lines_of(0, 9));
  ASSERT_TRUE(world_.service().sweep().ok());
  expect_only_reported();
}

TEST_F(FailingStores, AnAccountThatRefusesFailsTheRun) {
  two_.on_request([](const FaultProxy::Request&) {
    return Fault::answer(403, "x-ms-error-code: AuthenticationFailed\r\n");
  });
  world_.ingest("T", 0, 9);
  ASSERT_FALSE(world_.service().run_once(kDatabase, "X").ok());
  const auto failures = world_.catalog().failures(kDatabase, "X");
  ASSERT_EQ(failures->size(), 1U);
  EXPECT_TRUE((*failures)[0].permanent_failure);
  EXPECT_NE((*failures)[0].details.find("AuthenticationFailed"), std::string::npos) << (*failures)[0].details;
}

TEST_F(FailingStores, APutThatArrivesAfterItsObjectWasDeletedIsDeletedAgain) {
  // The answers to both attempts of a run are lost before anything took effect …
  for (FaultProxy* proxy : {&one_, &two_}) {
    proxy->on_request([&](const FaultProxy::Request& request) {
      return commits_a_blob(request) ? Fault::of(Fault::Kind::Reset) : Fault::none();
    });
  }
  world_.ingest("T", 0, 9);
  ASSERT_FALSE(world_.service().run_once(kDatabase, "X").ok());
  for (FaultProxy* proxy : {&one_, &two_}) proxy->on_request({});
  ASSERT_TRUE(world_.service().sweep().ok());
  const auto rows = world_.catalog().abandoned_artifacts();
  ASSERT_GT(rows->size(), 0u) << "the janitor forgot what may still arrive";
  // … and one arrives now.
  const catalog::Artifact& late = rows->front();
  const std::string container = late.connection.find("/one;") != std::string::npos ? "one" : "two";
  test::TempFolder folder;
  ASSERT_TRUE(direct(container)->put_file(folder.write("late", "late"), late.object, false).ok());
  ASSERT_TRUE(*world_.service().run_once(kDatabase, "X"));
  ASSERT_TRUE(world_.service().sweep().ok());
  expect_only_reported();
  EXPECT_GT(abandoned(), 0u);

  world_.clock().advance(ServiceOptions().late_arrival);
  ASSERT_TRUE(world_.service().sweep().ok());
  EXPECT_EQ(abandoned(), 0u);
  EXPECT_EQ(world_.reported("X"), lines_of(0, 9));
}

TEST_F(FailingStores, WhatAnEndedProcessLeftIsLookedForUntilNothingCanArrive) {
  world_.ingest("T", 0, 9);
  for (FaultProxy* proxy : {&one_, &two_}) {
    proxy->on_request([](const FaultProxy::Request& request) {
      return commits_a_blob(request) ? Fault::of(Fault::Kind::Reset) : Fault::none();
    });
  }
  ASSERT_TRUE(fail_point::arm("export.fail.before=error@1-100").ok());
  ASSERT_FALSE(world_.service().run_once(kDatabase, "X").ok());
  fail_point::disarm_all();
  for (FaultProxy* proxy : {&one_, &two_}) proxy->on_request({});
  world_.restart();
  ASSERT_TRUE(world_.service().sweep().ok());
  EXPECT_GT(abandoned(), 0u);
  world_.clock().advance(ServiceOptions().late_arrival);
  ASSERT_TRUE(world_.service().sweep().ok());
  EXPECT_EQ(abandoned(), 0u);
}

TEST_F(FailingStores, RenewedCredentialsCountForWhatOldOnesLeft) {
  catalog::ExternalTable external = world_.external("E", "csv");
  const std::string good = azurite_.connection("one");
  external.connection_strings = {azurite_.sas_connection("one", "wcr")};  // may write, and not delete
  world_.put(external);
  ASSERT_TRUE(world_.make_export("M", "E", "T", {}, {{"manifest", "true"}}).ok());
  world_.ingest("T", 0, 3);
  ASSERT_TRUE(fail_point::arm("export.commit.before=error").ok());
  ASSERT_FALSE(world_.service().run_once(kDatabase, "X").ok());
  ASSERT_TRUE(fail_point::arm("export.manifest.before=error@1-100").ok());
  ASSERT_TRUE(*world_.service().run_once(kDatabase, "M"));
  fail_point::disarm_all();
  EXPECT_FALSE(world_.service().sweep().ok());
  EXPECT_EQ(abandoned(), 1u);
  external.connection_strings = {good};
  world_.put(external);
  ASSERT_TRUE(world_.service().sweep().ok());
  world_.clock().advance(ServiceOptions().late_arrival);
  ASSERT_TRUE(world_.service().sweep().ok());
  EXPECT_EQ(abandoned(), 0u);
  const auto findings = world_.service().verify(kDatabase, "M", nullptr);
  ASSERT_EQ(findings->size(), 1u);
  EXPECT_EQ((*findings)[0].state, Finding::State::Verified) << (*findings)[0].details;
}

TEST_F(FailingStores, ACancelledRunDoesNotWaitForItsStore) {
  catalog::ExternalTable external = world_.external("E", "csv");
  external.connection_strings = {address(one_, "one")};
  world_.put(external);
  storage::StoreOptions patient;  // a minute for a stall
  world_.stores() = storage::StoreFactory(world_.stores().roots(), patient);
  one_.on_request([&](const FaultProxy::Request& request) {
    if (request.method != "PUT") return Fault::none();
    ++reached_;
    return Fault::of(Fault::Kind::Stall);
  });
  world_.ingest("T", 0, 3);
  Request request;
  request.database = kDatabase;
  request.query = world_.bind("T");
  request.settings = *settings_for_table(external, {});
  const auto id = world_.service().start_operation(request);
  ASSERT_TRUE(id.ok());
  while (reached_ == 0) std::this_thread::yield();
  const auto start = std::chrono::steady_clock::now();
  ASSERT_TRUE(world_.service().cancel_operation(*id, "").ok());
  const auto state = [&] { return (**world_.catalog().operation(*id)).state; };
  while (state() == catalog::OperationState::InProgress) std::this_thread::yield();
  EXPECT_EQ(state(), catalog::OperationState::Canceled);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(30));
}

TEST_F(FailingStores, StoppingDoesNotWaitForAStore) {
  storage::StoreOptions patient;
  world_.stores() = storage::StoreFactory(world_.stores().roots(), patient);
  for (FaultProxy* proxy : {&one_, &two_}) {
    proxy->on_request([&](const FaultProxy::Request&) {
      ++reached_;
      return Fault::of(Fault::Kind::Stall);
    });
  }
  world_.ingest("T", 0, 3);
  world_.service().start();
  while (reached_ == 0) std::this_thread::yield();
  const auto start = std::chrono::steady_clock::now();
  world_.service().stop();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(30));
}

}  // namespace
}  // namespace spillway::exports
