// The string operators of query/datatypes-string-operators.md. Strings are never null, and so are these
// results.
#include <array>

#include "kql/functions/builder.h"
#include "kql/functions/regex.h"
#include "kql/functions/text_match.h"
#include "kql/json.h"

namespace spillway::kql {
namespace {

enum class Match { Contains, Starts, Ends, Has, HasPrefix, HasSuffix };

bool matches(const Needle& needle, std::string_view text, Match match) {
  switch (match) {
    case Match::Contains: return needle.contained_in(text);
    case Match::Starts: return needle.starts(text);
    case Match::Ends: return needle.ends(text);
    case Match::Has: return needle.is_term_of(text, true, true);
    case Match::HasPrefix: return needle.is_term_of(text, true, false);
    case Match::HasSuffix: return needle.is_term_of(text, false, true);
  }
  return false;
}

/// Vectorized by hand, so that the needle is prepared once and not for each row.
template <Match M, bool Fold, bool Negated>
Status match_all(const NativeCall& call) {
  const VectorView texts = call.arguments[0], needles = call.arguments[1];
  auto* out = static_cast<uint8_t*>(call.out.data());
  Needle needle(Fold);
  for (size_t row = 0; row < call.rows; ++row) {
    if (texts.is_null(row) || needles.is_null(row)) {
      out[row] = Negated;
      continue;
    }
    needle.set(needles.text(row));
    out[row] = matches(needle, texts.text(row), M) != Negated;
  }
  return Status();
}

L whole(NativeFunction function) {
  L lowering;
  lowering.native = function;
  return lowering;
}

template <Match M>
void declare_match(FunctionTableBuilder& table, const std::string& name, const std::string& what) {
  using enum Type;
  const std::string capital = " (without case)";
  table.scalar(name)
      .doc(what + capital + ".")
      .takes({String, String}, Bool, whole(&match_all<M, true, false>));
  table.scalar("!" + name)
      .doc("Not: " + what + capital + ".")
      .takes({String, String}, Bool, whole(&match_all<M, true, true>));
  table.scalar(name + "_cs")
      .doc(what + ".")
      .takes({String, String}, Bool, whole(&match_all<M, false, false>));
  table.scalar("!" + name + "_cs")
      .doc("Not: " + what + ".")
      .takes({String, String}, Bool, whole(&match_all<M, false, true>));
}

/// has_any, has_all: the terms come one by one, or as arrays.
template <bool All>
bool has_terms(std::string_view text, Rest terms) {
  Needle needle(true);
  for (size_t i = 0; i < terms.size(); ++i) {
    needle.set(terms.text(i));
    if (needle.is_term_of(text, true, true) != All) return !All;
  }
  return All;
}

template <bool All>
bool has_terms_of_array(std::string_view text, std::string_view array) {
  Needle needle(true);
  std::string term;
  const bool single = json::kind_of(array) != json::Kind::Array;
  json::Cursor cursor(array);
  for (bool first = true; single ? first : cursor.next(); first = false) {
    term.clear();
    json::append_text(single ? array : cursor.value(), term);
    needle.set(term);
    if (needle.is_term_of(text, true, true) != All) return !All;
  }
  return All;
}

bool matches_regex(std::string_view text, std::string_view pattern) {
  const re2::RE2* regex = compiled_regex(pattern);
  return regex && re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *regex);
}

/// `in` over the elements of a dynamic array; an element counts as its text.
template <bool Fold, bool Negated>
std::optional<bool> in_array(std::string_view text, std::optional<std::string_view> array) {
  if (!array) return Negated;
  std::string wanted, item, folded;
  if (Fold) {
    append_folded(text, wanted);
  } else {
    wanted = text;
  }
  const bool single = json::kind_of(*array) != json::Kind::Array;
  json::Cursor cursor(*array);
  for (bool first = true; single ? first : cursor.next(); first = false) {
    item.clear();
    json::append_text(single ? *array : cursor.value(), item);
    if (Fold) {
      folded.clear();
      append_folded(item, folded);
      item.swap(folded);
    }
    if (item == wanted) return !Negated;
  }
  return Negated;
}

/// The position of the first value that is a term of the text; -1 where none is.
std::optional<int64_t> first_term(std::string_view text, std::string_view values) {
  if (json::kind_of(values) != json::Kind::Array) return std::nullopt;
  int64_t index = 0;
  std::string value;
  for (json::Cursor each(values); each.next(); ++index) {
    value.clear();
    json::append_text(each.value(), value);
    Needle needle(true);
    needle.set(value);
    if (!value.empty() && needle.is_term_of(text, true, true)) return index;
  }
  return -1;
}

}  // namespace

void declare_string_operators(FunctionTableBuilder& table) {
  using enum Type;
  table.category("string operator");
  table.scalar("=~")
      .doc("Equality without case.")
      .takes({String, String}, Bool, sql("(lower({0}) = lower({1}))"));
  table.scalar("!~")
      .doc("Inequality without case.")
      .takes({String, String}, Bool, sql("(lower({0}) <> lower({1}))"));
  declare_match<Match::Contains>(table, "contains", "Holds the text");
  declare_match<Match::Starts>(table, "startswith", "Begins with the text");
  declare_match<Match::Ends>(table, "endswith", "Ends with the text");
  declare_match<Match::Has>(table, "has", "Holds the term");
  declare_match<Match::HasPrefix>(table, "hasprefix", "Holds a term that begins with the text");
  declare_match<Match::HasSuffix>(table, "hassuffix", "Holds a term that ends with the text");
  table.scalar("has_any")
      .doc("Holds one of the terms, without case.")
      .takes({String, String}, Bool, native<&has_terms<false>>())
      .repeating(1)
      .takes({String, Dynamic}, Bool, native<&has_terms_of_array<false>>());
  table.scalar("has_all")
      .doc("Holds all of the terms, without case.")
      .takes({String, String}, Bool, native<&has_terms<true>>())
      .repeating(1)
      .takes({String, Dynamic}, Bool, native<&has_terms_of_array<true>>());
  table.scalar("has_any_index")
      .doc("The position of the first of the terms in an array that the text holds; -1 where it holds none.")
      .takes({as_string(), Dynamic}, Long, native<&first_term>());
  table.scalar("in array")
      .doc("Equal to an element of an array.")
      .takes_nulls({as_string(), Dynamic}, Bool, native<&in_array<false, false>>());
  table.scalar("!in array")
      .doc("Equal to no element of an array.")
      .takes_nulls({as_string(), Dynamic}, Bool, native<&in_array<false, true>>());
  table.scalar("in~ array")
      .doc("Equal to an element of an array, without case.")
      .takes_nulls({as_string(), Dynamic}, Bool, native<&in_array<true, false>>());
  table.scalar("!in~ array")
      .doc("Equal to no element of an array, without case.")
      .takes_nulls({as_string(), Dynamic}, Bool, native<&in_array<true, true>>());
  table.scalar("matches regex")
      .doc("Holds a match of a regular expression (RE2).")
      .takes({String, String}, Bool, regex_native<&matches_regex, 1>())
      .checks(1, &regex_error);
}

}  // namespace spillway::kql
