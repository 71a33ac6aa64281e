#include "export/text_writer.h"

#include <gtest/gtest.h>
#include <libdeflate.h>

#include <cmath>
#include <filesystem>
#include <map>

#include "tests/export/fake_stream.h"
#include "tests/support/temp_folder.h"

namespace spillway::exports {
namespace {

using Rows = std::vector<std::vector<Value>>;

/// What a gzip file of several members holds.
std::string gunzip(std::string_view bytes) {
  libdeflate_decompressor* decompressor = libdeflate_alloc_decompressor();
  std::string text;
  while (!bytes.empty()) {
    std::string member(16 << 20, '\0');
    size_t in = 0, out = 0;
    if (libdeflate_gzip_decompress_ex(decompressor, bytes.data(), bytes.size(), member.data(), member.size(),
                                      &in, &out) != LIBDEFLATE_SUCCESS) {
      ADD_FAILURE() << "no gzip member";
      break;
    }
    text.append(member, 0, out);
    bytes.remove_prefix(in);
  }
  libdeflate_free_decompressor(decompressor);
  return text;
}

class TextWriter : public testing::Test {
 protected:
  TextWriter() {
    settings_.format = "csv";
    settings_.compression = "none";
    settings_.include_headers = "none";
    settings_.encoding = "utf8nobom";
    settings_.external_table = "E";
  }

  Result<std::vector<StagedFile>> write(const Schema& schema, const Rows& rows, size_t batch_rows = 2048) {
    FakeStream stream(schema, rows, batch_rows);
    return write_text(stream, {settings_, schema.size() - settings_.partitions.size(), folder_.path()}, pool_,
                      nullptr);
  }

  /// The text of the only file.
  std::string text_of(const Schema& schema, const Rows& rows) {
    const auto files = write(schema, rows);
    if (!files.ok()) return "error: " + files.error().message;
    if (files->size() != 1) return std::to_string(files->size()) + " files";
    EXPECT_EQ((*files)[0].rows, static_cast<int64_t>(rows.size()));
    return content((*files)[0]);
  }

  std::string content(const StagedFile& file) {
    const std::string bytes = test::read_file(file.path);
    EXPECT_EQ(static_cast<int64_t>(bytes.size()), file.bytes);
    std::filesystem::remove(file.path);
    return settings_.compression == "gzip" ? gunzip(bytes) : bytes;
  }

  void partition_by(Type type) {
    catalog::Partition partition;
    partition.name = "P" + std::to_string(settings_.partitions.size());
    partition.type = type;
    partition.kind =
        type == Type::DateTime ? catalog::Partition::Kind::StartOfDay : catalog::Partition::Kind::Column;
    settings_.partitions.push_back(partition);
  }

