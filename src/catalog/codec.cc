#include "catalog/codec.h"

#include <array>
#include <boost/json.hpp>
#include <stdexcept>

namespace spillway::catalog {
namespace {

namespace json = boost::json;

using Strings = std::map<std::string, std::string>;

constexpr const char* kDeltaKind = "delta";

constexpr std::array kPartitionKinds = {"Column",       "Bin",         "StartOfDay", "StartOfWeek",
                                        "StartOfMonth", "StartOfYear", "Hash",       "Virtual"};

json::object parse(const std::string& text) {
  json::parse_options options;
  options.allow_invalid_utf8 = true;  // names and queries are kept as they were given
  return json::parse(text, {}, options).as_object();
}

std::string text_of(const json::object& object, const char* name) {
  return json::value_to<std::string>(object.at(name));
}

Type type_of(const json::object& object) {
  const std::string name = text_of(object, "type");
  const std::optional<Type> type = parse_type(name);
  if (!type) throw std::runtime_error("unknown type '" + name + "'");
  return *type;
}

/// Of functions and external tables, which had none before version 3.
Strings policies_of(const json::object& object) {
  const json::value* policies = object.if_contains("policies");
  return policies ? json::value_to<Strings>(*policies) : Strings();
}

json::array encode_columns(const std::vector<Column>& columns) {
  json::array out;
  for (const Column& column : columns) {
    out.push_back({{"id", column.id},
                   {"name", column.name},
                   {"type", kql_name(column.type)},
                   {"docstring", column.docstring}});
  }
  return out;
}

std::vector<Column> decode_columns(const json::value& value) {
  std::vector<Column> columns;
  for (const json::value& item : value.as_array()) {
    const json::object& object = item.as_object();
    columns.push_back({object.at("id").to_number<int>(), text_of(object, "name"), type_of(object),
                       text_of(object, "docstring")});
  }
  return columns;
}

json::array encode_partitions(const std::vector<Partition>& partitions) {
  json::array out;
  for (const Partition& partition : partitions) {
    out.push_back({{"name", partition.name},
                   {"type", kql_name(partition.type)},
                   {"kind", kPartitionKinds.at(static_cast<size_t>(partition.kind))},
                   {"column", partition.column},
                   {"argument", partition.argument}});
  }
  return out;
}

Partition::Kind partition_kind(const std::string& name) {
  for (size_t i = 0; i < kPartitionKinds.size(); ++i) {
    if (name == kPartitionKinds[i]) return static_cast<Partition::Kind>(i);
  }
  throw std::runtime_error("unknown kind of partition '" + name + "'");
}

std::vector<Partition> decode_partitions(const json::value& value) {
  std::vector<Partition> partitions;
  for (const json::value& item : value.as_array()) {
    const json::object& object = item.as_object();
    partitions.push_back({text_of(object, "name"), type_of(object), partition_kind(text_of(object, "kind")),
                          text_of(object, "column"), object.at("argument").to_number<int64_t>()});
  }
  return partitions;
}

json::array encode_path(const std::vector<PathElement>& elements) {
  json::array out;
  for (const PathElement& element : elements) {
    out.push_back({{"text", element.text}, {"partition", element.partition}, {"pattern", element.pattern}});
  }
  return out;
}

std::vector<PathElement> decode_path(const json::value& value) {
  std::vector<PathElement> elements;
  for (const json::value& item : value.as_array()) {
    const json::object& object = item.as_object();
    elements.push_back({text_of(object, "text"), text_of(object, "partition"), text_of(object, "pattern")});
  }
  return elements;
}

json::object encode_mappings(const std::map<std::string, ExternalMapping>& mappings) {
  json::object out;
  for (const auto& [name, mapping] : mappings) out[name] = {mapping.kind, mapping.mapping};
  return out;
}

std::map<std::string, ExternalMapping> decode_mappings(const json::value& value) {
  std::map<std::string, ExternalMapping> mappings;
  for (const auto& [name, mapping] : value.as_object()) {
    mappings[name] = {json::value_to<std::string>(mapping.at(0)), json::value_to<std::string>(mapping.at(1))};
  }
  return mappings;
}

}  // namespace

std::string encode(const Table& table) {
  return json::serialize(json::object{{"folder", table.folder},
                                      {"docstring", table.docstring},
                                      {"columns", encode_columns(table.columns)},
                                      {"next_column_id", table.next_column_id},
                                      {"ingestion_time_policy", table.ingestion_time_policy},
                                      {"policies", json::value_from(table.policies)},
                                      {"mappings", json::value_from(table.mappings)}});
}

void decode(const std::string& text, Table& table) {
  const json::object object = parse(text);
  table.folder = text_of(object, "folder");
  table.docstring = text_of(object, "docstring");
  table.columns = decode_columns(object.at("columns"));
  table.next_column_id = object.at("next_column_id").to_number<int>();
  table.ingestion_time_policy = object.at("ingestion_time_policy").as_bool();
  table.policies = json::value_to<Strings>(object.at("policies"));
  table.mappings = json::value_to<std::map<std::string, Strings>>(object.at("mappings"));
}

std::string encode(const Function& function) {
  return json::serialize(json::object{{"folder", function.folder},
                                      {"docstring", function.docstring},
                                      {"parameters", function.parameters},
                                      {"body", function.body},
                                      {"policies", json::value_from(function.policies)}});
}

void decode(const std::string& text, Function& function) {
  const json::object object = parse(text);
  function.folder = text_of(object, "folder");
  function.docstring = text_of(object, "docstring");
  function.parameters = text_of(object, "parameters");
  function.body = text_of(object, "body");
  function.policies = policies_of(object);
}

std::string encode(const ExternalTable& table) {
  const bool delta = table.kind == ExternalTable::Kind::Delta;
  return json::serialize(json::object{{"folder", table.folder},
                                      {"docstring", table.docstring},
                                      {"kind", delta ? kDeltaKind : "storage"},
                                      {"columns", encode_columns(table.columns)},
                                      {"partitions", encode_partitions(table.partitions)},
                                      {"path_format", encode_path(table.path_format)},
                                      {"path_format_text", table.path_format_text},
                                      {"format", table.format},
                                      {"connection_strings", json::value_from(table.connection_strings)},
                                      {"compressed", table.compressed},
                                      {"compression_type", table.compression_type},
                                      {"include_headers", table.include_headers},
                                      {"name_prefix", table.name_prefix},
                                      {"file_extension", table.file_extension},
                                      {"encoding", table.encoding},
                                      {"mappings", encode_mappings(table.mappings)},
                                      {"properties", json::value_from(table.properties)},
                                      {"policies", json::value_from(table.policies)}});
}

void decode(const std::string& text, ExternalTable& table) {
  const json::object object = parse(text);
  table.folder = text_of(object, "folder");
  table.docstring = text_of(object, "docstring");
  table.columns = decode_columns(object.at("columns"));
  table.partitions = decode_partitions(object.at("partitions"));
  table.path_format = decode_path(object.at("path_format"));
  table.path_format_text = text_of(object, "path_format_text");
  table.format = text_of(object, "format");
  table.connection_strings = json::value_to<std::vector<std::string>>(object.at("connection_strings"));
  table.compressed = object.at("compressed").as_bool();
  table.compression_type = text_of(object, "compression_type");
  table.include_headers = text_of(object, "include_headers");
  table.name_prefix = text_of(object, "name_prefix");
  table.file_extension = text_of(object, "file_extension");
  table.encoding = text_of(object, "encoding");
  table.properties = json::value_to<Strings>(object.at("properties"));
  table.policies = policies_of(object);
  // Absent in what version 2 of the catalog wrote.
  if (object.contains("kind") && text_of(object, "kind") == kDeltaKind) {
    table.kind = ExternalTable::Kind::Delta;
  }
  if (object.contains("mappings")) table.mappings = decode_mappings(object.at("mappings"));
}

std::string encode(const ContinuousExport& definition) {
  return json::serialize(json::object{{"external_table", definition.external_table},
                                      {"query", definition.query},
                                      {"fact_tables", json::value_from(definition.fact_tables)},
                                      {"over_given", definition.over_given},
                                      {"tables", json::value_from(definition.tables)},
                                      {"interval", definition.interval},
                                      {"forced_latency", definition.forced_latency},
                                      {"size_limit", definition.size_limit},
                                      {"backfill", definition.backfill},
                                      {"manifest", definition.manifest},
                                      {"managed_identity", definition.managed_identity},
                                      {"max_records_per_run", definition.max_records_per_run},
                                      {"max_bytes_per_run", definition.max_bytes_per_run},
                                      {"artifact_retention", definition.artifact_retention},
                                      {"properties", json::value_from(definition.properties)}});
}

void decode(const std::string& text, ContinuousExport& definition) {
  const json::object object = parse(text);
  definition.external_table = text_of(object, "external_table");
  definition.query = text_of(object, "query");
  definition.fact_tables = json::value_to<std::vector<std::string>>(object.at("fact_tables"));
  definition.over_given = object.at("over_given").as_bool();
  definition.interval = object.at("interval").to_number<int64_t>();
  definition.forced_latency = object.at("forced_latency").to_number<int64_t>();
  definition.size_limit = object.at("size_limit").to_number<int64_t>();
  definition.properties = json::value_to<Strings>(object.at("properties"));
  // Absent in what versions 1 and 2 of the catalog wrote.
  if (const json::value* tables = object.if_contains("tables")) {
    definition.tables = json::value_to<std::vector<std::string>>(*tables);
  }
  if (object.contains("managed_identity")) {  // absent before version 3
    definition.managed_identity = text_of(object, "managed_identity");
  }
  // Absent in what version 1 of the catalog wrote.
  if (!object.contains("backfill")) return;
  definition.backfill = object.at("backfill").as_bool();
  definition.manifest = object.at("manifest").as_bool();
  definition.max_records_per_run = object.at("max_records_per_run").to_number<int64_t>();
  definition.max_bytes_per_run = object.at("max_bytes_per_run").to_number<int64_t>();
  // And in what version 2 wrote.
  if (const json::value* retention = object.if_contains("artifact_retention"))
    definition.artifact_retention = retention->to_number<int64_t>();
}

namespace {

/// What most extents' first_created is: that of an extent of one batch, or of batches that were merged.
Ticks usual_first_created(const Extent& extent) {
  return extent.merged && !extent.moved ? extent.min_cursor : extent.created;
}

}  // namespace

std::string encode(const Extent& extent) {
  const bool unusual = extent.moved || extent.fields || extent.first_created != usual_first_created(extent);
  if (extent.datetime_ranges.empty() && extent.tags.empty() && !unusual) return {};
  json::object ranges;
  for (const auto& [column, range] : extent.datetime_ranges) {
    ranges[std::to_string(column)] = {range.first, range.second};
  }
  json::object object{{"ranges", std::move(ranges)}, {"tags", json::value_from(extent.tags)}};
  if (unusual) {
    object["moved"] = extent.moved;
    object["first_created"] = extent.first_created;
  }
  if (extent.fields) {
    json::object fields;
    for (const auto& [column, field] : *extent.fields) fields[std::to_string(column)] = field;
    object["fields"] = std::move(fields);
  }
  return json::serialize(object);
}

void decode(const std::string& text, Extent& extent) {
  extent.first_created = usual_first_created(extent);
  if (text.empty()) return;
  const json::object object = parse(text);
  for (const auto& [column, range] : object.at("ranges").as_object()) {
    extent.datetime_ranges[std::stoi(std::string(column))] = {range.at(0).to_number<int64_t>(),
                                                              range.at(1).to_number<int64_t>()};
  }
  extent.tags = json::value_to<std::vector<std::string>>(object.at("tags"));
  if (object.contains("moved")) {
    extent.moved = object.at("moved").as_bool();
    extent.first_created = object.at("first_created").to_number<int64_t>();
  }
  if (const json::value* fields = object.if_contains("fields")) {
    extent.fields.emplace();
    for (const auto& [column, field] : fields->as_object()) {
      (*extent.fields)[std::stoi(std::string(column))] = field.to_number<int>();
    }
  }
}

std::string encode(const IngestionFailure& failure) {
  return json::serialize(json::object{{"operation", failure.operation.str()},
                                      {"table", failure.table},
                                      {"source", failure.source},
                                      {"details", failure.details},
                                      {"error_code", failure.error_code},
                                      {"permanent", failure.permanent},
                                      {"from_update_policy", failure.from_update_policy},
                                      {"kind", failure.kind},
                                      {"principal", failure.principal},
                                      {"activity_id", failure.activity_id},
                                      {"properties", failure.properties},
                                      {"sources", failure.sources}});
}

void decode(const std::string& text, IngestionFailure& failure) {
  const json::object object = parse(text);
  const std::optional<Guid> operation = Guid::parse(text_of(object, "operation"));
  if (!operation) throw std::runtime_error("an operation without an id");
  failure.operation = *operation;
  failure.table = text_of(object, "table");
  failure.source = text_of(object, "source");
  failure.details = text_of(object, "details");
  failure.error_code = text_of(object, "error_code");
  failure.permanent = object.at("permanent").as_bool();
  failure.from_update_policy = object.at("from_update_policy").as_bool();
  failure.kind = text_of(object, "kind");
  failure.principal = text_of(object, "principal");
  failure.activity_id = text_of(object, "activity_id");
  failure.properties = text_of(object, "properties");
  failure.sources = object.at("sources").to_number<int64_t>();
}

}  // namespace spillway::catalog
