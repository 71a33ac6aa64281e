// From a text to the syntax tree of ast.h: all of KQL's statements, operators and expressions.
//
//   Result<Query> query = parse_query("StormEvents | where State == 'TEXAS' | count");
//   if (!query.ok()) return query.error();   // ErrorCode::Syntax, with span and what was expected
//
// Accepts what Kusto's own parser accepts; meaning (which names exist, types) is the binder's business.
// Errors: Syntax with the span of the offending text; LimitExceeded where a text is larger or nested deeper
// than the limits below. No text makes the parser crash, hang, or recurse without bound.
#pragma once

#include <string_view>
#include <vector>

#include "base/status.h"
#include "kql/syntax/ast.h"

namespace spillway::kql::syntax {

/// Bytes of a query text, as Kusto limits it (concepts/querylimits: 2 MB).
inline constexpr size_t kMaxQueryLength = 2'000'000;
/// Tokens of a query text.
inline constexpr size_t kMaxTokens = 1'000'000;
/// Levels of expressions, operators, functions and JSON values inside each other.
inline constexpr int kMaxNesting = 200;

/// Statements separated by `;`. `start` is the byte where the query begins in a longer text (a command):
/// spans count from the text's beginning.
Result<Query> parse_query(std::string_view text, size_t start = 0);

/// One scalar or tabular expression, to the end of the text.
Result<ExprPtr> parse_expression(std::string_view text, size_t start = 0);

/// Operators without a source, to the end of the text: `where … | project …`, as they follow a command.
Result<std::vector<OperatorPtr>> parse_operators(std::string_view text, size_t start = 0);

/// A function's parameters and body, as they stand in `let f = …` and in stored functions:
/// `(a:long, T:(x:string)) { T | where … }`.
Result<std::unique_ptr<FunctionExpr>> parse_function(std::string_view text, size_t start = 0);

/// Column declarations with their parentheses: `(a:long, b:string)`.
Result<RowSchema> parse_row_schema(std::string_view text, size_t start = 0);

}  // namespace spillway::kql::syntax
