// How many write at once, and so how many files there are: distribution, distributionKind, sizeLimit and the
// fan-out of the query.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "tests/export/world.h"

namespace spillway::exports {
namespace {

constexpr int64_t kExtents = 3, kRecords = 20'000;  // in each extent

class Distribution : public testing::Test {
 protected:
  Distribution() : world_(options()) {
    world_.make_table("T");
    for (int64_t extent = 0; extent < kExtents; ++extent) world_.ingest("T", extent * kRecords, kRecords);
  }
  static ServiceOptions options() {
    ServiceOptions made;
    made.format_threads = 2;
    return made;
  }

  struct File {
    std::string folder;
    int64_t records = 0;
    std::string path;
  };
  /// The artifacts of one export, whose records are all there.
  std::vector<File> run(const catalog::ExternalTable& table, std::map<std::string, std::string> properties,
                        const std::string& query = "T", int64_t size_limit = 0) {
    std::filesystem::remove_all(world_.target());
    Request request;
    request.database = kDatabase;
    request.query = world_.bind(query);
    request.settings = *settings_for_table(table, properties);
    if (size_limit > 0) request.settings.size_limit = size_limit;
    EXPECT_TRUE(apply_query_options(request.query.options, request.settings).ok());
    const auto written = world_.service().run(request, nullptr);
    EXPECT_TRUE(written.ok()) << written.error().message;
    std::vector<File> files;
    int64_t records = 0;
    for (const auto& row : written->rows) {
      const std::filesystem::path path = row[1].str();
      files.push_back({path.parent_path().string(), row[2].as_int(), path.string()});
      records += files.back().records;
    }
    EXPECT_EQ(records, kExtents * kRecords);
    EXPECT_EQ(world_.stored().size(), files.size());
    return files;
  }
  /// Of the folders, the most files that one has.
  static int most_in_a_folder(const std::vector<File>& files) {
    std::map<std::string, int> counts;
    int most = 0;
    for (const File& file : files) most = std::max(most, ++counts[file.folder]);
    return most;
  }
  catalog::ExternalTable by_day(const std::string& format) const {
    catalog::ExternalTable table = world_.external("E", format);
    table.partitions = {{"D", Type::DateTime, catalog::Partition::Kind::StartOfDay, "at", 0}};
    return table;
  }
  static std::vector<std::string> lines_in(const std::string& path) {
    std::ifstream file(path);
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }

  World world_;
};

const std::map<std::string, std::string> kShard = {{"distribution", "per_shard"}};

TEST_F(Distribution, OneWriterByDefault) {
  for (const std::string format : {"csv", "json", "parquet"}) {
    const catalog::ExternalTable table = world_.external("E", format);
    EXPECT_EQ(run(table, {}).size(), 1u) << format;
    EXPECT_EQ(run(table, {{"distribution", "single"}}).size(), 1u) << format;
    EXPECT_EQ(run(by_day(format), {}).size(), 5u) << format;
  }
}

TEST_F(Distribution, AWriterForEachCoreWherePerShard) {
  const std::string half_threads = "set query_fanout_threads_percent = 50; T";
  const std::string half_nodes = "set query_fanout_nodes_percent = 50; T";
  for (const std::string format : {"csv", "json"}) {
    const catalog::ExternalTable table = world_.external("E", format);
    EXPECT_EQ(run(table, kShard).size(), 2u) << format;
    EXPECT_EQ(run(table, kShard, half_nodes).size(), 2u) << format;
    EXPECT_EQ(run(table, kShard, half_threads).size(), 1u) << format;
  }
  // Of Parquet each thread of the engine writes its own, and one that is faster may take all of a small
  // table.
  const catalog::ExternalTable table = world_.external("E", "parquet");
  size_t files = 0;
  for (int attempt = 0; attempt < 50 && files != 2; ++attempt) files = run(table, kShard).size();
  EXPECT_EQ(files, 2u);
  EXPECT_EQ(run(table, kShard, half_threads).size(), 1u);
  EXPECT_EQ(run(table, {{"distribution", "per_shard"}, {"distributed", "false"}}).size(), 1u);
  EXPECT_EQ(most_in_a_folder(run(by_day("parquet"), kShard)), 2);
}

TEST_F(Distribution, AnOrderIsKeptByOneWriter) {
  for (const std::string format : {"csv", "parquet"}) {
    EXPECT_EQ(run(world_.external("E", format), kShard, "T | sort by id desc").size(), 1u) << format;
  }
  const auto files = run(world_.external("E", "csv"), kShard, "T | sort by id desc | project name, at, id");
  ASSERT_EQ(files.size(), 1u);
  EXPECT_TRUE(lines_in(files[0].path)[0].starts_with(std::to_string(kExtents * kRecords - 1) + ","));
}

TEST_F(Distribution, APartitionByAStringHasOneWriterUnlessUniform) {
  catalog::ExternalTable table = world_.external("E", "parquet");
  table.partitions = {{"N", Type::String, catalog::Partition::Kind::Column, "name", 0}};
  EXPECT_EQ(run(table, kShard).size(), 3u);
  EXPECT_EQ(run(table, {{"distributionKind", "uniform"}}).size(), 3u);
  EXPECT_EQ(run(table, {{"distributionKind", "uniform"}, {"distribution", "per_shard"}}).size(), 6u);
}

TEST_F(Distribution, ANewFileBeginsWhereOneIsFull) {
  constexpr int64_t kLimit = 200'000;
  for (const std::string format : {"csv", "json"}) {
    for (const auto& table : {world_.external("E", format), by_day(format)}) {
      const auto files = run(table, kShard, "T", kLimit);
      EXPECT_GT(most_in_a_folder(files), 1);
      for (const File& file : files)
        EXPECT_LE(static_cast<int64_t>(std::filesystem::file_size(file.path)), kLimit) << file.path;
    }
  }
  // A row group is written before the limit counts.
  const std::map<std::string, std::string> groups = {{"parquetRowGroupSize", "10000"}};
  for (const auto& table : {world_.external("E", "parquet"), by_day("parquet")}) {
    const auto files = run(table, groups, "T", 1000);
    EXPECT_GT(files.size(), 4u);
    EXPECT_LE(files.size(), 12u);
  }
}

TEST_F(Distribution, OneHeaderInEachFolderWhereFirstFile) {
  for (auto table : {world_.external("E", "csv"), by_day("csv")}) {
    table.include_headers = "FirstFile";
    std::map<std::string, int> headers, files_in;
    for (const File& file : run(table, kShard, "T", 200'000)) {
      ++files_in[file.folder];
      const auto lines = lines_in(file.path);
      const auto count = std::count(lines.begin(), lines.end(), "id,name,at");
      EXPECT_TRUE(count == 0 || lines[0] == "id,name,at");
      headers[file.folder] += static_cast<int>(count);
    }
    for (const auto& [folder, count] : headers) {
      EXPECT_EQ(count, 1) << folder;
      EXPECT_GT(files_in[folder], 1) << folder;
    }
  }
}

}  // namespace
}  // namespace spillway::exports
