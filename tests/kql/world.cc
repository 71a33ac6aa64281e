#include "tests/kql/world.h"

#include <filesystem>
#include <fstream>

#include "engine/plan_runner.h"
#include "kql/syntax/parser.h"

namespace spillway::kql::test {
namespace {

constexpr const char* kDatabase = "NetDefaultDB";
constexpr const char* kNow = "2024-06-15T12:34:56.7890000Z";

const catalog::Table* find(const catalog::Snapshot& snapshot, const std::string& name) {
  const auto& tables = snapshot.databases.at(kDatabase)->tables;
  const auto found = tables.find(name);
  return found == tables.end() ? nullptr : found->second.get();
}

}  // namespace

World::World() : clock_(*parse_datetime(kNow) - kTicksPerHour), stores_({folder_.path() + "/storage"}) {}

Status World::open(const CaseFile& file) {
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

Result<std::vector<Table>> World::run(const std::string& query_text, const engine::RunOptions& run_options) {
  constexpr std::string_view kStorage = "$STORAGE";
  std::string text = query_text;
  for (size_t at = text.find(kStorage); at != std::string::npos; at = text.find(kStorage, at)) {
    text.replace(at, kStorage.size(), folder_.path() + "/storage");
  }
  SPILLWAY_ASSIGN(const BoundQuery query, compile(text, bind_options()));
  std::vector<Table> tables;
  for (const BoundResult& result : query.results) {
    SPILLWAY_ASSIGN(Table table, engine_->run_to_table(result.plan, run_options));
    tables.push_back(std::move(table));
  }
  return tables;
}

BindOptions World::bind_options() const {
  BindOptions options;
  options.snapshot = catalog_->snapshot();
  options.database = kDatabase;
  options.now = *parse_datetime(kNow);
  options.principal = "tester";
  engine::let_run(options, *engine_, {});
  return options;
}

Status World::create(const std::string& name, const Schema& schema) {
  catalog::Table table;
  table.name = name;
  for (const Field& field : schema) table.columns.push_back({0, field.name, field.type, ""});
  return catalog_->write([&](catalog::Writer& writer) { return writer.create_table(kDatabase, table); });
}

Status World::add(const TableData& data) {
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

Status World::add(const ExternalData& data) {
  catalog::ExternalTable table;
  table.name = data.name;
  table.format = data.format;
  SPILLWAY_ASSIGN(const syntax::RowSchema schema, syntax::parse_row_schema(data.schema));
  for (const syntax::ColumnDecl& column : schema.columns)
    table.columns.push_back({static_cast<int>(table.columns.size()) + 1, column.name.text, column.type, ""});
  const std::string folder = folder_.path() + "/storage/" + data.name;
  std::filesystem::create_directories(folder);
  std::ofstream(folder + "/data." + data.format) << data.content;
  table.connection_strings = {folder};
  return catalog_->write(
      [&](catalog::Writer& writer) { return writer.put_external_table(kDatabase, table); });
}

}  // namespace spillway::kql::test
