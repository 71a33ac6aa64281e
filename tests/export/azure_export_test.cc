// Continuous exports into Azure Blob Storage (Azurite): the same protocol, other stores.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/fail_point.h"
#include "tests/export/world.h"
#include "tests/support/azurite.h"

namespace spillway::exports {
namespace {

class AzureExport : public testing::Test {
 protected:
  AzureExport() {
    azurite_.create_container("one");
    azurite_.create_container("two");
    world_.make_table("T");
    catalog::ExternalTable external = world_.external("E", "csv");
    external.connection_strings = {azurite_.connection("one/deep/folder"), azurite_.connection("two")};
    external.partitions = {{"Name", Type::String, catalog::Partition::Kind::Column, "name", 0}};
    external.compressed = true;
    world_.put(external);
  }
  ~AzureExport() override { fail_point::disarm_all(); }

  /// The addresses of all blobs, sorted.
  std::vector<std::string> blobs() {
    std::vector<std::string> found;
    for (const char* container : {"one", "two"}) {
      const auto connection = storage::ConnectionString::parse(azurite_.connection(container));
      const auto store = world_.stores().open(*connection);
      const auto listed = (*store)->list("");
      if (!listed.ok()) ADD_FAILURE() << listed.error().message;
      for (const storage::ObjectInfo& object : *listed) found.push_back((*store)->public_path(object.path));
    }
    std::sort(found.begin(), found.end());
    return found;
  }

  test::Azurite azurite_;
  World world_;
};

TEST_F(AzureExport, ExactlyOnceWhicheverStepFails) {
  ASSERT_TRUE(world_.make_export("X", "E", "T").ok());
  int64_t ingested = 0;
  for (const char* point : {"export.begin.after", "store.put.before", "store.put.staged", "store.put.after",
                            "export.put.after", "export.commit.before", "export.commit.after"}) {
    for (const char* time : {"1", "2"}) {
      world_.ingest("T", ingested, 9);
      ingested += 9;
      ASSERT_TRUE(fail_point::arm(std::string(point) + "=error@" + time).ok());
      for (int attempt = 0; !world_.service().run_once(kDatabase, "X").ok() && attempt < 10; ++attempt)
        continue;
      fail_point::disarm_all();
      ASSERT_TRUE(world_.service().sweep().ok());
      ASSERT_EQ(blobs(), world_.reported_paths("X")) << point;
    }
  }
  EXPECT_EQ(world_.reported("X"), lines_of(0, ingested));
  for (const std::string& path : world_.reported_paths("X")) {
    EXPECT_EQ(path.find(test::Azurite::kKey), std::string::npos);
  }
}

TEST_F(AzureExport, AMissingContainerIsAPermanentFailureWithoutSecrets) {
  catalog::ExternalTable external = world_.external("E", "csv");
  external.connection_strings = {azurite_.connection("missing")};
  world_.put(external);
  ASSERT_TRUE(world_.make_export("X", "E", "T").ok());
  world_.ingest("T", 0, 5);
  EXPECT_FALSE(world_.service().run_once(kDatabase, "X").ok());
  const auto failures = world_.catalog().failures(kDatabase, "X");
  ASSERT_EQ(failures->size(), 1U);
  EXPECT_TRUE((*failures)[0].permanent_failure) << (*failures)[0].details;
  EXPECT_EQ((*failures)[0].details.find(test::Azurite::kKey), std::string::npos);
  azurite_.create_container("missing");
  EXPECT_TRUE(*world_.service().run_once(kDatabase, "X"));
  EXPECT_EQ(world_.reported("X"), lines_of(0, 5));
}

}  // namespace
}  // namespace spillway::exports
