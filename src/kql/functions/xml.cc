#include "kql/functions/xml.h"

#include <expat.h>

#include <map>
#include <memory>
#include <vector>

#include "kql/json.h"

namespace spillway::kql {
namespace {

constexpr size_t kMostBytes = 1 << 20;
constexpr size_t kMostLevels = json::kMaxDepth - 2;

struct Element {
  std::string name, text;
  std::vector<std::pair<std::string, std::string>> attributes;
  std::vector<std::unique_ptr<Element>> children;
};

struct Document {
  XML_Parser parser = nullptr;
  Element root;  // what holds the document's element
  std::vector<Element*> open{&root};
};

void XMLCALL start_element(void* user, const XML_Char* name, const XML_Char** attributes) {
  auto& document = *static_cast<Document*>(user);
  if (document.open.size() > kMostLevels) {
    XML_StopParser(document.parser, XML_FALSE);
    return;
  }
  auto element = std::make_unique<Element>();
  element->name = name;
  for (; *attributes; attributes += 2) element->attributes.emplace_back(attributes[0], attributes[1]);
  Element* added = element.get();
  document.open.back()->children.push_back(std::move(element));
  document.open.push_back(added);
}
void XMLCALL end_element(void* user, const XML_Char*) {
  static_cast<Document*>(user)->open.pop_back();
}
void XMLCALL add_text(void* user, const XML_Char* text, int length) {
  static_cast<Document*>(user)->open.back()->text.append(text, static_cast<size_t>(length));
}

std::string_view without_blanks(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

/// As a number where the text is one in JSON.
void append_value(std::string& out, std::string_view text) {
  const bool maybe_number = !text.empty() && (text[0] == '-' || (text[0] >= '0' && text[0] <= '9'));
  if (!maybe_number || !json::canonicalize(text, out)) json::quote(text, out);
}

void append_key(std::string& out, std::string_view key) {
  if (out.back() != '{') out += ',';
  json::quote(key, out);
  out += ':';
}

void append_element(std::string& out, const Element& element);

/// The children, those of one name together where the first of them stands.
void append_children(std::string& out, const Element& element) {
  std::vector<std::pair<std::string_view, std::vector<const Element*>>> groups;
  std::map<std::string_view, size_t> places;
  for (const auto& child : element.children) {
    const auto [place, fresh] = places.emplace(child->name, groups.size());
    if (fresh) groups.push_back({child->name, {}});
    groups[place->second].second.push_back(child.get());
  }
  for (const auto& [name, members] : groups) {
    append_key(out, name);
    if (members.size() == 1) {
      append_element(out, *members[0]);
      continue;
    }
    for (size_t i = 0; i < members.size(); ++i) {
      out += i == 0 ? '[' : ',';
      append_element(out, *members[i]);
    }
    out += ']';
  }
}

void append_element(std::string& out, const Element& element) {
  const std::string_view text = without_blanks(element.text);
  if (element.attributes.empty() && element.children.empty()) {
    if (text.empty()) {
      out += "null";
    } else {
      append_value(out, text);
    }
    return;
  }
  out += '{';
  for (const auto& [name, value] : element.attributes) {
    append_key(out, "@" + name);
    append_value(out, value);
  }
  if (!text.empty()) {
    append_key(out, "#text");
    append_value(out, text);
  }
  append_children(out, element);
  out += '}';
}

}  // namespace

bool parse_xml(std::string& out, std::string_view xml) {
  if (xml.size() > kMostBytes) return false;
  const std::unique_ptr<XML_ParserStruct, decltype(&XML_ParserFree)> parser(XML_ParserCreate("UTF-8"),
                                                                            &XML_ParserFree);
  if (!parser) return false;
  Document document;
  document.parser = parser.get();
  XML_SetUserData(parser.get(), &document);
  XML_SetElementHandler(parser.get(), &start_element, &end_element);
  XML_SetCharacterDataHandler(parser.get(), &add_text);
  const std::string_view text = without_blanks(xml);
  if (XML_Parse(parser.get(), text.data(), static_cast<int>(text.size()), XML_TRUE) != XML_STATUS_OK)
    return false;
  out += '{';
  append_children(out, document.root);
  out += '}';
  return true;
}

}  // namespace spillway::kql
