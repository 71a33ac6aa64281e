// A batch and its commit: what becomes visible, what stays when something fails, and what is removed.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <condition_variable>
#include <filesystem>
#include <mutex>

#include "base/fail_point.h"
#include "catalog/capacity_policy.h"
#include "catalog/operation_details.h"
#include "tests/ingest/support.h"

namespace spillway::ingest {
namespace {

using Records = std::vector<std::string>;
using Extents = std::vector<Loaded>;

class IngestorTest : public IngestTest {
 protected:
  ~IngestorTest() override {
#ifdef SPILLWAY_FAIL_POINTS
    fail_point::disarm_all();
#endif
  }
  /// Waits for an operation's end.
  catalog::Operation wait(const Guid& id) {
    while (true) {
      const auto operation = catalog_->operation(id);
      EXPECT_TRUE(operation.ok() && operation->has_value());
      if (!operation.ok() || !*operation) return {};
      if ((*operation)->state != catalog::OperationState::InProgress) return **operation;
      std::this_thread::yield();
    }
  }
};

TEST_F(IngestorTest, ABatchIsOneExtentWithItsCursorTimeAndTags) {
  make_table("a:long, t:datetime, u:datetime");
  clock_.advance(5 * kTicksPerSecond);
  const Result<Extents> loaded =
      ingest("1,2021-01-02,\n2,2020-01-01,\n3,,\n", {{"tags", "[\"x\", \"ingest-by:y\"]"}});
  ASSERT_SUCCESS(loaded);
  ASSERT_EQ(loaded->size(), 1U);
  const catalog::Extent& extent = *(*table()->extents)[0];
  EXPECT_EQ((*loaded)[0].extent.id, extent.id);
  EXPECT_EQ((*loaded)[0].extent.max_cursor, extent.max_cursor);
  EXPECT_EQ(extent.max_cursor, clock_.now());
  EXPECT_EQ(extent.created, clock_.now());
  EXPECT_EQ(extent.rows, 3);
  EXPECT_EQ(extent.original_bytes, 32);
  EXPECT_EQ(extent.bytes,
            static_cast<int64_t>(std::filesystem::file_size(folder_.path("extents/" + extent.path))));
  EXPECT_EQ(extent.tags, (std::vector<std::string>{"x", "ingest-by:y"}));
  EXPECT_EQ(extent.datetime_ranges,
            (std::map<int, std::pair<Ticks, Ticks>>{
                {2, {*parse_datetime("2020-01-01"), *parse_datetime("2021-01-02")}}}));
  EXPECT_EQ(extent_files(), std::vector<std::string>{extent.path});
}

TEST_F(IngestorTest, ABatchWithoutRecordsIsNoExtent) {
  make_table("a:long");
  const Result<Extents> loaded = ingest("\n\n");
  ASSERT_SUCCESS(loaded);
  EXPECT_TRUE(loaded->empty());
  EXPECT_TRUE(table()->extents->empty());
  EXPECT_TRUE(extent_files().empty());
}

TEST_F(IngestorTest, FilesFoldersAndGzip) {
  make_table("a:long, b:string");
  const std::string plain = write("plain.csv", "1,x\n"), zipped = write_gzip("zipped.csv.gz", "2,y\n"),
                    disguised = write_gzip("disguised.csv", "3,z\n");
  write("folder/a.csv", "4,a\n");
  write("folder/deep/b.json", "{\"a\":5,\"b\":\"b\"}\n");
  write_gzip("folder/deep/c.json.gz", "{\"a\":6,\"b\":\"c\"}\n");
  const Result<Extents> loaded =
      ingest_files({plain, "file://" + zipped, disguised, folder_.path("storage/folder")});
  ASSERT_SUCCESS(loaded);
  EXPECT_EQ(records(), (Records{"1|x", "2|y", "3|z", "4|a", "5|b", "6|c"}));
  ASSERT_EQ(loaded->size(), 2U) << "an extent for each format";
  EXPECT_EQ((*loaded)[0].item,
            plain + ", " + zipped + ", " + disguised + ", " + folder_.path("storage/folder/a.csv"));
  EXPECT_EQ((*loaded)[0].extent.max_cursor, (*loaded)[1].extent.max_cursor);
}

TEST_F(IngestorTest, GzipWithSeveralMembersAndBrokenGzip) {
  make_table("a:long");
  const std::string one = test::read_file(write_gzip("1.gz", "1\n")),
                    two = test::read_file(write_gzip("2.gz", "2\n"));
  ASSERT_SUCCESS(ingest_files({write("both.csv.gz", one + two)}));
  EXPECT_EQ(records(), (Records{"1", "2"}));
  const std::string cut = write("cut.csv.gz", two.substr(0, two.size() - 3));
  EXPECT_EQ(error_of(ingest_files({cut})),
            "DataFormat: '" + cut + "': the gzip compression is broken: it ends in the middle");
  std::string changed = one;
  changed[12] = static_cast<char>(~changed[12]);
  const std::string broken = write("broken.csv.gz", changed);
  EXPECT_EQ(
      error_of(ingest_files({broken})).find("DataFormat: '" + broken + "': the gzip compression is broken"),
      0U);
  ASSERT_SUCCESS(ingest_files({write("text.csv.gz", "3\n")}, {{"treatGzAsUncompressed", "true"}}));
  EXPECT_EQ(records(), (Records{"1", "2", "3"}));
}

TEST_F(IngestorTest, ASourceThatCannotBeReadIsNamed) {
  make_table("a:long");
  EXPECT_EQ(error_of(ingest_files({folder_.path("storage/nothing.csv")})).substr(0, 16), "EntityNotFound: ");
  EXPECT_EQ(error_of(ingest_files({"/etc/passwd"})).substr(0, 11), "Forbidden: ");
  std::filesystem::create_symlink("/etc/passwd", folder_.path("storage/link.csv"));
  EXPECT_EQ(error_of(ingest_files({folder_.path("storage/link.csv")})).substr(0, 11), "Forbidden: ");
  const std::string nameless = write("nameless", "1\n");
  EXPECT_EQ(
      error_of(ingest_files({nameless})),
      "BadRequest: '" + nameless + "': its name doesn't tell its format: give it by the property 'format'");
  ASSERT_SUCCESS(ingest_files({nameless}, {{"format", "csv"}}));
  EXPECT_EQ(error_of(ingest_files({write("x.avro", "x")})).substr(0, 14), "NotSupported: ");
  EXPECT_EQ(error_of(ingest_files({write("x.csv.zip", "x")})).substr(0, 14), "NotSupported: ");
  std::filesystem::create_directories(folder_.path("storage/empty"));
  EXPECT_EQ(error_of(ingest_files({folder_.path("storage/empty")})).substr(0, 16), "EntityNotFound: ");
  EXPECT_EQ(error_of(ingestor_->ingest_data(request({{"format", "parquet"}}), "x")).substr(0, 12),
            "BadRequest: ");
}

TEST_F(IngestorTest, FileNamesWithPatternsNameOneFile) {
  make_table("a:long");
  sql("COPY (SELECT 1 AS a) TO '" + write("x[1]*.parquet", "") + "' (FORMAT parquet)");
  sql("COPY (SELECT 2 AS a) TO '" + write("x1y.parquet", "") + "' (FORMAT parquet)");
  ASSERT_SUCCESS(ingest_files({folder_.path("storage/x[1]*.parquet")}));
  EXPECT_EQ(records(), Records{"1"});
}

TEST_F(IngestorTest, OneBadFileKeepsAllOut) {
  make_table("a:long, b:string");
  const std::string good = write("good.csv", "1,x\n"), bad = write("bad.json", "{\"a\":\n");
  EXPECT_FALSE(ingest_files({good, bad}).ok());
  EXPECT_TRUE(table()->extents->empty());
  EXPECT_TRUE(extent_files().empty());
}

TEST_F(IngestorTest, NamedMappingsAreThoseOfTheTable) {
  make_table("a:long, b:string");
  ASSERT_SUCCESS(catalog_->write([&](catalog::Writer& writer) {
    catalog::Table changed = *table();
    changed.mappings["csv"]["M"] =
        *normalize_mapping("csv", "[{\"column\":\"a\",\"Ordinal\":1},{\"column\":\"b\",\"Ordinal\":0}]");
    return writer.alter_table(kDb, changed);
  }));
  ASSERT_SUCCESS(ingest("x,1\n", {{"ingestionMappingReference", "M"}}));
  EXPECT_EQ(records(), Records{"1|x"});
  EXPECT_EQ(error_of(ingest("{}", {{"format", "json"}, {"ingestionMappingReference", "M"}})),
            "EntityNotFound: json mapping 'M' not found in table 'T'");
}

TEST_F(IngestorTest, IngestIfNotExistsLetsATagInOnce) {
  make_table("a:long");
  const std::map<std::string, std::string> once = {{"ingestIfNotExists", "[\"p1\"]"},
                                                   {"tags", "[\"ingest-by:p1\"]"}};
  ASSERT_SUCCESS(ingest("1\n", once));
  EXPECT_EQ(error_of(ingest("1\n", once)),
            "BadRequest: table 'T' has data with the tag 'ingest-by:p1' already, and ingestIfNotExists "
            "forbids to ingest "
            "it again");
  ASSERT_SUCCESS(ingest("2\n", {{"ingestIfNotExists", "[\"p2\"]"}, {"tags", "[\"ingest-by:p2\"]"}}));
  EXPECT_EQ(records(), (Records{"1", "2"}));
}

TEST_F(IngestorTest, ATableThatIsGoneIsAConflict) {
  make_table("a:long");
  const Request late = request();
  ASSERT_SUCCESS(catalog_->write([](catalog::Writer& writer) { return writer.drop_table(kDb, "T"); }));
  make_table("a:long");
  EXPECT_EQ(error_of(ingestor_->ingest_data(late, "1\n")).substr(0, 10), "Conflict: ");
  ASSERT_SUCCESS(ingestor_->sweep());
  EXPECT_TRUE(extent_files().empty());
  Request nowhere = request();
  nowhere.database = "Nowhere";
  EXPECT_EQ(error_of(ingestor_->ingest_data(nowhere, "1\n")), "EntityNotFound: database 'Nowhere' not found");
}

TEST_F(IngestorTest, PrepareRunsInTheTransaction) {
  make_table("a:long");
  ASSERT_SUCCESS(ingest("1\n2\n"));
  Request replace = request();
  replace.prepare = [](catalog::Writer& writer) -> Result<int64_t> {
    const auto now = writer.current().database(kDb)->tables.at("T");
    std::vector<Guid> ids;
    for (const auto& extent : *now->extents) ids.push_back(extent->id);
    SPILLWAY_TRY(writer.drop_extents(kDb, now->id, ids));
    return now->id;
  };
  ASSERT_SUCCESS(ingestor_->ingest_data(replace, "3\n"));
  EXPECT_EQ(records(), Records{"3"});
  ASSERT_SUCCESS(ingestor_->ingest_data(replace, ""));
  EXPECT_TRUE(records().empty());
  Request refused = request();
  refused.prepare = [](catalog::Writer&) -> Result<int64_t> {
    return Error(ErrorCode::Conflict, "changed meanwhile");
  };
  EXPECT_EQ(error_of(ingestor_->ingest_data(refused, "4\n")), "Conflict: changed meanwhile");
  EXPECT_TRUE(records().empty());
}

TEST_F(IngestorTest, ATableCanBeMadeWithItsFirstBatch) {
  Request create;
  create.database = kDb;
  create.table.name = "New";
  create.table.columns = {{1, "a", Type::Long, ""}};
  create.table.next_column_id = 2;
  create.prepare = [&](catalog::Writer& writer) -> Result<int64_t> {
    SPILLWAY_TRY(writer.create_table(kDb, create.table));
    return writer.current().database(kDb)->tables.at("New")->id;
  };
  ASSERT_SUCCESS(ingestor_->ingest_query(create, rows_plan({{"x", Type::Long}}, {{Value::int64(5)}})));
  EXPECT_EQ(records("New"), Records{"5"});
}

TEST_F(IngestorTest, QueriesGoByPositionAndAreConverted) {
  make_table("a:long, b:string, c:real, d:datetime");
  const auto plan = [](std::vector<Value> row) {
    Schema schema;
    for (const Value& value : row) schema.push_back({"x" + std::to_string(schema.size()), value.type()});
    return rows_plan(schema, {std::move(row)});
  };
  ASSERT_SUCCESS(ingestor_->ingest_query(
      request(), plan({Value::int64(1), Value::string("x"), Value::real(1.5), Value::datetime(kStart)})));
  ASSERT_SUCCESS(
      ingestor_->ingest_query(request(), plan({Value::int32(2), Value::int64(7), Value::int64(3)})));
  ASSERT_SUCCESS(ingestor_->ingest_query(request(), plan({Value::string("bad")})));
  EXPECT_EQ(records(), (Records{"1|x|1.5|2024-01-01T00:00:00.0000000Z", "2|7|3|null", "null||null|null"}));
  EXPECT_EQ((*table()->extents)[0]->datetime_ranges.at(4), std::pair(kStart, kStart));
  EXPECT_GT((*table()->extents)[0]->original_bytes, 0);
  EXPECT_EQ(error_of(ingestor_->ingest_query(request(), plan(std::vector<Value>(5, Value::int64(1))))),
            "SchemaMismatch: the query has 5 columns, table 'T' has 4");
  EXPECT_EQ(error_of(ingestor_->ingest_query(request(), plan({Value::guid(Guid::random())}))),
            "SchemaMismatch: column 'x0' of the query is of type guid, column 'a' of table 'T' of type long");
}

TEST_F(IngestorTest, ACancelledOrLateIngestionLeavesNothing) {
  make_table("a:long");
  Request cancelled = request();
  cancelled.cancel = std::make_shared<engine::CancelToken>();
  cancelled.cancel->cancel();
  EXPECT_EQ(error_of(ingestor_->ingest_data(cancelled, "1\n")).substr(0, 11), "Cancelled: ");
  Request late = request();
  late.timeout = std::chrono::milliseconds(0);
  EXPECT_EQ(error_of(ingestor_->ingest_data(late, "1\n")).substr(0, 9), "Timeout: ");
  EXPECT_TRUE(extent_files().empty());
}

TEST_F(IngestorTest, ASweepRemovesOrphansAndDroppedExtentsOnly) {
  make_table("a:long");
  ASSERT_SUCCESS(ingest("1\n"));
  ASSERT_SUCCESS(ingest("2\n"));
  const std::string first = (*table()->extents)[0]->path, second = (*table()->extents)[1]->path;
  folder_.write("extents/1/ab/orphan.parquet", "x");
  folder_.write("extents/1/ab/orphan.parquet.part", "x");
  Result<int64_t> removed = ingestor_->sweep();
  ASSERT_SUCCESS(removed);
  EXPECT_EQ(*removed, 2);
  auto reader = catalog_->snapshot();
  ASSERT_SUCCESS(catalog_->write([&](catalog::Writer& writer) {
    return writer.drop_extents(kDb, table()->id, {(*table()->extents)[0]->id});
  }));
  ASSERT_SUCCESS(ingestor_->sweep());
  EXPECT_EQ(extent_files().size(), 2U) << "somebody reads it still";
  reader.reset();
  removed = ingestor_->sweep();
  ASSERT_SUCCESS(removed);
  EXPECT_EQ(extent_files(), std::vector<std::string>{second});
  EXPECT_EQ(records(), Records{"2"});
}

TEST_F(IngestorTest, ManyIngestionsAtOnceLoseNothing) {
  make_table("a:long");
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 10; ++i) ASSERT_SUCCESS(ingest(std::to_string(t * 100 + i) + "\n"));
    });
  }
  threads.emplace_back([&] {
    for (int i = 0; i < 20; ++i) ASSERT_SUCCESS(ingestor_->sweep());
  });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(records().size(), 40U);
  EXPECT_EQ(extent_files().size(), 40U);
}

