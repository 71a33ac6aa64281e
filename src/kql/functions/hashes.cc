// Hashes.
#include "kql/functions/builder.h"

namespace spillway::kql {

void declare_hashes(FunctionTableBuilder& table) { table.category("hash"); }

}  // namespace spillway::kql
