// Texts compressed with gzip or zlib, in base64 (ISA-L).
#include <isa-l/igzip_lib.h>

#include <algorithm>

#include "base/utf8.h"
#include "kql/functions/base64.h"
#include "kql/functions/builder.h"

namespace spillway::kql {
namespace {

using Text = std::string_view;

constexpr size_t kMostBytes = 64 << 20;  // of a text to compress, or one that was
constexpr size_t kGzipHeader = 10;

uint8_t* bytes_of(Text text) {
  return reinterpret_cast<uint8_t*>(const_cast<char*>(text.data()));  // ISA-L doesn't write to its input
}

bool compress(std::string& out, Text text, uint16_t format) {
  if (text.size() > kMostBytes) return false;
  std::string bytes(text.size() + text.size() / 8 + 1024, '\0');
  isal_zstream stream;
  isal_deflate_stateless_init(&stream);
  stream.next_in = bytes_of(text);
  stream.avail_in = static_cast<uint32_t>(text.size());
  stream.next_out = reinterpret_cast<uint8_t*>(bytes.data());
  stream.avail_out = static_cast<uint32_t>(bytes.size());
  stream.end_of_stream = 1;
  stream.gzip_flag = format;
  if (isal_deflate_stateless(&stream) != COMP_OK) return false;
  encode_base64(out, Text(bytes).substr(0, stream.total_out));
  return true;
}
bool gzip(std::string& out, Text text) {
  return compress(out, text, IGZIP_GZIP);
}
bool zlib(std::string& out, Text text) {
  return compress(out, text, IGZIP_ZLIB);
}

/// False where the bytes aren't of that format, are cut off, or don't fit their checksum.
bool inflate(std::string& out, Text bytes, uint32_t format) {
  constexpr size_t kStep = 64 << 10;
  inflate_state state;
  isal_inflate_init(&state);
  state.crc_flag = format;
  state.next_in = bytes_of(bytes);
  state.avail_in = static_cast<uint32_t>(bytes.size());
  while (state.block_state != ISAL_BLOCK_FINISH) {
    const size_t size = out.size();
    const size_t room = std::min(std::max(kStep, size), kMostBytes - std::min(size, kMostBytes));
    if (room == 0) return false;
    out.resize(size + room);
    state.next_out = reinterpret_cast<uint8_t*>(out.data()) + size;
    state.avail_out = static_cast<uint32_t>(room);
    const int result = isal_inflate(&state);
    out.resize(size + room - state.avail_out);
    if (result != ISAL_DECOMP_OK) return false;
    if (state.avail_out > 0 && state.block_state != ISAL_BLOCK_FINISH) return false;  // cut off
  }
  return true;
}

bool decompress(std::string& out, Text text, uint32_t format) {
  std::string bytes;
  if (text.size() > kMostBytes || !decode_base64(bytes, text)) return false;
  return inflate(out, bytes, format) && utf8::is_valid(out);
}
/// Headers with optional fields are not supported (query/gzip-base64-decompress.md).
bool gunzip(std::string& out, Text text) {
  std::string header;
  constexpr size_t kEncodedHeader = (kGzipHeader + 2) / 3 * 4;
  if (!decode_base64(header, text.substr(0, kEncodedHeader)) || header.size() < kGzipHeader ||
      header[3] != 0) {
    return false;
  }
  return decompress(out, text, ISAL_GZIP);
}
bool unzlib(std::string& out, Text text) {
  return decompress(out, text, ISAL_ZLIB);
}

}  // namespace

void declare_compression(FunctionTableBuilder& table) {
  using enum Type;
  table.category("compression");
  table.scalar("gzip_compress_to_base64_string")
      .doc("Compressed with gzip, in base64.")
      .takes({as_string()}, String, native<&gzip>());
  table.scalar("gzip_decompress_from_base64_string")
      .doc("The text that base64 holds compressed with gzip; empty where it doesn't.")
      .takes({as_string()}, String, native<&gunzip>());
  table.scalar("zlib_compress_to_base64_string")
      .doc("Compressed with zlib, in base64.")
      .takes({as_string()}, String, native<&zlib>());
  table.scalar("zlib_decompress_from_base64_string")
      .doc("The text that base64 holds compressed with zlib; empty where it doesn't.")
      .takes({as_string()}, String, native<&unzlib>());
}

}  // namespace spillway::kql
