// Client request properties: what a request says about how it runs and how its answer looks, from the
// `properties` of its body (a JSON object, or one encoded as a string) and from `set` statements in its text.
// Source: api/rest/request-properties.md, concepts/query-limits.md. Properties that aren't known are ignored,
// as Kusto does; those that Kusto has and that would change what the answer is are refused.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "base/types.h"

namespace spillway::server {

inline constexpr std::chrono::milliseconds kDefaultQueryTimeout = std::chrono::minutes(4);
inline constexpr std::chrono::milliseconds kDefaultCommandTimeout = std::chrono::minutes(10);
inline constexpr std::chrono::milliseconds kMaxTimeout = std::chrono::hours(1);
inline constexpr int64_t kDefaultMaxRecords = 500'000;
inline constexpr int64_t kDefaultMaxBytes = 64 * 1024 * 1024;
inline constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();

/// Where a failure in the middle of an answer is told.
enum class ErrorPlacement { InData, EndOfTable, EndOfDataSet };

struct RequestProperties {
  std::string client_request_id;  // ClientRequestId
  std::string for_log = "{}";     // all of it, as JSON, with the secrets in string literals hidden
  std::map<std::string, std::string> parameters;  // of `declare query_parameters`, as KQL literals or text

  std::optional<std::chrono::milliseconds> timeout;
  bool no_truncation = false;
  std::optional<int64_t> max_records, max_bytes, take_records;
  bool read_only = false;
  bool defer_partial_failures = false;
  bool external_tables_disabled = false, cursors_disabled = false;
  bool progressive = false, fragments = false, newlines = false;
  ErrorPlacement error_placement = ErrorPlacement::InData;
  std::optional<Ticks> now;
  /// Those that the binder reads, by their names in lower case: best_effort, query_bin_auto_at …
  std::map<std::string, std::string> query_properties;

  // The limits that hold, with their defaults.
  int64_t record_limit() const;
  int64_t byte_limit() const;
};

/// Reads the JSON of `properties`; empty text gives the defaults. BadRequest names a property whose value is
/// wrong.
Result<RequestProperties> parse_properties(std::string_view json);
/// Applies `set NAME=VALUE` of a query's text. Those that the documentation keeps from `set` are left alone.
Status apply_set_statements(const std::map<std::string, std::string>& options, RequestProperties& properties);

}  // namespace spillway::server
