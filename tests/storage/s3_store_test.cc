#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <mutex>
#include <set>

#include "base/clock.h"
#include "base/fail_point.h"
#include "storage/crypto.h"
#include "storage/object_store.h"
#include "storage/s3_request.h"
#include "tests/support/fault_proxy.h"
#include "tests/support/put_killed.h"
#include "tests/support/s3rver.h"
#include "tests/support/temp_folder.h"

namespace spillway::storage {
namespace {

namespace fs = std::filesystem;
using test::Fault;
using test::FaultProxy;
using test::read_file;
using test::S3rver;
using test::TempFolder;

constexpr int64_t kPart = 5 << 20;  // the least that the service takes

class S3Stores : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = new S3rver(); }
  static void TearDownTestSuite() {
    delete server_;
    server_ = nullptr;
  }
  void SetUp() override {
    bucket_ = "b" + Guid::random().str();
    server_->create_bucket(bucket_);
  }
  void TearDown() override { fail_point::disarm_all(); }

  StoreOptions options() {
    StoreOptions options;
    options.block_bytes = 64 << 10;
    options.retry.attempts = 6;
    options.retry.wait = [](std::chrono::milliseconds) {};
    return options;
  }
  std::unique_ptr<ObjectStore> open(const std::string& text) {
    const auto connection = ConnectionString::parse(text);
    EXPECT_TRUE(connection.ok()) << connection.error().message;
    auto store = StoreFactory({}, options()).open(*connection);
    EXPECT_TRUE(store.ok());
    return *std::move(store);
  }
  std::unique_ptr<ObjectStore> store(const std::string& folder = "") {
    return open(server_->connection(folder.empty() ? bucket_ : bucket_ + "/" + folder));
  }
  std::unique_ptr<ObjectStore> store(const FaultProxy& proxy) {
    return open("http://127.0.0.1:" + std::to_string(proxy.port()) + "/" + bucket_ +
                ";AwsCredentials=" + S3rver::kAccessKey + "," + S3rver::kSecretKey);
  }
  std::vector<std::string> listed(const std::string& prefix = "") {
    std::vector<std::string> out;
    const auto objects = store()->list(prefix);
    EXPECT_TRUE(objects.ok()) << objects.error().message;
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

  static S3rver* server_;
  TempFolder folder_;
  std::string bucket_;
  const std::string small_ = folder_.write("small", "content");
  const std::string large_content_ = pattern(2 * kPart + 17);
  const std::string large_ = folder_.write("large", large_content_);
};

S3rver* S3Stores::server_ = nullptr;

TEST_F(S3Stores, PutGetStatListRemove) {
  const Ticks before = SystemClock().now();
  const auto store = this->store("exports");
  const Status good = store->check();
  ASSERT_TRUE(good.ok()) << good.error().message;
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
  EXPECT_EQ(store->public_path("a/b.csv"), server_->endpoint() + "/" + bucket_ + "/exports/a/b.csv");
  EXPECT_EQ(listed(), (std::vector<std::string>{"exports/a/b.csv"}));
  EXPECT_EQ(store->list("a")->front().size, static_cast<int64_t>(large_content_.size()));
  EXPECT_TRUE(store->list("a/b")->empty());

  EXPECT_TRUE(store->remove("a/b.csv").ok());
  EXPECT_TRUE(store->remove("a/b.csv").ok());
  EXPECT_EQ(store->stat("a/b.csv").error().code, ErrorCode::EntityNotFound);
  EXPECT_EQ(store->get_file("a/b.csv", folder_.path("copy2")).error().code, ErrorCode::EntityNotFound);
  EXPECT_FALSE(fs::exists(folder_.path("copy2")));
  EXPECT_TRUE(listed().empty());
}

TEST_F(S3Stores, AnEmptyFileAndAConsumedOne) {
  ASSERT_TRUE(store()->put_file(folder_.write("empty", ""), "empty", true).ok());
  EXPECT_FALSE(fs::exists(folder_.path("empty")));
  EXPECT_EQ(content_of("empty"), "");
  EXPECT_EQ(store()->stat("empty")->size, 0);
}

TEST_F(S3Stores, NamesWithAllSortsOfCharacters) {
  for (const char* name : {"a b+c", "d=1/e,f:g@h", "ünï/çødé", "100%", "x&y?z#w", "(1)[2]'3'"}) {
    SCOPED_TRACE(name);
    const Status put = store()->put_file(small_, name, false);
    ASSERT_TRUE(put.ok()) << put.error().message;
    EXPECT_EQ(content_of(name), "content");
    EXPECT_EQ(listed(), std::vector<std::string>{name});
    EXPECT_TRUE(store()->remove(name).ok());
  }
}

TEST_F(S3Stores, ListsPageByPage) {
  FaultProxy proxy(0);
  std::vector<std::string> seen;
  proxy.on_request([&](const FaultProxy::Request& request) {
    seen.push_back(request.target.substr(request.target.find('?')));
    const bool first = seen.size() == 1;
    return Fault::answer(200, "",
                         std::string("<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>") +
                             (first ? "true" : "false") + "</IsTruncated>" +
                             (first ? "<NextContinuationToken>a+b=</NextContinuationToken>" : "") +
                             "<Contents><Key>p/" + (first ? "x%26y" : "z") +
                             "</Key><Size>3</Size></Contents></ListBucketResult>");
  });
  const auto objects = store(proxy)->list("p");
  ASSERT_TRUE(objects.ok()) << objects.error().message;
  ASSERT_EQ(objects->size(), 2u);
  EXPECT_EQ(objects->at(0).path, "p/x&y");
  EXPECT_EQ(objects->at(1).path, "p/z");
  EXPECT_EQ(seen, (std::vector<std::string>{"?encoding-type=url&list-type=2&max-keys=1000&prefix=p%2F",
                                            "?encoding-type=url&list-type=2&max-keys=1000&prefix=p%2F&"
                                            "continuation-token=a%2Bb%3D"}));
}

TEST_F(S3Stores, WrongCredentialsAndBucketsAreAccessErrorsWithoutSecrets) {
  const std::string wrong = server_->endpoint() + "/" + bucket_ + ";AwsCredentials=nobody,notTheSecret";
  for (const std::string& text : {wrong, server_->connection("nosuchbucket")}) {
    const Status status = open(text)->check();
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, ErrorCode::StorageAccess) << status.error().message;
    EXPECT_EQ(status.error().message.find("notTheSecret"), std::string::npos);
  }
}

