// Writing plans as Parquet files with DuckDB's COPY.
//
// Exported values follow "Parquet data types mapping" of management/data-export/export-data-to-storage.md:
// datetime as a UTC TIMESTAMP_MICROS (at millisecond precision the rest is cut off), timespan as INT64 ticks,
// decimal as DECIMAL, guid and dynamic as text. Extents keep the engine's own forms, under field ids.
//
// DuckDB can't both partition and limit the size of files, so a partition's file that gets too large is split
// by a second COPY of that file alone.
#include <algorithm>
#include <charconv>
#include <filesystem>
#include <set>

#include "base/decimal_number.h"
#include "engine/engine_impl.h"
#include "engine/paths.h"
#include "engine/sql.h"
#include "storage/crypto.h"

namespace spillway::engine {
namespace {

namespace fs = std::filesystem;

/// Microseconds from 0001-01-01 to 1970-01-01.
constexpr int64_t kEpochMicroseconds = kUnixEpoch / kTicksPerMicrosecond;

/// A text as a partition value up to this many bytes stands as it is in the name of the folder that DuckDB
/// makes for it (where a byte may take three); a longer one in base64, of which a name holds
/// kLongestPartitionText bytes.
constexpr int kMaxKeyBytes = 60;

/// What the keys of partition values begin with that are texts in folder names, so that none is empty and
/// none looks like another: a value, a value in base64, null.
constexpr char kValueMark = 'v', kBase64Mark = 'x', kNullMark = 'n';

/// What DuckDB calls the folder of a null.
constexpr const char* kNullFolder = "__HIVE_DEFAULT_PARTITION__";

/// Rows in a row group of an extent: DuckDB's own default.
constexpr int64_t kExtentRowGroupRows = 122'880;

/// "ticks" as DuckDB's TIMESTAMP WITH TIME ZONE, which Parquet calls adjusted to UTC. A datetime's ticks are
/// never negative, so the division rounds down.
std::string timestamp_of(const std::string& ticks, DatetimePrecision precision) {
  const std::string microseconds = precision == DatetimePrecision::Microsecond
                                       ? ticks + " // " + std::to_string(kTicksPerMicrosecond)
                                       : ticks + " // " + std::to_string(kTicksPerMillisecond) + " * 1000";
  return "make_timestamptz(" + microseconds + " - " + std::to_string(kEpochMicroseconds) + ")";
}

/// What Parquet's readers take a decimal as. A number that doesn't fit ends the export.
constexpr const char* kExportedDecimal = "DECIMAL(38,18)";

/// tostring() of a column.
kql::Expr text_of(const kql::PlanColumn& column) {
  auto argument = std::make_shared<kql::Expr>();
  argument->kind = kql::Expr::Kind::Column;
  argument->type = column.type;
  argument->column = column.id;
  kql::Expr call;
  call.kind = kql::Expr::Kind::Call;
  call.type = Type::String;
  for (const auto& overload : kql::FunctionTable::instance().scalar("tostring")->overloads) {
    if (overload->parameters[0].type == column.type) call.function = overload.get();
  }
  call.args = {std::move(argument)};
  return call;
}

std::string exported(const kql::PlanColumn& column, DatetimePrecision precision) {
  const std::string name = Lowering::id_name(column.id);
  if (column.type == Type::DateTime) return timestamp_of(name, precision);
  if (column.type == Type::Guid) return "CAST(" + name + " AS VARCHAR)";
  return name;
}

/// A column's name, told apart from those before it: Parquet's readers, and DuckDB, may fold case.
class UniqueNames {
 public:
  std::string add(const std::string& name) {
    std::string unique = name;
    for (int n = 1; !folded_.insert(folded(unique)).second; ++n) unique = name + "_" + std::to_string(n);
    return unique;
  }

 private:
  static std::string folded(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return static_cast<char>(c < 0x80 ? std::tolower(c) : c); });
    return text;
  }
  std::set<std::string> folded_;
};

