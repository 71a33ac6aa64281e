#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <thread>

#include "base/clock.h"
#include "base/fail_point.h"
#include "storage/azure_request.h"
#include "storage/object_store.h"
#include "tests/support/azurite.h"
#include "tests/support/fault_proxy.h"
#include "tests/support/put_killed.h"
#include "tests/support/temp_folder.h"

namespace spillway::storage {
namespace {

namespace fs = std::filesystem;
using test::Azurite;
using test::Fault;
using test::FaultProxy;
using test::read_file;
using test::TempFolder;

constexpr int64_t kBlock = 64 << 10;  // small, so that tests have many blocks

class AzureStores : public ::testing::Test {
 protected:
  // One Azurite for all tests: each has a container of its own.
  static void SetUpTestSuite() { azurite_ = new Azurite(); }
  static void TearDownTestSuite() {
    delete azurite_;
    azurite_ = nullptr;
  }
  void SetUp() override {
    container_ = "c" + Guid::random().str();
    azurite_->create_container(container_);
  }
  void TearDown() override { fail_point::disarm_all(); }

  StoreOptions options() {
    StoreOptions options;
    options.block_bytes = kBlock;
    options.retry.attempts = 4;
    options.retry.wait = [this](std::chrono::milliseconds delay) {
      const std::lock_guard lock(mutex_);
      delays_.push_back(delay);
    };
    return options;
  }
  std::unique_ptr<ObjectStore> open(const std::string& text) {
    const auto connection = ConnectionString::parse(text);
    EXPECT_TRUE(connection.ok());
    auto store = StoreFactory({}, options()).open(*connection);
    EXPECT_TRUE(store.ok());
    return *std::move(store);
  }
  std::unique_ptr<ObjectStore> store(const std::string& folder = "") {
    return open(azurite_->connection(join(container_, folder)));
  }
  /// The same through the proxy.
  std::unique_ptr<ObjectStore> store(const FaultProxy& proxy) { return open(address(proxy)); }
  std::string address(const FaultProxy& proxy) const {
    return "http://127.0.0.1:" + std::to_string(proxy.port()) + "/" + Azurite::kAccount + "/" + container_ +
           ";" + Azurite::kKey;
  }
  static std::string join(const std::string& a, const std::string& b) { return b.empty() ? a : a + "/" + b; }
  std::vector<std::string> listed(const std::string& prefix = "") {
    std::vector<std::string> out;
    const auto objects = store()->list(prefix);
    EXPECT_TRUE(objects.ok());
    for (const ObjectInfo& object : *objects) out.push_back(object.path);
    std::sort(out.begin(), out.end());
    return out;
  }
  std::string content_of(const std::string& path) {
    const std::string target = folder_.path("content-of");
    const Status status = store()->get_file(path, target);
    return status.ok() ? read_file(target) : "error: " + status.error().message;
  }
  static std::string pattern(size_t size) {
    std::string out(size, '\0');
    for (size_t i = 0; i < size; ++i) out[i] = static_cast<char>(i * 2654435761u >> 13);
    return out;
  }

