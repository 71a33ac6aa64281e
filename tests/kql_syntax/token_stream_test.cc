#include "kql/syntax/token_stream.h"

#include <gtest/gtest.h>

#include <random>

#include "kql/syntax/parser.h"

namespace spillway::kql::syntax {
namespace {

TEST(TokenStream, ReadsACommandWithAQuery) {
  const std::string text =
      ".create-or-alter continuous-export MyExport over (T, ['U 2']) to table Ext\n"
      "with (intervalBetweenRuns=1h, forcedLatency=10m, sizeLimit=-5, compressionType = gzip, "
      "key=h'secret')\n"
      "<| T | where x > 1";
  TokenStream in(text);
  in.expect(TokenKind::Dot);
  in.expect_word("create-or-alter");
  EXPECT_TRUE(in.at_word("continuous-export"));
  EXPECT_FALSE(in.at_word("continuous"));
  in.expect_word("continuous-export");
  EXPECT_EQ(in.name().text, "MyExport");
  in.expect_word("over");
  const auto names = in.names();
  ASSERT_EQ(names.size(), 2U);
  EXPECT_EQ(names[1].text, "U 2");
  in.expect_word("to");
  in.expect_word("table");
  EXPECT_EQ(in.name().text, "Ext");
  in.expect_word("with");
  const auto properties = in.properties();
  ASSERT_TRUE(in.status().ok()) << in.status().error().message;
  ASSERT_EQ(properties.size(), 5U);
  EXPECT_EQ(properties[0].name, "intervalBetweenRuns");
  EXPECT_EQ(properties[0].value, Value::timespan(kTicksPerHour));
  EXPECT_EQ(properties[2].value, Value::int64(-5));
  EXPECT_EQ(properties[3].value, Value::string("gzip"));
  EXPECT_FALSE(properties[3].obfuscated);
  EXPECT_TRUE(properties[4].obfuscated);
  in.expect(TokenKind::LessBar);
  EXPECT_TRUE(in.at_end());
  EXPECT_EQ(in.rest(), " T | where x > 1");
  EXPECT_TRUE(in.finished().ok());
  const auto query = parse_query(text, in.position());
  ASSERT_TRUE(query.ok());
  EXPECT_EQ(query->statements[0]->span.line, 3);
}

TEST(TokenStream, LeavesDataAlone) {
  const std::string text = ".ingest inline into table T <| 1,\"unclosed\n\xff\xfe#?!";
  TokenStream in(text);
  in.expect(TokenKind::Dot);
  EXPECT_EQ(in.word(), "ingest");
  EXPECT_EQ(in.word(), "inline");
  in.expect_word("into");
  in.expect_word("table");
  EXPECT_EQ(in.name().text, "T");
  in.expect(TokenKind::LessBar);
  EXPECT_TRUE(in.finished().ok());
  EXPECT_EQ(in.rest(), " 1,\"unclosed\n\xff\xfe#?!");
}

TEST(TokenStream, ReadsSchemasAndExpressions) {
  const std::string text = "(a:long, ['b c']:string) (Day:datetime = bin(Timestamp, 1d))";
  TokenStream in(text);
  const RowSchema schema = in.row_schema();
  ASSERT_EQ(schema.columns.size(), 2U);
  EXPECT_EQ(schema.columns[1].name.text, "b c");
  in.expect(TokenKind::OpenParen);
  EXPECT_EQ(in.name().text, "Day");
  in.expect(TokenKind::Colon);
  EXPECT_EQ(in.type(), Type::DateTime);
  in.expect(TokenKind::Equal);
  const ExprPtr expr = in.expression();
  in.expect(TokenKind::CloseParen);
  ASSERT_TRUE(in.finished().ok());
  EXPECT_EQ(expr->as<CallExpr>().name.text, "bin");
}

TEST(TokenStream, TakesAFunctionsBody) {
  const std::string text =
      ".create function with (folder='f') F(a:long) { let x = '}'; // }\n T | where y == (a) }";
  TokenStream in(text);
  in.expect(TokenKind::Dot);
  in.expect_word("create");
  in.expect_word("function");
  in.expect_word("with");
  in.properties();
  EXPECT_EQ(in.name().text, "F");
  EXPECT_EQ(in.balanced(), "(a:long)");
  EXPECT_EQ(in.balanced(), "{ let x = '}'; // }\n T | where y == (a) }");
  EXPECT_TRUE(in.finished().ok());
}

TEST(TokenStream, NamesMayBeQuotedAndKeywords) {
  TokenStream in("['a b'] \"c d\" where 1st");
  EXPECT_EQ(in.name().text, "a b");
  EXPECT_EQ(in.name().text, "c d");
  EXPECT_EQ(in.name().text, "where");
  EXPECT_EQ(in.name().text, "1st");
  EXPECT_TRUE(in.finished().ok());
}

TEST(TokenStream, KeepsTheFirstError) {
  TokenStream in(".show tables now");
  in.expect(TokenKind::Dot);
  in.expect_word("show");
  in.expect_word("databases");
  in.expect_word("later");
  EXPECT_EQ(in.name().text, "");
  EXPECT_TRUE(in.at_end());
  ASSERT_FALSE(in.status().ok());
  EXPECT_EQ(in.status().error().message, "expected 'databases' but found 'tables'");
  EXPECT_EQ(in.status().error().span->column, 7);
}

TEST(TokenStream, UnbalancedBrackets) {
  for (const char* text : {"(a", "(a]", ")", "a", "{ ( }", ""}) {
    TokenStream in(text);
    EXPECT_EQ(in.balanced(), "") << text;
    EXPECT_FALSE(in.status().ok()) << text;
  }
}

TEST(TokenStream, EmptyAndDottedProperties) {
  TokenStream in("() (hint.spread = 4, a = dynamic(['x']), b = true,)");
  EXPECT_TRUE(in.properties().empty());
  const auto properties = in.properties();
  ASSERT_TRUE(in.finished().ok());
  ASSERT_EQ(properties.size(), 3U);
  EXPECT_EQ(properties[0].name, "hint.spread");
  EXPECT_EQ(properties[1].value, Value::dynamic("[\"x\"]"));
  EXPECT_EQ(properties[2].value, Value::boolean(true));
}

TEST(FindPipe, FindsWhereKqlContinuesACommand) {
  EXPECT_EQ(find_pipe(".show tables | where x | count"), 13U);
  EXPECT_EQ(find_pipe(".show tables"), std::nullopt);
  EXPECT_EQ(find_pipe(".set T <| U | count"), std::nullopt);
  EXPECT_EQ(find_pipe(".create function f() { T | count }"), std::nullopt);
  EXPECT_EQ(find_pipe(".show table ['a|b'] details // |\n| count"), 33U);
  EXPECT_EQ(find_pipe(".show \"unclosed | count"), std::nullopt);
}

TEST(Fuzz, RandomCommandsNeverBreakTheStream) {
  constexpr int kTexts = 20'000;
  const std::vector<std::string> pieces = {".", "create", "-",        "table", " ",  "(",    ")",  "with",
                                           "=", "1h",     "'x'",      "h'y'",  ",",  "<|",   "|",  "[",
                                           "]", "{",      "}",        "T",     ":",  "long", "\"", "\xff",
                                           "*", "..",     "dynamic(", "null",  "\n", "//"};
  std::mt19937 random(7);
  for (int i = 0; i < kTexts; i++) {
    std::string text;
    for (size_t n = random() % 24; n > 0; n--) text += pieces[random() % pieces.size()];
    TokenStream in(text);
    while (!in.at_end() && in.status().ok()) {
      switch (random() % 7) {
        case 0: in.properties(); break;
        case 1: in.name(); break;
        case 2: in.balanced(); break;
        case 3: in.row_schema(); break;
        case 4: in.literal(); break;
        case 5: in.expression(); break;
        default: in.accept(in.peek().kind); break;
      }
    }
    EXPECT_LE(in.position(), text.size());
    find_pipe(text);
  }
}

}  // namespace
}  // namespace spillway::kql::syntax
