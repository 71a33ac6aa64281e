// How functions/*.cc declare functions: each file has one declare_…(FunctionTableBuilder&), called by
// function_table.cc. See kql/functions.h for an example.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kql/functions.h"
#include "kql/functions/native.h"

namespace spillway::kql {

/// A parameter in a declaration: a Type, or one of the makers below.
struct P : Parameter {
  P(Type exact) : Parameter{Kind::Exact, exact} {}
  P(Kind k, Type t = Type::Dynamic) : Parameter{k, t} {}
};
inline P any() {
  return P(Parameter::Kind::Any);
}
inline P numeric() {
  return P(Parameter::Kind::Numeric);
}
inline P same() {
  return P(Parameter::Kind::Same);
}
inline P as_string() {
  return P(Parameter::Kind::AsString, Type::String);
}
inline P as_dynamic() {
  return P(Parameter::Kind::AsDynamic, Type::Dynamic);
}
inline P constant(Type type) {
  return P(Parameter::Kind::Constant, type);
}

/// The result type in a declaration: a Type, or one of the makers below.
struct R : ResultType {
  R(Type fixed) : ResultType{Kind::Fixed, fixed, 0} {}
  R(Kind k, int of) : ResultType{k, Type::Dynamic, of} {}
};
inline R type_of(int argument) {
  return R(ResultType::Kind::SameAsArgument, argument);
}
inline R common_type() {
  return R(ResultType::Kind::CommonOfArguments, 0);
}

/// A lowering in a declaration.
struct L : Lowering {
  /// The native function to take where the result type is string, whose nulls are empty.
  NativeFunction native_for_string = nullptr;
};
inline L sql(std::string text) {
  L lowering;
  lowering.sql = std::move(text);
  return lowering;
}
/// `F`: a function, or a lambda without captures; see native.h for its parameters and result.
template <auto F>
L native() {
  L lowering;
  lowering.native = &native_adaptor<F, false>;
  if constexpr (native_detail::Adaptor<F, false, decltype(+F)>::kText) {
    lowering.native_for_string = &native_adaptor<F, true>;
  }
  return lowering;
}

class ScalarBuilder {
 public:
  explicit ScalarBuilder(ScalarFunction& function) : function_(function) {}
  ScalarBuilder& doc(std::string text);
  /// Null if any argument is null.
  ScalarBuilder& takes(std::initializer_list<P> parameters, R result, L lowering);
  /// The lowering says what null gives.
  ScalarBuilder& takes_nulls(std::initializer_list<P> parameters, R result, L lowering);
  /// The last overload takes its last parameter any number of times more.
  ScalarBuilder& repeating(int required);
  /// A constant argument at `index` must pass a check, in every overload.
  ScalarBuilder& checks(size_t index, ArgumentCheck check);
  /// The function gives these columns: all overloads give an array of their values.
  ScalarBuilder& gives(std::initializer_list<ResultColumn> columns);
  /// The function gives a column for each of its arguments.
  ScalarBuilder& gives_column_per_argument(std::string suffix);
  /// The last overload is evaluated for each row.
  ScalarBuilder& evaluated_per_row();

 private:
  ScalarBuilder& add(std::initializer_list<P> parameters, R result, L lowering, NullRule nulls);
  ScalarFunction& function_;
};

/// An aggregate's lowering in a declaration: a SQL template, or states() of a class in C++.
struct A {
  A(std::string text) : sql(std::move(text)) {}
  A(const char* text) : sql(text) {}
  A(MakeAggregateState make, bool in_order) : native(make), ordered(in_order) {}
  std::string sql;
  MakeAggregateState native = nullptr;
  bool ordered = false;
};
template <typename State>
A states() {
  return A(
      +[]() -> std::unique_ptr<AggregateState> { return std::make_unique<State>(); }, false);
}
/// Of a class that needs its records in their order.
template <typename State>
A ordered_states() {
  A lowering = states<State>();
  lowering.ordered = true;
  return lowering;
}

class AggregateBuilder {
 public:
  explicit AggregateBuilder(AggregateFunction& function) : function_(function) {}
  AggregateBuilder& doc(std::string text);
  AggregateBuilder& takes(std::initializer_list<P> parameters, R result, A lowering);
  AggregateBuilder& repeating(int required);
  /// The last argument of the call is a predicate.
  AggregateBuilder& takes_if(std::initializer_list<P> parameters, R result, A lowering);
  /// A constant argument at `index` must pass a check, in every overload.
  AggregateBuilder& checks(size_t index, ArgumentCheck check);

 private:
  AggregateFunction& function_;
};

class FunctionTableBuilder {
 public:
  explicit FunctionTableBuilder(FunctionTable& table) : table_(table) {}
  void category(std::string name) { category_ = std::move(name); }
  ScalarBuilder scalar(const std::string& name);
  /// Another name of a function that is declared already.
  void alias(const std::string& name, const std::string& of);
  AggregateBuilder aggregate(const std::string& name, const std::string& column_prefix);
  void aggregate_alias(const std::string& name, const std::string& of);

 private:
  FunctionTable& table_;
  std::string category_;
};

void declare_operators(FunctionTableBuilder& table);
void declare_string_operators(FunctionTableBuilder& table);
void declare_conversions(FunctionTableBuilder& table);
void declare_conditionals(FunctionTableBuilder& table);
void declare_strings(FunctionTableBuilder& table);
void declare_regex(FunctionTableBuilder& table);
void declare_datetime(FunctionTableBuilder& table);
void declare_encodings(FunctionTableBuilder& table);
void declare_math(FunctionTableBuilder& table);
void declare_dynamic(FunctionTableBuilder& table);
void declare_arrays(FunctionTableBuilder& table);
void declare_sets(FunctionTableBuilder& table);
void declare_bags(FunctionTableBuilder& table);
void declare_hashes(FunctionTableBuilder& table);
void declare_ip(FunctionTableBuilder& table);
void declare_compression(FunctionTableBuilder& table);
void declare_parsing(FunctionTableBuilder& table);
void declare_punycode(FunctionTableBuilder& table);
void declare_geo_points(FunctionTableBuilder& table);
void declare_geo_measures(FunctionTableBuilder& table);
void declare_geo_overlay(FunctionTableBuilder& table);
void declare_geo_grids(FunctionTableBuilder& table);
void declare_series_arithmetic(FunctionTableBuilder& table);
void declare_series_statistics(FunctionTableBuilder& table);
void declare_series_fill(FunctionTableBuilder& table);
void declare_series_filters(FunctionTableBuilder& table);
void declare_series_fit(FunctionTableBuilder& table);
void declare_series_fft(FunctionTableBuilder& table);
void declare_series_periods(FunctionTableBuilder& table);
void declare_series_outliers(FunctionTableBuilder& table);
void declare_series_decompose(FunctionTableBuilder& table);
void declare_series_make(FunctionTableBuilder& table);
void declare_bound(FunctionTableBuilder& table);
void declare_parse_text(FunctionTableBuilder& table);
void declare_elements(FunctionTableBuilder& table);
void declare_aggregates(FunctionTableBuilder& table);
void declare_percentiles(FunctionTableBuilder& table);
void declare_collections(FunctionTableBuilder& table);
void declare_hll(FunctionTableBuilder& table);
void declare_tdigest(FunctionTableBuilder& table);
void declare_units(FunctionTableBuilder& table);
void declare_statistics(FunctionTableBuilder& table);

}  // namespace spillway::kql
