// What several families need of external tables.
#pragma once

#include <string>

#include "catalog/model.h"

namespace spillway::commands {

/// The command that makes the external table anew, with its credentials replaced by asterisks.
std::string create_script(const catalog::ExternalTable& table);

}  // namespace spillway::commands
