// Texts in other forms: URLs, base64, hexadecimal digits, code points, sizes and paths.
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "base/utf8.h"
#include "kql/functions/base64.h"
#include "kql/functions/builder.h"
#include "kql/functions/text_match.h"
#include "kql/json.h"

namespace spillway::kql {
namespace {

using Text = std::string_view;

constexpr char kHexDigits[] = "0123456789abcdef";

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_letter_or_digit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// ---- URLs
// ------------------------------------------------------------------------------------------------------

void encode_url(std::string& out, Text text, Text kept, bool plus_for_space) {
  for (char c : text) {
    if (is_letter_or_digit(c) || kept.find(c) != Text::npos) {
      out += c;
    } else if (c == ' ' && plus_for_space) {
      out += '+';
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += {'%', kHexDigits[byte >> 4], kHexDigits[byte & 15]};
    }
  }
}
void url_encode(std::string& out, Text text) {
  encode_url(out, text, "-_.!*()", true);
}
void url_encode_component(std::string& out, Text text) {
  encode_url(out, text, "-_.!~*'()", false);
}

void url_decode(std::string& out, Text text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const bool escape =
        text[i] == '%' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 && hex_value(text[i + 2]) >= 0;
    if (escape) {
      out += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
      i += 2;
    } else {
      out += text[i] == '+' ? ' ' : text[i];
    }
  }
}

void append_member(std::string& out, Text key, Text value) {
  if (out.back() != '{') out += ',';
  json::quote(key, out);
  out += ':';
  json::quote(value, out);
}

/// {"k1":"v1",…} of k1=v1&…
void append_query(std::string& out, Text query) {
  out += '{';
  while (!query.empty()) {
    const Text pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    if (pair.empty()) continue;
    const size_t equals = std::min(pair.find('='), pair.size());
    append_member(out, pair.substr(0, equals), equals < pair.size() ? pair.substr(equals + 1) : Text());
  }
  out += '}';
}

/// Takes what stands before `mark` off `text`, with the mark; nothing where there is none.
Text take_before(Text& text, Text mark) {
  const size_t at = text.find(mark);
  if (at == Text::npos) return {};
  const Text before = text.substr(0, at);
  text.remove_prefix(at + mark.size());
  return before;
}
Text take_after(Text& text, char mark) {
  const size_t at = text.find(mark);
  if (at == Text::npos) return {};
  const Text after = text.substr(at + 1);
  text = text.substr(0, at);
  return after;
}

void parse_url(std::string& out, Text url) {
  const Text fragment = take_after(url, '#');
  const Text query = take_after(url, '?');
  const Text scheme = take_before(url, "://");
  Text authority = scheme.empty() ? Text() : url.substr(0, url.find('/'));
  Text path = url.substr(std::min(url.size(), authority.size()));
  Text user = take_before(authority, "@");
  const Text password = take_after(user, ':');
  const bool bracketed = authority.starts_with('[') && authority.find(']') != Text::npos;  // an IPv6 address
  Text host =
      bracketed ? authority.substr(0, authority.find(']') + 1) : authority.substr(0, authority.find(':'));
  Text port = authority.substr(std::min(authority.size(), host.size()));
  if (port.starts_with(':')) port.remove_prefix(1);
  out += '{';
  append_member(out, "Scheme", scheme);
  append_member(out, "Host", host);
  append_member(out, "Port", port);
  append_member(out, "Path", path);
  append_member(out, "Username", user);
  append_member(out, "Password", password);
  out += ",\"Query Parameters\":";
  append_query(out, query);
  append_member(out, "Fragment", fragment);
  out += '}';
}

void parse_url_query(std::string& out, Text query) {
  out += "{\"Query Parameters\":";
  append_query(out, query);
  out += '}';
}

void parse_path(std::string& out, Text path) {
  const Text scheme = take_before(path, "://");
  const size_t last = path.find_last_of("/\\");
  Text file = last == Text::npos ? path : path.substr(last + 1);
  const Text stream = take_after(file, ':');
  const Text directory = last == Text::npos ? Text() : path.substr(0, last);
  const size_t above = directory.find_last_of("/\\");
  const Text name = above == Text::npos ? directory : directory.substr(above + 1);
  const bool rooted = path.size() > 1 && path[1] == ':';
  const size_t dot = file.find_last_of('.');
  out += '{';
  append_member(out, "Scheme", scheme);
  append_member(out, "RootPath", rooted ? path.substr(0, 2) : Text());
  append_member(out, "DirectoryPath", directory);
  append_member(out, "DirectoryName", name);
  append_member(out, "Filename", file);
  append_member(out, "Extension", dot == Text::npos ? Text() : file.substr(dot + 1));
  append_member(out, "AlternateDataStreamName", stream);
  out += '}';
}

// ---- base64
// ----------------------------------------------------------------------------------------------------

bool decode_base64_text(std::string& out, Text text) {
  return decode_base64(out, text) && utf8::is_valid(out);
}

bool decode_base64_array(std::string& out, Text text) {
  std::string bytes;
  if (!decode_base64(bytes, text)) return false;
  out += '[';
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i > 0) out += ',';
    out += std::to_string(static_cast<unsigned char>(bytes[i]));
  }
  out += ']';
  return true;
}