TEST_F(IngestorTest, OperationsRecordHowTheyEnd) {
  OperationRequest good;
  good.kind = "DataIngestPull";
  good.database = kDb;
  good.persist_details = true;
  good.work = [](const Guid&, std::shared_ptr<engine::CancelToken>) -> Result<Table> {
    Table table;
    table.schema = {{"n", Type::Long}};
    table.rows = {{Value::int64(5)}};
    return table;
  };
  const Result<Guid> first = ingestor_->start_operation(good);
  ASSERT_SUCCESS(first);
  EXPECT_EQ(wait(*first).state, catalog::OperationState::Completed);
  const auto details = catalog_->operation_details(*first);
  ASSERT_TRUE(details.ok() && *details);
  EXPECT_EQ(catalog::parse_details(**details)->rows[0][0], Value::int64(5));
  good.persist_details = false;
  const Result<Guid> second = ingestor_->start_operation(good);
  ASSERT_SUCCESS(second);
  EXPECT_EQ(wait(*second).state, catalog::OperationState::Completed);
  EXPECT_FALSE((*catalog_->operation_details(*second)).has_value());

  OperationRequest bad = good;
  bad.work = [](const Guid&, std::shared_ptr<engine::CancelToken>) -> Result<Table> {
    return Error(ErrorCode::StorageTransient, "busy");
  };
  const Result<Guid> third = ingestor_->start_operation(bad);
  ASSERT_SUCCESS(third);
  const catalog::Operation failed = wait(*third);
  EXPECT_EQ(failed.state, catalog::OperationState::Failed);
  EXPECT_EQ(failed.status, "busy");
  EXPECT_TRUE(failed.should_retry);
  bad.work = [](const Guid&, std::shared_ptr<engine::CancelToken>) -> Result<Table> {
    throw std::runtime_error("thrown");
  };
  EXPECT_EQ(wait(*ingestor_->start_operation(bad)).status, "the operation failed: thrown");
}

