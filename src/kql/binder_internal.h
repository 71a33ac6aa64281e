// The binder's inside: one class, its functions in files by family.
//   binder.cc             statements, and what compile() returns
//   binder_names.cc       scopes, let variables, functions, tables: what a name means
//   binder_scalar.cc      scalar expressions
//   binder_calls.cc       calls: overloads, conversions, the functions that only the binder knows
//   binder_security.cc    what the caller may view; row level security
//   binder_context.cc     functions of where a query runs and what it reads; hidden columns of scans
//   binder_outputs.cc     outputs of print, extend, project: names, functions that give several columns
//   binder_operators.cc   tabular operators over one input
//   binder_summarize.cc   summarize and its aggregates, distinct, count
//   binder_make_series.cc make-series
//   binder_join.cc        join, lookup, union
//   binder_expand.cc      mv-expand
//   binder_groups.cc      what runs over the records of many groups at once
//   binder_apply.cc       mv-apply, partition
//   binder_reduce.cc      reduce, project-by-names
//   binder_top.cc         top-hitters, sample, sample-distinct
//   binder_top_nested.cc  top-nested
//   binder_sources.cc     print, range, datatable
//   binder_window.cc      window functions, and which operators give rows in an order
//   binder_scan.cc        scan
//   binder_graph.cc       make-graph, graph-mark-components, graph-to-table
//   binder_graph_match.cc graph-match, graph-shortest-paths
//   binder_native.cc      native operators (kql/native_operator.h)
//   binder_parse.cc       parse, parse-where, parse-kv
//   binder_search.cc      search, find
//   binder_fork.cc        fork, facet: operators that give several results
//   binder_external.cc    externaldata, inline_external_table
//   binder_columns.cc     project-by-names, column_names_of()
//   binder_entities.cc    patterns, aliases, entity groups, restrict access
//   binder_evaluate.cc    evaluate; its plugins stand in plugins/
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "kql/binder.h"
#include "kql/functions.h"
#include "kql/nearest.h"
#include "kql/plan.h"
#include "kql/syntax/ast.h"

namespace spillway::kql {

/// What bounds a query, so that none can exhaust the binder or the engine.
inline constexpr uint32_t kMaxExpressionNodes = 1'000'000;  // of one expression's tree
inline constexpr uint32_t kMaxPlanExpressionDepth = 250;
inline constexpr size_t kMaxPlanNodes = 20'000;     // relational operators bound in one query
inline constexpr uint32_t kMaxPlanDepth = 500;      // operators from a result down to its farthest source
inline constexpr int kMaxFunctionDepth = 32;        // functions that call functions
inline constexpr int kMaxTabularDepth = 300;        // nested tabular expressions
inline constexpr size_t kMaxColumns = 10'000;       // of one table
inline constexpr size_t kMaxLetStatements = 2'000;  // of one block

class Environment;
using EnvironmentPtr = std::shared_ptr<const Environment>;

struct Graph;          // kql/binder_graph.h
struct GraphScope;     // the same
struct PatternColumn;  // the same
struct PatternQuery;   // the same

/// The groups of a subquery of mv-apply or partition, which runs over the records of all of them at once. Its
/// columns are hidden ones of the plan (Group in plan.h).
struct Grouping {
  std::vector<PlanColumn> keys;     // tell the groups apart
  std::vector<PlanColumn> carried;  // the same in all records of a group
  /// False in a record that only holds the place of a group without records, for an aggregate that gives one
  /// even of nothing. There is one while such `totals` are to come, or while the groups around it have theirs
  /// (`outer_live`, which is among the carried).
  std::optional<PlanColumn> live, outer_live;
  int totals = 0;
  std::optional<PlanColumn> item;  // a record's place in its group
  bool sorted = false;
  /// What of it an operator used.
  struct Use {
    bool keys = false, item = false;
  };
  std::shared_ptr<Use> use = std::make_shared<Use>();
  std::vector<PlanColumn> columns() const;
};

/// What a table has without its being among its columns.
enum class HiddenColumn { Cursor, IngestionTime, ExtentId, ExtentTags };

struct UnionInputs;

/// A tabular expression that has been bound: its plan, and what of it a user sees.
struct Tabular {
  std::shared_ptr<Rel> rel;
  std::vector<PlanColumn> columns;  // visible ones, in order; rel->columns may have more
  /// The nodes from a table scan or a union (first) up to `rel` that keep its records apart, so that the
  /// hidden columns of ingestion time and cursor can still be drawn through them; empty where they are lost.
  std::vector<std::shared_ptr<Rel>> chain;
  /// What the union that `chain` begins with is over; null where it begins with a scan.
  std::shared_ptr<UnionInputs> inputs;
  bool serialized = false;             // its rows have an order that window functions may rely on
  bool only_filters = false;           // `chain` holds nothing but filters over the scan
  std::optional<Grouping> group;       // set within a subquery of mv-apply or partition
  std::string name;                    // of the table, or given by `as`: for withsource
  std::string database;                // of the table that `name` names; empty for other names
  std::shared_ptr<const Graph> graph;  // of make-graph: for graph operators only; there are no columns then
  bool no_result = false;              // `graph-to-table nodes as N, edges as E`: what it gives are the names
  std::string visualization;           // of render
  std::string result_name;             // of `as` at the end
};

struct UnionInputs {
  std::vector<Tabular> legs;
  std::map<HiddenColumn, PlanColumn> hidden;  // those that were drawn up through the union
};

/// What a let statement or a parameter stands for.
struct Binding {
  enum class Kind {
    Scalar,
    Tabular,
    Function,
    Pattern,
    EntityGroup,
    Entity,  // of a group, under macro-expand: `expression` in `environment`
  } kind = Kind::Scalar;
  ExprPtr scalar;  // Scalar, bound
  // Tabular: bound again at each use, in the environment where it was written, …
  const syntax::Expr* expression = nullptr;
  EnvironmentPtr environment;
  // … unless it is materialized: bound once.
  std::shared_ptr<std::optional<Tabular>> materialized;
  const syntax::FunctionExpr* function = nullptr;  // Function; `environment` is where it was written
  const syntax::PatternStatement* pattern = nullptr;
  const syntax::EntityGroupExpr* group = nullptr;
  /// Of a tabular parameter: the columns that it declares; nullopt: all of the argument's.
  const syntax::RowSchema* schema = nullptr;
  std::string name;  // of a function or tabular parameter, for messages
  int depth =
      kMaxTabularDepth;  // of a scalar argument: how many tabular expressions were being bound around it
};

/// What `restrict access to (…)` leaves to the statements behind it.
struct Restriction {
  std::vector<std::string> names;  // of let variables and patterns; may be patterns with `*`
  std::vector<std::pair<std::string, std::string>> entities;  // database and name; may be patterns
  bool allows_name(std::string_view name) const;
  bool allows(std::string_view database, std::string_view entity) const;
};

/// Names visible in a place: let variables and parameters, innermost first.
class Environment {
 public:
  /// `database`, in the outermost one of a stored function: whose tables and functions it sees.
  explicit Environment(EnvironmentPtr parent, std::string database = {})
      : parent_(std::move(parent)), database_(std::move(database)) {}
  const Environment* parent() const { return parent_.get(); }
  const Restriction* restriction() const { return restriction_.get(); }
  void restrict_to(std::shared_ptr<const Restriction> restriction) { restriction_ = std::move(restriction); }
  /// The database of the function that this belongs to; empty in the query itself.
  const std::string& database() const;
  const Binding* find(std::string_view name) const;
  const Binding* find_here(std::string_view name) const;
  void define(const std::string& name, Binding binding) { bindings_[name] = std::move(binding); }
  /// Names of tabular variables and views, for `union V*`.
  void collect_views(std::map<std::string, const Binding*>& out) const;
  void collect_names(std::vector<std::string>& out) const;