TEST_F(S3Stores, EveryRequestOfAPutIsTriedAgain) {
  for (const std::string& source : {small_, large_}) {
    for (const Fault& fault :
         {Fault::answer(503, "Retry-After: 0\r\n", "<Error><Code>SlowDown</Code></Error>"),
          Fault::answer(500), Fault::of(Fault::Kind::Reset), Fault::of(Fault::Kind::LoseAnswer)}) {
      for (int broken = 1; broken <= 6; ++broken) {
        FaultProxy proxy(server_->port());
        proxy.on_request([&](const FaultProxy::Request& request) {
          return request.number == broken ? fault : Fault::none();
        });
        const Status put = store(proxy)->put_file(source, "f", false);
        ASSERT_TRUE(put.ok()) << broken << ": " << put.error().message;
        EXPECT_EQ(content_of("f"), read_file(source));
      }
    }
  }
}

TEST_F(S3Stores, WhatStaysBrokenIsTransientAndLeavesNothing) {
  FaultProxy proxy(server_->port());
  proxy.on_request([](const FaultProxy::Request& request) {
    const bool last = request.method == "PUT" && request.target.find("partNumber=3") != std::string::npos;
    return last ? Fault::answer(503) : Fault::none();
  });
  const Status put = store(proxy)->put_file(large_, "f", false);
  ASSERT_FALSE(put.ok());
  EXPECT_EQ(put.error().code, ErrorCode::StorageTransient);
  EXPECT_TRUE(listed().empty());
}

TEST_F(S3Stores, AnEndThatFailsBehindAGoodStatusIsTriedAgain) {
  FaultProxy proxy(server_->port());
  int ends = 0;
  proxy.on_request([&](const FaultProxy::Request& request) {
    const bool end = request.method == "POST" && request.target.find("uploadId=") != std::string::npos;
    if (!end || ++ends > 1) return Fault::none();
    return Fault::answer(200, "", "<Error><Code>InternalError</Code></Error>");
  });
  const Status put = store(proxy)->put_file(large_, "f", false);
  ASSERT_TRUE(put.ok()) << put.error().message;
  EXPECT_EQ(ends, 2);
  EXPECT_EQ(content_of("f"), large_content_);
}

