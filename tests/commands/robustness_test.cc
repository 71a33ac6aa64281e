// Whatever a command's text is: an answer or an error, never a crash, and never a secret in it.

#include <gtest/gtest.h>

#include <filesystem>
#include <random>
#include <set>
#include <string_view>

#include "tests/commands/session.h"

namespace spillway::test {
namespace {

/// In an order that doesn't depend on the file system: the same damages everywhere.
std::vector<std::string> known_commands() {
  std::vector<std::string> commands;
  const std::string folder = std::string(SPILLWAY_SOURCE_DIR) + "/tests/commands/sessions";
  std::set<std::string> sessions;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    sessions.insert(entry.path().string());
  for (const std::string& session : sessions) {
    for (const Step& step : read_session(session)) {
      if (step.command.starts_with('.')) commands.push_back(step.command);
    }
  }
  return commands;
}

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
    default: out.insert(at, out.substr(below(out.size()), below(20))); break;
  }
  return out;
}

constexpr std::string_view kSecret = "secretKey";

int secrets_in(std::string_view text) {
  int count = 0;
  for (size_t at = text.find(kSecret); at != std::string_view::npos; at = text.find(kSecret, at + 1)) ++count;
  return count;
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
      if (secrets_in(text) > secrets_in(command)) continue;  // a copy of it stands outside of its literal
      EXPECT_EQ(secrets_in(answer.error().message), 0) << answer.error().message;
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
