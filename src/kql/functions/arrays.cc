// Functions of arrays. Elements are compared by their canonical JSON text.
#include <algorithm>
#include <numeric>

#include "kql/functions/arithmetic.h"
#include "kql/functions/builder.h"
#include "kql/functions/json_values.h"

namespace spillway::kql {
namespace {

using Text = std::string_view;

constexpr int64_t kMostElements = 1 << 20;  // of an array that range() or repeat() makes

// ---- arrays
// ----------------------------------------------------------------------------------------------------

std::optional<int64_t> array_length(Text array) {
  return is_array(array) ? json::count(array) : std::nullopt;
}

bool array_concat(std::string& out, Rest arrays) {
  Elements all;
  for (size_t i = 0; i < arrays.size(); ++i) {
    if (arrays.is_null(i) || !is_array(arrays.text(i))) continue;
    for (Text each : elements_of(arrays.text(i))) all.push_back(each);
  }
  append_array(out, all);
  return true;
}

/// Positions count from the end where they are negative; both ends are included.
bool array_slice(std::string& out, Text array, int64_t start, int64_t end) {
  if (!is_array(array)) return false;
  const Elements all = elements_of(array);
  const auto size = static_cast<int64_t>(all.size());
  if (start < 0) start = std::max<int64_t>(0, start + size);
  if (end < 0) end += size;
  Elements part;
  for (int64_t i = start; i <= std::min(end, size - 1); ++i) part.push_back(all[static_cast<size_t>(i)]);
  append_array(out, part);
  return true;
}

std::optional<int64_t> index_of(Text array, Text value, int64_t start, int64_t length, int64_t occurrence) {
  if (!is_array(array) || length < -1 || occurrence < 1) return std::nullopt;
  const Elements all = elements_of(array);
  const auto size = static_cast<int64_t>(all.size());
  if (start < 0) start = std::max<int64_t>(0, start + size);
  const int64_t end = length < 0 ? size : std::min(size, checked_add(start, length).value_or(size));
  for (int64_t i = start; i < end; ++i) {
    if (all[static_cast<size_t>(i)] == value && --occurrence == 0) return i;
  }
  return -1;
}
std::optional<int64_t> index_of_anywhere(Text array, Text value) {
  return index_of(array, value, 0, -1, 1);
}
std::optional<int64_t> index_of_from(Text array, Text value, int64_t start) {
  return index_of(array, value, start, -1, 1);
}
std::optional<int64_t> index_of_within(Text array, Text value, int64_t start, int64_t length) {
  return index_of(array, value, start, length, 1);
}
std::optional<double> array_sum(Text array) {
  if (!is_array(array)) return std::nullopt;
  double sum = 0;
  for (json::Cursor each(array); each.next();) {
    const json::Kind kind = json::kind_of(each.value());
    if (kind == json::Kind::Null) continue;
    if (kind != json::Kind::Integer && kind != json::Kind::Real) return std::nullopt;
    sum += json::number(each.value());
  }
  return sum;
}

bool array_reverse(std::string& out, Text array) {
  if (!is_array(array)) return false;
  Elements all = elements_of(array);
  std::reverse(all.begin(), all.end());
  append_array(out, all);
  return true;
}

bool array_rotate_left(std::string& out, Text array, int64_t by) {
  if (!is_array(array)) return false;
  Elements all = elements_of(array);
  if (!all.empty()) {
    const auto size = static_cast<int64_t>(all.size());
    std::rotate(all.begin(), all.begin() + ((by % size) + size) % size, all.end());
  }
  append_array(out, all);
  return true;
}
bool array_rotate_right(std::string& out, Text array, int64_t by) {
  return array_rotate_left(out, array, -(by % kMostElements));
}

bool array_shift_filled(std::string& out, Text array, int64_t by, Text filler) {
  if (!is_array(array)) return false;
  const Elements all = elements_of(array);
  const auto size = static_cast<int64_t>(all.size());
  Elements shifted;
  for (int64_t i = 0; i < size; ++i) {
    const int64_t from = checked_add(i, by).value_or(-1);
    shifted.push_back(from >= 0 && from < size ? all[static_cast<size_t>(from)] : filler);
  }
  append_array(out, shifted);
  return true;
}
/// Strings are filled up with empty ones, all else with nulls.
bool array_shift_left(std::string& out, Text array, int64_t by) {
  const std::optional<Text> first = json::element(array, 0);
  const bool strings = first && json::kind_of(*first) == json::Kind::String;
  return array_shift_filled(out, array, by, strings ? "\"\"" : "null");
}
bool array_shift_right(std::string& out, Text array, int64_t by) {
  return array_shift_left(out, array, by == INT64_MIN ? INT64_MAX : -by);
}
bool array_shift_right_filled(std::string& out, Text array, int64_t by, Text filler) {
  return array_shift_filled(out, array, by == INT64_MIN ? INT64_MAX : -by, filler);
}

bool array_split(std::string& out, Text array, Text indices) {
  if (!is_array(array)) return false;
  const Elements all = elements_of(array);
  const auto size = static_cast<int64_t>(all.size());
  const Elements cuts = is_array(indices) ? elements_of(indices) : Elements{indices};
  int64_t from = 0;
  const auto part = [&](int64_t to) {
    append_array(out, Elements(all.begin() + from, all.begin() + std::max(from, to)));
    from = std::max(from, to);
  };
  out += '[';
  for (Text cut : cuts) {
    if (json::kind_of(cut) != json::Kind::Integer) return false;
    auto at = static_cast<int64_t>(json::number(cut));
    if (at < 0) at += size;
    part(std::clamp<int64_t>(at, 0, size));
    out += ',';
  }
  part(size);
  out += ']';
  return true;
}

/// `when_true` and `when_false`: an array to take the element from, or one value for all.
bool array_iff(std::string& out, Text conditions, Text when_true, Text when_false) {
  if (!is_array(conditions)) return false;
  const auto pick = [](Text values, int64_t i) {
    return is_array(values) ? json::element(values, i).value_or("null") : values;
  };
  Elements picked;
  int64_t i = 0;
  for (json::Cursor each(conditions); each.next(); ++i) {
    switch (json::kind_of(each.value())) {
      case json::Kind::Bool:
        picked.push_back(pick(each.value() == "true" ? when_true : when_false, i));
        break;
      case json::Kind::Integer:
      case json::Kind::Real:
        picked.push_back(pick(json::number(each.value()) != 0 ? when_true : when_false, i));
        break;
      default: picked.push_back("null");
    }
  }
  append_array(out, picked);
  return true;
}

/// Numbers, then strings, then all else; nulls apart.
int sort_class(Text value) {
  switch (json::kind_of(value)) {
    case json::Kind::Integer:
    case json::Kind::Real: return 0;
    case json::Kind::String: return 1;
    default: return 2;
  }
}
bool sorts_before(Text a, Text b) {
  const int of_a = sort_class(a), of_b = sort_class(b);
  if (of_a != of_b) return of_a < of_b;
  return of_a == 0 ? json::number(a) < json::number(b) : a < b;
}

/// The order in which `values` are sorted, as indices; nulls last, or first.
std::vector<size_t> sorted_order(const Elements& values, bool ascending, bool nulls_last) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const auto nulls = std::stable_partition(
      order.begin(), order.end(), [&](size_t i) { return json::kind_of(values[i]) != json::Kind::Null; });
  std::stable_sort(order.begin(), nulls, [&](size_t a, size_t b) {
    return ascending ? sorts_before(values[a], values[b]) : sorts_before(values[b], values[a]);
  });
  if (!nulls_last) std::rotate(order.begin(), nulls, order.end());
  return order;
}

/// The first array sorted, the others in its order; a last argument that is a bool says where nulls go. An
/// array of another length than the first gives null.
template <bool Ascending>
void sort_arrays(std::string& out, Rest arguments) {
  size_t count = arguments.size();
  bool nulls_last = true;
  if (!arguments.is_null(count - 1) && json::kind_of(arguments.text(count - 1)) == json::Kind::Bool) {
    nulls_last = arguments.text(--count) == "true";
  }
  const bool sortable = count > 0 && !arguments.is_null(0) && is_array(arguments.text(0));
  const Elements first = sortable ? elements_of(arguments.text(0)) : Elements();
  const std::vector<size_t> order = sorted_order(first, Ascending, nulls_last);
  out += '[';
  for (size_t i = 0; i < count; ++i) {
    if (i > 0) out += ',';
    Elements values;
    const bool known = sortable && !arguments.is_null(i) && is_array(arguments.text(i));
    if (known) values = elements_of(arguments.text(i));
    if (!known || values.size() != order.size()) {
      out += "null";
      continue;
    }
    Elements sorted;
    for (const size_t from : order) sorted.push_back(values[from]);
    append_array(out, sorted);
  }
  out += ']';
}

void join_array(std::string& out, Text array, Text delimiter) {
  bool first = true;
  for (json::Cursor each(array); each.next();) {
    if (!first) out += delimiter;
    first = false;
    json::append_text(each.value(), out);
  }
}

bool zip(std::string& out, Rest arrays) {
  std::vector<Elements> sides;
  size_t longest = 0;
  for (size_t i = 0; i < arrays.size(); ++i) {
    sides.push_back(arrays.is_null(i)          ? Elements()
                    : is_array(arrays.text(i)) ? elements_of(arrays.text(i))
                                               : Elements{arrays.text(i)});
    longest = std::max(longest, sides.back().size());
  }
  out += '[';
  for (size_t row = 0; row < longest; ++row) {
    Elements tuple;
    for (const Elements& side : sides) tuple.push_back(row < side.size() ? side[row] : Text("null"));
    if (row > 0) out += ',';
    append_array(out, tuple);
  }
  out += ']';
  return true;
}

// ---- making arrays
// ---------------------------------------------------------------------------------------------

/// from, from + step, …, up to and including `to`, each printed by `append`.
template <typename T, typename Append>
bool append_range(std::string& out, T from, T to, T step, Append append) {
  if (step == 0) return false;
  out += '[';
  T value = from;
  for (int64_t count = 0; count < kMostElements && (step > 0 ? value <= to : value >= to); ++count) {
    if (count > 0) out += ',';
    append(value);
    if constexpr (std::is_same_v<T, int64_t>) {
      const std::optional<int64_t> next = checked_add(value, step);
      if (!next) break;
      value = *next;
    } else {
      value = from + step * static_cast<T>(count + 1);
    }
  }
  out += ']';
  return true;
}
bool range_of_longs(std::string& out, int64_t from, int64_t to, int64_t step) {
  return append_range(out, from, to, step, [&](int64_t value) { out += std::to_string(value); });
}
bool range_by_one(std::string& out, int64_t from, int64_t to) {
  return range_of_longs(out, from, to, 1);
}
bool range_of_reals(std::string& out, double from, double to, double step) {
  return append_range(out, from, to, step, [&](double value) { json::append_real(value, out); });
}
bool range_of_reals_by_one(std::string& out, double from, double to) {
  return range_of_reals(out, from, to, 1);
}
bool range_of_datetimes(std::string& out, Ticks from, Ticks to, Ticks step) {
  return append_range(out, from, to, step,
                      [&](Ticks value) { out += '"', append_datetime(out, value), out += '"'; });
}
bool range_of_datetimes_by_hour(std::string& out, Ticks from, Ticks to) {
  return range_of_datetimes(out, from, to, kTicksPerHour);
}
bool range_of_timespans(std::string& out, Ticks from, Ticks to, Ticks step) {
  return append_range(out, from, to, step,
                      [&](Ticks value) { out += '"', append_timespan(out, value), out += '"'; });
}
bool range_of_timespans_by_hour(std::string& out, Ticks from, Ticks to) {
  return range_of_timespans(out, from, to, kTicksPerHour);
}

bool repeat(std::string& out, std::optional<Text> value, std::optional<int64_t> count) {
  if (!count || *count < 0) return false;
  append_array(out, Elements(static_cast<size_t>(std::min(*count, kMostElements)), value.value_or("null")));
  return true;
}

// ---- declarations
// ----------------------------------------------------------------------------------------------

void declare_reading(FunctionTableBuilder& table) {
  using enum Type;
  table.scalar("array_length").doc("How many elements.").takes({Dynamic}, Long, native<&array_length>());
  table.alias("arraylength", "array_length");
  table.scalar("array_index_of")
      .doc("The position of a value; -1 where it isn't there.")
      .takes({Dynamic, as_dynamic()}, Long, native<&index_of_anywhere>())
      .takes({Dynamic, as_dynamic(), Long}, Long, native<&index_of_from>())
      .takes({Dynamic, as_dynamic(), Long, Long}, Long, native<&index_of_within>())
      .takes({Dynamic, as_dynamic(), Long, Long, Long}, Long, native<&index_of>());
  table.scalar("array_sum").doc("The sum of numbers.").takes({Dynamic}, Real, native<&array_sum>());
  table.scalar("strcat_array")
      .doc("The elements as one text.")
      .takes({Dynamic, String}, String, native<&join_array>());
  table.alias("array_strcat", "strcat_array");
}

void declare_arrays_of_arrays(FunctionTableBuilder& table) {
  using enum Type;
  table.scalar("array_concat")
      .doc("One array after the other.")
      .takes_nulls({Dynamic}, Dynamic, native<&array_concat>())
      .repeating(1);
  table.scalar("array_slice")
      .doc("The elements from one position to another.")
      .takes({Dynamic, Long, Long}, Dynamic, native<&array_slice>());
  table.scalar("array_split")
      .doc("Cut at positions.")
      .takes({Dynamic, as_dynamic()}, Dynamic, native<&array_split>());
  table.scalar("array_reverse")
      .doc("From the last element to the first.")
      .takes({Dynamic}, Dynamic, native<&array_reverse>());
  table.scalar("array_rotate_left")
      .doc("Rotated to the left.")
      .takes({Dynamic, Long}, Dynamic, native<&array_rotate_left>());
  table.scalar("array_rotate_right")
      .doc("Rotated to the right.")
      .takes({Dynamic, Long}, Dynamic, native<&array_rotate_right>());
  table.scalar("array_shift_left")
      .doc("Shifted to the left.")
      .takes({Dynamic, Long}, Dynamic, native<&array_shift_left>())
      .takes({Dynamic, Long, as_dynamic()}, Dynamic, native<&array_shift_filled>());
  table.scalar("array_shift_right")
      .doc("Shifted to the right.")
      .takes({Dynamic, Long}, Dynamic, native<&array_shift_right>())
      .takes({Dynamic, Long, as_dynamic()}, Dynamic, native<&array_shift_right_filled>());
  table.scalar("array_iff")
      .doc("An element of one or the other, by an array of conditions.")
      .takes({Dynamic, as_dynamic(), as_dynamic()}, Dynamic, native<&array_iff>());
  table.alias("array_iif", "array_iff");
  table.scalar("array_sort_asc")
      .doc("Sorted, the least element first.")
      .gives_column_per_argument("_sorted")
      .takes_nulls({as_dynamic()}, Dynamic, native<&sort_arrays<true>>())
      .repeating(1);
  table.scalar("array_sort_desc")
      .doc("Sorted, the greatest element first.")
      .gives_column_per_argument("_sorted")
      .takes_nulls({as_dynamic()}, Dynamic, native<&sort_arrays<false>>())
      .repeating(1);
  table.scalar("zip")
      .doc("Elements at the same place, together.")
      .takes_nulls({as_dynamic()}, Dynamic, native<&zip>())
      .repeating(2);
}

void declare_makers(FunctionTableBuilder& table) {
  using enum Type;
  table.scalar("range")
      .doc("start, start + step, … up to and including stop.")
      .takes({Long, Long}, Dynamic, native<&range_by_one>())
      .takes({Long, Long, Long}, Dynamic, native<&range_of_longs>())
      .takes({Real, Real}, Dynamic, native<&range_of_reals_by_one>())
      .takes({Real, Real, Real}, Dynamic, native<&range_of_reals>())
      .takes({DateTime, DateTime}, Dynamic, native<&range_of_datetimes_by_hour>())
      .takes({DateTime, DateTime, TimeSpan}, Dynamic, native<&range_of_datetimes>())
      .takes({TimeSpan, TimeSpan}, Dynamic, native<&range_of_timespans_by_hour>())
      .takes({TimeSpan, TimeSpan, TimeSpan}, Dynamic, native<&range_of_timespans>());
  table.scalar("repeat")
      .doc("A value, several times.")
      .takes_nulls({as_dynamic(), Long}, Dynamic, native<&repeat>());
}

}  // namespace

void declare_arrays(FunctionTableBuilder& table) {
  table.category("dynamic");
  declare_reading(table);
  declare_arrays_of_arrays(table);
  declare_makers(table);
}

}  // namespace spillway::kql
