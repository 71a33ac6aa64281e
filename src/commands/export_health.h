// `.show continuous-exports health`: every export of a database in one row, with what an operator asks first: is
// it late, does it fail, and why.
#pragma once

#include "commands/call.h"

namespace spillway::commands {

Result<Tables> show_export_health(Call& call);

}  // namespace spillway::commands
