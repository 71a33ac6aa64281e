#include "base/log.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/types.h"

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
  constexpr size_t kTimestamp = std::string_view("2026-01-01T00:00:00.000Z").size();
  EXPECT_TRUE(parse_datetime(line.substr(0, kTimestamp))) << line;
  EXPECT_EQ(line.substr(kTimestamp),
            " info export run completed export=\"E 1\" records=5 ok=true path=/a/b none=\"\"\n");
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
