// Values as the REST API sends them, appended to a text: the one place of the server that writes JSON.
//
//   bool true, false · int, long digits · real shortest digits, or "NaN", "Infinity", "-Infinity" as strings
//   decimal, guid, string, timespan strings · datetime "2021-01-02T03:04:05.067Z" · dynamic its JSON · null
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/types.h"
#include "base/vector.h"

namespace spillway::server {

/// A JSON string. What isn't UTF-8 becomes U+FFFD.
void append_json_string(std::string& out, std::string_view text);
void append_json_value(std::string& out, const VectorView& column, size_t row);
void append_json_value(std::string& out, const Value& value);

/// What a value counts towards the limit on a result's size: its bytes in a record, text as long as it is.
int64_t data_size(const VectorView& column, size_t row);

}  // namespace spillway::server
