// summarize and its aggregates, distinct, count. Names of columns: query/summarize-operator.md and the pages
// of the aggregates.
#include <algorithm>
#include <array>

#include "kql/binder_internal.h"

namespace spillway::kql {
namespace {

bool is_row_aggregate(std::string_view name) {
  return name == "arg_max" || name == "arg_min" || name == "argmax" || name == "argmin" ||
         name == "take_any" || name == "any";
}

bool is_percentiles(std::string_view name) {
  return name == "percentiles" || name == "percentilesw" || name == "percentiles_array" ||
         name == "percentilesw_array";
}

/// An aggregate that gives a record.
struct RowAggregate {
  std::string prefix;  // of columns without a name
  bool any = false;    // any record will do
  bool old = false;    // by its older name, which names columns otherwise
};
RowAggregate row_aggregate(std::string_view name) {
  const bool any = name == "take_any" || name == "any";
  return {name.ends_with("max") ? "max" : "min", any,
          name == "any" || name.find('_') == std::string_view::npos};
}

bool fits(const AggregateOverload& overload, size_t arguments) {
  if (overload.variadic) return arguments >= static_cast<size_t>(overload.required);
  return arguments == overload.parameters.size();
}

/// How well the types fit: smaller is better; nullopt where they don't.
std::optional<int> cost_of(const AggregateOverload& overload, const std::vector<ExprPtr>& arguments) {
  int sum = 0;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const Parameter& parameter = overload.parameters[std::min(i, overload.parameters.size() - 1)];
    const Type from = arguments[i]->type;
    if (parameter.kind == Parameter::Kind::Any || parameter.kind == Parameter::Kind::AsDynamic ||
        parameter.kind == Parameter::Kind::AsString) {
      sum += 50;
      continue;
    }
    if (from == parameter.type) continue;
    constexpr std::array<Type, 4> kRising = {Type::Int, Type::Long, Type::Real, Type::Decimal};
    const auto rank = [&](Type type) {
      return std::find(kRising.begin(), kRising.end(), type) - kRising.begin();
    };
    if (is_numeric(from) && is_numeric(parameter.type) &&
        (rank(from) < rank(parameter.type) || from == Type::Decimal)) {
      sum += static_cast<int>(std::abs(rank(parameter.type) - rank(from)));
    } else if (from == Type::Dynamic) {
      sum += parameter.type == Type::Real ? 10 : 20;
    } else {
      return std::nullopt;
    }
  }
  return sum;
}

}  // namespace

Result<ExprPtr> Binder::add_aggregate(AggregateScope& scope, std::string_view name,
                                      std::vector<ExprPtr> arguments, ExprPtr filter, TextSpan span) {
  const AggregateFunction* function = FunctionTable::instance().aggregate(name);
  if (!function)
    return Error(ErrorCode::Internal, "Aggregate '" + std::string(name) + "' is not declared", span);
  const AggregateOverload* best = nullptr;
  int least = 0;
  for (const auto& overload : function->overloads) {
    if (!fits(*overload, arguments.size())) continue;
    const std::optional<int> cost = cost_of(*overload, arguments);
    if (cost && (!best || *cost < least)) {
      best = overload.get();
      least = *cost;
    }
  }
  if (!best) {
    std::string types;
    for (const ExprPtr& argument : arguments)
      types += (types.empty() ? "" : ", ") + std::string(kql_name(argument->type));
    return semantic(std::string(name) + "(): takes no arguments of types (" + types + ")", span);
  }
  SPILLWAY_TRY(check_constants(name, best->parameters, arguments));
  std::optional<Type> common;
  SPILLWAY_ASSIGN(arguments, convert_arguments(best->parameters, false, std::move(arguments), common));
  for (const auto& [index, check] : function->checks) {
    if (index >= arguments.size() || arguments[index]->kind != Expr::Kind::Literal) continue;
    const std::string problem = check(arguments[index]->literal);
    if (!problem.empty()) return semantic(std::string(name) + "(): " + problem, arguments[index]->span);
  }
  AggregateCall aggregate;
  Type type = best->result.type;
  if (best->result.kind == ResultType::Kind::SameAsArgument) {
    type = arguments[static_cast<size_t>(best->result.argument)]->type;
  }
  aggregate.output = new_column("", type);
  aggregate.function = best;
  aggregate.args = std::move(arguments);
  aggregate.filter = std::move(filter);
  aggregate.span = span;
  scope.calls.push_back(std::move(aggregate));
  return column_reference(scope.calls.back().output, span);
}

