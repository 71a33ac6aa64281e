// gzip and deflate (zlib's format) of HTTP bodies.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"

namespace spillway::server {

enum class ContentCoding { Identity, Gzip, Deflate };

/// The best coding that an Accept-Encoding header allows ("gzip, deflate;q=0.5").
ContentCoding accepted_coding(std::string_view accept_encoding);
const char* name_of(ContentCoding coding);

/// Compresses a body piece by piece, fast rather than small.
class Compressor {
 public:
  explicit Compressor(ContentCoding coding);  // Gzip or Deflate
  ~Compressor();
  /// Appends what is ready of the compressed form; `last` ends the body.
  void add(std::string_view piece, bool last, std::string& out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The body of a request that came as gzip or deflate. BadRequest where it isn't that, LimitExceeded where it
/// would be larger than `limit` bytes.
Result<std::string> decompress(std::string_view body, size_t limit);

}  // namespace spillway::server
