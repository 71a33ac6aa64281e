#include "kql/functions/series.h"

#include <charconv>
#include <cmath>
#include <limits>

#include "base/types.h"
#include "kql/json.h"

namespace spillway::kql::series {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// "NaN", "Infinity", a datetime, a timespan: what JSON holds as text.
Number number_of_text(std::string_view text) {
  if (text == "NaN") return Number::of(kNaN);
  if (text == "Infinity") return Number::of(std::numeric_limits<double>::infinity());
  if (text == "-Infinity") return Number::of(-std::numeric_limits<double>::infinity());
  constexpr size_t kShortestDateTime = sizeof("0001-01-01T00:00:00Z") - 1;
  if (text.size() >= kShortestDateTime && text[4] == '-' && text[10] == 'T') {
    const std::optional<Ticks> ticks = parse_datetime(text);
    return ticks ? Number::of(*ticks) : Number();
  }
  if (!text.empty() && (is_digit(text[0]) || text[0] == '-') && text.find(':') != std::string_view::npos) {
    const std::optional<Ticks> ticks = parse_timespan(text);
    return ticks ? Number::of(*ticks) : Number();
  }
  return Number();
}

template <typename Take>
bool for_each(std::string_view array, Take take) {
  if (json::kind_of(array) != json::Kind::Array) return false;
  for (json::Cursor each(array); each.next();) take(number_of(each.value()));
  return true;
}

}  // namespace

Number number_of(std::string_view value) {
  if (value.empty()) return Number();
  if (value.front() == '"' && value.size() >= 2) return number_of_text(value.substr(1, value.size() - 2));
  if (!is_digit(value.front()) && value.front() != '-') return Number();
  if (value.find_first_of(".eE") == std::string_view::npos) {
    int64_t integer = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), integer);
    if (error == std::errc() && end == value.data() + value.size()) return Number::of(integer);
  }
  return Number::of(json::number(value));
}

std::optional<Numbers> read(std::string_view array) {
  Numbers numbers;
  if (!for_each(array, [&](const Number& number) { numbers.push_back(number); })) return std::nullopt;
  return numbers;
}

std::optional<Reals> read_reals(std::string_view array) {
  Reals values;
  const auto take = [&](const Number& number) { values.push_back(number.missing() ? kNaN : number.real); };
  if (!for_each(array, take)) return std::nullopt;
  return values;
}

std::optional<Reals> read_finite(std::string_view array) {
  std::optional<Reals> values = read_reals(array);
  if (!values || values->empty()) return std::nullopt;
  for (const double value : *values) {
    if (!std::isfinite(value)) return std::nullopt;
  }
  return values;
}

void append(std::string& out, const Number& number) {
  switch (number.kind) {
    case Number::Kind::Missing: out += "null"; break;
    case Number::Kind::Integer: out += std::to_string(number.integer); break;
    case Number::Kind::Real: json::append_real(number.real, out); break;
  }
}

void append(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "null";
  } else {
    json::append_real(value + 0.0, out);  // no negative zero
  }
}

namespace {

template <typename Values>
void append_array(std::string& out, const Values& values) {
  out += '[';
  for (size_t i = 0; i < values.size(); ++i) {
    if (i > 0) out += ',';
    append(out, values[i]);
  }
  out += ']';
}

}  // namespace

void append(std::string& out, const Numbers& numbers) {
  append_array(out, numbers);
}
void append(std::string& out, const Reals& values) {
  append_array(out, values);
}

void Results::begin(std::string_view name) {
  if (out_.back() != '[' && out_.back() != '{') out_ += ',';
  if (!bag_) return;
  json::quote(name, out_);
  out_ += ':';
}
void Results::add(std::string_view name, double value) {
  begin(name);
  append(out_, value);
}
void Results::add(std::string_view name, int64_t value) {
  begin(name);
  out_ += std::to_string(value);
}
void Results::add(std::string_view name, const Reals& values) {
  begin(name);
  append(out_, values);
}
void Results::open(std::string_view name) {
  if (!bag_) return;
  begin(name);
  out_ += '{';
}
void Results::close() {
  if (bag_) out_ += '}';
}

double mean_of(const double* values, size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; ++i) sum += values[i];
  return sum / static_cast<double>(count);
}

double squares_about(const double* values, size_t count, double mean) {
  double sum = 0;
  for (size_t i = 0; i < count; ++i) sum += (values[i] - mean) * (values[i] - mean);
  return sum;
}

}  // namespace spillway::kql::series
