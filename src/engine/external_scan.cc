// Scans of external tables to SQL: see lowering.h. Files are read by DuckDB's own readers and their values
// converted by the conversions of the function table (todatetime(), tolong(), …): what can't be converted is
// null.
//
//   csv, tsv …   columns by position, all read as text; missing ones at a record's end are null
//   txt, raw     one column: a line, or the whole file
//   json         an object on each line (multijson: also spread over lines, or in an array), columns by name
//   parquet      columns by name; a timestamp becomes a datetime, nested values dynamic
//   Delta table  Parquet files, those that its log names (delta_log.h)
//
// Virtual columns come from the files' paths, one value for each file, by DuckDB's virtual column file_index.
// Sources: management/external-tables-azure-storage.md, ingestion-supported-formats.md.
#include <algorithm>
#include <map>
#include <set>

#include "engine/external_files.h"
#include "engine/lowering.h"
#include "engine/partition_pruning.h"
#include "engine/paths.h"
#include "engine/scratch.h"
#include "engine/sql.h"
#include "kql/partition_value.h"

namespace spillway::engine {
namespace {

/// The longest line of a text file, and the buffer that is read at once, in bytes.
constexpr const char* kMaxLine = "33554432";
constexpr const char* kTextBuffer = "67108864";

/// A character that no line of JSON holds: for readers that want a delimiter.
constexpr const char* kNoDelimiter = "'\\x01'";

const char* conversion_to(Type type) {
  switch (type) {
    case Type::Bool: return "tobool";
    case Type::Int: return "toint";
    case Type::Long: return "tolong";
    case Type::Real: return "toreal";
    case Type::Decimal: return "todecimal";
    case Type::String: return "tostring";
    case Type::DateTime: return "todatetime";
    case Type::TimeSpan: return "totimespan";
    case Type::Guid: return "toguid";
    case Type::Dynamic: break;
  }
  return "parse_json";
}

const kql::ScalarOverload* conversion(Type from, Type to) {
  const kql::ScalarFunction* function = kql::FunctionTable::instance().scalar(conversion_to(to));
  if (!function) return nullptr;
  for (const auto& overload : function->overloads) {
    if (overload->parameters.size() == 1 && overload->parameters[0].type == from &&
        overload->parameters[0].kind == kql::Parameter::Kind::Exact) {
      return overload.get();
    }
  }
  return nullptr;
}

/// A value for each file, by its index.
std::string per_file(const std::vector<const ExternalFile*>& files, Type type,
                     const std::function<std::string(const ExternalFile&)>& value) {
  std::vector<std::string> values;
  for (const ExternalFile* file : files) values.push_back(value(*file));
  return "CAST([" + join_texts(values, ", ") + "] AS " + sql_type(type) +
         "[])[CAST(file_index AS BIGINT) + 1]";
}

std::string file_list(const std::vector<const ExternalFile*>& files) {
  std::vector<std::string> paths;
  for (const ExternalFile* file : files) paths.push_back(sql_path(file->path));
  return "[" + join_texts(paths, ", ") + "]";
}

/// Ticks of a date or a timestamp; null outside of Kusto's range.
std::string ticks_of(const std::string& value, const std::string& type) {
  if (type == "TIMESTAMP_NS") {
    const std::string ns = "epoch_ns(" + value + ")";
    return "(CASE WHEN isfinite(" + value + ") THEN (" + ns + " - (" + ns + " % 100 + 100) % 100) // 100 + " +
           std::to_string(kUnixEpoch) + " END)";
  }
  const std::string microseconds =
      type == "DATE" ? "epoch_us(CAST(" + value + " AS TIMESTAMP))" : "epoch_us(" + value + ")";
  return "(CASE WHEN isfinite(" + value + ") AND " + microseconds + " BETWEEN " +
         std::to_string(-kUnixEpoch / kTicksPerMicrosecond) + " AND " +
         std::to_string((kMaxDateTime - kUnixEpoch) / kTicksPerMicrosecond) + " THEN " + microseconds +
         " * " + std::to_string(kTicksPerMicrosecond) + " + " + std::to_string(kUnixEpoch) + " END)";
}

/// A value of a Parquet column as one of Kusto's types.
struct Typed {
  std::string sql;
  Type type;
};

Typed typed(const std::string& value, const std::string& type) {
  static const std::set<std::string> kIntegers{"TINYINT",  "SMALLINT",  "INTEGER", "BIGINT",
                                               "UTINYINT", "USMALLINT", "UINTEGER"};
  if (type == "BOOLEAN") return {value, Type::Bool};
  if (kIntegers.contains(type)) return {"CAST(" + value + " AS BIGINT)", Type::Long};
  if (type == "UBIGINT" || type.ends_with("HUGEINT") || type.starts_with("DECIMAL")) {
    // By way of its text, which every type of number can be made of: see select_parquet().
    return {"CAST(" + value + " AS VARCHAR)", Type::Decimal};
  }
  // By its own text a float keeps its digits.
  if (type == "FLOAT") return {"CAST(CAST(" + value + " AS VARCHAR) AS DOUBLE)", Type::Real};
  if (type == "DOUBLE") return {value, Type::Real};
  if (type == "UUID") return {value, Type::Guid};
  if (type == "DATE" || type.starts_with("TIMESTAMP")) return {ticks_of(value, type), Type::DateTime};
  if (type == "TIME" || type == "INTERVAL") {
    return {"(epoch_us(" + value + ") * " + std::to_string(kTicksPerMicrosecond) + ")", Type::TimeSpan};
  }
  if (type.ends_with("]") || type.starts_with("STRUCT(") || type.starts_with("MAP(")) {
    return {"CAST(to_json(" + value + ") AS VARCHAR)", Type::Dynamic};
  }
  return {"COALESCE(CAST(" + value + " AS VARCHAR), '')", Type::String};
}

/// The name as one step of a JSON pointer.
std::string json_pointer(const std::string& name) {
  std::string pointer = "/";
  for (const char c : name) {
    if (c == '~') {
      pointer += "~0";
    } else if (c == '/') {
      pointer += "~1";
    } else {
      pointer += c;
    }
  }
  return pointer;
}

}  // namespace

namespace {

/// The delimiter of a format of delimited text, in SQL; null for other formats.
const char* delimiter_of(const std::string& format) {
  if (format == "csv") return "','";
  if (format == "tsv" || format == "tsve") return "'\\t'";
  if (format == "psv") return "'|'";
  if (format == "scsv") return "';'";
  if (format == "sohsv") return "'\\x01'";
  return nullptr;
}

using Source = kql::ExternalSource;

/// The steps of a path like $.a['b c'][0]; a name alone is one step.
std::vector<std::string> path_steps(const std::string& path) {
  std::vector<std::string> steps;
  size_t at = path.starts_with('$') ? 1 : 0;
  if (at == 0) return {path};
  while (at < path.size()) {
    if (path[at] == '[') {
      const size_t close = std::min(path.find(']', at), path.size());
      std::string step = path.substr(at + 1, close - at - 1);
      if (step.size() >= 2 && (step.front() == '\'' || step.front() == '"'))
        step = step.substr(1, step.size() - 2);
      steps.push_back(std::move(step));
      at = close + 1;
    } else {
      if (path[at] == '.') ++at;
      const size_t end = std::min(path.find_first_of(".[", at), path.size());
      if (end > at) steps.push_back(path.substr(at, end - at));
      at = end;
    }
  }
  return steps;
}

/// A mapping's path as a JSON pointer, without its first steps.
std::string path_pointer(const std::string& path, size_t without = 0) {
  std::string pointer;
  for (const std::string& step : path_steps(path)) {
    if (without > 0) {
      --without;
    } else {
      pointer += json_pointer(step);
    }
  }
  return pointer;
}

}  // namespace

/// One ExternalScan, step by step.
class ExternalScanLowering {
 public:
  ExternalScanLowering(Lowering& lowering, const kql::ExternalScan& rel) : lowering_(lowering), rel_(rel) {}

