#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <thread>

#include "base/clock.h"
#include "base/fail_point.h"
#include "storage/object_store.h"
#include "tests/support/put_killed.h"
#include "tests/support/temp_folder.h"

namespace spillway::storage {
namespace {

namespace fs = std::filesystem;
using test::read_file;
using test::TempFolder;

std::vector<std::string> paths(const Result<std::vector<ObjectInfo>>& objects) {
  std::vector<std::string> out;
  for (const ObjectInfo& object : *objects) out.push_back(object.path);
  std::sort(out.begin(), out.end());
  return out;
}

/// Every regular file below a folder, hidden ones too.
size_t files_in(const std::string& folder) {
  size_t n = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) n += entry.is_regular_file();
  return n;
}

class LocalStores : public ::testing::Test {
 protected:
  void SetUp() override { store_ = open(root_); }
  void TearDown() override { fail_point::disarm_all(); }

  std::unique_ptr<ObjectStore> open(const std::string& folder) {
    auto opened = StoreFactory({root_}).open(*ConnectionString::parse(folder));
    EXPECT_TRUE(opened.ok());
    return *std::move(opened);
  }
  void die_in_put(const std::string& point, const std::string& source, const std::string& path) {
    ASSERT_TRUE(test::put_killed_at(point, root_, source, path)) << point;
  }
  ErrorCode put_error(const std::string& path) {
    const Status status = store_->put_file(source_, path, false);
    return status.ok() ? ErrorCode::Internal : status.error().code;
  }

