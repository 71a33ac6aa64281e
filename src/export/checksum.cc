#include <fcntl.h>
#include <unistd.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "export/staged_file.h"

namespace spillway::exports {
namespace {

constexpr size_t kBuffer = 1 << 20;

struct CloseFile {
  int file;
  ~CloseFile() { ::close(file); }
};

}  // namespace

Result<std::string> checksum_of(const std::string& path) {
  const auto failed = [&] {
    return Error(ErrorCode::StorageTransient, "'" + path + "' can't be read: " + std::strerror(errno));
  };
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return failed();
  const CloseFile close{file};
  const std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> state(XXH3_createState(),
                                                                              XXH3_freeState);
  if (!state) return Error(ErrorCode::LimitExceeded, "there is no memory for a checksum");
  XXH3_128bits_reset(state.get());
  std::vector<char> buffer(kBuffer);
  while (true) {
    const ssize_t read = ::read(file, buffer.data(), buffer.size());
    if (read < 0 && errno == EINTR) continue;
    if (read < 0) return failed();
    if (read == 0) break;
    XXH3_128bits_update(state.get(), buffer.data(), static_cast<size_t>(read));
  }
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(state.get()));
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : canonical.digest) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

}  // namespace spillway::exports
