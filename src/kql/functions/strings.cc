// Functions of strings.
#include "kql/functions/builder.h"

namespace spillway::kql {

void declare_strings(FunctionTableBuilder& table) {
  using enum Type;
  table.category("string");
  table.scalar("strlen").doc("How many characters.").takes({String}, Long, sql("length({0})"));
  table.scalar("tolower").doc("In small letters.").takes({String}, String, sql("lower({0})"));
  table.scalar("toupper").doc("In capital letters.").takes({String}, String, sql("upper({0})"));
  table.scalar("strcat").doc("All arguments as one text.").takes({as_string()}, String, sql("concat({*})")).repeating(1);
}

}  // namespace spillway::kql
