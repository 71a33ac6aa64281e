// Paths into JSON (query/jsonpath.md): "$.Details.User['IP Address']", "$.Tags[0]".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace spillway::kql {

/// A member by its key, or an element by its index.
struct JsonStep {
  std::string key;
  std::optional<int64_t> index;
};

/// The steps of a path, none of "$"; nullopt where the text is no path.
std::optional<std::vector<JsonStep>> parse_json_path(std::string_view text);
/// What lies at the path; nullopt where nothing does.
std::optional<std::string_view> json_at(std::string_view value, const std::vector<JsonStep>& path);

}  // namespace spillway::kql
