// From a text to tokens.
//
// A token is a word, a literal or a sign. Words that mean something to KQL carry a Keyword; whether one of
// them may also be a name is the parser's business (NameUse). Words with inner signs are one token:
// `mv-expand`,
// `!has_cs`, `in~`, `matches regex`. A literal written `type(…)` is one token too, where the parenthesis
// directly follows the type, except dynamic(…), whose inside is tokens.
//
// The lexer never fails: what can't be a token becomes a Bad token with an error, and the parser reports the
// one that it comes upon first. Whitespace and `//` comments separate tokens. Letters of names are ASCII
// letters, digits and `_`; every other name is written ['…'].
// Rules: query/scalar-data-types/*.md, query/schema-entities/entity-names.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace spillway::kql::syntax {

enum class TokenKind : uint8_t {
  End,
  Bad,
  Word,
  // literals
  String,
  Bool,
  Int,
  Long,
  Real,
  Decimal,
  DateTime,
  TimeSpan,
  Guid,
  RawGuid,  // 74be27de-1e4e-49d9-b579-fe0b331d3642, which only some places allow
  // signs
  OpenParen,
  CloseParen,
  OpenBracket,
  CloseBracket,
  OpenBrace,
  CloseBrace,
  Comma,
  Semicolon,
  Colon,
  Dot,
  DotDot,
  Bar,
  LessBar,
  Question,
  At,
  Plus,
  Minus,
  Star,
  Slash,
  Percent,
  Equal,
  FatArrow,
  EqualEqual,
  NotEqual,
  EqualTilde,
  NotTilde,
  Less,
  LessEqual,
  LessGreater,
  Greater,
  GreaterEqual,
};

enum class Keyword : uint8_t {
  None,
#define SPILLWAY_KEYWORD(enumerator, text, use) enumerator,
#include "kql/syntax/keywords.def"
#undef SPILLWAY_KEYWORD
};

/// Where a word can be a name without brackets (see keywords.def).
enum class NameUse : uint8_t { Name, Declared, Path, Reserved };

struct Token {
  TokenKind kind = TokenKind::End;
  Keyword keyword = Keyword::None;
  NameUse use = NameUse::Name;  // of a Word
  bool space_before = false;    // whitespace or a comment stands before it
  TextSpan span;
  std::string_view text;  // of the source, which must outlive the token
};

class Lexer {
 public:
  /// `start`: the byte at which to begin; spans count from the beginning of `text`.
  explicit Lexer(std::string_view text, size_t start = 0);

  /// The next token; after the last one End, for ever. After a Bad token error() says what is wrong with it.
  Token next();
  const std::string& error() const { return error_; }

 private:
  void skip_space();
  bool skip_unicode_space();
  void new_line(size_t line_start);
  Token word();
  Token number();
  Token string_literal(size_t prefix);
  bool sign(Token& token) const;
  Token make(TokenKind kind, size_t length);
  Token bad(size_t length, std::string error);
  size_t scan_quoted(size_t pos, char quote);
  size_t scan_verbatim(size_t pos, char quote);
  char at(size_t pos) const { return pos < text_.size() ? text_[pos] : '\0'; }

  std::string_view text_;
  size_t pos_ = 0;
  size_t line_start_ = 0;  // byte of the current line
  size_t line_extra_ = 0;  // bytes of the current line before pos_ that continue a UTF-8 character
  size_t counted_ = 0;     // up to which byte line_extra_ has counted
  int line_ = 1;
  bool space_ = false;
  std::string error_;
};

/// The keyword that a word spells; None where it is only a name.
struct KeywordInfo {
  Keyword keyword = Keyword::None;
  NameUse use = NameUse::Name;
};
KeywordInfo find_keyword(std::string_view word);
const char* spelling(Keyword keyword);

/// What a sign or kind of token is called in messages: "')'", "a string".
const char* describe(TokenKind kind);

}  // namespace spillway::kql::syntax
