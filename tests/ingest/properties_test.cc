#include <gtest/gtest.h>

#include "ingest/ingest.h"
#include "ingest/mapping.h"
#include "ingest/values.h"

namespace spillway::ingest {
namespace {

std::string error_of(const Error& error) {
  return std::string(name_of(error.code)) + ": " + error.message;
}

TEST(PropertiesTest, NamesAreReadInAnyCase) {
  const auto properties = parse_properties({{"FORMAT", "TSV"},
                                            {"ignorefirstrecord", "True"},
                                            {"Tags", "[\"a\", \"ingest-by:b\"]"},
                                            {"ingestIfNotExists", "['b']"},
                                            {"TreatGzAsUncompressed", "1"},
                                            {"ingestionMappingReference", "M"}});
  ASSERT_TRUE(properties.ok());
  EXPECT_EQ(properties->format, "tsv");
  EXPECT_TRUE(properties->ignore_first_record);
  EXPECT_EQ(properties->tags, (std::vector<std::string>{"a", "ingest-by:b"}));
  EXPECT_EQ(properties->ingest_if_not_exists, std::vector<std::string>{"b"});
  EXPECT_TRUE(properties->treat_gz_as_uncompressed);
  EXPECT_EQ(properties->mapping_reference, "M");
}

TEST(PropertiesTest, WhatIsWrongIsNamed) {
  const auto code = [](const std::map<std::string, std::string>& given) {
    const auto properties = parse_properties(given);
    return properties.ok() ? "" : name_of(properties.error().code);
  };
  EXPECT_STREQ(code({{"format", "avro"}}), "NotSupported");
  EXPECT_STREQ(code({{"format", "xyz"}}), "BadRequest");
  EXPECT_STREQ(code({{"ignoreFirstRecord", "perhaps"}}), "BadRequest");
  EXPECT_STREQ(code({{"tags", "a"}}), "BadRequest");
  EXPECT_STREQ(code({{"tags", "[1]"}}), "BadRequest");
  EXPECT_STREQ(code({{"creationTime", "2020-01-01"}}), "NotSupported");
  EXPECT_STREQ(code({{"unknown", "1"}}), "BadRequest");
  EXPECT_STREQ(code({{"ingestionMapping", "[]"}, {"ingestionMappingReference", "M"}}), "BadRequest");
}

TEST(MappingTest, MappingsAreStoredInOneForm) {
  const auto csv =
      normalize_mapping("csv",
                        "[{\"Column\": \"a\", \"DataType\": \"int\", \"Properties\": {\"ordinal\": 0}},"
                        " {\"Name\": \"b\", \"Ordinal\": \"1\"}]");
  ASSERT_TRUE(csv.ok()) << error_of(csv.error());
  EXPECT_EQ(*csv,
            "[{\"column\":\"a\",\"datatype\":\"int\",\"Properties\":{\"Ordinal\":\"0\"}},"
            "{\"column\":\"b\",\"datatype\":\"\",\"Properties\":{\"Ordinal\":\"1\"}}]");
  EXPECT_EQ(*normalize_mapping("csv", *csv), *csv);
  const auto json = normalize_mapping("JSON", "[{\"column\":\"a\",\"path\":\"$.x\",\"transform\":\"None\"}]");
  ASSERT_TRUE(json.ok());
  EXPECT_EQ(*json, "[{\"column\":\"a\",\"datatype\":\"\",\"Properties\":{\"Path\":\"$.x\"}}]");
}

TEST(MappingTest, WhatIsWrongIsNamed) {
  const auto error = [](const char* kind, const char* text) {
    const auto mapping = normalize_mapping(kind, text);
    return mapping.ok() ? std::string() : error_of(mapping.error());
  };
  EXPECT_EQ(error("avro", "[]"), "NotSupported: ingestion mappings of kind 'avro' aren't supported");
  EXPECT_EQ(error("csv", "{}"), "BadRequest: ingestion mapping: it must be an array of objects");
  EXPECT_EQ(error("csv", "[5]"), "BadRequest: ingestion mapping: it must be an array of objects");
  EXPECT_EQ(error("csv", "[{}]"), "BadRequest: ingestion mapping: an element has no 'column'");
  EXPECT_EQ(error("csv", "[{\"column\":\"a\"}]"),
            "BadRequest: ingestion mapping: column 'a' needs an Ordinal, a ConstValue or a Transform");
  EXPECT_EQ(error("csv", "[{\"column\":\"a\",\"Properties\":{\"Ordinal\":\"-1\"}}]"),
            "BadRequest: ingestion mapping: the ordinal '-1' of column 'a' is no number from 0");
  EXPECT_EQ(error("csv", "[{\"column\":\"a\",\"Ordinal\":1},{\"column\":\"a\",\"Ordinal\":2}]"),
            "BadRequest: ingestion mapping: column 'a' is mapped twice");
  EXPECT_EQ(error("json", "[{\"column\":\"a\",\"Properties\":{\"Path\":\"$.x[\"}}]"),
            "BadRequest: ingestion mapping: '$.x[' of column 'a' is no path that is supported");
  EXPECT_EQ(error("json",
                  "[{\"column\":\"a\",\"Properties\":{\"Path\":\"$\",\"Transform\":\"DropMappedFields\"}}]"),
            "NotSupported: ingestion mapping: the transformation 'DropMappedFields' isn't supported");
  EXPECT_EQ(error("json", "[{\"column\":\"a\",\"datatype\":\"nothing\",\"path\":\"$\"}]"),
            "BadRequest: ingestion mapping: column 'a' has the unknown type 'nothing'");
}

TEST(ValuesTest, TheFastFormsOfDatetimesAgreeWithTheOthers) {
  for (const char* text :
       {"2021-01-02", "2021-12-31T23:59:59", "2020-02-29 00:00:00.1", "0001-01-01T00:00:00.0000001Z",
        "9999-12-31T23:59:59.9999999Z", "1900-03-01", "2000-02-29T12:34:56.123456Z"}) {
    ASSERT_TRUE(parse_datetime(text)) << text;
    EXPECT_EQ(parse_datetime_fast(text), parse_datetime(text)) << text;
  }
  for (const char* text : {"2021-02-29", "2021-13-01", "2021-00-01", "0000-01-01", "2021-01-32",
                           "2021-01-01T24:00:01", "2021-01-01T", "2021-01-01T00:00:0x"}) {
    EXPECT_EQ(parse_datetime_fast(text), parse_datetime(text)) << text;
  }
}

TEST(ValuesTest, UnixTimesAreExactAndBounded) {
  EXPECT_EQ(parse_unix_time("0", UnixTime::Seconds), kUnixEpoch);
  EXPECT_EQ(parse_unix_time("1609459200.5", UnixTime::Seconds), parse_datetime("2021-01-01T00:00:00.5"));
  EXPECT_EQ(parse_unix_time("1609459200123", UnixTime::Milliseconds),
            parse_datetime("2021-01-01T00:00:00.123"));
  EXPECT_EQ(parse_unix_time("1609459200123456", UnixTime::Microseconds),
            parse_datetime("2021-01-01T00:00:00.123456"));
  EXPECT_EQ(parse_unix_time("1609459200123456789", UnixTime::Nanoseconds),
            parse_datetime("2021-01-01T00:00:00.1234567"));
  EXPECT_EQ(parse_unix_time("-1", UnixTime::Seconds), parse_datetime("1969-12-31T23:59:59"));
  EXPECT_EQ(parse_unix_time("999999999999999", UnixTime::Seconds), std::nullopt);
  EXPECT_EQ(parse_unix_time("-99999999999999", UnixTime::Seconds), std::nullopt);
  EXPECT_EQ(parse_unix_time("nan", UnixTime::Seconds), std::nullopt);
  EXPECT_EQ(parse_unix_time("x", UnixTime::Seconds), std::nullopt);
}

}  // namespace
}  // namespace spillway::ingest
