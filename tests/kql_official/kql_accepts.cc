// kql_accepts: reads queries, each ended by a NUL, from standard input and says of each, on a line of its
// own, "ok" or the place and message of its syntax error.
#include <iostream>
#include <string>

#include "kql/syntax/parser.h"

int main() {
  std::string query;
  while (std::getline(std::cin, query, '\0')) {
    const auto parsed = spillway::kql::syntax::parse_query(query);
    if (parsed.ok()) {
      std::cout << "ok\n";
      continue;
    }
    const spillway::Error& error = parsed.error();
    const spillway::TextSpan span = error.span.value_or(spillway::TextSpan{});
    std::string message = error.message;
    for (char& c : message) {
      if (c == '\n') c = ' ';
    }
    std::cout << span.line << ":" << span.column << " " << message << "\n";
  }
}
