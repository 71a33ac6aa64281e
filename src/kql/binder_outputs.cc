// The outputs of print, extend and project: their names, and the functions that give several columns.
#include <algorithm>

#include "kql/binder_internal.h"

namespace spillway::kql {

namespace {

std::string joined_name(const std::string& base, const std::string& name) {
  return base.empty() ? "" : base + "_" + name;
}

/// Calls whose column takes the name of their first argument.
constexpr std::string_view kNamedByArgument =
    " abs acos asin atan atan2 bin bin_at bin_auto binary_and binary_not binary_or "
    "binary_shift_left binary_shift_right binary_xor bitset_count_ones ceiling cos erf erfc exp "
    "exp10 exp2 floor format_bytes format_datetime format_timespan gamma log log10 log2 loggamma "
    "parse_csv parse_json parse_xml parsejson pow rand round series_fill_backward series_fill_const "
    "series_fill_forward series_fill_linear series_fir series_iir series_outliers sin split sqrt "
    "startofday tan tobool toboolean todatetime todecimal todouble todynamic toguid tohex toint "
    "tolong toobject toreal tostring totime totimespan ";

/// How the column of a call is named, where it isn't "Column1".
struct CallName {
  std::string_view prefix;
  bool with_argument = true;  // and the name of the first argument
};

std::optional<CallName> call_name(const syntax::CallExpr& call) {
  static const std::map<std::string_view, CallName> kOthers = {
      {"strlen", {"strlen_"}},
      {"string_size", {"string_size_"}},
      {"repeat", {"repeat_"}},
      {"gettype", {"type_"}},
      {"treepath", {"tree_"}},
      {"dcount_hll", {"dcount_hll_"}},
      {"percentile_tdigest", {"percentile_tdigest_"}},
      {"percentiles_array_tdigest", {"percentile_tdigest_"}},
      {"hll_merge", {"hll_merged_result", false}},
      {"merge_tdigest", {"tdigests_merge_result", false}},
      {"tdigest_merge", {"tdigests_merge_result", false}},
      {"ingestion_time", {"$IngestionTime", false}},
      {"node_degree_in", {"node_degree_in", false}},
      {"node_degree_out", {"node_degree_out", false}},
  };
  const std::string& name = call.name.text;
  if (kNamedByArgument.find(" " + name + " ") != std::string_view::npos) return CallName();
  const bool single = name == "make_datetime" || name == "make_timespan";
  if (single && call.arguments.size() == 1) return CallName();
  const auto found = kOthers.find(name);
  return found == kOthers.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace

std::string Binder::automatic_name(const syntax::Expr& expression, bool aggregates) {
  switch (expression.kind) {
    case syntax::ExprKind::Name: return expression.as<syntax::NameExpr>().name.text;
    case syntax::ExprKind::Path: {
      const auto& path = expression.as<syntax::PathExpr>();
      return joined_name(automatic_name(*path.base), path.name.text);
    }
    case syntax::ExprKind::Index: {
      const auto& index = expression.as<syntax::IndexExpr>();
      const auto* literal = index.index->try_as<syntax::LiteralExpr>();
      return literal ? joined_name(automatic_name(*index.base), literal->value.str()) : "";
    }
    case syntax::ExprKind::Call: {
      const auto& call = expression.as<syntax::CallExpr>();
      if (aggregates) {
        const AggregateFunction* function = FunctionTable::instance().aggregate(call.name.text);
        if (function) return aggregate_name(*function, call);
      }
      const std::optional<CallName> name = call_name(call);
      if (!name) return "";
      std::string text(name->prefix);
      if (name->with_argument && !call.arguments.empty())
        text += automatic_name(*call.arguments[0].value, aggregates);
      return text;
    }
    default: return "";
  }
}

Status Binder::claim_names(const std::vector<syntax::NamedExpr>& outputs, std::string_view where,
                           NameAllocator& names) {
  for (const syntax::NamedExpr& output : outputs) {
    for (const syntax::Name& name : output.names) {
      if (!names.claim(name.text)) {
        return semantic(
            "'" + std::string(where) + "' operator: a column named '" + name.text + "' is there already",
            name.span);
      }
    }
  }
  return Status();
}

std::string Binder::name_output(const syntax::NamedExpr& output, NameAllocator& names) {
  if (!output.names.empty()) return output.names[0].text;
  const std::string name = automatic_name(*output.value);
  return name.empty() ? names.next_unnamed("Column", 1) : names.unique(name);
}

Result<ExprPtr> Binder::bind_output(const syntax::NamedExpr& output, ScalarScope& scope) {
  if (output.names.size() > 1) {
    return semantic("'" + std::string(scope.where) +
                        "' operator: an expression with several names must give several columns",
                    output.span);
  }
  return bind_scalar(*output.value, scope);
}

Result<const ScalarFunction*> Binder::wide_function(const syntax::Expr& expression,
                                                    const ScalarScope& scope) {
  const auto* call = expression.try_as<syntax::CallExpr>();
  if (!call || call->scope) return nullptr;
  const ScalarFunction* function = FunctionTable::instance().scalar(call->name.text);
  if (!function || !function->gives_columns()) return nullptr;
  SPILLWAY_ASSIGN(const std::optional<FoundFunction> user,
                  find_function(call->name.text, scope.environment, call->name.span));
  return user ? nullptr : function;
}

Result<Binder::WideCall> Binder::bind_wide_call(const ScalarFunction& function,
                                                const syntax::CallExpr& expression, ScalarScope& scope) {
  WideCall wide;
  std::vector<ExprPtr> arguments;
  const size_t count = expression.arguments.size();
  for (size_t i = 0; i < count; ++i) {
    const syntax::Argument& argument = expression.arguments[i];
    SPILLWAY_ASSIGN(ExprPtr bound, bind_scalar(*argument.value, scope));
    arguments.push_back(std::move(bound));
    if (function.column_suffix.empty()) continue;
    const Type type = arguments.back()->type;
    if (type == Type::Bool && i > 0 && i + 1 == count) continue;
    if (type != Type::Dynamic) {
      return semantic(function.name + "(): takes arrays, not " + kql_name(type), argument.span);
    }
    const std::string name = automatic_name(*argument.value);
    wide.columns.push_back(
        {(name.empty() ? "array" + std::to_string(i) : name) + function.column_suffix, Type::Dynamic});
  }
  const std::string of = count == 0 ? "" : automatic_name(*expression.arguments[0].value);
  for (const ResultColumn& column : function.columns) {
    wide.columns.push_back({function.name + "_" + of + "_" + column.name, column.type});
  }
  SPILLWAY_ASSIGN(wide.packed, call(function.name, std::move(arguments), expression.span));
  return wide;
}

Result<ExprPtr> Binder::column_of(const WideCall& wide, size_t index, TextSpan span) {
  ExprPtr position = literal(Value::int64(static_cast<int64_t>(index)), span);
  SPILLWAY_ASSIGN(ExprPtr value, call("element", {wide.packed, std::move(position)}, span));
  return convert(std::move(value), wide.columns[index].type);
}

Result<std::optional<std::vector<Binder::NamedOutput>>> Binder::bind_wide_output(
    const syntax::Expr& expression, ScalarScope& scope) {
  using Columns = std::optional<std::vector<NamedOutput>>;
  SPILLWAY_ASSIGN(const ScalarFunction* function, wide_function(expression, scope));
  if (!function) return Columns();
  SPILLWAY_ASSIGN(const WideCall wide, bind_wide_call(*function, expression.as<syntax::CallExpr>(), scope));
  std::vector<NamedOutput> outputs;
  for (size_t i = 0; i < wide.columns.size(); ++i) {
    SPILLWAY_ASSIGN(ExprPtr value, column_of(wide, i, expression.span));
    outputs.push_back({wide.columns[i].name, std::move(value)});
  }
  return Columns(std::move(outputs));
}

Result<std::map<size_t, Binder::WideCall>> Binder::bind_wide_calls(
    const std::vector<syntax::NamedExpr>& outputs, ScalarScope& scope, Tabular& input) {
  std::map<size_t, WideCall> calls;
  Outputs below;
  for (size_t i = 0; i < outputs.size(); ++i) {
    const syntax::Expr& expression = *outputs[i].value;
    SPILLWAY_ASSIGN(const ScalarFunction* function, wide_function(expression, scope));
    if (!function) continue;
    SPILLWAY_ASSIGN(WideCall wide, bind_wide_call(*function, expression.as<syntax::CallExpr>(), scope));
    if (wide.packed->kind == Expr::Kind::Call) {
      const PlanColumn packed = new_column("$packed", Type::Dynamic);
      below.emplace_back(packed, std::move(wide.packed));
      wide.packed = column_reference(packed, expression.span);
    }
    calls.emplace(i, std::move(wide));
  }
  if (below.empty()) return calls;
  std::vector<PlanColumn> visible = input.columns;
  const TextSpan span = outputs.front().span;
  for (const PlanColumn& column : visible) below.emplace_back(column, column_reference(column, span));
  input = add_project(std::move(input), std::move(below), span);
  input.columns = std::move(visible);
  return calls;
}

Status Binder::add_wide_output(const syntax::NamedExpr& output, const WideCall& call, NameAllocator& names,
                               OutputStyle style, Outputs& out) {
  if (output.names.size() > call.columns.size()) {
    return semantic("The expression gives " + std::to_string(call.columns.size()) +
                        " columns, fewer than its " + std::to_string(output.names.size()) + " names",
                    output.span);
  }
  const bool all = output.names.empty() || style == OutputStyle::Project;
  const size_t shown = all ? call.columns.size() : output.names.size();
  for (size_t i = 0; i < shown; ++i) {
    SPILLWAY_ASSIGN(ExprPtr value, column_of(call, i, output.span));
    const std::string name =
        i < output.names.size() ? output.names[i].text : names.unique(call.columns[i].name);
    out.emplace_back(new_column(name, call.columns[i].type), std::move(value));
  }
  return Status();
}

Result<Binder::Outputs> Binder::bind_outputs(const std::vector<syntax::NamedExpr>& columns,
                                             ScalarScope& scope, Tabular& input, NameAllocator& names,
                                             OutputStyle style) {
  SPILLWAY_ASSIGN(const auto wide, bind_wide_calls(columns, scope, input));
  Outputs outputs;
  for (size_t i = 0; i < columns.size(); ++i) {
    const syntax::NamedExpr& column = columns[i];
    if (const auto call = wide.find(i); call != wide.end()) {
      SPILLWAY_TRY(add_wide_output(column, call->second, names, style, outputs));
      continue;
    }
    SPILLWAY_ASSIGN(ExprPtr value, bind_output(column, scope));
    const Type type = value->type;
    const bool numbered = style == OutputStyle::Print && column.names.empty();
    const std::string name =
        numbered ? names.unique("print_" + std::to_string(i)) : name_output(column, names);
    outputs.emplace_back(new_column(name, type), std::move(value));
  }
  return outputs;
}

}  // namespace spillway::kql
