// format_datetime() and format_timespan(): patterns of query/format-datetime-function.md and
// query/format-timespan-function.md. A letter that is no specifier, and every delimiter, stands for itself.
#pragma once

#include <string>
#include <string_view>

#include "base/types.h"

namespace spillway::kql {

void format_datetime_pattern(std::string& out, Ticks ticks, std::string_view pattern);
void format_timespan_pattern(std::string& out, Ticks ticks, std::string_view pattern);

}  // namespace spillway::kql
