#include <gtest/gtest.h>

#include "storage/object_store.h"

namespace spillway::storage {
namespace {

constexpr const char* kSecret = "c2VjcmV0S2V5c2VjcmV0S2V5";

struct Azure {
  std::string text, endpoint, account, container, prefix, key, sas;
};

TEST(ConnectionStrings, AzureForms) {
  const std::string sas = "sv=2022-11-02&sp=rwd&sig=abc%2Bdef%3D";
  const Azure forms[] = {
      {"https://fabrikam.blob.core.windows.net/container;" + std::string(kSecret),
       "https://fabrikam.blob.core.windows.net", "fabrikam", "container", "", kSecret, ""},
      {"https://fabrikam.blob.core.windows.net/container/path/to/file.csv;" + std::string(kSecret),
       "https://fabrikam.blob.core.windows.net", "fabrikam", "container", "path/to/file.csv", kSecret, ""},
      {"https://fabrikam.blob.core.windows.net/container/path/;" + std::string(kSecret),
       "https://fabrikam.blob.core.windows.net", "fabrikam", "container", "path", kSecret, ""},
      {"https://fabrikam.blob.core.windows.net/container/path?" + sas,
       "https://fabrikam.blob.core.windows.net", "fabrikam", "container", "path", "", sas},
      {"https://fabrikam.blob.core.windows.net/container;" + sas, "https://fabrikam.blob.core.windows.net",
       "fabrikam", "container", "", "", sas},
      {"https://fabrikam.blob.core.windows.net/container;?" + sas, "https://fabrikam.blob.core.windows.net",
       "fabrikam", "container", "", "", sas},
      {"https://fabrikam.blob.core.chinacloudapi.cn/c;" + std::string(kSecret),
       "https://fabrikam.blob.core.chinacloudapi.cn", "fabrikam", "c", "", kSecret, ""},
      {"https://fabrikam.dfs.core.windows.net/fs/a%20b;sharedkey=" + std::string(kSecret),
       "https://fabrikam.blob.core.windows.net", "fabrikam", "fs", "a b", kSecret, ""},
      {"abfss://fs@fabrikam.dfs.core.windows.net/path/to/file.csv;sharedkey=" + sas,
       "https://fabrikam.blob.core.windows.net", "fabrikam", "fs", "path/to/file.csv", "", sas},
      {"abfss://fs@fabrikam.dfs.core.windows.net/;" + std::string(kSecret),
       "https://fabrikam.blob.core.windows.net", "fabrikam", "fs", "", kSecret, ""},
      {"http://127.0.0.1:10000/devstoreaccount1/out/x;" + std::string(kSecret),
       "http://127.0.0.1:10000/devstoreaccount1", "devstoreaccount1", "out", "x", kSecret, ""},
      {"http://localhost:10000/devstoreaccount1/out;" + std::string(kSecret),
       "http://localhost:10000/devstoreaccount1", "devstoreaccount1", "out", "", kSecret, ""},
      {"http://azurite:10000/devstoreaccount1/out;" + std::string(kSecret),
       "http://azurite:10000/devstoreaccount1", "devstoreaccount1", "out", "", kSecret, ""},
      {"http://fabrikam.blob.core.windows.net/container;" + std::string(kSecret),
       "https://fabrikam.blob.core.windows.net", "fabrikam", "container", "", kSecret, ""},
      {"https://fabrikam.blob.core.windows.net/public", "https://fabrikam.blob.core.windows.net", "fabrikam",
       "public", "", "", ""},
  };
  for (const Azure& form : forms) {
    const auto parsed = ConnectionString::parse(form.text);
    ASSERT_TRUE(parsed.ok()) << form.text << ": " << parsed.error().message;
    EXPECT_EQ(parsed->kind(), ConnectionString::Kind::AzureBlob) << form.text;
    EXPECT_EQ(parsed->endpoint, form.endpoint) << form.text;
    EXPECT_EQ(parsed->account, form.account) << form.text;
    EXPECT_EQ(parsed->container, form.container) << form.text;
    EXPECT_EQ(parsed->prefix, form.prefix) << form.text;
    EXPECT_EQ(parsed->account_key, form.key) << form.text;
    EXPECT_EQ(parsed->sas, form.sas) << form.text;
    EXPECT_EQ(parsed->text(), form.text);
  }
}

TEST(ConnectionStrings, LocalForms) {
  const std::pair<const char*, const char*> forms[] = {
      {"/data/out", "/data/out"},
      {"/data/out/", "/data/out"},
      {"/", "/"},
      {"file:///data/out", "/data/out"},
      {"FILE://localhost/data/out/", "/data/out"},
      {"file:///data/a%20b", "/data/a b"},
      {"/data/a%20b", "/data/a%20b"},
      {"/data/x/../out/./y", "/data/out/y"},
      {"//data//out", "/data/out"},
      {" /data/out ", "/data/out"},
  };
  for (const auto& [text, local] : forms) {
    const auto parsed = ConnectionString::parse(text);
    ASSERT_TRUE(parsed.ok()) << text;
    EXPECT_EQ(parsed->kind(), ConnectionString::Kind::Local);
    EXPECT_EQ(parsed->local, local) << text;
    EXPECT_EQ(parsed->address(), local) << text;
    EXPECT_EQ(parsed->redacted(), local) << text;
  }
}

TEST(ConnectionStrings, TokensAndIdentitiesOfAzure) {
  const auto token =
      ConnectionString::parse("https://fabrikam.blob.core.windows.net/c/f.csv;token=1234567890abcdef");
  ASSERT_TRUE(token.ok());
  EXPECT_EQ(token->token, "1234567890abcdef");
  EXPECT_EQ(token->redacted(), "https://fabrikam.blob.core.windows.net/c/f.csv;token=******");
  const auto system =
      ConnectionString::parse("abfss://c@fabrikam.dfs.core.windows.net/p;managed_identity=system");
  ASSERT_TRUE(system.ok());
  EXPECT_EQ(system->managed_identity, "system");
  EXPECT_EQ(system->redacted(), "https://fabrikam.blob.core.windows.net/c/p;managed_identity=system");
  const auto user = ConnectionString::parse(
      "https://fabrikam.blob.core.windows.net/c;managed_identity=12345678-1234-1234-1234-1234567890ab");
  ASSERT_TRUE(user.ok());
  EXPECT_EQ(user->managed_identity, "12345678-1234-1234-1234-1234567890ab");
  EXPECT_EQ(
      ConnectionString::parse("https://fabrikam.blob.core.windows.net/c;managed_identity=me").error().code,
      ErrorCode::BadRequest);
}

TEST(ConnectionStrings, ImpersonationBecomesAnIdentity) {
  const auto parsed = ConnectionString::parse("abfss://c@fabrikam.dfs.core.windows.net/p/;Impersonate");
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  EXPECT_TRUE(parsed->impersonate);
  EXPECT_EQ(parsed->redacted(), "https://fabrikam.blob.core.windows.net/c/p;impersonate");
  const auto opened = StoreFactory({}).open(*parsed);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code, ErrorCode::Forbidden);
  const auto again = ConnectionString::parse(parsed->on_behalf_of("SYSTEM").text());
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->managed_identity, "system");
  EXPECT_FALSE(again->impersonate);
  EXPECT_EQ(again->address(), parsed->address());
  const auto key = ConnectionString::parse("https://fabrikam.blob.core.windows.net/c;a2V5");
  EXPECT_EQ(key->on_behalf_of("system").text(), key->text());
}

