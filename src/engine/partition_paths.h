// The values of an external table's partitions, read back from the folder of one of its files.
//
//   pathformat=("customer=" Customer "/dt=" datetime_pattern("yyyyMMdd", Date))
//   "customer=john.doe/dt=20200101"  →  "john.doe", datetime(2020-01-01)
//
// The inverse of how exports render folders. Source: management/external-tables-azure-storage.md, "Path
// format".
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "base/types.h"
#include "catalog/model.h"

namespace spillway::engine {

/// The folder name that stands for a null, and for a value that no folder can be named after.
inline constexpr const char* kDefaultPartition = "__DEFAULT_PARTITION__";

/// The value of each partition; null for __DEFAULT_PARTITION__ and for datetimes whose pattern doesn't hold a
/// whole date. nullopt where the folder isn't of the path format's form: such a file is none of the table's.
std::optional<std::vector<Value>> partition_values(const catalog::ExternalTable& table,
                                                   std::string_view folder);

}  // namespace spillway::engine
