// externaldata and inline_external_table: external tables that a query defines itself.
// Sources: query/externaldata-operator.md, query/inline-external-table-operator.md, management/mappings.md.
#include <algorithm>
#include <cctype>
#include <charconv>

#include "kql/binder_internal.h"
#include "kql/connections.h"
#include "kql/json.h"

namespace spillway::kql {

using catalog::Partition;

namespace {

/// Fields of a record of delimited text that a mapping can name.
constexpr size_t kMostFields = 10'000;

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

/// The formats that external tables are read in.
const std::set<std::string>& readable_formats() {
  static const std::set<std::string> kFormats = {"csv", "tsv", "tsve", "psv",       "scsv",   "sohsv",
                                                 "txt", "raw", "json", "multijson", "parquet"};
  return kFormats;
}

Result<std::string> check_format(const std::string& given, TextSpan span) {
  std::string format = lower_case(given);
  if (format == "singlejson") format = "multijson";
  if (readable_formats().count(format) > 0) return format;
  std::string list;
  for (const std::string& known : readable_formats()) list += (list.empty() ? "" : ", ") + known;
  return Error(ErrorCode::NotSupported, "The data format '" + given + "' is not supported: there are " + list,
               span);
}

/// By the extension of the file that a connection string names; csv where that says nothing.
std::string format_of_file(std::string_view connection) {
  connection = connection.substr(0, connection.find_first_of("?;"));
  std::string name = lower_case(connection.substr(connection.find_last_of('/') + 1));
  if (name.ends_with(".gz")) name.resize(name.size() - 3);
  const size_t dot = name.rfind('.');
  const std::string extension = dot == std::string::npos ? "" : name.substr(dot + 1);
  return readable_formats().count(extension) > 0 ? extension : "csv";
}

std::shared_ptr<catalog::ExternalTable> table_of(const syntax::RowSchema& schema, const std::string& name) {
  auto table = std::make_shared<catalog::ExternalTable>();
  table->name = name;
  for (const syntax::ColumnDecl& declared : schema.columns) {
    catalog::Column column;
    column.id = static_cast<int>(table->columns.size() + 1);
    column.name = declared.name.text;
    column.type = declared.type;
    table->columns.push_back(std::move(column));
  }
  return table;
}

Status check_schema(const syntax::RowSchema& schema, const std::string& where) {
  std::set<std::string> names;
  for (const syntax::ColumnDecl& column : schema.columns) {
    if (names.insert(column.name.text).second) continue;
    return Error(ErrorCode::Semantic, where + ": column '" + column.name.text + "' is declared twice",
                 column.span);
  }
  if (names.empty()) return Error(ErrorCode::Semantic, where + ": needs at least one column", schema.span);
  return Status();
}

std::string text_member(std::string_view object, std::string_view name) {
  for (json::Cursor cursor(object); cursor.next();) {
    if (lower_case(cursor.key()) != name) continue;
    std::string text;
    json::append_text(cursor.value(), text);
    return text;
  }
  return "";
}

std::string_view object_member(std::string_view object, std::string_view name) {
  for (json::Cursor cursor(object); cursor.next();) {
    if (lower_case(cursor.key()) == name) return cursor.value();
  }
  return "{}";
}

/// A text of a mapping's element, which stands among its properties, or, in the older form, beside them.
std::string mapping_text(std::string_view item, std::string_view name) {
  std::string text = text_member(object_member(item, "properties"), name);
  return text.empty() ? text_member(item, name) : text;
}

/// The function that makes a datetime of a Unix time; "" without a transformation.
Result<std::string> unix_time_function(const std::string& transform, const std::string& what, TextSpan span) {
  static const std::map<std::string_view, const char*> kFunctions = {
      {"", ""},
      {"none", ""},
      {"datetimefromunixseconds", "unixtime_seconds_todatetime"},
      {"datetimefromunixmilliseconds", "unixtime_milliseconds_todatetime"},
      {"datetimefromunixmicroseconds", "unixtime_microseconds_todatetime"},
      {"datetimefromunixnanoseconds", "unixtime_nanoseconds_todatetime"}};
  const auto found = kFunctions.find(lower_case(transform));
  if (found != kFunctions.end()) return std::string(found->second);
  return Error(ErrorCode::NotSupported,
               what + ": the transformation '" + transform + "' of a mapping is not supported", span);
}

Result<ExternalSource> mapped_source(std::string_view item, bool delimited, const std::string& what,
                                     TextSpan span) {
  ExternalSource source;
  const std::string transform = mapping_text(item, "transform");
  for (const std::string_view name : {"constvalue", "constantvalue"}) {
    source.text = mapping_text(item, name);
    if (source.text.empty()) continue;
    source.kind = ExternalSource::Kind::Constant;
    return source;
  }
  if (lower_case(transform) == "sourcelocation") {
    source.kind = ExternalSource::Kind::Location;
    return source;
  }
  SPILLWAY_ASSIGN(source.unix_time, unix_time_function(transform, what, span));
  if (delimited) {
    const std::string text = mapping_text(item, "ordinal");
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, source.ordinal);
    if (error != std::errc() || stop != end || source.ordinal >= kMostFields) return source;
    source.kind = ExternalSource::Kind::Ordinal;
    return source;
  }
  source.text = mapping_text(item, "path");
  if (source.text.empty()) source.text = mapping_text(item, "field");
  if (!source.text.empty()) source.kind = ExternalSource::Kind::Path;
  return source;
}

std::string property_text(const syntax::Properties& properties, std::string_view name) {
  for (const syntax::Property& property : properties) {
    if (lower_case(property.name.text) == name) return property.text();
  }
  return "";
}

}  // namespace

