#include "export/properties.h"

#include <charconv>

namespace spillway::exports {

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

Properties::Properties(std::string what, const std::map<std::string, std::string>& values)
    : what_(std::move(what)) {
  for (const auto& [name, value] : values) values_[lower_case(name)] = {name, value};
}

Error Properties::invalid(std::string_view name, const std::string& value,
                          const std::string& expected) const {
  return Error(ErrorCode::BadRequest,
               what_ + ": property '" + std::string(name) + "' is '" + value + "'; expected " + expected);
}

std::optional<std::string> Properties::text(std::string_view name) {
  known_ += (known_.empty() ? "" : ", ") + std::string(name);
  const auto found = values_.find(lower_case(name));
  if (found == values_.end()) return std::nullopt;
  std::string value = std::move(found->second.value);
  values_.erase(found);
  return value;
}

Result<std::optional<bool>> Properties::boolean(std::string_view name) {
  const auto value = text(name);
  if (!value) return std::optional<bool>();
  const std::string lower = lower_case(*value);
  if (lower == "true" || lower == "1") return std::optional<bool>(true);
  if (lower == "false" || lower == "0") return std::optional<bool>(false);
  return invalid(name, *value, "true or false");
}

Result<std::optional<int64_t>> Properties::integer(std::string_view name, int64_t smallest, int64_t largest) {
  const auto value = text(name);
  if (!value) return std::optional<int64_t>();
  int64_t number = 0;
  const char* end = value->data() + value->size();
  const auto parsed = std::from_chars(value->data(), end, number);
  if (parsed.ec != std::errc() || parsed.ptr != end || number < smallest || number > largest) {
    return invalid(name, *value,
                   "a whole number from " + std::to_string(smallest) + " to " + std::to_string(largest));
  }
  return std::optional<int64_t>(number);
}

Result<std::optional<Ticks>> Properties::timespan(std::string_view name, Ticks smallest) {
  const auto value = text(name);
  if (!value) return std::optional<Ticks>();
  const std::optional<Ticks> ticks = parse_timespan(*value);
  if (!ticks || *ticks < smallest) {
    return invalid(name, *value,
                   "a timespan of at least " + format_timespan(smallest) + ", such as 1h or 00:10:00");
  }
  return ticks;
}

Result<std::optional<std::string>> Properties::choice(std::string_view name, std::string_view choices) {
  const auto value = text(name);
  if (!value) return std::optional<std::string>();
  const std::string lower = lower_case(*value);
  std::string listed;
  for (size_t begin = 0; begin <= choices.size();) {
    const size_t end = std::min(choices.find('|', begin), choices.size());
    const std::string one(choices.substr(begin, end - begin));
    if (one == lower) return std::optional<std::string>(lower);
    listed += (listed.empty() ? "" : ", ") + one;
    begin = end + 1;
  }
  return invalid(name, *value, "one of: " + listed);
}

Status Properties::finish() const {
  if (values_.empty()) return {};
  return Status(ErrorCode::BadRequest, what_ + ": there is no property '" +
                                           values_.begin()->second.given_name + "'; known here: " + known_);
}

}  // namespace spillway::exports
