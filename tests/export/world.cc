#include "tests/export/world.h"

#include <gtest/gtest.h>
#include <libdeflate.h>

#include <algorithm>
#include <filesystem>
#include <sstream>

namespace spillway::exports {
namespace {

const Ticks kStart = parse_datetime("2024-01-01T12:00:00Z").value();
const Ticks kFirstDay = parse_datetime("2024-02-27").value();

const std::vector<catalog::Column> kColumns = {
    {1, "id", Type::Long, ""}, {2, "name", Type::String, ""}, {3, "at", Type::DateTime, ""}};

void expect_ok(const Status& status) {
  if (!status.ok()) throw std::runtime_error(status.error().message);
}
template <typename T>
T value_of(Result<T> result) {
  expect_ok(result.status());
  return std::move(*result);
}

std::string name_of(int64_t id) {
  return "n" + std::to_string(id % 3);
}
Ticks day_of(int64_t id) {
  return kFirstDay + id % 5 * kTicksPerDay;
}

std::string unpacked(const std::string& path) {
  const std::string bytes = test::read_file(path);
  if (!path.ends_with(".gz")) return bytes;
  std::string text(64 << 20, '\0');
  size_t in = 0, out = 0;
  libdeflate_decompressor* decompressor = libdeflate_alloc_decompressor();
  const auto status = libdeflate_gzip_decompress_ex(decompressor, bytes.data(), bytes.size(), text.data(),
                                                    text.size(), &in, &out);
  libdeflate_free_decompressor(decompressor);
  if (status != LIBDEFLATE_SUCCESS || in != bytes.size())
    throw std::runtime_error(path + ": no single gzip member");
  text.resize(out);
  return text;
}

}  // namespace

World::World(ServiceOptions options, const Clock* clock)
    : clock_(kStart),
      used_clock_(clock ? clock : &clock_),
      stores_({folder_.path("out")}),
      options_(std::move(options)) {
  options_.staging_folder = folder_.path("staging");
  options_.owner = "test";
  open();
}

World::~World() {
  service_.reset();
}

void World::open() {
  std::filesystem::create_directories(folder_.path("catalog"));
  std::filesystem::create_directories(folder_.path("extents"));
  catalog_ = value_of(catalog::Catalog::open(folder_.path("catalog"), *used_clock_));
  engine::EngineOptions engine_options;
  engine_options.memory_limit = int64_t{1} << 30;
  engine_options.threads = 2;
  engine_options.temp_folder = folder_.path("temp");
  engine_options.extents_folder = folder_.path("extents");
  engine_ = value_of(engine::Engine::open(engine_options, stores_));
  service_ = value_of(Service::open(*catalog_, *engine_, stores_, *used_clock_, options_));
}

void World::restart() {
  service_.reset();
  engine_.reset();
  catalog_.reset();
  open();
}

void World::make_table(const std::string& name, bool ingestion_time_policy) {
  catalog::Table table;
  table.name = name;
  table.columns = kColumns;
  for (catalog::Column& column : table.columns) column.id = 0;
  table.ingestion_time_policy = ingestion_time_policy;
  expect_ok(catalog_->write([&](catalog::Writer& writer) { return writer.create_table(kDatabase, table); }));
}

void World::ingest(const std::string& name, int64_t first, int64_t count) {
  const auto table = catalog_->snapshot()->database(kDatabase)->tables.at(name);
  auto values = std::make_shared<kql::Values>();
  values->columns = {{1, "id", Type::Long}, {2, "name", Type::String}, {3, "at", Type::DateTime}};
  for (int64_t id = first; id < first + count; ++id) {
    values->rows.push_back({Value::int64(id), Value::string(name_of(id)), Value::datetime(day_of(id))});
  }
  catalog::Extent extent;
  extent.id = Guid::random();
  extent.path = std::to_string(table->id) + "/" + extent.id.str() + ".parquet";
  std::filesystem::create_directories(folder_.path("extents/" + std::to_string(table->id)));
  const auto written =
      value_of(engine_->write_extent(values, *table, folder_.path("extents/" + extent.path), {}));
  extent.rows = written.rows;
  extent.bytes = written.bytes;
  extent.datetime_ranges = written.datetime_ranges;
  expect_ok(catalog_->write([&](catalog::Writer& writer) -> Status {
    return writer.add_extents(kDatabase, table->id, {extent}).status();
  }));
}

catalog::ExternalTable World::external(const std::string& name, const std::string& format) const {
  catalog::ExternalTable table;
  table.name = name;
  table.format = format;
  table.columns = kColumns;
  table.connection_strings = {target()};
  return table;
}

void World::put(const catalog::ExternalTable& table) {
  expect_ok(
      catalog_->write([&](catalog::Writer& writer) { return writer.put_external_table(kDatabase, table); }));
}

Status World::make_export(const std::string& name, const std::string& external_table,
                          const std::string& query, std::vector<std::string> over,
                          std::map<std::string, std::string> properties) {
  catalog::ContinuousExport definition;
  definition.name = name;
  definition.external_table = external_table;
  definition.query = query;
  definition.over_given = !over.empty();
  definition.fact_tables = std::move(over);
  return service_->create_or_alter(kDatabase, definition, properties);
}

std::shared_ptr<const catalog::ContinuousExport> World::definition(const std::string& name) const {
  const auto& exports = catalog_->snapshot()->database(kDatabase)->exports;
  const auto found = exports.find(name);
  return found == exports.end() ? nullptr : found->second;
}

std::vector<std::string> World::reported(const std::string& name) {
  std::vector<std::string> lines;
  for (const catalog::Artifact& artifact : value_of(catalog_->exported_artifacts(kDatabase, name))) {
    const auto connection = value_of(storage::ConnectionString::parse(artifact.connection));
    const std::string copy = folder_.path(artifact.object.substr(artifact.object.rfind('/') + 1));
    expect_ok(value_of(stores_.open(connection))->get_file(artifact.object, copy));
    std::istringstream text(unpacked(copy));
    int64_t records = 0;
    for (std::string line; std::getline(text, line); ++records) lines.push_back(line);
    EXPECT_EQ(records, artifact.records) << artifact.public_path;
    EXPECT_EQ(static_cast<int64_t>(std::filesystem::file_size(copy)), artifact.bytes);
    std::filesystem::remove(copy);
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

std::vector<std::string> World::reported_paths(const std::string& name) {
  std::vector<std::string> paths;
  for (const catalog::Artifact& artifact : value_of(catalog_->exported_artifacts(kDatabase, name))) {
    paths.push_back(artifact.public_path);
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::vector<std::string> World::stored() {
  std::vector<std::string> paths;
  if (!std::filesystem::exists(target())) return paths;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(target())) {
    if (entry.is_regular_file()) paths.push_back(entry.path().string());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

kql::BoundQuery World::bind(const std::string& query) {
  kql::BindOptions options;
  options.snapshot = catalog_->snapshot();
  options.database = kDatabase;
  options.now = used_clock_->now();
  return value_of(kql::compile(query, options));
}

std::vector<std::string> lines_of(int64_t first, int64_t count) {
  std::vector<std::string> lines;
  for (int64_t id = first; id < first + count; ++id) {
    lines.push_back(std::to_string(id) + "," + name_of(id) + "," + format_datetime(day_of(id)));
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

}  // namespace spillway::exports
