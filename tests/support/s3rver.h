// Amazon S3 for tests: an s3rver process on a free loopback port, with a folder of its own, ended with the
// object.
#pragma once

#include <string>
#include <string_view>

#include "tests/support/node_server.h"
#include "tests/support/temp_folder.h"

namespace spillway::test {

class S3rver {
 public:
  static constexpr const char* kAccessKey = "S3RVER";
  static constexpr const char* kSecretKey = "S3RVER";

  S3rver();

  int port() const { return server_.port(); }
  /// "http://127.0.0.1:PORT".
  std::string endpoint() const;
  /// The connection string of "bucket[/path]".
  std::string connection(std::string_view path) const;
  void create_bucket(std::string_view name) const;

 private:
  TempFolder folder_;
  NodeServer server_;
};

}  // namespace spillway::test
