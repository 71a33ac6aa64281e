#include "server/json.h"

#include <array>
#include <charconv>
#include <cmath>

namespace spillway::server {
namespace {

/// Bytes that can't stand in a JSON string as they are, or that begin a sequence that must be checked.
constexpr auto kSpecial = [] {
  std::array<bool, 256> special{};
  for (size_t c = 0; c < special.size(); ++c) special[c] = c < 0x20 || c == '"' || c == '\\' || c >= 0x80;
  return special;
}();

/// The length of the well-formed UTF-8 sequence at the front of `text`; 0 where there is none.
size_t sequence_length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto continues = [&](size_t i) { return i < text.size() && (byte(i) & 0xC0) == 0x80; };
  const unsigned char lead = byte(0);
  if (lead >= 0xC2 && lead <= 0xDF) return continues(1) ? 2 : 0;
  if ((lead & 0xF0) == 0xE0) {
    if (!continues(1) || !continues(2)) return 0;
    const bool overlong = lead == 0xE0 && byte(1) < 0xA0;
    const bool surrogate = lead == 0xED && byte(1) >= 0xA0;
    return overlong || surrogate ? 0 : 3;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    if (!continues(1) || !continues(2) || !continues(3)) return 0;
    const bool overlong = lead == 0xF0 && byte(1) < 0x90;
    const bool too_large = lead == 0xF4 && byte(1) > 0x8F;
    return overlong || too_large ? 0 : 4;
  }
  return 0;
}

void append_escape(std::string& out, char c) {
  constexpr char kHex[] = "0123456789abcdef";
  switch (c) {
    case '"': out += "\\\""; return;
    case '\\': out += "\\\\"; return;
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    default: out += "\\u00", out += kHex[c >> 4], out += kHex[c & 15];
  }
}

void append_integer(std::string& out, int64_t value) {
  std::array<char, 24> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  out.append(digits.data(), end);
}

void append_real(std::string& out, double value) {
  if (!std::isfinite(value)) {
    out += std::isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
    return;
  }
  std::array<char, 40> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  const std::string_view text(digits.data(), static_cast<size_t>(end - digits.data()));
  out += text;
  // A real stays one in clients that tell 1 from 1.0.
  if (text.find_first_of(".e") == std::string_view::npos) out += ".0";
}

/// Digits of a fraction only as far as they aren't zero, as Kusto sends them.
void append_datetime_value(std::string& out, Ticks ticks) {
  out += '"';
  append_datetime(out, ticks);
  out.pop_back();  // the Z
  out.erase(out.find_last_not_of('0') + 1);
  if (out.back() == '.') {
    out.pop_back();
  }
  out += "Z\"";
}

void append_guid(std::string& out, const Guid& guid) {
  out += '"', out += guid.str(), out += '"';
}

void append_timespan_value(std::string& out, Ticks ticks) {
  out += '"';
  append_timespan(out, ticks);
  out += '"';
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  size_t start = 0;
  for (size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (!kSpecial[c]) {
      ++i;
      continue;
    }
    const size_t length = c >= 0x80 ? sequence_length(text.substr(i)) : 0;
    if (length > 0) {
      i += length;
      continue;
    }
    out.append(text, start, i - start);
    if (c >= 0x80) {
      out += "\xEF\xBF\xBD";
    } else {
      append_escape(out, text[i]);
    }
    start = ++i;
  }
  out.append(text, start, text.size() - start);
  out += '"';
}

void append_json_value(std::string& out, const VectorView& column, size_t row) {
  if (column.is_null(row)) {
    out += "null";
    return;
  }
  switch (column.type()) {
    case Type::Bool: out += column.boolean(row) ? "true" : "false"; return;
    case Type::Int:
    case Type::Long: append_integer(out, column.integer(row)); return;
    case Type::Real: append_real(out, column.get<double>(row)); return;
    case Type::DateTime: append_datetime_value(out, column.integer(row)); return;
    case Type::TimeSpan: append_timespan_value(out, column.integer(row)); return;
    case Type::Guid: append_guid(out, column.get<Guid>(row)); return;
    case Type::Dynamic: out += column.text(row); return;
    case Type::Decimal:
    case Type::String: append_json_string(out, column.text(row)); return;
  }
}

void append_json_value(std::string& out, const Value& value) {
  if (value.is_null()) {
    out += "null";
    return;
  }
  switch (value.type()) {
    case Type::Bool: out += value.as_bool() ? "true" : "false"; return;
    case Type::Int:
    case Type::Long: append_integer(out, value.as_int()); return;
    case Type::Real: append_real(out, value.as_real()); return;
    case Type::DateTime: append_datetime_value(out, value.as_int()); return;
    case Type::TimeSpan: append_timespan_value(out, value.as_int()); return;
    case Type::Guid: append_guid(out, value.as_guid()); return;
    case Type::Dynamic: out += value.as_text(); return;
    case Type::Decimal:
    case Type::String: append_json_string(out, value.as_text()); return;
  }
}

int64_t data_size(const VectorView& column, size_t row) {
  if (column.is_null(row)) return 1;
  switch (column.type()) {
    case Type::Bool: return 1;
    case Type::Int: return 4;
    case Type::Long:
    case Type::Real:
    case Type::DateTime:
    case Type::TimeSpan: return 8;
    case Type::Guid: return 16;
    case Type::Decimal:
    case Type::String:
    case Type::Dynamic: return static_cast<int64_t>(column.text(row).size());
  }
  return 0;
}

}  // namespace spillway::server
