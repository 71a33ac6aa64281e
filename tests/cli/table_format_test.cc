#include "cli/table_format.h"

#include <gtest/gtest.h>

#include <cmath>

namespace spillway::cli {
namespace {

Table example() {
  Table table;
  table.schema = {{"name", Type::String}, {"n", Type::Long}, {"r", Type::Real}, {"d", Type::Dynamic}};
  table.rows = {
      {Value::string("a,\"b\""), Value::int64(1), Value::real(0.5), Value::dynamic("{\"x\":1}")},
      {Value::string("日本\n"), Value::null(Type::Long), Value::real(HUGE_VAL), Value::null(Type::Dynamic)}};
  return table;
}

TEST(TableFormat, AlignsColumnsByTheirWidthOnATerminal) {
  EXPECT_EQ(format_table(example(), {}),
            "name    n         r  d\n"
            "------  -  --------  -------\n"
            "a,\"b\"   1       0.5  {\"x\":1}\n"
            "日本\\n     Infinity  \n"
            "(2 records)\n");
}

TEST(TableFormat, CutsLongCells) {
  Table table;
  table.schema = {{"s", Type::String}};
  table.rows = {{Value::string("abcdef")}, {Value::string("日本語")}};
  EXPECT_EQ(format_table(table, {Format::Table, 4}), "s\n----\nabc…\n日…\n(2 records)\n");
}

TEST(TableFormat, WritesCsv) {
  EXPECT_EQ(format_table(example(), {Format::Csv, 0}),
            "name,n,r,d\r\n\"a,\"\"b\"\"\",1,0.5,\"{\"\"x\"\":1}\"\r\n\"日本\n\",,Infinity,\r\n");
}

TEST(TableFormat, WritesJson) {
  EXPECT_EQ(format_table(example(), {Format::Json, 0}),
            "[\n {\"name\": \"a,\\\"b\\\"\", \"n\": 1, \"r\": 0.5, \"d\": {\"x\":1}},\n"
            " {\"name\": \"日本\\n\", \"n\": null, \"r\": \"Infinity\", \"d\": null}\n]\n");
  EXPECT_EQ(format_table(Table{}, {Format::Json, 0}), "[]\n");
}

TEST(TableFormat, KnowsWidths) {
  EXPECT_EQ(display_width("abc"), 3U);
  EXPECT_EQ(display_width("é"), 1U);
  EXPECT_EQ(display_width("e\xCC\x81"), 1U) << "a combining accent";
  EXPECT_EQ(display_width("日本"), 4U);
  EXPECT_EQ(display_width("\xFF"), 1U);
}

}  // namespace
}  // namespace spillway::cli