  static Azurite* azurite_;
  TempFolder folder_;
  std::string container_;
  const std::string small_ = folder_.write("small", "content");
  const std::string large_content_ = pattern(5 * kBlock + 17);
  const std::string large_ = folder_.write("large", large_content_);
  std::mutex mutex_;
  std::vector<std::chrono::milliseconds> delays_;
};

Azurite* AzureStores::azurite_ = nullptr;

TEST_F(AzureStores, PutGetStatListRemove) {
  const Ticks before = SystemClock().now();
  const auto store = this->store("exports");
  ASSERT_TRUE(store->check().ok());
  for (const std::string& source : {small_, large_}) {
    const Status put = store->put_file(source, "a/b.csv", false);
    ASSERT_TRUE(put.ok()) << put.error().message;
    const auto info = store->stat("a/b.csv");
    ASSERT_TRUE(info.ok()) << info.error().message;
    EXPECT_EQ(info->size, static_cast<int64_t>(fs::file_size(source)));
    EXPECT_GT(info->modified, before - kTicksPerMinute);
    ASSERT_TRUE(store->get_file("a/b.csv", folder_.path("copy")).ok());
    EXPECT_EQ(read_file(folder_.path("copy")), read_file(source));
  }
  EXPECT_EQ(store->public_path("a/b.csv"), azurite_->endpoint() + "/" + container_ + "/exports/a/b.csv");
  EXPECT_FALSE(store->local_path("a/b.csv"));
  EXPECT_EQ(listed(), (std::vector<std::string>{"exports/a/b.csv"}));
  ASSERT_EQ(store->list("")->size(), 1u);
  EXPECT_EQ(store->list("")->front().path, "a/b.csv");
  EXPECT_EQ(store->list("a")->front().size, static_cast<int64_t>(large_content_.size()));
  EXPECT_TRUE(store->list("a/b")->empty());

  EXPECT_TRUE(store->remove("a/b.csv").ok());
  EXPECT_TRUE(store->remove("a/b.csv").ok());
  EXPECT_EQ(store->stat("a/b.csv").error().code, ErrorCode::EntityNotFound);
  EXPECT_EQ(store->get_file("a/b.csv", folder_.path("copy2")).error().code, ErrorCode::EntityNotFound);
  EXPECT_FALSE(fs::exists(folder_.path("copy2")));
  EXPECT_TRUE(listed().empty());
}

/// An Azurite in OneLake's place, with its own key: what lies in an item is put, listed and read as
/// elsewhere.
TEST_F(AzureStores, AnItemOfOneLakeIsAFolderOfItsWorkspace) {
  const std::string workspace = Guid::random().str(), item = Guid::random().str();
  azurite_->create_container(workspace);
  auto connection = ConnectionString::parse("https://onelake.dfs.fabric.microsoft.com/" + workspace + "/" +
                                            item + "/Files/out;impersonate");
  ASSERT_TRUE(connection.ok()) << connection.error().message;
  connection->endpoint = azurite_->endpoint();
  connection->account = Azurite::kAccount;
  connection->account_key = Azurite::kKey;
  connection->impersonate = false;
  const auto lake = StoreFactory({}, options()).open(*connection);
  ASSERT_TRUE(lake.ok()) << lake.error().message;
  EXPECT_TRUE((*lake)->check().ok());
  ASSERT_TRUE((*lake)->put_file(large_, "day=1/a.csv", false).ok());
  EXPECT_TRUE(*(*lake)->put_if_absent("{}", "_delta_log/0.json"));
  EXPECT_FALSE(*(*lake)->put_if_absent("{}", "_delta_log/0.json"));
  const auto objects = (*lake)->list("day=1");
  ASSERT_TRUE(objects.ok() && objects->size() == 1);
  EXPECT_EQ(objects->at(0).path, "day=1/a.csv");
  const std::string target = folder_.path("from-lake");
  ASSERT_TRUE((*lake)->get_file("day=1/a.csv", target).ok());
  EXPECT_EQ(read_file(target), large_content_);
  const auto all = open(azurite_->connection(workspace))->list("");
  ASSERT_TRUE(all.ok());
  std::vector<std::string> paths;
  for (const ObjectInfo& object : *all) paths.push_back(object.path);
  std::sort(paths.begin(), paths.end());
  EXPECT_EQ(paths, (std::vector<std::string>{item + "/Files/out/_delta_log/0.json",
                                             item + "/Files/out/day=1/a.csv"}));
  EXPECT_TRUE((*lake)->remove("day=1/a.csv").ok());
  EXPECT_TRUE((*lake)->list("day=1")->empty());
}

TEST_F(AzureStores, AnEmptyFileAndAConsumedOne) {
  ASSERT_TRUE(store()->put_file(folder_.write("empty", ""), "empty", true).ok());
  EXPECT_FALSE(fs::exists(folder_.path("empty")));
  EXPECT_EQ(content_of("empty"), "");
  EXPECT_EQ(store()->stat("empty")->size, 0);
}

TEST_F(AzureStores, NamesWithAllSortsOfCharacters) {
  for (const std::string name :
       {"city=New York/x.csv", "a+b%20c&d?e#f;g.csv", "Zürich/ä<b>\"c\".csv", "dt=2024-01-01/~_-.x"}) {
    ASSERT_TRUE(store()->put_file(small_, name, false).ok()) << name;
    EXPECT_EQ(content_of(name), "content") << name;
    EXPECT_EQ(listed(), std::vector<std::string>{name});
    // What users are shown names the object.
    const auto split = ConnectionString::parse(store()->public_path(name) + ";" + Azurite::kKey)->split();
    ASSERT_TRUE(split.ok());
    EXPECT_EQ(open(split->first.text())->stat(split->second)->size, 7) << name;
    EXPECT_TRUE(store()->remove(name).ok());
  }
  EXPECT_EQ(store()->put_file(small_, "../x", false).error().code, ErrorCode::Forbidden);
  EXPECT_EQ(store()->put_file(small_, "a/./x", false).error().code, ErrorCode::Forbidden);
  EXPECT_EQ(store()->stat(std::string("a\0b", 3)).error().code, ErrorCode::Forbidden);
}

TEST_F(AzureStores, ListsWithContinuationMarkers) {
  for (int i = 0; i < 7; ++i) ASSERT_TRUE(store()->put_file(small_, "d/" + std::to_string(i), false).ok());
  ASSERT_TRUE(store()->put_file(small_, "dd", false).ok());
  StoreOptions small_pages = options();
  small_pages.list_page = 2;
  FaultProxy proxy(azurite_->port());
  const auto paged = *StoreFactory({}, small_pages).open(*ConnectionString::parse(address(proxy)));
  EXPECT_EQ(paged->list("d")->size(), 7u);
  EXPECT_EQ(proxy.requests(), 4);
  EXPECT_EQ(paged->list("")->size(), 8u);
}

TEST_F(AzureStores, ASasDoesWhatItAllows) {
  const auto all = open(azurite_->sas_connection(container_, "racwdl"));
  EXPECT_TRUE(all->check().ok());
  ASSERT_TRUE(all->put_file(large_, "x", false).ok());
  ASSERT_TRUE(all->get_file("x", folder_.path("copy")).ok());
  EXPECT_EQ(read_file(folder_.path("copy")), large_content_);
  EXPECT_EQ(all->list("")->size(), 1u);

  const auto read = open(azurite_->sas_connection(container_, "rl"));
  EXPECT_TRUE(read->check().ok());
  EXPECT_TRUE(read->stat("x").ok());
  EXPECT_EQ(read->put_file(small_, "y", false).error().code, ErrorCode::StorageAccess);
  EXPECT_EQ(read->remove("x").error().code, ErrorCode::StorageAccess);

  // The documentation asks for no more than Write to export.
  const auto write = open(azurite_->sas_connection(container_, "w"));
  EXPECT_TRUE(write->check().ok());
  const Status put = write->put_file(large_, "y", false);
  EXPECT_TRUE(put.ok()) << put.error().message;
  EXPECT_EQ(write->get_file("y", folder_.path("copy2")).error().code, ErrorCode::StorageAccess);
  EXPECT_EQ(content_of("y"), large_content_);

  const auto account = open(azurite_->account_sas_connection(container_, "rwdl"));
  EXPECT_TRUE(account->remove("y").ok());
  EXPECT_EQ(listed(), std::vector<std::string>{"x"});
}

TEST_F(AzureStores, WrongCredentialsAndContainersAreAccessErrorsWithoutSecrets) {
  const std::string wrong_key = "d3Jvbmdrd3Jvbmdrd3Jvbmdrd3Jvbmdrd3Jvbmdrd3Jvbmdrd3Jvbmdrd3Jvbmdr";
  const std::string sas = azurite_->sas_connection(container_, "rwl");
  const std::string signature = sas.substr(sas.find("&sig=") + 5);
  const std::string texts[] = {
      azurite_->endpoint() + "/" + container_ + ";" + wrong_key,
      azurite_->connection("there-is-no-such-container"),
      sas.substr(0, sas.find("&sp=")) + "&sp=rwdl&sig=" + signature,  // more than was signed
      azurite_->endpoint() + "/" + container_,                        // not public
  };
  for (const std::string& text : texts) {
    const auto store = open(text);
    for (const Status& status :
         {store->check(), store->put_file(small_, "x", false), store->list("").status()}) {
      ASSERT_FALSE(status.ok()) << text;
      EXPECT_EQ(status.error().code, ErrorCode::StorageAccess) << status.error().message;
      EXPECT_TRUE(status.error().permanent());
      for (const std::string& secret :
           {wrong_key, signature, std::string(Azurite::kKey), std::string("sig=")}) {
        EXPECT_EQ(status.error().message.find(secret), std::string::npos) << status.error().message;
      }
    }
  }
  EXPECT_TRUE(delays_.empty());  // nothing of this was tried again
  EXPECT_TRUE(listed().empty());
  const auto no_key = ConnectionString::parse(azurite_->endpoint() + "/" + container_ + ";secretKey");
  EXPECT_EQ(StoreFactory({}).open(*no_key).error().code, ErrorCode::StorageAccess);
  // Where there is no container, there is no object either.
  EXPECT_TRUE(open(azurite_->connection("there-is-no-such-container"))->remove("x").ok());
}

TEST_F(AzureStores, NothingOfAnAnswerButItsErrorCodeGetsIntoAMessage) {
  FaultProxy proxy(0);
  proxy.on_request([](const FaultProxy::Request&) {
    return Fault::answer(403, "x-ms-request-id: leaked sig=abc\r\n",
                         "<Error><Code>AuthenticationFailed</Code><Message>leaked</Message></Error>");
  });
  Status status = store(proxy)->check();
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.error().message.find("AuthenticationFailed"), std::string::npos);
  EXPECT_EQ(status.error().message.find("leaked"), std::string::npos) << status.error().message;
  proxy.on_request([](const FaultProxy::Request&) {
    return Fault::answer(403, "", "<Error><Code>leaked sig=abc</Code></Error>");
  });
  status = store(proxy)->check();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().message.find("leaked"), std::string::npos) << status.error().message;
}

