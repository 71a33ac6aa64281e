// Which files of a partitioned external table a query has to read, by its predicates and by what the files'
// folders say of their records. Files outside are never opened, and folders that hold only such files are
// not even listed.
//
//   partition by (Customer:string = CustomerName, Date:datetime = bin(Timestamp, 1d))
//   where CustomerName in ("a", "b") and Timestamp > datetime(2024-05-30)
//
// A predicate counts
// - as it is, whatever its functions, where all its columns have one value in a file: virtual columns,
//   columns that are a partition themselves, and f(column) where that is just what the partition is;
// - by comparison of a datetime column (or of bin() or startof…() of it) with constants, where it is
//   truncated in a partition: the file holds a range of its values;
// - by equality with strings, where the partition is hash() of the column.
// In any combination by `and` and `or`. Of other predicates any file may hold records. A file in a folder
// named __DEFAULT_PARTITION__ holds values that nobody knows, so only its other partitions can rule it out
// (but of a virtual column, which is null, or empty, there).
//
// Source: management/external-tables-azure-storage.md, "File filtering logic".
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "engine/external_files.h"
#include "engine/lowering.h"
#include "engine/partition_paths.h"

namespace spillway::engine {

class PartitionPruning {
 public:
  PartitionPruning(Lowering& lowering, const kql::ExternalScan& rel, const Bounds& bounds,
                   const PathForm& form)
      : lowering_(lowering), rel_(rel), bounds_(bounds), form_(form) {}

  /// The folders to list; {""} is everything.
  Result<std::vector<std::string>> folders();
  /// Removes the files that hold no record which the query wants.
  Status remove_others(std::vector<ExternalFile>& files);

 private:
  using Condition = std::optional<std::string>;  // in SQL, over value_names(); nullopt: always true

  Result<Condition> condition(const kql::Expr& predicate);
  Result<Condition> joined(const kql::Expr& predicate, bool all);
  Result<Condition> exact_condition(const kql::Expr& predicate);
  Result<Condition> range_condition(const kql::Expr& predicate);
  Result<Condition> hash_condition(const kql::Expr& predicate);
  Result<std::string> range_comparison(const kql::Expr& call, size_t side, size_t partition);

  /// The expression over partitions' values instead of columns; nullptr where columns are left.
  kql::ExprPtr over_partitions(const kql::ExprPtr& expr, std::vector<bool>& used) const;
  std::optional<size_t> partition_of(const kql::Expr& expr) const;
  /// The column that the partition is computed from, or is; nullopt where the scan doesn't give it.
  std::optional<kql::ColumnId> column_of(const catalog::Partition& partition) const;
  bool is_unknown(size_t partition, const Value& value) const;

  Result<std::optional<std::vector<Value>>> constants_for(const kql::Expr& predicate, kql::ColumnId column);
  Result<PartitionBounds> bounds_of(size_t partition);
  Result<PartitionBounds> narrowed(size_t partition, const std::vector<Value>& constants);
  std::string row_of(size_t number, const ExternalFile& file) const;
  Result<std::vector<bool>> evaluate(const std::vector<const ExternalFile*>& files,
                                     const std::string& condition) const;

  Lowering& lowering_;
  const kql::ExternalScan& rel_;
  const Bounds& bounds_;
  const PathForm& form_;
};

}  // namespace spillway::engine