Result<std::string> codec_of(const std::string& compression) {
  if (compression == "none" || compression == "uncompressed") return std::string("uncompressed");
  for (const char* known : {"gzip", "snappy", "lz4_raw", "brotli", "zstd"}) {
    if (compression == known) return compression;
  }
  return Error(ErrorCode::NotSupported,
               "Parquet compression '" + compression +
                   "' isn't supported: gzip, snappy, lz4_raw, brotli, zstd and none are");
}

/// True for types whose values are their own keys: DuckDB makes texts of them for each partition, not each
/// record.
bool is_own_key(Type type) {
  switch (type) {
    case Type::Real:
    case Type::Decimal:
    case Type::String:
    case Type::Dynamic: return false;
    default: return true;
  }
}

/// The key that a partition value has in a folder's name.
std::string key_of(const std::string& value, Type type) {
  if (is_own_key(type)) return value;
  const std::string text = type == Type::Decimal ? "hex(" + value + ")" : "CAST(" + value + " AS VARCHAR)";
  const std::string marked = std::string("'") + kValueMark + "' || " + text;
  const std::string key =
      type == Type::String || type == Type::Dynamic
          ? "CASE WHEN strlen(" + value + ") <= " + std::to_string(kMaxKeyBytes) + " THEN " + marked +
                " WHEN strlen(" + value + ") <= " + std::to_string(kLongestPartitionText) + " THEN '" +
                kBase64Mark + "' || translate(to_base64(encode(" + value + ")), '+/=', '-_.') END"
          : marked;
  return "COALESCE(" + key + ", '" + kNullMark + "')";
}

/// The bytes of pairs of hexadecimal digits.
std::string unhex(std::string_view digits) {
  std::string bytes;
  for (size_t i = 0; i + 1 < digits.size(); i += 2) {
    unsigned char byte = 0;
    std::from_chars(digits.data() + i, digits.data() + i + 2, byte, 16);
    bytes += static_cast<char>(byte);
  }
  return bytes;
}

/// The text of a key in base64; nullopt where it isn't one.
std::optional<std::string> from_base64(std::string text) {
  for (char& c : text) c = c == '-' ? '+' : c == '_' ? '/' : c == '.' ? '=' : c;
  return storage::base64_decode(text);
}

/// The value of a key.
Result<Value> value_of(const std::string& key, Type type) {
  const Error broken(ErrorCode::Internal, "the partition key '" + key + "' can't be read");
  const bool marked = !is_own_key(type);
  if (key.empty()) return broken;
  if (marked ? key[0] == kNullMark : key == kNullFolder) return Value::null(type);
  std::string text = key.substr(marked ? 1 : 0);
  if (marked && key[0] == kBase64Mark) {
    auto decoded = from_base64(std::move(text));
    if (!decoded) return broken;
    text = *std::move(decoded);
  }
  int64_t integer = 0;
  double real = 0;
  const char *begin = text.data(), *end = text.data() + text.size();
  switch (type) {
    case Type::Bool: return Value::boolean(text == "true");
    case Type::String: return Value::string(text);
    case Type::Dynamic: return Value::dynamic(text);
    case Type::Decimal: return Value::decimal(DecimalNumber::decode(unhex(text)).str());
    case Type::Guid: {
      const auto guid = Guid::parse(text);
      if (!guid) return broken;
      return Value::guid(*guid);
    }
    case Type::Real:
      if (std::from_chars(begin, end, real).ptr != end) return broken;
      return Value::real(real);
    default: break;
  }
  if (std::from_chars(begin, end, integer).ptr != end) return broken;
  if (type == Type::Int) return Value::int32(static_cast<int32_t>(integer));
  if (type == Type::DateTime) return Value::datetime(integer);
  if (type == Type::TimeSpan) return Value::timespan(integer);
  return Value::int64(integer);
}

/// A row of COPY's RETURN_STATS.
struct CopiedFile {
  std::string path;
  int64_t rows = 0, bytes = 0;
  std::map<std::string, std::string> partition_keys;
  std::map<std::string, std::map<std::string, std::string>> statistics;  // by column
};

