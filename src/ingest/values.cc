#include "ingest/values.h"

#include <array>
#include <charconv>
#include <cmath>

#include "kql/json.h"

namespace spillway::ingest {
namespace {

namespace json = kql::json;

bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

bool equals_folded(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i] >= 'A' && text[i] <= 'Z' ? static_cast<char>(text[i] + ('a' - 'A')) : text[i];
    if (c != lower[i]) return false;
  }
  return true;
}

std::optional<int64_t> to_integer(std::optional<double> value) {
  // 2^63 is a double; what is smaller in magnitude fits after truncation.
  constexpr double kLimit = 9223372036854775808.0;
  if (!value || !(*value >= -kLimit && *value < kLimit)) return std::nullopt;
  return static_cast<int64_t>(*value);
}

std::optional<int64_t> parse_hex(std::string_view digits, bool negative) {
  uint64_t magnitude = 0;
  const char* end = digits.data() + digits.size();
  const auto parsed = std::from_chars(digits.data(), end, magnitude, 16);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return static_cast<int64_t>(negative ? uint64_t{0} - magnitude : magnitude);
}

/// Exactly `count` digits at `at`.
bool read_digits(std::string_view text, size_t at, size_t count, int& out) {
  out = 0;
  for (size_t i = at; i < at + count; ++i) {
    const unsigned digit = static_cast<unsigned>(text[i] - '0');
    if (digit > 9) return false;
    out = out * 10 + static_cast<int>(digit);
  }
  return true;
}

/// Days from 0001-01-01 of a valid date.
std::optional<int64_t> days_of(int year, int month, int day) {
  static constexpr std::array<int, 13> kBefore = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};
  if (year < 1 || month < 1 || month > 12 || day < 1) return std::nullopt;
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  const size_t index = static_cast<size_t>(month);
  const int length = kBefore[index] - kBefore[index - 1] + (leap && month == 2 ? 1 : 0);
  if (day > length) return std::nullopt;
  const int64_t before = year - 1;
  return before * 365 + before / 4 - before / 100 + before / 400 + kBefore[index - 1] +
         (leap && month > 2 ? 1 : 0) + day - 1;
}

/// ".1234567" at `at`, which moves behind it; ticks.
bool read_fraction(std::string_view text, size_t& at, Ticks& ticks) {
  Ticks unit = kTicksPerSecond;
  const size_t begin = ++at;
  for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
    unit /= 10;
    if (unit == 0) return false;
    ticks += unit * (text[at] - '0');
  }
  return at > begin;
}

/// The common forms; nullopt says nothing about others.
std::optional<Ticks> parse_common_datetime(std::string_view text) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  if (text.size() < 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  if (!read_digits(text, 0, 4, year) || !read_digits(text, 5, 2, month) || !read_digits(text, 8, 2, day)) {
    return std::nullopt;
  }
  const std::optional<int64_t> days = days_of(year, month, day);
  if (!days) return std::nullopt;
  if (text.size() == 10) return *days * kTicksPerDay;
  if (text.size() < 19 || (text[10] != 'T' && text[10] != ' ') || text[13] != ':' || text[16] != ':') {
    return std::nullopt;
  }
  if (!read_digits(text, 11, 2, hour) || !read_digits(text, 14, 2, minute) ||
      !read_digits(text, 17, 2, second)) {
    return std::nullopt;
  }
  if (hour > 23 || minute > 59 || second > 59) return std::nullopt;
  Ticks ticks =
      *days * kTicksPerDay + hour * kTicksPerHour + minute * kTicksPerMinute + second * kTicksPerSecond;
  size_t at = 19;
  if (at < text.size() && text[at] == '.' && !read_fraction(text, at, ticks)) return std::nullopt;
  if (at < text.size() && text[at] == 'Z') ++at;
  return at == text.size() ? std::optional(ticks) : std::nullopt;
}

}  // namespace

std::optional<double> parse_real(std::string_view text) {
  text = trimmed(text);
  if (text.starts_with('+')) text.remove_prefix(1);
  if (text.empty() || text.front() == '+') return std::nullopt;
  double value = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value);
  if (parsed.ptr == end && parsed.ec == std::errc()) return value;  // "nan", "inf" and "infinity" too
  if (parsed.ptr == end && parsed.ec == std::errc::result_out_of_range) return json::number(text);
  return std::nullopt;
}

std::optional<int64_t> parse_long(std::string_view text) {
  const char* end = text.data() + text.size();
  int64_t value = 0;
  const auto parsed = std::from_chars(text.data(), end, value);
  if (parsed.ec == std::errc() && parsed.ptr == end) return value;
  if (text.empty()) return std::nullopt;
  text = trimmed(text);
  std::string_view digits = text;
  const bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.remove_prefix(1);
  if (digits.starts_with("0x") || digits.starts_with("0X")) return parse_hex(digits.substr(2), negative);
  if (digits.find_first_not_of("0123456789") == std::string_view::npos && !digits.empty()) {
    const auto again = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (again.ec != std::errc()) return std::nullopt;
    return negative ? -value : value;
  }
  return to_integer(parse_real(text));
}

