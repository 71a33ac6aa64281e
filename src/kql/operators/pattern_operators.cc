// autocluster, basket, diffpatterns, diffpatterns_text: read all rows, look for patterns, give them.
#include <algorithm>
#include <cmath>
#include <limits>

#include "kql/operators/pattern_mining.h"
#include "kql/operators/plugin_operators.h"

namespace spillway::kql {
namespace {

using Kind = PatternOptions::Kind;

/// Patterns of a difference that are shown.
constexpr size_t kMaxDifferences = 100;
/// What autocluster looks at: rarer values are in no good pattern.
constexpr double kLeastShare = 0.01;

struct Ranked {
  Pattern pattern;
  std::string text;
  double rank = 0;
};

double percent(double part, double whole) {
  return whole > 0 ? 100 * part / whole : 0;
}

int64_t whole(double weight) {
  return weight < 9e18 && weight > -9e18 ? std::llround(weight) : std::numeric_limits<int64_t>::max();
}

/// Whether one of two patterns says everything that the other says.
bool comparable(const Pattern& a, const Pattern& b) {
  bool a_in_b = true, b_in_a = true;
  for (size_t c = 0; c < a.codes.size(); ++c) {
    if (a.codes[c] != kAnything && a.codes[c] != b.codes[c]) a_in_b = false;
    if (b.codes[c] != kAnything && b.codes[c] != a.codes[c]) b_in_a = false;
  }
  return a_in_b || b_in_a;
}

std::vector<Ranked> rank(const PatternTable& table, std::vector<Pattern> patterns,
                         double (*rank_of)(const PatternTable&, const Pattern&)) {
  std::vector<Ranked> ranked;
  for (Pattern& pattern : patterns) {
    Ranked one;
    one.rank = rank_of(table, pattern);
    one.text = table.text(pattern);
    one.pattern = std::move(pattern);
    ranked.push_back(std::move(one));
  }
  std::sort(ranked.begin(), ranked.end(), [](const Ranked& a, const Ranked& b) {
    if (a.rank != b.rank) return a.rank > b.rank;
    const int ai = a.pattern.items(), bi = b.pattern.items();
    return ai != bi ? ai > bi : a.text < b.text;
  });
  return ranked;
}

double difference(const PatternTable& table, const Pattern& pattern) {
  return percent(pattern.weights[0], table.total()[0]) - percent(pattern.weights[1], table.total()[1]);
}

class Patterns : public NativeOperator {
 public:
  Patterns(RowInput& input, const PatternOptions& options, OperatorContext& context)
      : input_(input), options_(options), context_(context), table_(types_of(input, options), context) {}

  Result<size_t> next(const std::vector<VectorSink*>& output, size_t capacity) override {
    if (!found_) {
      SPILLWAY_TRY(read());
      SPILLWAY_TRY(find());
      found_ = true;
    }
    const size_t count = std::min(capacity, segments_.size() - given_);
    for (size_t r = 0; r < count; ++r) put(segments_[given_ + r], given_ + r, output, r);
    given_ += count;
    return count;
  }

 private:
  static std::vector<Type> types_of(const RowInput& input, const PatternOptions& options) {
    if (options.kind == Kind::DiffText) return std::vector<Type>(options.tokens, Type::String);
    std::vector<Type> types;
    for (size_t c = 0; c + 2 < input.schema().size(); ++c) types.push_back(input.schema()[c].type);
    return types;
  }

  Status read() {
    const size_t columns = input_.schema().size();
    while (true) {
      SPILLWAY_ASSIGN(const Batch* batch, input_.next());
      if (!batch) return {};
      const VectorView &weights = batch->columns[columns - 2], &sides = batch->columns[columns - 1];
      for (size_t row = 0; row < batch->rows; ++row) {
        const int64_t side = sides.is_null(row) ? -1 : sides.integer(row);
        const double weight = weights.is_null(row) ? 0 : weights.get<double>(row);
        if ((side != 0 && side != 1) || !(weight > 0) || !std::isfinite(weight)) continue;
        if (options_.kind == Kind::DiffText) {
          set_tokens(batch->columns[0].text(row));
        } else {
          for (size_t c = 0; c < table_.columns(); ++c) table_.set(c, batch->columns[c], row);
        }
        SPILLWAY_TRY(table_.finish_row(static_cast<int>(side), weight));
      }
    }
  }

  void set_tokens(std::string_view text) {
    constexpr std::string_view kBlanks = " \t\r\n\f\v";
    size_t token = 0;
    for (size_t at = text.find_first_not_of(kBlanks); at != std::string_view::npos && token < options_.tokens;
         ++token) {
      const size_t end = std::min(text.find_first_of(kBlanks, at), text.size());
      table_.set_text(token, text.substr(at, end - at));
      at = text.find_first_not_of(kBlanks, end);
    }
    for (; token < options_.tokens; ++token) table_.set_nothing(token);
  }

