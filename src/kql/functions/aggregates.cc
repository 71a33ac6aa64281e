// Aggregates. Each leaves nulls out, but for count(). Values without rows: query/summarize-operator.md.
//
// Sets, bags and schemas are in collections.cc, percentiles in percentiles.cc, sketches in hll.cc and
// tdigest.cc.
#include <tuple>

#include "base/decimal_number.h"
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
  Pair& takes(std::initializer_list<P> parameters, R result, const A& lowering) {
    plain.takes(parameters, result, lowering);
    conditional.takes_if(parameters, result, lowering);
    return *this;
  }
};

Pair pair(FunctionTableBuilder& table, const std::string& name, const std::string& prefix,
          const std::string& conditional) {
  // "sumif" names its column "sumif_x"; "make_list_if" "list_x".
  const bool listed = prefix != name + "_" && conditional != "variancepif";
  const std::string conditional_prefix = listed ? prefix : conditional + "_";
  return {table.aggregate(name, prefix), table.aggregate(conditional, conditional_prefix)};
}

/// A sum of integers, which wraps around as .NET's do. The second sum is worked out only where the first
/// doesn't fit, and both are the same aggregate to the engine.
std::string integer_sum() {
  const std::string sum = "COALESCE(sum({0}){filter}, 0)";
  const std::string modulus = "CAST(18446744073709551616 AS HUGEINT)", half = "9223372036854775808";
  return "COALESCE(TRY_CAST(" + sum + " AS BIGINT), CAST(((" + sum + " % " + modulus + " + " + modulus +
         " + " + half + ") % " + modulus + ") - " + half + " AS BIGINT))";
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

/// A sum of decimals; null once it is too large.
class DecimalSum : public AggregateState {
 public:
  Status add(const std::vector<VectorView>& arguments, size_t row) override {
    if (!arguments[0].is_null(row)) take(DecimalNumber::parse(arguments[0].text(row)), 1);
    return Status();
  }
  Status merge(const AggregateState& other) override {
    const auto& from = static_cast<const DecimalSum&>(other);
    take(from.sum_, from.count_);
    return Status();
  }
  Status finish(VectorSink& out, size_t row) const override { return set(sum_, out, row); }

 protected:
  void take(const std::optional<DecimalNumber>& value, int64_t count) {
    sum_ = sum_ && value ? spillway::add(*sum_, *value) : std::nullopt;
    count_ += count;
  }
  static Status set(const std::optional<DecimalNumber>& value, VectorSink& out, size_t row) {
    if (value) {
      out.set_text(row, value->str());
    } else {
      out.set_null(row);
    }
    return Status();
  }
  std::optional<DecimalNumber> sum_ = DecimalNumber();
  int64_t count_ = 0;
};

/// Null of no values.
class DecimalAverage : public DecimalSum {
 public:
  Status finish(VectorSink& out, size_t row) const override {
    return set(sum_ ? divide(*sum_, DecimalNumber(count_)) : std::nullopt, out, row);
  }
};

void declare_sums(FunctionTableBuilder& table) {
  using enum Type;
  pair(table, "sum", "sum_", "sumif")
      .doc("The sum")
      .takes({Long}, Long, integer_sum())
      .takes({Real}, Real, "COALESCE(sum({0}){filter}, 0)")
      .takes({Decimal}, Decimal, states<DecimalSum>())
      .takes({TimeSpan}, TimeSpan, integer_sum());
  pair(table, "avg", "avg_", "avgif")
      .doc("The average")
      .takes({Long}, Real, "COALESCE(avg({0}){filter}, CAST('NaN' AS DOUBLE))")
      .takes({Real}, Real, "COALESCE(avg({0}){filter}, CAST('NaN' AS DOUBLE))")
      .takes({Decimal}, Decimal, states<DecimalAverage>())
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
  for (const auto& [name, conditional, prefix] :
       {std::tuple{"take_any", "take_anyif", ""}, std::tuple{"any", "anyif", "any_"}}) {
    pair(table, name, prefix, conditional)
        .doc("A value, one that isn't null where there is one")
        .takes({String}, String, "COALESCE(any_value(NULLIF({0}, '')){filter}, '')")
        .takes({any()}, type_of(0), "any_value({0}){filter}");
  }
}

/// Of one record for all columns: the binder takes the "row" forms, whose result is the values of the
/// arguments (behind the key of arg_max() and arg_min()).
void declare_rows(FunctionTableBuilder& table) {
  using enum Type;
  for (const std::string name : {"arg_max", "arg_min"}) {
    // Where every key is null the record is any.
    table.aggregate(name, "")
        .doc("The record with the " + std::string(name == "arg_max" ? "greatest" : "least") + " value.")
        .takes({any()}, type_of(0), "COALESCE(" + name + "(row({*}), {0}){filter}, first(row({*})){filter})")
        .repeating(1);
  }
  table.aggregate_alias("argmax", "arg_max");
  table.aggregate_alias("argmin", "arg_min");
  table.aggregate("take_any row", "")
      .doc("A value of a record, the same one for all columns.")
      .takes({any()}, type_of(0), "any_value(row({*}))")
      .repeating(1);
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

/// All values as an array, in the order of the records.
constexpr const char* kGather = "'[' || COALESCE(string_agg({0}, ','{order}){filter}, '') || ']'";

void declare_lists(FunctionTableBuilder& table) {
  using enum Type;
  // A list of nothing but nulls holds nothing: string_agg leaves them out, list() doesn't.
  const auto first = [](const std::string& limit) {
    return "'[' || COALESCE(array_to_string(list_filter(list({0}{order}){filter}, lambda x: x IS NOT "
           "NULL)[1:" +
           limit + "], ','), '') || ']'";
  };
  pair(table, "make_list", "list_", "make_list_if")
      .doc("The values as an array")
      .takes({as_dynamic()}, Dynamic, kGather)
      .takes({as_dynamic(), constant(Long)}, Dynamic, first("greatest({1}, 0)"));
  table.aggregate("makelist", "list_")
      .doc("The older name of make_list().")
      .takes({as_dynamic()}, Dynamic, first("128"))
      .takes({as_dynamic(), constant(Long)}, Dynamic, first("greatest({1}, 0)"));
  table.aggregate("make_list_with_nulls", "list_")
      .doc("The values as an array, nulls too.")
      .takes({as_dynamic()}, Dynamic,
             "'[' || COALESCE(string_agg(COALESCE({0}, 'null'), ','{order}){filter}, '') || ']'");
}

void declare_binary(FunctionTableBuilder& table) {
  using enum Type;
  table.aggregate("binary_all_and", "")
      .doc("The bits that all values have.")
      .takes({Long}, Long, "bit_and({0})");
  table.aggregate("binary_all_or", "")
      .doc("The bits that one of the values has.")
      .takes({Long}, Long, "bit_or({0})");
  table.aggregate("binary_all_xor", "")
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
  declare_lists(table);
  declare_binary(table);
}

}  // namespace spillway::kql
