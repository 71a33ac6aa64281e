// Programs are lists of parts, "length:text" each. Columns are packed as their lengths, separated by blanks
// ("-" where a column has no value), then '|', then their texts; no match packs as the empty text.
#include "kql/functions/parse_text.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <set>

#include "kql/functions/builder.h"
#include "kql/functions/regex.h"
#include "kql/functions/text_match.h"

namespace spillway::kql {
namespace {

using Text = std::string_view;

void append_part(std::string& program, Text part) {
  program += std::to_string(part.size());
  program += ':';
  program += part;
}

std::vector<std::string> parts_of(Text program) {
  std::vector<std::string> parts;
  for (size_t at = 0; at < program.size();) {
    const size_t colon = program.find(':', at);
    size_t length = 0;
    if (colon == Text::npos) break;
    std::from_chars(program.data() + at, program.data() + colon, length);
    parts.emplace_back(program.substr(colon + 1, length));
    at = colon + 1 + length;
  }
  return parts;
}

/// Captured texts of one record; nullopt: no value.
using Captures = std::vector<std::optional<Text>>;

void pack(const Captures& captures, std::string& out) {
  for (const std::optional<Text>& capture : captures) {
    if (!out.empty()) out += ' ';
    out += capture ? std::to_string(capture->size()) : "-";
  }
  out += '|';
  for (const std::optional<Text>& capture : captures) {
    if (capture) out += *capture;
  }
}

/// The text of the column at an index; false where it has none.
bool parsed_field(std::string& out, Text packed, int64_t index) {
  size_t texts = packed.find('|');
  if (texts == Text::npos) return false;
  ++texts;
  const char* at = packed.data();
  const char* const end = packed.data() + texts - 1;
  for (int64_t i = 0; at < end; ++i) {
    size_t length = 0;
    const bool there = *at != '-';
    at = there ? std::from_chars(at, end, length).ptr : at + 1;
    if (i == index) {
      if (there) out = packed.substr(texts, length);
      return there;
    }
    texts += length;
    if (at < end) ++at;  // the blank
  }
  return false;
}

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// How many characters of a text begin it as a value of a type, where nothing in the pattern ends it.
size_t value_prefix(Text text, Type type) {
  size_t n = 0;
  if (type == Type::Int || type == Type::Long || type == Type::Real || type == Type::Decimal) {
    const bool fraction = type == Type::Real || type == Type::Decimal;
    if (n < text.size() && (text[n] == '-' || text[n] == '+')) ++n;
    while (n < text.size() && is_digit(text[n])) ++n;
    if (!fraction) return n;
    if (n + 1 < text.size() && text[n] == '.' && is_digit(text[n + 1])) {
      for (++n; n < text.size() && is_digit(text[n]);) ++n;
    }
    size_t exponent = n;
    if (exponent < text.size() && (text[exponent] == 'e' || text[exponent] == 'E')) {
      ++exponent;
      if (exponent < text.size() && (text[exponent] == '-' || text[exponent] == '+')) ++exponent;
      if (exponent < text.size() && is_digit(text[exponent])) {
        while (exponent < text.size() && is_digit(text[exponent])) ++exponent;
        n = exponent;
      }
    }
    return n;
  }
  const Text ends = type == Type::DateTime ? Text(",;\"'()[]{}<>|\t\r\n") : Text(" ,;\"'()[]{}<>|\t\r\n");
  n = std::min(text.find_first_of(ends), text.size());
  while (n > 0 && text[n - 1] == ' ') --n;
  if (type != Type::DateTime) return n;
  // A datetime may hold blanks: the longest that reads as one.
  constexpr size_t kLongestDatetime = 64;
  n = std::min(n, kLongestDatetime);
  for (size_t length = n; length != Text::npos && length > 0; length = text.rfind(' ', length - 1)) {
    if (parse_datetime(text.substr(0, length))) return length;
  }
  return n;
}

class SimplePattern {
 public:
  explicit SimplePattern(const std::vector<std::string>& parts) {
    for (size_t i = 1; i + 1 < parts.size(); i += 2) {
      ParseStep step;
      if (parts[i] == "T") {
        step.kind = ParseStep::Kind::Text;
        step.text = parts[i + 1];
      } else if (parts[i] == "C") {
        step.kind = ParseStep::Kind::Column;
        step.type = parse_type(parts[i + 1]).value_or(Type::String);
      }
      steps_.push_back(std::move(step));
    }
  }

