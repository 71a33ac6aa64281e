// Ingestion: formats, mappings, and the commit of a batch as extents of a table.
//
// A batch goes: its records are written as Parquet files into the extents folder and synced → update policies
// run over them, and what they make is written and synced alike (ingest/derivation.h) → one transaction makes
// all of its extents, in all of these tables, visible under one cursor. Nothing of a batch that failed is
// ever visible; files that no catalog row names are the janitor's.
//
//   ingest::Request request{.database = "NetDefaultDB", .table = *table, .properties = properties};
//   SPILLWAY_ASSIGN(auto loaded, ingestor.ingest_data(request, "1,a\n2,b\n"));
//
// Sources: ingestion-properties.md, ingestion-supported-formats.md, management/mappings.md,
// management/data-ingestion/*.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "catalog/catalog.h"
#include "engine/capacity.h"
#include "engine/engine.h"
#include "kql/plan.h"
#include "storage/object_store.h"

namespace spillway::ingest {

/// Ingestion properties, checked. Names are compared case-insensitively.
struct Properties {
  /// "csv", "tsv", "json", "multijson", "parquet", …; empty: by the file's extension, csv for inline data.
  std::string format;
  bool ignore_first_record = false;
  std::string mapping;            // ingestionMapping: a JSON array; empty: identity
  std::string mapping_reference;  // the name of a mapping of the table
  std::vector<std::string> tags;
  std::vector<std::string> ingest_if_not_exists;  // values without "ingest-by:"
  bool treat_gz_as_uncompressed = false;
};

/// Reads the properties of `with (…)`. Errors: BadRequest names a property that doesn't exist or whose value
/// is out of range; NotSupported names one that Kusto has and Spillway doesn't.
Result<Properties> parse_properties(const std::map<std::string, std::string>& given);

/// Checks an ingestion mapping (a JSON array of objects) of a kind ("csv", "json", "parquet") and returns its
/// canonical text: [{"column":"a","datatype":"int","Properties":{"Ordinal":"0"}}, …]. Errors: BadRequest.
Result<std::string> normalize_mapping(std::string_view kind, std::string_view json);

/// Who ingests, and by which command: for `.show ingestion failures`.
struct Origin {
  Guid operation;  // of `.show operations`; zeros where there is none
  std::string kind = "DataIngestPull";  // its command's type
  std::string principal, activity_id;
};

struct Request {
  std::string database;
  /// The table as the extents are written for it: its columns with their ids. It may not exist yet, or be
  /// another version of the one of that name, where `prepare` sees to it.
  catalog::Table table;
  Properties properties;
  /// Inside the transaction that makes the extents visible, before it does: creates or alters the table,
  /// drops the extents that are replaced. Returns the table's id. Empty: the table must still be there with
  /// `table.id`.
  std::function<Result<int64_t>(catalog::Writer&)> prepare;
  /// What `prepare` drops is all of the table: update policies replace the data of their tables alike.
  bool replaces = false;
  Origin origin;
  std::shared_ptr<engine::CancelToken> cancel;
  std::optional<std::chrono::milliseconds> timeout;
};

/// An extent that was made, committed and visible.
struct Loaded {
  catalog::Extent extent;
  std::string item;  // the public paths of the files that it came from; empty for inline data and queries
};

/// Extents that change their tables, and such of the destination that are dropped with that.
struct MoveRequest {
  std::string database;
  int64_t table_id = 0;              // the destination
  std::vector<catalog::Move> moves;  // of tables of the database
  std::vector<Guid> drops;
  bool new_ingestion_time = false;
  Origin origin;
  std::shared_ptr<engine::CancelToken> cancel;
  std::optional<std::chrono::milliseconds> timeout;
};

inline constexpr size_t kMaxOperations = 32;

struct IngestorOptions {
  /// How long an ingestion waits for the ingestion capacity, and a merge for its own.
  std::chrono::milliseconds capacity_wait = engine::kLongestCapacityWait;
};

/// Work in the background: an operation that `.show operations` lists.
struct OperationRequest {
  std::string kind;  // "DataIngestPull", "TableSet", "TableAppend", "TableSetOrAppend", "TableSetOrReplace"
  std::string database, principal, activity_id;
  bool persist_details = false;
  std::function<Result<Table>(const Guid& operation, std::shared_ptr<engine::CancelToken>)> work;
};

class Ingestor {
 public:
  /// `extents_folder`: where Extent::path begins; the engine's. All references outlive it. A thread of its
  /// own removes the files of dropped extents that nobody reads any more, and those that a failure left.
  static Result<std::unique_ptr<Ingestor>> open(catalog::Catalog& catalog, engine::Engine& engine,
                                                const storage::StoreFactory& stores, const Clock& clock,
                                                const std::string& extents_folder,
                                                const IngestorOptions& options = {});
  virtual ~Ingestor() = default;  // cancels what runs in the background and waits for it

