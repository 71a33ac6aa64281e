// What the catalog holds: plain values, immutable once they are in a Snapshot.
// Names of entities keep their case and are compared case-sensitively, as Kusto's are.
#pragma once

#include <cstddef>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/types.h"

namespace spillway::catalog {

/// A database's cursor: strictly increasing, assigned inside the transaction that makes an extent visible, as
/// max(previous + 1, now in ticks). Printed as decimal digits.
using Cursor = int64_t;

/// The records after `after` and up to `to`, both cursors of one database.
struct CursorRange {
  Cursor after = 0;
  Cursor to = INT64_MAX;
};

struct Column {
  int id = 0;  // never changes and is never used again within its table: the Parquet field id
  std::string name;
  Type type = Type::String;
  std::string docstring;
};

/// An immutable Parquet file of one table's records, datetimes as ticks, its columns by field id.
struct Extent {
  Guid id;
  /// Relative to the extents folder: "DATABASE-ID/74/74be27de-….parquet". Of a followed database: absolute.
  std::string path;
  int64_t rows = 0;
  int64_t bytes = 0;           // of the file
  int64_t original_bytes = 0;  // of the data as it was ingested
  Cursor min_cursor = 0;       // of its records; equal for an extent of one batch
  Cursor max_cursor = 0;
  Ticks created = 0;        // the ingestion time of its newest record
  Ticks first_created = 0;  // and of its oldest; equal for an extent of one batch
  /// True where it holds records of several batches, each with its own ingestion time and, unless it was
  /// moved, its own cursor, in the hidden Parquet columns with field ids kCursorField and
  /// kIngestionTimeField. Where it is false, what the file may have in them doesn't count.
  bool merged = false;
  /// True where it came from another table: all of its records have the cursor at which they arrived.
  bool moved = false;
  /// Of an extent whose file was written for another table: the field of the file that each column has, by
  /// column id. Columns that aren't in it are null in this extent. Without it, field ids are column ids.
  std::optional<std::map<int, int>> fields;
  /// Smallest and largest value of each datetime column, by column id; absent where all are null.
  std::map<int, std::pair<Ticks, Ticks>> datetime_ranges;
  std::vector<std::string> tags;

  bool operator==(const Extent&) const = default;
};
inline constexpr int kCursorField = 1'000'000'001;
inline constexpr int kIngestionTimeField = 1'000'000'002;

/// The visible extents of a table, ordered by max_cursor; extents of one commit in the order in which they
/// were given. Immutable and cheap to copy: lists share their blocks, so that a commit to a table of 100,000
/// extents copies only the last block and the list of blocks.
///
///   for (auto it = list.after(run.from); it != list.end(); ++it) scan(**it);   // what came after a cursor
class ExtentList {
 public:
  using Item = std::shared_ptr<const Extent>;
  class Iterator;

  ExtentList() = default;
  /// `extents` must be ordered by max_cursor.
  explicit ExtentList(const std::vector<Item>& extents) { append(extents); }

  size_t size() const { return blocks_.empty() ? 0 : blocks_.back().start + blocks_.back().items->size(); }
  bool empty() const { return blocks_.empty(); }
  /// Of all of them together.
  int64_t rows() const { return blocks_.empty() ? 0 : blocks_.back().rows_before + blocks_.back().rows; }
  const Item& operator[](size_t index) const;
  const Item& front() const { return blocks_.front().items->front(); }
  const Item& back() const { return blocks_.back().items->back(); }
  Iterator begin() const;
  Iterator end() const;
  /// The first extent that can hold records after `cursor`, in logarithmic time: all before it hold none.
  Iterator after(Cursor cursor) const;

  /// Their max_cursor must not be smaller than that of the last.
  void append(const std::vector<Item>& extents);
  /// Takes away those with these ids, and returns them.
  std::vector<Item> remove(const std::set<Guid>& ids);