 private:
  /// Whether a restriction between `from` and here hides a binding of this environment.
  bool hides(const Environment* from, std::string_view name, const Binding& binding) const;

  EnvironmentPtr parent_;
  std::shared_ptr<const Restriction> restriction_;  // of what the environments above this one define
  std::string database_;
  std::map<std::string, Binding, std::less<>> bindings_;
};

/// Statements that share their let variables: a query, or a function's body. Each statement that defines a
/// name makes an environment of its own over the one before, so that a variable sees what stands before it
/// and nothing else, and no environment holds itself.
struct Block {
  EnvironmentPtr environment;
  std::set<std::string> names;
  void define(const std::string& name, Binding binding);
};

/// Aggregates that a summarize collects while its expressions are bound.
struct AggregateScope;
struct NestedLevel;  // of top-nested

struct WindowStage;  // binder_window.cc
struct RowFunction;  // kql/operators/row_sequence.h
class ScanMaker;     // kql/operators/scan.h
struct ScanStep;

/// Where a scalar expression stands.
struct ScalarScope {
  explicit ScalarScope(EnvironmentPtr names) : environment(std::move(names)) {}
  EnvironmentPtr environment;
  Tabular* input = nullptr;       // its columns; null where only constants are allowed
  const Tabular* left = nullptr;  // `$left`, `$right` in join conditions
  const Tabular* right = nullptr;
  AggregateScope* aggregates = nullptr;
  /// Rows that have a name: s1.x of a scan's step, n.x of a graph's node.
  const std::map<std::string, std::vector<PlanColumn>>* rows = nullptr;
  GraphScope* graph = nullptr;          // in a clause of graph-match
  std::shared_ptr<WindowStage> window;  // of the operator's window functions, where it has some
  std::string_view where;               // the operator, for messages
  bool case_sensitive = false;          // search kind=case_sensitive: all string operators are
};

/// Output column names, each given once.
class NameAllocator {
 public:
  void reserve(const std::string& name) { used_.insert(name); }
  bool taken(const std::string& name) const { return used_.count(name) > 0; }
  /// `name`, or with 1, 2, … behind it where it is taken.
  std::string unique(const std::string& name);
  /// False where a name that the query gives is taken.
  bool claim(const std::string& name) { return used_.insert(name).second; }
  /// "Column1", "Column2", …, or "print_0" …
  std::string next_unnamed(const std::string& prefix, int first);

 private:
  std::set<std::string> used_;
  std::map<std::string, int> counters_;
};

class Binder {
 public:
  explicit Binder(const BindOptions& options) : options_(options), now_(options.now) {}
  Result<BoundQuery> compile(std::string_view text);

 private:
  friend class PluginCall;  // plugins/plugin_call.h

  // binder.cc
  Result<BoundQuery> compile_piped(std::string_view text);
  Status bind_statement(const syntax::Statement& statement, Block& block);
  Status bind_let(const syntax::LetStatement& let, Block& block);
  Status bind_set(const syntax::SetStatement& set);
  Status bind_query_parameters(const syntax::QueryParametersStatement& statement, Block& block);
  Status bind_result(const syntax::Expr& expression, const EnvironmentPtr& environment);
  Result<ExprPtr> parameter_value(const syntax::Parameter& parameter, const EnvironmentPtr& environment);
  RelPtr finish(Tabular& table);

  // binder_names.cc
  /// The database whose entities need no `database()`.
  const catalog::Database* current_database(const EnvironmentPtr& environment) const;
  const catalog::Database* find_database(std::string_view name) const;
  Result<const catalog::Database*> database_of(std::string_view name, TextSpan span) const;
  /// Whether an expression gives a table: a pipeline, a table's name, a call of a tabular function …
  bool is_tabular(const syntax::Expr& expression, const EnvironmentPtr& environment, int depth = 0);
  bool function_is_tabular(const syntax::FunctionExpr& function, const EnvironmentPtr& environment,
                           int depth);
  Result<Tabular> bind_tabular(const syntax::Expr& expression, const EnvironmentPtr& environment);
  Result<Tabular> bind_tabular_inner(const syntax::Expr& expression, const EnvironmentPtr& environment);
  Result<Tabular> bind_pipe(const syntax::PipeExpr& pipe, const EnvironmentPtr& environment);
  /// The first `count` operators of a pipeline, after its source or `input`; nothing where there is neither.
  Result<std::optional<Tabular>> bind_operators(const syntax::PipeExpr& pipe, size_t count,
                                                std::optional<Tabular> input, const EnvironmentPtr& scope);
  /// A pipeline whose input comes from outside: of fork, facet …
  Result<Tabular> bind_sub_query(const syntax::PipeExpr& pipe, Tabular input,
                                 const EnvironmentPtr& environment);
  Result<Tabular> bind_table_name(const syntax::Name& name, const EnvironmentPtr& environment);
  Result<Tabular> bind_binding(const Binding& binding, TextSpan span);
  Result<Tabular> bind_table_reference(const syntax::Expr& expression, const EnvironmentPtr& environment);
  Result<Tabular> bind_table_call(const syntax::CallExpr& call, const EnvironmentPtr& environment);
  Result<Tabular> bind_table_function(const syntax::CallExpr& call, const catalog::Database& database,
                                      const EnvironmentPtr& environment);
  /// What external_table()'s second argument, a mapping's name, makes of the table's columns.
  Result<std::vector<ExternalSource>> external_argument(const syntax::Expr& argument,
                                                        const EnvironmentPtr& environment,
                                                        const catalog::Database& database,
                                                        const std::string& table);
  bool scoped_call_is_tabular(const syntax::CallExpr& call, const EnvironmentPtr& environment, int depth);
  Result<Tabular> bind_entity_of(const catalog::Database& database, const std::string& name, TextSpan span,
                                 const EnvironmentPtr& environment);
  Result<Tabular> bind_table_of(const catalog::Database& database, const std::string& name, TextSpan span,
                                const EnvironmentPtr& environment);
  /// `database('D').T`, also as `database('D').['T']`.
  Result<Tabular> bind_table_path(const syntax::Expr& base, const std::string& member, TextSpan span,
                                  const EnvironmentPtr& environment);
  Result<Tabular> bind_materialize(const syntax::MaterializeExpr& expression,
                                   const EnvironmentPtr& environment);
  /// A table that the query names: its records, or those that its row level security policy leaves.
  Result<Tabular> scan(const catalog::Database& database, const std::shared_ptr<const catalog::Table>& table,
                       TextSpan span);
  Result<Tabular> scan_records(const catalog::Database& database,
                               const std::shared_ptr<const catalog::Table>& table, TextSpan span);
  Result<Tabular> scan_external(const catalog::Database& database, const std::string& name, TextSpan span,
                                std::vector<ExternalSource> sources = {});
  Result<const syntax::FunctionExpr*> stored_function(const catalog::Database& database,
                                                      const catalog::Function& function, TextSpan span);
  /// The environment of a call's body: its parameters, then its let statements.
  Result<EnvironmentPtr> enter_function(const syntax::FunctionExpr& function,
                                        const EnvironmentPtr& definition, const std::string& name,
                                        const std::vector<syntax::Argument>& arguments,
                                        const EnvironmentPtr& caller, ScalarScope* row, TextSpan span,
                                        Binding* first = nullptr);
  /// The end of what enter_function() began.
  void leave_function();
  /// `first`, where set, is the first parameter's; `arguments` are the others'.
  Status bind_arguments(const syntax::FunctionExpr& function, const std::string& name,
                        const std::vector<syntax::Argument>& arguments, const EnvironmentPtr& caller,
                        ScalarScope* row, TextSpan span, Binding* first, Environment& body);
  Status bind_argument(const syntax::Parameter& parameter, const syntax::Expr* argument,
                       const EnvironmentPtr& caller, ScalarScope* row, const std::string& function,
                       TextSpan span, Environment& body);
  Result<std::string> constant_text(const syntax::Expr& expression, const EnvironmentPtr& environment,
                                    std::string_view what);
  /// The database that `database("x")` names; nullopt where the expression is none.
  Result<std::optional<std::string>> database_name(const syntax::Expr& expression,
                                                   const EnvironmentPtr& environment);
  Result<Tabular> bind_source_table(TextSpan span);
  Error unknown_table(const std::string& name, TextSpan span, const EnvironmentPtr& environment) const;
  /// A function by its name: a let variable, or of the database.
  struct FoundFunction {
    const syntax::FunctionExpr* function = nullptr;
    EnvironmentPtr environment;
  };
  Result<std::optional<FoundFunction>> find_function(const std::string& name,
                                                     const EnvironmentPtr& environment, TextSpan span);
  Result<std::optional<FoundFunction>> find_stored_function(const std::string& name,
                                                            const catalog::Database& database,
                                                            const EnvironmentPtr& environment, TextSpan span);
  /// A second use of one bound table: the same records under new column ids.
  Tabular reuse(const Tabular& table);
  /// Whether an error means that something that a query names isn't there.
  static bool is_unresolved(const Error& error) {
    return error.code == ErrorCode::EntityNotFound || error.code == ErrorCode::Semantic;
  }
  /// Whether a request property is set, by the request or by a `set` statement so far.
  bool is_set(std::string_view option) const;

