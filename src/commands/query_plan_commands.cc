// `.show queryplan`: what a query means, and what of its tables it reads. Kusto has the command and no page
// of it; the result's columns are Kusto's own.
//
//   QueryText   the query
//   RelopTree   its operators, one a line, inputs indented
//   QueryPlan   JSON: for each scan the extents, or the files of an external table, that there are and that
//               the query's predicates leave; of an external table also the folders that are listed

#include "commands/call.h"
#include "commands/describe.h"
#include "kql/plan.h"

namespace spillway::commands {
namespace {

namespace json = boost::json;

const Schema kPlan = {{"ResultType", Type::String}, {"Format", Type::String}, {"Content", Type::String}};

json::object describe_scan(const engine::ScanPlan& scan) {
  const json::object counts = {
      {"Found", scan.found}, {"Read", scan.read}, {"Pruned", scan.found - scan.read}, {"Bytes", scan.bytes}};
  if (scan.scan->kind == kql::Rel::Kind::ExternalScan) {
    const auto& external = static_cast<const kql::ExternalScan&>(*scan.scan);
    return {{"Kind", "ExternalTable"},
            {"Name", external.table->name},
            {"Files", counts},
            {"Folders", json::value_from(scan.folders)}};
  }
  const auto& table = static_cast<const kql::TableScan&>(*scan.scan);
  return {{"Kind", "Table"}, {"Name", table.table->name}, {"Extents", counts}};
}

Result<Tables> show_query_plan(Call& call) {
  SPILLWAY_ASSIGN(const Reader::Tail tail, call.reader.tail());
  SPILLWAY_ASSIGN(const kql::BoundQuery query, call.compile(tail.text, tail.offset));
  Table result = empty_table(kPlan);
  const auto add = [&](const char* type, const char* format, const std::string& content) {
    result.rows.push_back({Value::string(type), Value::string(format), Value::string(content)});
  };
  add("QueryText", "text", without_secrets(tail.text));
  for (const kql::BoundResult& one : query.results) {
    SPILLWAY_ASSIGN(const auto scans, call.services.engine.plan_scans(one.plan, call.run_options()));
    json::array list;
    for (const engine::ScanPlan& scan : scans) list.push_back(describe_scan(scan));
    add("RelopTree", "text", kql::explain(*one.plan));
    add("QueryPlan", "json", json::serialize(json::object{{"Scans", std::move(list)}}));
  }
  return Tables{std::move(result)};
}

}  // namespace

std::vector<Command> query_plan_commands() {
  return {{"show queryplan", ".show queryplan <| query",
           "What a query means, and which extents and files it reads", show_query_plan}};
}

}  // namespace spillway::commands
