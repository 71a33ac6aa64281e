#include "storage/xml.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>

#include "base/utf8.h"

namespace spillway::storage {
namespace {

/// What "&REFERENCE;" stands for.
bool append_reference(std::string& out, std::string_view reference) {
  constexpr std::pair<std::string_view, char> kNamed[] = {
      {"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}};
  for (const auto& [name, c] : kNamed) {
    if (reference == name) {
      out += c;
      return true;
    }
  }
  if (!reference.starts_with('#')) return false;
  reference.remove_prefix(1);
  const bool hexadecimal = reference.starts_with('x');
  if (hexadecimal) reference.remove_prefix(1);
  uint32_t code = 0;
  const char* const end = reference.data() + reference.size();
  const auto [stop, error] = std::from_chars(reference.data(), end, code, hexadecimal ? 16 : 10);
  constexpr uint32_t kLastCodePoint = 0x10FFFF;
  if (error != std::errc() || stop != end || code > kLastCodePoint) return false;
  utf8::append(out, code);
  return true;
}

std::optional<std::string> resolve(std::string_view raw) {
  std::string out;
  while (!raw.empty()) {
    const size_t amp = std::min(raw.find('&'), raw.size());
    out.append(raw.substr(0, amp));
    raw.remove_prefix(amp);
    if (raw.empty()) break;
    const size_t semicolon = raw.find(';');
    if (semicolon == std::string_view::npos) return std::nullopt;
    if (!append_reference(out, raw.substr(1, semicolon - 1))) return std::nullopt;
    raw.remove_prefix(semicolon + 1);
  }
  return out;
}

}  // namespace

XmlReader::Event XmlReader::malformed() {
  rest_ = {};
  return Event::Malformed;
}

bool XmlReader::skip_past(std::string_view end) {
  const size_t at = rest_.find(end);
  if (at == std::string_view::npos) return false;
  rest_.remove_prefix(at + end.size());
  return true;
}

XmlReader::Event XmlReader::next() {
  if (close_next_) {
    close_next_ = false;
    return Event::Close;
  }
  while (!rest_.empty()) {
    if (rest_.starts_with("<?")) {
      if (!skip_past("?>")) return malformed();
    } else if (rest_.starts_with("<!--")) {
      if (!skip_past("-->")) return malformed();
    } else if (rest_.starts_with('<')) {
      return read_tag();
    } else if (rest_.starts_with("\xEF\xBB\xBF")) {
      rest_.remove_prefix(3);  // a byte order mark
    } else {
      const size_t end = std::min(rest_.find('<'), rest_.size());
      const std::optional<std::string> text = resolve(rest_.substr(0, end));
      if (!text) return malformed();
      rest_.remove_prefix(end);
      text_ = *text;
      return Event::Text;
    }
  }
  return Event::End;
}

XmlReader::Event XmlReader::read_tag() {
  const size_t end = rest_.find('>');
  if (end == std::string_view::npos) return malformed();
  std::string_view tag = rest_.substr(1, end - 1);
  rest_.remove_prefix(end + 1);
  const bool closes = tag.starts_with('/');
  if (closes) tag.remove_prefix(1);
  close_next_ = !closes && tag.ends_with('/');
  const size_t name_end = std::min(tag.find_first_of(" \t\r\n/"), tag.size());
  name_ = tag.substr(0, name_end);
  attributes_ = tag.substr(name_end);
  if (name_.empty() || name_[0] == '!') return malformed();
  return closes ? Event::Close : Event::Open;
}

std::string xml_text_of(std::string_view xml, std::string_view element) {
  XmlReader reader(xml);
  bool inside = false;
  while (true) {
    switch (reader.next()) {
      case XmlReader::Event::Open: inside = reader.name() == element; break;
      case XmlReader::Event::Text:
        if (inside) return reader.text();
        break;
      case XmlReader::Event::Close: inside = false; break;
      case XmlReader::Event::End:
      case XmlReader::Event::Malformed: return "";
    }
  }
}

}  // namespace spillway::storage
