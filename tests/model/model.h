// The model: what a database with its continuous exports is, in memory and as simple as it can be said.
//
// A table is the list of its records, each with the cursor of its commit. An export has a position; a run
// covers the records after it and up to another one, and what it must write is the query's result over them,
// computed here by a few lines of C++.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "catalog/model.h"
#include "tests/model/reader.h"

namespace spillway::model {

using catalog::Cursor;

/// All tables have the columns id:long, k:string, at:datetime, and as many of x, y, z (long) as alters gave.
struct Record {
  int64_t id = 0;
  std::string key;
  Ticks at = 0;
  std::map<int, int64_t> extras;  // by the id that the model gives to the column
};
using Records = std::shared_ptr<const std::vector<Record>>;

struct Batch {
  Records records;
  Cursor cursor = 0;
};

struct Table {
  std::map<std::string, int> extras;  // by name
  bool ingestion_time = true;
  std::map<Guid, std::vector<Batch>> extents;

  int64_t rows() const;
};

enum class Shape { Base, Wide, Counts };  // id, k, at · id, k, at, x · k, n
Names columns_of(Shape shape);

struct External {
  Shape shape = Shape::Base;
  std::string format = "csv", folder;
  bool compressed = false;
  std::string partition;  // "", "k", "day" or "hash"
};

struct Query {
  enum class Kind { Whole, Project, Filter, Extra, Join, Union, Let, Function, Parameter, Counts };
  Kind kind = Kind::Project;
  std::string fact, other;  // tables; `fact` of Function and Parameter: the function
  bool over = false;        // fact is the only fact table

  std::string text() const;
  Shape shape() const;  // of all but Whole, which is as its table
};

struct Export {
  int64_t id = 0, generation = 1;
  std::string external;
  Query query;
  Ticks latency = 0, interval = kTicksPerHour;
  int64_t most_records = 0;
  bool manifest = false, backfill = false, disabled = false;
  bool whole = true;  // its query is the first one, and nothing was dropped meanwhile

  Cursor start = 0, exported_to = 0;
  std::optional<Ticks> failing_since;
  int consecutive_failures = 0;
  std::set<Guid> seen_runs;                // that have ended
  std::vector<Row> expected;               // of all committed runs
  std::map<std::string, Names> artifacts;  // reported paths, and the columns that each has
};

struct Database {
  std::map<std::string, Table> tables;
  std::map<std::string, External> externals;
  std::map<std::string, std::string> functions;  // name → the table that it reads
  std::map<std::string, Export> exports;

  /// All definitions, one a line: the same text as of a catalog::Database that is like this one.
  std::string definitions() const;

  /// Why a run of such an export fails for good; nothing where it doesn't.
  std::optional<std::string> broken(const Export& definition) const;
  /// The fact tables of a query that isn't broken.
  std::set<std::string> facts(const Query& query) const;
  /// What a run over (after, to] writes.
  std::vector<Row> result(const Query& query, Shape shape, Cursor after, Cursor to) const;
  /// Records of the query's fact tables in (after, to].
  int64_t waiting(const Query& query, Cursor after, Cursor to) const;
};
std::string definitions_of(const catalog::Database& database);

/// The values of a record of a table, in the order of the columns.
Row row_of(const Table& table, const Record& record, const Names& columns);

}  // namespace spillway::model
