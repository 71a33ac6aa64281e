// Plugins that count users and their activity over windows of time: KQL texts over __T.
//
// In all of them an event is a record; `Start` and `End` are inclusive; a window is known by its begin.
#include <algorithm>
#include <cstdlib>
#include <string>

#include "kql/plugins/plugin_call.h"

namespace spillway::kql {
namespace {

using Accepts = PluginParameter::Accepts;

/// Whether windows are calendar weeks, months or years; the name of the function that gives their begin.
Result<std::string> calendar(const PluginCall& call, std::string_view step) {
  SPILLWAY_ASSIGN(const Value value, call.value(step));
  if (value.type() != Type::String) {
    if (value.type() == Type::Bool || value.type() == Type::Dynamic || value.type() == Type::Guid)
      return call.fail_argument(step, "must be a number, a timespan, or 'week', 'month' or 'year'");
    return std::string();
  }
  for (const char* unit : {"week", "month", "year"}) {
    if (value.as_text() == unit) return "startof" + value.as_text();
  }
  return call.fail_argument(step, "must be 'week', 'month' or 'year' where it is a string");
}

/// The begin of the window that a value is in, as KQL.
Result<std::string> window_of(const PluginCall& call, const std::string& what, std::string_view step) {
  SPILLWAY_ASSIGN(const std::string unit, calendar(call, step));
  if (!unit.empty()) return unit + "(" + what + ")";
  return "bin_at(" + what + ", __" + std::string(step) + ", __Start)";
}

/// The begin of the window after the one that begins with `what`.
Result<std::string> next_window(const PluginCall& call, const std::string& what, std::string_view step) {
  SPILLWAY_ASSIGN(const std::string unit, calendar(call, step));
  if (!unit.empty()) return unit + "(" + what + ", 1)";
  return what + " + __" + std::string(step);
}

double number_of(const Value& value) {
  if (value.is_null()) return 0;
  if (value.type() == Type::Real) return value.as_real();
  if (value.type() == Type::Decimal) return std::strtod(value.as_text().c_str(), nullptr);
  return static_cast<double>(value.as_int());
}

/// How many whole steps a span has; at least one.
Result<int64_t> steps_in(const PluginCall& call, std::string_view span, std::string_view step) {
  SPILLWAY_ASSIGN(const Value whole, call.value(span));
  SPILLWAY_ASSIGN(const Value part, call.value(step));
  if (whole.type() == Type::String) return call.fail_argument(span, "must be a number or a timespan");
  if (number_of(part) <= 0) return call.fail_argument(step, "must be positive");
  const double steps = number_of(whole) / number_of(part);
  if (!(steps <= static_cast<double>(kMaxWindowSteps))) {
    return call.fail_argument(span, "is more than " + std::to_string(kMaxWindowSteps) + " steps");
  }
  return std::max<int64_t>(1, static_cast<int64_t>(steps));
}

/// Refuses a step that isn't positive, and more windows than there may be.
Status check_windows(const PluginCall& call, std::string_view step) {
  SPILLWAY_ASSIGN(const std::string unit, calendar(call, step));
  if (!unit.empty()) {
    const PlanColumn& time = call.column("TimelineColumn");
    if (time.type == Type::DateTime) return {};
    return call.fail_argument(step, "can be a string only where the timeline is a datetime");
  }
  SPILLWAY_ASSIGN(const Value value, call.value(step));
  if (!(number_of(value) > 0)) return call.fail_argument(step, "must be positive");
  if (!call.has("Start")) return {};
  SPILLWAY_ASSIGN(const Value start, call.value("Start"));
  SPILLWAY_ASSIGN(const Value end, call.value("End"));
  if ((number_of(end) - number_of(start)) / number_of(value) <= static_cast<double>(kMaxWindows)) return {};
  return call.fail("there are more than " + std::to_string(kMaxWindows) + " windows from start to end");
}

/// The windows from start to end, as KQL: a table with the column `name`.
Result<std::string> windows(const PluginCall& call, const std::string& name, std::string_view step) {
  SPILLWAY_ASSIGN(const std::string unit, calendar(call, step));
  if (unit.empty()) return "range " + name + " from __Start to __End step __" + std::string(step);
  return "range " + name + " from __Start to __End step 1d | distinct " + name + " = " + unit + "(" + name +
         ")";
}

Result<std::string> active_users_count(const PluginCall& call) {
  SPILLWAY_TRY(check_windows(call, "Bin"));
  SPILLWAY_ASSIGN(const std::string window, window_of(call, call.name("TimelineColumn"), "Bin"));
  return PluginCall::fill(R"(
let __a = materialize(__T
  | where {time} > __Start - __LookbackWindow and {time} <= __End
  | distinct {id}, {time}{dims});
__a
| where {time} >= __Start
| join kind=inner (__a | project {id}{dims}, __u = {time}, __p = bin({time}, __Period)) on {id}{dims}
| where __u <= {time} and __u > {time} - __LookbackWindow
| summarize __n = count_distinct(__p) by {id}, {time}{dims}
| where __n >= __ActivePeriodsCount
| summarize dcount = count_distinct({id}) by {time} = {window}{dims}
)",
                          {{"id", call.name("IdColumn")},
                           {"time", call.name("TimelineColumn")},
                           {"dims", call.names("Dimension")},
                           {"window", window}});
}

Result<std::string> activity_counts_metrics(const PluginCall& call) {
  SPILLWAY_TRY(check_windows(call, "Step"));
  SPILLWAY_ASSIGN(const std::string window, window_of(call, call.name("TimelineColumn"), "Step"));
  return PluginCall::fill(R"(
let __e = materialize(__T
  | where {time} between (__Start .. __End)
  | summarize __c = count() by {id}, __w = {window}{dims});
__e
| summarize __c = sum(__c), __d = count_distinct({id}) by __w{dims}
| extend __j = 1
| join kind=inner (__e
    | summarize __f = min(__w) by {id}{dims}
    | summarize __n = count() by __f{dims}
    | extend __j = 1) on __j{dims}
| where __f <= __w
| summarize ['count'] = take_any(__c), dcount = take_any(__d), new_dcount = sumif(__n, __f == __w),
    aggregated_dcount = sum(__n) by {time} = __w{dims}
)",
                          {{"id", call.name("IdColumn")},
                           {"time", call.name("TimelineColumn")},
                           {"dims", call.names("Dimension")},
                           {"window", window}});
}

