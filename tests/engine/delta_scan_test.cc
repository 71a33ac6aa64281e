// Reading Delta tables: what their logs name, by the rules of the protocol.
#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>
#include <fstream>

#include "engine/sql.h"
#include "tests/engine/plans.h"

namespace spillway::engine {
namespace {

namespace json = boost::json;
using Lines = std::vector<std::string>;

class DeltaScanTest : public EngineTest {
 protected:
  void SetUp() override {
    EngineTest::SetUp();
    root_ = folder_.path("storage/e");
    std::filesystem::create_directories(root_ + "/_delta_log");
  }

  static std::string field(const std::string& name, const std::string& type) {
    return R"({"name":")" + name + R"(","type":")" + type + R"(","nullable":true,"metadata":{}})";
  }
  static std::string protocol(const std::string& content = R"("minReaderVersion":1,"minWriterVersion":2)") {
    return R"({"protocol":{)" + content + "}}";
  }
  static std::string metadata(const std::string& fields, const std::string& partitions = "[]",
                              const std::string& configuration = "{}") {
    return R"({"metaData":{"id":"m","format":{"provider":"parquet","options":{}},"schemaString":)" +
           json::serialize(json::value(R"({"type":"struct","fields":[)" + fields + "]}")) +
           R"(,"partitionColumns":)" + partitions + R"(,"configuration":)" + configuration + "}}";
  }
  static std::string add(const std::string& path, const std::string& partitions = "{}",
                         const std::string& more = "") {
    return R"({"add":{"path":")" + path + R"(","partitionValues":)" + partitions +
           R"(,"size":100,"modificationTime":1,"dataChange":true)" + more + "}}";
  }
  static std::string removal(const std::string& path) {
    return R"({"remove":{"path":")" + path + R"(","deletionTimestamp":1,"dataChange":true}})";
  }
  static std::string stats(const std::string& text) {
    return R"(,"stats":)" + json::serialize(json::value(text));
  }
  std::string log(int64_t version, const std::string& suffix = ".json") {
    char name[32];
    std::snprintf(name, sizeof name, "%020lld", static_cast<long long>(version));
    return root_ + "/_delta_log/" + name + suffix;
  }
  void commit(int64_t version, const Lines& actions) {
    std::ofstream out(log(version));
    for (const std::string& action : actions) out << action << "\n";
  }
  /// A data file with the rows of a SELECT.
  void data(const std::string& path, const std::string& select) {
    std::filesystem::create_directories(std::filesystem::path(root_ + "/" + path).parent_path());
    sql("COPY (" + select + ") TO " + sql_string(root_ + "/" + path) + " (FORMAT parquet)");
  }
  /// A checkpoint of these actions, which have all the columns of their kinds that they need.
  void checkpoint(const std::string& path, const Lines& actions) {
    const std::string lines = folder_.path("checkpoint.json");
    std::ofstream out(lines);
    for (const std::string& action : actions) out << action << "\n";
    out.close();
    sql("COPY (SELECT * FROM read_json('" + lines +
        "', format = 'newline_delimited', columns = {protocol: 'STRUCT(minReaderVersion INTEGER, "
        "minWriterVersion INTEGER)', metaData: 'STRUCT(id VARCHAR, format STRUCT(provider VARCHAR, options "
        "MAP(VARCHAR, VARCHAR)), schemaString VARCHAR, partitionColumns VARCHAR[], configuration "
        "MAP(VARCHAR, "
        "VARCHAR))', add: 'STRUCT(path VARCHAR, partitionValues MAP(VARCHAR, VARCHAR), size BIGINT, stats "
        "VARCHAR)', txn: 'STRUCT(appId VARCHAR, version BIGINT)'})) TO " +
        sql_string(path) + " (FORMAT parquet)");
  }

  catalog::ExternalTable table(std::vector<std::pair<std::string, Type>> columns) {
    catalog::ExternalTable out;
    out.kind = catalog::ExternalTable::Kind::Delta;
    out.name = "E";
    out.format = "parquet";
    out.connection_strings = {root_};
    for (const auto& [name, type] : columns) {
      out.columns.push_back({static_cast<int>(out.columns.size() + 1), name, type, ""});
    }
    return out;
  }
  static std::shared_ptr<kql::ExternalScan> scan_of(const catalog::ExternalTable& table) {
    auto rel = std::make_shared<kql::ExternalScan>();
    rel->table = std::make_shared<const catalog::ExternalTable>(table);
    int id = 0;
    for (const catalog::Column& column : table.columns) {
      rel->columns.push_back({++id, column.name, column.type});
      rel->names.push_back(column.name);
    }
    return rel;
  }
  Lines read(std::vector<std::pair<std::string, Type>> columns) {
    return sorted(rows(scan_of(table(std::move(columns)))));
  }
  std::string refusal() {
    const Error error = error_of(scan_of(table({{"x", Type::Long}})));
    EXPECT_EQ(error.code, ErrorCode::NotSupported) << error.message;
    return error.message;
  }

