#include "server/properties.h"

#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include "engine/query_text.h"

namespace spillway::server {
namespace {

namespace json = boost::json;

/// Deep enough for any dynamic parameter, and no risk for the stack.
constexpr size_t kMaxJsonDepth = 64;

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

/// The value of an option as text: what a JSON string holds, else the JSON itself.
std::string text_of(const json::value& value) {
  if (value.is_string()) return std::string(value.get_string());
  if (value.is_null()) return "";
  return json::serialize(value);
}

Error bad_value(std::string_view name, std::string_view value, std::string_view expected) {
  return {ErrorCode::BadRequest, "the request property '" + std::string(name) + "' has the value '" +
                                     std::string(value) + "': expected " + std::string(expected)};
}

Status read_bool(std::string_view name, std::string_view value, bool& out) {
  const std::string folded = lower(value);
  if (folded == "true" || folded == "1" || folded.empty()) {  // `set notruncation;`
    out = true;
  } else if (folded == "false" || folded == "0") {
    out = false;
  } else {
    return bad_value(name, value, "true or false");
  }
  return {};
}

/// The digits of "5" and "long(5)".
std::string_view without_type(std::string_view value) {
  const size_t open = value.find('(');
  if (open == std::string_view::npos || !value.ends_with(')')) return value;
  return value.substr(open + 1, value.size() - open - 2);
}

/// Of several values the lowest counts.
Status read_limit(std::string_view name, std::string_view value, std::optional<int64_t>& out) {
  const std::string_view digits = without_type(value);
  int64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size() || number < 0) {
    return bad_value(name, value, "a number that isn't negative");
  }
  out = std::min(out.value_or(number), number);
  return {};
}

Status read_timeout(std::string_view name, std::string_view value,
                    std::optional<std::chrono::milliseconds>& out) {
  const auto ticks = parse_timespan(value);
  if (!ticks || *ticks <= 0) return bad_value(name, value, "a timespan above zero, such as 00:05:00 or 5m");
  out = std::min(std::chrono::milliseconds(std::max<int64_t>(1, *ticks / kTicksPerMillisecond)), kMaxTimeout);
  return {};
}

Status read_placement(std::string_view name, std::string_view value, ErrorPlacement& out) {
  const std::string folded = lower(value);
  if (folded == "in_data") {
    out = ErrorPlacement::InData;
  } else if (folded == "end_of_table") {
    out = ErrorPlacement::EndOfTable;
  } else if (folded == "end_of_dataset") {
    out = ErrorPlacement::EndOfDataSet;
  } else {
    return bad_value(name, value, "in_data, end_of_table or end_of_dataset");
  }
  return {};
}

Status read_now(std::string_view name, std::string_view value, std::optional<Ticks>& out) {
  out = parse_datetime(without_type(value));
  return out ? Status() : bad_value(name, value, "a datetime");
}

Status read_language(std::string_view name, std::string_view value) {
  const std::string folded = lower(value);
  if (folded == "csl" || folded == "kql") return {};
  if (folded == "sql")
    return Error{ErrorCode::NotSupported, "queries in SQL aren't supported: write them in KQL"};
  return bad_value(name, value, "csl or kql");
}

/// Properties that change what an answer holds and that Spillway doesn't have: better no answer than another
/// one.
constexpr std::array<std::string_view, 9> kRefused = {
    "query_cursor_after_default", "query_cursor_before_or_at_default", "query_cursor_current",
    "query_cursor_scoped_tables", "query_datetimescope_column",        "query_datetimescope_from",
    "query_datetimescope_to",     "query_results_apply_getschema",     "validatepermissions"};

/// Properties that change what a query means: the binder reads them.
constexpr std::array<std::string_view, 4> kOfQueries = {
    "best_effort", "query_bin_auto_at", "query_bin_auto_size", "query_force_row_level_security"};

/// Properties that only the request itself may set.
constexpr std::array<std::string_view, 9> kNotBySet = {"norequesttimeout",
                                                       "query_language",
                                                       "request_readonly",
                                                       "request_readonly_hardline",
                                                       "results_progressive_enabled",
                                                       "results_v2_fragment_primary_tables",
                                                       "servertimeout",
                                                       "truncationmaxsize",
                                                       "query_now"};

Status apply(std::string_view name, std::string_view value, RequestProperties& out) {
  if (name == "servertimeout") return read_timeout(name, value, out.timeout);
  if (name == "notruncation") return read_bool(name, value, out.no_truncation);
  if (name == "truncationmaxsize") return read_limit(name, value, out.max_bytes);
  if (name == "truncationmaxrecords") return read_limit(name, value, out.max_records);
  if (name == "query_take_max_records") return read_limit(name, value, out.take_records);
  if (name == "deferpartialqueryfailures") return read_bool(name, value, out.defer_partial_failures);
  if (name == "results_progressive_enabled") return read_bool(name, value, out.progressive);
  if (name == "results_v2_fragment_primary_tables") return read_bool(name, value, out.fragments);
  if (name == "results_v2_newlines_between_frames") return read_bool(name, value, out.newlines);
  if (name == "results_error_reporting_placement") return read_placement(name, value, out.error_placement);
  if (name == "query_cursor_disabled") return read_bool(name, value, out.cursors_disabled);
  if (name == "query_now") return read_now(name, value, out.now);
  if (name == "query_language") return read_language(name, value);
  bool on = false;
  if (name == "norequesttimeout") {
    SPILLWAY_TRY(read_bool(name, value, on));
    if (on) out.timeout = kMaxTimeout;
  } else if (name == "request_readonly" || name == "request_readonly_hardline") {
    SPILLWAY_TRY(read_bool(name, value, on));
    out.read_only = out.read_only || on;
  } else if (name == "request_external_table_disabled" || name == "request_external_data_disabled") {
    SPILLWAY_TRY(read_bool(name, value, on));
    out.external_tables_disabled = out.external_tables_disabled || on;
  } else if (std::find(kOfQueries.begin(), kOfQueries.end(), name) != kOfQueries.end()) {
    out.query_properties[std::string(name)] = value;
  } else if (std::find(kRefused.begin(), kRefused.end(), name) != kRefused.end()) {
    return Error{ErrorCode::NotSupported, "the request property '" + std::string(name) + "' isn't supported"};
  }
  return {};
}

/// The text of an option: a number given for a timespan counts ticks.
std::string option_text(std::string_view name, const json::value& value) {
  if (name == "servertimeout" && value.is_int64()) return format_timespan(value.get_int64());
  return text_of(value);
}

Status read_options(const json::value& options, RequestProperties& out) {
  if (options.is_null()) return {};
  if (!options.is_object())
    return Error{ErrorCode::BadRequest, "'Options' of the request properties is not an object"};
  for (const auto& [key, value] : options.get_object()) {
    if (value.is_null()) continue;
    const std::string name = lower({key.data(), key.size()});
    SPILLWAY_TRY(apply(name, option_text(name, value), out));
  }
  return {};
}

Status read_parameters(const json::value& parameters, RequestProperties& out) {
  if (parameters.is_null()) return {};
  if (!parameters.is_object()) {
    return Error{ErrorCode::BadRequest, "'Parameters' of the request properties is not an object"};
  }
  for (const auto& [key, value] : parameters.get_object()) out.parameters[std::string(key)] = text_of(value);
  return {};
}

Status read_members(const json::object& object, RequestProperties& out) {
  for (const auto& [key, value] : object) {
    const std::string name = lower({key.data(), key.size()});
    if (name == "options") SPILLWAY_TRY(read_options(value, out));
    if (name == "parameters") SPILLWAY_TRY(read_parameters(value, out));
    if (name == "clientrequestid" && value.is_string()) out.client_request_id = text_of(value);
  }
  return {};
}

/// A parameter's text: a KQL literal, or the plain value.
std::string hidden_text(const std::string& text) {
  if (text.find_first_of("'\"") != std::string::npos) return engine::for_logs(text);
  const std::string quoted = engine::for_logs("'" + text + "'");
  return quoted.substr(1, quoted.size() - 2);
}

/// The same without secrets.
json::value for_log(const json::value& value) {
  if (value.is_string()) return json::value(hidden_text(std::string(value.get_string())));
  if (value.is_array()) {
    json::array items;
    for (const json::value& item : value.get_array()) items.push_back(for_log(item));
    return items;
  }
  if (!value.is_object()) return value;
  json::object members;
  for (const auto& [key, member] : value.get_object()) members[key] = for_log(member);
  return members;
}

}  // namespace

