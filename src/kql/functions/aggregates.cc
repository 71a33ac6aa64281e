// Aggregates. Each leaves nulls out, but for count(). Values without rows: query/summarize-operator.md.
//
// The binder makes several calls of arg_max(), arg_min() and take_any() over several columns, and of
// percentiles(): see binder_aggregates.cc. Their "… of row" forms take the key, a 1-based position, and the
// columns; as they all hold the same inner aggregate, it is computed once, and all the columns come from the
// same record.
#include "kql/functions/builder.h"

namespace spillway::kql {
namespace {

/// Declares `name` and `name_if`'s spelling with a predicate behind the parameters.
struct Pair {
  AggregateBuilder plain, conditional;
  Pair& doc(const std::string& text) {
    plain.doc(text + ".");
    conditional.doc(text + ", of the rows for which a predicate is true.");
    return *this;
  }
  Pair& takes(std::initializer_list<P> parameters, R result, const std::string& sql_template) {
    plain.takes(parameters, result, sql_template);
    conditional.takes_if(parameters, result, sql_template);
    return *this;
  }
};

Pair pair(FunctionTableBuilder& table, const std::string& name, const std::string& prefix,
          const std::string& conditional) {
  // "sumif" names its column "sumif_x"; "make_list_if" "list_x".
  const std::string conditional_prefix = prefix == name + "_" ? conditional + "_" : prefix;
  return {table.aggregate(name, prefix), table.aggregate(conditional, conditional_prefix)};
}

/// A sum of integers that says null instead of failing where it doesn't fit.
std::string integer_sum() {
  return "TRY_CAST(COALESCE(sum({0}){filter}, 0) AS BIGINT)";
}
std::string integer_average() {
  return "TRY_CAST(sum({0}){filter} // NULLIF(count({0}){filter}, 0) AS BIGINT)";
}

void declare_counts(FunctionTableBuilder& table) {
  using enum Type;
  table.aggregate("count", "count_")
      .doc("How many rows.")
      .takes({}, Long, "count(*)")
      .takes({any()}, Long, "count(*)");
  table.aggregate("countif", "countif_")
      .doc("How many rows make a predicate true.")
      .takes_if({}, Long, "count(*)");
  for (const auto& [name, conditional] :
       {std::pair{"dcount", "dcountif"}, std::pair{"count_distinct", "count_distinctif"}}) {
    Pair counts = pair(table, name, std::string(name) + "_", conditional);
    counts.doc("How many different values (exactly)").takes({any()}, Long, "count(DISTINCT {0})");
    counts.takes({any(), constant(Long)}, Long, "count(DISTINCT {0})");
  }
}

void declare_sums(FunctionTableBuilder& table) {
  using enum Type;
  pair(table, "sum", "sum_", "sumif")
      .doc("The sum")
      .takes({Long}, Long, integer_sum())
      .takes({Real}, Real, "COALESCE(sum({0}){filter}, 0)")
      .takes({Decimal}, Decimal, "COALESCE(sum({0}){filter}, 0)")
      .takes({TimeSpan}, TimeSpan, integer_sum());
  // Sums of decimals are exact, averages are those of reals.
  pair(table, "avg", "avg_", "avgif")
      .doc("The average")
      .takes({Long}, Real, "COALESCE(avg({0}){filter}, CAST('NaN' AS DOUBLE))")
      .takes({Real}, Real, "COALESCE(avg({0}){filter}, CAST('NaN' AS DOUBLE))")
      .takes({Decimal}, Decimal, "CAST(avg({0}){filter} AS DECIMAL(38,18))")
      .takes({TimeSpan}, TimeSpan, integer_average())
      .takes({DateTime}, DateTime, integer_average());
}

void declare_extremes(FunctionTableBuilder& table) {
  using enum Type;
  for (const std::string name : {"min", "max"}) {
    pair(table, name, name + "_", name + "if")
        .doc(name == "min" ? "The least value" : "The greatest value")
        .takes({String}, String, "COALESCE(" + name + "({0}){filter}, '')")
        .takes({any()}, type_of(0), name + "({0}){filter}");
  }
  pair(table, "take_any", "any_", "take_anyif")
      .doc("A value, one that isn't null where there is one")
      .takes({String}, String, "COALESCE(any_value(NULLIF({0}, '')){filter}, '')")
      .takes({any()}, type_of(0), "any_value({0}){filter}");
  table.aggregate_alias("any", "take_any");
  table.aggregate_alias("anyif", "take_anyif");
}

void declare_rows(FunctionTableBuilder& table) {
  using enum Type;
  for (const auto& [name, aggregate] : {std::pair{"arg_max", "arg_max"}, std::pair{"arg_min", "arg_min"}}) {
    // Where every key is null the record is any.
    const std::string inner = std::string("struct_extract(COALESCE(") + aggregate +
                              "(row({2*}), {0}){filter}, first(row({2*})){filter}), {1})";
    table.aggregate(name, std::string(name) + "_")
        .doc(std::string("The record with the ") +
             (aggregate == std::string_view("arg_max") ? "greatest" : "least") + " value.")
        .takes({any(), constant(Long), any()}, type_of(2), inner)
        .repeating(3);
    table.aggregate(std::string(name) + " text", "")
        .doc("A string of the record.")
        .takes({any(), constant(Long), any()}, String, "COALESCE(" + inner + ", '')")
        .repeating(3);
  }
  const std::string inner = "struct_extract(any_value(row({1*})){filter}, {0})";
  table.aggregate("take_any row", "")
      .doc("A value of a record, the same one for all columns.")
      .takes({constant(Long), any()}, type_of(1), inner)
      .repeating(2);
  table.aggregate("take_any row text", "")
      .doc("A string of a record, the same one for all columns.")
      .takes({constant(Long), any()}, String, "COALESCE(" + inner + ", '')")
      .repeating(2);
}

/// DuckDB fails on values that have no variance: those that aren't finite are left out.
std::string finite(const std::string& function) {
  return function + "(CASE WHEN isfinite({0}) THEN {0} END){filter}";
}

void declare_spread(FunctionTableBuilder& table) {
  using enum Type;
  pair(table, "stdev", "stdev_", "stdevif")
      .doc("The standard deviation of a sample")
      .takes({Real}, Real, "COALESCE(" + finite("stddev_samp") + ", 0)");
  pair(table, "stdevp", "stdevp_", "stdevpif")
      .doc("The standard deviation of a population")
      .takes({Real}, Real, "COALESCE(" + finite("stddev_pop") + ", 0)");
  pair(table, "variance", "variance_", "varianceif")
      .doc("The variance of a sample")
      .takes({Real}, Real, "COALESCE(" + finite("var_samp") + ", 0)");
  pair(table, "variancep", "variance_", "variancepif")
      .doc("The variance of a population")
      .takes({Real}, Real, "COALESCE(" + finite("var_pop") + ", 0)");
  pair(table, "covariance", "covariance_", "covarianceif")
      .doc("The covariance of samples")
      .takes({Real, Real}, Real, "COALESCE(covar_samp({0}, {1}){filter}, 0)");
  pair(table, "covariancep", "covariancep_", "covariancepif")
      .doc("The covariance of populations")
      .takes({Real, Real}, Real, "COALESCE(covar_pop({0}, {1}){filter}, 0)");
}

void declare_percentiles(FunctionTableBuilder& table) {
  using enum Type;
  const std::string rank = "quantile_disc({0}, least(greatest(CAST({1} AS DOUBLE), 0), 100) / 100)";
  table.aggregate("percentile", "percentile_")
      .doc("The value that a share of the values (0 to 100) isn't above: the nearest rank.")
      .takes({any(), constant(Real)}, type_of(0), rank);
  table.aggregate("percentiles", "percentile_")
      .doc("Several percentiles, each in a column.")
      .takes({any(), constant(Real)}, type_of(0), rank)
      .repeating(2);
  // Of numbers and their weights in turn.
  const std::string pairs =
      "'[' || COALESCE(string_agg(CASE WHEN {0} IS NOT NULL AND {1} > 0 THEN {0} || ',' || {1} END, "
      "','){filter}, '') || "
      "']'";
  table.aggregate("percentilew", "percentile_")
      .doc("A percentile of values that each count as often as their weight says.")
      .takes({as_dynamic(), Long, constant(Real)}, Dynamic, pairs)
      .finished_by("weighted percentile", 2);
  // The binder makes calls of the two above of these.
  for (const char* name : {"percentilesw", "percentiles_array", "percentilesw_array"}) {
    table.aggregate(name, "percentile_")
        .doc("Several percentiles: with weights, as an array.")
        .takes({any(), constant(Real)}, type_of(0), rank)
        .repeating(2);
  }
}

/// All values as an array, in the order of the records.
constexpr const char* kGather = "'[' || COALESCE(string_agg({0}, ','{order}){filter}, '') || ']'";

void declare_collections(FunctionTableBuilder& table) {
  using enum Type;
  const std::string all = kGather;
  const std::string set = "'[' || COALESCE(string_agg(DISTINCT {0}, ','){filter}, '') || ']'";
  const std::string first_of_set =
      "'[' || COALESCE(array_to_string(list_filter(list(DISTINCT {0}){filter}, lambda x: x IS NOT "
      "NULL)[1:{1}], ','), "
      "'') || ']'";
  // A list of nothing but nulls holds nothing: string_agg leaves them out, list() doesn't.
  const std::string not_null_first =
      "'[' || COALESCE(array_to_string(list_filter(list({0}{order}){filter}, lambda x: x IS NOT "
      "NULL)[1:{1}], ','), '') || ']'";
  pair(table, "make_list", "list_", "make_list_if")
      .doc("The values as an array")
      .takes({as_dynamic()}, Dynamic, all)
      .takes({as_dynamic(), constant(Long)}, Dynamic, not_null_first);
  table.aggregate("make_list_with_nulls", "list_")
      .doc("The values as an array, nulls too.")
      .takes({as_dynamic()}, Dynamic,
             "'[' || COALESCE(string_agg(COALESCE({0}, 'null'), ','{order}){filter}, '') || ']'");
  pair(table, "make_set", "set_", "make_set_if")
      .doc("The different values as an array")
      .takes({as_dynamic()}, Dynamic, set)
      .takes({as_dynamic(), constant(Long)}, Dynamic, first_of_set);
  for (const auto& [name, conditional] : {std::pair{"make_bag", "make_bag_if"}}) {
    AggregateBuilder plain = table.aggregate(name, "bag_");
    plain.doc("The members of all property bags as one.")
        .takes({Dynamic}, Dynamic, kGather)
        .finished_by("merge bags");
    plain.takes({Dynamic, constant(Long)}, Dynamic, kGather).finished_by("merge bags");
    AggregateBuilder filtered = table.aggregate(conditional, "bag_");
    filtered.doc("The members of the property bags of the rows for which a predicate is true, as one.")
        .takes_if({Dynamic}, Dynamic, kGather)
        .finished_by("merge bags");
    filtered.takes_if({Dynamic, constant(Long)}, Dynamic, kGather).finished_by("merge bags");
  }
  table.aggregate_alias("make_dictionary", "make_bag");
  table.aggregate("buildschema", "schema_")
      .doc("The least schema that admits all dynamic values.")
      .takes({Dynamic}, Dynamic, "'[' || COALESCE(string_agg(DISTINCT {0}, ','){filter}, '') || ']'")
      .finished_by("schema of");
  table.aggregate_alias("makelist", "make_list");
  table.aggregate_alias("makeset", "make_set");
}

void declare_binary(FunctionTableBuilder& table) {
  using enum Type;
  table.aggregate("binary_all_and", "binary_all_and_")
      .doc("The bits that all values have.")
      .takes({Long}, Long, "bit_and({0})");
  table.aggregate("binary_all_or", "binary_all_or_")
      .doc("The bits that one of the values has.")
      .takes({Long}, Long, "bit_or({0})");
  table.aggregate("binary_all_xor", "binary_all_xor_")
      .doc("The bits that an odd number of values have.")
      .takes({Long}, Long, "bit_xor({0})");
}

}  // namespace

void declare_aggregates(FunctionTableBuilder& table) {
  declare_counts(table);
  declare_sums(table);
  declare_extremes(table);
  declare_rows(table);
  declare_spread(table);
  declare_percentiles(table);
  declare_collections(table);
  declare_binary(table);
}

}  // namespace spillway::kql
