#include "export/text_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <unordered_map>

#include "export/gzip.h"
#include "export/row_block.h"
#include "export/text_format.h"
#include "export/work_of.h"

namespace spillway::exports {
namespace {

constexpr size_t kLargestBlock = 1 << 20;
constexpr size_t kSmallestBlock = 4 * 1024;
/// A block is that much smaller than an artifact's size limit, so that artifacts come near it.
constexpr size_t kBlocksPerFile = 8;
/// Of all blocks that are being filled.
constexpr size_t kFillingMemory = 256 << 20;
constexpr size_t kBlocksPerThread = 3;
constexpr size_t kMostPartitions = 100'000;
/// Rows that are copied between two looks at a block's size.
constexpr size_t kSliceRows = 512;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

/// A text on its way into a file.
struct Output {
  std::string compressed;  // where artifacts are compressed
  TextBuffer text;         // where they aren't
  int64_t text_bytes = 0;
  int64_t rows = 0;
  std::string_view bytes() const { return compressed.empty() ? text.view() : std::string_view(compressed); }
};

Status append_to_file(const std::string& path, std::string_view bytes) {
  const auto failed = [] {
    return Status(ErrorCode::StorageTransient,
                  std::string("a staging file can't be written: ") + std::strerror(errno));
  };
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (file < 0) return failed();
  while (!bytes.empty()) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      Status status = failed();
      ::close(file);
      return status;
    }
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return ::close(file) == 0 ? Status() : failed();
}

Error out_of_memory() {
  return Error(ErrorCode::LimitExceeded, "there is no memory to write artifacts");
}

/// What all files of one export share.
struct Layout {
  int64_t size_limit = 0;
  bool compress = false;
  enum class Headers { None, First, All } headers = Headers::None;
  Output with_header, without_header;  // what stands before a file's first record
};

Status finish_output(bool compress, Output& output) {
  output.text_bytes = static_cast<int64_t>(output.text.size());
  if (!compress || output.text_bytes == 0) return {};
  SPILLWAY_ASSIGN(output.compressed, gzip_member(output.text.view()));
  output.text = TextBuffer();
  return {};
}

Result<Layout> make_layout(const Settings& settings, const TextFormat& format) {
  Layout layout;
  layout.size_limit = settings.size_limit;
  layout.compress = settings.compression == "gzip";
  if (settings.include_headers == "all") layout.headers = Layout::Headers::All;
  if (settings.include_headers == "firstfile") layout.headers = Layout::Headers::First;
  const std::string_view mark = settings.encoding == "utf8bom" ? kByteOrderMark : std::string_view();
  layout.with_header.text.append(mark);
  layout.with_header.text.append(format.header());
  layout.without_header.text.append(mark);
  SPILLWAY_TRY(finish_output(layout.compress, layout.with_header));
  SPILLWAY_TRY(finish_output(layout.compress, layout.without_header));
  return layout;
}

/// The files that one writer makes of a partition. Its blocks come from any thread in any order, and are
/// appended in theirs.
class PartitionFiles {
 public:
  /// `first`: the partition's first file is among them.
  PartitionFiles(std::string folder, std::string base, bool first)
      : folder_(std::move(folder)), base_(std::move(base)), first_(first) {}

  /// How many blocks, this one and others that waited for it, were appended.
  Result<size_t> deliver(uint64_t number, Output output, const Layout& layout) {
    const std::lock_guard lock(mutex_);
    waiting_.emplace(number, std::move(output));
    size_t appended = 0;
    for (auto next = waiting_.begin(); next != waiting_.end() && next->first == next_block_;) {
      SPILLWAY_TRY(append(next->second, layout));
      next = waiting_.erase(next);
      ++next_block_;
      ++appended;
    }
    return appended;
  }

  std::vector<StagedFile> take() { return std::move(files_); }

 private:
  Status append(const Output& output, const Layout& layout) {
    if (files_.empty() || text_bytes_ + output.text_bytes > layout.size_limit) {
      using Headers = Layout::Headers;
      const bool header =
          layout.headers == Headers::All || (layout.headers == Headers::First && first_ && files_.empty());
      files_.push_back({base_ + "-" + std::to_string(files_.size() + 1), folder_, 0, 0});
      text_bytes_ = 0;
      SPILLWAY_TRY(append_bytes(header ? layout.with_header : layout.without_header));
    }
    return append_bytes(output);
  }

  Status append_bytes(const Output& output) {
    StagedFile& file = files_.back();
    file.rows += output.rows;
    file.bytes += static_cast<int64_t>(output.bytes().size());
    text_bytes_ += output.text_bytes;
    return output.bytes().empty() ? Status() : append_to_file(file.path, output.bytes());
  }

