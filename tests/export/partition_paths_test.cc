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

/// The default stands for a whole element, with the texts of its pattern.
TEST(PartitionPathsTest, DefaultsOfPatternsWithTexts) {
  ExternalTable table;
  table.partitions = {partition("D", Type::DateTime, Partition::Kind::StartOfMonth)};
  table.path_format = {{"a/", "", ""}, {"", "D", "'year='yyyy'/month='MM"}};
  EXPECT_EQ(printed(table, "a/year=2024/month=05"), "[2024-05-01T00:00:00.0000000Z]");
  EXPECT_EQ(printed(table, "a/__DEFAULT_PARTITION__"), "[null]");
  table.path_format = {{"", "D", "yyyy"}, {"/", "", ""}, {"", "D", "MM"}};
  EXPECT_EQ(printed(table, "2024/05"), "[2024-05-01T00:00:00.0000000Z]");
  EXPECT_EQ(printed(table, "__DEFAULT_PARTITION__/__DEFAULT_PARTITION__"), "[null]");
}

TEST(PartitionPathsTest, APatternThatSaysNoWholeDateSaysNothing) {
  ExternalTable table;
  table.partitions = {partition("D", Type::DateTime, Partition::Kind::StartOfDay)};
  for (const auto& [pattern, folder] : {std::pair("MM-dd", "05-06"),
                                        {"yyyy-dd", "2024-06"},
                                        {"yy-MM-dd", "24-05-06"},
                                        {"yyyyMd", "2024111"}}) {
    table.path_format = {{"", "D", pattern}};
    EXPECT_EQ(printed(table, folder), "[null]") << pattern;
    EXPECT_FALSE(PathForm(table).is_exact(0));
  }
}

TEST(PartitionPathsTest, AFolderCoversWhatItsPartitionTruncates) {
  const auto covered = [](Partition::Kind kind, int64_t argument, const char* pattern, const char* value) {
    ExternalTable table;
    table.partitions = {partition("D", Type::DateTime, kind, argument)};
    if (*pattern) table.path_format = {{"", "D", pattern}};
    const Interval interval = PathForm(table).covered(0, parse_datetime(value).value());
    return format_datetime(interval.low).substr(0, 16) + " " + format_datetime(interval.high).substr(0, 16);
  };
  using Kind = Partition::Kind;
  EXPECT_EQ(covered(Kind::StartOfYear, 0, "", "2024-01-01"), "2024-01-01T00:00 2024-12-31T23:59");
  EXPECT_EQ(covered(Kind::StartOfMonth, 0, "", "2024-02-01"), "2024-02-01T00:00 2024-02-29T23:59");
  EXPECT_EQ(covered(Kind::StartOfMonth, 0, "yyyy", "2024-01-01"), "2024-01-01T00:00 2024-12-31T23:59");
  EXPECT_EQ(covered(Kind::StartOfWeek, 0, "", "2024-02-04"), "2024-02-04T00:00 2024-02-10T23:59");
  EXPECT_EQ(covered(Kind::StartOfWeek, 0, "yyyyMM", "2024-02-01"), "2024-02-04T00:00 2024-03-02T23:59");
  EXPECT_EQ(covered(Kind::StartOfDay, 0, "yyyyMMddHH", "2024-02-04"), "2024-02-04T00:00 2024-02-04T23:59");
  EXPECT_EQ(covered(Kind::Bin, kTicksPerHour, "yyyyMMdd", "2024-02-04"), "2024-02-04T00:00 2024-02-04T23:59");
  EXPECT_EQ(covered(Kind::Bin, 90 * kTicksPerMinute, "", "2024-02-04T01:30"),
            "2024-02-04T01:30 2024-02-04T02:59");
  // Of a writer that counts from elsewhere.
  EXPECT_EQ(covered(Kind::StartOfWeek, 0, "", "2024-02-05"), "2024-02-05T00:00 2024-02-11T23:59");
  EXPECT_EQ(covered(Kind::Virtual, 0, "yyyy", "2024-01-01"), "2024-01-01T00:00 2024-01-01T00:00");
}

/// A value that would be read back as another goes into the default partition.
TEST(PartitionPathsTest, ValuesThatHoldWhatFollowsThem) {
  ExternalTable table;
  table.name = "E";
  table.format = "csv";
  table.connection_strings = {"/tmp/anywhere"};
  table.partitions = {partition("A", Type::String, Partition::Kind::Column),
                      partition("B", Type::String, Partition::Kind::Column)};
  table.path_format = {{"", "A", ""}, {"-b=", "", ""}, {"", "B", ""}};
  const auto settings = exports::settings_for_table(table, {});
  const auto folder = [&](const char* a, const char* b) {
    return *exports::partition_path(*settings, {Value::string(a), Value::string(b)});
  };
  EXPECT_EQ(folder("x-b", "y"), "x-b-b=y");
  EXPECT_EQ(printed(table, "x-b-b=y"), "[x-b][y]");
  EXPECT_EQ(folder("x-b=1", "y-b=2"), "__DEFAULT_PARTITION__-b=y-b=2");
  EXPECT_EQ(folder("__DEFAULT_PARTITION__1", "y"), "__DEFAULT_PARTITION__-b=y");
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
