// The documented examples against Azure Blob Storage, as Azurite gives it: keys, SAS, and no secret in any
// output.

#include <gtest/gtest.h>

#include "tests/commands/session.h"
#include "tests/support/azurite.h"

namespace spillway::test {
namespace {

class AzureCommandsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    azurite_.create_container("container1");
    answer(".create table T (Timestamp:datetime, CustomerName:string)");
    answer(".ingest inline into table T <|\n2019-01-01T10:00,customer1\n2019-02-01T11:00,customer2\n");
  }

  /// The rows of a command or query that must succeed; what it shows may not hold a credential.
  Table answer(const std::string& text) {
    const auto result = server_.run(text);
    EXPECT_TRUE(result.ok()) << text << "\n" << (result.ok() ? "" : result.error().message);
    if (!result.ok() || result->empty()) return {};
    for (const auto& row : result->front().rows) {
      for (const Value& value : row) {
        EXPECT_EQ(value.str().find(Azurite::kKey), std::string::npos) << text;
        EXPECT_EQ(value.str().find("sig="), std::string::npos) << text;
      }
    }
    return result->front();
  }

  Azurite azurite_;
  Server server_;
};

TEST_F(AzureCommandsTest, ExternalTablesTakeExportsAndShowThem) {
  answer(
      ".create external table ExternalTable (Timestamp:datetime, CustomerName:string)\n"
      "kind=storage\n"
      "partition by (CustomerId:long = hash(CustomerName, 10), Date:datetime = startofday(Timestamp))\n"
      "pathformat=(\"customer_id=\" CustomerId \"/dt=\" datetime_pattern(\"yyyyMMdd\", Date))\n"
      "dataformat=csv\n(\n   h@'" +
      azurite_.connection("container1") + "'\n)\nwith (fileExtension = \".txt\")");
  const Table shown = answer(".show external table ExternalTable | project ConnectionStrings");
  EXPECT_EQ(shown.rows.at(0).at(0).str(), "[\"" + azurite_.endpoint() + "/container1;******\"]");
  EXPECT_EQ(answer(".export to table ExternalTable <| T").rows.size(), 2U);
  const Table artifacts =
      answer(".show external table ExternalTable artifacts | project tostring(Partition.Date)");
  EXPECT_EQ(artifacts.rows.size(), 2U);
  EXPECT_EQ(artifacts.rows.at(0).at(0).str().substr(0, 5), "2019-");
}

TEST_F(AzureCommandsTest, PartitionsThatAreNotWantedAreNotRead) {
  azurite_.create_container("container2");
  answer(
      ".create external table ByName (Timestamp:datetime) kind=storage partition by (CustomerName:string)\n"
      "pathformat=('customer=' CustomerName) dataformat=parquet (h@'" +
      azurite_.connection("container1/e") + "', h@'" + azurite_.connection("container2/e") + "')");
  const Table written =
      answer(".export to table ByName <| T | union (T | extend Timestamp = Timestamp + 1d)");
  ASSERT_EQ(written.rows.size(), 2U);
  // The writes are spread over both.
  EXPECT_NE(written.rows[0][1].str().find("container1/e/customer="), std::string::npos);
  EXPECT_NE(written.rows[1][1].str().find("container2/e/customer="), std::string::npos);
  // What no reader of Parquet takes.
  answer(".export to csv (h@'" + azurite_.connection("container2/e/customer=zoe") + "') <| T");
  EXPECT_FALSE(server_.run("external_table('ByName') | count").ok());
  EXPECT_EQ(answer("external_table('ByName') | where CustomerName == 'customer2' | count")
                .rows.at(0)
                .at(0)
                .as_int(),
            2);
  EXPECT_EQ(answer("external_table('ByName') | where CustomerName startswith 'cust' | count")
                .rows.at(0)
                .at(0)
                .as_int(),
            4);
  const std::string plan =
      answer(".show queryplan <| external_table('ByName') | where CustomerName == 'customer2'")
          .rows.back()
          .at(2)
          .str();
  EXPECT_NE(plan.find("\"Folders\":[\"customer=customer2\"]"), std::string::npos) << plan;
  EXPECT_NE(plan.find("\"Found\":1,\"Read\":1"), std::string::npos) << plan;
}

TEST_F(AzureCommandsTest, ExportsAreIngestedAgain) {
  const Table exported = answer(".export compressed to csv (h@\"" + azurite_.connection("container1/out") +
                                "\") with (includeHeaders=\"all\") <| T");
  ASSERT_EQ(exported.rows.size(), 1U);
  const std::string path = exported.rows[0][0].str();
  const std::string blob = path.substr(azurite_.endpoint().size() + 1);
  answer(".create table Back (Timestamp:datetime, CustomerName:string)");
  answer(".ingest into table Back (h'" + azurite_.sas_connection(blob, "rl") +
         "') with (format='csv', ignoreFirstRecord=true)");
  EXPECT_EQ(answer("Back | count").rows.at(0).at(0).as_int(), 2);
}

TEST_F(AzureCommandsTest, ErrorsOfStorageNameThePlaceAndNotTheKey) {
  const auto result = server_.run(".export to csv (h@\"" + azurite_.connection("missing") + "\") <| T");
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::StorageAccess);
  EXPECT_NE(result.error().message.find("missing"), std::string::npos);
  EXPECT_EQ(result.error().message.find(Azurite::kKey), std::string::npos);
}

}  // namespace
}  // namespace spillway::test
