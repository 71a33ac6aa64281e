#include "kql/operators/reduce.h"

#include <algorithm>
#include <unordered_map>

namespace spillway::kql {
namespace {

/// What a text beside its characters costs to hold, about.
constexpr int64_t kEntryBytes = 128;
/// Rows between two looks at the clock and the memory.
constexpr size_t kCheckRows = 1024;

struct Text {
  int64_t count = 0;
  size_t first = 0;  // its place among the texts
};

/// A word of a text, and the separators before it.
struct Word {
  std::string_view before, word;
};

class ReduceOperator : public NativeOperator {
 public:
  ReduceOperator(RowInput& input, OperatorContext& context, double threshold, const std::string& separators)
      : rows_(input), context_(context), account_(context), threshold_(threshold), separators_(separators) {}

  Result<size_t> next(const std::vector<VectorSink*>& output, size_t capacity) override {
    if (!done_) {
      SPILLWAY_TRY(read());
      SPILLWAY_TRY(count_words());
      SPILLWAY_TRY(make_groups());
      done_ = true;
    }
    const size_t rows = std::min(capacity, groups_.size() - given_);
    for (size_t i = 0; i < rows; ++i, ++given_) {
      const Group& group = groups_[given_];
      output[0]->set_text(i, group.pattern);
      output[1]->set<int64_t>(i, group.count);
      output[2]->set_text(i, group.representative);
    }
    return rows;
  }

 private:
  struct Group {
    std::string pattern;
    int64_t count = 0;
    size_t first = 0;
    std::string_view representative;
  };

  Status read() {
    while (true) {
      SPILLWAY_ASSIGN(const size_t count, rows_.next(kCheckRows));
      if (count == 0) return Status();
      for (size_t r = 0; r < count; ++r) {
        const auto [entry, fresh] = texts_.try_emplace(std::string(rows_.column(0).text(rows_.row(r))));
        if (fresh) {
          entry->second.first = texts_.size();
          bytes_ += kEntryBytes + static_cast<int64_t>(entry->first.size());
        }
        ++entry->second.count;
        ++total_;
      }
      SPILLWAY_TRY(check());
    }
  }

  Status check() {
    if (std::optional<Error> expired = context_.expired()) return *std::move(expired);
    return account_.hold(bytes_);
  }

  bool separates(char c) const {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    return !letter || separators_.find(c) != std::string::npos;
  }

  /// The words, and behind the last the separators that end the text.
  std::vector<Word> words_of(std::string_view text) const {
    std::vector<Word> words;
    size_t at = 0;
    while (at < text.size() || words.empty()) {
      const size_t before = at;
      while (at < text.size() && separates(text[at])) ++at;
      const size_t begin = at;
      while (at < text.size() && !separates(text[at])) ++at;
      words.push_back({text.substr(before, begin - before), text.substr(begin, at - begin)});
    }
    if (!words.back().word.empty()) words.push_back({});
    return words;
  }

  static std::string key_of(size_t place, std::string_view word) {
    return std::to_string(place) + ":" + std::string(word);
  }

  Status count_words() {
    size_t seen = 0;
    for (const auto& [text, entry] : texts_) {
      const std::vector<Word> words = words_of(text);
      for (size_t i = 0; i < words.size(); ++i) {
        if (words[i].word.empty()) continue;
        const auto [word, fresh] = frequencies_.try_emplace(key_of(i, words[i].word));
        if (fresh) bytes_ += kEntryBytes + static_cast<int64_t>(word->first.size());
        word->second += entry.count;
      }
      if (++seen % kCheckRows == 0) SPILLWAY_TRY(check());
    }
    return check();
  }

  bool is_frequent(size_t place, std::string_view word) const {
    if (std::all_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; })) return false;
    const auto found = frequencies_.find(key_of(place, word));
    return found != frequencies_.end() &&
           static_cast<double>(found->second) > threshold_ * static_cast<double>(total_);
  }

  /// "" where no word is frequent. Separators that the query names vanish beside a `*`.
  std::string pattern_of(std::string_view text) const {
    const std::vector<Word> words = words_of(text);
    std::string pattern;
    bool known = false, wild = false;
    for (size_t i = 0; i < words.size(); ++i) {
      const Word& word = words[i];
      const bool last = word.word.empty();
      const bool frequent = !last && is_frequent(i, word.word);
      const bool beside = wild || (!last && !frequent);
      for (const char c : word.before) {
        if (!beside || separators_.find(c) == std::string::npos) pattern += c;
      }
      if (last) break;
      if (frequent) {
        pattern += word.word;
      } else if (!pattern.ends_with('*')) {
        pattern += '*';
      }
      known = known || frequent;
      wild = !frequent;
    }
    return known ? pattern : std::string();
  }

  Status make_groups() {
    std::unordered_map<std::string, size_t> places;
    size_t seen = 0;
    for (const auto& [text, entry] : texts_) {
      const std::string pattern = pattern_of(text);
      const auto [place, fresh] = places.try_emplace(pattern, groups_.size());
      if (fresh) {
        groups_.push_back({pattern.empty() ? "others" : pattern, 0, entry.first, {}});
        bytes_ += 2 * kEntryBytes + 2 * static_cast<int64_t>(pattern.size());
      }
      Group& group = groups_[place->second];
      group.count += entry.count;
      if (!pattern.empty() && (group.representative.data() == nullptr || entry.first < group.first)) {
        group.representative = text;
        group.first = entry.first;
      }
      if (++seen % kCheckRows == 0) SPILLWAY_TRY(check());
    }
    std::sort(groups_.begin(), groups_.end(), [](const Group& a, const Group& b) {
      return a.count != b.count ? a.count > b.count : a.first < b.first;
    });
    return check();
  }

  RowCursor rows_;
  OperatorContext& context_;
  MemoryAccount account_;
  double threshold_;
  const std::string& separators_;
  std::unordered_map<std::string, Text> texts_;
  std::unordered_map<std::string, int64_t> frequencies_;
  std::vector<Group> groups_;
  int64_t total_ = 0, bytes_ = 0;
  size_t given_ = 0;
  bool done_ = false;
};

}  // namespace

Result<std::unique_ptr<NativeOperator>> Reduce::make(const std::vector<std::unique_ptr<RowInput>>& inputs,
                                                     OperatorContext& context) const {
  return std::unique_ptr<NativeOperator>(new ReduceOperator(*inputs[0], context, threshold_, separators_));
}

}  // namespace spillway::kql