/// The requests of one put_file of `large_`: its blocks, the block list, the properties.
constexpr int kPutRequests = 8;

TEST_F(AzureStores, EveryRequestOfAPutIsTriedAgain) {
  const Fault faults[] = {Fault::answer(503, "Retry-After: 7\r\n"), Fault::answer(500), Fault::answer(429),
                          Fault::of(Fault::Kind::Reset), Fault::of(Fault::Kind::LoseAnswer)};
  for (const Fault& fault : faults) {
    for (int broken = 1; broken <= kPutRequests; ++broken) {
      FaultProxy proxy(azurite_->port());
      proxy.on_request(
          [&](const FaultProxy::Request& r) { return r.number == broken ? fault : Fault::none(); });
      delays_.clear();
      const Status put = store(proxy)->put_file(large_, "x", false);
      ASSERT_TRUE(put.ok()) << put.error().message;
      EXPECT_EQ(proxy.requests(), kPutRequests + 1) << "request " << broken;
      ASSERT_EQ(delays_.size(), 1u);
      if (!fault.headers.empty()) {
        EXPECT_EQ(delays_[0].count(), 7000);
      }
      EXPECT_EQ(content_of("x"), large_content_);
    }
  }
}

TEST_F(AzureStores, WhatStaysBrokenIsTransientAndLeavesNothing) {
  for (const char* part : {"comp=block&", "comp=blocklist"}) {
    for (const Fault& fault : {Fault::answer(503), Fault::of(Fault::Kind::Reset)}) {
      FaultProxy proxy(azurite_->port());
      proxy.on_request([&](const FaultProxy::Request& r) {
        return r.target.find(part) != std::string::npos ? fault : Fault::none();
      });
      delays_.clear();
      const Status put = store(proxy)->put_file(small_, "x", false);
      ASSERT_FALSE(put.ok());
      EXPECT_EQ(put.error().code, ErrorCode::StorageTransient) << put.error().message;
      EXPECT_EQ(delays_.size(), 3u);  // four attempts
      EXPECT_GE(delays_[2], delays_[0]);
      EXPECT_TRUE(listed().empty());
      EXPECT_EQ(store()->stat("x").error().code, ErrorCode::EntityNotFound);
    }
  }
}

