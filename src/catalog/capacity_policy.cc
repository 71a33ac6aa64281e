#include "catalog/capacity_policy.h"

#include <algorithm>
#include <boost/json.hpp>
#include <initializer_list>
#include <thread>

namespace spillway::catalog {
namespace {

namespace json = boost::json;

constexpr const char* kMost = "ClusterMaximumConcurrentOperations";
constexpr const char* kLeast = "ClusterMinimumConcurrentOperations";
constexpr const char* kMostPerNode = "MaximumConcurrentOperationsPerNode";
constexpr const char* kLeastPerNode = "MinimumConcurrentOperationsPerNode";
constexpr const char* kMostPerCluster = "MaximumConcurrentOperationsPerCluster";
constexpr const char* kMostPerAdmin = "MaximumConcurrentOperationsPerDbAdmin";
constexpr const char* kCoefficient = "CoreUtilizationCoefficient";
constexpr const char* kRebuild = "ExtentsRebuildCapacity";
/// Operations for each core.
constexpr double kLargestCoefficient = 100;

struct Component {
  std::string_view name;
  std::initializer_list<std::string_view> properties;
};

/// ExtentsPartitionCapacity has a property more than its table in the documentation: its example sets it.
const Component kComponents[] = {
    {"IngestionCapacity", {kMost, kCoefficient}},
    {"ExtentsMergeCapacity", {kLeastPerNode, kMostPerNode, kMost}},
    {"ExtentsPurgeRebuildCapacity", {kMostPerNode}},
    {"ExportCapacity", {kMost, kCoefficient}},
    {"ExtentsPartitionCapacity", {kLeast, kMost, kMostPerNode}},
    {"MaterializedViewsCapacity", {kLeast, kMost, kRebuild}},
    {"StoredQueryResultsCapacity", {kMostPerAdmin, kCoefficient}},
    {"StreamingIngestionPostProcessingCapacity", {kMostPerNode}},
    {"PurgeStorageArtifactsCleanupCapacity", {kMostPerCluster}},
    {"PeriodicStorageArtifactsCleanupCapacity", {kMostPerCluster}},
    {"QueryAccelerationCapacity", {kMost, kCoefficient}},
    {"GraphSnapshotsCapacity", {kMost}},
};
/// Inside of MaterializedViewsCapacity.
const Component kRebuildComponent = {kRebuild, {kMost, kMostPerNode}};

constexpr const char* kDefaults = R"({
  "IngestionCapacity": {"ClusterMaximumConcurrentOperations": 512, "CoreUtilizationCoefficient": 0.75},
  "ExtentsMergeCapacity": {"MinimumConcurrentOperationsPerNode": 1, "MaximumConcurrentOperationsPerNode": 3},
  "ExtentsPurgeRebuildCapacity": {"MaximumConcurrentOperationsPerNode": 1},
  "ExportCapacity": {"ClusterMaximumConcurrentOperations": 100, "CoreUtilizationCoefficient": 0.25},
  "ExtentsPartitionCapacity": {"ClusterMinimumConcurrentOperations": 1,
                               "ClusterMaximumConcurrentOperations": 32},
  "MaterializedViewsCapacity": {"ClusterMaximumConcurrentOperations": 1,
                                "ExtentsRebuildCapacity": {"ClusterMaximumConcurrentOperations": 50,
                                                           "MaximumConcurrentOperationsPerNode": 5}},
  "StoredQueryResultsCapacity": {"MaximumConcurrentOperationsPerDbAdmin": 250,
                                 "CoreUtilizationCoefficient": 0.75},
  "StreamingIngestionPostProcessingCapacity": {"MaximumConcurrentOperationsPerNode": 4},
  "PurgeStorageArtifactsCleanupCapacity": {"MaximumConcurrentOperationsPerCluster": 2},
  "PeriodicStorageArtifactsCleanupCapacity": {"MaximumConcurrentOperationsPerCluster": 2},
  "QueryAccelerationCapacity": {"ClusterMaximumConcurrentOperations": 100, "CoreUtilizationCoefficient": 0.5},
  "GraphSnapshotsCapacity": {"ClusterMaximumConcurrentOperations": 5}
})";

Error wrong(const std::string& what) {
  return {ErrorCode::BadRequest, "the capacity policy: " + what};
}

Status check_value(const std::string& where, std::string_view property, const json::value& value) {
  if (property == kCoefficient) {
    if (!value.is_number()) return wrong(where + " must be a number");
    const double coefficient = value.to_number<double>();
    if (coefficient > 0 && coefficient <= kLargestCoefficient) return {};
    return wrong(where + " must be larger than 0 and at most 100");
  }
  if (!value.is_int64() && !value.is_uint64()) return wrong(where + " must be a whole number");
  if (value.is_int64() && value.get_int64() >= 1 && value.get_int64() <= kMostConcurrentOperations) return {};
  return wrong(where + " must be from 1 to " + std::to_string(kMostConcurrentOperations));
}