  Status find() {
    const Weights total = table_.total();
    const double none = std::numeric_limits<double>::infinity();
    if (options_.kind == Kind::AutoCluster) {
      SPILLWAY_TRY(table_.condense({kLeastShare * total[0], none}));
      SPILLWAY_ASSIGN(segments_, search_patterns(table_, {options_.size_weight, options_.seeds}, context_));
      return {};
    }
    MiningLimits limits;
    limits.least = {options_.threshold * total[0],
                    options_.kind == Kind::Basket ? none : options_.threshold * total[1]};
    limits.dimensions = options_.dimensions;
    SPILLWAY_TRY(table_.condense(limits.least));
    SPILLWAY_ASSIGN(std::vector<Pattern> patterns, mine_patterns(table_, limits, context_));
    if (options_.kind == Kind::Basket) {
      for (Ranked& one : rank(table_, std::move(patterns), [](const PatternTable&, const Pattern& pattern) {
             return pattern.weights[0] * pattern.items();
           })) {
        segments_.push_back(std::move(one.pattern));
      }
      return {};
    }
    choose_differences(std::move(patterns));
    return {};
  }

  /// The greatest differences, of patterns that say something of their own.
  void choose_differences(std::vector<Pattern> patterns) {
    patterns.erase(std::remove_if(patterns.begin(), patterns.end(),
                                  [&](const Pattern& pattern) {
                                    return std::abs(difference(table_, pattern)) < 100 * options_.threshold ||
                                           pattern.items() < options_.least_tokens;
                                  }),
                   patterns.end());
    for (Ranked& one : rank(table_, std::move(patterns), [](const PatternTable&table, const Pattern&pattern) {
           return std::abs(difference(table, pattern));
         })) {
      if (segments_.size() >= kMaxDifferences) break;
      if (std::none_of(segments_.begin(), segments_.end(),
                       [&](const Pattern& better) { return comparable(better, one.pattern); })) {
        segments_.push_back(std::move(one.pattern));
      }
    }
    if (options_.kind != Kind::DiffText) return;
    std::stable_sort(segments_.begin(), segments_.end(), [&](const Pattern& a, const Pattern& b) {
      return difference(table_, a) > difference(table_, b);
    });
  }

  void put(const Pattern& pattern, size_t segment, const std::vector<VectorSink*>& output, size_t at) const {
    const double first = percent(pattern.weights[0], table_.total()[0]);
    const double second = percent(pattern.weights[1], table_.total()[1]);
    size_t c = 0;
    if (options_.kind != Kind::DiffText) output[c++]->set<int64_t>(at, static_cast<int64_t>(segment));
    output[c++]->set<int64_t>(at, whole(pattern.weights[0]));
    const bool two = options_.kind == Kind::Diff || options_.kind == Kind::DiffText;
    if (two) output[c++]->set<int64_t>(at, whole(pattern.weights[1]));
    output[c++]->set<double>(at, first);
    if (two) output[c++]->set<double>(at, second);
    if (options_.kind == Kind::Diff) output[c++]->set<double>(at, std::abs(first - second));
    if (options_.kind == Kind::DiffText) {
      output[c]->set_text(at, text_of(pattern));
      return;
    }
    for (size_t column = 0; column < table_.columns(); ++column) {
      const Code code = pattern.codes[column];
      put_value(code == kAnything ? options_.wildcards[column] : table_.value(column, code),
                *output[c + column], at);
    }
  }

  /// The tokens, with a star for each that may be anything, and one for all behind the last.
  std::string text_of(const Pattern& pattern) const {
    std::string text;
    size_t last = 0;
    for (size_t c = 0; c < pattern.codes.size(); ++c) {
      if (pattern.codes[c] != kAnything) last = c;
    }
    for (size_t c = 0; c <= last; ++c) {
      text += c > 0 ? " " : "";
      text += pattern.codes[c] == kAnything ? "*" : table_.value(c, pattern.codes[c]).as_text();
    }
    return last + 1 < pattern.codes.size() ? text + " *" : text;
  }

  RowInput& input_;
  const PatternOptions& options_;
  OperatorContext& context_;
  PatternTable table_;
  std::vector<Pattern> segments_;
  bool found_ = false;
  size_t given_ = 0;
};

class PatternsMaker : public NativeOperatorMaker {
 public:
  explicit PatternsMaker(PatternOptions options) : options_(std::move(options)) {}
  std::string describe() const override {
    switch (options_.kind) {
      case Kind::AutoCluster: return "autocluster";
      case Kind::Basket: return "basket";
      case Kind::Diff: return "diffpatterns";
      case Kind::DiffText: return "diffpatterns_text";
    }
    return "patterns";
  }
  Result<std::unique_ptr<NativeOperator>> make(const std::vector<std::unique_ptr<RowInput>>& inputs,
                                               OperatorContext& context) const override {
    return std::unique_ptr<NativeOperator>(std::make_unique<Patterns>(*inputs[0], options_, context));
  }

 private:
  const PatternOptions options_;
};

}  // namespace

MakerPtr make_patterns(PatternOptions options) {
  return std::make_shared<PatternsMaker>(std::move(options));
}

}  // namespace spillway::kql
