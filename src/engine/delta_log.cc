#include "engine/delta_log.h"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <iterator>

#include "base/decimal_number.h"
#include "engine/paths.h"
#include "engine/sql.h"
#include "kql/json.h"
#include "storage/parallel.h"
#include "storage/paths.h"

namespace spillway::engine {
namespace {

namespace json = boost::json;

constexpr int kHighestReaderVersion = 3;
/// Reader features that tables may have: column mapping in its mode "none" only, deletion vectors as long as
/// no file has one.
constexpr std::array<std::string_view, 4> kDeltaReaderFeatures = {"columnMapping", "deletionVectors",
                                                                  "timestampNtz", "vacuumProtocolCheck"};

/// Commits and parts of checkpoints that are downloaded at once.
constexpr int kDownloads = 8;
/// Levels of a schema's JSON: three for each nested structure.
constexpr size_t kMaxNesting = 512;
constexpr size_t kVersionDigits = 20, kPartDigits = 10;

Error broken(const std::string& what) {
  return Error(ErrorCode::DataFormat, "the log of the Delta table is broken: " + what);
}

std::string padded(int64_t number, size_t digits) {
  const std::string text = std::to_string(number);
  return std::string(text.size() < digits ? digits - text.size() : 0, '0') + text;
}

/// A number of exactly so many digits.
std::optional<int64_t> read_padded(std::string_view text, size_t digits) {
  int64_t number = 0;
  if (text.size() != digits) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + digits, number);
  if (error != std::errc() || end != text.data() + digits || number < 0) return std::nullopt;
  return number;
}

// ---- what there is --------------------------------------------------------------------------------------

/// The files of a log, by version.
struct Listing {
  std::map<int64_t, std::string> commits;
  struct Checkpoint {
    size_t parts = 0;
    std::map<size_t, std::string> files;  // by number of the part, from 1 on
    bool complete() const { return parts > 0 && files.size() == parts; }
  };
  std::map<int64_t, std::vector<Checkpoint>> checkpoints;
  bool has_named_checkpoints = false;  // of the form that table feature v2Checkpoint brings
  std::map<std::string, int64_t> sizes;
};

void add_checkpoint(Listing& listing, int64_t version, size_t parts, size_t part, const std::string& path) {
  std::vector<Listing::Checkpoint>& all = listing.checkpoints[version];
  auto found = std::find_if(all.begin(), all.end(), [&](const auto& c) { return c.parts == parts; });
  if (found == all.end()) found = all.insert(all.end(), {.parts = parts, .files = {}});
  found->files[part] = path;
}

void add_object(Listing& listing, const storage::ObjectInfo& object) {
  const std::string_view name = std::string_view(object.path).substr(std::string_view(kDeltaLog).size() + 1);
  const std::optional<int64_t> version = read_padded(name.substr(0, kVersionDigits), kVersionDigits);
  if (!version) return;
  listing.sizes[object.path] = object.size;
  std::string_view rest = name.substr(kVersionDigits);
  if (rest == ".json") {
    listing.commits[*version] = object.path;
  } else if (rest == ".checkpoint.parquet") {
    add_checkpoint(listing, *version, 1, 1, object.path);
  } else if (rest.starts_with(".checkpoint.")) {
    rest.remove_prefix(std::string_view(".checkpoint.").size());
    const size_t second = kPartDigits + 1;
    const auto part = read_padded(rest.substr(0, kPartDigits), kPartDigits);
    const auto parts = rest.size() > second ? read_padded(rest.substr(second, kPartDigits), kPartDigits)
                                            : std::optional<int64_t>();
    if (part && parts &&
        rest == padded(*part, kPartDigits) + "." + padded(*parts, kPartDigits) + ".parquet") {
      add_checkpoint(listing, *version, static_cast<size_t>(*parts), static_cast<size_t>(*part), object.path);
    } else {
      listing.has_named_checkpoints = true;
    }
  }
}

// ---- what it says ---------------------------------------------------------------------------------------

std::string text_member(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value && value->is_string() ? std::string(value->get_string()) : "";
}

int64_t number_member(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  if (!value || !value->is_number()) return 0;
  boost::system::error_code error;
  const auto number = value->to_number<int64_t>(error);
  return error ? 0 : number;
}

std::vector<std::string> text_list(const json::object& object, std::string_view name) {
  std::vector<std::string> list;
  const json::value* value = object.if_contains(name);
  if (!value || !value->is_array()) return list;
  for (const json::value& item : value->get_array()) {
    if (item.is_string()) list.emplace_back(item.get_string());
  }
  return list;
}

/// The KQL type that a Delta type is read as; nullopt for one that isn't known.
std::optional<Type> kql_type_of(std::string_view type) {
  struct Pair {
    std::string_view delta;
    Type kql;
  };
  static constexpr std::array kTypes = {
      Pair{"string", Type::String}, Pair{"long", Type::Long},          Pair{"integer", Type::Int},
      Pair{"short", Type::Int},     Pair{"byte", Type::Int},           Pair{"float", Type::Real},
      Pair{"double", Type::Real},   Pair{"boolean", Type::Bool},       Pair{"binary", Type::String},
      Pair{"date", Type::DateTime}, Pair{"timestamp", Type::DateTime}, Pair{"timestamp_ntz", Type::DateTime},
      Pair{"array", Type::Dynamic}, Pair{"map", Type::Dynamic},        Pair{"struct", Type::Dynamic},
      Pair{"void", Type::Dynamic},
  };
  for (const Pair& pair : kTypes) {
    if (pair.delta == type) return pair.kql;
  }
  if (type == "decimal" || type.starts_with("decimal(")) return Type::Decimal;
  return std::nullopt;
}

Result<DeltaColumn> column_of(const json::value& field) {
  if (!field.is_object()) return broken("a field of its schema is no object");
  const json::object& object = field.get_object();
  DeltaColumn column;
  column.name = text_member(object, "name");
  const json::value* type = object.if_contains("type");
  if (column.name.empty() || !type) return broken("a field of its schema has no name, or no type");
  column.type = type->is_object() ? text_member(type->get_object(), "type")
                                  : std::string(type->is_string() ? type->get_string() : json::string());
  const std::optional<Type> kql = kql_type_of(column.type);
  if (!kql) {
    return Error(ErrorCode::NotSupported, "the Delta table can't be read: its column '" + column.name +
                                              "' has the type '" + column.type + "', which isn't supported");
  }
  column.kql_type = *kql;
  const json::value* nullable = object.if_contains("nullable");
  column.nullable = !nullable || !nullable->is_bool() || nullable->get_bool();
  return column;
}

Result<json::value> parse_json(std::string_view text, const std::string& what) {
  json::parse_options options;
  options.max_depth = kMaxNesting;
  options.allow_invalid_utf8 = true;  // paths are bytes
  boost::system::error_code error;
  json::value value = json::parse(json::string_view(text.data(), text.size()), error, {}, options);
  if (error) return broken(what + " isn't JSON");
  return value;
}

/// Replays actions, commit after commit.
class Replay {
 public:
  explicit Replay(DeltaParts parts) : parts_(parts) {}

