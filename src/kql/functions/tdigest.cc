#include "kql/functions/tdigest.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "kql/functions/builder.h"
#include "kql/json.h"

namespace spillway::kql {
namespace {

/// How finely a digest that can't be exact tells values apart: a point at quantile q holds at most
/// 4 q (1 - q) / kResolution of the weight.
constexpr double kResolution = 2000;
/// The first element of a digest's header.
constexpr std::string_view kVersion = "7";

bool is_time(Type type) {
  return type == Type::DateTime || type == Type::TimeSpan;
}

std::optional<long double> read_number(std::string_view text) {
  if (json::kind_of(text) == json::Kind::Integer) {
    int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc()) return static_cast<long double>(value);
  }
  const json::Kind kind = json::kind_of(text);
  if (kind != json::Kind::Integer && kind != json::Kind::Real) return std::nullopt;
  return json::number(text);
}

}  // namespace

void TDigest::add(Type type, long double value, double weight) {
  if (points_.empty()) type_ = type == Type::Int ? Type::Long : type;
  if (type == Type::Real && type_ == Type::Long) type_ = Type::Real;
  points_.push_back({value, weight});
  if (points_.size() >= shrink_at_) shrink();
}

void TDigest::merge(const TDigest& other) {
  for (const Point& point : other.points_) add(other.type_, point.value, point.weight);
}

std::vector<TDigest::Point> TDigest::sorted(std::vector<Point> points) {
  std::sort(points.begin(), points.end(), [](const Point& a, const Point& b) { return a.value < b.value; });
  std::vector<Point> result;
  for (const Point& point : points) {
    if (!result.empty() && result.back().value == point.value) {
      result.back().weight += point.weight;
    } else {
      result.push_back(point);
    }
  }
  return result;
}

void TDigest::shrink() {
  points_ = sorted(std::move(points_));
  if (points_.size() > kExactValues) {
    const double all = total();
    std::vector<Point> fewer;
    double before = 0;  // the weight of the points that are done
    for (const Point& point : points_) {
      if (!fewer.empty()) {
        Point& last = fewer.back();
        const double weight = last.weight + point.weight, quantile = (before + weight / 2) / all;
        if (weight <= 4 * all * quantile * (1 - quantile) / kResolution) {
          last.value += (point.value - last.value) * (point.weight / weight);
          last.weight = weight;
          continue;
        }
        before += last.weight;
      }
      fewer.push_back(point);
    }
    points_ = std::move(fewer);
  }
  shrink_at_ = std::max(2 * kExactValues, 2 * points_.size());
}

double TDigest::total() const {
  double sum = 0;
  for (const Point& point : points_) sum += point.weight;
  return sum;
}

void TDigest::append_value(long double value, std::string& out) const {
  if (type_ == Type::Real) {
    json::append_real(static_cast<double>(value), out);
  } else {
    out += std::to_string(static_cast<int64_t>(std::round(value)));
  }
}

bool TDigest::percentile(double percent, std::string& out) const {
  const std::vector<Point> points = sorted(points_);
  if (points.empty() || !(percent >= 0 && percent <= 100)) return false;
  const double wanted = total() * percent / 100;
  double reached = 0;
  const Point* found = &points.back();
  for (const Point& point : points) {
    reached += point.weight;
    if (reached >= wanted) {
      found = &point;
      break;
    }
  }
  if (!is_time(type_)) {
    append_value(found->value, out);
    return true;
  }
  const auto ticks = static_cast<int64_t>(std::round(found->value));
  json::quote(type_ == Type::DateTime ? format_datetime(ticks) : format_timespan(ticks), out);
  return true;
}

double TDigest::rank(long double value) const {
  double sum = 0;
  for (const Point& point : points_) {
    if (point.value <= value) sum += point.weight;
  }
  return sum;
}

