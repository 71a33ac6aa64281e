// A process that dies in the middle of storing an object.
#pragma once

#include <string>

namespace spillway::test {

/// Puts a file into the store of a connection string, in a process of its own that the fail point kills.
/// False where that process ended in another way.
bool put_killed_at(const std::string& fail_point, const std::string& connection, const std::string& source,
                   const std::string& path);

}  // namespace spillway::test
