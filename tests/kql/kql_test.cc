// Runs the cases of the *.kqltest files in this folder (README.md).
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "catalog/catalog.h"
#include "engine/engine.h"
#include "kql/binder.h"
#include "kql/json.h"
#include "kql/syntax/parser.h"
#include "storage/object_store.h"
#include "tests/kql/case_file.h"
#include "tests/support/temp_folder.h"

namespace spillway::kql::test {
namespace {

constexpr const char* kDatabase = "NetDefaultDB";
constexpr const char* kNow = "2024-06-15T12:34:56.7890000Z";

std::string describe(const Error& error) {
  const TextSpan span = error.span.value_or(TextSpan{});
  return std::string(name_of(error.code)) + " " + std::to_string(span.line) + ":" +
         std::to_string(span.column) + " " + error.message;
}

/// A catalog, an engine and the tables of one file.
class World {
 public:
  World() : clock_(*parse_datetime(kNow) - kTicksPerHour), stores_({folder_.path() + "/storage"}) {}

  Status open(const CaseFile& file) {
    for (const char* name : {"/catalog", "/extents", "/temp"})
      std::filesystem::create_directories(folder_.path() + name);
    SPILLWAY_ASSIGN(catalog_, catalog::Catalog::open(folder_.path() + "/catalog", clock_));
    engine::EngineOptions options;
    options.temp_folder = folder_.path() + "/temp";
    options.extents_folder = folder_.path() + "/extents";
    options.memory_limit = int64_t{512} << 20;
    options.threads = 2;
    SPILLWAY_ASSIGN(engine_, engine::Engine::open(options, stores_));
    for (const TableData& table : file.tables) SPILLWAY_TRY(add(table));
    for (const ExternalData& external : file.externals) SPILLWAY_TRY(add(external));
    return {};
  }

  Result<std::vector<Table>> run(const std::string& text) {
    SPILLWAY_ASSIGN(const BoundQuery query, compile(text, bind_options()));
    std::vector<Table> tables;
    for (const BoundResult& result : query.results) {
      SPILLWAY_ASSIGN(Table table, engine_->run_to_table(result.plan, {}));
      tables.push_back(std::move(table));
    }
    return tables;
  }

 private:
  BindOptions bind_options() const {
    BindOptions options;
    options.snapshot = catalog_->snapshot();
    options.database = kDatabase;
    options.now = *parse_datetime(kNow);
    options.principal = "tester";
    return options;
  }

  const catalog::Table* find(const catalog::Snapshot& snapshot, const std::string& name) const {
    const auto& tables = snapshot.databases.at(kDatabase)->tables;
    const auto found = tables.find(name);
    return found == tables.end() ? nullptr : found->second.get();
  }

  Status create(const std::string& name, const Schema& schema) {
    catalog::Table table;
    table.name = name;
    for (const Field& field : schema) table.columns.push_back({0, field.name, field.type, ""});
    return catalog_->write([&](catalog::Writer& writer) { return writer.create_table(kDatabase, table); });
  }

  Status add(const TableData& data) {
    SPILLWAY_ASSIGN(const BoundQuery query, compile(data.query, bind_options()));
    const RelPtr plan = query.results.at(0).plan;
    if (!find(*catalog_->snapshot(), data.name)) SPILLWAY_TRY(create(data.name, schema_of(*plan)));
    const auto snapshot = catalog_->snapshot();
    const catalog::Table& table = *find(*snapshot, data.name);
    catalog::Extent extent;
    extent.id = Guid::random();
    extent.path = extent.id.str() + ".parquet";
    SPILLWAY_ASSIGN(const engine::WrittenFile file,
                    engine_->write_extent(plan, table, folder_.path() + "/extents/" + extent.path, {}));
    extent.rows = file.rows;
    extent.bytes = file.bytes;
    extent.datetime_ranges = file.datetime_ranges;
    clock_.advance(kTicksPerSecond);
    return catalog_->write(
        [&](catalog::Writer& writer) { return writer.add_extents(kDatabase, table.id, {extent}).status(); });
  }

  Status add(const ExternalData& data) {
    catalog::ExternalTable table;
    table.name = data.name;
    table.format = data.format;
    SPILLWAY_ASSIGN(const syntax::RowSchema schema, syntax::parse_row_schema(data.schema));
    for (const syntax::ColumnDecl& column : schema.columns)
      table.columns.push_back(
          {static_cast<int>(table.columns.size()) + 1, column.name.text, column.type, ""});
    const std::string folder = folder_.path() + "/storage/" + data.name;
    std::filesystem::create_directories(folder);
    std::ofstream(folder + "/data." + data.format) << data.content;
    table.connection_strings = {folder};
    return catalog_->write(
        [&](catalog::Writer& writer) { return writer.put_external_table(kDatabase, table); });
  }

  spillway::test::TempFolder folder_;
  ManualClock clock_;
  storage::StoreFactory stores_;
  std::unique_ptr<catalog::Catalog> catalog_;
  std::unique_ptr<engine::Engine> engine_;
};

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
