#include "base/types.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

#include "base/calendar.h"
#include "base/vector.h"

namespace spillway {
namespace {

TEST(TypeNames, EveryDocumentedSpellingIsRead) {
  const std::pair<const char*, Type> spellings[] = {
      {"bool", Type::Bool},
      {"boolean", Type::Bool},
      {"Int", Type::Int},
      {"System.Int32", Type::Int},
      {"long", Type::Long},
      {"System.Int64", Type::Long},
      {"real", Type::Real},
      {"double", Type::Real},
      {"System.Double", Type::Real},
      {"decimal", Type::Decimal},
      {"string", Type::String},
      {"System.Data.SqlTypes.SqlDecimal", Type::Decimal},
      {"datetime", Type::DateTime},
      {"date", Type::DateTime},
      {"timespan", Type::TimeSpan},
      {"time", Type::TimeSpan},
      {"guid", Type::Guid},
      {"uuid", Type::Guid},
      {"uniqueid", Type::Guid},
      {"dynamic", Type::Dynamic},
      {"System.Object", Type::Dynamic},
  };
  for (const auto& [name, type] : spellings) EXPECT_EQ(parse_type(name), type) << name;
  for (const char* name : {"", "integer", "System.", "varchar", "long "})
    EXPECT_FALSE(parse_type(name)) << name;
}

TEST(TypeNames, KqlAndClrNamesReadBack) {
  for (int i = 0; i <= static_cast<int>(Type::Dynamic); ++i) {
    const Type type = static_cast<Type>(i);
    EXPECT_EQ(parse_type(kql_name(type)), type);
    EXPECT_EQ(parse_type(clr_name(type)), type);
  }
  EXPECT_STREQ(clr_name(Type::Bool), "SByte");
  EXPECT_STREQ(clr_name(Type::Decimal), "SqlDecimal");
}

TEST(Calendar, EveryDayOfTheRangeGoesThereAndBack) {
  int64_t days = 0;
  for (int year = 1; year <= 9999; ++year) {
    for (int month = 1; month <= 12; ++month) {
      for (int day = 1; day <= days_in_month(year, month); ++day, ++days) {
        ASSERT_EQ(days_from_civil(year, month, day), days);
        const CivilDate date = civil_from_days(days);
        ASSERT_TRUE(date.year == year && date.month == month && date.day == day) << days;
      }
    }
  }
  EXPECT_EQ(days * kTicksPerDay - 1, kMaxDateTime);
}

TEST(DateTime, PrintsSevenDigitsAlways) {
  EXPECT_EQ(format_datetime(0), "0001-01-01T00:00:00.0000000Z");
  EXPECT_EQ(format_datetime(kUnixEpoch), "1970-01-01T00:00:00.0000000Z");
  EXPECT_EQ(format_datetime(kMaxDateTime), "9999-12-31T23:59:59.9999999Z");
  EXPECT_EQ(format_datetime(*parse_datetime("2021-01-02T03:04:05.067")), "2021-01-02T03:04:05.0670000Z");
}

TEST(DateTime, ReadsEveryDocumentedForm) {
  const std::pair<const char*, const char*> forms[] = {
      {"2014-05-25T08:20:03.123456Z", "2014-05-25T08:20:03.1234560Z"},
      {"2014-05-25T08:20:03.123456", "2014-05-25T08:20:03.1234560Z"},
      {"2014-05-25T08:20", "2014-05-25T08:20:00.0000000Z"},
      {"2014-11-08 15:55:55.123456Z", "2014-11-08T15:55:55.1234560Z"},
      {"2014-11-08 15:55:55", "2014-11-08T15:55:55.0000000Z"},
      {"2014-11-08 15:55", "2014-11-08T15:55:00.0000000Z"},
      {"2014-11-08", "2014-11-08T00:00:00.0000000Z"},
      {"Sat, 8 Nov 14 15:05:02 GMT", "2014-11-08T15:05:02.0000000Z"},
      {"Sat, 8 Nov 14 15:05:02", "2014-11-08T15:05:02.0000000Z"},
      {"Sat, 8 Nov 14 15:05", "2014-11-08T15:05:00.0000000Z"},
      {"Sat, 8 Nov 14 15:05 GMT", "2014-11-08T15:05:00.0000000Z"},
      {"8 Nov 14 15:05:02 GMT", "2014-11-08T15:05:02.0000000Z"},
      {"8 Nov 14 15:05:02", "2014-11-08T15:05:02.0000000Z"},
      {"8 Nov 14 15:05", "2014-11-08T15:05:00.0000000Z"},
      {"8 Nov 14 15:05 GMT", "2014-11-08T15:05:00.0000000Z"},
      {"8 November 2014 15:05", "2014-11-08T15:05:00.0000000Z"},
      {"Saturday, 08-Nov-14 15:05:02 GMT", "2014-11-08T15:05:02.0000000Z"},
      {"Saturday, 08-Nov-14 15:05:02", "2014-11-08T15:05:02.0000000Z"},
      {"Saturday, 08-Nov-14 15:05 GMT", "2014-11-08T15:05:00.0000000Z"},
      {"Saturday, 08-Nov-14 15:05", "2014-11-08T15:05:00.0000000Z"},
      {"08-Nov-14 15:05:02 GMT", "2014-11-08T15:05:02.0000000Z"},
      {"08-Nov-14 15:05:02", "2014-11-08T15:05:02.0000000Z"},
      {"08-Nov-14 15:05 GMT", "2014-11-08T15:05:00.0000000Z"},
      {"08-Nov-14 15:05", "2014-11-08T15:05:00.0000000Z"},
      {"2014-11-08 15:05:25 GMT", "2014-11-08T15:05:25.0000000Z"},
      {"2014-11-08 15:05 GMT", "2014-11-08T15:05:00.0000000Z"},
      {"2014-11-08T15:05:25", "2014-11-08T15:05:25.0000000Z"},
      {"2014-11-08T15:05:25 GMT", "2014-11-08T15:05:25.0000000Z"},
      {"2014-11-08T15:05 GMT", "2014-11-08T15:05:00.0000000Z"},
      {"2014-1-8 5:05", "2014-01-08T05:05:00.0000000Z"},
      // The syntax table of the literals separates a date by points.
      {"2015.12.31 23:59:59.9", "2015-12-31T23:59:59.9000000Z"},
      // Offsets, blanks, digits below a tick, two-digit years of the 1900s.
      {"2014-11-08T01:00:00+02:30", "2014-11-07T22:30:00.0000000Z"},
      {"2014-11-08T23:00:00-0200", "2014-11-09T01:00:00.0000000Z"},
      {"2014-11-08T23:00:00 +01", "2014-11-08T22:00:00.0000000Z"},
      {"  2014-11-08t01:02:03.12345678999z ", "2014-11-08T01:02:03.1234567Z"},
      {"8 Nov 94 15:05", "1994-11-08T15:05:00.0000000Z"},
      {"2016-02-29", "2016-02-29T00:00:00.0000000Z"},
      // Month first, as .NET reads it.
      {"12-02-2022", "2022-12-02T00:00:00.0000000Z"},
      {"1/31/2022 10:00", "2022-01-31T10:00:00.0000000Z"},
      {"2014-11", "2014-11-01T00:00:00.0000000Z"},
  };
  for (const auto& [text, expected] : forms) {
    const auto ticks = parse_datetime(text);
    ASSERT_TRUE(ticks) << text;
    EXPECT_EQ(format_datetime(*ticks), expected) << text;
  }
}

TEST(DateTime, RefusesWhatIsNone) {
  for (const char* text : {"",
                           " ",
                           "now",
                           "2015-02-29",
                           "2014-13-01",
                           "2014-00-01",
                           "2014-01-32",
                           "2014-01-01T24:00",
                           "2014-01-01T00:60",
                           "2014-01-01T00:00:60",
                           "2014-01-01T",
                           "2014-01-01Tx",
                           "2014-01-01T00:00:00.",
                           "2014-01-01T00:00:00ZZ",
                           "2014-01-01T00:00:00 EST",
                           "2014-01-01T00:00:00+99:00",
                           "2014-1/2",
                           "0000-01-01",
                           "12014-01-01",
                           "0001-01-01T00:00:00+01:00",
                           "9999-12-31T23:59:59-01:00",
                           "Sat, 8 Foo 14 15:05",
                           "Satday, 8 Nov 14 15:05",
                           "8 Nov",
                           "8-Nov 14",
                           "31-12-2022",
                           "12-02/2022",
                           "99999999999999999999-01-01",
                           "2014-01-01T00:00:00+"}) {
    EXPECT_FALSE(parse_datetime(text)) << text;
  }
  EXPECT_FALSE(parse_datetime(std::string_view("2014-01-01\0", 11)));
}

TEST(TimeSpan, PrintsDaysAndFractionOnlyWhereThereAreSome) {
  EXPECT_EQ(format_timespan(0), "00:00:00");
  EXPECT_EQ(format_timespan(-kTicksPerSecond), "-00:00:01");
  EXPECT_EQ(format_timespan(1), "00:00:00.0000001");
  EXPECT_EQ(format_timespan(kTicksPerDay + 2 * kTicksPerHour + 3 * kTicksPerMinute + 4 * kTicksPerSecond +
                            5'678'901),
            "1.02:03:04.5678901");
  EXPECT_EQ(format_timespan(std::numeric_limits<Ticks>::max()), "10675199.02:48:05.4775807");
  EXPECT_EQ(format_timespan(std::numeric_limits<Ticks>::min()), "-10675199.02:48:05.4775808");
}

TEST(TimeSpan, ReadsLiteralsAndPrintedForms) {
  const std::pair<const char*, Ticks> forms[] = {
      {"2d", 2 * kTicksPerDay},
      {"1.5h", 90 * kTicksPerMinute},
      {"30m", 30 * kTicksPerMinute},
      {"25min", 25 * kTicksPerMinute},
      {"10s", 10 * kTicksPerSecond},
      {"100ms", 100 * kTicksPerMillisecond},
      {"10microsecond", 10 * kTicksPerMicrosecond},
      {"1tick", 1},
      {"15 seconds", 15 * kTicksPerSecond},
      {"2", 2 * kTicksPerDay},
      {"-1h", -kTicksPerHour},
      {"0.1s", kTicksPerSecond / 10},
      {"0.12:34:56.7", 12 * kTicksPerHour + 34 * kTicksPerMinute + 567 * kTicksPerSecond / 10},
      {"1.02:03:04.5", kTicksPerDay + 2 * kTicksPerHour + 3 * kTicksPerMinute + 45 * kTicksPerSecond / 10},
      {"00:00:01", kTicksPerSecond},
      {"01:30", 90 * kTicksPerMinute},
      {"-00:00:01", -kTicksPerSecond},
      {"10675199.02:48:05.4775807", std::numeric_limits<Ticks>::max()},
      {"-10675199.02:48:05.4775808", std::numeric_limits<Ticks>::min()},
  };
  for (const auto& [text, expected] : forms) {
    const auto ticks = parse_timespan(text);
    ASSERT_TRUE(ticks) << text;
    EXPECT_EQ(*ticks, expected) << text;
  }
  for (const char* text : {"", "-", "d", "1w", "1.5", "1.d", ".5h", "1:2:3:4:5", "24:00:00", "00:60:00",
                           "00:00:60", "1h2", "1 h x", "00:00:01.", "--1h", "10675199.02:48:05.4775808",
                           "99999999999999999999d", "9223372036854775807d", "1e3s"}) {
    EXPECT_FALSE(parse_timespan(text)) << text;
  }
}

TEST(GuidText, PrintsAndReadsBack) {
  const char* const text = "74be27de-1e4e-49d9-b579-fe0b331d3642";
  const auto guid = Guid::parse(text);
  ASSERT_TRUE(guid);
  EXPECT_EQ(guid->high, 0x74be27de1e4e49d9u);
  EXPECT_EQ(guid->low, 0xb579fe0b331d3642u);
  EXPECT_EQ(guid->str(), text);
  for (const char* other : {"{74BE27DE-1E4E-49D9-B579-FE0B331D3642}", "74be27de1e4e49d9b579fe0b331d3642",
                            "(74be27de-1e4e-49d9-b579-fe0b331d3642)"}) {
    EXPECT_EQ(Guid::parse(other), guid) << other;
  }
  for (const char* wrong :
       {"", "{}", "74be27de-1e4e-49d9-b579-fe0b331d364", "74be27de-1e4e-49d9-b579-fe0b331d364g",
        "74be27de01e4e049d90b5790fe0b331d3642", "{74be27de-1e4e-49d9-b579-fe0b331d3642"}) {
    EXPECT_FALSE(Guid::parse(wrong)) << wrong;
  }
}

TEST(GuidText, RandomOnesDifferAndAreVersion4) {
  std::set<Guid> seen;
  for (int i = 0; i < 1000; ++i) {
    const Guid guid = Guid::random();
    EXPECT_TRUE(seen.insert(guid).second);
    EXPECT_EQ(guid.str()[14], '4');
    EXPECT_EQ(guid.low >> 62, 2u);
  }
}

TEST(Real, PrintsTheShortestTextThatReadsBack) {
  const std::pair<double, const char*> values[] = {
      {1.5, "1.5"},
      {1.0, "1"},
      {0.0, "0"},
      {-0.25, "-0.25"},
      {0.1, "0.1"},
      {1.0 / 3, "0.3333333333333333"},
      {100000, "100000"},
      {123456789012345.0, "123456789012345"},
      {1e14, "100000000000000"},
      {1e15, "1E+15"},
      {1.5e300, "1.5E+300"},
      {0.0001, "0.0001"},
      {0.00001, "1E-05"},
      {5e-324, "5E-324"},
      {1.7976931348623157e308, "1.7976931348623157E+308"},
      {std::nan(""), "NaN"},
      {HUGE_VAL, "Infinity"},
      {-HUGE_VAL, "-Infinity"},
  };
  for (const auto& [value, text] : values) {
    EXPECT_EQ(format_real(value), text);
    if (std::isfinite(value)) {
      EXPECT_EQ(std::strtod(text, nullptr), value);
    }
  }
}

TEST(Values, PrintAsToStringDoes) {
  EXPECT_EQ(Value::boolean(true).str(), "true");
  EXPECT_EQ(Value::int32(-7).str(), "-7");
  EXPECT_EQ(Value::int64(std::numeric_limits<int64_t>::min()).str(), "-9223372036854775808");
  EXPECT_EQ(Value::real(2.5).str(), "2.5");
  EXPECT_EQ(Value::string("text").str(), "text");
  EXPECT_EQ(Value::datetime(kUnixEpoch).str(), "1970-01-01T00:00:00.0000000Z");
  EXPECT_EQ(Value::timespan(kTicksPerHour).str(), "01:00:00");
  EXPECT_EQ(Value::decimal("1.10").str(), "1.10");
  EXPECT_EQ(Value::dynamic("{\"a\":1}").str(), "{\"a\":1}");
  EXPECT_EQ(Value::null(Type::Long).str(), "");
}

TEST(Values, AStringIsNeverNull) {
  EXPECT_FALSE(Value::null(Type::String).is_null());
  EXPECT_EQ(Value::null(Type::String), Value::string(""));
  EXPECT_TRUE(Value::null(Type::DateTime).is_null());
  EXPECT_NE(Value::null(Type::DateTime), Value::null(Type::Long));
  EXPECT_EQ(Value().type(), Type::Dynamic);
}

TEST(VectorViews, GiveTheirValues) {
  const int64_t longs[] = {1, 2, 3};
  const uint64_t validity[] = {0b101};
  const VectorView view(Type::Long, longs, validity, 3);
  EXPECT_EQ(view.value(0), Value::int64(1));
  EXPECT_EQ(view.value(1), Value::null(Type::Long));
  EXPECT_EQ(view.value(2), Value::int64(3));
  const std::string_view texts[] = {"a", ""};
  EXPECT_EQ(VectorView(Type::String, texts, nullptr, 2).value(1), Value::string(""));
  const int32_t ints[] = {-5};
  EXPECT_EQ(VectorView(Type::Int, ints, nullptr, 1).integer(0), -5);
}

}  // namespace
}  // namespace spillway
