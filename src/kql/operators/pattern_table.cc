#include "kql/operators/pattern_table.h"

#include <algorithm>

namespace spillway::kql {
namespace {

/// Rows between two looks at the clock and the memory.
constexpr size_t kLookRows = 4096;

/// The bytes that tell a value from others of its type; a first byte tells null.
void append_key(const VectorView& from, size_t at, std::string& key) {
  key.clear();
  if (from.is_null(at)) return;
  key += 'v';
  const auto raw = [&](const auto& value) {
    key.append(reinterpret_cast<const char*>(&value), sizeof(value));
  };
  switch (from.type()) {
    case Type::Bool: raw(from.get<uint8_t>(at)); break;
    case Type::Int:
    case Type::Long:
    case Type::DateTime:
    case Type::TimeSpan: raw(from.integer(at)); break;
    case Type::Real: raw(from.get<double>(at)); break;
    case Type::Guid: raw(from.get<Guid>(at)); break;
    case Type::String:
    case Type::Decimal:
    case Type::Dynamic: key += from.text(at); break;
  }
}

}  // namespace

int Pattern::items() const {
  return static_cast<int>(std::count_if(codes.begin(), codes.end(), [](Code c) { return c != kAnything; }));
}

PatternTable::PatternTable(const std::vector<Type>& columns, OperatorContext& context)
    : context_(context), memory_(context), current_(columns.size(), kAnything) {
  for (const Type type : columns) dictionaries_.emplace_back(type);
}

std::string PatternTable::text(const Pattern& pattern) const {
  std::string out;
  for (size_t c = 0; c < columns(); ++c) {
    if (pattern.codes[c] != kAnything) out += value(c, pattern.codes[c]).str();
    out += '\0';
  }
  return out;
}

Code PatternTable::code_of(Dictionary& dictionary, const std::string& key, bool& added) {
  const auto [place, fresh] = dictionary.codes.try_emplace(key, static_cast<Code>(dictionary.codes.size()));
  added = fresh;
  if (fresh) dictionary.bytes += static_cast<int64_t>(sizeof(std::string) * 3 + key.size());
  return place->second;
}

void PatternTable::set(size_t column, const VectorView& from, size_t at) {
  append_key(from, at, key_);
  bool added = false;
  current_[column] = code_of(dictionaries_[column], key_, added);
  if (added) dictionaries_[column].values.append(from, at);
}

void PatternTable::set_text(size_t column, std::string_view text) {
  key_ = 'v';
  key_ += text;
  bool added = false;
  current_[column] = code_of(dictionaries_[column], key_, added);
  if (added) dictionaries_[column].values.append(Value::string(std::string(text)));
}

Status PatternTable::finish_row(int side, double weight) {
  codes_.insert(codes_.end(), current_.begin(), current_.end());
  Weights& weights = weights_.emplace_back(Weights{0, 0});
  weights[static_cast<size_t>(side)] = weight;
  total_[static_cast<size_t>(side)] += weight;
  if (rows() % kLookRows != 0) return {};
  return account();
}

Status PatternTable::account() {
  if (const std::optional<Error> expired = context_.expired()) return *expired;
  int64_t bytes =
      static_cast<int64_t>(codes_.capacity() * sizeof(Code) + weights_.capacity() * sizeof(Weights));
  for (const Dictionary& dictionary : dictionaries_) bytes += dictionary.bytes + dictionary.values.bytes();
  return memory_.hold(bytes);
}

Status PatternTable::condense(const Weights& least) {
  const size_t width = columns();
  for (size_t c = 0; c < width; ++c) {
    std::vector<Weights> sums(dictionaries_[c].codes.size(), Weights{0, 0});
    for (size_t row = 0; row < rows(); ++row) {
      const Code code = codes_[row * width + c];
      if (code == kAnything) continue;
      for (size_t side = 0; side < 2; ++side) sums[static_cast<size_t>(code)][side] += weights_[row][side];
    }
    for (size_t row = 0; row < rows(); ++row) {
      Code& code = codes_[row * width + c];
      if (code == kAnything) continue;
      const Weights& sum = sums[static_cast<size_t>(code)];
      if (sum[0] < least[0] && sum[1] < least[1]) code = kAnything;
    }
    SPILLWAY_TRY(account());
  }
  std::unordered_map<std::string, size_t> places;
  size_t kept = 0;
  for (size_t row = 0; row < rows(); ++row) {
    const Code* codes = &codes_[row * width];
    key_.assign(reinterpret_cast<const char*>(codes), width * sizeof(Code));
    const auto [place, fresh] = places.try_emplace(key_, kept);
    if (!fresh) {
      for (size_t side = 0; side < 2; ++side) weights_[place->second][side] += weights_[row][side];
      continue;
    }
    if (kept != row) {
      std::copy(codes, codes + width, codes_.begin() + static_cast<std::ptrdiff_t>(kept * width));
      weights_[kept] = weights_[row];
    }
    ++kept;
    if (kept % kLookRows == 0) {
      SPILLWAY_TRY(memory_.hold(
          static_cast<int64_t>(codes_.capacity() * sizeof(Code) + weights_.capacity() * sizeof(Weights) +
                               kept * (width * sizeof(Code) + 3 * sizeof(std::string)))));
    }
  }
  codes_.resize(kept * width);
  weights_.resize(kept);
  codes_.shrink_to_fit();
  weights_.shrink_to_fit();
  return account();
}

}  // namespace spillway::kql
