#include "tests/server/wire_client.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstring>

namespace spillway::test {
namespace {

constexpr time_t kReadTimeoutSeconds = 60;

}  // namespace

std::string WireAnswer::header(const std::string& lower_case_name) const {
  const auto found = headers.find(lower_case_name);
  return found == headers.end() ? "" : found->second;
}

WireClient::WireClient(uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
  const timeval timeout{kReadTimeoutSeconds, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) close();
}

WireClient::~WireClient() {
  close();
}

void WireClient::close() {
  if (socket_ >= 0) ::close(socket_);
  socket_ = -1;
}

bool WireClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

bool WireClient::fill() {
  char piece[16 * 1024];
  const ssize_t count = ::recv(socket_, piece, sizeof piece, 0);
  if (count <= 0) return false;
  buffer_.append(piece, static_cast<size_t>(count));
  return true;
}

std::string WireClient::read_some() {
  if (buffer_.empty()) fill();
  return std::move(buffer_);
}

bool WireClient::closed() {
  return buffer_.empty() && !fill();
}

std::string WireClient::take_line() {
  size_t end = 0;
  while ((end = buffer_.find("\r\n")) == std::string::npos) {
    if (!fill()) return "";
  }
  std::string line = buffer_.substr(0, end);
  buffer_.erase(0, end + 2);
  return line;
}

WireAnswer WireClient::read(bool head) {
  WireAnswer answer;
  const std::string status_line = take_line();
  if (!status_line.starts_with("HTTP/1.1 ")) return answer;
  answer.status = std::stoi(status_line.substr(9, 3));
  for (std::string line = take_line(); !line.empty(); line = take_line()) {
    const size_t colon = line.find(": ");
    std::string name = line.substr(0, colon);
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
    answer.headers[name] = line.substr(std::min(colon + 2, line.size()));
  }
  answer.complete = true;
  if (head || answer.status == 100) return answer;
  const auto take = [&](size_t count) {
    while (buffer_.size() < count && fill()) {
    }
    answer.complete = answer.complete && buffer_.size() >= count;
    answer.body += buffer_.substr(0, count);
    buffer_.erase(0, std::min(count, buffer_.size()));
  };
  if (answer.headers.contains("content-length")) {
    take(std::stoul(answer.header("content-length")));
    return answer;
  }
  if (answer.header("transfer-encoding") != "chunked") {
    while (fill()) {
    }
    answer.body = std::move(buffer_);
    return answer;
  }
  while (answer.complete) {
    const std::string size = take_line();
    answer.complete = !size.empty();
    if (!answer.complete) break;
    const size_t count = std::stoul(size, nullptr, 16);
    take(count);
    take_line();
    if (count == 0) break;
  }
  return answer;
}

std::string post(const std::string& path, const std::string& body, const std::string& headers) {
  return "POST " + path +
         " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json; charset=utf-8\r\n" + headers +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string get(const std::string& path, const std::string& headers) {
  return "GET " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\n" + headers + "\r\n";
}

WireAnswer ask(uint16_t port, const std::string& request) {
  WireClient client(port);
  client.send(request);
  return client.read(request.starts_with("HEAD"));
}

}  // namespace spillway::test
