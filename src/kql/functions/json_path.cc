#include "kql/functions/json_path.h"

#include <algorithm>
#include <charconv>

#include "kql/json.h"

namespace spillway::kql {
namespace {

using Text = std::string_view;

/// Takes ".key" off the path.
bool take_key(Text& path, JsonStep& step) {
  const size_t end = std::min(path.find_first_of(".[", 1), path.size());
  step.key = path.substr(1, end - 1);
  path.remove_prefix(end);
  return !step.key.empty();
}

/// Takes "['key']" or "[0]" off the path.
bool take_bracket(Text& path, JsonStep& step) {
  const char quote = path.size() > 1 ? path[1] : ' ';
  if (quote == '\'' || quote == '"') {
    const size_t close = path.find({&quote, 1}, 2);
    if (close == Text::npos || close + 1 >= path.size() || path[close + 1] != ']') return false;
    step.key = path.substr(2, close - 2);
    path.remove_prefix(close + 2);
    return true;
  }
  const size_t close = path.find(']');
  if (close == Text::npos) return false;
  int64_t index = 0;
  const auto [end, error] = std::from_chars(path.data() + 1, path.data() + close, index);
  if (error != std::errc() || end != path.data() + close) return false;
  step.index = index;
  path.remove_prefix(close + 1);
  return true;
}

}  // namespace

std::optional<std::vector<JsonStep>> parse_json_path(Text text) {
  text = json::trim(text);
  if (!text.starts_with('$')) return std::nullopt;
  text.remove_prefix(1);
  std::vector<JsonStep> path;
  while (!text.empty()) {
    JsonStep& step = path.emplace_back();
    const bool known = text[0] == '.' ? take_key(text, step) : text[0] == '[' && take_bracket(text, step);
    if (!known) return std::nullopt;
  }
  return path;
}

std::optional<Text> json_at(Text value, const std::vector<JsonStep>& path) {
  std::optional<Text> found = value;
  for (const JsonStep& step : path) {
    if (!found) break;
    found = step.index ? json::element(*found, *step.index) : json::member(*found, step.key);
  }
  return found;
}

}  // namespace spillway::kql
