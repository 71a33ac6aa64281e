// Lowers a logical plan to one SQL statement.
//
// Each operator becomes a SELECT over those of its inputs, nested, with no ORDER BY of its own:
//
//   SELECT c1, c2 FROM (SELECT … FROM read_parquet(…)) AS i WHERE (c2 > 5)
//
// - A column stands under its id ("c17") everywhere; names that users see are added only around the root.
// - Order: SQL keeps no order of a subquery. A Sort adds its keys as further columns ("k1", …); the operators
// above
//   it that keep order carry them along; ORDER BY is written at each Limit and around the root.
// - Hidden columns (a scan's cursor and ingestion time, sort keys) go through every operator that keeps
// records.
// - A shared node that the plan wants computed once becomes a common table expression, AS MATERIALIZED,
// before all
//   else: WITH m1 AS MATERIALIZED (…).
// - Bounds on datetimes and cursors, from the predicates above a scan, choose the extents that it names at
// all. The predicates themselves choose the files of an external table: see partition_pruning.h.
// - A column in a result has exactly its physical type (sql.h), and a string is never NULL, so operators that
// could
//   bring one in (outer joins, unions, functions of null) say COALESCE.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/status.h"
#include "base/types.h"
#include "engine/delta_log.h"
#include "engine/engine.h"
#include "engine/extents.h"
#include "engine/external_files.h"
#include "engine/natives.h"
#include "engine/usage.h"
#include "kql/functions.h"
#include "kql/plan.h"
#include "storage/object_store.h"

namespace spillway::engine {

/// An expression may nest this deep: DuckDB's time to plan grows with the cube of the depth.
inline constexpr int kMaxExpressionDepth = 256;
/// Operators above one another.
inline constexpr int kMaxPlanDepth = 500;
/// Operators that a plan may have. A shared node that isn't materialized counts once for each of its parents.
inline constexpr int kMaxOperators = 10'000;
/// The length of a statement.
inline constexpr size_t kMaxSqlBytes = 64 << 20;

class NativeQuery;  // engine/native_rel.h

/// What lowering needs from the engine.
struct LoweringContext {
  NativeFunctions* natives = nullptr;
  const storage::StoreFactory* stores = nullptr;
  std::string extents_folder, temp_folder;
  /// The one value of a SELECT.
  std::function<Result<Value>(const std::string& sql, Type type)> evaluate;
  /// The rows of a small SELECT.
  std::function<Result<std::vector<std::vector<std::optional<std::string>>>>(const std::string& sql)> query;
  /// Not empty once the query is cancelled or late.
  std::function<std::optional<Error>()> expired;
  /// Where set, the statement isn't to be run: what its scans would read comes here.
  std::vector<ScanPlan>* scans = nullptr;
  NativeQuery* native = nullptr;
};

/// The columns that an expression may name, and what they are in SQL.
using Scope = std::unordered_map<kql::ColumnId, std::string>;

class Lowering {
 public:
  explicit Lowering(const LoweringContext& context) : context_(context) {}

  /// Lowers a plan; once for each Lowering.
  Status plan(const kql::Rel& root);
  /// An expression over the root's output.
  Result<std::string> over_output(const kql::Expr& expression);
  /// The statement that shows `items` of the root's output (columns as id_name() calls them), in its order.
  Result<std::string> select(const std::vector<std::string>& items) const;

  /// True where the output has an order.
  bool ordered() const { return !root_.order.empty(); }

  /// Files that the statement reads and that go with this: downloads.
  std::vector<std::shared_ptr<void>> take_resources() { return std::move(resources_); }
  /// Of all table scans.
  const ScanCounts& scans() const { return scans_; }

  /// "c17"
  static std::string id_name(kql::ColumnId id) { return "c" + std::to_string(id); }

 private:
  struct OrderKey {
    std::string name;
    bool descending = false;
    bool nulls_first = false;
  };
  /// A SELECT, and what it gives.
  struct Block {
    std::string sql;
    std::vector<kql::ColumnId> columns;  // under their id_name()
    std::vector<kql::ColumnId> hidden;   // further ones that expressions above may name
    std::vector<std::string> keys;       // further ones, for `order` only
    std::vector<OrderKey> order;
  };
  /// One thing of a SELECT list.
  struct Item {
    std::string sql, name;
  };

  // operators.cc
  Result<Block> lower(const kql::Rel& rel, const Bounds& bounds);
  Result<Block> lower_shared(const kql::Rel& rel);
  Result<Block> lower_operator(const kql::Rel& rel, const Bounds& bounds);
  Result<Block> lower_values(const kql::Values& rel);
  Result<Block> lower_range(const kql::Range& rel);
  Result<Block> lower_filter(const kql::Filter& rel, const Bounds& bounds);
  Result<Block> lower_project(const kql::Project& rel, const Bounds& bounds);
  Result<Block> lower_aggregate(const kql::Aggregate& rel);
  /// `T | count`, which the catalog answers; nullopt for everything else.
  std::optional<Block> lower_count(const kql::Aggregate& rel);
  Result<Block> lower_union(const kql::Union& rel, const Bounds& bounds);
  Result<Block> lower_join(const kql::Join& rel);
  Result<std::string> join_source(const kql::Join& rel, const Block& left, const Block& right);
  Result<std::string> first_of_each_key(const kql::Join& rel, const Block& left);
  std::vector<Item> join_items(const kql::Join& rel, const Block& left, const Block& right);
  /// The value of an expression without columns.
  Result<Value> constant(const kql::Expr& expr);

