// Runs the cases of the *.kqltest files in this folder (README.md).
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "kql/json.h"
#include "tests/kql/case_file.h"
#include "tests/kql/world.h"

namespace spillway::kql::test {
namespace {

std::string describe(const Error& error) {
  const TextSpan span = error.span.value_or(TextSpan{});
  return std::string(name_of(error.code)) + " " + std::to_string(span.line) + ":" +
         std::to_string(span.column) + " " + error.message;
}

/// A cell as README.md describes it.
std::string print_cell(const Value& value) {
  if (value.is_null()) return "null";
  std::string text = value.str();
  if (value.type() != Type::String) return text;
  const bool control =
      std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 32; });
  const bool edges = !text.empty() && (text.front() == ' ' || text.back() == ' ' || text.front() == '"');
  if (!control && !edges && text != "null" && text.find('|') == std::string::npos) return text;
  std::string out;
  json::quote(text, out);
  return out;
}

std::string join(const std::vector<std::string>& cells) {
  std::string out;
  for (size_t i = 0; i < cells.size(); i++) out += (i == 0 ? "" : " | ") + cells[i];
  return out;
}

/// Header and rows as lines; rows sorted where their order doesn't count.
std::string print_lines(std::vector<std::string> rows, const std::string& header, bool ordered) {
  if (!ordered) std::sort(rows.begin(), rows.end());
  std::string out = header + "\n";
  for (const std::string& row : rows) out += row + "\n";
  return out;
}

std::string print(const Table& table, bool ordered) {
  std::vector<std::string> header, rows;
  for (const Field& field : table.schema) header.push_back(field.name + ":" + kql_name(field.type));
  for (const auto& row : table.rows) {
    std::vector<std::string> cells;
    for (const Value& value : row) cells.push_back(print_cell(value));
    rows.push_back(join(cells));
  }
  return print_lines(std::move(rows), join(header), ordered);
}

std::string print(const Expectation& expectation) {
  std::vector<std::string> rows;
  for (const auto& row : expectation.rows) {
    std::vector<std::string> cells;
    // "" is the empty string too, for rows of one column.
    for (const std::string& cell : row) cells.push_back(cell == "\"\"" ? "" : cell);
    rows.push_back(join(cells));
  }
  return print_lines(std::move(rows), join(expectation.columns), expectation.ordered);
}

void expect_error(const ExpectedError& expected, const Result<std::vector<Table>>& result) {
  ASSERT_FALSE(result.ok()) << "it succeeded";
  const Error& error = result.error();
  const std::string all = describe(error);
  if (!expected.code.empty()) {
    EXPECT_EQ(name_of(error.code), expected.code) << all;
  }
  if (!expected.position.empty()) {
    EXPECT_TRUE(all.starts_with(expected.code + " " + expected.position + " ")) << all;
  }
  EXPECT_NE(error.message.find(expected.text), std::string::npos) << all;
}

void run_case(World& world, const Case& c) {
  const Result<std::vector<Table>> result = world.run(c.query);
  if (c.error) return expect_error(*c.error, result);
  ASSERT_TRUE(result.ok()) << describe(result.error());
  ASSERT_EQ(result->size(), c.results.size()) << "tabular results";
  for (size_t i = 0; i < c.results.size(); i++)
    EXPECT_EQ(print((*result)[i], c.results[i].ordered), print(c.results[i]));
}

class FileTest : public testing::Test {
 public:
  explicit FileTest(std::string path) : path_(std::move(path)) {}
  void TestBody() override {
    const CaseFile file = read_case_file(path_);
    ASSERT_EQ(file.error, "") << path_;
    ASSERT_FALSE(file.cases.empty()) << path_;
    World world;
    const Status opened = world.open(file);
    ASSERT_TRUE(opened.ok()) << path_ << ": " << describe(opened.error());
    for (const Case& c : file.cases) {
      SCOPED_TRACE(path_ + ":" + std::to_string(c.line) + ": " + c.title + "\n" + c.query);
      run_case(world, c);
    }
  }

 private:
  std::string path_;
};

const bool kRegistered = [] {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(SPILLWAY_SOURCE_DIR "/tests/kql"))
    if (entry.path().extension() == ".kqltest") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  for (const auto& file : files) {
    const std::string path = file.string();
    testing::RegisterTest("Kql", file.stem().string().c_str(), nullptr, nullptr, __FILE__, __LINE__,
                          [path]() -> FileTest* { return new FileTest(path); });
  }
  return true;
}();

TEST(KqlFiles, AreRegistered) {
  EXPECT_TRUE(kRegistered);
}

}  // namespace
}  // namespace spillway::kql::test
