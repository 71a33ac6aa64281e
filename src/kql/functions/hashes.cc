// Hashes. hash() is xxHash64 of a value's bytes: of the text of a string, of the eight bytes of a number, a
// datetime's ticks or a timespan's, of the sixteen of a guid (query/hash-function.md).
#include <openssl/evp.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "kql/functions/builder.h"

namespace spillway::kql {
namespace {

using Text = std::string_view;

int64_t hash_bytes(const void* data, size_t size) {
  return static_cast<int64_t>(XXH64(data, size, 0));
}
int64_t hash_text(Text text) {
  return hash_bytes(text.data(), text.size());
}
int64_t hash_long(int64_t value) {
  return hash_bytes(&value, sizeof value);
}
int64_t hash_real(double value) {
  return hash_bytes(&value, sizeof value);
}
int64_t hash_guid(spillway::Guid value) {
  return hash_text(value.str());
}
int64_t hash_bool(bool value) {
  return hash_long(value ? 1 : 0);
}

/// Between 0 and modulus - 1.
std::optional<int64_t> reduce(int64_t hash, int64_t modulus) {
  if (modulus < 1) return std::nullopt;
  return static_cast<int64_t>(static_cast<uint64_t>(hash) % static_cast<uint64_t>(modulus));
}

int64_t combine(Rest hashes) {
  uint64_t seed = static_cast<uint64_t>(hashes.get<int64_t>(0));
  for (size_t i = 1; i < hashes.size(); ++i) {
    const auto next = static_cast<uint64_t>(hashes.get<int64_t>(i));
    seed ^= next + 0x9e3779b97f4a7c15ULL + (seed << 6) + (seed >> 2);
  }
  return static_cast<int64_t>(seed);
}

int64_t hash_texts(Rest texts) {
  uint64_t seed = static_cast<uint64_t>(hash_text(texts.text(0)));
  for (size_t i = 1; i < texts.size(); ++i) {
    const auto next = static_cast<uint64_t>(hash_text(texts.text(i)));
    seed ^= next + 0x9e3779b97f4a7c15ULL + (seed << 6) + (seed >> 2);
  }
  return static_cast<int64_t>(seed);
}

/// In hexadecimal digits.
void digest(std::string& out, Text text, const EVP_MD* algorithm) {
  static constexpr char kDigits[] = "0123456789abcdef";
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (EVP_Digest(text.data(), text.size(), bytes, &size, algorithm, nullptr) != 1) return;
  for (unsigned int i = 0; i < size; ++i) {
    out += kDigits[bytes[i] >> 4];
    out += kDigits[bytes[i] & 15];
  }
}
void md5(std::string& out, Text text) {
  digest(out, text, EVP_md5());
}
void sha1(std::string& out, Text text) {
  digest(out, text, EVP_sha1());
}
void sha256(std::string& out, Text text) {
  digest(out, text, EVP_sha256());
}

template <auto Hash, typename T>
std::optional<int64_t> hash_modulo(T value, int64_t modulus) {
  return reduce(Hash(value), modulus);
}

}  // namespace

void declare_hashes(FunctionTableBuilder& table) {
  using enum Type;
  table.category("hash");
  table.scalar("hash")
      .doc("xxHash64 of a value, or its remainder by a modulus.")
      .takes({Bool}, Long, native<&hash_bool>())
      .takes({Long}, Long, native<&hash_long>())
      .takes({Real}, Long, native<&hash_real>())
      .takes({DateTime}, Long, native<&hash_long>())
      .takes({TimeSpan}, Long, native<&hash_long>())
      .takes({Guid}, Long, native<&hash_guid>())
      .takes({as_string()}, Long, native<&hash_text>())
      .takes({Bool, Long}, Long, native<&hash_modulo<&hash_bool, bool>>())
      .takes({Long, Long}, Long, native<&hash_modulo<&hash_long, int64_t>>())
      .takes({Real, Long}, Long, native<&hash_modulo<&hash_real, double>>())
      .takes({DateTime, Long}, Long, native<&hash_modulo<&hash_long, int64_t>>())
      .takes({TimeSpan, Long}, Long, native<&hash_modulo<&hash_long, int64_t>>())
      .takes({Guid, Long}, Long, native<&hash_modulo<&hash_guid, spillway::Guid>>())
      .takes({as_string(), Long}, Long, native<&hash_modulo<&hash_text, Text>>());
  table.alias("hash_xxhash64", "hash");
  table.scalar("hash_combine")
      .doc("One hash of several.")
      .takes({Long}, Long, native<&combine>())
      .repeating(2);
  table.scalar("hash_many")
      .doc("One hash of several values.")
      .takes({as_string()}, Long, native<&hash_texts>())
      .repeating(2);
  table.scalar("hash_md5").doc("MD5, in hexadecimal digits.").takes({as_string()}, String, native<&md5>());
  table.scalar("hash_sha1")
      .doc("SHA-1, in hexadecimal digits.")
      .takes({as_string()}, String, native<&sha1>());
  table.scalar("hash_sha256")
      .doc("SHA-256, in hexadecimal digits.")
      .takes({as_string()}, String, native<&sha256>());
}

}  // namespace spillway::kql