  // binder_security.cc
  /// Forbidden where the caller may not query the database.
  Status check_view(const catalog::Database& database) const;
  Status check_table_view(const catalog::Database& database, const catalog::Table& table,
                          TextSpan span) const;
  /// The policy that a reference to the table means, or nullopt: the table's own records.
  std::optional<catalog::RowLevelSecurity> policy_of(const catalog::Table& table) const;
  Status check_policy_reference(const catalog::Database& database, const catalog::Table& table,
                                TextSpan span) const;
  Result<Tabular> bind_policy(const catalog::Database& database,
                              const std::shared_ptr<const catalog::Table>& table,
                              const catalog::RowLevelSecurity& policy, TextSpan span);
  Result<Tabular> bind_policy_query(const catalog::Database& database, const std::string& query);
  Result<Tabular> fit_policy(Tabular rows, const catalog::Table& table, TextSpan span);

  // binder_parse.cc
  Result<Tabular> bind_parse(const syntax::ParseOp& op, Tabular input, const EnvironmentPtr& environment);
  Result<Tabular> bind_parse_kv(const syntax::ParseKvOp& op, Tabular input,
                                const EnvironmentPtr& environment);
  /// The input with further columns, which replace those of the same names.
  Tabular extend_columns(Tabular input, std::vector<std::pair<PlanColumn, ExprPtr>> added, TextSpan span);
  /// A text read as a value of a type; null where it is none.
  Result<ExprPtr> from_text(ExprPtr text, Type type);
  Result<Tabular> bind_packed(const syntax::Expr& text, std::string_view function, std::string program,
                              Tabular input, const EnvironmentPtr& environment, TextSpan span,
                              std::string_view where);
  Result<Tabular> unpack_parsed(Tabular table, std::vector<PlanColumn> columns, bool strict,
                                bool only_matches, TextSpan span);

  // binder_search.cc
  Result<Tabular> bind_search(const syntax::SearchOp& op, std::optional<Tabular> input,
                              const EnvironmentPtr& environment);
  Result<Tabular> bind_find(const syntax::FindOp& op, const EnvironmentPtr& environment);
  Result<ExprPtr> bind_search_predicate(const syntax::Expr& expression, ScalarScope& scope);
  Result<ExprPtr> bind_search_term(const syntax::Expr& expression, const syntax::Expr* column,
                                   ScalarScope& scope);
  Result<std::vector<Tabular>> bind_search_sources(const std::vector<syntax::ExprPtr>& sources,
                                                   const EnvironmentPtr& environment, bool fuzzy,
                                                   TextSpan span, std::string_view where);
  Status filter_legs(const syntax::Expr& predicate, const EnvironmentPtr& environment, bool sensitive,
                     std::string_view where, std::vector<Tabular>& legs, std::vector<std::string>& named);
  Status filter_leg(const syntax::Expr& predicate, const EnvironmentPtr& environment, bool sensitive,
                    std::string_view where, const std::vector<Tabular>& all,
                    const std::vector<std::string>& named, Tabular& leg);
  Result<std::vector<PlanColumn>> find_columns(const std::vector<syntax::FindColumn>& project,
                                               const std::vector<Tabular>& legs, bool& pack);
  Result<Tabular> project_found(Tabular leg, const std::vector<PlanColumn>& columns, bool typed, bool pack,
                                TextSpan span);

  // binder_fork.cc
  Status bind_result_pipe(const syntax::PipeExpr& pipe, const EnvironmentPtr& environment);
  Status bind_fork(const syntax::ForkOp& op, const Tabular& input, const EnvironmentPtr& environment);
  Status bind_facet(const syntax::FacetOp& op, const Tabular& input, const EnvironmentPtr& environment);
  Status add_facet(const Tabular& input, const PlanColumn& column, TextSpan span);
  /// A result of the query; `name` is what it is called where `as` doesn't say.
  void add_result(Tabular table, std::string name);
  /// What a statement gives: nothing, where it only names tables.
  Status add_primary_result(Tabular table, TextSpan span);

