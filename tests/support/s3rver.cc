#include "tests/support/s3rver.h"

#include <stdexcept>

#include "storage/s3_request.h"

namespace spillway::test {

S3rver::S3rver()
    : server_("s3rver/bin/s3rver.js", {"--silent", "-d", folder_.path(), "-p", "0", "--no-vhost-buckets"},
              "listening on 127.0.0.1:") {}

std::string S3rver::endpoint() const {
  return "http://127.0.0.1:" + std::to_string(port());
}

std::string S3rver::connection(std::string_view path) const {
  return endpoint() + "/" + std::string(path) + ";AwsCredentials=" + kAccessKey + "," + kSecretKey;
}

void S3rver::create_bucket(std::string_view name) const {
  const auto connection_string = storage::ConnectionString::parse(connection(name));
  if (!connection_string.ok()) throw std::runtime_error(connection_string.error().message);
  storage::S3Request request;
  request.method = "PUT";
  request.action = "create bucket '" + std::string(name) + "'";
  const storage::S3Client client(*connection_string, {});
  const auto answer = client.send(storage::Call(client.options()), request);
  if (!answer.ok()) throw std::runtime_error(answer.error().message);
}

}  // namespace spillway::test