std::string text_at(duckdb_vector vector, idx_t row) {
  auto* strings = static_cast<duckdb_string_t*>(duckdb_vector_get_data(vector));
  return std::string(duckdb_string_t_data(&strings[row]), duckdb_string_t_length(strings[row]));
}

bool null_at(duckdb_vector vector, idx_t row) {
  uint64_t* validity = duckdb_vector_get_validity(vector);
  return validity && !duckdb_validity_row_is_valid(validity, row);
}

/// Calls `entry(key vector, value vector, position)` for the entries of a MAP.
template <typename Entry>
void for_each_entry(duckdb_vector map, idx_t row, Entry entry) {
  if (null_at(map, row)) return;
  const duckdb_list_entry range = static_cast<duckdb_list_entry*>(duckdb_vector_get_data(map))[row];
  duckdb_vector entries = duckdb_list_vector_get_child(map);
  duckdb_vector keys = duckdb_struct_vector_get_child(entries, 0);
  duckdb_vector values = duckdb_struct_vector_get_child(entries, 1);
  for (idx_t i = range.offset; i < range.offset + range.length; ++i) entry(keys, values, i);
}

std::map<std::string, std::string> text_map(duckdb_vector map, idx_t row) {
  std::map<std::string, std::string> result;
  for_each_entry(map, row, [&](duckdb_vector keys, duckdb_vector values, idx_t i) {
    if (!null_at(values, i)) result[text_at(keys, i)] = text_at(values, i);
  });
  return result;
}

void read_copied(duckdb_data_chunk chunk, std::vector<CopiedFile>& files) {
  const auto column = [&](idx_t i) { return duckdb_data_chunk_get_vector(chunk, i); };
  enum { kFilename, kCount, kFileSize, kFooterSize, kStatistics, kPartitionKeys };
  for (idx_t row = 0; row < duckdb_data_chunk_get_size(chunk); ++row) {
    CopiedFile& file = files.emplace_back();
    file.path = text_at(column(kFilename), row);
    file.rows = static_cast<int64_t>(static_cast<uint64_t*>(duckdb_vector_get_data(column(kCount)))[row]);
    file.bytes = static_cast<int64_t>(static_cast<uint64_t*>(duckdb_vector_get_data(column(kFileSize)))[row]);
    file.partition_keys = text_map(column(kPartitionKeys), row);
    for_each_entry(column(kStatistics), row, [&](duckdb_vector keys, duckdb_vector values, idx_t i) {
      file.statistics[text_at(keys, i)] = text_map(values, i);
    });
  }
}

Result<std::vector<CopiedFile>> copy(Statement& statement, const std::string& select,
                                     const std::string& target, const std::string& options) {
  ResultHandle result;
  SPILLWAY_TRY(statement.run("COPY (" + select + ") TO " + sql_string(target) + " (FORMAT parquet, " +
                                 options + ", RETURN_STATS true)",
                             result));
  std::vector<CopiedFile> files;
  while (true) {
    const ChunkHandle chunk(duckdb_fetch_chunk(*result.get()));
    if (!chunk || duckdb_data_chunk_get_size(chunk.get()) == 0) break;
    read_copied(chunk.get(), files);
  }
  std::error_code ignored;
  std::erase_if(files,
                [&](const CopiedFile& file) { return file.rows == 0 && fs::remove(file.path, ignored); });
  return files;
}

}  // namespace

/// One write_parquet(), step by step.
class ParquetWriter {
 public:
  ParquetWriter(Statement& statement, Lowering& lowering, const kql::Rel& plan, const ParquetOptions& options,
                int threads)
      : statement_(statement), lowering_(lowering), plan_(plan), options_(options), threads_(threads) {}

  Result<std::vector<WrittenFile>> write();

 private:
  std::string copy_options() const;
  Status add_columns(std::vector<std::string>& items, UniqueNames& names);
  Status add_partition_items(std::vector<std::string>& items, UniqueNames& names);
  int writers() const;
  std::string layout_options(std::vector<std::string>& items, UniqueNames& names) const;
  Result<std::vector<WrittenFile>> finish(const CopiedFile& file);
  std::vector<ColumnStatistics> statistics_of(const CopiedFile& file) const;
  Result<std::vector<CopiedFile>> split(const CopiedFile& file);