TEST_F(IngestorTest, TheCapacityPolicyGovernsIngestions) {
  const auto allow = [&](const char* most) {
    ASSERT_SUCCESS(catalog_->write([&](catalog::Writer& writer) {
      return writer.set_policy(
          "", catalog::kCapacityPolicy,
          *catalog::merge_capacity_policy(
              catalog::default_capacity_policy(),
              std::string(R"({"IngestionCapacity": {"CoreUtilizationCoefficient": 100, )") +
                  R"("ClusterMaximumConcurrentOperations": )" + most + "}}"));
    }));
  };
  close();
  options_.capacity_wait = std::chrono::milliseconds(0);
  open();
  make_table("a:long");
  allow("1");
  EXPECT_EQ(ingestor_->capacity().total(), 1);
  // A second one, while the first is in its transaction.
  std::string inner;
  Request outer = request();
  outer.prepare = [&](catalog::Writer&) -> Result<int64_t> {
    EXPECT_EQ(ingestor_->capacity().used(), 1);
    inner = error_of(ingest("2\n"));
    return outer.table.id;
  };
  ASSERT_SUCCESS(ingestor_->ingest_data(outer, "1\n"));
  EXPECT_EQ(inner,
            "Throttled: The management command was aborted due to throttling. Retrying after some backoff "
            "might succeed. CommandType: 'DataIngestPull', Capacity: 1, Origin: 'CapacityPolicy/Ingestion'.");
  EXPECT_EQ(records(), Records{"1"});
  EXPECT_EQ(ingestor_->capacity().used(), 0);
  // In the background the operation's state says it.
  OperationRequest throttled;
  throttled.kind = "DataIngestPull";
  throttled.database = kDb;
  throttled.work = [&](const Guid&, std::shared_ptr<engine::CancelToken>) -> Result<Table> {
    return Error(ErrorCode::Throttled, "later");
  };
  const Result<Guid> id = ingestor_->start_operation(throttled);
  ASSERT_SUCCESS(id);
  EXPECT_EQ(wait(*id).state, catalog::OperationState::Throttled);
  allow("2");
  EXPECT_EQ(ingestor_->capacity().total(), 2);
  ASSERT_SUCCESS(ingest("2\n"));
}

