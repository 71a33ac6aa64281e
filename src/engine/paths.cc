#include "engine/paths.h"

#include "engine/sql.h"

namespace spillway::engine {

std::string sql_path(std::string_view path) {
  std::string escaped;
  for (const char c : path) {
    if (c == '*' || c == '?' || c == '[') {
      escaped += '[';
      escaped += c;
      escaped += ']';
    } else {
      escaped += c;
    }
  }
  return sql_string(escaped);
}

}  // namespace spillway::engine
