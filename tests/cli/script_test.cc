#include "cli/script.h"

#include <gtest/gtest.h>

namespace spillway::cli {
namespace {

std::vector<std::string> texts(std::string_view script) {
  std::vector<std::string> out;
  for (const ScriptStatement& statement : split_script(script)) out.push_back(statement.text);
  return out;
}

using Texts = std::vector<std::string>;

TEST(Script, BlankLinesSeparateStatements) {
  EXPECT_EQ(texts("T\n| count\n\n\n  \t\nprint 1"), (Texts{"T\n| count\n", "print 1\n"}));
  EXPECT_EQ(texts(""), Texts{});
  EXPECT_EQ(texts("\n\n"), Texts{});
}

TEST(Script, ALineThatBeginsWithADotBeginsAStatement) {
  EXPECT_EQ(texts(".create table A (x:long)\n.create table B (x:long)\nprint 1"),
            (Texts{".create table A (x:long)\n", ".create table B (x:long)\nprint 1\n"}));
}

TEST(Script, CommentsStayWithWhatFollows) {
  EXPECT_EQ(texts("// first\n.show tables\n\n// nothing else\n"), Texts{"// first\n.show tables\n"});
  EXPECT_EQ(texts("print 1 // ( not open\n\nprint 2"), (Texts{"print 1 // ( not open\n", "print 2\n"}));
}

TEST(Script, BracketsAndStringsHoldStatementsTogether) {
  EXPECT_EQ(texts(".create function F() {\n  T\n\n  | count\n}\n\nprint 1").size(), 2U);
  EXPECT_EQ(texts("print ```a\n\n.b```\n\nprint 1").size(), 2U);
  EXPECT_EQ(texts("print '(', \"{\\\"\", @'\\'\n\nprint 1").size(), 2U);
  EXPECT_EQ(texts("print ')'\n\nprint 1)").size(), 2U);
}

TEST(Script, DataOfInlineIngestionIsTakenAsItIs) {
  EXPECT_EQ(texts(".ingest inline into table T <|\n1,(\n.5,\"\n\nprint 1"),
            (Texts{".ingest inline into table T <|\n1,(\n.5,\"\n", "print 1\n"}));
  EXPECT_EQ(texts(".set-or-append T <|\nS | where (\n\na)\n\nprint 1").size(), 2U);
}

TEST(Script, KnowsTheLinesOfStatements) {
  const auto statements = split_script("\n// one\nprint 1\n\nprint\n2\r\n\r\n.show x");
  ASSERT_EQ(statements.size(), 3U);
  EXPECT_EQ(statements[0].line, 2);
  EXPECT_EQ(statements[1].line, 5);
  EXPECT_EQ(statements[2].line, 8);
}

}  // namespace
}  // namespace spillway::cli
