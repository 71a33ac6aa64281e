// Blobs, out of Azurite.
#include "tests/ingest/support.h"
#include "tests/support/azurite.h"

namespace spillway::ingest {
namespace {

using Records = std::vector<std::string>;
class AzureIngestTest : public IngestTest {
 protected:
  AzureIngestTest() { azurite_.create_container("data"); }

  void upload(const std::string& name, const std::string& content) {
    const auto connection = storage::ConnectionString::parse(azurite_.connection("data"));
    ASSERT_SUCCESS(connection);
    const auto store = stores_.open(*connection);
    ASSERT_SUCCESS(store);
    ASSERT_SUCCESS((*store)->put_file(folder_.write("upload", content), name, true));
  }

  test::Azurite azurite_;
};

TEST_F(AzureIngestTest, BlobsAndFoldersOfBlobs) {
  make_table("a:long, b:string");
  upload("one.csv", "1,x\n");
  upload("folder/two.csv", "2,y\n");
  upload("folder/deep/three.csv.gz", test::read_file(write_gzip("three.csv.gz", "3,z\n")));
  const auto loaded =
      ingest_files({azurite_.connection("data/one.csv"), azurite_.sas_connection("data/folder", "rl")});
  ASSERT_SUCCESS(loaded);
  EXPECT_EQ(records(), (Records{"1|x", "2|y", "3|z"}));
  ASSERT_EQ(loaded->size(), 1U);
  EXPECT_EQ((*loaded)[0].item, azurite_.endpoint() + "/data/one.csv, " + azurite_.endpoint() +
                                   "/data/folder/deep/three.csv.gz, " + azurite_.endpoint() +
                                   "/data/folder/two.csv");
  EXPECT_EQ(extent_files(), std::vector<std::string>{(*table()->extents)[0]->path}) << "no download stays";
  ASSERT_SUCCESS(ingest_files({azurite_.connection("data")}));
  EXPECT_EQ(records().size(), 6U);
}

TEST_F(AzureIngestTest, ErrorsNameTheBlobAndNoSecret) {
  make_table("a:long, b:string");
  upload("bad.csv", "1,x\n2,\"y\n");
  const std::string missing = error_of(ingest_files({azurite_.connection("data/missing.csv")}));
  EXPECT_EQ(missing.substr(0, 16), "EntityNotFound: ") << missing;
  const std::string malformed = error_of(ingest_files({azurite_.connection("data/bad.csv")}));
  EXPECT_EQ(
      malformed,
      "DataFormat: '" + azurite_.endpoint() +
          "/data/bad.csv': the record at line 2 is malformed: a value that begins with '\"' isn't closed");
  for (const std::string& error : {missing, malformed}) {
    EXPECT_EQ(error.find(test::Azurite::kKey), std::string::npos);
  }
  EXPECT_TRUE(extent_files().empty());
}

TEST_F(AzureIngestTest, ParquetBlobsAreNamedToo) {
  make_table("a:long");
  upload("bad.parquet", "no Parquet");
  const std::string error = error_of(ingest_files({azurite_.connection("data/bad.parquet")}));
  EXPECT_EQ(error.find("DataFormat: '" + azurite_.endpoint() + "/data/bad.parquet': "), 0U) << error;
  EXPECT_EQ(error.find("incoming"), std::string::npos) << error;
}

}  // namespace
}  // namespace spillway::ingest
