// Followed databases: what the leader commits is seen, nothing of it can be changed, and no file goes away
// while somebody reads it.
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <thread>

#include "tests/catalog/support.h"
#include "tests/support/eventually.h"

namespace spillway::catalog {
namespace {

namespace fs = std::filesystem;
using test::eventually;

/// A leader in LEADER, as CatalogTest makes it, and a follower in OWN.
class FollowerTest : public CatalogTest {
 protected:
  FollowerTest() {
    root_ = folder_;
    folder_ = leader() + "/catalog";
    open();
  }
  ~FollowerTest() override {
    close();
    follower_.reset();
    folder_ = root_;
  }

  std::string leader() const { return root_ + "/leader"; }
  std::string own() const { return root_ + "/own"; }
  std::string links() const { return own() + "/followed"; }

  Result<std::unique_ptr<Catalog>> try_follow(std::vector<std::string> leaders) {
    follower_.reset();
    Following following;
    following.leaders = std::move(leaders);
    following.links_folder = links();
    following.interval = std::chrono::milliseconds(1);
    return Catalog::open(own() + "/catalog", clock_, following);
  }
  void follow() {
    auto opened = try_follow({leader()});
    ASSERT_SUCCESS(opened);
    follower_ = *std::move(opened);
  }
  std::shared_ptr<const Database> followed(const std::string& name = kDb) const {
    const auto now = follower_->snapshot();
    const auto found = now->databases.find(name);
    if (found == now->databases.end()) throw std::runtime_error("no database " + name);
    return found->second;
  }

  bool has_table(const std::string& name) const {
    const auto now = follower_->snapshot();
    const Database* found = now->database(kDb);
    return found && found->tables.contains(name);
  }

  /// An extent with a file that holds its id; its cursor.
  Cursor ingest_file(int64_t table_id) {
    Extent extent = make_extent();
    const std::string file = leader() + "/extents/" + extent.path;
    fs::create_directories(fs::path(file).parent_path());
    std::ofstream(file) << extent.id.str();
    Cursor cursor = 0;
    const Status status = write([&](Writer& writer) -> Status {
      SPILLWAY_ASSIGN(cursor, writer.add_extents(kDb, table_id, {extent}));
      return Status();
    });
    EXPECT_TRUE(status.ok());
    return cursor;
  }
  /// What the leader's janitor does.
  void remove_dropped_files() {
    const auto paths = catalog_->removable_extents();
    ASSERT_SUCCESS(paths);
    for (const std::string& path : *paths) fs::remove(leader() + "/extents/" + path);
    ASSERT_SUCCESS(catalog_->forget_extents(*paths));
  }
  /// Whether the file of an extent of the follower is its own.
  static bool readable(const Extent& extent) {
    std::ifstream file(extent.path);
    std::string id;
    return static_cast<bool>(file >> id) && id == extent.id.str();
  }
  size_t number_of_links() const {
    return static_cast<size_t>(
        std::distance(fs::directory_iterator(links() + "/1"), fs::directory_iterator()));
  }

