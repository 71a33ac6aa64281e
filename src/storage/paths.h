// Object paths and URLs as text.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"

namespace spillway::storage {

/// Forbidden where `path` isn't a plain relative object path (see object_store.h).
Status check_object_path(std::string_view path);
/// The same for a folder, which may be empty.
Status check_prefix(std::string_view prefix);

/// "a" + "b" is "a/b"; either may be empty.
std::string join_path(std::string_view folder, std::string_view path);

/// Everything but RFC 3986's unreserved characters and '/', '=', ',', ':', '@' as %XX.
std::string percent_encode_path(std::string_view path);
/// Everything but unreserved characters: for a query's values.
std::string percent_encode(std::string_view text);
/// nullopt where a '%' isn't followed by two hexadecimal digits.
std::optional<std::string> percent_decode(std::string_view text);

}  // namespace spillway::storage
