#include "commands/matcher.h"

#include <algorithm>
#include <numeric>
#include <sstream>
#include <string_view>
#include <utility>

namespace spillway::commands {
namespace {

/// A word, a dot or a <name> of a pattern.
struct Element {
  std::string text;
  bool name = false;
  bool star = false;
};

struct Pattern {
  const Command* command = nullptr;
  std::vector<Element> elements;
};

Pattern parse_pattern(const Command& command) {
  Pattern pattern;
  pattern.command = &command;
  std::istringstream words(command.pattern);
  for (std::string word; words >> word;) {
    pattern.elements.push_back({word, word.starts_with('<'), word == "<name*>"});
  }
  return pattern;
}

const std::vector<Pattern>& patterns() {
  static const std::vector<Pattern> all = [] {
    std::vector<Pattern> made;
    for (const Command& command : all_commands()) made.push_back(parse_pattern(command));
    return made;
  }();
  return all;
}

/// Reads one element; false where the text has something else.
bool read(const Element& element, Reader& reader, std::vector<Name>& names) {
  if (element.text == ".") return reader.accept(TokenKind::Dot);
  if (!element.name) return reader.accept(element.text);
  if (element.star && reader.peek().kind == TokenKind::Star) {
    names.push_back({"*", reader.peek().span});
    return reader.accept(TokenKind::Star);
  }
  Result<Name> name = reader.name("a name");
  if (!name.ok()) return false;
  names.push_back(*std::move(name));
  return true;
}

/// Levenshtein's distance of two words.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row.back();
}

/// The words at the beginning of a command; what isn't a word is an empty one.
std::vector<std::string> leading_words(Reader reader) {
  constexpr size_t kMost = 7;
  constexpr size_t kLongest = 40;
  std::vector<std::string> words;
  while (words.size() < kMost && reader.next_is_name()) {
    words.push_back(lower_case(reader.peek_word().substr(0, kLongest)));
    if (words.back().empty()) {
      if (!reader.name("a name").ok()) break;
    } else {
      const std::string_view whole = reader.peek_word();
      if (!reader.accept(whole)) break;
    }
  }
  return words;
}

/// How far the words are from a pattern.
size_t distance(const std::vector<std::string>& words, const Pattern& pattern) {
  constexpr size_t kMissingWord = 3;  // or one too many
  constexpr size_t kMissingName = 1;
  size_t sum =
      words.size() > pattern.elements.size() ? kMissingWord * (words.size() - pattern.elements.size()) : 0;
  for (size_t i = 0; i < pattern.elements.size(); ++i) {
    const Element& element = pattern.elements[i];
    if (i >= words.size()) {
      sum += element.name ? kMissingName : kMissingWord;
    } else if (!element.name) {
      sum += edit_distance(words[i], element.text);
    }
  }
  return sum;
}

}  // namespace

std::string nearest_command(const Reader& reader) {
  const std::vector<std::string> words = leading_words(reader);
  if (words.empty()) return "";
  const size_t letters =
      std::accumulate(words.begin(), words.end(), size_t{0},
                      [](size_t sum, const std::string& word) { return sum + word.size(); });
  const Command* nearest = nullptr;
  size_t least = std::max<size_t>(3, letters / 2);
  for (const Pattern& pattern : patterns()) {
    const size_t far = distance(words, pattern);
    if (pattern.command->summary && far < least) {
      least = far;
      nearest = pattern.command;
    }
  }
  return nearest ? std::string(".") + nearest->pattern : "";
}

Result<Match> match_command(const Reader& reader) {
  const Command* best = nullptr;
  size_t longest = 0;
  Reader after = reader;
  Reader deepest = reader;
  std::vector<Name> best_names;
  for (const Pattern& pattern : patterns()) {
    Reader attempt = reader;
    std::vector<Name> names;
    size_t matched = 0;
    while (matched < pattern.elements.size() && read(pattern.elements[matched], attempt, names)) {
      ++matched;
      if (attempt.offset() > deepest.offset()) deepest = attempt;
    }
    if (matched == pattern.elements.size() && matched > longest) {
      best = pattern.command;
      longest = matched;
      after = attempt;
      best_names = std::move(names);
    }
  }
  if (best) return Match{best, after, std::move(best_names)};
  Error unknown = deepest.expected("a command");
  const std::string nearest = nearest_command(reader);
  unknown.message = nearest.empty() ? "there is no such command; docs/commands.md lists all"
                                    : "there is no such command; did you mean '" + nearest + "'?";
  return unknown;
}

}  // namespace spillway::commands
