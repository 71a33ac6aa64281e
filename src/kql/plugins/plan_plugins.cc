// Plugins whose columns follow from their input's values: bag_unpack, pivot; and small ones that are plans
// or texts of a line.
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "kql/json.h"
#include "kql/plugins/plugin_call.h"

namespace spillway::kql {
namespace {

using Accepts = PluginParameter::Accepts;
using Outputs = std::vector<std::pair<PlanColumn, ExprPtr>>;

// ---------------------------------------------------------------------------------------------------------
// bag_unpack

enum class Conflict { Fail, ReplaceSource, KeepSource };

/// The values of one slot, over all bags.
struct Slot {
  std::optional<Type> type;  // none as long as all are null
  void add(Type next) {
    if (!type) type = next;
    if (*type != next) type = Type::Dynamic;
  }
};
using Slots = std::map<std::string, Slot, std::less<>>;

/// A dynamic value's moment is a text in ISO 8601's long form.
bool is_moment(std::string_view text) {
  const auto digit = [&](size_t i) { return text[i] >= '0' && text[i] <= '9'; };
  return text.size() >= 16 && digit(0) && text[4] == '-' && text[7] == '-' && text[10] == 'T' &&
         text[13] == ':' && parse_datetime(text).has_value();
}

std::optional<Type> type_of(std::string_view value) {
  switch (json::kind_of(value)) {
    case json::Kind::Bool: return Type::Bool;
    case json::Kind::Integer: return Type::Long;
    case json::Kind::Real: return Type::Real;
    case json::Kind::String:
      return is_moment(value.substr(1, value.size() - 2)) ? Type::DateTime : Type::String;
    case json::Kind::Array:
    case json::Kind::Object: return Type::Dynamic;
    case json::Kind::Null:
    case json::Kind::Invalid: break;
  }
  return std::nullopt;
}

/// Runs the input, and finds the slots of its bags.
Result<Slots> find_slots(const PluginCall& call, const std::set<std::string>& ignored) {
  Slots slots;
  const PlanColumn& bag = call.column("Column");
  const Tabular input =
      call.project(call.input(), {{call.new_column("bag", Type::Dynamic), call.reference(bag)}});
  const Status run = call.run(input, [&](const Batch& batch) -> Status {
    for (size_t row = 0; row < batch.rows; ++row) {
      if (batch.columns[0].is_null(row)) continue;
      json::Cursor members(batch.columns[0].text(row));
      while (members.is_object() && members.next()) {
        const std::string key = members.key();
        if (ignored.count(key) > 0) continue;
        Slot& slot = slots[key];
        if (const std::optional<Type> type = type_of(members.value())) slot.add(*type);
        if (slots.size() > kMaxPluginColumns) {
          return Error(ErrorCode::LimitExceeded,
                       "evaluate bag_unpack(): the bags have more than " + std::to_string(kMaxPluginColumns) +
                           " slots in all",
                       call.span());
        }
      }
    }
    return {};
  });
  SPILLWAY_TRY(run);
  return slots;
}

/// A slot's value, as a type.
Result<ExprPtr> slot_value(const PluginCall& call, const std::string& key, Type type) {
  SPILLWAY_ASSIGN(ExprPtr value, call.call("member", {call.reference(call.column("Column")),
                                                      call.literal(Value::string(key))}));
  if (type == Type::Dynamic) return value;
  return call.convert(std::move(value), type);
}

Result<Conflict> conflict_of(const PluginCall& call) {
  SPILLWAY_ASSIGN(const std::string text, call.text("columnsConflict", "error"));
  if (text == "error") return Conflict::Fail;
  if (text == "replace_source") return Conflict::ReplaceSource;
  if (text == "keep_source") return Conflict::KeepSource;
  return call.fail_argument("columnsConflict", "must be 'error', 'replace_source' or 'keep_source'");
}

/// The declared columns: source columns, where the input has them, else slots.
Result<Tabular> unpack_declared(const PluginCall& call, const std::string& prefix, Conflict conflict) {
  const syntax::RowSchema& schema = *call.schema();
  const std::string& bag = call.column("Column").name;
  std::set<std::string> declared;
  for (const syntax::ColumnDecl& column : schema.columns) {
    if (!declared.insert(column.name.text).second)
      return call.fail_at("column '" + column.name.text + "' is declared twice", column.span);
  }
  Outputs outputs;
  if (schema.open) {
    for (const PlanColumn& column : call.input().columns) {
      if (column.name != bag && declared.count(column.name) == 0)
        outputs.emplace_back(call.new_column(column.name, column.type), call.reference(column));
    }
  }
  for (const syntax::ColumnDecl& column : schema.columns) {
    const std::string& name = column.name.text;
    const PlanColumn* source = name == bag ? nullptr : call.input_column(name);
    const bool has_prefix = name.compare(0, prefix.size(), prefix) == 0;
    ExprPtr value;
    if (source && (conflict != Conflict::ReplaceSource || !has_prefix)) {
      SPILLWAY_ASSIGN(value, call.convert(call.reference(*source), column.type));
    } else {
      SPILLWAY_ASSIGN(value, slot_value(call, has_prefix ? name.substr(prefix.size()) : name, column.type));
    }
    outputs.emplace_back(call.new_column(name, column.type), std::move(value));
  }
  return call.project(call.input(), std::move(outputs));
}

Result<Tabular> bag_unpack(PluginCall& call) {
  SPILLWAY_ASSIGN(const std::string prefix, call.text("OutputColumnPrefix", ""));
  SPILLWAY_ASSIGN(const Conflict conflict, conflict_of(call));
  std::set<std::string> ignored;
  if (call.has("ignoredProperties")) {
    SPILLWAY_ASSIGN(const std::vector<std::string> names, call.texts("ignoredProperties"));
    ignored.insert(names.begin(), names.end());
  }
  if (call.schema()) return unpack_declared(call, prefix, conflict);
  SPILLWAY_ASSIGN(Slots slots, find_slots(call, ignored));
  const std::string& bag = call.column("Column").name;
  Outputs outputs;
  for (const PlanColumn& column : call.input().columns) {
    if (column.name == bag) continue;
    const bool has_prefix = column.name.compare(0, prefix.size(), prefix) == 0;
    const auto slot = has_prefix ? slots.find(column.name.substr(prefix.size())) : slots.end();
    if (slot == slots.end() || conflict == Conflict::KeepSource) {
      outputs.emplace_back(call.new_column(column.name, column.type), call.reference(column));
    } else if (conflict == Conflict::Fail) {
      return call.fail("the slot '" + slot->first + "' gives a column '" + column.name +
                       "', which the input has already: use a prefix, or say columnsConflict");
    } else {
      const Type type = slot->second.type.value_or(Type::Dynamic);
      SPILLWAY_ASSIGN(ExprPtr value, slot_value(call, slot->first, type));
      outputs.emplace_back(call.new_column(column.name, type), std::move(value));
    }
    if (slot != slots.end()) slots.erase(slot);
  }
  for (const auto& [key, slot] : slots) {
    const Type type = slot.type.value_or(Type::Dynamic);
    SPILLWAY_ASSIGN(ExprPtr value, slot_value(call, key, type));
    outputs.emplace_back(call.new_column(prefix + key, type), std::move(value));
  }
  return call.project(call.input(), std::move(outputs));
}

// ---------------------------------------------------------------------------------------------------------
// pivot

/// The values of the pivot column, in order, each once.
Result<std::vector<Value>> find_pivots(const PluginCall& call) {
  SPILLWAY_ASSIGN(Tabular distinct, call.kql("__T | distinct " + call.name("pivotColumn")));
  std::map<std::string, Value> found;
  SPILLWAY_TRY(call.run(distinct, [&](const Batch& batch) -> Status {
    for (size_t row = 0; row < batch.rows; ++row) {
      Value value = batch.columns[0].value(row);
      std::string text = value.str();
      found.emplace(std::move(text), std::move(value));
      if (found.size() > kMaxPluginColumns) {
        return Error(ErrorCode::LimitExceeded,
                     "evaluate pivot(): the pivot column has more than " + std::to_string(kMaxPluginColumns) +
                         " values",
                     call.span());
      }
    }
    return {};
  }));
  std::vector<Value> values;
  for (auto& [text, value] : found) values.push_back(std::move(value));
  return values;
}

bool is_pivot_aggregate(const std::string& name) {
  constexpr std::string_view kNames[] = {"min",      "max",      "take_any", "any",           "sum",
                                         "dcount",   "avg",      "stdev",    "variance",      "make_list",
                                         "make_bag", "make_set", "count",    "count_distinct"};
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

std::vector<PlanColumn> pivot_keys(const PluginCall& call, const syntax::CallExpr* aggregate) {
  std::vector<PlanColumn> keys;
  for (const PluginArgument* column : call.all("column")) keys.push_back(column->column);
  if (!keys.empty()) return keys;
  const std::vector<std::string> used = aggregate ? call.columns_of(*aggregate) : std::vector<std::string>();
  for (const PlanColumn& column : call.input().columns) {
    if (column.name != call.column("pivotColumn").name &&
        std::find(used.begin(), used.end(), column.name) == used.end()) {
      keys.push_back(column);
    }
  }
  return keys;
}

/// Whether the pivot column has a value: as itself, or as the text that a declared column's name is.
Result<ExprPtr> is_pivot(const PluginCall& call, const Value& value) {
  const ExprPtr column = call.reference(call.column("pivotColumn"));
  if (value.is_null()) return call.call("isnull", {column});
  if (value.type() == Type::String && column->type != Type::String) {
    SPILLWAY_ASSIGN(ExprPtr text, call.call("tostring", {column}));
    return call.call("==", {std::move(text), call.literal(value)});
  }
  return call.call("==", {column, call.literal(value)});
}

/// The columns as the query declares them: keys by their names, all others by the pivot column's values.
Result<Tabular> pivot_declared(const PluginCall& call, const syntax::CallExpr* aggregate) {
  const syntax::RowSchema& schema = *call.schema();
  std::vector<PlanColumn> keys = pivot_keys(call, aggregate);
  const auto key_named = [&](const std::string& name) {
    return std::any_of(keys.begin(), keys.end(), [&](const PlanColumn& key) { return key.name == name; });
  };
  std::vector<std::pair<std::string, ExprPtr>> cells;
  for (const syntax::ColumnDecl& column : schema.columns) {
    if (key_named(column.name.text)) continue;
    SPILLWAY_ASSIGN(ExprPtr is, is_pivot(call, Value::string(column.name.text)));
    cells.emplace_back(column.name.text, std::move(is));
  }
  SPILLWAY_ASSIGN(Tabular table, call.aggregate(aggregate, keys, cells));
  Outputs outputs;
  const auto output = [&](const std::string& name, std::optional<Type> type) -> Status {
    const auto found = std::find_if(table.columns.begin(), table.columns.end(),
                                    [&](const PlanColumn& c) { return c.name == name; });
    ExprPtr value = call.reference(*found);
    if (type) {
      SPILLWAY_ASSIGN(value, call.convert(std::move(value), *type));
    }
    outputs.emplace_back(call.new_column(name, type.value_or(found->type)), std::move(value));
    return {};
  };
  if (schema.open) {
    for (const PlanColumn& key : keys) {
      const bool declared = std::any_of(schema.columns.begin(), schema.columns.end(),
                                        [&](const syntax::ColumnDecl& c) { return c.name.text == key.name; });
      if (!declared) SPILLWAY_TRY(output(key.name, std::nullopt));
    }
  }
  for (const syntax::ColumnDecl& column : schema.columns) SPILLWAY_TRY(output(column.name.text, column.type));
  return call.project(std::move(table), std::move(outputs));
}

Result<Tabular> pivot(PluginCall& call) {
  const PluginArgument* argument = call.find("aggregationFunction");
  const syntax::CallExpr* aggregate = argument ? argument->aggregate : nullptr;
  if (aggregate && !is_pivot_aggregate(aggregate->name.text))
    return call.fail_argument("aggregationFunction", "can't be " + aggregate->name.text + "()");
  if (call.schema()) return pivot_declared(call, aggregate);
  SPILLWAY_ASSIGN(const std::vector<Value> values, find_pivots(call));
  const std::vector<PlanColumn> keys = pivot_keys(call, aggregate);
  NameAllocator names;
  for (const PlanColumn& key : keys) names.reserve(key.name);
  std::vector<std::pair<std::string, ExprPtr>> cells;
  for (const Value& value : values) {
    const std::string text = value.str();
    SPILLWAY_ASSIGN(ExprPtr is, is_pivot(call, value));
    cells.emplace_back(text.empty() ? names.next_unnamed("Column", 1) : names.unique(text), std::move(is));
  }
  if (keys.empty() && cells.empty())
    return call.fail("the input is empty, so that there is no column to show");
  return call.aggregate(aggregate, keys, cells);
}

// ---------------------------------------------------------------------------------------------------------
// dcount_intersect

constexpr size_t kMaxSketches = 16;

/// The input's columns, and a count for each sketch: of what it and all before it have in common.
Result<Tabular> dcount_intersect(PluginCall& call) {
  const std::vector<const PluginArgument*> sketches = call.all("hll");
  if (sketches.size() < 2 || sketches.size() > kMaxSketches)
    return call.fail("takes from 2 to " + std::to_string(kMaxSketches) + " sketches");
  std::vector<ExprPtr> arguments;
  for (const PluginArgument* sketch : sketches) arguments.push_back(sketch->value);
  SPILLWAY_ASSIGN(ExprPtr counts, call.call("hll intersections", std::move(arguments)));
  Outputs outputs;
  NameAllocator names;
  for (const PlanColumn& column : call.input().columns) {
    names.reserve(column.name);
    outputs.emplace_back(call.new_column(column.name, column.type), call.reference(column));
  }
  const PlanColumn all = call.new_column("counts", Type::Dynamic);
  outputs.emplace_back(all, std::move(counts));
  Tabular table = call.project(call.input(), std::move(outputs));
  Outputs shown;
  for (const PlanColumn& column : table.columns) {
    if (column.id != all.id)
      shown.emplace_back(call.new_column(column.name, column.type), call.reference(column));
  }
  for (size_t i = 0; i < sketches.size(); ++i) {
    SPILLWAY_ASSIGN(
        ExprPtr count,
        call.call("element", {call.reference(all), call.literal(Value::int64(static_cast<int64_t>(i)))}));
    SPILLWAY_ASSIGN(count, call.convert(std::move(count), Type::Long));
    shown.emplace_back(call.new_column(names.unique("s" + std::to_string(i)), Type::Long), std::move(count));
  }
  return call.project(std::move(table), std::move(shown));
}

// ---------------------------------------------------------------------------------------------------------
// Texts of a line

Result<std::string> preview(const PluginCall& call) {
  if (!call.ends_query())
    return call.fail("gives several results, so it must be the last operator of the query");
  return std::string("__T | take __NumberOfRows;\n__T | count");
}

Result<std::string> identity(const PluginCall&) {
  return std::string("__T");
}

Result<std::string> estimate_rows_count(const PluginCall&) {
  return std::string("__T | count | project EstimatedRowsCount = Count");
}

}  // namespace

void declare_plan_plugins(PluginTable& table) {
  Plugin& unpack = table["bag_unpack"];
  unpack.doc = "Makes a column of each slot of a property bag";
  unpack.signatures = {{column("Column", Accepts::Dynamic),
                        constant_of("OutputColumnPrefix", Accepts::String).optional(),
                        constant_of("columnsConflict", Accepts::String).optional(),
                        constant_of("ignoredProperties", Accepts::Dynamic).optional()}};
  unpack.plan = bag_unpack;
  Plugin& rotate = table["pivot"];
  rotate.doc = "Makes a column of each value of a column, and aggregates the others";
  rotate.signatures = {{column("pivotColumn"),
                        PluginParameter{"aggregationFunction", PluginParameter::Kind::Aggregate, Accepts::Any,
                                        PluginParameter::Count::Optional},
                        column("column").repeated()}};
  rotate.plan = pivot;
  Plugin& common = table["dcount_intersect"];
  common.doc = "How many values sets have in common, from their sketches";
  common.signatures = {{expression("hll", Accepts::Dynamic).repeated(true)}};
  common.plan = dcount_intersect;
  Plugin& first = table["preview"];
  first.doc = "The first records, and how many there are in all, in two results";
  first.signatures = {{constant_of("NumberOfRows", Accepts::Integer)}};
  first.kql = preview;
  Plugin& same = table["identity"];
  same.doc = "Its input";
  same.signatures = {{}};
  same.kql = identity;
  Plugin& estimate = table["estimate_rows_count"];
  estimate.doc = "How many records its input has";
  estimate.signatures = {{}};
  estimate.kql = estimate_rows_count;
}

}  // namespace spillway::kql