TEST_F(IngestorTest, OperationsCanBeCancelledAndStopped) {
  std::mutex mutex;
  std::condition_variable changed;
  int begun = 0;
  OperationRequest endless;
  endless.kind = "TableAppend";
  endless.database = kDb;
  endless.work = [&](const Guid&, std::shared_ptr<engine::CancelToken> cancel) -> Result<Table> {
    {
      const std::lock_guard lock(mutex);
      ++begun;
      changed.notify_all();
    }
    while (!cancel->cancelled()) std::this_thread::yield();
    return Error(ErrorCode::Cancelled, "the operation was cancelled");
  };
  const Result<Guid> first = ingestor_->start_operation(endless),
                     second = ingestor_->start_operation(endless);
  ASSERT_TRUE(first.ok() && second.ok());
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return begun == 2; });
  }
  EXPECT_TRUE(ingestor_->cancel_operation(*first, ""));
  EXPECT_EQ(wait(*first).state, catalog::OperationState::Canceled);
  EXPECT_FALSE(ingestor_->cancel_operation(Guid::random(), ""));
  ingestor_->stop();
  EXPECT_EQ(wait(*second).state, catalog::OperationState::Canceled);
  EXPECT_FALSE(ingestor_->start_operation(endless).ok());
  ingestor_->stop();
}