std::optional<bool> parse_bool(std::string_view text) {
  text = trimmed(text);
  if (equals_folded(text, "true")) return true;
  if (equals_folded(text, "false")) return false;
  const std::optional<int64_t> number = parse_long(text);
  return number ? std::optional(*number != 0) : std::nullopt;
}

std::optional<Ticks> parse_unix_time(std::string_view number, UnixTime unit) {
  // Nanoseconds count less than a tick: units are given in hundredths of one.
  int64_t hundredths = 1;
  switch (unit) {
    case UnixTime::None: return std::nullopt;
    case UnixTime::Seconds: hundredths = 100 * kTicksPerSecond; break;
    case UnixTime::Milliseconds: hundredths = 100 * kTicksPerMillisecond; break;
    case UnixTime::Microseconds: hundredths = 100 * kTicksPerMicrosecond; break;
    case UnixTime::Nanoseconds: break;
  }
  number = trimmed(number);
  int64_t whole = 0;
  const char* end = number.data() + number.size();
  const auto parsed = std::from_chars(number.data(), end, whole);
  __extension__ __int128 ticks = 0;
  if (parsed.ec == std::errc() && parsed.ptr == end) {
    ticks = static_cast<decltype(ticks)>(whole) * hundredths / 100;
  } else {
    const std::optional<double> real = parse_real(number);
    const std::optional<int64_t> rounded =
        real ? to_integer(*real * (static_cast<double>(hundredths) / 100)) : std::nullopt;
    if (!rounded) return std::nullopt;
    ticks = *rounded;
  }
  ticks += kUnixEpoch;
  if (ticks < 0 || ticks > kMaxDateTime) return std::nullopt;
  return static_cast<Ticks>(ticks);
}

std::optional<Ticks> parse_datetime_fast(std::string_view text) {
  if (const std::optional<Ticks> ticks = parse_common_datetime(text)) return ticks;
  return parse_datetime(trimmed(text));
}

void ColumnWriter::text(size_t i, std::string_view text) {
  switch (type_) {
    case Type::String: return sink_->set_text(i, text);
    case Type::Long: return put(i, parse_long(text));
    case Type::Real: return put(i, parse_real(text));
    case Type::DateTime: return put(i, text.empty() ? std::nullopt : parse_datetime_fast(text));
    case Type::TimeSpan: return put(i, text.empty() ? std::nullopt : parse_timespan(trimmed(text)));
    case Type::Guid: return put(i, Guid::parse(trimmed(text)));
    case Type::Int: {
      const std::optional<int64_t> value = parse_long(text);
      const bool fits = value && *value >= INT32_MIN && *value <= INT32_MAX;
      return put(i, fits ? std::optional(static_cast<int32_t>(*value)) : std::nullopt);
    }
    case Type::Bool: {
      const std::optional<bool> value = parse_bool(text);
      return put(i, value ? std::optional(static_cast<uint8_t>(*value)) : std::nullopt);
    }
    case Type::Decimal: {
      text = trimmed(text);
      if (text.empty()) return sink_->set_null(i);
      return sink_->set_text(i, text);  // the sink makes null what is no decimal
    }
    case Type::Dynamic: {
      if (trimmed(text).empty()) return sink_->set_null(i);
      scratch_.clear();
      if (!json::canonicalize(text, scratch_)) json::quote(text, scratch_);
      if (scratch_ == "null") return sink_->set_null(i);
      return sink_->set_text(i, scratch_);
    }
  }
}

void ColumnWriter::json(size_t i, std::string_view value) {
  const json::Kind kind = json::kind_of(value);
  if (kind == json::Kind::Null) return missing(i);
  if (type_ == Type::Dynamic) {
    scratch_.clear();
    if (!json::canonicalize(value, scratch_)) return sink_->set_null(i);
    return sink_->set_text(i, scratch_);
  }
  if (kind == json::Kind::String && value.find('\\') == std::string_view::npos) {
    return text(i, value.substr(1, value.size() - 2));
  }
  if (kind == json::Kind::String) {
    std::string unquoted;
    json::unquote(value, unquoted);
    return text(i, unquoted);
  }
  if (kind == json::Kind::Array || kind == json::Kind::Object) {
    if (type_ != Type::String) return sink_->set_null(i);
    scratch_.clear();
    if (!json::canonicalize(value, scratch_)) scratch_ = value;
    return sink_->set_text(i, scratch_);
  }
  if (kind == json::Kind::Bool && type_ != Type::Bool && type_ != Type::String) {
    return text(i, value == "true" ? "1" : "0");
  }
  text(i, value);
}

void ColumnWriter::unix_time(size_t i, std::string_view number, UnixTime unit) {
  if (number.size() >= 2 && number.front() == '"') number = number.substr(1, number.size() - 2);
  const std::optional<Ticks> ticks = parse_unix_time(number, unit);
  if (type_ == Type::DateTime) return put(i, ticks);
  if (!ticks) return missing(i);
  text(i, format_datetime(*ticks));
}

void ColumnWriter::missing(size_t i) {
  if (type_ == Type::String) {
    sink_->set_text(i, {});
  } else {
    sink_->set_null(i);
  }
}

}  // namespace spillway::ingest
