#include "commands/external_table_parser.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "base/types.h"
#include "storage/object_store.h"

namespace spillway::commands {
namespace {

using catalog::ExternalTable;
using catalog::Partition;
using catalog::PathElement;

constexpr int64_t kLargestModulo = 1'000'000;

Status read_kind(Reader& reader, ExternalTable& table) {
  SPILLWAY_TRY(reader.expect("kind"));
  SPILLWAY_TRY(reader.expect(TokenKind::Equal));
  const Token token = reader.peek();
  SPILLWAY_ASSIGN(const std::string kind,
                  reader.expect_one_of({"storage", "blob", "adl", "sql", "delta", "iceberg"}));
  if (kind == "storage" || kind == "blob" || kind == "adl") return Status();
  if (kind == "delta") {
    table.kind = ExternalTable::Kind::Delta;
    return Status();
  }
  return Error{ErrorCode::NotSupported,
               "external tables of kind '" + kind + "' aren't supported; kind=storage and kind=delta are",
               token.span};
}

/// The column of the table that a partition is computed from, which must have one of the types.
Result<std::string> partition_column(Reader& reader, const ExternalTable& table,
                                     std::initializer_list<Type> types, const char* of_type) {
  SPILLWAY_ASSIGN(const Name name, reader.name("the name of a column"));
  const auto column = std::find_if(table.columns.begin(), table.columns.end(),
                                   [&](const catalog::Column& c) { return c.name == name.text; });
  if (column == table.columns.end()) {
    return Error{ErrorCode::EntityNotFound,
                 "the table partitions by column '" + name.text + "', which its schema doesn't have",
                 name.span};
  }
  if (std::find(types.begin(), types.end(), column->type) == types.end()) {
    return Error{
        ErrorCode::BadRequest,
        "column '" + name.text + "' has type " + kql_name(column->type) + "; this partition takes " + of_type,
        name.span};
  }
  return name.text;
}

Result<Partition::Kind> datetime_function(Reader& reader) {
  SPILLWAY_ASSIGN(const std::string function,
                  reader.expect_one_of({"bin", "startofday", "startofweek", "startofmonth", "startofyear"}));
  if (function == "bin") return Partition::Kind::Bin;
  if (function == "startofday") return Partition::Kind::StartOfDay;
  if (function == "startofweek") return Partition::Kind::StartOfWeek;
  if (function == "startofmonth") return Partition::Kind::StartOfMonth;
  return Partition::Kind::StartOfYear;
}

Result<Ticks> bin_size(Reader& reader) {
  const Token token = reader.peek();
  std::string_view text = token.text;
  if (const size_t open = text.find('('); open != std::string_view::npos && text.ends_with(')')) {
    text = text.substr(open + 1, text.size() - open - 2);
  }
  const std::optional<Ticks> size = token.kind == TokenKind::TimeSpan ? parse_timespan(text) : std::nullopt;
  if (!size || *size <= 0) return reader.expected("a positive timespan, as 1h or 1d");
  SPILLWAY_TRY(reader.expect(TokenKind::TimeSpan));
  return *size;
}

Status read_datetime_partition(Reader& reader, const ExternalTable& table, Partition& partition) {
  SPILLWAY_ASSIGN(partition.kind, datetime_function(reader));
  SPILLWAY_TRY(reader.expect(TokenKind::OpenParen));
  SPILLWAY_ASSIGN(partition.column, partition_column(reader, table, {Type::DateTime}, "a datetime column"));
  if (partition.kind == Partition::Kind::Bin) {
    SPILLWAY_TRY(reader.expect(TokenKind::Comma));
    SPILLWAY_ASSIGN(partition.argument, bin_size(reader));
  }
  return reader.expect(TokenKind::CloseParen);
}

Status read_hash_partition(Reader& reader, const ExternalTable& table, Partition& partition) {
  partition.kind = Partition::Kind::Hash;
  SPILLWAY_TRY(reader.expect("hash"));
  SPILLWAY_TRY(reader.expect(TokenKind::OpenParen));
  SPILLWAY_ASSIGN(partition.column, partition_column(reader, table, {Type::String}, "a string column"));
  SPILLWAY_TRY(reader.expect(TokenKind::Comma));
  const TextSpan span = reader.peek().span;
  SPILLWAY_ASSIGN(partition.argument, reader.integer("a number of partitions"));
  if (partition.argument < 1 || partition.argument > kLargestModulo) {
    return Error{ErrorCode::BadRequest,
                 "hash() takes a number of partitions from 1 to " + std::to_string(kLargestModulo), span};
  }
  return reader.expect(TokenKind::CloseParen);
}

Result<Partition> read_partition(Reader& reader, const ExternalTable& table) {
  Partition partition;
  SPILLWAY_ASSIGN(const Name name, reader.name("the name of a partition"));
  SPILLWAY_TRY(check_name("partition", name));
  partition.name = name.text;
  SPILLWAY_TRY(reader.expect(TokenKind::Colon));
  const TextSpan type_span = reader.peek().span;
  SPILLWAY_ASSIGN(partition.type, reader.type());
  const auto fits = {Type::String, Type::Long, Type::DateTime};
  if (std::find(fits.begin(), fits.end(), partition.type) == fits.end()) {
    return Error{ErrorCode::BadRequest, "a partition has type string, long or datetime", type_span};
  }
  if (!reader.accept(TokenKind::Equal)) {
    if (partition.type == Type::Long) {
      return Error{ErrorCode::BadRequest, "a virtual partition has type string or datetime", type_span};
    }
    partition.kind = Partition::Kind::Virtual;
  } else if (partition.type == Type::String) {
    partition.kind = Partition::Kind::Column;
    SPILLWAY_ASSIGN(partition.column, partition_column(reader, table, {Type::String}, "a string column"));
  } else if (partition.type == Type::Long) {
    SPILLWAY_TRY(read_hash_partition(reader, table, partition));
  } else {
    SPILLWAY_TRY(read_datetime_partition(reader, table, partition));
  }
  return partition;
}

Status read_partitions(Reader& reader, ExternalTable& table) {
  SPILLWAY_TRY(reader.expect("by"));
  SPILLWAY_TRY(reader.expect(TokenKind::OpenParen));
  std::set<std::string> seen;
  do {
    const TextSpan span = reader.peek().span;
    SPILLWAY_ASSIGN(Partition next, read_partition(reader, table));
    if (!seen.insert(next.name).second) {
      return Error{ErrorCode::BadRequest, "partition '" + next.name + "' is there twice", span};
    }
    if (next.kind == Partition::Kind::Virtual &&
        table.columns.end() != std::find_if(table.columns.begin(), table.columns.end(),
                                            [&](const catalog::Column& c) { return c.name == next.name; })) {
      return Error{ErrorCode::BadRequest,
                   "virtual partition '" + next.name + "' has the name of a column of the schema", span};
    }
    table.partitions.push_back(std::move(next));
  } while (reader.accept(TokenKind::Comma));
  return reader.expect(TokenKind::CloseParen);
}

/// The partition that a path element names.
Result<const Partition*> named_partition(Reader& reader, const ExternalTable& table) {
  SPILLWAY_ASSIGN(const Name name,
                  reader.name("a text in quotes, datetime_pattern(…) or the name of a partition"));
  for (const Partition& partition : table.partitions) {
    if (partition.name == name.text) return &partition;
  }
  return Error{ErrorCode::EntityNotFound, "pathformat names '" + name.text + "', which is no partition",
               name.span};
}

Result<PathElement> read_path_element(Reader& reader, const ExternalTable& table) {
  PathElement element;
  if (reader.peek().kind == TokenKind::String) {
    SPILLWAY_ASSIGN(element.text, reader.string("a text in quotes"));
    return element;
  }
  const bool with_pattern = reader.accept("datetime_pattern");
  if (with_pattern) {
    SPILLWAY_TRY(reader.expect(TokenKind::OpenParen));
    SPILLWAY_ASSIGN(element.pattern, reader.string("a datetime format in quotes"));
    SPILLWAY_TRY(reader.expect(TokenKind::Comma));
  }
  const TextSpan span = reader.peek().span;
  SPILLWAY_ASSIGN(const Partition* partition, named_partition(reader, table));
  if (with_pattern && partition->type != Type::DateTime) {
    return Error{ErrorCode::BadRequest,
                 "datetime_pattern() takes a datetime partition; '" + partition->name + "' is " +
                     kql_name(partition->type),
                 span};
  }
  if (with_pattern) SPILLWAY_TRY(reader.expect(TokenKind::CloseParen));
  element.partition = partition->name;
  return element;
}

/// Every partition has its place in the path once, and two of them have a text between them.
Status check_path(const ExternalTable& table, const TextSpan& span) {
  const auto refuse = [&](const std::string& why) {
    return Error{ErrorCode::BadRequest, "pathformat: " + why, span};
  };
  for (const Partition& partition : table.partitions) {
    const auto places = std::count_if(table.path_format.begin(), table.path_format.end(),
                                      [&](const PathElement& e) { return e.partition == partition.name; });
    if (places == 0) return refuse("partition '" + partition.name + "' has no place in it");
    const bool pattern = std::any_of(
        table.path_format.begin(), table.path_format.end(),
        [&](const PathElement& e) { return e.partition == partition.name && !e.pattern.empty(); });
    if (places > 1 && !pattern) return refuse("partition '" + partition.name + "' is there twice");
  }
  for (size_t i = 1; i < table.path_format.size(); ++i) {
    if (!table.path_format[i - 1].partition.empty() && !table.path_format[i].partition.empty()) {
      return refuse("'" + table.path_format[i - 1].partition + "' and '" + table.path_format[i].partition +
                    "' need a text between them");
    }
  }
  return Status();
}

Status read_path_format(Reader& reader, ExternalTable& table) {
  SPILLWAY_TRY(reader.expect(TokenKind::Equal));
  SPILLWAY_TRY(reader.expect(TokenKind::OpenParen));
  const TextSpan span = reader.peek().span;
  Reader ahead = reader;
  SPILLWAY_ASSIGN(table.path_format_text, ahead.until_closing());
  while (reader.peek().kind != TokenKind::CloseParen) {
    SPILLWAY_ASSIGN(PathElement next, read_path_element(reader, table));
    table.path_format.push_back(std::move(next));
  }
  SPILLWAY_TRY(reader.expect(TokenKind::CloseParen));
  return check_path(table, span);
}

Status read_format(Reader& reader, ExternalTable& table) {
  SPILLWAY_TRY(reader.expect("dataformat"));
  SPILLWAY_TRY(reader.expect(TokenKind::Equal));
  const Token token = reader.peek();
  SPILLWAY_ASSIGN(const Name format, reader.name("a data format"));
  table.format = lower_case(format.text);
  const auto known = {"csv", "tsv", "tsve", "psv",       "scsv",   "sohsv",
                      "txt", "raw", "json", "multijson", "parquet"};
  if (std::find(known.begin(), known.end(), table.format) != known.end()) return Status();
  return Error{ErrorCode::NotSupported,
               "data format '" + format.text +
                   "' isn't supported; csv, tsv, json, multijson, parquet, psv, scsv, sohsv, "
                   "tsve, txt and raw are",
               token.span};
}

Status read_connections(Reader& reader, ExternalTable& table) {
  SPILLWAY_TRY(reader.expect(TokenKind::OpenParen));
  do {
    const TextSpan span = reader.peek().span;
    SPILLWAY_ASSIGN(std::string text, reader.string("a storage connection string in quotes"));
    const Result<storage::ConnectionString> parsed = storage::ConnectionString::parse(text);
    if (!parsed.ok()) return Error{parsed.error().code, parsed.error().message, span};
    table.connection_strings.push_back(std::move(text));
  } while (reader.accept(TokenKind::Comma));
  return reader.expect(TokenKind::CloseParen);
}

/// "All", "FirstFile", "None" in any case, as they are documented.
Result<std::string> choice(const Properties& properties, const char* name,
                           std::initializer_list<const char*> choices, const char* otherwise) {
  if (!properties.has(name)) return std::string(otherwise);
  const std::string given = properties.text_or(name, otherwise);
  std::string list;
  for (const char* choice : choices) {
    if (same_ignoring_case(given, choice)) return std::string(choice);
    list += (list.empty() ? "" : ", ") + std::string(choice);
  }
  return Error{ErrorCode::BadRequest, "property '" + std::string(name) + "' must be one of " + list};
}

Status check_delta_properties(const Properties& properties) {
  SPILLWAY_TRY(properties.check({"folder", "docString", "compressed", "compressionType", "namePrefix",
                                 "fileExtension", "encoding", "sampleUris", "filesPreview",
                                 "validateNotEmpty", "dryRun", "autoUpdateSchema"}));
  SPILLWAY_ASSIGN(const bool updates, properties.boolean("autoUpdateSchema", false));
  if (!updates) return Status();
  return Error{ErrorCode::NotSupported,
               "property 'AutoUpdateSchema' needs a query acceleration policy, which isn't supported: alter "
               "the external table without a schema to take over a new one"};
}

Status read_properties(Reader& reader, ExternalTableRequest& request) {
  ExternalTable& table = request.table;
  SPILLWAY_ASSIGN(const Properties properties, Properties::parse(reader));
  SPILLWAY_TRY(table.kind == ExternalTable::Kind::Delta
                   ? check_delta_properties(properties)
                   : properties.check({"folder", "docString", "compressed", "compressionType",
                                       "includeHeaders", "namePrefix", "fileExtension", "encoding",
                                       "sampleUris", "filesPreview", "validateNotEmpty", "dryRun"}));
  table.folder = properties.text_or("folder", "");
  table.docstring = properties.text_or("docString", "");
  table.name_prefix = properties.text_or("namePrefix", "");
  table.file_extension = properties.text_or("fileExtension", "");
  SPILLWAY_ASSIGN(table.compressed, properties.boolean("compressed", false));
  SPILLWAY_ASSIGN(table.include_headers,
                  choice(properties, "includeHeaders", {"All", "FirstFile", "None"}, "None"));
  SPILLWAY_ASSIGN(table.encoding, choice(properties, "encoding", {"UTF8NoBOM", "UTF8BOM"}, ""));
  if (properties.has("compressionType")) {
    SPILLWAY_ASSIGN(table.compression_type, choice(properties, "compressionType",
                                                   {"gzip", "snappy", "lz4_raw", "brotli", "zstd"}, ""));
    if (table.format != "parquet" && table.compression_type != "gzip") {
      return Error{ErrorCode::BadRequest, "compressionType '" + table.compression_type +
                                              "' is for Parquet only; other formats take gzip"};
    }
  }
  SPILLWAY_ASSIGN(request.sample_uris, properties.boolean("sampleUris", false));
  SPILLWAY_ASSIGN(request.files_preview, properties.boolean("filesPreview", false));
  SPILLWAY_ASSIGN(request.validate_not_empty, properties.boolean("validateNotEmpty", false));
  SPILLWAY_ASSIGN(request.dry_run, properties.boolean("dryRun", false));
  return Status();
}

/// What stands between the kind and the connection strings.
Status read_storage_clauses(Reader& reader, ExternalTable& table) {
  if (reader.accept("partition")) {
    SPILLWAY_TRY(read_partitions(reader, table));
    if (reader.accept("pathformat")) SPILLWAY_TRY(read_path_format(reader, table));
  }
  return read_format(reader, table);
}

/// The log of a Delta table tells how it is partitioned and which files it has.
Status read_delta_clauses(Reader& reader, ExternalTable& table) {
  for (const char* clause : {"partition", "pathformat", "dataformat"}) {
    if (!reader.next_is(clause)) continue;
    return Error{ErrorCode::BadRequest,
                 "kind=delta takes no '" + std::string(clause) + "': the log of the Delta table tells that",
                 reader.peek().span};
  }
  table.format = "parquet";
  return Status();
}

}  // namespace

Result<ExternalTableRequest> read_external_table(Reader& reader, const Name& name) {
  ExternalTableRequest request;
  ExternalTable& table = request.table;
  table.name = name.text;
  request.infer_columns = reader.next_is("kind");
  if (!request.infer_columns) {
    SPILLWAY_ASSIGN(table.columns, reader.schema());
  }
  for (size_t i = 0; i < table.columns.size(); ++i) table.columns[i].id = static_cast<int>(i + 1);
  const TextSpan kind = reader.peek().span;
  SPILLWAY_TRY(read_kind(reader, table));
  const bool is_delta = table.kind == ExternalTable::Kind::Delta;
  if (request.infer_columns && !is_delta) {
    return Error{ErrorCode::Syntax,
                 "expected a schema, (Column:type, …), which only kind=delta can be without", kind};
  }
  SPILLWAY_TRY(is_delta ? read_delta_clauses(reader, table) : read_storage_clauses(reader, table));
  const TextSpan connections = reader.peek().span;
  SPILLWAY_TRY(read_connections(reader, table));
  if (is_delta && table.connection_strings.size() != 1) {
    return Error{ErrorCode::BadRequest,
                 "kind=delta takes one connection string, of the Delta table's root folder", connections};
  }
  SPILLWAY_TRY(read_properties(reader, request));
  SPILLWAY_TRY(reader.end());
  return request;
}

}  // namespace spillway::commands
