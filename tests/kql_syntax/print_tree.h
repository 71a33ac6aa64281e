// An expression's tree as text, for the corpus: `(+ a (* b 2))`.
#pragma once

#include <string>

#include "kql/syntax/ast.h"

namespace spillway::kql::syntax {

std::string print_tree(const Expr& expr);

}  // namespace spillway::kql::syntax