void add_delta_columns(const InferredSchema& schema, bool infer_columns, catalog::ExternalTable& table) {
  for (const Field& field : schema.columns) {
    if (schema.partitions.contains(field.name)) {
      const auto declared = [&](const catalog::Column& column) { return column.name == field.name; };
      if (std::any_of(table.columns.begin(), table.columns.end(), declared)) continue;
      table.partitions.push_back({field.name, field.type, Partition::Kind::Virtual, "", 0});
    } else if (infer_columns) {
      table.columns.push_back({static_cast<int>(table.columns.size() + 1), field.name, field.type, ""});
    }
  }
}

Result<std::vector<ExternalSource>> mapped_sources(const std::string& mapping,
                                                   const catalog::ExternalTable& table,
                                                   const std::string& what, TextSpan span) {
  std::string canonical;
  if (!json::canonicalize(mapping, canonical) || json::kind_of(canonical) != json::Kind::Array) {
    return Error(ErrorCode::Semantic, what + ": the mapping is not a JSON array", span);
  }
  const bool by_name = table.format == "json" || table.format == "multijson" || table.format == "parquet";
  std::vector<ExternalSource> sources(table.columns.size());
  for (json::Cursor items(canonical); items.next();) {
    const std::string_view item = items.value();
    std::string column;
    for (const std::string_view name : {"column", "columnname", "name"}) {
      if (column.empty()) column = text_member(item, name);
    }
    SPILLWAY_ASSIGN(const ExternalSource source, mapped_source(item, !by_name, what, span));
    for (size_t i = 0; i < table.columns.size(); ++i) {
      if (table.columns[i].name == column) sources[i] = source;
    }
  }
  return sources;
}

Result<std::vector<std::string>> Binder::connection_texts(const std::vector<syntax::ExprPtr>& given,
                                                          const EnvironmentPtr& environment) {
  std::vector<std::string> texts;
  for (const syntax::ExprPtr& connection : given) {
    SPILLWAY_ASSIGN(std::string text, constant_text(*connection, environment, "a storage connection string"));
    SPILLWAY_TRY(check_connection(options_, text));
    texts.push_back(std::move(text));
  }
  return texts;
}

Result<Tabular> Binder::scan_defined(std::shared_ptr<ExternalScan> node, TextSpan span) {
  attach(*node, span);
  for (const catalog::Column& column : node->table->columns) {
    node->columns.push_back(new_column(column.name, column.type));
    node->names.push_back(column.name);
  }
  for (const Partition& partition : node->table->partitions) {
    if (partition.kind != Partition::Kind::Virtual) continue;
    node->columns.push_back(new_column(partition.name, partition.type));
    node->names.push_back(partition.name);
  }
  result_.external_tables.insert(node->table->name);
  Tabular result;
  result.columns = node->columns;
  result.rel = std::move(node);
  return counted(std::move(result));
}

Result<Tabular> Binder::bind_external_data(const syntax::ExternalDataExpr& expression,
                                           const EnvironmentPtr& environment) {
  SPILLWAY_TRY(check_schema(expression.schema, "externaldata"));
  const auto table = table_of(expression.schema, "externaldata");
  SPILLWAY_ASSIGN(table->connection_strings, connection_texts(expression.connection_strings, environment));
  const std::string format = property_text(expression.properties, "format");
  SPILLWAY_ASSIGN(
      table->format,
      check_format(format.empty() ? format_of_file(table->connection_strings[0]) : format, expression.span));
  if (property_text(expression.properties, "ignorefirstrecord") == "true") table->include_headers = "All";
  auto node = std::make_shared<ExternalScan>();
  node->names_files = true;
  std::string mapping = property_text(expression.properties, "ingestionmapping");
  if (mapping.empty()) mapping = property_text(expression.properties, "mapping");
  if (!mapping.empty()) {
    SPILLWAY_ASSIGN(node->sources, mapped_sources(mapping, *table, "externaldata", expression.span));
  }
  node->table = table;
  return scan_defined(std::move(node), expression.span);
}

