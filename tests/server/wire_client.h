// A client that sends bytes as they are and reads one answer at a time: for what no well-behaved client would
// do.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace spillway::test {

struct WireAnswer {
  int status = 0;                              // 0 where the connection ended without an answer
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;                            // its chunks joined
  bool complete = false;                       // it ended as its header said

  std::string header(const std::string& lower_case_name) const;
};

class WireClient {
 public:
  /// Of 127.0.0.1.
  explicit WireClient(uint16_t port);
  ~WireClient();
  WireClient(const WireClient&) = delete;
  WireClient& operator=(const WireClient&) = delete;

  bool connected() const { return socket_ >= 0; }
  /// False where the server has closed the connection.
  bool send(std::string_view bytes);
  /// `head`: the answer has no body, whatever its header says.
  WireAnswer read(bool head = false);
  /// The next bytes, whatever they are; empty at the end.
  std::string read_some();
  /// True where the server closes the connection without sending anything more.
  bool closed();
  void close();

 private:
  bool fill();
  std::string take_line();

  int socket_ = -1;
  std::string buffer_;
};

/// "POST /v1/rest/query …" with a JSON body and the headers given ("Accept-Encoding: gzip\r\n").
std::string post(const std::string& path, const std::string& body, const std::string& headers = "");
std::string get(const std::string& path, const std::string& headers = "");

/// One request on a connection of its own.
WireAnswer ask(uint16_t port, const std::string& request);

}  // namespace spillway::test