/// Of bytes that are UTF-8, as the documentation has it.
bool encode_base64_array(std::string& out, Text array) {
  std::string bytes;
  for (json::Cursor each(array); each.next();) {
    if (json::kind_of(each.value()) != json::Kind::Integer) return false;
    const double value = json::number(each.value());
    if (value < 0 || value > 255) return false;
    bytes += static_cast<char>(static_cast<unsigned char>(value));
  }
  if (!utf8::is_valid(bytes)) return false;
  encode_base64(out, bytes);
  return true;
}

/// A guid's bytes in .NET's order: the first three groups with their lowest byte first.
constexpr int kGuidOrder[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};

void encode_base64_guid(std::string& out, spillway::Guid guid) {
  char bytes[16];
  for (int i = 0; i < 16; ++i) {
    const int at = kGuidOrder[i];
    bytes[i] = static_cast<char>((at < 8 ? guid.high : guid.low) >> (56 - 8 * (at % 8)));
  }
  encode_base64(out, Text(bytes, sizeof bytes));
}

std::optional<spillway::Guid> decode_base64_guid(Text text) {
  std::string bytes;
  if (!decode_base64(bytes, text) || bytes.size() != 16) return std::nullopt;
  spillway::Guid guid;
  for (int i = 0; i < 16; ++i) {
    const int at = kGuidOrder[i];
    const uint64_t byte = static_cast<unsigned char>(bytes[static_cast<size_t>(i)]);
    (at < 8 ? guid.high : guid.low) |= byte << (56 - 8 * (at % 8));
  }
  return guid;
}

// ---- numbers and code points
// -----------------------------------------------------------------------------------

constexpr int64_t kMostHexDigits = 16;

void append_hex(std::string& out, uint64_t value, int64_t length) {
  char digits[kMostHexDigits];
  const auto end = std::to_chars(digits, digits + sizeof digits, value, 16).ptr;
  const auto size = static_cast<int64_t>(end - digits);
  length = std::min(length, kMostHexDigits);
  if (length > size) out.append(static_cast<size_t>(length - size), '0');
  out.append(digits, end);
}
void hex_of_long(std::string& out, int64_t value) {
  append_hex(out, static_cast<uint64_t>(value), 0);
}
void hex_of_long_padded(std::string& out, int64_t value, int64_t length) {
  append_hex(out, static_cast<uint64_t>(value), length);
}
void hex_of_int(std::string& out, int32_t value) {
  append_hex(out, static_cast<uint32_t>(value), 0);
}
void hex_of_int_padded(std::string& out, int32_t value, int64_t length) {
  append_hex(out, static_cast<uint32_t>(value), length);
}

bool append_code_points(std::string& out, Text value) {
  const json::Kind kind = json::kind_of(value);
  if (kind == json::Kind::Integer) return utf8::append(out, static_cast<int64_t>(json::number(value)));
  if (kind != json::Kind::Array) return false;
  for (json::Cursor each(value); each.next();) {
    if (json::kind_of(each.value()) != json::Kind::Integer) return false;
    if (!utf8::append(out, static_cast<int64_t>(json::number(each.value())))) return false;
  }
  return true;
}
bool text_of_code_points(std::string& out, Rest values) {
  for (size_t i = 0; i < values.size(); ++i) {
    if (values.is_null(i) || !append_code_points(out, values.text(i))) return false;
  }
  return true;
}

void code_points_of(std::string& out, Text text) {
  out += '[';
  for (size_t at = 0; at < text.size();) {
    if (out.size() > 1) out += ',';
    out += std::to_string(next_code_point(text, at));
  }
  out += ']';
}

constexpr const char* kUnits[] = {"Bytes", "KB", "MB", "GB", "TB", "PB", "EB"};

