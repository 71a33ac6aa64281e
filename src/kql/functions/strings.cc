// Functions of strings. Positions and lengths count code points, from zero.
#include <algorithm>

#include "kql/functions/builder.h"
#include "kql/functions/regex.h"
#include "kql/functions/text_match.h"
#include "kql/functions/utf8.h"
#include "kql/json.h"

namespace spillway::kql {
namespace {

using Text = std::string_view;

// ---- parts
// -----------------------------------------------------------------------------------------------------

/// `length` code points from `start` on; from the end where `start` is negative.
Text part(Text text, int64_t start, int64_t length) {
  if (start < 0) start = std::max<int64_t>(0, utf8::length(text) + start);
  text.remove_prefix(utf8::offset_of(text, start));
  return text.substr(0, utf8::offset_of(text, std::max<int64_t>(0, length)));
}
Text substring(Text text, int64_t start) {
  return part(text, start, INT64_MAX);
}

std::optional<int64_t> index_of(Text text, Text match, int64_t start, int64_t length, int64_t occurrence) {
  if (length < -1 || occurrence < 1) return std::nullopt;
  const int64_t characters = utf8::length(text);
  if (start < 0) start = std::max<int64_t>(0, characters + start);
  if (start > characters) return -1;
  const size_t begin = utf8::offset_of(text, start);
  Text range = text.substr(begin);
  if (length >= 0) range = range.substr(0, utf8::offset_of(range, length));
  size_t at = range.find(match);
  while (at != Text::npos && --occurrence > 0) at = range.find(match, at + 1);
  if (at == Text::npos) return -1;
  return start + utf8::length(range.substr(0, at));
}
std::optional<int64_t> index_of_anywhere(Text text, Text match) {
  return index_of(text, match, 0, -1, 1);
}
std::optional<int64_t> index_of_from(Text text, Text match, int64_t start) {
  return index_of(text, match, start, -1, 1);
}
std::optional<int64_t> index_of_within(Text text, Text match, int64_t start, int64_t length) {
  return index_of(text, match, start, length, 1);
}

void append_element(std::string& out, Text element) {
  if (out.size() > 1) out += ',';
  json::quote(element, out);
}

/// Without a delimiter the text itself is the only part.
void split(std::string& out, Text text, Text delimiter) {
  out += '[';
  while (!delimiter.empty()) {
    const size_t at = text.find(delimiter);
    if (at == Text::npos) break;
    append_element(out, text.substr(0, at));
    text.remove_prefix(at + delimiter.size());
  }
  append_element(out, text);
  out += ']';
}

/// An array of the part at `index`, or an empty one.
void split_at(std::string& out, Text text, Text delimiter, int64_t index) {
  std::string parts;
  split(parts, text, delimiter);
  const std::optional<Text> found = index < 0 ? std::nullopt : json::element(parts, index);
  out += '[';
  if (found) out += *found;
  out += ']';
}

// ---- building
// --------------------------------------------------------------------------------------------------

constexpr int64_t kMostRepetitions = 1024;
constexpr size_t kMostBytes = 16 << 20;  // of one text that a function makes

void repeat_with(std::string& out, Text text, int64_t times, Text delimiter) {
  times = std::min(times, kMostRepetitions);
  for (int64_t i = 0; i < times && out.size() + text.size() + delimiter.size() <= kMostBytes; ++i) {
    if (i > 0) out += delimiter;
    out += text;
  }
}
void repeat(std::string& out, Text text, int64_t times) {
  repeat_with(out, text, times, "");
}

void join_texts(std::string& out, Text delimiter, Rest texts) {
  for (size_t i = 0; i < texts.size(); ++i) {
    if (i > 0) out += delimiter;
    if (!texts.is_null(i)) out += texts.text(i);
  }
}

void reverse(std::string& out, Text text) {
  out.resize(text.size());
  size_t end = text.size();
  for (size_t at = 0; at < text.size();) {
    size_t next = at + 1;
    while (next < text.size() && utf8::is_continuation(text[next])) ++next;
    end -= next - at;
    std::copy(text.begin() + at, text.begin() + next, out.begin() + end);
    at = next;
  }
}

/// Characters of `search` become those at the same place in `replacement`, the last of it standing for all
/// that have none there; where it is empty they go.
void translate(std::string& out, Text search, Text replacement, Text text) {
  const int64_t replacements = utf8::length(replacement);
  for (size_t at = 0; at < text.size();) {
    size_t next = at;
    next_code_point(text, next);
    const Text character = text.substr(at, next - at);
    at = next;
    const size_t found = search.find(character);
    if (found == Text::npos) {
      out += character;
    } else if (replacements > 0) {
      const int64_t place = std::min(utf8::length(search.substr(0, found)), replacements - 1);
      out += part(replacement, place, 1);
    }
  }
}

/// Like .NET's: where `lookup` is empty nothing is replaced.
void replace_string(std::string& out, Text text, Text lookup, Text rewrite) {
  while (!lookup.empty()) {
    const size_t at = text.find(lookup);
    if (at == Text::npos) break;
    out += text.substr(0, at);
    out += rewrite;
    text.remove_prefix(at + lookup.size());
  }
  out += text;
}

/// At each place the first of `lookups` that matches counts. Elements that aren't strings are passed over.
void replace_strings(std::string& out, Text text, Text lookups, Text rewrites) {
  std::vector<std::pair<std::string, std::string>> pairs;
  json::Cursor lookup(lookups), rewrite(rewrites);
  while (lookup.next() && rewrite.next()) {
    if (json::kind_of(lookup.value()) != json::Kind::String ||
        json::kind_of(rewrite.value()) != json::Kind::String)
      continue;
    auto& [from, to] = pairs.emplace_back();
    json::unquote(lookup.value(), from);
    json::unquote(rewrite.value(), to);
    if (from.empty()) pairs.pop_back();
  }
  for (size_t at = 0; at < text.size();) {
    const auto found = std::find_if(pairs.begin(), pairs.end(), [&](const auto& pair) {
      return text.substr(at).starts_with(pair.first);
    });
    if (found == pairs.end()) {
      out += text[at++];
    } else {
      out += found->second;
      at += found->first.size();
    }
  }
}

// ---- regular expressions: a pattern that isn't one gives null
// --------------------------------------------------

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

/// What matches of `pattern` at the start and at the end leave.
std::optional<Text> trimmed(Text pattern, Text text, bool start, bool end) {
  if (start) {
    const re2::RE2* regex = compiled_regex(pattern);
    if (!regex) return std::nullopt;
    re2::StringPiece match;
    if (regex->Match(piece(text), 0, text.size(), re2::RE2::ANCHOR_START, &match, 1))
      text.remove_prefix(match.size());
  }
  if (end) {
    const re2::RE2* regex = compiled_regex("(?:" + std::string(pattern) + ")$");
    if (!regex) return std::nullopt;
    re2::StringPiece match;
    if (regex->Match(piece(text), 0, text.size(), re2::RE2::UNANCHORED, &match, 1)) {
      text = text.substr(0, static_cast<size_t>(match.data() - text.data()));
    }
  }
  return text;
}
std::optional<Text> trim(Text pattern, Text text) {
  return trimmed(pattern, text, true, true);
}
std::optional<Text> trim_start(Text pattern, Text text) {
  return trimmed(pattern, text, true, false);
}
std::optional<Text> trim_end(Text pattern, Text text) {
  return trimmed(pattern, text, false, true);
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

int64_t compare(Text a, Text b) {
  const int order = a.compare(b);
  return order < 0 ? -1 : order > 0 ? 1 : 0;
}

// ---- declarations
// ----------------------------------------------------------------------------------------------

void declare_parts(FunctionTableBuilder& table) {
  using enum Type;
  table.scalar("strlen").doc("How many characters.").takes({as_string()}, Long, sql("length({0})"));
  table.scalar("string_size").doc("How many bytes.").takes({as_string()}, Long, sql("strlen({0})"));
  table.scalar("substring")
      .doc("Characters from a position on.")
      .takes({as_string(), Long}, String, native<&substring>())
      .takes({as_string(), Long, Long}, String, native<&part>());
  table.scalar("indexof")
      .doc("The position of the first occurrence; -1 where there is none.")
      .takes({as_string(), as_string()}, Long, native<&index_of_anywhere>())
      .takes({as_string(), as_string(), Long}, Long, native<&index_of_from>())
      .takes({as_string(), as_string(), Long, Long}, Long, native<&index_of_within>())
      .takes({as_string(), as_string(), Long, Long, Long}, Long, native<&index_of>());
  table.scalar("indexof_regex")
      .doc("The position of the first match; -1 where there is none.")
      .takes({as_string(), String}, Long, native<&index_of_regex>())
      .takes({as_string(), String, Long}, Long, native<[](Text text, Text pattern, int64_t start) {
               return index_of_match(text, pattern, start, -1, 1);
             }>())
      .takes({as_string(), String, Long, Long}, Long,
             native<[](Text text, Text pattern, int64_t start, int64_t length) {
               return index_of_match(text, pattern, start, length, 1);
             }>())
      .takes({as_string(), String, Long, Long, Long}, Long, native<&index_of_match>())
      .checks(1, &regex_error);
  table.scalar("split")
      .doc("The parts between delimiters, as an array.")
      .takes({as_string(), String}, Dynamic, native<&split>())
      .takes({as_string(), String, Long}, Dynamic, native<&split_at>());
  table.scalar("countof")
      .doc("How often a text or a regular expression occurs.")
      .takes({as_string(), String}, Long, native<&count_plain>())
      .takes({as_string(), String, String}, Long, native<&count_of>());
  table.scalar("strcmp")
      .doc("-1, 0 or 1: how two texts are ordered.")
      .takes({as_string(), as_string()}, Long, native<&compare>());
}

void declare_building(FunctionTableBuilder& table) {
  using enum Type;
  table.scalar("tolower").doc("In small letters.").takes({String}, String, sql("lower({0})"));
  table.scalar("toupper").doc("In capital letters.").takes({String}, String, sql("upper({0})"));
  table.scalar("strcat")
      .doc("All arguments as one text.")
      .takes({as_string()}, String, sql("concat({*})"))
      .repeating(1);
  table.scalar("strcat_delim")
      .doc("Texts with a delimiter between them.")
      .takes_nulls({as_string(), as_string()}, String, native<&join_texts>())
      .repeating(3);
  table.scalar("strrep")
      .doc("A text, repeated.")
      .takes({as_string(), Long}, String, native<&repeat>())
      .takes({as_string(), Long, as_string()}, String, native<&repeat_with>());
  table.scalar("reverse")
      .doc("Its characters from the last to the first.")
      .takes({as_string()}, String, native<&reverse>());
  table.scalar("translate")
      .doc("Characters of one list replaced by those of another.")
      .takes({as_string(), as_string(), as_string()}, String, native<&translate>());
  table.scalar("replace_string")
      .doc("All occurrences of a text replaced.")
      .takes({as_string(), as_string(), as_string()}, String, native<&replace_string>());
  table.scalar("replace_strings")
      .doc("All occurrences of several texts replaced.")
      .takes({as_string(), Dynamic, Dynamic}, String, native<&replace_strings>());
}

void declare_regular_expressions(FunctionTableBuilder& table) {
  using enum Type;
  table.scalar("replace_regex")
      .doc("All matches of a regular expression replaced.")
      .takes({as_string(), String, as_string()}, String, native<&replace_regex>())
      .checks(1, &regex_error);
  table.alias("replace", "replace_regex");
  table.scalar("extract")
      .doc("What a group of a regular expression matches first.")
      .takes({String, Long, as_string()}, String, native<&extract>())
      .checks(0, &regex_error);
  table.scalar("extract_all")
      .doc("All that the groups of a regular expression match, as an array.")
      .takes({String, as_string()}, Dynamic, native<&extract_all>())
      .takes({String, Dynamic, as_string()}, Dynamic, native<&extract_groups>())
      .checks(0, &regex_error);
  table.alias("extractall", "extract_all");
  table.scalar("trim")
      .doc("Without a match at both ends.")
      .takes({String, as_string()}, String, native<&trim>())
      .checks(0, &regex_error);
  table.scalar("trim_start")
      .doc("Without a match at the start.")
      .takes({String, as_string()}, String, native<&trim_start>())
      .checks(0, &regex_error);
  table.scalar("trim_end")
      .doc("Without a match at the end.")
      .takes({String, as_string()}, String, native<&trim_end>())
      .checks(0, &regex_error);
}

}  // namespace

void declare_strings(FunctionTableBuilder& table) {
  table.category("string");
  declare_parts(table);
  declare_building(table);
  declare_regular_expressions(table);
}

}  // namespace spillway::kql