Result<ExprPtr> Binder::bind_aggregate(const AggregateFunction& function, const syntax::CallExpr& expression,
                                       ScalarScope& scope) {
  const std::string& name = function.name;
  if (!scope.aggregates) {
    return semantic("Aggregate " + name + "() stands only in summarize and the like", expression.span);
  }
  if (scope.aggregates->inside) {
    return semantic("Aggregate " + name + "() can't stand inside another aggregate", expression.span);
  }
  if (is_row_aggregate(expression.name.text) || is_percentiles(expression.name.text)) {
    SPILLWAY_ASSIGN(const std::vector<NamedOutput> outputs, is_percentiles(expression.name.text)
                                                                ? bind_percentiles(expression, scope)
                                                                : bind_row_aggregate(expression, scope));
    return outputs.front().value;
  }
  const bool takes_predicate = !function.overloads.empty() && function.overloads.front()->takes_predicate;
  // Before what is optional: make_list_if(x, predicate, size).
  const size_t predicate_at = takes_predicate ? function.overloads.front()->parameters.size() : 0;
  std::vector<ExprPtr> arguments;
  ExprPtr filter;
  scope.aggregates->inside = true;
  for (size_t i = 0; i < expression.arguments.size(); ++i) {
    const syntax::Expr& argument = *expression.arguments[i].value;
    if (argument.kind == syntax::ExprKind::Star && name == "count") continue;
    const bool predicate = takes_predicate && i == predicate_at;
    Result<ExprPtr> bound = predicate ? bind_predicate(argument, scope) : bind_scalar(argument, scope);
    if (!bound.ok()) {
      scope.aggregates->inside = false;
      return bound;
    }
    if (predicate) {
      filter = relax_predicate(*bound);
    } else {
      arguments.push_back(*std::move(bound));
    }
  }
  scope.aggregates->inside = false;
  if (takes_predicate && !filter) return semantic(name + "(): needs a predicate", expression.span);
  return add_aggregate(*scope.aggregates, name, std::move(arguments), std::move(filter), expression.span);
}

Result<std::optional<std::vector<Binder::NamedOutput>>> Binder::bind_wide_aggregate(
    const syntax::Expr& expression, ScalarScope& scope) {
  using Columns = std::optional<std::vector<NamedOutput>>;
  const auto* given = expression.try_as<syntax::CallExpr>();
  if (!given || given->scope) return Columns();
  if (is_row_aggregate(given->name.text)) {
    SPILLWAY_ASSIGN(std::vector<NamedOutput> outputs, bind_row_aggregate(*given, scope));
    return Columns(std::move(outputs));
  }
  if (is_percentiles(given->name.text)) {
    SPILLWAY_ASSIGN(std::vector<NamedOutput> outputs, bind_percentiles(*given, scope));
    return Columns(std::move(outputs));
  }
  return bind_wide_output(expression, scope);
}