namespace {

/// The column that a partition's expression is made of.
Result<std::string> partition_source(const syntax::Expr& expression, const catalog::ExternalTable& table) {
  const auto* name = expression.try_as<syntax::NameExpr>();
  const auto known = [&](const catalog::Column& column) { return name && column.name == name->name.text; };
  if (std::any_of(table.columns.begin(), table.columns.end(), known)) return name->name.text;
  return Error(ErrorCode::Semantic, "A partition is made of one of the table's columns", expression.span);
}

Result<Partition> partition_of(const syntax::PartitionColumn& given, const catalog::ExternalTable& table) {
  Partition partition;
  partition.name = given.name.text;
  partition.type = given.type;
  if (given.type != Type::String && given.type != Type::DateTime && given.type != Type::Long) {
    return Error(ErrorCode::Semantic, "A partition has type string, long or datetime", given.span);
  }
  if (!given.value) {
    partition.kind = Partition::Kind::Virtual;
    return partition;
  }
  const auto* call = given.value->try_as<syntax::CallExpr>();
  if (!call) {
    SPILLWAY_ASSIGN(partition.column, partition_source(*given.value, table));
    return partition;
  }
  static const std::map<std::string_view, Partition::Kind> kKinds = {
      {"bin", Partition::Kind::Bin},
      {"startofday", Partition::Kind::StartOfDay},
      {"startofweek", Partition::Kind::StartOfWeek},
      {"startofmonth", Partition::Kind::StartOfMonth},
      {"startofyear", Partition::Kind::StartOfYear},
      {"hash", Partition::Kind::Hash}};
  const auto kind = kKinds.find(call->name.text);
  if (kind == kKinds.end() || call->arguments.empty()) {
    return Error(ErrorCode::Semantic,
                 "A partition is a column, or bin(), startofday(), startofweek(), startofmonth(), "
                 "startofyear() or hash() of one",
                 given.span);
  }
  partition.kind = kind->second;
  SPILLWAY_ASSIGN(partition.column, partition_source(*call->arguments[0].value, table));
  if (partition.kind != Partition::Kind::Bin && partition.kind != Partition::Kind::Hash) return partition;
  const auto* argument =
      call->arguments.size() == 2 ? call->arguments[1].value->try_as<syntax::LiteralExpr>() : nullptr;
  const Type wanted = partition.kind == Partition::Kind::Bin ? Type::TimeSpan : Type::Long;
  if (!argument || argument->value.is_null() || argument->value.type() != wanted ||
      argument->value.as_int() <= 0) {
    return Error(ErrorCode::Semantic,
                 call->name.text + "(): expected a positive " + kql_name(wanted) + " as its second argument",
                 call->span);
  }
  partition.argument = argument->value.as_int();
  return partition;
}

Result<catalog::PathElement> path_element(const syntax::PathFormatElement& given,
                                          const catalog::ExternalTable& table) {
  catalog::PathElement element;
  if (given.kind == syntax::PathFormatElement::Kind::Text) {
    element.text = given.text;
    return element;
  }
  const auto same = [&](const Partition& partition) { return partition.name == given.column.text; };
  if (std::none_of(table.partitions.begin(), table.partitions.end(), same)) {
    return Error(ErrorCode::Semantic, "pathformat names '" + given.column.text + "', which is no partition",
                 given.span);
  }
  element.partition = given.column.text;
  if (given.kind == syntax::PathFormatElement::Kind::DateTimePattern) element.pattern = given.text;
  return element;
}

}  // namespace

