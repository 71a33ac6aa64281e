#include "export/gzip.h"

#include <libdeflate.h>

#include <memory>

namespace spillway::exports {
namespace {

/// Of 1 (fast) to 12 (small): above it, text gets hardly smaller and much slower.
constexpr int kLevel = 4;

struct CompressorDeleter {
  void operator()(libdeflate_compressor* compressor) const { libdeflate_free_compressor(compressor); }
};

}  // namespace

Result<std::string> gzip_member(std::string_view text) {
  thread_local const std::unique_ptr<libdeflate_compressor, CompressorDeleter> compressor(
      libdeflate_alloc_compressor(kLevel));
  if (!compressor) return Error(ErrorCode::LimitExceeded, "there is no memory to compress an artifact");
  std::string out(libdeflate_gzip_compress_bound(compressor.get(), text.size()), '\0');
  const size_t size =
      libdeflate_gzip_compress(compressor.get(), text.data(), text.size(), out.data(), out.size());
  if (size == 0) return Error(ErrorCode::Internal, "a block of text couldn't be compressed");
  out.resize(size);
  return out;
}

}  // namespace spillway::exports
