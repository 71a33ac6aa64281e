// The cluster's capacity policy: how many data management operations of a kind go on at once.
//
// Spillway is one node. Three components govern something:
//   IngestionCapacity, ExportCapacity
//       Minimum(ClusterMaximumConcurrentOperations, Maximum(1, cores * CoreUtilizationCoefficient)), rounded
//       down: ingestions; exports (`.export` and runs of continuous exports)
//   ExtentsMergeCapacity
//       Minimum(MinimumConcurrentOperationsPerNode, ClusterMaximumConcurrentOperations where it is given):
//       merges of extents. Spillway never raises it towards MaximumConcurrentOperationsPerNode by itself.
// The others are of things that Spillway doesn't have: they are checked, kept and shown.
// Source: management/capacity-policy.md.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/status.h"
#include "catalog/catalog.h"

namespace spillway::catalog {

/// Under this name it stands in Snapshot::policies, as JSON, where it was altered.
inline constexpr const char* kCapacityPolicy = "capacity";
/// The most that a property which counts operations may be.
inline constexpr int64_t kMostConcurrentOperations = 10'000;

/// The documented defaults, as JSON.
const std::string& default_capacity_policy();
/// `base` (a policy) with the components and properties of `given` in the place of its own. `given` is a JSON
/// object, or an array of such. BadRequest names the component or property that doesn't exist, has the wrong
/// type or is out of range.
Result<std::string> merge_capacity_policy(const std::string& base, std::string_view given);
/// The cluster's policy as it is.
const std::string& capacity_policy_of(const Snapshot& snapshot);

enum class CapacityResource { Ingestions, ExtentsMerge, DataExport };
/// "ingestions", "extents-merge", "data-export": as `.show capacity` calls it.
const char* name_of(CapacityResource resource);
/// "CapacityPolicy/Ingestion", …: where the limit comes from.
const char* origin_of(CapacityResource resource);

/// How many operations a policy allows at once on a machine with so many cores. At least 1.
int capacity_by(const std::string& policy, CapacityResource resource, int cores);

/// The same by the policy of the moment, on this machine. Cheap; by any number of threads.
class CapacityLimit {
 public:
  /// `catalog` outlives it.
  CapacityLimit(const Catalog& catalog, CapacityResource resource) : catalog_(catalog), resource_(resource) {}
  int operator()() const;

 private:
  const Catalog& catalog_;
  const CapacityResource resource_;
  mutable std::mutex mutex_;
  mutable std::string policy_;  // that `limit_` was computed from
  mutable int limit_ = 0;
};

}  // namespace spillway::catalog