 private:
  static constexpr size_t kBlockExtents = 512;
  struct Block {
    size_t start = 0;                                // the index of its first extent
    int64_t rows_before = 0, rows = 0;               // of the blocks before it, and of its own extents
    std::shared_ptr<const std::vector<Item>> items;  // never empty
  };
  void push_block(std::vector<Item> items);
  /// The block that holds an index below size().
  const Block* block_of(size_t index) const;

  std::vector<Block> blocks_;
};

/// Random access: `list.begin() + n` finds the block in logarithmic time.
class ExtentList::Iterator {
 public:
  using iterator_category = std::random_access_iterator_tag;
  using value_type = Item;
  using difference_type = std::ptrdiff_t;
  using pointer = const Item*;
  using reference = const Item&;

  Iterator() = default;
  reference operator*() const { return (*block_->items)[index_ - block_->start]; }
  pointer operator->() const { return &**this; }
  reference operator[](difference_type n) const { return *(*this + n); }
  Iterator& operator++() {
    if (++index_ == block_->start + block_->items->size()) ++block_;
    return *this;
  }
  Iterator operator++(int) {
    Iterator before = *this;
    ++*this;
    return before;
  }
  Iterator& operator--() { return *this += -1; }
  Iterator operator--(int) {
    Iterator before = *this;
    --*this;
    return before;
  }
  Iterator& operator+=(difference_type n);
  Iterator& operator-=(difference_type n) { return *this += -n; }
  Iterator operator+(difference_type n) const {
    Iterator moved = *this;
    return moved += n;
  }
  Iterator operator-(difference_type n) const { return *this + -n; }
  friend Iterator operator+(difference_type n, const Iterator& at) { return at + n; }
  difference_type operator-(const Iterator& other) const {
    return static_cast<difference_type>(index_) - static_cast<difference_type>(other.index_);
  }
  bool operator==(const Iterator& other) const { return index_ == other.index_; }
  auto operator<=>(const Iterator& other) const { return index_ <=> other.index_; }

 private:
  friend class ExtentList;
  Iterator(const ExtentList* list, const Block* block, size_t index)
      : list_(list), block_(block), index_(index) {}
  const ExtentList* list_ = nullptr;
  const Block* block_ = nullptr;  // that holds `index_`, or the end of the blocks
  size_t index_ = 0;
};

struct Table {
  int64_t id = 0;
  std::string name, folder, docstring;
  std::vector<Column> columns;  // in the order that users see
  int next_column_id = 1;
  bool ingestion_time_policy = true;
  std::map<std::string, std::string> policies;  // further policies, by name, as JSON text
  /// Ingestion mappings by kind ("csv", "json", "parquet") and name, as JSON text.
  std::map<std::string, std::map<std::string, std::string>> mappings;
  std::shared_ptr<const ExtentList> extents = std::make_shared<const ExtentList>();

