#include "commands/names.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <optional>
#include <utility>

#include "kql/syntax/lexer.h"

namespace spillway::commands {
namespace {

/// The UTF-8 character at `pos`, which moves behind it; nullopt where it is malformed.
std::optional<uint32_t> next_character(std::string_view text, size_t& pos) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const uint32_t first = byte(pos);
  const size_t length = first < 0x80 ? 1 : first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC2 ? 2 : 0;
  if (length == 0 || first > 0xF4) return std::nullopt;
  uint32_t character = length == 1 ? first : first & (0x7FU >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(pos + i) & 0xC0U) != 0x80U) return std::nullopt;
    character = character << 6U | (byte(pos + i) & 0x3FU);
  }
  pos += length;
  return character;
}

/// Letters and digits; beyond ASCII everything but the blocks of controls, spaces, punctuation and symbols.
bool is_letter_or_digit(uint32_t c) {
  if (c < 0x80) return std::isalnum(static_cast<int>(c)) != 0;
  constexpr std::pair<uint32_t, uint32_t> kOthers[] = {
      {0x0080, 0x00A9}, {0x00AB, 0x00B4},   {0x00B6, 0x00B9},   {0x00BB, 0x00BF}, {0x00D7, 0x00D7},
      {0x00F7, 0x00F7}, {0x2000, 0x206F},   {0x20A0, 0x20CF},   {0x2190, 0x2BFF}, {0x2E00, 0x2E7F},
      {0x3000, 0x3004}, {0x3008, 0x3020},   {0xD800, 0xF8FF},   {0xFE00, 0xFE6F}, {0xFEFF, 0xFF0F},
      {0xFFF0, 0xFFFF}, {0x1F000, 0x1FAFF}, {0xE0000, 0x10FFFF}};
  return std::none_of(std::begin(kOthers), std::end(kOthers),
                      [&](const auto& block) { return c >= block.first && c <= block.second; });
}

}  // namespace

Status check_name(const char* entity, const Name& name) {
  const auto refuse = [&](const std::string& why) {
    return Error{ErrorCode::BadRequest,
                 "'" + name.text.substr(0, 100) + "' can't be the name of a " + entity + ": " + why,
                 name.span};
  };
  size_t characters = 0;
  for (size_t pos = 0; pos < name.text.size(); ++characters) {
    const std::optional<uint32_t> c = next_character(name.text, pos);
    if (!c || !(is_letter_or_digit(*c) || *c == '_' || *c == ' ' || *c == '.' || *c == '-')) {
      return refuse("only letters, digits, underscores, spaces, dots and dashes are allowed");
    }
  }
  if (characters == 0) return refuse("it is empty");
  if (characters > kLongestName) return refuse("it has more than 1024 characters");
  if (name.text.starts_with("__") || name.text.ends_with("__")) {
    return refuse("names that begin or end with two underscores are reserved");
  }
  return Status();
}

std::string reference(std::string_view name) {
  kql::syntax::Lexer lexer(name);
  const kql::syntax::Token token = lexer.next();
  if (token.kind == kql::syntax::TokenKind::Word && token.text.size() == name.size() &&
      token.use == kql::syntax::NameUse::Name) {
    return std::string(name);
  }
  std::string out = "['";
  for (char c : name) {
    if (c == '\\' || c == '\'') out += '\\';
    out += c;
  }
  return out + "']";
}

}  // namespace spillway::commands
