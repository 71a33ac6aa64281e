// Reads the text of a command, token by token, as its documentation page spells it.
//
//   Reader reader(".drop table T ifexists");
//   SPILLWAY_TRY(reader.expect(TokenKind::Dot));
//   if (reader.accept("drop")) …
//
// Keywords are compared without regard to case and may hold dashes (`create-or-alter`). Names are plain, ['in
// brackets'] or quoted. Errors are Syntax with the span of what was found and what was expected instead; no
// message holds the inside of a string literal, which may be a secret.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/types.h"
#include "catalog/model.h"
#include "engine/query_text.h"
#include "kql/syntax/lexer.h"

namespace spillway::commands {

using engine::without_secrets;
using kql::syntax::Token;
using kql::syntax::TokenKind;

/// A name of an entity, as written, without brackets and quotes.
struct Name {
  std::string text;
  TextSpan span;
};

class Reader {
 public:
  /// `text` must outlive the reader. `start`: the byte at which to begin.
  explicit Reader(std::string_view text, size_t start = 0);

  const Token& peek() const { return token_; }
  bool at_end() const { return token_.kind == TokenKind::End; }
  /// The byte where the next token begins.
  size_t offset() const { return static_cast<size_t>(token_.span.offset); }
  std::string_view text() const { return text_; }
  /// The next token where it is a word, with the dashes and words that follow it directly; else empty.
  std::string_view peek_word() const;
  bool next_is(std::string_view keyword) const;

  bool accept(std::string_view keyword);
  bool accept(TokenKind sign);
  Status expect(std::string_view keyword);
  Status expect(TokenKind sign);
  /// One of the keywords, as spelled in the list.
  Result<std::string> expect_one_of(std::initializer_list<std::string_view> keywords);

  bool next_is_name() const;
  Result<Name> name(const char* what);
  /// `(A, B, …)`, at least one.
  Result<std::vector<Name>> names(const char* what);
  /// A string literal, or several of them, which become one.
  Result<std::string> string(const char* what);
  Result<int64_t> integer(const char* what);
  Result<Guid> guid(const char* what);
  Result<bool> boolean(const char* what);
  Result<Type> type();
  /// `(a:long, ['b c']:string)`; the columns have no ids yet. Errors: BadRequest for names and duplicates.
  Result<std::vector<catalog::Column>> schema();
  /// The text from the next token up to the `)` that closes the parenthesis in which it stands.
  Result<std::string> until_closing();

  /// After the last token of a command: nothing may follow but a `;` at the very end, or, where the command
  /// may be continued in KQL, a `|`, which stays the next token.
  Status end();
  void allow_pipe() { pipe_allowed_ = true; }
  /// `<|` and what follows it, at least something.
  struct Tail {
    std::string_view text;
    size_t offset = 0;  // of its first byte
  };
  Result<Tail> tail();
  /// `{…}`: what stands in it.
  Result<Tail> braces();
  /// All of the rest, beginning with the next token.
  Tail rest() const;

  /// "expected …" at the next token.
  Error expected(std::string_view what) const;

 private:
  void advance();
  void skip_to(size_t offset);

  std::string_view text_;
  kql::syntax::Lexer lexer_;
  Token token_;
  std::string bad_;  // what is wrong with a Bad token
  bool pipe_allowed_ = false;
};

/// Where the byte `offset` of `text` is, with a length.
TextSpan span_at(std::string_view text, size_t offset, size_t length);
/// An error about the part of `text` that begins at `offset`, with its span counted from the beginning of
/// `text`.
Error relocate(Error error, std::string_view text, size_t offset);

bool same_ignoring_case(std::string_view a, std::string_view b);
std::string lower_case(std::string_view text);

}  // namespace spillway::commands