  // binder_external.cc
  Result<Tabular> bind_external_data(const syntax::ExternalDataExpr& expression,
                                     const EnvironmentPtr& environment);
  Result<Tabular> bind_inline_external_table(const syntax::InlineExternalTableExpr& expression,
                                             const EnvironmentPtr& environment);
  Result<Tabular> bind_inline_delta_table(const syntax::InlineExternalTableExpr& expression,
                                          const EnvironmentPtr& environment);
  Result<std::vector<std::string>> connection_texts(const std::vector<syntax::ExprPtr>& given,
                                                    const EnvironmentPtr& environment);
  Result<Tabular> scan_defined(std::shared_ptr<ExternalScan> node, TextSpan span);

  // binder_columns.cc
  Result<std::vector<std::string>> given_names(const syntax::Expr& expression,
                                               const EnvironmentPtr& environment);
  Result<Tabular> bind_project_by_names(const syntax::ProjectByNamesOp& op, Tabular input,
                                        const EnvironmentPtr& environment);
  Result<ExprPtr> bind_column_names_of(const syntax::CallExpr& call, ScalarScope& scope);

  // binder_entities.cc
  Status bind_pattern(const syntax::PatternStatement& pattern, Block& block);
  /// The pattern that an expression uses, as `P("a").["path"]`; null where it uses none.
  const Binding* find_pattern(const syntax::Expr& expression, const EnvironmentPtr& environment) const;
  Result<Tabular> bind_pattern_use(const syntax::Expr& expression, const Binding& binding,
                                   const EnvironmentPtr& environment);
  Status bind_alias(const syntax::AliasStatement& alias, const EnvironmentPtr& environment);
  Status bind_restrict(const syntax::RestrictAccessStatement& statement, Block& block);
  /// False where `restrict access` takes a table or function away.
  static bool visible(const EnvironmentPtr& environment, std::string_view database, std::string_view entity);
  Result<Tabular> bind_macro_expand(const syntax::MacroExpandOp& op, const EnvironmentPtr& environment);
  Result<Tabular> bind_expansion(const syntax::MacroExpandOp& op, const syntax::Expr& entity,
                                 const EnvironmentPtr& written, const EnvironmentPtr& environment);
  Result<const syntax::EntityGroupExpr*> entity_group(const syntax::Expr& expression,
                                                      const EnvironmentPtr& environment,
                                                      EnvironmentPtr& written);
  static const Binding* find_entity(const syntax::Expr& expression, const EnvironmentPtr& environment);
  Result<std::optional<ExprPtr>> bind_entity_scalar(const syntax::PathExpr& path,
                                                    const EnvironmentPtr& environment);
  Result<ExprPtr> bind_current_cluster(TextSpan span);

  // binder_scalar.cc
  Result<ExprPtr> bind_scalar(const syntax::Expr& expression, ScalarScope& scope);
  Result<ExprPtr> bind_name(const syntax::NameExpr& expression, ScalarScope& scope);
  Result<ExprPtr> bind_path(const syntax::PathExpr& path, ScalarScope& scope);
  /// `$left.x`, `s1.x`: a column of a row that has a name.
  static Result<ExprPtr> bind_row_member(const std::vector<PlanColumn>& columns, const std::string& row,
                                         const syntax::PathExpr& path, const ScalarScope& scope);
  Result<ExprPtr> bind_index(const syntax::IndexExpr& index, ScalarScope& scope);
  Result<ExprPtr> bind_column_index(const ScalarFunction& function, const syntax::IndexExpr& index,
                                    ScalarScope& scope);
  Result<ExprPtr> bind_unary(const syntax::UnaryExpr& unary, ScalarScope& scope);
  Result<ExprPtr> bind_binary(const syntax::BinaryExpr& binary, ScalarScope& scope);
  Result<ExprPtr> bind_star_predicate(const syntax::BinaryExpr& binary, ScalarScope& scope);
  Result<ExprPtr> bind_real_order(std::string_view op, ExprPtr left, ExprPtr right, TextSpan span);
  Result<ExprPtr> bind_comparison(std::string_view op, ExprPtr left, ExprPtr right, TextSpan span);
  Result<ExprPtr> bind_logical(const syntax::LogicalExpr& logical, ScalarScope& scope);
  Result<ExprPtr> bind_in(const syntax::InExpr& in, ScalarScope& scope);
  Result<ExprPtr> bind_in_list(const syntax::InExpr& in, ExprPtr left, std::vector<ExprPtr> list);
  Result<ExprPtr> bind_in_table(const syntax::InExpr& in, ExprPtr left, ScalarScope& scope);
  Result<ExprPtr> bind_has_terms(const syntax::InExpr& in, ExprPtr left, ScalarScope& scope);
  Result<ExprPtr> bind_between(const syntax::BetweenExpr& between, ScalarScope& scope);
  Result<ExprPtr> bind_to_scalar(const syntax::ToScalarExpr& expression, ScalarScope& scope);
  /// A predicate: bool, or what converts to it.
  Result<ExprPtr> bind_predicate(const syntax::Expr& expression, ScalarScope& scope);
  Result<ExprPtr> to_predicate(ExprPtr expression, TextSpan span, std::string_view where);
  /// A constant of a type.
  Result<ExprPtr> bind_constant(const syntax::Expr& expression, const EnvironmentPtr& environment, Type type,
                                std::string_view what);
  Error unknown_column(const std::string& name, TextSpan span, const ScalarScope& scope) const;

  // binder_calls.cc
  Result<ExprPtr> bind_call(const syntax::CallExpr& call, ScalarScope& scope);
  Result<ExprPtr> bind_scoped_call(const syntax::CallExpr& call, ScalarScope& scope);
  Result<std::optional<ExprPtr>> bind_special_call(const syntax::CallExpr& call, ScalarScope& scope);
  Result<ExprPtr> bind_user_function(const FoundFunction& found, const syntax::CallExpr& call,
                                     ScalarScope& scope);
  Result<ExprPtr> bind_case(const syntax::CallExpr& call, ScalarScope& scope);
  Result<ExprPtr> bind_now(const syntax::CallExpr& call, ScalarScope& scope);
  Result<ExprPtr> bind_ago(const syntax::CallExpr& call, ScalarScope& scope);
  Result<ExprPtr> bind_cursor_predicate(const syntax::CallExpr& call, ScalarScope& scope);
  Result<ExprPtr> bind_ingestion_time(const syntax::CallExpr& call, ScalarScope& scope);
  Result<ExprPtr> bind_column_ifexists(const syntax::CallExpr& call, ScalarScope& scope);
  Result<ExprPtr> bind_assert(const syntax::CallExpr& call, ScalarScope& scope);
  /// The value of a request property that a `set` statement or the request gives.
  std::optional<Value> option_value(const std::string& name) const;
  Result<ExprPtr> bind_pack_all(const syntax::CallExpr& call, ScalarScope& scope);
  Result<ExprPtr> bind_bin_auto(const syntax::CallExpr& call, ScalarScope& scope);
  Result<ExprPtr> bind_bag_pack(const syntax::CallExpr& call, ScalarScope& scope);
  Result<ExprPtr> bind_pack_array(const syntax::CallExpr& call, ScalarScope& scope);
  /// Columns as a property bag, made by `function`.
  Result<ExprPtr> pack_columns(const std::vector<PlanColumn>& columns, std::string_view function,
                               TextSpan span);
  Result<ExprPtr> bind_typed_extract(const syntax::CallExpr& call, ScalarScope& scope);
  Status check_arguments(const syntax::CallExpr& call, size_t least, size_t most) const;
  /// A call of a function of the table: picks the overload, converts the arguments.
  Result<ExprPtr> call(std::string_view function, std::vector<ExprPtr> arguments, TextSpan span);
  Result<ExprPtr> call_overload(const ScalarOverload& overload, std::vector<ExprPtr> arguments,
                                TextSpan span);
  /// The arguments converted to the parameters, where they fit; the common type of `Same` parameters.
  Result<std::vector<ExprPtr>> convert_arguments(const std::vector<Parameter>& parameters, bool to_dynamic,
                                                 std::vector<ExprPtr> arguments, std::optional<Type>& common);
  Result<ExprPtr> convert(ExprPtr expression, Type type);
  Result<ExprPtr> make_call(const ScalarOverload& overload, std::vector<ExprPtr> arguments, Type type,
                            TextSpan span);
  /// Arguments of `Constant` parameters must be constants.
  static Status check_constants(std::string_view function, const std::vector<Parameter>& parameters,
                                const std::vector<ExprPtr>& arguments);
  Result<ExprPtr> make_condition(ExprPtr condition, ExprPtr then, ExprPtr otherwise, TextSpan span);
  Result<std::optional<catalog::Cursor>> cursor_literal(const Expr& expression);

