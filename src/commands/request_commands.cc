// The log of queries and commands, and the queries that run.
// Sources: management/show-commands.md, show-queries-command.md, commands-and-queries.md,
// cancel-query-command.md.

#include <algorithm>
#include <utility>

#include <boost/json.hpp>

#include "commands/call.h"
#include "commands/describe.h"
#include "commands/requests.h"

namespace spillway::commands {
namespace {

namespace json = boost::json;

using catalog::LoggedRequest;
using Kind = catalog::RequestLog::Kind;

const Schema kQueries = {{"ClientActivityId", Type::String},
                         {"Text", Type::String},
                         {"Database", Type::String},
                         {"StartedOn", Type::DateTime},
                         {"LastUpdatedOn", Type::DateTime},
                         {"Duration", Type::TimeSpan},
                         {"State", Type::String},
                         {"RootActivityId", Type::Guid},
                         {"User", Type::String},
                         {"FailureReason", Type::String},
                         {"TotalCpu", Type::TimeSpan},
                         {"CacheStatistics", Type::Dynamic},
                         {"Application", Type::String},
                         {"MemoryPeak", Type::Long},
                         {"ScannedExtentsStatistics", Type::Dynamic},
                         {"Principal", Type::String},
                         {"ClientRequestProperties", Type::Dynamic},
                         {"ResultSetStatistics", Type::Dynamic},
                         {"WorkloadGroup", Type::String}};

/// The page calls the column ResourceUtilization in its output, and ResourcesUtilization in the queries that
/// it gives; those must run.
const Schema kCommands = {{"ClientActivityId", Type::String},
                          {"CommandType", Type::String},
                          {"Text", Type::String},
                          {"Database", Type::String},
                          {"StartedOn", Type::DateTime},
                          {"LastUpdatedOn", Type::DateTime},
                          {"Duration", Type::TimeSpan},
                          {"State", Type::String},
                          {"RootActivityId", Type::Guid},
                          {"User", Type::String},
                          {"FailureReason", Type::String},
                          {"Application", Type::String},
                          {"Principal", Type::String},
                          {"TotalCpu", Type::TimeSpan},
                          {"ResourcesUtilization", Type::Dynamic},
                          {"WorkloadGroup", Type::String}};

const Schema kBoth = {{"ClientActivityId", Type::String},
                      {"CommandType", Type::String},
                      {"Text", Type::String},
                      {"Database", Type::String},
                      {"StartedOn", Type::DateTime},
                      {"LastUpdatedOn", Type::DateTime},
                      {"Duration", Type::TimeSpan},
                      {"State", Type::String},
                      {"FailureReason", Type::String},
                      {"RootActivityId", Type::Guid},
                      {"User", Type::String},
                      {"Application", Type::String},
                      {"Principal", Type::String},
                      {"ClientRequestProperties", Type::Dynamic},
                      {"TotalCpu", Type::TimeSpan},
                      {"MemoryPeak", Type::Long},
                      {"CacheStatistics", Type::Dynamic},
                      {"ScannedExtentsStatistics", Type::Dynamic},
                      {"ResultSetStatistics", Type::Dynamic},
                      {"WorkloadGroup", Type::String}};

const Schema kCancelled = {
    {"ClientRequestId", Type::String}, {"RunningQueryCanceled", Type::Bool}, {"ReasonPhrase", Type::String}};

Value memory(const LoggedRequest& request) {
  return request.memory_peak ? Value::int64(*request.memory_peak) : Value::null(Type::Long);
}

json::value time_or_null(Ticks time) {
  return time == 0 ? json::value(nullptr) : json::value(format_datetime(time));
}

json::object scanned(const LoggedRequest& request) {
  return {{"MinDataScannedTime", time_or_null(request.oldest_scanned)},
          {"MaxDataScannedTime", time_or_null(request.newest_scanned)},
          {"TotalExtentsCount", request.extents_total},
          {"ScannedExtentsCount", request.extents_scanned},
          {"TotalRowsCount", request.rows_total},
          {"ScannedRowsCount", request.rows_scanned}};
}

Value as_dynamic(const json::value& value) {
  return Value::dynamic(json::serialize(value));
}

/// There is no cache of extents whose hits could be counted.
Value cache_statistics() {
  return Value::null(Type::Dynamic);
}

Value result_statistics(const LoggedRequest& request) {
  return request.result_statistics.empty() ? Value::null(Type::Dynamic)
                                           : Value::dynamic(request.result_statistics);
}

Value resources(const LoggedRequest& request) {
  const json::value peak = request.memory_peak ? json::value(*request.memory_peak) : json::value(nullptr);
  return as_dynamic(json::object{{"ScannedExtentsStatistics", scanned(request)},
                                 {"CacheStatistics", nullptr},
                                 {"MemoryPeak", peak},
                                 {"TotalCpu", format_timespan(request.cpu)}});
}

/// The value of a column that all three results have alike, or of one of them.
Value value_of(const LoggedRequest& r, std::string_view column) {
  if (column == "ClientActivityId") return Value::string(r.client_activity_id);
  if (column == "CommandType") return Value::string(r.command_type);
  if (column == "Text") return Value::string(r.text);
  if (column == "Database") return Value::string(r.database);
  if (column == "StartedOn") return Value::datetime(r.started);
  if (column == "LastUpdatedOn") return Value::datetime(r.updated);
  if (column == "Duration") return Value::timespan(r.updated - r.started);
  if (column == "State") return Value::string(name_of(r.state));
  if (column == "RootActivityId") return Value::guid(r.root_activity_id);
  if (column == "User") return Value::string(r.user);
  if (column == "FailureReason") return Value::string(r.failure_reason);
  if (column == "TotalCpu") return Value::timespan(r.cpu);
  if (column == "CacheStatistics") return cache_statistics();
  if (column == "Application") return Value::string(r.application);
  if (column == "MemoryPeak") return memory(r);
  if (column == "ScannedExtentsStatistics") return as_dynamic(scanned(r));
  if (column == "Principal") return Value::string(r.principal);
  if (column == "ClientRequestProperties") return Value::dynamic(r.client_request_properties);
  if (column == "ResultSetStatistics") return result_statistics(r);
  if (column == "ResourcesUtilization") return resources(r);
  return Value::string(r.workload_group);
}

Table table_of(const std::vector<LoggedRequest>& requests, const Schema& schema) {
  Table table = empty_table(schema);
  table.rows.reserve(requests.size());
  for (const LoggedRequest& request : requests) {
    Row& row = table.rows.emplace_back();
    row.reserve(schema.size());
    for (const Field& field : schema) row.push_back(value_of(request, field.name));
  }
  return table;
}

/// A caller sees its own requests, and those in the databases that it monitors; admins those of all.
bool concerns(const Call& call, const LoggedRequest& request) {
  return call.concerns(request.principal, request.database, catalog::may_monitor);
}

Result<Tables> show(Call& call, Kind kind, const Schema& schema) {
  SPILLWAY_TRY(call.reader.end());
  SPILLWAY_ASSIGN(std::vector<LoggedRequest> requests, call.services.requests.log().read(kind));
  std::erase_if(requests, [&](const LoggedRequest& request) { return !concerns(call, request); });
  return Tables{table_of(requests, schema)};
}

Result<Tables> show_queries(Call& call) {
  return show(call, Kind::Queries, kQueries);
}

Result<Tables> show_commands(Call& call) {
  return show(call, Kind::Commands, kCommands);
}

Result<Tables> show_both(Call& call) {
  return show(call, Kind::Both, kBoth);
}

/// A user's name: a string, `*`, or whatever stands there without quotes, "ana@contoso.com" for one.
Result<std::string> user_name(Reader& reader) {
  if (reader.accept(TokenKind::Star)) return std::string("*");
  if (reader.peek().kind == TokenKind::String) return reader.string("the name of a user");
  std::string name;
  while (!reader.at_end() && reader.peek().kind != TokenKind::Bar &&
         reader.peek().kind != TokenKind::Semicolon && (name.empty() || !reader.peek().space_before)) {
    name += reader.peek().text;
    reader.accept(reader.peek().kind);
  }
  if (name.empty()) return reader.expected("the name of a user, or *");
  return name;
}

Result<Tables> show_running_queries(Call& call) {
  std::string user = call.request.user.empty() ? call.request.principal : call.request.user;
  if (call.reader.accept("by")) {
    SPILLWAY_TRY(call.reader.expect("user"));
    SPILLWAY_ASSIGN(user, user_name(call.reader));
  }
  SPILLWAY_TRY(call.reader.end());
  std::vector<LoggedRequest> running = call.services.requests.running_queries();
  std::erase_if(running, [&](const LoggedRequest& query) {
    return !concerns(call, query) || (user != "*" && query.user != user && query.principal != user);
  });
  return Tables{table_of(running, kQueries)};
}

Result<Tables> cancel_query(Call& call) {
  SPILLWAY_ASSIGN(const std::string id, call.reader.string("the ClientActivityId of a query, in quotes"));
  SPILLWAY_ASSIGN(const Properties properties, Properties::parse(call.reader));
  SPILLWAY_TRY(properties.check({"reason"}));
  SPILLWAY_TRY(call.reader.end());
  const std::string reason = properties.text_or("reason", "");
  const auto may = [&](const LoggedRequest& query) {
    return call.concerns(query.principal, query.database, catalog::is_admin);
  };
  const bool cancelled = call.services.requests.cancel_queries(id, reason, may) > 0;
  Table result = empty_table(kCancelled);
  result.rows.push_back({Value::string(id), Value::boolean(cancelled),
                         Value::string(cancelled ? reason : "no query of this ClientActivityId is running")});
  return Tables{std::move(result)};
}

}  // namespace

std::vector<Command> request_commands() {
  return {
      {"show queries", ".show queries", "The queries of the last 30 days, with what they used", show_queries},
      {"show running queries", ".show running queries [by user (U | *)]",
       "The queries that run: the caller's, or those of a user, or all", show_running_queries},
      {"cancel query", ".cancel query \"ClientActivityId\" [with (reason = \"text\")]",
       "Cancels a running query", cancel_query},
      {"show commands", ".show commands",
       "The commands of the last 30 days and the runs of continuous exports, with what they used",
       show_commands},
      {"show commands-and-queries", ".show commands-and-queries", "Both together", show_both},
  };
}

}  // namespace spillway::commands
