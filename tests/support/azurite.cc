#include "tests/support/azurite.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <stdexcept>

#include "base/clock.h"
#include "storage/azure_request.h"
#include "storage/crypto.h"
#include "storage/paths.h"

namespace spillway::test {
namespace {

constexpr const char* kProgram = SPILLWAY_SOURCE_DIR "/.deps/node_modules/azurite/dist/src/blob/main.js";
constexpr int kStartMilliseconds = 60'000;

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

Azurite::Azurite() {
  if (!std::filesystem::exists(kProgram)) throw std::runtime_error("no Azurite: run scripts/dependencies");
  start();
  wait_until_listening();
}

Azurite::~Azurite() {
  if (process_ > 0) {
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
  }
  if (output_ >= 0) ::close(output_);
}

void Azurite::start() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("cannot make a pipe");
  const char* const arguments[] = {"node",
                                   kProgram,
                                   "--silent",
                                   "--skipApiVersionCheck",
                                   "--blobPort",
                                   "0",
                                   "--location",
                                   folder_.path().c_str(),
                                   "--disableTelemetry",
                                   nullptr};
  const pid_t parent = ::getpid();
  process_ = ::fork();
  if (process_ < 0) throw std::runtime_error("cannot start a process");
  if (process_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // goes with the test, however that ends
    if (::getppid() != parent) ::_exit(1);
    ::dup2(ends[1], STDOUT_FILENO);
    ::execvp("node", const_cast<char* const*>(arguments));
    ::_exit(127);
  }
  ::close(ends[1]);
  output_ = ends[0];
}

/// Azurite prints its address once it listens.
void Azurite::wait_until_listening() {
  std::string printed;
  while (true) {
    constexpr std::string_view kSign = "successfully listens on http://127.0.0.1:";
    const size_t at = printed.find(kSign);
    if (at != std::string::npos && printed.find('\n', at) != std::string::npos) {
      port_ = std::stoi(printed.substr(at + kSign.size()));
      return;
    }
    pollfd ready{output_, POLLIN, 0};
    char buffer[1024];
    if (::poll(&ready, 1, kStartMilliseconds) <= 0)
      throw std::runtime_error("Azurite doesn't start: " + printed);
    const ssize_t n = ::read(output_, buffer, sizeof buffer);
    if (n <= 0) throw std::runtime_error("Azurite ended: " + printed);
    printed.append(buffer, static_cast<size_t>(n));
  }
}

std::string Azurite::endpoint() const {
  return "http://127.0.0.1:" + std::to_string(port_) + "/" + kAccount;
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
  const Result<storage::HttpResponse> answer = client.send(request);
  if (!answer.ok()) throw std::runtime_error(answer.error().message);
}

}  // namespace spillway::test
