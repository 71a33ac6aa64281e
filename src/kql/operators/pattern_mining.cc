#include "kql/operators/pattern_mining.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>
#include <string>

namespace spillway::kql {
namespace {

using Rows = std::vector<uint32_t>;

/// Extends closed patterns by one value at a time, column by column. A pattern counts only where the
/// extension adds no value to a column before: so each closed pattern is met once.
class Miner {
 public:
  Miner(const PatternTable& table, const MiningLimits& limits, OperatorContext& context)
      : table_(table), limits_(limits), context_(context), memory_(context) {}

  Result<std::vector<Pattern>> mine() {
    Rows all(table_.rows());
    std::iota(all.begin(), all.end(), 0U);
    if (!all.empty()) {
      Pattern root = closure(all);
      if (root.items() > 0) found_.push_back(root);
      SPILLWAY_TRY(expand(all, root, 0, 0));
    }
    return std::move(found_);
  }

 private:
  bool frequent(const Weights& weights) const {
    return (weights[0] > 0 && weights[0] >= limits_.least[0]) ||
           (weights[1] > 0 && weights[1] >= limits_.least[1]);
  }

  Pattern closure(const Rows& rows) const {
    Pattern pattern;
    pattern.codes.resize(table_.columns());
    for (size_t c = 0; c < table_.columns(); ++c) {
      Code code = table_.code(rows.front(), c);
      for (size_t i = 1; code != kAnything && i < rows.size(); ++i) {
        if (table_.code(rows[i], c) != code) code = kAnything;
      }
      pattern.codes[c] = code;
    }
    for (const uint32_t row : rows) {
      for (size_t side = 0; side < 2; ++side) pattern.weights[side] += table_.weights(row)[side];
    }
    return pattern;
  }

  /// The rows by their value of a column; only values that are frequent among them.
  std::map<Code, Rows> split(const Rows& rows, size_t column) const {
    std::map<Code, Weights> sums;
    for (const uint32_t row : rows) {
      const Code code = table_.code(row, column);
      if (code == kAnything) continue;
      Weights& sum = sums.try_emplace(code, Weights{0, 0}).first->second;
      for (size_t side = 0; side < 2; ++side) sum[side] += table_.weights(row)[side];
    }
    std::map<Code, Rows> parts;
    for (const auto& [code, sum] : sums) {
      if (frequent(sum)) parts.try_emplace(code);
    }
    if (parts.empty()) return parts;
    for (const uint32_t row : rows) {
      const auto part = parts.find(table_.code(row, column));
      if (part != parts.end()) part->second.push_back(row);
    }
    return parts;
  }

  Status expand(const Rows& rows, const Pattern& pattern, size_t first, int depth) {
    if (depth >= limits_.dimensions) return {};
    for (size_t column = first; column < table_.columns(); ++column) {
      if (pattern.codes[column] != kAnything) continue;
      if (const std::optional<Error> expired = context_.expired()) return *expired;
      for (const auto& [code, part] : split(rows, column)) {
        held_ += static_cast<int64_t>(part.size() * sizeof(uint32_t));
        SPILLWAY_TRY(hold());
        const Pattern closed = closure(part);
        const auto from = closed.codes.begin();
        const auto until = from + static_cast<std::ptrdiff_t>(column);
        if (std::equal(from, until, pattern.codes.begin())) {
          if (found_.size() >= kMaxPatterns) {
            return Error(ErrorCode::LimitExceeded,
                         "there are more than " + std::to_string(kMaxPatterns) +
                             " patterns: raise the threshold, or look at fewer columns");
          }
          found_.push_back(closed);
          SPILLWAY_TRY(expand(part, closed, column + 1, depth + 1));
        }
        held_ -= static_cast<int64_t>(part.size() * sizeof(uint32_t));
      }
    }
    return {};
  }

  Status hold() {
    const size_t pattern = sizeof(Pattern) + table_.columns() * sizeof(Code);
    return memory_.hold(held_ + static_cast<int64_t>(found_.size() * pattern));
  }

