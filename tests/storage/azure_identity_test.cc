#include <gtest/gtest.h>

#include <cstdlib>

#include "storage/azure_identity.h"
#include "storage/object_store.h"
#include "tests/support/fault_proxy.h"
#include "tests/support/temp_folder.h"

namespace spillway::storage {
namespace {

using test::Fault;
using test::FaultProxy;

/// The environment variables of identities, set for one test.
class AzureIdentities : public ::testing::Test {
 protected:
  AzureIdentities() {
    proxy_.on_request([this](const FaultProxy::Request& request) {
      last_ = request.head;
      asked_++;
      return answer_;
    });
    options_.retry.attempts = 3;
    options_.retry.wait = [](std::chrono::milliseconds) {};
    for (const std::string& identity : {kSystem, kUser}) forget_managed_identity_token(identity);
  }
  ~AzureIdentities() override {
    for (const char* name :
         {"AZURE_FEDERATED_TOKEN_FILE", "AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_AUTHORITY_HOST",
          "IDENTITY_ENDPOINT", "IDENTITY_HEADER", "AZURE_POD_IDENTITY_AUTHORITY_HOST"}) {
      ::unsetenv(name);
    }
  }
  void set(const char* name, const std::string& value) { ::setenv(name, value.c_str(), 1); }
  std::string address() const { return "http://127.0.0.1:" + std::to_string(proxy_.port()); }