/// The columns of arg_max(key, columns…), arg_min(key, columns…), take_any(columns…): names and values. `*`
/// means all columns but the keys of the summarize and those that stand before it.
Result<std::vector<Binder::NamedOutput>> Binder::bind_record(const syntax::CallExpr& expression,
                                                             ScalarScope& scope) {
  const RowAggregate kind = row_aggregate(expression.name.text);
  std::vector<NamedOutput> columns;
  const auto is_key = [&](const std::string& name) {
    return std::any_of(scope.aggregates->keys->begin(), scope.aggregates->keys->end(),
                       [&](const PlanColumn& key) { return key.name == name; });
  };
  const auto is_there = [&](const std::string& name) {
    return std::any_of(columns.begin(), columns.end(), [&](const NamedOutput& c) { return c.name == name; });
  };
  ScalarScope inside = scope;
  inside.aggregates = nullptr;
  std::string first;  // the name of the first argument
  for (size_t i = 0; i < expression.arguments.size(); ++i) {
    const syntax::Expr& argument = *expression.arguments[i].value;
    if (argument.kind == syntax::ExprKind::Star) {
      for (const PlanColumn& column : scope.input->columns) {
        if (is_key(column.name) || is_there(column.name)) continue;
        columns.push_back({column.name, column_reference(column, argument.span)});
      }
      continue;
    }
    SPILLWAY_ASSIGN(ExprPtr value, bind_scalar(argument, inside));
    const std::optional<syntax::Name>& given = expression.arguments[i].name;
    std::string name = given ? given->text : automatic_name(argument);
    if (i == 0) first = name;
    if (name.empty() && kind.any) name = std::string(kind.old ? "" : "any_") + "arg" + std::to_string(i);
    if (name.empty()) {
      name = kind.prefix + "_";
      if (i > 0) name += first + "_arg" + std::to_string(i);
    }
    columns.push_back({std::move(name), std::move(value)});
  }
  for (size_t i = 1; kind.old && !kind.any && i < columns.size(); ++i) {
    columns[i].name = columns[0].name + "_" + columns[i].name;
  }
  return columns;
}

/// arg_max(), arg_min() and take_any(): all columns come from one record.
Result<std::vector<Binder::NamedOutput>> Binder::bind_row_aggregate(const syntax::CallExpr& expression,
                                                                    ScalarScope& scope) {
  const std::string& function = expression.name.text;
  if (expression.arguments.empty()) return semantic(function + "(): needs an argument", expression.span);
  SPILLWAY_ASSIGN(std::vector<NamedOutput> columns, bind_record(expression, scope));
  if (columns.empty())
    return semantic(function + "(): the table has no column left for '*'", expression.span);
  const bool any = row_aggregate(function).any;
  if (any && columns.size() == 1) {
    if (function == "any") columns[0].name = "any_" + columns[0].name;
    SPILLWAY_ASSIGN(columns[0].value, add_aggregate(*scope.aggregates, "take_any", {columns[0].value},
                                                    nullptr, expression.span));
    return columns;
  }
  std::vector<ExprPtr> values;
  for (const NamedOutput& column : columns) values.push_back(column.value);
  SPILLWAY_TRY(add_aggregate(*scope.aggregates, any ? "take_any row" : function, std::move(values), nullptr,
                             expression.span)
                   .status());
  AggregateCall& record = scope.aggregates->calls.back();
  for (NamedOutput& column : columns) {
    record.record.push_back(new_column("", column.value->type));
    column.value = column_reference(record.record.back(), expression.span);
  }
  return columns;
}

/// percentiles(x, p…), percentilesw(x, weight, p…), and their forms that give an array.
Result<std::vector<Binder::NamedOutput>> Binder::bind_percentiles(const syntax::CallExpr& expression,
                                                                  ScalarScope& scope) {
  const std::string& function = expression.name.text;
  const bool weighted = function.starts_with("percentilesw"), array = function.ends_with("_array");
  const size_t first = weighted ? 2 : 1;
  if (expression.arguments.size() <= first) {
    return semantic(function + "(): needs " + (weighted ? "an expression, its weight" : "an expression") +
                        " and at least one percentile",
                    expression.span);
  }
  ScalarScope inside = scope;
  inside.aggregates = nullptr;
  std::vector<ExprPtr> arguments;
  std::vector<ExprPtr> ranks;
  for (size_t i = 0; i < expression.arguments.size(); ++i) {
    SPILLWAY_ASSIGN(ExprPtr bound, bind_scalar(*expression.arguments[i].value, inside));
    if (i < first) {
      arguments.push_back(std::move(bound));
    } else if (std::vector<Value> elements; expand_array(*bound, elements)) {
      for (Value& element : elements) {
        SPILLWAY_ASSIGN(ExprPtr rank, convert(literal(std::move(element), bound->span), Type::Real));
        ranks.push_back(std::move(rank));
      }
    } else {
      ranks.push_back(std::move(bound));
    }
  }
  const std::string name = automatic_name(*expression.arguments[0].value);
  std::vector<NamedOutput> outputs;
  for (const ExprPtr& rank : ranks) {
    std::string column = "percentile_" + name;
    if (rank->kind == Expr::Kind::Literal) column += "_" + rank->literal.str();
    std::replace(column.begin(), column.end(), '.', '_');
    std::vector<ExprPtr> with_rank = arguments;
    with_rank.push_back(rank);
    SPILLWAY_ASSIGN(ExprPtr output, add_aggregate(*scope.aggregates, weighted ? "percentilew" : "percentile",
                                                  std::move(with_rank), nullptr, expression.span));
    outputs.push_back({std::move(column), std::move(output)});
  }
  if (!array) return outputs;
  std::vector<ExprPtr> values;
  for (NamedOutput& output : outputs) values.push_back(std::move(output.value));
  SPILLWAY_ASSIGN(ExprPtr packed, call("pack_array", std::move(values), expression.span));
  outputs.clear();
  outputs.push_back({(weighted ? "percentile_" : "percentiles_") + name, std::move(packed)});
  return outputs;
}