  /// A SELECT of the scan's columns over the files.
  Result<std::string> select(const std::vector<ExternalFile>& files);

 private:
  using Files = std::vector<const ExternalFile*>;

  Result<std::string> select_delimited(const Files& files, bool header);
  Result<std::string> select_with_first_header(const Files& files);
  Result<bool> begins_with_header(const ExternalFile& file);
  Result<std::string> select_json(const Files& files);
  Result<std::string> select_parquet(const Files& files);
  Result<std::string> select_text(const Files& files);
  /// The field of a delimited record that a column takes; nullopt where a mapping leaves it out.
  std::optional<size_t> field_of(size_t column) const;
  size_t field_count() const;
  /// Where a mapping takes a column from; nullptr without a mapping.
  const Source* source_of(size_t column) const {
    return rel_.sources.empty() ? nullptr : &rel_.sources[column];
  }
  /// A column that doesn't come from a record's fields; nullopt where it does.
  Result<std::optional<std::string>> without_field(const Files& files, size_t column);
  /// A value of a field as its column wants it, by way of what a mapping says of it.
  Result<std::string> converted(const std::string& sql, Type from, size_t column);
  std::string read_csv(const Files& files, bool header) const;

  /// "value AS c17" for each column: `value` gives a stored column's, by its index in the table.
  Result<std::string> items(const Files& files, const std::function<Result<std::string>(size_t)>& value);
  std::string virtual_value(const Files& files, const std::string& name, Type type) const;
  size_t column_of(const std::string& name) const;

