#include "tests/catalog/support.h"

#include <cstdlib>
#include <sstream>

#include "catalog/codec.h"

namespace spillway::catalog {

CatalogTest::CatalogTest() {
  std::string name = (std::filesystem::temp_directory_path() / "spillway catalog XXXXXX").string();
  folder_ = mkdtemp(name.data());
}

CatalogTest::~CatalogTest() {
  close();
  std::filesystem::remove_all(folder_);
}

void CatalogTest::open() {
  Result<std::unique_ptr<Catalog>> opened = Catalog::open(folder_, clock_);
  ASSERT_TRUE(opened.ok()) << opened.error().message;
  catalog_ = *std::move(opened);
}

int64_t CatalogTest::make_table(const std::string& name) {
  Table table;
  table.name = name;
  table.columns = {{0, "Time", Type::DateTime, "when"}, {0, "N", Type::Long, ""}};
  const Status created = write([&](Writer& writer) { return writer.create_table(kDb, table); });
  EXPECT_TRUE(created.ok());
  return database().tables.at(name)->id;
}

Cursor CatalogTest::ingest(int64_t table_id, int count) {
  Cursor cursor = 0;
  const Status status = write([&](Writer& writer) -> Status {
    std::vector<Extent> extents;
    for (int i = 0; i < count; ++i) extents.push_back(make_extent(i + 1));
    SPILLWAY_ASSIGN(cursor, writer.add_extents(kDb, table_id, std::move(extents)));
    return Status();
  });
  EXPECT_TRUE(status.ok()) << (status.ok() ? "" : status.error().message);
  return cursor;
}

void CatalogTest::make_export(const std::string& name) {
  ContinuousExport definition;
  definition.name = name;
  definition.external_table = "E";
  definition.query = "T";
  definition.fact_tables = {"T"};
  definition.over_given = true;
  definition.interval = kTicksPerMinute;
  definition.properties = {{"distributed", "false"}};
  ASSERT_SUCCESS(write([&](Writer& writer) { return writer.put_export(kDb, definition); }));
}

Result<ExportRun> CatalogTest::begin(Cursor to, const std::string& name) {
  ExportRun run;
  SPILLWAY_TRY(write([&](Writer& writer) -> Status {
    SPILLWAY_ASSIGN(run, writer.begin_run(kDb, name, to, "tests"));
    return Status();
  }));
  return run;
}

Extent make_extent(int64_t rows) {
  Extent extent;
  extent.id = Guid::random();
  extent.path = "1/2/" + extent.id.str() + ".parquet";
  extent.rows = rows;
  extent.bytes = 100 * rows;
  extent.original_bytes = 1000 * rows;
  extent.datetime_ranges[1] = {kStart, kMaxDateTime};
  extent.tags = {"ingest-by:a", "drop-by:\"b\""};
  return extent;
}

Artifact make_artifact(const Guid& owner, const std::string& object) {
  Artifact artifact;
  artifact.owner = owner;
  artifact.database = kDb;
  artifact.export_name = "X";
  artifact.external_table = "E";
  artifact.connection = "https://account.blob.core.windows.net/container;c2VjcmV0";
  artifact.object = object;
  artifact.public_path = "https://account.blob.core.windows.net/container/" + object;
  artifact.records = 7;
  artifact.bytes = 70;
  return artifact;
}

Operation make_operation(OperationState state) {
  Operation operation;
  operation.id = Guid::random();
  operation.kind = "DataExport";
  operation.database = kDb;
  operation.principal = "somebody";
  operation.state = state;
  operation.started = operation.updated = kStart;
  return operation;
}

bool CatalogTest::run_sql(const std::string& script) const {
  const std::string command =
      "python3 -c 'import sqlite3, sys; d = sqlite3.connect(sys.argv[1]); d.executescript(sys.argv[2]); "
      "d.commit()' '" +
      folder_ + "/catalog.sqlite' \"" + script + "\"";
  return std::system(command.c_str()) == 0;
}

std::string text_of(const Snapshot& snapshot) {
  std::ostringstream out;
  const auto optional = [](const std::optional<Ticks>& ticks) {
    return ticks ? std::to_string(*ticks) : "null";
  };
  for (const auto& [name, policy] : snapshot.policies) out << "policy " << name << ' ' << policy << '\n';
  for (const auto& [name, database] : snapshot.databases) {
    for (const auto& [key, policy] : database->policies) out << "  policy " << key << ' ' << policy << '\n';
    out << "database " << name << ' ' << database->name << ' ' << database->id << ' ' << database->pretty_name
        << ' ' << database->cursor << '\n';
    for (const auto& [key, table] : database->tables) {
      out << "  table " << key << ' ' << table->name << ' ' << table->id << ' ' << encode(*table) << '\n';
      for (const auto& extent : *table->extents) {
        out << "    " << extent->id.str() << ' ' << extent->path << ' ' << extent->rows << ' '
            << extent->bytes << ' ' << extent->original_bytes << ' ' << extent->min_cursor << ' '
            << extent->max_cursor << ' ' << extent->created << ' ' << extent->merged << ' ' << encode(*extent)
            << '\n';
      }
    }
    for (const auto& [key, function] : database->functions) {
      out << "  function " << key << ' ' << function->name << ' ' << encode(*function) << '\n';
    }
    for (const auto& [key, table] : database->external_tables) {
      out << "  external table " << key << ' ' << table->name << ' ' << table->id << ' ' << encode(*table)
          << '\n';
    }
    for (const auto& [key, item] : database->exports) {
      out << "  export " << key << ' ' << item->name << ' ' << item->id << ' ' << encode(*item) << ' '
          << item->disabled << ' ' << item->generation << ' ' << item->start_cursor << ' '
          << item->exported_to << ' ' << item->created << ' ' << optional(item->last_run) << ' '
          << optional(item->last_success) << ' ' << item->last_result << ' ' << optional(item->failing_since)
          << ' ' << item->consecutive_failures << '\n';
    }
  }
  return out.str();
}

std::vector<std::string> objects(const Result<std::vector<Artifact>>& artifacts) {
  std::vector<std::string> out;
  EXPECT_TRUE(artifacts.ok());
  if (artifacts.ok()) {
    for (const Artifact& artifact : *artifacts) out.push_back(artifact.object);
  }
  return out;
}

}  // namespace spillway::catalog
