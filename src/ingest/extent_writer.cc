#include "ingest/extent_writer.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <thread>

#include "base/fail_point.h"
#include "engine/paths.h"
#include "engine/sql.h"
#include "ingest/delimited.h"
#include "ingest/formats.h"
#include "ingest/json_records.h"
#include "ingest/parquet.h"
#include "kql/functions.h"

namespace spillway::ingest {
namespace {

namespace fs = std::filesystem;

/// Rows in a row group: DuckDB's own default, and that of the engine's extents.
constexpr int kRowGroupRows = 122'880;
/// Above every id that a binder gives out in one query.
constexpr kql::ColumnId kFirstOwnColumn = 1 << 30;

std::optional<int64_t> integer_of(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  int64_t value = 0;
  const char* end = text->data() + text->size();
  return std::from_chars(text->data(), end, value).ptr == end ? std::optional(value) : std::nullopt;
}

/// The name that a column has in an extent's file: readers know it by its id.
std::string column_name(int id) {
  return "c" + std::to_string(id);
}

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

/// DuckDB's error about a file, with the name that the user knows it by.
Error parquet_error(const Error& error, const std::vector<Input>& inputs) {
  if (error.code != ErrorCode::BadRequest && error.code != ErrorCode::DataFormat &&
      error.code != ErrorCode::StorageTransient && error.code != ErrorCode::Internal) {
    return error;
  }
  Error renamed = error;
  for (const Input& input : inputs) replace_all(renamed.message, input.path, input.name);
  if (error.code == ErrorCode::StorageTransient) return renamed;
  const std::string which = inputs.size() == 1 ? inputs[0].prefix() : std::string();
  return Error(ErrorCode::DataFormat, which + "the Parquet data can't be read: " + renamed.message);
}

/// The KQL function that converts to a type.
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
    case Type::Dynamic: return "todynamic";
  }
  return "";
}

const kql::ScalarOverload* find_conversion(Type from, Type to) {
  const kql::ScalarFunction* function = kql::FunctionTable::instance().scalar(conversion_to(to));
  if (!function) return nullptr;
  for (const auto& overload : function->overloads) {
    const bool takes = overload->parameters.size() == 1 && overload->parameters[0].type == from &&
                       overload->parameters[0].kind == kql::Parameter::Kind::Exact;
    if (takes && overload->result.type == to) return overload.get();
  }
  return nullptr;
}

}  // namespace

Deadline::Deadline(std::shared_ptr<engine::CancelToken> cancel,
                   std::optional<std::chrono::milliseconds> timeout)
    : cancel_(std::move(cancel)) {
  if (timeout) end_ = std::chrono::steady_clock::now() + *timeout;
}

Result<engine::RunOptions> Deadline::options() const {
  if (cancel_ && cancel_->cancelled()) return cancel_->error("the ingestion");
  engine::RunOptions options;
  options.cancel = cancel_;
  if (end_) {
    options.timeout = std::chrono::ceil<std::chrono::milliseconds>(*end_ - std::chrono::steady_clock::now());
    if (options.timeout->count() <= 0)
      return Error(ErrorCode::Timeout, "the ingestion took longer than its timeout");
  }
  return options;
}

Result<catalog::Extent> ExtentWriter::write_files(const ExtentFiles::Reservation& target,
                                                  const SourceGroup& group, const std::string& mapping,
                                                  bool ignore_first_record) {
  SPILLWAY_FAIL_POINT("ingest.before_write");
  SPILLWAY_ASSIGN(std::vector<ColumnSource> sources,
                  resolve_mapping(mapping_kind_of(group.format), mapping, table_.columns));
  if (group.format == "parquet") return write_parquet_files(target, group, sources);
  SPILLWAY_ASSIGN(const auto records, open_records(group, std::move(sources), ignore_first_record));
  SPILLWAY_ASSIGN(const auto connection, engine_.connect());
  SPILLWAY_ASSIGN(const auto table, engine_.expose(*records));
  SPILLWAY_ASSIGN(catalog::Extent extent, write_select(target, *connection, "SELECT * FROM " + table->sql()));
  const bool plain =
      std::none_of(group.inputs.begin(), group.inputs.end(), [](const Input& i) { return i.gzip; });
  if (plain) {
    extent.original_bytes = 0;
    for (const Input& input : group.inputs) extent.original_bytes += input.size;
  }
  return extent;
}

Result<std::unique_ptr<engine::RecordSource>> ExtentWriter::open_records(const SourceGroup& group,
                                                                         std::vector<ColumnSource> sources,
                                                                         bool ignore_first_record) const {
  const size_t threads = std::max(1U, std::thread::hardware_concurrency());
  if (const std::optional<Dialect> dialect = dialect_of(group.format)) {
    return open_delimited(*dialect, group.inputs, ignore_first_record, table_.columns, std::move(sources),
                          threads);
  }
  JsonLayout layout = JsonLayout::Multi;
  if (group.format == "json") {
    layout = JsonLayout::Lines;
    for (const Input& input : group.inputs) {
      SPILLWAY_ASSIGN(const JsonLayout own, detect_layout(input));
      if (own == JsonLayout::Multi) layout = own;  // which lines are too
    }
  }
  return open_json(layout, group.inputs, table_.columns, std::move(sources), threads);
}

