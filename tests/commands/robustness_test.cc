// Whatever a command's text is: an answer or an error, never a crash, and never a secret in it.

#include <gtest/gtest.h>

#include <filesystem>
#include <random>
#include <set>

#include "tests/commands/session.h"

namespace spillway::test {
namespace {

std::vector<std::string> known_commands() {
  std::vector<std::string> commands;
  const std::string folder = std::string(SPILLWAY_SOURCE_DIR) + "/tests/commands/sessions";
  std::set<std::string> files;  // the same order everywhere
  for (const auto& entry : std::filesystem::directory_iterator(folder)) files.insert(entry.path().string());
  for (const std::string& file : files) {
    for (const Step& step : read_session(file)) {
      if (step.command.starts_with('.')) commands.push_back(step.command);
    }
  }
  return commands;
}

constexpr const char* kSecret = "secretKey";

/// A text like the given one, but with something missing, doubled, cut off or put in.
std::string damaged(const std::string& text, std::mt19937_64& random) {
  static const std::vector<std::string> pieces = {"(", ")",    "'",        "\"",  "[",  "]",
                                                  "{", "}",    "|",        ",",   "<|", "\n",
                                                  ";", "\xFF", "\xE2\x80", "```", "//", "-1e99"};
  const auto below = [&](size_t n) { return static_cast<size_t>(random() % std::max<size_t>(n, 1)); };
  std::string out = text;
  const size_t at = below(out.size());
  switch (below(4)) {
    case 0: out.resize(at); break;
    case 1: out.erase(at, 1 + below(8)); break;
    case 2: out.insert(at, pieces[below(pieces.size())]); break;
    default: {
      const std::string copy = out.substr(below(out.size()), below(20));
      // Outside of its literal it would be no secret.
      if (copy.find(kSecret) == std::string::npos) out.insert(at, copy);
      break;
    }
  }
  return out;
}

TEST(RobustnessTest, DamagedCommandsAreAnswered) {
  Server server;
  std::mt19937_64 random(20240501);
  constexpr int kDamagesPerCommand = 12;
  for (const std::string& command : known_commands()) {
    for (int i = 0; i < kDamagesPerCommand; ++i) {
      const std::string text = damaged(command, random);
      const Result<std::vector<Table>> answer = server.run(text);
      if (answer.ok()) continue;
      EXPECT_NE(answer.error().code, ErrorCode::Internal) << text << "\n" << answer.error().message;
      EXPECT_EQ(answer.error().message.find(kSecret), std::string::npos) << answer.error().message;
    }
  }
}

TEST(RobustnessTest, DeepAndLongCommandsAreAnswered) {
  Server server;
  constexpr size_t kMany = 100'000;
  EXPECT_FALSE(server.run(".create function F() " + std::string(kMany, '{')).ok());
  EXPECT_FALSE(server.run(".show tables " + std::string(kMany, '(')).ok());
  EXPECT_FALSE(server.run(".create table T (" + std::string(kMany, 'x') + ":long)").ok());
  EXPECT_FALSE(server.run("." + std::string(kMany, 'a')).ok());
  EXPECT_FALSE(server.run(".ingest inline into table T " + std::string(kMany, '[')).ok());
  std::string wide = ".create table Wide (c0:long";
  for (int i = 1; i < 2000; ++i) wide += ", c" + std::to_string(i) + ":long";
  EXPECT_TRUE(server.run(wide + ")").ok());
}

}  // namespace
}  // namespace spillway::test
