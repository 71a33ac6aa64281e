// Datetimes by a .NET custom format, as `datetime_pattern()` in an external table's path format takes them.
//
//   pattern  := plain | braced
//   plain    := { specifier | quoted | '\' char | char }      year=… is written 'year='yyyy
//   braced   := { '{' plain '}' | char }                      year={yyyy}/month={MM}
//   specifier:= y… M… d… H… h… m… s… f… F… t…  (.NET's custom date and time format strings, invariant
//   culture)
//
// Source: management/external-tables-azure-storage.md, "Path format".
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "base/types.h"

namespace spillway::exports {

/// BadRequest where the pattern is malformed: an open quote or brace, too long a specifier.
Result<std::string> format_by_pattern(Ticks ticks, std::string_view pattern);

}  // namespace spillway::exports
