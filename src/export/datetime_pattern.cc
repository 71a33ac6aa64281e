#include "export/datetime_pattern.h"

#include <array>
#include <cstdint>

#include "base/calendar.h"

namespace spillway::exports {
namespace {

constexpr size_t kFractionDigits = 7;
constexpr size_t kLongestSpecifier = 7;
constexpr std::array<std::string_view, 7> kWeekdays = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                                       "Friday", "Saturday", "Sunday"};
constexpr std::array<std::string_view, 12> kMonths = {"January",   "February", "March",    "April",
                                                      "May",       "June",     "July",     "August",
                                                      "September", "October",  "November", "December"};

struct Parts {
  explicit Parts(Ticks ticks)
      : date(civil_from_ticks(ticks)),
        weekday(static_cast<size_t>(ticks / kTicksPerDay % 7)),  // 0001-01-01 is a Monday
        hour(static_cast<int>(ticks / kTicksPerHour % 24)),
        minute(static_cast<int>(ticks / kTicksPerMinute % 60)),
        second(static_cast<int>(ticks / kTicksPerSecond % 60)),
        fraction(static_cast<int>(ticks % kTicksPerSecond)) {}
  CivilDate date;
  size_t weekday;
  int hour, minute, second, fraction;
};

std::string padded(int value, size_t width) {
  std::string digits = std::to_string(value);
  return digits.size() < width ? std::string(width - digits.size(), '0') + digits : digits;
}

std::string fraction_text(int fraction, size_t digits, bool trim_zeros) {
  std::string text = padded(fraction, kFractionDigits).substr(0, digits);
  if (!trim_zeros) return text;
  return text.substr(0, text.find_last_not_of('0') + 1);
}

std::string year_text(int year, size_t length) {
  return length <= 2 ? padded(year % 100, length) : padded(year, length);
}

/// The text of `length` times the letter; nullopt where the letter is no specifier.
std::optional<std::string> specifier_text(const Parts& parts, char letter, size_t length) {
  const auto number = [&](int value) { return padded(value, length >= 2 ? 2 : 1); };
  switch (letter) {
    case 'y': return year_text(parts.date.year, length);
    case 'M': {
      const std::string_view name = kMonths[static_cast<size_t>(parts.date.month - 1)];
      if (length <= 2) return number(parts.date.month);
      return std::string(length == 3 ? name.substr(0, 3) : name);
    }
    case 'd': {
      const std::string_view name = kWeekdays[parts.weekday];
      if (length <= 2) return number(parts.date.day);
      return std::string(length == 3 ? name.substr(0, 3) : name);
    }
    case 'H': return number(parts.hour);
    case 'h': return number(parts.hour % 12 == 0 ? 12 : parts.hour % 12);
    case 'm': return number(parts.minute);
    case 's': return number(parts.second);
    case 'f':
    case 'F': return fraction_text(parts.fraction, length, letter == 'F');
    case 't': return std::string(parts.hour < 12 ? "AM" : "PM").substr(0, length == 1 ? 1 : 2);
    default: return std::nullopt;
  }
}

Error malformed(std::string_view pattern, const char* what) {
  return Error(ErrorCode::BadRequest, "datetime_pattern \"" + std::string(pattern) + "\" " + what);
}

/// Appends the rendering of a pattern without braces.
Status append_plain(const Parts& parts, std::string_view pattern, std::string& out) {
  for (size_t i = 0; i < pattern.size();) {
    const char c = pattern[i];
    if (c == '\'' || c == '"') {
      const size_t end = pattern.find(c, i + 1);
      if (end == std::string_view::npos) return malformed(pattern, "has a quote that isn't closed");
      out += pattern.substr(i + 1, end - i - 1);
      i = end + 1;
    } else if (c == '\\') {
      if (i + 1 == pattern.size()) return malformed(pattern, "ends with a backslash");
      out += pattern[i + 1];
      i += 2;
    } else if (c == '%') {
      ++i;  // .NET's mark for a specifier that stands alone
    } else {
      const size_t end = std::min(pattern.find_first_not_of(c, i), pattern.size());
      const auto text = specifier_text(parts, c, end - i);
      if (text && end - i > kLongestSpecifier) return malformed(pattern, "repeats a letter too often");
      out += text ? *text : std::string(pattern.substr(i, end - i));
      i = end;
    }
  }
  return {};
}

Status append_braced(const Parts& parts, std::string_view pattern, std::string& out) {
  for (size_t i = 0; i < pattern.size();) {
    if (pattern[i] != '{') {
      out += pattern[i++];
      continue;
    }
    const size_t end = pattern.find('}', i);
    if (end == std::string_view::npos) return malformed(pattern, "has a brace that isn't closed");
    SPILLWAY_TRY(append_plain(parts, pattern.substr(i + 1, end - i - 1), out));
    i = end + 1;
  }
  return {};
}

/// A brace outside quotes makes a pattern a braced one.
bool is_braced(std::string_view pattern) {
  char quote = 0;
  for (const char c : pattern) {
    if (quote != 0) {
      if (c == quote) quote = 0;
    } else if (c == '\'' || c == '"') {
      quote = c;
    } else if (c == '{') {
      return true;
    }
  }
  return false;
}

}  // namespace

Result<std::string> format_by_pattern(Ticks ticks, std::string_view pattern) {
  if (ticks < 0 || ticks > kMaxDateTime) return Error(ErrorCode::BadRequest, "datetime out of range");
  const Parts parts(ticks);
  std::string out;
  SPILLWAY_TRY(is_braced(pattern) ? append_braced(parts, pattern, out) : append_plain(parts, pattern, out));
  return out;
}

}  // namespace spillway::exports
