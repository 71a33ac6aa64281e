#include "tests/ingest/support.h"

#include <zlib.h>

#include <algorithm>
#include <filesystem>

#include "kql/functions.h"

namespace spillway::ingest {
namespace {

std::string text_of(const Value& value) {
  return value.is_null() ? "null" : value.str();
}

}  // namespace

IngestTest::IngestTest() : stores_({folder_.path("storage")}) {
  open();
}

IngestTest::~IngestTest() {
  close();
}

void IngestTest::open() {
  auto catalog = catalog::Catalog::open(folder_.path("catalog"), clock_);
  ASSERT_SUCCESS(catalog);
  catalog_ = *std::move(catalog);
  engine::EngineOptions options;
  options.memory_limit = int64_t{1} << 30;
  options.temp_folder = folder_.path("temp");
  options.extents_folder = folder_.path("extents");
  auto engine = engine::Engine::open(options, stores_);
  ASSERT_SUCCESS(engine);
  engine_ = *std::move(engine);
  auto ingestor = Ingestor::open(*catalog_, *engine_, stores_, clock_, folder_.path("extents"), options_);
  ASSERT_SUCCESS(ingestor);
  ingestor_ = *std::move(ingestor);
}

void IngestTest::close() {
  ingestor_.reset();
  engine_.reset();
  catalog_.reset();
}

void IngestTest::make_table(const std::string& columns, const std::string& name) {
  catalog::Table made;
  made.name = name;
  for (size_t begin = 0; begin < columns.size();) {
    const size_t end = std::min(columns.find(", ", begin), columns.size());
    const std::string item = columns.substr(begin, end - begin);
    const size_t colon = item.rfind(':');
    const std::optional<Type> type = parse_type(item.substr(colon + 1));
    ASSERT_TRUE(type) << item;
    made.columns.push_back({0, item.substr(0, colon), *type, ""});
    begin = end + 2;
  }
  ASSERT_SUCCESS(catalog_->write([&](catalog::Writer& writer) { return writer.create_table(kDb, made); }));
}

std::shared_ptr<const catalog::Table> IngestTest::table(const std::string& name) {
  return catalog_->snapshot()->database(kDb)->tables.at(name);
}

Request IngestTest::request(const std::map<std::string, std::string>& properties, const std::string& name) {
  Request request;
  request.database = kDb;
  request.table = *table(name);
  const Result<Properties> parsed = parse_properties(properties);
  EXPECT_TRUE(parsed.ok()) << error_of(parsed);
  if (parsed.ok()) request.properties = *parsed;
  return request;
}

Result<std::vector<Loaded>> IngestTest::ingest(std::string_view data,
                                               const std::map<std::string, std::string>& properties) {
  return ingestor_->ingest_data(request(properties), data);
}

Result<std::vector<Loaded>> IngestTest::ingest_files(const std::vector<std::string>& connections,
                                                     const std::map<std::string, std::string>& properties) {
  return ingestor_->ingest_files(request(properties), connections);
}

std::string IngestTest::write_gzip(const std::string& name, const std::string& content) {
  const std::string path = write(name, "");
  gzFile file = gzopen(path.c_str(), "wb");
  EXPECT_EQ(gzwrite(file, content.data(), static_cast<unsigned>(content.size())),
            static_cast<int>(content.size()));
  EXPECT_EQ(gzclose(file), Z_OK);
  return path;
}

void IngestTest::sql(const std::string& statement) {
  const auto connection = engine_->connect();
  ASSERT_SUCCESS(connection);
  ASSERT_SUCCESS((*connection)->query(statement));
}

std::vector<std::string> IngestTest::records(const std::string& name) {
  auto scan = std::make_shared<kql::TableScan>();
  scan->database = kDb;
  scan->table = table(name);
  for (const catalog::Column& column : scan->table->columns) {
    scan->field_ids.push_back(column.id);
    scan->columns.push_back({column.id, column.name, column.type});
  }
  const Result<Table> result = engine_->run_to_table(scan, {});
  EXPECT_TRUE(result.ok()) << error_of(result);
  std::vector<std::string> out;
  if (!result.ok()) return out;
  for (const std::vector<Value>& row : result->rows) {
    std::string line;
    for (const Value& value : row) line += (line.empty() && &value == &row[0] ? "" : "|") + text_of(value);
    out.push_back(line);
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<std::string> IngestTest::extent_files() {
  std::vector<std::string> files;
  const std::string root = folder_.path("extents");
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    if (entry.is_regular_file()) files.push_back(entry.path().lexically_relative(root).string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

kql::RelPtr rows_plan(const Schema& schema, const std::vector<std::vector<Value>>& rows) {
  auto plan = std::make_shared<kql::Values>();
  for (const Field& field : schema) {
    plan->columns.push_back({static_cast<int>(plan->columns.size()) + 1, field.name, field.type});
  }
  plan->rows = rows;
  return plan;
}

}  // namespace spillway::ingest
