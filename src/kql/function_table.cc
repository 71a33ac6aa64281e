#include <cassert>
#include <cctype>

#include "kql/functions.h"
#include "kql/functions/builder.h"
#include "kql/functions/parse_text.h"
#include "kql/nearest.h"

namespace spillway::kql {
namespace {

/// "kql_has_any_2": names that SQL takes without quotes.
std::string native_name(std::string_view function, size_t overload) {
  std::string name = "kql_";
  for (const char c : function) {
    if (std::isalnum(static_cast<unsigned char>(c)) || c == '_') {
      name += c;
    } else {
      name += "x" + std::to_string(static_cast<int>(static_cast<unsigned char>(c)));
    }
  }
  return name + "_" + std::to_string(overload);
}

/// One hole of a template: an argument, or a list of them with what separates them.
struct Hole {
  size_t first = 0;
  bool list = false;
  std::string_view separator = ", ";
};

/// Of the text between braces: "0", "1*", "* OR ".
Hole parse_hole(std::string_view text) {
  Hole hole;
  size_t at = 0;
  while (at < text.size() && text[at] >= '0' && text[at] <= '9') {
    hole.first = hole.first * 10 + static_cast<size_t>(text[at++] - '0');
  }
  if (at < text.size() && text[at] == '*') {
    hole.list = true;
    if (at + 1 < text.size()) hole.separator = text.substr(at + 1);
  }
  return hole;
}

void append_hole(std::string& out, const Hole& hole, const std::vector<std::string>& arguments) {
  if (!hole.list) {
    assert(hole.first < arguments.size());
    out += arguments[hole.first];
    return;
  }
  for (size_t i = hole.first; i < arguments.size(); ++i) {
    if (i > hole.first) out += hole.separator;
    out += arguments[i];
  }
}

/// Conditions and values in turn, and a last value: "WHEN a THEN b WHEN c THEN d ELSE e".
void append_cases(std::string& out, const std::vector<std::string>& arguments) {
  for (size_t i = 0; i + 1 < arguments.size(); i += 2) {
    out += "WHEN " + arguments[i] + " THEN " + arguments[i + 1] + " ";
  }
  out += "ELSE " + arguments.back();
}

std::string fill(std::string_view sql_template, const std::vector<std::string>& arguments,
                 std::string_view filter, std::string_view order) {
  std::string out;
  size_t at = 0;
  while (true) {
    const size_t open = sql_template.find('{', at);
    if (open == std::string_view::npos) break;
    const size_t close = sql_template.find('}', open);
    assert(close != std::string_view::npos);
    out += sql_template.substr(at, open - at);
    const std::string_view inside = sql_template.substr(open + 1, close - open - 1);
    if (inside == "filter") {
      out += filter;
    } else if (inside == "order") {
      out += order;
    } else if (inside == "cases") {
      append_cases(out, arguments);
    } else {
      append_hole(out, parse_hole(inside), arguments);
    }
    at = close + 1;
  }
  out += sql_template.substr(at);
  return out;
}

}  // namespace

std::string expand(std::string_view sql_template, const std::vector<std::string>& arguments) {
  return fill(sql_template, arguments, "", "");
}

std::string expand_aggregate(std::string_view sql_template, const std::vector<std::string>& arguments,
                             std::string_view filter, std::string_view order) {
  const std::string clause = filter.empty() ? "" : " FILTER (WHERE " + std::string(filter) + ")";
  std::string out = fill(sql_template, arguments, clause, order);
  if (sql_template.find("{filter}") == std::string_view::npos) out += clause;
  return out;
}

ScalarBuilder& ScalarBuilder::doc(std::string text) {
  function_.doc = std::move(text);
  return *this;
}

ScalarBuilder& ScalarBuilder::add(std::initializer_list<P> parameters, R result, L lowering, NullRule nulls) {
  auto overload = std::make_unique<ScalarOverload>();
  overload->function = &function_;
  bool all_strings = true;
  for (const P& parameter : parameters) {
    overload->parameters.push_back(parameter);
    all_strings = all_strings && parameter.kind == Parameter::Kind::Exact && parameter.type == Type::String;
  }
  overload->required = static_cast<int>(parameters.size());
  overload->result = result;
  overload->nulls = nulls;
  overload->lowering = lowering;
  const bool gives_string = result.kind == ResultType::Kind::Fixed && result.type == Type::String;
  if (gives_string) {
    // A string is never null: the lowering itself gives the empty string.
    overload->nulls = NullRule::Handles;
    if (lowering.native) overload->lowering.native = lowering.native_for_string;
    if (!lowering.sql.empty() && !all_strings) overload->lowering.sql = "COALESCE(" + lowering.sql + ", '')";
    assert(overload->lowering.native || !overload->lowering.sql.empty());
  }
  if (lowering.native)
    overload->lowering.native_name = native_name(function_.name, function_.overloads.size());
  function_.overloads.push_back(std::move(overload));
  return *this;
}

ScalarBuilder& ScalarBuilder::takes(std::initializer_list<P> parameters, R result, L lowering) {
  return add(parameters, result, std::move(lowering), NullRule::Propagate);
}

ScalarBuilder& ScalarBuilder::takes_nulls(std::initializer_list<P> parameters, R result, L lowering) {
  return add(parameters, result, std::move(lowering), NullRule::Handles);
}

ScalarBuilder& ScalarBuilder::repeating(int required) {
  function_.overloads.back()->variadic = true;
  function_.overloads.back()->required = required;
  return *this;
}

ScalarBuilder& ScalarBuilder::checks(size_t index, ArgumentCheck check) {
  function_.checks.emplace_back(index, check);
  return *this;
}

ScalarBuilder& ScalarBuilder::gives(std::initializer_list<ResultColumn> columns) {
  function_.columns = columns;
  return *this;
}

ScalarBuilder& ScalarBuilder::gives_column_per_argument(std::string suffix) {
  function_.column_suffix = std::move(suffix);
  return *this;
}

ScalarBuilder& ScalarBuilder::evaluated_per_row() {
  function_.overloads.back()->lowering.is_volatile = true;
  return *this;
}

AggregateBuilder& AggregateBuilder::doc(std::string text) {
  function_.doc = std::move(text);
  return *this;
}

AggregateBuilder& AggregateBuilder::takes(std::initializer_list<P> parameters, R result, A lowering) {
  auto overload = std::make_unique<AggregateOverload>();
  overload->function = &function_;
  for (const P& parameter : parameters) overload->parameters.push_back(parameter);
  overload->required = static_cast<int>(parameters.size());
  overload->result = result;
  overload->sql = std::move(lowering.sql);
  overload->native = lowering.native;
  overload->ordered = lowering.ordered;
  if (lowering.native) {
    overload->native_name = native_name("aggregate_" + function_.name, function_.overloads.size());
  }
  function_.overloads.push_back(std::move(overload));
  return *this;
}

AggregateBuilder& AggregateBuilder::takes_if(std::initializer_list<P> parameters, R result, A lowering) {
  takes(parameters, result, std::move(lowering));
  function_.overloads.back()->takes_predicate = true;
  return *this;
}

AggregateBuilder& AggregateBuilder::checks(size_t index, ArgumentCheck check) {
  function_.checks.emplace_back(index, check);
  return *this;
}

AggregateBuilder& AggregateBuilder::repeating(int required) {
  function_.overloads.back()->variadic = true;
  function_.overloads.back()->required = required;
  return *this;
}

ScalarBuilder FunctionTableBuilder::scalar(const std::string& name) {
  auto& entry = table_.scalars_[name];
  if (!entry) {
    entry = std::make_unique<ScalarFunction>();
    entry->name = name;
    entry->category = category_;
  }
  return ScalarBuilder(*entry);
}

void FunctionTableBuilder::alias(const std::string& name, const std::string& of) {
  const ScalarFunction& original = *table_.scalars_.at(of);
  auto copy = std::make_unique<ScalarFunction>();
  copy->name = name;
  copy->doc = original.doc;
  copy->category = original.category;
  copy->columns = original.columns;
  copy->column_suffix = original.column_suffix;
  copy->checks = original.checks;
  for (const auto& overload : original.overloads) {
    copy->overloads.push_back(std::make_unique<ScalarOverload>(*overload));
    copy->overloads.back()->function = copy.get();
    if (overload->lowering.native) {
      copy->overloads.back()->lowering.native_name = native_name(name, copy->overloads.size() - 1);
    }
  }
  table_.scalars_[name] = std::move(copy);
}

AggregateBuilder FunctionTableBuilder::aggregate(const std::string& name, const std::string& column_prefix) {
  auto& entry = table_.aggregates_[name];
  if (!entry) {
    entry = std::make_unique<AggregateFunction>();
    entry->name = name;
    entry->column_prefix = column_prefix;
  }
  return AggregateBuilder(*entry);
}

void FunctionTableBuilder::aggregate_alias(const std::string& name, const std::string& of) {
  const AggregateFunction& original = *table_.aggregates_.at(of);
  auto copy = std::make_unique<AggregateFunction>();
  copy->name = name;
  copy->doc = original.doc;
  copy->column_prefix = original.column_prefix;
  copy->checks = original.checks;
  for (const auto& overload : original.overloads) {
    copy->overloads.push_back(std::make_unique<AggregateOverload>(*overload));
    copy->overloads.back()->function = copy.get();
    if (overload->native) {
      copy->overloads.back()->native_name = native_name("aggregate_" + name, copy->overloads.size() - 1);
    }
  }
  table_.aggregates_[name] = std::move(copy);
}

FunctionTable::FunctionTable() {
  FunctionTableBuilder builder(*this);
  declare_operators(builder);
  declare_string_operators(builder);
  declare_conversions(builder);
  declare_conditionals(builder);
  declare_strings(builder);
  declare_regex(builder);
  declare_encodings(builder);
  declare_datetime(builder);
  declare_math(builder);
  declare_dynamic(builder);
  declare_arrays(builder);
  declare_sets(builder);
  declare_bags(builder);
  declare_hashes(builder);
  declare_ip(builder);
  declare_compression(builder);
  declare_parsing(builder);
  declare_punycode(builder);
  declare_geo_points(builder);
  declare_geo_measures(builder);
  declare_geo_overlay(builder);
  declare_geo_grids(builder);
  declare_series_arithmetic(builder);
  declare_series_statistics(builder);
  declare_series_fill(builder);
  declare_series_filters(builder);
  declare_series_fit(builder);
  declare_series_fft(builder);
  declare_series_periods(builder);
  declare_series_outliers(builder);
  declare_series_decompose(builder);
  declare_series_make(builder);
  declare_bound(builder);
  declare_parse_text(builder);
  declare_elements(builder);
  declare_aggregates(builder);
  declare_percentiles(builder);
  declare_collections(builder);
  declare_hll(builder);
  declare_tdigest(builder);
  declare_units(builder);
  declare_statistics(builder);
}

const FunctionTable& FunctionTable::instance() {
  static const FunctionTable table;
  return table;
}

const ScalarFunction* FunctionTable::scalar(std::string_view name) const {
  const auto found = scalars_.find(name);
  return found == scalars_.end() ? nullptr : found->second.get();
}

const AggregateFunction* FunctionTable::aggregate(std::string_view name) const {
  const auto found = aggregates_.find(name);
  return found == aggregates_.end() ? nullptr : found->second.get();
}

std::string FunctionTable::nearest(std::string_view name) const {
  std::vector<std::string> names;
  const auto collect = [&](const auto& functions) {
    for (const auto& [known, function] : functions) {
      const bool word = std::isalpha(static_cast<unsigned char>(known[0])) != 0;
      if (word && known.find(' ') == std::string::npos) names.push_back(known);
    }
  };
  collect(scalars_);
  collect(aggregates_);
  return nearest_name(name, names);
}

}  // namespace spillway::kql
