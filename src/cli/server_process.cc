#include "cli/server_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cerrno>
#include <csignal>
#include <cstring>

#include <utility>

namespace spillway::cli {

namespace {

constexpr int kReadyTimeoutMilliseconds = 60'000;

/// In the child: never returns.
[[noreturn]] void become_server(const std::vector<std::string>& arguments, int output, int log) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // the server never outlives what started it
  ::dup2(output, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  std::vector<char*> argv;
  argv.push_back(const_cast<char*>("spillway"));
  argv.push_back(const_cast<char*>("serve"));
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  ::execv("/proc/self/exe", argv.data());
  ::_exit(127);
}

/// The first line on `descriptor`, or what came before its end or the timeout.
std::string read_line(int descriptor) {
  std::string line;
  pollfd waiting{descriptor, POLLIN, 0};
  while (::poll(&waiting, 1, kReadyTimeoutMilliseconds) > 0) {
    char c;
    if (::read(descriptor, &c, 1) != 1 || c == '\n') break;
    line += c;
  }
  return line;
}

}  // namespace

Result<ServerProcess> ServerProcess::start(const std::vector<std::string>& arguments,
                                           const std::string& log) {
  int log_file = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (log_file < 0) return Error(ErrorCode::BadRequest, "can't write '" + log + "': " + std::strerror(errno));
  int pipe_ends[2];
  if (::pipe2(pipe_ends, O_CLOEXEC) != 0) {
    ::close(log_file);
    return Error(ErrorCode::Internal, std::string("pipe: ") + std::strerror(errno));
  }
  pid_t child = ::fork();
  if (child == 0) become_server(arguments, pipe_ends[1], log_file);
  ::close(log_file);
  ::close(pipe_ends[1]);
  if (child < 0) {
    ::close(pipe_ends[0]);
    return Error(ErrorCode::Internal, std::string("fork: ") + std::strerror(errno));
  }
  ServerProcess server;
  server.pid_ = child;
  server.output_ = pipe_ends[0];
  std::string line = read_line(server.output_);
  size_t at = line.find("http://");
  if (at == std::string::npos) {
    return Error(ErrorCode::Internal, "the server did not start; its log is " + log);
  }
  server.url_ = line.substr(at, line.find(' ', at) - at);
  return server;
}

ServerProcess::ServerProcess(ServerProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      output_(std::exchange(other.output_, -1)),
      url_(std::move(other.url_)) {}

ServerProcess& ServerProcess::operator=(ServerProcess&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(output_, other.output_);
  std::swap(url_, other.url_);
  return *this;
}

ServerProcess::~ServerProcess() {
  stop();
}

void ServerProcess::kill() {
  signal_and_wait(SIGKILL);
}

int ServerProcess::stop() {
  return signal_and_wait(SIGTERM);
}

int ServerProcess::signal_and_wait(int signal) {
  if (pid_ < 0) return 0;
  ::kill(pid_, signal);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  if (output_ >= 0) ::close(std::exchange(output_, -1));
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace spillway::cli
