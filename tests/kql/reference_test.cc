// docs/kql.md is what the function table and the list of operators below say. To write it anew:
// SPILLWAY_WRITE_DOCS=1 kql_tests --gtest_filter=Reference*
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <vector>

#include "kql/binder.h"
#include "kql/functions.h"
#include "kql/plugins/plugin_table.h"
#include "tests/support/temp_folder.h"

namespace spillway::kql {
namespace {

/// A statement or tabular operator with a query that uses it, over T (a:long, b:string, c:datetime).
struct Operator {
  const char* name;
  const char* example;
};

constexpr Operator kOperators[] = {
    {"alias database", "alias database Here = database('NetDefaultDB'); database('Here').T"},
    {"as", "T | as hint.materialized=true X | where a > 1"},
    {"assert-schema", "T | assert-schema (a:long, *)"},
    {"consume", "T | consume"},
    {"count", "T | count"},
    {"datatable", "datatable (x:long, y:string) [1, 'one', 2, 'two']"},
    {"declare pattern", "declare pattern P = (of:string)[part:string] { ('x').['y'] = { T }; }; P('x').y"},
    {"declare query_parameters", "declare query_parameters (least:long = 1); T | where a >= least"},
    {"distinct", "T | distinct b"},
    {"evaluate", "T | evaluate pivot(b, count(), c) : (c:datetime, x:long)"},
    {"extend", "T | extend d = a + 1"},
    {"externaldata",
     "externaldata (x:long, y:string) ['/data/storage/some.csv'] with (format='csv', "
     "ignoreFirstRecord=true)"},
    {"facet", "T | facet by b with (take 5)"},
    {"find", "find in (T) where a > 1 project a, pack_all()"},
    {"fork", "T | fork Few = (take 2) (where a > 1 | count)"},
    {"getschema", "T | getschema"},
    {"graph-mark-components",
     "T | extend d = a + 1 | make-graph a --> d with_node_id=id | graph-mark-components | graph-to-table "
     "nodes"},
    {"graph-match",
     "T | extend d = a + 1 | make-graph a --> d with_node_id=id | graph-match (x)-[e*1..3]->(y) where "
     "x.id == 1 project y.id, path = map(e, b)"},
    {"graph-shortest-paths",
     "T | extend d = a + 1 | make-graph a --> d with_node_id=id | graph-shortest-paths (x)-[e*1..3]->(y) "
     "project x.id, y.id, path = map(e, b)"},
    {"graph-to-table", "T | make-graph b --> b with_node_id=id | graph-to-table nodes with_node_id=hash"},
    {"inline_external_table",
     "inline_external_table (x:long) kind=storage dataformat=csv ('/data/storage/some')"},
    {"invoke", "let f = (X:(a:long)) { X | where a > 1 }; T | invoke f()"},
    {"join", "T | join kind=leftouter (T | project a, d = b) on a"},
    {"let", "let least = 1; let f = (x:long) { x * 2 }; T | where f(a) > least"},
    {"lookup", "T | lookup (T | project a, d = b) on a"},
    {"macro-expand", "macro-expand entity_group [database('NetDefaultDB')] as X (X.T | where a > 1)"},
    {"make-graph",
     "T | make-graph b --> b with (T | project b, a) on b | graph-match (x)-[e]->(y) project x.a, e.c"},
    {"make-series",
     "T | make-series count() default=0 on c from datetime(2024-01-01) to datetime(2024-01-08) step 1d by b"},
    {"materialize", "let X = materialize(T | where a > 1); X | union X"},
    {"mv-apply", "T | extend d = pack_array(a, 2) | mv-apply d to typeof(long) on (top 1 by d)"},
    {"mv-expand", "T | extend d = pack_array(a, 2) | mv-expand with_itemindex=i d to typeof(long)"},
    {"parse, parse-where", "T | parse b with 'id=' id:long ' ' *"},
    {"parse-kv", "T | parse-kv b as (id:long, name:string) with (pair_delimiter=' ', kv_delimiter='=')"},
    {"partition", "T | partition hint.strategy=native by b (top 1 by a)"},
    {"print", "print x = 1 + 1"},
    {"project", "T | project a, twice = a * 2"},
    {"project-away", "T | project-away b*"},
    {"project-keep", "T | project-keep a, b"},
    {"project-rename", "T | project-rename number = a"},
    {"project-reorder", "T | project-reorder c, *"},
    {"range", "range x from 1 to 10 step 3"},
    {"reduce", "T | reduce by b with threshold=0.2"},
    {"render", "T | summarize count() by b | render piechart"},
    {"sample", "T | sample 5"},
    {"sample-distinct", "T | sample-distinct 5 of b"},
    {"scan", "T | sort by c asc | scan declare (s:long = 0) with (step s1: true => s = s1.s + a;)"},
    {"serialize", "T | serialize rn = row_number()"},
    {"restrict access", "restrict access to (T); T"},
    {"search", "search in (T) 'x*' and a > 1"},
    {"serialize", "T | serialize"},
    {"set", "set notruncation; T"},
    {"sort, order", "T | sort by a desc, b asc nulls first"},
    {"summarize", "T | summarize count(), avg(a) by b, bin(c, 1d)"},
    {"take, limit", "T | take 5"},
    {"top", "T | top 3 by a"},
    {"top-hitters", "T | top-hitters 3 of b by a"},
    {"top-nested", "T | top-nested 2 of b with others='rest' by sum(a), top-nested 1 of c by count()"},
    {"toscalar", "T | where a == toscalar(T | summarize max(a))"},
    {"union", "union withsource=From T, (T | where a > 1)"},
    {"where, filter", "T | where b has 'x' and c between (datetime(2024-01-01) .. 7d)"},
};

Result<BoundQuery> compile_example(const char* text) {
  auto table = std::make_shared<catalog::Table>();
  table->id = 1;
  table->name = "T";
  table->columns = {{1, "a", Type::Long, ""}, {2, "b", Type::String, ""}, {3, "c", Type::DateTime, ""}};
  auto database = std::make_shared<catalog::Database>();
  database->name = "NetDefaultDB";
  database->tables["T"] = table;
  auto snapshot = std::make_shared<catalog::Snapshot>();
  snapshot->databases["NetDefaultDB"] = database;
  BindOptions options;
  options.snapshot = snapshot;
  options.database = "NetDefaultDB";
  return compile(text, options);
}

/// What a person can't write stands in the table too, under a name with a blank.
bool is_written(const std::string& name) {
  return name.find(' ') == std::string::npos;
}

/// '|' would end a cell.
std::string cell(const std::string& text) {
  std::string out;
  for (char c : text) out += c == '|' ? std::string("\\|") : std::string(1, c);
  return out;
}

template <typename Functions>
void append_functions(std::string& page, const Functions& functions) {
  page += "\n| name | what it gives |\n| --- | --- |\n";
  for (const auto& [name, function] : functions) {
    if (is_written(name)) page += "| `" + cell(name) + "` | " + cell(function->doc) + " |\n";
  }
}

std::string page() {
  std::string page =
      "# KQL\n\n"
      "The part of the Kusto Query Language that Spillway has. Each operator and function does what its page "
      "in "
      "the Kusto\n"
      "documentation says. What is missing is refused with an error that names it.\n\n"
      "This page is made from the program's function table; `tests/kql/reference_test.cc` keeps it so.\n\n"
      "## Statements and operators\n\n| name | for example |\n| --- | --- |\n";
  for (const Operator& each : kOperators) {
    page += std::string("| ") + each.name + " | `" + cell(each.example) + "` |\n";
  }
  page +=
      "\nTables are named `T`, `['a name']`, `database(\"x\").T`, `external_table(\"E\")`, `T*` in "
      "`union`.\n";
  const FunctionTable& table = FunctionTable::instance();
  std::map<std::string, std::map<std::string, const ScalarFunction*>> families;
  for (const auto& [name, function] : table.scalars()) families[function->category][name] = function.get();
  for (const auto& [family, functions] : families) {
    page += "\n## Scalar: " + family + "\n";
    append_functions(page, functions);
  }
  page += "\n## Aggregates\n";
  append_functions(page, table.aggregates());
  page += "\n## Plugins of evaluate\n\n| name | what it does |\n| --- | --- |\n";
  for (const auto& [name, plugin] : plugin_table()) page += "| `" + name + "` | " + cell(plugin.doc) + " |\n";
  return page;
}

TEST(ReferenceTest, DocumentationListsEveryFunction) {
  const std::string path = std::string(SPILLWAY_SOURCE_DIR) + "/docs/kql.md";
  if (std::getenv("SPILLWAY_WRITE_DOCS")) std::ofstream(path) << page();
  EXPECT_EQ(test::read_file(path), page());
}

TEST(ReferenceTest, EveryOperatorIsThere) {
  for (const Operator& each : kOperators) {
    const auto query = compile_example(each.example);
    EXPECT_TRUE(query.ok()) << each.name << ": " << (query.ok() ? "" : query.error().message);
  }
}

TEST(ReferenceTest, EveryFunctionSaysWhatItGives) {
  for (const auto& [name, function] : FunctionTable::instance().scalars())
    EXPECT_NE(function->doc, "") << name;
  for (const auto& [name, function] : FunctionTable::instance().aggregates()) {
    EXPECT_NE(function->doc, "") << name;
  }
  for (const auto& [name, plugin] : plugin_table()) EXPECT_NE(plugin.doc, "") << name;
}

}  // namespace
}  // namespace spillway::kql
