// The syntax tree of KQL: what the parser (parser.h) makes of a query text and the binder reads.
//
// - A Query is a list of statements. The tabular expression statements among them are its results.
// - Expressions are one family, scalar and tabular alike, as in Kusto's grammar: which of the two a name or
//   a call is only the binder can tell. A pipeline is a PipeExpr: a source and a list of operators.
// - Every tabular operator is a node type of its own, below Operator.
// - Every node carries the TextSpan of its text, from its first to its last token.
//
// Nodes are told apart by their kind, so that a switch over it is checked by the compiler:
//
//   switch (expr.kind) {
//     case ExprKind::Call: return bind_call(expr.as<CallExpr>());
//     …
//
// What a reader may rely on:
// - Pointers are never null, lists are never empty, unless a comment says so ("may be null", "may be empty").
// - `depth` is the height of an expression's tree. It is at most kMaxExpressionDepth, so a recursive pass
//   (and the destructor) needs no protection of its own. Chains of `and` / `or` and pipelines are flat lists
//   and may be arbitrarily long.
// - Names are as written, without brackets, quotes and escapes; Kusto's names are case-sensitive.
//
// The namespace is kql::syntax: kql itself has the plan's own Expr (plan.h), which the binder makes of these.
// Rules: query/*.md, and the grammar that Kusto's own language service publishes.
#pragma once

#include <cassert>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/types.h"

namespace spillway::kql::syntax {

/// The height that no expression tree exceeds (an operator chain `a + b + c …` counts a level per operator).
inline constexpr int kMaxExpressionDepth = 1000;

// ---------------------------------------------------------------------------------------------------------
// Names and declarations

struct Name {
  std::string text;
  TextSpan span;
  bool escaped = false;   // written as ['…'] or ["…"]
  bool wildcard = false;  // holds a `*` (only where a comment says that patterns are allowed)
  bool empty() const { return text.empty(); }
};

struct Expr;
struct Operator;
struct Statement;
struct PipeExpr;
struct FunctionExpr;
using ExprPtr = std::unique_ptr<Expr>;
using OperatorPtr = std::unique_ptr<Operator>;
using StatementPtr = std::unique_ptr<Statement>;
using PipePtr = std::unique_ptr<PipeExpr>;

/// `Name:type`.
struct ColumnDecl {
  Name name;
  Type type = Type::String;
  TextSpan span;  // of the whole declaration
};

/// `(a:long, b:string)`, `(*)`, `(*, a:long)`.
struct RowSchema {
  bool open = false;                // there is a `*`: further columns are allowed (evaluate: are passed on)
  std::vector<ColumnDecl> columns;  // may be empty
  TextSpan span;
};

/// A parameter of a function, of `declare query_parameters`, or a declared variable of `scan`.
struct Parameter {
  Name name;
  std::optional<Type> type;         // of a scalar parameter
  std::optional<RowSchema> schema;  // of a tabular one: exactly one of the two is set
  ExprPtr default_value;            // may be null; a literal (LiteralExpr) or a sign before one
  TextSpan span;
  bool tabular() const { return schema.has_value(); }
};

/// `name = expression`, `(a, b) = expression`, or only `expression`.
struct NamedExpr {
  std::vector<Name> names;  // empty: the name follows from the expression
  bool tuple = false;       // written with parentheses, also around a single name
  ExprPtr value;
  TextSpan span;
};

/// `hint.strategy = shuffle`, `kind = leftouter`, `with_itemindex = i`, `title = "x"`.
struct Property {
  Name name;                // the whole dotted name: "hint.strategy"
  ExprPtr value;            // a NameExpr or a LiteralExpr (or a sign before one); null only with `names`
  std::vector<Name> names;  // a list of columns (`ycolumns = a, b`, `hint.shufflekey`, `by a, b`); else empty
  TextSpan span;
  /// The value's name or literal text: "shuffle".
  std::string text() const;
};
using Properties = std::vector<Property>;

/// The property of that name, or null. Names of properties are case-sensitive.
const Property* find_property(const Properties& properties, std::string_view name);

// ---------------------------------------------------------------------------------------------------------
// Expressions

enum class ExprKind : uint8_t {
  Literal,              // 5, "x", 1d, datetime(…), dynamic(…), true, -5
  TypeLiteral,          // typeof(long), typeof(*, a:long)
  Name,                 // a, ['a b'], $left, T datascope=hotcache, and patterns T*
  Star,                 // *
  Path,                 // a.b
  Index,                // a["b"], a[0], a.["b"]
  Call,                 // f(x, y=1), database("d").f(x)
  Unary,                // -x, +x
  Binary,               // a + b, a has b, a == b, …
  Logical,              // a and b and c; a or b or c
  In,                   // a in (x, y), a has_any (x, y)
  Between,              // a between (x .. y)
  Pipe,                 // T | where … | …; print …; range …
  DataTable,            // datatable (a:long) [1, 2]
  ExternalData,         // externaldata (a:long) ["url"] with (format="csv")
  InlineExternalTable,  // inline_external_table (a:long) kind=storage dataformat=csv ("url")
  ToScalar,             // toscalar(T | …)
  ToTable,              // totable(…)
  Materialize,          // materialize(T | …)
  EntityGroup,          // entity_group [a, b]
  Function,             // (x:long, T:(*)) { … }
  ViewCombine,          // materialized-view-combine …
  ContextTable,         // __contextual_datatable guid(…) (a:long)
};

struct Expr {
  ExprKind kind;
  uint16_t depth = 1;
  /// Written in parentheses of its own, which are part of the span: `(a + b)`, `(T | count)`.
  bool parenthesized = false;
  TextSpan span;

