// The binder: from query text to a typed logical plan, against one snapshot of the catalog.
//
//   BindOptions options{.snapshot = snapshot, .database = "NetDefaultDB", .now = clock.now()};
//   SPILLWAY_ASSIGN(BoundQuery query, kql::compile("T | where x > 1 | count", options));
//
// Errors are Syntax (it can't be parsed) and Semantic (it means nothing), with the span of the offending
// text; Forbidden where the caller may not view a database or a table.
//
// A table with row level security is what its policy's query gives, wherever it is named
// (management/row-level-security-policy.md).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/types.h"
#include "base/vector.h"
#include "catalog/model.h"
#include "catalog/security.h"
#include "kql/plan.h"

namespace spillway::kql {

/// Runs a plan while a query is being bound, and hands out its batches.
using PlanRunner =
    std::function<Status(const RelPtr& plan, const std::function<Status(const Batch& batch)>& consume)>;

/// Files that lie in stores and whose columns a plugin asks for: infer_storage_schema.
struct StorageSample {
  std::vector<std::string> containers;  // connection strings: never print them
  std::string format;                   // "csv", "parquet", …; "delta": the one container is a Delta table
  std::string file_extension, name_prefix;
  enum class Mode { Any, Last, All } mode = Mode::Last;  // the first file, the one written last, all
  bool first_row_is_header = false;
};
/// The columns of the files, as their content suggests, and of those of type long their largest value.
struct InferredSchema {
  Schema columns;
  std::vector<std::optional<int64_t>> largest;
  std::set<std::string> partitions;  // of a Delta table: those of the columns that it is partitioned by
};
using SchemaInference = std::function<Result<InferredSchema>(const StorageSample& sample)>;

struct BindOptions {
  std::shared_ptr<const catalog::Snapshot> snapshot;
  std::string database;
  Ticks now = 0;          // what now() is, everywhere in the query
  std::string principal;  // current_principal(), which row level security goes by
  /// Who asks, so that databases and tables that it may not view are refused. Null: the server itself.
  std::shared_ptr<const catalog::Caller> caller;
  std::string endpoint;  // current_cluster_endpoint()
  /// Values of `declare query_parameters` by name, as KQL literals ("5", "datetime(2024-01-01)", "'text'" or
  /// a bare text for a string parameter).
  std::map<std::string, std::string> parameters;
  /// Export runs: the scans of these tables (by table id) read only this range of cursors.
  std::map<int64_t, catalog::CursorRange> cursor_scopes;
  /// What `$source_table` names: the table that an update policy runs for. Empty: it names nothing.
  std::string source_table;
  /// Request properties that change what a query means (best_effort), by their names in lower case.
  std::map<std::string, std::string> properties;
  /// assert() holds: for definitions that are checked before those come whom they are about.
  bool assertions_hold = false;
  /// For plugins whose columns follow from their input's values. Without it they need a declared schema.
  PlanRunner run;
  SchemaInference infer_schema;
  /// A command's result that the query text continues: the text begins with '|' (or is empty).
  const Table* piped = nullptr;
};

/// A table that a query reads.
struct TableReference {
  std::string database;
  std::string table;
  int64_t id = 0;
  auto operator<=>(const TableReference&) const = default;
};

struct BoundResult {
  std::string name;  // "PrimaryResult", or of `as`, `fork`
  RelPtr plan;
  std::string visualization;  // JSON of `render`, as the API sends it; empty without
};

struct BoundQuery {
  std::vector<BoundResult> results;  // one for each tabular statement, in order
  /// Every table that it names anywhere. Tables that only the row level security policies of these read are
  /// none of them.
  std::set<TableReference> tables;
  std::set<std::string> external_tables;
  std::set<std::string> databases;  // of these
  /// Set where a cursor function or ingestion_time scoping is used: what @ExtendedProperties says as
  /// `Cursor`.
  bool uses_cursor = false;
  catalog::Cursor cursor = 0;                  // cursor_current() of the database at the snapshot
  std::map<std::string, std::string> options;  // `set` statements
  std::vector<std::string> warnings;           // what a fuzzy operator could not resolve
};

/// Gives an external table of kind Delta what its log tells: the columns that the table is partitioned by,
/// but for those that are columns already, as virtual ones; and with `infer_columns` all others as its
/// columns.
void add_delta_columns(const InferredSchema& schema, bool infer_columns, catalog::ExternalTable& table);

/// Parses and binds.
Result<BoundQuery> compile(std::string_view text, const BindOptions& options);

/// The schema of a result.
Schema schema_of(const Rel& plan);

/// Whether a name matches a pattern with `*`.
bool matches_pattern(std::string_view name, std::string_view pattern);

}  // namespace spillway::kql
