// Plugins that look for sequences of events: KQL texts that join one step after the other.
#include <string>
#include <vector>

#include "kql/json.h"
#include "kql/plugins/plugin_call.h"

namespace spillway::kql {
namespace {

using Accepts = PluginParameter::Accepts;

/// Steps of a sequence; each is a join.
constexpr size_t kMaxSequenceSteps = 32;
constexpr size_t kMaxPeriods = 100;

std::string text_literal(const std::string& text) {
  std::string out;
  json::quote(text, out);
  return out;
}

/// A step may come at the same moment as the one before, unless it's the same state: an event isn't its own
/// successor.
std::string after(const std::vector<std::string>& sequence, size_t step) {
  return sequence[step] == sequence[step - 1] ? "__u > __t" : "__u >= __t";
}

Result<std::vector<std::string>> sequence_of(const PluginCall& call) {
  SPILLWAY_ASSIGN(std::vector<std::string> sequence, call.texts("Sequence"));
  if (sequence.empty() || sequence.size() > kMaxSequenceSteps) {
    return call.fail_argument("Sequence",
                              "must have from 1 to " + std::to_string(kMaxSequenceSteps) + " states");
  }
  return sequence;
}

/// An element of an array of spans as KQL: dynamic values hold timespans as texts.
Result<std::string> span_literal(const PluginCall& call, const std::string& text, bool time) {
  const std::optional<Ticks> ticks = parse_timespan(text);
  if (time && ticks) return "timespan(" + format_timespan(*ticks) + ")";
  char* end = nullptr;
  std::strtod(text.c_str(), &end);
  if (!time && !text.empty() && *end == '\0') return "long(" + text + ")";
  return call.fail_argument("MaxSequencePeriods", "must be an array of spans of the timeline");
}

/// The tables __x0 …: who reached a step within the longest period, from which begin, and when first.
std::string completion_steps(const std::vector<std::string>& sequence) {
  std::string text = "let __x0 = __e | where __s == " + text_literal(sequence[0]) +
                     " | distinct __w, __i, __b = __t, __t;\n";
  for (size_t i = 1; i < sequence.size(); ++i) {
    text += PluginCall::fill(R"(let __x{step} = __x{last}
| join kind=inner (__e | where __s == {state} | project __w, __i, __u = __t) on __w, __i
| where {after} and __u - __b <= __longest
| summarize __t = min(__u) by __w, __i, __b;
)",
                             {{"step", std::to_string(i)},
                              {"last", std::to_string(i - 1)},
                              {"state", text_literal(sequence[i])},
                              {"after", after(sequence, i)}});
  }
  return text;
}

Result<std::string> funnel_sequence_completion(const PluginCall& call) {
  SPILLWAY_ASSIGN(const std::vector<std::string> sequence, sequence_of(call));
  SPILLWAY_ASSIGN(const std::vector<std::string> periods, call.texts("MaxSequencePeriods"));
  if (periods.empty() || periods.size() > kMaxPeriods) {
    return call.fail_argument("MaxSequencePeriods",
                              "must have from 1 to " + std::to_string(kMaxPeriods) + " periods");
  }
  const Type type = call.column("TimelineColumn").type;
  const bool time = type == Type::DateTime || type == Type::TimeSpan;
  std::string table, counts, states;
  for (const std::string& period : periods) {
    SPILLWAY_ASSIGN(const std::string literal, span_literal(call, period, time));
    table += (table.empty() ? "" : ", ") + literal + ", 1";
  }
  for (size_t i = 0; i < sequence.size(); ++i) {
    const std::string step = std::to_string(i);
    counts += PluginCall::fill(R"(,
  (__x{step} | summarize __d = min(__t - __b) by __w, __i | extend __j = 1
    | join kind=inner __periods on __j
    | where __d <= __p
    | summarize __n = count() by __w, __p | extend __k = {step}),
  (__e | distinct __w | extend __j = 1 | join kind=inner __periods on __j | project __w, __p, __k = {step}, __n = 0))",
                               {{"step", step}});
    states += "__k == " + step + ", " + text_literal(sequence[i]) + ", ";
  }
  return PluginCall::fill(R"(
let __e = materialize(__T
  | where {time} >= __Start and {time} < __End
  | project __w = bin_at({time}, __BinSize, __Start), __i = {id}, __t = {time}, __s = tostring({state}));
let __periods = datatable(__p:{type}, __j:long) [{periods}];
let __longest = toscalar(__periods | summarize max(__p));
{steps}union (__e | take 0 | project __w, __p = __longest, __k = 0, __n = 0){counts}
| summarize dcount = sum(__n) by __w, __p, __k
| sort by __w asc, __p asc, __k asc
| project {time} = __w, {state} = case({states}""), Period = __p, dcount
)",
                          {{"id", call.name("IdColumn")},
                           {"time", call.name("TimelineColumn")},
                           {"state", call.name("StateColumn")},
                           {"type", time ? "timespan" : "long"},
                           {"periods", table},
                           {"steps", completion_steps(sequence)},
                           {"counts", counts},
                           {"states", states}});
}

