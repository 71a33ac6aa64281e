#include "tests/model/model.h"

#include <algorithm>
#include <functional>

namespace spillway::model {
namespace {

using Kind = Query::Kind;

void each(const Table& table, Cursor after, Cursor to, const std::function<void(const Record&)>& f) {
  for (const auto& [id, batches] : table.extents) {
    for (const Batch& batch : batches) {
      if (batch.cursor <= after || batch.cursor > to) continue;
      for (const Record& record : *batch.records) f(record);
    }
  }
}

std::string line_of(const std::string& name, const Export& definition, const std::string& query) {
  return "export " + name + " " + std::to_string(definition.generation) + " to " + definition.external + " " +
         std::to_string(definition.disabled) + std::to_string(definition.manifest) + " " +
         std::to_string(definition.latency) + " " + std::to_string(definition.interval) + " " +
         std::to_string(definition.most_records) + " <| " + query + "\n";
}

}  // namespace

int64_t Table::rows() const {
  int64_t count = 0;
  each(*this, 0, INT64_MAX, [&](const Record&) { ++count; });
  return count;
}

Names columns_of(Shape shape) {
  switch (shape) {
    case Shape::Base: return {"id", "k", "at"};
    case Shape::Wide: return {"id", "k", "at", "x"};
    case Shape::Counts: return {"k", "n"};
  }
  return {};
}

std::string Query::text() const {
  const std::string project = " | project id, k, at";
  switch (kind) {
    case Kind::Whole: return fact;
    case Kind::Project: return fact + project;
    case Kind::Filter: return fact + " | where id % 3 != 0" + project;
    case Kind::Extra: return fact + " | project at, x, k, id";
    case Kind::Join:
      return fact + project + " | join kind=inner (" + other +
             " | project k, x = id) on k | project id, k, at, x";
    case Kind::Union: return "union " + fact + ", " + other + project;
    case Kind::Let: return "let lowest = 5; let Some = " + fact + " | where id % 7 > lowest; Some" + project;
    case Kind::Function: return fact + "()" + project;
    case Kind::Parameter: return fact + "(3)" + project;
    case Kind::Counts: return fact + " | summarize n = count() by k";
  }
  return "";
}

Shape Query::shape() const {
  if (kind == Kind::Counts) return Shape::Counts;
  return kind == Kind::Extra || kind == Kind::Join ? Shape::Wide : Shape::Base;
}

std::string Database::definitions() const {
  std::string out;
  for (const auto& [name, table] : tables) {
    out += "table " + name + " " + std::to_string(table.ingestion_time);
    for (const auto& [extra, id] : table.extras) out += " " + extra;
    out += "\n";
  }
  for (const auto& [name, external] : externals) {
    out += "external " + name;
    for (const std::string& column : columns_of(external.shape)) out += " " + column;
    out += " " + external.format + std::to_string(external.compressed) + external.partition + " " +
           external.folder + "\n";
  }
  for (const auto& [name, table] : functions) out += "function " + name + " " + table + "\n";
  for (const auto& [name, definition] : exports) out += line_of(name, definition, definition.query.text());
  return out;
}

std::string definitions_of(const catalog::Database& database) {
  std::string out;
  for (const auto& [name, table] : database.tables) {
    out += "table " + name + " " + std::to_string(table->ingestion_time_policy);
    std::set<std::string> extras;
    for (size_t i = 3; i < table->columns.size(); ++i) extras.insert(table->columns[i].name);
    for (const std::string& extra : extras) out += " " + extra;
    out += "\n";
  }
  for (const auto& [name, external] : database.external_tables) {
    out += "external " + name;
    for (const auto& column : external->columns) out += " " + column.name;
    const std::string partition = external->partitions.empty() ? "" : external->partitions[0].name;
    out += " " + external->format + std::to_string(external->compressed) + partition + " " +
           external->connection_strings[0] + "\n";
  }
  for (const auto& [name, function] : database.functions)
    out += "function " + name + " " + function->docstring + "\n";
  for (const auto& [name, given] : database.exports) {
    Export definition;
    definition.generation = given->generation;
    definition.external = given->external_table;
    definition.disabled = given->disabled;
    definition.manifest = given->manifest;
    definition.latency = given->forced_latency;
    definition.interval = given->interval;
    definition.most_records = given->max_records_per_run;
    out += line_of(name, definition, given->query);
  }
  return out;
}

std::set<std::string> Database::facts(const Query& query) const {
  switch (query.kind) {
    case Kind::Function:
    case Kind::Parameter: return {functions.at(query.fact)};
    case Kind::Join:
    case Kind::Union:
      if (!query.over) return {query.fact, query.other};
      return {query.fact};
    default: return {query.fact};
  }
}

std::optional<std::string> Database::broken(const Export& definition) const {
  const Query& query = definition.query;
  const auto external = externals.find(definition.external);
  if (external == externals.end()) return "the external table is gone";
  const bool by_function = query.kind == Kind::Function || query.kind == Kind::Parameter;
  if (by_function && !functions.contains(query.fact)) return "the function is gone";
  for (const std::string& name : {by_function ? functions.at(query.fact) : query.fact, query.other}) {
    if (!name.empty() && !tables.contains(name)) return "table " + name + " is gone";
  }
  for (const std::string& name : facts(query)) {
    if (!tables.at(name).ingestion_time) return "table " + name + " has no ingestion times";
  }
  if (query.kind == Kind::Extra && !tables.at(query.fact).extras.contains("x")) return "there is no x";
  if (query.kind != Kind::Whole)
    return query.shape() == external->second.shape ? std::nullopt : std::optional("another shape");
  std::set<std::string> mine, wanted;
  for (const auto& [name, id] : tables.at(query.fact).extras) mine.insert(name);
  if (external->second.shape == Shape::Counts) return "another shape";
  if (external->second.shape == Shape::Wide) wanted = {"x"};
  return mine == wanted ? std::nullopt : std::optional("another shape");
}

Row row_of(const Table& table, const Record& record, const Names& columns) {
  Row row;
  for (const std::string& column : columns) {
    if (column == "id") {
      row.push_back(std::to_string(record.id));
    } else if (column == "k") {
      row.push_back(record.key);
    } else if (column == "at") {
      row.push_back(format_datetime(record.at));
    } else {
      const auto extra = table.extras.find(column);
      const auto value =
          extra == table.extras.end() ? record.extras.end() : record.extras.find(extra->second);
      row.push_back(value == record.extras.end() ? "" : std::to_string(value->second));
    }
  }
  return row;
}

std::vector<Row> Database::result(const Query& query, Shape shape, Cursor after, Cursor to) const {
  std::vector<Row> rows;
  const bool by_function = query.kind == Kind::Function || query.kind == Kind::Parameter;
  const Table& table = tables.at(by_function ? functions.at(query.fact) : query.fact);
  const Names columns = columns_of(shape);
  std::map<std::string, int64_t> counts;
  std::map<std::string, std::vector<int64_t>> dimension;
  if (query.kind == Kind::Join) {
    // A join of two fact tables sees the new records of both.
    each(tables.at(query.other), query.over ? INT64_MIN : after, query.over ? INT64_MAX : to,
         [&](const Record& record) { dimension[record.key].push_back(record.id); });
  }
  each(table, after, to, [&](const Record& record) {
    switch (query.kind) {
      case Kind::Counts: ++counts[record.key]; return;
      case Kind::Filter:
        if (record.id % 3 == 0) return;
        break;
      case Kind::Let:
        if (record.id % 7 <= 5) return;
        break;
      case Kind::Function:
        if (record.id % 2 != 0) return;
        break;
      case Kind::Parameter:
        if (record.id % 3 != 0) return;
        break;
      case Kind::Join:
        for (const int64_t id : dimension[record.key])
          rows.push_back(
              {std::to_string(record.id), record.key, format_datetime(record.at), std::to_string(id)});
        return;
      default: break;
    }
    rows.push_back(row_of(table, record, columns));
  });
  if (query.kind == Kind::Union) {
    const Table& other = tables.at(query.other);
    each(other, query.over ? INT64_MIN : after, query.over ? INT64_MAX : to,
         [&](const Record& record) { rows.push_back(row_of(other, record, columns)); });
  }
  for (const auto& [key, count] : counts) rows.push_back({key, std::to_string(count)});
  std::sort(rows.begin(), rows.end());
  return rows;
}

int64_t Database::waiting(const Query& query, Cursor after, Cursor to) const {
  int64_t count = 0;
  for (const std::string& name : facts(query))
    each(tables.at(name), after, to, [&](const Record&) { ++count; });
  return count;
}

}  // namespace spillway::model
