// Datetimes and timespans as text. Grammar of what is read (query/scalar-data-types/datetime.md, timespan.md;
// letters in either case, blanks around it ignored):
//
//   datetime  := year-first | day-first
//   year-first:= YYYY sep M sep D [('T'|blank) time]     sep is one of - / .     (also YYYY sep M)
//   day-first := [weekday [','] ] D (blank|'-') month-name (blank|'-') (YY|YYYY) [blank time]
//   time      := H ':' M [':' S ['.' digits]] [blank] [zone]
//   zone      := 'Z' | 'GMT' | 'UTC' | 'UT' | ('+'|'-') HH [[':'] MM]
//   timespan  := ['-'] [days '.'] H ':' M [':' S ['.' digits]]  |  ['-'] number [blank] unit  |  ['-'] days
#include <algorithm>
#include <array>
#include <cctype>
#include <string>

#include "base/calendar.h"
#include "base/types.h"

namespace spillway {
namespace {

constexpr int kFractionDigits = 7;
/// Two-digit years up to this one lie in the 2000s, as in RFC 2822.
constexpr int kLastTwoDigitYearOf2000s = 49;

void append_padded(std::string& out, uint64_t value, int width) {
  char digits[20];
  int n = 0;
  for (; value > 0 || n < width; value /= 10) digits[n++] = static_cast<char>('0' + value % 10);
  while (n > 0) out += digits[--n];
}

/// Over the zeros of a text that is laid out already.
void put_padded(char* to, uint32_t value, int width) {
  for (; width > 0; value /= 10) to[--width] = static_cast<char>('0' + value % 10);
}

/// Reads from the front of a text; every function leaves the position alone where it fails.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {
    while (!text_.empty() && is_blank(text_.front())) text_.remove_prefix(1);
    while (!text_.empty() && is_blank(text_.back())) text_.remove_suffix(1);
  }

  bool done() const { return text_.empty(); }
  char peek() const { return text_.empty() ? '\0' : text_.front(); }
  bool digit() const { return peek() >= '0' && peek() <= '9'; }
  bool letter() const { return std::isalpha(static_cast<unsigned char>(peek())) != 0; }

  bool take(char c) {
    if (peek() != c || text_.empty()) return false;
    text_.remove_prefix(1);
    return true;
  }
  bool take_any(std::string_view set, char* taken = nullptr) {
    if (text_.empty() || set.find(peek()) == std::string_view::npos) return false;
    if (taken) *taken = peek();
    text_.remove_prefix(1);
    return true;
  }
  bool blanks() {
    bool any = false;
    for (; !text_.empty() && is_blank(peek()); text_.remove_prefix(1)) any = true;
    return any;
  }
  std::string_view digits() {
    size_t n = 0;
    while (n < text_.size() && text_[n] >= '0' && text_[n] <= '9') ++n;
    return cut(n);
  }
  /// A number of `min` to `max` digits that isn't above `limit`.
  bool number(int min, int max, int limit, int& out) {
    Reader copy = *this;
    const std::string_view found = copy.digits();
    if (found.size() < static_cast<size_t>(min) || found.size() > static_cast<size_t>(max)) return false;
    int value = 0;
    for (char c : found) value = value * 10 + (c - '0');
    if (value > limit) return false;
    out = value;
    *this = copy;
    return true;
  }
  /// Letters, in lower case.
  std::string word() {
    size_t n = 0;
    while (n < text_.size() && std::isalpha(static_cast<unsigned char>(text_[n]))) ++n;
    std::string out(cut(n));
    for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return out;
  }

 private:
  static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
  std::string_view cut(size_t n) {
    const std::string_view front = text_.substr(0, n);
    text_.remove_prefix(n);
    return front;
  }
  std::string_view text_;
};

/// The position of a name by its first three letters or in full; -1 where it is none.
template <size_t N>
int index_of_name(const std::array<std::string_view, N>& names, std::string_view word) {
  for (size_t i = 0; i < N; ++i) {
    if (word == names[i] || word == names[i].substr(0, 3)) return static_cast<int>(i);
  }
  return -1;
}

constexpr std::array<std::string_view, 7> kWeekdays = {"monday", "tuesday",  "wednesday", "thursday",
                                                       "friday", "saturday", "sunday"};
constexpr std::array<std::string_view, 12> kMonths = {"january",   "february", "march",    "april",
                                                      "may",       "june",     "july",     "august",
                                                      "september", "october",  "november", "december"};

/// The digits of a fraction of a second as ticks; digits below a tick are cut off.
Ticks fraction_ticks(std::string_view digits) {
  Ticks ticks = 0;
  for (int i = 0; i < kFractionDigits; ++i) {
    ticks = ticks * 10 + (static_cast<size_t>(i) < digits.size() ? digits[i] - '0' : 0);
  }
  return ticks;
}

/// [":" S ["." digits]] after hours and minutes.
bool read_seconds(Reader& in, Ticks& ticks) {
  if (!in.take(':')) return true;
  int second = 0;
  if (!in.number(1, 2, 59, second)) return false;
  ticks += second * kTicksPerSecond;
  if (!in.take('.')) return true;
  const std::string_view digits = in.digits();
  ticks += fraction_ticks(digits);
  return !digits.empty();
}