TEST_F(S3Stores, ABrokenDownloadIsTriedAgainAndOneThatStaysBrokenLeavesNoFile) {
  ASSERT_TRUE(store()->put_file(large_, "f", false).ok());
  FaultProxy proxy(server_->port());
  bool always = false;
  proxy.on_request([&](const FaultProxy::Request& request) {
    const bool hit = request.method == "GET" && (always || request.number % 3 == 0);
    return hit ? Fault::of(Fault::Kind::Truncate) : Fault::none();
  });
  ASSERT_TRUE(store(proxy)->get_file("f", folder_.path("copy")).ok());
  EXPECT_EQ(read_file(folder_.path("copy")), large_content_);
  always = true;
  const Status broken = store(proxy)->get_file("f", folder_.path("copy2"));
  ASSERT_FALSE(broken.ok());
  EXPECT_EQ(broken.error().code, ErrorCode::StorageTransient);
  EXPECT_FALSE(fs::exists(folder_.path("copy2")));
}

TEST_F(S3Stores, AProcessThatDiesInAPutLeavesNothingToSee) {
  for (const char* point : {"store.put.before", "store.put.staged"}) {
    ASSERT_TRUE(test::put_killed_at(point, server_->connection(bucket_), large_, "f"));
    EXPECT_TRUE(listed().empty());
  }
  EXPECT_TRUE(store()->remove("f").ok());
  EXPECT_TRUE(store()->remove_leftovers("").ok());
}

TEST_F(S3Stores, OpenUploadsAreAborted) {
  std::vector<std::string> seen;
  std::mutex mutex;
  FaultProxy proxy(0);
  proxy.on_request([&](const FaultProxy::Request& request) {
    const std::lock_guard lock(mutex);
    seen.push_back(request.method + " " + request.target.substr(request.target.find('/', 1)));
    if (request.method == "DELETE") return Fault::answer(204);
    return Fault::answer(
        200, "",
        "<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>"
        "<Upload><Key>p/f</Key><UploadId>u1</UploadId></Upload>"
        "<Upload><Key>p/f2</Key><UploadId>u2</UploadId></Upload></ListMultipartUploadsResult>");
  });
  ASSERT_TRUE(store(proxy)->remove("p/f").ok());
  EXPECT_EQ(seen, (std::vector<std::string>{"GET /?prefix=p%2Ff&uploads=", "DELETE /p/f?uploadId=u1",
                                            "DELETE /p/f"}));
  const Result<int64_t> removed = store(proxy)->remove_leftovers("p");
  ASSERT_TRUE(removed.ok()) << removed.error().message;
  EXPECT_EQ(*removed, 2);
}

TEST_F(S3Stores, APresignedAddressReadsOneObject) {
  FaultProxy proxy(0);
  proxy.on_request([](const FaultProxy::Request& request) {
    if (request.target != "/f.csv?X-Amz-Signature=abc") return Fault::answer(403);
    return Fault::answer(206, "Content-Range: bytes 0-6/7\r\n", "content");
  });
  // The proxy stands for bucket.s3.amazonaws.com.
  auto connection = ConnectionString::parse("https://bucket.s3.amazonaws.com/f.csv?X-Amz-Signature=abc");
  ASSERT_TRUE(connection.ok()) << connection.error().message;
  connection->endpoint = "http://127.0.0.1:" + std::to_string(proxy.port());
  const auto split = connection->split();
  ASSERT_TRUE(split.ok());
  const auto store = StoreFactory({}, options()).open(split->first);
  EXPECT_EQ((*store)->stat(split->second)->size, 7);
  ASSERT_TRUE((*store)->get_file(split->second, folder_.path("copy")).ok());
  EXPECT_EQ(read_file(folder_.path("copy")), "content");
  EXPECT_EQ((*store)->put_file(small_, "g.csv", false).error().code, ErrorCode::StorageAccess);
}