  const std::string folder_, base_;
  const bool first_;
  std::mutex mutex_;
  std::map<uint64_t, Output> waiting_;
  uint64_t next_block_ = 0;
  int64_t text_bytes_ = 0;  // of the last file, before compression
  std::vector<StagedFile> files_;
};

struct Partition {
  Partition(const std::string& folder, const std::string& base, size_t count) {
    for (size_t i = 0; i < count; ++i)
      writers.push_back(std::make_unique<PartitionFiles>(folder, base + "-" + std::to_string(i + 1), i == 0));
  }
  std::vector<std::unique_ptr<PartitionFiles>> writers;
  std::unique_ptr<RowBlock> filling;
  size_t filling_bytes = 0;
  uint64_t blocks = 0;             // posted: the writers take them in turn
  std::vector<uint32_t> selected;  // its rows of the slice at hand
};

/// Formats and compresses blocks on the pool's threads.
class Formatter {
 public:
  /// `work` may be null.
  Formatter(const TextFormat& format, const Layout& layout, TaskPool& pool, const engine::CancelToken* work)
      : format_(format),
        layout_(layout),
        pool_(pool),
        work_(work),
        most_(pool.threads() * kBlocksPerThread) {}

  /// Waits while too many blocks are under way. The error of an earlier block, where one failed.
  Status post(Partition& partition) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return under_way_ < most_ || failure_; });
      if (failure_) return *failure_;
      ++under_way_;
      ++running_;
    }
    const std::shared_ptr<RowBlock> rows = std::move(partition.filling);
    partition.filling_bytes = 0;
    const uint64_t block = partition.blocks++;
    PartitionFiles* const files = partition.writers[block % partition.writers.size()].get();
    const uint64_t number = block / partition.writers.size();
    pool_.post([this, files, rows, number] { format(*files, *rows, number); });
    return {};
  }

  /// Until nothing runs any more.
  Status wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return running_ == 0; });
    return failure_ ? Status(*failure_) : Status();
  }

 private:
  void format(PartitionFiles& files, const RowBlock& rows, uint64_t number) {
    Result<size_t> appended = failed() ? Result<size_t>(0) : format_block(files, rows, number);
    const std::lock_guard lock(mutex_);
    if (appended.ok()) {
      under_way_ -= *appended;
    } else if (!failure_) {
      failure_ = appended.error();
    }
    --running_;
    changed_.notify_all();
  }

  Result<size_t> format_block(PartitionFiles& files, const RowBlock& rows, uint64_t number) try {
    const WorkOf timer(work_);
    Output output;
    format_.append_rows(rows, output.text);
    output.rows = static_cast<int64_t>(rows.rows());
    SPILLWAY_TRY(finish_output(layout_.compress, output));
    return files.deliver(number, std::move(output), layout_);
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  }

  bool failed() {
    const std::lock_guard lock(mutex_);
    return failure_.has_value();
  }

  const TextFormat& format_;
  const Layout& layout_;
  TaskPool& pool_;
  const engine::CancelToken* const work_;
  const size_t most_;
  std::mutex mutex_;
  std::condition_variable changed_;
  size_t under_way_ = 0;  // blocks that aren't in their files yet
  size_t running_ = 0;    // tasks that may still touch this object
  std::optional<Error> failure_;
};

/// Finds each row's partition, and fills the partitions' blocks.
class Router {
 public:
  Router(const TextTarget& target, const Schema& schema, Formatter& formatter)
      : target_(target),
        formatter_(formatter),
        block_bytes_(std::clamp(static_cast<size_t>(target.settings.size_limit) / kBlocksPerFile,
                                kSmallestBlock, kLargestBlock)) {
    for (size_t i = 0; i < target.columns; ++i) types_.push_back(schema[i].type);
  }

  Status take(const engine::Batch& batch) {
    for (size_t begin = 0; begin < batch.rows; begin += kSliceRows) {
      const size_t end = std::min(begin + kSliceRows, batch.rows);
      SPILLWAY_TRY(batch.columns.size() == target_.columns ? take_all(batch, begin, end)
                                                           : route(batch, begin, end));
    }
    return {};
  }

  Status flush() {
    for (const auto& partition : partitions_) {
      if (partition->filling) SPILLWAY_TRY(formatter_.post(*partition));
    }
    filling_memory_ = 0;
    return {};
  }

  std::vector<StagedFile> take_files() {
    std::vector<StagedFile> files;
    for (const auto& partition : partitions_) {
      for (const auto& writer : partition->writers) {
        for (StagedFile& file : writer->take()) files.push_back(std::move(file));
      }
    }
    return files;
  }

 private:
  Status take_all(const engine::Batch& batch, size_t begin, size_t end) {
    if (partitions_.empty()) SPILLWAY_TRY(add_partition("").status());
    Partition& partition = *partitions_[0];
    block_of(partition).append(batch, begin, end);
    return filled(partition);
  }