  std::string root_;
};

TEST_F(DeltaScanTest, OnlyWhatTheLogNamesInItsNewestState) {
  data("a.parquet", "SELECT CAST(1 AS BIGINT) AS x");
  data("b.parquet", "SELECT CAST(2 AS BIGINT) AS x");
  data("c.parquet", "SELECT CAST(3 AS BIGINT) AS x");
  data("stray.parquet", "SELECT CAST(4 AS BIGINT) AS x");
  commit(0, {protocol(), metadata(field("x", "long")), add("a.parquet"), add("b.parquet")});
  EXPECT_EQ(read({{"x", Type::Long}}), (Lines{"1", "2"}));
  commit(1, {removal("a.parquet"), add("c.parquet"), R"({"unknown":{"a":1}})"});
  EXPECT_EQ(read({{"x", Type::Long}}), (Lines{"2", "3"}));
  commit(2, {add("a.parquet"), removal("b.parquet")});
  EXPECT_EQ(read({{"x", Type::Long}}), (Lines{"1", "3"}));
  commit(3, {removal("a.parquet"), removal("c.parquet")});
  EXPECT_EQ(read({{"x", Type::Long}}), Lines());
}

TEST_F(DeltaScanTest, PartitionColumnsComeFromTheLogTyped) {
  data("y=1/a%b c.parquet", "SELECT CAST(1 AS BIGINT) AS x");
  data("y=2/b.parquet", "SELECT CAST(2 AS BIGINT) AS x");
  commit(0, {protocol(),
             metadata(field("x", "long") + "," + field("y", "integer") + "," + field("d", "date") + "," +
                          field("t", "timestamp") + "," + field("s", "string"),
                      R"(["y","d","t","s"])"),
             add("y=1/a%25b%20c.parquet",
                 R"({"y":"1","d":"2024-02-29","t":"2024-01-01 01:02:03.123456","s":"a b"})"),
             add("y=2/b.parquet", R"({"y":null,"d":"","t":"2024-01-01T01:02:03.5Z","s":null})")});
  EXPECT_EQ(read({{"x", Type::Long},
                  {"y", Type::Int},
                  {"d", Type::DateTime},
                  {"t", Type::DateTime},
                  {"s", Type::String}}),
            (Lines{"1|1|2024-02-29T00:00:00.0000000Z|2024-01-01T01:02:03.1234560Z|a b",
                   "2|null|null|2024-01-01T01:02:03.5000000Z|"}));
  EXPECT_EQ(read({{"y", Type::String}}), (Lines{"", "1"}));
}

TEST_F(DeltaScanTest, ColumnsThatOldFilesLackAreNull) {
  data("old.parquet", "SELECT CAST(1 AS BIGINT) AS x");
  data("new.parquet", "SELECT CAST(2 AS BIGINT) AS x, 'text' AS s, 1.5::DOUBLE AS r");
  commit(0, {protocol(), metadata(field("x", "long")), add("old.parquet")});
  commit(1, {metadata(field("x", "long") + "," + field("s", "string") + "," + field("r", "double") + "," +
                      field("later", "boolean")),
             add("new.parquet")});
  EXPECT_EQ(read({{"x", Type::Long},
                  {"s", Type::String},
                  {"r", Type::Real},
                  {"later", Type::Bool},
                  {"none", Type::Long}}),
            (Lines{"1||null|null|null", "2|text|1.5|null|null"}));
}

/// Files that predicates rule out aren't opened: they needn't even be there.
TEST_F(DeltaScanTest, PartitionsAndStatisticsRuleFilesOut) {
  data("a.parquet", "SELECT CAST(1 AS BIGINT) AS x, TIMESTAMPTZ '2024-01-01 00:00:00.0005+00' AS t");
  commit(
      0,
      {protocol(),
       metadata(field("x", "long") + "," + field("t", "timestamp") + "," + field("s", "string") + "," +
                    field("n", "long"),
                R"(["s","n"])"),
       add("a.parquet", R"({"s":"a","n":"1"})",
           stats(
               R"({"numRecords":1,"minValues":{"t":"2024-01-01T00:00:00.000Z"},"maxValues":{"t":"2024-01-01T00:00:00.000Z"}})")),
       add("gone.parquet", R"({"s":"b","n":"2"})",
           stats(
               R"({"numRecords":1,"minValues":{"t":"2023-01-01T00:00:00.000Z"},"maxValues":{"t":"2023-01-01T00:00:00.000Z"}})"))});
  const catalog::ExternalTable all =
      table({{"x", Type::Long}, {"t", Type::DateTime}, {"s", Type::String}, {"n", Type::Long}});
  const auto with = [&](kql::ExprPtr predicate) { return rows(filter(scan_of(all), std::move(predicate))); };
  const Lines first = {"1|2024-01-01T00:00:00.0005000Z|a|1"};
  EXPECT_EQ(with(call("==", {column(3, Type::String), literal(Value::string("a"))})), first);
  EXPECT_EQ(with(call("==", {column(4, Type::Long), literal(Value::int64(1))})), first);
  // The statistics may have been cut off to milliseconds.
  EXPECT_EQ(with(call(">", {column(2, Type::DateTime),
                            literal(Value::datetime(*parse_datetime("2024-01-01T00:00:00.0001Z")))})),
            first);
  EXPECT_FALSE(error_of(scan_of(all)).message.empty());
}

TEST_F(DeltaScanTest, CheckpointsStandForTheCommitsBeforeThem) {
  data("a.parquet", "SELECT CAST(1 AS BIGINT) AS x, 'p' AS ignored");
  data("b.parquet", "SELECT CAST(2 AS BIGINT) AS x");
  const std::string meta = metadata(field("x", "long") + "," + field("p", "string"), R"(["p"])");
  const Lines first = {protocol(), meta, add("a.parquet", R"({"p":"one"})"),
                       R"({"txn":{"appId":"w","version":5}})"};
  checkpoint(log(3, ".checkpoint.parquet"), first);
  commit(4, {add("b.parquet", R"({"p":"two"})")});
  const Lines both = {"1|one", "2|two"};
  EXPECT_EQ(read({{"x", Type::Long}, {"p", Type::String}}), both);
  const auto state = engine_->read_delta(root_, DeltaParts::Head, {});
  ASSERT_TRUE(state.ok()) << state.error().message;
  EXPECT_EQ(state->version, 4);
  EXPECT_EQ(state->transactions.at("w"), 5);
  EXPECT_TRUE(state->files.empty());
  // In parts, one of which is still missing: the older one is taken, with the commits behind it.
  checkpoint(log(4, ".checkpoint.0000000001.0000000002.parquet"), {protocol(), meta});
  EXPECT_EQ(read({{"x", Type::Long}, {"p", Type::String}}), both);
  checkpoint(log(4, ".checkpoint.0000000002.0000000002.parquet"),
             {add("a.parquet", R"({"p":"one"})"), add("b.parquet", R"({"p":"two"})")});
  std::filesystem::remove(log(3, ".checkpoint.parquet"));
  std::filesystem::remove(log(4));
  EXPECT_EQ(read({{"x", Type::Long}, {"p", Type::String}}), both);
}

TEST_F(DeltaScanTest, WhatIsNotSupportedIsNamed) {
  data("a.parquet", "SELECT CAST(1 AS BIGINT) AS x");
  const std::string meta = metadata(field("x", "long"));
  const auto features = [](const std::string& list) {
    return protocol(R"("minReaderVersion":3,"minWriterVersion":7,"readerFeatures":[)" + list +
                    R"(],"writerFeatures":[)" + list + "]");
  };
  commit(0, {features(R"("deletionVectors")"), meta,
             add("a.parquet", "{}",
                 R"(,"deletionVector":{"storageType":"u","pathOrInlineDv":"x","cardinality":1})")});
  EXPECT_NE(refusal().find("'deletionVectors'"), std::string::npos);
  // A file's record without the vector is another logical file.
  commit(1, {removal("a.parquet"), add("a.parquet")});
  EXPECT_EQ(read({{"x", Type::Long}}), Lines{"1"});
  std::filesystem::remove(log(1));
  for (const auto& [lines, named] : std::vector<std::pair<Lines, std::string>>{
           {{protocol(R"("minReaderVersion":2,"minWriterVersion":5)"),
             metadata(field("x", "long"), "[]", R"({"delta.columnMapping.mode":"name"})")},
            "'columnMapping'"},
           {{features(R"("variantType")"), meta}, "'variantType'"},
           {{features(R"("v2Checkpoint")"), meta}, "'v2Checkpoint'"},
           {{protocol(R"("minReaderVersion":4,"minWriterVersion":7)"), meta}, "reader version 4"},
           {{protocol(), metadata(field("x", "interval"))}, "'interval'"},
           {{protocol(), meta, add("s3://bucket/a.parquet")}, "absolute paths"},
           {{protocol(), meta, add("/etc/passwd")}, "absolute paths"}}) {
    commit(0, lines);
    const std::string message = refusal();
    EXPECT_NE(message.find(named), std::string::npos) << message;
  }
  commit(0, {protocol(R"("minReaderVersion":2,"minWriterVersion":5)"),
             metadata(field("x", "long"), "[]", R"({"delta.columnMapping.mode":"none"})"), add("a.parquet")});
  EXPECT_EQ(read({{"x", Type::Long}}), Lines{"1"});
}

TEST_F(DeltaScanTest, ABrokenLogIsNoTable) {
  const auto code = [&] { return error_of(scan_of(table({{"x", Type::Long}}))).code; };
  EXPECT_EQ(code(), ErrorCode::EntityNotFound);
  commit(0, {"{\"add\":"});
  EXPECT_EQ(code(), ErrorCode::DataFormat);
  commit(0, {add("a.parquet")});
  EXPECT_EQ(code(), ErrorCode::DataFormat);
  commit(0, {protocol(), metadata(field("x", "long"))});
  commit(2, {add("a.parquet")});
  EXPECT_EQ(code(), ErrorCode::DataFormat);
  commit(1, {add("../../../../etc/passwd")});
  EXPECT_NE(error_of(scan_of(table({{"x", Type::Long}}))).message, "");
}

}  // namespace
}  // namespace spillway::engine
