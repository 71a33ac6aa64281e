#include "base/log.h"

#include <gtest/gtest.h>

#include <regex>

namespace spillway {
namespace {

std::string logged(log::Level level, std::string_view event, log::Fields fields) {
  ::testing::internal::CaptureStderr();
  log::write(level, event, fields);
  return ::testing::internal::GetCapturedStderr();
}

TEST(Log, IsOneLineAnEvent) {
  const std::string line =
      logged(log::Level::Info, "export run completed",
             {{"export", "E 1"}, {"records", 5}, {"ok", true}, {"path", "/a/b"}, {"none", ""}});
  EXPECT_TRUE(
      std::regex_match(line, std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z info export run completed )"
                                        R"xx(export="E 1" records=5 ok=true path=/a/b none=""\n)xx")))
      << line;
}

TEST(Log, StaysOneLineWhateverAValueHolds) {
  const std::string line = logged(log::Level::Error, "failed", {{"reason", "a\nb\"c\\ {} %v \x01"}});
  EXPECT_NE(line.find(R"(reason="a\nb\"c\\ {} %v \x01")"), std::string::npos) << line;
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
}

TEST(Log, LeavesOutWhatIsBelowItsLevel) {
  EXPECT_EQ(logged(log::Level::Debug, "quiet", {}), "");
  log::set_level(log::Level::Debug);
  EXPECT_NE(logged(log::Level::Debug, "loud", {}), "");
  log::set_level(log::Level::Info);
}

}  // namespace
}  // namespace spillway
