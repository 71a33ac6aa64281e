// The log of a Delta Lake table, and the state of the table that it gives.
//
//   TABLE/_delta_log/00000000000000000007.json                          the actions of commit 7, one a line
//   TABLE/_delta_log/00000000000000000007.checkpoint.parquet            those of all commits up to 7
//   TABLE/_delta_log/00000000000000000007.checkpoint.0000000001.0000000002.parquet    … in several parts
//
// The newest complete checkpoint is read, and every commit after it: `add` and `remove` of files, `metaData`
// (schema, partition columns, configuration), `protocol`, `txn` (how far an application has got). What else
// there is changes no record. `_last_checkpoint` is a hint for readers that don't list the log; this one
// does.
//
// Refused, with the name of what is missing: reader versions above 3 and the reader features that aren't in
// kDeltaReaderFeatures; column mapping (but mode "none"); files with deletion vectors.
//
// Source: the protocol of delta-io/delta, PROTOCOL.md.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/types.h"
#include "storage/object_store.h"

namespace spillway::engine {

/// The folder of a table's log.
inline constexpr const char* kDeltaLog = "_delta_log";

struct DeltaColumn {
  std::string name;
  std::string type;  // Delta's: "long", "decimal(10,2)", …; "array", "map", "struct" of nested ones
  Type kql_type = Type::String;
  bool nullable = true;
  bool operator==(const DeltaColumn&) const = default;
};

/// A file that belongs to the table.
struct DeltaFile {
  std::string path;  // in the table's store
  int64_t size = 0;
  std::map<std::string, std::optional<std::string>> partitions;  // by column, as the log writes them
  std::string statistics;                                        // JSON; empty where it has none
  std::string action;                                            // JSON; with DeltaParts::Actions only
};

enum class DeltaParts {
  Head,     // protocol, metadata and transactions: cheap for a table of many files, too
  Files,    // and the files
  Actions,  // and everything that a checkpoint holds
};

struct DeltaState {
  int64_t version = -1;  // of the last commit; -1: there is no table
  int min_reader = 0, min_writer = 0;
  std::vector<std::string> reader_features, writer_features;
  std::string id;
  std::vector<DeltaColumn> columns;  // those that it is partitioned by included
  std::vector<std::string> partition_columns;
  std::map<std::string, std::string> configuration;
  std::map<std::string, int64_t> transactions;  // by application
  std::map<std::string, DeltaFile> files;       // by path

  // With DeltaParts::Actions, JSON.
  std::string protocol_action, metadata_action;
  std::map<std::string, std::string> transaction_actions, removed_actions;  // by application, by path

  bool exists() const { return version >= 0; }
  bool is_partitioned_by(std::string_view column) const;
  const DeltaColumn* column(std::string_view name) const;
};

/// What reading a log needs.
struct DeltaReading {
  storage::ObjectStore* store = nullptr;  // of the table
  std::string scratch;                    // a folder for downloads, which exists
  /// The rows of a SELECT.
  std::function<Result<std::vector<std::vector<std::optional<std::string>>>>(const std::string& sql)> query;
  /// Not empty once the query is cancelled or late.
  std::function<std::optional<Error>()> expired;
};

/// NotSupported for tables that can't be read, DataFormat for a log that is broken; StorageTransient where it
/// changed under the reading.
Result<DeltaState> read_delta_log(const DeltaReading& reading, DeltaParts parts);

/// "_delta_log/00000000000000000007.json", "….checkpoint.parquet".
std::string delta_commit_path(int64_t version);
std::string delta_checkpoint_path(int64_t version);

/// The Delta type that a column is written as: timespan as long (its ticks), guid and dynamic as string,
/// decimal as decimal(38,18).
const char* delta_type_of(Type type);
/// A table's schema as the metadata's `schemaString`.
std::string delta_schema_string(const Schema& schema);

/// A partition's value as one of a KQL type; null where it is none of it.
Value delta_partition_value(const std::optional<std::string>& text, Type type);

/// Smallest and largest value of a datetime column by a file's statistics, widened by what they may have
/// lost: nullopt where they don't tell.
std::optional<std::pair<Ticks, Ticks>> delta_datetime_range(const DeltaFile& file, const std::string& column);

}  // namespace spillway::engine