#ifdef SPILLWAY_FAIL_POINTS

/// The process dies at each step of a batch; what it acknowledged is there, and no file is left over.
TEST_F(IngestorTest, ADeathAtAnyStepLeavesAWholeBatchOrNone) {
  make_table("a:long");
  ASSERT_SUCCESS(ingest("0\n"));
  for (const char* point : {"ingest.before_write", "ingest.after_write", "catalog.commit.before",
                            "catalog.commit.after", "ingest.after_commit"}) {
    const size_t before = records().size();
    close();
    const pid_t child = fork();
    if (child == 0) {
      open();
      if (fail_point::arm(std::string(point) + "=kill").ok()) (void)ingest("1\n2\n3\n");
      _exit(1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << point;
    open();
    const bool committed =
        std::string(point) == "catalog.commit.after" || std::string(point) == "ingest.after_commit";
    EXPECT_EQ(records().size(), before + (committed ? 3 : 0)) << point;
    ASSERT_SUCCESS(ingestor_->sweep());
    EXPECT_EQ(extent_files().size(), table()->extents->size()) << point;
  }
}

TEST_F(IngestorTest, AnErrorAtAnyStepLeavesAWholeBatchOrNone) {
  make_table("a:long");
  for (const char* point : {"ingest.before_write", "ingest.after_write", "catalog.commit.before",
                            "catalog.commit.after", "ingest.after_commit"}) {
    const size_t before = table()->extents->size();
    ASSERT_SUCCESS(fail_point::arm(std::string(point) + "=error"));
    EXPECT_FALSE(ingest("1\n").ok()) << point;
    fail_point::disarm_all();
    const bool committed =
        std::string(point) == "catalog.commit.after" || std::string(point) == "ingest.after_commit";
    EXPECT_EQ(table()->extents->size(), before + (committed ? 1 : 0)) << point;
    ASSERT_SUCCESS(ingestor_->sweep());
    EXPECT_EQ(extent_files().size(), table()->extents->size()) << point;
    EXPECT_EQ(records().size(), table()->extents->size());
  }
}

#endif

}  // namespace
}  // namespace spillway::ingest
