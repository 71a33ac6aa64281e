// A zone file (RFC 8536, "TZif"): a header with counts, the times of transitions, for each of them the index
// of a local time type, and the types (offset in seconds, …). Version 2 and later repeat all of it with
// 64-bit times and close with a rule, as in the variable TZ, for the time after the last transition.
#include "kql/functions/time_zones.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/calendar.h"
#include "kql/functions/arithmetic.h"

namespace spillway::kql {
namespace {

/// Of the rule: the n-th weekday of a month (week 5: the last), at a second of the day.
struct RuleDate {
  int month = 1, week = 1, weekday = 0;
  int64_t second = 2 * 3600;
};

struct Zone {
  std::vector<int64_t> transitions;  // seconds since 1970
  std::vector<int64_t> offsets;      // from each transition on, in seconds east of UTC
  int64_t first_offset = 0;          // before the first
  // The rule for what comes after the last transition.
  bool has_rule = false, has_summer = false;
  int64_t winter_offset = 0, summer_offset = 0;
  RuleDate summer_start, summer_end;

  int64_t offset_at(int64_t utc) const;
};

int64_t day_of_rule(const RuleDate& rule, int year) {
  const int64_t first = days_from_civil(year, rule.month, 1);
  const int64_t first_weekday = (first + 1) % 7;
  int64_t day = first + (rule.weekday - first_weekday + 7) % 7 + (rule.week - 1) * 7;
  while (day >= first + days_in_month(year, rule.month)) day -= 7;
  return day;
}

constexpr int64_t kDaysTo1970 = kUnixEpoch / kTicksPerDay;
constexpr int64_t kSecondsPerDay = 86'400;

int64_t Zone::offset_at(int64_t utc) const {
  const bool after = transitions.empty() || utc >= transitions.back();
  if (after && has_rule) {
    if (!has_summer) return winter_offset;
    const int64_t days = (utc + winter_offset) / kSecondsPerDay + kDaysTo1970;
    const int year = civil_from_days(std::max<int64_t>(days, 0)).year;
    const auto instant = [&](const RuleDate& rule, int64_t offset) {
      return (day_of_rule(rule, year) - kDaysTo1970) * kSecondsPerDay + rule.second - offset;
    };
    const int64_t start = instant(summer_start, winter_offset), end = instant(summer_end, summer_offset);
    const bool summer = start < end ? utc >= start && utc < end : utc >= start || utc < end;
    return summer ? summer_offset : winter_offset;
  }
  const auto next = std::upper_bound(transitions.begin(), transitions.end(), utc);
  if (next == transitions.begin()) return first_offset;
  return offsets[static_cast<size_t>(next - transitions.begin()) - 1];
}

/// Reads the parts of a rule such as "CET-1CEST,M3.5.0,M10.5.0/3".
class RuleReader {
 public:
  explicit RuleReader(std::string_view text) : text_(text) {}

  bool read(Zone& zone) {
    if (!name() || !time(zone.winter_offset)) return false;
    zone.winter_offset = -zone.winter_offset;
    zone.has_rule = true;
    if (text_.empty()) return true;
    zone.summer_offset = zone.winter_offset + 3600;
    if (!name()) return false;
    if (!text_.empty() && text_.front() != ',') {
      if (!time(zone.summer_offset)) return false;
      zone.summer_offset = -zone.summer_offset;
    }
    zone.has_summer = date(zone.summer_start) && date(zone.summer_end);
    return zone.has_summer;
  }

 private:
  bool name() {
    const bool quoted = text_.starts_with('<');
    size_t end = 0;
    if (quoted) {
      end = text_.find('>');
      if (end == std::string_view::npos) return false;
      ++end;
    } else {
      while (end < text_.size() && std::isalpha(static_cast<unsigned char>(text_[end]))) ++end;
    }
    text_.remove_prefix(end);
    return end > 0;
  }
  bool number(int64_t& value) {
    size_t digits = 0;
    value = 0;
    while (!text_.empty() && text_.front() >= '0' && text_.front() <= '9' && digits < 6) {
      value = value * 10 + (text_.front() - '0');
      text_.remove_prefix(1);
      ++digits;
    }
    return digits > 0;
  }
  bool take(char c) {
    if (!text_.starts_with(c)) return false;
    text_.remove_prefix(1);
    return true;
  }
  /// [+-]hh[:mm[:ss]] in seconds.
  bool time(int64_t& seconds) {
    const bool negative = take('-');
    if (!negative) take('+');
    int64_t part = 0;
    if (!number(part)) return false;
    seconds = part * 3600;
    if (take(':')) {
      if (!number(part)) return false;
      seconds += part * 60;
      if (take(':')) {
        if (!number(part)) return false;
        seconds += part;
      }
    }
    if (negative) seconds = -seconds;
    return true;
  }
  bool date(RuleDate& rule) {
    int64_t month = 0, week = 0, weekday = 0;
    if (!take(',') || !take('M') || !number(month) || !take('.') || !number(week) || !take('.') ||
        !number(weekday)) {
      return false;
    }
    if (month < 1 || month > 12 || week < 1 || week > 5 || weekday > 6) return false;
    rule.month = static_cast<int>(month);
    rule.week = static_cast<int>(week);
    rule.weekday = static_cast<int>(weekday);
    return !take('/') || time(rule.second);
  }

