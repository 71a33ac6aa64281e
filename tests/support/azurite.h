// Azure Blob Storage for tests: an Azurite process on a free loopback port, with a folder of its own, ended
// with the object. Azurite comes with scripts/dependencies.
//
//   Azurite azurite;                                    // throws std::runtime_error where it can't start
//   azurite.create_container("out");
//   ConnectionString::parse(azurite.connection("out/folder"));
#pragma once

#include <string>
#include <string_view>

#include "tests/support/node_server.h"
#include "tests/support/temp_folder.h"

namespace spillway::test {

class Azurite {
 public:
  /// Azurite's documented account.
  static constexpr const char* kAccount = "devstoreaccount1";
  static constexpr const char* kKey =
      "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

  Azurite();
  int port() const { return server_.port(); }
  /// "http://127.0.0.1:PORT/devstoreaccount1".
  std::string endpoint() const;
  /// The connection string of "container[/path]" with the account's key.
  std::string connection(std::string_view path) const;
  /// The same by a service SAS for the container that is valid for a day; `permissions` as in "racwdl".
  std::string sas_connection(std::string_view path, std::string_view permissions) const;
  /// The same by an account SAS.
  std::string account_sas_connection(std::string_view path, std::string_view permissions) const;
  void create_container(std::string_view name) const;

 private:
  TempFolder folder_;
  NodeServer server_;
};

}  // namespace spillway::test
