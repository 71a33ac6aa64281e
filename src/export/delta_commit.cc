#include "export/delta_commit.h"

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <set>

#include "base/fail_point.h"
#include "base/log.h"
#include "engine/sql.h"
#include "storage/paths.h"

namespace spillway::exports {
namespace {

namespace json = boost::json;

/// Attempts at one commit: each that fails has lost to another writer.
constexpr int kAttempts = 100;
/// A checkpoint stands for each so many commits, as the protocol's own writers have it.
constexpr int64_t kCheckpointInterval = 10;
/// Of columns behind these there are no statistics, and of texts that are longer no bounds.
constexpr size_t kIndexedColumns = 32, kLongestBound = 32;
/// What an operation's one commit has as its version.
constexpr int64_t kOperationVersion = 1;

constexpr int64_t milliseconds_of(Ticks ticks) {
  return (ticks - kUnixEpoch) / kTicksPerMillisecond;
}

std::optional<int64_t> integer_of(const std::string& text) {
  int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && stop == end ? std::optional<int64_t>(number) : std::nullopt;
}

/// A bound as the log writes it; nullopt where none can be told exactly.
std::optional<json::value> bound_of(Type type, const std::string& text) {
  switch (type) {
    case Type::Int:
    case Type::Long:
    case Type::TimeSpan:
      if (const auto number = integer_of(text)) return json::value(*number);
      return std::nullopt;
    case Type::Real: {
      double real = 0;
      const char* const end = text.data() + text.size();
      const auto [stop, error] = std::from_chars(text.data(), end, real);
      // Readers differ in the order of zeros and of what isn't a number.
      if (error != std::errc() || stop != end || !std::isfinite(real) || real == 0) return std::nullopt;
      return json::value(real);
    }
    case Type::DateTime: {
      const auto ticks = parse_datetime(text);
      if (!ticks) return std::nullopt;
      // Microseconds, as in the file: the seventh digit is 0.
      std::string printed = format_datetime(*ticks);
      printed.erase(printed.size() - 2, 1);
      return json::value(json::string(printed));
    }
    case Type::String:
    case Type::Guid:
      if (text.size() > kLongestBound) return std::nullopt;
      return json::value(json::string(text));
    default: return std::nullopt;
  }
}

/// The path of a file relative to the table, as a URI: no ':' that could end a scheme.
std::string uri_of(const std::string& object) {
  std::string uri;
  for (const char c : storage::percent_encode_path(object)) {
    if (c == ':')
      uri += "%3A";
    else
      uri += c;
  }
  return uri;
}

std::string line_of(const char* action, json::object content) {
  return json::serialize(json::object{{action, std::move(content)}}) + "\n";
}

std::string quoted(const std::string& name) {
  return "'" + name + "'";
}

}  // namespace

DeltaProgress progress_of(const std::string& database, const catalog::ContinuousExport& definition,
                          catalog::Cursor to) {
  // The moment of its creation tells it from one of another catalog with the same names and ids.
  return {"spillway/" + database + "/" + definition.name + "/" + std::to_string(definition.id) + "-" +
              std::to_string(definition.created),
          to};
}

DeltaProgress progress_of(const std::string& database, const Guid& operation) {
  return {"spillway/" + database + "//" + operation.str(), kOperationVersion};
}

std::string delta_statistics(const std::vector<catalog::Column>& columns, const engine::WrittenFile& file) {
  json::object low, high, nulls;
  for (size_t i = 0; i < std::min({columns.size(), file.columns.size(), kIndexedColumns}); ++i) {
    const engine::ColumnStatistics& column = file.columns[i];
    if (column.nulls) nulls[columns[i].name] = *column.nulls;
    if (!column.min || !column.max) continue;
    const auto smallest = bound_of(columns[i].type, *column.min);
    const auto largest = bound_of(columns[i].type, *column.max);
    if (!smallest || !largest) continue;
    low[columns[i].name] = *smallest;
    high[columns[i].name] = *largest;
  }
  return json::serialize(json::object{{"numRecords", file.rows},
                                      {"minValues", std::move(low)},
                                      {"maxValues", std::move(high)},
                                      {"nullCount", std::move(nulls)}});
}

catalog::DeltaCommit delta_commit_of(const ArtifactOrder& order, const DeltaProgress& progress,
                                     const Written& written, Ticks now) {
  json::array columns, files;
  for (const catalog::Column& column : order.settings.columns) {
    columns.push_back(json::object{{"name", column.name}, {"type", kql_name(column.type)}});
  }
  for (size_t i = 0; i < written.artifacts.size(); ++i) {
    files.push_back(json::object{{"object", written.artifacts[i].object},
                                 {"bytes", written.artifacts[i].bytes},
                                 {"stats", written.statistics[i]}});
  }
  const json::object content{{"application", progress.application},
                             {"version", progress.version},
                             {"external_table", order.settings.external_table},
                             {"written", now},
                             {"columns", std::move(columns)},
                             {"files", std::move(files)}};
  return {order.owner, order.database, order.export_name, order.settings.connections.front(),
          json::serialize(content)};
}

Status check_appendable(const engine::DeltaState& state, const std::vector<Field>& columns, bool exact,
                        const std::string& external_table) {
  const std::string table = "the Delta table of external table " + quoted(external_table);
  if (!state.exists()) return {};
  if (state.min_writer > kDeltaWriterVersion) {
    return Status(ErrorCode::NotSupported, table + " isn't written to: it needs writer version " +
                                               std::to_string(state.min_writer) +
                                               ", and only tables of version " +
                                               std::to_string(kDeltaWriterVersion) + " are written to");
  }
  if (!state.partition_columns.empty()) {
    return Status(ErrorCode::NotSupported, table + " isn't written to: it is partitioned (by column " +
                                               quoted(state.partition_columns.front()) +
                                               "), which exports don't support");
  }
  std::string differences;
  const auto differs = [&](const std::string& text) {
    differences += (differences.empty() ? "" : "; ") + text;
  };
  std::set<std::string> known;
  for (const Field& column : columns) {
    known.insert(column.name);
    const engine::DeltaColumn* logged = state.column(column.name);
    const std::string type = engine::delta_type_of(column.type);
    if (!logged) {
      differs("it has no column " + quoted(column.name));
    } else if (logged->type != type) {
      differs("its column " + quoted(column.name) + " is of type " + logged->type + ", where " +
              kql_name(column.type) + " is written as " + type);
    } else if (!logged->nullable && column.type != Type::String) {
      differs("its column " + quoted(column.name) + " may not be null");
    }
  }
  for (const engine::DeltaColumn& logged : state.columns) {
    if (known.contains(logged.name)) continue;
    if (exact) {
      differs("the external table has no column " + quoted(logged.name) + " of it");
    } else if (!logged.nullable) {
      differs("its column " + quoted(logged.name) + " may not be null");
    }
  }
  if (differences.empty()) return {};
  return Status(ErrorCode::SchemaMismatch, table + " has another schema: " + differences);
}

/// A catalog::DeltaCommit's content.
struct DeltaCommitter::Content {
  DeltaProgress progress;
  std::string external_table;
  Ticks written = 0;
  std::vector<Field> columns;
  struct File {
    std::string object, statistics;
    int64_t bytes = 0;
  };
  std::vector<File> files;

