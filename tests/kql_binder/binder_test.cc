// Plans, schemas and errors that queries are bound to.
#include <gtest/gtest.h>

#include "tests/kql_binder/support.h"

namespace spillway::kql::test {
namespace {

TEST(Binder, ExplainsAPipeline) {
  EXPECT_EQ(bind("Events | where Value > 5 | project Name, Double = Value * 2 | take 3"),
            "Limit long(3) -> (Name#7:string, Double#8:long)\n"
            "  Project (#2, *(#3, long(2))) -> (Name#7:string, Double#8:long)\n"
            "    Filter >(#3, long(5)) -> (Timestamp#1:datetime, Name#2:string, Value#3:long, Small#4:int, "
            "Bag#5:dynamic, R#6:real)\n"
            "      TableScan D.Events -> (Timestamp#1:datetime, Name#2:string, Value#3:long, Small#4:int, "
            "Bag#5:dynamic, R#6:real)\n");
}

TEST(Binder, NamesColumnsAsDocumented) {
  EXPECT_EQ(schema("Events | project strcat(Name, 'x'), Bag.a.b, Bag['c'], tostring(Bag.d), Value + 1"),
            "Column1:string, Bag_a_b:dynamic, Bag_c:dynamic, Bag_d:string, Column2:long");
  EXPECT_EQ(schema("Events | summarize count(), sum(Value), dcount(Name), avg(R), countif(Value > 1), "
                   "percentile(R, 99.9), make_set(Name) by bin(Timestamp, 1h)"),
            "Timestamp:datetime, count_:long, sum_Value:long, dcount_Name:long, avg_R:real, countif_:long, "
            "percentile_R_99_9:real, set_Name:dynamic");
  EXPECT_EQ(schema("Events | summarize make_set(Name), make_set(Name)"),
            "set_Name:dynamic, set_Name1:dynamic");
  EXPECT_EQ(schema("print 1, a = 'x', 2.5"), "print_0:long, a:string, print_2:real");
  EXPECT_EQ(schema("Events | count"), "Count:long");
  EXPECT_EQ(schema("Events | summarize arg_max(Timestamp, Name, Value) by Small"),
            "Small:int, Timestamp:datetime, Name:string, Value:long");
  EXPECT_EQ(schema("Events | summarize take_any(*) by Small, Bag = tostring(Bag)"),
            "Small:int, Bag:string, Timestamp:datetime, Name:string, Value:long, R:real");
  EXPECT_EQ(schema("Events | summarize percentiles(Value, 5, 50)"),
            "percentile_Value_5:long, percentile_Value_50:long");
}

TEST(Binder, ExtendReplacesAtTheEnd) {
  EXPECT_EQ(schema("Events | project Name, Value | extend Name = 5, strlen(Name)"),
            "Value:long, Name:long, strlen_Name:long");
}

TEST(Binder, MovesColumnsWithoutAnOperator) {
  EXPECT_EQ(bind("Quiet | extend a1 = 1, a2 = 2 | project-rename X = Name | project-reorder a* desc | "
                 "project-away a1"),
            "Project (#4, #2) -> (a2#5:long, X#6:string)\n"
            "  Project (#1, long(1), long(2)) -> (Name#2:string, a1#3:long, a2#4:long)\n"
            "    TableScan D.Quiet -> (Name#1:string)\n");
  EXPECT_EQ(schema("Events | project-keep *a*"),
            "Timestamp:datetime, Name:string, Value:long, Small:int, Bag:dynamic");
  EXPECT_EQ(schema("print x10 = 1, x9 = 2, x1 = 3 | project-reorder x* granny-asc"),
            "x1:long, x9:long, x10:long");
}

TEST(Binder, JoinsShowBothSides) {
  EXPECT_EQ(schema("Quiet | join kind=leftouter (Events | project Name, Value) on Name"),
            "Name:string, Name1:string, Value:long");
  EXPECT_EQ(schema("Quiet | lookup (Events | project Name, Value) on Name"), "Name:string, Value:long");
  EXPECT_EQ(schema("Quiet | join kind=rightsemi (Events | project Name, Value) on $left.Name == $right.Name"),
            "Name:string, Value:long");
  EXPECT_EQ(top("Events | project Small | join (Events | project Value) on $left.Small == $right.Value"),
            "Join innerunique on tolong(#7)=#14 showing [#7, #14]");
}

TEST(Binder, UnionsGiveEachTypeAColumn) {
  EXPECT_EQ(schema("union withsource=T (print x = 1), (print x = toint(2)), (print x_long = 3)"),
            "T:string, x_long1:long, x_int:int, x_long:long");
  EXPECT_EQ(schema("union kind=inner Events, Quiet"), "Name:string");
  EXPECT_EQ(schema("union *"), "Timestamp:datetime, Name:string, Value:long, Small:int, Bag:dynamic, R:real");
  EXPECT_EQ(schema("let V1 = view () { print a = 1 }; let V2 = view () { print b = 's' }; union V*"),
            "a:long, b:string");
  EXPECT_EQ(schema("union isfuzzy=true Nowhere, Quiet"), "Name:string");
}

TEST(Binder, LetsNameScalarsTablesAndFunctions) {
  EXPECT_EQ(
      top("let n = 5; let f = (a:long, b:long = 3) { a * b + n }; Events | project f(Value), f(Value, 2)"),
      "Project (+(*(#3, long(3)), long(5)), +(*(#3, long(2)), long(5)))");
  EXPECT_EQ(schema("let T = Events | project Value; let g = (X:(Value:long)) { X | extend y = Value }; g(T)"),
            "Value:long, y:long");
  EXPECT_EQ(top("Events | project Twice(Value)"), "Project (*(#3, long(2)))");
  EXPECT_EQ(schema("let h = (X:(*), n:long) { X | take n }; Events | project Name | invoke h(5)"),
            "Name:string");
}

TEST(Binder, MaterializesOnce) {
  const std::string plan = bind("let M = materialize(Events | project Value); M | join M on Value");
  EXPECT_NE(plan.find("materialized"), std::string::npos) << plan;
  BoundQuery query = *compile("let M = materialize(Quiet); union M, M", options());
  const Rel& both = *query.results[0].plan;
  EXPECT_EQ(both.inputs[0]->inputs[0], both.inputs[1]->inputs[0]);
}

TEST(Binder, FoldsConstants) {
  EXPECT_EQ(
      top("print ago(1d), datetime(2024-01-01) + 1d, 1 + 2 * 3, case(1 > 2, 'a', 'b'), tolong('7')"),
      "Project (datetime(2024-05-14T00:00:00.0000000Z), datetime(2024-01-02T00:00:00.0000000Z), long(7), "
      "string(b), long(7))");
  EXPECT_EQ(
      top("Events | where Timestamp between (datetime(2024-01-01) .. 1d)"),
      "Filter between(#1, datetime(2024-01-01T00:00:00.0000000Z), datetime(2024-01-02T00:00:00.0000000Z))");
}

TEST(Binder, TellsNullsApartOnlyWhereItMatters) {
  EXPECT_EQ(top("Events | where Value == 5 or Small != Value"),
            "Filter or(==(#3, long(5)), !=(tolong(#4), #3))");
  EXPECT_EQ(top("Events | project Value == 5, Small == Value, Name == 'x'"),
            "Project (== known(#3, long(5)), == exact(tolong(#4), #3), ==(#2, string(x)))");
  EXPECT_EQ(top("Events | where not(Value != 5)"), "Filter not(!=(#3, long(5)))");
}

TEST(Binder, ComparesAnIntWithoutConvertingTheColumn) {
  EXPECT_EQ(top("Events | where Small == 5 and Small in (1, 2) and Small between (1 .. 9)"),
            "Filter and(==(#4, int(5)), in known(#4, int(1), int(2)), between(#4, int(1), int(9)))");
  EXPECT_EQ(top("Events | where Small < 5000000000"), "Filter <(tolong(#4), long(5000000000))");
}

TEST(Binder, ReadsDynamicArraysAsLists) {
  EXPECT_EQ(
      top("let names = dynamic(['a', 'b']); Events | where Name in (names) or Value in (dynamic([1, 2]))"),
      "Filter or(in known(#2, string(a), string(b)), in known(#3, long(1), long(2)))");
}

TEST(Cursors, RightOverAScanNameItsExtents) {
  EXPECT_EQ(
      bind("Events | where cursor_after('100') and cursor_before_or_at('200') and Value > 1 | project Name"),
      "Project (#2) -> (Name#8:string)\n"
      "  Filter >(#3, long(1)) -> (Timestamp#1:datetime, Name#2:string, Value#3:long, Small#4:int, "
      "Bag#5:dynamic, R#6:real)\n"
      "    TableScan D.Events cursor in (100, 200] cursor=#7 -> (Timestamp#1:datetime, Name#2:string, "
      "Value#3:long, Small#4:int, Bag#5:dynamic, R#6:real)\n");
}

TEST(Cursors, AreDrawnThroughWhatKeepsRecords) {
  EXPECT_EQ(bind("Events | project Name | take 5 | where cursor_after('100') | project ingestion_time()"),
            "Project (#9) -> ($IngestionTime#10:datetime)\n"
            "  Filter >(#8, long(100)) -> (Name#7:string, $cursor#8:long, $ingestion_time#9:datetime)\n"
            "    Limit long(5) -> (Name#7:string, $cursor#8:long, $ingestion_time#9:datetime)\n"
            "      Project (#2, #8, #9) -> (Name#7:string, $cursor#8:long, $ingestion_time#9:datetime)\n"
            "        TableScan D.Events ingestion_time=#9 cursor=#8 -> (Timestamp#1:datetime, Name#2:string, "
            "Value#3:long, Small#4:int, Bag#5:dynamic, R#6:real)\n");
}

TEST(Cursors, NeedATableWithThePolicy) {
  EXPECT_EQ(bind("Quiet | where cursor_after('')"),
            "Semantic 1:15+16 cursor_after(): stands only over the records of a table with the IngestionTime "
            "policy");
  EXPECT_EQ(top("Quiet | project ingestion_time()"), "Project (datetime(null))");
  EXPECT_EQ(bind("Events | where cursor_after('x')"), "Semantic 1:29+3 'x' is not a database cursor");
  EXPECT_EQ(top("print cursor_current()"), "Project (string(500))");
}

TEST(Cursors, ScopesOfAnExportNarrowTheScan) {
  BindOptions scoped = options();
  scoped.cursor_scopes[1] = {10, 20};
  const std::string plan = bind("Events | where cursor_after('15') | count", scoped);
  EXPECT_NE(plan.find("TableScan D.Events cursor in (15, 20]"), std::string::npos) << plan;
  const Result<BoundQuery> query = compile("Events | where cursor_after('')", options());
  ASSERT_TRUE(query.ok());
  EXPECT_TRUE(query->uses_cursor);
  EXPECT_EQ(query->cursor, 500);
}

TEST(References, AreCollected) {
  const Result<BoundQuery> query = compile(
      "set notruncation; set x = 5; Events | join (external_table('Lake')) on Name | join "
      "database('D').Quiet on Name",
      options());
  ASSERT_TRUE(query.ok());
  EXPECT_EQ(query->tables.size(), 2u);
  EXPECT_EQ(query->external_tables, std::set<std::string>{"Lake"});
  EXPECT_EQ(query->options.at("x"), "5");
  EXPECT_EQ(query->options.at("notruncation"), "true");
}

TEST(Parameters, AreValuesOnly) {
  BindOptions given = options();
  given.parameters = {{"n", "7"}, {"s", "it's | count"}, {"t", "datetime(2024-01-01)"}};
  EXPECT_EQ(
      top("declare query_parameters(n:long, s:string, t:datetime, d:long = 3); print n, s, t, d", given),
      "Project (long(7), string(it's | count), datetime(2024-01-01T00:00:00.0000000Z), long(3))");
  EXPECT_EQ(bind("declare query_parameters(m:long); print m", given),
            "Semantic 1:26+6 Query parameter 'm' has no value: give one with the request");
}

TEST(Results, OfAsAndRender) {
  const Result<BoundQuery> query =
      compile("Quiet | as A; A | count | as B; print x = 1 | render piechart with (title = 'T')", options());
  ASSERT_TRUE(query.ok());
  ASSERT_EQ(query->results.size(), 3u);
  EXPECT_EQ(query->results[0].name, "A");
  EXPECT_EQ(query->results[1].name, "B");
  EXPECT_NE(query->results[2].visualization.find(R"("Visualization":"piechart","Title":"T")"),
            std::string::npos);
}

TEST(Piped, ACommandsResultIsQueried) {
  Table table;
  table.schema = {{"TableName", Type::String}, {"Rows", Type::Long}};
  table.rows = {{Value::string("T"), Value::int64(5)}};
  BindOptions given = options();
  given.piped = &table;
  EXPECT_EQ(schema("", given), "TableName:string, Rows:long");
  EXPECT_EQ(schema(" | where Rows > 1 | project TableName", given), "TableName:string");
  EXPECT_EQ(bind("| project Row", given),
            "Semantic 1:11+3 'project' operator: Failed to resolve column or scalar expression named 'Row'; "
            "did you "
            "mean 'Rows'?");
}

TEST(Errors, NameTheOperatorAndTheNearestName) {
  EXPECT_EQ(
      bind("Events | where Nmae == 'x'"),
      "Semantic 1:16+4 'where' operator: Failed to resolve column or scalar expression named 'Nmae'; did you "
      "mean 'Name'?");
  EXPECT_EQ(
      bind("Event | count"),
      "Semantic 1:1+5 Failed to resolve table or column expression named 'Event'; did you mean 'Events'?");
  EXPECT_EQ(bind("Events | project tolowr(Name)"),
            "Semantic 1:18+6 Unknown function: 'tolowr'; did you mean 'tolower'?");
  EXPECT_EQ(bind("Events\n| where Name > 5"),
            "Semantic 2:9+8 Cannot compare values of types string, long. Try adding explicit casts");
  EXPECT_EQ(bind("Events | where Name"),
            "Semantic 1:16+4 'where': expected a predicate of type bool, not string");
  EXPECT_EQ(bind("Events | summarize Value"),
            "Semantic 1:20+5 Column 'Value' must stand inside an aggregate, such as take_any()");
  EXPECT_EQ(bind("Events | summarize sum(max(Value))"),
            "Semantic 1:24+10 Aggregate max() can't stand inside another aggregate");
  EXPECT_EQ(bind("Events | summarize count() by Bag"),
            "Semantic 1:31+3 'summarize' operator: a dynamic value can't be a group key; convert it with "
            "tostring(), "
            "tolong() …");
  EXPECT_EQ(bind("Events | where Name matches regex '('"),
            "Semantic 1:35+3 matches regex: '(' is not a valid regular expression");
  EXPECT_EQ(bind("Events | project a = 1, a = 2"),
            "Semantic 1:25+1 'project' operator: a column named 'a' is there already");
  EXPECT_EQ(bind("Events | join kind=sideways Quiet on Name").substr(0, 14), "Semantic 1:15+");
  EXPECT_EQ(bind("external_table('Lke')"),
            "EntityNotFound 1:1+21 External table 'Lke' was not found in database 'D'; did you mean 'Lake'?");
}

TEST(Errors, SayWhatIsNotSupported) {
  EXPECT_EQ(bind("Events | evaluate bag_unpack(Bag)"),
            "Semantic 1:19+15 evaluate bag_unpack(): its columns follow from its input's values, which can't "
            "be known "
            "here before the query runs: declare them, as in 'evaluate bag_unpack(…) : (*, Name:string)'");
  EXPECT_EQ(bind("cluster('c').database('d').T").substr(0, 13), "NotSupported ");
}

TEST(Errors, OfStoredFunctionsNameThem) {
  EXPECT_EQ(bind("Broken | count"),
            "Syntax 1:1+6 In function 'Broken': unknown operator 'wher'; did you mean 'where'?");
  EXPECT_EQ(bind("Loop | count"),
            "Semantic 1:6+4 Function 'Loop' calls itself: functions can't be recursive");
}

}  // namespace
}  // namespace spillway::kql::test