  // expand.cc
  Result<Block> lower_expand(const kql::Expand& rel);

  // ordering.cc
  Result<Block> lower_sort(const kql::Sort& rel, const Bounds& bounds);
  Result<Block> lower_limit(const kql::Limit& rel);
  Result<Block> lower_window(const kql::Window& rel);
  Result<std::string> window_function(const kql::Window& rel, const Scope& scope);
  Result<Block> lower_group(const kql::Group& rel);
  static void add_order(const kql::SortKey& key, const std::string& sql, std::vector<OrderKey>& order);

  // table_scan.cc, external_scan.cc
  Result<Block> lower_table_scan(const kql::TableScan& rel, const Bounds& bounds);
  /// The number of records that a scan gives, where the catalog knows it.
  static std::optional<int64_t> known_rows(const kql::TableScan& rel);
  static std::string empty_relation(const std::vector<kql::PlanColumn>& columns);
  std::string scan_group(const kql::TableScan& rel, const std::vector<std::optional<int>>& fields,
                         const Extents& extents) const;
  std::string scan_sql(const std::vector<Item>& items, const Extents& extents,
                       const std::vector<std::string>& schema) const;
  Result<Block> lower_external_scan(const kql::ExternalScan& rel, const Bounds& bounds);
  Result<DeltaState> delta_state(const kql::ExternalScan& rel);
  Result<ExternalFiles> open_stored(ExternalFilesRequest& request, const kql::ExternalScan& rel,
                                    const Bounds& bounds);
  Result<ExternalFiles> open_logged(ExternalFilesRequest& request, const kql::ExternalScan& rel,
                                    const Bounds& bounds, const DeltaState& state);
  friend class ExternalScanLowering;
  friend class PartitionPruning;
  /// A value converted as the function table does it (tolong(), …); what can't be converted is null.
  Result<std::string> convert(const std::string& sql, Type from, Type to);

  // native_rel.cc
  /// A statement of its own, for an input of a native operator or a shared table.
  Lowering(const LoweringContext& context, const Lowering& outer);
  Result<Block> lower_native(const kql::Native& rel);
  /// A materialized node that several statements read.
  Result<Block> lower_shared_table(const kql::Rel& rel);

  // expressions.cc
  Result<std::string> expression(const kql::Expr& expr, const Scope& scope);
  Result<std::string> lower_call(const kql::Expr& call, const Scope& scope);
  Result<std::vector<std::string>> lower_arguments(const kql::Expr& call, const Scope& scope);
  Result<std::string> call_of(const kql::Expr& call, const std::vector<std::string>& arguments);
  Result<std::string> lower_sum(const kql::Expr& call, const Scope& scope);
  Result<std::string> lower_scalar_subquery(const kql::Expr& expr);
  Result<std::string> lower_in_subquery(const kql::Expr& expr, const Scope& scope);
  /// `order`: " ORDER BY …" of the records, for aggregates whose result depends on it.
  Result<std::string> lower_aggregate_call(const kql::AggregateCall& call, const Scope& scope,
                                           const std::string& order);

  // bounds.cc
  /// Adds what a predicate says of columns to the bounds.
  Status narrow(const kql::Expr& predicate, Bounds& bounds);
  Status narrow_by_comparison(const kql::Expr& call, Bounds& bounds);

  // predicates.cc
  /// True where an external table is read below.
  bool reads_external(const kql::Rel& rel);
  static void add_conjuncts(const kql::ExprPtr& predicate, Bounds& bounds);
  /// The predicates over the input's columns; those that can't be said of them are left out.
  static std::vector<kql::ExprPtr> predicates_below(const kql::Project& rel,
                                                    const std::vector<kql::ExprPtr>& predicates);
  static std::vector<kql::ExprPtr> predicates_below(const kql::Union& rel, size_t input,
                                                    const std::vector<kql::ExprPtr>& predicates);

  static Scope scope_of(const Block& block, std::string_view prefix = "");
  static std::string order_by(const std::vector<OrderKey>& order);
  static std::string select_from(const std::vector<Item>& items, const Block& input);
  /// The items of a SELECT that keeps the input's columns as they are.
  static std::vector<Item> keep_all(const Block& input);
  std::string with_clause() const;

  const LoweringContext& context_;
  Block root_;
  Scope root_scope_;
  std::vector<std::string> shared_sql_;  // "m1 AS MATERIALIZED (…)"
  std::map<const kql::Rel*, Block> shared_;
  /// Of the whole query: what several of its statements read, and what of it stands in tables already.
  std::shared_ptr<std::set<const kql::Rel*>> between_statements_;
  std::shared_ptr<std::map<const kql::Rel*, Block>> shared_tables_;
  std::vector<std::shared_ptr<void>> resources_;
  int next_key_ = 1;
  int plan_depth_ = 0, expression_depth_ = 0;
  int operators_ = 0;
  int native_depth_ = 0;
  ScanCounts scans_;
  std::unordered_map<const kql::Rel*, bool> reads_external_;
};

/// Counts one level of nesting for as long as it lives.
class Level {
 public:
  explicit Level(int& depth) : depth_(depth) { ++depth_; }
  Level(const Level&) = delete;
  Level& operator=(const Level&) = delete;
  ~Level() { --depth_; }

 private:
  int& depth_;
};

/// "a, b, c"
std::string join_texts(const std::vector<std::string>& texts, std::string_view separator);

}  // namespace spillway::engine
