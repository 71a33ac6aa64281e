// SQLite files that only their owner may read. Private to this room.
#pragma once

#include <soci/soci.h>

#include <string>

namespace spillway::catalog {

/// Makes the file where it is missing, with a mode that SQLite's other files for it take over, and opens it.
/// `synchronous`: SQLite's "FULL", "NORMAL". Throws std::exception.
void open_private(soci::session& sql, const std::string& file, const char* synchronous);

/// Opens a file that another process may have: it isn't made, nor written. Throws std::exception where it
/// isn't there.
void open_read_only(soci::session& sql, const std::string& file);

}  // namespace spillway::catalog
