#include "export/datetime_pattern.h"

#include <gtest/gtest.h>

namespace spillway::exports {
namespace {

std::string format(std::string_view datetime, std::string_view pattern) {
  const auto text = format_by_pattern(parse_datetime(datetime).value(), pattern);
  return text.ok() ? *text : "error: " + text.error().message;
}

constexpr const char* kMoment = "2019-02-03T04:05:06.0780000Z";

TEST(DatetimePattern, FollowsDotNet) {
  struct {
    const char *pattern, *expected;
  } cases[] = {
      {"yyyy/MM/dd", "2019/02/03"},
      {"yyyyMMdd", "20190203"},
      {"'year='yyyy'/month='MM", "year=2019/month=02"},
      {"year={yyyy}/month={MM}", "year=2019/month=02"},
      {"year={yyyy}/{'day 'dd}", "year=2019/day 03"},
      {"y yy yyy yyyyy", "19 19 2019 02019"},
      {"M MM MMM MMMM", "2 02 Feb February"},
      {"d dd ddd dddd", "3 03 Sun Sunday"},
      {"H HH h hh", "4 04 4 04"},
      {"m mm s ss", "5 05 6 06"},
      {"f ff fff fffffff", "0 07 078 0780000"},
      {"FFFFFFF", "078"},
      {"t tt", "A AM"},
      {"HH\\h%m", "04h5"},
      {"\"dt=\"yyyy-MM-dd", "dt=2019-02-03"},
      {"'{'yyyy'}'", "{2019}"},
  };
  for (const auto& [pattern, expected] : cases) EXPECT_EQ(format(kMoment, pattern), expected) << pattern;
  EXPECT_EQ(format("2020-06-01T00:30:00Z", "h tt"), "12 AM");
  EXPECT_EQ(format("2020-06-01T12:30:00Z", "h tt"), "12 PM");
  EXPECT_EQ(format("2020-06-01T23:30:00Z", "hh t"), "11 P");
  EXPECT_EQ(format("0001-01-01", "yyyy-MM-dd dddd"), "0001-01-01 Monday");
}

TEST(DatetimePattern, RefusesMalformedOnes) {
  for (const char* pattern : {"'year", "\"", "yyyy\\", "year={yyyy", "yyyyyyyyyyyy"}) {
    EXPECT_FALSE(format_by_pattern(0, pattern).ok()) << pattern;
  }
}

}  // namespace
}  // namespace spillway::exports
