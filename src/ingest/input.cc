#include "ingest/input.h"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "storage/files.h"

namespace spillway::ingest {
namespace {

constexpr size_t kBlockBytes = size_t{1} << 20;
constexpr size_t kCompressedBytes = size_t{256} << 10;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

class FileStream : public ByteStream {
 public:
  FileStream(storage::File file, const std::string& path) : file_(std::move(file)), path_(path) {}

  Result<size_t> read(char* target, size_t size) override {
    while (true) {
      const ssize_t count = ::read(file_.descriptor(), target, size);
      if (count >= 0) return static_cast<size_t>(count);
      if (errno != EINTR) return storage::errno_error(errno, "read", path_);
    }
  }

 private:
  storage::File file_;
  const std::string path_;
};

class MemoryStream : public ByteStream {
 public:
  explicit MemoryStream(std::string_view data) : data_(data) {}
  Result<size_t> read(char* target, size_t size) override {
    const size_t count = std::min(size, data_.size());
    std::memcpy(target, data_.data(), count);
    data_.remove_prefix(count);
    return count;
  }

 private:
  std::string_view data_;
};

/// Decompresses one or more gzip members.
class GzipStream : public ByteStream {
 public:
  GzipStream(std::unique_ptr<ByteStream> source, std::string prefix)
      : source_(std::move(source)), prefix_(std::move(prefix)), buffer_(kCompressedBytes) {}
  GzipStream(const GzipStream&) = delete;
  GzipStream& operator=(const GzipStream&) = delete;
  ~GzipStream() override {
    if (open_) inflateEnd(&state_);
  }

  Result<size_t> read(char* target, size_t size) override {
    state_.next_out = reinterpret_cast<Bytef*>(target);
    state_.avail_out = static_cast<uInt>(size);
    while (state_.avail_out == size) {
      if (state_.avail_in == 0) SPILLWAY_TRY(refill());
      if (state_.avail_in == 0) {
        if (in_member_) return broken("it ends in the middle");
        return 0;
      }
      SPILLWAY_TRY(inflate_some());
    }
    return size - state_.avail_out;
  }

 private:
  Error broken(const std::string& why) const {
    return Error(ErrorCode::DataFormat, prefix_ + "the gzip compression is broken: " + why);
  }

  Status refill() {
    SPILLWAY_ASSIGN(const size_t count, source_->read(buffer_.data(), buffer_.size()));
    state_.next_in = reinterpret_cast<Bytef*>(buffer_.data());
    state_.avail_in = static_cast<uInt>(count);
    return Status();
  }

  Status inflate_some() {
    constexpr int kGzipWindow = 15 + 16;  // the largest window, in gzip's framing
    if (!in_member_) {
      const int begun = open_ ? inflateReset(&state_) : inflateInit2(&state_, kGzipWindow);
      if (begun != Z_OK) return Error(ErrorCode::LimitExceeded, "there is no memory to decompress a file");
      open_ = in_member_ = true;
    }
    const int result = inflate(&state_, Z_NO_FLUSH);
    if (result == Z_STREAM_END) {
      in_member_ = false;
    } else if (result != Z_OK && result != Z_BUF_ERROR) {
      return broken(state_.msg ? state_.msg : "it isn't gzip");
    }
    return Status();
  }

  const std::unique_ptr<ByteStream> source_;
  const std::string prefix_;
  std::vector<char> buffer_;
  z_stream state_{};
  bool open_ = false, in_member_ = false;
};

/// The length of a valid sequence that begins at `at` with a byte above 0x7F; 0 where there is none.
size_t sequence_length(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const auto follows = [&](size_t i) { return (byte(i) & 0xC0) == 0x80; };
  const unsigned first = byte(at), second = byte(at + 1);
  if (first >= 0xC2 && first <= 0xDF) return follows(at + 1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const bool overlong = first == 0xE0 && second < 0xA0, surrogate = first == 0xED && second > 0x9F;
    return follows(at + 1) && follows(at + 2) && !overlong && !surrogate ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const bool overlong = first == 0xF0 && second < 0x90, beyond = first == 0xF4 && second > 0x8F;
    return follows(at + 1) && follows(at + 2) && follows(at + 3) && !overlong && !beyond ? 4 : 0;
  }
  return 0;
}

}  // namespace

std::string Input::prefix() const {
  return name.empty() ? std::string() : "'" + name + "': ";
}

size_t find_invalid_utf8(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    uint64_t word = 0;
    if (at + sizeof(word) <= text.size()) {
      std::memcpy(&word, text.data() + at, sizeof(word));
      if ((word & 0x8080808080808080U) == 0) {
        at += sizeof(word);
        continue;
      }
    }
    if (static_cast<unsigned char>(text[at]) < 0x80) {
      ++at;
      continue;
    }
    const size_t length = sequence_length(text, at);
    if (length == 0) return at;
    at += length;
  }
  return std::string_view::npos;
}

