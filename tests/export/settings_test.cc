#include <gtest/gtest.h>

#include "export/exports.h"

namespace spillway::exports {
namespace {

catalog::ExternalTable table(std::string format) {
  catalog::ExternalTable made;
  made.name = "E";
  made.format = std::move(format);
  made.columns = {{1, "Timestamp", Type::DateTime, ""}, {2, "x", Type::Long, ""}};
  made.connection_strings = {"/data/out"};
  return made;
}

std::string error_of(const Result<Settings>& settings) {
  return settings.ok() ? "" : settings.error().message;
}

TEST(Settings, OfATableHaveItsDefinitionAndDocumentedDefaults) {
  catalog::ExternalTable csv = table("csv");
  csv.compressed = true;
  csv.include_headers = "FirstFile";
  csv.encoding = "UTF8BOM";
  csv.name_prefix = "p";
  const auto settings = settings_for_table(csv, {});
  ASSERT_TRUE(settings.ok()) << error_of(settings);
  EXPECT_EQ(settings->compression, "gzip");
  EXPECT_EQ(settings->include_headers, "firstfile");
  EXPECT_EQ(settings->encoding, "utf8bom");
  EXPECT_EQ(settings->size_limit, 100 * 1024 * 1024);
  EXPECT_EQ(settings->row_group_rows, 100'000);
  EXPECT_EQ(writers_of(*settings, 8), 1);
  EXPECT_EQ(uploads_of(*settings), 16u);

  catalog::ExternalTable parquet = table("Parquet");
  EXPECT_EQ(settings_for_table(parquet, {})->compression, "snappy");
  parquet.compressed = true;
  EXPECT_EQ(settings_for_table(parquet, {})->compression, "gzip");
  parquet.compression_type = "zstd";
  EXPECT_EQ(settings_for_table(parquet, {})->compression, "zstd");
  EXPECT_EQ(settings_for_table(table("csv"), {})->compression, "none");
}

TEST(Settings, ReadDocumentedProperties) {
  const auto settings = settings_for_table(table("parquet"), {{"SIZELIMIT", "104857600"},
                                                              {"distributed", "false"},
                                                              {"distribution", "per_shard"},
                                                              {"distributionKind", "uniform"},
                                                              {"concurrency", "4"},
                                                              {"spread", "64"},
                                                              {"parquetRowGroupSize", "5000"}});
  ASSERT_TRUE(settings.ok()) << error_of(settings);
  EXPECT_EQ(writers_of(*settings, 8), 1);
  EXPECT_EQ(uploads_of(*settings), 1u);
  EXPECT_EQ(settings->row_group_rows, 5000);

  const auto storage = settings_for_storage("csv", true, {"/data/out"},
                                            {{"sizeLimit", "4294967296"},
                                             {"namePrefix", "export"},
                                             {"includeHeaders", "all"},
                                             {"encoding", "UTF8NoBOM"},
                                             {"fileExtension", ".txt"}});
  ASSERT_TRUE(storage.ok()) << error_of(storage);
  EXPECT_EQ(storage->size_limit, int64_t{4} << 30);
  EXPECT_EQ(storage->compression, "gzip");
  EXPECT_EQ(storage->include_headers, "all");
  EXPECT_EQ(storage->file_extension, ".txt");
  const auto parquet = settings_for_storage("parquet", true, {"/d"}, {{"compressionType", "brotli"}});
  EXPECT_EQ(parquet->compression, "brotli");
  EXPECT_EQ(parquet->datetime_precision, engine::DatetimePrecision::Microsecond);
  const auto milli =
      settings_for_storage("parquet", true, {"/d"}, {{"parquetDatetimePrecision", "millisecond"}});
  EXPECT_EQ(milli->datetime_precision, engine::DatetimePrecision::Millisecond);
}

TEST(Settings, DistributionSaysHowManyWriteAtOnce) {
  const auto writers = [](catalog::ExternalTable made, std::map<std::string, std::string> properties) {
    return writers_of(*settings_for_table(made, properties), 8);
  };
  catalog::ExternalTable plain = table("csv");
  EXPECT_EQ(writers(plain, {}), 1);
  EXPECT_EQ(writers(plain, {{"distribution", "per_node"}}), 1);
  EXPECT_EQ(writers(plain, {{"distribution", "single"}}), 1);
  EXPECT_EQ(writers(plain, {{"distribution", "per_shard"}}), 8);
  EXPECT_EQ(writers(plain, {{"distribution", "per_shard"}, {"distributed", "false"}}), 1);
  // A partition by datetime is written by several, one by a string only where that is asked for.
  plain.partitions = {{"D", Type::DateTime, catalog::Partition::Kind::StartOfDay, "Timestamp", 0}};
  EXPECT_EQ(writers(plain, {{"distribution", "per_shard"}}), 8);
  plain.partitions.push_back({"S", Type::String, catalog::Partition::Kind::Virtual, "", 0});
  EXPECT_EQ(writers(plain, {{"distribution", "per_shard"}}), 1);
  EXPECT_EQ(writers(plain, {{"distribution", "per_shard"}, {"distributionKind", "uniform"}}), 8);
  EXPECT_EQ(writers(plain, {{"distributionKind", "uniform"}}), 1);
  EXPECT_EQ(writers_of(*settings_for_storage("csv", false, {"/d"}, {}), 8), 8);

  EXPECT_EQ(uploads_of(*settings_for_table(plain, {{"concurrency", "4"}})), 4u);
  EXPECT_EQ(uploads_of(*settings_for_table(plain, {{"spread", "40"}})), 40u);
  EXPECT_EQ(uploads_of(*settings_for_table(plain, {{"spread", "2"}})), 16u);
}

TEST(Settings, FanoutOfTheQueryCounts) {
  Settings settings = *settings_for_storage("csv", false, {"/d"}, {});
  ASSERT_TRUE(
      apply_query_options({{"Query_fanout_threads_percent", "50"}, {"notruncation", "true"}}, settings).ok());
  EXPECT_EQ(writers_of(settings, 8), 4);
  EXPECT_EQ(writers_of(settings, 3), 2);
  EXPECT_EQ(uploads_of(settings), 8u);
  ASSERT_TRUE(apply_query_options({{"query_fanout_threads_percent", "0"}}, settings).ok());
  EXPECT_EQ(writers_of(settings, 8), 1);
  ASSERT_TRUE(apply_query_options({{"query_fanout_nodes_percent", "50"}}, settings).ok());
  EXPECT_EQ(writers_of(settings, 8), 8);
  for (const char* name : {"query_fanout_threads_percent", "query_fanout_nodes_percent"}) {
    EXPECT_EQ(apply_query_options({{name, "101"}}, settings).error().code, ErrorCode::BadRequest);
  }
}

TEST(Settings, RefuseWhatIsNotDocumented) {
  const auto of_table = [](const std::string& name, const std::string& value) {
    return error_of(settings_for_table(table("csv"), {{name, value}}));
  };
  EXPECT_NE(of_table("sizelimt", "1").find("there is no property 'sizelimt'"), std::string::npos);
  EXPECT_NE(of_table("sizeLimit", "1000").find("from 100000000 to 1073741824"), std::string::npos);
  EXPECT_NE(of_table("sizeLimit", "4294967296"), "");
  EXPECT_NE(of_table("distribution", "none").find("one of: single, per_node, per_shard"), std::string::npos);
  EXPECT_NE(of_table("distributed", "maybe").find("true or false"), std::string::npos);
  EXPECT_NE(of_table("spread", "65"), "");
  EXPECT_NE(error_of(settings_for_table(table("avro"), {})), "");
  EXPECT_NE(error_of(settings_for_storage("csv", true, {"/d"}, {{"compressionType", "snappy"}})), "");
  EXPECT_NE(error_of(settings_for_storage("csv", false, {}, {})), "");
  EXPECT_NE(error_of(settings_for_storage("csv", false, {"/d"}, {{"namePrefix", "../x"}})), "");
  EXPECT_NE(error_of(settings_for_storage("csv", false, {"/d"}, {{"fileExtension", "a/b"}})), "");
}

TEST(Schema, MustMatchByNameAndType) {
  const catalog::ExternalTable target = table("csv");
  EXPECT_TRUE(check_schema({{"x", Type::Long}, {"Timestamp", Type::DateTime}}, target).ok());
  const Status status = check_schema({{"x", Type::Int}, {"y", Type::String}}, target);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::SchemaMismatch);
  EXPECT_EQ(
      status.error().message,
      "the output of the query doesn't match external table 'E': the query has no column 'Timestamp' "
      "(datetime); "
      "column 'x' is int in the query and long in the external table; the external table has no column 'y' "
      "(string)");
}

TEST(Schema, PartitionsMustBeComputable) {
  catalog::ExternalTable target = table("csv");
  const Schema output = {{"x", Type::Long}, {"Timestamp", Type::DateTime}};
  target.partitions = {{"D", Type::DateTime, catalog::Partition::Kind::StartOfDay, "Timestamp", 0}};
  EXPECT_TRUE(check_schema(output, target).ok());
  target.partitions[0].column = "When";
  EXPECT_EQ(check_schema(output, target).error().code, ErrorCode::SchemaMismatch);
  target.partitions = {{"D", Type::DateTime, catalog::Partition::Kind::Virtual, "", 0}};
  EXPECT_NE(
      check_schema(output, target).error().message.find("the query has no virtual column 'D' (datetime)"),
      std::string::npos);
  EXPECT_TRUE(
      check_schema({{"D", Type::DateTime}, {"x", Type::Long}, {"Timestamp", Type::DateTime}}, target).ok());
}

TEST(TableJson, ComesBackAsItWas) {
  Table table;
  table.name = "T";
  table.schema = {
      {"Path", Type::String}, {"NumRecords", Type::Long}, {"t", Type::DateTime}, {"r", Type::Real}};
  table.rows = {
      {Value::string("/a\"b\n"), Value::int64(INT64_MAX), Value::datetime(5), Value::real(1.5)},
      {Value::string(""), Value::null(Type::Long), Value::null(Type::DateTime), Value::real(-0.25)}};
  const auto back = table_from_json(table_to_json(table));
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->name, table.name);
  EXPECT_EQ(back->schema, table.schema);
  EXPECT_EQ(back->rows, table.rows);
  for (const char* broken :
       {"", "[]", "{}", "{\"name\":1}", "{\"name\":\"x\",\"columns\":[[\"a\"]],\"rows\":[]}"}) {
    EXPECT_FALSE(table_from_json(broken).ok()) << broken;
  }
}

}  // namespace
}  // namespace spillway::exports
