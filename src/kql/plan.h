// The logical plan: what a bound query means, free of syntax and free of the engine.
//
// A plan is a tree of relational operators (Rel) over typed scalar expressions (Expr). Columns are known by
// ids, unique within one query, so that no rename or clash of names can confuse an operator: names matter
// only in the output of the root. Nodes are immutable and may be shared (a `let` table used twice,
// `materialize`): a node that is reached from several parents is computed once where its `materialize` says
// so.
//
// Every value follows base/types.h: in particular a string column never holds null.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/types.h"
#include "catalog/model.h"

namespace spillway::kql {

struct ScalarOverload;      // kql/functions.h
struct AggregateOverload;   // kql/functions.h
class NativeOperatorMaker;  // kql/native_operator.h

using ColumnId = int;

struct PlanColumn {
  ColumnId id = 0;
  std::string name;
  Type type = Type::String;
};

struct Rel;
using RelPtr = std::shared_ptr<const Rel>;
struct Expr;
using ExprPtr = std::shared_ptr<const Expr>;

/// A scalar expression over the columns of an operator's inputs.
struct Expr {
  enum class Kind {
    Column,          // `column`
    Literal,         // `literal`
    Call,            // `function` of `args`; operators are functions too ("==", "+", "has", "and", …)
    ScalarSubquery,  // toscalar(): the first column of the first row of `subquery`, null without rows
    InSubquery,  // `args[0] in (subquery)`: its first column; `function` is the in operator ("in", "in~", …)
  };
  Kind kind = Kind::Literal;
  Type type = Type::Dynamic;
  TextSpan span;

  /// Of the tree below, counted as often as it is reached: what its SQL costs. The binder limits both.
  uint32_t nodes = 1;
  uint32_t depth = 1;

  ColumnId column = 0;
  Value literal;
  const ScalarOverload* function = nullptr;
  std::vector<ExprPtr> args;
  RelPtr subquery;
};

/// One aggregate of a summarize. `filter` is the predicate of the …if forms, already split off. arg_max() and
/// the like give a record: its values stand in the columns of `record`, one for each argument, and there is
/// no `output`.
struct AggregateCall {
  PlanColumn output;
  std::vector<PlanColumn> record;
  const AggregateOverload* function = nullptr;
  std::vector<ExprPtr> args;
  ExprPtr filter;
  TextSpan span;
};

struct SortKey {
  ExprPtr expression;
  bool descending = true;    // Kusto's default
  bool nulls_first = false;  // Kusto: nulls last in descending order, first in ascending
};

enum class JoinKind {
  InnerUnique,
  Inner,
  LeftOuter,
  RightOuter,
  FullOuter,
  LeftSemi,
  RightSemi,
  LeftAnti,
  RightAnti
};

/// A relational operator. `columns` is its output, in the order that a user sees.
struct Rel {
  enum class Kind {
    TableScan,
    ExternalScan,
    Values,
    Range,
    Filter,
    Project,
    Aggregate,
    Join,
    Union,
    Sort,
    Limit,
    Expand,
    Window,
    Group,
    Native,
  };
  explicit Rel(Kind k) : kind(k) {}
  virtual ~Rel() = default;

