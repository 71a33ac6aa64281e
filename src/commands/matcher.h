// Which command a text means: the one with the longest pattern that the text begins with.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "commands/call.h"

namespace spillway::commands {

struct Match {
  const Command* command = nullptr;
  Reader reader;  // after the pattern
  std::vector<Name> names;
};

/// `reader` stands after the dot. Errors: Syntax where no command begins so, with the nearest one that
/// exists.
Result<Match> match_command(const Reader& reader);

/// The pattern of the known command that is nearest to the words at `reader`, or "".
std::string nearest_command(const Reader& reader);

}  // namespace spillway::commands
