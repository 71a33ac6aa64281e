// The few digests and encodings that storage services ask for, over OpenSSL.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace spillway::storage {

std::string base64_encode(std::string_view bytes);
/// nullopt where `text` isn't base64 with its padding.
std::optional<std::string> base64_decode(std::string_view text);
/// The 32 bytes of HMAC-SHA256; empty where OpenSSL refuses.
std::string hmac_sha256(std::string_view key, std::string_view message);

/// The 64 hexadecimal digits of SHA-256; empty where OpenSSL refuses.
std::string sha256_hex(std::string_view bytes);
/// Two lower-case digits for each byte.
std::string to_hex(std::string_view bytes);

/// MD5, as Content-MD5 wants it: a checksum against damage, not a protection.
class Md5 {
 public:
  Md5();
  Md5(const Md5&) = delete;
  Md5& operator=(const Md5&) = delete;
  ~Md5();
  void add(std::string_view bytes);
  /// In base64; empty where OpenSSL has no MD5 (FIPS): then nothing is sent or compared.
  std::string finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

std::string md5_base64(std::string_view bytes);

}  // namespace spillway::storage