  Statement& statement_;
  Lowering& lowering_;
  const kql::Rel& plan_;
  const ParquetOptions& options_;
  const int threads_;  // of the engine
  std::string codec_;
  std::vector<std::string> column_names_;     // in the files
  std::vector<std::string> partition_names_;  // of the key columns, which aren't in the files
  int splits_ = 0;
};

std::string ParquetWriter::copy_options() const {
  return "COMPRESSION " + codec_ + ", ROW_GROUP_SIZE " +
         std::to_string(std::max<int64_t>(options_.row_group_rows, 1));
}

Status ParquetWriter::add_columns(std::vector<std::string>& items, UniqueNames& names) {
  for (size_t i = 0; i < options_.written_columns.value_or(plan_.columns.size()); ++i) {
    const kql::PlanColumn& column = plan_.columns[i];
    std::string sql = exported(column, options_.datetime_precision);
    if (column.type == Type::Decimal) {
      SPILLWAY_ASSIGN(const std::string text, lowering_.over_output(text_of(column)));
      sql = "CAST(NULLIF(" + text + ", '') AS " + kExportedDecimal + ")";
    }
    column_names_.push_back(names.add(column.name));
    items.push_back(sql + " AS " + sql_name(column_names_.back()));
  }
  return Status();
}

/// As many as are asked for, but one where the result has an order, which several files couldn't keep, and
/// no more than there are extents to read.
int ParquetWriter::writers() const {
  if (lowering_.ordered()) return 1;
  return static_cast<int>(
      std::clamp<int64_t>(lowering_.scans().extents_scanned, 1, std::max(options_.writers, 1)));
}

/// How COPY cuts its result into files. Where every thread is to write files of its own DuckDB does that;
/// otherwise each record draws the number of its writer, which partitions it as its values do.
std::string ParquetWriter::layout_options(std::vector<std::string>& items, UniqueNames& names) const {
  const int count = writers();
  std::vector<std::string> keys;
  for (const std::string& name : partition_names_) keys.push_back(sql_name(name));
  const bool each_thread = keys.empty() && count > 1 && count >= threads_;
  if (count > 1 && !each_thread) {
    keys.push_back(sql_name(names.add("writer")));
    items.push_back("CAST(floor(random() * " + std::to_string(count) + ") AS INTEGER) AS " + keys.back());
  }
  if (!keys.empty())
    return ", PARTITION_BY (" + join_texts(keys, ", ") +
           "), WRITE_PARTITION_COLUMNS false, OVERWRITE_OR_IGNORE";
  std::string options;
  if (each_thread) options += ", PER_THREAD_OUTPUT true";
  if (options_.file_bytes > 0) options += ", FILE_SIZE_BYTES " + std::to_string(options_.file_bytes);
  return options.empty() ? options : options + ", OVERWRITE_OR_IGNORE";
}

Result<std::vector<WrittenFile>> ParquetWriter::write() {
  SPILLWAY_ASSIGN(codec_, codec_of(options_.compression));
  UniqueNames names;
  std::vector<std::string> items;
  SPILLWAY_TRY(add_columns(items, names));
  SPILLWAY_TRY(add_partition_items(items, names));
  const std::string layout = layout_options(items, names);
  const std::string target = options_.folder + (layout.empty() ? "/data_0.parquet" : "");
  SPILLWAY_ASSIGN(const std::string select, lowering_.select(items));
  SPILLWAY_ASSIGN(const std::vector<CopiedFile> files,
                  copy(statement_, select, target, copy_options() + layout));
  std::vector<WrittenFile> written;
  for (const CopiedFile& file : files) {
    SPILLWAY_ASSIGN(std::vector<WrittenFile> finished, finish(file));
    std::move(finished.begin(), finished.end(), std::back_inserter(written));
  }
  return written;
}

