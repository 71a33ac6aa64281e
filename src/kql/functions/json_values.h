// Arrays and bags as native functions take them apart and write them: pieces of JSON text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kql/json.h"

namespace spillway::kql {

/// The elements of an array as they are written.
using Elements = std::vector<std::string_view>;

inline bool is_array(std::string_view value) {
  return json::kind_of(value) == json::Kind::Array;
}
inline bool is_bag(std::string_view value) {
  return json::kind_of(value) == json::Kind::Object;
}

inline Elements elements_of(std::string_view array) {
  Elements elements;
  for (json::Cursor each(array); each.next();) elements.push_back(each.value());
  return elements;
}

template <typename Container>
void append_array(std::string& out, const Container& elements) {
  out += '[';
  bool first = true;
  for (const auto& each : elements) {
    if (!first) out += ',';
    first = false;
    out += each;
  }
  out += ']';
}

/// Appends a member to a bag that was opened with '{'. The key is written as it stands.
inline void append_member(std::string& out, std::string_view raw_key, std::string_view value) {
  if (out.back() != '{') out += ',';
  out += raw_key;
  out += ':';
  out += value;
}

}  // namespace spillway::kql
