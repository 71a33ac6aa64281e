// Choosing between values, and predicates on them.
#include "kql/functions/builder.h"

namespace spillway::kql {
namespace {

bool is_blank(std::string_view text) {
  return text.empty();
}

std::string_view first_not_empty(Rest texts) {
  for (size_t i = 0; i < texts.size(); ++i) {
    if (!texts.text(i).empty()) return texts.text(i);
  }
  return "";
}

void declare_emptiness(FunctionTableBuilder& table) {
  using enum Type;
  // A string is never null.
  table.scalar("isnull")
      .doc("Null; never so of a string.")
      .takes_nulls({String}, Bool, native<[](std::string_view) { return false; }>())
      .takes_nulls({any()}, Bool, sql("({0} IS NULL)"));
  table.scalar("isnotnull")
      .doc("Not null; always so of a string.")
      .takes_nulls({String}, Bool, native<[](std::string_view) { return true; }>())
      .takes_nulls({any()}, Bool, sql("({0} IS NOT NULL)"));
  table.alias("notnull", "isnotnull");
  table.scalar("isempty")
      .doc("An empty string, or null.")
      .takes_nulls({String}, Bool, sql("({0} = '')"))
      .takes_nulls({Dynamic}, Bool, native<[](std::optional<std::string_view> json) {
                     return !json || is_blank(*json) || *json == "\"\"" || *json == "null";
                   }>())
      .takes_nulls({any()}, Bool, sql("({0} IS NULL)"));
  table.scalar("isnotempty")
      .doc("Neither an empty string nor null.")
      .takes_nulls({String}, Bool, sql("({0} <> '')"))
      .takes_nulls({Dynamic}, Bool, native<[](std::optional<std::string_view> json) {
                     return json && !is_blank(*json) && *json != "\"\"" && *json != "null";
                   }>())
      .takes_nulls({any()}, Bool, sql("({0} IS NOT NULL)"));
  table.alias("notempty", "isnotempty");
  table.scalar("isnan").doc("No number (NaN).").takes({Real}, Bool, sql("isnan({0})"));
  table.scalar("isinf").doc("An infinity.").takes({Real}, Bool, sql("isinf({0})"));
  table.scalar("isfinite").doc("A number, and no infinity.").takes({Real}, Bool, sql("isfinite({0})"));
}

}  // namespace

void declare_conditionals(FunctionTableBuilder& table) {
  using enum Type;
  table.category("conditional");
  table.scalar("iff")
      .doc("One of two values, by a condition; null counts as false.")
      .takes_nulls({Bool, same(), same()}, common_type(), sql("CASE WHEN {0} THEN {1} ELSE {2} END"));
  table.alias("iif", "iff");
  table.scalar("coalesce")
      .doc("The first value that isn't null (of strings: empty).")
      .takes_nulls({String}, String, native<&first_not_empty>())
      .repeating(1)
      .takes_nulls({same()}, common_type(), sql("COALESCE({*})"))
      .repeating(1);
  table.scalar("max_of")
      .doc("The greatest value; null gives way to any other.")
      .takes_nulls({same(), same()}, common_type(), sql("greatest({*})"))
      .repeating(2);
  table.scalar("min_of")
      .doc("The least value; null gives way to any other.")
      .takes_nulls({same(), same()}, common_type(), sql("least({*})"))
      .repeating(2);
  declare_emptiness(table);
}

}  // namespace spillway::kql
