#include "cli/table_format.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "server/json.h"

namespace spillway::cli {
namespace {

struct Range {
  uint32_t first, last;
};

// Of Unicode's East_Asian_Width W and F, and of its combining marks, as far as terminals agree on them.
constexpr Range kWide[] = {{0x1100, 0x115F},   {0x2E80, 0x303E},   {0x3041, 0xA4CF},   {0xAC00, 0xD7A3},
                           {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},   {0xFFE0, 0xFFE6},
                           {0x1F300, 0x1F64F}, {0x1F680, 0x1F6FF}, {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD}};
constexpr Range kNoWidth[] = {{0x0300, 0x036F}, {0x0483, 0x0489}, {0x0591, 0x05BD}, {0x064B, 0x065F},
                              {0x200B, 0x200F}, {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}};

template <size_t N>
bool contains(const Range (&ranges)[N], uint32_t code) {
  return std::any_of(std::begin(ranges), std::end(ranges),
                     [&](const Range& range) { return code >= range.first && code <= range.last; });
}

/// The character at `at`, and moves past it; a byte that is no UTF-8 counts as one character.
uint32_t next_character(std::string_view text, size_t& at) {
  const auto lead = static_cast<unsigned char>(text[at++]);
  const int more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC0 ? 1 : 0;
  uint32_t code = more == 3 ? lead & 0x07 : more == 2 ? lead & 0x0F : more == 1 ? lead & 0x1F : lead;
  for (int i = 0; i < more && at < text.size(); ++i) {
    code = code << 6 | (static_cast<unsigned char>(text[at++]) & 0x3F);
  }
  return code;
}

size_t width_of(uint32_t code) {
  if (code < 0x0300) return 1;
  if (contains(kNoWidth, code)) return 0;
  return contains(kWide, code) ? 2 : 1;
}

bool is_number(Type type) {
  return type == Type::Int || type == Type::Long || type == Type::Real || type == Type::Decimal;
}

/// One line: control characters as escapes.
std::string cell_text(const Value& value) {
  std::string out;
  for (const char c : value.str()) {
    switch (c) {
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default: out += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? '?' : c;
    }
  }
  return out;
}

void cut(std::string& text, size_t width) {
  if (width == 0 || display_width(text) <= width) return;
  size_t at = 0, used = 0;
  while (at < text.size()) {
    size_t next = at;
    const size_t taken = width_of(next_character(text, next));
    if (used + taken > width - 1) break;
    used += taken;
    at = next;
  }
  text.resize(at);
  text += "…";
}

void append_padded(std::string& out, std::string_view text, size_t width, bool right, bool last) {
  const size_t blanks = width - std::min(width, display_width(text));
  if (right) out.append(blanks, ' ');
  out += text;
  if (!right && !last) out.append(blanks, ' ');
}

std::string aligned(const Table& table, size_t cell_width) {
  const size_t columns = table.schema.size();
  std::vector<size_t> widths(columns);
  std::vector<std::vector<std::string>> cells;
  for (size_t c = 0; c < columns; ++c) widths[c] = display_width(table.schema[c].name);
  for (const auto& row : table.rows) {
    cells.emplace_back();
    for (size_t c = 0; c < columns; ++c) {
      std::string text = cell_text(row[c]);
      cut(text, cell_width);
      widths[c] = std::max(widths[c], display_width(text));
      cells.back().push_back(std::move(text));
    }
  }
  std::string out;
  const auto line = [&](auto text_of) {
    for (size_t c = 0; c < columns; ++c) {
      if (c > 0) out += "  ";
      append_padded(out, text_of(c), widths[c], is_number(table.schema[c].type), c + 1 == columns);
    }
    out += '\n';
  };
  line([&](size_t c) { return table.schema[c].name; });
  line([&](size_t c) { return std::string(widths[c], '-'); });
  for (const auto& row : cells) line([&](size_t c) { return row[c]; });
  out += '(' + std::to_string(cells.size()) + (cells.size() == 1 ? " record)\n" : " records)\n");
  return out;
}

void append_csv(std::string& out, std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
    out += text;
    return;
  }
  out += '"';
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

std::string csv(const Table& table) {
  std::string out;
  for (size_t c = 0; c < table.schema.size(); ++c) {
    if (c > 0) out += ',';
    append_csv(out, table.schema[c].name);
  }
  out += "\r\n";
  for (const auto& row : table.rows) {
    for (size_t c = 0; c < row.size(); ++c) {
      if (c > 0) out += ',';
      append_csv(out, row[c].str());
    }
    out += "\r\n";
  }
  return out;
}

void append_json(std::string& out, const Value& value) {
  if (value.is_null()) {
    out += "null";
    return;
  }
  const bool finite = value.type() != Type::Real || std::isfinite(value.as_real());
  switch (value.type()) {
    case Type::Bool:
    case Type::Int:
    case Type::Long:
    case Type::Dynamic: out += value.str(); return;
    case Type::Real:
      if (finite) {
        out += value.str();
        return;
      }
      break;
    default: break;
  }
  server::append_json_string(out, value.str());
}

std::string json(const Table& table) {
  std::string out = "[";
  for (const auto& row : table.rows) {
    out += out.size() > 1 ? ",\n {" : "\n {";
    for (size_t c = 0; c < row.size(); ++c) {
      if (c > 0) out += ", ";
      server::append_json_string(out, table.schema[c].name);
      out += ": ";
      append_json(out, row[c]);
    }
    out += '}';
  }
  return out + (table.rows.empty() ? "]\n" : "\n]\n");
}

}  // namespace

size_t display_width(std::string_view text) {
  size_t width = 0;
  for (size_t at = 0; at < text.size();) width += width_of(next_character(text, at));
  return width;
}

std::string format_table(const Table& table, const FormatOptions& options) {
  switch (options.format) {
    case Format::Csv: return csv(table);
    case Format::Json: return json(table);
    case Format::Table: break;
  }
  return aligned(table, options.cell_width);
}

}  // namespace spillway::cli