/// The table __x: each occurrence of the sequence, with its first and last moment.
std::string occurrences(const std::vector<std::string>& sequence) {
  std::string text = "let __x0 = __e | where __s == " + text_literal(sequence[0]) +
                     " and __t >= __Start and __t < __End | distinct __i, __b = __t, __t;\n";
  for (size_t i = 1; i < sequence.size(); ++i) {
    text += PluginCall::fill(R"(let __x{step} = __x{last}
| join kind=inner (__e | where __s == {state} | project __i, __u = __t) on __i
| where {after} and __u - __t <= __MaxSequenceStepWindow
| distinct __i, __b, __t = __u;
)",
                             {{"step", std::to_string(i)},
                              {"last", std::to_string(i - 1)},
                              {"state", text_literal(sequence[i])},
                              {"after", after(sequence, i)}});
  }
  return text;
}

Result<std::string> funnel_sequence(const PluginCall& call) {
  if (!call.ends_query()) {
    return call.fail("gives several results, so it must be the last operator of the query");
  }
  SPILLWAY_ASSIGN(const std::vector<std::string> sequence, sequence_of(call));
  return PluginCall::fill(R"(
let __e = materialize(__T
  | where {time} >= __Start - __MaxSequenceStepWindow and {time} <= __End + __MaxSequenceStepWindow
  | project __i = {id}, __t = {time}, __s = tostring({state}));
{steps}let __x = materialize(__x{last});
let __before = __x
| join kind=inner (__e | where __s != {first} | project __i, __u = __t, __v = __s) on __i
| where __u < __b and __b - __u <= __MaxSequenceStepWindow
| summarize arg_max(__u, __v) by __i, __b
| project __i, __b, __before = __v;
let __after = __x
| join kind=inner (__e | where __s != {final} | project __i, __u = __t, __v = __s) on __i
| where __u > __t and __u - __t <= __MaxSequenceStepWindow
| summarize arg_min(__u, __v) by __i, __b, __t
| project __i, __b, __t, __after = __v;
let __all = materialize(__x
| lookup kind=leftouter __before on __i, __b
| lookup kind=leftouter __after on __i, __b, __t
| project __i, __w = bin_at(__b, __Step, __Start), __before, __after);
__all
| summarize dcount = count_distinct(__i), samples = array_sort_asc(make_set(__i, 128)) by {time} = __w, prev = __before, next = __after
| sort by {time} asc, dcount desc, prev asc, next asc;
__all
| summarize dcount = count_distinct(__i), samples = array_sort_asc(make_set(__i, 128)) by {time} = __w, prev = __before
| sort by {time} asc, dcount desc, prev asc;
__all
| summarize dcount = count_distinct(__i), samples = array_sort_asc(make_set(__i, 128)) by {time} = __w, next = __after
| sort by {time} asc, dcount desc, next asc
)",
                          {{"id", call.name("IdColumn")},
                           {"time", call.name("TimelineColumn")},
                           {"state", call.name("StateColumn")},
                           {"steps", occurrences(sequence)},
                           {"last", std::to_string(sequence.size() - 1)},
                           {"first", text_literal(sequence.front())},
                           {"final", text_literal(sequence.back())}});
}