TEST_F(AzureStores, AnOldObjectStaysWhileItsReplacementFails) {
  ASSERT_TRUE(store()->put_file(small_, "x", false).ok());
  FaultProxy proxy(azurite_->port());
  proxy.on_request([](const FaultProxy::Request& r) {
    return r.target.find("comp=blocklist") != std::string::npos ? Fault::answer(503) : Fault::none();
  });
  EXPECT_FALSE(store(proxy)->put_file(large_, "x", false).ok());
  EXPECT_EQ(content_of("x"), "content");
}

TEST_F(AzureStores, ABrokenDownloadIsTriedAgain) {
  ASSERT_TRUE(store()->put_file(large_, "x", false).ok());
  constexpr int kGetRequests = 7;
  for (const Fault::Kind kind : {Fault::Kind::Reset, Fault::Kind::LoseAnswer, Fault::Kind::Truncate}) {
    for (int broken = 2; broken <= kGetRequests; ++broken) {
      FaultProxy proxy(azurite_->port());
      proxy.on_request(
          [&](const FaultProxy::Request& r) { return r.number == broken ? Fault::of(kind) : Fault::none(); });
      const Status get = store(proxy)->get_file("x", folder_.path("copy"));
      ASSERT_TRUE(get.ok()) << get.error().message;
      EXPECT_EQ(proxy.requests(), kGetRequests + 1);
      EXPECT_EQ(read_file(folder_.path("copy")), large_content_);
    }
  }
}