TEST_F(S3Stores, WhatIsPutCarriesItsChecksums) {
  FaultProxy proxy(server_->port());
  int bodies = 0;
  proxy.on_request([&](const FaultProxy::Request& request) {
    if (request.method == "PUT") {
      ++bodies;
      EXPECT_NE(request.head.find("Content-MD5: "), std::string::npos) << request.head;
      EXPECT_NE(request.head.find("x-amz-content-sha256: "), std::string::npos) << request.head;
    }
    return Fault::none();
  });
  ASSERT_TRUE(store(proxy)->put_file(small_, "small", false).ok());
  ASSERT_TRUE(store(proxy)->put_file(large_, "large", false).ok());
  EXPECT_EQ(bodies, 4);
}

TEST_F(S3Stores, ADamagedDownloadIsAnError) {
  for (const std::string& source : {small_, large_}) {
    ASSERT_TRUE(store()->put_file(source, "f", false).ok());
    FaultProxy proxy(server_->port());
    proxy.on_request([&](const FaultProxy::Request& request) {
      return request.method == "GET" && request.number == 2 ? Fault::of(Fault::Kind::Damage) : Fault::none();
    });
    const Status got = store(proxy)->get_file("f", folder_.path("copy"));
    ASSERT_FALSE(got.ok());
    EXPECT_EQ(got.error().code, ErrorCode::StorageTransient);
    EXPECT_NE(got.error().message.find("damaged"), std::string::npos) << got.error().message;
    EXPECT_FALSE(fs::exists(folder_.path("copy")));
  }
}

TEST_F(S3Stores, AnEtagThatIsNoChecksumIsNotTakenForOne) {
  for (const char* headers :
       {"ETag: \"900150983cd24fb0d6963f7d28e17f72\"\r\nx-amz-server-side-encryption: aws:kms\r\n",
        "ETag: \"900150983cd24fb0d6963f7d28e17f72-1\"\r\n", "ETag: \"abc\"\r\n"}) {
    FaultProxy proxy(0);
    proxy.on_request([&](const FaultProxy::Request&) { return Fault::answer(200, headers, "content"); });
    EXPECT_TRUE(store(proxy)->get_file("f", folder_.path("copy")).ok()) << headers;
  }
  FaultProxy proxy(0);
  proxy.on_request([&](const FaultProxy::Request&) {
    return Fault::answer(200, "ETag: \"900150983cd24fb0d6963f7d28e17f72\"\r\n", "content");
  });
  EXPECT_FALSE(store(proxy)->get_file("f", folder_.path("copy")).ok());
}

TEST_F(S3Stores, AnUploadWhoseBeginningWasLostIsAborted) {
  FaultProxy proxy(server_->port());
  std::vector<std::string> aborted;
  proxy.on_request([&](const FaultProxy::Request& request) {
    if (request.number == 1) return Fault::of(Fault::Kind::LoseAnswer);
    if (request.method == "GET" && request.target.find("uploads") != std::string::npos) {
      return Fault::answer(200, "",
                           "<ListMultipartUploadsResult><IsTruncated>false</IsTruncated><Upload><Key>f</Key>"
                           "<UploadId>lost</UploadId></Upload></ListMultipartUploadsResult>");
    }
    if (request.method == "DELETE") {
      aborted.push_back(request.target.substr(request.target.find('?')));
      return Fault::answer(204);
    }
    return Fault::none();
  });
  const Status put = store(proxy)->put_file(large_, "f", false);
  ASSERT_TRUE(put.ok()) << put.error().message;
  EXPECT_EQ(aborted, std::vector<std::string>{"?uploadId=lost"});
}

TEST_F(S3Stores, HalfAListingIsNotTakenForAllOfIt) {
  FaultProxy proxy(0);
  proxy.on_request([](const FaultProxy::Request&) {
    return Fault::answer(200, "", "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>");
  });
  EXPECT_EQ(store(proxy)->list("").status().error().code, ErrorCode::StorageTransient);
}

TEST_F(S3Stores, InABucketThatIsGoneThereIsNothingToRemove) {
  const Status removed = open(server_->connection("nosuchbucket"))->remove("f");
  EXPECT_TRUE(removed.ok()) << removed.error().message;
}