  explicit Expr(ExprKind k) : kind(k) {}
  virtual ~Expr() = default;
  Expr(const Expr&) = delete;
  Expr& operator=(const Expr&) = delete;

  template <typename T>
  const T& as() const {
    assert(kind == T::kKind);
    return static_cast<const T&>(*this);
  }
  template <typename T>
  T& as() {
    assert(kind == T::kKind);
    return static_cast<T&>(*this);
  }
  /// This as a T, or null where it is of another kind.
  template <typename T>
  const T* try_as() const {
    return kind == T::kKind ? static_cast<const T*>(this) : nullptr;
  }
};

template <ExprKind K>
struct ExprOf : Expr {
  static constexpr ExprKind kKind = K;
  ExprOf() : Expr(K) {}
};

/// A constant. A sign right before a number or timespan literal is part of the value. A dynamic literal holds
/// canonical JSON; datetime, timespan and guid literals inside it are strings in their printed form.
struct LiteralExpr : ExprOf<ExprKind::Literal> {
  Value value;
  bool obfuscated = false;  // a string written h"…": it must not be shown in logs or command outputs
};

/// The operand of a conversion or schema argument. `typeof(long)`: type is set. `typeof(a:long)`: schema is.
struct TypeLiteralExpr : ExprOf<ExprKind::TypeLiteral> {
  std::optional<Type> type;
  RowSchema schema;
};

enum class DataScope : uint8_t { Default, HotCache, All };

/// A column, variable, table, function without arguments, `$left`, `$right`, or `@` (an entity's own value).
struct NameExpr : ExprOf<ExprKind::Name> {
  Name name;  // a pattern where the place allows it: union, find in, search in, restrict access
  DataScope data_scope = DataScope::Default;
};

/// `*` as an argument (count(*), arg_max(x, *)) or as the left side of a search operator (`* has "x"`).
struct StarExpr : ExprOf<ExprKind::Star> {};

/// `base.name`: a member of a dynamic value, a table of a database, a column of $left …
struct PathExpr : ExprOf<ExprKind::Path> {
  ExprPtr base;
  Name name;  // a pattern where NameExpr allows one: database("d").T*
};

struct IndexExpr : ExprOf<ExprKind::Index> {
  ExprPtr base;
  ExprPtr index;
};

/// An argument of a call: `x`, `n = x`, `*`, or (materialize-like functions, plugins) a pipeline in
/// parentheses.
struct Argument {
  std::optional<Name> name;
  ExprPtr value;
  TextSpan span;
};

struct CallExpr : ExprOf<ExprKind::Call> {
  ExprPtr scope;  // may be null; `database("d")` in `database("d").f(x)`
  Name name;
  std::vector<Argument> arguments;  // may be empty
};

enum class UnaryOp : uint8_t { Plus, Minus };

struct UnaryExpr : ExprOf<ExprKind::Unary> {
  UnaryOp op = UnaryOp::Minus;
  ExprPtr operand;
};

enum class BinaryOp : uint8_t {
  // arithmetic
  Add,
  Subtract,
  Multiply,
  Divide,
  Modulo,
  // comparison
  Equal,
  NotEqual,
  Less,
  LessOrEqual,
  Greater,
  GreaterOrEqual,
  // strings; a Not… is the negation, a …Cs is case-sensitive
  EqualCi,
  NotEqualCi,
  Has,
  NotHas,
  HasCs,
  NotHasCs,
  HasPrefix,
  NotHasPrefix,
  HasPrefixCs,
  NotHasPrefixCs,
  HasSuffix,
  NotHasSuffix,
  HasSuffixCs,
  NotHasSuffixCs,
  Contains,
  NotContains,
  ContainsCs,
  NotContainsCs,
  StartsWith,
  NotStartsWith,
  StartsWithCs,
  NotStartsWithCs,
  EndsWith,
  NotEndsWith,
  EndsWithCs,
  NotEndsWithCs,
  Like,
  NotLike,
  LikeCs,
  NotLikeCs,
  MatchesRegex,
  Search,  // `column : "term"`, in search and find predicates
};

/// The operator as Kusto spells it: "+", "==", "!has_cs", "matches regex".
const char* spelling(BinaryOp op);

struct BinaryExpr : ExprOf<ExprKind::Binary> {
  BinaryOp op = BinaryOp::Add;
  ExprPtr left;  // StarExpr for `* has "x"`
  ExprPtr right;
  TextSpan op_span;
};

enum class LogicalOp : uint8_t { And, Or };

/// `a and b and c`: two or more operands, in order; no operand is an unparenthesized Logical of the same op.
struct LogicalExpr : ExprOf<ExprKind::Logical> {
  LogicalOp op = LogicalOp::And;
  std::vector<ExprPtr> operands;
};

enum class InOp : uint8_t { In, NotIn, InCi, NotInCi, HasAny, HasAll };
const char* spelling(InOp op);

/// `left in (a, b)`; the list may hold one dynamic array or one tabular expression (`in (T | project x)`).
struct InExpr : ExprOf<ExprKind::In> {
  InOp op = InOp::In;
  ExprPtr left;
  std::vector<ExprPtr> list;
  TextSpan op_span;
};

struct BetweenExpr : ExprOf<ExprKind::Between> {
  bool negated = false;
  ExprPtr value;
  ExprPtr lower;
  ExprPtr upper;
  TextSpan op_span;
};

/// A source and the operators that it is piped through.
struct PipeExpr : ExprOf<ExprKind::Pipe> {
  /// Null where the first operator makes its own rows (print, range, find, search, union, evaluate,
  /// macro-expand), and in the sub-queries of mv-apply, partition, fork, facet …, whose input comes from
  /// outside.
  ExprPtr source;
  std::vector<OperatorPtr> operators;
};

struct DataTableExpr : ExprOf<ExprKind::DataTable> {
  Properties properties;  // may be empty
  RowSchema schema;
  std::vector<ExprPtr> values;  // row after row; may be empty
};

struct ExternalDataExpr : ExprOf<ExprKind::ExternalData> {
  Properties parameters;  // before the schema; may be empty
  RowSchema schema;
  std::vector<ExprPtr> connection_strings;  // mostly obfuscated literals
  Properties properties;                    // of `with (…)`; may be empty
};

/// `Day:datetime = startofday(Timestamp)`.
struct PartitionColumn {
  Name name;
  Type type = Type::String;
  ExprPtr value;  // may be null
  TextSpan span;
};
/// A text, a partition column, or `datetime_pattern("yyyy", column)` of a path format.
struct PathFormatElement {
  enum class Kind : uint8_t { Text, Column, DateTimePattern };
  Kind kind = Kind::Text;
  std::string text;  // Text, and the pattern of DateTimePattern
  Name column;       // Column and DateTimePattern
  TextSpan span;
};
struct InlineExternalTableExpr : ExprOf<ExprKind::InlineExternalTable> {
  std::optional<RowSchema> schema;
  Name table_kind;                             // storage, delta
  std::vector<PartitionColumn> partitions;     // may be empty
  std::vector<PathFormatElement> path_format;  // may be empty
  std::optional<Name> data_format;
  std::vector<ExprPtr> connection_strings;
  Properties properties;  // may be empty
};

struct ToScalarExpr : ExprOf<ExprKind::ToScalar> {
  bool no_optimization = false;  // kind=nooptimization
  ExprPtr query;
};

struct ToTableExpr : ExprOf<ExprKind::ToTable> {
  bool no_optimization = false;
  ExprPtr query;
};

struct MaterializeExpr : ExprOf<ExprKind::Materialize> {
  ExprPtr query;
};

struct EntityGroupExpr : ExprOf<ExprKind::EntityGroup> {
  std::vector<ExprPtr> entities;
};

/// What stands between braces: let (and declare query_parameters) statements and a result.
struct FunctionBody {
  std::vector<StatementPtr> statements;  // may be empty
  ExprPtr result;                        // null only in an empty body
  TextSpan span;                         // with the braces
};

struct FunctionExpr : ExprOf<ExprKind::Function> {
  bool view = false;                  // let V = view () { … }
  std::vector<Parameter> parameters;  // tabular ones first; may be empty
  FunctionBody body;
};

struct ContextTableExpr : ExprOf<ExprKind::ContextTable> {
  Guid id;
  RowSchema schema;
};

// ---------------------------------------------------------------------------------------------------------
// Tabular operators

enum class OperatorKind : uint8_t {
  As,
  AssertSchema,
  Consume,
  Count,
  Distinct,
  Evaluate,
  ExecuteAndCache,
  Extend,
  Facet,
  Filter,
  Find,
  Fork,
  GetSchema,
  GraphMarkComponents,
  GraphMatch,
  GraphShortestPaths,
  GraphToTable,
  GraphWhereEdges,
  GraphWhereNodes,
  Invoke,
  Join,
  Lookup,
  MacroExpand,
  MakeGraph,
  MakeSeries,
  MvApply,
  MvExpand,
  Parse,
  ParseKv,
  Partition,
  PartitionBy,
  Print,
  Project,
  ProjectAway,
  ProjectByNames,
  ProjectKeep,
  ProjectRename,
  ProjectReorder,
  Range,
  Reduce,
  Render,
  Sample,
  SampleDistinct,
  Scan,
  Search,
  Serialize,
  Sort,
  Summarize,
  Take,
  Top,
  TopHitters,
  TopNested,
  Union,
};

/// The operator's name in documentation and messages: "where", "mv-expand".
const char* spelling(OperatorKind kind);

struct Operator {
  OperatorKind kind;
  TextSpan span;
  TextSpan keyword;  // of the operator's name

