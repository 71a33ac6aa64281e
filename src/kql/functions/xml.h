// XML as JSON (expat).
#pragma once

#include <string>
#include <string_view>

namespace spillway::kql {

/// Appends {"root":…}: an element without attributes and children is its text, or null; any other one a bag
/// of its attributes ("@name"), its text ("#text") and its children, those of one name as an array. A text
/// that is a number becomes one. False where `xml` isn't well-formed, is longer than a megabyte or nested too
/// deeply.
bool parse_xml(std::string& out, std::string_view xml);

}  // namespace spillway::kql