Result<std::string> activity_engagement(const PluginCall& call) {
  SPILLWAY_TRY(check_windows(call, "InnerActivityWindow"));
  SPILLWAY_ASSIGN(const int64_t steps, steps_in(call, "OuterActivityWindow", "InnerActivityWindow"));
  const bool bounded = call.has("Start");
  return PluginCall::fill(
      R"(
{begin}let __e = materialize({source}
  | where {time} >= __Start - __OuterActivityWindow and {time} <= __End
  | distinct {id}, __w = bin_at({time}, __InnerActivityWindow, __Start){dims});
__e
| extend __j = 1
| join kind=inner (range __k from 0 to {last} step 1 | extend __j = 1) on __j
| extend __w = __w + __k * __InnerActivityWindow, __own = iff(__k == 0, 1, 0)
| where __w between (__Start .. __End)
| summarize __i = max(__own) by {id}, __w{dims}
| summarize __i = sum(__i), __o = count() by __w{dims}
| project {time} = __w, dcount_activities_inner = __i, dcount_activities_outer = __o,
    activity_ratio = todouble(__i) / todouble(__o){dims}
)",
      {{"id", call.name("IdColumn")},
       {"time", call.name("TimelineColumn")},
       {"dims", call.names("Dimension")},
       {"last", std::to_string(steps - 1)},
       {"source", bounded ? "__T" : "__all"},
       {"begin", bounded ? ""
                         : "let __all = materialize(__T);\nlet __Start = toscalar(__all | "
                           "summarize min(bin(" +
                               call.name("TimelineColumn") +
                               ", __InnerActivityWindow)));\nlet __End = toscalar(__all | "
                               "summarize max(" +
                               call.name("TimelineColumn") + "));\n"}});
}

