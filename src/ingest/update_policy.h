// Update policies: a query over the records that just come into one table, whose result goes into another one
// with them.
//
// The policy belongs to the table that it fills (Table::policies, "update") and names its source. Whatever
// brings records into the source runs it: ingestion of every kind, and extents that are moved there. Its
// query sees only those records under the source's name, and all other tables whole. Sources:
// management/update-policy.md, alter-table-update-policy-command.md.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "catalog/model.h"
#include "engine/engine.h"
#include "kql/plan.h"

namespace spillway::ingest {

struct UpdatePolicy {
  bool enabled = true;
  std::string source;  // a table's name, or, with `wildcard`, a pattern of names with `*`
  bool wildcard = false;
  std::string query;
  /// Where it fails, nothing comes into the source either; else the source gets its records, and the failure
  /// is one of `.show ingestion failures`.
  bool transactional = false;
  bool propagates = false;       // the tags of the source's extents are those of the extents made
  std::string managed_identity;  // empty: none. A query that reads another database needs one

  /// Whether records that come into the table run it. `target`: the policy's own table, which never does.
  bool is_source(std::string_view table, std::string_view target) const;
};

inline constexpr const char* kUpdatePolicy = "update";  // in Table::policies

/// Reads a JSON array of policies. Errors: BadRequest says what is wrong with which of them.
Result<std::vector<UpdatePolicy>> parse_update_policies(std::string_view json);
/// Such an array, all properties in it.
std::string to_json(const std::vector<UpdatePolicy>& policies);
/// Those of a table.
std::vector<UpdatePolicy> update_policies_of(const catalog::Table& table);
/// Whether any policy of the database is run by records that come into the table.
bool feeds_others(const catalog::Database& database, std::string_view table);

/// What a policy's query is bound to.
struct UpdateScope {
  std::shared_ptr<const catalog::Snapshot> snapshot;
  std::string database;
  catalog::Table source;  // its extents are those that come into it
  catalog::Table target;
  Ticks now = 0;
  std::string principal;
  engine::Engine* engine = nullptr;  // for plugins whose columns follow from their input's values
  engine::RunOptions options;
};

/// The policy's query over the source's extents: columns by the target's types, in its order. Errors: of the
/// query; SchemaMismatch where its columns aren't the target's; NotSupported where it reads what such a query
/// may not (external tables and data; without a managed identity, other databases).
Result<kql::RelPtr> bind_update(const UpdatePolicy& policy, const UpdateScope& scope);

}  // namespace spillway::ingest