void TDigest::print(std::string& out) const {
  TDigest exact = *this;
  exact.shrink();
  out += "[[";
  out += kVersion;
  if (is_time(type_)) out += std::string(",\"") + kql_name(type_) + "\"";
  out += "],[";
  for (size_t i = 0; i < exact.points_.size(); ++i) {
    if (i > 0) out += ',';
    append_value(exact.points_[i].value, out);
  }
  out += "],[";
  for (size_t i = 0; i < exact.points_.size(); ++i) {
    if (i > 0) out += ',';
    out += std::to_string(std::llround(exact.points_[i].weight));
  }
  out += "]]";
}

std::optional<TDigest> TDigest::parse(std::string_view text) {
  const auto header = json::element(text, 0), values = json::element(text, 1),
             weights = json::element(text, 2);
  if (!header || !values || !weights || json::element(*header, 0) != kVersion) return std::nullopt;
  const std::string_view name = json::element(*header, 1).value_or("");
  const Type time = name == "\"datetime\"" ? Type::DateTime : Type::TimeSpan;
  TDigest digest;
  json::Cursor value(*values), weight(*weights);
  while (value.next()) {
    if (!weight.next()) return std::nullopt;
    const auto number = read_number(value.value()), count = read_number(weight.value());
    if (!number || !count || !(*count > 0)) return std::nullopt;
    const bool real = json::kind_of(value.value()) == json::Kind::Real;
    digest.add(!name.empty() ? time : real ? Type::Real : Type::Long, *number, static_cast<double>(*count));
  }
  return digest;
}

namespace {

/// Null where nothing was seen.
Status print_into(const TDigest& digest, VectorSink& out, size_t row) {
  if (digest.empty()) {
    out.set_null(row);
    return Status();
  }
  std::string text;
  digest.print(text);
  out.set_text(row, text);
  return Status();
}

/// tdigest(): values, and how often each counts.
class DigestState : public AggregateState {
 public:
  Status add(const std::vector<VectorView>& arguments, size_t row) override {
    if (arguments[0].is_null(row)) return Status();
    double weight = 1;
    if (arguments.size() > 1) {
      if (arguments[1].is_null(row) || arguments[1].integer(row) <= 0) return Status();
      weight = static_cast<double>(arguments[1].integer(row));
    }
    const Type type = arguments[0].type();
    if (type != Type::Real) {
      digest_.add(type, static_cast<long double>(arguments[0].integer(row)), weight);
    } else if (const double value = arguments[0].get<double>(row); std::isfinite(value)) {
      digest_.add(type, value, weight);
    }
    return Status();
  }
  Status merge(const AggregateState& other) override {
    digest_.merge(static_cast<const DigestState&>(other).digest_);
    return Status();
  }
  Status finish(VectorSink& out, size_t row) const override { return print_into(digest_, out, row); }

 private:
  TDigest digest_;
};

/// tdigest_merge(): digests; what is none is left out.
class DigestMergeState : public AggregateState {
 public:
  Status add(const std::vector<VectorView>& arguments, size_t row) override {
    if (arguments[0].is_null(row)) return Status();
    if (const auto digest = TDigest::parse(arguments[0].text(row))) digest_.merge(*digest);
    return Status();
  }
  Status merge(const AggregateState& other) override {
    digest_.merge(static_cast<const DigestMergeState&>(other).digest_);
    return Status();
  }
  Status finish(VectorSink& out, size_t row) const override { return print_into(digest_, out, row); }