/// Puts the properties of `given` into `base`.
Status merge(const Component& component, const json::value& given, json::object& base,
             const std::string& where) {
  if (!given.is_object()) return wrong(where + " must be a JSON object");
  for (const auto& [key, value] : given.get_object()) {
    const std::string property = where + "." + std::string(key);
    if (std::find(component.properties.begin(), component.properties.end(), std::string_view(key)) ==
        component.properties.end()) {
      return wrong("there is no property " + property);
    }
    if (key == kRebuild) {
      if (!base.contains(key)) base[key] = json::object();
      SPILLWAY_TRY(merge(kRebuildComponent, value, base[key].as_object(), property));
      continue;
    }
    SPILLWAY_TRY(check_value(property, key, value));
    base[key] = value;
  }
  return {};
}

Status merge_object(const json::value& given, json::object& policy) {
  if (!given.is_object()) return wrong("it must be a JSON object, or an array of JSON objects");
  for (const auto& [key, value] : given.get_object()) {
    const auto* component = std::find_if(std::begin(kComponents), std::end(kComponents),
                                         [&](const Component& one) { return one.name == key; });
    if (component == std::end(kComponents)) {
      return wrong("there is no component '" + std::string(key) + "'");
    }
    if (!policy.contains(key)) policy[key] = json::object();
    SPILLWAY_TRY(merge(*component, value, policy[key].as_object(), std::string(key)));
  }
  return {};
}

/// As the documentation writes it: 0.75, where Boost would write 7.5E-1.
std::string text_of(const json::value& value) {
  if (value.is_double()) return format_real(value.get_double());
  if (!value.is_object()) return json::serialize(value);
  std::string text = "{";
  for (const auto& [key, member] : value.get_object()) {
    if (text.size() > 1) text += ',';
    text += json::serialize(key) + ':' + text_of(member);
  }
  return text + '}';
}

int64_t number(const json::object& component, const char* property, int64_t otherwise) {
  const json::value* value = component.if_contains(property);
  return value && value->is_int64() ? value->get_int64() : otherwise;
}

}  // namespace

const std::string& default_capacity_policy() {
  static const std::string policy = text_of(json::parse(kDefaults));
  return policy;
}

Result<std::string> merge_capacity_policy(const std::string& base, std::string_view given) {
  json::error_code error;
  const json::value value = json::parse({given.data(), given.size()}, error);
  if (error) return wrong("it isn't valid JSON: " + error.message());
  json::object policy = json::parse(base).as_object();
  if (!value.is_array()) {
    SPILLWAY_TRY(merge_object(value, policy));
  } else {
    for (const json::value& one : value.get_array()) SPILLWAY_TRY(merge_object(one, policy));
  }
  return text_of(policy);
}

const std::string& capacity_policy_of(const Snapshot& snapshot) {
  const auto found = snapshot.policies.find(kCapacityPolicy);
  return found == snapshot.policies.end() ? default_capacity_policy() : found->second;
}

const char* name_of(CapacityResource resource) {
  switch (resource) {
    case CapacityResource::Ingestions: return "ingestions";
    case CapacityResource::ExtentsMerge: return "extents-merge";
    case CapacityResource::DataExport: return "data-export";
  }
  return "";
}

const char* origin_of(CapacityResource resource) {
  switch (resource) {
    case CapacityResource::Ingestions: return "CapacityPolicy/Ingestion";
    case CapacityResource::ExtentsMerge: return "CapacityPolicy/ExtentsMerge";
    case CapacityResource::DataExport: return "CapacityPolicy/Export";
  }
  return "";
}

int capacity_by(const std::string& policy, CapacityResource resource, int cores) {
  const json::value parsed = json::parse(policy);
  const auto component = [&](const char* name) -> const json::object& { return parsed.at(name).as_object(); };
  if (resource == CapacityResource::ExtentsMerge) {
    const json::object& merges = component("ExtentsMergeCapacity");
    return static_cast<int>(
        std::min(number(merges, kLeastPerNode, 1), number(merges, kMost, kMostConcurrentOperations)));
  }
  const json::object& own =
      component(resource == CapacityResource::Ingestions ? "IngestionCapacity" : "ExportCapacity");
  const double by_cores = std::max(1.0, cores * own.at(kCoefficient).to_number<double>());
  return static_cast<int>(std::min(own.at(kMost).to_number<double>(), by_cores));
}

int CapacityLimit::operator()() const {
  const auto snapshot = catalog_.snapshot();
  const std::string& policy = capacity_policy_of(*snapshot);
  const std::lock_guard lock(mutex_);
  if (policy != policy_) {
    limit_ =
        capacity_by(policy, resource_, std::max(1, static_cast<int>(std::thread::hardware_concurrency())));
    policy_ = policy;
  }
  return limit_;
}

}  // namespace spillway::catalog
