// The value of an external table's partition as an expression over the column that it is computed from.
// Source: includes/partitions-formatting.md.
#pragma once

#include "base/status.h"
#include "catalog/model.h"
#include "kql/plan.h"

namespace spillway::kql {

/// `column`: the column, or a constant that is compared with it. Of a virtual partition, and of one whose
/// value is the column's own, it is `column` itself. NotSupported where the function doesn't take its type.
Result<ExprPtr> partition_value(const catalog::Partition& partition, ExprPtr column);

/// The name of the partition's function; "" where there is none.
const char* partition_function(const catalog::Partition& partition);

ExprPtr column_expression(ColumnId id, Type type);
ExprPtr literal_expression(Value value);

}  // namespace spillway::kql