  // binder_context.cc
  /// The hidden column of the table under `input`, drawn up through what lies over it; nullopt where there is
  /// none. Of a union it holds what each of its tables has; nullopt where none has it, or, of cursors, not
  /// all.
  std::optional<ColumnId> hidden_column(Tabular& input, HiddenColumn kind);
  Result<std::optional<ColumnId>> hidden_value(const syntax::CallExpr& call, ScalarScope& scope,
                                               HiddenColumn kind);
  std::optional<PlanColumn> hidden_column_of_scan(TableScan& scan, HiddenColumn kind);
  std::optional<PlanColumn> hidden_column_of_union(Tabular& input, HiddenColumn kind);
  Result<ExprPtr> bind_extent(const syntax::CallExpr& call, ScalarScope& scope);
  Result<ExprPtr> bind_context(const syntax::CallExpr& call, ScalarScope& scope);
  Result<ExprPtr> bind_member_of(const syntax::CallExpr& call, ScalarScope& scope);
  Result<ExprPtr> bind_data_size(const syntax::CallExpr& call, ScalarScope& scope);
  Result<ExprPtr> bind_pack_columns(const syntax::CallExpr& call, ScalarScope& scope);

  // binder_outputs.cc
  struct NamedOutput {
    std::string name;  // suggested
    ExprPtr value;
  };
  using Outputs = std::vector<std::pair<PlanColumn, ExprPtr>>;
  /// A call of a function that gives several columns: its array of values, and what they are.
  struct WideCall {
    ExprPtr packed;
    std::vector<ResultColumn> columns;  // with their whole names
  };
  /// The function that a call means, where it is one that gives several columns.
  Result<const ScalarFunction*> wide_function(const syntax::Expr& expression, const ScalarScope& scope);
  Result<WideCall> bind_wide_call(const ScalarFunction& function, const syntax::CallExpr& call,
                                  ScalarScope& scope);
  Result<ExprPtr> column_of(const WideCall& call, size_t index, TextSpan span);
  /// All columns that an expression gives, where it is such a call; nullopt for any other.
  Result<std::optional<std::vector<NamedOutput>>> bind_wide_output(const syntax::Expr& expression,
                                                                   ScalarScope& scope);
  /// Calls that give several columns, by their place among the outputs, each computed once: in a projection
  /// put over `input`.
  Result<std::map<size_t, WideCall>> bind_wide_calls(const std::vector<syntax::NamedExpr>& outputs,
                                                     ScalarScope& scope, Tabular& input);
  /// Print: unnamed columns are "print_0", … Print and Extend: of a function that gives several columns,
  /// those that a list of names leaves out are left out; Project shows them too
  /// (query/series-fit-2lines-function.md).
  enum class OutputStyle { Print, Project, Extend };
  /// The outputs of project, extend or print, over `input`.
  Result<Outputs> bind_outputs(const std::vector<syntax::NamedExpr>& columns, ScalarScope& scope,
                               Tabular& input, NameAllocator& names, OutputStyle style);
  Status add_wide_output(const syntax::NamedExpr& output, const WideCall& call, NameAllocator& names,
                         OutputStyle style, Outputs& out);

  // binder_operators.cc
  Result<Tabular> bind_operator(const syntax::Operator& op, std::optional<Tabular> input,
                                const EnvironmentPtr& environment);
  Result<Tabular> bind_source_operator(const syntax::Operator& op, const EnvironmentPtr& environment);
  Result<Tabular> bind_where(const syntax::Operator& op, Tabular input, const EnvironmentPtr& environment);
  Result<ExprPtr> bind_output(const syntax::NamedExpr& output, ScalarScope& scope);
  Result<Tabular> bind_project(const syntax::ProjectOp& op, Tabular input, const EnvironmentPtr& environment);
  Result<Tabular> bind_extend(const std::vector<syntax::NamedExpr>& columns, Tabular input,
                              const EnvironmentPtr& environment, TextSpan span, std::string_view where);
  Result<Tabular> bind_project_away(const syntax::ProjectAwayOp& op, Tabular input);
  Result<Tabular> bind_project_keep(const syntax::ProjectKeepOp& op, Tabular input);
  Result<Tabular> bind_project_rename(const syntax::ProjectRenameOp& op, Tabular input);
  Result<Tabular> bind_project_reorder(const syntax::ProjectReorderOp& op, Tabular input);
  Result<Tabular> bind_take(const syntax::Expr& count, Tabular input, const EnvironmentPtr& environment,
                            TextSpan span, std::string_view where);
  Tabular bind_take_none(Tabular input, TextSpan span);
  Result<Tabular> bind_sort(const std::vector<const syntax::OrderedExpr*>& by, Tabular input,
                            const EnvironmentPtr& environment, TextSpan span, std::string_view where);
  Result<Tabular> bind_as(const syntax::AsOp& op, Tabular input, const EnvironmentPtr& environment);
  Result<Tabular> bind_render(const syntax::RenderOp& op, Tabular input);
  Result<Tabular> bind_get_schema(const syntax::GetSchemaOp& op, const Tabular& input);
  Result<Tabular> bind_assert_schema(const syntax::AssertSchemaOp& op, Tabular input);
  Result<Tabular> bind_invoke(const syntax::InvokeOp& op, Tabular input, const EnvironmentPtr& environment);
  Result<std::vector<size_t>> match_columns(const syntax::Name& name, const Tabular& input,
                                            std::string_view where, bool must_match) const;
  Tabular select(Tabular input, const std::vector<std::pair<size_t, std::string>>& columns, TextSpan span);
  Tabular add_project(Tabular input, std::vector<std::pair<PlanColumn, ExprPtr>> outputs, TextSpan span);
  Tabular add_node(Tabular input, std::shared_ptr<Rel> node, TextSpan span);

