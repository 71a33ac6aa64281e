#include "commands/mappings.h"

#include <cctype>
#include <utility>

namespace spillway::commands {

Result<Name> read_mapping_name(Reader& reader) {
  SPILLWAY_ASSIGN(Name name, reader.name("the name of a mapping in quotes"));
  SPILLWAY_TRY(reader.end());
  return name;
}

Result<NewMapping> read_new_mapping(Reader& reader) {
  NewMapping given;
  SPILLWAY_ASSIGN(given.name, reader.name("the name of a mapping in quotes"));
  SPILLWAY_ASSIGN(given.text, reader.string("the mapping as JSON in quotes"));
  SPILLWAY_TRY(reader.end());
  SPILLWAY_TRY(check_name("mapping", given.name));
  return given;
}

Value shown_kind(const std::string& kind) {
  std::string upper = kind;
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return Value::string(std::move(upper));
}

Error no_mapping(const MappingPlace& place, const Name& name) {
  return Error{ErrorCode::EntityNotFound, place.what + " '" + name.text + "' not found in " + place.owner,
               name.span};
}

Status check_mode(MappingMode mode, bool is_there, const MappingPlace& place, const Name& name) {
  if (!is_there && mode == MappingMode::Alter) return no_mapping(place, name);
  if (is_there && mode == MappingMode::Create) {
    return Error{ErrorCode::EntityExists,
                 place.what + " '" + name.text + "' already exists in " + place.owner, name.span};
  }
  return {};
}

}  // namespace spillway::commands