TEST(ConnectionStrings, OneLakeByItsBlobEndpoint) {
  struct Form {
    const char *text, *endpoint, *workspace, *prefix, *address;
  };
  constexpr const char* kEndpoint = "https://onelake.blob.fabric.microsoft.com";
  const Form forms[] = {
      {"https://onelake.dfs.fabric.microsoft.com/Sales/Lake.Lakehouse/Files/out;impersonate", kEndpoint,
       "Sales", "Lake.Lakehouse/Files/out",
       "https://onelake.blob.fabric.microsoft.com/Sales/Lake.Lakehouse/Files/out"},
      {"https://onelake.blob.fabric.microsoft.com/Sales/Lake.Lakehouse;impersonate", kEndpoint, "Sales",
       "Lake.Lakehouse", "https://onelake.blob.fabric.microsoft.com/Sales/Lake.Lakehouse"},
      {"abfss://Sales@onelake.dfs.fabric.microsoft.com/Lake.Lakehouse/Tables/T/;impersonate", kEndpoint,
       "Sales", "Lake.Lakehouse/Tables/T",
       "https://onelake.blob.fabric.microsoft.com/Sales/Lake.Lakehouse/Tables/T"},
      {"http://OneLake.dfs.fabric.microsoft.com/Our%20Sales.v2/My%20Lake.Lakehouse/Files;impersonate",
       kEndpoint, "Our Sales.v2", "My Lake.Lakehouse/Files",
       "https://onelake.blob.fabric.microsoft.com/Our%20Sales.v2/My%20Lake.Lakehouse/Files"},
      {"https://westus-onelake.dfs.fabric.microsoft.com/"
       "0b1f2e3d-4c5b-6a79-8897-a6b5c4d3e2f1/1b1f2e3d-4c5b-6a79-8897-a6b5c4d3e2f1/Files;impersonate",
       "https://westus-onelake.blob.fabric.microsoft.com", "0b1f2e3d-4c5b-6a79-8897-a6b5c4d3e2f1",
       "1b1f2e3d-4c5b-6a79-8897-a6b5c4d3e2f1/Files",
       "https://westus-onelake.blob.fabric.microsoft.com/"
       "0b1f2e3d-4c5b-6a79-8897-a6b5c4d3e2f1/1b1f2e3d-4c5b-6a79-8897-a6b5c4d3e2f1/Files"},
  };
  for (const Form& form : forms) {
    SCOPED_TRACE(form.text);
    const auto parsed = ConnectionString::parse(form.text);
    ASSERT_TRUE(parsed.ok()) << parsed.error().message;
    EXPECT_EQ(parsed->kind(), ConnectionString::Kind::AzureBlob);
    EXPECT_EQ(parsed->endpoint, form.endpoint);
    EXPECT_EQ(parsed->container, form.workspace);
    EXPECT_EQ(parsed->prefix, form.prefix);
    EXPECT_EQ(parsed->address(), form.address);
    const auto again = ConnectionString::parse(parsed->on_behalf_of("system").text());
    ASSERT_TRUE(again.ok()) << again.error().message;
    EXPECT_EQ(again->address(), form.address);
    EXPECT_EQ(again->managed_identity, "system");
  }
}

