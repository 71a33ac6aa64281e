// Plans by hand, and an engine over a folder of extents: what the engine's tests are written in.
//
//   EngineTest::rows(filter(scan, call("<", {column(1), literal(Value::int64(5))})))
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "kql/functions.h"
#include "kql/plan.h"
#include "tests/support/temp_folder.h"

namespace spillway::engine {

using kql::ExprPtr;
using kql::PlanColumn;
using kql::RelPtr;

// Expressions.
ExprPtr column(kql::ColumnId id, Type type = Type::Long);
ExprPtr literal(Value value);
inline ExprPtr number(int64_t value) {
  return literal(Value::int64(value));
}
inline ExprPtr text(std::string value) {
  return literal(Value::string(std::move(value)));
}
/// A call of a function that is declared here: an operator, or one of a few names.
ExprPtr call(const std::string& name, std::vector<ExprPtr> args, Type type = Type::Bool);
/// A call of a SQL template.
ExprPtr sql_call(const std::string& name, const std::string& sql, std::vector<ExprPtr> args, Type type,
                 kql::NullRule nulls = kql::NullRule::Propagate);
/// A call of a C++ function.
ExprPtr native_call(const std::string& name, kql::NativeFunction function, std::vector<ExprPtr> args,
                    Type type, bool is_volatile = false);
kql::AggregateCall aggregate(PlanColumn output, const std::string& sql, std::vector<ExprPtr> args,
                             ExprPtr filter = nullptr);

// Operators.
RelPtr values(std::vector<PlanColumn> columns, std::vector<std::vector<Value>> rows);
RelPtr filter(RelPtr input, ExprPtr predicate);
RelPtr project(RelPtr input, std::vector<PlanColumn> columns, std::vector<ExprPtr> expressions);
RelPtr aggregate(RelPtr input, std::vector<std::pair<PlanColumn, ExprPtr>> keys,
                 std::vector<kql::AggregateCall> aggregates);
RelPtr join(kql::JoinKind kind, RelPtr left, RelPtr right, std::vector<std::pair<ExprPtr, ExprPtr>> on,
            std::vector<PlanColumn> columns, std::vector<kql::ColumnId> sources);
RelPtr sort(RelPtr input, std::vector<kql::SortKey> keys);
RelPtr limit(RelPtr input, int64_t count);
RelPtr range(PlanColumn column, ExprPtr from, ExprPtr to, ExprPtr step);
RelPtr materialized(RelPtr input);

/// Rows as lines of text, values by '|', null as "null".
std::vector<std::string> lines(const Table& table);
std::vector<std::string> sorted(std::vector<std::string> lines);

class EngineTest : public testing::Test {
 protected:
  void SetUp() override { open({}); }
  /// Opens the engine anew; folders are the test's.
  void open(EngineOptions options);

  /// All rows, in the order in which they came.
  std::vector<std::string> rows(RelPtr plan);
  Result<Table> run(RelPtr plan, const RunOptions& options = {});
  Error error_of(RelPtr plan, const RunOptions& options = {});

  /// A table with the columns id:long (1), name:string (2), at:datetime (3), without extents.
  std::shared_ptr<catalog::Table> make_table();
  /// Writes an extent of one batch with `count` records whose ids count up from `first`, names are "n<id>"
  /// and whose datetimes are their ids, and adds it to the table.
  void add_extent(catalog::Table& table, int64_t first, int64_t count, catalog::Cursor cursor);
  /// The same, merged: record i has cursor first_cursor + i, and ten times that as its ingestion time.
  void add_merged_extent(catalog::Table& table, int64_t first, int64_t count, catalog::Cursor first_cursor);
  void add(catalog::Table& table, catalog::Extent extent);
  /// A scan of all three columns, as c1, c2, c3; c8 is the cursor and c9 the ingestion time where they are
  /// hidden.
  std::shared_ptr<kql::TableScan> scan(std::shared_ptr<const catalog::Table> table, bool hidden = false);

  void sql(const std::string& statement);
  std::vector<std::vector<std::optional<std::string>>> query(const std::string& statement);

  test::TempFolder folder_;
  storage::StoreFactory stores_{{folder_.path("storage")}};
  std::unique_ptr<Engine> engine_;
  int extents_ = 0;
};

}  // namespace spillway::engine
