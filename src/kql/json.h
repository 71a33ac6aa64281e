// JSON text, the physical form of dynamic values: canonicalizing, reading parts of it, and writing it.
//
// The canonical form: no white space; integers that an int64 holds in digits; other numbers as format_real()
// prints them, with ".0" where that shows neither a point nor an exponent; strings in UTF-8 with only the
// escapes that JSON demands. The order of members is kept; of a repeated key the last value counts.
// All readers below take valid JSON, as every dynamic value is; given anything else they return nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace spillway::kql::json {

/// Levels of arrays and objects.
inline constexpr int kMaxDepth = 200;

/// Appends the canonical form of `text`; false (and `out` unchanged) where it isn't JSON or nested too
/// deeply.
bool canonicalize(std::string_view text, std::string& out);

enum class Kind { Null, Bool, Integer, Real, String, Array, Object, Invalid };
Kind kind_of(std::string_view value);

/// The value without the white space around it.
std::string_view trim(std::string_view value);

/// The value of a member of an object; nullopt where there is none. `key` is plain text.
std::optional<std::string_view> member(std::string_view object, std::string_view key);
/// The element of an array; from its end where `index` is negative.
std::optional<std::string_view> element(std::string_view array, int64_t index);
/// Elements of an array, members of an object; nullopt for anything else.
std::optional<int64_t> count(std::string_view container);

/// Goes through the elements of an array or the members of an object; nothing for other values.
class Cursor {
 public:
  explicit Cursor(std::string_view container);
  bool next();
  std::string_view value() const { return value_; }
  /// Of a member: as it is written, with quotes and escapes.
  std::string_view raw_key() const { return key_; }
  /// Of a member, without them.
  std::string key() const;
  bool is_object() const { return object_; }

 private:
  std::string_view text_, key_, value_;
  size_t at_ = 0;
  bool object_ = false;
};

/// Appends the text that a string literal (with its quotes) means.
void unquote(std::string_view literal, std::string& out);
/// Appends text as a string literal.
void quote(std::string_view text, std::string& out);
void append_real(double value, std::string& out);
/// As tostring() of a dynamic value gives it: a string without quotes, null as "", anything else as JSON.
void append_text(std::string_view value, std::string& out);

/// Of a Bool, Integer, Real.
double number(std::string_view value);

}  // namespace spillway::kql::json