Result<std::string> activity_metrics(const PluginCall& call) {
  SPILLWAY_TRY(check_windows(call, "Window"));
  const bool bounded = call.has("Start");
  SPILLWAY_ASSIGN(const std::string next, next_window(call, "__w", "Window"));
  SPILLWAY_ASSIGN(std::string window, window_of(call, call.name("TimelineColumn"), "Window"));
  if (!bounded && window.rfind("bin_at", 0) == 0)
    window = "bin(" + call.name("TimelineColumn") + ", __Window)";
  return PluginCall::fill(
      R"(
let __e = materialize(__T{where}
  | distinct {id}, __w = {window}{dims});
__e
| lookup kind=leftouter (__e | project {id}{dims}, __w = {next}, __r = 1) on {id}, __w{dims}
| summarize dcount_values = count(), __r = countif(__r == 1) by __w{dims}
| lookup kind=leftouter (__e | summarize __p = count() by __w = {next}{dims}) on __w{dims}
| project {time} = __w, dcount_values, dcount_newvalues = dcount_values - __r,
    retention_rate = iff(isnull(__p), real(nan), todouble(__r) / todouble(__p)),
    churn_rate = iff(isnull(__p), real(nan), todouble(__p - __r) / todouble(__p)){dims}
)",
      {{"where", bounded ? " | where " + call.name("TimelineColumn") + " between (__Start .. __End)" : ""},
       {"id", call.name("IdColumn")},
       {"time", call.name("TimelineColumn")},
       {"dims", call.names("Dimension")},
       {"next", next},
       {"window", window}});
}

Result<std::string> new_activity_metrics(const PluginCall& call) {
  SPILLWAY_TRY(check_windows(call, "Window"));
  const std::string time = call.find("TimelineColumn")->name;
  SPILLWAY_ASSIGN(const std::string window, window_of(call, call.name("TimelineColumn"), "Window"));
  SPILLWAY_ASSIGN(const std::string cohort, window_of(call, "__Cohort", "Window"));
  SPILLWAY_ASSIGN(const std::string to, windows(call, "__to", "Window"));
  std::string lookback;
  if (const PluginArgument* table = call.find("Lookback")) {
    const std::string id = call.find("IdColumn")->name;
    std::string column = table->table->columns.front().name;
    for (const PlanColumn& each : table->table->columns) {
      if (each.name == id) column = id;
    }
    lookback = "\n  | join kind=leftanti (__Lookback | distinct " + call.name("IdColumn") + " = " +
               PluginCall::quoted(column) + ") on " + call.name("IdColumn");
  }
  return PluginCall::fill(R"(
let __e = materialize(__T
  | where {time} between (__Start .. __End)
  | distinct {id}, __w = {window}{dims});
let __f = materialize(__e | summarize __f = min(__w) by {id}{dims}{lookback});
let __c = __f
  | join kind=inner __e on {id}{dims}
  | summarize __c = count() by __f, __w{dims};
__f
| summarize __n = count() by __from = __f{dims}{cohort}
| extend __j = 1
| join kind=inner ({windows} | extend __j = 1) on __j
| where __to >= __from
| lookup kind=leftouter __c on $left.__to == $right.__w{dims}
| summarize __n = take_any(__n), __r = sumif(__c, __f == __from),
    __new = sumif(__c, __f > __from or (__f == __from and __from == __to)) by __from, __to{dims}
| project {from} = __from, {to} = __to, dcount_new_values = __new, dcount_retained_values = __r,
    dcount_churn_values = __n - __r, retention_rate = todouble(__r) / todouble(__n),
    churn_rate = todouble(__n - __r) / todouble(__n){dims}
)",
                          {{"id", call.name("IdColumn")},
                           {"time", call.name("TimelineColumn")},
                           {"dims", call.names("Dimension")},
                           {"window", window},
                           {"windows", to},
                           {"lookback", lookback},
                           {"cohort", call.has("Cohort") ? " | where __from == " + cohort : ""},
                           {"from", PluginCall::quoted("from_" + time)},
                           {"to", PluginCall::quoted("to_" + time)}});
}