  const PatternTable& table_;
  const MiningLimits& limits_;
  OperatorContext& context_;
  MemoryAccount memory_;
  int64_t held_ = 0;
  std::vector<Pattern> found_;
};

// ---------------------------------------------------------------------------------------------------------
// Seeds

/// Of a pattern's weight this much must not be captured by better ones.
constexpr double kLeastNew = 0.5;

struct Scored {
  Pattern pattern;
  double score = 0;
};

double score_of(const PatternTable& table, const SeedSearch& search, double weight, int items) {
  const double size = weight / table.total()[0];
  const double shared = static_cast<double>(items) / static_cast<double>(table.columns());
  return std::pow(size, search.size_weight) * std::pow(shared, 1 - search.size_weight);
}

bool captures(const PatternTable& table, const Pattern& pattern, size_t row) {
  for (size_t c = 0; c < table.columns(); ++c) {
    if (pattern.codes[c] != kAnything && pattern.codes[c] != table.code(row, c)) return false;
  }
  return true;
}

/// What a pattern captures, and what it would capture more without one of its values.
struct Reach {
  double weight = 0;
  std::vector<double> more;
};

Reach reach_of(const PatternTable& table, const Pattern& pattern) {
  Reach reach;
  reach.more.resize(table.columns());
  for (size_t row = 0; row < table.rows(); ++row) {
    size_t differs = 0, where = 0;
    for (size_t c = 0; differs < 2 && c < table.columns(); ++c) {
      if (pattern.codes[c] == kAnything || pattern.codes[c] == table.code(row, c)) continue;
      ++differs;
      where = c;
    }
    if (differs == 0) reach.weight += table.weights(row)[0];
    if (differs == 1) reach.more[where] += table.weights(row)[0];
  }
  return reach;
}

/// The best pattern from a row on: at each step the value goes whose absence captures most.
Result<Scored> climb(const PatternTable& table, const SeedSearch& search, size_t seed,
                     OperatorContext& context) {
  Scored best;
  Pattern pattern;
  for (size_t c = 0; c < table.columns(); ++c) pattern.codes.push_back(table.code(seed, c));
  for (int items = pattern.items(); items > 0; --items) {
    if (const std::optional<Error> expired = context.expired()) return *expired;
    const Reach reach = reach_of(table, pattern);
    pattern.weights[0] = reach.weight;
    const double score = score_of(table, search, reach.weight, items);
    if (score > best.score) best = {pattern, score};
    size_t gone = table.columns();
    for (size_t c = 0; c < table.columns(); ++c) {
      if (pattern.codes[c] == kAnything) continue;
      if (gone == table.columns() || reach.more[c] > reach.more[gone]) gone = c;
    }
    pattern.codes[gone] = kAnything;
  }
  return best;
}

/// Rows by falling weight; of equal ones the order of their texts, so that none depends on the order of the
/// input.
std::vector<size_t> seeds_of(const PatternTable& table, size_t count) {
  std::vector<size_t> rows(table.rows());
  std::iota(rows.begin(), rows.end(), size_t{0});
  std::map<size_t, std::string> texts;
  const auto text = [&](size_t row) -> const std::string& {
    const auto [place, fresh] = texts.try_emplace(row);
    if (fresh) {
      Pattern pattern;
      for (size_t c = 0; c < table.columns(); ++c) pattern.codes.push_back(table.code(row, c));
      place->second = table.text(pattern);
    }
    return place->second;
  };
  const auto before = [&](size_t a, size_t b) {
    if (table.weights(a)[0] != table.weights(b)[0]) return table.weights(a)[0] > table.weights(b)[0];
    return text(a) < text(b);
  };
  const size_t taken = std::min(count, rows.size());
  std::partial_sort(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(taken), rows.end(), before);
  rows.resize(taken);
  return rows;
}

}  // namespace

Result<std::vector<Pattern>> mine_patterns(const PatternTable& table, const MiningLimits& limits,
                                           OperatorContext& context) {
  return Miner(table, limits, context).mine();
}

Result<std::vector<Pattern>> search_patterns(const PatternTable& table, const SeedSearch& search,
                                             OperatorContext& context) {
  std::map<std::vector<Code>, Scored> best;
  for (const size_t seed : seeds_of(table, search.seeds)) {
    SPILLWAY_ASSIGN(Scored scored, climb(table, search, seed, context));
    if (scored.score > 0) best.try_emplace(scored.pattern.codes, std::move(scored));
  }
  std::vector<std::pair<std::string, Scored>> ranked;
  for (auto& [codes, scored] : best) ranked.emplace_back(table.text(scored.pattern), std::move(scored));
  std::sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) {
    return a.second.score != b.second.score ? a.second.score > b.second.score : a.first < b.first;
  });
  std::vector<bool> captured(table.rows());
  std::vector<Pattern> chosen;
  for (auto& [text, scored] : ranked) {
    double fresh = 0;
    for (size_t row = 0; row < table.rows(); ++row) {
      if (!captured[row] && captures(table, scored.pattern, row)) fresh += table.weights(row)[0];
    }
    if (fresh < kLeastNew * scored.pattern.weights[0]) continue;
    for (size_t row = 0; row < table.rows(); ++row) {
      if (captures(table, scored.pattern, row)) captured[row] = true;
    }
    chosen.push_back(std::move(scored.pattern));
  }
  return chosen;
}

}  // namespace spillway::kql
