// The function table: its declarations hold together, templates expand, native functions give what they
// promise.
#include "kql/functions.h"

#include <gtest/gtest.h>

#include <set>

#include "kql/functions/text_match.h"
#include "kql/json.h"
#include "tests/kql_binder/support.h"

namespace spillway::kql::test {
namespace {

/// The constant that an expression folds to.
std::string folded(const std::string& expression) {
  const std::string line = top("print " + expression);
  const std::string prefix = "Project (";
  return line.starts_with(prefix) ? line.substr(prefix.size(), line.size() - prefix.size() - 1) : line;
}

TEST(FunctionTable, NativeFunctionsHaveDefiniteTypesAndNames) {
  std::set<std::string> names;
  for (const auto& [name, function] : FunctionTable::instance().scalars()) {
    EXPECT_EQ(function->name, name);
    EXPECT_FALSE(function->doc.empty()) << name;
    for (const auto& overload : function->overloads) {
      EXPECT_EQ(overload->function, function.get()) << name;
      EXPECT_NE(overload->lowering.native == nullptr, overload->lowering.sql.empty()) << name;
      if (!overload->lowering.native) continue;
      EXPECT_TRUE(names.insert(overload->lowering.native_name).second) << overload->lowering.native_name;
      EXPECT_EQ(overload->result.kind, ResultType::Kind::Fixed) << name;
      for (const Parameter& parameter : overload->parameters) {
        EXPECT_NE(parameter.kind, Parameter::Kind::Any) << name;
        EXPECT_NE(parameter.kind, Parameter::Kind::Same) << name;
        EXPECT_NE(parameter.kind, Parameter::Kind::Numeric) << name;
      }
    }
  }
}

TEST(FunctionTable, TemplatesNameEachArgumentOnce) {
  for (const auto& [name, function] : FunctionTable::instance().scalars()) {
    for (const auto& overload : function->overloads) {
      const std::string& sql = overload->lowering.sql;
      for (size_t i = 0; i < overload->parameters.size(); ++i) {
        const std::string hole = "{" + std::to_string(i) + "}";
        const size_t first = sql.find(hole);
        if (first == std::string::npos) continue;
        EXPECT_EQ(sql.find(hole, first + 1), std::string::npos) << name << ": " << sql;
      }
    }
  }
}

TEST(FunctionTable, Expands) {
  EXPECT_EQ(expand("f({0}, {2})", {"a", "b", "c"}), "f(a, c)");
  EXPECT_EQ(expand("({0} IN ({1*}))", {"a", "b", "c"}), "(a IN (b, c))");
  EXPECT_EQ(expand("({* OR })", {"a", "b"}), "(a OR b)");
  EXPECT_EQ(expand_aggregate("sum({0})", {"x"}, ""), "sum(x)");
  EXPECT_EQ(expand_aggregate("sum({0})", {"x"}, "p"), "sum(x) FILTER (WHERE p)");
  EXPECT_EQ(expand_aggregate("g(list({0}{order}){filter})", {"x"}, "p", " ORDER BY k"),
            "g(list(x ORDER BY k) FILTER (WHERE p))");
}

TEST(FunctionTable, FindsTheNearestName) {
  EXPECT_EQ(FunctionTable::instance().nearest("startofdya"), "startofday");
  EXPECT_EQ(FunctionTable::instance().nearest("qqqqqqqq"), "");
}

TEST(Arithmetic, WrapsAndNeverFails) {
  EXPECT_EQ(folded("9223372036854775807 + 1"), "long(-9223372036854775808)");
  EXPECT_EQ(folded("long(-9223372036854775808) / -1"), "long(-9223372036854775808)");
  EXPECT_EQ(folded("7 / 0"), "long(null)");
  EXPECT_EQ(folded("-14 % 12"), "long(10)");
  EXPECT_EQ(folded("-14 % -12"), "long(10)");
  EXPECT_EQ(folded("datetime(9999-12-31) + 1d"), "datetime(null)");
  EXPECT_EQ(folded("datetime(2024-03-01) - datetime(2024-02-01)"), "timespan(29.00:00:00)");
  EXPECT_EQ(folded("1h / 1s"), "real(3600)");
  EXPECT_EQ(folded("1h * 1.5"), "timespan(01:30:00)");
  EXPECT_EQ(folded("decimal(1) / decimal(3)"), "decimal(0.3333333333333333333333333333333333)");
  EXPECT_EQ(folded("decimal(9e6144) * decimal(10)"), "decimal(null)");
}

TEST(Terms, AreRunsOfLettersAndDigits) {
  EXPECT_EQ(folded("'North America' has 'america'"), "bool(true)");
  EXPECT_EQ(folded("'North America' has 'amer'"), "bool(false)");
  EXPECT_EQ(folded("'North America' hasprefix 'ame'"), "bool(true)");
  EXPECT_EQ(folded("'North America' hassuffix 'ica'"), "bool(true)");
  EXPECT_EQ(folded("'a-b_c' has 'b'"), "bool(true)");
  EXPECT_EQ(folded("'KustoExplorerQueryRun' has 'Explorer'"), "bool(false)");
  EXPECT_EQ(folded("'xx amer-amer1 amer' has_cs 'amer'"), "bool(true)");
  EXPECT_EQ(folded("'ÄÖÜ straße' has 'äöü'"), "bool(true)");
  EXPECT_EQ(folded("'naïve' has 'na'"), "bool(false)");
  EXPECT_EQ(folded("'Москва' contains 'СКВ'"), "bool(true)");
  EXPECT_EQ(folded("'abc' startswith 'AB' and 'abc' !endswith 'x'"), "bool(true)");
  EXPECT_EQ(folded("'a, b' has_all ('A', 'b')"), "bool(true)");
}

TEST(Json, IsCanonical) {
  const auto canonical = [](std::string_view text) {
    std::string out;
    return json::canonicalize(text, out) ? out : "invalid";
  };
  EXPECT_EQ(canonical(R"( { "b" : [1 , 2.50, 1e2] , "a" : "x\u0041\/" } )"),
            R"({"b":[1,2.5,100.0],"a":"xA/"})");
  EXPECT_EQ(canonical(R"({"a":1,"b":2,"a":3})"), R"({"a":3,"b":2})");
  EXPECT_EQ(canonical("12345678901234567890"), "1.2345678901234567E+19");
  EXPECT_EQ(canonical(R"("\ud83d\ude00\ud83d")"), "\"\xF0\x9F\x98\x80\xEF\xBF\xBD\"");
  for (const char* bad : {"", "{", "[1,]", "01", "+1", "1.", "tru", "\"\\x\"", "{\"a\"}", "[1] 2", "nan"}) {
    EXPECT_EQ(canonical(bad), "invalid") << bad;
  }
  EXPECT_EQ(canonical(std::string(100'000, '[')), "invalid");
}

TEST(Json, IsReadInPlace) {
  EXPECT_EQ(json::member(R"({"a":{"b":[1]},"c\"d":2})", "c\"d"), "2");
  EXPECT_EQ(json::element("[1,[2,3],\"x,y\"]", -1), "\"x,y\"");
  EXPECT_EQ(json::element("[1,2]", 2), std::nullopt);
  EXPECT_EQ(json::count("{\"a\":1,\"b\":[1,2]}"), 2);
  for (const char* bad : {"", "{", "[", "[1", "{\"a", "{\"a\":", "[\"", "]", "{]"}) {
    json::member(bad, "a");
    json::element(bad, 3);
    json::count(bad);
  }
}

TEST(Conversions, GiveNullWhereTheyFail) {
  EXPECT_EQ(folded("tolong('x')"), "long(null)");
  EXPECT_EQ(folded("tolong('0x1F')"), "long(31)");
  EXPECT_EQ(folded("tolong('12.9')"), "long(12)");
  EXPECT_EQ(folded("toint(3000000000.5)"), "int(null)");
  EXPECT_EQ(folded("tobool('TRUE')"), "bool(true)");
  EXPECT_EQ(folded("toreal('1e400')"), "real(Infinity)");
  EXPECT_EQ(folded("todatetime('never')"), "datetime(null)");
  EXPECT_EQ(folded("tostring(datetime(null))"), "string()");
  EXPECT_EQ(folded("tostring(dynamic({\"a\": 1}))"), "string({\"a\":1})");
  EXPECT_EQ(folded("parse_json('{\"a\": [1, 2]}').a[-1]"), "dynamic(2)");
  EXPECT_EQ(folded("parse_json('no json')"), "dynamic(\"no json\")");
  EXPECT_EQ(folded("todecimal('1e-3')"), "decimal(0.001)");
}

TEST(Dates, GoToTheEndsOfTime) {
  EXPECT_EQ(folded("startofweek(datetime(0001-01-01))"), "datetime(null)");
  EXPECT_EQ(folded("endofyear(datetime(9999-05-05))"), "datetime(9999-12-31T23:59:59.9999999Z)");
  EXPECT_EQ(folded("startofmonth(datetime(2024-05-15), -1)"), "datetime(2024-04-01T00:00:00.0000000Z)");
  EXPECT_EQ(folded("startofday(datetime(2024-05-15), 9223372036854775807)"), "datetime(null)");
  EXPECT_EQ(folded("datetime_add('month', 1, datetime(2024-01-31))"),
            "datetime(2024-02-29T00:00:00.0000000Z)");
  EXPECT_EQ(folded("week_of_year(datetime(2000-01-01))"), "int(52)");
  EXPECT_EQ(folded("bin(-7, 5)"), "long(-10)");
  EXPECT_EQ(folded("bin_at(datetime(2024-05-15), 7d, datetime(2024-05-20))"),
            "datetime(2024-05-13T00:00:00.0000000Z)");
  EXPECT_EQ(folded("format_datetime(datetime(2017-01-29 09:00:05.0670), 'yy-M-dd [hh:mm:ss.fff tt]')"),
            "string(17-1-29 [09:00:05.067 AM])");
  EXPECT_EQ(folded("format_timespan(totimespan('-1.02:03:04'), 'd.hh:mm')"), "string(-1.02:03)");
}

}  // namespace
}  // namespace spillway::kql::test
