// Reads JSON front to back, each value where the reader stands, without a tree in between. Numbers are handed
// out as their text: Boost.JSON 1.81 may lose the last digit of a real.
//
//   JsonReader in(body);
//   in.object([&](std::string_view key) { return key == "Tables" ? tables(in) : in.skip(); });
//
// Every function is false at the first thing that isn't JSON of the kind that it reads; nothing after counts
// then.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace spillway::cli {

class JsonReader {
 public:
  explicit JsonReader(std::string_view text) : text_(text) {}

  /// The first character of the next value; '\0' at the end.
  char peek();
  /// Calls `member` with each key; it must read the value.
  bool object(const std::function<bool(std::string_view key)>& member);
  /// Calls `element` at each element; it must read it.
  bool array(const std::function<bool()>& element);
  bool string(std::string& out);
  bool null();
  /// The text of the next value, whatever it is.
  bool raw(std::string_view& out);
  bool skip();

 private:
  bool take(char c);
  bool skip_string();
  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace spillway::cli
