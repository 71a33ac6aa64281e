// docs/commands.md is what help() says. To write it anew: SPILLWAY_WRITE_DOCS=1 commands_tests
// --gtest_filter=Help*

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>

#include "commands/call.h"
#include "commands/commands.h"
#include "tests/support/temp_folder.h"

namespace spillway::commands {
namespace {

std::string page() {
  std::string text =
      "# Commands\n\n"
      "The management commands that Spillway has, each with the syntax and the output that the Kusto "
      "documentation gives "
      "it. The result of a `.show` command may be continued in KQL: `.show tables | where Folder == "
      "\"Raw\"`. What is in "
      "brackets is optional.\n\n"
      "This page is made from the program's own table of commands; `tests/commands/help_test.cc` keeps it "
      "so.\n";
  std::string family;
  for (const CommandHelp& command : help()) {
    if (command.family != family) {
      family = command.family;
      text += "\n## " + family + "\n";
    }
    text += "\n" + command.summary + ":\n\n```kusto\n";
    for (const std::string& form : command.syntax) text += form + "\n";
    text += "```\n";
  }
  return text;
}

TEST(HelpTest, DocumentationListsEveryCommand) {
  const std::string path = std::string(SPILLWAY_SOURCE_DIR) + "/docs/commands.md";
  if (std::getenv("SPILLWAY_WRITE_DOCS")) std::ofstream(path) << page();
  EXPECT_EQ(test::read_file(path), page());
}

TEST(HelpTest, PatternsAreUnique) {
  std::set<std::string> seen;
  for (const Command& command : all_commands()) {
    EXPECT_TRUE(seen.insert(command.pattern).second) << command.pattern;
    EXPECT_NE(command.run, nullptr) << command.pattern;
    EXPECT_TRUE(!command.syntax || command.summary) << command.pattern;
  }
}

TEST(HelpTest, EverySupportedCommandHasItsPermission) {
  for (const Command& command : all_commands()) {
    EXPECT_TRUE(!command.summary || is_listed(command.pattern)) << command.pattern;
  }
}

}  // namespace
}  // namespace spillway::commands