Status ParquetWriter::add_partition_items(std::vector<std::string>& items, UniqueNames& names) {
  for (const kql::ExprPtr& partition : options_.partitions) {
    SPILLWAY_ASSIGN(const std::string value, lowering_.over_output(*partition));
    const std::string sql = "CAST(" + value + " AS " + sql_type(partition->type) + ")";
    partition_names_.push_back(names.add("p" + std::to_string(partition_names_.size())));
    items.push_back(key_of(sql, partition->type) + " AS " + sql_name(partition_names_.back()));
  }
  return Status();
}

Result<std::vector<WrittenFile>> ParquetWriter::finish(const CopiedFile& file) {
  std::vector<Value> values;
  for (size_t i = 0; i < partition_names_.size(); ++i) {
    const auto key = file.partition_keys.find(partition_names_[i]);
    const std::string text = key == file.partition_keys.end() ? kNullFolder : key->second;
    SPILLWAY_ASSIGN(Value value, value_of(text, options_.partitions[i]->type));
    values.push_back(std::move(value));
  }
  std::vector<CopiedFile> parts{file};
  const bool can_split = file.rows > options_.row_group_rows;
  const bool is_cut = file.partition_keys.empty();  // by FILE_SIZE_BYTES
  if (!is_cut && options_.file_bytes > 0 && file.bytes > options_.file_bytes && can_split) {
    SPILLWAY_ASSIGN(parts, split(file));
  }
  std::vector<WrittenFile> written;
  for (const CopiedFile& part : parts) {
    written.push_back({part.path, part.rows, part.bytes, values, statistics_of(part), {}});
  }
  return written;
}

std::vector<ColumnStatistics> ParquetWriter::statistics_of(const CopiedFile& file) const {
  std::vector<ColumnStatistics> columns(column_names_.size());
  for (size_t i = 0; i < columns.size(); ++i) {
    const auto found = file.statistics.find(sql_name(column_names_[i]));
    if (found == file.statistics.end()) continue;
    const auto text = [&](const char* name) -> std::optional<std::string> {
      const auto value = found->second.find(name);
      return value == found->second.end() ? std::nullopt : std::optional<std::string>(value->second);
    };
    columns[i].min = text("min");
    columns[i].max = text("max");
    const std::string nulls = text("null_count").value_or("");
    int64_t count = 0;
    const char* const end = nulls.data() + nulls.size();
    if (!nulls.empty() && std::from_chars(nulls.data(), end, count).ptr == end) columns[i].nulls = count;
  }
  return columns;
}

Result<std::vector<CopiedFile>> ParquetWriter::split(const CopiedFile& file) {
  const std::string folder = options_.folder + "/split_" + std::to_string(splits_++);
  const std::string select = "SELECT * EXCLUDE (file_row_number) FROM read_parquet([" + sql_path(file.path) +
                             "], file_row_number = true, hive_partitioning = false)" +
                             (lowering_.ordered() ? " ORDER BY file_row_number" : "");
  SPILLWAY_ASSIGN(std::vector<CopiedFile> parts,
                  copy(statement_, select, folder,
                       copy_options() + ", FILE_SIZE_BYTES " + std::to_string(options_.file_bytes)));
  std::error_code error;
  fs::remove(file.path, error);
  if (error) {
    return Error(ErrorCode::StorageTransient, "can't remove " + file.path + ": " + error.message());
  }
  return parts;
}

Result<std::vector<WrittenFile>> DuckEngine::write_parquet(kql::RelPtr plan, const ParquetOptions& parquet,
                                                           const RunOptions& options) {
  const auto native = native_query(options);
  SPILLWAY_ASSIGN(const auto statement, Statement::open(database_, watchdog_, options));
  const LoweringContext context = lowering_context(options, *statement, *native);
  Lowering lowering(context);
  SPILLWAY_TRY(lowering.plan(*plan));
  statement->count(lowering.scans());
  return ParquetWriter(*statement, lowering, *plan, parquet, threads()).write();
}