TEST_F(AzureStores, ADownloadThatStaysBrokenLeavesNoFile) {
  ASSERT_TRUE(store()->put_file(large_, "x", false).ok());
  for (const Fault::Kind kind : {Fault::Kind::Truncate, Fault::Kind::Damage}) {
    FaultProxy proxy(azurite_->port());
    proxy.on_request([&](const FaultProxy::Request& r) {
      return r.method == "GET" && r.head.find("bytes=65536-") != std::string::npos ? Fault::of(kind)
                                                                                   : Fault::none();
    });
    const Status get = store(proxy)->get_file("x", folder_.path("copy"));
    ASSERT_FALSE(get.ok());
    EXPECT_EQ(get.error().code, ErrorCode::StorageTransient) << get.error().message;
    EXPECT_FALSE(fs::exists(folder_.path("copy")));
  }
}

TEST_F(AzureStores, ABlobThatChangesWhileItIsReadIsNoMixture) {
  ASSERT_TRUE(store()->put_file(large_, "x", false).ok());
  FaultProxy proxy(azurite_->port());
  proxy.on_request([&](const FaultProxy::Request& r) {
    if (r.number == 3) {
      EXPECT_TRUE(store()
                      ->put_file(folder_.write("other", pattern(5 * kBlock + 17).insert(0, "x")), "x", false)
                      .ok());
    }
    return Fault::none();
  });
  const Status get = store(proxy)->get_file("x", folder_.path("copy"));
  ASSERT_FALSE(get.ok());
  EXPECT_EQ(get.error().code, ErrorCode::StorageTransient);
  EXPECT_NE(get.error().message.find("ConditionNotMet"), std::string::npos) << get.error().message;
  EXPECT_FALSE(fs::exists(folder_.path("copy")));
}

TEST_F(AzureStores, AServiceThatStallsOrIsGoneIsTransient) {
  FaultProxy proxy(0);
  proxy.on_request([](const FaultProxy::Request&) { return Fault::of(Fault::Kind::Stall); });
  StoreOptions impatient = options();
  impatient.stall_timeout = std::chrono::seconds(1);
  impatient.retry.attempts = 1;
  const std::string address = "http://127.0.0.1:" + std::to_string(proxy.port()) + "/a/c;" + Azurite::kKey;
  const auto stalled = *StoreFactory({}, impatient).open(*ConnectionString::parse(address));
  EXPECT_EQ(stalled->stat("x").error().code, ErrorCode::StorageTransient);

  int closed_port = 0;
  { closed_port = FaultProxy(0).port(); }
  const auto gone = open("http://127.0.0.1:" + std::to_string(closed_port) + "/a/c;" + Azurite::kKey);
  delays_.clear();
  EXPECT_EQ(gone->check().error().code, ErrorCode::StorageTransient);
  EXPECT_EQ(delays_.size(), 3u);
}

