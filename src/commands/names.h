// The rules for names of entities, in one place.
// Source: query/schema-entities/entity-names.md.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "commands/reader.h"

namespace spillway::commands {

/// Characters of a name.
inline constexpr size_t kLongestName = 1024;

/// Whether a new entity ("table", "column", "function", …) may be called so: 1 to 1024 letters, digits,
/// underscores, spaces, dots and dashes, and neither begins nor ends with two underscores. Errors: BadRequest
/// with the name's span.
Status check_name(const char* entity, const Name& name);

/// The name as a query refers to it: plain, or ['with special characters'].
std::string reference(std::string_view name);

}  // namespace spillway::commands
