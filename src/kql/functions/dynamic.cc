// Functions of dynamic values.
#include "kql/functions/builder.h"
#include "kql/json.h"

namespace spillway::kql {

void declare_dynamic(FunctionTableBuilder& table) { table.category("dynamic"); }

}  // namespace spillway::kql