Result<std::string> rolling_percentile(const PluginCall& call) {
  SPILLWAY_ASSIGN(const int64_t bins, call.integer("BinsPerWindow", 1, 1, kMaxWindowSteps));
  SPILLWAY_ASSIGN(const Value percentile, call.value("Percentile"));
  SPILLWAY_ASSIGN(const Value size, call.value("BinSize"));
  if (!(number_of(size) > 0)) return call.fail_argument("BinSize", "must be positive");
  const std::string output = "rolling_" + std::to_string(bins) + "_percentile_" +
                             call.find("ValueColumn")->name + "_" + percentile.str();
  return PluginCall::fill(R"(
let __e = materialize(__T
  | where isnotnull({index})
  | project {value}, __w = bin({index}, __BinSize){dims});
let __last = toscalar(__e | summarize max(__w));
__e
| extend __j = 1
| join kind=inner (range __k from 0 to {last} step 1 | extend __j = 1) on __j
| extend __w = __w + __k * __BinSize
| where __w <= __last
| summarize {output} = percentile({value}, __Percentile) by {index} = __w{dims}
)",
                          {{"index", call.name("IndexColumn")},
                           {"value", call.name("ValueColumn")},
                           {"dims", call.names("Dimension")},
                           {"last", std::to_string(bins - 1)},
                           {"output", PluginCall::quoted(output)}});
}

Result<std::string> session_count(const PluginCall& call) {
  SPILLWAY_TRY(check_windows(call, "Bin"));
  SPILLWAY_ASSIGN(const std::string window, window_of(call, call.name("TimelineColumn"), "Bin"));
  std::string same = "prev(" + call.name("IdColumn") + ") == " + call.name("IdColumn");
  for (const PluginArgument* dimension : call.all("Dimension")) {
    const std::string name = PluginCall::quoted(dimension->name);
    same += " and prev(" + name + ") == " + name;
  }
  return PluginCall::fill(R"(
__T
| where {time} >= __Start - __LookBackWindow and {time} <= __End
| distinct {id}, {time}{dims}
| sort by {id} asc{dims}, {time} asc
| extend __known = {same} and {time} - prev({time}) <= __LookBackWindow
| where {time} >= __Start and not(coalesce(__known, false))
| summarize count_sessions = count() by {time} = {window}{dims}
)",
                          {{"id", call.name("IdColumn")},
                           {"time", call.name("TimelineColumn")},
                           {"dims", call.names("Dimension")},
                           {"same", same},
                           {"window", window}});
}

/// Windows of a fixed step: each event counts in the windows that begin at its own and the next ones.
Result<std::string> sliding_fixed(const PluginCall& call) {
  SPILLWAY_ASSIGN(const int64_t steps, steps_in(call, "LookbackWindow", "Bin"));
  return PluginCall::fill(R"(
__T
| where {time} >= __Start - __LookbackWindow and {time} <= __End
| summarize __c = count() by {id}, __w = bin_at({time}, __Bin, __Start){dims}
| extend __j = 1
| join kind=inner (range __k from 0 to {last} step 1 | extend __j = 1) on __j
| extend __w = __w + __k * __Bin
| where __w between (__Start .. __End)
| summarize ['Count'] = sum(__c), ['Dcount'] = count_distinct({id}) by {time} = __w{dims}
)",
                          {{"id", call.name("IdColumn")},
                           {"time", call.name("TimelineColumn")},
                           {"dims", call.names("Dimension")},
                           {"last", std::to_string(steps - 1)}});
}

