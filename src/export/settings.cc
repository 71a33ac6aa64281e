// How artifacts are written: documented names, defaults and ranges of properties.
// Source: management/data-export/export-data-to-storage.md, export-data-to-an-external-table.md,
// management/external-tables-azure-storage.md.
#include <algorithm>
#include <set>

#include "export/exports.h"
#include "export/properties.h"

namespace spillway::exports {
namespace {

// The documentation says "100 MB", "1 GB" and "4 GB", and its examples use both readings: each is accepted.
constexpr int64_t kSmallestSizeLimit = 100'000'000;
constexpr int64_t kLargestTableSizeLimit = int64_t{1} << 30;
constexpr int64_t kLargestStorageSizeLimit = int64_t{4} << 30;
constexpr int64_t kLargestRowGroup = 10'000'000;
constexpr int64_t kLargestConcurrency = 1024;
constexpr int64_t kLargestSpread = 64;
constexpr size_t kLongestNamePart = 128;

constexpr std::string_view kFormats = "csv, tsv, json, parquet";
constexpr std::string_view kParquetCompressions = "gzip|snappy|lz4_raw|brotli|zstd";
constexpr std::string_view kTextCompressions = "gzip";
/// Parquet files are compressed inside even where `compressed` isn't said, as every writer of them does it.
constexpr const char* kParquetDefault = "snappy";

Status check_format(const std::string& format) {
  if (format == "csv" || format == "tsv" || format == "json" || format == "parquet") return {};
  return Status(ErrorCode::NotSupported,
                "export in format '" + format + "' isn't supported; supported are " + std::string(kFormats));
}

/// A name prefix or a file extension becomes part of a path: it may not lead anywhere else.
Status check_name_part(const std::string& what, std::string_view property, const std::string& text) {
  const bool fits = text.size() <= kLongestNamePart && text.find("..") == std::string::npos &&
                    std::none_of(text.begin(), text.end(), [](char c) {
                      const auto byte = static_cast<unsigned char>(c);
                      return byte < 0x20 || byte == 0x7F || c == '\\' || c == '?' || c == '#' || c == '*';
                    });
  const bool in_folder = property == "namePrefix" && !text.starts_with('/');
  if (fits && (in_folder || text.find('/') == std::string::npos)) return {};
  return Status(ErrorCode::BadRequest, what + ": property '" + std::string(property) +
                                           "' can't be part of a file name: '" + text + "'");
}

Status read_names(const std::string& what, Settings& settings) {
  SPILLWAY_TRY(check_name_part(what, "namePrefix", settings.name_prefix));
  return check_name_part(what, "fileExtension", settings.file_extension);
}

/// What `compressed` and `compressionType` give.
Status read_compression(const std::string& what, bool compressed, const std::string& type,
                        Settings& settings) {
  const bool parquet = settings.format == "parquet";
  Properties one(what, {{"compressionType", type.empty() ? "gzip" : type}});
  SPILLWAY_ASSIGN(const auto chosen,
                  one.choice("compressionType", parquet ? kParquetCompressions : kTextCompressions));
  if (parquet) {
    settings.compression = compressed || !type.empty() ? *chosen : kParquetDefault;
  } else {
    settings.compression = compressed ? *chosen : "none";
  }
  return {};
}

Settings::Distribution distribution_of(const std::string& name) {
  if (name == "single") return Settings::Distribution::Single;
  return name == "per_shard" ? Settings::Distribution::Shard : Settings::Distribution::Node;
}

/// True where a string decides which file a record goes to.
bool partitioned_by_string(const Settings& settings) {
  using Kind = catalog::Partition::Kind;
  return std::any_of(settings.partitions.begin(), settings.partitions.end(), [](const auto& partition) {
    return partition.type == Type::String || partition.kind == Kind::Hash;
  });
}

/// So many percent of it, rounded up, at least one.
int64_t percent_of(int64_t whole, int64_t percent) {
  return std::max<int64_t>((whole * percent + 99) / 100, 1);
}

/// The properties that all export commands share.
Status read_common(Properties& properties, int64_t largest_size_limit, Settings& settings) {
  SPILLWAY_ASSIGN(const auto size_limit,
                  properties.integer("sizeLimit", kSmallestSizeLimit, largest_size_limit));
  settings.size_limit = size_limit.value_or(settings.size_limit);
  SPILLWAY_ASSIGN(const auto distributed, properties.boolean("distributed"));
  SPILLWAY_ASSIGN(const auto distribution, properties.choice("distribution", "single|per_node|per_shard"));
  if (distribution) settings.distribution = distribution_of(*distribution);
  if (!distributed.value_or(true)) settings.distribution = Settings::Distribution::Single;
  SPILLWAY_ASSIGN(const auto rows, properties.integer("parquetRowGroupSize", 1, kLargestRowGroup));
  settings.row_group_rows = rows.value_or(settings.row_group_rows);
  SPILLWAY_ASSIGN(const auto precision,
                  properties.choice("parquetDatetimePrecision", "millisecond|microsecond"));
  if (precision) {
    settings.datetime_precision = *precision == "millisecond" ? engine::DatetimePrecision::Millisecond
                                                              : engine::DatetimePrecision::Microsecond;
  }
  SPILLWAY_TRY(properties.boolean("persistDetails"));  // the command's own; see Request
  return {};
}

Status read_text_choices(const std::string& what, const std::string& headers, const std::string& encoding,
                         Settings& settings) {
  Properties given(what, {{"includeHeaders", headers.empty() ? "none" : headers},
                          {"encoding", encoding.empty() ? "utf8nobom" : encoding}});
  SPILLWAY_ASSIGN(const auto include, given.choice("includeHeaders", "none|all|firstfile"));
  SPILLWAY_ASSIGN(const auto coding, given.choice("encoding", "utf8nobom|utf8bom"));
  settings.include_headers = *include;
  settings.encoding = *coding;
  return {};
}

}  // namespace

namespace {

/// What a table without column mapping can't have in its columns' names.
constexpr std::string_view kNoDeltaNames = " ,;{}()\n\t=";

/// That files of the external table can be files of a Delta table.
Status check_delta(const std::string& what, const catalog::ExternalTable& table) {
  if (!table.partitions.empty()) {
    return Status(ErrorCode::NotSupported, what + ": its Delta table is partitioned (by column '" +
                                               table.partitions.front().name +
                                               "'), which exports don't support");
  }
  if (table.name_prefix.starts_with('_') || table.name_prefix.starts_with('.')) {
    return Status(ErrorCode::BadRequest,
                  what + ": a Delta table's readers don't see files whose names begin with '" +
                      table.name_prefix.substr(0, 1) + "', as property 'namePrefix' has it");
  }
  std::set<std::string> names;
  for (const catalog::Column& column : table.columns) {
    if (column.name.find_first_of(kNoDeltaNames) != std::string::npos) {
      return Status(ErrorCode::BadRequest, what + ": a Delta table can't have a column '" + column.name +
                                               "': none of ' ,;{}()=' "
                                               "and no tab or line break may be in its name");
    }
    if (!names.insert(lower_case(column.name)).second) {
      return Status(ErrorCode::BadRequest, what + ": a Delta table can't have two columns '" + column.name +
                                               "' that differ in case only");
    }
  }
  return {};
}

}  // namespace

Result<Settings> settings_for_table(const catalog::ExternalTable& table,
                                    const std::map<std::string, std::string>& properties) {
  Settings settings;
  const std::string what = "export to external table '" + table.name + "'";
  settings.format = lower_case(table.format);
  SPILLWAY_TRY(check_format(settings.format));
  settings.delta = table.kind == catalog::ExternalTable::Kind::Delta;
  if (settings.delta) SPILLWAY_TRY(check_delta(what, table));
  settings.connections = table.connection_strings;
  settings.external_table = table.name;
  settings.columns = table.columns;
  settings.partitions = table.partitions;
  settings.path_format = table.path_format;
  settings.name_prefix = table.name_prefix;
  settings.file_extension = table.file_extension;
  SPILLWAY_TRY(read_compression(what, table.compressed, table.compression_type, settings));
  SPILLWAY_TRY(read_text_choices(what, table.include_headers, table.encoding, settings));
  SPILLWAY_TRY(read_names(what, settings));
  Properties given(what, properties);
  SPILLWAY_TRY(read_common(given, kLargestTableSizeLimit, settings));
  SPILLWAY_ASSIGN(const auto kind, given.choice("distributionKind", "default|uniform"));
  settings.uniform = kind == "uniform";
  SPILLWAY_ASSIGN(const auto concurrency, given.integer("concurrency", 1, kLargestConcurrency));
  settings.concurrency = concurrency.value_or(settings.concurrency);
  // Among more nodes than there are, partitions spread over what writes on the one.
  SPILLWAY_ASSIGN(const auto spread, given.integer("spread", 1, kLargestSpread));
  settings.concurrency = std::max(settings.concurrency, spread.value_or(1));
  SPILLWAY_TRY(given.finish());
  if (settings.connections.empty())
    return Error(ErrorCode::BadRequest, what + ": it has no connection string");
  return settings;
}

Result<Settings> settings_for_storage(const std::string& format, bool compressed,
                                      std::vector<std::string> connections,
                                      const std::map<std::string, std::string>& properties) {
  Settings settings;
  settings.format = lower_case(format);
  SPILLWAY_TRY(check_format(settings.format));
  const std::string what = ".export to " + settings.format;
  settings.connections = std::move(connections);
  if (settings.connections.empty())
    return Error(ErrorCode::BadRequest, what + ": a connection string is needed");
  settings.distribution = Settings::Distribution::Shard;
  Properties given(what, properties);
  SPILLWAY_TRY(read_common(given, kLargestStorageSizeLimit, settings));
  const std::string headers = given.text("includeHeaders").value_or("");
  const std::string encoding = given.text("encoding").value_or("");
  SPILLWAY_TRY(read_text_choices(what, headers, encoding, settings));
  settings.file_extension = given.text("fileExtension").value_or("");
  settings.name_prefix = given.text("namePrefix").value_or("");
  SPILLWAY_TRY(read_names(what, settings));
  SPILLWAY_TRY(read_compression(what, compressed, given.text("compressionType").value_or(""), settings));
  SPILLWAY_TRY(given.finish());
  return settings;
}

Status apply_query_options(const std::map<std::string, std::string>& options, Settings& settings) {
  std::map<std::string, std::string> fanout;
  for (const auto& [name, value] : options) {
    if (lower_case(name).starts_with("query_fanout_")) fanout[name] = value;
  }
  Properties given("the query of the export", fanout);
  SPILLWAY_ASSIGN(const auto threads, given.integer("query_fanout_threads_percent", 0, 100));
  settings.threads_percent = threads.value_or(100);
  return given.integer("query_fanout_nodes_percent", 0, 100).status();
}

int writers_of(const Settings& settings, int cores) {
  if (settings.distribution != Settings::Distribution::Shard) return 1;
  if (partitioned_by_string(settings) && !settings.uniform) return 1;
  return static_cast<int>(percent_of(cores, settings.threads_percent));
}

size_t uploads_of(const Settings& settings) {
  if (settings.distribution == Settings::Distribution::Single) return 1;
  return static_cast<size_t>(percent_of(settings.concurrency, settings.threads_percent));
}

}  // namespace spillway::exports