bool read_time(Reader& in, Ticks& ticks) {
  int hour = 0, minute = 0;
  if (!in.number(1, 2, 23, hour) || !in.take(':') || !in.number(1, 2, 59, minute)) return false;
  ticks = hour * kTicksPerHour + minute * kTicksPerMinute;
  return read_seconds(in, ticks);
}

/// What the zone adds to local time, in ticks; nothing there is UTC.
bool read_zone(Reader& in, Ticks& offset) {
  in.blanks();
  offset = 0;
  if (in.done()) return true;
  if (in.letter()) {
    const std::string name = in.word();
    return name == "z" || name == "gmt" || name == "utc" || name == "ut";
  }
  char sign = '+';
  int hours = 0, minutes = 0;
  if (!in.take_any("+-", &sign)) return false;
  if (in.number(4, 4, 2359, hours)) {
    minutes = hours % 100;
    hours /= 100;
    if (minutes > 59) return false;
  } else {
    if (!in.number(1, 2, 23, hours)) return false;
    if (in.take(':') && !in.number(2, 2, 59, minutes)) return false;
  }
  offset = hours * kTicksPerHour + minutes * kTicksPerMinute;
  if (sign == '-') offset = -offset;
  return true;
}

struct DateParts {
  int year = 0, month = 0, day = 1;
};

bool read_year_first(Reader& in, DateParts& date) {
  char separator = '-';
  if (!in.number(4, 4, 9999, date.year) || !in.take_any("-/.", &separator)) return false;
  if (!in.number(1, 2, 12, date.month)) return false;
  if (!in.take(separator)) return in.done();
  return in.number(1, 2, 31, date.day);
}

bool read_day_first(Reader& in, DateParts& date) {
  if (in.letter()) {
    if (index_of_name(kWeekdays, in.word()) < 0) return false;
    in.take(',');
    in.blanks();
  }
  if (!in.number(1, 2, 31, date.day)) return false;
  const bool hyphen = in.take('-');
  if (!hyphen && !in.blanks()) return false;
  date.month = index_of_name(kMonths, in.word()) + 1;
  if (hyphen ? !in.take('-') : !in.blanks()) return false;
  if (in.number(2, 2, 99, date.year)) {
    date.year += date.year <= kLastTwoDigitYearOf2000s ? 2000 : 1900;
    return true;
  }
  return in.number(4, 4, 9999, date.year);
}

/// 12/31/2024 or 12-31-2024: month, day, year.
bool read_month_first(Reader& in, DateParts& date) {
  char separator = '-';
  return in.number(1, 2, 12, date.month) && in.take_any("-/", &separator) && in.number(1, 2, 31, date.day) &&
         in.take(separator) && in.number(4, 4, 9999, date.year);
}

bool begins_with_month_number(std::string_view text) {
  Reader in(text);
  char separator = '-';
  return !in.digits().empty() && in.take_any("-/", &separator) && !in.letter();
}

bool begins_with_year(std::string_view text) {
  Reader in(text);
  return in.digits().size() == 4;
}

}  // namespace

void append_datetime(std::string& out, Ticks ticks) {
  ticks = std::clamp<Ticks>(ticks, 0, kMaxDateTime);
  const CivilDate date = civil_from_ticks(ticks);
  const auto of_day = static_cast<uint64_t>(ticks % kTicksPerDay);
  const auto seconds = static_cast<uint32_t>(of_day / kTicksPerSecond);
  char text[] = "0000-00-00T00:00:00.0000000Z";
  put_padded(text, static_cast<uint32_t>(date.year), 4);
  put_padded(text + 5, static_cast<uint32_t>(date.month), 2);
  put_padded(text + 8, static_cast<uint32_t>(date.day), 2);
  put_padded(text + 11, seconds / 3600, 2);
  put_padded(text + 14, seconds / 60 % 60, 2);
  put_padded(text + 17, seconds % 60, 2);
  put_padded(text + 20, static_cast<uint32_t>(of_day % kTicksPerSecond), kFractionDigits);
  out.append(text, sizeof(text) - 1);
}

std::string format_datetime(Ticks ticks) {
  std::string out;
  append_datetime(out, ticks);
  return out;
}

void append_timespan(std::string& out, Ticks ticks) {
  // The magnitude as unsigned, since the smallest timespan has no positive counterpart.
  const uint64_t magnitude = ticks < 0 ? 0 - static_cast<uint64_t>(ticks) : static_cast<uint64_t>(ticks);
  if (ticks < 0) out += '-';
  if (const uint64_t days = magnitude / kTicksPerDay; days > 0) {
    append_padded(out, days, 1);
    out += '.';
  }
  append_padded(out, magnitude / kTicksPerHour % 24, 2);
  out += ':';
  append_padded(out, magnitude / kTicksPerMinute % 60, 2);
  out += ':';
  append_padded(out, magnitude / kTicksPerSecond % 60, 2);
  if (const uint64_t fraction = magnitude % kTicksPerSecond; fraction > 0) {
    out += '.';
    append_padded(out, fraction, kFractionDigits);
  }
}