bool format_in_units(std::string& out, double size, int64_t precision, Text wanted) {
  constexpr int kMostDigits = 15;
  int unit = 0;
  double scaled = size;
  const auto done = [&] { return wanted.empty() ? std::fabs(scaled) < 1024 : wanted == kUnits[unit]; };
  while (!done()) {
    if (unit == 6) return wanted.empty();
    scaled /= 1024;
    ++unit;
  }
  char text[400];
  const int digits = static_cast<int>(std::min<int64_t>(std::max<int64_t>(precision, 0), kMostDigits));
  int length = std::snprintf(text, sizeof text, "%.*f", digits, scaled);
  Text number(text, static_cast<size_t>(length));
  if (digits > 0) {
    while (number.ends_with('0')) number.remove_suffix(1);
    if (number.ends_with('.')) number.remove_suffix(1);
  }
  out += number;
  out += ' ';
  out += kUnits[unit];
  return true;
}
bool format_bytes(std::string& out, double size) {
  return format_in_units(out, size, 0, "");
}
bool format_bytes_precise(std::string& out, double size, int64_t precision) {
  return format_in_units(out, size, precision, "");
}

// ---- declarations
// ----------------------------------------------------------------------------------------------

void declare_urls(FunctionTableBuilder& table) {
  using enum Type;
  table.scalar("url_encode")
      .doc("Escaped for a URL, blanks as '+'.")
      .takes({as_string()}, String, native<&url_encode>());
  table.scalar("url_encode_component")
      .doc("Escaped for a part of a URL, blanks as '%20'.")
      .takes({as_string()}, String, native<&url_encode_component>());
  table.scalar("url_decode")
      .doc("Without the escapes of a URL.")
      .takes({as_string()}, String, native<&url_decode>());
  table.scalar("parse_url").doc("The parts of a URL.").takes({as_string()}, Dynamic, native<&parse_url>());
  table.alias("parseurl", "parse_url");
  table.scalar("parse_urlquery")
      .doc("The parameters of a URL's query.")
      .takes({as_string()}, Dynamic, native<&parse_url_query>());
  table.alias("parseurlquery", "parse_urlquery");
  table.scalar("parse_path")
      .doc("The parts of a file's path.")
      .takes({as_string()}, Dynamic, native<&parse_path>());
}

void declare_base64(FunctionTableBuilder& table) {
  using enum Type;
  table.scalar("base64_encode_tostring")
      .doc("In base64.")
      .takes({as_string()}, String, native<&encode_base64>());
  table.alias("base64_encodestring", "base64_encode_tostring");
  table.scalar("base64_decode_tostring")
      .doc("The text that base64 holds; empty where it isn't UTF-8.")
      .takes({as_string()}, String, native<&decode_base64_text>());
  table.alias("base64_decodestring", "base64_decode_tostring");
  table.scalar("base64_decode_toarray")
      .doc("The bytes that base64 holds.")
      .takes({as_string()}, Dynamic, native<&decode_base64_array>());
  table.scalar("base64_encode_fromarray")
      .doc("An array of bytes in base64.")
      .takes({Dynamic}, String, native<&encode_base64_array>());
  table.scalar("base64_encode_fromguid")
      .doc("A guid in base64.")
      .takes({Guid}, String, native<&encode_base64_guid>());
  table.scalar("base64_decode_toguid")
      .doc("The guid that base64 holds.")
      .takes({as_string()}, Guid, native<&decode_base64_guid>());
}

void declare_code_points(FunctionTableBuilder& table) {
  using enum Type;
  table.scalar("tohex")
      .doc("In hexadecimal digits, padded with zeros to a length.")
      .takes({Int}, String, native<&hex_of_int>())
      .takes({Long}, String, native<&hex_of_long>())
      .takes({Int, Long}, String, native<&hex_of_int_padded>())
      .takes({Long, Long}, String, native<&hex_of_long_padded>());
  table.scalar("unicode_codepoints_to_string")
      .doc("The text of code points.")
      .takes_nulls({as_dynamic()}, String, native<&text_of_code_points>())
      .repeating(1);
  table.alias("make_string", "unicode_codepoints_to_string");
  table.scalar("unicode_codepoints_from_string")
      .doc("The code points of a text.")
      .takes({as_string()}, Dynamic, native<&code_points_of>());
  table.alias("to_utf8", "unicode_codepoints_from_string");
  table.scalar("isascii")
      .doc("True where all characters are ASCII.")
      .takes({as_string()}, Bool, native<&is_ascii>());
  table.scalar("isutf8")
      .doc("True where the text is UTF-8.")
      .takes({as_string()}, Bool, native<&utf8::is_valid>());
  table.scalar("format_bytes")
      .doc("A number of bytes in a readable unit.")
      .takes({Real}, String, native<&format_bytes>())
      .takes({Real, Long}, String, native<&format_bytes_precise>())
      .takes({Real, Long, String}, String, native<&format_in_units>());
}

}  // namespace

void declare_encodings(FunctionTableBuilder& table) {
  table.category("encoding");
  declare_urls(table);
  declare_base64(table);
  declare_code_points(table);
}

}  // namespace spillway::kql
