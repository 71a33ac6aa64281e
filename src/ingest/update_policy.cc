#include "ingest/update_policy.h"

#include <boost/json.hpp>

#include <algorithm>
#include <functional>

#include "catalog/security.h"
#include "engine/plan_runner.h"
#include "ingest/formats.h"
#include "kql/binder.h"

namespace spillway::ingest {
namespace {

namespace json = boost::json;

/// How one property is read from JSON; false where the value isn't of its type.
struct Property {
  const char* name;
  bool (*read)(const json::value& value, UpdatePolicy& policy);
};

template <bool UpdatePolicy::*member>
bool read_flag(const json::value& value, UpdatePolicy& policy) {
  if (!value.is_bool()) return false;
  policy.*member = value.get_bool();
  return true;
}

template <std::string UpdatePolicy::*member>
bool read_text(const json::value& value, UpdatePolicy& policy) {
  if (!value.is_string()) return false;
  policy.*member = std::string(std::string_view(value.get_string()));
  return true;
}

bool read_identity(const json::value& value, UpdatePolicy& policy) {
  return value.is_null() || read_text<&UpdatePolicy::managed_identity>(value, policy);
}

constexpr Property kProperties[] = {
    {"IsEnabled", &read_flag<&UpdatePolicy::enabled>},
    {"Source", &read_text<&UpdatePolicy::source>},
    {"SourceIsWildCard", &read_flag<&UpdatePolicy::wildcard>},
    {"Query", &read_text<&UpdatePolicy::query>},
    {"IsTransactional", &read_flag<&UpdatePolicy::transactional>},
    {"PropagateIngestionProperties", &read_flag<&UpdatePolicy::propagates>},
    {"ManagedIdentity", &read_identity},
};

Result<UpdatePolicy> read_policy(const json::value& value, size_t number) {
  const auto error = [&](const std::string& what) {
    return Error(ErrorCode::BadRequest, "update policy " + std::to_string(number) + " of the array: " + what);
  };
  if (!value.is_object()) return error("it isn't a JSON object");
  UpdatePolicy policy;
  for (const auto& [name, given] : value.get_object()) {
    const auto property = std::find_if(
        std::begin(kProperties), std::end(kProperties),
        [&](const Property& p) { return lower_case(p.name) == lower_case(std::string_view(name)); });
    if (property == std::end(kProperties)) return error("there is no property '" + std::string(name) + "'");
    if (!property->read(given, policy)) {
      return error("property '" + std::string(property->name) + "' can't have the value " +
                   json::serialize(given));
    }
  }
  if (policy.source.empty()) return error("it needs a Source");
  if (policy.query.empty()) return error("it needs a Query");
  return policy;
}

/// What messages call the policy.
std::string named(const UpdatePolicy& policy, const UpdateScope& scope) {
  return "update policy of table '" + scope.target.name + "' for source '" + policy.source + "': ";
}

/// A copy of the snapshot in which the source holds just the extents that come into it.
std::shared_ptr<const catalog::Snapshot> narrowed(const UpdateScope& scope) {
  auto snapshot = std::make_shared<catalog::Snapshot>(*scope.snapshot);
  auto database = std::make_shared<catalog::Database>(*snapshot->databases.at(scope.database));
  database->tables[scope.source.name] = std::make_shared<const catalog::Table>(scope.source);
  snapshot->databases[scope.database] = std::move(database);
  return snapshot;
}

std::string columns_text(const Schema& schema) {
  std::string text;
  for (const Field& field : schema) {
    text += (text.empty() ? "" : ", ") + field.name + ":" + kql_name(field.type);
  }
  return "(" + text + ")";
}

/// The same number of columns of the same types in the same order. Other names are fine, as they are in
/// `.append`, but for those of the target's columns in another order, which can't be meant.
Status check_schema(const Schema& query, const catalog::Table& target) {
  Schema wanted;
  for (const catalog::Column& column : target.columns) wanted.push_back({column.name, column.type});
  bool fits = query.size() == wanted.size();
  for (size_t i = 0; fits && i < query.size(); ++i) {
    fits =
        query[i].type == wanted[i].type && (query[i].name == wanted[i].name || !target.column(query[i].name));
  }
  if (fits) return Status();
  return Status(ErrorCode::SchemaMismatch, "the query's columns " + columns_text(query) +
                                               " aren't those of the table " + columns_text(wanted) +
                                               ": they must have the same types, in the same order");
}

/// What a table's policies of security ask of an update policy that reads it.
Status check_access(const UpdatePolicy& policy, const UpdateScope& scope,
                    const kql::TableReference& reference) {
  const catalog::Database* database = scope.snapshot->database(reference.database);
  const auto found = database ? database->tables.find(reference.table) : decltype(database->tables.end())();
  if (!database || found == database->tables.end()) return {};
  if (catalog::has_restricted_view_access(*found->second)) {
    return Status(ErrorCode::Forbidden,
                  "the query reads table '" + reference.table + "', which has restricted view access");
  }
  if (policy.managed_identity.empty() && catalog::has_row_level_security(*found->second)) {
    return Status(ErrorCode::BadRequest,
                  "the query reads table '" + reference.table +
                      "', which has row level security, and so needs a ManagedIdentity");
  }
  return {};
}

Status check_reads(const UpdatePolicy& policy, const UpdateScope& scope, const kql::BoundQuery& query) {
  if (query.results.size() != 1) {
    return Status(ErrorCode::Semantic,
                  "the query gives " + std::to_string(query.results.size()) + " results, one is needed");
  }
  if (!query.external_tables.empty()) {
    return Status(ErrorCode::NotSupported, "the query reads external data, which update policies can't");
  }
  for (const kql::TableReference& table : query.tables) {
    SPILLWAY_TRY(check_access(policy, scope, table));
    if (table.database == scope.database || !policy.managed_identity.empty()) continue;
    return Status(ErrorCode::NotSupported, "the query reads table '" + table.table + "' of database '" +
                                               table.database + "', which needs a ManagedIdentity");
  }
  return Status();
}

/// The error with the policy's name; its place, which is one in the policy's query, as text.
Error in_policy(Error error, const UpdatePolicy& policy, const UpdateScope& scope) {
  error.message = named(policy, scope) + error.message;
  if (error.span) {
    error.message += " (at " + std::to_string(error.span->line) + ":" + std::to_string(error.span->column) +
                     " of its query)";
    error.span.reset();
  }
  return error;
}

}  // namespace

bool UpdatePolicy::is_source(std::string_view table, std::string_view target) const {
  if (!enabled || table == target) return false;
  return wildcard ? kql::matches_pattern(table, source) : table == source;
}

Result<std::vector<UpdatePolicy>> parse_update_policies(std::string_view text) {
  boost::system::error_code failure;
  const json::value value = json::parse(text, failure);
  const json::array* array = failure ? nullptr : value.if_array();
  if (!array) {
    return Error(ErrorCode::BadRequest, "an update policy is a JSON array of objects" +
                                            (failure ? ": " + failure.message() : std::string()));
  }
  std::vector<UpdatePolicy> policies;
  for (const json::value& item : *array) {
    SPILLWAY_ASSIGN(UpdatePolicy policy, read_policy(item, policies.size() + 1));
    policies.push_back(std::move(policy));
  }
  return policies;
}

std::string to_json(const std::vector<UpdatePolicy>& policies) {
  json::array array;
  for (const UpdatePolicy& policy : policies) {
    json::value identity;
    if (!policy.managed_identity.empty()) identity = policy.managed_identity;
    array.push_back({{"IsEnabled", policy.enabled},
                     {"Source", policy.source},
                     {"SourceIsWildCard", policy.wildcard},
                     {"Query", policy.query},
                     {"IsTransactional", policy.transactional},
                     {"PropagateIngestionProperties", policy.propagates},
                     {"ManagedIdentity", std::move(identity)}});
  }
  return json::serialize(array);
}

std::vector<UpdatePolicy> update_policies_of(const catalog::Table& table) {
  const auto found = table.policies.find(kUpdatePolicy);
  if (found == table.policies.end()) return {};
  Result<std::vector<UpdatePolicy>> policies = parse_update_policies(found->second);
  return policies.ok() ? *std::move(policies) : std::vector<UpdatePolicy>();
}

bool feeds_others(const catalog::Database& database, std::string_view source) {
  for (const auto& [name, table] : database.tables) {
    for (const UpdatePolicy& policy : update_policies_of(*table)) {
      if (policy.is_source(source, name)) return true;
    }
  }
  return false;
}

Result<kql::RelPtr> bind_update(const UpdatePolicy& policy, const UpdateScope& scope) {
  kql::BindOptions options;
  options.snapshot = narrowed(scope);
  options.database = scope.database;
  options.now = scope.now;
  options.principal = policy.managed_identity.empty()
                          ? scope.principal
                          : catalog::principal_of_identity(policy.managed_identity);
  options.source_table = scope.source.name;
  if (scope.engine) engine::let_run(options, *scope.engine, scope.options);
  options.infer_schema = nullptr;
  Result<kql::BoundQuery> query = kql::compile(policy.query, options);
  if (!query.ok()) return in_policy(query.error(), policy, scope);
  Status checked = check_reads(policy, scope, *query);
  if (checked.ok()) checked = check_schema(kql::schema_of(*query->results[0].plan), scope.target);
  if (!checked.ok()) return in_policy(checked.error(), policy, scope);
  return query->results[0].plan;
}

}  // namespace spillway::ingest
