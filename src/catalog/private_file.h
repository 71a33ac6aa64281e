// SQLite files that only their owner may read. Private to this room.
#pragma once

#include <string>

namespace spillway::catalog {

/// Makes the file where it is missing, with a mode that SQLite's other files for it take over, and gives
/// SOCI's parameters for it. `synchronous`: SQLite's "FULL", "NORMAL". Throws std::exception.
std::string private_connection(const std::string& file, const char* synchronous);

}  // namespace spillway::catalog
