// Functions of regular expressions (RE2). A pattern that isn't one is an error, be it a constant or not.
#include <algorithm>

#include "base/utf8.h"
#include "kql/functions/builder.h"
#include "kql/functions/regex.h"
#include "kql/functions/text_match.h"
#include "kql/json.h"

namespace spillway::kql {
namespace {

using Text = std::string_view;

re2::StringPiece piece(Text text) {
  return {text.data(), text.size()};
}
Text text_of(re2::StringPiece part) {
  return {part.data(), part.size()};
}

bool replace_regex(std::string& out, Text text, Text pattern, Text rewrite) {
  const re2::RE2* regex = compiled_regex(pattern);
  if (!regex) return false;
  out.assign(text);
  re2::RE2::GlobalReplace(&out, *regex, piece(rewrite));
  return true;
}

/// With a backslash before each character that means something in a regular expression.
void quote_regex(std::string& out, Text text) {
  constexpr Text kSpecial = "\\.+*?()|[]{}^$#&-~";
  for (const char c : text) {
    if (kSpecial.find(c) != Text::npos) out += '\\';
    out += c;
  }
}

constexpr int kMostGroups = 17;  // the whole match and sixteen

bool extract(std::string& out, Text pattern, int64_t group, Text text) {
  const re2::RE2* regex = compiled_regex(pattern);
  if (!regex || group < 0 || group > regex->NumberOfCapturingGroups() || group >= kMostGroups) return false;
  re2::StringPiece parts[kMostGroups];
  if (!regex->Match(piece(text), 0, text.size(), re2::RE2::UNANCHORED, parts, static_cast<int>(group) + 1))
    return false;
  out += text_of(parts[group]);
  return true;
}

/// The groups that `chosen` names by number or by name; all where it is empty. False where it names none.
bool groups_of(const re2::RE2& regex, Text chosen, std::vector<int>& groups) {
  const int count = regex.NumberOfCapturingGroups();
  if (chosen.empty()) {
    for (int i = 1; i <= count && i < kMostGroups; ++i) groups.push_back(i);
    return !groups.empty();
  }
  for (json::Cursor each(chosen); each.next();) {
    std::string name;
    json::append_text(each.value(), name);
    const auto named = regex.NamedCapturingGroups().find(name);
    const int group = named != regex.NamedCapturingGroups().end() ? named->second
                      : json::kind_of(each.value()) == json::Kind::Integer
                          ? static_cast<int>(json::number(each.value()))
                          : 0;
    if (group < 1 || group > count || group >= kMostGroups) return false;
    groups.push_back(group);
  }
  return !groups.empty();
}

bool extract_groups(std::string& out, Text pattern, Text chosen, Text text) {
  const re2::RE2* regex = compiled_regex(pattern);
  std::vector<int> groups;
  if (!regex || !groups_of(*regex, chosen, groups)) return false;
  re2::StringPiece parts[kMostGroups];
  out += '[';
  for (size_t at = 0; at <= text.size();) {
    if (!regex->Match(piece(text), at, text.size(), re2::RE2::UNANCHORED, parts, kMostGroups)) break;
    std::string row = groups.size() > 1 ? "[" : "";
    for (size_t i = 0; i < groups.size(); ++i) {
      if (i > 0) row += ',';
      json::quote(text_of(parts[groups[i]]), row);
    }
    if (groups.size() > 1) row += ']';
    if (out.size() > 1) out += ',';
    out += row;
    const size_t end = static_cast<size_t>(parts[0].data() - text.data()) + parts[0].size();
    at = parts[0].empty() ? end + 1 : end;
  }
  out += ']';
  return out.size() > 2;
}
bool extract_all(std::string& out, Text pattern, Text text) {
  return extract_groups(out, pattern, "", text);
}

std::optional<Text> without_start(const std::string& pattern, Text text) {
  const re2::RE2* regex = compiled_regex(pattern);
  if (!regex) return std::nullopt;
  re2::StringPiece match;
  if (regex->Match(piece(text), 0, text.size(), re2::RE2::ANCHOR_START, &match, 1)) {
    text.remove_prefix(match.size());
  }
  return text;
}
std::optional<Text> without_end(const std::string& pattern, Text text) {
  const re2::RE2* regex = compiled_regex("(?:" + pattern + ")$");
  if (!regex) return std::nullopt;
  re2::StringPiece match;
  if (regex->Match(piece(text), 0, text.size(), re2::RE2::UNANCHORED, &match, 1)) {
    text = text.substr(0, static_cast<size_t>(match.data() - text.data()));
  }
  return text;
}

/// All matches at both ends go.
std::optional<Text> trim(Text pattern, Text text) {
  const std::string all = "(?:" + std::string(pattern) + ")+";
  const std::optional<Text> left = without_start(all, text);
  return left ? without_end(all, *left) : left;
}
/// One match goes.
std::optional<Text> trim_start(Text pattern, Text text) {
  return without_start(std::string(pattern), text);
}
std::optional<Text> trim_end(Text pattern, Text text) {
  return without_end(std::string(pattern), text);
}

std::optional<int64_t> index_of_regex(Text text, Text pattern) {
  const re2::RE2* regex = compiled_regex(pattern);
  if (!regex) return std::nullopt;
  re2::StringPiece match;
  if (!regex->Match(piece(text), 0, text.size(), re2::RE2::UNANCHORED, &match, 1)) return -1;
  return utf8::length(text.substr(0, static_cast<size_t>(match.data() - text.data())));
}

/// The position of a match, of those that lie within a number of characters from a start; -1 where there is
/// none.
std::optional<int64_t> index_of_match(Text text, Text pattern, int64_t start, int64_t length,
                                      int64_t occurrence) {
  const re2::RE2* regex = compiled_regex(pattern);
  if (!regex || start < 0 || length < -1 || occurrence < 0) return std::nullopt;
  const auto byte_of = [&](int64_t character) {
    size_t at = 0;
    for (int64_t i = 0; i < character && at < text.size(); ++i) next_code_point(text, at);
    return at;
  };
  size_t at = byte_of(start);
  const size_t end =
      length < 0 || length > static_cast<int64_t>(text.size()) ? text.size() : byte_of(start + length);
  re2::StringPiece match;
  for (int64_t found = 1; at <= end && regex->Match(piece(text), at, end, re2::RE2::UNANCHORED, &match, 1);
       ++found) {
    const size_t position = static_cast<size_t>(match.data() - text.data());
    if (found >= occurrence) return utf8::length(text.substr(0, position));
    at = position + std::max<size_t>(match.size(), 1);
  }
  return -1;
}

std::optional<int64_t> index_of_match_from(Text text, Text pattern, int64_t start) {
  return index_of_match(text, pattern, start, -1, 1);
}
std::optional<int64_t> index_of_match_within(Text text, Text pattern, int64_t start, int64_t length) {
  return index_of_match(text, pattern, start, length, 1);
}

/// Plain matches may overlap.
int64_t count_plain(Text text, Text search) {
  int64_t count = 0;
  if (search.empty()) return 0;
  for (size_t at = text.find(search); at != Text::npos; at = text.find(search, at + 1)) ++count;
  return count;
}

std::optional<int64_t> count_of(Text text, Text search, Text kind) {
  if (kind == "normal") return count_plain(text, search);
  const re2::RE2* regex = kind == "regex" ? compiled_regex(search) : nullptr;
  if (!regex) return std::nullopt;
  int64_t count = 0;
  re2::StringPiece match;
  for (size_t at = 0;
       at <= text.size() && regex->Match(piece(text), at, text.size(), re2::RE2::UNANCHORED, &match, 1);) {
    ++count;
    const size_t end = static_cast<size_t>(match.data() - text.data()) + match.size();
    at = match.empty() ? end + 1 : end;
  }
  return count;
}

/// extract_all() needs a group to extract.
std::string groups_error(const Value& pattern) {
  const std::string problem = regex_error(pattern);
  if (!problem.empty() || pattern.is_null() || pattern.type() != Type::String) return problem;
  const int groups = compiled_regex(pattern.as_text())->NumberOfCapturingGroups();
  if (groups >= 1 && groups < kMostGroups) return "";
  return "'" + pattern.as_text() + "' has " + std::to_string(groups) + " groups, not one to " +
         std::to_string(kMostGroups - 1);
}

std::string kind_error(const Value& kind) {
  if (kind.type() != Type::String || kind.as_text() == "normal" || kind.as_text() == "regex") return "";
  return "there is no kind of search '" + kind.as_text() + "', only 'normal' and 'regex'";
}

void declare_counting(FunctionTableBuilder& table) {
  using enum Type;
  table.scalar("indexof_regex")
      .doc("The position of the first match; -1 where there is none.")
      .takes({as_string(), String}, Long, regex_native<&index_of_regex, 1>())
      .takes({as_string(), String, Long}, Long, regex_native<&index_of_match_from, 1>())
      .takes({as_string(), String, Long, Long}, Long, regex_native<&index_of_match_within, 1>())
      .takes({as_string(), String, Long, Long, Long}, Long, regex_native<&index_of_match, 1>())
      .checks(1, &regex_error);
  table.scalar("countof")
      .doc("How often a text or a regular expression occurs.")
      .takes({as_string(), String}, Long, native<&count_plain>())
      .takes({as_string(), String, String}, Long, native<&count_of>())
      .checks(2, &kind_error);
}

void declare_matching(FunctionTableBuilder& table) {
  using enum Type;
  table.scalar("replace_regex")
      .doc("All matches of a regular expression replaced.")
      .takes({as_string(), String, as_string()}, String, regex_native<&replace_regex, 1>())
      .checks(1, &regex_error);
  table.alias("replace", "replace_regex");
  table.scalar("extract")
      .doc("What a group of a regular expression matches first.")
      .takes({String, Long, as_string()}, String, regex_native<&extract, 0>())
      .checks(0, &regex_error);
  table.scalar("extract_all")
      .doc("All that the groups of a regular expression match, as an array.")
      .takes({String, as_string()}, Dynamic, regex_native<&extract_all, 0>())
      .takes({String, Dynamic, as_string()}, Dynamic, regex_native<&extract_groups, 0>())
      .checks(0, &groups_error);
  table.alias("extractall", "extract_all");
  table.scalar("regex_quote")
      .doc("As a regular expression that matches just the text.")
      .takes({as_string()}, String, native<&quote_regex>());
}

void declare_trimming(FunctionTableBuilder& table) {
  using enum Type;
  table.scalar("trim")
      .doc("Without a match at both ends.")
      .takes({String, as_string()}, String, regex_native<&trim, 0>())
      .checks(0, &regex_error);
  table.scalar("trim_start")
      .doc("Without a match at the start.")
      .takes({String, as_string()}, String, regex_native<&trim_start, 0>())
      .checks(0, &regex_error);
  table.scalar("trim_end")
      .doc("Without a match at the end.")
      .takes({String, as_string()}, String, regex_native<&trim_end, 0>())
      .checks(0, &regex_error);
}

}  // namespace

void declare_regex(FunctionTableBuilder& table) {
  table.category("string");
  declare_counting(table);
  declare_matching(table);
  declare_trimming(table);
}

}  // namespace spillway::kql