  // binder_summarize.cc
  Result<Tabular> bind_summarize(const syntax::SummarizeOp& op, Tabular input,
                                 const EnvironmentPtr& environment);
  Result<Tabular> bind_distinct(const syntax::DistinctOp& op, Tabular input,
                                const EnvironmentPtr& environment);
  Result<Tabular> bind_count(const syntax::CountOp& op, Tabular input);
  Result<ExprPtr> bind_aggregate(const AggregateFunction& function, const syntax::CallExpr& call,
                                 ScalarScope& scope);
  Result<ExprPtr> add_aggregate(AggregateScope& scope, std::string_view function,
                                std::vector<ExprPtr> arguments, ExprPtr filter, TextSpan span);
  /// An aggregate that may give several columns: arg_max, arg_min, take_any, percentiles; nullopt: another
  /// one.
  Result<std::optional<std::vector<NamedOutput>>> bind_wide_aggregate(const syntax::Expr& expression,
                                                                      ScalarScope& scope);
  Result<Tabular> finish_summarize(Tabular input, std::shared_ptr<Aggregate> node,
                                   std::vector<AggregateCall> calls, std::vector<NamedOutput> outputs,
                                   TextSpan span);
  Result<std::vector<NamedOutput>> bind_record(const syntax::CallExpr& call, ScalarScope& scope);
  Result<std::vector<NamedOutput>> bind_row_aggregate(const syntax::CallExpr& call, ScalarScope& scope);
  Result<std::vector<NamedOutput>> bind_percentiles(const syntax::CallExpr& call, ScalarScope& scope);

  /// The columns of one aggregation, with the names that they get in the result.
  Result<std::vector<NamedOutput>> bind_aggregation(const syntax::NamedExpr& aggregation, ScalarScope& scope,
                                                    NameAllocator& names);

  // binder_make_series.cc
  /// The axis of a make-series: all but `value` and `position` constants, of the types that belong together.
  struct SeriesAxis {
    ExprPtr value, position;  // of a record
    ExprPtr from, to;         // null where not given
    ExprPtr step, origin;     // positions count from `origin`
  };
  Result<Tabular> bind_make_series(const syntax::MakeSeriesOp& op, Tabular input,
                                   const EnvironmentPtr& environment);
  Result<SeriesAxis> bind_series_axis(const syntax::MakeSeriesOp& op, Tabular& input,
                                      const EnvironmentPtr& environment);
  static Status claim_series_names(const syntax::MakeSeriesOp& op, NameAllocator& names);
  Result<ExprPtr> bind_series_bound(const syntax::ExprPtr& expression, const EnvironmentPtr& environment);
  Result<ExprPtr> to_axis_type(ExprPtr value, Type type, std::string_view what);
  Result<Tabular> filter_series(const syntax::MakeSeriesOp& op, Tabular input, const SeriesAxis& axis);
  Result<Tabular> summarize_series(const syntax::MakeSeriesOp& op, Tabular input, const SeriesAxis& axis,
                                   const EnvironmentPtr& environment, NameAllocator& names,
                                   std::vector<size_t>& outputs_of);
  Result<Tabular> gather_series(const syntax::MakeSeriesOp& op, Tabular points);
  Result<std::pair<ExprPtr, ExprPtr>> series_extent(const syntax::MakeSeriesOp& op, const SeriesAxis& axis,
                                                    const ExprPtr& least, const ExprPtr& greatest);
  Result<ExprPtr> series_default(const syntax::SeriesAggregation& aggregation, Type type,
                                 const EnvironmentPtr& environment);

  // binder_join.cc
  Result<Tabular> bind_join(const syntax::JoinOp& op, Tabular input, const EnvironmentPtr& environment);
  Result<Tabular> bind_lookup(const syntax::LookupOp& op, Tabular input, const EnvironmentPtr& environment);
  struct JoinKeys {
    std::vector<std::pair<ExprPtr, ExprPtr>> on;
    std::vector<ColumnId> right_columns;  // that a lookup leaves out
  };
  Result<JoinKeys> bind_join_keys(const std::vector<syntax::ExprPtr>& on, Tabular& left, Tabular& right,
                                  const EnvironmentPtr& environment, std::string_view where);
  Status bind_join_key(const syntax::Expr& condition, Tabular& left, Tabular& right,
                       const EnvironmentPtr& environment, std::string_view where, JoinKeys& keys);
  Result<Tabular> make_join(JoinKind kind, Tabular left, Tabular right, JoinKeys keys,
                            bool without_right_keys, TextSpan span);
  Result<Tabular> bind_union(const syntax::UnionOp& op, std::optional<Tabular> input,
                             const EnvironmentPtr& environment);
  Status bind_union_leg(const syntax::Expr& expression, const EnvironmentPtr& environment, bool fuzzy,
                        std::vector<Tabular>& legs);
  Status bind_union_pattern(const std::string& pattern, const catalog::Database& database, bool with_views,
                            const EnvironmentPtr& environment, TextSpan span, bool fuzzy,
                            std::vector<Tabular>& legs);
  Status bind_union_databases(const syntax::PathExpr& path, const EnvironmentPtr& environment, bool fuzzy,
                              std::vector<Tabular>& legs);
  Result<Tabular> make_union(std::vector<Tabular> legs, bool inner, const std::string& source_column,
                             TextSpan span);

  // binder_groups.cc
  /// The columns by which records of different groups are told apart.
  static std::vector<ExprPtr> group_keys(const Tabular& table, TextSpan span);
  /// Adds columns that a user doesn't see.
  Tabular add_hidden(Tabular input, std::vector<std::pair<PlanColumn, ExprPtr>> outputs, TextSpan span);
  Tabular hide(Tabular input, const std::vector<PlanColumn>& columns, TextSpan span);
  /// Keeps the records for which a predicate is true.
  Result<Tabular> keep_where(Tabular input, ExprPtr predicate, TextSpan span);
  /// Numbers records from 1 on, in `order` or in the input's.
  Tabular number_records(Tabular input, std::vector<ExprPtr> partition, std::vector<SortKey> order,
                         const PlanColumn& number, TextSpan span);
  /// The first records of each partition, in `order` or in the input's.
  Result<Tabular> take_of_each(Tabular input, std::vector<ExprPtr> partition, std::vector<SortKey> order,
                               ExprPtr rows, TextSpan span);
  Result<Tabular> take_of_each_group(Tabular input, ExprPtr rows, TextSpan span);
  Status aggregate_groups(const Tabular& input, Aggregate& node, std::vector<AggregateCall>& calls,
                          TextSpan span);
  Result<Tabular> regroup(Tabular table, Grouping group, bool total, TextSpan span);
  /// A join of groups to a table as one of all tables' records, or of two tables of the same groups.
  Result<Tabular> join_groups(JoinKind kind, Tabular left, Tabular right, JoinKeys keys,
                              bool without_right_keys, TextSpan span);
  /// A window function over the records of each group.
  Result<ExprPtr> group_window(const RowFunction& function, const std::vector<ExprPtr>& arguments,
                               ScalarScope& scope, TextSpan span);
  Result<ExprPtr> group_scalar(Tabular table, ScalarScope& scope, TextSpan span);

