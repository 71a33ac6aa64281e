// Exports and who they run as: managed identities, row level security, other databases.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <functional>

#include "storage/azure_identity.h"
#include "tests/export/world.h"
#include "tests/support/fault_proxy.h"

namespace spillway::exports {
namespace {

constexpr const char* kIdentity = "aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb";
const std::string kPrincipal = std::string("aadapp=") + kIdentity;

ServiceOptions with_access_control() {
  ServiceOptions options;
  options.access_control = true;
  return options;
}

/// The identity's endpoint, and a blob service that takes what is put with the identity's token.
class Cloud {
 public:
  Cloud() {
    endpoint_.on_request([](const test::FaultProxy::Request&) {
      return test::Fault::answer(200, "", R"({"access_token":"token-of-the-identity","expires_in":"3599"})");
    });
    blobs_.on_request([this](const test::FaultProxy::Request& request) {
      if (request.head.find("Authorization: Bearer token-of-the-identity") == std::string::npos)
        return test::Fault::answer(403);
      if (request.method != "PUT") {  // what lies there now
        return test::Fault::answer(200, "Content-MD5: " + md5_ + "\r\n", std::string(size_, 'x'));
      }
      ++puts_;
      if (const std::string md5 = header(request, "x-ms-blob-content-md5"); !md5.empty()) {
        md5_ = md5;
      } else {
        size_ = std::stoul(header(request, "Content-Length"));
      }
      return test::Fault::answer(201);
    });
    storage::forget_managed_identity_token(kIdentity);
    ::setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", address(endpoint_).c_str(), 1);
  }
  ~Cloud() { ::unsetenv("AZURE_POD_IDENTITY_AUTHORITY_HOST"); }

  std::string impersonated() const { return address(blobs_) + "/account/container;impersonate"; }
  int puts() const { return puts_; }

 private:
  static std::string address(const test::FaultProxy& proxy) {
    return "http://127.0.0.1:" + std::to_string(proxy.port());
  }
  static std::string header(const test::FaultProxy::Request& request, const std::string& name) {
    const size_t at = request.head.find("\r\n" + name + ": ");
    if (at == std::string::npos) return "";
    const size_t begin = at + name.size() + 4;
    return request.head.substr(begin, request.head.find("\r\n", begin) - begin);
  }

