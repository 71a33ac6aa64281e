// Runs the cases of *.txt in this folder. A case is
//
//   === what it shows
//   the query, on one or more lines
//   --- ok                            it parses
//   --- (+ a 1)                       it is an expression, and this is its tree
//   --- 1:7 expected ')' but found 'by'     it doesn't parse: line, column and message of the error
//
// Lines before the first `===` are a comment.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "kql/syntax/parser.h"
#include "tests/kql_syntax/print_tree.h"

namespace spillway::kql::syntax {
namespace {

struct Case {
  std::string file;
  int line = 0;
  std::string title;
  std::string query;
  std::string expected;
};

std::vector<Case> read_cases(const std::filesystem::path& path) {
  std::vector<Case> cases;
  std::ifstream in(path);
  std::string line;
  for (int number = 1; std::getline(in, line); number++) {
    if (line.starts_with("=== ")) {
      cases.push_back({path.filename().string(), number, line.substr(4), "", ""});
    } else if (cases.empty()) {
      continue;
    } else if (line.starts_with("--- ")) {
      cases.back().expected = line.substr(4);
    } else if (cases.back().expected.empty()) {
      cases.back().query += (cases.back().query.empty() ? "" : "\n") + line;
    }
  }
  return cases;
}

std::string describe(const Error& error) {
  const TextSpan span = error.span.value_or(TextSpan{});
  return std::to_string(span.line) + ":" + std::to_string(span.column) + " " + error.message;
}

std::string outcome(const Case& c) {
  if (c.expected.starts_with("(") ||
      (c.expected != "ok" && !isdigit(static_cast<unsigned char>(c.expected[0])))) {
    const auto expr = parse_expression(c.query);
    return expr.ok() ? print_tree(**expr) : describe(expr.error());
  }
  const auto query = parse_query(c.query);
  return query.ok() ? "ok" : describe(query.error());
}

class CorpusCase : public testing::Test {
 public:
  explicit CorpusCase(Case c) : case_(std::move(c)) {}
  void TestBody() override {
    EXPECT_EQ(outcome(case_), case_.expected) << case_.file << ":" << case_.line << "\n" << case_.query;
  }

 private:
  Case case_;
};

std::string test_name(const Case& c) {
  std::string name = c.title + "_" + std::to_string(c.line);
  for (char& ch : name)
    if (!isalnum(static_cast<unsigned char>(ch))) ch = '_';
  return name;
}

const bool kRegistered = [] {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(SPILLWAY_SOURCE_DIR "/tests/kql_syntax"))
    if (entry.path().extension() == ".txt" && entry.path().filename() != "CMakeLists.txt")
      files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  for (const auto& file : files) {
    for (const Case& c : read_cases(file)) {
      const std::string suite = "Syntax_" + file.stem().string();
      testing::RegisterTest(suite.c_str(), test_name(c).c_str(), nullptr, nullptr, __FILE__, __LINE__,
                            [c]() -> CorpusCase* { return new CorpusCase(c); });
    }
  }
  return true;
}();

TEST(Corpus, IsRead) {
  EXPECT_TRUE(kRegistered);
}

}  // namespace
}  // namespace spillway::kql::syntax