  explicit Operator(OperatorKind k) : kind(k) {}
  virtual ~Operator() = default;
  Operator(const Operator&) = delete;
  Operator& operator=(const Operator&) = delete;

  template <typename T>
  const T& as() const {
    assert(kind == T::kKind);
    return static_cast<const T&>(*this);
  }
  template <typename T>
  T& as() {
    assert(kind == T::kKind);
    return static_cast<T&>(*this);
  }
  template <typename T>
  const T* try_as() const {
    return kind == T::kKind ? static_cast<const T*>(this) : nullptr;
  }
};

template <OperatorKind K>
struct OperatorOf : Operator {
  static constexpr OperatorKind kKind = K;
  OperatorOf() : Operator(K) {}
  Properties parameters;  // `kind = …`, `hint.… = …` before the operands; may be empty
};

enum class SortOrder : uint8_t { Default, Asc, Desc };
enum class NullsOrder : uint8_t { Default, First, Last };

/// `x asc nulls last`. Default: sort and top go descending; nulls are last descending, first ascending.
struct OrderedExpr {
  NamedExpr expr;
  SortOrder order = SortOrder::Default;
  NullsOrder nulls = NullsOrder::Default;
  TextSpan span;
};

struct AsOp : OperatorOf<OperatorKind::As> {
  Name name;
};
struct AssertSchemaOp : OperatorOf<OperatorKind::AssertSchema> {
  RowSchema schema;
};
struct ConsumeOp : OperatorOf<OperatorKind::Consume> {};
struct CountOp : OperatorOf<OperatorKind::Count> {
  std::optional<Name> as;  // count as N
};
struct DistinctOp : OperatorOf<OperatorKind::Distinct> {
  bool star = false;               // distinct *
  std::vector<NamedExpr> columns;  // may be empty with star
};
struct EvaluateOp : OperatorOf<OperatorKind::Evaluate> {
  std::unique_ptr<CallExpr> plugin;
  std::optional<RowSchema> schema;  // evaluate pivot(…) : (a:long, *)
};
struct ExecuteAndCacheOp : OperatorOf<OperatorKind::ExecuteAndCache> {};
struct ExtendOp : OperatorOf<OperatorKind::Extend> {
  std::vector<NamedExpr> columns;
};
struct FacetOp : OperatorOf<OperatorKind::Facet> {
  std::vector<ExprPtr> columns;
  PipePtr with;  // may be null
};
/// where, filter
struct FilterOp : OperatorOf<OperatorKind::Filter> {
  NamedExpr predicate;  // names: `where x = …` is accepted by the grammar, and has no meaning
};

/// A column of find's `project` and `project-away`: `name`, `name:type`, or pack(*) / pack_all().
struct FindColumn {
  Name name;  // may be a pattern in project-away
  std::optional<Type> type;
  bool pack = false;
  TextSpan span;
};
/// Find as an operator of its own: `find in (…) where … project …`; search shares the source forms.
struct FindOp : OperatorOf<OperatorKind::Find> {
  DataScope data_scope = DataScope::Default;
  std::vector<ExprPtr> sources;  // NameExpr, PathExpr, CallExpr or PipeExpr (… | as x); empty: all tables
  bool has_where = false;        // written with the word `where`
  ExprPtr predicate;
  bool project_smart = false;
  std::vector<FindColumn> project;       // may be empty
  bool project_away_star = false;        // project-away *
  std::vector<FindColumn> project_away;  // may be empty
};

struct ForkBranch {
  std::optional<Name> name;
  PipePtr query;  // no source
  TextSpan span;
};
struct ForkOp : OperatorOf<OperatorKind::Fork> {
  std::vector<ForkBranch> branches;
};
struct GetSchemaOp : OperatorOf<OperatorKind::GetSchema> {};

// Graph operators.

struct GraphMarkComponentsOp : OperatorOf<OperatorKind::GraphMarkComponents> {};

enum class EdgeDirection : uint8_t { Forward, Backward, Any };

/// A node `(n)`, `()` or an edge `-[e]->`, `<-[e*1..3]-`, `-->`, `--`. Patterns begin and end with a node and
/// alternate.
struct GraphPatternElement {
  bool edge = false;
  Name name;  // empty where unnamed
  EdgeDirection direction = EdgeDirection::Forward;
  ExprPtr min_length;  // of a variable length edge `*min..max`; both null or both set
  ExprPtr max_length;
  TextSpan span;
};
using GraphPattern = std::vector<GraphPatternElement>;

struct GraphMatchOp : OperatorOf<OperatorKind::GraphMatch> {
  std::vector<GraphPattern> patterns;
  ExprPtr where;                   // may be null
  std::vector<NamedExpr> project;  // may be empty
};
struct GraphShortestPathsOp : OperatorOf<OperatorKind::GraphShortestPaths> {
  std::vector<GraphPattern> patterns;
  ExprPtr where;                   // may be null
  std::vector<NamedExpr> project;  // may be empty
};
struct GraphToTableOutput {
  bool edges = false;  // else nodes
  std::optional<Name> as;
  Properties parameters;  // with_node_id=…, with_source_id=…; may be empty
  TextSpan span;
};
struct GraphToTableOp : OperatorOf<OperatorKind::GraphToTable> {
  std::vector<GraphToTableOutput> outputs;
};
struct GraphWhereEdgesOp : OperatorOf<OperatorKind::GraphWhereEdges> {
  ExprPtr predicate;
};
struct GraphWhereNodesOp : OperatorOf<OperatorKind::GraphWhereNodes> {
  ExprPtr predicate;
};
/// A table of nodes and the column that identifies them: `with Nodes on Id`.
struct GraphNodes {
  ExprPtr table;
  Name key;
};
struct MakeGraphOp : OperatorOf<OperatorKind::MakeGraph> {
  Name source;
  bool directed = true;  // `-->`, else `--`
  Name target;
  std::vector<GraphNodes> nodes;  // may be empty
  std::optional<Name> node_id;    // with_node_id=…
  ExprPtr partitioned_by;         // may be null; `partitioned-by Column (subquery)`
  PipePtr partition_query;        // null exactly with partitioned_by
};

struct InvokeOp : OperatorOf<OperatorKind::Invoke> {
  std::unique_ptr<CallExpr> call;
};

/// `on a, $left.b == $right.c` or `where predicate`. Both empty only where the join has no condition.
struct JoinOp : OperatorOf<OperatorKind::Join> {
  ExprPtr right;
  bool has_on = false;
  std::vector<ExprPtr> on;  // may be empty
  ExprPtr where;            // may be null
};
struct LookupOp : OperatorOf<OperatorKind::Lookup> {
  ExprPtr right;
  std::vector<ExprPtr> on;
};

struct MacroExpandOp : OperatorOf<OperatorKind::MacroExpand> {
  ExprPtr entity_group;  // EntityGroupExpr, NameExpr, or a path
  Name scope;
  std::vector<StatementPtr> statements;
};

struct SeriesAggregation {
  NamedExpr expr;
  ExprPtr default_value;  // may be null
  TextSpan span;
};
struct MakeSeriesOp : OperatorOf<OperatorKind::MakeSeries> {
  std::vector<SeriesAggregation> aggregations;
  NamedExpr on;
  ExprPtr from;  // may be null
  ExprPtr to;    // may be null
  ExprPtr step;
  bool in_range = false;      // written `in range(from, to, step)`, whose end is part of the series
  std::vector<NamedExpr> by;  // may be empty
};

/// A column of mv-expand / mv-apply: `x = Column to typeof(long)`.
struct ExpandColumn {
  NamedExpr expr;
  std::optional<Type> to;
  TextSpan span;
};
struct MvExpandOp : OperatorOf<OperatorKind::MvExpand> {
  std::vector<ExpandColumn> columns;
  ExprPtr limit;  // may be null
};
struct MvApplyOp : OperatorOf<OperatorKind::MvApply> {
  std::vector<ExpandColumn> columns;
  ExprPtr limit;  // may be null
  std::optional<Guid> id;
  PipePtr query;  // without a source, or with a ContextTableExpr
};

/// `*`, a text, or a column of a parse pattern, in the order that they are written.
struct ParseSegment {
  enum class Kind : uint8_t { Star, Text, Column };
  Kind kind = Kind::Star;
  std::string text;          // Text: a literal, or a regular expression in kind=regex
  Name name;                 // Column
  std::optional<Type> type;  // Column; string where not written
  TextSpan span;
};
enum class ParseKind : uint8_t { Simple, Relaxed, Regex };
/// parse and parse-where.
struct ParseOp : OperatorOf<OperatorKind::Parse> {
  bool where = false;  // parse-where: keep only the rows that match
  ParseKind mode = ParseKind::Simple;
  std::string flags;  // of kind=regex: "U", "im" …; may be empty
  ExprPtr text;
  std::vector<ParseSegment> pattern;
};
struct ParseKvOp : OperatorOf<OperatorKind::ParseKv> {
  ExprPtr text;
  RowSchema keys;
  Properties properties;  // pair_delimiter, kv_delimiter, quote, escape, greedy; may be empty
};

/// `partition by c (subquery)`, `partition by c { query }`, `partition by c in (values) (subquery)`.
struct PartitionOp : OperatorOf<OperatorKind::Partition> {
  ExprPtr by;
  ExprPtr in;          // may be null
  PipePtr query;       // `( … )`: without a source; else null
  ExprPtr full_query;  // `{ … }`: a query of its own that uses the name; else null
};
/// `__partitionby column id guid (subquery)`, the older form.
struct PartitionByOp : OperatorOf<OperatorKind::PartitionBy> {
  ExprPtr column;
  std::optional<Guid> id;
  PipePtr query;
};

struct PrintOp : OperatorOf<OperatorKind::Print> {
  std::vector<NamedExpr> columns;
};
struct ProjectOp : OperatorOf<OperatorKind::Project> {
  std::vector<NamedExpr> columns;  // may be empty
};
struct ProjectAwayOp : OperatorOf<OperatorKind::ProjectAway> {
  std::vector<Name> columns;  // names and patterns; may be empty
};
struct ProjectKeepOp : OperatorOf<OperatorKind::ProjectKeep> {
  std::vector<Name> columns;  // names and patterns
};
/// `project-by-names expr, …`: names, patterns and expressions that give names.
struct ProjectByNamesOp : OperatorOf<OperatorKind::ProjectByNames> {
  std::vector<ExprPtr> columns;
};
struct ProjectRenameOp : OperatorOf<OperatorKind::ProjectRename> {
  std::vector<NamedExpr> columns;  // may be empty
};
struct ReorderColumn {
  enum class Order : uint8_t { None, Asc, Desc, GrannyAsc, GrannyDesc };
  Name name;  // a name or a pattern
  Order order = Order::None;
  TextSpan span;
};
struct ProjectReorderOp : OperatorOf<OperatorKind::ProjectReorder> {
  std::vector<ReorderColumn> columns;  // may be empty
};

/// `range x from a to b step c`.
struct RangeOp : OperatorOf<OperatorKind::Range> {
  Name column;
  ExprPtr from;
  ExprPtr to;
  ExprPtr step;
};
struct ReduceOp : OperatorOf<OperatorKind::Reduce> {
  NamedExpr by;
  std::vector<NamedExpr> with;  // threshold=…, characters=…; may be empty
};
/// The chart and its properties, which go to the client as they are.
struct RenderOp : OperatorOf<OperatorKind::Render> {
  Name chart;
  Properties properties;  // may be empty
};
struct SampleOp : OperatorOf<OperatorKind::Sample> {
  NamedExpr count;
};
struct SampleDistinctOp : OperatorOf<OperatorKind::SampleDistinct> {
  NamedExpr count;
  NamedExpr of;
};

struct ScanAssignment {
  Name name;
  ExprPtr value;
  TextSpan span;
};
struct ScanStep {
  enum class Output : uint8_t { Default, All, Last, None };
  Name name;
  bool optional = false;
  Output output = Output::Default;
  ExprPtr condition;
  std::vector<ScanAssignment> assignments;  // may be empty
  TextSpan span;
};
struct ScanOp : OperatorOf<OperatorKind::Scan> {
  std::vector<OrderedExpr> order_by;  // may be empty
  std::vector<ExprPtr> partition_by;  // may be empty
  std::vector<Parameter> declare;     // may be empty
  std::vector<ScanStep> steps;
};

/// `search in (A, B*) "term" and x == 1`: the predicate may hold bare string literals, `* op x`, `c : "x"`.
struct SearchOp : OperatorOf<OperatorKind::Search> {
  DataScope data_scope = DataScope::Default;
  std::vector<ExprPtr> sources;  // as FindOp's; empty: the input, or all tables
  ExprPtr predicate;             // StarExpr for `search *`
};
struct SerializeOp : OperatorOf<OperatorKind::Serialize> {
  std::vector<NamedExpr> columns;  // may be empty
};
/// sort, order
struct SortOp : OperatorOf<OperatorKind::Sort> {
  std::vector<OrderedExpr> by;
};
struct SummarizeOp : OperatorOf<OperatorKind::Summarize> {
  std::vector<NamedExpr> aggregates;  // may be empty
  bool has_by = false;
  std::vector<NamedExpr> by;  // may be empty
  ExprPtr bin;                // may be null; the old `by Time bin=1h`
};
/// take, limit
struct TakeOp : OperatorOf<OperatorKind::Take> {
  NamedExpr count;
};
struct TopOp : OperatorOf<OperatorKind::Top> {
  NamedExpr count;
  OrderedExpr by;
};
struct TopHittersOp : OperatorOf<OperatorKind::TopHitters> {
  NamedExpr count;
  NamedExpr of;
  std::optional<OrderedExpr> by;
};
struct TopNestedLevel {
  std::optional<NamedExpr> count;  // absent: all values
  NamedExpr of;
  std::optional<NamedExpr> with_others;
  OrderedExpr by;
  TextSpan span;
};
struct TopNestedOp : OperatorOf<OperatorKind::TopNested> {
  std::vector<TopNestedLevel> levels;
};
struct UnionOp : OperatorOf<OperatorKind::Union> {
  std::vector<ExprPtr> tables;  // names and patterns, calls, paths, pipelines in parentheses
};

/// `materialized-view-combine ("View") base (…) delta (…) aggregations (summarize …)`.
struct ViewCombineExpr : ExprOf<ExprKind::ViewCombine> {
  std::string view;
  ExprPtr base;
  ExprPtr delta;
  std::unique_ptr<SummarizeOp> aggregations;
};

// ---------------------------------------------------------------------------------------------------------
// Statements

enum class StatementKind : uint8_t {
  Let,              // let x = …
  Set,              // set option = value
  QueryParameters,  // declare query_parameters (…)
  Pattern,          // declare pattern …
  Alias,            // alias database x = cluster(…).database(…)
  RestrictAccess,   // restrict access to (…)
  Expression,       // a query (or, where a function's result is meant, a scalar)
};

struct Statement {
  StatementKind kind;
  TextSpan span;

