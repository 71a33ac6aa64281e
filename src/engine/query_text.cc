#include "engine/query_text.h"

#include "kql/syntax/lexer.h"
#include "storage/object_store.h"

namespace spillway::engine {
namespace {

using kql::syntax::Token;
using kql::syntax::TokenKind;

constexpr const char* kHidden = "******";
constexpr std::string_view kQuotes = "'\"`~";

/// How many signs open the literal, and close it: one, or three of a multi-line one.
size_t quotes_of(std::string_view literal) {
  const size_t quote = literal.find_first_of(kQuotes);
  const char sign = literal[quote];
  return (sign == '`' || sign == '~') && literal.size() >= quote + 3 ? 3 : 1;
}

bool is_marked(std::string_view literal) {
  return literal.front() == 'h' || literal.front() == 'H';
}

/// How much of the inside of a literal may stand in a log: all of it, or, of a connection string with a
/// credential, what comes before that.
size_t harmless_part(std::string_view inside) {
  if (inside.find("://") == std::string_view::npos) return inside.size();
  const size_t end = inside.find_first_of(";?");
  if (end == std::string_view::npos) return inside.size();
  const auto connection = storage::ConnectionString::parse(inside);
  const bool harmless = connection.ok() ? connection->redacted() == connection->text()
                                        : inside.find(';') == std::string_view::npos &&
                                              inside.find("sig=") == std::string_view::npos;
  return harmless ? inside.size() : end + 1;
}

std::string hide(std::string_view text, bool hide_connections) {
  std::string out;
  size_t copied = 0;
  kql::syntax::Lexer lexer(text);
  for (Token token = lexer.next(); token.kind != TokenKind::End; token = lexer.next()) {
    const size_t quote = token.text.find_first_of(kQuotes);
    const bool open = token.kind == TokenKind::Bad && quote != std::string_view::npos;
    if (token.kind != TokenKind::String && !open) continue;
    const auto start = static_cast<size_t>(token.span.offset);
    const size_t quotes = quotes_of(token.text);
    const size_t begin = start + quote + quotes;
    const size_t end = open ? text.size() : start + token.text.size() - quotes;
    const std::string_view inside = text.substr(begin, end - begin);
    const bool marked = is_marked(token.text);
    const size_t shown = marked ? 0 : hide_connections ? harmless_part(inside) : inside.size();
    if (marked || shown < inside.size()) {
      out += text.substr(copied, begin + shown - copied);
      out += kHidden;
      copied = end;
    }
    if (open) break;
  }
  out += text.substr(copied);
  return out;
}

}  // namespace

std::string without_secrets(std::string_view text) {
  return hide(text, false);
}

std::string for_logs(std::string_view text) {
  return hide(text, true);
}

}  // namespace spillway::engine
