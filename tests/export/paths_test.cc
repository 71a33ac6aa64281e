#include "export/paths.h"

#include <gtest/gtest.h>

#include <regex>

namespace spillway::exports {
namespace {

using catalog::Partition;
using Kind = catalog::Partition::Kind;

Partition partition(std::string name, Type type, Kind kind, int64_t argument = 0) {
  Partition made;
  made.name = std::move(name);
  made.type = type;
  made.kind = kind;
  made.column = "C";
  made.argument = argument;
  return made;
}

Value day(std::string_view text) {
  return Value::datetime(parse_datetime(text).value());
}

std::string path(const Settings& settings, const std::vector<Value>& values) {
  const auto made = partition_path(settings, values);
  return made.ok() ? *made : "error: " + made.error().message;
}

Settings with(std::vector<Partition> partitions, std::vector<catalog::PathElement> format = {}) {
  Settings settings;
  settings.format = "csv";
  settings.compression = "none";
  settings.external_table = "E";
  settings.partitions = std::move(partitions);
  settings.path_format = std::move(format);
  return settings;
}

TEST(PartitionPath, DefaultForms) {
  const Value moment = day("2019-02-03T04:05:06.5Z");
  struct {
    Kind kind;
    Ticks span;
    const char* expected;
  } cases[] = {
      {Kind::StartOfYear, 0, "2019"},
      {Kind::StartOfMonth, 0, "2019/02"},
      {Kind::StartOfWeek, 0, "2019/02/03"},
      {Kind::StartOfDay, 0, "2019/02/03"},
      {Kind::Bin, kTicksPerDay, "2019/02/03"},
      {Kind::Bin, 7 * kTicksPerDay, "2019/02/03"},
      {Kind::Bin, kTicksPerHour, "2019/02/03/04"},
      {Kind::Bin, 6 * kTicksPerHour, "2019/02/03/04"},
      {Kind::Bin, kTicksPerMinute, "2019/02/03/04/05"},
      {Kind::Bin, 15 * kTicksPerMinute, "2019/02/03/04/05"},
      {Kind::Bin, 10 * kTicksPerSecond, "2019/02/03/04/05/06"},
      {Kind::Bin, kTicksPerMillisecond, "2019/02/03/04/05/06/5000000"},
  };
  for (const auto& [kind, span, expected] : cases) {
    EXPECT_EQ(path(with({partition("D", Type::DateTime, kind, span)}), {moment}), expected);
  }
}

TEST(PartitionPath, DocumentedExamples) {
  const Partition name = partition("CustomerName", Type::String, Kind::Column);
  const Partition date = partition("Date", Type::DateTime, Kind::StartOfDay);
  const Partition id = partition("CustomerId", Type::Long, Kind::Hash, 10);
  EXPECT_EQ(path(with({name, date}, {{"CustomerName=", "", ""},
                                     {"", "CustomerName", ""},
                                     {"/", "", ""},
                                     {"", "Date", "yyyy/MM/dd"}}),
                 {Value::string("customer1"), day("2019-01-01")}),
            "CustomerName=customer1/2019/01/01");
  EXPECT_EQ(
      path(with({name, date},
                {{"customer_name=", "", ""}, {"", "CustomerName", ""}, {"/", "", ""}, {"", "Date", ""}}),
           {Value::string("Softworks"), day("2019-02-01")}),
      "customer_name=Softworks/2019/02/01");
  EXPECT_EQ(path(with({id, date}, {{"customer_id=", "", ""},
                                   {"", "CustomerId", ""},
                                   {"/dt=", "", ""},
                                   {"", "Date", "yyyyMMdd"}}),
                 {Value::int64(5), day("2019-02-01")}),
            "customer_id=5/dt=20190201");
  EXPECT_EQ(path(with({name, date}), {Value::string("a b"), day("2019-02-01")}), "a b/2019/02/01");
  EXPECT_EQ(path(with({}), {}), "");
}

TEST(PartitionPath, ReplacesWhatNamesNoFolder) {
  const Settings settings =
      with({partition("P", Type::String, Kind::Column)}, {{"p=", "", ""}, {"", "P", ""}, {"/x", "", ""}});
  const std::string replaced = "p=__DEFAULT_PARTITION__/x";
  for (const std::string& hostile :
       {std::string(), std::string("."), std::string(".."), std::string("../../etc"), std::string("a/b"),
        std::string("a\\b"), std::string("/"), std::string("a\0b", 3), std::string("a\nb"), std::string("a."),
        std::string(" a"), std::string("a "), std::string("a:b"), std::string("a*"), std::string("\xFF\xFE"),
        std::string("\xC0\xAF"), std::string(1000, 'x'), std::string("\x7F")}) {
    EXPECT_EQ(path(settings, {Value::string(hostile)}), replaced) << hostile;
  }
  for (const std::string fine : {"a", "Ä b", "..a", "a=b", "100%", "日本", "~"}) {
    EXPECT_EQ(path(settings, {Value::string(fine)}), "p=" + fine + "/x");
  }
  EXPECT_EQ(path(with({partition("D", Type::DateTime, Kind::StartOfDay)}), {Value::null(Type::DateTime)}),
            "__DEFAULT_PARTITION__");
  EXPECT_EQ(path(with({partition("H", Type::Long, Kind::Hash, 3)}), {Value::null(Type::Long)}),
            "__DEFAULT_PARTITION__");
}

TEST(PartitionPath, NeverLeavesTheTarget) {
  const Partition name = partition("P", Type::String, Kind::Column);
  EXPECT_TRUE(
      path(with({name}, {{"../", "", ""}, {"", "P", ""}}), {Value::string("a")}).starts_with("error"));
  EXPECT_TRUE(path(with({name}, {{"x/.", "", ""}, {"", "P", ""}}), {Value::string(".")})
                  .ends_with(kDefaultPartition));
  EXPECT_EQ(path(with({name}, {{"//a//", "", ""}, {"", "P", ""}, {"/", "", ""}}), {Value::string("b")}),
            "a/b");
}

TEST(PartitionPath, ManyLongValuesGiveWayToTheDefault) {
  std::vector<Partition> partitions;
  std::vector<Value> values;
  for (int i = 0; i < 8; ++i) {
    partitions.push_back(partition("P" + std::to_string(i), Type::String, Kind::Column));
    values.push_back(Value::string(std::string(150, 'x')));
  }
  EXPECT_LT(path(with(partitions), values).size(), 800U);
}

TEST(ArtifactName, HasPrefixNumberRandomPartAndExtension) {
  Settings settings = with({});
  const Guid operation = Guid::random();
  const auto matches = [&](const std::string& pattern) {
    const std::string name = artifact_name(settings, operation, 7);
    return std::regex_match(name, std::regex(pattern)) ? "" : name;
  };
  EXPECT_EQ(matches("7_[0-9a-f]{32}\\.csv"), "");
  settings.name_prefix = "export";
  EXPECT_EQ(matches("export_7_[0-9a-f]{32}\\.csv"), "");
  settings.name_prefix = "";
  settings.compression = "gzip";
  settings.partitions = {partition("P", Type::String, Kind::Column)};
  EXPECT_EQ(matches(operation.str() + "_7_[0-9a-f]{32}\\.csv\\.gz"), "");
  settings.file_extension = "txt";
  EXPECT_EQ(artifact_extension(settings), ".txt.gz");
  settings.file_extension = ".csv.gz";
  EXPECT_EQ(artifact_extension(settings), ".csv.gz");
  settings.file_extension = "";
  settings.format = "parquet";
  EXPECT_EQ(artifact_extension(settings), ".parquet");
  EXPECT_NE(artifact_name(settings, operation, 1), artifact_name(settings, operation, 1));
}

}  // namespace
}  // namespace spillway::exports
