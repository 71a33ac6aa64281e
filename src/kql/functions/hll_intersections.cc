// What several sketches of different values have in common: for dcount_intersect of `evaluate`.
#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "kql/functions/builder.h"
#include "kql/functions/hll.h"

namespace spillway::kql {
namespace {

/// By inclusion and exclusion: adds what each union counts to the place of the last sketch in it.
class Unions {
 public:
  explicit Unions(const std::vector<Hll>& sketches) : sketches_(sketches), shares_(sketches.size()) {}

  /// False where the sketches were made with different accuracies.
  bool count(size_t first, const Hll* united, double sign) {
    for (size_t i = first; i < sketches_.size(); ++i) {
      Hll next = sketches_[i];
      if (united && !next.merge(*united)) return false;
      shares_[i] += sign * static_cast<double>(next.count());
      if (!count(i + 1, &next, -sign)) return false;
    }
    return true;
  }
  const std::vector<double>& shares() const { return shares_; }

 private:
  const std::vector<Hll>& sketches_;
  std::vector<double> shares_;
};

/// The counts of the first sketch, of what the first two have in common, of the first three, …, as an array.
bool intersections(std::string& out, Rest texts) {
  std::vector<Hll> sketches;
  for (size_t i = 0; i < texts.size(); ++i) {
    if (texts.is_null(i)) return false;
    std::optional<Hll> sketch = Hll::parse(texts.text(i));
    if (!sketch) return false;
    sketches.push_back(*std::move(sketch));
  }
  Unions unions(sketches);
  if (!unions.count(0, nullptr, 1)) return false;
  double sum = 0;
  int64_t before = 0;
  out += '[';
  for (size_t i = 0; i < sketches.size(); ++i) {
    sum += unions.shares()[i];
    // Estimates may contradict one another: no intersection is negative, or larger than the one before.
    int64_t common = std::max<int64_t>(0, std::llround(sum));
    if (i > 0) common = std::min(common, before);
    before = common;
    out += (i > 0 ? "," : "") + std::to_string(common);
  }
  out += ']';
  return true;
}

}  // namespace

void declare_hll_intersections(FunctionTableBuilder& table) {
  table.category("sketch");
  table.scalar("hll intersections")
      .doc("Counts of what the first sketches have in common.")
      .takes_nulls({Type::Dynamic}, Type::Dynamic, native<&intersections>())
      .repeating(2);
}

}  // namespace spillway::kql
