#include "server/compression.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

namespace spillway::server {
namespace {

constexpr int kLevel = 1;
constexpr int kWindowBits = 15;
constexpr int kGzip = 16;          // added to the window bits: a gzip header and trailer
constexpr int kDetectFormat = 32;  // … of a reader: gzip or zlib, whichever it is
constexpr int kMemoryLevel = 8;
constexpr size_t kPiece = 64 * 1024;

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
  });
}

/// The weight of ";q=0.5" among the parameters; 1 where there is none.
double weight(std::string_view parameters) {
  const size_t at = parameters.find("q=");
  if (at == std::string_view::npos) return 1;
  double value = 0;
  std::from_chars(parameters.data() + at + 2, parameters.data() + parameters.size(), value);
  return value;
}

}  // namespace

ContentCoding accepted_coding(std::string_view header) {
  bool gzip = false, deflate = false, identity_only = false;
  while (!header.empty()) {
    const size_t comma = std::min(header.find(','), header.size());
    const std::string_view item = trim(header.substr(0, comma));
    header.remove_prefix(std::min(comma + 1, header.size()));
    const size_t semicolon = std::min(item.find(';'), item.size());
    const std::string_view name = trim(item.substr(0, semicolon));
    if (weight(item.substr(semicolon)) <= 0) {
      if (equals_ignoring_case(name, "gzip")) identity_only = true;
      continue;
    }
    gzip = gzip || equals_ignoring_case(name, "gzip") || name == "*";
    deflate = deflate || equals_ignoring_case(name, "deflate");
  }
  if (gzip && !identity_only) return ContentCoding::Gzip;
  return deflate ? ContentCoding::Deflate : ContentCoding::Identity;
}

const char* name_of(ContentCoding coding) {
  switch (coding) {
    case ContentCoding::Gzip: return "gzip";
    case ContentCoding::Deflate: return "deflate";
    case ContentCoding::Identity: break;
  }
  return "identity";
}

struct Compressor::State {
  z_stream stream{};
  bool ready = false;
};

Compressor::Compressor(ContentCoding coding) : state_(std::make_unique<State>()) {
  const int bits = coding == ContentCoding::Gzip ? kWindowBits + kGzip : kWindowBits;
  state_->ready =
      deflateInit2(&state_->stream, kLevel, Z_DEFLATED, bits, kMemoryLevel, Z_DEFAULT_STRATEGY) == Z_OK;
  if (!state_->ready) throw std::bad_alloc();
}

Compressor::~Compressor() {
  if (state_->ready) deflateEnd(&state_->stream);
}

void Compressor::add(std::string_view piece, bool last, std::string& out) {
  z_stream& stream = state_->stream;
  std::array<char, kPiece> buffer;
  while (true) {
    const size_t taken = std::min(piece.size(), kPiece);
    const bool final_piece = taken == piece.size();
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(piece.data()));
    stream.avail_in = static_cast<uInt>(taken);
    piece.remove_prefix(taken);
    do {
      stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
      stream.avail_out = static_cast<uInt>(buffer.size());
      deflate(&stream, last && final_piece ? Z_FINISH : Z_NO_FLUSH);
      out.append(buffer.data(), buffer.size() - stream.avail_out);
    } while (stream.avail_out == 0);
    if (final_piece) return;
  }
}

Result<std::string> decompress(std::string_view body, size_t limit) {
  z_stream stream{};
  if (inflateInit2(&stream, kWindowBits + kDetectFormat) != Z_OK) {
    return Error{ErrorCode::Internal, "zlib could not be initialized"};
  }
  const std::unique_ptr<z_stream, void (*)(z_stream*)> guard(&stream, [](z_stream* s) { inflateEnd(s); });
  std::string out;
  std::array<char, kPiece> buffer;
  int code = Z_OK;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data()));
  stream.avail_in = static_cast<uInt>(std::min(body.size(), size_t{UINT32_MAX}));
  while (code == Z_OK) {
    stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
    stream.avail_out = static_cast<uInt>(buffer.size());
    code = inflate(&stream, Z_NO_FLUSH);
    out.append(buffer.data(), buffer.size() - stream.avail_out);
    if (out.size() > limit) {
      return Error{ErrorCode::LimitExceeded,
                   "the request's body is larger than " + std::to_string(limit) + " bytes once decompressed"};
    }
  }
  if (code != Z_STREAM_END)
    return Error{ErrorCode::BadRequest, "the request's body is not valid gzip or deflate"};
  return out;
}

}  // namespace spillway::server