 private:
  TDigest digest_;
};

/// merge_tdigest(a, b, …); null where one is no digest.
bool merge_digests(std::string& out, Rest digests) {
  TDigest merged;
  for (size_t i = 0; i < digests.size(); ++i) {
    if (digests.is_null(i)) continue;
    const std::optional<TDigest> digest = TDigest::parse(digests.text(i));
    if (!digest) return false;
    merged.merge(*digest);
  }
  merged.print(out);
  return true;
}

bool percentile_of(std::string& out, std::string_view text, double percent) {
  const std::optional<TDigest> digest = TDigest::parse(text);
  return digest && digest->percentile(percent, out);
}

/// Appends a percentile to an array; null where there is none.
void append_percentile(const TDigest& digest, double percent, std::string& out) {
  if (out.size() > 1) out += ',';
  if (!digest.percentile(percent, out)) out += "null";
}

bool percentiles_of_list(std::string& out, std::string_view text, std::string_view percents) {
  const std::optional<TDigest> digest = TDigest::parse(text);
  if (!digest || json::kind_of(percents) != json::Kind::Array) return false;
  out += '[';
  for (json::Cursor percent(percents); percent.next();) {
    append_percentile(*digest, json::number(percent.value()), out);
  }
  out += ']';
  return true;
}

bool percentiles_of(std::string& out, std::string_view text, Rest percents) {
  const std::optional<TDigest> digest = TDigest::parse(text);
  if (!digest) return false;
  out += '[';
  for (size_t i = 0; i < percents.size(); ++i) {
    append_percentile(*digest, percents.is_null(i) ? -1 : percents.get<double>(i), out);
  }
  out += ']';
  return true;
}

template <typename T>
std::optional<double> rank_of(std::string_view text, T value) {
  const std::optional<TDigest> digest = TDigest::parse(text);
  if (!digest) return std::nullopt;
  return digest->rank(static_cast<long double>(value));
}
template <typename T>
std::optional<double> percent_rank_of(std::string_view text, T value) {
  const std::optional<TDigest> digest = TDigest::parse(text);
  if (!digest || digest->empty()) return std::nullopt;
  return digest->rank(static_cast<long double>(value)) * 100 / digest->total();
}

void declare_digest_functions(FunctionTableBuilder& table) {
  using enum Type;
  for (const char* name : {"merge_tdigest", "tdigest_merge"}) {
    table.scalar(name)
        .doc("One t-digest of several.")
        .takes_nulls({Dynamic}, Dynamic, native<&merge_digests>())
        .repeating(2);
  }
  table.scalar("percentile_tdigest")
      .doc(
          "A percentile of what a t-digest has seen; of a type where a third argument says it: typeof(long).")
      .takes({Dynamic, Real}, Dynamic, native<&percentile_of>());
  table.scalar("percentiles_array_tdigest")
      .doc("Several percentiles of what a t-digest has seen, as an array.")
      .takes({Dynamic, Dynamic}, Dynamic, native<&percentiles_of_list>())
      .takes({Dynamic, Real}, Dynamic, native<&percentiles_of>())
      .repeating(2);
  table.alias("percentile_array_tdigest", "percentiles_array_tdigest");
  table.scalar("rank_tdigest")
      .doc("How many of the values that a t-digest has seen aren't above a value.")
      .takes({Dynamic, Long}, Real, native<&rank_of<int64_t>>())
      .takes({Dynamic, Real}, Real, native<&rank_of<double>>())
      .takes({Dynamic, DateTime}, Real, native<&rank_of<int64_t>>())
      .takes({Dynamic, TimeSpan}, Real, native<&rank_of<int64_t>>());
  table.scalar("percentrank_tdigest")
      .doc("How many percent of the values that a t-digest has seen aren't above a value.")
      .takes({Dynamic, Long}, Real, native<&percent_rank_of<int64_t>>())
      .takes({Dynamic, Real}, Real, native<&percent_rank_of<double>>())
      .takes({Dynamic, DateTime}, Real, native<&percent_rank_of<int64_t>>())
      .takes({Dynamic, TimeSpan}, Real, native<&percent_rank_of<int64_t>>());
}

}  // namespace

void declare_tdigest(FunctionTableBuilder& table) {
  using enum Type;
  table.category("sketch");
  AggregateBuilder digest = table.aggregate("tdigest", "tdigest_");
  digest.doc("A t-digest of the values, for percentile_tdigest() and others; each may have a weight.");
  for (const Type type : {Long, Real, DateTime, TimeSpan}) {
    digest.takes({type}, Dynamic, states<DigestState>());
    digest.takes({type, Long}, Dynamic, states<DigestState>());
  }
  for (const char* name : {"tdigest_merge", "merge_tdigest"}) {
    table.aggregate(name, "merge_tdigests_")
        .doc("One t-digest of several.")
        .takes({Dynamic}, Dynamic, states<DigestMergeState>());
  }
  declare_digest_functions(table);
}

}  // namespace spillway::kql