namespace {

/// What only kind=storage takes.
Status check_delta_clauses(const syntax::InlineExternalTableExpr& expression) {
  const auto refuse = [&](const std::string& what) {
    return Error(ErrorCode::Semantic, "inline_external_table: kind=delta takes no " + what, expression.span);
  };
  if (!expression.partitions.empty()) return refuse("'partition by': the table's log tells its partitions");
  if (!expression.path_format.empty()) return refuse("'pathformat': the table's log tells its files");
  if (expression.data_format) return refuse("'dataformat': its files are Parquet");
  if (!expression.properties.empty()) return refuse("properties");
  if (expression.connection_strings.size() == 1) return Status();
  return Error(ErrorCode::Semantic,
               "inline_external_table: kind=delta takes one connection string, of the table's root folder",
               expression.span);
}

/// A column of the given schema must be one of the table's, with a type that it can be read as.
Status check_delta_column(const catalog::Column& column, const InferredSchema& schema, TextSpan span) {
  const auto found = std::find_if(schema.columns.begin(), schema.columns.end(),
                                  [&](const Field& field) { return field.name == column.name; });
  if (found == schema.columns.end()) {
    return Error(ErrorCode::Semantic,
                 "inline_external_table: the Delta table has no column '" + column.name + "'", span);
  }
  const auto number = [](Type type) {
    return type == Type::Int || type == Type::Long || type == Type::Real || type == Type::Decimal;
  };
  // What a text holds, the conversion shows; guid, timespan and dynamic are written as texts and longs.
  if (found->type == column.type || found->type == Type::String || column.type == Type::String ||
      found->type == Type::Dynamic || (number(found->type) && number(column.type)) ||
      (found->type == Type::Long && column.type == Type::TimeSpan)) {
    return Status();
  }
  return Error(ErrorCode::Semantic,
               "inline_external_table: column '" + column.name + "' of the Delta table is of type " +
                   kql_name(found->type) + ", which can't be read as " + kql_name(column.type),
               span);
}

}  // namespace

Result<Tabular> Binder::bind_inline_delta_table(const syntax::InlineExternalTableExpr& expression,
                                                const EnvironmentPtr& environment) {
  SPILLWAY_TRY(check_delta_clauses(expression));
  if (expression.schema) SPILLWAY_TRY(check_schema(*expression.schema, "inline_external_table"));
  if (!options_.infer_schema) {
    return not_supported("inline_external_table: kind=delta isn't supported in a query that is kept",
                         expression.span);
  }
  StorageSample sample;
  sample.format = "delta";
  SPILLWAY_ASSIGN(sample.containers, connection_texts(expression.connection_strings, environment));
  Result<InferredSchema> schema = options_.infer_schema(sample);
  if (!schema.ok()) return Error(schema.error().code, schema.error().message, expression.span);
  const auto table =
      table_of(expression.schema ? *expression.schema : syntax::RowSchema(), "inline_external_table");
  table->kind = catalog::ExternalTable::Kind::Delta;
  table->format = "parquet";
  table->connection_strings = std::move(sample.containers);
  for (const catalog::Column& column : table->columns) {
    SPILLWAY_TRY(check_delta_column(column, *schema, expression.schema->span));
  }
  add_delta_columns(*schema, !expression.schema, *table);
  auto node = std::make_shared<ExternalScan>();
  node->table = table;
  return scan_defined(std::move(node), expression.span);
}

Result<Tabular> Binder::bind_inline_external_table(const syntax::InlineExternalTableExpr& expression,
                                                   const EnvironmentPtr& environment) {
  const std::string kind = lower_case(expression.table_kind.text);
  if (kind == "delta") return bind_inline_delta_table(expression, environment);
  if (kind != "storage") {
    return not_supported("inline_external_table: kind=storage and kind=delta are supported, not kind=" +
                             expression.table_kind.text,
                         expression.table_kind.span);
  }
  if (!expression.schema) return semantic("inline_external_table: needs a schema", expression.span);
  SPILLWAY_TRY(check_schema(*expression.schema, "inline_external_table"));
  const auto table = table_of(*expression.schema, "inline_external_table");
  if (!expression.data_format) return semantic("inline_external_table: needs a dataformat", expression.span);
  SPILLWAY_ASSIGN(table->format, check_format(expression.data_format->text, expression.data_format->span));
  for (const syntax::PartitionColumn& given : expression.partitions) {
    SPILLWAY_ASSIGN(Partition partition, partition_of(given, *table));
    table->partitions.push_back(std::move(partition));
  }
  for (const syntax::PathFormatElement& given : expression.path_format) {
    SPILLWAY_ASSIGN(catalog::PathElement element, path_element(given, *table));
    table->path_format.push_back(std::move(element));
  }
  SPILLWAY_ASSIGN(table->connection_strings, connection_texts(expression.connection_strings, environment));
  const std::string headers = lower_case(property_text(expression.properties, "includeheaders"));
  if (headers == "all") table->include_headers = "All";
  if (headers == "firstfile") table->include_headers = "FirstFile";
  table->name_prefix = property_text(expression.properties, "nameprefix");
  table->file_extension = property_text(expression.properties, "fileextension");
  auto node = std::make_shared<ExternalScan>();
  node->names_files = true;
  node->table = table;
  return scan_defined(std::move(node), expression.span);
}

}  // namespace spillway::kql
