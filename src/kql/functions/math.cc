// Mathematical functions.
#include "kql/functions/builder.h"

namespace spillway::kql {

void declare_math(FunctionTableBuilder& table) { table.category("math"); }

}  // namespace spillway::kql