  const Column* column(std::string_view name) const;
};

struct Function {
  std::string name, folder, docstring;
  std::string parameters;                       // "(a:long, b:string='x')", parentheses included
  std::string body;                             // "{ … }", braces included
  std::map<std::string, std::string> policies;  // by name, as JSON text: who are its admins
};

/// One element of an external table's `partition by`.
struct Partition {
  std::string name;
  Type type = Type::String;  // String, DateTime or Long
  enum class Kind {
    Column,      // Name:string = Column
    Bin,         // Name:datetime = bin(Column, span)
    StartOfDay,  // Name:datetime = startofday(Column)
    StartOfWeek,
    StartOfMonth,
    StartOfYear,
    Hash,     // Name:long = hash(Column, modulo)
    Virtual,  // Name:type, only in the path
  } kind = Kind::Column;
  std::string column;    // empty for Virtual
  int64_t argument = 0;  // Bin: ticks. Hash: modulo
};

/// One element of `pathformat`: a fixed text, or a partition, rendered by a .NET datetime pattern where it
/// has one.
struct PathElement {
  std::string text;       // fixed text, where partition is empty
  std::string partition;  // a Partition's name
  std::string pattern;    // of datetime_pattern(); empty for the default form
};

/// How the fields of an external table's files become columns when it is read.
struct ExternalMapping {
  std::string kind;     // "csv", "json", "parquet"
  std::string mapping;  // a JSON array
};

struct ExternalTable {
  int64_t id = 0;
  /// Delta: a Delta Lake table, whose log says which files it has. Its `format` is "parquet", it has one
  /// connection string, and its partitions are virtual columns (of any type) that the log gives values to.
  enum class Kind { Storage, Delta } kind = Kind::Storage;
  std::string name, folder, docstring;
  std::vector<Column> columns;
  std::vector<Partition> partitions;
  std::vector<PathElement> path_format;  // empty: the partitions in their order, in their default forms
  std::string path_format_text;          // as it was written
  std::string format;                    // "csv", "tsv", "json", "parquet", … in lower case
  std::vector<std::string> connection_strings;  // with secrets: never print, see storage::ConnectionString
  bool compressed = false;
  std::string compression_type;  // "gzip", "snappy", "lz4_raw", "brotli", "zstd"; empty for the default
  std::string include_headers = "None";  // "All", "FirstFile", "None"
  std::string name_prefix, file_extension;
  std::string encoding;                             // "UTF8NoBOM", "UTF8BOM"; empty: not given, without
  std::map<std::string, ExternalMapping> mappings;  // by name
  std::map<std::string, std::string> properties;    // all others that were given, for `.show`
  std::map<std::string, std::string> policies;      // by name, as JSON text: who are its admins
};

/// The definition of a continuous export and how far it has got.
struct ContinuousExport {
  int64_t id = 0;  // new with every creation; an alter keeps it
  std::string name;
  std::string external_table;
  std::string query;
  std::vector<std::string> fact_tables;  // of `over (…)`; empty: all tables of the query
  bool over_given = false;
  std::vector<std::string> tables;  // that the query read when it was created or altered last: for messages
  Ticks interval = 0;               // intervalBetweenRuns
  Ticks forced_latency = 0;         // 0: none
  int64_t size_limit = 100 * 1024 * 1024;
  bool backfill = false;  // it began with what had been ingested before its creation
  bool manifest = false;  // each run leaves a manifest beside its artifacts
  /// On whose behalf it runs: "system", or the object id of a managed identity; empty: the server's own.
  std::string managed_identity;
  int64_t max_records_per_run = 0, max_bytes_per_run = 0;  // 0: the server's limits
  /// How long its exported artifacts are listed (kHistory at least); 0: as long as it exists.
  Ticks artifact_retention = 0;
  std::map<std::string, std::string> properties;  // distribution, parquetRowGroupSize, …, as they were given
  bool disabled = false;

  /// Rises with every create, alter, enable, disable: a run commits only under the generation it began with.
  int64_t generation = 1;
  Cursor start_cursor = 0;
  Cursor exported_to = 0;  // everything up to here is in committed artifacts
  Ticks created = 0;
  std::optional<Ticks> last_run;       // start of the last run
  std::optional<Ticks> last_success;   // end of the last completed run
  std::string last_result;             // "Completed", "Failed" or empty
  std::optional<Ticks> failing_since;  // first failure since the last success, permanent failures only
  int consecutive_failures = 0;
};

struct Database {
  int64_t id = 0;
  std::string name, pretty_name;
  /// Of a followed database: the data folder of its leader. It is read-only here: see catalog/follower.h.
  std::string leader;
  Cursor cursor = 0;  // of the last commit
  /// Rises with every change of a table's, function's or external table's definition.
  int64_t version = 1;
  std::map<std::string, std::shared_ptr<const Table>> tables;
  std::map<std::string, std::shared_ptr<const Function>> functions;
  std::map<std::string, std::shared_ptr<const ExternalTable>> external_tables;
  std::map<std::string, std::shared_ptr<const ContinuousExport>> exports;
  std::map<std::string, std::string> policies;  // by name, as JSON text

