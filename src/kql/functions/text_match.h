// Comparing texts without case, and the terms of query/datatypes-string-operators.md: maximal runs of letters
// and digits. Texts are UTF-8.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace spillway::kql {

/// The code point at `at`, which moves behind it. A byte that isn't UTF-8 stands for itself.
uint32_t next_code_point(std::string_view text, size_t& at);
/// A letter (or a mark upon one) or a digit: what terms consist of.
bool is_term_character(uint32_t code);
bool is_ascii(std::string_view text);
/// In small letters, by Unicode's simple mapping.
void append_folded(std::string_view text, std::string& out);

/// What to search for, in the form that the search needs; kept from row to row while it stays the same.
class Needle {
 public:
  explicit Needle(bool fold) : fold_(fold) {}
  /// Must be called before any search.
  void set(std::string_view text);
  bool contained_in(std::string_view text) const;
  bool starts(std::string_view text) const;
  bool ends(std::string_view text) const;
  /// At least one occurrence with no term character before it (`left`), after it (`right`).
  bool is_term_of(std::string_view text, bool left, bool right) const;

 private:
  template <typename Accept>
  bool search(std::string_view text, Accept accept) const;
  /// Position of the needle in `text` from `from` on.
  size_t find(std::string_view text, size_t from) const;

  bool fold_;
  bool known_ = false;
  bool ascii_ = true;
  std::string raw_, folded_;
  std::string upper_;  // ASCII: the needle in upper case
};

}  // namespace spillway::kql
