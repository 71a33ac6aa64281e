// Regular expressions (RE2), compiled once in a thread for as long as they are in use.
#pragma once

#include <re2/re2.h>

#include <string>
#include <string_view>

#include "base/types.h"
#include "kql/functions/builder.h"

namespace spillway::kql {

/// Nullptr where the pattern isn't one. Valid until the next call in this thread.
const re2::RE2* compiled_regex(std::string_view pattern);

/// What is wrong with a pattern: see ArgumentCheck.
std::string regex_error(const Value& pattern);

/// An error where an argument of a call holds a text that isn't a regular expression.
Status check_patterns(const NativeCall& call, size_t argument);

template <NativeFunction Inner, size_t Pattern>
Status with_patterns(const NativeCall& call) {
  const Status status = check_patterns(call, Pattern);
  return status.ok() ? Inner(call) : status;
}

/// As native<F>(), of a function whose argument at `Pattern` is a regular expression.
template <auto F, size_t Pattern>
L regex_native() {
  L lowering = native<F>();
  lowering.native = &with_patterns<&native_adaptor<F, false>, Pattern>;
  if (lowering.native_for_string) {
    lowering.native_for_string = &with_patterns<&native_adaptor<F, true>, Pattern>;
  }
  return lowering;
}

}  // namespace spillway::kql
