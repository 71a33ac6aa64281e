#include "tests/support/fault_proxy.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cctype>
#include <stdexcept>

namespace spillway::test {
namespace {

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  return address;
}

bool send_all(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

bool receive_some(int socket, std::string& into) {
  char buffer[64 << 10];
  const ssize_t n = ::recv(socket, buffer, sizeof buffer, 0);
  if (n <= 0) return false;
  into.append(buffer, static_cast<size_t>(n));
  return true;
}

/// The end of a header block and the body's length by its Content-Length.
size_t body_length(std::string head) {
  for (char& c : head) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const size_t at = head.find("\r\ncontent-length:");
  return at == std::string::npos ? 0 : std::stoul(head.substr(at + 17));
}

bool receive_request(int client, std::string& head, std::string& body) {
  std::string bytes;
  size_t end = std::string::npos;
  while ((end = bytes.find("\r\n\r\n")) == std::string::npos) {
    if (!receive_some(client, bytes)) return false;
  }
  head = bytes.substr(0, end + 4);
  const size_t length = head.starts_with("HEAD") ? 0 : body_length(head);
  while (bytes.size() < head.size() + length) {
    if (!receive_some(client, bytes)) return false;
  }
  body = bytes.substr(head.size(), length);
  return true;
}

/// Closing then sends RST, so that the client sees a broken connection and no end.
void break_on_close(int socket) {
  const linger now{1, 0};
  ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

}  // namespace

FaultProxy::FaultProxy(int upstream_port) : upstream_port_(upstream_port) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener_, 64) != 0) {
    throw std::runtime_error("cannot listen on a loopback port");
  }
  ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_connections(); });
}

FaultProxy::~FaultProxy() {
  stopping_ = true;
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  {
    const std::lock_guard lock(mutex_);
    for (int client : clients_) ::shutdown(client, SHUT_RDWR);
  }
  for (std::thread& thread : threads_) thread.join();
  ::close(listener_);
}

void FaultProxy::on_request(std::function<Fault(const Request&)> decide) {
  const std::lock_guard lock(mutex_);
  decide_ = std::move(decide);
  requests_ = 0;
}

void FaultProxy::accept_connections() {
  while (!stopping_) {
    const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    const std::lock_guard lock(mutex_);
    clients_.insert(client);
    threads_.emplace_back([this, client] { serve(client); });
  }
}

/// One request a connection: every answer says so.
void FaultProxy::serve(int client) {
  std::string head, body;
  if (receive_request(client, head, body)) serve_one(client, head, body);
  const std::lock_guard lock(mutex_);
  clients_.erase(client);
  ::close(client);
}

void FaultProxy::serve_one(int client, const std::string& head, const std::string& body) {
  Request request;
  request.head = head;
  request.method = head.substr(0, head.find(' '));
  request.target = head.substr(request.method.size() + 1, head.find(" HTTP/") - request.method.size() - 1);
  Fault fault;
  {
    const std::lock_guard lock(mutex_);
    request.number = ++requests_;
    if (decide_) fault = decide_(request);
  }
  switch (fault.kind) {
    case Fault::Kind::Reset: break_on_close(client); return;
    case Fault::Kind::Stall:
      for (std::string ignored; receive_some(client, ignored);) {
      }
      return;
    case Fault::Kind::Answer:
      send_all(client, "HTTP/1.1 " + std::to_string(fault.status) +
                           " Fault\r\nConnection: close\r\nContent-Length: " +
                           std::to_string(fault.body.size()) + "\r\n" + fault.headers + "\r\n" + fault.body);
      return;
    default: break;
  }
  std::string answer = ask_upstream(head, body);
  const size_t body_start = answer.find("\r\n\r\n") + 4;
  if (fault.kind == Fault::Kind::LoseAnswer) {
    break_on_close(client);
    return;
  }
  if (fault.kind == Fault::Kind::Truncate) answer.resize(body_start + (answer.size() - body_start) / 2);
  if (fault.kind == Fault::Kind::Damage && answer.size() > body_start)
    answer.back() = static_cast<char>(~answer.back());
  send_all(client, answer);
}

std::string FaultProxy::ask_upstream(const std::string& head, const std::string& body) const {
  const int server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback(upstream_port_);
  std::string answer;
  if (::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    const std::string closing = head.substr(0, head.size() - 2) + "Connection: close\r\n\r\n";
    if (send_all(server, closing) && send_all(server, body)) {
      while (receive_some(server, answer)) {
      }
    }
  }
  ::close(server);
  return answer;
}

}  // namespace spillway::test
