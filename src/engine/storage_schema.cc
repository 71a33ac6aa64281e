// The columns of files by their content: DuckDB's readers look at it, and their types become Kusto's.
#include <algorithm>
#include <charconv>

#include "engine/engine_impl.h"
#include "engine/external_files.h"
#include "engine/paths.h"
#include "engine/scratch.h"
#include "engine/sql.h"
#include "kql/binder.h"

namespace spillway::engine {
namespace {

/// The files that the sample names, of all that lie in one container.
Result<std::vector<std::string>> choose(const kql::StorageSample& sample, const storage::StoreFactory& stores,
                                        const std::string& container) {
  SPILLWAY_ASSIGN(const storage::ConnectionString connection, storage::ConnectionString::parse(container));
  SPILLWAY_ASSIGN(const auto store, stores.open(connection));
  SPILLWAY_ASSIGN(std::vector<storage::ObjectInfo> objects, store->list(""));
  const auto unwanted = [&](const storage::ObjectInfo& object) {
    const std::string name = object.path.substr(object.path.rfind('/') + 1);
    return !name.starts_with(sample.name_prefix) || !name.ends_with(sample.file_extension) ||
           object.size == 0;
  };
  objects.erase(std::remove_if(objects.begin(), objects.end(), unwanted), objects.end());
  std::sort(objects.begin(), objects.end(), [&](const storage::ObjectInfo& a, const storage::ObjectInfo& b) {
    if (sample.mode == kql::StorageSample::Mode::Last && a.modified != b.modified)
      return a.modified > b.modified;
    return a.path < b.path;
  });
  if (sample.mode != kql::StorageSample::Mode::All && objects.size() > 1) objects.resize(1);
  std::vector<std::string> paths;
  for (const storage::ObjectInfo& object : objects) paths.push_back(object.path);
  return paths;
}

Result<std::string> reader(const kql::StorageSample& sample, const std::vector<ExternalFile>& files) {
  std::vector<std::string> paths;
  for (const ExternalFile& file : files) paths.push_back(sql_path(file.path));
  const std::string list = "[" + join_texts(paths, ", ") + "]";
  const std::string& format = sample.format;
  if (format == "parquet") return "read_parquet(" + list + ", union_by_name = true)";
  if (format == "json" || format == "multijson" || format == "singlejson")
    return "read_json(" + list + ", union_by_name = true)";
  for (const auto& [name, delimiter] :
       {std::pair{"csv", ","}, std::pair{"tsv", "\t"}, std::pair{"tsve", "\t"}, std::pair{"psv", "|"},
        std::pair{"scsv", ";"}}) {
    if (format != name) continue;
    return "read_csv(" + list + ", delim = " + sql_string(delimiter) +
           ", header = " + (sample.first_row_is_header ? "true" : "false") + ", union_by_name = true)";
  }
  if (format == "txt" || format == "raw") return std::string("(SELECT '' AS data)");
  return Error(ErrorCode::NotSupported,
               "the columns of files of the format '" + format + "' can't be inferred");
}

Type type_of(const std::string& duck) {
  if (duck == "BOOLEAN") return Type::Bool;
  if (duck == "TINYINT" || duck == "SMALLINT" || duck == "INTEGER" || duck == "UTINYINT" ||
      duck == "USMALLINT")
    return Type::Int;
  if (duck == "BIGINT" || duck == "UINTEGER" || duck == "UBIGINT") return Type::Long;
  if (duck == "FLOAT" || duck == "DOUBLE") return Type::Real;
  if (duck == "HUGEINT" || duck == "UHUGEINT" || (duck.starts_with("DECIMAL") && !duck.ends_with("[]")))
    return Type::Decimal;
  if (duck == "DATE" || (duck.starts_with("TIMESTAMP") && !duck.ends_with("[]"))) return Type::DateTime;
  if (duck == "TIME" || duck == "INTERVAL") return Type::TimeSpan;
  if (duck == "UUID") return Type::Guid;
  if (duck == "VARCHAR" || duck == "BLOB") return Type::String;
  return Type::Dynamic;
}

}  // namespace

Result<DeltaState> DuckEngine::read_delta(const std::string& text, DeltaParts parts,
                                          const RunOptions& options) {
  SPILLWAY_ASSIGN(const auto connection, storage::ConnectionString::parse(text));
  SPILLWAY_ASSIGN(const auto store, stores_.open(connection));
  SPILLWAY_ASSIGN(const auto scratch, make_scratch(options_.temp_folder, 0, "the log of the Delta table"));
  SPILLWAY_ASSIGN(const std::unique_ptr<Connection> sql, connect());
  return read_delta_log({.store = store.get(),
                         .scratch = scratch->path(),
                         .query = [&](const std::string& select) { return sql->query(select, options); },
                         .expired = [&]() -> std::optional<Error> {
                           if (!options.cancel || !options.cancel->cancelled()) return std::nullopt;
                           return Error(ErrorCode::Cancelled, "the query was cancelled");
                         }},
                        parts);
}

Result<kql::InferredSchema> DuckEngine::infer_delta_schema(const kql::StorageSample& sample,
                                                           const RunOptions& options) {
  if (sample.containers.size() != 1) {
    return Error(ErrorCode::BadRequest, "a Delta table has one connection string, that of its root folder");
  }
  SPILLWAY_ASSIGN(const DeltaState state, read_delta(sample.containers[0], DeltaParts::Head, options));
  if (!state.exists()) {
    SPILLWAY_ASSIGN(const auto connection, storage::ConnectionString::parse(sample.containers[0]));
    return Error(ErrorCode::EntityNotFound, "there is no Delta table at '" + connection.address() + "'");
  }
  kql::InferredSchema inferred;
  for (const DeltaColumn& column : state.columns) {
    inferred.columns.push_back({column.name, column.kql_type});
    if (state.is_partitioned_by(column.name)) inferred.partitions.insert(column.name);
  }
  inferred.largest.resize(inferred.columns.size());
  return inferred;
}

Result<kql::InferredSchema> DuckEngine::infer_schema(const kql::StorageSample& sample,
                                                     const RunOptions& options) {
  if (sample.format == "delta") return infer_delta_schema(sample, options);
  ExternalFiles found;
  std::vector<ExternalFiles> held;  // what was downloaded
  for (const std::string& container : sample.containers) {
    SPILLWAY_ASSIGN(const std::vector<std::string> paths, choose(sample, stores_, container));
    if (sample.mode != kql::StorageSample::Mode::All && !found.files.empty()) break;
    catalog::ExternalTable table;
    table.connection_strings = {container};
    table.format = sample.format;
    const PathForm form(table);
    ExternalFilesRequest request;
    request.table = &table;
    request.stores = &stores_;
    request.temp_folder = options_.temp_folder;
    request.form = &form;
    request.remove_others = [&](std::vector<ExternalFile>& files) -> Status {
      std::erase_if(files, [&](const ExternalFile& file) {
        const std::string path = file.folder.empty() ? file.name : file.folder + "/" + file.name;
        return std::find(paths.begin(), paths.end(), path) == paths.end();
      });
      return {};
    };
    request.expired = [&]() -> std::optional<Error> {
      if (!options.cancel || !options.cancel->cancelled()) return std::nullopt;
      return options.cancel->error("the query");
    };
    SPILLWAY_ASSIGN(ExternalFiles files, open_external_files(request));
    found.files.insert(found.files.end(), files.files.begin(), files.files.end());
    held.push_back(std::move(files));
  }
  if (found.files.empty()) {
    return Error(ErrorCode::EntityNotFound,
                 "there is no file with the given extension and prefix whose columns could be inferred");
  }
  SPILLWAY_ASSIGN(const std::string source, reader(sample, found.files));
  SPILLWAY_ASSIGN(const std::unique_ptr<Connection> connection, connect());
  SPILLWAY_ASSIGN(const auto rows, connection->query("DESCRIBE SELECT * FROM " + source, options));
  const bool has_names = sample.first_row_is_header || sample.format.find("json") != std::string::npos ||
                         sample.format == "parquet" || sample.format == "txt" || sample.format == "raw";
  kql::InferredSchema inferred;
  std::vector<std::string> largest;
  for (const auto& row : rows) {
    const std::string own = row[0].value_or("");
    const Type type = type_of(row[1].value_or(""));
    inferred.columns.push_back({has_names ? own : "Column" + std::to_string(largest.size() + 1), type});
    largest.push_back(type == Type::Long ? "CAST(max(" + sql_name(own) + ") AS VARCHAR)" : "NULL");
  }
  inferred.largest.resize(largest.size());
  if (largest.empty()) return inferred;
  SPILLWAY_ASSIGN(const auto values,
                  connection->query("SELECT " + join_texts(largest, ", ") + " FROM " + source, options));
  for (size_t c = 0; !values.empty() && c < largest.size(); ++c) {
    int64_t number = 0;
    const std::string text = values[0][c].value_or("");
    const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
    if (!text.empty() && read.ec == std::errc()) inferred.largest[c] = number;
  }
  return inferred;
}

}  // namespace spillway::engine
