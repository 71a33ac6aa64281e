#include "commands/reader.h"

#include <gtest/gtest.h>

#include "commands/commands.h"
#include "commands/describe.h"
#include "commands/inline_data.h"
#include "commands/names.h"
#include "commands/properties.h"

namespace spillway::commands {
namespace {

TEST(ReaderTest, TellsCommandsFromQueries) {
  EXPECT_TRUE(is_command(".show tables"));
  EXPECT_TRUE(is_command("  // a comment\n\t.show tables"));
  EXPECT_FALSE(is_command("T | count"));
  EXPECT_FALSE(is_command("print '.show'"));
  EXPECT_FALSE(is_command(""));
}

TEST(ReaderTest, KeywordsMayHoldDashesAndAnyCase) {
  Reader reader("Create-OR-alter continuous-export x-1");
  EXPECT_FALSE(reader.accept("create"));
  EXPECT_TRUE(reader.accept("create-or-alter"));
  EXPECT_TRUE(reader.accept("continuous-export"));
  EXPECT_EQ(reader.peek_word(), "x-1");
}

TEST(ReaderTest, NamesMayBeQuotedAndBracketed) {
  for (const char* text : {"T1", "['T1']", "[\"T1\"]", "'T1'", "[ @'T1' ]"}) {
    Reader reader(text);
    const Result<Name> name = reader.name("a name");
    ASSERT_TRUE(name.ok()) << text;
    EXPECT_EQ(name->text, "T1");
    EXPECT_EQ(name->span.offset, 0);
    EXPECT_EQ(name->span.length, static_cast<int>(std::string_view(text).size())) << text;
    EXPECT_TRUE(reader.at_end());
  }
}

TEST(ReaderTest, ErrorsHaveLineAndColumnInCharacters) {
  Reader reader("größe\n  ünd <");
  ASSERT_FALSE(reader.expect(TokenKind::Comma).ok());
  Reader second("// ö\n  ['ö'] x");
  ASSERT_TRUE(second.name("a name").ok());
  const Error error = second.expected("y");
  ASSERT_TRUE(error.span);
  EXPECT_EQ(error.span->line, 2);
  EXPECT_EQ(error.span->column, 9);
  EXPECT_EQ(error.message, "expected y, found 'x'");
}

TEST(ReaderTest, ErrorsDoNotQuoteStrings) {
  Reader reader("h'secret'");
  EXPECT_EQ(reader.expected("a name").message, "expected a name, found a string literal");
}

TEST(ReaderTest, RelocatesErrorsIntoTheWholeText) {
  const std::string text = ".set T <|\n  T | whöre x";
  const size_t offset = text.find("\n  T");
  const Error inside{ErrorCode::Semantic, "x",
                     TextSpan{2, 15, static_cast<int>(text.find(" x") + 1 - offset), 1}};
  const Error moved = relocate(inside, text, offset);
  ASSERT_TRUE(moved.span);
  EXPECT_EQ(moved.span->line, 2);
  EXPECT_EQ(moved.span->column, 13);
}

TEST(ReaderTest, HidesObfuscatedStrings) {
  EXPECT_EQ(without_secrets("externaldata(a:long)[h'https://x;key', H@\"c:\\\"] | where a == 'h'"),
            "externaldata(a:long)[h'******', H@\"******\"] | where a == 'h'");
  EXPECT_EQ(without_secrets("print h'open"), "print h'******");
  const std::string address = "print 'https://a.blob.core.windows.net/c;c2VjcmV0'";
  EXPECT_EQ(without_secrets(address), address);
  EXPECT_EQ(without_secrets(""), "");
}

TEST(ReaderTest, LogsHaveNoCredentials) {
  using engine::for_logs;
  EXPECT_EQ(for_logs(".ingest into table T (h'https://x;key') with (a = ```h\ni```)"),
            ".ingest into table T (h'******') with (a = ```h\ni```)");
  EXPECT_EQ(for_logs("print @'https://a.blob.core.windows.net/c;c2VjcmV0', 'b;c'"),
            "print @'https://a.blob.core.windows.net/c;******', 'b;c'");
  EXPECT_EQ(for_logs("print \"https://a.blob.core.windows.net/c/f.csv?sv=1&sig=abc\""),
            "print \"https://a.blob.core.windows.net/c/f.csv?******\"");
  EXPECT_EQ(for_logs("print 'https://b.s3.eu-west-1.amazonaws.com;AwsCredentials=ID,SECRET'"),
            "print 'https://b.s3.eu-west-1.amazonaws.com;******'");
  EXPECT_EQ(for_logs("print 'https://example.org/?q=1'"), "print 'https://example.org/?q=1'");
  EXPECT_EQ(for_logs("print 'https://a.blob.core.windows.net/c;open"),
            "print 'https://a.blob.core.windows.net/c;******");
}

TEST(PropertiesTest, ValuesAreTexts) {
  Reader reader(
      "with (a = \"x\" 'y', b = 1h, c = time(1.02:03:04), d = datetime(2024-01-01), e = -5, f = true, "
      "g = per_node, h = 00000000-0000-0000-0000-000000000001, i = 1.5, j = 'z')");
  const Result<Properties> properties = Properties::parse(reader);
  ASSERT_TRUE(properties.ok()) << properties.error().message;
  const std::map<std::string, std::string> expected = {
      {"a", "xy"},  {"b", "1h"},   {"c", "1.02:03:04"}, {"d", "2024-01-01"},
      {"e", "-5"},  {"f", "true"}, {"g", "per_node"},   {"h", "00000000-0000-0000-0000-000000000001"},
      {"i", "1.5"}, {"j", "z"}};
  EXPECT_EQ(properties->all_but({}), expected);
  EXPECT_EQ(properties->text("A"), "xy");
  EXPECT_FALSE(properties->boolean("g", false).ok());
}

TEST(NamesTest, ReferencesAreQuotedWhereTheyMustBe) {
  EXPECT_EQ(reference("T"), "T");
  EXPECT_EQ(reference("my table"), "['my table']");
  EXPECT_EQ(reference("where"), "['where']");
  EXPECT_EQ(reference("1day"), "['1day']");
  EXPECT_EQ(reference("it's"), "['it\\'s']");
}

TEST(NamesTest, FollowTheRules) {
  for (const char* good : {"a", "A 1", "a.b-c_d", "_x_", "Größe", "表"}) {
    EXPECT_TRUE(check_name("table", {good, {}}).ok()) << good;
  }
  for (const char* bad : {"", "a;b", "$x", "a\n", "__x", "x__", "a'b", "a\xFF", "\xC0\x80", "“a”", "a/b",
                          "a\xF0\x9F\x98\x80"}) {
    EXPECT_FALSE(check_name("table", {bad, {}}).ok()) << bad;
  }
  EXPECT_TRUE(check_name("table", {std::string(1024, 'x'), {}}).ok());
  EXPECT_FALSE(check_name("table", {std::string(1025, 'x'), {}}).ok());
}

TEST(VersionTest, ReadsWhatItPrints) {
  EXPECT_EQ(parse_version("v1.20"), (Version{1, 20}));
  EXPECT_EQ(parse_version("v.1.1"), (Version{1, 1}));
  EXPECT_LT(*parse_version("v1.9"), *parse_version("v1.10"));
  for (const char* bad : {"", "1.2", "v", "v1", "v1.", "v1.2x", "v1.99999999999999999999"}) {
    EXPECT_FALSE(parse_version(bad)) << bad;
  }
}

std::string data_of(const std::string& text) {
  const Result<std::string> data = inline_data(Reader(text));
  return data.ok() ? *data : "error: " + data.error().message;
}

TEST(InlineDataTest, TakesWhatFollowsTheArrow) {
  EXPECT_EQ(data_of("<| a,1"), "a,1");
  EXPECT_EQ(data_of("<|a,1\n b,2\n"), "a,1\n b,2\n");
  EXPECT_EQ(data_of("<|   \n    a,1\n    \"b // c\",2\n"), "a,1\n\"b // c\",2\n");
  EXPECT_EQ(data_of("<|\r\n  a\r\n\r\n    b"), "a\r\n\r\n  b");
  EXPECT_EQ(data_of("<|"), "");
}

TEST(InlineDataTest, TakesRecordsInBrackets) {
  EXPECT_EQ(data_of("[1,\"a]b\"] [2,\"c\"\"]\"]"), "1,\"a]b\"\n2,\"c\"\"]\"\n");
  EXPECT_EQ(data_of("[1]\n[2];"), "1\n2\n");
  EXPECT_EQ(data_of("[1] x"), "error: expected '[' before a record");
  EXPECT_EQ(data_of("[\"1]"), "error: a record without its closing ']'");
}

}  // namespace
}  // namespace spillway::commands
