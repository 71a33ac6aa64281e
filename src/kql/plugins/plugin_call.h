// A call of a plugin while it is bound: its arguments by the names of the plugin's parameters, and what a
// plugin's own code may ask of the binder. The only way from plugins into the binder.
#pragma once

#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kql/binder_internal.h"
#include "kql/plugins/plugin_table.h"

namespace spillway::kql {

/// Columns that a plugin may make of its input's values, and steps of a window.
inline constexpr size_t kMaxPluginColumns = 4'000;
inline constexpr int64_t kMaxWindowSteps = 10'000;
/// Windows between a start and an end.
inline constexpr int64_t kMaxWindows = 1'000'000;

struct PluginArgument {
  const PluginParameter* parameter = nullptr;
  std::string name;   // a column's, or the one that an expression is given; empty without
  ExprPtr value;      // Column, Constant, Expression
  PlanColumn column;  // Column, LookupColumn
  std::shared_ptr<Tabular> table;
  const syntax::CallExpr* aggregate = nullptr;
  TextSpan span;
};

class PluginCall {
 public:
  PluginCall(Binder& binder, const Plugin& plugin, const syntax::EvaluateOp& op, std::optional<Tabular> input,
             EnvironmentPtr environment)
      : binder_(binder),
        plugin_(plugin),
        op_(op),
        input_(std::move(input)),
        environment_(std::move(environment)) {}

  /// Finds the signature that the arguments fit, binds them, and makes the plugin's plan.
  Result<Tabular> bind();

  // What is given.
  const Tabular& input() const { return *input_; }
  const PlanColumn* input_column(std::string_view name) const;
  /// The output schema that the query declares, or null.
  const syntax::RowSchema* schema() const { return op_.schema ? &*op_.schema : nullptr; }
  TextSpan span() const { return op_.plugin->span; }
  bool has(std::string_view parameter) const { return find(parameter) != nullptr; }
  const PluginArgument* find(std::string_view parameter) const;
  std::vector<const PluginArgument*> all(std::string_view parameter) const;
  const PlanColumn& column(std::string_view parameter) const { return find(parameter)->column; }
  /// The value of a constant; where it isn't a literal, it is computed.
  Result<Value> value(std::string_view parameter) const;
  /// The same, or what it is where it isn't given.
  Result<int64_t> integer(std::string_view parameter, int64_t otherwise, int64_t least, int64_t most) const;
  Result<double> real(std::string_view parameter, double otherwise, double least, double most) const;
  Result<bool> flag(std::string_view parameter, bool otherwise) const;
  Result<std::string> text(std::string_view parameter, std::string otherwise) const;
  /// The elements of a constant array, as tostring() prints them.
  Result<std::vector<std::string>> texts(std::string_view parameter) const;

  // What a text needs.
  /// A column's name as KQL writes it: ["a b"]. Of several: ", [\"a\"], [\"b\"]".
  std::string name(std::string_view parameter) const;
  std::string names(std::string_view parameter) const;
  static std::string quoted(std::string_view name);
  /// The text with each key replaced by its value, where keys are written {key}.
  static std::string fill(std::string text,
                          std::initializer_list<std::pair<std::string_view, std::string>> values);

  // What a plan needs.
  Result<ExprPtr> call(std::string_view function, std::vector<ExprPtr> arguments) const {
    return binder_.call(function, std::move(arguments), span());
  }
  Result<ExprPtr> convert(ExprPtr expression, Type type) const {
    return binder_.convert(std::move(expression), type);
  }
  ExprPtr reference(const PlanColumn& column) const { return Binder::column_reference(column, span()); }
  ExprPtr literal(Value value) const { return Binder::literal(std::move(value), span()); }
  PlanColumn new_column(std::string name, Type type) const {
    return binder_.new_column(std::move(name), type);
  }
  Tabular project(Tabular table, std::vector<std::pair<PlanColumn, ExprPtr>> outputs) const {
    return binder_.add_project(std::move(table), std::move(outputs), span());
  }
  /// One aggregate for each predicate, beside the keys: `name` by `predicate`.
  Result<Tabular> aggregate(const syntax::CallExpr* call, const std::vector<PlanColumn>& keys,
                            const std::vector<std::pair<std::string, ExprPtr>>& outputs) const;
  /// The columns that an aggregate's arguments name.
  std::vector<std::string> columns_of(const syntax::CallExpr& call) const;
  /// Binds a text over __T (the input), __ and the name of each constant and table, and __Expr0 … for the
  /// expressions, which are columns of __T. Further results follow the first where the query ends here.
  Result<Tabular> kql(const std::string& text) const;
  /// Runs a plan now, and hands out its batches.
  using Consumer = std::function<Status(const Batch& batch)>;
  Status run(const Tabular& table, const Consumer& consume) const;
  /// The columns of files.
  Result<InferredSchema> infer_schema(const StorageSample& sample) const;
  /// A native operator over a table that has the columns of `input` and the values of `arguments`.
  Tabular native(Tabular input, const std::vector<ExprPtr>& arguments,
                 std::shared_ptr<const NativeOperatorMaker> maker, std::vector<PlanColumn> columns,
                 bool ordered) const;
  /// Adds a result behind the query's.
  Status add_result(Tabular table) const;
  bool ends_query() const;

  Error fail(const std::string& message) const { return fail_at(message, span()); }
  Error fail_at(const std::string& message, TextSpan where) const {
    return Binder::semantic("evaluate " + plugin_.name + "(): " + message, where);
  }
  Error fail_argument(std::string_view parameter, const std::string& message) const;

 private:
  Result<std::vector<PluginArgument>> match(const Plugin::Signature& signature) const;
  Result<PluginArgument> bind_argument(const PluginParameter& parameter, const syntax::Argument& argument,
                                       const std::vector<PluginArgument>& before) const;
  Result<PluginArgument> bind_column(const PluginParameter& parameter, const syntax::Argument& argument,
                                     const Tabular& table) const;
  Result<PluginArgument> bind_constant(const PluginParameter& parameter,
                                       const syntax::Argument& argument) const;
  std::string describe(const Plugin::Signature& signature) const;
  Result<Tabular> declared(Tabular table) const;
  Result<EnvironmentPtr> text_environment() const;
  Tabular with_expressions() const;

  Binder& binder_;
  const Plugin& plugin_;
  const syntax::EvaluateOp& op_;
  std::optional<Tabular> input_;
  EnvironmentPtr environment_;
  std::vector<PluginArgument> arguments_;
};

}  // namespace spillway::kql