  const std::string kSystem = "system", kUser = "12345678-1234-1234-1234-1234567890ab";
  Fault answer_ = Fault::answer(200, "", R"({"access_token":"secret-token","expires_in":"3599"})");
  std::string last_;
  int asked_ = 0;
  FaultProxy proxy_{0};
  StoreOptions options_;
};

TEST_F(AzureIdentities, TheMetadataServiceIsAskedOnce) {
  set("AZURE_POD_IDENTITY_AUTHORITY_HOST", address());
  for (int i = 0; i < 3; ++i) {
    const auto token = managed_identity_token(kSystem, options_, Call(options_));
    ASSERT_TRUE(token.ok()) << token.error().message;
    EXPECT_EQ(*token, "secret-token");
  }
  EXPECT_EQ(asked_, 1);
  EXPECT_NE(last_.find("GET /metadata/identity/oauth2/token?api-version=2018-02-01&resource="
                       "https%3A%2F%2Fstorage.azure.com%2F HTTP"),
            std::string::npos)
      << last_;
  EXPECT_NE(last_.find("Metadata: true"), std::string::npos);
  forget_managed_identity_token(kSystem);
  EXPECT_TRUE(managed_identity_token(kSystem, options_, Call(options_)).ok());
  EXPECT_EQ(asked_, 2);
}

TEST_F(AzureIdentities, AUserAssignedIdentityIsNamed) {
  set("AZURE_POD_IDENTITY_AUTHORITY_HOST", address());
  ASSERT_TRUE(managed_identity_token(kUser, options_, Call(options_)).ok());
  EXPECT_NE(last_.find("&object_id=" + kUser), std::string::npos) << last_;
}

TEST_F(AzureIdentities, ATokenThatEndsSoonIsAskedForAgain) {
  set("AZURE_POD_IDENTITY_AUTHORITY_HOST", address());
  answer_ = Fault::answer(200, "", R"({"access_token":"short","expires_in":60})");
  for (int i = 0; i < 2; ++i) EXPECT_EQ(*managed_identity_token(kSystem, options_, Call(options_)), "short");
  EXPECT_EQ(asked_, 2);
}

TEST_F(AzureIdentities, AppServiceHasAnEndpointOfItsOwn) {
  set("IDENTITY_ENDPOINT", address() + "/msi/token");
  set("IDENTITY_HEADER", "header-secret");
  ASSERT_TRUE(managed_identity_token(kSystem, options_, Call(options_)).ok());
  EXPECT_NE(last_.find("GET /msi/token?api-version=2019-08-01"), std::string::npos) << last_;
  EXPECT_NE(last_.find("X-IDENTITY-HEADER: header-secret"), std::string::npos) << last_;
}

TEST_F(AzureIdentities, AWorkloadIdentityTradesItsFileForAToken) {
  const test::TempFolder folder;
  set("AZURE_FEDERATED_TOKEN_FILE", folder.write("token", "federated"));
  set("AZURE_TENANT_ID", "tenant");
  set("AZURE_CLIENT_ID", "client");
  set("AZURE_AUTHORITY_HOST", address());
  ASSERT_TRUE(managed_identity_token(kSystem, options_, Call(options_)).ok());
  EXPECT_NE(last_.find("POST /tenant/oauth2/v2.0/token"), std::string::npos) << last_;
}

TEST_F(AzureIdentities, ARefusalIsAnAccessErrorAndSilenceATransientOne) {
  set("AZURE_POD_IDENTITY_AUTHORITY_HOST", address());
  answer_ = Fault::answer(400, "", R"({"error":"invalid_request"})");
  EXPECT_EQ(managed_identity_token(kSystem, options_, Call(options_)).error().code, ErrorCode::StorageAccess);
  EXPECT_EQ(asked_, 1);
  answer_ = Fault::answer(429);
  EXPECT_EQ(managed_identity_token(kSystem, options_, Call(options_)).error().code,
            ErrorCode::StorageTransient);
  EXPECT_EQ(asked_, 4);
  answer_ = Fault::answer(200, "", "nonsense");
  EXPECT_EQ(managed_identity_token(kSystem, options_, Call(options_)).error().code, ErrorCode::StorageAccess);
}

TEST_F(AzureIdentities, AStoreSendsItsTokenAndDropsOneThatIsRefused) {
  set("AZURE_POD_IDENTITY_AUTHORITY_HOST", address());
  FaultProxy storage(0);
  std::string seen;
  storage.on_request([&](const FaultProxy::Request& request) {
    seen = request.head;
    return Fault::answer(401);
  });
  const auto connection = ConnectionString::parse("http://127.0.0.1:" + std::to_string(storage.port()) +
                                                  "/account/container;managed_identity=system");
  ASSERT_TRUE(connection.ok()) << connection.error().message;
  const auto store = StoreFactory({}, options_).open(*connection);
  EXPECT_EQ((*store)->check().error().code, ErrorCode::StorageAccess);
  EXPECT_NE(seen.find("Authorization: Bearer secret-token"), std::string::npos) << seen;
  EXPECT_EQ((*store)->check().error().code, ErrorCode::StorageAccess);
  EXPECT_EQ(asked_, 2);
}

/// OneLake isn't there to be asked: a server on this machine takes the requests that it would get.
TEST_F(AzureIdentities, OneLakeIsAskedByWorkspaceAndItem) {
  set("AZURE_POD_IDENTITY_AUTHORITY_HOST", address());
  FaultProxy storage(0);
  std::vector<std::string> seen, heads;
  storage.on_request([&](const FaultProxy::Request& request) {
    seen.push_back(request.method + " " + request.target);
    heads.push_back(request.head);
    return Fault::answer(200, "Content-Length: 0\r\n");
  });
  for (const auto& [credential, authorization] :
       {std::pair("token=given-token", "Authorization: Bearer given-token"),
        std::pair("managed_identity=system", "Authorization: Bearer secret-token")}) {
    auto connection = ConnectionString::parse(
        "abfss://Our%20Sales@onelake.dfs.fabric.microsoft.com/My%20Lake.Lakehouse/Files;" +
        std::string(credential));
    ASSERT_TRUE(connection.ok()) << connection.error().message;
    connection->endpoint = "http://127.0.0.1:" + std::to_string(storage.port());
    const auto store = StoreFactory({}, options_).open(*connection);
    ASSERT_TRUE(store.ok()) << store.error().message;
    EXPECT_EQ((*store)->public_path("a b.csv"),
              "https://onelake.blob.fabric.microsoft.com/Our%20Sales/My%20Lake.Lakehouse/Files/a%20b.csv");
    seen.clear();
    heads.clear();
    EXPECT_TRUE((*store)->check().ok());
    EXPECT_TRUE((*store)->remove("a b.csv").ok());
    EXPECT_EQ(
        seen,
        (std::vector<std::string>{
            "GET /Our%20Sales?restype=container&comp=list&prefix=My%20Lake.Lakehouse%2FFiles&maxresults=1",
            "DELETE /Our%20Sales/My%20Lake.Lakehouse/Files/a%20b.csv"}));
    for (const std::string& head : heads) EXPECT_NE(head.find(authorization), std::string::npos) << head;
  }
}

}  // namespace
}  // namespace spillway::storage
