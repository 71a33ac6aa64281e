#include "tests/support/put_killed.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace spillway::test {

bool put_killed_at(const std::string& fail_point, const std::string& connection, const std::string& source,
                   const std::string& path) {
  constexpr const char* kProgram = SPILLWAY_BINARY_DIR "/put_object";
  const std::string armed = "SPILLWAY_FAIL_POINTS=" + fail_point + "=kill";
  const char* const arguments[] = {kProgram, connection.c_str(), source.c_str(), path.c_str(), nullptr};
  const char* const environment[] = {armed.c_str(), nullptr};
  const pid_t child = ::fork();
  if (child == 0) {
    ::execve(kProgram, const_cast<char* const*>(arguments), const_cast<char* const*>(environment));
    ::_exit(127);
  }
  int status = 0;
  return child > 0 && ::waitpid(child, &status, 0) == child && WIFSIGNALED(status) &&
         WTERMSIG(status) == SIGKILL;
}

}  // namespace spillway::test
