// Texts of queries and commands without the secrets in them, for everything that shows or keeps such a text.
#pragma once

#include <string>
#include <string_view>

namespace spillway::engine {

/// "******" in the place of the inside of each obfuscated string literal: h'…', H@"…". For definitions, which
/// are shown as they were given otherwise. One that isn't closed is taken to go on to the end.
std::string without_secrets(std::string_view text);

/// The same, and in other string literals in the place of the credential of a connection string:
/// 'https://account.blob.core.windows.net/container;******'. For logs.
std::string for_logs(std::string_view text);

}  // namespace spillway::engine