  // All three wait for a part of the ingestion capacity; Throttled where there is none in time. They return
  // the extents that were made in the table: none where there were no records. Errors: DataFormat (with the
  // file and the line), EntityNotFound and Conflict (the table), StorageAccess, Cancelled, Timeout, those of
  // transactional update policies; BadRequest where ingestIfNotExists forbids it. After an Internal or
  // StorageTransient error the batch may have been committed all the same: ingest-by tags tell. Each failure
  // but Cancelled, Conflict and Throttled is recorded for `.show ingestion failures`.
  virtual Result<std::vector<Loaded>> ingest_data(const Request& request, std::string_view data) = 0;
  /// `connections`: connection strings, each of one file, or of a folder: all files below it. One batch: all
  /// or none.
  virtual Result<std::vector<Loaded>> ingest_files(const Request& request,
                                                   const std::vector<std::string>& connections) = 0;
  /// The plan's columns go into the table's by position, converted to their types; missing ones are null.
  /// SchemaMismatch where there are more of them, or one can't be converted.
  virtual Result<std::vector<Loaded>> ingest_query(const Request& request, kql::RelPtr plan) = 0;

  /// Moves and drops extents in one transaction, with what update policies make of those that come. Errors:
  /// Conflict where a table or an extent is gone, SchemaMismatch (catalog::Writer::move_extents), and those
  /// of transactional update policies.
  virtual Status move_extents(const MoveRequest& request) = 0;

  /// Merges these extents of a table into one (ingest/merger.h), which it returns. Conflict where one of them
  /// is gone; BadRequest where others lie between them or their tags differ. The background does it too, for
  /// small ones.
  virtual Result<catalog::Extent> merge(const std::string& database, const catalog::Table& table,
                                        const std::vector<Guid>& ids, const engine::RunOptions& options) = 0;

  /// Runs `work` in a thread of its own. The operation's id; its state and, with persist_details, its result
  /// go into the catalog (catalog/operation_details.h). Throttled where kMaxOperations are running.
  virtual Result<Guid> start_operation(OperationRequest request) = 0;
  /// True where an operation of this ingestor with that id was running and is now told to stop. `reason`
  /// stands in its status; it may be empty.
  virtual bool cancel_operation(const Guid& id, const std::string& reason) = 0;
  /// Waits for what runs in the background, cancelled; safe to call twice.
  virtual void stop() = 0;
  /// One pass over the extents folder, now: removes every file that the catalog doesn't name (and no
  /// ingestion is about to), and those of dropped extents that nobody reads. How many files that were.
  virtual Result<int64_t> sweep() = 0;

  /// Ingestions at once, by the cluster's capacity policy; and merges of extents.
  virtual const engine::Capacity& capacity() const = 0;
  virtual const engine::Capacity& merge_capacity() const = 0;
};

/// What `.show ingestion failures` says of it, but for database, table, source and properties.
catalog::IngestionFailure failure_of(const Origin& origin, const Error& error, Ticks now);

}  // namespace spillway::ingest