  Status route(const engine::Batch& batch, size_t begin, size_t end) {
    touched_.clear();
    for (size_t row = begin; row < end; ++row) {
      SPILLWAY_ASSIGN(Partition* const partition, partition_of(batch, row));
      if (partition->selected.empty()) touched_.push_back(partition);
      partition->selected.push_back(static_cast<uint32_t>(row));
    }
    for (Partition* partition : touched_) {
      block_of(*partition).append(batch, partition->selected);
      partition->selected.clear();
      SPILLWAY_TRY(filled(*partition));
    }
    return filling_memory_ > kFillingMemory ? flush() : Status();
  }

  RowBlock& block_of(Partition& partition) {
    if (!partition.filling) partition.filling = std::make_unique<RowBlock>(types_);
    return *partition.filling;
  }

  /// Posts the block where it is full.
  Status filled(Partition& partition) {
    const size_t bytes = partition.filling->memory();
    filling_memory_ += bytes - partition.filling_bytes;
    partition.filling_bytes = bytes;
    if (bytes < block_bytes_) return {};
    filling_memory_ -= bytes;
    return formatter_.post(partition);
  }

  Result<Partition*> partition_of(const engine::Batch& batch, size_t row) {
    key_.clear();
    for (size_t c = target_.columns; c < batch.columns.size(); ++c) append_key(batch.columns[c], row);
    if (last_ && key_ == last_key_) return last_;
    auto found = by_key_.find(key_);
    if (found == by_key_.end()) {
      if (by_key_.size() >= kMostPartitions) {
        return Error(ErrorCode::LimitExceeded,
                     "the records lie in more than " + std::to_string(kMostPartitions) +
                         " partitions of external table '" + target_.settings.external_table +
                         "': export fewer at once");
      }
      SPILLWAY_ASSIGN(Partition* const partition, open_partition(batch, row));
      found = by_key_.emplace(key_, partition).first;
    }
    last_ = found->second;
    last_key_ = key_;
    return last_;
  }

  void append_key(const VectorView& column, size_t row) {
    const bool null = column.is_null(row);
    key_ += null ? '0' : '1';
    if (null) return;
    if (column.type() == Type::String) {
      const std::string_view text = column.text(row);
      const uint64_t length = text.size();
      key_.append(reinterpret_cast<const char*>(&length), sizeof(length));
      key_ += text;
    } else {
      const int64_t value = column.integer(row);
      key_.append(reinterpret_cast<const char*>(&value), sizeof(value));
    }
  }

  Result<Partition*> open_partition(const engine::Batch& batch, size_t row) {
    std::vector<Value> values;
    for (size_t c = target_.columns; c < batch.columns.size(); ++c)
      values.push_back(batch.columns[c].value(row));
    SPILLWAY_ASSIGN(const std::string folder, partition_path(target_.settings, values));
    return add_partition(folder);
  }

  /// Values that give the same folder share one partition.
  Result<Partition*> add_partition(const std::string& folder) {
    const auto [found, added] = by_folder_.try_emplace(folder, nullptr);
    if (added) {
      partitions_.push_back(
          std::make_unique<Partition>(folder, target_.folder + "/" + std::to_string(partitions_.size() + 1),
                                      std::max<size_t>(target_.writers, 1)));
      found->second = partitions_.back().get();
    }
    return found->second;
  }

  const TextTarget& target_;
  Formatter& formatter_;
  const size_t block_bytes_;
  std::vector<Type> types_;
  std::vector<std::unique_ptr<Partition>> partitions_;  // in the order in which they came up
  std::unordered_map<std::string, Partition*> by_key_, by_folder_;
  std::string key_, last_key_;
  Partition* last_ = nullptr;
  std::vector<Partition*> touched_;
  size_t filling_memory_ = 0;
};

Status route_all(engine::ResultStream& stream, Router& router, const engine::CancelToken* cancel) try {
  while (true) {
    if (cancel && cancel->cancelled()) return cancel->error("the export");
    SPILLWAY_ASSIGN(const engine::Batch* const batch, stream.next());
    if (!batch) return router.flush();
    SPILLWAY_TRY(router.take(*batch));
  }
} catch (const std::bad_alloc&) {
  return out_of_memory();
}

}  // namespace

Result<std::vector<StagedFile>> write_text(engine::ResultStream& stream, const TextTarget& target,
                                           TaskPool& pool, const engine::CancelToken* cancel) {
  const Schema& schema = stream.schema();
  const TextFormat format(target.settings.format,
                          Schema(schema.begin(), schema.begin() + static_cast<ptrdiff_t>(target.columns)));
  SPILLWAY_ASSIGN(const Layout layout, make_layout(target.settings, format));
  Formatter formatter(format, layout, pool, cancel);
  Router router(target, schema, formatter);
  const Status routed = route_all(stream, router, cancel);
  const Status formatted = formatter.wait();  // its tasks use the router's partitions
  SPILLWAY_TRY(formatted);
  SPILLWAY_TRY(routed);
  return router.take_files();
}

}  // namespace spillway::exports