  std::string root_;
  std::unique_ptr<Catalog> follower_;
};

TEST_F(FollowerTest, ShowsWhatTheLeaderHasAndThenWhatItCommits) {
  const int64_t table = make_table();
  ingest_file(table);
  follow();
  EXPECT_EQ(followed()->leader, leader());
  EXPECT_TRUE(followed()->read_only());
  EXPECT_EQ(followed()->tables.at("T")->extents->size(), 1U);
  EXPECT_TRUE(readable(*followed()->tables.at("T")->extents->front()));

  const Cursor cursor = ingest_file(table);
  make_table("U");
  make_export();
  EXPECT_TRUE(eventually([&] { return followed()->exports.contains("X"); }));
  EXPECT_EQ(followed()->cursor, cursor);
  EXPECT_TRUE(has_table("U"));
  ASSERT_EQ(followed()->tables.at("T")->extents->size(), 2U);
  EXPECT_EQ(followed()->tables.at("T")->extents->back()->max_cursor, cursor);
  EXPECT_TRUE(readable(*followed()->tables.at("T")->extents->back()));
  EXPECT_EQ(follower_->leaders().at(0).error, "");
}

TEST_F(FollowerTest, NothingOfItCanBeChanged) {
  const int64_t table = make_table();
  ingest_file(table);
  make_export();
  follow();
  const Table there = *followed()->tables.at("T");
  const Guid extent = there.extents->front()->id;
  ContinuousExport definition;
  definition.name = "Y";
  const std::vector<std::function<Status(Writer&)>> changes = {
      [](Writer& w) { return w.create_table(kDb, Table{}); },
      [&](Writer& w) { return w.alter_table(kDb, there); },
      [](Writer& w) { return w.rename_table(kDb, "T", "V"); },
      [](Writer& w) { return w.drop_table(kDb, "T"); },
      [](Writer& w) { return w.put_function(kDb, Function{}); },
      [](Writer& w) { return w.put_external_table(kDb, ExternalTable{}); },
      [](Writer& w) { return w.set_policy(kDb, "p", "{}"); },
      [&](Writer& w) { return w.add_extents(kDb, there.id, {make_extent()}).status(); },
      [&](Writer& w) { return w.drop_extents(kDb, there.id, {extent}); },
      [&](Writer& w) { return w.merge_extents(kDb, there.id, {extent}, make_extent()); },
      [&](Writer& w) { return w.move_extents(kDb, {}, there.id, false).status(); },
      [&](Writer& w) { return w.put_export(kDb, definition); },
      [](Writer& w) { return w.drop_export(kDb, "X"); },
      [](Writer& w) { return w.set_export_disabled(kDb, "X", true); },
      [](Writer& w) { return w.begin_run(kDb, "X", w.now(), "tests").status(); },
      [](Writer& w) { return w.drop_database(kDb); },
  };
  for (size_t i = 0; i < changes.size(); ++i) {
    const Status changed = follower_->write(changes[i]);
    ASSERT_FALSE(changed.ok()) << i;
    EXPECT_EQ(changed.error().code, ErrorCode::BadRequest) << i;
    EXPECT_NE(changed.error().message.find("read-only"), std::string::npos) << changed.error().message;
  }
  const Status created = follower_->write([](Writer& w) { return w.create_database(kDb, ""); });
  ASSERT_FALSE(created.ok());
  EXPECT_EQ(created.error().code, ErrorCode::EntityExists);
}

TEST_F(FollowerTest, AFileStaysWhileSomebodyReadsIt) {
  const int64_t table = make_table();
  ingest_file(table);
  follow();
  std::shared_ptr<const Extent> read = followed()->tables.at("T")->extents->front();
  ASSERT_SUCCESS(write([](Writer& writer) { return writer.drop_table(kDb, "T"); }));
  remove_dropped_files();
  EXPECT_TRUE(eventually([&] { return !has_table("T"); }));
  EXPECT_TRUE(fs::is_empty(leader() + "/extents/1/2"));
  EXPECT_TRUE(readable(*read));
  EXPECT_EQ(number_of_links(), 1U);
  read.reset();
  EXPECT_TRUE(eventually([&] { return number_of_links() == 0; }));
}

TEST_F(FollowerTest, ALookKeepsWhatDidNotChange) {
  const int64_t table = make_table();
  ingest_file(table);
  follow();
  const auto before = followed()->tables.at("T")->extents->front();
  ingest_file(table);
  EXPECT_TRUE(eventually([&] { return followed()->tables.at("T")->extents->size() == 2; }));
  EXPECT_EQ(followed()->tables.at("T")->extents->front(), before);
  EXPECT_EQ(number_of_links(), 2U);
}

TEST_F(FollowerTest, EveryExtentOfASnapshotCanBeReadWhileTheLeaderIngestsAndDrops) {
  const int64_t table = make_table();
  ingest_file(table);
  follow();
  std::atomic<bool> done = false;
  std::thread busy([&] {
    for (int i = 0; i < 300; ++i) {
      ingest_file(table);
      const auto first = database().tables.at("T")->extents->front()->id;
      EXPECT_TRUE(write([&](Writer& w) { return w.drop_extents(kDb, table, {first}); }).ok());
      remove_dropped_files();
    }
    done = true;
  });
  size_t looks = 0;
  while (!done) {
    const auto seen = follower_->snapshot();
    for (const auto& extent : *seen->databases.at(kDb)->tables.at("T")->extents) {
      EXPECT_TRUE(readable(*extent)) << extent->path;
    }
    ++looks;
  }
  busy.join();
  EXPECT_GT(looks, 0U);
  EXPECT_TRUE(eventually([&] { return followed()->cursor == database().cursor; }));
}

TEST_F(FollowerTest, OwnDatabasesComeFirstAndStayApart) {
  const int64_t table = make_table();
  ASSERT_SUCCESS(write([](Writer& writer) { return writer.create_database("Shared", ""); }));
  follow();
  EXPECT_NE(followed()->tables.at("T")->id, table);  // no table of the follower's own can have it

  ASSERT_SUCCESS(follower_->write([](Writer& writer) { return writer.create_database("Own", ""); }));
  EXPECT_FALSE(followed("Own")->read_only());
  EXPECT_TRUE(followed("Shared")->read_only());
  // The leader's own doings don't touch it.
  ASSERT_SUCCESS(write([](Writer& writer) { return writer.create_database("Own", ""); }));
  ASSERT_SUCCESS(write([](Writer& writer) { return writer.drop_database("Shared"); }));
  EXPECT_TRUE(eventually([&] { return !follower_->snapshot()->database("Shared"); }));
  EXPECT_FALSE(followed("Own")->read_only());
  // Once its own is gone, the leader's shows.
  ASSERT_SUCCESS(follower_->write([](Writer& writer) { return writer.drop_database("Own"); }));
  EXPECT_TRUE(followed("Own")->read_only());

  // What is the follower's own is there without the leader, too.
  ASSERT_SUCCESS(follower_->write([](Writer& writer) { return writer.create_database("Mine", ""); }));
  auto alone = try_follow({});
  ASSERT_SUCCESS(alone);
  EXPECT_NE((*alone)->snapshot()->database("Mine"), nullptr);
  EXPECT_EQ((*alone)->snapshot()->database(kDb), nullptr);
}

TEST_F(FollowerTest, SeveralLeaders) {
  make_table();
  const std::string second = root_ + "/second";
  {
    auto other = Catalog::open(second + "/catalog", clock_);
    ASSERT_SUCCESS(other);
    ASSERT_SUCCESS((*other)->write([](Writer& writer) { return writer.create_database("Other", ""); }));
  }
  auto opened = try_follow({leader(), second});
  ASSERT_SUCCESS(opened);
  follower_ = *std::move(opened);
  EXPECT_EQ(followed("Other")->leader, second);
  EXPECT_EQ(followed()->leader, leader());  // both have it
  EXPECT_NE(followed("Other")->id, followed()->id);
}

TEST_F(FollowerTest, TheLeaderMayStopAndCatalogsMayBeReplaced) {
  make_table();
  close();
  follow();
  EXPECT_TRUE(has_table("T"));
  open();
  make_table("U");
  EXPECT_TRUE(eventually([&] { return has_table("U"); }));

  close();
  fs::rename(leader(), leader() + "-gone");
  EXPECT_TRUE(eventually([&] { return !follower_->leaders().at(0).error.empty(); }));
  EXPECT_TRUE(has_table("U"));  // as it could be read last
  open();
  make_table("V");
  EXPECT_TRUE(eventually([&] { return has_table("V"); }));
  EXPECT_FALSE(has_table("U"));
  EXPECT_EQ(follower_->leaders().at(0).error, "");
}

TEST_F(FollowerTest, TheLeadersFilesStayAsTheyAre) {
  make_table();
  ASSERT_SUCCESS(catalog_->write([](Writer&) { return Status(); }));
  close();
  const auto written = fs::last_write_time(leader() + "/catalog/catalog.sqlite");
  follow();
  follower_.reset();
  EXPECT_EQ(fs::last_write_time(leader() + "/catalog/catalog.sqlite"), written);
}

TEST_F(FollowerTest, SaysWhyAFolderCanNotBeFollowed) {
  const auto refusal = [&](const std::string& folder) {
    const auto opened = try_follow({folder});
    EXPECT_FALSE(opened.ok());
    return opened.ok() ? "" : opened.error().message;
  };
  EXPECT_NE(refusal(root_ + "/nothing").find("No such file"), std::string::npos);
  close();
  folder_ = leader() + "/catalog";
  ASSERT_TRUE(run_sql("UPDATE meta SET value = 2 WHERE name = 'schema_version'"));
  EXPECT_NE(refusal(leader()).find("version 2"), std::string::npos);
  ASSERT_TRUE(run_sql("UPDATE meta SET value = 3 WHERE name = 'schema_version'"));
  if (fs::exists("/dev/shm") && fs::status("/dev/shm").type() == fs::file_type::directory) {
    const std::string elsewhere = "/dev/shm/spillway-follower-" + std::to_string(getpid());
    Following following;
    following.leaders = {leader()};
    following.links_folder = elsewhere;
    const auto opened = Catalog::open(own() + "/catalog", clock_, following);
    ASSERT_FALSE(opened.ok());
    EXPECT_NE(opened.error().message.find("file system"), std::string::npos) << opened.error().message;
    fs::remove_all(elsewhere);
  }
}

}  // namespace
}  // namespace spillway::catalog
