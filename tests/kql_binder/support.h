// A small database to bind queries against, and short forms of what tests ask of a plan.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "kql/binder.h"

namespace spillway::kql::test {

/// Database D: tables Events (Timestamp:datetime, Name:string, Value:long, Small:int, Bag:dynamic, R:real)
/// and Quiet (Name:string), which has no IngestionTime policy; functions Twice(x:long) and Loop(); external
/// table Lake. Its cursor is 500. now() is 2024-05-15.
BindOptions options();

/// The explained plan of the last result, or "CODE line:column+length message".
std::string bind(std::string_view query, const BindOptions& given = options());
/// The output schema: "Name:string, Value:long", or the error.
std::string schema(std::string_view query, const BindOptions& given = options());
/// The first line of the plan without its columns.
std::string top(std::string_view query, const BindOptions& given = options());

}  // namespace spillway::kql::test
