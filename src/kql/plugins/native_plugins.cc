// Plugins that are native operators: operators/plugin_operators.h.
#include <algorithm>
#include <string>
#include <vector>

#include "kql/operators/plugin_operators.h"
#include "kql/plugins/plugin_call.h"

namespace spillway::kql {
namespace {

using Accepts = PluginParameter::Accepts;
using Kind = PatternOptions::Kind;

constexpr size_t kMaxPatternColumns = 500;
constexpr int64_t kMaxNearRows = 1'000'000;
constexpr double kLeastThreshold = 0.015;

// ---------------------------------------------------------------------------------------------------------
// Patterns

/// The columns that are looked at: all but those that say weight and side.
std::vector<PlanColumn> attributes(const PluginCall& call) {
  std::vector<PlanColumn> columns;
  for (const PlanColumn& column : call.input().columns) {
    bool used = false;
    for (const char* parameter : {"WeightColumn", "SplitColumn"})
      used = used || (call.has(parameter) && call.column(parameter).name == column.name);
    if (!used) columns.push_back(column);
  }
  return columns;
}

/// Reads the records with their weight and side through the operator, and names its results.
Result<Tabular> patterns(const PluginCall& call, PatternOptions options, const std::string& side,
                         const std::vector<Field>& leading) {
  const std::vector<PlanColumn> looked_at = attributes(call);
  if (looked_at.size() > kMaxPatternColumns)
    return call.fail("looks at no more than " + std::to_string(kMaxPatternColumns) + " columns");
  std::string names;
  NameAllocator allocator;
  std::vector<PlanColumn> columns;
  for (const Field& field : leading) {
    columns.push_back(call.new_column(field.name, field.type));
    allocator.reserve(field.name);
  }
  for (const PlanColumn& column : looked_at) {
    names += PluginCall::quoted(column.name) + ", ";
    columns.push_back(call.new_column(allocator.unique(column.name), column.type));
    Value wildcard = Value::null(column.type);
    for (const PluginArgument* given : call.all("CustomWildcard")) {
      if (given->value->type == column.type && given->value->kind == Expr::Kind::Literal)
        wildcard = given->value->literal;
    }
    options.wildcards.push_back(std::move(wildcard));
  }
  const std::string weight = call.has("WeightColumn") ? "todouble(" + call.name("WeightColumn") + ")" : "1.0";
  SPILLWAY_ASSIGN(Tabular rows,
                  call.kql("__T | project " + names + "__weight = " + weight + ", __side = " + side));
  return call.native(std::move(rows), {}, make_patterns(std::move(options)), std::move(columns), true);
}

Result<Tabular> autocluster(PluginCall& call) {
  PatternOptions options;
  options.kind = Kind::AutoCluster;
  SPILLWAY_ASSIGN(options.size_weight, call.real("SizeWeight", 0.5, 0, 1));
  SPILLWAY_ASSIGN(const int64_t seeds, call.integer("NumSeeds", 25, 1, 1000));
  options.seeds = static_cast<size_t>(seeds);
  return patterns(call, options, "0",
                  {{"SegmentId", Type::Long}, {"Count", Type::Long}, {"Percent", Type::Real}});
}

Result<Tabular> basket(PluginCall& call) {
  PatternOptions options;
  options.kind = Kind::Basket;
  SPILLWAY_ASSIGN(options.threshold, call.real("Threshold", 0.05, kLeastThreshold, 1));
  SPILLWAY_ASSIGN(const int64_t dimensions, call.integer("MaxDimensions", 5, 1, kMaxPatternColumns));
  options.dimensions = static_cast<int>(dimensions);
  return patterns(call, options, "0",
                  {{"SegmentId", Type::Long}, {"Count", Type::Long}, {"Percent", Type::Real}});
}

Result<Tabular> diffpatterns(PluginCall& call) {
  PatternOptions options;
  options.kind = Kind::Diff;
  SPILLWAY_ASSIGN(options.threshold, call.real("Threshold", 0.05, kLeastThreshold, 1));
  SPILLWAY_ASSIGN(const int64_t dimensions, call.integer("MaxDimensions", options.dimensions, 1, 1 << 20));
  options.dimensions = static_cast<int>(dimensions);
  const std::string split = "tostring(" + call.name("SplitColumn") + ")";
  return patterns(call, options,
                  "iff(" + split + " == tostring(__SplitValueA), 0, iff(" + split +
                      " == tostring(__SplitValueB), 1, -1))",
                  {{"SegmentId", Type::Long},
                   {"CountA", Type::Long},
                   {"CountB", Type::Long},
                   {"PercentA", Type::Real},
                   {"PercentB", Type::Real},
                   {"PercentDiffAB", Type::Real}});
}

Result<Tabular> diffpatterns_text(PluginCall& call) {
  PatternOptions options;
  options.kind = Kind::DiffText;
  SPILLWAY_ASSIGN(const int64_t least, call.integer("MinTokens", 1, 0, 200));
  SPILLWAY_ASSIGN(options.threshold, call.real("Threshold", 0.05, kLeastThreshold, 1));
  SPILLWAY_ASSIGN(const int64_t tokens, call.integer("MaxTokens", 20, 1, 20));
  options.least_tokens = static_cast<int>(std::max<int64_t>(1, least));
  options.tokens = static_cast<size_t>(tokens);
  SPILLWAY_ASSIGN(Tabular rows, call.kql("__T | project " + call.name("TextColumn") +
                                         ", __weight = 1.0, __side = iff(coalesce(__Expr0, false), 0, 1)"));
  return call.native(
      std::move(rows), {}, make_patterns(std::move(options)),
      {call.new_column("Count_of_True", Type::Long), call.new_column("Count_of_False", Type::Long),
       call.new_column("Percent_of_True", Type::Real), call.new_column("Percent_of_False", Type::Real),
       call.new_column("Pattern", Type::String)},
      true);
}

void declare_pattern_plugins(PluginTable& table) {
  const PluginParameter weight = column("WeightColumn", Accepts::Number).optional();
  const PluginParameter dimensions = constant_of("MaxDimensions", Accepts::Integer).optional();
  const PluginParameter threshold = constant_of("Threshold", Accepts::Number).optional();
  const PluginParameter wildcards = constant_of("CustomWildcard", Accepts::Any).repeated();
  Plugin& cluster = table["autocluster"];
  cluster.doc = "A few patterns of values that many records share";
  cluster.signatures = {{constant_of("SizeWeight", Accepts::Number).optional(), weight,
                         constant_of("NumSeeds", Accepts::Integer).optional(), wildcards}};
  cluster.plan = autocluster;
  Plugin& frequent = table["basket"];
  frequent.doc = "All patterns of values that at least a share of the records has";
  frequent.signatures = {{threshold, weight, dimensions, wildcards}};
  frequent.plan = basket;
  Plugin& diff = table["diffpatterns"];
  diff.doc = "Patterns of values that tell two sets of records apart";
  diff.signatures = {{column("SplitColumn", Accepts::Any), constant_of("SplitValueA", Accepts::Any),
                      constant_of("SplitValueB", Accepts::Any), weight, threshold, dimensions, wildcards}};
  diff.plan = diffpatterns;
  Plugin& text = table["diffpatterns_text"];
  text.doc = "Patterns of words that tell two sets of texts apart";
  text.signatures = {{column("TextColumn", Accepts::String), expression("BooleanCondition", Accepts::Bool),
                      constant_of("MinTokens", Accepts::Integer).optional(), threshold,
                      constant_of("MaxTokens", Accepts::Integer).optional()}};
  text.plan = diffpatterns_text;
}

// ---------------------------------------------------------------------------------------------------------
// Others

Result<Tabular> narrow(PluginCall& call) {
  std::string values;
  std::vector<std::string> names;
  for (const PlanColumn& column : call.input().columns) {
    values += (values.empty() ? "" : ", ") + ("__v" + std::to_string(names.size())) + " = tostring(" +
              PluginCall::quoted(column.name) + ")";
    names.push_back(column.name);
  }
  SPILLWAY_ASSIGN(Tabular texts, call.kql("__T | project " + values));
  return call.native(std::move(texts), {}, make_narrow(std::move(names)),
                     {call.new_column("Row", Type::Long), call.new_column("Column", Type::String),
                      call.new_column("Value", Type::String)},
                     true);
}

Result<Tabular> rows_near(PluginCall& call) {
  SPILLWAY_ASSIGN(const int64_t before, call.integer("NumRows", 0, 0, kMaxNearRows));
  SPILLWAY_ASSIGN(const int64_t after, call.integer("RowsAfter", before, 0, kMaxNearRows));
  std::vector<PlanColumn> columns;
  for (const PlanColumn& column : call.input().columns)
    columns.push_back(call.new_column(column.name, column.type));
  return call.native(call.input(), {call.find("Condition")->value}, make_rows_near(before, after),
                     std::move(columns), true);
}

Result<Tabular> schema_merge(PluginCall& call) {
  SPILLWAY_ASSIGN(const bool preserve, call.flag("PreserveOrder", true));
  for (const char* name : {"ColumnName", "ColumnOrdinal", "ColumnType"}) {
    if (!call.input_column(name))
      return call.fail(std::string("its input must be what getschema gives; column '") + name +
                       "' is missing");
  }
  SPILLWAY_ASSIGN(
      Tabular rows,
      call.kql("__T | project tostring(ColumnName), tolong(ColumnOrdinal), tostring(ColumnType)"));
  return call.native(
      std::move(rows), {}, make_schema_merge(preserve),
      {call.new_column("ColumnName", Type::String), call.new_column("ColumnOrdinal", Type::Int),
       call.new_column("DataType", Type::String), call.new_column("ColumnType", Type::String)},
      true);
}

}  // namespace

void declare_native_plugins(PluginTable& table) {
  declare_pattern_plugins(table);
  Plugin& tall = table["narrow"];
  tall.doc = "One record for each value of a wide table: row, column and value";
  tall.signatures = {{}};
  tall.plan = narrow;
  Plugin& near = table["rows_near"];
  near.doc = "Records that stand near one for which a condition is true";
  near.signatures = {{expression("Condition", Accepts::Bool), constant_of("NumRows", Accepts::Integer),
                      constant_of("RowsAfter", Accepts::Integer).optional()}};
  near.plan = rows_near;
  Plugin& merge = table["schema_merge"];
  merge.doc = "One schema out of several, as getschema gives them";
  merge.signatures = {{constant_of("PreserveOrder", Accepts::Bool).optional()}};
  merge.plan = schema_merge;
}

}  // namespace spillway::kql
