// What the commands on mappings of tables and of external tables do alike: read them, and say what is wrong.
#pragma once

#include <string>

#include "commands/call.h"

namespace spillway::commands {

enum class MappingMode { Create, CreateOrAlter, Alter };

/// The quoted name that ends a command.
Result<Name> read_mapping_name(Reader& reader);

/// A quoted name, and the mapping as JSON, which isn't looked at yet. Errors: BadRequest for the name.
struct NewMapping {
  Name name;
  std::string text;
};
Result<NewMapping> read_new_mapping(Reader& reader);

/// "CSV": a kind as `.show` has it.
Value shown_kind(const std::string& kind);

/// A mapping in messages: `what` is "mapping" or "csv mapping", `owner` is "table 'T'" or its like.
struct MappingPlace {
  std::string what, owner;
};
Error no_mapping(const MappingPlace& place, const Name& name);
/// Whether the mode may define the mapping, which is there already or isn't.
Status check_mode(MappingMode mode, bool is_there, const MappingPlace& place, const Name& name);

}  // namespace spillway::commands