TEST_F(AzureStores, AnswersThatAreNonsenseAreErrors) {
  const std::string blob =
      "<Blob><Name>x</Name><Properties><Content-Length>1</Content-Length></Properties></Blob>";
  for (const std::string& body :
       {std::string(), std::string("not XML"), std::string("<"), std::string("<EnumerationResults>"),
        "<EnumerationResults><Blobs>" + blob, "<EnumerationResults><Blobs>" + blob + "</EnumerationResults>",
        std::string("<EnumerationResults>&bad;</EnumerationResults>"), std::string("<Other></Other>"),
        std::string("<EnumerationResults><Blobs><Blob><Name>x</Name><Content-Length>-1</Content-Length></"
                    "Blob></Blobs>"
                    "</EnumerationResults>")}) {
    FaultProxy proxy(0);
    proxy.on_request([&](const FaultProxy::Request&) { return Fault::answer(200, "", body); });
    const auto objects = store(proxy)->list("");
    ASSERT_FALSE(objects.ok()) << body;
    EXPECT_EQ(objects.error().code, ErrorCode::StorageTransient) << body;
  }
  FaultProxy proxy(0);
  proxy.on_request([&](const FaultProxy::Request& r) {
    // Whatever is asked for, something else comes.
    return r.method == "HEAD" ? Fault::answer(200, "ETag: \"1\"\r\nX-Filler: 1\r\n")
                              : Fault::answer(200, "", "more");
  });
  EXPECT_TRUE(store(proxy)->get_file("x", folder_.path("copy")).ok());  // an empty blob
  EXPECT_EQ(read_file(folder_.path("copy")), "");
}

TEST_F(AzureStores, ListingsHaveFilesOnlyAndNamesAsTheyAre) {
  FaultProxy proxy(0);
  proxy.on_request([](const FaultProxy::Request& r) {
    if (r.target.find("marker=next%2F1") != std::string::npos) {
      return Fault::answer(
          200, "",
          "<EnumerationResults><Blobs><Blob><Name Encoded=\"true\">c%EF%BF%BE</Name><Properties>"
          "<Content-Length>3</Content-Length></Properties></Blob></Blobs><NextMarker/>"
          "</EnumerationResults>");
    }
    return Fault::answer(
        200, "",
        "\xEF\xBB\xBF<?xml version=\"1.0\"?><EnumerationResults ContainerName=\"c\"><Blobs>"
        "<Blob><Name>folder</Name><Properties><ResourceType>directory</ResourceType></Properties></Blob>"
        "<Blob><Name>a&amp;b &#xE4;%20</Name><Properties><Last-Modified>Fri, 26 Jun 2015 23:39:12 GMT"
        "</Last-Modified><Content-Length>5</Content-Length></Properties></Blob>"
        "</Blobs><NextMarker>next/1</NextMarker></EnumerationResults>");
  });
  const auto objects = store(proxy)->list("");
  ASSERT_TRUE(objects.ok()) << objects.error().message;
  ASSERT_EQ(objects->size(), 2u);
  EXPECT_EQ((*objects)[0].path, "a&b \xC3\xA4%20");
  EXPECT_EQ((*objects)[0].size, 5);
  EXPECT_EQ((*objects)[0].modified, *parse_datetime("2015-06-26T23:39:12Z"));
  EXPECT_EQ((*objects)[1].path, "c\xEF\xBF\xBE");
}

TEST_F(AzureStores, AProcessThatDiesInAPutLeavesNothingToSee) {
  for (const char* point : {"store.put.before", "store.put.staged", "store.put.after"}) {
    ASSERT_TRUE(
        test::put_killed_at(point, azurite_->connection(container_), large_, std::string("d/") + point));
  }
  EXPECT_EQ(listed(), std::vector<std::string>{"d/store.put.after"});
  EXPECT_EQ(content_of("d/store.put.after"), large_content_);
  EXPECT_EQ(*store()->remove_leftovers(""), 0);
  ASSERT_TRUE(store()->put_file(small_, "d/store.put.staged", false).ok());
  EXPECT_EQ(content_of("d/store.put.staged"), "content");
}

