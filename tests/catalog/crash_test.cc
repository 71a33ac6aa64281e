// A process that dies at each fail point of a commit, and storage that fails in one.
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fail_point.h"
#include "tests/catalog/support.h"

namespace spillway::catalog {
namespace {

#ifdef SPILLWAY_FAIL_POINTS

class CatalogCrashTest : public CatalogTest {
 protected:
  ~CatalogCrashTest() override { fail_point::disarm_all(); }

  /// Runs `work` on the catalog in a process of its own, which is killed at the fail point.
  void die_at(const std::string& point, const std::function<void()>& work) {
    close();
    const pid_t child = fork();
    if (child == 0) {
      open();
      if (fail_point::arm(point + "=kill").ok()) work();
      _exit(1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << point;
    open();
  }
};

TEST_F(CatalogCrashTest, ADeathBeforeTheCommitLeavesNothing) {
  open();
  const int64_t id = make_table();
  const std::string before = text_of(*snapshot());
  die_at("catalog.commit.before", [&] { ingest(id, 3); });
  EXPECT_EQ(text_of(*snapshot()), before);
  EXPECT_TRUE((*catalog_->extent_paths()).empty());
  ingest(id);
}

TEST_F(CatalogCrashTest, ADeathAfterTheCommitLeavesAllOfIt) {
  open();
  const int64_t id = make_table();
  const Cursor before = database().cursor;
  die_at("catalog.commit.after", [&] { ingest(id, 3); });
  EXPECT_EQ(database().tables.at("T")->extents->size(), 3U);
  EXPECT_GT(database().cursor, before);
}

TEST_F(CatalogCrashTest, AnExportRunIsEitherCommittedOrFailed) {
  open();
  const int64_t id = make_table();
  make_export();
  for (const bool after : {false, true, false, true}) {
    const Cursor to = ingest(id);
    const Cursor from = definition().exported_to;
    const std::string object = std::to_string(to);
    die_at(after ? "catalog.commit.after" : "catalog.commit.before", [&] {
      fail_point::disarm_all();
      const ExportRun run = *begin(to);
      const Artifact artifact = make_artifact(run.id, object);
      if (!write([&](Writer& w) { return w.add_pending({artifact}); }).ok()) return;
      if (!fail_point::arm(after ? "catalog.commit.after=kill" : "catalog.commit.before=kill").ok()) return;
      (void)write([&](Writer& w) { return w.commit_run(run, {artifact}); });
    });
    const auto exported = objects(catalog_->exported_artifacts(kDb, "X"));
    const auto abandoned = objects(catalog_->abandoned_artifacts());
    EXPECT_EQ(definition().exported_to, after ? to : from);
    EXPECT_EQ(std::count(exported.begin(), exported.end(), object), after ? 1 : 0);
    EXPECT_EQ(std::count(abandoned.begin(), abandoned.end(), object), after ? 0 : 1);
  }
}

TEST_F(CatalogCrashTest, AnErrorBeforeTheCommitLeavesNothing) {
  open();
  const int64_t id = make_table();
  const std::string before = text_of(*snapshot());
  ASSERT_SUCCESS(fail_point::arm("catalog.commit.before=error"));
  EXPECT_FALSE(write([&](Writer& w) { return w.add_extents(kDb, id, {make_extent()}).status(); }).ok());
  EXPECT_EQ(text_of(*snapshot()), before);
  ingest(id);
  EXPECT_EQ(database().tables.at("T")->extents->size(), 1U);
}

TEST_F(CatalogCrashTest, AnErrorAfterTheCommitIsALostAnswer) {
  open();
  const int64_t id = make_table();
  ASSERT_SUCCESS(fail_point::arm("catalog.commit.after=error"));
  EXPECT_FALSE(write([&](Writer& w) { return w.add_extents(kDb, id, {make_extent()}).status(); }).ok());
  EXPECT_EQ(database().tables.at("T")->extents->size(), 1U);
  const std::string after = text_of(*snapshot());
  reopen();
  EXPECT_EQ(text_of(*snapshot()), after);
}

#endif

class FullDiskTest : public CatalogTest {
 protected:
  /// No file can grow beyond `bytes` from here on: writes fail as on a full disk.
  static void limit_files(rlim_t bytes) {
    rlimit limit{};
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &limit);
  }
};

TEST_F(FullDiskTest, AFailedWriteChangesNothing) {
  signal(SIGXFSZ, SIG_IGN);
  open();
  const int64_t id = make_table();
  ingest(id);
  const std::string before = text_of(*snapshot());
  limit_files(std::filesystem::file_size(folder_ + "/catalog.sqlite-wal"));
  for (int i = 0; i < 3; ++i) {
    const Status status = write([&](Writer& w) { return w.add_extents(kDb, id, {make_extent()}).status(); });
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, ErrorCode::Internal);
    EXPECT_EQ(text_of(*snapshot()), before);
  }
  limit_files(RLIM_INFINITY);
  ingest(id);
  const std::string after = text_of(*snapshot());
  reopen();
  EXPECT_EQ(text_of(*snapshot()), after);
  EXPECT_EQ(database().tables.at("T")->extents->size(), 2U);
}

}  // namespace
}  // namespace spillway::catalog
