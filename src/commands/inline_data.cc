#include "commands/inline_data.h"

#include <algorithm>
#include <string_view>

namespace spillway::commands {
namespace {

/// The data after `<|`, which begins on the next line where this one is empty.
std::string_view after_arrow(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text[first] == '\n' ? text.substr(first + 1) : text.substr(first);
}

/// The white space with which every line that isn't empty begins.
std::string_view shared_indentation(std::string_view data) {
  std::string_view shared;
  bool any = false;
  for (size_t begin = 0; begin < data.size();) {
    const size_t end = std::min(data.find('\n', begin), data.size());
    const std::string_view line = data.substr(begin, end - begin);
    begin = end + 1;
    const size_t text = line.find_first_not_of(" \t\r");
    if (text == std::string_view::npos) continue;
    const std::string_view indentation = line.substr(0, text);
    if (!any) {
      shared = indentation;
      any = true;
    }
    const auto differs = std::mismatch(shared.begin(), shared.end(), indentation.begin(), indentation.end());
    shared = shared.substr(0, static_cast<size_t>(differs.first - shared.begin()));
  }
  return shared;
}

/// A line that has less than the shared indentation is an empty one, and stays as it is.
std::string without_indentation(std::string_view data) {
  const size_t indentation = shared_indentation(data).size();
  if (indentation == 0) return std::string(data);
  std::string out;
  for (size_t begin = 0; begin < data.size();) {
    const size_t end = std::min(data.find('\n', begin), data.size());
    const std::string_view line = data.substr(begin, end - begin);
    const bool empty = line.find_first_not_of(" \t\r") == std::string_view::npos;
    out += empty ? line : line.substr(indentation);
    if (end < data.size()) out += '\n';
    begin = end + 1;
  }
  return out;
}

/// The records of `[…] […]`: a bracket inside double quotes doesn't end one.
Result<std::string> bracketed(std::string_view text, std::string_view whole, size_t offset) {
  std::string out;
  size_t pos = 0;
  while (true) {
    pos = text.find_first_not_of(" \t\r\n", pos);
    if (pos == std::string_view::npos) return out;
    if (text[pos] != '[') {
      if (text.substr(pos) == ";") return out;
      return Error{ErrorCode::Syntax, "expected '[' before a record", span_at(whole, offset + pos, 1)};
    }
    const size_t begin = ++pos;
    bool quoted = false;
    while (pos < text.size() && (quoted || text[pos] != ']')) {
      if (text[pos] == '"') quoted = !quoted;
      ++pos;
    }
    if (pos == text.size()) {
      return Error{ErrorCode::Syntax, "a record without its closing ']'",
                   span_at(whole, offset + begin - 1, 1)};
    }
    out += text.substr(begin, pos++ - begin);
    out += '\n';
  }
}

}  // namespace

Result<std::string> inline_data(const Reader& reader) {
  if (reader.peek().kind == TokenKind::LessBar) {
    const std::string_view arrow = reader.peek().text;
    return without_indentation(after_arrow(reader.text().substr(reader.offset() + arrow.size())));
  }
  if (reader.peek().kind != TokenKind::OpenBracket) return reader.expected("'<|' and the data, or '['");
  const Reader::Tail rest = reader.rest();
  return bracketed(rest.text, reader.text(), rest.offset);
}

}  // namespace spillway::commands
