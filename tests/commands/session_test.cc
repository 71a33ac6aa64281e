// Every file of sessions/ is a test.

#include "tests/commands/session.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>

namespace spillway::test {
namespace {

std::string folder() {
  return std::string(SPILLWAY_SOURCE_DIR) + "/tests/commands/sessions";
}

std::vector<std::string> session_files() {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder()))
    files.push_back(entry.path().string());
  std::sort(files.begin(), files.end());
  return files;
}

class SessionTest : public ::testing::TestWithParam<std::string> {};

TEST_P(SessionTest, GivesWhatItExpects) {
  run_session(GetParam());
}

std::string test_name(const ::testing::TestParamInfo<std::string>& info) {
  std::string name = std::filesystem::path(info.param).stem().string();
  std::replace_if(
      name.begin(), name.end(), [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); }, '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Sessions, SessionTest, ::testing::ValuesIn(session_files()), test_name);

}  // namespace
}  // namespace spillway::test
