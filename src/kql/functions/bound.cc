// Functions that the binder puts in place itself (binder_calls.cc, binder_context.cc): they hang on the
// query, on the record's place, or on how many arguments there are. Here are only their names and what they
// give.
#include "kql/functions/builder.h"

namespace spillway::kql {
namespace {

struct Described {
  const char* category;
  const char* name;
  const char* doc;
};

constexpr Described kFunctions[] = {
    {"conditional", "assert", "True where a constant condition is; else the query fails with a message."},
    {"conditional", "column_ifexists", "A column by its name, or another value where there is none."},
    {"conditional", "columnifexists", "A column by its name, or another value where there is none."},
    {"context", "current_cluster_endpoint", "What the client calls the server."},
    {"context", "current_cursor", "The database's cursor, for cursor_after() in a later query."},
    {"context", "cursor_current", "The database's cursor, for cursor_after() in a later query."},
    {"context", "current_database", "The name of the database that the query runs in."},
    {"context", "current_principal", "The principal that runs the query."},
    {"context", "current_principal_details", "A bag of what is known of the principal that runs the query."},
    {"context", "current_principal_is_member_of",
     "True where the principal that runs the query is one of a list."},
    {"context", "cursor_after", "True for records that were ingested after a cursor."},
    {"context", "cursor_before_or_at", "True for records that were ingested before a cursor or at it."},
    {"context", "estimate_data_size", "The bytes that columns (all: *) take in a record."},
    {"context", "extent_id", "The extent that holds the record."},
    {"context", "extentid", "The extent that holds the record."},
    {"context", "extent_tags", "The tags of the extent that holds the record."},
    {"context", "ingestion_time", "When the record was ingested."},
    {"datetime", "ago", "A timespan before now."},
    {"datetime", "now", "The time at which the query began, or a timespan after it."},
    {"dynamic", "bag_pack_columns", "A bag of columns under their names."},
    {"dynamic", "column_names_of", "The names of a table's columns, as an array."},
    {"dynamic", "pack_all", "A bag of all columns under their names."},
    {"rounding", "bin_auto", "bin_at() with the size and fixed point that the query's properties give."},
};

}  // namespace

void declare_bound(FunctionTableBuilder& table) {
  for (const Described& function : kFunctions) {
    table.category(function.category);
    table.scalar(function.name).doc(function.doc);
  }
  table.category("conditional");
  table.scalar("case")
      .doc("The value of the first condition that is true, or a last one.")
      .takes_nulls({any()}, Type::Dynamic, sql("CASE {cases} END"))
      .repeating(3);
}

}  // namespace spillway::kql
