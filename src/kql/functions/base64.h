// Base64 (RFC 4648), padded.
#pragma once

#include <string>
#include <string_view>

namespace spillway::kql {

/// Appends the bytes in base64.
void encode_base64(std::string& out, std::string_view bytes);
/// Appends the bytes that the text holds; false where it isn't base64.
bool decode_base64(std::string& out, std::string_view text);

}  // namespace spillway::kql