  explicit Statement(StatementKind k) : kind(k) {}
  virtual ~Statement() = default;
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  template <typename T>
  const T& as() const {
    assert(kind == T::kKind);
    return static_cast<const T&>(*this);
  }
  template <typename T>
  T& as() {
    assert(kind == T::kKind);
    return static_cast<T&>(*this);
  }
  template <typename T>
  const T* try_as() const {
    return kind == T::kKind ? static_cast<const T*>(this) : nullptr;
  }
};

template <StatementKind K>
struct StatementOf : Statement {
  static constexpr StatementKind kKind = K;
  StatementOf() : Statement(K) {}
};

/// The value is a FunctionExpr for a function or view, an EntityGroupExpr, a MaterializeExpr, or any other
/// expression.
struct LetStatement : StatementOf<StatementKind::Let> {
  Name name;
  ExprPtr value;
};
struct SetStatement : StatementOf<StatementKind::Set> {
  Name name;
  ExprPtr value;  // may be null; NameExpr or LiteralExpr
};
struct QueryParametersStatement : StatementOf<StatementKind::QueryParameters> {
  std::vector<Parameter> parameters;
};
/// A case of a pattern: `("a", "b").["path"] = { body }`.
struct PatternRule {
  std::vector<std::string> arguments;
  std::optional<std::string> path;
  FunctionBody body;
  TextSpan span;
};
/// `declare pattern P;` (virtual) or `declare pattern P = (a:string)[path:string] { rules }`.
struct PatternStatement : StatementOf<StatementKind::Pattern> {
  Name name;
  bool defined = false;
  std::vector<Parameter> parameters;
  std::optional<Parameter> path;
  std::vector<PatternRule> rules;
};
struct AliasStatement : StatementOf<StatementKind::Alias> {
  Name name;
  ExprPtr value;
};
struct RestrictAccessStatement : StatementOf<StatementKind::RestrictAccess> {
  std::vector<ExprPtr> entities;  // names, patterns, database("d").*
  Properties properties;          // of `with (…)`; may be empty
};
struct ExpressionStatement : StatementOf<StatementKind::Expression> {
  ExprPtr expression;
};

/// A whole request.
struct Query {
  std::vector<StatementPtr> statements;
};

}  // namespace spillway::kql::syntax