int64_t RequestProperties::record_limit() const {
  if (max_records) return *max_records;
  return no_truncation && !max_bytes && !take_records ? kNoLimit : kDefaultMaxRecords;
}

int64_t RequestProperties::byte_limit() const {
  if (max_bytes) return *max_bytes;
  return no_truncation && !max_records && !take_records ? kNoLimit : kDefaultMaxBytes;
}

Result<RequestProperties> parse_properties(std::string_view text) {
  RequestProperties out;
  if (text.empty()) return out;
  try {
    json::error_code error;
    json::parse_options options;
    options.max_depth = kMaxJsonDepth;
    const json::value value = json::parse({text.data(), text.size()}, error, {}, options);
    if (error)
      return Error{ErrorCode::BadRequest, "the request properties are not valid JSON: " + error.message()};
    if (value.is_null()) return out;
    if (!value.is_object())
      return Error{ErrorCode::BadRequest, "the request properties are not a JSON object"};
    SPILLWAY_TRY(read_members(value.get_object(), out));
    out.for_log = json::serialize(for_log(value));
  } catch (const std::exception& failure) {
    return Error{ErrorCode::BadRequest,
                 std::string("the request properties can't be read: ") + failure.what()};
  }
  return out;
}

Status apply_set_statements(const std::map<std::string, std::string>& options,
                            RequestProperties& properties) {
  for (const auto& [key, value] : options) {
    const std::string name = lower(key);
    if (std::find(kNotBySet.begin(), kNotBySet.end(), name) != kNotBySet.end()) continue;
    SPILLWAY_TRY(apply(name, value, properties));
  }
  return {};
}

}  // namespace spillway::server