  /// The actions of one commit, one a line; those of a checkpoint, too.
  Status apply(std::string_view lines, const std::string& where);
  Status apply_line(std::string_view line, const std::string& where);
  /// Removes of a commit count before its adds, whatever their order is.
  void end_commit();
  /// What is to be known at the end.
  Result<DeltaState> finish(int64_t version);

 private:
  Status set_protocol(const json::object& action);
  Status set_metadata(const json::object& action);
  Result<DeltaFile> file_of(const json::object& action) const;
  Status check_readable() const;

  const DeltaParts parts_;
  DeltaState state_;
  std::vector<DeltaFile> added_;
  std::vector<std::pair<std::string, std::string>> removed_;  // path and action
  bool has_protocol_ = false, has_metadata_ = false;
  json::object metadata_;
  /// The first file with a deletion vector that belongs to the table.
  std::set<std::string> with_vectors_;
};

Result<std::string> path_of(const json::object& action) {
  const std::string uri = text_member(action, "path");
  const size_t colon = uri.find(':'), slash = uri.find('/');
  if (slash == 0 || (colon != uri.npos && colon < slash)) {
    return Error(ErrorCode::NotSupported,
                 "the Delta table can't be read: it has files with absolute paths, as shallow clones do");
  }
  std::optional<std::string> path = storage::percent_decode(uri);
  if (!path || path->empty()) return broken("an action has no path");
  return *std::move(path);
}

Result<DeltaFile> Replay::file_of(const json::object& action) const {
  DeltaFile file;
  SPILLWAY_ASSIGN(file.path, path_of(action));
  file.size = number_member(action, "size");
  file.statistics = text_member(action, "stats");
  if (const json::value* values = action.if_contains("partitionValues"); values && values->is_object()) {
    for (const auto& [column, value] : values->get_object()) {
      file.partitions[std::string(column)] =
          value.is_string() ? std::optional<std::string>(value.get_string()) : std::nullopt;
    }
  }
  if (parts_ == DeltaParts::Actions) file.action = json::serialize(action);
  return file;
}

Status Replay::set_protocol(const json::object& action) {
  has_protocol_ = true;
  state_.min_reader = static_cast<int>(number_member(action, "minReaderVersion"));
  state_.min_writer = static_cast<int>(number_member(action, "minWriterVersion"));
  state_.reader_features = text_list(action, "readerFeatures");
  state_.writer_features = text_list(action, "writerFeatures");
  if (parts_ == DeltaParts::Actions) state_.protocol_action = json::serialize(action);
  return {};
}

Status Replay::set_metadata(const json::object& action) {
  has_metadata_ = true;
  metadata_ = action;
  return {};
}

Status Replay::apply_line(std::string_view line, const std::string& where) {
  SPILLWAY_ASSIGN(const json::value value, parse_json(line, where));
  if (!value.is_object()) return broken(where + " has a line that is no object");
  for (const auto& [name, content] : value.get_object()) {
    if (!content.is_object()) continue;
    const json::object& action = content.get_object();
    if (name == "protocol") {
      SPILLWAY_TRY(set_protocol(action));
    } else if (name == "metaData") {
      SPILLWAY_TRY(set_metadata(action));
    } else if (name == "txn") {
      const std::string application = text_member(action, "appId");
      state_.transactions[application] = number_member(action, "version");
      if (parts_ == DeltaParts::Actions) state_.transaction_actions[application] = json::serialize(action);
    } else if (name == "add" && parts_ != DeltaParts::Head) {
      SPILLWAY_ASSIGN(DeltaFile file, file_of(action));
      const json::value* vector = action.if_contains("deletionVector");
      if (vector && vector->is_object()) {
        with_vectors_.insert(file.path);
      } else {
        with_vectors_.erase(file.path);
      }
      added_.push_back(std::move(file));
    } else if (name == "remove" && parts_ != DeltaParts::Head) {
      SPILLWAY_ASSIGN(std::string path, path_of(action));
      removed_.emplace_back(std::move(path),
                            parts_ == DeltaParts::Actions ? json::serialize(action) : std::string());
    }
  }
  return {};
}

Status Replay::apply(std::string_view lines, const std::string& where) {
  while (!lines.empty()) {
    const size_t end = std::min(lines.find('\n'), lines.size());
    const std::string_view line = kql::json::trim(lines.substr(0, end));
    if (!line.empty()) SPILLWAY_TRY(apply_line(line, where));
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
  end_commit();
  return {};
}

void Replay::end_commit() {
  for (auto& [path, action] : removed_) {
    state_.files.erase(path);
    if (parts_ == DeltaParts::Actions) state_.removed_actions[path] = std::move(action);
  }
  for (DeltaFile& file : added_) {
    state_.removed_actions.erase(file.path);
    const std::string path = file.path;
    state_.files[path] = std::move(file);
  }
  removed_.clear();
  added_.clear();
}

Status Replay::check_readable() const {
  const auto refuse = [](const std::string& why) {
    return Status(ErrorCode::NotSupported, "the Delta table can't be read: " + why);
  };
  if (state_.min_reader > kHighestReaderVersion) {
    return refuse("it needs reader version " + std::to_string(state_.min_reader) + "; up to " +
                  std::to_string(kHighestReaderVersion) + " is supported");
  }
  for (const std::string& feature : state_.reader_features) {
    if (std::find(kDeltaReaderFeatures.begin(), kDeltaReaderFeatures.end(), feature) ==
        kDeltaReaderFeatures.end()) {
      return refuse("it has the reader feature '" + feature + "', which isn't supported");
    }
  }
  const auto mode = state_.configuration.find("delta.columnMapping.mode");
  if (state_.min_reader >= 2 && mode != state_.configuration.end() && mode->second != "none") {
    return refuse("it has the reader feature 'columnMapping' in mode '" + mode->second +
                  "', which isn't supported");
  }
  for (const std::string& path : with_vectors_) {
    if (state_.files.contains(path)) {
      return refuse("it has the reader feature 'deletionVectors', which isn't supported, and its file '" +
                    path + "' has one");
    }
  }
  return {};
}

Result<DeltaState> Replay::finish(int64_t version) {
  if (!has_protocol_ || !has_metadata_) return broken("it has no protocol, or no metadata");
  if (const json::value* values = metadata_.if_contains("configuration"); values && values->is_object()) {
    for (const auto& [name, value] : values->get_object()) {
      if (value.is_string()) state_.configuration[std::string(name)] = std::string(value.get_string());
    }
  }
  // Before its schema, which a feature that isn't known may have changed.
  SPILLWAY_TRY(check_readable());
  state_.version = version;
  state_.id = text_member(metadata_, "id");
  state_.partition_columns = text_list(metadata_, "partitionColumns");
  if (parts_ == DeltaParts::Actions) state_.metadata_action = json::serialize(metadata_);
  if (const json::value* format = metadata_.if_contains("format"); format && format->is_object()) {
    const std::string provider = text_member(format->get_object(), "provider");
    if (provider != "parquet") {
      return Error(ErrorCode::NotSupported,
                   "the Delta table can't be read: its files are '" + provider + "'; Parquet is supported");
    }
  }
  SPILLWAY_ASSIGN(const json::value schema, parse_json(text_member(metadata_, "schemaString"), "its schema"));
  const json::value* fields = schema.is_object() ? schema.get_object().if_contains("fields") : nullptr;
  if (!fields || !fields->is_array()) return broken("its schema has no fields");
  for (const json::value& field : fields->get_array()) {
    SPILLWAY_ASSIGN(DeltaColumn column, column_of(field));
    state_.columns.push_back(std::move(column));
  }
  return std::move(state_);
}

// ---- reading it -----------------------------------------------------------------------------------------

class LogReader {
 public:
  LogReader(const DeltaReading& reading, DeltaParts parts)
      : reading_(reading), parts_(parts), replay_(parts) {}
  Result<DeltaState> read();

 private:
  Result<Listing> list() const;
  Status read_checkpoint(const std::vector<std::string>& files);
  /// The local path of an object of the log, downloaded where it lies elsewhere.
  Result<std::string> fetch(const std::string& object) const;
  Status apply_commit(const std::string& object);

  const DeltaReading& reading_;
  const DeltaParts parts_;
  Replay replay_;
};

Result<Listing> LogReader::list() const {
  Listing listing;
  SPILLWAY_ASSIGN(const std::vector<storage::ObjectInfo> objects, reading_.store->list(kDeltaLog));
  for (const storage::ObjectInfo& object : objects) add_object(listing, object);
  return listing;
}

Result<std::string> LogReader::fetch(const std::string& object) const {
  if (const auto error = reading_.expired()) return *error;
  if (std::optional<std::string> local = reading_.store->local_path(object)) return *std::move(local);
  std::string target = reading_.scratch + "/" + object.substr(object.rfind('/') + 1);
  const Status got = reading_.store->get_file(object, target);
  if (got.ok()) return target;
  if (got.error().code != ErrorCode::EntityNotFound) return got.error();
  return Error(ErrorCode::StorageTransient, "the log of the Delta table changed while it was read");
}

Status LogReader::apply_commit(const std::string& object) {
  SPILLWAY_ASSIGN(const std::string path, fetch(object));
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file) return Status(ErrorCode::StorageTransient, "'" + path + "' can't be read");
  return replay_.apply(text, "'" + object + "'");
}

Status LogReader::read_checkpoint(const std::vector<std::string>& files) {
  std::vector<std::string> paths;
  std::string list;
  for (const std::string& file : files) {
    SPILLWAY_ASSIGN(const std::string path, fetch(file));
    list += (list.empty() ? "" : ", ") + sql_path(path);
  }
  const std::string from = " FROM read_parquet([" + list +
                           "], union_by_name = true, binary_as_string = true, hive_partitioning = false)";
  SPILLWAY_ASSIGN(const auto columns, reading_.query("DESCRIBE SELECT *" + from));
  std::vector<std::string> wanted = {"protocol", "metaData", "txn"};
  if (parts_ != DeltaParts::Head) wanted.emplace_back("add");
  if (parts_ == DeltaParts::Actions) wanted.emplace_back("remove");
  std::string select;
  for (const auto& column : columns) {
    const std::string name = column[0].value_or("");
    if (std::find(wanted.begin(), wanted.end(), name) == wanted.end()) continue;
    select += std::string(select.empty() ? "" : " UNION ALL ") + "SELECT " +
              sql_string("{\"" + name + "\":") + " || CAST(to_json(" + sql_name(name) +
              ") AS VARCHAR) || '}'" + from + " WHERE " + sql_name(name) + " IS NOT NULL";
  }
  if (select.empty()) return broken("a checkpoint has no actions");
  SPILLWAY_ASSIGN(const auto rows, reading_.query(select));
  for (const auto& row : rows) {
    if (row[0]) SPILLWAY_TRY(replay_.apply_line(*row[0], "a checkpoint"));
  }
  replay_.end_commit();
  return {};
}

Result<DeltaState> LogReader::read() {
  SPILLWAY_ASSIGN(const Listing listing, list());
  int64_t version = -1;
  for (auto it = listing.checkpoints.rbegin(); it != listing.checkpoints.rend() && version < 0; ++it) {
    const auto complete = std::find_if(it->second.begin(), it->second.end(),
                                       [](const auto& checkpoint) { return checkpoint.complete(); });
    if (complete == it->second.end()) continue;
    std::vector<std::string> files;
    for (const auto& [part, file] : complete->files) files.push_back(file);
    SPILLWAY_TRY(read_checkpoint(files));
    version = it->first;
  }
  const auto first = listing.commits.upper_bound(version);
  if (version < 0 && first == listing.commits.end() && !listing.has_named_checkpoints) return DeltaState();
  storage::Parallel downloads(kDownloads);
  for (auto it = first; it != listing.commits.end(); ++it) {
    if (reading_.store->local_path(it->second)) break;
    SPILLWAY_TRY(downloads.run([this, &object = it->second] { return fetch(object).status(); }));
  }
  SPILLWAY_TRY(downloads.finish());
  for (auto it = first; it != listing.commits.end(); ++it, ++version) {
    if (it->first != version + 1) break;
    SPILLWAY_TRY(apply_commit(it->second));
  }
  if (version < 0 || (!listing.commits.empty() && version < listing.commits.rbegin()->first)) {
    if (listing.has_named_checkpoints) {
      return Error(ErrorCode::NotSupported,
                   "the Delta table can't be read: it has the reader feature 'v2Checkpoint', which isn't "
                   "supported");
    }
    return broken("commit " + std::to_string(version + 1) + " is missing");
  }
  return replay_.finish(version);
}

}  // namespace

