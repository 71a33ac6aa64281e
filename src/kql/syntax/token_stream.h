// A cursor over the tokens of a management command, with the parts that commands share with KQL.
//
//   // .create-or-alter continuous-export E over (T) to table X with (intervalBetweenRuns=1h) <| T | where …
//   TokenStream in(text);
//   in.expect(TokenKind::Dot);
//   in.expect_word("create-or-alter");
//   in.expect_word("continuous-export");
//   Name name = in.name();
//   …
//   std::vector<CommandProperty> properties;
//   if (in.accept_word("with")) properties = in.properties();
//   in.expect(TokenKind::LessBar);
//   SPILLWAY_TRY(in.status());
//   SPILLWAY_ASSIGN(Query query, parse_query(text, in.position()));
//
// Nothing needs to be checked on the way: the first error is kept, and from then on the cursor stands at the
// end of the text and hands out empty values. status() tells it: Syntax, with its span.
//
// What follows a `<|` is a query or data, and is not looked at: the cursor ends right after that sign.
// Lifetime: the text must outlive the stream and what it hands out as string_view.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/types.h"
#include "kql/syntax/ast.h"
#include "kql/syntax/lexer.h"

namespace spillway::kql::syntax {

class Parser;

/// `name = value` in a command. A word as a value is a string: `compressionType = snappy`.
struct CommandProperty {
  std::string name;
  Value value;
  bool obfuscated = false;  // written h"…": not to be shown
  TextSpan span;
  TextSpan value_span;
};

struct StringLiteral {
  std::string text;
  bool obfuscated = false;
  TextSpan span;
};

class TokenStream {
 public:
  explicit TokenStream(std::string_view text, size_t start = 0);
  ~TokenStream();
  TokenStream(const TokenStream&) = delete;
  TokenStream& operator=(const TokenStream&) = delete;

  // Looking. A word may have dashes inside: "continuous-export", "set-or-append". Case matters.
  const Token& peek(size_t ahead = 0) const;
  bool at(TokenKind kind) const { return peek().kind == kind; }
  bool at_end() const { return at(TokenKind::End); }
  bool at_word(std::string_view word) const;

  // Taking.
  bool accept(TokenKind kind);
  bool accept_word(std::string_view word);
  void expect(TokenKind kind);
  void expect_word(std::string_view word);
  /// A word with its dashes; empty (and no error) where none stands here.
  std::string word();
  /// A name: a word, ['a b'], or "a b".
  Name name();
  /// `(a, b, …)`.
  std::vector<Name> names();
  /// Adjacent string literals are one.
  StringLiteral string_literal();
  /// Any literal of KQL, with a sign where it is a number.
  Value literal();
  /// `(name = value, …)`; also empty.
  std::vector<CommandProperty> properties();
  /// One `name = value`.
  CommandProperty property();
  /// `(a:long, b:string)`.
  RowSchema row_schema();
  Type type();
  /// A scalar expression: `bin(Timestamp, 1d)`.
  ExprPtr expression();
  /// The text from an opening `(`, `[` or `{` to what closes it: a function's body.
  std::string_view balanced();

  /// Right after the last token that was taken, in bytes from the beginning of the text.
  size_t position() const;
  /// The text from position() on.
  std::string_view rest() const;

  /// "expected … but found …", at the next token.
  void fail_expected(std::string_view expected);
  /// An error at a span of the text.
  void fail(const TextSpan& span, std::string message);
  Status status() const;
  /// status(), and an error where something is left.
  Status finished();

 private:
  size_t word_length(std::string_view word) const;

  std::string_view text_;
  std::unique_ptr<Parser> parser_;
};

/// Where KQL continues a command: `.show tables | where …`. The byte of the first `|` outside of all brackets
/// and before any `<|`; nullopt where there is none.
std::optional<size_t> find_pipe(std::string_view text, size_t start = 0);

}  // namespace spillway::kql::syntax