Result<catalog::Extent> ExtentWriter::write_parquet_files(const ExtentFiles::Reservation& target,
                                                          const SourceGroup& group,
                                                          const std::vector<ColumnSource>& sources) {
  SPILLWAY_ASSIGN(const auto connection, engine_.connect());
  SPILLWAY_ASSIGN(const engine::RunOptions options, deadline_.options());
  const Result<std::string> select =
      parquet_select(*connection, functions_, group.inputs, table_.columns, sources, options);
  if (!select.ok()) return parquet_error(select.error(), group.inputs);
  Result<catalog::Extent> extent = write_select(target, *connection, *select);
  if (!extent.ok()) return parquet_error(extent.error(), group.inputs);
  return extent;
}

Result<catalog::Extent> ExtentWriter::write_select(const ExtentFiles::Reservation& target,
                                                   engine::Connection& connection,
                                                   const std::string& select) {
  std::string items, fields;
  for (size_t i = 0; i < table_.columns.size(); ++i) {
    const std::string name = column_name(table_.columns[i].id);
    items += (i == 0 ? "c" : ", c") + std::to_string(i) + " AS " + name;
    fields += (i == 0 ? "" : ", ") + name + ": " + std::to_string(table_.columns[i].id);
  }
  SPILLWAY_ASSIGN(const engine::RunOptions options, deadline_.options());
  SPILLWAY_ASSIGN(const auto counted,
                  connection.query("COPY (SELECT " + items + " FROM (" + select + ")) TO " +
                                       engine::sql_string(target.part_file()) +
                                       " (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE " +
                                       std::to_string(kRowGroupRows) + ", FIELD_IDS {" + fields + "})",
                                   options));
  catalog::Extent extent;
  extent.id = target.id();
  extent.path = target.path();
  extent.rows = counted.empty() || counted[0].empty() ? 0 : integer_of(counted[0][0]).value_or(0);
  if (extent.rows > 0) SPILLWAY_TRY(describe(target.part_file(), connection, extent));
  return extent;
}

Status ExtentWriter::describe(const std::string& file, engine::Connection& connection,
                              catalog::Extent& extent) const {
  SPILLWAY_ASSIGN(const engine::RunOptions options, deadline_.options());
  SPILLWAY_ASSIGN(const auto columns,
                  connection.query("SELECT path_in_schema, min(TRY_CAST(stats_min_value AS BIGINT)), "
                                   "max(TRY_CAST(stats_max_value AS BIGINT)), sum(total_uncompressed_size) "
                                   "FROM parquet_metadata(" +
                                       engine::sql_path(file) + ") GROUP BY path_in_schema",
                                   options));
  for (const auto& row : columns) {
    extent.original_bytes += integer_of(row[3]).value_or(0);
    for (const catalog::Column& column : table_.columns) {
      if (column.type != Type::DateTime || row[0] != column_name(column.id)) continue;
      const std::optional<int64_t> low = integer_of(row[1]), high = integer_of(row[2]);
      if (low && high) extent.datetime_ranges[column.id] = {*low, *high};
    }
  }
  std::error_code failure;
  extent.bytes = static_cast<int64_t>(fs::file_size(file, failure));
  if (failure)
    return Error(ErrorCode::StorageTransient, "'" + file + "' can't be read: " + failure.message());
  return Status();
}

Result<kql::RelPtr> ExtentWriter::convert(kql::RelPtr plan) const {
  if (plan->columns.size() > table_.columns.size()) {
    return Error(ErrorCode::SchemaMismatch, "the query has " + std::to_string(plan->columns.size()) +
                                                " columns, table '" + table_.name + "' has " +
                                                std::to_string(table_.columns.size()));
  }
  auto project = std::make_shared<kql::Project>();
  for (size_t i = 0; i < plan->columns.size(); ++i) {
    const kql::PlanColumn& source = plan->columns[i];
    const catalog::Column& column = table_.columns[i];
    auto value = std::make_shared<kql::Expr>();
    value->kind = kql::Expr::Kind::Column;
    value->type = source.type;
    value->column = source.id;
    if (source.type != column.type) {
      auto converted = std::make_shared<kql::Expr>();
      converted->kind = kql::Expr::Kind::Call;
      converted->type = column.type;
      converted->function = find_conversion(source.type, column.type);
      converted->args = {value};
      if (!converted->function) {
        return Error(ErrorCode::SchemaMismatch, "column '" + source.name + "' of the query is of type " +
                                                    kql_name(source.type) + ", column '" + column.name +
                                                    "' of table '" + table_.name + "' of type " +
                                                    kql_name(column.type));
      }
      value = converted;
    }
    project->expressions.push_back(value);
    project->columns.push_back({kFirstOwnColumn + static_cast<int>(i), column.name, column.type});
  }
  project->inputs = {std::move(plan)};
  return kql::RelPtr(std::move(project));
}

Result<catalog::Extent> ExtentWriter::write_plan(const ExtentFiles::Reservation& target, kql::RelPtr plan) {
  SPILLWAY_FAIL_POINT("ingest.before_write");
  SPILLWAY_ASSIGN(const kql::RelPtr converted, convert(std::move(plan)));
  SPILLWAY_ASSIGN(const engine::RunOptions options, deadline_.options());
  SPILLWAY_ASSIGN(const engine::WrittenFile written,
                  engine_.write_extent(converted, table_, target.part_file(), options));
  catalog::Extent extent;
  extent.id = target.id();
  extent.path = target.path();
  extent.rows = written.rows;
  if (extent.rows == 0) return extent;
  SPILLWAY_ASSIGN(const auto connection, engine_.connect());
  SPILLWAY_TRY(describe(target.part_file(), *connection, extent));
  extent.datetime_ranges = written.datetime_ranges;
  return extent;
}

}  // namespace spillway::ingest
