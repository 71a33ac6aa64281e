// Regular expressions (RE2), compiled once in a thread for as long as they are in use.
#pragma once

#include <re2/re2.h>

#include <string>
#include <string_view>

#include "base/types.h"

namespace spillway::kql {

/// Nullptr where the pattern isn't one. Valid until the next call in this thread.
const re2::RE2* compiled_regex(std::string_view pattern);

/// What is wrong with a pattern: see ArgumentCheck.
std::string regex_error(const Value& pattern);

}  // namespace spillway::kql