  static Content of(const catalog::DeltaCommit& commit);
  /// The lines of the log's entry.
  std::string actions(const Guid& owner, bool creates_table, Ticks now) const;
};

/// It was made here, by delta_commit_of().
DeltaCommitter::Content DeltaCommitter::Content::of(const catalog::DeltaCommit& commit) {
  json::parse_options options;
  options.allow_invalid_utf8 = true;
  const json::object object = json::parse(commit.content, {}, options).as_object();
  Content content;
  content.progress = {json::value_to<std::string>(object.at("application")),
                      object.at("version").to_number<int64_t>()};
  content.external_table = json::value_to<std::string>(object.at("external_table"));
  content.written = object.at("written").to_number<int64_t>();
  for (const json::value& column : object.at("columns").as_array()) {
    content.columns.push_back({json::value_to<std::string>(column.at("name")),
                               *parse_type(json::value_to<std::string>(column.at("type")))});
  }
  for (const json::value& file : object.at("files").as_array()) {
    content.files.push_back({json::value_to<std::string>(file.at("object")),
                             json::value_to<std::string>(file.at("stats")),
                             file.at("bytes").to_number<int64_t>()});
  }
  return content;
}

std::string DeltaCommitter::Content::actions(const Guid& owner, bool creates_table, Ticks now) const {
  std::string text =
      line_of("commitInfo", {{"timestamp", milliseconds_of(now)},
                             {"operation", "WRITE"},
                             {"operationParameters", {{"mode", "Append"}, {"partitionBy", "[]"}}},
                             {"isBlindAppend", true},
                             {"engineInfo", "Spillway"},
                             {"txnId", owner.str()}});
  if (creates_table) {
    text += line_of("protocol", {{"minReaderVersion", 1}, {"minWriterVersion", kDeltaWriterVersion}});
    text += line_of("metaData", {{"id", owner.str()},
                                 {"format", {{"provider", "parquet"}, {"options", json::object()}}},
                                 {"schemaString", engine::delta_schema_string(columns)},
                                 {"partitionColumns", json::array()},
                                 {"createdTime", milliseconds_of(now)},
                                 {"configuration", json::object()}});
  }
  text += line_of("txn", {{"appId", progress.application},
                          {"version", progress.version},
                          {"lastUpdated", milliseconds_of(now)}});
  for (const File& file : files) {
    text += line_of("add", {{"path", uri_of(file.object)},
                            {"partitionValues", json::object()},
                            {"size", file.bytes},
                            {"modificationTime", milliseconds_of(written)},
                            {"dataChange", true},
                            {"stats", file.statistics}});
  }
  return text;
}

Status DeltaCommitter::check(const Settings& settings,
                             const std::shared_ptr<engine::CancelToken>& cancel) const {
  if (!settings.delta) return {};
  SPILLWAY_ASSIGN(const auto connection, storage::ConnectionString::parse(settings.connections.front()));
  SPILLWAY_ASSIGN(const auto store, stores_.open(connection));
  SPILLWAY_TRY(store->check_put_if_absent(engine::delta_commit_path(0)));
  engine::RunOptions options;
  options.cancel = cancel;
  SPILLWAY_ASSIGN(const engine::DeltaState state,
                  engine_.read_delta(settings.connections.front(), engine::DeltaParts::Head, options));
  std::vector<Field> columns;
  for (const catalog::Column& column : settings.columns) columns.push_back({column.name, column.type});
  return check_appendable(state, columns, true, settings.external_table);
}

Status DeltaCommitter::put_due(const std::optional<std::pair<std::string, std::string>>& of) {
  SPILLWAY_ASSIGN(const std::vector<catalog::DeltaCommit> due, catalog_.due_delta_commits());
  std::set<std::pair<std::string, std::string>> stuck;
  Status first;
  for (const catalog::DeltaCommit& commit : due) {
    const std::pair key(commit.database, commit.export_name);
    if (of ? *of != key : stuck.contains(key)) continue;
    const Status status = put_in_turn(commit);
    if (status.ok()) continue;
    if (of) return status;
    // Operations don't wait for each other.
    if (!commit.export_name.empty()) stuck.insert(key);
    if (first.ok()) first = status;
  }
  return first;
}

Status DeltaCommitter::put_due(const Guid& operation) {
  SPILLWAY_ASSIGN(const std::vector<catalog::DeltaCommit> due, catalog_.due_delta_commits());
  for (const catalog::DeltaCommit& commit : due) {
    if (commit.owner == operation) return put_in_turn(commit);
  }
  return {};
}

std::shared_ptr<std::mutex> DeltaCommitter::lock_of(const catalog::DeltaCommit& commit) {
  const std::string& name = commit.export_name;
  const std::pair key(commit.database, name.empty() ? "/" + commit.owner.str() : name);
  const std::lock_guard lock(mutex_);
  std::erase_if(locks_, [](const auto& entry) { return entry.second.use_count() == 1; });
  std::shared_ptr<std::mutex>& found = locks_[key];
  if (!found) found = std::make_shared<std::mutex>();
  return found;
}

/// Nothing where another thread has put it while this one waited.
Status DeltaCommitter::put_in_turn(const catalog::DeltaCommit& commit) {
  const auto mutex = lock_of(commit);
  const std::lock_guard lock(*mutex);
  SPILLWAY_ASSIGN(const std::vector<catalog::DeltaCommit> due, catalog_.due_delta_commits());
  const bool still = std::any_of(
      due.begin(), due.end(), [&](const catalog::DeltaCommit& each) { return each.owner == commit.owner; });
  if (!still) return {};
  return put(commit, Content::of(commit));
}

Status DeltaCommitter::put(const catalog::DeltaCommit& commit, const Content& content) {
  SPILLWAY_FAIL_POINT("export.delta.before");
  SPILLWAY_ASSIGN(const auto connection, storage::ConnectionString::parse(commit.connection));
  SPILLWAY_ASSIGN(const auto store, stores_.open(connection));
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    SPILLWAY_ASSIGN(const engine::DeltaState state,
                    engine_.read_delta(commit.connection, engine::DeltaParts::Head, {}));
    const auto known = state.transactions.find(content.progress.application);
    if (known != state.transactions.end() && known->second == content.progress.version) return forget(commit);
    if (known != state.transactions.end() && known->second > content.progress.version) {
      return refuse(commit, content,
                    Error(ErrorCode::DataFormat,
                          "the log of the Delta table of external table " + quoted(content.external_table) +
                              " has a later commit of this export than the catalog knows of: the catalog is "
                              "an older copy"));
    }
    if (const Status fits = check_appendable(state, content.columns, false, content.external_table);
        !fits.ok()) {
      return refuse(commit, content, fits.error());
    }
    const int64_t version = state.version + 1;
    SPILLWAY_ASSIGN(const bool made,
                    store->put_if_absent(content.actions(commit.owner, !state.exists(), clock_.now()),
                                         engine::delta_commit_path(version)));
    if (!made) continue;
    SPILLWAY_FAIL_POINT("export.delta.after");
    SPILLWAY_TRY(forget(commit));
    if (version > 0 && version % kCheckpointInterval == 0) write_checkpoint(commit, *store);
    return {};
  }
  return Status(ErrorCode::StorageTransient, "other writers to the Delta table of external table " +
                                                 quoted(content.external_table) + " were faster " +
                                                 std::to_string(kAttempts) + " times");
}

