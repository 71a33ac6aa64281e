// How a place that something was written to can be reached now.
#pragma once

#include <string>

#include "catalog/model.h"
#include "storage/object_store.h"

namespace spillway::exports {

/// Keys and SAS tokens are renewed by altering the external table: its connection string of the same address
/// counts where there is one, else the one that was recorded.
Result<storage::ConnectionString> current_connection(const catalog::Snapshot& snapshot,
                                                     const std::string& database,
                                                     const std::string& external_table,
                                                     const std::string& recorded);

}  // namespace spillway::exports
