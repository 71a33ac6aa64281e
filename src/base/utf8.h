// Positions in UTF-8 text by code point: what KQL counts as characters.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace spillway::utf8 {

inline bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

/// How many code points.
int64_t length(std::string_view text);
/// The byte offset of the code point at `index` ≥ 0; the text's size where it has no more than that.
size_t offset_of(std::string_view text, int64_t index);
bool is_valid(std::string_view text);
/// False (and nothing appended) where it isn't a code point of Unicode.
bool append(std::string& out, int64_t code_point);

}  // namespace spillway::utf8
