// What other families need of the policies of security.
#pragma once

#include <vector>

#include "commands/call.h"

namespace spillway::commands {

/// `.alter tables (T, U) policy restricted_view_access (true | false)`, after the policy's name.
Result<Tables> alter_restricted_view_access(Call& call, const std::vector<Name>& names);

}  // namespace spillway::commands
