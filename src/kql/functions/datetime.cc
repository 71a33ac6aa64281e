// Functions of datetime and timespan values. now(), ago() and ingestion_time() are the binder's.
#include <algorithm>
#include <cmath>

#include "base/calendar.h"
#include "kql/functions/arithmetic.h"
#include "kql/functions/builder.h"
#include "kql/functions/decimal.h"
#include "kql/functions/time_format.h"
#include "kql/functions/time_zones.h"
#include "kql/json.h"

namespace spillway::kql {
namespace {

using Text = std::string_view;

std::optional<Ticks> in_range(std::optional<Ticks> ticks) {
  if (!ticks || *ticks < 0 || *ticks > kMaxDateTime) return std::nullopt;
  return ticks;
}

/// Offsets beyond this lead out of the range of datetimes from anywhere.
constexpr int64_t kMostMonths = 10'000 * 12;
constexpr int64_t kMostDays = 10'000 * 366;

std::optional<Ticks> from_months(int64_t months) {  // since 0000-01
  if (months < 12 || months >= kMostMonths) return std::nullopt;
  return ticks_from_civil(static_cast<int>(months / 12), static_cast<int>(months % 12) + 1, 1);
}

int64_t months_of(Ticks ticks) {
  const CivilDate date = civil_from_ticks(ticks);
  return int64_t{date.year} * 12 + date.month - 1;
}

int64_t day_of(Ticks ticks) {
  return ticks / kTicksPerDay;
}
/// 0001-01-01 was a Monday; Sunday is 0.
int64_t weekday_of(int64_t day) {
  return (day + 1) % 7;
}

std::optional<Ticks> start_of_day_at(int64_t day, int64_t offset) {
  if (offset < -kMostDays || offset > kMostDays) return std::nullopt;
  return in_range((day + offset) * kTicksPerDay);
}
std::optional<Ticks> start_of_day(Ticks t, int64_t offset) {
  return start_of_day_at(day_of(t), offset);
}
std::optional<Ticks> start_of_week(Ticks t, int64_t offset) {
  if (offset < -kMostDays || offset > kMostDays) return std::nullopt;
  const int64_t day = day_of(t);
  return start_of_day_at(day - weekday_of(day), offset * 7);
}
std::optional<Ticks> start_of_month(Ticks t, int64_t offset) {
  if (offset < -kMostMonths || offset > kMostMonths) return std::nullopt;
  return from_months(months_of(t) + offset);
}
std::optional<Ticks> start_of_year(Ticks t, int64_t offset) {
  if (offset < -kMostMonths || offset > kMostMonths) return std::nullopt;
  return from_months((months_of(t) / 12 + offset) * 12);
}

/// The last tick before the start of the period after. The very last period ends with the range itself.
template <auto Start>
std::optional<Ticks> end_of(Ticks t, int64_t offset) {
  const std::optional<int64_t> after = checked_add(offset, 1);
  if (!after) return std::nullopt;
  const std::optional<Ticks> next = Start(t, *after);
  if (next) return in_range(*next - 1);
  if (Start(t, offset)) return kMaxDateTime;
  return std::nullopt;
}

template <auto Function>
std::optional<Ticks> without_offset(Ticks t) {
  return Function(t, 0);
}

template <auto Start>
void declare_period(FunctionTableBuilder& table, const std::string& period) {
  using enum Type;
  table.scalar("startof" + period)
      .doc("The start of the " + period + " of a datetime, moved by a number of them.")
      .takes({DateTime}, DateTime, native<&without_offset<Start>>())
      .takes({DateTime, Long}, DateTime, native<Start>());
  table.scalar("endof" + period)
      .doc("The last tick of the " + period + " of a datetime, moved by a number of them.")
      .takes({DateTime}, DateTime, native<&without_offset<&end_of<Start>>>())
      .takes({DateTime, Long}, DateTime, native<&end_of<Start>>());
}

int32_t year_of(Ticks t) {
  return civil_from_ticks(t).year;
}
int32_t month_of(Ticks t) {
  return civil_from_ticks(t).month;
}
int32_t day_of_month(Ticks t) {
  return civil_from_ticks(t).day;
}
int32_t day_of_year(Ticks t) {
  return static_cast<int32_t>(day_of(t) - days_from_civil(civil_from_ticks(t).year, 1, 1) + 1);
}
int32_t hour_of_day(Ticks t) {
  return static_cast<int32_t>(t % kTicksPerDay / kTicksPerHour);
}
Ticks day_of_week(Ticks t) {
  return weekday_of(day_of(t)) * kTicksPerDay;
}

/// ISO 8601: the week of the year that its Thursday lies in.
int32_t week_of_year(Ticks t) {
  const int64_t day = day_of(t);
  const int64_t thursday = day - day % 7 + 3;  // day 0 was a Monday
  const int year = civil_from_days(thursday).year;
  return static_cast<int32_t>((thursday - days_from_civil(year, 1, 1)) / 7 + 1);
}

/// weekofyear(), which is obsolete: weeks begin on Sunday, the first of them holds the year's first
/// Wednesday.
int32_t week_from_sunday(Ticks t) {
  const int64_t day = day_of(t);
  const int64_t wednesday = day - (day + 1) % 7 + 3;
  const int year = civil_from_days(std::max<int64_t>(wednesday, 0)).year;
  return static_cast<int32_t>((wednesday - days_from_civil(year, 1, 1)) / 7 + 1);
}

enum class Period {
  Year,
  Quarter,
  Month,
  Week,
  Day,
  Hour,
  Minute,
  Second,
  Millisecond,
  Microsecond,
  Nanosecond,
  DayOfYear,
  WeekOfYear,
};

std::optional<Period> parse_period(Text name) {
  static const std::pair<Text, Period> kNames[] = {
      {"year", Period::Year},
      {"quarter", Period::Quarter},
      {"month", Period::Month},
      {"week", Period::Week},
      {"day", Period::Day},
      {"hour", Period::Hour},
      {"minute", Period::Minute},
      {"second", Period::Second},
      {"millisecond", Period::Millisecond},
      {"microsecond", Period::Microsecond},
      {"nanosecond", Period::Nanosecond},
      {"dayofyear", Period::DayOfYear},
      {"week_of_year", Period::WeekOfYear},
      {"weekofyear", Period::WeekOfYear},
  };
  std::string folded(name);
  for (char& c : folded) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  for (const auto& [text, period] : kNames) {
    if (folded == text) return period;
  }
  return std::nullopt;
}

std::string part_error(const Value& name) {
  if (name.is_null() || name.type() != Type::String || parse_period(name.as_text())) return "";
  return "'" + name.as_text() +
         "' is no part of a datetime: expected Year, Quarter, Month, Week, Day, Hour, Minute, " +
         "Second, Millisecond, Microsecond or Nanosecond";
}

/// Of the periods that have a fixed length.
Ticks length_of(Period period) {
  switch (period) {
    case Period::Week: return 7 * kTicksPerDay;
    case Period::Day: return kTicksPerDay;
    case Period::Hour: return kTicksPerHour;
    case Period::Minute: return kTicksPerMinute;
    case Period::Second: return kTicksPerSecond;
    case Period::Millisecond: return kTicksPerMillisecond;
    case Period::Microsecond: return kTicksPerMicrosecond;
    default: return 0;
  }
}

constexpr int64_t kNanosecondsPerTick = 100;

int64_t part_of(Period period, Ticks t) {
  switch (period) {
    case Period::Year: return year_of(t);
    case Period::Quarter: return (month_of(t) - 1) / 3 + 1;
    case Period::Month: return month_of(t);
    case Period::Week:
    case Period::WeekOfYear: return week_of_year(t);
    case Period::Day: return day_of_month(t);
    case Period::DayOfYear: return day_of_year(t);
    case Period::Hour: return hour_of_day(t);
    case Period::Minute: return t % kTicksPerHour / kTicksPerMinute;
    case Period::Second: return t % kTicksPerMinute / kTicksPerSecond;
    case Period::Millisecond: return t % kTicksPerSecond / kTicksPerMillisecond;
    case Period::Microsecond: return t % kTicksPerSecond / kTicksPerMicrosecond;
    case Period::Nanosecond: return t % kTicksPerSecond * kNanosecondsPerTick;
  }
  return 0;
}
std::optional<int32_t> datetime_part(Text name, Ticks t) {
  const std::optional<Period> period = parse_period(name);
  if (!period) return std::nullopt;
  return static_cast<int32_t>(part_of(*period, t));
}

/// How many borders of the period lie between the two.
std::optional<int64_t> datetime_diff(Text name, Ticks a, Ticks b) {
  const std::optional<Period> period = parse_period(name);
  if (!period) return std::nullopt;
  const auto months = [](Ticks t, int64_t size) { return (months_of(t)) / size; };
  switch (*period) {
    case Period::Year: return months(a, 12) - months(b, 12);
    case Period::Quarter: return months(a, 3) - months(b, 3);
    case Period::Month: return months(a, 1) - months(b, 1);
    case Period::Week: return (day_of(a) + 1) / 7 - (day_of(b) + 1) / 7;
    case Period::Nanosecond: return checked_multiply(a - b, kNanosecondsPerTick);
    case Period::DayOfYear:
    case Period::WeekOfYear: return std::nullopt;
    default: return a / length_of(*period) - b / length_of(*period);
  }
}

std::optional<Ticks> add_months(Ticks t, std::optional<int64_t> months) {
  if (!months || *months < -kMostMonths || *months > kMostMonths) return std::nullopt;
  const int64_t target = months_of(t) + *months;
  const std::optional<Ticks> start = from_months(target);
  if (!start) return std::nullopt;
  const int last = days_in_month(static_cast<int>(target / 12), static_cast<int>(target % 12) + 1);
  const int day = std::min(day_of_month(t), last);
  return *start + (day - 1) * kTicksPerDay + t % kTicksPerDay;
}

std::optional<Ticks> datetime_add(Text name, int64_t amount, Ticks t) {
  const std::optional<Period> period = parse_period(name);
  if (!period) return std::nullopt;
  switch (*period) {
    case Period::Year: return add_months(t, checked_multiply(amount, 12));
    case Period::Quarter: return add_months(t, checked_multiply(amount, 3));
    case Period::Month: return add_months(t, amount);
    case Period::Nanosecond: return in_range(checked_add(t, amount / kNanosecondsPerTick));
    case Period::DayOfYear:
    case Period::WeekOfYear: return std::nullopt;
    default: break;
  }
  const std::optional<Ticks> step = checked_multiply(amount, length_of(*period));
  return step ? in_range(checked_add(t, *step)) : std::nullopt;
}

std::optional<Ticks> clock_time(int64_t hour, int64_t minute, double second) {
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || !(second >= 0 && second < 60))
    return std::nullopt;
  return hour * kTicksPerHour + minute * kTicksPerMinute +
         std::llround(second * static_cast<double>(kTicksPerSecond));
}

std::optional<Ticks> make_datetime(int64_t year, int64_t month, int64_t day, int64_t hour, int64_t minute,
                                   double second) {
  if (year < 1 || year > 9999 || month < 1 || month > 12 || day < 1) return std::nullopt;
  const int y = static_cast<int>(year), m = static_cast<int>(month);
  if (day > days_in_month(y, m)) return std::nullopt;
  const std::optional<Ticks> time = clock_time(hour, minute, second);
  if (!time) return std::nullopt;
  return in_range(ticks_from_civil(y, m, static_cast<int>(day)) + *time);
}
std::optional<Ticks> make_date(int64_t year, int64_t month, int64_t day) {
  return make_datetime(year, month, day, 0, 0, 0);
}
std::optional<Ticks> make_date_time(int64_t year, int64_t month, int64_t day, int64_t hour, int64_t minute) {
  return make_datetime(year, month, day, hour, minute, 0);
}

std::optional<Ticks> make_timespan(int64_t day, int64_t hour, int64_t minute, double second) {
  constexpr int64_t kMostTimespanDays = 10'675'198;
  if (day < 0 || day > kMostTimespanDays) return std::nullopt;
  const std::optional<Ticks> time = clock_time(hour, minute, second);
  if (!time) return std::nullopt;
  return checked_add(day * kTicksPerDay, *time);
}

std::optional<Ticks> bin_datetime_at(Ticks value, Ticks size, Ticks fixed) {
  if (size <= 0) return std::nullopt;
  int64_t rest = (value - fixed) % size;
  if (rest < 0) rest += size;
  return in_range(value - rest);
}

std::optional<int64_t> bin_long_at(int64_t value, int64_t size, int64_t fixed) {
  const std::optional<int64_t> distance = checked_subtract(value, fixed);
  if (!distance) return std::nullopt;
  const std::optional<int64_t> binned = bin_integer(*distance, size);
  return binned ? checked_add(*binned, fixed) : std::nullopt;
}

std::optional<double> bin_real(double value, double size) {
  if (!(size > 0)) return std::nullopt;
  return std::floor(value / size) * size;
}

std::optional<double> bin_real_at(double value, double size, double fixed) {
  if (!(size > 0)) return std::nullopt;
  return std::floor((value - fixed) / size) * size + fixed;
}

/// bin_auto() is the binder's: it takes its size from set statements.
void declare_bins(FunctionTableBuilder& table) {
  using enum Type;
  table.category("rounding");
  table.scalar("bin")
      .doc("The greatest multiple of a size that isn't above a value.")
      .takes({Long, Long}, Long, native<&bin_integer>())
      .takes({DateTime, TimeSpan}, DateTime, native<&bin_integer>())
      .takes({TimeSpan, TimeSpan}, TimeSpan, native<&bin_integer>())
      .takes({Real, Real}, Real, native<&bin_real>())
      .takes({Decimal, Decimal}, Decimal, native<&decimal_bin>());
  table.alias("floor", "bin");
  table.scalar("bin_at")
      .doc("bin() with the bins laid out from a fixed point.")
      .takes({Long, Long, Long}, Long, native<&bin_long_at>())
      .takes({DateTime, TimeSpan, DateTime}, DateTime, native<&bin_datetime_at>())
      .takes({TimeSpan, TimeSpan, TimeSpan}, TimeSpan, native<&bin_long_at>())
      .takes({Real, Real, Real}, Real, native<&bin_real_at>());
}

void declare_parts(FunctionTableBuilder& table) {
  using enum Type;
  table.scalar("dayofmonth")
      .doc("The day of the month, from 1.")
      .takes({DateTime}, Int, native<&day_of_month>());
  table.scalar("dayofyear")
      .doc("The day of the year, from 1.")
      .takes({DateTime}, Int, native<&day_of_year>());
  table.scalar("dayofweek")
      .doc("The days since the last Sunday, as a timespan.")
      .takes({DateTime}, TimeSpan, native<&day_of_week>());
  table.scalar("getyear").doc("The year.").takes({DateTime}, Int, native<&year_of>());
  table.scalar("getmonth").doc("The month, from 1.").takes({DateTime}, Int, native<&month_of>());
  table.scalar("monthofyear").doc("The month, from 1.").takes({DateTime}, Int, native<&month_of>());
  table.scalar("hourofday")
      .doc("The hour of the day, 0 to 23.")
      .takes({DateTime}, Int, native<&hour_of_day>());
  table.scalar("week_of_year")
      .doc("The week of the year, by ISO 8601.")
      .takes({DateTime}, Int, native<&week_of_year>());
  table.scalar("weekofyear")
      .doc("The week of the year that begins on a Sunday (obsolete).")
      .takes({DateTime}, Int, native<&week_from_sunday>());
  table.scalar("datetime_part")
      .doc("A part of a datetime by its name.")
      .takes({constant(String), DateTime}, Int, native<&datetime_part>())
      .checks(0, &part_error);
  table.alias("datepart", "datetime_part");
  table.scalar("datetime_diff")
      .doc("How many periods of a name lie between two datetimes.")
      .takes({constant(String), DateTime, DateTime}, Long, native<&datetime_diff>())
      .checks(0, &part_error);
  table.scalar("datetime_add")
      .doc("A datetime moved by a number of periods of a name.")
      .takes({constant(String), Long, DateTime}, DateTime, native<&datetime_add>())
      .checks(0, &part_error);
}

void declare_makers(FunctionTableBuilder& table) {
  using enum Type;
  table.scalar("make_datetime")
      .doc("A datetime of its parts.")
      .takes({Long, Long, Long}, DateTime, native<&make_date>())
      .takes({Long, Long, Long, Long, Long}, DateTime, native<&make_date_time>())
      .takes({Long, Long, Long, Long, Long, Real}, DateTime, native<&make_datetime>());
  table.scalar("make_timespan")
      .doc("A timespan of its parts.")
      .takes({Long, Long}, TimeSpan, native<[](int64_t h, int64_t m) { return make_timespan(0, h, m, 0); }>())
      .takes({Long, Long, Real}, TimeSpan,
             native<[](int64_t h, int64_t m, double s) { return make_timespan(0, h, m, s); }>())
      .takes({Long, Long, Long, Real}, TimeSpan, native<&make_timespan>());
}

template <int64_t Numerator, int64_t Denominator>
std::optional<Ticks> from_unix(int64_t value) {
  const std::optional<int64_t> ticks = checked_multiply(value, Numerator);
  if (!ticks) return std::nullopt;
  return in_range(checked_add(*ticks / Denominator, kUnixEpoch));
}

/// Of a number with a fraction.
template <int64_t Unit>
std::optional<Ticks> from_unix_real(double value) {
  const std::optional<int64_t> ticks = to_integer(std::round(value * static_cast<double>(Unit)));
  if (!ticks) return std::nullopt;
  return in_range(checked_add(*ticks, kUnixEpoch));
}

void declare_unix_times(FunctionTableBuilder& table) {
  using enum Type;
  table.scalar("unixtime_seconds_todatetime")
      .doc("The datetime of a number of seconds since 1970.")
      .takes({Long}, DateTime, native<&from_unix<kTicksPerSecond, 1>>())
      .takes({Real}, DateTime, native<&from_unix_real<kTicksPerSecond>>());
  table.scalar("unixtime_milliseconds_todatetime")
      .doc("The datetime of a number of milliseconds since 1970.")
      .takes({Long}, DateTime, native<&from_unix<kTicksPerMillisecond, 1>>())
      .takes({Real}, DateTime, native<&from_unix_real<kTicksPerMillisecond>>());
  table.scalar("unixtime_microseconds_todatetime")
      .doc("The datetime of a number of microseconds since 1970.")
      .takes({Long}, DateTime, native<&from_unix<kTicksPerMicrosecond, 1>>())
      .takes({Real}, DateTime, native<&from_unix_real<kTicksPerMicrosecond>>());
  table.scalar("unixtime_nanoseconds_todatetime")
      .doc("The datetime of a number of nanoseconds since 1970.")
      .takes({Long}, DateTime, native<&from_unix<1, kNanosecondsPerTick>>());
}

void list_time_zones(std::string& out) {
  out += '[';
  for (const std::string& name : time_zone_names()) {
    if (out.size() > 1) out += ',';
    json::quote(name, out);
  }
  out += ']';
}

void declare_formats(FunctionTableBuilder& table) {
  using enum Type;
  table.scalar("format_datetime")
      .doc("A datetime as text, by a pattern.")
      .takes({DateTime, String}, String, native<&format_datetime_pattern>());
  table.scalar("format_timespan")
      .doc("A timespan as text, by a pattern.")
      .takes({TimeSpan, String}, String, native<&format_timespan_pattern>());
  table.scalar("datetime_utc_to_local")
      .doc("A datetime in UTC as the clock of a time zone shows it.")
      .takes({DateTime, String}, DateTime, native<&utc_to_local>());
  table.scalar("datetime_local_to_utc")
      .doc("What the clock of a time zone shows, in UTC.")
      .takes({DateTime, String}, DateTime, native<&local_to_utc>());
  table.scalar("datetime_list_timezones")
      .doc("The names of all time zones.")
      .takes({}, Dynamic, native<&list_time_zones>());
}

}  // namespace

void declare_datetime(FunctionTableBuilder& table) {
  table.category("datetime");
  declare_period<&start_of_day>(table, "day");
  declare_period<&start_of_week>(table, "week");
  declare_period<&start_of_month>(table, "month");
  declare_period<&start_of_year>(table, "year");
  declare_parts(table);
  declare_makers(table);
  declare_unix_times(table);
  declare_formats(table);
  declare_bins(table);
}

}  // namespace spillway::kql
