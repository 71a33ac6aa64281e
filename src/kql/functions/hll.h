// HyperLogLog sketches: how many different values there are, in bounded memory
// (query/hll-aggregation-function.md).
//
// A sketch is a dynamic value: [[limit, precision], [hashes], [registers]]. Up to `limit` hashes are kept as
// they are, as texts of 64-bit numbers, and counted exactly; beyond that there are 2^precision registers, and
// no hashes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace spillway::kql {

class Hll {
 public:
  static constexpr int64_t kDefaultAccuracy = 1;
  static constexpr int64_t kMaxAccuracy = 4;

  /// `accuracy`: 0 to kMaxAccuracy.
  explicit Hll(int64_t accuracy);
  /// nullopt where the text is no sketch.
  static std::optional<Hll> parse(std::string_view text);
  void print(std::string& out) const;

  void add(uint64_t hash);
  /// False, and nothing happens, where the accuracies differ.
  bool merge(const Hll& other);
  int64_t count() const;

 private:
  Hll(size_t limit, int precision) : limit_(limit), precision_(precision) {}
  void keep(uint64_t hash);
  void spread(uint64_t hash);
  void switch_to_registers();

  size_t limit_;
  int precision_;
  std::vector<uint64_t> hashes_;  // in the order that they came in
  std::unordered_set<uint64_t> known_;
  std::vector<uint8_t> registers_;  // empty while the hashes are kept
};

class FunctionTableBuilder;
/// Of declare_hll(): what dcount_intersect of `evaluate` needs.
void declare_hll_intersections(FunctionTableBuilder& table);

}  // namespace spillway::kql