Result<bool> has_gzip_magic(const std::string& path) {
  SPILLWAY_ASSIGN(const storage::File file, storage::open_file(path, O_RDONLY));
  std::array<unsigned char, 2> magic{};
  const ssize_t count = pread(file.descriptor(), magic.data(), magic.size(), 0);
  if (count < 0) return storage::errno_error(errno, "read", path);
  return count == 2 && magic[0] == 0x1F && magic[1] == 0x8B;
}

Result<std::unique_ptr<ByteStream>> open_stream(const Input& input) {
  std::unique_ptr<ByteStream> stream;
  if (input.path.empty()) {
    stream = std::make_unique<MemoryStream>(input.data);
  } else {
    SPILLWAY_ASSIGN(storage::File file, storage::open_file(input.path, O_RDONLY));
    stream = std::make_unique<FileStream>(std::move(file), input.path);
  }
  if (input.gzip) stream = std::make_unique<GzipStream>(std::move(stream), input.prefix());
  return stream;
}

Result<bool> BlockReader::next(Block& block) {
  {
    const std::lock_guard lock(mutex_);
    while (true) {
      if (!stream_) {
        SPILLWAY_ASSIGN(const bool opened, open_next());
        if (!opened) return false;
      }
      SPILLWAY_TRY(fill(block));
      if (!block.text.empty()) break;
      stream_.reset();
    }
  }
  const size_t invalid = find_invalid_utf8(block.text);
  if (invalid == std::string_view::npos) return true;
  return Error(ErrorCode::DataFormat,
               block.input->prefix() + "line " +
                   std::to_string(line_of(*block.input, block.offset + static_cast<int64_t>(invalid))) +
                   " isn't valid UTF-8");
}

Result<bool> BlockReader::open_next() {
  if (next_input_ == inputs_.size()) return false;
  input_ = &inputs_[next_input_++];
  SPILLWAY_ASSIGN(stream_, open_stream(*input_));
  splitter_->begin();
  rest_.clear();
  offset_ = 0;
  first_ = true;
  return true;
}

/// Fills in the next whole records of the current input; an empty text at its end.
Status BlockReader::fill(Block& block) {
  std::vector<char>& buffer = block.buffer;
  buffer.swap(rest_);
  rest_.clear();
  block.input = input_;
  block.first = first_;
  block.offset = offset_;
  size_t size = buffer.size(), records = 0;
  bool last = false;
  while (records == 0 && !last) {
    if (size > kMaxRecordBytes) {
      return Error(ErrorCode::DataFormat, input_->prefix() + "the record at line " +
                                              std::to_string(line_of(*input_, offset_)) + " is larger than " +
                                              std::to_string(kMaxRecordBytes) + " bytes");
    }
    const size_t wanted = std::max(kBlockBytes, size * 2);
    buffer.resize(wanted);
    while (size < wanted && !last) {
      SPILLWAY_ASSIGN(const size_t count, stream_->read(buffer.data() + size, wanted - size));
      last = count == 0;
      size += count;
      bytes_ += static_cast<int64_t>(count);
    }
    std::string_view text(buffer.data(), size);
    const size_t mark = first_ && text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0;
    const Result<size_t> scanned = splitter_->scan(text.substr(mark), last);
    if (!scanned.ok()) return Error(scanned.error().code, input_->prefix() + scanned.error().message);
    records = *scanned == 0 ? 0 : *scanned + mark;
  }
  rest_.assign(buffer.begin() + static_cast<std::ptrdiff_t>(records),
               buffer.begin() + static_cast<std::ptrdiff_t>(size));
  block.text = std::string_view(buffer.data(), records);
  if (first_ && block.text.starts_with(kByteOrderMark)) {
    block.text.remove_prefix(kByteOrderMark.size());
    block.offset += static_cast<int64_t>(kByteOrderMark.size());
  }
  offset_ += static_cast<int64_t>(records);
  first_ = first_ && records == 0;
  return Status();
}

int64_t line_of(const Input& input, int64_t offset) {
  Result<std::unique_ptr<ByteStream>> stream = open_stream(input);
  if (!stream.ok()) return 0;
  std::vector<char> buffer(kBlockBytes);
  int64_t line = 1;
  while (offset > 0) {
    const size_t wanted = std::min(buffer.size(), static_cast<size_t>(offset));
    const Result<size_t> count = (*stream)->read(buffer.data(), wanted);
    if (!count.ok() || *count == 0) return 0;
    line += std::count(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(*count), '\n');
    offset -= static_cast<int64_t>(*count);
  }
  return line;
}

}  // namespace spillway::ingest