/// Its prefix and the name of its argument.
std::string Binder::aggregate_name(const AggregateFunction& function, const syntax::CallExpr& call) {
  std::string name = function.column_prefix;
  if (call.arguments.empty()) return name;
  const bool predicate_only =
      function.overloads.front()->takes_predicate && function.overloads.front()->parameters.empty();
  if (!predicate_only) name += automatic_name(*call.arguments[0].value);
  if (function.name.starts_with("covariance") && call.arguments.size() > 1) {
    name += "_" + automatic_name(*call.arguments[1].value);
  }
  if (function.name == "percentile" || function.name == "percentilew") {
    const auto* rank = call.arguments.back().value->try_as<syntax::LiteralExpr>();
    if (rank) name += "_" + rank->value.str();
    std::replace(name.begin(), name.end(), '.', '_');
  }
  return name;
}

Result<std::vector<Binder::NamedOutput>> Binder::bind_aggregation(const syntax::NamedExpr& aggregation,
                                                                  ScalarScope& scope, NameAllocator& names) {
  SPILLWAY_ASSIGN(std::optional<std::vector<NamedOutput>> wide,
                  bind_wide_aggregate(*aggregation.value, scope));
  if (!wide) {
    SPILLWAY_ASSIGN(ExprPtr value, bind_scalar(*aggregation.value, scope));
    wide.emplace().push_back({automatic_name(*aggregation.value, true), std::move(value)});
  }
  if (aggregation.names.size() > wide->size()) {
    return semantic("'" + std::string(scope.where) + "' operator: more names than the aggregate has columns",
                    aggregation.span);
  }
  for (size_t i = 0; i < wide->size(); ++i) {
    NamedOutput& output = (*wide)[i];
    if (i < aggregation.names.size()) {
      output.name = aggregation.names[i].text;
    } else {
      output.name = output.name.empty() ? names.next_unnamed("Column", 1) : names.unique(output.name);
    }
  }
  return *std::move(wide);
}

Result<Tabular> Binder::bind_summarize(const syntax::SummarizeOp& op, Tabular input,
                                       const EnvironmentPtr& environment) {
  if (op.bin) return not_supported("'by Column bin=…' is not supported; use by bin(Column, …)", op.bin->span);
  ScalarScope scope(environment);
  scope.input = &input;
  scope.where = "summarize";
  auto node = std::make_shared<Aggregate>();
  NameAllocator names;
  SPILLWAY_TRY(claim_names(op.by, scope.where, names));
  SPILLWAY_TRY(claim_names(op.aggregates, scope.where, names));
  std::vector<PlanColumn> key_columns;
  for (const syntax::NamedExpr& key : op.by) {
    SPILLWAY_ASSIGN(ExprPtr value, bind_output(key, scope));
    if (value->type == Type::Dynamic) {
      return semantic(
          "'summarize' operator: a dynamic value can't be a group key; convert it with tostring(), tolong() "
          "…",
          key.span);
    }
    key_columns.push_back(new_column(name_output(key, names), value->type));
    node->keys.emplace_back(key_columns.back(), std::move(value));
  }
  AggregateScope aggregates;
  aggregates.keys = &key_columns;
  scope.aggregates = &aggregates;
  std::vector<NamedOutput> outputs;
  for (const syntax::NamedExpr& aggregate : op.aggregates) {
    SPILLWAY_ASSIGN(std::vector<NamedOutput> bound, bind_aggregation(aggregate, scope, names));
    std::move(bound.begin(), bound.end(), std::back_inserter(outputs));
  }
  return finish_summarize(std::move(input), std::move(node), std::move(aggregates.calls), std::move(outputs),
                          op.span);
}

