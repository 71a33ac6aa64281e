// Scans of tables to SQL: see lowering.h. One read_parquet() over the extents that are left, columns by field
// id:
//
//   SELECT c1, c2, COALESCE([638…, NULL][file_index + 1], x_cursor) AS c9
//   FROM read_parquet(['/data/extents/1/2/A.parquet', …],
//        schema = MAP {1: {name: 'c1', type: 'BIGINT', default_value: NULL}, …})
//
// file_index is DuckDB's virtual column: the position of a record's file in the list. Extents that were
// written for other tables, with other field ids, are read apart: one such SELECT for each set of field ids,
// UNION ALL.
#include <unordered_map>

#include "engine/lowering.h"
#include "engine/paths.h"
#include "engine/sql.h"
#include "kql/json.h"

namespace spillway::engine {
namespace {

/// The names of the Parquet columns that a merged extent keeps cursors and ingestion times in.
constexpr const char* kCursorName = "x_cursor";
constexpr const char* kIngestionTimeName = "x_ingestion_time";

Interval interval_of(const catalog::CursorRange& range) {
  if (range.after == INT64_MAX) return {0, -1};
  return {range.after + 1, range.to};
}

ScanBounds bounds_of(const kql::TableScan& rel, const Bounds& bounds) {
  ScanBounds result;
  result.cursor = interval_of(rel.range);
  for (size_t i = 0; i < rel.columns.size(); ++i) {
    const auto bound = bounds.columns.find(rel.columns[i].id);
    if (bound == bounds.columns.end() || rel.columns[i].type != Type::DateTime) continue;
    const auto [interval, is_new] = result.columns.emplace(rel.field_ids[i], bound->second);
    if (!is_new) interval->second.narrow(bound->second);
  }
  const auto narrow = [&](const std::optional<kql::ColumnId>& id, Interval& interval) {
    const auto bound = id ? bounds.columns.find(*id) : bounds.columns.end();
    if (bound != bounds.columns.end()) interval.narrow(bound->second);
  };
  narrow(rel.cursor, result.cursor);
  if (rel.table->ingestion_time_policy) narrow(rel.ingestion_time, result.ingestion_time);
  return result;
}

std::string schema_entry(int field, const std::string& name, Type type) {
  return std::to_string(field) + ": {name: " + sql_string(name) + ", type: " + sql_string(sql_type(type)) +
         ", default_value: " + (type == Type::String ? "''" : "NULL") + "}";
}

/// Whose cursors, whose ingestion times stand in the file.
bool has_own_cursors(const catalog::Extent& extent) {
  return extent.merged && !extent.moved;
}
bool has_own_times(const catalog::Extent& extent) {
  return extent.merged;
}

/// A value for each file, by its index, or where its records have their own, that of the file's column `own`.
std::string per_file(const Extents& extents, const std::string& own, bool (*has_own)(const catalog::Extent&),
                     int64_t (*value)(const catalog::Extent&)) {
  std::vector<std::string> values;
  bool any_own = false;
  for (const auto& extent : extents) {
    const bool own_values = has_own(*extent);
    values.push_back(own_values ? "NULL" : std::to_string(value(*extent)));
    any_own |= own_values;
  }
  const std::string constant =
      "CAST([" + join_texts(values, ", ") + "] AS BIGINT[])[CAST(file_index AS BIGINT) + 1]";
  return any_own ? "COALESCE(" + constant + ", " + own + ")" : constant;
}

std::string cursor_per_file(const Extents& extents) {
  return per_file(extents, kCursorName, &has_own_cursors,
                  [](const catalog::Extent& extent) { return extent.max_cursor; });
}

std::string time_per_file(const Extents& extents) {
  return per_file(extents, kIngestionTimeName, &has_own_times,
                  [](const catalog::Extent& extent) { return extent.created; });
}

/// A text for each file, by its index, as a value of `type`.
std::string text_per_file(const Extents& extents, Type type, std::string (*text)(const catalog::Extent&)) {
  std::vector<std::string> values;
  for (const auto& extent : extents) values.push_back(text(*extent));
  const std::string list = "[" + join_texts(values, ", ") + "][CAST(file_index AS BIGINT) + 1]";
  return "CAST(" + list + " AS " + sql_type(type) + ")";
}

std::string id_text(const catalog::Extent& extent) {
  return sql_string(extent.id.str());
}
std::string tags_text(const catalog::Extent& extent) {
  std::string json = "[";
  for (const std::string& tag : extent.tags) {
    if (json.size() > 1) json += ',';
    kql::json::quote(tag, json);
  }
  return sql_string(json + "]");
}

ScanCounts counts_of(const catalog::ExtentList& all, const Extents& scanned) {
  ScanCounts counts;
  counts.extents_total = static_cast<int64_t>(all.size());
  counts.rows_total = all.rows();
  for (const auto& extent : scanned) {
    counts.add({0, 1, 0, extent->rows, extent->created, extent->created});
  }
  return counts;
}

bool any_merged(const Extents& extents) {
  return std::any_of(extents.begin(), extents.end(), [](const auto& extent) { return extent->merged; });
}

/// True where some extent holds records on both sides of the range's ends.
bool range_cuts(const Extents& extents, const Interval& range) {
  return std::any_of(extents.begin(), extents.end(), [&](const auto& extent) {
    return !range.covers(extent->min_cursor, extent->max_cursor);
  });
}

/// The fields of an extent's file that a scan reads, in the order of its columns; nullopt: there is none.
using Fields = std::vector<std::optional<int>>;

Fields fields_of(const kql::TableScan& rel, const catalog::Extent& extent) {
  Fields fields;
  for (const int column : rel.field_ids) {
    if (!extent.fields) {
      fields.emplace_back(column);
      continue;
    }
    const auto field = extent.fields->find(column);
    fields.push_back(field == extent.fields->end() ? std::nullopt : std::optional(field->second));
  }
  return fields;
}

}  // namespace

/// The SELECT over the extents whose files are read alike.
std::string Lowering::scan_group(const kql::TableScan& rel, const Fields& fields,
                                 const Extents& extents) const {
  std::vector<Item> items;
  std::vector<std::string> schema;
  std::unordered_map<int, std::string> read;  // field → the name that it is read under
  for (size_t i = 0; i < rel.columns.size(); ++i) {
    const std::string name = id_name(rel.columns[i].id);
    if (!fields[i]) {
      items.push_back({sql_null(rel.columns[i].type), name});
      continue;
    }
    const auto [known, is_new] = read.emplace(*fields[i], name);
    if (is_new) schema.push_back(schema_entry(*fields[i], name, rel.columns[i].type));
    items.push_back({known->second, name});
  }
  if (rel.cursor) items.push_back({cursor_per_file(extents), id_name(*rel.cursor)});
  if (rel.ingestion_time) {
    items.push_back({rel.table->ingestion_time_policy ? time_per_file(extents) : sql_null(Type::DateTime),
                     id_name(*rel.ingestion_time)});
  }
  if (rel.extent_id) items.push_back({text_per_file(extents, Type::Guid, &id_text), id_name(*rel.extent_id)});
  if (rel.extent_tags) {
    items.push_back({text_per_file(extents, Type::Dynamic, &tags_text), id_name(*rel.extent_tags)});
  }
  const Interval range = interval_of(rel.range);
  const bool cuts = range_cuts(extents, range);
  if (any_merged(extents) || schema.empty()) {
    schema.push_back(schema_entry(catalog::kCursorField, kCursorName, Type::Long));
    schema.push_back(schema_entry(catalog::kIngestionTimeField, kIngestionTimeName, Type::DateTime));
  }
  std::string sql = scan_sql(items, extents, schema);
  if (cuts) {
    sql += " WHERE " + cursor_per_file(extents) + " BETWEEN " + std::to_string(range.low) + " AND " +
           std::to_string(range.high);
  }
  return sql;
}

Result<Lowering::Block> Lowering::lower_table_scan(const kql::TableScan& rel, const Bounds& bounds) {
  const Extents extents = choose_extents(*rel.table->extents, bounds_of(rel, bounds));
  scans_.add(counts_of(*rel.table->extents, extents));
  if (context_.scans) {
    ScanPlan& scan = context_.scans->emplace_back();
    scan.scan = &rel;
    scan.found = static_cast<int64_t>(rel.table->extents->size());
    scan.read = static_cast<int64_t>(extents.size());
    for (const auto& extent : extents) scan.bytes += extent->bytes;
  }

  std::vector<kql::PlanColumn> columns = rel.columns;
  if (rel.cursor) columns.push_back({*rel.cursor, "", Type::Long});
  if (rel.ingestion_time) columns.push_back({*rel.ingestion_time, "", Type::Long});
  if (rel.extent_id) columns.push_back({*rel.extent_id, "", Type::Guid});
  if (rel.extent_tags) columns.push_back({*rel.extent_tags, "", Type::Dynamic});
  Block block;
  for (size_t i = 0; i < columns.size(); ++i) {
    (i < rel.columns.size() ? block.columns : block.hidden).push_back(columns[i].id);
  }
  if (extents.empty()) {
    block.sql = empty_relation(columns);
    return block;
  }
  std::map<Fields, Extents> groups;
  for (const auto& extent : extents) groups[fields_of(rel, *extent)].push_back(extent);
  std::vector<std::string> parts;
  for (const auto& [fields, group] : groups) parts.push_back(scan_group(rel, fields, group));
  block.sql = join_texts(parts, " UNION ALL ");
  return block;
}

std::optional<int64_t> Lowering::known_rows(const kql::TableScan& rel) {
  ScanBounds bounds;
  bounds.cursor = interval_of(rel.range);
  const Extents extents = choose_extents(*rel.table->extents, bounds);
  if (range_cuts(extents, bounds.cursor)) return std::nullopt;
  int64_t rows = 0;
  for (const auto& extent : extents) rows += extent->rows;
  return rows;
}

std::string Lowering::scan_sql(const std::vector<Item>& items, const Extents& extents,
                               const std::vector<std::string>& schema) const {
  std::vector<std::string> files, texts;
  for (const auto& extent : extents) {
    const bool absolute = extent->path.starts_with('/');
    files.push_back(sql_path(absolute ? extent->path : context_.extents_folder + "/" + extent->path));
  }
  for (const Item& item : items) texts.push_back(item.sql + " AS " + item.name);
  if (texts.empty()) texts.push_back("0 AS none");
  return "SELECT " + join_texts(texts, ", ") + " FROM read_parquet([" + join_texts(files, ", ") +
         "], schema = MAP {" + join_texts(schema, ", ") + "})";
}

}  // namespace spillway::engine
