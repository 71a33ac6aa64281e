// The properties of a command: `with (folder = "a", dryRun = true, intervalBetweenRuns = 1h)`.
#pragma once

#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "commands/reader.h"

namespace spillway::commands {

/// Names are compared without regard to case. Values are texts: of a string literal its inside, of
/// `time(1h)`, `datetime(…)` and the like what stands in the parentheses, of everything else what was
/// written.
class Properties {
 public:
  /// Where the next token is `with`, reads it and its list; else none. Errors: Syntax; BadRequest where a
  /// property is there twice.
  static Result<Properties> parse(Reader& reader);

  /// BadRequest names the first property that isn't among `known`.
  Status check(std::initializer_list<std::string_view> known) const;

  bool has(std::string_view name) const { return find(name) != nullptr; }
  std::optional<std::string> text(std::string_view name) const;
  /// The text, or `otherwise` where it isn't given.
  std::string text_or(std::string_view name, std::string_view otherwise) const;
  /// BadRequest where the value is neither true nor false.
  Result<bool> boolean(std::string_view name, bool otherwise) const;

  /// All but those named, by the names as they were written.
  std::map<std::string, std::string> all_but(std::initializer_list<std::string_view> names) const;

 private:
  struct Property {
    Name name;
    std::string value;
  };
  const Property* find(std::string_view name) const;
  std::vector<Property> properties_;
};

}  // namespace spillway::commands