  Kind kind;
  std::vector<PlanColumn> columns;
  std::vector<RelPtr> inputs;
  TextSpan span;
  bool materialize = false;  // computed once, however many parents it has
  uint32_t depth = 1;        // of the tree below; the binder limits it
};

/// All records of a table's extents within `range`, at the pinned snapshot.
struct TableScan : Rel {
  TableScan() : Rel(Kind::TableScan) {}
  std::string database;
  std::shared_ptr<const catalog::Table> table;  // its columns by id, its extents
  std::vector<int> field_ids;                   // the table column of each of `columns`
  catalog::CursorRange range;                   // export runs; everything by default
  /// The hidden columns, where the query uses them: ids, not part of `columns` (types datetime, long, guid
  /// and dynamic).
  std::optional<ColumnId> ingestion_time, cursor, extent_id, extent_tags;
};

/// Where a mapping takes a column of an external table from.
struct ExternalSource {
  enum class Kind {
    Missing,   // nowhere: it is null
    Path,      // `text`: "$.a.b" in JSON and Parquet
    Ordinal,   // `ordinal`: of the field in delimited text
    Constant,  // `text`
    Location,  // the address of the file
  } kind = Kind::Missing;
  std::string text;
  size_t ordinal = 0;
  std::string unix_time;  // the function that makes a datetime of the value, or empty
};

/// The records of an external table's files. Partition columns that are virtual come from the paths.
struct ExternalScan : Rel {
  ExternalScan() : Rel(Kind::ExternalScan) {}
  std::shared_ptr<const catalog::ExternalTable> table;
  std::vector<std::string> names;  // the external table's column (or virtual partition) of each of `columns`
  bool names_files = false;        // externaldata: a connection string may be a file's, not only a folder's
  /// Where each column of the table comes from, by a mapping; empty: by name, or by position.
  std::vector<ExternalSource> sources;
};

/// `datatable`, `print`'s single empty row, a command's result.
struct Values : Rel {
  Values() : Rel(Kind::Values) {}
  std::vector<std::vector<Value>> rows;
};

/// `range x from a to b step s`: all three are constant expressions.
struct Range : Rel {
  Range() : Rel(Kind::Range) {}
  ExprPtr from, to, step;
};

struct Filter : Rel {
  Filter() : Rel(Kind::Filter) {}
  ExprPtr predicate;  // keeps the records for which it is true; null is not true
};

/// project, extend, project-away, project-rename … all end here: expressions[i] gives columns[i].
struct Project : Rel {
  Project() : Rel(Kind::Project) {}
  std::vector<ExprPtr> expressions;
};

/// summarize, distinct, count. Output: the keys, then the aggregates. Without keys: exactly one row.
struct Aggregate : Rel {
  Aggregate() : Rel(Kind::Aggregate) {}
  std::vector<std::pair<PlanColumn, ExprPtr>> keys;
  std::vector<AggregateCall> aggregates;
};

/// Equi-join on `on` (left expression, right expression); no key matches null. `columns` picks from both
/// sides; where a side has no match its strings are empty and the rest null. InnerUnique keeps one left
/// record a key.
struct Join : Rel {
  Join() : Rel(Kind::Join) {}
  JoinKind join_kind = JoinKind::InnerUnique;
  std::vector<std::pair<ExprPtr, ExprPtr>> on;
  /// Further pairs, where null matches null: the groups of both sides (Group).
  std::vector<std::pair<ExprPtr, ExprPtr>> groups;
  /// The input column that each of `columns` shows.
  std::vector<ColumnId> sources;
};

/// Bag union. map[i][c] is the column of inputs[i] for columns[c]; nullopt: null (or the empty string).
/// With `source_column` set, that output column holds source_names[i].
struct Union : Rel {
  Union() : Rel(Kind::Union) {}
  std::vector<std::vector<std::optional<ColumnId>>> map;
  std::optional<ColumnId> source_column;
  std::vector<std::string> source_names;
};

/// The output is in this order, and so is the output of operators above that keep order (Filter, Project,
/// Limit): the query's result is handed out in it.
struct Sort : Rel {
  Sort() : Rel(Kind::Sort) {}
  std::vector<SortKey> keys;
};

struct Limit : Rel {
  Limit() : Rel(Kind::Limit) {}
  ExprPtr count;  // constant
};

/// mv-expand: each record as many times as its longest array has elements, in their order; shorter arrays are
/// padded with null. A bag's elements are its properties, as bags of one or as [key, value]; a null is an
/// array of one null, and so is any other value of itself. The input's columns stay.
struct Expand : Rel {
  struct Item {
    PlanColumn output;  // dynamic
    ExprPtr array;
  };
  Expand() : Rel(Kind::Expand) {}
  std::vector<Item> items;
  bool pairs = false;               // bags expand to [key, value]
  ExprPtr limit;                    // constant: the most records of one record; may be null
  std::optional<PlanColumn> index;  // the element's number, from 0 on
  /// With it, a record without elements stays, once, and this is false in it; else it is `was_live`, or true
  /// where that is null.
  std::optional<PlanColumn> live;
  ExprPtr was_live;
};

/// Adds `output`: a window function of each record among those of equal `partition`, in `order`, or in the
/// input's order where that is empty.
struct Window : Rel {
  enum class Function { Number, Previous, Next, Sum };
  Window() : Rel(Kind::Window) {}
  PlanColumn output;
  Function function = Function::Number;  // from 1 on
  ExprPtr argument;                      // of the others
  size_t offset = 1;                     // Previous and Next: so many records away …
  ExprPtr fallback;                      // … or this, a literal
  std::vector<ExprPtr> partition;
  std::vector<SortKey> order;
  bool idle = false;  // nothing uses the number: the input as it is
};

/// Says which columns every operator that keeps records carries along from here on, though its own `columns`
/// don't name them (`hide`; what the input lacks is left out), and which no longer (`drop`). So a subquery of
/// mv-apply or partition runs over the records of all its groups at once.
struct Group : Rel {
  Group() : Rel(Kind::Group) {}
  std::vector<ColumnId> hide, drop;
  std::vector<ColumnId> order;  // ascending; empty: the input's order
};

/// The seam for operators that SQL can't say (scan, window functions, evaluate plugins, graphs): C++ over the
/// rows of the inputs, in their order where they have one. An argument that depends on the record is a column
/// of the input, a constant stands in the maker.
struct Native : Rel {
  Native() : Rel(Kind::Native) {}
  std::shared_ptr<const NativeOperatorMaker> maker;
  bool ordered = false;      // the order in which the operator gives its rows is that of the output
  bool holds_input = false;  // it keeps its input in memory, under the query's limit
};

/// A readable, indented text of a plan: for tests and for `.show queryplan`.
std::string explain(const Rel& plan);

}  // namespace spillway::kql