Status DeltaCommitter::forget(const catalog::DeltaCommit& commit) {
  return catalog_.write([&](catalog::Writer& writer) { return writer.forget_delta_commit(commit.owner); });
}

/// The table can't take the commit, and trying again won't help before somebody changes the table.
Status DeltaCommitter::refuse(const catalog::DeltaCommit& commit, const Content& content,
                              const Error& error) {
  const auto give_up = [&] {
    log::error("a Delta table can't take the commit of an export, which is given up",
               {{"owner", commit.owner.str()}, {"export", commit.export_name}, {"error", error.message}});
  };
  if (commit.export_name.empty()) {
    SPILLWAY_ASSIGN(std::optional<catalog::Operation> operation, catalog_.operation(commit.owner));
    give_up();
    if (!operation) {
      SPILLWAY_TRY(forget(commit));
      return error;
    }
    operation->state = catalog::OperationState::Failed;
    operation->status = error.message;
    operation->updated = clock_.now();
    SPILLWAY_TRY(
        catalog_.write([&](catalog::Writer& writer) { return writer.withdraw_operation(*operation); }));
    return error;
  }
  const auto snapshot = catalog_.snapshot();
  const catalog::Database* database = snapshot->database(commit.database);
  const auto definition =
      database ? database->exports.find(commit.export_name) : decltype(database->exports.end())();
  const bool exists =
      database && definition != database->exports.end() &&
      progress_of(commit.database, *definition->second, 0).application == content.progress.application;
  if (exists) return error;
  give_up();
  return forget(commit);
}

