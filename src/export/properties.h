// The properties of export commands, `with (name = value, …)`: read by documented name (in any case) and
// range. Whatever isn't taken is an error, so that no property is ever ignored.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "base/types.h"

namespace spillway::exports {

class Properties {
 public:
  /// `what` names their owner in messages: "external table 'X'", ".export to csv".
  Properties(std::string what, const std::map<std::string, std::string>& values);

  /// Each takes the property away; nullopt where it isn't given.
  std::optional<std::string> text(std::string_view name);
  Result<std::optional<bool>> boolean(std::string_view name);
  Result<std::optional<int64_t>> integer(std::string_view name, int64_t smallest, int64_t largest);
  Result<std::optional<Ticks>> timespan(std::string_view name, Ticks smallest);
  /// One of `choices`, which are in lower case, separated by '|'; the value in any case.
  Result<std::optional<std::string>> choice(std::string_view name, std::string_view choices);

  /// BadRequest where a property is left that nothing took.
  Status finish() const;

 private:
  Error invalid(std::string_view name, const std::string& value, const std::string& expected) const;

  std::string what_;
  struct Entry {
    std::string given_name, value;
  };
  std::map<std::string, Entry> values_;  // by the name in lower case
  std::string known_;                    // names that were asked for, for messages
};

std::string lower_case(std::string_view text);

}  // namespace spillway::exports
