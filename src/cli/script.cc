#include "cli/script.h"

#include <algorithm>
#include <cctype>

namespace spillway::cli {
namespace {

bool is_blank(std::string_view line) {
  return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

/// Where a statement stands after some of its lines: within brackets, a multi-line string, or raw data.
class State {
 public:
  /// True where the statement can't end here.
  bool open() const { return depth_ > 0 || !fence_.empty(); }
  bool in_data() const { return in_data_; }

  void read(std::string_view line) {
    if (in_data_) return;
    for (size_t at = 0; at < line.size();) at = step(line, at);
  }

 private:
  size_t step(std::string_view line, size_t at) {
    if (!fence_.empty()) {
      const size_t end = line.find(fence_, at);
      if (end == std::string_view::npos) return line.size();
      const size_t after = end + fence_.size();
      fence_.clear();
      return after;
    }
    const std::string_view rest = line.substr(at);
    if (rest.starts_with("//")) return line.size();
    if (rest.starts_with("```") || rest.starts_with("~~~")) {
      fence_ = rest.substr(0, 3);
      return at + 3;
    }
    if (rest.starts_with("<|")) {
      in_data_ = is_inline_ingestion_;
      return in_data_ ? line.size() : at + 2;
    }
    const char c = line[at];
    if (c == '"' || c == '\'') return end_of_string(line, at);
    if (c == '(' || c == '[' || c == '{') ++depth_;
    if ((c == ')' || c == ']' || c == '}') && depth_ > 0) --depth_;
    if (std::isalpha(static_cast<unsigned char>(c))) return read_word(line, at);
    return at + 1;
  }

  size_t read_word(std::string_view line, size_t at) {
    const size_t start = at;
    while (at < line.size() && std::isalnum(static_cast<unsigned char>(line[at]))) ++at;
    std::string word(line.substr(start, at - start));
    std::transform(word.begin(), word.end(), word.begin(), [](unsigned char c) { return std::tolower(c); });
    is_inline_ingestion_ = is_inline_ingestion_ || (word == "inline" && last_word_ == "ingest");
    last_word_ = std::move(word);
    return at;
  }

  /// Strings end on their line; @'…' knows no escapes.
  static size_t end_of_string(std::string_view line, size_t at) {
    const char quote = line[at];
    const bool verbatim = at > 0 && line[at - 1] == '@';
    for (++at; at < line.size(); ++at) {
      if (line[at] == '\\' && !verbatim) {
        ++at;
      } else if (line[at] == quote) {
        return at + 1;
      }
    }
    return line.size();
  }

  int depth_ = 0;
  std::string fence_;
  std::string last_word_;
  bool is_inline_ingestion_ = false;
  bool in_data_ = false;
};

/// Only comments and blanks.
bool says_nothing(std::string_view text) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const size_t first = line.find_first_not_of(" \t\r");
    if (first != std::string_view::npos && !line.substr(first).starts_with("//")) return false;
  }
  return true;
}

}  // namespace

std::vector<ScriptStatement> split_script(std::string_view script) {
  std::vector<ScriptStatement> statements;
  ScriptStatement current;
  State state;
  int number = 0;
  const auto finish = [&] {
    if (!says_nothing(current.text)) statements.push_back(std::move(current));
    current = {};
    state = {};
  };
  while (!script.empty()) {
    const size_t end = std::min(script.find('\n'), script.size());
    const std::string_view line = script.substr(0, end);
    script.remove_prefix(std::min(end + 1, script.size()));
    ++number;
    const bool begins = line.starts_with('.') && !state.in_data() && !says_nothing(current.text);
    if (!state.open() && (is_blank(line) || begins)) finish();
    if (is_blank(line) && current.text.empty()) continue;
    if (current.text.empty()) current.line = number;
    current.text += line, current.text += '\n';
    state.read(line);
  }
  finish();
  return statements;
}

}  // namespace spillway::cli