/// A table without a checkpoint serves as well, only more slowly.
void DeltaCommitter::write_checkpoint(const catalog::DeltaCommit& commit, storage::ObjectStore& store) {
  const auto write = [&]() -> Status {
    SPILLWAY_FAIL_POINT("export.delta.checkpoint");
    SPILLWAY_ASSIGN(const engine::DeltaState state,
                    engine_.read_delta(commit.connection, engine::DeltaParts::Actions, {}));
    if (state.min_reader > 1 || state.min_writer > kDeltaWriterVersion) return {};
    return write_checkpoint_of(state, commit.owner, store);
  };
  if (const Status written = write(); !written.ok()) {
    log::warning("a checkpoint of a Delta table can't be written",
                 {{"export", commit.export_name}, {"error", written.error().message}});
  }
}

namespace {

/// The columns of a checkpoint of the protocol's first version.
constexpr const char* kCheckpointColumns =
    "{txn: 'STRUCT(appId VARCHAR, version BIGINT, lastUpdated BIGINT)', "
    "add: 'STRUCT(path VARCHAR, partitionValues MAP(VARCHAR, VARCHAR), size BIGINT, modificationTime BIGINT, "
    "dataChange BOOLEAN, tags MAP(VARCHAR, VARCHAR), stats VARCHAR)', "
    "remove: 'STRUCT(path VARCHAR, deletionTimestamp BIGINT, dataChange BOOLEAN, extendedFileMetadata "
    "BOOLEAN, "
    "partitionValues MAP(VARCHAR, VARCHAR), size BIGINT)', "
    "metaData: 'STRUCT(id VARCHAR, name VARCHAR, description VARCHAR, format STRUCT(provider VARCHAR, "
    "options "
    "MAP(VARCHAR, VARCHAR)), schemaString VARCHAR, partitionColumns VARCHAR[], createdTime BIGINT, "
    "configuration MAP(VARCHAR, VARCHAR))', "
    "protocol: 'STRUCT(minReaderVersion INTEGER, minWriterVersion INTEGER)'}";
/// What DuckDB's reader keeps room for, whatever is there, in bytes.
constexpr size_t kLeastLine = 1 << 20;

/// A file that goes with this object.
struct TemporaryFile {
  explicit TemporaryFile(std::string name) : path(std::move(name)) {}
  ~TemporaryFile() {
    std::error_code ignored;  // the next start empties the staging folder
    std::filesystem::remove(path, ignored);
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  Status write(const std::string& text) const {
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file << text;
    file.flush();
    if (file) return {};
    return Status(ErrorCode::StorageTransient, "a file can't be written into the staging folder");
  }
  const std::string path;
};

/// The actions that a state consists of, one a line.
struct Actions {
  std::string text;
  int64_t count = 0;
  size_t longest_line = kLeastLine;
};
Actions actions_of(const engine::DeltaState& state) {
  Actions all;
  const auto add = [&](const char* name, const std::string& action) {
    const std::string line = std::string("{\"") + name + "\":" + action + "}\n";
    all.text += line;
    all.longest_line = std::max(all.longest_line, line.size());
    ++all.count;
  };
  add("protocol", state.protocol_action);
  add("metaData", state.metadata_action);
  for (const auto& [application, action] : state.transaction_actions) add("txn", action);
  for (const auto& [path, action] : state.removed_actions) add("remove", action);
  for (const auto& [path, file] : state.files) add("add", file.action);
  return all;
}

}  // namespace

Status DeltaCommitter::write_checkpoint_of(const engine::DeltaState& state, const Guid& owner,
                                           storage::ObjectStore& store) {
  const std::string base = staging_folder_ + "/checkpoint-" + owner.str();
  const TemporaryFile lines(base + ".json"), checkpoint(base + ".parquet"), hint(base + ".last");
  const Actions actions = actions_of(state);
  SPILLWAY_TRY(lines.write(actions.text));
  SPILLWAY_ASSIGN(const auto sql, engine_.connect());
  SPILLWAY_TRY(sql->query("COPY (SELECT * FROM read_json(" + engine::sql_string(lines.path) +
                          ", format = 'newline_delimited', columns = " + kCheckpointColumns +
                          ", maximum_object_size = " + std::to_string(actions.longest_line) + ")) TO " +
                          engine::sql_string(checkpoint.path) + " (FORMAT parquet, COMPRESSION snappy)"));
  SPILLWAY_TRY(store.put_file(checkpoint.path, engine::delta_checkpoint_path(state.version), true));
  SPILLWAY_TRY(
      hint.write(json::serialize(json::object{{"version", state.version}, {"size", actions.count}}) + "\n"));
  return store.put_file(hint.path, std::string(engine::kDeltaLog) + "/_last_checkpoint", true);
}

}  // namespace spillway::exports