  Lowering& lowering_;
  const kql::ExternalScan& rel_;
};

size_t ExternalScanLowering::column_of(const std::string& name) const {
  const auto& columns = rel_.table->columns;
  const auto found =
      std::find_if(columns.begin(), columns.end(), [&](const catalog::Column& c) { return c.name == name; });
  return static_cast<size_t>(found - columns.begin());
}

std::string ExternalScanLowering::virtual_value(const Files& files, const std::string& name,
                                                Type type) const {
  const auto& partitions = rel_.table->partitions;
  const auto found = std::find_if(partitions.begin(), partitions.end(), [&](const catalog::Partition& p) {
    return p.kind == catalog::Partition::Kind::Virtual && p.name == name;
  });
  if (found == partitions.end()) return sql_null(type);
  const auto index = static_cast<size_t>(found - partitions.begin());
  return per_file(files, type, [&](const ExternalFile& file) { return sql_literal(file.partitions[index]); });
}

Result<std::string> ExternalScanLowering::items(const Files& files,
                                                const std::function<Result<std::string>(size_t)>& value) {
  std::vector<std::string> items;
  for (size_t i = 0; i < rel_.columns.size(); ++i) {
    const Type type = rel_.columns[i].type;
    const size_t column = column_of(rel_.names[i]);
    std::string sql;
    if (column == rel_.table->columns.size()) {
      sql = virtual_value(files, rel_.names[i], type);
    } else {
      SPILLWAY_ASSIGN(const std::optional<std::string> other, without_field(files, column));
      if (other) {
        sql = *other;
      } else {
        SPILLWAY_ASSIGN(sql, value(column));
      }
    }
    if (type == Type::String) sql = "COALESCE(" + sql + ", '')";
    items.push_back("CAST(" + sql + " AS " + sql_type(type) + ") AS " +
                    Lowering::id_name(rel_.columns[i].id));
  }
  if (items.empty()) items.push_back("0 AS none");
  return join_texts(items, ", ");
}

std::string ExternalScanLowering::read_csv(const Files& files, bool header) const {
  std::vector<std::string> columns;
  for (size_t i = 0; i < field_count(); ++i) columns.push_back("'f" + std::to_string(i) + "': 'VARCHAR'");
  // DuckDB pads short records only where one thread reads a file.
  return "read_csv(" + file_list(files) + ", columns = {" + join_texts(columns, ", ") +
         "}, auto_detect = false, header = " + (header ? "true" : "false") +
         ", delim = " + delimiter_of(rel_.table->format) +
         ", quote = '\"', escape = '\"', null_padding = true, strict_mode = false, parallel = false, "
         "hive_partitioning = false, max_line_size = " +
         kMaxLine + ", buffer_size = " + kTextBuffer + ")";
}

Result<std::string> ExternalScanLowering::select_delimited(const Files& files, bool header) {
  SPILLWAY_ASSIGN(const std::string list, items(files, [&](size_t column) -> Result<std::string> {
                    const std::string field = "f" + std::to_string(*field_of(column));
                    return converted("COALESCE(" + field + ", '')", Type::String, column);
                  }));
  return "SELECT " + list + " FROM " + read_csv(files, header);
}

Result<bool> ExternalScanLowering::begins_with_header(const ExternalFile& file) {
  std::vector<std::string> same;
  for (size_t i = 0; i < rel_.table->columns.size(); ++i) {
    same.push_back("f" + std::to_string(i) + " IS NOT DISTINCT FROM " +
                   sql_string(rel_.table->columns[i].name));
  }
  SPILLWAY_ASSIGN(const Value is_header,
                  lowering_.context_.evaluate("SELECT " + join_texts(same, " AND ") + " FROM " +
                                                  read_csv({&file}, false) + " LIMIT 1",
                                              Type::Bool));
  return !is_header.is_null() && is_header.as_bool();
}

Result<std::string> ExternalScanLowering::select_with_first_header(const Files& files) {
  // Which file of a folder was the first nothing tells but its first record, and that only where the columns
  // have the table's names. Under a mapping it is the first by name.
  Files with_header, without;
  const ExternalFile* before = nullptr;
  for (const ExternalFile* file : files) {
    bool header = !before || before->folder != file->folder || before->connection != file->connection;
    if (rel_.sources.empty()) {
      SPILLWAY_ASSIGN(header, begins_with_header(*file));
    }
    (header ? with_header : without).push_back(file);
    before = file;
  }
  std::vector<std::string> parts;
  for (const auto& [group, header] : {std::pair(&with_header, true), std::pair(&without, false)}) {
    if (group->empty()) continue;
    SPILLWAY_ASSIGN(std::string part, select_delimited(*group, header));
    parts.push_back(std::move(part));
  }
  return join_texts(parts, " UNION ALL ");
}

Result<std::string> ExternalScanLowering::select_json(const Files& files) {
  std::vector<std::string> pointers;
  for (const catalog::Column& column : rel_.table->columns) {
    const Source* source = source_of(pointers.size());
    pointers.push_back(sql_string(source ? path_pointer(source->text) : json_pointer(column.name)));
  }
  SPILLWAY_ASSIGN(const std::string list, items(files, [&](size_t column) -> Result<std::string> {
                    const std::string value = "CAST(v[" + std::to_string(column + 1) + "] AS VARCHAR)";
                    SPILLWAY_ASSIGN(
                        const std::string dynamic,
                        lowering_.convert("COALESCE(" + value + ", '')", Type::String, Type::Dynamic));
                    return converted(dynamic, Type::Dynamic, column);
                  }));
  // Lines are read as text: DuckDB's JSON reader doesn't take a byte order mark.
  const std::string objects =
      rel_.table->format == "multijson"
          ? "SELECT json AS j, file_index FROM read_json_objects(" + file_list(files) +
                ", hive_partitioning = false, maximum_object_size = " + kMaxLine + ")"
          : "SELECT CAST(j AS JSON) AS j, file_index FROM read_csv(" + file_list(files) +
                ", columns = {'j': 'VARCHAR'}, auto_detect = false, header = false, delim = " + kNoDelimiter +
                ", quote = '', escape = '', hive_partitioning = false, max_line_size = " + kMaxLine +
                ", buffer_size = " + kTextBuffer + ") WHERE trim(j) <> ''";
  return "SELECT " + list + " FROM (SELECT json_extract(j, [" + join_texts(pointers, ", ") +
         "]) AS v, file_index FROM (" + objects + "))";
}

std::optional<size_t> ExternalScanLowering::field_of(size_t column) const {
  const Source* source = source_of(column);
  if (!source) return column;
  return source->kind == Source::Kind::Ordinal ? std::optional<size_t>(source->ordinal) : std::nullopt;
}

Result<std::optional<std::string>> ExternalScanLowering::without_field(const Files& files, size_t column) {
  using Sql = std::optional<std::string>;
  const Source* source = source_of(column);
  const Type type = rel_.table->columns[column].type;
  if (!source) return Sql();
  switch (source->kind) {
    case Source::Kind::Missing: return Sql(sql_null(type));
    case Source::Kind::Constant: {
      SPILLWAY_ASSIGN(std::string sql, lowering_.convert(sql_string(source->text), Type::String, type));
      return Sql(std::move(sql));
    }
    case Source::Kind::Location: {
      SPILLWAY_ASSIGN(
          std::string sql,
          lowering_.convert(per_file(files, Type::String,
                                     [](const ExternalFile& file) { return sql_string(file.address); }),
                            Type::String, type));
      return Sql(std::move(sql));
    }
    case Source::Kind::Path:
    case Source::Kind::Ordinal: break;
  }
  return Sql();
}

Result<std::string> ExternalScanLowering::converted(const std::string& sql, Type from, size_t column) {
  const Type type = rel_.table->columns[column].type;
  const Source* source = source_of(column);
  if (!source || source->unix_time.empty() || type != Type::DateTime)
    return lowering_.convert(sql, from, type);
  SPILLWAY_ASSIGN(const std::string number, lowering_.convert(sql, from, Type::Real));
  const kql::ScalarFunction* function = kql::FunctionTable::instance().scalar(source->unix_time);
  kql::Expr call;
  call.kind = kql::Expr::Kind::Call;
  call.type = Type::DateTime;
  for (const auto& overload : function->overloads) {
    if (overload->parameters[0].type == Type::Real || !call.function) call.function = overload.get();
  }
  const Type wanted = call.function->parameters[0].type;
  SPILLWAY_ASSIGN(const std::string argument, lowering_.convert(number, Type::Real, wanted));
  call.args = {kql::column_expression(0, wanted)};
  return lowering_.call_of(call, {"CAST(" + argument + " AS " + sql_type(wanted) + ")"});
}

size_t ExternalScanLowering::field_count() const {
  size_t count = rel_.sources.empty() ? rel_.table->columns.size() : 1;
  for (size_t i = 0; i < rel_.sources.size(); ++i) count = std::max(count, field_of(i).value_or(0) + 1);
  return count;
}

/// The first column holds a line, or the whole of a file.
Result<std::string> ExternalScanLowering::select_text(const Files& files) {
  const bool whole = rel_.table->format == "raw";
  SPILLWAY_ASSIGN(const std::string list, items(files, [&](size_t column) -> Result<std::string> {
                    const Type type = rel_.table->columns[column].type;
                    if (column > 0) return sql_null(type);
                    return lowering_.convert("COALESCE(line, '')", Type::String, type);
                  }));
  if (whole) {
    // read_text() has no file_index.
    std::vector<std::string> paths;
    for (const ExternalFile* file : files) paths.push_back(sql_string(file->path));
    return "SELECT " + list + " FROM (SELECT content AS line, list_position([" + join_texts(paths, ", ") +
           "], filename) - 1 AS file_index FROM read_text(" + file_list(files) + "))";
  }
  return "SELECT " + list + " FROM (SELECT line, file_index FROM read_csv(" + file_list(files) +
         ", columns = {'line': 'VARCHAR'}, auto_detect = false, header = " +
         (rel_.table->include_headers == "All" ? "true" : "false") + ", delim = " + kNoDelimiter +
         ", quote = '', escape = '', hive_partitioning = false, max_line_size = " + kMaxLine +
         ", buffer_size = " + kTextBuffer + ") WHERE line <> '')";
}

Result<std::string> ExternalScanLowering::select_parquet(const Files& files) {
  const std::string from = "read_parquet(" + file_list(files) +
                           ", union_by_name = true, binary_as_string = true, hive_partitioning = false) AS t";
  SPILLWAY_ASSIGN(const auto described, lowering_.context_.query("DESCRIBE SELECT * FROM " + from));
  std::map<std::string, std::string> types;  // of the files' columns
  for (const auto& row : described) types[row[0].value_or("")] = row[1].value_or("");
  SPILLWAY_ASSIGN(const std::string list, items(files, [&](size_t column) -> Result<std::string> {
                    const catalog::Column& wanted = rel_.table->columns[column];
                    const Source* source = source_of(column);
                    const std::vector<std::string> steps =
                        source ? path_steps(source->text) : std::vector<std::string>{wanted.name};
                    const auto there = steps.empty() ? types.end() : types.find(steps[0]);
                    if (there == types.end()) return sql_null(wanted.type);
                    Typed value = typed("t." + sql_name(steps[0]), there->second);
                    if (steps.size() > 1) {
                      if (value.type != Type::Dynamic && value.type != Type::String)
                        return sql_null(wanted.type);
                      return converted("CAST(json_extract(CASE WHEN json_valid(" + value.sql + ") THEN " +
                                           value.sql + " END, " + sql_string(path_pointer(source->text, 1)) +
                                           ") AS VARCHAR)",
                                       Type::Dynamic, column);
                    }
                    if (value.type == Type::Decimal) {
                      SPILLWAY_ASSIGN(value.sql, lowering_.convert(value.sql, Type::String, Type::Decimal));
                    }
                    // A timespan is exported as its ticks.
                    if (value.type == Type::Long && wanted.type == Type::TimeSpan) return value.sql;
                    return converted(value.sql, value.type, column);
                  }));
  return "SELECT " + list + " FROM " + from;
}

Result<std::string> ExternalScanLowering::select(const std::vector<ExternalFile>& files) {
  Files all;
  for (const ExternalFile& file : files) all.push_back(&file);
  const std::string& format = rel_.table->format;
  if (format == "parquet") return select_parquet(all);
  if (format == "json" || format == "multijson") return select_json(all);
  if (format == "txt" || format == "raw") return select_text(all);
  if (delimiter_of(format)) {
    const std::string& headers = rel_.table->include_headers;
    return headers == "FirstFile" ? select_with_first_header(all) : select_delimited(all, headers == "All");
  }
  return Error(
      ErrorCode::NotSupported,
      "external table '" + rel_.table->name + "': reading the format '" + format + "' isn't supported",
      rel_.span);
}

Result<std::string> Lowering::convert(const std::string& sql, Type from, Type to) {
  if (from == to) return sql;
  const kql::ScalarOverload* overload = conversion(from, to);
  if (!overload) return sql_null(to);
  auto argument = std::make_shared<kql::Expr>();
  argument->type = from;
  kql::Expr call;
  call.kind = kql::Expr::Kind::Call;
  call.type = to;
  call.function = overload;
  call.args = {std::move(argument)};
  return call_of(call, {"CAST(" + sql + " AS " + sql_type(from) + ")"});
}

namespace {

/// The scan of a Delta table as its log has it now: the columns that it is partitioned by, declared or
/// virtual, are virtual ones; all others stand in the files.
kql::ExternalScan by_log(const kql::ExternalScan& rel, const DeltaState& state) {
  kql::ExternalScan scan = rel;
  auto table = std::make_shared<catalog::ExternalTable>(*rel.table);
  table->columns.clear();
  table->partitions.clear();
  for (size_t i = 0; i < rel.columns.size(); ++i) {
    const Type type = rel.columns[i].type;
    if (state.is_partitioned_by(rel.names[i])) {
      table->partitions.push_back({rel.names[i], type, catalog::Partition::Kind::Virtual, "", 0});
    } else {
      table->columns.push_back({static_cast<int>(i + 1), rel.names[i], type, ""});
    }
  }
  scan.table = table;
  return scan;
}

bool may_be(const Interval& bound, const Value& value) {
  if (value.type() == Type::String) return !bound.empty() && (!bound.text || *bound.text == value.as_text());
  return !value.is_null() && bound.meets(value.as_int(), value.as_int());
}

/// False where a predicate on a virtual column rules the file out.
bool meets_partitions(const kql::ExternalScan& rel, const Bounds& bounds, const ExternalFile& file) {
  for (size_t i = 0; i < rel.columns.size(); ++i) {
    const auto bound = bounds.columns.find(rel.columns[i].id);
    if (bound == bounds.columns.end()) continue;
    for (size_t p = 0; p < rel.table->partitions.size(); ++p) {
      const catalog::Partition& partition = rel.table->partitions[p];
      if (partition.kind != catalog::Partition::Kind::Virtual || partition.name != rel.names[i]) continue;
      if (!may_be(bound->second, file.partitions[p])) return false;
    }
  }
  return true;
}

/// False where a predicate on a datetime rules the file out by its statistics.
bool meets_statistics(const kql::ExternalScan& rel, const Bounds& bounds, const DeltaState& state,
                      const DeltaFile& file) {
  for (size_t i = 0; i < rel.columns.size(); ++i) {
    const auto bound = bounds.columns.find(rel.columns[i].id);
    if (bound == bounds.columns.end() || rel.columns[i].type != Type::DateTime) continue;
    const DeltaColumn* column = state.column(rel.names[i]);
    if (!column || column->kql_type != Type::DateTime || state.is_partitioned_by(column->name)) continue;
    const auto range = delta_datetime_range(file, column->name);
    if (range && !bound->second.meets(range->first, range->second)) return false;
  }
  return true;
}

}  // namespace

Result<DeltaState> Lowering::delta_state(const kql::ExternalScan& rel) {
  SPILLWAY_ASSIGN(const auto connection,
                  storage::ConnectionString::parse(rel.table->connection_strings.at(0)));
  SPILLWAY_ASSIGN(const auto store, context_.stores->open(connection));
  SPILLWAY_ASSIGN(const auto scratch, make_scratch(context_.temp_folder, 0, "the log of the Delta table"));
  SPILLWAY_ASSIGN(DeltaState state, read_delta_log({.store = store.get(),
                                                    .scratch = scratch->path(),
                                                    .query = context_.query,
                                                    .expired = context_.expired},
                                                   DeltaParts::Files));
  if (state.exists()) return state;
  return Error(
      ErrorCode::EntityNotFound,
      "external table '" + rel.table->name + "': there is no Delta table at '" + store->public_root() + "'",
      rel.span);
}

/// The request for the files of a table in folders, narrowed by what the predicates say of partitions.
Result<ExternalFiles> Lowering::open_stored(ExternalFilesRequest& request, const kql::ExternalScan& rel,
                                            const Bounds& bounds) {
  const PathForm form(*rel.table);
  PartitionPruning pruning(*this, rel, bounds, form);
  request.form = &form;
  if (!rel.table->partitions.empty()) {
    SPILLWAY_ASSIGN(request.folders, pruning.folders());
    request.remove_others = [&](std::vector<ExternalFile>& files) { return pruning.remove_others(files); };
  }
  return open_external_files(request);
}

/// The same for what the log of a Delta table names.
Result<ExternalFiles> Lowering::open_logged(ExternalFilesRequest& request, const kql::ExternalScan& rel,
                                            const Bounds& bounds, const DeltaState& state) {
  request.delta = &state;
  request.delta_wanted = [&](const DeltaFile& file) { return meets_statistics(rel, bounds, state, file); };
  request.remove_others = [&](std::vector<ExternalFile>& files) -> Status {
    std::erase_if(files, [&](const ExternalFile& file) { return !meets_partitions(rel, bounds, file); });
    return {};
  };
  return open_external_files(request);
}

Result<Lowering::Block> Lowering::lower_external_scan(const kql::ExternalScan& given, const Bounds& bounds) {
  DeltaState state;
  std::optional<kql::ExternalScan> logged;
  if (given.table->kind == catalog::ExternalTable::Kind::Delta) {
    SPILLWAY_ASSIGN(state, delta_state(given));
    logged.emplace(by_log(given, state));
  }
  const kql::ExternalScan& rel = logged ? *logged : given;
  ExternalFilesRequest request;
  request.table = rel.table.get();
  request.stores = context_.stores;
  request.temp_folder = context_.temp_folder;
  request.names_files = rel.names_files;
  request.expired = context_.expired;
  request.only_list = context_.scans != nullptr;
  SPILLWAY_ASSIGN(ExternalFiles files,
                  logged ? open_logged(request, rel, bounds, state) : open_stored(request, rel, bounds));
  std::move(files.resources.begin(), files.resources.end(), std::back_inserter(resources_));
  if (context_.scans) {
    ScanPlan& scan = context_.scans->emplace_back();
    scan.scan = &given;
    scan.found = files.found;
    scan.read = static_cast<int64_t>(files.files.size());
    for (const ExternalFile& file : files.files) scan.bytes += file.size;
    if (!logged) scan.folders = request.folders;
  }
  Block block;
  for (const kql::PlanColumn& column : rel.columns) block.columns.push_back(column.id);
  if (files.files.empty() || context_.scans) {
    block.sql = empty_relation(rel.columns);
    return block;
  }
  SPILLWAY_ASSIGN(block.sql, ExternalScanLowering(*this, rel).select(files.files));
  return block;
}

}  // namespace spillway::engine
