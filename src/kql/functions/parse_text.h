// What the operators parse and parse-kv do to one text: a pattern, compiled once, gives the texts of its
// columns. The binder writes the pattern as a program, which the functions below read; the columns come
// packed into one text, so that a record is matched once however many columns it gives.
//
// Sources: query/parse-operator.md, query/parse-where-operator.md, query/parse-kv-operator.md.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/types.h"

namespace spillway::kql {

/// One part of a parse pattern.
struct ParseStep {
  enum class Kind { Star, Text, Column } kind = Kind::Star;
  std::string text;          // Text
  Type type = Type::String;  // Column
};

/// The program of `parse kind=simple` (and relaxed): for "parse pattern".
std::string simple_parse_program(const std::vector<ParseStep>& steps);
/// The program of `parse kind=regex`; BadRequest where a text is no regular expression or a flag isn't one.
Result<std::string> regex_parse_program(const std::vector<ParseStep>& steps, std::string_view flags);

struct KeyValueFormat {
  std::string pair_delimiter, kv_delimiter;  // both empty: whatever is no letter or digit delimits
  std::vector<std::string> quotes;           // one character, or an opening and a closing one
  std::vector<std::string> escapes;          // one character each
  bool greedy = false;
  std::string regex;  // where set: finds pairs, its two groups the key and the value
};
/// The program of parse-kv: for "parse pairs".
std::string key_value_program(const KeyValueFormat& format, const std::vector<std::string>& keys);

class FunctionTableBuilder;
void declare_parse_text(FunctionTableBuilder& table);

}  // namespace spillway::kql
