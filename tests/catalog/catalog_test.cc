// Databases, tables, functions, external tables and extents: every change is there after the catalog is
// opened again, and nothing is left of one that failed.
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "tests/catalog/support.h"

namespace spillway::catalog {
namespace {

using CatalogDataTest = CatalogTest;

ExternalTable make_external_table() {
  ExternalTable table;
  table.kind = ExternalTable::Kind::Delta;
  table.name = "E";
  table.folder = "f";
  table.columns = {{1, "Time", Type::DateTime, ""}, {2, "Data", Type::Dynamic, ""}};
  table.partitions = {{"Month", Type::DateTime, Partition::Kind::StartOfMonth, "Time", 0},
                      {"Part", Type::Long, Partition::Kind::Hash, "Data", 10},
                      {"Day", Type::DateTime, Partition::Kind::Bin, "Time", kTicksPerDay}};
  table.path_format = {{"year=", "", ""}, {"", "Month", "yyyy"}, {"/", "", ""}, {"", "Part", ""}};
  table.path_format_text = "(\"year=\" datetime_pattern(\"yyyy\", Month) \"/\" Part)";
  table.format = "csv";
  table.connection_strings = {"https://account.blob.core.windows.net/container;c2VjcmV0"};
  table.compressed = true;
  table.compression_type = "gzip";
  table.include_headers = "All";
  table.name_prefix = "p";
  table.policies = {{"principals", "{}"}};
  table.file_extension = ".txt";
  table.properties = {{"encoding", "UTF8BOM"}};
  return table;
}

TEST_F(CatalogDataTest, ANewCatalogHasTheDefaultDatabase) {
  open();
  ASSERT_EQ(snapshot()->databases.size(), 1U);
  EXPECT_EQ(database().cursor, kStart);
  EXPECT_EQ(snapshot()->database("netdefaultdb"), nullptr);
  reopen();
  EXPECT_EQ(snapshot()->databases.size(), 1U);
}

TEST_F(CatalogDataTest, TheDefaultDatabaseThatWasDroppedDoesNotComeBack) {
  open();
  ASSERT_SUCCESS(write([](Writer& writer) { return writer.drop_database(kDb); }));
  reopen();
  EXPECT_TRUE(snapshot()->databases.empty());
}

TEST_F(CatalogDataTest, ASecondProcessIsRefused) {
  open();
  const pid_t child = fork();
  if (child == 0) {
    ManualClock clock(kStart);
    const Result<std::unique_ptr<Catalog>> second = Catalog::open(folder_, clock);
    const std::string expected =
        "data folder '" + folder_ + "' is in use by process " + std::to_string(getppid());
    _exit(!second.ok() && second.error().code == ErrorCode::Conflict && second.error().message == expected
              ? 0
              : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  reopen();
}

TEST_F(CatalogDataTest, ANewerSchemaIsRefused) {
  open();
  close();
  ASSERT_TRUE(run_sql("UPDATE meta SET value = 99 WHERE name = 'schema_version'"));
  const Result<std::unique_ptr<Catalog>> opened = Catalog::open(folder_, clock_);
  ASSERT_FALSE(opened.ok());
  EXPECT_NE(opened.error().message.find("version 99"), std::string::npos);
}

/// What later versions added is taken away again: the catalog is as the first version left it.
TEST_F(CatalogDataTest, AnOlderSchemaIsBroughtUpToDate) {
  open();
  make_table();
  make_export();
  const std::string before = text_of(*snapshot());
  close();
  ASSERT_TRUE(run_sql(
      "UPDATE meta SET value = 1 WHERE name = 'schema_version'; DROP TABLE manifests; DROP TABLE policies; "
      "DROP TABLE ingestion_failures; DROP TABLE delta_commits;"
      "ALTER TABLE runs DROP COLUMN oldest; ALTER TABLE artifacts DROP COLUMN checksum;"
      "ALTER TABLE artifacts DROP COLUMN abandoned; ALTER TABLE artifacts DROP COLUMN settled"));
  open();
  EXPECT_EQ(text_of(*snapshot()), before);
  ASSERT_SUCCESS(write([](Writer& w) { return w.set_policy(kDb, "P", "{}"); }));
  EXPECT_TRUE(catalog_->due_manifests().ok());
}

TEST_F(CatalogDataTest, AManifestThatVersion2LeftDueIsStillItsExports) {
  open();
  const int64_t table = make_table();
  make_export();
  const Cursor to = ingest(table);
  const Result<ExportRun> run = begin(to);
  ASSERT_SUCCESS(run);
  const Manifest manifest{run->id, run->export_id, kDb, "X", "/somewhere", "m.json", "{}"};
  ASSERT_SUCCESS(write([&](Writer& w) { return w.commit_run(*run, {}, manifest); }));
  close();
  ASSERT_TRUE(
      run_sql("UPDATE meta SET value = 2 WHERE name = 'schema_version'; DROP TABLE policies;"
              "DROP TABLE ingestion_failures; DROP TABLE delta_commits;"
              "ALTER TABLE artifacts DROP COLUMN abandoned; ALTER TABLE artifacts DROP COLUMN settled;"
              "ALTER TABLE manifests DROP COLUMN export_id"));
  open();
  const auto due = catalog_->due_manifests();
  ASSERT_SUCCESS(due);
  ASSERT_EQ(due->size(), 1U);
  EXPECT_EQ(due->front().export_id, run->export_id);
}

TEST_F(CatalogDataTest, NobodyElseCanReadTheFiles) {
  open();
  make_table();
  for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
    const auto mode = entry.status().permissions();
    EXPECT_EQ(mode & (std::filesystem::perms::group_all | std::filesystem::perms::others_all),
              std::filesystem::perms::none)
        << entry.path();
  }
}

/// Each changes the catalog; the snapshot after opening it again is the one before.
TEST_F(CatalogDataTest, EveryChangeIsThereAfterReopening) {
  open();
  const std::vector<std::function<Status(Writer&)>> changes = {
      [](Writer& w) { return w.create_database("D", "The \"D\""); },
      [](Writer& w) { return w.set_policy("D", "P", "{\"a\":1}"); },
      [](Writer& w) { return w.set_policy("", "P", "{\"a\":2}"); },
      [](Writer& w) { return w.set_policy("", "Q", "{}"); },
      [](Writer& w) { return w.set_policy("", "Q", std::nullopt); },
      [](Writer& w) {
        Table table;
        table.name = "T";
        table.folder = "a/b";
        table.columns = {{0, "Time", Type::DateTime, "d"}, {0, "Größe", Type::Decimal, ""}};
        table.policies = {{"retention", "{}"}};
        return w.create_table("D", table);
      },
      [](Writer& w) {
        return w.put_function("D",
                              {"F", "f", "d", "(a:long)", "{ T | where N > a }", {{"principals", "{}"}}});
      },
      [](Writer& w) {
        return w.put_function("D", {"F", "", "", "()", "{ 'a\xff\n' }", {}});
      },
      [](Writer& w) { return w.put_external_table("D", make_external_table()); },
      [](Writer& w) {
        const int64_t id = w.current().database("D")->tables.at("T")->id;
        return w.add_extents("D", id, {make_extent(), make_extent(), make_extent()}).status();
      },
      [](Writer& w) {
        const int64_t id = w.current().database("D")->tables.at("T")->id;
        Extent plain;
        plain.id = Guid::random();
        plain.path = "plain";
        return w.add_extents("D", id, {plain}).status();
      },
      [](Writer& w) {
        Table table = *w.current().database("D")->tables.at("T");
        table.columns.erase(table.columns.begin());
        table.columns.push_back({0, "New", Type::Guid, ""});
        table.ingestion_time_policy = false;
        table.docstring = "altered";
        return w.alter_table("D", table);
      },
      [](Writer& w) { return w.rename_table("D", "T", "U"); },
      [](Writer& w) {
        const Table& table = *w.current().database("D")->tables.at("U");
        return w.drop_extents("D", table.id, {(*table.extents)[1]->id});
      },
      [](Writer& w) {
        ContinuousExport definition;
        definition.name = "X";
        definition.query = "U";
        definition.properties = {{"a", "b"}};
        definition.managed_identity = "system";
        definition.interval = 1;
        definition.forced_latency = 2;
        return w.put_export("D", definition);
      },
      [](Writer& w) { return w.set_export_disabled("D", "X", true); },
      [](Writer& w) { return w.drop_function("D", "F"); },
      [](Writer& w) { return w.drop_external_table("D", "E"); },
      [](Writer& w) { return w.drop_export("D", "X"); },
      [](Writer& w) { return w.drop_table("D", "U"); },
      [](Writer& w) { return w.drop_database("D"); },
  };
  for (size_t i = 0; i < changes.size(); ++i) {
    const std::string before = text_of(*snapshot());
    const Status failed = write([&](Writer& w) -> Status {
      SPILLWAY_TRY(changes[i](w));
      return Status(ErrorCode::BadRequest, "changed my mind");
    });
    ASSERT_FALSE(failed.ok());
    EXPECT_EQ(failed.error().message, "changed my mind") << i;
    EXPECT_EQ(text_of(*snapshot()), before) << i;
    reopen();
    EXPECT_EQ(text_of(*snapshot()), before) << i;

    clock_.advance(kTicksPerSecond);
    ASSERT_SUCCESS(write(changes[i]));
    const std::string after = text_of(*snapshot());
    EXPECT_NE(after, before) << i;
    reopen();
    EXPECT_EQ(text_of(*snapshot()), after) << i;
  }
}

TEST_F(CatalogDataTest, ATransactionSeesItsOwnChanges) {
  open();
  ASSERT_SUCCESS(write([](Writer& w) -> Status {
    SPILLWAY_TRY(w.create_database("D", ""));
    EXPECT_NE(w.current().database("D"), nullptr);
    SPILLWAY_TRY(w.create_table("D", {}));
    EXPECT_EQ(w.current().database("D")->tables.size(), 1U);
    return Status();
  }));
  EXPECT_EQ(snapshot()->database("D")->tables.size(), 1U);
}

TEST_F(CatalogDataTest, AnExceptionInATransactionIsAnError) {
  open();
  const Status status = write([](Writer& w) -> Status {
    SPILLWAY_TRY(w.create_database("D", ""));
    throw std::runtime_error("thrown");
  });
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::Internal);
  EXPECT_EQ(snapshot()->database("D"), nullptr);
  ASSERT_SUCCESS(write([](Writer& w) { return w.create_database("D", ""); }));
}

TEST_F(CatalogDataTest, SnapshotsDoNotChange) {
  open();
  const int64_t id = make_table();
  ingest(id);
  const std::shared_ptr<const Snapshot> before = snapshot();
  const std::string text = text_of(*before);
  ingest(id, 3);
  ASSERT_SUCCESS(write([](Writer& w) { return w.drop_table(kDb, "T"); }));
  EXPECT_EQ(text_of(*before), text);
}

TEST_F(CatalogDataTest, MissingAndExistingThingsAreNamed) {
  open();
  make_table();
  const auto error = [&](const std::function<Status(Writer&)>& change) {
    const Status status = write(change);
    EXPECT_FALSE(status.ok());
    return status.ok() ? "" : std::string(name_of(status.error().code)) + ": " + status.error().message;
  };
  EXPECT_EQ(error([](Writer& w) { return w.create_database(kDb, ""); }),
            "EntityExists: database 'NetDefaultDB' already exists");
  EXPECT_EQ(error([](Writer& w) { return w.drop_database("D"); }), "EntityNotFound: database 'D' not found");
  EXPECT_EQ(error([](Writer& w) { return w.create_table("D", {}); }),
            "EntityNotFound: database 'D' not found");
  EXPECT_EQ(error([](Writer& w) {
              Table table;
              table.name = "T";
              return w.create_table(kDb, table);
            }),
            "EntityExists: table 'T' already exists in database 'NetDefaultDB'");
  EXPECT_EQ(error([](Writer& w) { return w.drop_table(kDb, "U"); }),
            "EntityNotFound: table 'U' not found in database 'NetDefaultDB'");
  EXPECT_EQ(error([](Writer& w) { return w.rename_table(kDb, "U", "V"); }),
            "EntityNotFound: table 'U' not found in database 'NetDefaultDB'");
  EXPECT_EQ(error([](Writer& w) { return w.drop_function(kDb, "F"); }),
            "EntityNotFound: function 'F' not found in database 'NetDefaultDB'");
  EXPECT_EQ(error([](Writer& w) { return w.drop_external_table(kDb, "E"); }),
            "EntityNotFound: external table 'E' not found in database 'NetDefaultDB'");
  EXPECT_EQ(error([](Writer& w) { return w.drop_export(kDb, "X"); }),
            "EntityNotFound: continuous export 'X' not found in database 'NetDefaultDB'");
  EXPECT_EQ(error([](Writer& w) { return w.set_export_disabled(kDb, "X", true); }),
            "EntityNotFound: continuous export 'X' not found in database 'NetDefaultDB'");
  EXPECT_EQ(error([](Writer& w) { return w.add_extents(kDb, 99, {make_extent()}).status(); }),
            "Conflict: table 99 is no longer in database 'NetDefaultDB'");
  EXPECT_EQ(error([](Writer& w) {
              return w.drop_extents(kDb, w.current().database(kDb)->tables.at("T")->id, {Guid::random()});
            }),
            "Conflict: 1 of the extents are no longer in table 'T' of database 'NetDefaultDB'");
}

TEST_F(CatalogDataTest, ColumnIdsAreNeverUsedTwice) {
  open();
  make_table();
  const auto alter = [&](const std::vector<Column>& columns) {
    return write([&](Writer& w) {
      Table table = *w.current().database(kDb)->tables.at("T");
      table.columns = columns;
      return w.alter_table(kDb, table);
    });
  };
  const auto columns = [&] { return database().tables.at("T")->columns; };
  EXPECT_EQ(columns()[0].id, 1);
  EXPECT_EQ(columns()[1].id, 2);
  ASSERT_SUCCESS(alter({columns()[0]}));
  ASSERT_SUCCESS(alter({columns()[0], {0, "N", Type::Long, ""}}));
  reopen();
  EXPECT_EQ(columns()[0].id, 1);
  EXPECT_EQ(columns()[1].id, 3);
  EXPECT_FALSE(alter({columns()[0], {columns()[0].id, "Z", Type::Long, ""}}).ok());
  EXPECT_FALSE(alter({columns()[0], {0, "Time", Type::Long, ""}}).ok());
  EXPECT_FALSE(alter({{77, "Y", Type::Long, ""}}).ok());
}

TEST_F(CatalogDataTest, ATableMadeAgainHasAnotherId) {
  open();
  const int64_t first = make_table();
  ASSERT_SUCCESS(write([](Writer& w) { return w.drop_table(kDb, "T"); }));
  reopen();
  EXPECT_GT(make_table(), first);
  const Status late = write([&](Writer& w) { return w.add_extents(kDb, first, {make_extent()}).status(); });
  ASSERT_FALSE(late.ok());
  EXPECT_EQ(late.error().code, ErrorCode::Conflict);
}

TEST_F(CatalogDataTest, CursorsOnlyRise) {
  open();
  const int64_t id = make_table();
  clock_.set(kStart + 50);
  const Cursor first = ingest(id);
  EXPECT_EQ(first, kStart + 50);
  EXPECT_EQ(ingest(id), first + 1);
  clock_.set(kStart - kTicksPerDay);
  EXPECT_EQ(ingest(id), first + 2);
  reopen();
  EXPECT_EQ(database().cursor, first + 2);
  EXPECT_EQ(ingest(id, 5), first + 3);
  clock_.set(kStart + kTicksPerDay);
  EXPECT_EQ(ingest(id), kStart + kTicksPerDay);
  Cursor last = 0;
  for (const auto& extent : *database().tables.at("T")->extents) {
    EXPECT_GE(extent->max_cursor, last);
    EXPECT_EQ(extent->min_cursor, extent->max_cursor);
    EXPECT_EQ(extent->created, extent->max_cursor);
    last = extent->max_cursor;
  }
}

TEST_F(CatalogDataTest, ATransactionHasOneCursor) {
  open();
  const int64_t id = make_table(), other = make_table("U");
  const Cursor before = ingest(id);
  ASSERT_SUCCESS(write([&](Writer& w) -> Status {
    SPILLWAY_ASSIGN(const Cursor first, w.add_extents(kDb, id, {make_extent()}));
    SPILLWAY_ASSIGN(const Cursor second, w.add_extents(kDb, other, {make_extent()}));
    EXPECT_GT(first, before);
    EXPECT_EQ(second, first);
    return Status();
  }));
  const Cursor after = database().cursor;
  EXPECT_EQ(database().tables.at("U")->extents->back()->max_cursor, after);
  reopen();
  EXPECT_EQ(database().cursor, after);
  EXPECT_GT(ingest(id), after);
}

TEST_F(CatalogDataTest, MovedExtentsArriveUnderANewCursor) {
  open();
  const int64_t from = make_table(), to = make_table("U");
  const Cursor old = ingest(from, 2);
  const ExtentList::Item extent = database().tables.at("T")->extents->front();
  const Guid moved = Guid::random();
  clock_.advance(kTicksPerHour);
  const auto move = [&](const Guid& id, int64_t source, int64_t destination) {
    return write([&](Writer& w) {
      return w.move_extents(kDb, {{source, id, moved}}, destination, false).status();
    });
  };
  ASSERT_SUCCESS(move(extent->id, from, to));
  for (int i = 0; i < 2; ++i, reopen()) {
    const Extent& there = *database().tables.at("U")->extents->front();
    EXPECT_EQ(there.id, moved);
    EXPECT_EQ(there.path, extent->path);
    EXPECT_EQ(there.created, old);
    EXPECT_EQ(there.first_created, old);
    EXPECT_EQ(there.max_cursor, database().cursor);
    EXPECT_GT(there.min_cursor, old);
    EXPECT_TRUE(there.moved);
    EXPECT_FALSE(there.fields.has_value());  // both tables number their columns alike
    EXPECT_EQ(database().tables.at("T")->extents->size(), 1U);
  }
  const Status gone = move(extent->id, from, to);
  ASSERT_FALSE(gone.ok());
  EXPECT_EQ(gone.error().code, ErrorCode::Conflict);
  EXPECT_EQ(catalog_->removable_extents()->size(), 0U);
}

TEST_F(CatalogDataTest, AMovedExtentKnowsItsFieldsByTheNamesOfTheColumns) {
  Table from, to;
  from.name = "T";
  from.columns = {{1, "a", Type::Long, ""}, {3, "t", Type::DateTime, ""}};  // 2 was dropped
  from.next_column_id = 4;
  to.name = "U";
  to.columns = {{1, "a", Type::Long, ""}, {2, "b", Type::Long, ""}, {3, "t", Type::DateTime, ""}};
  to.next_column_id = 4;
  Extent extent;
  extent.datetime_ranges[3] = {5, 6};
  // Field 2 of the file is what T has dropped, not b.
  const Result<Extent> moved = extent_in_table(extent, from, to);
  ASSERT_SUCCESS(moved);
  ASSERT_TRUE(moved->fields.has_value());
  EXPECT_EQ(*moved->fields, (std::map<int, int>{{1, 1}, {3, 3}}));
  // Nor may a column that U gets later take a field that T had.
  to.columns = {{1, "a", Type::Long, ""}, {3, "t", Type::DateTime, ""}};
  EXPECT_FALSE(extent_in_table(extent, from, to)->fields.has_value());
  from.next_column_id = 5;
  EXPECT_TRUE(extent_in_table(extent, from, to)->fields.has_value());
  // On to a third table.
  Table third;
  third.name = "V";
  third.columns = {{7, "t", Type::DateTime, ""}, {8, "a", Type::Long, ""}, {9, "b", Type::Long, ""}};
  third.next_column_id = 10;
  to.columns.push_back({2, "b", Type::Long, ""});
  const Result<Extent> again = extent_in_table(*moved, to, third);
  ASSERT_SUCCESS(again);
  EXPECT_EQ(*again->fields, (std::map<int, int>{{7, 3}, {8, 1}}));
  EXPECT_EQ(again->datetime_ranges.at(7), (std::pair<Ticks, Ticks>(5, 6)));
  EXPECT_EQ(extent_in_table(extent, third, from).error().code, ErrorCode::SchemaMismatch);
}

TEST_F(CatalogDataTest, KeepsIngestionFailures) {
  open();
  IngestionFailure failure;
  failure.operation = Guid::random();
  failure.database = kDb;
  failure.table = "T";
  failure.failed = clock_.now();
  failure.details = "it failed";
  failure.from_update_policy = true;
  failure.sources = 3;
  ASSERT_SUCCESS(write([&](Writer& w) { return w.add_ingestion_failure(failure); }));
  reopen();
  failure.table = "U";
  ASSERT_SUCCESS(write([&](Writer& w) { return w.add_ingestion_failure(failure); }));
  const auto failures = catalog_->ingestion_failures(10);
  ASSERT_SUCCESS(failures);
  ASSERT_EQ(failures->size(), 2U);
  EXPECT_EQ((*failures)[0].table, "U");
  EXPECT_EQ((*failures)[1].operation, failure.operation);
  EXPECT_EQ((*failures)[1].details, "it failed");
  EXPECT_TRUE((*failures)[1].from_update_policy);
  EXPECT_EQ((*failures)[1].sources, 3);
  clock_.advance(15 * kTicksPerDay);
  EXPECT_TRUE(catalog_->ingestion_failures(10)->empty());
}

TEST_F(CatalogDataTest, FilesOfDroppedExtentsStayWhileASnapshotHoldsThem) {
  open();
  const int64_t id = make_table();
  ingest(id, 2);
  std::shared_ptr<const Snapshot> reader = snapshot();
  const auto& extents = *database().tables.at("T")->extents;
  const Guid dropped = extents[0]->id;
  const std::string path = extents[0]->path, kept = extents[1]->path;
  ASSERT_SUCCESS(write([&](Writer& w) { return w.drop_extents(kDb, id, {dropped}); }));
  EXPECT_EQ(database().tables.at("T")->extents->size(), 1U);
  EXPECT_TRUE((*catalog_->removable_extents()).empty());
  EXPECT_EQ(*catalog_->extent_paths(), (std::set<std::string>{path, kept}));
  reader.reset();
  EXPECT_EQ(*catalog_->removable_extents(), std::vector{path});
  ASSERT_SUCCESS(catalog_->forget_extents({path}));
  EXPECT_TRUE((*catalog_->removable_extents()).empty());
  EXPECT_EQ(*catalog_->extent_paths(), std::set{kept});
}

TEST_F(CatalogDataTest, FilesOfDroppedExtentsAreRemovableAfterARestart) {
  open();
  const int64_t id = make_table();
  ingest(id, 2);
  const std::shared_ptr<const Snapshot> reader = snapshot();
  ASSERT_SUCCESS(write([](Writer& w) { return w.drop_table(kDb, "T"); }));
  EXPECT_TRUE((*catalog_->removable_extents()).empty());
  reopen();
  EXPECT_EQ((*catalog_->removable_extents()).size(), 2U);
}

TEST_F(CatalogDataTest, AFailedDropRemovesNothing) {
  open();
  ingest(make_table());
  ASSERT_FALSE(write([](Writer& w) -> Status {
                 SPILLWAY_TRY(w.drop_database(kDb));
                 return Status(ErrorCode::BadRequest, "no");
               }).ok());
  EXPECT_TRUE((*catalog_->removable_extents()).empty());
}

TEST_F(CatalogDataTest, CommitsToATableOfManyExtentsStayCheap) {
  open();
  const int64_t id = make_table();
  constexpr int kExtents = 100'000;
  ingest(id, kExtents);
  const std::shared_ptr<const Snapshot> before = snapshot();
  const auto& list = *before->database(kDb)->tables.at("T")->extents;
  EXPECT_EQ(list.size(), static_cast<size_t>(kExtents));
  for (int i = 0; i < 20; ++i) ingest(id);
  const auto& after = *database().tables.at("T")->extents;
  ASSERT_EQ(after.size(), static_cast<size_t>(kExtents + 20));
  // What makes them cheap: the lists share all but their ends.
  EXPECT_EQ(&list[0], &after[0]);
  EXPECT_EQ(&list[kExtents / 2], &after[kExtents / 2]);
  const std::string text = text_of(*snapshot());
  reopen();
  EXPECT_EQ(text_of(*snapshot()), text);
}

TEST_F(CatalogDataTest, ReadersAndWritersWorkSideBySide) {
  open();
  const int64_t id = make_table();
  make_export();
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      size_t seen = 0;
      while (!done.load()) {
        const std::shared_ptr<const Snapshot> now = snapshot();
        const size_t size = now->database(kDb)->tables.at("T")->extents->size();
        EXPECT_GE(size, seen);
        seen = size;
        EXPECT_TRUE(catalog_->runs(kDb, "X", 10).ok());
        EXPECT_TRUE(catalog_->extent_paths().ok());
      }
    });
  }
  std::vector<std::thread> writers;
  for (int i = 0; i < 3; ++i) {
    writers.emplace_back([&] {
      for (int n = 0; n < 30; ++n) ingest(id);
    });
  }
  for (std::thread& writer : writers) writer.join();
  done = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(database().tables.at("T")->extents->size(), 90U);
}

}  // namespace
}  // namespace spillway::catalog
