#include "engine/partition_paths.h"

#include <gtest/gtest.h>

#include "export/exports.h"

namespace spillway::engine {
namespace {

using catalog::ExternalTable;
using catalog::Partition;

Partition partition(const char* name, Type type, Partition::Kind kind, int64_t argument = 0) {
  Partition made;
  made.name = name;
  made.type = type;
  made.kind = kind;
  made.column = "c";
  made.argument = argument;
  return made;
}

std::string printed(const ExternalTable& table, std::string_view folder) {
  const auto values = partition_values(table, folder);
  if (!values) return "no match";
  std::string out;
  for (const Value& value : *values) out += "[" + (value.is_null() ? std::string("null") : value.str()) + "]";
  return out;
}

ExternalTable by_name_and_day() {
  ExternalTable table;
  table.partitions = {partition("Customer", Type::String, Partition::Kind::Column),
                      partition("Date", Type::DateTime, Partition::Kind::StartOfDay)};
  table.path_format = {
      {"customer=", "", ""}, {"", "Customer", ""}, {"/dt=", "", ""}, {"", "Date", "yyyyMMdd"}};
  return table;
}

TEST(PartitionPathsTest, ReadsTheDocumentedExample) {
  EXPECT_EQ(printed(by_name_and_day(), "customer=john.doe/dt=20200101"),
            "[john.doe][2020-01-01T00:00:00.0000000Z]");
}

TEST(PartitionPathsTest, RefusesOtherFolders) {
  for (const char* folder : {"", "customer=", "customer=a", "customer=a/dt=2020", "x/customer=a/dt=20200101",
                             "customer=a/dt=20200101/more", "customer=a/b/dt=20200101"}) {
    EXPECT_EQ(printed(by_name_and_day(), folder), "no match") << folder;
  }
}

TEST(PartitionPathsTest, DefaultPartitionsAreNull) {
  EXPECT_EQ(printed(by_name_and_day(), "customer=__DEFAULT_PARTITION__/dt=__DEFAULT_PARTITION__"),
            "[][null]");
}

TEST(PartitionPathsTest, DatesThatAreNoneAreNull) {
  EXPECT_EQ(printed(by_name_and_day(), "customer=a/dt=20209901"), "[a][null]");
}

TEST(PartitionPathsTest, WithoutAPathFormatTheDefaultFormsCount) {
  ExternalTable table;
  table.partitions = {partition("M", Type::DateTime, Partition::Kind::StartOfMonth),
                      partition("Bucket", Type::Long, Partition::Kind::Hash, 10),
                      partition("Hour", Type::DateTime, Partition::Kind::Bin, kTicksPerHour)};
  EXPECT_EQ(printed(table, "2024/02/7/2024/02/03/04"),
            "[2024-02-01T00:00:00.0000000Z][7][2024-02-03T04:00:00.0000000Z]");
  EXPECT_EQ(printed(table, "2024/02/x/2024/02/03/04"), "no match");
}

TEST(PartitionPathsTest, ReadsQuotesBracesAndEscapes) {
  ExternalTable table;
  table.partitions = {partition("D", Type::DateTime, Partition::Kind::Virtual)};
  for (const char* pattern :
       {"'year='yyyy'/month='MM", "year={yyyy}/month={MM}", "\\y\\e\\a\\r=yyyy/'month='MM"}) {
    table.path_format = {{"", "D", pattern}};
    EXPECT_EQ(printed(table, "year=2024/month=05"), "[2024-05-01T00:00:00.0000000Z]") << pattern;
  }
  table.path_format = {{"", "D", "MMM yyyy"}};
  EXPECT_EQ(printed(table, "May 2024"), "[null]");
}

/// What exports write is read back.
TEST(PartitionPathsTest, InvertsTheExportsPaths) {
  ExternalTable table;
  table.name = "E";
  table.format = "csv";
  table.connection_strings = {"/tmp/anywhere"};
  table.partitions = {partition("S", Type::String, Partition::Kind::Column),
                      partition("Second", Type::DateTime, Partition::Kind::Bin, kTicksPerSecond),
                      partition("H", Type::Long, Partition::Kind::Hash, 100)};
  table.path_format = {{"/s=", "", ""},    {"", "S", ""}, {"//", "", ""},
                       {"", "Second", ""}, {"/", "", ""}, {"", "H", ""}};
  const auto settings = exports::settings_for_table(table, {});
  ASSERT_TRUE(settings.ok()) << settings.error().message;
  const std::vector<Value> values = {Value::string("a b=c"),
                                     Value::datetime(kUnixEpoch + 12345 * kTicksPerSecond), Value::int64(42)};
  const auto folder = exports::partition_path(*settings, values);
  ASSERT_TRUE(folder.ok());
  EXPECT_EQ(partition_values(table, *folder), values) << *folder;
}

}  // namespace
}  // namespace spillway::engine
