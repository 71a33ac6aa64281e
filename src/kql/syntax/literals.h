// The values that literal tokens mean.
//
//   int(5) · 5 · 0xff · long(-5) · 1.5 · real(nan) · decimal(1e5) · true · bool(1) · "a\n" · @'c:\x' · h"key"
//   datetime(2024-05-01 10:00) · 1.5h · timespan(0.12:34:56.7) · guid(74be27de-…) · type(null)
//
// Errors are Syntax with the token's span: a number out of range, a datetime that is none, ….
// Rules: query/scalar-data-types/*.md.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "base/types.h"
#include "kql/syntax/lexer.h"

namespace spillway::kql::syntax {

/// Of a token of kind Bool, Int, Long, Real, Decimal, DateTime, TimeSpan or Guid. `negative`: a minus stands
/// before a number or timespan. `datetime()`, which means now, has no value: see is_now().
Result<Value> literal_value(const Token& token, bool negative = false);

/// True for `datetime()`.
bool is_now(const Token& token);

/// True for a number or timespan that is written without its type: `5`, `1.5`, `2d`.
bool is_bare_number(const Token& token);

/// Appends what a token of kind String means, in UTF-8.
void append_string(const Token& token, std::string& out);
/// True where it is written h"…": not to be shown.
bool is_obfuscated(const Token& token);

}  // namespace spillway::kql::syntax