  bool read_only() const { return !leader.empty(); }
};

/// BadRequest where the database is read-only: nothing of it can be changed, and nothing ingested.
Status check_writable(const Database& database);

/// Everything that queries see, as it was after one commit.
struct Snapshot {
  std::map<std::string, std::shared_ptr<const Database>> databases;
  std::map<std::string, std::string> policies;  // of the cluster: by name, as JSON text
  const Database* database(std::string_view name) const;
};

enum class RunState { Running, Completed, Failed };
const char* name_of(RunState state);

/// One run of a continuous export.
struct ExportRun {
  Guid id;  // the OperationId
  std::string database, name;
  int64_t export_id = 0;
  int64_t generation = 0;
  Cursor from = 0, to = 0;  // it covers (from, to]
  Cursor oldest = 0;        // of the records that it covers the first's; 0: there are none
  int attempt = 1;          // of this `from`
  std::string owner;        // the process that runs it
  RunState state = RunState::Running;
  Ticks started = 0;
  std::optional<Ticks> ended;
  std::string failure_kind, details;
  bool permanent_failure = false;
  int64_t records = 0, bytes = 0, files = 0;
};

/// A file that an export wrote, or began to write.
struct Artifact {
  Guid owner;                         // the run's or the operation's id
  std::string database, export_name;  // export_name: empty for `.export`
  std::string external_table;         // empty for `.export to storage`
  std::string connection;             // the connection string of its store, with secrets
  std::string object;                 // its path in that store
  std::string public_path;            // as users see it
  int64_t records = 0, bytes = 0;
  Ticks committed = 0;
  std::string checksum;  // XXH3 of 128 bits over the file, in hexadecimal; empty of what was not measured
  Ticks abandoned = 0;   // when it became the janitor's; 0: it isn't
  bool settled = false;  // no request is on its way any more that could make its object appear
};

/// A manifest of a committed run that isn't in its store yet. It goes there under a name of the run's own, so
/// that putting it twice is putting it once.
struct Manifest {
  Guid run;
  int64_t export_id = 0;  // of that name there may be another export by now
  std::string database, export_name;
  std::string connection;  // the connection string of its store, with secrets
  std::string object;      // its path in that store
  std::string content;     // JSON
};

/// A commit to a Delta table that is due: the files of a committed run, or of a completed operation, aren't
/// in the table's log yet. What it is called there is decided when it is put; see export/delta_commit.h.
struct DeltaCommit {
  Guid owner;                         // the run's or the operation's id
  std::string database, export_name;  // export_name: empty for `.export`
  std::string connection;             // the connection string of the table, with secrets
  std::string content;                // JSON
};

enum class OperationState { InProgress, Completed, Failed, Throttled, Scheduled, Abandoned, Canceled };
const char* name_of(OperationState state);

/// A row of `.show ingestion failures`.
struct IngestionFailure {
  Guid operation;               // of `.show operations`; zeros where the ingestion was none
  std::string database, table;  // what could not be ingested into
  Ticks failed = 0;
  std::string source;  // the public paths of the files; empty for inline data and queries
  std::string details;
  std::string error_code;
  bool permanent = false;
  bool from_update_policy = false;  // the table's update policy failed; the source table has its records
  std::string kind;                 // of the operation: "DataIngestPull", "TableAppend", …
  std::string principal, activity_id;
  std::string properties;  // of the ingestion, as JSON text
  int64_t sources = 0;     // files
};

/// A row of `.show operations`.
struct Operation {
  Guid id;
  std::string kind;  // "DataExport", "DataIngestPull", "ContinuousExport…"
  std::string node, database, principal, root_activity_id, status;
  OperationState state = OperationState::InProgress;
  Ticks started = 0, updated = 0;
  bool should_retry = false;
};

}  // namespace spillway::catalog
