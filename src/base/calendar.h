// The proleptic Gregorian calendar over ticks: the one place that turns dates into days and back.
#pragma once

#include <cstdint>

#include "base/types.h"

namespace spillway {

struct CivilDate {
  int year = 1;   // 1 … 9999
  int month = 1;  // 1 … 12
  int day = 1;    // 1 … 31
};

inline constexpr bool is_leap_year(int year) {
  return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

inline constexpr int days_in_month(int year, int month) {
  constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && is_leap_year(year) ? 29 : kDays[month - 1];
}

/// Days since 0001-01-01 of a date; any year that fits, a month in 1 … 12.
inline constexpr int64_t days_from_civil(int year, int month, int day) {
  // Years begin in March here, so that the leap day is a year's last.
  const int64_t y = static_cast<int64_t>(year) - (month <= 2);
  const int64_t era = (y >= 0 ? y : y - 399) / 400;
  const int64_t year_of_era = y - era * 400;
  const int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  constexpr int64_t kFromMarchOfYear0 = 306;
  return era * 146'097 + day_of_era - kFromMarchOfYear0;
}

/// The date of a number of days since 0001-01-01.
inline constexpr CivilDate civil_from_days(int64_t days) {
  days += 306;
  const int64_t era = (days >= 0 ? days : days - 146'096) / 146'097;
  const int64_t day_of_era = days - era * 146'097;
  const int64_t year_of_era =
      (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t month_from_march = (5 * day_of_year + 2) / 153;
  CivilDate date;
  date.day = static_cast<int>(day_of_year - (153 * month_from_march + 2) / 5 + 1);
  date.month = static_cast<int>(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
  date.year = static_cast<int>(year_of_era + era * 400 + (date.month <= 2));
  return date;
}

/// The date that a datetime lies on.
inline constexpr CivilDate civil_from_ticks(Ticks ticks) {
  const int64_t days = ticks / kTicksPerDay - (ticks % kTicksPerDay < 0);
  return civil_from_days(days);
}

/// Midnight of a date.
inline constexpr Ticks ticks_from_civil(int year, int month, int day) {
  return days_from_civil(year, month, day) * kTicksPerDay;
}

static_assert(ticks_from_civil(1970, 1, 1) == kUnixEpoch);
static_assert(ticks_from_civil(9999, 12, 31) + kTicksPerDay - 1 == kMaxDateTime);

}  // namespace spillway