TEST_F(S3Stores, AnUploadThatIsGoneIsTransient) {
  FaultProxy proxy(server_->port());
  proxy.on_request([](const FaultProxy::Request& request) {
    const bool part = request.method == "PUT" && request.target.find("partNumber=2") != std::string::npos;
    return part ? Fault::answer(404, "", "<Error><Code>NoSuchUpload</Code></Error>") : Fault::none();
  });
  EXPECT_EQ(store(proxy)->put_file(large_, "f", false).error().code, ErrorCode::StorageTransient);
}

// The example of Amazon's "Signature Calculations for the Authorization Header": GET Bucket (List Objects).
TEST(S3Signatures, AreThoseOfTheirDescription) {
  const std::string empty = sha256_hex("");
  EXPECT_EQ(s3_authorization("GET", "/", {{"max-keys", "2"}, {"prefix", "J"}},
                             {{"host", "examplebucket.s3.amazonaws.com"},
                              {"x-amz-content-sha256", empty},
                              {"x-amz-date", "20130524T000000Z"}},
                             "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1"),
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
            "SignedHeaders=host;x-amz-content-sha256;x-amz-date, "
            "Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

// s3rver ignores If-None-Match: it would replace what is there.
TEST_F(S3Stores, AServiceThatIgnoresConditionsIsRefused) {
  const auto made = store("d")->put_if_absent("first", "log/1.json");
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error().code, ErrorCode::NotSupported);
  EXPECT_NE(made.error().message.find(bucket_), std::string::npos) << made.error().message;
  EXPECT_TRUE(listed().empty());
}

/// A service that has conditional writes, as Amazon's has.
class Conditions {
 public:
  Fault operator()(const FaultProxy::Request& request) {
    const std::lock_guard lock(mutex_);
    if (request.method != "PUT" || request.head.find("If-None-Match: *") == std::string::npos)
      return Fault::none();
    if (!seen_.insert(request.target).second) {
      return Fault::answer(412, "", "<Error><Code>PreconditionFailed</Code></Error>");
    }
    // The first object is the probe.
    return lose_answer && seen_.size() == 2 ? Fault::of(Fault::Kind::LoseAnswer) : Fault::none();
  }
  bool lose_answer = false;

 private:
  std::mutex mutex_;
  std::set<std::string> seen_;
};

TEST_F(S3Stores, AnObjectIsMadeOnlyWhereThereIsNone) {
  FaultProxy proxy(server_->port());
  Conditions conditions;
  proxy.on_request([&](const FaultProxy::Request& request) { return conditions(request); });
  const auto made = store(proxy)->put_if_absent("first", "log/1.json");
  ASSERT_TRUE(made.ok()) << made.error().message;
  EXPECT_TRUE(*made);
  EXPECT_FALSE(*store(proxy)->put_if_absent("second", "log/1.json"));
  EXPECT_EQ(content_of("log/1.json"), "first");
  EXPECT_EQ(listed(), std::vector<std::string>{"log/1.json"});  // the probe is gone
}

TEST_F(S3Stores, AMadeObjectWhoseAnswerWasLostIsThereAlready) {
  FaultProxy proxy(server_->port());
  Conditions conditions;
  conditions.lose_answer = true;
  proxy.on_request([&](const FaultProxy::Request& request) { return conditions(request); });
  const auto made = store(proxy)->put_if_absent("first", "log/1.json");
  ASSERT_TRUE(made.ok()) << made.error().message;
  EXPECT_FALSE(*made);
  EXPECT_EQ(content_of("log/1.json"), "first");
}

TEST_F(S3Stores, AServiceWithoutConditionsIsRefused) {
  FaultProxy proxy(server_->port());
  proxy.on_request([](const FaultProxy::Request& request) {
    return request.head.find("If-None-Match") == std::string::npos
               ? Fault::none()
               : Fault::answer(501, "", "<Error><Code>NotImplemented</Code></Error>");
  });
  const auto made = store(proxy)->put_if_absent("first", "log/1.json");
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error().code, ErrorCode::NotSupported) << made.error().message;
}

}  // namespace
}  // namespace spillway::storage