bool DeltaState::is_partitioned_by(std::string_view name) const {
  return std::find(partition_columns.begin(), partition_columns.end(), name) != partition_columns.end();
}

const DeltaColumn* DeltaState::column(std::string_view name) const {
  const auto found =
      std::find_if(columns.begin(), columns.end(), [&](const DeltaColumn& c) { return c.name == name; });
  return found == columns.end() ? nullptr : &*found;
}

Result<DeltaState> read_delta_log(const DeltaReading& reading, DeltaParts parts) {
  return LogReader(reading, parts).read();
}

std::string delta_commit_path(int64_t version) {
  return std::string(kDeltaLog) + "/" + padded(version, kVersionDigits) + ".json";
}

std::string delta_checkpoint_path(int64_t version) {
  return std::string(kDeltaLog) + "/" + padded(version, kVersionDigits) + ".checkpoint.parquet";
}

const char* delta_type_of(Type type) {
  switch (type) {
    case Type::Bool: return "boolean";
    case Type::Int: return "integer";
    case Type::Long:
    case Type::TimeSpan: return "long";
    case Type::Real: return "double";
    case Type::Decimal: return "decimal(38,18)";
    case Type::DateTime: return "timestamp";
    case Type::String:
    case Type::Guid:
    case Type::Dynamic: break;
  }
  return "string";
}