std::string format_timespan(Ticks ticks) {
  std::string out;
  append_timespan(out, ticks);
  return out;
}

std::optional<Ticks> parse_datetime(std::string_view text) {
  Reader in(text);
  DateParts date;
  const bool read = begins_with_year(text)           ? read_year_first(in, date)
                    : begins_with_month_number(text) ? read_month_first(in, date)
                                                     : read_day_first(in, date);
  if (!read) return std::nullopt;
  if (date.year < 1 || date.month < 1 || date.day < 1) return std::nullopt;
  if (date.day > days_in_month(date.year, date.month)) return std::nullopt;
  Ticks time = 0, offset = 0;
  if (!in.done()) {
    if (!in.take_any("Tt") && !in.blanks()) return std::nullopt;
    if (!read_time(in, time) || !read_zone(in, offset) || !in.done()) return std::nullopt;
  }
  const Ticks ticks = ticks_from_civil(date.year, date.month, date.day) + time - offset;
  if (ticks < 0 || ticks > kMaxDateTime) return std::nullopt;
  return ticks;
}

namespace {

/// Wide enough that nothing which fits a text of kMaxNumberDigits digits overflows.
__extension__ typedef __int128 Wide;
constexpr size_t kMaxNumberDigits = 19;

struct Unit {
  std::string_view name;
  Ticks ticks;
};

constexpr Unit kUnits[] = {
    {"d", kTicksPerDay},
    {"day", kTicksPerDay},
    {"days", kTicksPerDay},
    {"h", kTicksPerHour},
    {"hr", kTicksPerHour},
    {"hrs", kTicksPerHour},
    {"hour", kTicksPerHour},
    {"hours", kTicksPerHour},
    {"m", kTicksPerMinute},
    {"min", kTicksPerMinute},
    {"minute", kTicksPerMinute},
    {"minutes", kTicksPerMinute},
    {"s", kTicksPerSecond},
    {"sec", kTicksPerSecond},
    {"second", kTicksPerSecond},
    {"seconds", kTicksPerSecond},
    {"ms", kTicksPerMillisecond},
    {"milli", kTicksPerMillisecond},
    {"millis", kTicksPerMillisecond},
    {"millisecond", kTicksPerMillisecond},
    {"milliseconds", kTicksPerMillisecond},
    {"micro", kTicksPerMicrosecond},
    {"micros", kTicksPerMicrosecond},
    {"microsecond", kTicksPerMicrosecond},
    {"microseconds", kTicksPerMicrosecond},
    {"tick", 1},
    {"ticks", 1},
};

/// `digits` as a number; false where there are none or too many.
bool to_wide(std::string_view digits, Wide& out) {
  if (digits.empty() || digits.size() > kMaxNumberDigits) return false;
  out = 0;
  for (char c : digits) out = out * 10 + (c - '0');
  return true;
}

/// H ":" M [":" S ["." digits]] up to the end.
bool read_clock(Reader in, Wide& ticks) {
  Ticks time = 0;
  if (!read_time(in, time) || !in.done()) return false;
  ticks += time;
  return true;
}

/// number [blank] unit, where no unit means days; `whole` has been read.
bool read_with_unit(Reader& in, Wide whole, Wide& ticks) {
  std::string_view fraction;
  if (in.take('.')) {
    fraction = in.digits();
    if (fraction.empty()) return false;
    fraction = fraction.substr(0, kMaxNumberDigits);
  }
  in.blanks();
  Ticks unit = kTicksPerDay;
  if (!in.done()) {
    const std::string name = in.word();
    const auto* found =
        std::find_if(std::begin(kUnits), std::end(kUnits), [&](const Unit& u) { return u.name == name; });
    if (found == std::end(kUnits) || !in.done()) return false;
    unit = found->ticks;
  } else if (!fraction.empty()) {
    return false;
  }
  Wide part = 0, scale = 1;
  for (char c : fraction) {
    part = part * 10 + (c - '0');
    scale *= 10;
  }
  ticks = whole * unit + part * unit / scale;
  return true;
}

bool read_timespan(Reader& in, Wide& ticks) {
  if (read_clock(in, ticks)) return true;
  Wide whole = 0;
  if (!to_wide(in.digits(), whole)) return false;
  Reader after_days = in;
  if (after_days.take('.')) {
    ticks = whole * kTicksPerDay;
    if (read_clock(after_days, ticks)) return true;
  }
  return read_with_unit(in, whole, ticks);
}

}  // namespace

std::optional<Ticks> parse_timespan(std::string_view text) {
  Reader in(text);
  char sign = '+';
  in.take_any("+-", &sign);
  Wide ticks = 0;
  if (!read_timespan(in, ticks)) return std::nullopt;
  if (sign == '-') ticks = -ticks;
  if (ticks < INT64_MIN || ticks > INT64_MAX) return std::nullopt;
  return static_cast<Ticks>(ticks);
}

}  // namespace spillway
