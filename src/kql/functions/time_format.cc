#include "kql/functions/time_format.h"

#include "base/calendar.h"

namespace spillway::kql {
namespace {

void append_number(std::string& out, int64_t value, size_t width) {
  const std::string digits = std::to_string(value);
  if (digits.size() < width) out.append(width - digits.size(), '0');
  out += digits;
}

/// The first `width` digits of a second's fraction; `optional`: without zeros at the end.
void append_fraction(std::string& out, int64_t ticks, size_t width, bool optional) {
  std::string digits = std::to_string(ticks % kTicksPerSecond);
  digits.insert(0, 7 - digits.size(), '0');
  digits.resize(std::min<size_t>(width, 7));
  if (optional) digits.erase(digits.find_last_not_of('0') + 1);
  out += digits;
  // .NET drops the point before a fraction that prints nothing.
  if (optional && digits.empty() && !out.empty() && out.back() == '.') out.pop_back();
}

void append_date_part(std::string& out, char letter, size_t width, Ticks ticks) {
  const CivilDate date = civil_from_ticks(ticks);
  const int64_t hour = ticks % kTicksPerDay / kTicksPerHour;
  switch (letter) {
    case 'd': return append_number(out, date.day, width);
    case 'M': return append_number(out, date.month, width);
    case 'y': return append_number(out, width <= 2 ? date.year % 100 : date.year, width);
    case 'H': return append_number(out, hour, width);
    case 'h': return append_number(out, hour % 12 == 0 ? 12 : hour % 12, width);
    case 'm': return append_number(out, ticks % kTicksPerHour / kTicksPerMinute, width);
    case 's': return append_number(out, ticks % kTicksPerMinute / kTicksPerSecond, width);
    case 'f': return append_fraction(out, ticks, width, false);
    case 'F': return append_fraction(out, ticks, width, true);
    case 't': {
      const std::string_view half = hour < 12 ? "AM" : "PM";
      out += half.substr(0, width);
      return;
    }
    default: out.append(width, letter);
  }
}

void append_span_part(std::string& out, char letter, size_t width, Ticks ticks) {
  switch (letter) {
    case 'd': return append_number(out, ticks / kTicksPerDay, width);
    case 'H':
    case 'h': return append_number(out, ticks % kTicksPerDay / kTicksPerHour, width);
    case 'm': return append_number(out, ticks % kTicksPerHour / kTicksPerMinute, width);
    case 's': return append_number(out, ticks % kTicksPerMinute / kTicksPerSecond, width);
    case 'f': return append_fraction(out, ticks, width, false);
    case 'F': return append_fraction(out, ticks, width, true);
    default: out.append(width, letter);
  }
}

/// Calls append(letter, width) for each run of one letter.
template <typename Append>
void for_each_run(std::string_view pattern, Append append) {
  for (size_t at = 0; at < pattern.size();) {
    const char letter = pattern[at];
    size_t end = at;
    while (end < pattern.size() && pattern[end] == letter) ++end;
    append(letter, end - at);
    at = end;
  }
}

}  // namespace

void format_datetime_pattern(std::string& out, Ticks ticks, std::string_view pattern) {
  for_each_run(pattern, [&](char letter, size_t width) { append_date_part(out, letter, width, ticks); });
}

void format_timespan_pattern(std::string& out, Ticks ticks, std::string_view pattern) {
  if (ticks < 0) {
    out += '-';
    ticks = ticks == INT64_MIN ? INT64_MAX : -ticks;
  }
  for_each_run(pattern, [&](char letter, size_t width) { append_span_part(out, letter, width, ticks); });
}

}  // namespace spillway::kql
