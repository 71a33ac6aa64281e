// make-series: query/make-series-operator.md. It becomes
//
//   where axis is in the range
//   | summarize the aggregates by keys, position      (position: the step of the axis in which the record
//   lies) | summarize gather series(position, aggregate) … by keys | project keys, series values(gathered,
//   first, count, default) …, series axis(origin, first, count, step)
//
// so that all the grouping is the engine's. functions/series_make.cc has the functions.
#include <algorithm>

#include "kql/binder_internal.h"

namespace spillway::kql {
namespace {

constexpr std::string_view kWhere = "make-series";

/// The type in which axis, bounds and step are reckoned with.
std::optional<Type> axis_type(Type axis, const std::vector<Type>& others) {
  const bool fractions = std::any_of(others.begin(), others.end(),
                                     [](Type type) { return type == Type::Real || type == Type::Decimal; });
  switch (axis) {
    case Type::DateTime:
    case Type::TimeSpan: return axis;
    case Type::Int:
    case Type::Long: return fractions ? Type::Real : Type::Long;
    case Type::Real:
    case Type::Decimal: return Type::Real;
    case Type::Dynamic: break;
    default: return std::nullopt;
  }
  for (const Type type : others) {
    if (type == Type::DateTime) return type;
  }
  const bool times = std::find(others.begin(), others.end(), Type::TimeSpan) != others.end();
  return times ? Type::DateTime : Type::Real;
}

Value zero_of(Type type) {
  switch (type) {
    case Type::DateTime: return Value::datetime(0);
    case Type::TimeSpan: return Value::timespan(0);
    case Type::Real: return Value::real(0);
    default: return Value::int64(0);
  }
}

bool is_positive(const Value& step) {
  if (step.is_null()) return false;
  return step.type() == Type::Real ? step.as_real() > 0 : step.as_int() > 0;
}

/// Whether kind=nonempty is given, the only kind that there is.
Result<bool> is_nonempty(const syntax::MakeSeriesOp& op) {
  const syntax::Property* property = syntax::find_property(op.parameters, "kind");
  if (!property) return false;
  if (property->text() == "nonempty") return true;
  return Error(ErrorCode::Semantic,
               "'make-series' operator: the kind is nonempty, not '" + property->text() + "'",
               property->span);
}

}  // namespace

/// Claims the names that the query gives, so that automatic ones give way to them.
Status Binder::claim_series_names(const syntax::MakeSeriesOp& op, NameAllocator& names) {
  std::vector<const syntax::NamedExpr*> outputs;
  for (const syntax::NamedExpr& key : op.by) outputs.push_back(&key);
  for (const syntax::SeriesAggregation& aggregation : op.aggregations) outputs.push_back(&aggregation.expr);
  outputs.push_back(&op.on);
  for (const syntax::NamedExpr* output : outputs) {
    for (const syntax::Name& name : output->names) {
      if (names.claim(name.text)) continue;
      return semantic("'make-series' operator: a column named '" + name.text + "' is there already",
                      name.span);
    }
  }
  return Status();
}

Result<ExprPtr> Binder::bind_series_bound(const syntax::ExprPtr& expression,
                                          const EnvironmentPtr& environment) {
  if (!expression) return ExprPtr();
  ScalarScope scope(environment);
  scope.where = kWhere;
  SPILLWAY_ASSIGN(ExprPtr bound, bind_scalar(*expression, scope));
  if (!is_constant(*bound)) {
    return semantic("'make-series' operator: start, end and step must be constants", expression->span);
  }
  return bound;
}

Result<ExprPtr> Binder::to_axis_type(ExprPtr value, Type type, std::string_view what) {
  if (!value || value->type == type) return value;
  const bool converts = value->type == Type::Dynamic || (is_numeric(value->type) && is_numeric(type));
  if (!converts) {
    return semantic("'make-series' operator: the " + std::string(what) + " must be of type " +
                        kql_name(type) + ", not " + kql_name(value->type),
                    value->span);
  }
  return convert(std::move(value), type);
}

Result<Binder::SeriesAxis> Binder::bind_series_axis(const syntax::MakeSeriesOp& op, Tabular& input,
                                                    const EnvironmentPtr& environment) {
  ScalarScope scope(environment);
  scope.input = &input;
  scope.where = kWhere;
  SeriesAxis axis;
  SPILLWAY_ASSIGN(axis.value, bind_output(op.on, scope));
  SPILLWAY_ASSIGN(axis.from, bind_series_bound(op.from, environment));
  SPILLWAY_ASSIGN(axis.to, bind_series_bound(op.to, environment));
  SPILLWAY_ASSIGN(axis.step, bind_series_bound(op.step, environment));
  std::vector<Type> types = {axis.step->type};
  if (axis.from) types.push_back(axis.from->type);
  if (axis.to) types.push_back(axis.to->type);
  const std::optional<Type> type = axis_type(axis.value->type, types);
  if (!type) {
    return semantic(std::string("'make-series' operator: a column of type ") + kql_name(axis.value->type) +
                        " can't be the axis; it is a datetime, a timespan or a number",
                    op.on.span);
  }
  SPILLWAY_ASSIGN(axis.value, to_axis_type(std::move(axis.value), *type, "axis"));
  SPILLWAY_ASSIGN(axis.from, to_axis_type(std::move(axis.from), *type, "start"));
  SPILLWAY_ASSIGN(axis.to, to_axis_type(std::move(axis.to), *type, "end"));
  const Type distance = *type == Type::DateTime ? Type::TimeSpan : *type;
  SPILLWAY_ASSIGN(axis.step, to_axis_type(std::move(axis.step), distance, "step"));
  if (axis.step->kind == Expr::Kind::Literal && !is_positive(axis.step->literal)) {
    return semantic("'make-series' operator: the step must be positive", op.step->span);
  }
  // `in range(…)` counts its steps from 0 as bin() does, and so does a series that begins with its first
  // record.
  const bool from_zero = op.in_range || !axis.from;
  axis.origin = from_zero ? literal(zero_of(*type), op.on.span) : axis.from;
  SPILLWAY_ASSIGN(axis.position, call("series position", {axis.value, axis.origin, axis.step}, op.on.span));
  return axis;
}

/// The records within the bounds; those without a value on the axis belong to no series.
Result<Tabular> Binder::filter_series(const syntax::MakeSeriesOp& op, Tabular input, const SeriesAxis& axis) {
  SPILLWAY_ASSIGN(ExprPtr predicate, call("isnotnull", {axis.position}, op.span));
  const auto require = [&](std::string_view comparison, ExprPtr left, ExprPtr right) -> Status {
    SPILLWAY_ASSIGN(ExprPtr condition, call(comparison, {std::move(left), std::move(right)}, op.span));
    SPILLWAY_ASSIGN(predicate, call("and", {std::move(condition), std::move(predicate)}, op.span));
    return Status();
  };
  if (op.in_range) {
    SPILLWAY_ASSIGN(ExprPtr first, call("series position", {axis.from, axis.origin, axis.step}, op.span));
    SPILLWAY_ASSIGN(ExprPtr last, call("series position", {axis.to, axis.origin, axis.step}, op.span));
    SPILLWAY_TRY(require(">=", axis.position, std::move(first)));
    SPILLWAY_TRY(require("<=", axis.position, std::move(last)));
  } else {
    if (axis.from) SPILLWAY_TRY(require(">=", axis.value, axis.from));
    if (axis.to) SPILLWAY_TRY(require("<", axis.value, axis.to));
  }
  auto node = std::make_shared<Filter>();
  node->predicate = std::move(predicate);
  return add_node(std::move(input), std::move(node), op.span);
}

/// One record for each series and position: keys, position, aggregates. Their names are those of the result.
Result<Tabular> Binder::summarize_series(const syntax::MakeSeriesOp& op, Tabular input,
                                         const SeriesAxis& axis, const EnvironmentPtr& environment,
                                         NameAllocator& names, std::vector<size_t>& outputs_of) {
  ScalarScope scope(environment);
  scope.input = &input;
  scope.where = kWhere;
  auto node = std::make_shared<Aggregate>();
  std::vector<PlanColumn> keys;
  for (const syntax::NamedExpr& key : op.by) {
    SPILLWAY_ASSIGN(ExprPtr value, bind_output(key, scope));
    keys.push_back(new_column(name_output(key, names), value->type));
    node->keys.emplace_back(keys.back(), std::move(value));
  }
  node->keys.emplace_back(new_column("$position", Type::Long), axis.position);
  AggregateScope aggregates;
  aggregates.keys = &keys;
  scope.aggregates = &aggregates;
  std::vector<NamedOutput> outputs;
  for (const syntax::SeriesAggregation& aggregation : op.aggregations) {
    SPILLWAY_ASSIGN(std::vector<NamedOutput> bound, bind_aggregation(aggregation.expr, scope, names));
    outputs_of.push_back(bound.size());
    std::move(bound.begin(), bound.end(), std::back_inserter(outputs));
  }
  return finish_summarize(std::move(input), std::move(node), std::move(aggregates.calls), std::move(outputs),
                          op.span);
}

/// What stands where a series has no record: the default that is given, else 0, of the aggregate's type.
Result<ExprPtr> Binder::series_default(const syntax::SeriesAggregation& aggregation, Type type,
                                       const EnvironmentPtr& environment) {
  ExprPtr value;
  if (aggregation.default_value) {
    ScalarScope scope(environment);
    scope.where = kWhere;
    SPILLWAY_ASSIGN(value, bind_scalar(*aggregation.default_value, scope));
    if (!is_constant(*value)) {
      return semantic("'make-series' operator: a default must be a constant",
                      aggregation.default_value->span);
    }
  } else {
    value = literal(is_numeric(type) ? Value::int64(0) : Value::null(Type::Dynamic), aggregation.span);
  }
  // A fraction is kept as it is, whatever the aggregate's type.
  const bool widens = is_numeric(type) && is_numeric(value->type) &&
                      !(value->type == Type::Real && (type == Type::Long || type == Type::Int));
  if (widens) {
    SPILLWAY_ASSIGN(value, convert(std::move(value), type));
  }
  return convert(std::move(value), Type::Dynamic);
}

/// First position and number of positions of each series, where the bounds give them; from the records' least
/// and greatest positions, where not.
Result<std::pair<ExprPtr, ExprPtr>> Binder::series_extent(const syntax::MakeSeriesOp& op,
                                                          const SeriesAxis& axis, const ExprPtr& least,
                                                          const ExprPtr& greatest) {
  const auto plus = [&](std::string_view sign, ExprPtr left, ExprPtr right) {
    return call(sign, {std::move(left), std::move(right)}, op.span);
  };
  const ExprPtr one = literal(Value::int64(1), op.span);
  ExprPtr first = least, end;
  if (op.in_range) {
    SPILLWAY_ASSIGN(first, call("series position", {axis.from, axis.origin, axis.step}, op.span));
    SPILLWAY_ASSIGN(end, call("series position", {axis.to, axis.origin, axis.step}, op.span));
    SPILLWAY_ASSIGN(end, plus("+", std::move(end), one));
  } else {
    if (axis.from) first = literal(Value::int64(0), op.span);
    if (axis.to) {
      SPILLWAY_ASSIGN(end, call("series positions before", {axis.to, axis.origin, axis.step}, op.span));
    } else {
      SPILLWAY_ASSIGN(end, plus("+", greatest, one));
    }
  }
  SPILLWAY_ASSIGN(ExprPtr count, plus("-", std::move(end), first));
  return std::pair<ExprPtr, ExprPtr>(std::move(first), std::move(count));
}

/// One record for each series, with all that its arrays are made of. Behind the keys: how many positions it
/// has, the least and the greatest of them, and the gathered values of each aggregate.
Result<Tabular> Binder::gather_series(const syntax::MakeSeriesOp& op, Tabular points) {
  auto node = std::make_shared<Aggregate>();
  AggregateScope aggregates;
  std::vector<NamedOutput> outputs;
  for (size_t i = 0; i < op.by.size(); ++i) {
    const PlanColumn& key = points.columns[i];
    node->keys.emplace_back(new_column(key.name, key.type), column_reference(key, op.span));
  }
  const ExprPtr position = column_reference(points.columns[op.by.size()], op.span);
  const auto add = [&](std::string_view aggregate, std::vector<ExprPtr> arguments) -> Status {
    SPILLWAY_ASSIGN(ExprPtr value,
                    add_aggregate(aggregates, aggregate, std::move(arguments), nullptr, op.span));
    outputs.push_back({"$" + std::to_string(outputs.size()), std::move(value)});
    return Status();
  };
  SPILLWAY_TRY(add("count", {}));
  SPILLWAY_TRY(add("min", {position}));
  SPILLWAY_TRY(add("max", {position}));
  for (size_t i = op.by.size() + 1; i < points.columns.size(); ++i) {
    SPILLWAY_TRY(add("gather series", {position, column_reference(points.columns[i], op.span)}));
  }
  return finish_summarize(std::move(points), std::move(node), std::move(aggregates.calls), std::move(outputs),
                          op.span);
}

Result<Tabular> Binder::bind_make_series(const syntax::MakeSeriesOp& op, Tabular input,
                                         const EnvironmentPtr& environment) {
  SPILLWAY_ASSIGN(const bool nonempty, is_nonempty(op));
  NameAllocator names;
  SPILLWAY_TRY(claim_series_names(op, names));
  SPILLWAY_ASSIGN(const SeriesAxis axis, bind_series_axis(op, input, environment));
  SPILLWAY_ASSIGN(Tabular records, filter_series(op, std::move(input), axis));
  std::vector<size_t> outputs_of;
  SPILLWAY_ASSIGN(Tabular points,
                  summarize_series(op, std::move(records), axis, environment, names, outputs_of));
  const std::vector<PlanColumn> columns = points.columns;
  SPILLWAY_ASSIGN(Tabular gathered, gather_series(op, std::move(points)));
  const size_t keys = op.by.size();
  const auto at = [&](size_t i) { return column_reference(gathered.columns[i], op.span); };
  SPILLWAY_ASSIGN(const auto extent, series_extent(op, axis, at(keys + 1), at(keys + 2)));
  std::vector<std::pair<PlanColumn, ExprPtr>> outputs;
  for (size_t i = 0; i < keys; ++i) {
    outputs.emplace_back(new_column(gathered.columns[i].name, gathered.columns[i].type), at(i));
  }
  size_t output = 0;
  for (size_t i = 0; i < op.aggregations.size(); ++i) {
    for (size_t each = 0; each < outputs_of[i]; ++each, ++output) {
      const PlanColumn& value = columns[keys + 1 + output];
      SPILLWAY_ASSIGN(ExprPtr fallback, series_default(op.aggregations[i], value.type, environment));
      SPILLWAY_ASSIGN(
          ExprPtr laid_out,
          call("series values", {at(keys + 3 + output), extent.first, extent.second, fallback}, op.span));
      outputs.emplace_back(new_column(value.name, Type::Dynamic), std::move(laid_out));
    }
  }
  SPILLWAY_ASSIGN(ExprPtr laid_axis,
                  call("series axis", {axis.origin, extent.first, extent.second, axis.step}, op.span));
  outputs.emplace_back(new_column(name_output(op.on, names), Type::Dynamic), std::move(laid_axis));
  if (keys == 0 && !nonempty) {
    // Without keys there is one record always, also of no records at all.
    auto filter = std::make_shared<Filter>();
    SPILLWAY_ASSIGN(filter->predicate, call(">", {at(0), literal(Value::int64(0), op.span)}, op.span));
    gathered = add_node(std::move(gathered), std::move(filter), op.span);
  }
  return add_project(std::move(gathered), std::move(outputs), op.span);
}

}  // namespace spillway::kql
