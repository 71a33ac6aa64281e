#include "tests/support/node_server.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <stdexcept>

namespace spillway::test {
namespace {

constexpr int kStartMilliseconds = 60'000;

}  // namespace

NodeServer::NodeServer(const std::string& program, const std::vector<std::string>& arguments,
                       std::string_view sign) {
  const std::string path = std::string(SPILLWAY_SOURCE_DIR "/.deps/node_modules/") + program;
  if (!std::filesystem::exists(path))
    throw std::runtime_error("no " + program + ": run scripts/dependencies");
  start(path, arguments);
  wait_for(sign);
}

NodeServer::~NodeServer() {
  if (process_ > 0) {
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
  }
  if (output_ >= 0) ::close(output_);
}

void NodeServer::start(const std::string& program, const std::vector<std::string>& arguments) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("cannot make a pipe");
  std::vector<const char*> list{"node", program.c_str()};
  for (const std::string& argument : arguments) list.push_back(argument.c_str());
  list.push_back(nullptr);
  const pid_t parent = ::getpid();
  process_ = ::fork();
  if (process_ < 0) throw std::runtime_error("cannot start a process");
  if (process_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // goes with the test, however that ends
    if (::getppid() != parent) ::_exit(1);
    ::dup2(ends[1], STDOUT_FILENO);
    ::execvp("node", const_cast<char* const*>(list.data()));
    ::_exit(127);
  }
  ::close(ends[1]);
  output_ = ends[0];
}

void NodeServer::wait_for(std::string_view sign) {
  std::string printed;
  while (true) {
    const size_t at = printed.find(sign);
    if (at != std::string::npos && printed.find('\n', at) != std::string::npos) {
      port_ = std::stoi(printed.substr(at + sign.size()));
      return;
    }
    pollfd ready{output_, POLLIN, 0};
    char buffer[1024];
    if (::poll(&ready, 1, kStartMilliseconds) <= 0) throw std::runtime_error("it doesn't start: " + printed);
    const ssize_t n = ::read(output_, buffer, sizeof buffer);
    if (n <= 0) throw std::runtime_error("it ended: " + printed);
    printed.append(buffer, static_cast<size_t>(n));
  }
}

}  // namespace spillway::test