/// One join for each step: every pair of moments within the windows.
Result<std::string> sequence_detect(const PluginCall& call) {
  const std::vector<const PluginArgument*> steps = call.all("Expr");
  if (steps.size() > kMaxSequenceSteps)
    return call.fail("takes at most " + std::to_string(kMaxSequenceSteps) + " steps");
  const std::string dims = call.names("Dimension"), time = call.find("TimelineColumn")->name;
  std::string text = PluginCall::fill("let __e = materialize(__T | extend __j = 1, __t = {time});\n",
                                      {{"time", PluginCall::quoted(time)}});
  std::string moments, outputs;
  for (size_t i = 0; i < steps.size(); ++i) {
    const std::string step = std::to_string(i);
    const std::string events = PluginCall::fill(
        "__e | where __Expr{step} | distinct __j, __t{step} = __t{dims}", {{"step", step}, {"dims", dims}});
    if (i == 0) {
      text += "let __x0 = " + events + ";\n";
    } else {
      text += PluginCall::fill(R"(let __x{step} = __x{last}
| join kind=inner ({events}) on __j{dims}
| where __t{step} > __t{last} and __t{step} - __t{last} <= __MaxSequenceStepWindow
    and __t{step} - __t0 <= __MaxSequenceSpan
| project __j{moments}, __t{step}{dims};
)",
                               {{"step", step},
                                {"last", std::to_string(i - 1)},
                                {"events", events},
                                {"moments", moments},
                                {"dims", dims}});
    }
    moments += ", __t" + step;
    const std::string name = steps[i]->name.empty() ? "Expr" + std::to_string(i + 1) : steps[i]->name;
    outputs += PluginCall::quoted(name + "_" + time) + " = __t" + step + ", ";
  }
  const std::string last = std::to_string(steps.size() - 1);
  const std::string leading = dims.empty() ? "" : dims.substr(2) + ", ";
  return text + "__x" + last + " | project " + leading + outputs + "Duration = __t" + last + " - __t0";
}

}  // namespace

void declare_funnel_plugins(PluginTable& table) {
  const PluginParameter id = column("IdColumn");
  const PluginParameter time = column("TimelineColumn", Accepts::Summable);
  const PluginParameter state = column("StateColumn");
  const auto constant = [](const char* name) { return constant_of(name, Accepts::Summable); };
  Plugin& funnel = table["funnel_sequence"];
  funnel.doc = "What users did before and after a sequence of states, in three results";
  funnel.signatures = {{id, time, constant("Start"), constant("End"), constant("MaxSequenceStepWindow"),
                        constant("Step"), state, constant_of("Sequence", Accepts::Dynamic)}};
  funnel.kql = funnel_sequence;
  Plugin& completion = table["funnel_sequence_completion"];
  completion.doc = "How many users got to each step of a sequence of states within several periods";
  completion.signatures = {{id, time, constant("Start"), constant("End"), constant("BinSize"), state,
                            constant_of("Sequence", Accepts::Dynamic),
                            constant_of("MaxSequencePeriods", Accepts::Dynamic)}};
  completion.kql = funnel_sequence_completion;
  Plugin& detect = table["sequence_detect"];
  detect.doc = "Occurrences of a sequence of events, each told by a predicate";
  detect.signatures = {{time, constant("MaxSequenceStepWindow"), constant("MaxSequenceSpan"),
                        expression("Expr", Accepts::Bool).repeated(true), column("Dimension").repeated()}};
  detect.kql = sequence_detect;
}

}  // namespace spillway::kql