std::string delta_schema_string(const Schema& schema) {
  json::array fields;
  for (const Field& field : schema) {
    fields.push_back(json::object{{"name", field.name},
                                  {"type", delta_type_of(field.type)},
                                  {"nullable", true},
                                  {"metadata", json::object()}});
  }
  return json::serialize(json::object{{"type", "struct"}, {"fields", std::move(fields)}});
}

Value delta_partition_value(const std::optional<std::string>& given, Type type) {
  if (!given || given->empty()) return Value::null(type);
  const std::string& text = *given;
  int64_t integer = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, integer);
  const bool is_integer = read.ec == std::errc() && read.ptr == end;
  switch (type) {
    case Type::String: return Value::string(text);
    case Type::Bool:
      return text == "true" || text == "false" ? Value::boolean(text == "true") : Value::null(type);
    case Type::Int:
      return is_integer && integer == static_cast<int32_t>(integer)
                 ? Value::int32(static_cast<int32_t>(integer))
                 : Value::null(type);
    case Type::Long: return is_integer ? Value::int64(integer) : Value::null(type);
    case Type::Real: {
      double real = 0;
      const auto [stop, error] = std::from_chars(text.data(), end, real);
      return error == std::errc() && stop == end ? Value::real(real) : Value::null(type);
    }
    case Type::Decimal: {
      const auto number = DecimalNumber::parse(text);
      return number ? Value::decimal(number->str()) : Value::null(type);
    }
    case Type::DateTime: {
      const auto ticks = parse_datetime(text);
      return ticks ? Value::datetime(*ticks) : Value::null(type);
    }
    case Type::TimeSpan: {
      if (is_integer) return Value::timespan(integer);  // as it is exported
      const auto ticks = parse_timespan(text);
      return ticks ? Value::timespan(*ticks) : Value::null(type);
    }
    case Type::Guid: {
      const auto guid = Guid::parse(text);
      return guid ? Value::guid(*guid) : Value::null(type);
    }
    case Type::Dynamic: break;
  }
  std::string quoted;
  kql::json::quote(text, quoted);
  return Value::dynamic(quoted);
}

std::optional<std::pair<Ticks, Ticks>> delta_datetime_range(const DeltaFile& file,
                                                            const std::string& column) {
  const auto bound = [&](std::string_view side) -> std::optional<Ticks> {
    const auto values = kql::json::member(file.statistics, side);
    const auto value = values ? kql::json::member(*values, column) : std::nullopt;
    if (!value) return std::nullopt;
    std::string text;
    kql::json::append_text(*value, text);
    return parse_datetime(text);
  };
  std::string canonical;
  if (file.statistics.empty() || !kql::json::canonicalize(file.statistics, canonical)) return std::nullopt;
  const auto low = bound("minValues"), high = bound("maxValues");
  if (!low || !high) return std::nullopt;
  // Writers may cut them off to milliseconds.
  return std::pair(*low, *high + kTicksPerMillisecond - 1);
}

}  // namespace spillway::engine