/// The aggregate, and over it a projection where an output is more than one aggregate's result.
Result<Tabular> Binder::finish_summarize(Tabular input, std::shared_ptr<Aggregate> node,
                                         std::vector<AggregateCall> calls, std::vector<NamedOutput> outputs,
                                         TextSpan span) {
  std::vector<PlanColumn*> columns;
  for (AggregateCall& call : calls) {
    if (call.record.empty()) columns.push_back(&call.output);
    for (PlanColumn& column : call.record) columns.push_back(&column);
  }
  bool plain = columns.size() == outputs.size();
  for (size_t i = 0; plain && i < columns.size(); ++i) {
    plain = outputs[i].value->kind == Expr::Kind::Column && outputs[i].value->column == columns[i]->id;
  }
  for (size_t i = 0; i < columns.size(); ++i) {
    columns[i]->name = plain ? outputs[i].name : "$aggregate" + std::to_string(i);
  }
  Tabular result;
  const size_t keys = node->keys.size();
  for (const auto& [column, expression] : node->keys) result.columns.push_back(column);
  for (const PlanColumn* column : columns) result.columns.push_back(*column);
  node->columns = result.columns;
  if (input.group) SPILLWAY_TRY(aggregate_groups(input, *node, calls, span));
  node->aggregates = std::move(calls);
  node->inputs = {input.rel};
  attach(*node, span);
  result.rel = std::move(node);
  if (input.group) {
    SPILLWAY_ASSIGN(result, regroup(std::move(result), *input.group, keys == 0, span));
  }
  if (plain) return result;
  std::vector<std::pair<PlanColumn, ExprPtr>> projected;
  for (size_t i = 0; i < keys; ++i) {
    const PlanColumn& column = result.columns[i];
    projected.emplace_back(new_column(column.name, column.type), column_reference(column, span));
  }
  for (NamedOutput& output : outputs) {
    const Type type = output.value->type;
    projected.emplace_back(new_column(std::move(output.name), type), std::move(output.value));
  }
  return add_project(std::move(result), std::move(projected), span);
}

Result<Tabular> Binder::bind_distinct(const syntax::DistinctOp& op, Tabular input,
                                      const EnvironmentPtr& environment) {
  auto node = std::make_shared<Aggregate>();
  ScalarScope scope(environment);
  scope.input = &input;
  scope.where = "distinct";
  NameAllocator names;
  SPILLWAY_TRY(claim_names(op.columns, scope.where, names));
  if (op.star) {
    for (const PlanColumn& column : input.columns) {
      node->keys.emplace_back(new_column(names.unique(column.name), column.type),
                              column_reference(column, op.span));
    }
  }
  for (const syntax::NamedExpr& column : op.columns) {
    SPILLWAY_ASSIGN(ExprPtr value, bind_output(column, scope));
    const Type type = value->type;
    node->keys.emplace_back(new_column(name_output(column, names), type), std::move(value));
  }
  return finish_summarize(std::move(input), std::move(node), {}, {}, op.span);
}

Result<Tabular> Binder::bind_count(const syntax::CountOp& op, Tabular input) {
  AggregateScope aggregates;
  SPILLWAY_ASSIGN(ExprPtr value, add_aggregate(aggregates, "count", {}, nullptr, op.span));
  std::vector<NamedOutput> outputs;
  outputs.push_back({op.as ? op.as->text : "Count", std::move(value)});
  return finish_summarize(std::move(input), std::make_shared<Aggregate>(), std::move(aggregates.calls),
                          std::move(outputs), op.span);
}

}  // namespace spillway::kql