  TempFolder folder_;
  const std::string root_ = folder_.path("root");
  const std::string source_ = folder_.write("source", "content");
  std::unique_ptr<ObjectStore> store_;
};

TEST_F(LocalStores, PutGetStatListRemove) {
  const Ticks before = SystemClock().now();
  ASSERT_TRUE(store_->put_file(source_, "a/b/c.csv", false).ok());
  EXPECT_TRUE(fs::exists(source_));
  EXPECT_EQ(read_file(root_ + "/a/b/c.csv"), "content");
  EXPECT_EQ(store_->public_path("a/b/c.csv"), root_ + "/a/b/c.csv");
  EXPECT_EQ(store_->local_path("a/b/c.csv"), root_ + "/a/b/c.csv");

  const auto info = store_->stat("a/b/c.csv");
  ASSERT_TRUE(info.ok());
  EXPECT_EQ(info->size, 7);
  EXPECT_GT(info->modified, before - kTicksPerMinute);
  EXPECT_LT(info->modified, before + kTicksPerMinute);

  ASSERT_TRUE(store_->get_file("a/b/c.csv", folder_.path("copy")).ok());
  EXPECT_EQ(read_file(folder_.path("copy")), "content");

  ASSERT_TRUE(store_->put_file(source_, "a/d.csv", false).ok());
  EXPECT_EQ(paths(store_->list("")), (std::vector<std::string>{"a/b/c.csv", "a/d.csv"}));
  EXPECT_EQ(paths(store_->list("a/b")), (std::vector<std::string>{"a/b/c.csv"}));
  EXPECT_EQ(paths(store_->list("a/b/")), (std::vector<std::string>{"a/b/c.csv"}));
  EXPECT_TRUE(store_->list("nowhere")->empty());

  EXPECT_TRUE(store_->remove("a/d.csv").ok());
  EXPECT_TRUE(store_->remove("a/d.csv").ok());
  EXPECT_TRUE(store_->remove("nowhere/d.csv").ok());
  EXPECT_EQ(paths(store_->list("")), (std::vector<std::string>{"a/b/c.csv"}));
  EXPECT_EQ(store_->stat("a/d.csv").error().code, ErrorCode::EntityNotFound);
  EXPECT_EQ(store_->get_file("a/d.csv", folder_.path("copy2")).error().code, ErrorCode::EntityNotFound);
  EXPECT_FALSE(fs::exists(folder_.path("copy2")));
}

TEST_F(LocalStores, PutReplacesAndConsumes) {
  ASSERT_TRUE(store_->put_file(source_, "x", false).ok());
  const std::string other = folder_.write("other", "longer content");
  ASSERT_TRUE(store_->put_file(other, "x", true).ok());
  EXPECT_EQ(read_file(root_ + "/x"), "longer content");
  EXPECT_FALSE(fs::exists(other));
  EXPECT_EQ(files_in(root_), 1u);
}

TEST_F(LocalStores, PutConsumesAcrossFileSystems) {
  struct stat here, there;
  if (::stat("/dev/shm", &there) != 0 || ::stat(root_.c_str(), &here) != 0 || here.st_dev == there.st_dev) {
    GTEST_SKIP() << "there is no second file system";
  }
  const std::string elsewhere = "/dev/shm/spillway-test-" + std::to_string(::getpid());
  fs::copy_file(source_, elsewhere);
  ASSERT_TRUE(store_->put_file(elsewhere, "x", true).ok());
  EXPECT_EQ(read_file(root_ + "/x"), "content");
  EXPECT_FALSE(fs::exists(elsewhere));
  EXPECT_EQ(files_in(root_), 1u);
}

TEST_F(LocalStores, AnEmptyAndALargeFile) {
  std::string large(3'000'000, '\0');
  for (size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * 7919 >> 5);
  ASSERT_TRUE(store_->put_file(folder_.write("empty", ""), "empty", false).ok());
  ASSERT_TRUE(store_->put_file(folder_.write("large", large), "large", false).ok());
  EXPECT_EQ(store_->stat("empty")->size, 0);
  EXPECT_EQ(read_file(root_ + "/large"), large);
}

TEST_F(LocalStores, AFailedPutLeavesNothing) {
  ASSERT_TRUE(store_->put_file(source_, "old", false).ok());
  const std::string newer = folder_.write("newer", "newer");
  for (const char* point : {"store.put.before", "store.put.staged"}) {
    for (const char* path : {"old", "new"}) {
      ASSERT_TRUE(fail_point::arm(std::string(point) + "=error").ok());
      EXPECT_EQ(store_->put_file(newer, path, false).error().code, ErrorCode::StorageTransient);
    }
  }
  EXPECT_EQ(files_in(root_), 1u);
  EXPECT_EQ(read_file(root_ + "/old"), "content");
  EXPECT_EQ(store_->put_file(folder_.path("missing"), "x", false).error().code, ErrorCode::EntityNotFound);
  EXPECT_EQ(store_->put_file(folder_.path(), "x", false).error().code, ErrorCode::StorageAccess);
}

TEST_F(LocalStores, LeftoversOfACrashAreInvisibleAndRemoved) {
  die_in_put("store.put.before", source_, "d/x");
  EXPECT_EQ(files_in(root_), 0u);
  die_in_put("store.put.staged", source_, "d/x");
  EXPECT_EQ(files_in(root_), 1u);
  EXPECT_TRUE(store_->list("")->empty());
  EXPECT_EQ(store_->stat("d/x").error().code, ErrorCode::EntityNotFound);

  die_in_put("store.put.staged", source_, "d/x");  // beside the first one's leftover
  die_in_put("store.put.staged", source_, "d/y");
  EXPECT_EQ(files_in(root_), 3u);
  EXPECT_TRUE(store_->remove("d/x").ok());
  EXPECT_EQ(files_in(root_), 1u);  // that of d/y

  ASSERT_TRUE(store_->put_file(source_, "d/y", false).ok());
  EXPECT_EQ(*store_->remove_leftovers(""), 1);
  EXPECT_EQ(files_in(root_), 1u);
  EXPECT_EQ(paths(store_->list("")), (std::vector<std::string>{"d/y"}));

  die_in_put("store.put.after", source_, "d/z");
  EXPECT_EQ(*store_->remove_leftovers(""), 0);
  EXPECT_EQ(read_file(root_ + "/d/z"), "content");
}

TEST_F(LocalStores, PathsThatLeadOutAreRefused) {
  for (const std::string& path :
       {std::string(""), std::string("/etc/x"), std::string("../x"), std::string("a/../../x"),
        std::string("a/.."), std::string("./x"), std::string("a//x"), std::string("a/"),
        std::string("a\0b", 3), std::string(".spillway-0.tmp")}) {
    EXPECT_EQ(put_error(path), ErrorCode::Forbidden) << path;
    EXPECT_EQ(store_->get_file(path, folder_.path("copy")).error().code, ErrorCode::Forbidden) << path;
    EXPECT_EQ(store_->stat(path).error().code, ErrorCode::Forbidden) << path;
    EXPECT_EQ(store_->remove(path).error().code, ErrorCode::Forbidden) << path;
    EXPECT_FALSE(store_->local_path(path)) << path;
  }
  EXPECT_EQ(store_->list("../").error().code, ErrorCode::Forbidden);
  EXPECT_EQ(files_in(root_), 0u);
}

TEST_F(LocalStores, LinksThatLeadOutAreRefused) {
  const std::string secret = folder_.write("outside/secret", "secret");
  fs::create_directory_symlink(folder_.path("outside"), root_ + "/link");
  fs::create_symlink(secret, root_ + "/file");
  EXPECT_EQ(put_error("link/x"), ErrorCode::Forbidden);
  EXPECT_EQ(store_->get_file("link/secret", folder_.path("copy")).error().code, ErrorCode::Forbidden);
  EXPECT_EQ(store_->get_file("file", folder_.path("copy")).error().code, ErrorCode::Forbidden);
  EXPECT_EQ(store_->stat("file").error().code, ErrorCode::Forbidden);
  EXPECT_EQ(store_->remove("link/secret").error().code, ErrorCode::Forbidden);
  EXPECT_EQ(store_->list("link").error().code, ErrorCode::Forbidden);
  EXPECT_FALSE(store_->local_path("file"));
  EXPECT_TRUE(store_->list("")->empty());
  EXPECT_EQ(files_in(folder_.path("outside")), 1u);

  // Putting an object over a link replaces the link and not what it names.
  ASSERT_TRUE(store_->put_file(source_, "file", false).ok());
  EXPECT_EQ(read_file(secret), "secret");
  EXPECT_EQ(read_file(root_ + "/file"), "content");

  // Links within the root are as good as what they name.
  fs::create_directory(root_ + "/real");
  fs::create_directory_symlink(root_ + "/real", root_ + "/alias");
  EXPECT_TRUE(store_->put_file(source_, "alias/x", false).ok());
  EXPECT_EQ(read_file(root_ + "/real/x"), "content");
}

TEST_F(LocalStores, OnlyFoldersBelowARootAreOpened) {
  const StoreFactory factory({root_, folder_.path("second")});
  fs::create_directory(folder_.path("root-not"));
  fs::create_directory_symlink(folder_.path("root-not"), root_ + "/out");
  const auto code = [&](const std::string& path) {
    const auto opened = factory.open(*ConnectionString::parse(path));
    return opened.ok() ? ErrorCode::Internal : opened.error().code;
  };
  EXPECT_EQ(code(root_), ErrorCode::Internal);
  EXPECT_EQ(code(root_ + "/new/folder"), ErrorCode::Internal);
  EXPECT_EQ(code(folder_.path("second/x")), ErrorCode::Internal);
  EXPECT_TRUE(fs::is_directory(folder_.path("second")));
  EXPECT_EQ(code("/"), ErrorCode::Forbidden);
  EXPECT_EQ(code(folder_.path()), ErrorCode::Forbidden);
  EXPECT_EQ(code(folder_.path("root-not")), ErrorCode::Forbidden);
  EXPECT_EQ(code(root_ + "/../root-not"), ErrorCode::Forbidden);
  EXPECT_EQ(code(root_ + "/out"), ErrorCode::Forbidden);
}

TEST_F(LocalStores, CheckTellsWhetherItCanBeUsed) {
  EXPECT_TRUE(store_->check().ok());
  EXPECT_TRUE(open(root_ + "/not/yet")->check().ok());
  ASSERT_TRUE(store_->put_file(source_, "file", false).ok());
  EXPECT_EQ(open(root_ + "/file")->check().error().code, ErrorCode::StorageAccess);
  EXPECT_EQ(open(root_ + "/file/below")->check().error().code, ErrorCode::StorageAccess);
  EXPECT_EQ(open(root_ + "/file")->put_file(source_, "x", false).error().code, ErrorCode::StorageAccess);
}

TEST_F(LocalStores, APipeIsNoObject) {
  ASSERT_EQ(::mkfifo((root_ + "/pipe").c_str(), 0666), 0);
  EXPECT_TRUE(store_->list("")->empty());
  EXPECT_EQ(store_->get_file("pipe", folder_.path("copy")).error().code, ErrorCode::StorageAccess);
  EXPECT_EQ(store_->stat("pipe").error().code, ErrorCode::EntityNotFound);
}

TEST_F(LocalStores, ManyThreadsPutTheSameAndOtherObjects) {
  const std::string other = folder_.write("other", "other content");
  std::vector<std::thread> threads;
  std::atomic<int> failures{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 25; ++i) {
        failures += !store_->put_file(t % 2 ? source_ : other, "shared", false).ok();
        failures +=
            !store_->put_file(source_, "deep/" + std::to_string(i) + "/" + std::to_string(t), false).ok();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(files_in(root_), 101u);
  const std::string shared = read_file(root_ + "/shared");
  EXPECT_TRUE(shared == "content" || shared == "other content") << shared;
}

TEST(ServerStores, WorkOnAFolderThatIsMadeLater) {
  TempFolder folder;
  const auto store = local_store(folder.path("data/extents/"));
  EXPECT_TRUE(store->list("")->empty());
  ASSERT_TRUE(store->put_file(folder.write("x", "1"), "t/1.parquet", true).ok());
  EXPECT_EQ(store->local_path("t/1.parquet"), folder.path("data/extents/t/1.parquet"));
  EXPECT_EQ(store->list("t")->size(), 1u);
}

TEST_F(LocalStores, AFileIsMadeOnlyWhereThereIsNone) {
  EXPECT_TRUE(*store_->put_if_absent("first", "log/1.json"));
  EXPECT_FALSE(*store_->put_if_absent("second", "log/1.json"));
  EXPECT_EQ(read_file(root_ + "/log/1.json"), "first");
  EXPECT_TRUE(*store_->put_if_absent("", "log/2.json"));
  EXPECT_EQ(files_in(root_), 2u);
  EXPECT_EQ(store_->put_if_absent("x", "../out").error().code, ErrorCode::Forbidden);
}

TEST_F(LocalStores, OfManyThatMakeAFileOneSucceedsAndItIsWhole) {
  for (int round = 0; round < 20; ++round) {
    const std::string path = "log/" + std::to_string(round);
    std::atomic<int> made{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        const auto result = store_->put_if_absent(std::string(5000, static_cast<char>('a' + t)), path);
        made += result.ok() && *result ? 1 : 0;
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(made, 1);
    const std::string content = read_file(root_ + "/" + path);
    EXPECT_EQ(content, std::string(5000, content[0]));
  }
  EXPECT_EQ(files_in(root_), 20u);
}

TEST_F(LocalStores, AFailedMakingLeavesNothingThatShows) {
  for (const char* point : {"store.put.before", "store.put.staged"}) {
    ASSERT_TRUE(fail_point::arm(std::string(point) + "=error").ok());
    EXPECT_FALSE(store_->put_if_absent("first", "log/1.json").ok());
    EXPECT_EQ(files_in(root_), 0u);
  }
  ASSERT_TRUE(fail_point::arm("store.put.after=error").ok());
  EXPECT_FALSE(store_->put_if_absent("first", "log/1.json").ok());
  EXPECT_FALSE(*store_->put_if_absent("first", "log/1.json"));  // the lost answer
}

}  // namespace
}  // namespace spillway::storage