Result<std::string> sliding_window_counts(const PluginCall& call) {
  SPILLWAY_TRY(check_windows(call, "Bin"));
  SPILLWAY_ASSIGN(const std::string unit, calendar(call, "Bin"));
  if (unit.empty()) return sliding_fixed(call);
  SPILLWAY_ASSIGN(const std::string begins, windows(call, "__v", "Bin"));
  return PluginCall::fill(R"(
__T
| where {time} >= {unit}(__Start) - __LookbackWindow and {time} <= __End
| summarize __c = count() by {id}, __w = {unit}({time}){dims}
| extend __j = 1
| join kind=inner ({windows} | extend __j = 1) on __j
| where __w <= __v and __w > __v - __LookbackWindow
| summarize ['Count'] = sum(__c), ['Dcount'] = count_distinct({id}) by {time} = __v{dims}
)",
                          {{"id", call.name("IdColumn")},
                           {"time", call.name("TimelineColumn")},
                           {"dims", call.names("Dimension")},
                           {"unit", unit},
                           {"windows", begins}});
}

}  // namespace

void declare_window_plugins(PluginTable& table) {
  const PluginParameter id = column("IdColumn");
  const PluginParameter time = column("TimelineColumn", Accepts::Summable);
  const PluginParameter dimensions = column("Dimension").repeated();
  const auto constant = [](const char* name) { return constant_of(name, Accepts::Summable); };
  const auto step = [](const char* name) { return constant_of(name, Accepts::Any); };
  const auto declare = [&](const char* name, const char* doc, std::vector<Plugin::Signature> signatures,
                           Plugin::Text text) {
    Plugin& plugin = table[name];
    plugin.doc = doc;
    plugin.signatures = std::move(signatures);
    plugin.kql = text;
  };
  declare("active_users_count",
          "Distinct values that appeared in at least so many periods of a lookback window, for each bin",
          {{id, time, constant("Start"), constant("End"), constant("LookbackWindow"), constant("Period"),
            constant("ActivePeriodsCount"), step("Bin"), dimensions}},
          active_users_count);
  declare("activity_counts_metrics",
          "Counts of records, of distinct values and of new ones for each window, against all before it",
          {{id, time, constant("Start"), constant("End"), step("Step"), dimensions}},
          activity_counts_metrics);
  declare("activity_engagement",
          "The ratio of distinct values in an inner to those in an outer sliding window",
          {{id, time, constant("Start"), constant("End"), constant("InnerActivityWindow"),
            constant("OuterActivityWindow"), dimensions},
           {id, time, constant("InnerActivityWindow"), constant("OuterActivityWindow")}},
          activity_engagement);
  declare("activity_metrics",
          "Distinct and new values, retention and churn of each window against the one before",
          {{id, time, constant("Start"), constant("End"), step("Window"), dimensions},
           {id, time, step("Window")}},
          activity_metrics);
  declare("new_activity_metrics", "Retention and churn of each cohort of new values in each later window",
          {{id, time, constant("Start"), constant("End"), step("Window"), constant("Cohort").optional(),
            dimensions, table_of("Lookback").optional()}},
          new_activity_metrics);
  declare("rolling_percentile", "A percentile over the last bins, for each bin",
          {{column("ValueColumn", Accepts::Summable), constant_of("Percentile", Accepts::Number),
            column("IndexColumn", Accepts::Summable), constant("BinSize"),
            constant_of("BinsPerWindow", Accepts::Integer), dimensions}},
          rolling_percentile);
  declare(
      "session_count", "Sessions that begin in each bin: values that didn't appear in the lookback window",
      {{id, time, constant("Start"), constant("End"), step("Bin"), constant("LookBackWindow"), dimensions}},
      session_count);
  declare(
      "sliding_window_counts", "Counts of records and of distinct values over a sliding lookback window",
      {{id, time, constant("Start"), constant("End"), constant("LookbackWindow"), step("Bin"), dimensions}},
      sliding_window_counts);
}

}  // namespace spillway::kql
