// What several families need of stored functions.
#pragma once

#include <string>

#include "commands/call.h"

namespace spillway::commands {

/// The columns of what the function returns, as CSL, in the database of the call; empty where it isn't known:
/// for scalars, and where the function isn't valid.
std::string output_schema(const Call& call, const catalog::Function& function);

/// Whether the caller may see the function's obfuscated strings: its admins, and those of the database.
bool sees_secrets(const Call& call, const catalog::Database& database, const catalog::Function& function);

}  // namespace spillway::commands
