#include "storage/crypto.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>

namespace spillway::storage {

std::string base64_encode(std::string_view bytes) {
  std::string out(4 * ((bytes.size() + 2) / 3), '\0');
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                  reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  return out;
}

std::optional<std::string> base64_decode(std::string_view text) {
  if (text.empty() || text.size() % 4 != 0) return std::nullopt;
  // OpenSSL trims blanks, and decodes the padding as zeros.
  if (text.find_first_of(" \t\r\n") != std::string_view::npos) return std::nullopt;
  size_t padding = 0;
  while (padding < 2 && text[text.size() - 1 - padding] == '=') ++padding;
  std::string out(text.size() / 4 * 3, '\0');
  const int size =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (size < 0) return std::nullopt;
  out.resize(out.size() - padding);
  return out;
}

std::string hmac_sha256(std::string_view key, std::string_view message) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned int size = 0;
  if (!HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
            reinterpret_cast<const unsigned char*>(message.data()), message.size(), digest.data(), &size)) {
    return "";
  }
  return std::string(reinterpret_cast<const char*>(digest.data()), size);
}

std::string to_hex(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(2 * bytes.size());
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

std::string sha256_hex(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned int size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1) return "";
  return to_hex(std::string_view(reinterpret_cast<const char*>(digest.data()), size));
}

struct Md5::Context {
  EVP_MD_CTX* digest = EVP_MD_CTX_new();
  bool good = digest && EVP_DigestInit_ex(digest, EVP_md5(), nullptr) == 1;
  ~Context() { EVP_MD_CTX_free(digest); }
};

Md5::Md5() : context_(std::make_unique<Context>()) {}
Md5::~Md5() = default;

void Md5::add(std::string_view bytes) {
  if (context_->good) context_->good = EVP_DigestUpdate(context_->digest, bytes.data(), bytes.size()) == 1;
}

std::string Md5::finish() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned int size = 0;
  if (!context_->good || EVP_DigestFinal_ex(context_->digest, digest.data(), &size) != 1) return "";
  context_->good = false;
  return base64_encode(std::string_view(reinterpret_cast<const char*>(digest.data()), size));
}

std::string md5_base64(std::string_view bytes) {
  Md5 md5;
  md5.add(bytes);
  return md5.finish();
}

}  // namespace spillway::storage
