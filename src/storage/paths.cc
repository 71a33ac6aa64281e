#include "storage/paths.h"

#include <algorithm>
#include <cctype>

namespace spillway::storage {
namespace {

bool is_unreserved(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '.' || c == '_' || c == '~';
}

std::string encode(std::string_view text, std::string_view kept) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (char c : text) {
    if (is_unreserved(c) || kept.find(c) != std::string_view::npos) {
      out += c;
    } else {
      out += '%';
      out += kHex[static_cast<unsigned char>(c) >> 4];
      out += kHex[static_cast<unsigned char>(c) & 0xF];
    }
  }
  return out;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// A path for a message: no control characters.
std::string shown(std::string_view path) {
  std::string out(path);
  std::replace_if(
      out.begin(), out.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, '?');
  return out;
}

}  // namespace

Status check_prefix(std::string_view prefix) {
  const auto refuse = [&](const char* why) {
    return Status(ErrorCode::Forbidden, "path '" + shown(prefix) + "' is refused: " + why);
  };
  if (prefix.find('\0') != std::string_view::npos) return refuse("it holds a NUL character");
  if (prefix.starts_with('/')) return refuse("it must be relative to the storage's root");
  while (!prefix.empty()) {
    const size_t end = std::min(prefix.find('/'), prefix.size());
    const std::string_view part = prefix.substr(0, end);
    if (part == "." || part == "..") return refuse("'.' and '..' may not be parts of it");
    prefix.remove_prefix(std::min(end + 1, prefix.size()));
  }
  return {};
}

Status check_object_path(std::string_view path) {
  if (path.empty()) return Status(ErrorCode::Forbidden, "an object's path may not be empty");
  return check_prefix(path);
}

std::string join_path(std::string_view folder, std::string_view path) {
  std::string out(folder);
  if (!folder.empty() && !path.empty() && !folder.ends_with('/')) out += '/';
  return out.append(path);
}

std::string percent_encode_path(std::string_view path) {
  return encode(path,
                "/=,:@");  // what RFC 3986 lets stand in a path and people write there: "day=2024-01-01"
}
std::string percent_encode(std::string_view text) {
  return encode(text, "");
}

std::optional<std::string> percent_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = hex_digit(text[i + 1]), low = hex_digit(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high << 4 | low);
    i += 2;
  }
  return out;
}

}  // namespace spillway::storage
