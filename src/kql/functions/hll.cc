#include "kql/functions/hll.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>

#include "kql/functions/builder.h"
#include "kql/functions/value_hash.h"
#include "kql/json.h"

namespace spillway::kql {
namespace {

struct Shape {
  size_t limit;
  int precision;
};
constexpr std::array<Shape, Hll::kMaxAccuracy + 1> kShapes = {
    {{1024, 12}, {1024, 14}, {8192, 16}, {8192, 17}, {8192, 18}}};

/// The two series of the estimator of O. Ertl, "New cardinality estimation algorithms for HyperLogLog
/// sketches".
double sigma(double x) {
  if (x == 1) return std::numeric_limits<double>::infinity();
  double y = 1, z = x, before = 0;
  do {
    x *= x;
    before = z;
    z += x * y;
    y += y;
  } while (z != before);
  return z;
}
double tau(double x) {
  if (x == 0 || x == 1) return 0;
  double y = 1, z = 1 - x, before = 0;
  do {
    x = std::sqrt(x);
    before = z;
    y /= 2;
    z -= (1 - x) * (1 - x) * y;
  } while (z != before);
  return z / 3;
}

template <typename T>
std::optional<T> read_integer(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

Hll::Hll(int64_t accuracy)
    : Hll(kShapes[static_cast<size_t>(accuracy)].limit, kShapes[static_cast<size_t>(accuracy)].precision) {}

void Hll::add(uint64_t hash) {
  if (registers_.empty()) {
    keep(hash);
  } else {
    spread(hash);
  }
}

void Hll::keep(uint64_t hash) {
  if (!known_.insert(hash).second) return;
  hashes_.push_back(hash);
  if (hashes_.size() > limit_) switch_to_registers();
}

void Hll::spread(uint64_t hash) {
  const size_t index = hash >> (64 - precision_);
  const uint64_t rest = hash << precision_;
  const int rank = std::min(std::countl_zero(rest), 64 - precision_) + 1;
  registers_[index] = std::max(registers_[index], static_cast<uint8_t>(rank));
}

void Hll::switch_to_registers() {
  registers_.assign(size_t{1} << precision_, 0);
  for (const uint64_t hash : hashes_) spread(hash);
  hashes_ = {};
  known_ = {};
}

bool Hll::merge(const Hll& other) {
  if (precision_ != other.precision_ || limit_ != other.limit_) return false;
  for (const uint64_t hash : other.hashes_) add(hash);
  if (other.registers_.empty()) return true;
  if (registers_.empty()) switch_to_registers();
  for (size_t i = 0; i < registers_.size(); ++i) registers_[i] = std::max(registers_[i], other.registers_[i]);
  return true;
}

int64_t Hll::count() const {
  if (registers_.empty()) return static_cast<int64_t>(hashes_.size());
  const int most = 64 - precision_;  // ranks are 0 to most + 1
  std::array<double, 64> counts{};
  for (const uint8_t rank : registers_) ++counts[rank];
  const auto size = static_cast<double>(registers_.size());
  double z = size * tau(1 - counts[static_cast<size_t>(most) + 1] / size);
  for (int rank = most; rank >= 1; --rank) z = (z + counts[static_cast<size_t>(rank)]) / 2;
  z += size * sigma(counts[0] / size);
  return std::llround(size * size / (2 * std::log(2.0) * z));
}

void Hll::print(std::string& out) const {
  out += "[[" + std::to_string(limit_) + "," + std::to_string(precision_) + "],[";
  for (size_t i = 0; i < hashes_.size(); ++i) {
    out += i > 0 ? ",\"" : "\"";
    out += std::to_string(static_cast<int64_t>(hashes_[i])) + "\"";
  }
  out += "],[";
  for (size_t i = 0; i < registers_.size(); ++i) {
    if (i > 0) out += ',';
    out += std::to_string(registers_[i]);
  }
  out += "]]";
}

std::optional<Hll> Hll::parse(std::string_view text) {
  const auto header = json::element(text, 0), hashes = json::element(text, 1),
             registers = json::element(text, 2);
  if (!header || !hashes || !registers || json::kind_of(*registers) != json::Kind::Array) return std::nullopt;
  const auto limit = read_integer<size_t>(json::element(*header, 0).value_or(""));
  const auto precision = read_integer<int>(json::element(*header, 1).value_or(""));
  if (!limit || !precision) return std::nullopt;
  const bool known = std::any_of(kShapes.begin(), kShapes.end(), [&](const Shape& shape) {
    return shape.limit == *limit && shape.precision == *precision;
  });
  if (!known) return std::nullopt;
  Hll result(*limit, *precision);
  for (json::Cursor hash(*hashes); hash.next();) {
    std::string digits;
    json::append_text(hash.value(), digits);
    const auto value = read_integer<int64_t>(digits);
    if (!value) return std::nullopt;
    result.add(static_cast<uint64_t>(*value));
  }
  std::vector<uint8_t> ranks;
  for (json::Cursor rank(*registers); rank.next();) {
    const auto value = read_integer<uint8_t>(rank.value());
    if (!value || *value > 65 - *precision) return std::nullopt;
    ranks.push_back(*value);
  }
  if (ranks.empty()) return result;
  if (ranks.size() != size_t{1} << *precision) return std::nullopt;
  result.registers_ = std::move(ranks);
  return result;
}

namespace {

/// Null where there is no sketch: nothing was counted.
Status print_into(const std::optional<Hll>& sketch, VectorSink& out, size_t row) {
  if (!sketch) {
    out.set_null(row);
    return Status();
  }
  std::string text;
  sketch->print(text);
  out.set_text(row, text);
  return Status();
}

/// hll(): the argument's values.
class HllState : public AggregateState {
 public:
  Status add(const std::vector<VectorView>& arguments, size_t row) override {
    if (arguments[0].is_null(row)) return Status();
    if (!sketch_) {
      const bool given = arguments.size() > 1 && !arguments[1].is_null(row);
      sketch_.emplace(given ? arguments[1].integer(row) : Hll::kDefaultAccuracy);
    }
    sketch_->add(hash_value(arguments[0], row));
    return Status();
  }
  Status merge(const AggregateState& other) override {
    const auto& from = static_cast<const HllState&>(other).sketch_;
    if (!sketch_) {
      sketch_ = from;
    } else if (from) {
      sketch_->merge(*from);
    }
    return Status();
  }
  Status finish(VectorSink& out, size_t row) const override { return print_into(sketch_, out, row); }

 private:
  std::optional<Hll> sketch_;
};

constexpr const char* kDifferent = "hll_merge(): the sketches were made with different accuracies";

/// hll_merge(): the sketches; what is none is left out.
class HllMergeState : public AggregateState {
 public:
  Status add(const std::vector<VectorView>& arguments, size_t row) override {
    if (arguments[0].is_null(row)) return Status();
    return take(Hll::parse(arguments[0].text(row)));
  }
  Status merge(const AggregateState& other) override {
    return take(static_cast<const HllMergeState&>(other).sketch_);
  }
  Status finish(VectorSink& out, size_t row) const override { return print_into(sketch_, out, row); }

 private:
  Status take(const std::optional<Hll>& from) {
    if (!sketch_) {
      sketch_ = from;
    } else if (from && !sketch_->merge(*from)) {
      return Error(ErrorCode::Semantic, kDifferent);
    }
    return Status();
  }
  std::optional<Hll> sketch_;
};

/// hll_merge(a, b, …); null where one is no sketch or the accuracies differ.
bool merge_sketches(std::string& out, Rest sketches) {
  std::optional<Hll> merged;
  for (size_t i = 0; i < sketches.size(); ++i) {
    if (sketches.is_null(i)) continue;
    std::optional<Hll> sketch = Hll::parse(sketches.text(i));
    if (!sketch || (merged && !merged->merge(*sketch))) return false;
    if (!merged) merged = std::move(sketch);
  }
  if (merged) merged->print(out);
  return merged.has_value();
}

std::optional<int64_t> count_of(std::string_view sketch) {
  const std::optional<Hll> parsed = Hll::parse(sketch);
  if (!parsed) return std::nullopt;
  return parsed->count();
}

}  // namespace

std::string check_accuracy(const Value& value) {
  if (!value.is_null() && value.as_int() >= 0 && value.as_int() <= Hll::kMaxAccuracy) return "";
  return "the accuracy is a number from 0 to " + std::to_string(Hll::kMaxAccuracy);
}

void declare_hll(FunctionTableBuilder& table) {
  using enum Type;
  table.category("sketch");
  table.aggregate("hll", "hll_")
      .doc("A sketch of the different values, for dcount_hll().")
      .takes({any()}, Dynamic, states<HllState>())
      .takes({any(), constant(Long)}, Dynamic, states<HllState>())
      .checks(1, check_accuracy);
  table.aggregate("hll_if", "hll_if_")
      .doc("A sketch of the different values of the rows for which a predicate is true.")
      .takes_if({any()}, Dynamic, states<HllState>())
      .takes_if({any(), constant(Long)}, Dynamic, states<HllState>())
      .checks(1, check_accuracy);
  table.aggregate("hll_merge", "hll_merge_")
      .doc("One sketch of several.")
      .takes({Dynamic}, Dynamic, states<HllMergeState>());
  table.scalar("hll_merge")
      .doc("One sketch of several.")
      .takes_nulls({Dynamic}, Dynamic, native<&merge_sketches>())
      .repeating(2);
  table.scalar("dcount_hll")
      .doc("How many different values a sketch has seen, about.")
      .takes({Dynamic}, Long, native<&count_of>());
  declare_hll_intersections(table);
}

}  // namespace spillway::kql