  std::string_view text_;
};

int64_t read_big_endian(std::string_view data, size_t at, size_t bytes) {
  uint64_t value = static_cast<unsigned char>(data[at]) & 0x80 ? ~uint64_t{0} : 0;
  for (size_t i = 0; i < bytes; ++i) value = (value << 8) | static_cast<unsigned char>(data[at + i]);
  return static_cast<int64_t>(value);
}

struct Header {
  size_t utc_count, standard_count, leap_count, time_count, type_count, name_count;
};
constexpr size_t kHeaderSize = 44;

std::optional<Header> read_header(std::string_view data, size_t at) {
  if (data.size() < at + kHeaderSize || data.substr(at, 4) != "TZif") return std::nullopt;
  const auto count = [&](size_t i) { return static_cast<size_t>(read_big_endian(data, at + 20 + 4 * i, 4)); };
  const Header header{count(0), count(1), count(2), count(3), count(4), count(5)};
  constexpr size_t kMost = 100'000;
  for (size_t i = 0; i < 6; ++i) {
    if (count(i) > kMost) return std::nullopt;
  }
  return header;
}

size_t body_size(const Header& h, size_t time_size) {
  return h.time_count * (time_size + 1) + h.type_count * 6 + h.name_count + h.leap_count * (time_size + 4) +
         h.standard_count + h.utc_count;
}

std::unique_ptr<Zone> parse_zone(std::string_view data) {
  std::optional<Header> header = read_header(data, 0);
  if (!header || data[4] < '2') return nullptr;
  const size_t second = kHeaderSize + body_size(*header, 4);
  header = read_header(data, second);
  if (!header || header->type_count == 0) return nullptr;
  const size_t times = second + kHeaderSize, end = times + body_size(*header, 8);
  if (data.size() < end) return nullptr;
  const size_t indexes = times + 8 * header->time_count, types = indexes + header->time_count;
  const auto offset_of = [&](size_t type) {
    return type < header->type_count ? read_big_endian(data, types + 6 * type, 4) : 0;
  };
  auto zone = std::make_unique<Zone>();
  zone->first_offset = offset_of(0);
  for (size_t i = 0; i < header->time_count; ++i) {
    zone->transitions.push_back(read_big_endian(data, times + 8 * i, 8));
    zone->offsets.push_back(offset_of(static_cast<unsigned char>(data[indexes + i])));
  }
  std::string_view rule = data.substr(end);
  if (rule.size() > 2) {
    rule.remove_prefix(1);
    rule = rule.substr(0, rule.find('\n'));
    Zone parsed;
    if (RuleReader(rule).read(parsed)) {
      zone->has_rule = true;
      zone->has_summer = parsed.has_summer;
      zone->winter_offset = parsed.winter_offset;
      zone->summer_offset = parsed.summer_offset;
      zone->summer_start = parsed.summer_start;
      zone->summer_end = parsed.summer_end;
    }
  }
  return zone;
}

/// Names of zones, never other paths.
bool is_zone_name(std::string_view name) {
  constexpr size_t kLongest = 64;
  if (name.empty() || name.size() > kLongest || name.front() == '/') return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '/' || c == '_' || c == '-' || c == '+';
  });
}

std::string zone_folder() {
  const char* folder = std::getenv("TZDIR");
  return folder ? folder : "/usr/share/zoneinfo";
}

/// Nullptr for an unknown zone. Zones are never removed; there are some hundred names.
const Zone* find_zone(std::string_view name) {
  static std::mutex mutex;
  static std::map<std::string, std::unique_ptr<Zone>, std::less<>> zones;
  if (!is_zone_name(name)) return nullptr;
  const std::lock_guard lock(mutex);
  auto found = zones.find(name);
  if (found == zones.end()) {
    std::ifstream file(zone_folder() + "/" + std::string(name), std::ios::binary);
    const std::string data((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    std::unique_ptr<Zone> zone = file ? parse_zone(data) : nullptr;
    if (!zone) return nullptr;
    found = zones.emplace(std::string(name), std::move(zone)).first;
  }
  return found->second.get();
}

const Zone* zone_of(std::string_view name) {
  thread_local std::string last_name;
  thread_local const Zone* last = nullptr;
  if (last && name == last_name) return last;
  last = find_zone(name);
  last_name.assign(name);
  return last;
}

int64_t seconds_since_1970(Ticks ticks) {
  const Ticks since = ticks - kUnixEpoch;
  return since / kTicksPerSecond - (since % kTicksPerSecond < 0);
}

std::optional<Ticks> shifted(Ticks ticks, int64_t seconds) {
  const std::optional<Ticks> moved = checked_add(ticks, seconds * kTicksPerSecond);
  if (!moved || *moved < 0 || *moved > kMaxDateTime) return std::nullopt;
  return moved;
}

}  // namespace

std::optional<Ticks> utc_to_local(Ticks utc, std::string_view name) {
  const Zone* zone = zone_of(name);
  if (!zone) return std::nullopt;
  return shifted(utc, zone->offset_at(seconds_since_1970(utc)));
}

std::optional<Ticks> local_to_utc(Ticks local, std::string_view name) {
  const Zone* zone = zone_of(name);
  if (!zone) return std::nullopt;
  const int64_t second = seconds_since_1970(local);
  // An offset is at most a day, so the one before and the one after the time are the only candidates.
  const int64_t before = zone->offset_at(second - kSecondsPerDay);
  const int64_t after = zone->offset_at(second + kSecondsPerDay);
  if (zone->offset_at(second - before) == before) return shifted(local, -before);
  if (zone->offset_at(second - after) == after) return shifted(local, -after);
  return shifted(local, -after);
}

std::vector<std::string> time_zone_names() {
  namespace fs = std::filesystem;
  std::vector<std::string> names;
  std::error_code error;
  const fs::path folder = zone_folder();
  for (fs::recursive_directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = fs::relative(entry->path(), folder, error).generic_string();
    // These hold all zones again, with other seconds.
    if (name == "posix" || name == "right") {
      entry.disable_recursion_pending();
    } else if (entry->is_regular_file(error) && find_zone(name)) {
      names.push_back(name);
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace spillway::kql