  bool match(Text text, Captures& captures) const {
    size_t at = 0;
    for (size_t i = 0; i < steps_.size(); ++i) {
      const ParseStep& step = steps_[i];
      const ParseStep* next = i + 1 < steps_.size() ? &steps_[i + 1] : nullptr;
      if (step.kind == ParseStep::Kind::Text) {
        if (!text.substr(at).starts_with(step.text)) return false;
        at += step.text.size();
        continue;
      }
      const bool column = step.kind == ParseStep::Kind::Column;
      if (!next) {
        if (column) captures.push_back(text.substr(at));
        return true;
      }
      if (next->kind != ParseStep::Kind::Text) {  // a column, then '*'
        const size_t length = value_prefix(text.substr(at), step.type);
        captures.push_back(text.substr(at, length));
        at += length;
        continue;
      }
      const size_t found = find(text, at, i + 1);
      if (found == Text::npos) return false;
      if (column) captures.push_back(text.substr(at, found - at));
      at = found;
    }
    return at == text.size();
  }

 private:
  /// Where the text of step `i` is next; the last step of a pattern ends the text.
  size_t find(Text text, size_t at, size_t i) const {
    const std::string& wanted = steps_[i].text;
    if (i + 1 < steps_.size()) return text.find(wanted, at);
    if (text.size() < at + wanted.size() || !text.ends_with(wanted)) return Text::npos;
    return text.size() - wanted.size();
  }

  std::vector<ParseStep> steps_;
};

class RegexPattern {
 public:
  explicit RegexPattern(const std::vector<std::string>& parts) : regex_(parts[1]) {
    for (size_t i = 2; i < parts.size(); ++i) groups_.push_back(std::stoul(parts[i]));
  }
  bool match(Text text, Captures& captures) const {
    const re2::RE2* regex = compiled_regex(regex_);
    if (!regex) return false;
    const int groups = 1 + regex->NumberOfCapturingGroups();
    std::vector<re2::StringPiece> found(static_cast<size_t>(groups));
    const re2::StringPiece input(text.data(), text.size());
    if (!regex->Match(input, 0, text.size(), re2::RE2::ANCHOR_BOTH, found.data(), groups)) return false;
    for (const size_t group : groups_) captures.emplace_back(Text(found[group].data(), found[group].size()));
    return true;
  }

