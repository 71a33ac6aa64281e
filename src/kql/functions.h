// The function table: every scalar function, operator and aggregate that KQL has here, each declared once
// with its names, signatures, result type, null behaviour and lowering. The binder resolves calls in it,
// error messages take the nearest known name from it, docs/kql.md is generated from it, and the engine lowers
// by it. Nothing else in the code lists functions.
//
// A declaration, in one of functions/*.cc:
//
//   table.scalar("strlen")
//       .doc("Length of a string in characters.")
//       .takes({Type::String}, Type::Long, sql("length({0})"));
//   table.scalar("startofweek")
//       .takes({Type::DateTime}, Type::DateTime, native<Ticks(Ticks)>(start_of_week));
//
// SQL templates: {0}, {1}, … are the lowered arguments, {*} all of them separated by commas, {1*} those from
// the second on, {* OR } all of them separated by " OR ", {cases} pairs of them as WHEN and THEN with a last
// one as ELSE. expand() and expand_aggregate() fill them in. Physical types are those of base/types.h: a
// template over a datetime sees BIGINT ticks. A template names each argument at most once, so that the SQL of
// a nested expression grows only as its tree does; {filter} in an aggregate is the exception.
//
// Native functions have definite types: the binder converts every argument to the type of its parameter
// (`type`, also for AsString and AsDynamic; never Any, Numeric or Same), and a variadic parameter repeats
// with that one type. They deal with nulls themselves, whatever `nulls` says: the engine hands them nulls and
// takes the nulls that they set. A function over constants may be evaluated once unless is_volatile.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/types.h"
#include "base/vector.h"