TEST_F(AzureStores, ManyThreadsShareAStore) {
  const auto shared = store();
  std::atomic<int> failures{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 4; ++i) {
        const std::string path = std::to_string(t) + "/" + std::to_string(i);
        failures += !shared->put_file(large_, path, false).ok();
        failures += !shared->get_file(path, folder_.path("copy" + std::to_string(t))).ok();
        failures += read_file(folder_.path("copy" + std::to_string(t))) != large_content_;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(shared->list("")->size(), 16u);
}

TEST_F(AzureStores, ADamagedBlockIsNeverCommitted) {
  for (const bool always : {false, true}) {
    FaultProxy proxy(azurite_->port());
    int damaged = 0, commits = 0;
    proxy.on_request([&](const FaultProxy::Request& request) {
      if (request.target.find("comp=blocklist") != std::string::npos) ++commits;
      const bool block = request.method == "PUT" && request.target.find("comp=block&") != std::string::npos;
      if (!block || (damaged > 0 && !always)) return Fault::none();
      ++damaged;
      return Fault::of(Fault::Kind::DamageRequest);
    });
    const Status put = store(proxy)->put_file(small_, "f", false);
    if (always) {
      ASSERT_FALSE(put.ok());
      EXPECT_EQ(put.error().code, ErrorCode::StorageTransient) << put.error().message;
      EXPECT_EQ(commits, 0);
    } else {
      ASSERT_TRUE(put.ok()) << put.error().message;
      EXPECT_EQ(content_of("f"), "content");
      ASSERT_TRUE(store()->remove("f").ok());
    }
  }
  EXPECT_TRUE(listed().empty());
}

TEST_F(AzureStores, ADamagedListOfBlocksIsTriedAgain) {
  FaultProxy proxy(azurite_->port());
  int lists = 0;
  proxy.on_request([&](const FaultProxy::Request& request) {
    const bool list = request.target.find("comp=blocklist") != std::string::npos;
    return list && ++lists == 1 ? Fault::of(Fault::Kind::DamageRequest) : Fault::none();
  });
  const Status put = store(proxy)->put_file(small_, "f", false);
  ASSERT_TRUE(put.ok()) << put.error().message;
  EXPECT_EQ(lists, 2);
  EXPECT_EQ(content_of("f"), "content");
}

TEST_F(AzureStores, ADamagedDownloadIsAnErrorAlsoWhereTheBlobHasNoChecksum) {
  ASSERT_TRUE(store()->put_file(small_, "f", false).ok());
  // What others put there block by block has no MD5: the service tells that of each range.
  for (const bool stored : {true, false}) {
    FaultProxy proxy(azurite_->port());
    proxy.on_request([&](const FaultProxy::Request& request) {
      if (request.method == "HEAD" && !stored) {
        return Fault::answer(200, "", "1234567");
      }
      return request.method == "GET" ? Fault::of(Fault::Kind::Damage) : Fault::none();
    });
    const Status got = store(proxy)->get_file("f", folder_.path("copy"));
    ASSERT_FALSE(got.ok());
    EXPECT_EQ(got.error().code, ErrorCode::StorageTransient);
    EXPECT_NE(got.error().message.find("damaged"), std::string::npos) << got.error().message;
    EXPECT_FALSE(fs::exists(folder_.path("copy")));
  }
}

TEST_F(AzureStores, ADateOfRetryAfterIsHonoured) {
  FaultProxy proxy(azurite_->port());
  proxy.on_request([](const FaultProxy::Request& request) {
    if (request.number > 1) return Fault::none();
    return Fault::answer(503,
                         "Retry-After: " + http_date(SystemClock().now() + 90 * kTicksPerSecond) + "\r\n");
  });
  delays_.clear();
  ASSERT_TRUE(store(proxy)->check().ok());
  ASSERT_EQ(delays_.size(), 1u);
  EXPECT_GT(delays_[0], std::chrono::seconds(80));
  EXPECT_LE(delays_[0], std::chrono::seconds(91));
}

TEST_F(AzureStores, ACancelledPutEndsSoonHoweverItWaits) {
  using std::chrono::steady_clock;
  for (const Fault& fault : {Fault::of(Fault::Kind::Stall), Fault::answer(503, "Retry-After: 60\r\n")}) {
    FaultProxy proxy(azurite_->port());
    std::atomic<bool> cancelled{false};
    std::atomic<int> unanswered{0};
    proxy.on_request([&](const FaultProxy::Request& request) {
      if (request.target.find("comp=blocklist") == std::string::npos) return Fault::none();
      cancelled = fault.kind == Fault::Kind::Stall;
      return fault;
    });
    StoreOptions waiting = options();
    waiting.retry.wait = nullptr;
    CallLimits limits;
    limits.cancelled = [&] { return cancelled.load(); };
    limits.on_trouble = [&](const Error&) { cancelled = true; };  // while it waits for the next attempt
    limits.on_unanswered = [&](const std::string& path) { unanswered += path == "f" ? 1 : 0; };
    const auto store = *StoreFactory({}, waiting).open(*ConnectionString::parse(address(proxy)), limits);
    const auto start = steady_clock::now();
    const Status put = store->put_file(small_, "f", false);
    ASSERT_FALSE(put.ok());
    EXPECT_EQ(put.error().code, ErrorCode::Cancelled) << put.error().message;
    EXPECT_LT(steady_clock::now() - start, std::chrono::seconds(20));
    EXPECT_EQ(unanswered, fault.kind == Fault::Kind::Stall ? 1 : 0);
  }
}

TEST_F(AzureStores, ACallEndsWhenItsTimeIsOver) {
  FaultProxy proxy(azurite_->port());
  proxy.on_request([](const FaultProxy::Request&) { return Fault::of(Fault::Kind::Stall); });
  StoreOptions waiting = options();
  waiting.retry.wait = nullptr;
  waiting.longest_call = std::chrono::milliseconds(300);
  const auto store = *StoreFactory({}, waiting).open(*ConnectionString::parse(address(proxy)));
  const auto start = std::chrono::steady_clock::now();
  const Status put = store->put_file(small_, "f", false);
  ASSERT_FALSE(put.ok());
  EXPECT_EQ(put.error().code, ErrorCode::StorageTransient) << put.error().message;
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

TEST(HttpDates, AreAsHttpPrintsThem) {
  EXPECT_EQ(http_date(*parse_datetime("2015-06-26T23:39:12Z")), "Fri, 26 Jun 2015 23:39:12 GMT");
  EXPECT_EQ(http_date(*parse_datetime("2024-02-29T00:00:00.9Z")), "Thu, 29 Feb 2024 00:00:00 GMT");
}

TEST_F(AzureStores, ABlobIsMadeOnlyWhereThereIsNone) {
  EXPECT_TRUE(*store("d")->put_if_absent("first", "log/1.json"));
  EXPECT_FALSE(*store("d")->put_if_absent("second", "log/1.json"));
  EXPECT_EQ(content_of("d/log/1.json"), "first");
  EXPECT_TRUE(*store("d")->put_if_absent("", "log/2.json"));
  EXPECT_EQ(listed(), (std::vector<std::string>{"d/log/1.json", "d/log/2.json"}));
}

TEST_F(AzureStores, OfManyThatMakeABlobOneSucceeds) {
  std::atomic<int> made{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      const auto result = store()->put_if_absent(std::string(100, static_cast<char>('a' + i)), "log/1.json");
      ASSERT_TRUE(result.ok()) << result.error().message;
      made += *result ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(made, 1);
}

TEST_F(AzureStores, AMadeBlobWhoseAnswerWasLostIsThereAlready) {
  FaultProxy proxy(azurite_->port());
  proxy.on_request([](const FaultProxy::Request& request) {
    return request.number == 1 ? Fault::of(Fault::Kind::LoseAnswer) : Fault::none();
  });
  const auto made = store(proxy)->put_if_absent("first", "log/1.json");
  ASSERT_TRUE(made.ok()) << made.error().message;
  EXPECT_FALSE(*made);
  EXPECT_EQ(content_of("log/1.json"), "first");
}

}  // namespace
}  // namespace spillway::storage