  // binder_expand.cc
  struct Expansion {
    std::shared_ptr<Expand> node;
    std::vector<Type> types;      // that the elements of each of its items are cast to
    std::set<ColumnId> replaced;  // input columns that are expanded under their own names
  };
  Result<Tabular> bind_mv_expand(const syntax::MvExpandOp& op, Tabular input,
                                 const EnvironmentPtr& environment);
  Result<Tabular> expand(const std::vector<syntax::ExpandColumn>& columns, const syntax::Operator& op,
                         const syntax::Properties& parameters, const syntax::Expr* limit, Tabular input,
                         const EnvironmentPtr& environment, Expansion& expansion);
  Status bind_expand_column(const syntax::ExpandColumn& column, ScalarScope& scope, NameAllocator& names,
                            Expand& node, Expansion& expansion);
  static void show(Tabular& table, const PlanColumn& column);
  Result<Tabular> cast_elements(Tabular table, const Expansion& expansion, TextSpan span);
  Result<ExprPtr> cast_element(ExprPtr element, Type type);

  // binder_apply.cc
  Result<Tabular> bind_mv_apply(const syntax::MvApplyOp& op, Tabular input,
                                const EnvironmentPtr& environment);
  Result<Tabular> bind_partition(const syntax::PartitionOp& op, Tabular input,
                                 const EnvironmentPtr& environment);
  Result<Tabular> partition(const syntax::Expr& by, const syntax::PipeExpr& query, Tabular input,
                            const EnvironmentPtr& environment, TextSpan span);
  Result<Tabular> partition_sources(const syntax::Expr& by, const syntax::Expr& query, Tabular input,
                                    const EnvironmentPtr& environment, TextSpan span);
  Result<Tabular> bind_group_source(const syntax::Expr& expression, const Tabular& groups, bool keep_empty,
                                    const EnvironmentPtr& environment);
  Result<const PlanColumn*> partition_column(const syntax::Expr& by, const Tabular& input) const;
  Tabular ungroup(Tabular table, const std::optional<Grouping>& outer, std::vector<ColumnId> order,
                  TextSpan span);

  // binder_reduce.cc
  Result<Tabular> bind_reduce(const syntax::ReduceOp& op, Tabular input, const EnvironmentPtr& environment);

  // binder_top_nested.cc
  Result<Tabular> bind_top_nested(const syntax::TopNestedOp& op, Tabular input,
                                  const EnvironmentPtr& environment);
  Result<NestedLevel> bind_nested_level(const syntax::TopNestedLevel& given, ScalarScope& scope,
                                        NameAllocator& names);
  Result<ExprPtr> bind_nested_aggregate(const NestedLevel& level, Tabular& input, AggregateScope& aggregates,
                                        const EnvironmentPtr& environment);
  Result<Tabular> nested_base(std::vector<NestedLevel>& levels, Tabular input,
                              const EnvironmentPtr& environment, TextSpan span);
  Result<Tabular> join_nested(JoinKind kind, Tabular left, Tabular right, size_t levels,
                              const std::function<size_t(size_t)>& left_at,
                              const std::function<size_t(size_t)>& right_at, TextSpan span);
  Result<Tabular> kept_values(const std::vector<NestedLevel>& levels, size_t at, size_t first_value,
                              const Tabular& base, const std::optional<Tabular>& kept,
                              const EnvironmentPtr& environment, TextSpan span);
  Result<Tabular> other_values(const std::vector<NestedLevel>& levels, size_t at, size_t first_value,
                               const Tabular& base, const std::optional<Tabular>& before, const Tabular& kept,
                               const EnvironmentPtr& environment, TextSpan span);
  Result<Tabular> unite_nested(const std::vector<NestedLevel>& levels, std::vector<Tabular> parts,
                               const std::vector<size_t>& others, TextSpan span);

  // binder_top.cc
  Result<Tabular> bind_top_hitters(const syntax::TopHittersOp& op, Tabular input,
                                   const EnvironmentPtr& environment);
  Result<Tabular> bind_sample(const syntax::SampleOp& op, Tabular input, const EnvironmentPtr& environment);
  Result<Tabular> bind_sample_distinct(const syntax::SampleDistinctOp& op, Tabular input,
                                       const EnvironmentPtr& environment);
  Tabular sort_rows(Tabular input, std::vector<SortKey> keys, TextSpan span);
  Result<Tabular> take_rows(Tabular input, ExprPtr rows, TextSpan span);
  Result<ExprPtr> bind_row_count(const syntax::Expr& count, const EnvironmentPtr& environment,
                                 std::string_view where);
  // binder_evaluate.cc
  Result<Tabular> bind_evaluate(const syntax::EvaluateOp& op, std::optional<Tabular> input,
                                const EnvironmentPtr& environment);

  // binder_sources.cc
  Result<Tabular> bind_print(const syntax::PrintOp& op, const EnvironmentPtr& environment);
  Result<Tabular> bind_range(const syntax::RangeOp& op, const EnvironmentPtr& environment);
  Result<Tabular> bind_data_table(const syntax::DataTableExpr& table, const EnvironmentPtr& environment);
  Tabular values_of(const Table& table, TextSpan span);
  Tabular empty_row(TextSpan span);

  // binder_window.cc
  static bool is_window_function(std::string_view name);
  /// Whether the output of an operator is serialized: query/serialize-operator.md.
  static bool serializes(syntax::OperatorKind kind, bool input_is_serialized);
  Result<ExprPtr> bind_window_call(const syntax::CallExpr& call, ScalarScope& scope);
  Status check_window_arguments(const std::string& name, RowFunction& function,
                                std::vector<ExprPtr>& arguments, TextSpan span);
  ExprPtr add_window_function(RowFunction function, const std::vector<ExprPtr>& arguments,
                              std::optional<size_t> restart, ScalarScope& scope, TextSpan span);

  // binder_scan.cc
  /// The expression with every part that doesn't depend on the columns `late` replaced by a column of its
  /// own, which goes to `hoisted` with its value.
  Result<ExprPtr> hoist(ExprPtr expression, const std::set<ColumnId>& late,
                        std::vector<std::pair<PlanColumn, ExprPtr>>& hoisted);
  Result<Tabular> bind_scan(const syntax::ScanOp& op, Tabular input, const EnvironmentPtr& environment);
  Status declare_scan_columns(const syntax::ScanOp& op, const EnvironmentPtr& environment,
                              std::vector<PlanColumn>& columns, ScanMaker& maker);
  Result<ScanStep> bind_scan_step(const syntax::ScanStep& step, const std::vector<PlanColumn>& columns,
                                  size_t passed, const std::set<ColumnId>& late,
                                  std::vector<std::pair<PlanColumn, ExprPtr>>& arguments, ScalarScope& scope);
  Result<Tabular> finish_scan(Tabular input, std::shared_ptr<ScanMaker> maker,
                              std::vector<PlanColumn> columns,
                              const std::vector<std::pair<PlanColumn, ExprPtr>>& arguments,
                              const syntax::ScanOp& op);