TEST(ConnectionStrings, OneLakeTakesTokensAndIdentitiesOnly) {
  const std::string address = "https://onelake.dfs.fabric.microsoft.com/Sales/Lake.Lakehouse/Files/f.csv";
  const auto token = ConnectionString::parse(address + ";token=1234567890abcdef");
  ASSERT_TRUE(token.ok()) << token.error().message;
  EXPECT_EQ(token->token, "1234567890abcdef");
  EXPECT_EQ(token->redacted(),
            "https://onelake.blob.fabric.microsoft.com/Sales/Lake.Lakehouse/Files/f.csv;token=******");
  const auto user =
      ConnectionString::parse(address + ";managed_identity=12345678-1234-1234-1234-1234567890ab");
  ASSERT_TRUE(user.ok()) << user.error().message;
  EXPECT_EQ(user->managed_identity, "12345678-1234-1234-1234-1234567890ab");
  const std::string secret = kSecret;
  for (const std::string& credential :
       {";" + secret, ";sharedkey=" + secret, "?sv=2022-11-02&sp=rwd&sig=" + secret,
        ";sv=2022-11-02&sp=rwd&sig=" + secret, ";AwsCredentials=ID," + secret}) {
    const auto parsed = ConnectionString::parse(address + credential);
    ASSERT_FALSE(parsed.ok()) << credential;
    EXPECT_EQ(parsed.error().code, ErrorCode::BadRequest);
    EXPECT_NE(parsed.error().message.find("OneLake takes ';impersonate'"), std::string::npos)
        << parsed.error().message;
    EXPECT_EQ(parsed.error().message.find(secret), std::string::npos) << parsed.error().message;
  }
}

TEST(ConnectionStrings, OneLakeNeedsAWorkspaceAndAnItem) {
  const std::string guid = "0b1f2e3d-4c5b-6a79-8897-a6b5c4d3e2f1";
  const std::pair<std::string, const char*> forms[] = {
      {"https://onelake.dfs.fabric.microsoft.com;impersonate", "workspace's name"},
      {"https://onelake.dfs.fabric.microsoft.com/..%2Fx/Lake.Lakehouse;impersonate", "workspace's name"},
      {"https://onelake.dfs.fabric.microsoft.com/%zz/Lake.Lakehouse;impersonate", "workspace's name"},
      {"https://onelake.dfs.fabric.microsoft.com/Sales;impersonate", "/WORKSPACE/ITEM/"},
      {"abfss://Sales@onelake.dfs.fabric.microsoft.com/;impersonate", "/WORKSPACE/ITEM/"},
      {"https://onelake.dfs.fabric.microsoft.com/Sales/Lake/Files;impersonate", "/WORKSPACE/ITEM/"},
      {"https://onelake.dfs.fabric.microsoft.com/" + guid + "/Lake.Lakehouse/Files;impersonate",
       "GUIDs both"},
      {"https://onelake.dfs.fabric.microsoft.com/Sales/" + guid + "/Files;impersonate", "GUIDs both"},
      {"abfss://onelake.dfs.fabric.microsoft.com/Sales/Lake.Lakehouse;impersonate", "abfss://"},
      {"https://me@onelake.dfs.fabric.microsoft.com/Sales/Lake.Lakehouse;impersonate", "host"},
  };
  for (const auto& [text, word] : forms) {
    const auto parsed = ConnectionString::parse(text);
    ASSERT_FALSE(parsed.ok()) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::BadRequest) << text;
    EXPECT_NE(parsed.error().message.find(word), std::string::npos) << parsed.error().message;
  }
}

