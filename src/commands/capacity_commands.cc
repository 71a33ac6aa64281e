// The capacity policy, and what it gives.
// Sources: management/capacity-policy.md, show-cluster-capacity-policy-command.md,
// alter-capacity-policy-command.md, alter-merge-capacity-policy-command.md, show-capacity-command.md.

#include <algorithm>
#include <utility>

#include "catalog/capacity_policy.h"
#include "commands/call.h"
#include "commands/describe.h"
#include "commands/policies.h"
#include "export/exports.h"

namespace spillway::commands {
namespace {

using catalog::CapacityResource;

const Schema kCapacity = {{"Resource", Type::String},
                          {"Total", Type::Long},
                          {"Consumed", Type::Long},
                          {"Remaining", Type::Long},
                          {"Origin", Type::String}};

Table shown(const std::string& policy) {
  return policy_result("CapacityPolicy", "", policy, "");
}

Result<Tables> show_policy(Call& call) {
  SPILLWAY_TRY(call.reader.end());
  return Tables{shown(catalog::capacity_policy_of(*call.snapshot))};
}

/// Both forms show the policy as it then is.
Result<Tables> alter(Call& call, bool keep_others) {
  const TextSpan span = call.reader.peek().span;
  SPILLWAY_ASSIGN(const std::string given, call.reader.string("the policy as JSON in quotes"));
  SPILLWAY_TRY(call.reader.end());
  std::string policy;
  SPILLWAY_TRY(call.services.catalog.write([&](catalog::Writer& writer) -> Status {
    const std::string& base =
        keep_others ? catalog::capacity_policy_of(writer.current()) : catalog::default_capacity_policy();
    Result<std::string> merged = catalog::merge_capacity_policy(base, given);
    if (!merged.ok()) return Error{merged.error().code, merged.error().message, span};
    policy = *std::move(merged);
    return writer.set_policy("", catalog::kCapacityPolicy, policy);
  }));
  return Tables{shown(policy)};
}

Result<Tables> alter_policy(Call& call) {
  return alter(call, false);
}

Result<Tables> alter_merge_policy(Call& call) {
  return alter(call, true);
}

/// What `.show capacity` may be asked for and Spillway doesn't have.
constexpr std::string_view kAbsent[] = {"extents-partition",
                                        "materialized-view",
                                        "stored-query-results",
                                        "purge-storage-artifacts-cleanup",
                                        "periodic-storage-artifacts-cleanup",
                                        "query-acceleration",
                                        "graph-snapshots",
                                        "streaming-ingestion-post-processing",
                                        "extents-purge-rebuild"};

constexpr CapacityResource kResources[] = {CapacityResource::Ingestions, CapacityResource::ExtentsMerge,
                                           CapacityResource::DataExport};

/// The resource that is asked for; none: all.
Result<std::optional<CapacityResource>> resource(Reader& reader) {
  if (reader.at_end() || !reader.next_is_name() || reader.next_is("with")) return {std::nullopt};
  for (const CapacityResource one : kResources) {
    if (reader.accept(catalog::name_of(one))) return {one};
  }
  const std::string word = lower_case(reader.peek_word());
  if (std::find(std::begin(kAbsent), std::end(kAbsent), word) != std::end(kAbsent)) {
    return Error{ErrorCode::NotSupported,
                 "there is no capacity for '" + word +
                     "', because Spillway has no such operations; ingestions, extents-merge and data-export "
                     "have one",
                 reader.peek().span};
  }
  return reader.expected("ingestions, extents-merge, data-export");
}

Row capacity_row(CapacityResource resource, int64_t total, int64_t used) {
  return {Value::string(catalog::name_of(resource)), Value::int64(total), Value::int64(used),
          Value::int64(std::max<int64_t>(0, total - used)), Value::string(catalog::origin_of(resource))};
}

Row capacity_row(const Services& services, CapacityResource resource) {
  switch (resource) {
    case CapacityResource::Ingestions:
      return capacity_row(resource, services.ingestor.capacity().total(),
                          services.ingestor.capacity().used());
    case CapacityResource::ExtentsMerge:
      return capacity_row(resource, services.ingestor.merge_capacity().total(),
                          services.ingestor.merge_capacity().used());
    case CapacityResource::DataExport: break;
  }
  return capacity_row(resource, services.exports.capacity(), services.exports.running());
}

/// `with (scope = cluster | workloadgroup)`: workload groups have no limits of their own, so that theirs are
/// the cluster's.
Status read_scope(Reader& reader) {
  const TextSpan span = reader.peek().span;
  SPILLWAY_ASSIGN(const Properties properties, Properties::parse(reader));
  SPILLWAY_TRY(properties.check({"scope"}));
  const std::string scope = lower_case(properties.text_or("scope", "cluster"));
  if (scope == "cluster" || scope == "workloadgroup") return {};
  return Error{ErrorCode::BadRequest, "scope must be 'cluster' or 'workloadgroup', not '" + scope + "'",
               span};
}

Result<Tables> show_capacity(Call& call) {
  SPILLWAY_ASSIGN(const std::optional<CapacityResource> wanted, resource(call.reader));
  SPILLWAY_TRY(read_scope(call.reader));
  SPILLWAY_TRY(call.reader.end());
  Table result = empty_table(kCapacity);
  for (const CapacityResource one : kResources) {
    if (!wanted || *wanted == one) result.rows.push_back(capacity_row(call.services, one));
  }
  return Tables{std::move(result)};
}

}  // namespace

std::vector<Command> capacity_commands() {
  return {
      {"show capacity",
       ".show capacity [ingestions | extents-merge | data-export] [with (scope = (cluster | workloadgroup))]",
       "How many operations of a kind may go on at once, and how many do", show_capacity},
      {"show cluster policy capacity", ".show cluster policy capacity",
       "The capacity policy. IngestionCapacity, ExtentsMergeCapacity and ExportCapacity govern something; "
       "the "
       "other components are of things that Spillway doesn't have",
       show_policy},
      {"alter cluster policy capacity", ".alter cluster policy capacity \"JSON\"",
       "Sets it; what isn't given gets its default", alter_policy},
      {"alter-merge cluster policy capacity", ".alter-merge cluster policy capacity \"JSON\"",
       "Sets some properties of it", alter_merge_policy},
  };
}

}  // namespace spillway::commands