 private:
  std::string regex_;
  std::vector<size_t> groups_;
};

struct Pattern {
  std::optional<SimplePattern> simple;
  std::optional<RegexPattern> regex;
};

/// The pattern of a program, which is the same from record to record.
template <typename T, T (*Compile)(Text)>
const T& compiled(Text program) {
  thread_local std::string last;
  thread_local std::optional<T> pattern;
  if (!pattern || last != program) {
    pattern.emplace(Compile(program));
    last.assign(program);
  }
  return *pattern;
}

Pattern compile_pattern(Text program) {
  const std::vector<std::string> parts = parts_of(program);
  Pattern pattern;
  if (parts.size() >= 2 && parts[0] == "regex") {
    pattern.regex.emplace(parts);
  } else {
    pattern.simple.emplace(parts);
  }
  return pattern;
}

void parse_pattern(std::string& out, Text text, Text program) {
  const Pattern& pattern = compiled<Pattern, &compile_pattern>(program);
  thread_local Captures captures;
  captures.clear();
  if (pattern.regex ? pattern.regex->match(text, captures) : pattern.simple->match(text, captures)) {
    pack(captures, out);
  }
}

/// The translation of a column's type in kind=regex; numbers stay greedy under the flag U.
const char* regex_of(Type type) {
  switch (type) {
    case Type::Int:
    case Type::Long: return "((?-U:-?\\d+))";
    case Type::Real:
    case Type::Decimal: return "((?-U:[-+]?\\d+(?:\\.\\d+)?(?:[eE][-+]?\\d+)?))";
    default: return "(.*)";
  }
}

Text trimmed(Text text) {
  constexpr Text kBlanks = " \t\r\n";
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == Text::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

/// parse-kv over one text after another.
class PairReader {
 public:
  explicit PairReader(Text program) {
    const std::vector<std::string> parts = parts_of(program);
    size_t at = 0;
    const auto next = [&] { return at < parts.size() ? parts[at++] : std::string(); };
    const auto list = [&] {
      std::vector<std::string> items(std::stoul(next()));
      for (std::string& item : items) item = next();
      return items;
    };
    format_.regex = next();
    format_.pair_delimiter = next();
    format_.kv_delimiter = next();
    format_.greedy = next() == "greedy";
    format_.quotes = list();
    format_.escapes = list();
    const std::vector<std::string> keys = list();
    for (size_t i = 0; i < keys.size(); ++i) keys_.emplace(keys[i], i);
    count_ = keys.size();
  }

  void read(Text text, std::string& out) {
    values_.assign(count_, std::nullopt);
    if (!format_.regex.empty()) {
      read_by_regex(text);
    } else if (format_.kv_delimiter.empty()) {
      read_words(text);
    } else {
      read_delimited(text);
    }
    Captures captures(values_.begin(), values_.end());
    pack(captures, out);
  }

 private:
  void add(Text key, Text value) {
    const auto found = keys_.find(trimmed(key));
    if (found != keys_.end() && !values_[found->second]) values_[found->second] = std::string(value);
  }

  void read_by_regex(Text text) {
    const re2::RE2* regex = compiled_regex(format_.regex);
    if (!regex || regex->NumberOfCapturingGroups() != 2) return;
    const re2::StringPiece input(text.data(), text.size());
    re2::StringPiece found[3];
    for (size_t at = 0; at <= text.size();) {
      if (!regex->Match(input, at, text.size(), re2::RE2::UNANCHORED, found, 3)) return;
      add(Text(found[1].data(), found[1].size()), trimmed(Text(found[2].data(), found[2].size())));
      const auto end = static_cast<size_t>(found[0].data() - text.data()) + found[0].size();
      at = end > at ? end : at + 1;
    }
  }

  bool is_escape(char c) const {
    return std::any_of(format_.escapes.begin(), format_.escapes.end(),
                       [&](const std::string& escape) { return escape[0] == c; });
  }

  /// At an opening quote: what it encloses; `at` moves behind the closing one. Nullopt where none opens.
  std::optional<std::string> quoted(Text text, size_t& at) const {
    for (const std::string& quote : format_.quotes) {
      if (at >= text.size() || text[at] != quote.front()) continue;
      const char close = quote.back();
      std::string inside;
      size_t i = at + 1;
      for (; i < text.size() && text[i] != close; ++i) {
        if (is_escape(text[i]) && i + 1 < text.size()) ++i;
        inside += text[i];
      }
      if (i >= text.size()) continue;  // never closed: an ordinary character
      at = i + 1;
      return inside;
    }
    return std::nullopt;
  }

  void read_words(Text text) {
    std::vector<std::string> words;
    for (size_t at = 0; at < text.size();) {
      if (std::optional<std::string> inside = quoted(text, at)) {
        words.push_back(*std::move(inside));
        continue;
      }
      const size_t first = at;
      size_t end = at;
      while (at < text.size() && is_term_character(next_code_point(text, at))) end = at;
      if (end > first) words.emplace_back(text.substr(first, end - first));
    }
    for (size_t i = 0; i + 1 < words.size(); ++i) {
      if (!keys_.contains(words[i])) continue;
      add(words[i], words[i + 1]);
      ++i;
    }
  }

  void skip_blanks(Text text, size_t& at) const {
    while (at < text.size() &&
           (text[at] == ' ' || text[at] == '\t' || text[at] == '\r' || text[at] == '\n') &&
           !text.substr(at).starts_with(format_.pair_delimiter)) {
      ++at;
    }
  }

  void read_delimited(Text text) {
    for (size_t at = 0; at < text.size();) {
      while (at < text.size() && text.substr(at).starts_with(format_.pair_delimiter)) {
        at += format_.pair_delimiter.size();
      }
      skip_blanks(text, at);
      std::string key;
      if (!read_key(text, at, key)) continue;
      const std::string value = read_value(text, at);
      add(key, value);
    }
  }

  /// Up to and with the delimiter behind the key; false where there is no pair, and `at` stands at the next.
  bool read_key(Text text, size_t& at, std::string& key) const {
    const size_t first = at;
    if (std::optional<std::string> inside = quoted(text, at)) {
      key = *std::move(inside);
      skip_blanks(text, at);
      if (text.substr(at).starts_with(format_.kv_delimiter)) {
        at += format_.kv_delimiter.size();
        return true;
      }
      at = first;
    }
    const size_t delimiter = text.find(format_.kv_delimiter, at);
    const size_t end = std::min(text.find(format_.pair_delimiter, at), text.size());
    if (delimiter == Text::npos || delimiter > end) {
      at = std::max(end, first + 1);
      return false;
    }
    key = text.substr(at, delimiter - at);
    at = delimiter + format_.kv_delimiter.size();
    return true;
  }

  std::string read_value(Text text, size_t& at) const {
    skip_blanks(text, at);
    if (std::optional<std::string> inside = quoted(text, at)) {
      at = std::min(text.find(format_.pair_delimiter, at), text.size());
      return *std::move(inside);
    }
    const size_t first = at;
    at = std::min(format_.greedy ? greedy_end(text, at) : text.find(format_.pair_delimiter, at), text.size());
    return std::string(trimmed(text.substr(first, at - first)));
  }

  /// Where a value ends that goes on until the next key.
  size_t greedy_end(Text text, size_t at) const {
    for (size_t from = at;;) {
      const size_t delimiter = text.find(format_.kv_delimiter, from);
      if (delimiter == Text::npos) return text.size();
      const size_t before = delimiter == 0 ? Text::npos : text.rfind(format_.pair_delimiter, delimiter - 1);
      if (before != Text::npos && before >= at) return before;
      from = delimiter + format_.kv_delimiter.size();
    }
  }

  KeyValueFormat format_;
  std::map<std::string, size_t, std::less<>> keys_;
  size_t count_ = 0;
  std::vector<std::optional<std::string>> values_;
};

void parse_pairs(std::string& out, Text text, Text program) {
  thread_local std::string last;
  thread_local std::optional<PairReader> reader;
  if (!reader || last != program) {
    reader.emplace(program);
    last.assign(program);
  }
  reader->read(text, out);
}

}  // namespace

std::string simple_parse_program(const std::vector<ParseStep>& steps) {
  std::string program;
  append_part(program, "simple");
  for (const ParseStep& step : steps) {
    switch (step.kind) {
      case ParseStep::Kind::Star:
        append_part(program, "S");
        append_part(program, "");
        break;
      case ParseStep::Kind::Text:
        append_part(program, "T");
        append_part(program, step.text);
        break;
      case ParseStep::Kind::Column:
        append_part(program, "C");
        append_part(program, kql_name(step.type));
        break;
    }
  }
  return program;
}

Result<std::string> regex_parse_program(const std::vector<ParseStep>& steps, std::string_view flags) {
  constexpr Text kFlags = "imsU";
  if (const size_t bad = flags.find_first_not_of(kFlags); bad != Text::npos) {
    return Error(ErrorCode::BadRequest,
                 "'" + std::string(1, flags[bad]) + "' is no regex flag: there are i, m, s and U");
  }
  const bool swapped = flags.find('U') != Text::npos;
  std::string regex = flags.empty() ? "" : "(?" + std::string(flags) + ")";
  std::vector<size_t> groups;
  size_t group = 0;
  for (const ParseStep& step : steps) {
    if (step.kind == ParseStep::Kind::Star) {
      regex += swapped ? ".*" : ".*?";
    } else if (step.kind == ParseStep::Kind::Column) {
      groups.push_back(++group);
      regex += regex_of(step.type);
    } else {
      const re2::RE2* part = compiled_regex(step.text);
      if (!part) {
        return Error(ErrorCode::BadRequest, "'" + step.text + "' is not a valid regular expression");
      }
      group += static_cast<size_t>(part->NumberOfCapturingGroups());
      regex += "(?:" + step.text + ")";
    }
  }
  if (!compiled_regex(regex)) {
    return Error(ErrorCode::BadRequest, "the pattern is not a valid regular expression");
  }
  std::string program;
  append_part(program, "regex");
  append_part(program, regex);
  for (const size_t number : groups) append_part(program, std::to_string(number));
  return program;
}

std::string key_value_program(const KeyValueFormat& format, const std::vector<std::string>& keys) {
  std::string program;
  const auto append_list = [&](const std::vector<std::string>& list) {
    append_part(program, std::to_string(list.size()));
    for (const std::string& item : list) append_part(program, item);
  };
  append_part(program, format.regex);
  append_part(program, format.pair_delimiter);
  append_part(program, format.kv_delimiter);
  append_part(program, format.greedy ? "greedy" : "");
  append_list(format.quotes);
  append_list(format.escapes);
  append_list(keys);
  return program;
}

void declare_parse_text(FunctionTableBuilder& table) {
  using enum Type;
  table.category("operator");
  table.scalar("parse pattern")
      .doc("The columns of a parse pattern, packed into one text.")
      .takes({String, String}, String, native<&parse_pattern>());
  table.scalar("parse pairs")
      .doc("The values of parse-kv's keys, packed into one text.")
      .takes({String, String}, String, native<&parse_pairs>());
  table.scalar("parsed field")
      .doc("A column of those that a parse packed.")
      .takes({String, Long}, String, native<&parsed_field>());
}

}  // namespace spillway::kql