TEST(ConnectionStrings, BucketsOfS3) {
  struct Form {
    const char *text, *endpoint, *bucket, *prefix, *region;
  };
  const Form forms[] = {
      {"https://bucket.s3.eu-west-1.amazonaws.com/p/f.csv;AwsCredentials=ID,SECRET/+=",
       "https://bucket.s3.eu-west-1.amazonaws.com", "bucket", "p/f.csv", "eu-west-1"},
      {"https://bucket.s3.amazonaws.com;AwsCredentials=ID,SECRET/+=", "https://bucket.s3.amazonaws.com",
       "bucket", "", "us-east-1"},
      {"https://bucket.s3-eu-west-1.amazonaws.com/p;AwsCredentials=ID,SECRET/+=",
       "https://bucket.s3-eu-west-1.amazonaws.com", "bucket", "p", "eu-west-1"},
      {"https://s3.eu-west-1.amazonaws.com/bucket/p;awscredentials=ID,SECRET/+=",
       "https://s3.eu-west-1.amazonaws.com/bucket", "bucket", "p", "eu-west-1"},
      {"https://my.bucket.s3.eu-west-1.amazonaws.com/p;AwsCredentials=ID,SECRET/+=",
       "https://s3.eu-west-1.amazonaws.com/my.bucket", "my.bucket", "p", "eu-west-1"},
      {"http://127.0.0.1:9000/bucket/a%20b;AwsCredentials=ID,SECRET/+=", "http://127.0.0.1:9000/bucket",
       "bucket", "a b", "us-east-1"},
      {"https://minio.example.com/bucket;AwsCredentials=ID,SECRET/+=", "https://minio.example.com/bucket",
       "bucket", "", "us-east-1"},
  };
  for (const Form& form : forms) {
    SCOPED_TRACE(form.text);
    const auto parsed = ConnectionString::parse(form.text);
    ASSERT_TRUE(parsed.ok()) << parsed.error().message;
    EXPECT_EQ(parsed->kind(), ConnectionString::Kind::S3);
    EXPECT_EQ(parsed->endpoint, form.endpoint);
    EXPECT_EQ(parsed->container, form.bucket);
    EXPECT_EQ(parsed->prefix, form.prefix);
    EXPECT_EQ(parsed->region, form.region);
    EXPECT_EQ(parsed->access_key, "ID");
    EXPECT_EQ(parsed->secret_key, "SECRET/+=");
    EXPECT_EQ(parsed->redacted(), parsed->address() + ";AwsCredentials=******");
  }
  for (const char* text :
       {"https://b.s3.eu-west-1.amazonaws.com/p;AwsCredentials=ID", "s3://bucket/p",
        "https://b.s3.eu-west-1.amazonaws.com/p;SECRET", "http://127.0.0.1/;AwsCredentials=A,B",
        "https://b.s3.eu-west-1.amazonaws.com/p?x=1"}) {
    const auto parsed = ConnectionString::parse(text);
    ASSERT_FALSE(parsed.ok()) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::BadRequest) << parsed.error().message;
  }
}

TEST(ConnectionStrings, DocumentedFormsThatAreMissingSaySo) {
  const std::pair<const char*, const char*> forms[] = {
      {"adl://fabrikam.azuredatalakestore.net/f.csv;impersonate", "Gen1"},
      {"https://api.fabric.microsoft.com/w/i.Lakehouse/f.csv;impersonate", "web server"},
      {"https://example.com/data.csv", "web server"},
      {"ftp://example.com/data.csv", "ftp"},
  };
  for (const auto& [text, word] : forms) {
    const auto parsed = ConnectionString::parse(text);
    ASSERT_FALSE(parsed.ok()) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::NotSupported) << text;
    EXPECT_NE(parsed.error().message.find(word), std::string::npos) << parsed.error().message;
    EXPECT_EQ(parsed.error().message.find("1234567890abc"), std::string::npos) << parsed.error().message;
  }
}