  std::atomic<int> puts_{0};
  size_t size_ = 0;
  std::string md5_;
  test::FaultProxy endpoint_{0}, blobs_{0};
};

class SecuredExport : public testing::Test {
 protected:
  void write(World& world, const std::function<Status(catalog::Writer&)>& change) {
    const Status written = world.catalog().write(change);
    ASSERT_TRUE(written.ok()) << written.error().message;
  }
  void set_policy(World& world, const std::string& database, const char* name,
                  const std::optional<std::string>& text) {
    write(world, [&](catalog::Writer& writer) { return writer.set_policy(database, name, text); });
  }
  void allow_identity(World& world) {
    set_policy(world, "", catalog::kManagedIdentity,
               std::string(R"([{"ObjectId":")") + kIdentity + R"(","AllowedUsages":"AutomatedFlows"}])");
  }
  void set_viewer(World& world, const std::string& database, bool viewer) {
    set_policy(world, database, catalog::kPrincipals,
               viewer ? catalog::encode(catalog::Assignments{{catalog::Role::Viewers, {{kPrincipal, ""}}}})
                      : std::nullopt);
  }
  void set_row_level_security(World& world, const std::string& table, const std::string& query) {
    write(world, [&](catalog::Writer& writer) {
      catalog::Table changed = *writer.current().database(kDatabase)->tables.at(table);
      changed.policies[catalog::kRowLevelSecurity] = catalog::encode(catalog::RowLevelSecurity{true, query});
      return writer.alter_table(kDatabase, changed);
    });
  }
  static std::string error_of(const Status& status) {
    return status.ok() ? "" : std::string(name_of(status.error().code)) + ": " + status.error().message;
  }
};

TEST_F(SecuredExport, ARunSeesTheRowsOfItsIdentityAndWritesAsIt) {
  Cloud cloud;
  World world(with_access_control());
  allow_identity(world);
  set_viewer(world, kDatabase, true);
  world.make_table("T");
  world.make_table("Allowed");
  world.ingest("Allowed", 1, 1);  // before the export: what a policy reads beside its table is no fact table
  set_row_level_security(
      world, "T",
      "T | where current_principal() == '" + kPrincipal +
          "' | where name in ((Allowed | project name)) | extend at = datetime(2024-01-01)");
  catalog::ExternalTable external = world.external("E", "csv");
  external.connection_strings = {cloud.impersonated()};
  world.put(external);
  ASSERT_EQ(error_of(world.make_export("X", "E", "T", {}, {{"managedIdentity", kIdentity}})), "");
  world.ingest("T", 0, 10);
  const auto ran = world.service().run_once(kDatabase, "X");
  ASSERT_TRUE(ran.ok()) << ran.error().message;

  const auto artifacts = world.catalog().exported_artifacts(kDatabase, "X");
  ASSERT_EQ(artifacts->size(), 1U);
  EXPECT_EQ(artifacts->front().records, 3);  // ids 1, 4 and 7
  EXPECT_TRUE(artifacts->front().connection.ends_with(std::string(";managed_identity=") + kIdentity));
  EXPECT_EQ(artifacts->front().public_path.find("identity"), std::string::npos);
  EXPECT_GE(cloud.puts(), 2);

  // The policy reads the whole of a table that the query has as a fact table beside.
  ASSERT_EQ(error_of(world.make_export("Y", "E", "T | union (Allowed | where false)", {},
                                       {{"managedIdentity", kIdentity}})),
            "");
  world.ingest("T", 13, 1);  // n1
  EXPECT_TRUE(*world.service().run_once(kDatabase, "Y"));
  EXPECT_EQ(world.catalog().exported_artifacts(kDatabase, "Y")->size(), 1U);
  EXPECT_TRUE(*world.service().run_once(kDatabase, "X"));

  // Records that no row of the policy shows move the position, and nothing else.
  world.ingest("T", 11, 1);  // n2
  EXPECT_TRUE(*world.service().run_once(kDatabase, "X"));
  EXPECT_EQ(world.catalog().exported_artifacts(kDatabase, "X")->size(), 2U);
}

TEST_F(SecuredExport, RowLevelSecurityThatComesLaterStopsARunForGood) {
  World world;
  world.make_table("T");
  world.put(world.external("E", "csv"));
  ASSERT_EQ(error_of(world.make_export("X", "E", "T")), "");
  set_row_level_security(world, "T", "T | where false");
  world.ingest("T", 0, 5);
  const auto ran = world.service().run_once(kDatabase, "X");
  ASSERT_FALSE(ran.ok());
  EXPECT_NE(ran.error().message.find("table 'T' has row level security"), std::string::npos);
  const auto failures = world.catalog().failures(kDatabase, "X");
  ASSERT_EQ(failures->size(), 1U);
  EXPECT_TRUE((*failures)[0].permanent_failure);
  EXPECT_TRUE(world.stored().empty());
}

TEST_F(SecuredExport, OtherDatabasesNeedAnIdentityThatMayViewThemWherePrincipalsHaveRoles) {
  for (const bool access_control : {false, true}) {
    World world(access_control ? with_access_control() : ServiceOptions());
    allow_identity(world);
    write(world, [](catalog::Writer& writer) -> Status {
      SPILLWAY_TRY(writer.create_database("Other", ""));
      catalog::Table table;
      table.name = "D";
      table.columns = {{0, "id", Type::Long, ""}};
      return writer.create_table("Other", table);
    });
    world.make_table("T");
    world.put(world.external("E", "csv"));
    const std::string query = "T | where id !in (database('Other').D)";
    const std::map<std::string, std::string> as_identity = {{"managedIdentity", kIdentity}};
    if (!access_control) {
      EXPECT_EQ(error_of(world.make_export("X", "E", query, {"T"})), "");
      EXPECT_EQ(error_of(world.make_export("Y", "E", query, {"T"}, as_identity)), "");
      continue;
    }
    EXPECT_EQ(error_of(world.make_export("X", "E", query, {"T"})).substr(0, 12), "BadRequest: ");
    EXPECT_EQ(error_of(world.make_export("Own", "E", "T")), "");
    const std::string unknown = error_of(world.make_export("X", "E", query, {"T"}, as_identity));
    EXPECT_NE(
        unknown.find("Principal '" + kPrincipal + "' is not authorized to query database 'NetDefaultDB'"),
        std::string::npos)
        << unknown;
    set_viewer(world, kDatabase, true);
    const std::string elsewhere = error_of(world.make_export("X", "E", query, {"T"}, as_identity));
    EXPECT_NE(elsewhere.find("query database 'Other'"), std::string::npos) << elsewhere;
    set_viewer(world, "Other", true);
    EXPECT_EQ(error_of(world.make_export("X", "E", query, {"T"}, as_identity)), "");
    world.ingest("T", 0, 5);
    EXPECT_TRUE(*world.service().run_once(kDatabase, "X"));
    EXPECT_EQ(world.reported("X"), lines_of(0, 5));

    set_viewer(world, "Other", false);
    world.ingest("T", 5, 5);
    const auto ran = world.service().run_once(kDatabase, "X");
    ASSERT_FALSE(ran.ok());
    EXPECT_EQ(ran.error().code, ErrorCode::Forbidden);
    EXPECT_TRUE(ran.error().permanent());
  }
}

}  // namespace
}  // namespace spillway::exports
