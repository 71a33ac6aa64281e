#include "export/text_format.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace spillway::exports {
namespace {

constexpr size_t kSmallestBuffer = 64 * 1024;
constexpr size_t kLongestNumber = 32;
constexpr size_t kGuidLength = 36;

/// Which bytes make a field need quotes, or a JSON string an escape.
using ByteSet = std::array<bool, 256>;

constexpr ByteSet quote_set(char delimiter) {
  ByteSet set{};
  for (const char c : {delimiter, '"', '\n', '\r'}) set[static_cast<unsigned char>(c)] = true;
  return set;
}
constexpr ByteSet escape_set() {
  ByteSet set{};
  for (size_t c = 0; c < 0x20; ++c) set[c] = true;
  set['"'] = set['\\'] = true;
  return set;
}
constexpr ByteSet kCsvQuoted = quote_set(','), kTsvQuoted = quote_set('\t'), kJsonEscaped = escape_set();

/// The length of the front of `text` that holds no byte of the set.
size_t clean_length(std::string_view text, const ByteSet& set) {
  size_t i = 0;
  while (i < text.size() && !set[static_cast<unsigned char>(text[i])]) ++i;
  return i;
}

void append_quoted(std::string_view text, TextBuffer& out) {
  char* begin = out.room(2 * text.size() + 2);
  char* to = begin;
  *to++ = '"';
  for (const char c : text) {
    if (c == '"') *to++ = '"';
    *to++ = c;
  }
  *to++ = '"';
  out.grow(static_cast<size_t>(to - begin));
}

void append_escape(char c, TextBuffer& out) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  switch (c) {
    case '"': out.append("\\\""); return;
    case '\\': out.append("\\\\"); return;
    case '\n': out.append("\\n"); return;
    case '\r': out.append("\\r"); return;
    case '\t': out.append("\\t"); return;
    case '\b': out.append("\\b"); return;
    case '\f': out.append("\\f"); return;
    default: break;
  }
  out.append("\\u00");
  out.append(kDigits[static_cast<unsigned char>(c) >> 4]);
  out.append(kDigits[static_cast<unsigned char>(c) & 15]);
}

void append_json_string(std::string_view text, TextBuffer& out) {
  out.append('"');
  while (!text.empty()) {
    const size_t clean = clean_length(text, kJsonEscaped);
    out.append(text.substr(0, clean));
    if (clean == text.size()) break;
    append_escape(text[clean], out);
    text.remove_prefix(clean + 1);
  }
  out.append('"');
}

template <typename Integer>
void append_integer(Integer value, TextBuffer& out) {
  char* begin = out.room(kLongestNumber);
  out.grow(static_cast<size_t>(std::to_chars(begin, begin + kLongestNumber, value).ptr - begin));
}

void append_guid(const Guid& guid, TextBuffer& out) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  char* to = out.room(kGuidLength);
  for (int digit = 0; digit < 32; ++digit) {
    if (digit == 8 || digit == 12 || digit == 16 || digit == 20) *to++ = '-';
    const uint64_t half = digit < 16 ? guid.high : guid.low;
    *to++ = kDigits[(half >> (60 - 4 * (digit % 16))) & 15];
  }
  out.grow(kGuidLength);
}

/// Values whose text needs no quotes or escapes in any format; `scratch` is reused from cell to cell.
void append_plain(const ColumnBlock& column, size_t row, std::string& scratch, TextBuffer& out) {
  scratch.clear();
  switch (column.type()) {
    case Type::Bool:
      out.append(column.boolean(row) ? std::string_view("true") : std::string_view("false"));
      return;
    case Type::Int: append_integer(column.int32(row), out); return;
    case Type::Long: append_integer(column.int64(row), out); return;
    case Type::Real:
      append_real(scratch, column.real(row));
      out.append(scratch);
      return;
    case Type::Guid: append_guid(column.guid(row), out); return;
    case Type::DateTime:
      append_datetime(scratch, column.int64(row));
      out.append(scratch);
      return;
    case Type::TimeSpan:
      append_timespan(scratch, column.int64(row));
      out.append(scratch);
      return;
    case Type::Decimal:
    case Type::String:
    case Type::Dynamic: out.append(column.text(row)); return;
  }
}

