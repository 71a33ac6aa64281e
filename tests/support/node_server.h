// A server out of an npm package, for one test: a Node process on a free loopback port, ended with the
// object.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

namespace spillway::test {

class NodeServer {
 public:
  /// Runs `program` (below .deps/node_modules) with `arguments`, and waits until it prints `sign` and then
  /// its port. Throws std::runtime_error where it can't start.
  NodeServer(const std::string& program, const std::vector<std::string>& arguments, std::string_view sign);
  NodeServer(const NodeServer&) = delete;
  NodeServer& operator=(const NodeServer&) = delete;
  ~NodeServer();

  int port() const { return port_; }

 private:
  void start(const std::string& program, const std::vector<std::string>& arguments);
  void wait_for(std::string_view sign);

  pid_t process_ = -1;
  int output_ = -1;
  int port_ = 0;
};

}  // namespace spillway::test
