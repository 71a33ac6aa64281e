// Functions of strings. Positions and lengths count code points, from zero.
#include <algorithm>

#include "base/utf8.h"
#include "kql/functions/builder.h"
#include "kql/functions/text_match.h"
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

/// `length` characters are searched from the start, and again from behind each occurrence that isn't the
/// wanted one.
std::optional<int64_t> index_of(Text text, Text match, int64_t start, int64_t length, int64_t occurrence) {
  if (length < -1 || occurrence < 0) return std::nullopt;
  const int64_t characters = utf8::length(text);
  if (start < 0) start = std::max<int64_t>(0, characters + start);
  if (start > characters) return -1;
  for (int64_t left = std::max<int64_t>(occurrence, 1);; --left) {
    const Text behind = text.substr(utf8::offset_of(text, start));
    const Text range = length < 0 ? behind : behind.substr(0, utf8::offset_of(behind, length));
    const size_t at = range.find(match);
    if (at == Text::npos) return -1;
    start += utf8::length(range.substr(0, at));
    if (left == 1) return start;
    if (++start > characters) return -1;
  }
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

/// A part of a text that stays as it is or is replaced.
struct Piece {
  Text text;
  bool matched = false;
};

/// Splits the pieces that no lookup has matched yet by the matches of another one.
std::vector<Piece> split_by(const std::vector<Piece>& pieces, Text lookup, std::optional<Text> rewrite) {
  std::vector<Piece> out;
  for (const Piece& piece : pieces) {
    Text left = piece.text;
    for (size_t at; !piece.matched && (at = left.find(lookup)) != Text::npos;) {
      if (at > 0) out.push_back({left.substr(0, at)});
      out.push_back({rewrite.value_or(lookup), true});
      left.remove_prefix(at + lookup.size());
    }
    if (!left.empty() || piece.matched) out.push_back({left, piece.matched});
  }
  return out;
}

/// Matches of earlier lookups come first, and don't overlap. A lookup that isn't a text is passed over; a
/// match stays where its rewrite isn't one.
void replace_strings(std::string& out, Text text, Text lookups, Text rewrites) {
  std::vector<std::pair<std::string, std::optional<std::string>>> pairs;
  json::Cursor lookup(lookups), rewrite(rewrites);
  while (lookup.next() && rewrite.next()) {
    if (json::kind_of(lookup.value()) != json::Kind::String) continue;
    auto& [from, to] = pairs.emplace_back();
    json::unquote(lookup.value(), from);
    if (json::kind_of(rewrite.value()) == json::Kind::String) json::unquote(rewrite.value(), to.emplace());
    if (from.empty()) pairs.pop_back();
  }
  std::vector<Piece> pieces = {{text}};
  for (const auto& [from, to] : pairs) pieces = split_by(pieces, from, to);
  for (const Piece& piece : pieces) out += piece.text;
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
  table.scalar("split")
      .doc("The parts between delimiters, as an array.")
      .takes({as_string(), String}, Dynamic, native<&split>())
      .takes({as_string(), String, Long}, Dynamic, native<&split_at>());
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

}  // namespace

void declare_strings(FunctionTableBuilder& table) {
  table.category("string");
  declare_parts(table);
  declare_building(table);
}

}  // namespace spillway::kql
