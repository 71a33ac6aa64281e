// What the corpus can't show: spans, nodes' contents, limits, and that no text breaks the parser.
#include "kql/syntax/parser.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

namespace spillway::kql::syntax {
namespace {

std::string repeat(std::string_view text, size_t times) {
  std::string out;
  out.reserve(text.size() * times);
  for (size_t i = 0; i < times; i++) out += text;
  return out;
}

/// The operators of the only statement of a query.
const std::vector<OperatorPtr>& operators_of(const Query& query) {
  return query.statements.front()->as<ExpressionStatement>().expression->as<PipeExpr>().operators;
}

TEST(Spans, CoverTheTextOfANode) {
  const std::string text = "let a = 1;\nT\n| where x has 'é' and f(y)\n| count";
  const auto query = parse_query(text);
  ASSERT_TRUE(query.ok());
  const TextSpan let = query->statements[0]->span;
  EXPECT_EQ(text.substr(static_cast<size_t>(let.offset), static_cast<size_t>(let.length)), "let a = 1");
  const auto& pipe = query->statements[1]->as<ExpressionStatement>().expression->as<PipeExpr>();
  EXPECT_EQ(pipe.span.line, 2);
  const Operator& where = *pipe.operators[0];
  EXPECT_EQ(where.span.line, 3);
  EXPECT_EQ(where.span.column, 3);
  EXPECT_EQ(text.substr(static_cast<size_t>(where.span.offset), static_cast<size_t>(where.span.length)),
            "where x has 'é' and f(y)");
  const auto& both = where.as<FilterOp>().predicate.value->as<LogicalExpr>();
  EXPECT_EQ(both.operands[1]->span.column, 23) << "columns count characters";
  EXPECT_EQ(both.operands[1]->span.offset, 36) << "offsets count bytes";
  EXPECT_EQ(both.operands[0]->as<BinaryExpr>().op_span.column, 11);
}

TEST(Spans, CountFromTheBeginningOfACommand) {
  const std::string text = ".set T <|\n  U | wher x";
  const auto query = parse_query(text, 9);
  ASSERT_FALSE(query.ok());
  EXPECT_EQ(query.error().span->line, 2);
  EXPECT_EQ(query.error().span->column, 7);
  EXPECT_EQ(query.error().span->offset, 16);
  EXPECT_EQ(query.error().code, ErrorCode::Syntax);
}

TEST(Tree, JoinKeepsItsParts) {
  const auto query =
      parse_query("T | join kind=leftouter hint.strategy=shuffle (U | take 1) on a, $left.b == $right.c");
  ASSERT_TRUE(query.ok());
  const auto& join = operators_of(*query)[0]->as<JoinOp>();
  ASSERT_NE(find_property(join.parameters, "kind"), nullptr);
  EXPECT_EQ(find_property(join.parameters, "kind")->text(), "leftouter");
  EXPECT_EQ(find_property(join.parameters, "hint.strategy")->text(), "shuffle");
  EXPECT_EQ(find_property(join.parameters, "hint.remote"), nullptr);
  EXPECT_EQ(join.right->kind, ExprKind::Pipe);
  EXPECT_TRUE(join.right->parenthesized);
  ASSERT_EQ(join.on.size(), 2U);
  EXPECT_EQ(join.on[1]->as<BinaryExpr>().left->as<PathExpr>().base->as<NameExpr>().name.text, "$left");
}

TEST(Tree, ParseKeepsItsPattern) {
  const auto query = parse_query("T | parse kind=regex flags=Ui x with * 'a' 'b' y:long z *");
  ASSERT_TRUE(query.ok());
  const auto& parse = operators_of(*query)[0]->as<ParseOp>();
  EXPECT_EQ(parse.mode, ParseKind::Regex);
  EXPECT_EQ(parse.flags, "Ui");
  ASSERT_EQ(parse.pattern.size(), 5U);
  EXPECT_EQ(parse.pattern[0].kind, ParseSegment::Kind::Star);
  EXPECT_EQ(parse.pattern[1].text, "ab");
  EXPECT_EQ(parse.pattern[2].type, Type::Long);
  EXPECT_EQ(parse.pattern[3].type, std::nullopt);
}

TEST(Tree, FunctionsKeepTheirParameters) {
  const auto function = parse_function("(t:(a:long, *), n:int = int(5)) { let m = n; t | take m }");
  ASSERT_TRUE(function.ok());
  ASSERT_EQ((*function)->parameters.size(), 2U);
  EXPECT_TRUE((*function)->parameters[0].tabular());
  EXPECT_TRUE((*function)->parameters[0].schema->open);
  EXPECT_EQ((*function)->parameters[1].default_value->as<LiteralExpr>().value, Value::int32(5));
  EXPECT_EQ((*function)->body.statements.size(), 1U);
  EXPECT_EQ((*function)->body.result->kind, ExprKind::Pipe);
}

TEST(Tree, ScanKeepsItsSteps) {
  const auto query =
      parse_query("T | scan declare (n:long=0) with (step a output=last: x => n = 1, m = 2; step b: y;)");
  ASSERT_TRUE(query.ok());
  const auto& scan = operators_of(*query)[0]->as<ScanOp>();
  ASSERT_EQ(scan.steps.size(), 2U);
  EXPECT_EQ(scan.steps[0].output, ScanStep::Output::Last);
  EXPECT_EQ(scan.steps[0].assignments.size(), 2U);
  EXPECT_EQ(scan.declare[0].name.text, "n");
}

TEST(Tree, RenderKeepsListsOfColumns) {
  const auto query = parse_query("T | render timechart with (ycolumns = a, b, title = 'x')");
  ASSERT_TRUE(query.ok());
  const auto& render = operators_of(*query)[0]->as<RenderOp>();
  EXPECT_EQ(render.chart.text, "timechart");
  ASSERT_EQ(render.properties.size(), 2U);
  EXPECT_EQ(render.properties[0].names.size(), 2U);
  EXPECT_EQ(render.properties[1].text(), "x");
}

TEST(Tree, ObfuscatedStringsAreMarked) {
  const auto expr = parse_expression("h'secret'");
  ASSERT_TRUE(expr.ok());
  EXPECT_TRUE((*expr)->as<LiteralExpr>().obfuscated);
}

TEST(Tree, ErrorsNeverQuoteObfuscatedStrings) {
  const auto query = parse_query("T | take 5 h'secret'");
  ASSERT_FALSE(query.ok());
  EXPECT_EQ(query.error().message.find("secret"), std::string::npos);
}

TEST(Entry, OperatorsWithoutASource) {
  const std::string text = ".show tables | where TableName == 'x' | count";
  const auto operators = parse_operators(text, text.find("where"));
  ASSERT_TRUE(operators.ok());
  EXPECT_EQ(operators->size(), 2U);
  EXPECT_FALSE(parse_operators(" | count").ok());
}

TEST(Entry, RowSchema) {
  const auto schema = parse_row_schema("(a:long, ['b c']:string)");
  ASSERT_TRUE(schema.ok());
  EXPECT_EQ(schema->columns[1].name.text, "b c");
  EXPECT_FALSE(parse_row_schema("(a:long) x").ok());
}

// Limits.

TEST(Limits, ChainsOfLogicalOperatorsAreFlat) {
  const auto query = parse_query("T | where x == 0" + repeat(" or x == 1", 20'000));
  ASSERT_TRUE(query.ok()) << query.error().message;
  const auto& logical = operators_of(*query)[0]->as<FilterOp>().predicate.value->as<LogicalExpr>();
  EXPECT_EQ(logical.operands.size(), 20'001U);
  EXPECT_LE(logical.depth, 3);
}

TEST(Limits, PipelinesMayBeLong) {
  const auto query = parse_query("T" + repeat(" | where a > 1", 20'000));
  ASSERT_TRUE(query.ok());
  EXPECT_EQ(operators_of(*query).size(), 20'000U);
}

TEST(Limits, ListsMayBeLong) {
  EXPECT_TRUE(parse_query("T | where x in (1" + repeat(", 2", 100'000) + ")").ok());
}

TEST(Limits, ArithmeticChainsHaveADepth) {
  EXPECT_TRUE(parse_query("print 1" + repeat(" + 1", kMaxExpressionDepth - 10)).ok());
  const auto query = parse_query("print 1" + repeat(" + 1", 100'000));
  ASSERT_FALSE(query.ok());
  EXPECT_EQ(query.error().code, ErrorCode::LimitExceeded);
}

TEST(Limits, DepthCountsThroughNestedChains) {
  std::string text = "1";
  for (int i = 0; i < 50; i++) text = "(" + text + repeat(" + 1", 100) + ")";
  const auto expr = parse_expression(text);
  ASSERT_FALSE(expr.ok());
  EXPECT_EQ(expr.error().code, ErrorCode::LimitExceeded);
}

TEST(Limits, NestingIsBounded) {
  struct Nested {
    std::string open, inside, close;
  };
  const std::vector<Nested> forms = {{"(", "1", ")"},
                                     {"f(", "1", ")"},
                                     {"a[", "1", "]"},
                                     {"toscalar(T | where ", "x", ")"},
                                     {"T | mv-apply x on (mv-apply y on (", "count", "))"},
                                     {"union (", "T", ")"},
                                     {"T | fork (fork (", "count", "))"},
                                     {"macro-expand g as x (", "x.T", ")"},
                                     {"x in (", "1", ")"},
                                     {"x between (1 .. ", "1", ")"},
                                     {"T | partition by x { ", "T", " }"},
                                     {"T | join (", "T", ") on x"}};
  for (const Nested& form : forms) {
    const auto deep = parse_query("print x = 1; " + repeat(form.open, 100'000) + form.inside);
    ASSERT_FALSE(deep.ok()) << form.open;
    const std::string text = repeat(form.open, 30) + form.inside + repeat(form.close, 30);
    const auto shallow = parse_query(text);
    if (form.open.find("mv-apply") == std::string::npos && form.open.find("fork") == std::string::npos) {
      EXPECT_TRUE(shallow.ok()) << text << shallow.error().message;
    }
  }
  const auto parentheses = parse_query("print " + repeat("(", 100'000));
  EXPECT_EQ(parentheses.error().code, ErrorCode::LimitExceeded);
  const auto json = parse_query("print dynamic(" + repeat("[", 100'000));
  EXPECT_EQ(json.error().code, ErrorCode::LimitExceeded);
  const auto functions = parse_query(repeat("let f = () { ", 100'000));
  EXPECT_EQ(functions.error().code, ErrorCode::LimitExceeded);
  EXPECT_TRUE(parse_query("print " + repeat("(", kMaxNesting - 2) + "1" + repeat(")", kMaxNesting - 2)).ok());
}

TEST(Limits, LengthAndTokens) {
  const auto long_query = parse_query("print '" + std::string(kMaxQueryLength, 'x') + "'");
  ASSERT_FALSE(long_query.ok());
  EXPECT_EQ(long_query.error().code, ErrorCode::LimitExceeded);
  const auto tokens = parse_query(repeat("+", kMaxTokens + 1));
  ASSERT_FALSE(tokens.ok());
}

TEST(Text, MustBeUtf8) {
  for (const char* text :
       {"print '\xff'", "print '\xc0\x80'", "print '\xed\xa0\x80'", "// \xf5\nprint 1", "\x80"}) {
    const auto query = parse_query(text);
    ASSERT_FALSE(query.ok());
    EXPECT_NE(query.error().message.find("UTF-8"), std::string::npos) << query.error().message;
  }
  EXPECT_TRUE(parse_query("print '\xf0\x9f\x98\x80'").ok());
}

TEST(Text, MayBeginWithAByteOrderMarkAndHoldUnicodeSpaces) {
  EXPECT_TRUE(parse_query("\xEF\xBB\xBFT\xC2\xA0|\xE2\x80\x83"
                          "count")
                  .ok());
}

// Random texts.

std::vector<std::string> corpus() {
  std::vector<std::string> texts;
  for (const auto& entry : std::filesystem::directory_iterator(SPILLWAY_SOURCE_DIR "/tests/kql_syntax")) {
    if (entry.path().extension() != ".txt") continue;
    std::ifstream in(entry.path());
    std::string line, text;
    while (std::getline(in, line)) {
      if (line.starts_with("=== ")) text.clear();
      if (line.starts_with("--- ")) texts.push_back(text);
      if (!line.starts_with("=== ") && !line.starts_with("--- ")) text += line + "\n";
    }
  }
  return texts;
}

/// One change of a text: bytes replaced, removed, doubled, or a piece of another text put in.
void mutate(std::string& text, const std::vector<std::string>& texts, std::mt19937& random) {
  const auto below = [&](size_t n) {
    return n == 0 ? 0 : std::uniform_int_distribution<size_t>(0, n - 1)(random);
  };
  static const std::vector<std::string> kPieces = {"(",
                                                   ")",
                                                   "[",
                                                   "]",
                                                   "{",
                                                   "}",
                                                   "|",
                                                   ",",
                                                   ";",
                                                   "'",
                                                   "\"",
                                                   "```",
                                                   "*",
                                                   ".",
                                                   "..",
                                                   "=",
                                                   "==",
                                                   "-",
                                                   "-->",
                                                   "<-[",
                                                   "let ",
                                                   " by ",
                                                   " on ",
                                                   " in ",
                                                   "h@\"",
                                                   "1d",
                                                   "0x",
                                                   "1e",
                                                   "datetime(",
                                                   "dynamic({",
                                                   "$left",
                                                   "\xff",
                                                   "\xe2\x80",
                                                   "\\u12",
                                                   "!",
                                                   "union ",
                                                   "toscalar(",
                                                   "| where ",
                                                   "| mv-apply x on (",
                                                   "macro-expand ",
                                                   "step a: ",
                                                   "=> ",
                                                   "typeof(",
                                                   "\n",
                                                   "//"};
  switch (below(6)) {
    case 0:
      if (!text.empty()) text[below(text.size())] = static_cast<char>(below(256));
      break;
    case 1:
      if (!text.empty()) text.erase(below(text.size()), below(8) + 1);
      break;
    case 2:
      if (!text.empty()) {
        const size_t from = below(text.size());
        text.insert(below(text.size() + 1), text.substr(from, below(20) + 1));
      }
      break;
    case 3: text.insert(below(text.size() + 1), kPieces[below(kPieces.size())]); break;
    case 4: {
      const std::string& other = texts[below(texts.size())];
      text.insert(below(text.size() + 1), other.substr(below(other.size() + 1), below(40)));
      break;
    }
    default: text.resize(below(text.size() + 1)); break;
  }
}

/// The span of an error lies inside the text.
void expect_inside(const Error& error, std::string_view text) {
  ASSERT_TRUE(error.span.has_value()) << text;
  EXPECT_FALSE(error.message.empty());
  EXPECT_GE(error.span->offset, 0);
  EXPECT_LE(static_cast<size_t>(error.span->offset + error.span->length), text.size())
      << error.message << "\n"
      << text;
}

TEST(Fuzz, MutatedQueriesNeverBreakTheParser) {
  constexpr int kTexts = 60'000;
  const std::vector<std::string> texts = corpus();
  ASSERT_GT(texts.size(), 300U);
  std::mt19937 random(20'240'501);
  for (int i = 0; i < kTexts; i++) {
    std::string text = texts[random() % texts.size()];
    for (size_t n = random() % 8; n > 0; n--) mutate(text, texts, random);
    const auto query = parse_query(text);
    if (!query.ok()) expect_inside(query.error(), text);
    if (i % 4 == 0) {
      if (const auto expr = parse_expression(text); !expr.ok()) expect_inside(expr.error(), text);
      if (const auto operators = parse_operators(text); !operators.ok())
        expect_inside(operators.error(), text);
      if (const auto function = parse_function(text); !function.ok()) expect_inside(function.error(), text);
      if (const auto schema = parse_row_schema(text); !schema.ok()) expect_inside(schema.error(), text);
    }
  }
}

}  // namespace
}  // namespace spillway::kql::syntax
