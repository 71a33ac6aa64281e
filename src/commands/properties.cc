#include "commands/properties.h"

#include <algorithm>
#include <utility>

namespace spillway::commands {
namespace {

/// The inside of a literal `type(…)`.
std::string inside_parentheses(std::string_view text) {
  const size_t open = text.find('(');
  if (open == std::string_view::npos || !text.ends_with(')')) return std::string(text);
  text = text.substr(open + 1, text.size() - open - 2);
  const size_t begin = text.find_first_not_of(" \t'\"");
  const size_t end = text.find_last_not_of(" \t'\"");
  return begin == std::string_view::npos ? std::string() : std::string(text.substr(begin, end - begin + 1));
}

Result<std::string> value_of(Reader& reader) {
  const Token token = reader.peek();
  switch (token.kind) {
    case TokenKind::String: return reader.string("a value");
    case TokenKind::Word: {
      std::string word(reader.peek_word());
      SPILLWAY_TRY(reader.expect(word));
      return word;
    }
    case TokenKind::Minus: {
      SPILLWAY_TRY(reader.expect(TokenKind::Minus));
      SPILLWAY_ASSIGN(std::string positive, value_of(reader));
      return "-" + positive;
    }
    case TokenKind::Bool:
    case TokenKind::Int:
    case TokenKind::Long:
    case TokenKind::Real:
    case TokenKind::Decimal:
    case TokenKind::DateTime:
    case TokenKind::TimeSpan:
    case TokenKind::Guid:
    case TokenKind::RawGuid: {
      std::string value = inside_parentheses(token.text);
      SPILLWAY_TRY(reader.expect(token.kind));
      return value;
    }
    default: return reader.expected("a value");
  }
}

}  // namespace

Result<Properties> Properties::parse(Reader& reader) {
  Properties properties;
  if (!reader.accept("with")) return properties;
  SPILLWAY_TRY(reader.expect(TokenKind::OpenParen));
  do {
    Property property;
    SPILLWAY_ASSIGN(property.name, reader.name("the name of a property"));
    if (properties.has(property.name.text)) {
      return Error{ErrorCode::BadRequest, "property '" + property.name.text + "' is there twice",
                   property.name.span};
    }
    SPILLWAY_TRY(reader.expect(TokenKind::Equal));
    SPILLWAY_ASSIGN(property.value, value_of(reader));
    properties.properties_.push_back(std::move(property));
  } while (reader.accept(TokenKind::Comma));
  SPILLWAY_TRY(reader.expect(TokenKind::CloseParen));
  return properties;
}

const Properties::Property* Properties::find(std::string_view name) const {
  const auto found = std::find_if(properties_.begin(), properties_.end(), [&](const Property& property) {
    return same_ignoring_case(property.name.text, name);
  });
  return found == properties_.end() ? nullptr : &*found;
}

Status Properties::check(std::initializer_list<std::string_view> known) const {
  for (const Property& property : properties_) {
    const auto matches = [&](std::string_view name) { return same_ignoring_case(name, property.name.text); };
    if (std::any_of(known.begin(), known.end(), matches)) continue;
    std::string list;
    for (std::string_view name : known) list += (list.empty() ? "" : ", ") + std::string(name);
    return Error{ErrorCode::BadRequest,
                 "property '" + property.name.text + "' isn't supported here; supported are: " + list,
                 property.name.span};
  }
  return Status();
}

std::optional<std::string> Properties::text(std::string_view name) const {
  const Property* property = find(name);
  if (!property) return std::nullopt;
  return property->value;
}

std::string Properties::text_or(std::string_view name, std::string_view otherwise) const {
  const Property* property = find(name);
  return property ? property->value : std::string(otherwise);
}

Result<bool> Properties::boolean(std::string_view name, bool otherwise) const {
  const Property* property = find(name);
  if (!property) return otherwise;
  if (same_ignoring_case(property->value, "true")) return true;
  if (same_ignoring_case(property->value, "false")) return false;
  return Error{ErrorCode::BadRequest, "property '" + property->name.text + "' must be true or false",
               property->name.span};
}

std::map<std::string, std::string> Properties::all_but(std::initializer_list<std::string_view> names) const {
  std::map<std::string, std::string> rest;
  for (const Property& property : properties_) {
    const auto matches = [&](std::string_view name) { return same_ignoring_case(name, property.name.text); };
    if (std::none_of(names.begin(), names.end(), matches)) rest[property.name.text] = property.value;
  }
  return rest;
}

}  // namespace spillway::commands
