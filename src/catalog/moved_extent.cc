// How an extent that moves to another table is read there: its file has the field ids of the table that it
// was written for.
#include <algorithm>

#include "catalog/catalog.h"

namespace spillway::catalog {
namespace {

/// True where the ids of the columns tell all that `fields` tells, for now and for columns to come: no column
/// of `to` may have, or get, the id of a column that `from` has or had under another name.
bool ids_say_it(const std::map<int, int>& fields, const Table& from, const Table& to) {
  return to.next_column_id >= from.next_column_id &&
         std::all_of(to.columns.begin(), to.columns.end(), [&](const Column& column) {
           const auto field = fields.find(column.id);
           return field == fields.end() ? column.id >= from.next_column_id : field->second == column.id;
         });
}

}  // namespace

Result<Extent> extent_in_table(const Extent& extent, const Table& from, const Table& to) {
  Extent moved = extent;
  moved.datetime_ranges.clear();
  std::map<int, int> fields;
  for (const Column& column : from.columns) {
    const Column* there = to.column(column.name);
    if (!there || there->type != column.type) {
      return Error(ErrorCode::SchemaMismatch,
                   "column '" + column.name + "' of table '" + from.name + "' is of type " +
                       kql_name(column.type) + ", " +
                       (there ? "that of table '" + to.name + "' of type " + kql_name(there->type)
                              : "and table '" + to.name + "' has no such column"));
    }
    if (const auto range = extent.datetime_ranges.find(column.id); range != extent.datetime_ranges.end()) {
      moved.datetime_ranges[there->id] = range->second;
    }
    if (!extent.fields) {
      fields[there->id] = column.id;
    } else if (const auto field = extent.fields->find(column.id); field != extent.fields->end()) {
      fields[there->id] = field->second;
    }
  }
  if (extent.fields || !ids_say_it(fields, from, to)) moved.fields = std::move(fields);
  return moved;
}

void arrive(Extent& extent, const Guid& id, Cursor cursor, bool new_ingestion_time) {
  extent.id = id;
  extent.moved = true;
  extent.min_cursor = extent.max_cursor = cursor;
  if (!new_ingestion_time) return;
  extent.created = extent.first_created = cursor;
  extent.merged = false;
}

}  // namespace spillway::catalog
