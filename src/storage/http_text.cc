// The small pieces of text that requests and answers consist of.
#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdio>

#include "base/calendar.h"
#include "storage/http.h"

namespace spillway::storage {

bool is_transient_status(int status) {
  switch (status) {
    case 408:
    case 429:
    case 500:
    case 502:
    case 503:
    case 504: return true;
    default: return false;
  }
}

bool is_uncertain_status(int status) {
  return status == 408 || status == 500 || status == 502 || status == 504;
}

std::string http_date(Ticks ticks) {
  constexpr const char* kDays[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};  // 0001-01-01: a Monday
  constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const CivilDate date = civil_from_ticks(ticks);
  const int64_t seconds = ticks % kTicksPerDay / kTicksPerSecond;
  char text[64];
  std::snprintf(text, sizeof text, "%s, %02d %s %04d %02d:%02d:%02d GMT", kDays[ticks / kTicksPerDay % 7],
                date.day, kMonths[date.month - 1], date.year, static_cast<int>(seconds / 3600),
                static_cast<int>(seconds / 60 % 60), static_cast<int>(seconds % 60));
  return text;
}

Result<int64_t> parse_size(const std::string& text) {
  int64_t size = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, size);
  if (error != std::errc() || stop != end || size < 0) {
    return Error(ErrorCode::StorageTransient, "the storage service answered without a valid length");
  }
  return size;
}

std::string clean_code(std::string text) {
  constexpr size_t kLongestCode = 100;
  const bool good = text.size() <= kLongestCode && std::all_of(text.begin(), text.end(), [](char c) {
                      return std::isalnum(static_cast<unsigned char>(c)) || c == '-';
                    });
  return good ? text : "";
}

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

}  // namespace spillway::storage