namespace {

/// A datetime column's smallest and largest value, as COPY's statistics have them.
std::optional<std::pair<Ticks, Ticks>> range_of(const std::map<std::string, std::string>& statistics) {
  const auto bound = [&](const char* name) -> std::optional<Ticks> {
    const auto text = statistics.find(name);
    if (text == statistics.end()) return std::nullopt;
    Ticks ticks = 0;
    const char* end = text->second.data() + text->second.size();
    if (std::from_chars(text->second.data(), end, ticks).ptr != end) return std::nullopt;
    return ticks;
  };
  const auto low = bound("min"), high = bound("max");
  if (!low || !high) return std::nullopt;
  return std::pair(*low, *high);
}

/// The cursor and the ingestion time of each record, where the plan is a scan that has them.
void add_hidden_columns(const kql::Rel& plan, std::vector<std::string>& items,
                        std::vector<std::string>& fields) {
  if (plan.kind != kql::Rel::Kind::TableScan) return;
  const auto& scan = static_cast<const kql::TableScan&>(plan);
  const auto add = [&](const std::optional<kql::ColumnId>& id, const std::string& name, int field) {
    if (!id) return;
    items.push_back(Lowering::id_name(*id) + " AS " + sql_name(name));
    fields.push_back(sql_name(name) + ": " + std::to_string(field));
  };
  add(scan.cursor, "$cursor", catalog::kCursorField);
  add(scan.ingestion_time, "$ingestion_time", catalog::kIngestionTimeField);
}

}  // namespace

Result<WrittenFile> DuckEngine::write_extent(kql::RelPtr plan, const catalog::Table& table,
                                             const std::string& path, const RunOptions& options) {
  const auto native = native_query(options);
  SPILLWAY_ASSIGN(const auto statement, Statement::open(database_, watchdog_, options));
  const LoweringContext context = lowering_context(options, *statement, *native);
  Lowering lowering(context);
  SPILLWAY_TRY(lowering.plan(*plan));
  statement->count(lowering.scans());
  UniqueNames names;
  std::vector<std::string> items, fields;
  std::vector<std::pair<int, std::string>> datetimes;
  for (const catalog::Column& column : table.columns) {
    const auto source = std::find_if(plan->columns.begin(), plan->columns.end(),
                                     [&](const kql::PlanColumn& c) { return c.name == column.name; });
    if (source != plan->columns.end() && source->type != column.type) {
      return Error(ErrorCode::SchemaMismatch, "column '" + column.name + "' of table '" + table.name +
                                                  "' is of type " + kql_name(column.type) + ", not " +
                                                  kql_name(source->type));
    }
    const std::string name = names.add(column.name);
    items.push_back((source == plan->columns.end() ? sql_null(column.type) : Lowering::id_name(source->id)) +
                    " AS " + sql_name(name));
    fields.push_back(sql_name(name) + ": " + std::to_string(column.id));
    if (column.type == Type::DateTime) datetimes.emplace_back(column.id, name);
  }
  add_hidden_columns(*plan, items, fields);
  if (fields.empty()) {
    return Error(ErrorCode::SchemaMismatch, "table '" + table.name + "' has no columns to hold records");
  }
  SPILLWAY_ASSIGN(const std::string select, lowering.select(items));
  SPILLWAY_ASSIGN(const std::vector<CopiedFile> files,
                  copy(*statement, select, path,
                       "COMPRESSION zstd, ROW_GROUP_SIZE " + std::to_string(kExtentRowGroupRows) +
                           ", FIELD_IDS {" + join_texts(fields, ", ") + "}"));
  WrittenFile written;
  written.path = path;
  for (const CopiedFile& file : files) {
    written.rows += file.rows;
    written.bytes += file.bytes;
    for (const auto& [id, name] : datetimes) {
      const auto statistics = file.statistics.find(sql_name(name));
      if (statistics == file.statistics.end()) continue;
      if (const auto range = range_of(statistics->second)) written.datetime_ranges[id] = *range;
    }
  }
  return written;
}

}  // namespace spillway::engine
