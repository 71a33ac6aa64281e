#include "catalog/capacity_policy.h"

#include <boost/json.hpp>

#include "tests/catalog/support.h"

namespace spillway::catalog {
namespace {

int by(const std::string& given, CapacityResource resource, int cores) {
  return capacity_by(*merge_capacity_policy(default_capacity_policy(), given), resource, cores);
}

std::string error_of(const std::string& given) {
  const auto merged = merge_capacity_policy(default_capacity_policy(), given);
  return merged.ok() ? "success" : merged.error().message;
}

TEST(CapacityPolicy, FormulaOfOneNode) {
  using enum CapacityResource;
  EXPECT_EQ(by("{}", DataExport, 2), 1);
  EXPECT_EQ(by("{}", DataExport, 16), 4);
  EXPECT_EQ(by("{}", DataExport, 1000), 100);
  EXPECT_EQ(by("{}", Ingestions, 2), 1);
  EXPECT_EQ(by("{}", Ingestions, 16), 12);
  EXPECT_EQ(by("{}", ExtentsMerge, 16), 1);
  EXPECT_EQ(by(R"({"ExportCapacity": {"CoreUtilizationCoefficient": 1}})", DataExport, 16), 16);
  EXPECT_EQ(by(R"({"ExportCapacity": {"ClusterMaximumConcurrentOperations": 3}})", DataExport, 16), 3);
  EXPECT_EQ(by(R"({"ExtentsMergeCapacity": {"MinimumConcurrentOperationsPerNode": 4}})", ExtentsMerge, 2), 4);
  EXPECT_EQ(by(R"({"ExtentsMergeCapacity": {"MinimumConcurrentOperationsPerNode": 4,
                                            "ClusterMaximumConcurrentOperations": 2}})",
               ExtentsMerge, 2),
            2);
}

TEST(CapacityPolicy, MergesPropertyByProperty) {
  const auto once = merge_capacity_policy(default_capacity_policy(),
                                          R"({"MaterializedViewsCapacity": {"ExtentsRebuildCapacity":
                                     {"MaximumConcurrentOperationsPerNode": 7}}})");
  ASSERT_TRUE(once.ok()) << once.error().message;
  // The documentation's own example, and its array of objects.
  const auto twice = merge_capacity_policy(
      *once, R"([{"ExtentsPartitionCapacity": {"MaximumConcurrentOperationsPerNode": 4}}, {}])");
  ASSERT_TRUE(twice.ok()) << twice.error().message;
  const boost::json::value policy = boost::json::parse(*twice);
  const auto& rebuild = policy.at("MaterializedViewsCapacity").at("ExtentsRebuildCapacity");
  EXPECT_EQ(rebuild.at("MaximumConcurrentOperationsPerNode").as_int64(), 7);
  EXPECT_EQ(rebuild.at("ClusterMaximumConcurrentOperations").as_int64(), 50);
  const auto& partition = policy.at("ExtentsPartitionCapacity");
  EXPECT_EQ(partition.at("MaximumConcurrentOperationsPerNode").as_int64(), 4);
  EXPECT_EQ(partition.at("ClusterMaximumConcurrentOperations").as_int64(), 32);
  EXPECT_EQ(policy.at("IngestionCapacity").at("CoreUtilizationCoefficient").as_double(), 0.75);
}

TEST(CapacityPolicy, SaysWhatIsWrong) {
  EXPECT_NE(error_of("{").find("it isn't valid JSON"), std::string::npos);
  EXPECT_NE(error_of("3").find("it must be a JSON object"), std::string::npos);
  EXPECT_NE(error_of(R"({"Exports": {}})").find("there is no component 'Exports'"), std::string::npos);
  EXPECT_NE(error_of(R"({"ExportCapacity": 3})").find("ExportCapacity must be a JSON object"),
            std::string::npos);
  EXPECT_NE(error_of(R"({"ExportCapacity": {"Most": 3}})").find("there is no property ExportCapacity.Most"),
            std::string::npos);
  const std::string most = "ExportCapacity.ClusterMaximumConcurrentOperations must be ";
  EXPECT_NE(error_of(R"({"ExportCapacity": {"ClusterMaximumConcurrentOperations": "3"}})")
                .find(most + "a whole number"),
            std::string::npos);
  for (const char* value : {"0", "-1", "10001", "18446744073709551615"}) {
    EXPECT_NE(
        error_of(std::string(R"({"ExportCapacity": {"ClusterMaximumConcurrentOperations": )") + value + "}}")
            .find(most + "from 1 to 10000"),
        std::string::npos)
        << value;
  }
  for (const char* value : {"0", "-0.5", "101"}) {
    EXPECT_NE(error_of(std::string(R"({"ExportCapacity": {"CoreUtilizationCoefficient": )") + value + "}}")
                  .find("ExportCapacity.CoreUtilizationCoefficient must be larger than 0"),
              std::string::npos)
        << value;
  }
}

class CapacityLimitTest : public CatalogTest {};

TEST_F(CapacityLimitTest, FollowsThePolicyAtOnce) {
  open();
  const CapacityLimit limit(*catalog_, CapacityResource::DataExport);
  const auto set = [&](const char* json) {
    ASSERT_SUCCESS(write([&](Writer& writer) {
      return writer.set_policy("", kCapacityPolicy, *merge_capacity_policy(default_capacity_policy(), json));
    }));
  };
  set(R"({"ExportCapacity": {"ClusterMaximumConcurrentOperations": 7, "CoreUtilizationCoefficient": 100}})");
  EXPECT_EQ(limit(), 7);
  set(R"({"ExportCapacity": {"ClusterMaximumConcurrentOperations": 1}})");
  EXPECT_EQ(limit(), 1);
  reopen();
  EXPECT_NE(catalog_->snapshot()->policies.at(kCapacityPolicy).find("\"ExportCapacity\""), std::string::npos);
}

}  // namespace
}  // namespace spillway::catalog
