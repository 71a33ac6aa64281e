// What make-series is made of (binder_make_series.cc): positions on an axis of equal steps, the values at
// them, and the axis itself, as arrays.
#include <cmath>

#include "kql/functions/arithmetic.h"
#include "kql/functions/builder.h"
#include "kql/functions/series.h"
#include "kql/json.h"

namespace spillway::kql {
namespace {

using Text = std::string_view;

/// The points that one series may have: query/make-series-operator.md.
constexpr int64_t kMostPoints = 1 << 20;

Error too_long() {
  return Error(ErrorCode::LimitExceeded,
               "make-series: a series would have more than " + std::to_string(kMostPoints) + " points");
}

/// In which step from `origin` on a value lies, counted from 0; null where the step isn't positive.
std::optional<int64_t> position_of_integer(int64_t value, int64_t origin, int64_t step) {
  const std::optional<int64_t> distance = checked_subtract(value, origin);
  if (!distance || step <= 0) return std::nullopt;
  return *distance / step - (*distance % step < 0 ? 1 : 0);
}
std::optional<int64_t> position_of_real(double value, double origin, double step) {
  if (!(step > 0)) return std::nullopt;
  return to_integer(std::floor((value - origin) / step));
}

/// How many positions lie before `end`.
std::optional<int64_t> positions_before_integer(int64_t end, int64_t origin, int64_t step) {
  const std::optional<int64_t> position = position_of_integer(end, origin, step);
  if (!position) return std::nullopt;
  return checked_subtract(end, origin).value_or(0) % step == 0 ? *position : *position + 1;
}
std::optional<int64_t> positions_before_real(double end, double origin, double step) {
  if (!(step > 0)) return std::nullopt;
  return to_integer(std::ceil((end - origin) / step));
}

/// origin + step · (first + 0, 1, 2, … up to count - 1), each printed by `append(out, origin, step,
/// position)`.
template <typename T, typename Append>
Status lay_axis(const NativeCall& call, Append append) {
  const VectorView &origin = call.arguments[0], &first = call.arguments[1];
  const VectorView &count = call.arguments[2], &step = call.arguments[3];
  std::string out;
  for (size_t row = 0; row < call.rows; ++row) {
    if (origin.is_null(row) || step.is_null(row)) {
      call.out.set_null(row);
      continue;
    }
    const bool empty = first.is_null(row) || count.is_null(row);
    const int64_t points = empty ? 0 : count.get<int64_t>(row);
    if (points > kMostPoints) return too_long();
    out = '[';
    for (int64_t i = 0; i < points; ++i) {
      if (i > 0) out += ',';
      append(out, origin.get<T>(row), step.get<T>(row),
             checked_add(first.get<int64_t>(row), i).value_or(INT64_MAX));
    }
    out += ']';
    call.out.set_text(row, out);
  }
  return Status();
}

int64_t value_at(int64_t origin, int64_t step, int64_t position) {
  const std::optional<int64_t> distance = checked_multiply(position, step);
  return distance ? checked_add(origin, *distance).value_or(INT64_MAX) : INT64_MAX;
}
Status axis_of_longs(const NativeCall& call) {
  return lay_axis<int64_t>(call, [](std::string& out, int64_t origin, int64_t step, int64_t position) {
    out += std::to_string(value_at(origin, step, position));
  });
}
Status axis_of_datetimes(const NativeCall& call) {
  return lay_axis<int64_t>(call, [](std::string& out, Ticks origin, Ticks step, int64_t position) {
    out += '"';
    append_datetime(out, std::clamp<Ticks>(value_at(origin, step, position), 0, kMaxDateTime));
    out += '"';
  });
}
Status axis_of_timespans(const NativeCall& call) {
  return lay_axis<int64_t>(call, [](std::string& out, Ticks origin, Ticks step, int64_t position) {
    out += '"';
    append_timespan(out, value_at(origin, step, position));
    out += '"';
  });
}
Status axis_of_reals(const NativeCall& call) {
  return lay_axis<double>(call, [](std::string& out, double origin, double step, int64_t position) {
    json::append_real(origin + step * static_cast<double>(position), out);
  });
}

/// `gathered`: positions and values in turn, in any order. The values at `count` positions from `first` on,
/// and `fallback` where there is none.
Status lay_values(const NativeCall& call) {
  const VectorView &gathered = call.arguments[0], &first = call.arguments[1];
  const VectorView &count = call.arguments[2], &fallback = call.arguments[3];
  std::string out;
  std::vector<Text> values;
  for (size_t row = 0; row < call.rows; ++row) {
    const bool empty = first.is_null(row) || count.is_null(row);
    const int64_t points = empty ? 0 : std::max<int64_t>(0, count.get<int64_t>(row));
    if (points > kMostPoints) return too_long();
    values.assign(static_cast<size_t>(points), fallback.is_null(row) ? Text("null") : fallback.text(row));
    if (!gathered.is_null(row)) {
      for (json::Cursor each(gathered.text(row)); each.next();) {
        const int64_t position = series::number_of(each.value()).integer;
        if (!each.next()) break;
        const std::optional<int64_t> at =
            points > 0 ? checked_subtract(position, first.get<int64_t>(row)) : -1;
        if (at && *at >= 0 && *at < points) values[static_cast<size_t>(*at)] = each.value();
      }
    }
    out = '[';
    for (size_t i = 0; i < values.size(); ++i) {
      if (i > 0) out += ',';
      out += values[i];
    }
    out += ']';
    call.out.set_text(row, out);
  }
  return Status();
}

L vectorized(NativeFunction function) {
  L lowering;
  lowering.native = function;
  return lowering;
}

}  // namespace

void declare_series_make(FunctionTableBuilder& table) {
  using enum Type;
  table.category("series");
  table.scalar("series position")
      .doc("In which step from an origin a value lies.")
      .takes({Long, Long, Long}, Long, native<&position_of_integer>())
      .takes({Real, Real, Real}, Long, native<&position_of_real>())
      .takes({DateTime, DateTime, TimeSpan}, Long, native<&position_of_integer>())
      .takes({TimeSpan, TimeSpan, TimeSpan}, Long, native<&position_of_integer>());
  table.scalar("series positions before")
      .doc("How many steps from an origin begin before a value.")
      .takes({Long, Long, Long}, Long, native<&positions_before_integer>())
      .takes({Real, Real, Real}, Long, native<&positions_before_real>())
      .takes({DateTime, DateTime, TimeSpan}, Long, native<&positions_before_integer>())
      .takes({TimeSpan, TimeSpan, TimeSpan}, Long, native<&positions_before_integer>());
  table.scalar("series axis")
      .doc("The values at positions: origin, first position, number of positions, step.")
      .takes_nulls({Long, Long, Long, Long}, Dynamic, vectorized(&axis_of_longs))
      .takes_nulls({Real, Long, Long, Real}, Dynamic, vectorized(&axis_of_reals))
      .takes_nulls({DateTime, Long, Long, TimeSpan}, Dynamic, vectorized(&axis_of_datetimes))
      .takes_nulls({TimeSpan, Long, Long, TimeSpan}, Dynamic, vectorized(&axis_of_timespans));
  table.scalar("series values")
      .doc("Gathered values laid out: first position, number of positions, what stands where there is none.")
      .takes_nulls({Dynamic, Long, Long, Dynamic}, Dynamic, vectorized(&lay_values));
  table.aggregate("gather series", "")
      .doc("Positions and values in turn.")
      .takes({Long, as_dynamic()}, Dynamic,
             "'[' || COALESCE(string_agg(CAST({0} AS VARCHAR) || ',' || COALESCE({1}, 'null'), ','){filter}, "
             "'') || "
             "']'");
}

}  // namespace spillway::kql
