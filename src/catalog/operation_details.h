// The result of an operation as the catalog keeps it for `.show operation … details`:
// {"name": "…", "columns": [["Path", "string"], …], "rows": [["…", null], …]}; every value is its text, as
// Value::str() prints it, or null.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "base/types.h"

namespace spillway::catalog {

std::string details_of(const spillway::Table& result);
/// Internal where the text isn't what details_of() made.
Result<spillway::Table> parse_details(std::string_view text);

}  // namespace spillway::catalog