namespace spillway::kql {

/// A vectorized function in C++. `arguments` have `rows` values each. With NullRule::Propagate the caller has
/// already made null every row with a null argument and `out` may be set to anything there.
/// An error ends the query.
struct NativeCall {
  const std::vector<VectorView>& arguments;
  size_t rows;
  VectorSink& out;
};
using NativeFunction = Status (*)(const NativeCall& call);

struct Lowering {
  std::string sql;                  // a template; empty where native
  NativeFunction native = nullptr;  // registered with the engine under `native_name`
  std::string native_name;          // "kql_startofweek_1", unique, assigned by the table
  bool is_volatile = false;         // rand(), new_guid(): evaluated for each row
};

enum class NullRule {
  Propagate,  // null if any argument is null (a string never is)
  Handles,    // the lowering itself says what null gives
};

/// What a parameter accepts.
struct Parameter {
  enum class Kind {
    Exact,      // `type`, or what converts to it implicitly (int → long → real, …)
    Any,        // every scalar type
    Numeric,    // int, long, real, decimal
    Same,       // the common type of all `Same` parameters
    Constant,   // `type`, and it must be a constant
    AsString,   // any scalar, converted as tostring() does (`type` is String)
    AsDynamic,  // any scalar, converted as todynamic() of its value (`type` is Dynamic)
  } kind = Kind::Exact;
  Type type = Type::Dynamic;
};

/// How the result type follows from the arguments.
struct ResultType {
  enum class Kind { Fixed, SameAsArgument, CommonOfArguments } kind = Kind::Fixed;
  Type type = Type::Dynamic;
  int argument = 0;
};

struct ScalarFunction;
struct ScalarOverload {
  const ScalarFunction* function = nullptr;
  std::vector<Parameter> parameters;
  int required = 0;       // arguments that must be there; fewer than the parameters only where variadic
  bool variadic = false;  // the last parameter repeats, `required` times in all at least
  ResultType result;
  NullRule nulls = NullRule::Propagate;
  Lowering lowering;
};

/// What is wrong with a constant argument, or "" where nothing is: a regular expression that isn't one, a
/// period that has no such name.
using ArgumentCheck = std::string (*)(const Value& argument);

/// A column of a function that gives several. Its name stands behind the function's and its first argument's:
/// "series_stats_x_min".
struct ResultColumn {
  std::string name;
  Type type = Type::Dynamic;
};

/// A function with `columns` (or `column_suffix`) gives several columns where it stands alone in print,
/// extend, project …; its overloads give an array of their values. Elsewhere its value is the first of them,
/// and f(…)[i] another one.
struct ScalarFunction {
  std::string name;
  std::string doc;       // one line, for docs/kql.md
  std::string category;  // "string", "datetime", "operator", …
  std::vector<ResultColumn> columns;
  /// Where set: a dynamic column for each argument, which is an array, named by it and this suffix; a bool
  /// may stand behind them all.
  std::string column_suffix;
  bool gives_columns() const { return !columns.empty() || !column_suffix.empty(); }
  std::vector<std::unique_ptr<ScalarOverload>> overloads;
  std::vector<std::pair<size_t, ArgumentCheck>> checks;  // of the argument at an index
};

/// An aggregate in C++: what it keeps of one group of records. The engine makes one for each group, or
/// several whose parts of the group are merged.
class AggregateState {
 public:
  virtual ~AggregateState() = default;
  /// Takes in a record; its nulls too.
  virtual Status add(const std::vector<VectorView>& arguments, size_t row) = 0;
  /// Takes in what a state of the same aggregate keeps of other records.
  virtual Status merge(const AggregateState& other) = 0;
  /// Sets the result; of no records where none was taken in.
  virtual Status finish(VectorSink& out, size_t row) const = 0;
};
using MakeAggregateState = std::unique_ptr<AggregateState> (*)();

struct AggregateFunction;
struct AggregateOverload {
  const AggregateFunction* function = nullptr;
  std::vector<Parameter> parameters;
  int required = 0;
  bool variadic = false;
  ResultType result;
  /// Template, e.g. "sum({0})". {filter} stands where " FILTER (WHERE …)" goes, at its end by default;
  /// {order} where the order of the records matters, as " ORDER BY …" or nothing.
  std::string sql;
  /// Or the aggregate is in C++: registered with the engine under `native_name`, and called with all
  /// arguments, converted as those of native functions are.
  MakeAggregateState native = nullptr;
  std::string native_name;
  bool ordered = false;  // and is better given its records in their order
  bool takes_predicate =
      false;  // countif, sumif, …: the last argument is a predicate, split off by the binder
};

struct AggregateFunction {
  std::string name;
  std::string doc;
  std::string column_prefix;  // of automatic column names: "count_", "sum_x", "percentile_x_50" …
  std::vector<std::unique_ptr<AggregateOverload>> overloads;
  std::vector<std::pair<size_t, ArgumentCheck>> checks;  // of the argument at an index
};

/// A scalar template with its arguments put in.
std::string expand(std::string_view sql_template, const std::vector<std::string>& arguments);
/// An aggregate's template: `filter` (a lowered predicate, or empty) stands at {filter}, or behind the
/// template, as " FILTER (WHERE …)"; `order` (" ORDER BY …", or empty) at {order}.
std::string expand_aggregate(std::string_view sql_template, const std::vector<std::string>& arguments,
                             std::string_view filter, std::string_view order = {});

/// The table; made once, never changed after.
class FunctionTable {
 public:
  static const FunctionTable& instance();

  const ScalarFunction* scalar(std::string_view name) const;  // case-sensitive, as Kusto's names are
  const AggregateFunction* aggregate(std::string_view name) const;
  /// The known name nearest to `name`, or "" where none is near.
  std::string nearest(std::string_view name) const;
  const std::map<std::string, std::unique_ptr<ScalarFunction>, std::less<>>& scalars() const {
    return scalars_;
  }
  const std::map<std::string, std::unique_ptr<AggregateFunction>, std::less<>>& aggregates() const {
    return aggregates_;
  }

 private:
  FunctionTable();
  friend class FunctionTableBuilder;
  std::map<std::string, std::unique_ptr<ScalarFunction>, std::less<>> scalars_;
  std::map<std::string, std::unique_ptr<AggregateFunction>, std::less<>> aggregates_;
};

}  // namespace spillway::kql
