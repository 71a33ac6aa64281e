// The bytes of files and of inline data, handed out in blocks of whole records to the threads that parse
// them.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace spillway::ingest {

/// A record, or a text file as a whole where that is one record, may be this large.
inline constexpr size_t kMaxRecordBytes = size_t{64} << 20;

/// One file, or inline data.
struct Input {
  std::string name;       // as users see it: the public path; empty for inline data
  std::string path;       // of the local file; empty for inline data
  std::string_view data;  // inline data
  bool gzip = false;
  int64_t size = 0;  // bytes, as it lies there

  /// "'https://…/a.csv': ", or "" for inline data.
  std::string prefix() const;
};

/// True where the file begins as gzip does.
Result<bool> has_gzip_magic(const std::string& path);

class ByteStream {
 public:
  virtual ~ByteStream() = default;
  /// Up to `size` bytes; 0 at the end. Decompressed. DataFormat where the compression is broken.
  virtual Result<size_t> read(char* target, size_t size) = 0;
};
Result<std::unique_ptr<ByteStream>> open_stream(const Input& input);

/// Finds where records end.
class RecordSplitter {
 public:
  virtual ~RecordSplitter() = default;
  /// The first of an input; before its first scan().
  virtual void begin() = 0;
  /// `text` begins with a record and goes on with every call until a record's end is found. The bytes of it
  /// that are whole records; 0 where there is no end yet. `last`: the input has no more, and all of it is to
  /// be taken.
  virtual Result<size_t> scan(std::string_view text, bool last) = 0;
};

/// Whole records of one input.
struct Block {
  const Input* input = nullptr;
  std::vector<char> buffer;
  std::string_view text;  // in the buffer
  int64_t offset = 0;     // of the text, in the decompressed input
  bool first = false;     // of its input
};

/// Hands out the blocks of all inputs, in order, to any number of threads. The inputs outlive it.
class BlockReader {
 public:
  BlockReader(const std::vector<Input>& inputs, std::unique_ptr<RecordSplitter> splitter)
      : inputs_(inputs), splitter_(std::move(splitter)) {}

  /// False at the end. Uses the block's buffer again. The text is valid UTF-8 and without a byte order mark.
  Result<bool> next(Block& block);
  /// Decompressed bytes read so far.
  int64_t bytes() const { return bytes_; }

 private:
  Result<bool> open_next();
  Status fill(Block& block);

  const std::vector<Input>& inputs_;
  const std::unique_ptr<RecordSplitter> splitter_;
  std::mutex mutex_;
  size_t next_input_ = 0;
  const Input* input_ = nullptr;
  std::unique_ptr<ByteStream> stream_;
  std::vector<char> rest_;  // read, but not handed out
  int64_t offset_ = 0;      // of rest_
  bool first_ = true;
  std::atomic<int64_t> bytes_{0};
};

/// The line, counted from 1, of a byte of the decompressed input; 0 where it can't be found.
int64_t line_of(const Input& input, int64_t offset);

/// The first byte that doesn't belong to valid UTF-8; npos where all do.
size_t find_invalid_utf8(std::string_view text);

}  // namespace spillway::ingest
