// A Spillway server as a child process: what the demo starts, kills and starts again.
#pragma once

#include <sys/types.h>
#include <string>
#include <vector>

#include "base/status.h"

namespace spillway::cli {

class ServerProcess {
 public:
  /// Runs this program's `serve` with `arguments`, its standard error appended to `log`, and waits for its
  /// ready line. Error where it ends, or says nothing for a minute, before it is ready.
  static Result<ServerProcess> start(const std::vector<std::string>& arguments, const std::string& log);
  ServerProcess(ServerProcess&& other) noexcept;
  ServerProcess& operator=(ServerProcess&& other) noexcept;
  ~ServerProcess();  // as stop()

  /// "http://127.0.0.1:41234", from the ready line.
  const std::string& url() const { return url_; }
  pid_t pid() const { return pid_; }
  /// SIGKILL, and waits until it is gone.
  void kill();
  /// SIGTERM, and waits for a clean end; its exit status, or -1 where a signal ended it.
  int stop();

 private:
  ServerProcess() = default;
  int signal_and_wait(int signal);

  pid_t pid_ = -1;
  int output_ = -1;
  std::string url_;
};

}  // namespace spillway::cli
