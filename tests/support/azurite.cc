#include "tests/support/azurite.h"

#include <stdexcept>

#include "base/clock.h"
#include "storage/azure_request.h"
#include "storage/crypto.h"
#include "storage/paths.h"

namespace spillway::test {
namespace {

storage::ConnectionString parse(const std::string& text) {
  Result<storage::ConnectionString> parsed = storage::ConnectionString::parse(text);
  if (!parsed.ok()) throw std::runtime_error(parsed.error().message);
  return *std::move(parsed);
}

std::string sign(const std::string& text) {
  return storage::percent_encode(
      storage::base64_encode(storage::hmac_sha256(*storage::base64_decode(Azurite::kKey), text)));
}

/// Tomorrow, without a fraction.
std::string expiry() {
  return format_datetime(SystemClock().now() + kTicksPerDay).substr(0, 19) + "Z";
}

}  // namespace

Azurite::Azurite()
    : server_("azurite/dist/src/blob/main.js",
              {"--silent", "--skipApiVersionCheck", "--blobPort", "0", "--location", folder_.path(),
               "--disableTelemetry"},
              "successfully listens on http://127.0.0.1:") {}

std::string Azurite::endpoint() const {
  return "http://127.0.0.1:" + std::to_string(port()) + "/" + kAccount;
}

std::string Azurite::connection(std::string_view path) const {
  return endpoint() + "/" + std::string(path) + ";" + kKey;
}

std::string Azurite::sas_connection(std::string_view path, std::string_view permissions) const {
  const std::string container(path.substr(0, path.find('/')));
  const std::string version = storage::kAzureVersion, end = expiry();
  // Fields: permissions, start, expiry, resource, identifier, IP, protocol, version, kind of resource,
  // snapshot, encryption scope, and five headers of the answer.
  const std::string text = std::string(permissions) + "\n\n" + end + "\n/blob/" + kAccount + "/" + container +
                           "\n\n\n\n" + version + "\nc\n\n\n\n\n\n\n";
  return endpoint() + "/" + std::string(path) + "?sv=" + version + "&se=" + storage::percent_encode(end) +
         "&sr=c&sp=" + std::string(permissions) + "&sig=" + sign(text);
}

std::string Azurite::account_sas_connection(std::string_view path, std::string_view permissions) const {
  const std::string version = storage::kAzureVersion, end = expiry();
  const std::string text = std::string(kAccount) + "\n" + std::string(permissions) + "\nb\nsco\n\n" + end +
                           "\n\n\n" + version + "\n\n";
  return endpoint() + "/" + std::string(path) + "?sv=" + version +
         "&ss=b&srt=sco&se=" + storage::percent_encode(end) + "&sp=" + std::string(permissions) +
         "&sig=" + sign(text);
}

void Azurite::create_container(std::string_view name) const {
  const storage::AzureClient client(parse(connection(name)), {});
  storage::AzureRequest request;
  request.method = "PUT";
  request.path = "/" + std::string(name);
  request.query = {{"restype", "container"}};
  request.action = "create container '" + std::string(name) + "'";
  const Result<storage::HttpResponse> answer = client.send(storage::Call(client.options()), request);
  if (!answer.ok()) throw std::runtime_error(answer.error().message);
}

}  // namespace spillway::test