  // binder_graph.cc
  static bool takes_graph(syntax::OperatorKind kind);
  Result<Tabular> bind_graph_operator(const syntax::Operator& op, Tabular input,
                                      const EnvironmentPtr& environment);
  Result<Tabular> bind_make_graph(const syntax::MakeGraphOp& op, Tabular input,
                                  const EnvironmentPtr& environment);
  /// A node's id as text, with the partition that it is of.
  Result<ExprPtr> node_key(const ExprPtr& partition, const ExprPtr& id, TextSpan span);
  Status make_graph_edges(const syntax::MakeGraphOp& op, Tabular input, const syntax::Name* partition,
                          Graph& graph);
  Status make_graph_nodes(const syntax::MakeGraphOp& op, const syntax::Name* partition,
                          const EnvironmentPtr& environment, Graph& graph);
  Result<RelPtr> node_table(Tabular table, const std::string& key, const syntax::Name* partition,
                            const std::vector<PlanColumn>& properties, TextSpan span);
  Result<Tabular> bind_graph_components(const syntax::GraphMarkComponentsOp& op, const Graph& graph);
  Result<Tabular> graph_table(const syntax::GraphToTableOutput& output, const Graph& graph);
  Result<Tabular> bind_graph_to_table(const syntax::GraphToTableOp& op, const Graph& graph);

  // binder_graph_match.cc
  friend class PatternBinder;
  Result<Tabular> bind_pattern(const PatternQuery& query, const syntax::Operator& op, const Graph& graph,
                               const EnvironmentPtr& environment);
  ExprPtr show_of_match(GraphScope& graph, PatternColumn shown, Type type, TextSpan span);
  Result<ExprPtr> bag_of(const std::vector<PlanColumn>& properties, TextSpan span);
  /// A name, a call, that means something in a graph's clauses only; nullopt: it doesn't.
  Result<std::optional<ExprPtr>> bind_graph_name(const syntax::NameExpr& expression, ScalarScope& scope);
  Result<std::optional<ExprPtr>> bind_graph_call(const syntax::CallExpr& expression, ScalarScope& scope);
  Result<ExprPtr> node_trait(std::string_view function, const Graph& graph, TextSpan span);
  Result<ExprPtr> bind_over_path(const syntax::CallExpr& expression, ScalarScope& scope);

  // binder_native.cc
  /// The table with its visible columns and, behind them, `arguments`: what a native operator reads. The
  /// columns that hold the arguments go to `added`; a user sees none of them.
  Tabular with_arguments(Tabular input, const std::vector<ExprPtr>& arguments, std::vector<PlanColumn>& added,
                         TextSpan span);
  /// A native operator over `inputs`, whose rows it reads in their order where they have one. `columns`, new
  /// or the inputs' own, are its output. `ordered`: the order of its rows is one that a user may rely on.
  Tabular add_native(const std::vector<RelPtr>& inputs, std::shared_ptr<const NativeOperatorMaker> maker,
                     std::vector<PlanColumn> columns, bool ordered, TextSpan span);

  // Small makers.
  ColumnId next_id() { return next_id_++; }
  PlanColumn new_column(std::string name, Type type) { return {next_id(), std::move(name), type}; }
  /// Counts a new node, whose inputs are set, and notes its depth.
  void attach(Rel& node, TextSpan span);
  /// The table, where the plan is still within its limits.
  Result<Tabular> counted(Tabular table);
  static ExprPtr column_reference(const PlanColumn& column, TextSpan span);
  static ExprPtr literal(Value value, TextSpan span);
  static Error semantic(std::string message, TextSpan span) {
    return Error(ErrorCode::Semantic, std::move(message), span);
  }
  static Error not_supported(std::string message, TextSpan span) {
    return Error(ErrorCode::NotSupported, std::move(message), span);
  }
  /// Claims the names that outputs are given in the query, so that automatic ones give way to them.
  static Status claim_names(const std::vector<syntax::NamedExpr>& outputs, std::string_view where,
                            NameAllocator& names);
  /// The name of an output, once all given ones are claimed.
  static std::string name_output(const syntax::NamedExpr& output, NameAllocator& names);
  /// The name that an output column gets from its expression; empty where it gives none. `aggregates`: where
  /// they may stand in it.
  static std::string automatic_name(const syntax::Expr& expression, bool aggregates = false);
  static std::string aggregate_name(const AggregateFunction& function, const syntax::CallExpr& call);

  const BindOptions& options_;
  Ticks now_;  // what now() is
  BoundQuery result_;
  std::map<std::string, Value> set_values_;  // of `set` statements, by names in lower case
  std::vector<std::unique_ptr<syntax::FunctionExpr>> functions_;  // parsed stored functions
  std::map<std::pair<std::string, std::string>, const syntax::FunctionExpr*> stored_;
  std::map<std::string, std::string> aliases_;      // of databases
  std::vector<const syntax::FunctionExpr*> calls_;  // functions whose bodies are being bound
  /// Where `as` defines its names: the query's outermost environment, and those of the pipelines being bound.
  std::vector<Environment*> as_scopes_;
  std::vector<std::unique_ptr<syntax::Query>> plugin_queries_;  // parsed texts of plugins
  const syntax::Operator* last_operator_ = nullptr;             // of the result that is being bound
  std::vector<BoundResult> further_results_;                    // that it gives behind its first
  /// The table whose row level security policy is being bound, and its database; null outside of one.
  const catalog::Table* policy_table_ = nullptr;
  const catalog::Database* policy_database_ = nullptr;
  std::vector<std::unique_ptr<syntax::Query>> policy_queries_;  // parsed
  ColumnId next_id_ = 1;
  size_t plan_nodes_ = 0;
  int function_depth_ = 0;
  int tabular_depth_ = 0;
};

/// Aggregates of one summarize.
struct AggregateScope {
  std::vector<AggregateCall> calls;
  const std::vector<PlanColumn>* keys = nullptr;  // group columns: arg_max(x, *) leaves them out
  bool inside = false;                            // an aggregate's argument is being bound
};

/// The operator that search kind=case_sensitive takes instead.
syntax::BinaryOp case_sensitive(syntax::BinaryOp op);
/// Where a mapping (a JSON array) takes each column of the table from; `what` begins errors.
Result<std::vector<ExternalSource>> mapped_sources(const std::string& mapping,
                                                   const catalog::ExternalTable& table,
                                                   const std::string& what, TextSpan span);
bool is_numeric(Type type);
/// Whether it has one value for all records.
bool is_constant(const Expr& expression);
/// Whether a value of one type may stand where the other is expected.
bool converts_implicitly(Type from, Type to);
/// The type that values of both are compared or chosen in; nullopt where there is none.
std::optional<Type> common_type_of(Type a, Type b, bool dynamic_wins);
/// int, where an int is compared with long literals that an int holds, so that the column needs no
/// conversion; else the common type.
Type narrowest(Type common, const std::vector<ExprPtr>& values);
/// A literal array's elements as values of their own, nulls left out; false for anything else.
bool expand_array(const Expr& expression, std::vector<Value>& out);
/// Rewrites a predicate whose null counts as false to operators that are faster.
ExprPtr relax_predicate(const ExprPtr& predicate);

}  // namespace spillway::kql