/// True where JSON shows the type's plain text between quotes.
bool is_json_quoted(const ColumnBlock& column, size_t row) {
  switch (column.type()) {
    case Type::Real: return !std::isfinite(column.real(row));
    case Type::Decimal:
    case Type::DateTime:
    case Type::TimeSpan:
    case Type::Guid: return true;
    default: return false;
  }
}

void append_json_value(const ColumnBlock& column, size_t row, std::string& scratch, TextBuffer& out) {
  if (column.type() == Type::String) {
    append_json_string(column.text(row), out);
  } else if (column.is_null(row)) {
    out.append("null");
  } else if (is_json_quoted(column, row)) {
    out.append('"');
    append_plain(column, row, scratch, out);
    out.append('"');
  } else {
    append_plain(column, row, scratch, out);
  }
}

}  // namespace

void TextBuffer::enlarge(size_t bytes) {
  capacity_ = std::max({kSmallestBuffer, size_ + bytes, 2 * capacity_});
  auto larger = std::make_unique_for_overwrite<char[]>(capacity_);
  if (size_ > 0) std::memcpy(larger.get(), data_.get(), size_);
  data_ = std::move(larger);
}

TextFormat::TextFormat(std::string_view format, const Schema& columns)
    : json_(format == "json"), delimiter_(format == "tsv" ? '\t' : ',') {
  for (const Field& field : columns) {
    names_.push_back(field.name);
    TextBuffer prefix;
    prefix.append(prefixes_.empty() ? '{' : ',');
    append_json_string(field.name, prefix);
    prefix.append(':');
    prefixes_.emplace_back(prefix.view());
  }
}

std::string TextFormat::header() const {
  if (json_) return "";
  const ByteSet& quoted = delimiter_ == '\t' ? kTsvQuoted : kCsvQuoted;
  TextBuffer out;
  for (size_t i = 0; i < names_.size(); ++i) {
    if (i > 0) out.append(delimiter_);
    if (clean_length(names_[i], quoted) == names_[i].size()) {
      out.append(names_[i]);
    } else {
      append_quoted(names_[i], out);
    }
  }
  out.append('\n');
  return std::string(out.view());
}

void TextFormat::append_rows(const RowBlock& rows, TextBuffer& out) const {
  if (json_) {
    append_json_rows(rows, out);
  } else {
    append_delimited_rows(rows, out);
  }
}

void TextFormat::append_json_rows(const RowBlock& rows, TextBuffer& out) const {
  std::string scratch;
  const auto& columns = rows.columns();
  for (size_t row = 0; row < rows.rows(); ++row) {
    for (size_t c = 0; c < columns.size(); ++c) {
      out.append(prefixes_[c]);
      append_json_value(columns[c], row, scratch, out);
    }
    out.append(columns.empty() ? std::string_view("{}\n") : std::string_view("}\n"));
  }
}

void TextFormat::append_delimited_rows(const RowBlock& rows, TextBuffer& out) const {
  std::string scratch;
  const auto& columns = rows.columns();
  const ByteSet& quoted = delimiter_ == '\t' ? kTsvQuoted : kCsvQuoted;
  for (size_t row = 0; row < rows.rows(); ++row) {
    const size_t begin = out.size();
    for (size_t c = 0; c < columns.size(); ++c) {
      const ColumnBlock& column = columns[c];
      if (c > 0) out.append(delimiter_);
      if (column.is_null(row)) continue;
      const bool text = column.type() == Type::String || column.type() == Type::Dynamic;
      if (text && clean_length(column.text(row), quoted) < column.text(row).size()) {
        append_quoted(column.text(row), out);
      } else {
        append_plain(column, row, scratch, out);
      }
    }
    if (out.size() == begin) out.append("\"\"");
    out.append('\n');
  }
}

}  // namespace spillway::exports