  test::TempFolder folder_;
  Settings settings_;
  TaskPool pool_{4};
};

const Schema kAllTypes = {{"b", Type::Bool},      {"i", Type::Int},       {"l", Type::Long},
                          {"r", Type::Real},      {"dec", Type::Decimal}, {"s", Type::String},
                          {"dt", Type::DateTime}, {"ts", Type::TimeSpan}, {"g", Type::Guid},
                          {"dyn", Type::Dynamic}};

Rows all_types() {
  const Guid guid = Guid::parse("74be27de-1e4e-49d9-b579-fe0b331d3642").value();
  Rows rows = {{Value::boolean(true), Value::int32(-12), Value::int64(INT64_MIN), Value::real(1.5),
                Value::decimal("12.50"), Value::string("a,\"b\"\nc\td"),
                Value::datetime(parse_datetime("2021-01-02T03:04:05.067Z").value()),
                Value::timespan(kTicksPerDay + 2 * kTicksPerHour + kTicksPerSecond / 2), Value::guid(guid),
                Value::dynamic("{\"x\":[1,\"y\"]}")}};
  std::vector<Value> nulls;
  for (const Field& field : kAllTypes) nulls.push_back(Value::null(field.type));
  rows.push_back(nulls);
  return rows;
}

TEST_F(TextWriter, CsvOfEveryType) {
  EXPECT_EQ(text_of(kAllTypes, all_types()),
            "true,-12,-9223372036854775808,1.5,12.50,\"a,\"\"b\"\"\nc\td\",2021-01-02T03:04:05.0670000Z,"
            "1.02:00:00.5000000,74be27de-1e4e-49d9-b579-fe0b331d3642,\"{\"\"x\"\":[1,\"\"y\"\"]}\"\n"
            ",,,,,,,,,\n");
}

TEST_F(TextWriter, TsvOfEveryType) {
  settings_.format = "tsv";
  EXPECT_EQ(
      text_of(kAllTypes, all_types()),
      "true\t-12\t-9223372036854775808\t1.5\t12.50\t\"a,\"\"b\"\"\nc\td\"\t2021-01-02T03:04:05.0670000Z\t"
      "1.02:00:00.5000000\t74be27de-1e4e-49d9-b579-fe0b331d3642\t\"{\"\"x\"\":[1,\"\"y\"\"]}\"\n"
      "\t\t\t\t\t\t\t\t\t\n");
}

TEST_F(TextWriter, JsonOfEveryType) {
  settings_.format = "json";
  EXPECT_EQ(
      text_of(kAllTypes, all_types()),
      "{\"b\":true,\"i\":-12,\"l\":-9223372036854775808,\"r\":1.5,\"dec\":\"12.50\","
      "\"s\":\"a,\\\"b\\\"\\nc\\td\",\"dt\":\"2021-01-02T03:04:05.0670000Z\",\"ts\":\"1.02:00:00.5000000\","
      "\"g\":\"74be27de-1e4e-49d9-b579-fe0b331d3642\",\"dyn\":{\"x\":[1,\"y\"]}}\n"
      "{\"b\":null,\"i\":null,\"l\":null,\"r\":null,\"dec\":null,\"s\":\"\",\"dt\":null,\"ts\":null,"
      "\"g\":null,\"dyn\":null}\n");
}

TEST_F(TextWriter, JsonEscapesAndRealsThatAreNoNumbers) {
  settings_.format = "json";
  EXPECT_EQ(text_of({{"a\"b", Type::String}, {"r", Type::Real}},
                    {{Value::string(std::string("\0\x1f\\/\b\f\r\xC3\xA4", 9)), Value::real(NAN)},
                     {Value::string(""), Value::real(-INFINITY)},
                     {Value::string("x"), Value::real(1e20)}}),
            "{\"a\\\"b\":\"\\u0000\\u001f\\\\/\\b\\f\\r\xC3\xA4\",\"r\":\"NaN\"}\n"
            "{\"a\\\"b\":\"\",\"r\":\"-Infinity\"}\n"
            "{\"a\\\"b\":\"x\",\"r\":1E+20}\n");
}

TEST_F(TextWriter, ARecordOfOneEmptyFieldIsNoEmptyLine) {
  EXPECT_EQ(text_of({{"s", Type::String}}, {{Value::string("")}, {Value::string("x")}}), "\"\"\nx\n");
  EXPECT_EQ(text_of({{"l", Type::Long}}, {{Value::null(Type::Long)}, {Value::int64(1)}}), "\"\"\n1\n");
}

TEST_F(TextWriter, NoRowsNoFile) {
  settings_.include_headers = "all";
  const auto files = write({{"x", Type::Long}}, {});
  ASSERT_TRUE(files.ok());
  EXPECT_TRUE(files->empty());
}

TEST_F(TextWriter, HeadersAndByteOrderMark) {
  settings_.include_headers = "all";
  settings_.encoding = "utf8bom";
  EXPECT_EQ(text_of({{"x", Type::Long}, {"a,b", Type::String}}, {{Value::int64(1), Value::string("y")}}),
            "\xEF\xBB\xBFx,\"a,b\"\n1,y\n");
  settings_.include_headers = "none";
  EXPECT_EQ(text_of({{"x", Type::Long}}, {{Value::int64(1)}}),
            "\xEF\xBB\xBF"
            "1\n");
}

Rows numbered(int64_t count) {
  Rows rows;
  for (int64_t i = 0; i < count; ++i)
    rows.push_back({Value::int64(i), Value::string("text of " + std::to_string(i))});
  return rows;
}

std::string csv_of(const Rows& rows) {
  std::string text;
  for (const auto& row : rows) text += row[0].str() + "," + row[1].str() + "\n";
  return text;
}

TEST_F(TextWriter, KeepsTheOrderOverManyBlocks) {
  const Rows rows = numbered(200'000);
  EXPECT_EQ(text_of({{"x", Type::Long}, {"s", Type::String}}, rows), csv_of(rows));
  settings_.compression = "gzip";
  EXPECT_EQ(text_of({{"x", Type::Long}, {"s", Type::String}}, rows), csv_of(rows));
}

TEST_F(TextWriter, RotatesAtTheSizeLimit) {
  for (const std::string compression : {"none", "gzip"}) {
    settings_.compression = compression;
    settings_.size_limit = 100'000;
    settings_.include_headers = "firstfile";
    const Rows rows = numbered(50'000);
    const auto files = write({{"x", Type::Long}, {"s", Type::String}}, rows);
    ASSERT_TRUE(files.ok());
    EXPECT_GT(files->size(), 10U);
    std::string all;
    int64_t records = 0;
    for (const StagedFile& file : *files) {
      const std::string text = content(file);
      EXPECT_LE(text.size(), 100'000U);
      all += text;
      records += file.rows;
    }
    EXPECT_EQ(all, "x,s\n" + csv_of(rows));
    EXPECT_EQ(records, 50'000);
  }
}

TEST_F(TextWriter, RoutesRowsToTheirPartitions) {
  partition_by(Type::String);
  partition_by(Type::DateTime);
  settings_.include_headers = "firstfile";
  const Schema schema = {{"x", Type::Long}, {"$0", Type::String}, {"$1", Type::DateTime}};
  const Ticks first_day = parse_datetime("2020-02-28").value();
  Rows rows;
  std::map<std::string, std::string> expected;
  for (int64_t i = 0; i < 20'000; ++i) {
    const std::string name = i % 7 == 0 ? "" : i % 7 == 1 ? "a/b" : "n" + std::to_string(i % 7);
    const bool null = i % 11 == 0;
    const Ticks day = first_day + i % 3 * kTicksPerDay;
    rows.push_back(
        {Value::int64(i), Value::string(name), null ? Value::null(Type::DateTime) : Value::datetime(day)});
    std::string date = format_datetime(day).substr(0, 10);
    std::replace(date.begin(), date.end(), '-', '/');
    std::string& text =
        expected[(i % 7 < 2 ? kDefaultPartition : name) + "/" + (null ? kDefaultPartition : date)];
    if (text.empty()) text = "x\n";
    text += std::to_string(i) + "\n";
  }
  const auto files = write(schema, rows, 1000);
  ASSERT_TRUE(files.ok()) << files.error().message;
  std::map<std::string, std::string> written;
  for (const StagedFile& file : *files) written[file.folder] = content(file);
  EXPECT_EQ(written, expected);
}

TEST_F(TextWriter, ManyPartitionsInBoundedMemory) {
  partition_by(Type::String);
  Rows rows;
  for (int64_t i = 0; i < 30'000; ++i)
    rows.push_back({Value::int64(i), Value::string("p" + std::to_string(i % 5000))});
  const auto files = write({{"x", Type::Long}, {"$0", Type::String}}, rows);
  ASSERT_TRUE(files.ok());
  EXPECT_EQ(files->size(), 5000U);
  for (const StagedFile& file : *files) EXPECT_EQ(file.rows, 6);
}

TEST_F(TextWriter, AnErrorOfTheStreamEndsIt) {
  FakeStream stream({{"x", Type::Long}, {"s", Type::String}}, numbered(100'000), 2048, 20);
  const auto files = write_text(stream, {settings_, 2, folder_.path()}, pool_, nullptr);
  ASSERT_FALSE(files.ok());
  EXPECT_EQ(files.error().code, ErrorCode::LimitExceeded);
}

TEST_F(TextWriter, AStagingFolderThatCannotBeWrittenEndsIt) {
  FakeStream stream({{"x", Type::Long}, {"s", Type::String}}, numbered(100'000));
  const auto files = write_text(stream, {settings_, 2, folder_.path("missing")}, pool_, nullptr);
  ASSERT_FALSE(files.ok());
  EXPECT_EQ(files.error().code, ErrorCode::StorageTransient);
}

TEST_F(TextWriter, CanBeCancelled) {
  FakeStream stream({{"x", Type::Long}, {"s", Type::String}}, numbered(10));
  engine::CancelToken cancel;
  cancel.cancel();
  EXPECT_EQ(write_text(stream, {settings_, 2, folder_.path()}, pool_, &cancel).error().code,
            ErrorCode::Cancelled);
}

}  // namespace
}  // namespace spillway::exports
