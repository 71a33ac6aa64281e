#include "kql/functions/user_agents.h"

#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>

// The file of expressions, as it stands.
asm(".section .rodata\n"
    "uap_core_begin: .incbin \"" SPILLWAY_UAP_CORE
    "\"\n"
    "uap_core_end: .byte 0\n"
    ".previous\n");
extern "C" const char uap_core_begin[];
extern "C" const char uap_core_end[];

namespace spillway::kql {
namespace {

using Text = std::string_view;

constexpr size_t kMostBytes = 4096;  // of a user agent; what stands behind doesn't count
constexpr size_t kMostGroups = 10;   // the whole match and $1 to $9
constexpr size_t kMostValues = 5;

/// One expression of the file, and the texts that stand for its groups.
struct Rule {
  std::unique_ptr<re2::RE2> regex;
  std::array<std::string, kMostValues> replacements;
};

/// One section of the file.
struct Section {
  Text name;
  std::array<Text, kMostValues> keys;  // of the replacements
  size_t values;
};
constexpr Section kSections[] = {
    {"user_agent_parsers:", {"family_replacement", "v1_replacement", "v2_replacement", "v3_replacement"}, 4},
    {"os_parsers:",
     {"os_replacement", "os_v1_replacement", "os_v2_replacement", "os_v3_replacement", "os_v4_replacement"},
     5},
    {"device_parsers:", {"device_replacement", "brand_replacement", "model_replacement"}, 3},
};
/// The group that gives each value where nothing replaces it; 0: none.
constexpr int kGroups[][kMostValues] = {{1, 2, 3, 4, 0}, {1, 2, 3, 4, 5}, {1, 0, 1, 0, 0}};

Text trim(Text text) {
  const size_t first = text.find_first_not_of(" \t\r");
  if (first == Text::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

/// Of 'text', where a quote is doubled.
std::string unquote(Text text) {
  text = trim(text);
  if (text.size() < 2 || (text.front() != '\'' && text.front() != '"')) return std::string(text);
  std::string out;
  for (size_t i = 1; i + 1 < text.size(); ++i) {
    out += text[i];
    if (text[i] == '\'' && text[i + 1] == '\'') ++i;
  }
  return out;
}

/// Reads the part of YAML that the file is written in: sections of entries of "key: 'value'".
class Reader {
 public:
  Reader(Text text, const Section& section) : text_(text), section_(section) {}

  std::vector<Rule> read() {
    bool inside = false;
    while (!text_.empty()) {
      const size_t end = std::min(text_.find('\n'), text_.size());
      Text line = trim(text_.substr(0, end));
      text_.remove_prefix(std::min(end + 1, text_.size()));
      if (line.empty() || line.front() == '#') continue;
      if (line.ends_with("_parsers:")) {
        inside = line == section_.name;
      } else if (inside) {
        read_line(line);
      }
    }
    finish();
    return std::move(rules_);
  }

 private:
  void read_line(Text line) {
    if (line.starts_with("- ")) {
      finish();
      line = trim(line.substr(2));
    }
    const size_t colon = std::min(line.find(':'), line.size());
    const Text key = line.substr(0, colon);
    const std::string value = unquote(line.substr(std::min(colon + 1, line.size())));
    if (key == "regex") regex_ = value;
    if (key == "regex_flag") fold_ = value == "i";
    for (size_t i = 0; i < section_.values; ++i) {
      if (key == section_.keys[i]) rule_.replacements[i] = value;
    }
  }

  void finish() {
    if (!regex_.empty()) {
      re2::RE2::Options options;
      options.set_log_errors(false);
      options.set_encoding(re2::RE2::Options::EncodingLatin1);
      options.set_case_sensitive(!fold_);
      rule_.regex = std::make_unique<re2::RE2>(regex_, options);
      if (rule_.regex->ok()) rules_.push_back(std::move(rule_));
    }
    rule_ = Rule();
    regex_.clear();
    fold_ = false;
  }

  Text text_;
  const Section& section_;
  std::vector<Rule> rules_;
  Rule rule_;
  std::string regex_;
  bool fold_ = false;
};

const std::vector<Rule>& rules_of(size_t part) {
  static std::array<std::vector<Rule>, 3> rules;
  static std::array<std::once_flag, 3> once;
  std::call_once(once[part], [&] {
    const Text file(uap_core_begin, static_cast<size_t>(uap_core_end - uap_core_begin));
    rules[part] = Reader(file, kSections[part]).read();
  });
  return rules[part];
}

/// With the groups that $1 … name put in.
std::string replace_groups(Text replacement, const std::array<re2::StringPiece, kMostGroups>& groups) {
  std::string out;
  for (size_t i = 0; i < replacement.size(); ++i) {
    const char next = i + 1 < replacement.size() ? replacement[i + 1] : '\0';
    if (replacement[i] == '$' && next >= '1' && next <= '9') {
      const re2::StringPiece& group = groups[static_cast<size_t>(next - '0')];
      out.append(group.data(), group.size());
      ++i;
    } else {
      out += replacement[i];
    }
  }
  return std::string(trim(out));
}

std::vector<std::string> match_rules(Text user_agent, size_t part) {
  std::vector<std::string> values(kSections[part].values);
  values[0] = "Other";
  const re2::StringPiece text(user_agent.data(), user_agent.size());
  for (const Rule& rule : rules_of(part)) {
    std::array<re2::StringPiece, kMostGroups> groups;
    const int count = std::min<int>(rule.regex->NumberOfCapturingGroups() + 1, kMostGroups);
    if (!rule.regex->Match(text, 0, text.size(), re2::RE2::UNANCHORED, groups.data(), count)) continue;
    for (size_t i = 0; i < values.size(); ++i) {
      const re2::StringPiece& group = groups[static_cast<size_t>(kGroups[part][i])];
      if (!rule.replacements[i].empty()) {
        values[i] = replace_groups(rule.replacements[i], groups);
      } else if (kGroups[part][i] > 0) {
        values[i] = std::string(trim(Text(group.data(), group.size())));
      } else {
        values[i].clear();
      }
    }
    break;
  }
  return values;
}

}  // namespace

std::vector<std::string> parse_user_agent(Text user_agent, AgentPart part) {
  // The same few agents come again and again.
  constexpr size_t kMostKept = 1000;
  using Kept = std::map<std::string, std::vector<std::string>, std::less<>>;
  thread_local std::array<Kept, 3> kept;
  user_agent = user_agent.substr(0, kMostBytes);
  Kept& known = kept[static_cast<size_t>(part)];
  const auto found = known.find(user_agent);
  if (found != known.end()) return found->second;
  if (known.size() >= kMostKept) known.clear();
  return known[std::string(user_agent)] = match_rules(user_agent, static_cast<size_t>(part));
}

}  // namespace spillway::kql