TEST(ConnectionStrings, WhatIsNoneIsRefusedWithoutItsSecret) {
  const std::string secret = kSecret;
  const std::string texts[] = {
      "",
      "  ",
      "data/out",
      "./data",
      "file://data/out",
      "file:///a%2",
      std::string("/data/\0x", 8),
      "file:///data/a%00b",
      "/data/out;" + secret,
      "https://fabrikam.blob.core.windows.net;" + secret,
      "https://fabrikam.blob.core.windows.net/;" + secret,
      "https://fabrikam.blob.core.windows.net/c/../d;" + secret,
      "https://fabrikam.blob.core.windows.net/c/%2e%2e/d;" + secret,
      "https://fabrikam.blob.core.windows.net/c/%zz;" + secret,
      "https://fabrikam.blob.core.windows.net/c?restype=container&x=" + secret,
      "https://fabrikam.blob.core.windows.net/c?sv=1&sig=" + secret + ";" + secret,
      "https://fabrikam.blob.core.windows.net/c;" + secret + ";" + secret,
      "https://fabrikam.blob.core.windows.net/c;" + secret + " " + secret,
      "https://fabrikam.blob.core.windows.net/c\r\nX: y;" + secret,
      "https://user@fabrikam.blob.core.windows.net/c;" + secret,
      "https:///c;" + secret,
      "http://127.0.0.1:10000/devstoreaccount1;" + secret,
      "abfss://fabrikam.dfs.core.windows.net/path;" + secret,
      "/" + std::string(20'000, 'x'),
  };
  for (const std::string& text : texts) {
    const auto parsed = ConnectionString::parse(text);
    ASSERT_FALSE(parsed.ok()) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::BadRequest) << text << ": " << parsed.error().message;
    EXPECT_EQ(parsed.error().message.find(secret), std::string::npos) << parsed.error().message;
  }
}

TEST(ConnectionStrings, RedactedFormsShowWhereAndNotHow) {
  const std::pair<std::string, const char*> forms[] = {
      {"https://fabrikam.blob.core.windows.net/c/p;" + std::string(kSecret),
       "https://fabrikam.blob.core.windows.net/c/p;******"},
      {"https://fabrikam.blob.core.windows.net/c/p?sv=1&sig=" + std::string(kSecret),
       "https://fabrikam.blob.core.windows.net/c/p?******"},
      {"https://fabrikam.blob.core.windows.net/c/a b%3Bc;" + std::string(kSecret),
       "https://fabrikam.blob.core.windows.net/c/a%20b%3Bc;******"},
      {"https://fabrikam.blob.core.windows.net/c", "https://fabrikam.blob.core.windows.net/c"},
  };
  for (const auto& [text, expected] : forms) {
    const auto parsed = ConnectionString::parse(text);
    ASSERT_TRUE(parsed.ok()) << text;
    EXPECT_EQ(parsed->redacted(), expected);
    EXPECT_EQ(parsed->address().find(kSecret), std::string::npos);
  }
}

TEST(ConnectionStrings, SplitIntoFolderAndObject) {
  const auto azure =
      ConnectionString::parse("https://fabrikam.blob.core.windows.net/c/a/b%20c.csv;" + std::string(kSecret));
  ASSERT_TRUE(azure.ok());
  auto split = azure->split();
  ASSERT_TRUE(split.ok());
  EXPECT_EQ(split->second, "b c.csv");
  EXPECT_EQ(split->first.prefix, "a");
  EXPECT_EQ(split->first.address(), "https://fabrikam.blob.core.windows.net/c/a");
  EXPECT_EQ(split->first.text(), "https://fabrikam.blob.core.windows.net/c/a;" + std::string(kSecret));
  split = split->first.split();
  ASSERT_TRUE(split.ok());
  EXPECT_EQ(split->second, "a");
  EXPECT_EQ(split->first.address(), "https://fabrikam.blob.core.windows.net/c");
  EXPECT_FALSE(split->first.split().ok());

  const auto local = ConnectionString::parse("/data/out/x.csv")->split();
  ASSERT_TRUE(local.ok());
  EXPECT_EQ(local->first.local, "/data/out");
  EXPECT_EQ(local->first.address(), "/data/out");
  EXPECT_EQ(local->second, "x.csv");
  EXPECT_EQ(ConnectionString::parse("/x.csv")->split()->first.local, "/");
  EXPECT_FALSE(ConnectionString::parse("/")->split().ok());
}

}  // namespace
}  // namespace spillway::storage
